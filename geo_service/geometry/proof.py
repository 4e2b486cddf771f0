"""Proof that faces which an edit changed are still sound, in terms of their directed edges alone.

Why that is enough for the tiling to be one is said in :mod:`geo_service.geometry.workspace`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

import numpy as np
import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.rings import Edge, Part, Vertex, one_shape, parts_of, rings_of

Shape: TypeAlias = shapely.Polygon | shapely.MultiPolygon
_CROSS = Words("borders would cross", "边界会相互交叉")


def sound_shape(edges: Collection[Edge]) -> tuple[list[Part], Shape]:
    """Return the parts of a leaf, and its shape in degrees.

    Raises
    ------
    InvalidInputError
        A part is no valid polygon, or a hole lies in none.
    """
    parts, loose = parts_of(rings_of(edges))
    if loose:
        raise refusal(Words("a cell would be turned inside out", "网格的边界会翻转"), loose[0][0])
    shapes = [part.polygon() for part in parts]
    for shape in shapes:
        _refuse_invalid(shape)
    return parts, one_shape(shapes)


def refuse_overlaps(changed: Mapping[int, Shape], near: Mapping[int, Shape]) -> None:
    """Raise if a leaf that changed covers land of another one.

    Parameters
    ----------
    changed, near : mapping of int to shape
        Leaves by number, as they are now; all that may be met are in ``near``, those that changed among them.
    """
    own, other = list(changed), list(near)
    mine = np.array(list(changed.values()), dtype=object)
    theirs = np.array(list(near.values()), dtype=object)
    for k, j in shapely.STRtree(theirs).query(mine).T.tolist():
        if own[k] != other[j] and shapely.relate_pattern(mine[k], theirs[j], "T********"):
            place = shapely.point_on_surface(shapely.intersection(mine[k], theirs[j]))
            raise _refused(_CROSS, (place.x, place.y))


def refuse_junctions(new: Iterable[Edge], faces: Iterable[Collection[Edge]]) -> None:
    """Raise if a corner would lie inside an edge: the two must meet at a corner of both.

    Parameters
    ----------
    new : iterable of edges
        Those that were not there before, in either direction.
    faces : iterable of collections of directed edges
        The faces beside them, as they are now.
    """
    new = list(new)
    if not new:
        return
    corners = {vertex for edge in new for vertex in edge}
    west, east = min(x for x, _ in corners), max(x for x, _ in corners)
    south, north = min(y for _, y in corners), max(y for _, y in corners)
    near = [
        ((ax, ay), (bx, by))
        for edges in faces
        for (ax, ay), (bx, by) in edges
        if (ax <= east or bx <= east)
        and (ax >= west or bx >= west)
        and (ay <= north or by <= north)
        and (ay >= south or by >= south)
    ]
    _refuse_inside({a for a, _ in near}, new)
    _refuse_inside(corners, near)


def _refuse_inside(corners: Iterable[Vertex], edges: Iterable[Edge]) -> None:
    ordered = sorted(corners)
    columns = [x for x, _ in ordered]
    for (ax, ay), (bx, by) in edges:
        for x, y in ordered[bisect_left(columns, min(ax, bx)) : bisect_right(columns, max(ax, bx))]:
            if (
                (ay <= y <= by or by <= y <= ay)
                and (bx - ax) * (y - ay) == (by - ay) * (x - ax)
                and (x, y) != (ax, ay)
                and (x, y) != (bx, by)
            ):
                message = Words(
                    "a corner would lie on another border; put it onto a corner there, or apart from it",
                    "界点会落在另一条边界上：请放到那条边界的界点上，或离开它",
                )
                raise refusal(message, (x, y))


def _refuse_invalid(polygon: shapely.Polygon) -> None:
    if polygon.is_valid:
        return
    reason = shapely.is_valid_reason(polygon)  # "Self-intersection[119.2 29.1]"
    x, y = reason[reason.rfind("[") + 1 : reason.rfind("]")].split()
    place = (float(x), float(y))
    raise _refused(_CROSS, place)


def refusal(message: str, at: Vertex) -> InvalidInputError:
    """Return the error of an edit that would break the tiling; the caller raises it."""
    lon, lat = lattice.to_degrees(at).tolist()
    return _refused(message, (lon, lat))


def _refused(message: str, place_deg: tuple[float, float]) -> InvalidInputError:
    return InvalidInputError(
        Words(
            "the edit would break the tiling; nothing was changed",
            "这样修改会使网格重叠或留缝，什么都没有改动",
        ),
        [Fault("", message, place=place_deg)],
    )
