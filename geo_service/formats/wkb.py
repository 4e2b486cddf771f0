"""A look at well-known binary before shapely parses it: types, depth, counts, length.

GEOS parses collections by recursion and takes the whole process with it when they are nested deeply
(110 KB are enough), so bytes that another process hands over are walked here first, without recursion.
"""

import struct
from dataclasses import dataclass

from geo_service.formats.limits import Limits

_POINT, _LINE, _POLYGON, _MULTIPOINT, _MULTILINE, _MULTIPOLYGON, _COLLECTION = range(1, 8)
_NAMES = {
    _POINT: "Point",
    _LINE: "LineString",
    _POLYGON: "Polygon",
    _MULTIPOINT: "MultiPoint",
    _MULTILINE: "MultiLineString",
    _MULTIPOLYGON: "MultiPolygon",
    _COLLECTION: "GeometryCollection",
}
_CURVES = {8, 9, 10, 11, 12, 13, 14, 15, 16, 17}
_POSITION_BYTES = 16


class WkbError(ValueError):
    """The bytes are no geometry we take; the message says why and is safe to show."""


@dataclass(frozen=True, slots=True)
class WkbOutline:
    """What a geometry is, without its coordinates."""

    kind: str
    parts: int
    rings: int
    vertices: int


def outline(wkb: bytes, limits: Limits) -> WkbOutline:
    """Return type and counts of a two-dimensional geometry.

    Parameters
    ----------
    wkb : bytes
        One geometry, ISO well-known binary.
    limits : Limits
        Caps on vertices, rings and parts.

    Raises
    ------
    WkbError
        For collections of any depth, curves, heights, broken bytes, and counts above the limits.
    """
    order, code, at = _head(wkb, 0)
    kind = _NAMES[code]
    if code == _COLLECTION:
        raise WkbError("is a GeometryCollection, which is not taken: give each feature one geometry")
    if code in (_POINT, _LINE, _POLYGON):
        rings, vertices, at = _simple(wkb, order, code, at, limits)
        parts = 1
    else:
        parts, rings, vertices, at = _multi(wkb, order, code, at, limits)
    if at != len(wkb):
        raise WkbError("is followed by bytes that belong to no geometry")
    if vertices > limits.vertices:
        raise WkbError(
            f"has {vertices:,} vertices; the limit is {limits.vertices:,}: simplify it or raise the limit"
        )
    return WkbOutline(kind, parts, rings, vertices)


def _head(wkb: bytes, at: int) -> tuple[str, int, int]:
    if at + 5 > len(wkb) or wkb[at] not in (0, 1):
        raise WkbError("breaks off or is no well-known binary")
    order = "<" if wkb[at] == 1 else ">"
    (code,) = struct.unpack_from(order + "I", wkb, at + 1)
    if code in _CURVES:
        raise WkbError("has curves: turn them into straight segments first")
    if code not in _NAMES:
        raise WkbError("is of a type that is not taken")
    return order, code, at + 5


def _count(wkb: bytes, order: str, at: int) -> tuple[int, int]:
    if at + 4 > len(wkb):
        raise WkbError("breaks off")
    (count,) = struct.unpack_from(order + "I", wkb, at)
    return int(count), at + 4


def _simple(wkb: bytes, order: str, code: int, at: int, limits: Limits) -> tuple[int, int, int]:
    """Return rings, vertices and the end of a point, line or polygon that starts at ``at``."""
    if code == _POINT:
        return 0, 1, _skip(wkb, at, 1)
    if code == _LINE:
        count, at = _count(wkb, order, at)
        return 0, count, _skip(wkb, at, count)
    rings, at = _count(wkb, order, at)
    if rings > limits.rings:
        raise WkbError(f"has {rings:,} rings; the limit is {limits.rings:,}")
    vertices = 0
    for _ in range(rings):
        count, at = _count(wkb, order, at)
        at = _skip(wkb, at, count)
        vertices += count
    return rings, vertices, at


def _multi(wkb: bytes, order: str, code: int, at: int, limits: Limits) -> tuple[int, int, int, int]:
    parts, at = _count(wkb, order, at)
    if parts > limits.parts:
        raise WkbError(f"has {parts:,} parts; the limit is {limits.parts:,}")
    rings = vertices = 0
    for _ in range(parts):
        part_order, part, at = _head(wkb, at)
        if part != code - 3:
            raise WkbError(f"is a {_NAMES[code]} that holds a {_NAMES[part]}")
        more_rings, more_vertices, at = _simple(wkb, part_order, part, at, limits)
        rings += more_rings
        vertices += more_vertices
    return parts, rings, vertices, at


def _skip(wkb: bytes, at: int, positions: int) -> int:
    end = at + positions * _POSITION_BYTES
    if end > len(wkb):
        raise WkbError("breaks off")
    return end
