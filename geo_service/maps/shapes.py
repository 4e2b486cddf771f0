"""The compact form in which a level's cells travel to the page, and back.

JSON, compressed by the server like any other answer; about a sixth of the same cells in GeoJSON::

    {"format": "geo-service-shapes/1", "level": "grid", "edition": 7, "detail": 1,
     "step_deg": 3.8e-06,            size of one integer step
     "codes": [...], "names": [...],
     "arc_sizes": [...],             vertices of each arc
     "arc_xy": [dx, dy, dx, dy...],  each vertex less the one before it, over all arcs (the first: from 0, 0)
     "cell_rings": [...],            rings of each cell
     "ring_sizes": [...],            arcs of each ring
     "ring_arcs": [...]}             0: the next arc not yet mentioned, walked forward;
                                     2k or 2k+1: the arc k before it, walked forward or backward

Neighbours share their arcs, so their border is the same line at every detail. Shells run counter-clockwise,
holes clockwise; a ring's arcs join end to start. ``static/js/shapes.js`` is the other reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from geo_service.errors import BadRequestError
from geo_service.geometry.arcs import quantised_rings, shared_arcs
from geo_service.geometry.derive import simplify_tiling

FORMAT = "geo-service-shapes/1"


class Detail(IntEnum):
    """How finely shapes are drawn; the page asks for what its zoom can show."""

    OVERVIEW = 0  # zoom 11 and below: a pixel is 60 m and more
    TOWN = 1  # zoom 12 to 14: a pixel is 8 m and more
    STREET = 2  # zoom 15 and above: nothing left out


# tolerance of the simplification and step of the integers, both well below a pixel at the zooms they serve
_TOLERANCE_DEG = {Detail.OVERVIEW: 3e-4, Detail.TOWN: 4e-5, Detail.STREET: 0.0}
_STEP_DEG = {Detail.OVERVIEW: 2.0**-15, Detail.TOWN: 2.0**-18, Detail.STREET: 2.0**-23}


@dataclass(frozen=True, slots=True)
class Shapes:
    """What :func:`decode_shapes` reads: one level's cells as drawn."""

    level: str
    edition: str
    detail: Detail
    codes: tuple[str, ...]
    names: tuple[str, ...]
    geoms: NDArray[np.object_]


def encode_shapes(
    codes: Sequence[str],
    names: Sequence[str],
    geoms: Sequence[shapely.Geometry] | NDArray[np.object_],
    *,
    level: str = "",
    edition: int | str = "",
    detail: int = Detail.TOWN,
) -> bytes:
    """Encode a level's cells, simplified for a detail so that the tiling stays closed.

    Parameters
    ----------
    codes, names : sequence of str
        One a cell; names may be empty.
    geoms : sequence of shapely (Multi)Polygon
        EPSG:4326, a tiling (neighbours share their vertices).
    level, edition : str, int
        Passed through for the reader.
    detail : Detail
        :attr:`Detail.STREET` keeps every vertex that lies on the 2⁻²³ degree lattice exactly.

    Returns
    -------
    bytes
        UTF-8 JSON of the form above.

    Raises
    ------
    BadRequestError
        If ``detail`` is none of the three.
    """
    try:
        detail = Detail(detail)
    except ValueError:
        raise BadRequestError("detail must be 0, 1 or 2") from None
    if not len(codes) == len(names) == len(geoms):
        raise ValueError(f"{len(codes)} codes, {len(names)} names, {len(geoms)} shapes: counts must agree")
    drawn = simplified(np.asarray(geoms, dtype=object), detail)
    arcs = shared_arcs(quantised_rings(drawn, _STEP_DEG[detail]))
    return orjson.dumps(
        {
            "format": FORMAT,
            "level": level,
            "edition": str(edition),
            "detail": int(detail),
            "step_deg": _STEP_DEG[detail],
            "codes": list(codes),
            "names": list(names),
            "arc_sizes": np.diff(arcs.start),
            "arc_xy": np.diff(arcs.xy, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).ravel(),
            "cell_rings": np.bincount(arcs.ring_cell, minlength=len(codes)),
            "ring_sizes": np.diff(arcs.ring_start),
            "ring_arcs": _references(arcs.ring_arcs),
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def simplified(geoms: NDArray[np.object_], detail: Detail) -> NDArray[np.object_]:
    """Tiling simplified for a detail, still closed."""
    tolerance_deg = _TOLERANCE_DEG[detail]
    if not tolerance_deg or not len(geoms):
        return geoms
    return simplify_tiling(geoms, tolerance_deg)


def decode_shapes(payload: bytes) -> Shapes:
    """Read what :func:`encode_shapes` wrote. Rings too small to be drawn at its detail are missing."""
    content: dict[str, Any] = orjson.loads(payload)
    if content.get("format") != FORMAT:
        raise BadRequestError(f"not a {FORMAT} document")
    xy = np.cumsum(np.asarray(content["arc_xy"], dtype=np.int64).reshape(-1, 2), axis=0)
    lonlat_deg = xy * content["step_deg"]
    arc = np.split(lonlat_deg, np.cumsum(content["arc_sizes"])[:-1]) if content["arc_sizes"] else []
    pieces = _dereference(content["ring_arcs"])
    rings = []
    begin = 0
    for size in content["ring_sizes"]:
        walked = [arc[i] if i >= 0 else arc[~i][::-1] for i in pieces[begin : begin + size]]
        rings.append(np.concatenate([walked[0], *(points[1:] for points in walked[1:])]))
        begin += size
    geoms = np.empty(len(content["codes"]), dtype=object)
    begin = 0
    for cell, count in enumerate(content["cell_rings"]):
        geoms[cell] = _polygon(rings[begin : begin + count])
        begin += count
    return Shapes(
        content["level"],
        content["edition"],
        Detail(content["detail"]),
        tuple(content["codes"]),
        tuple(content["names"]),
        geoms,
    )


def _polygon(rings: list[NDArray[np.float64]]) -> shapely.Geometry:
    """(Multi)polygon of rings in which each shell is followed by its holes."""
    polygons: list[tuple[NDArray[np.float64], list[NDArray[np.float64]]]] = []
    for ring in rings:
        if not polygons or _is_counter_clockwise(ring):
            polygons.append((ring, []))
        else:
            polygons[-1][1].append(ring)
    parts = [shapely.Polygon(shell, holes) for shell, holes in polygons]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _is_counter_clockwise(ring: NDArray[np.float64]) -> bool:
    """Sign of the ring's area, taken about its first vertex."""
    x, y = (ring - ring[0]).T
    return bool(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]) > 0)


def _references(ring_arcs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Arc numbers as distances back from the next unmentioned one: small, and mostly 0."""
    backward = ring_arcs < 0
    arc = np.where(backward, ~ring_arcs, ring_arcs)
    unmentioned = np.concatenate([[0], np.maximum.accumulate(arc) + 1])[: len(arc)]
    return np.where(arc == unmentioned, 0, 2 * (unmentioned - arc) + backward).astype(np.int64)


def _dereference(references: list[int]) -> list[int]:
    """Arc numbers, ``~arc`` for backward, from :func:`_references`."""
    numbers = []
    unmentioned = 0
    for reference in references:
        if reference == 0:
            numbers.append(unmentioned)
            unmentioned += 1
        else:
            arc = unmentioned - reference // 2
            numbers.append(~arc if reference % 2 else arc)
    return numbers
