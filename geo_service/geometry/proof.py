"""Proof that faces which an edit changed are still sound, in terms of their directed edges alone.

Why that is enough for the tiling to be one is said in :mod:`geo_service.geometry.workspace`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable

import shapely

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.rings import Edge, Part, Vertex, parts_of, polygon_of, rings_of

#: A ring round the globe, one step beyond it: there the world that is nobody's ends.
_FRAME = [
    (-lattice.MAX_I - 1, -lattice.MAX_J - 1),
    (lattice.MAX_I + 1, -lattice.MAX_J - 1),
    (lattice.MAX_I + 1, lattice.MAX_J + 1),
    (-lattice.MAX_I - 1, lattice.MAX_J + 1),
]


def sound_parts(edges: Collection[Edge]) -> list[Part]:
    """Return the parts of a leaf.

    Raises
    ------
    InvalidInputError
        A part is no valid polygon, or a hole lies in none.
    """
    parts, loose = parts_of(rings_of(edges))
    if loose:
        raise refusal("a cell would be turned inside out", loose[0][0])
    for part in parts:
        _refuse_invalid(part.polygon())
    return parts


def prove_nobody(edges: Collection[Edge]) -> None:
    """Raise unless nobody's land is sound: the gaps, and the world outside with the islands in it."""
    gaps, islands = parts_of(rings_of(edges))
    _refuse_invalid(polygon_of(_FRAME, islands))
    for gap in gaps:
        _refuse_invalid(gap.polygon())


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
                message = "a corner would lie on another border; put it onto a corner there, or apart from it"
                raise refusal(message, (x, y))


def _refuse_invalid(polygon: shapely.Polygon) -> None:
    if polygon.is_valid:
        return
    reason = shapely.is_valid_reason(polygon)  # "Self-intersection[119.2 29.1]"
    x, y = reason[reason.rfind("[") + 1 : reason.rfind("]")].split()
    place = (float(x), float(y))
    raise _refused("borders would cross", place)


def refusal(message: str, at: Vertex) -> InvalidInputError:
    """Return the error of an edit that would break the tiling; the caller raises it."""
    lon, lat = lattice.to_degrees(at).tolist()
    return _refused(message, (lon, lat))


def _refused(message: str, place_deg: tuple[float, float]) -> InvalidInputError:
    return InvalidInputError(
        "the edit would break the tiling; nothing was changed", [Fault("", message, place=place_deg)]
    )
