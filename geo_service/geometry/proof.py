"""Proof that faces which an edit changed are still sound, in terms of their directed edges alone.

Why that is enough for the tiling to be one is said in :mod:`geo_service.geometry.workspace`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import TypeAlias

import numpy as np
import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.rings import Edge, Part, Vertex, one_shape, parts_of, polygons_of, rings_of

Shape: TypeAlias = shapely.Polygon | shapely.MultiPolygon
_CROSS = Words("borders would cross", "边界会相互交叉")


def sound_parts(faces: Iterable[Collection[Edge]]) -> tuple[list[list[Part]], list[Shape]]:
    """Return the parts of leaves, each given by its edges, and their shapes in degrees.

    Raises
    ------
    InvalidInputError
        A part is no valid polygon, or a hole lies in none.
    """
    parts: list[list[Part]] = []
    for edges in faces:
        found, loose = parts_of(rings_of(edges))
        if loose:
            raise refusal(Words("a cell would be turned inside out", "网格的边界会翻转"), loose[0][0])
        parts.append(found)
    polygons = polygons_of([part for found in parts for part in found])
    for k in np.flatnonzero(~shapely.is_valid(polygons)):
        raise _invalid(polygons[k])
    drawn = iter(polygons)
    return parts, [one_shape(list(islice(drawn, len(found)))) for found in parts]


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
            raise _refused(_CROSS, _meeting(mine[k], theirs[j]))


def _meeting(one: Shape, other: Shape) -> tuple[float, float]:
    """Return a place where two shapes that overlap cross, or one inside both if none does."""
    # of the borders, not the shapes: where these overlap by less than a step, their overlay may fail
    met = shapely.get_parts(shapely.intersection(shapely.boundary(one), shapely.boundary(other)))
    met = met[~shapely.is_empty(met)]
    if len(met) == 0:
        met = np.array([shapely.point_on_surface(min(one, other, key=shapely.area))])
    x, y = shapely.get_coordinates(met[np.argmin(shapely.get_dimensions(met))])[0].tolist()
    return x, y


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


def _invalid(polygon: shapely.Polygon) -> InvalidInputError:
    reason = shapely.is_valid_reason(polygon)  # "Self-intersection[119.2 29.1]"
    x, y = reason[reason.rfind("[") + 1 : reason.rfind("]")].split()
    return _refused(_CROSS, (float(x), float(y)))


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
