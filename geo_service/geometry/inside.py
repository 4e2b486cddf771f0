"""A simpler shape that lies wholly inside another: what is true of all of that is true of all of this."""

import math
from typing import Any

import shapely

from geo_service.geometry.measure import metres_per_degree

#: Points are put on the lattice before they are located: so far from the border that does not matter.
LATTICE_MARGIN_M = 0.05
#: First with few corners; where that leaves the place outside, as close to the border as can be.
MARGINS_M = (2.0, LATTICE_MARGIN_M)


def inner_shape(shape: Any, place: tuple[float, float]) -> Any:
    """Return a polygon with few corners inside a shape, around a place; None where a border is too near.

    The shape is drawn in by a margin and then simplified by no more than that margin: what Douglas and
    Peucker (1973) leave out lies no farther from the line than the tolerance, so nothing leaves the shape.
    That it does not is looked at all the same.

    Parameters
    ----------
    shape : shapely geometry
        Polygon or multipolygon, EPSG:4326 degrees.
    place : (lon, lat)
        EPSG:4326 degrees.
    """
    point = shapely.Point(place)
    east_m, north_m = metres_per_degree(place[1])
    for margin_m in MARGINS_M:
        # a degree of latitude is longer than one of longitude: this much is the margin or more on both axes
        margin_deg = margin_m / min(east_m, north_m)
        drawn_in = shapely.buffer(shape, -margin_deg / _CHORD, quad_segs=_SEGMENTS)
        part = next((one for one in shapely.get_parts(drawn_in) if one.contains(point)), None)
        if part is None:
            continue
        slack_deg = margin_deg - (LATTICE_MARGIN_M / 2) / min(east_m, north_m)
        for candidate in (shapely.simplify(part, slack_deg), part):
            rounded = shapely.set_precision(candidate, _STEP_DEG, mode="pointwise")
            if rounded.is_valid and rounded.contains(point) and shape.contains(rounded):
                return rounded
    return None


#: Round corners that stand out are drawn with two chords to a quarter, whose middles lie nearer by this.
_SEGMENTS = 2
_CHORD = math.cos(math.pi / 4 / _SEGMENTS)
#: Nine decimals: a tenth of a millimetre.
_STEP_DEG = 10.0**-9
