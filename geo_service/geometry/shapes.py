"""What is wrong with one polygon: the kind of fault, in words, and the place.

Runs before anything else sees a shape, on coordinates as given. It never repairs: repairing a bad ring
can take minutes, and only its owner knows what was meant.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GeometryType
from shapely.geometry.base import BaseGeometry

MAX_VERTICES = 100_000  # of one polygon: testing validity may take time quadratic in it

_AREAS = (GeometryType.POLYGON, GeometryType.MULTIPOLYGON)
_REASON = re.compile(r"^(?P<reason>[^\[]+)(?:\[(?P<x>\S+) (?P<y>\S+)\])?$")
_WORDS = {
    "Self-intersection": (
        "bow_tie",
        "the border crosses or runs along itself; redraw it so that it does not",
    ),
    "Ring Self-intersection": (
        "ring_touches_itself",
        "one ring touches itself; draw the enclosed part as a hole, or the pieces as separate parts",
    ),
    "Hole lies outside shell": (
        "wrong_nesting",
        "a hole lies outside its outline; remove it or move it inside",
    ),
    "Holes are nested": (
        "wrong_nesting",
        "a hole lies inside another hole; give the island as a part of its own",
    ),
    "Nested shells": ("wrong_nesting", "one part lies inside another; make it a hole, or remove it"),
    "Interior is disconnected": (
        "disconnected",
        "holes cut the inside into pieces that hang together at points only; give the pieces as parts",
    ),
    "Duplicate Rings": ("duplicate_ring", "the same ring is given twice; remove one"),
    "Too few points in geometry component": (
        "too_few_points",
        "a ring has fewer than three different points",
    ),
    "Invalid Coordinate": ("not_finite", "a coordinate is not a finite number"),
    "Ring is not closed": ("not_closed", "a ring does not end where it starts"),
}


@dataclass(frozen=True, slots=True)
class ShapeFault:
    """Why a shape cannot be used.

    Attributes
    ----------
    index : int
        Which shape, counted from 0.
    kind : str
        ``missing``, ``empty``, ``not_a_polygon``, ``too_many_vertices``, ``not_finite``, ``off_the_globe``,
        ``no_area``, ``spike``, ``bow_tie``, ``ring_touches_itself``, ``wrong_nesting``, ``disconnected``,
        ``duplicate_ring``, ``too_few_points``, ``not_closed`` or ``invalid``.
    message : str
        What is wrong and what to do.
    place : tuple of float or None
        Where, in the shape's own coordinates.
    """

    index: int
    kind: str
    message: str
    place: tuple[float, float] | None = None


def shape_faults(geoms: NDArray[np.object_], *, on_globe: bool = True) -> list[ShapeFault]:
    """Find the shapes that are not usable polygons.

    Parameters
    ----------
    geoms : (n,) array of shapely geometries or None
    on_globe : bool
        Also require lon in [-180, 180] and lat in [-90, 90].

    Returns
    -------
    list of ShapeFault
        At most one for each shape, in order: the first that was found.
    """
    geoms = np.asarray(geoms, dtype=object)
    faults: dict[int, ShapeFault] = {}
    _check_kind(geoms, faults)
    _check_coordinates(geoms, faults, on_globe=on_globe)
    good = np.setdiff1d(np.arange(len(geoms)), np.fromiter(faults, dtype=np.intp, count=len(faults)))
    for index in good[~shapely.is_valid(geoms[good])].tolist():
        faults[index] = _explain(index, geoms[index])
    return [faults[index] for index in sorted(faults)]


def _check_kind(geoms: NDArray[Any], faults: dict[int, ShapeFault]) -> None:
    kinds = shapely.get_type_id(geoms)
    counts = shapely.get_num_coordinates(geoms)
    is_area = np.isin(kinds, _AREAS)
    for index in np.flatnonzero(~is_area | (counts == 0) | (counts > MAX_VERTICES)).tolist():
        if kinds[index] < 0:
            kind, message = "missing", "there is no shape"
        elif not is_area[index]:
            kind, message = "not_a_polygon", f"a {geoms[index].geom_type} is not a Polygon or MultiPolygon"
        elif counts[index] == 0:
            kind, message = "empty", "the shape is empty"
        else:
            limit = f"{MAX_VERTICES:,}"
            kind = "too_many_vertices"
            message = f"{counts[index]:,} vertices are more than the {limit} allowed; simplify the shape"
        faults[index] = ShapeFault(index, kind, message)


def _check_coordinates(geoms: NDArray[Any], faults: dict[int, ShapeFault], *, on_globe: bool) -> None:
    xy, owner = shapely.get_coordinates(geoms, return_index=True)
    finite = np.isfinite(xy).all(axis=1)
    inside = (np.abs(xy) <= (180.0, 90.0)).all(axis=1) if on_globe else finite
    bad = np.flatnonzero(~finite | ~inside)
    for index, first in zip(*np.unique(owner[bad], return_index=True), strict=True):
        at = bad[first]
        if int(index) in faults:
            continue
        if not finite[at]:
            fault = ShapeFault(int(index), "not_finite", "a coordinate is not a finite number")
        else:
            message = (
                f"({xy[at, 0]:g}, {xy[at, 1]:g}) is not on the globe; give lon before lat, and the right CRS"
            )
            fault = ShapeFault(int(index), "off_the_globe", message)
        faults[int(index)] = fault


def _explain(index: int, geom: BaseGeometry) -> ShapeFault:
    found = _REASON.match(shapely.is_valid_reason(geom))
    reason, place = "", None
    if found is not None:
        reason = found["reason"].strip()
        if found["x"] is not None:
            place = (float(found["x"]), float(found["y"]))
    kind, message = _WORDS.get(reason, ("invalid", f"the shape is not valid ({reason})"))
    if shapely.area(shapely.convex_hull(geom)) == 0.0:
        return ShapeFault(index, "no_area", "all its points lie in one line; give the outline", place)
    spike = _spike(geom) if kind in {"bow_tie", "ring_touches_itself", "too_few_points"} else None
    if spike is not None:
        return ShapeFault(
            index, "spike", "the border runs out to a point and back the same way; cut the spike", spike
        )
    return ShapeFault(index, kind, message, place)


def _spike(geom: BaseGeometry) -> tuple[float, float] | None:
    """Return the tip of the first place where the border turns straight back on itself."""
    for ring in shapely.get_rings(geom):
        xy = shapely.get_coordinates(shapely.remove_repeated_points(ring))[:-1]
        if len(xy) < 3:
            continue
        back, ahead = np.roll(xy, 1, axis=0) - xy, np.roll(xy, -1, axis=0) - xy
        cross = back[:, 0] * ahead[:, 1] - back[:, 1] * ahead[:, 0]
        tips = np.flatnonzero((cross == 0.0) & ((back * ahead).sum(axis=1) > 0.0))
        if tips.size:
            return float(xy[tips[0], 0]), float(xy[tips[0], 1])
    return None
