"""How wide a polygon is: the diameter of the largest circle that fits into it, in metres."""

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.measure import metres_per_degree

Geoms = NDArray[np.object_]

_SLENDER = 10.0
_CANDIDATES = 64
_QUARTER_STEPS = 4  # chords to a quarter of a circle: shrinking is exact to 2 % of the radius


def width_m(shape: shapely.Geometry) -> float:
    """Return the width of a polygon in EPSG:4326, to about 3 %; of several parts, that of the widest.

    The search for the circle takes time that grows with length over width. So a slender polygon is shrunk
    instead, by more and more until nothing is left; a fat one with many vertices would take long to shrink.
    """
    flat = _flat(np.array([shape], dtype=object))[0]
    area, around = shapely.area(flat), shapely.length(flat)
    if area == 0.0:
        return 0.0
    fits, too_large = area / around, math.sqrt(area / math.pi) * 1.001  # bounds of the radius
    if too_large < _SLENDER * fits:
        circles = shapely.maximum_inscribed_circle(shapely.get_parts(flat), tolerance=fits / 50.0)
        return 2.0 * float(shapely.length(circles).max())
    while too_large > fits * 1.03:
        radius = math.sqrt(fits * too_large)
        if shapely.is_empty(shapely.buffer(flat, -radius, quad_segs=_QUARTER_STEPS)):
            too_large = radius
        else:
            fits = radius
    return 2.0 * math.sqrt(fits * too_large)


def is_wider(shapes: Geoms, limit_m: float) -> NDArray[np.bool_]:
    """Tell which of many polygons are wider than a limit: most by area and perimeter, the rest by shrinking.

    A circle of radius area / perimeter fits into every simply connected shape, and none of an area above the
    shape's own fits.
    """
    flat = _flat(shapes)
    area, around = shapely.area(flat), shapely.length(flat)
    radius = limit_m / 2.0
    wider = area > radius * around
    unsure = ~wider & (area > math.pi * radius * radius)
    shrunk = shapely.buffer(flat[unsure], -radius, quad_segs=_QUARTER_STEPS)
    wider[unsure] = ~shapely.is_empty(shrunk)
    return np.asarray(wider, dtype=bool)


def widest_m(shapes: Geoms) -> float:
    """Return the largest width among many polygons: of those with the most area to the perimeter."""
    if len(shapes) == 0:
        return 0.0
    flat = _flat(shapes)
    fit = shapely.area(flat) / np.maximum(shapely.length(flat), 1e-12)
    return max(width_m(shapes[index]) for index in np.argsort(-fit, kind="stable")[:_CANDIDATES].tolist())


def _flat(shapes: Geoms) -> Geoms:
    """Turn degrees into metres, each shape about its own corner."""
    west, south, _, north = shapely.bounds(shapes).T
    scale = np.array([metres_per_degree(lat) for lat in ((south + north) / 2.0).tolist()]).reshape(-1, 2)
    deg, owner = shapely.get_coordinates(shapes, return_index=True)
    corner = np.column_stack((west, south))
    flat: Geoms = shapely.set_coordinates(shapes.copy(), (deg - corner[owner]) * scale[owner])
    return flat
