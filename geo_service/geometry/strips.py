"""Strips of nobody's land between cells that are open to the outside, which no check of gaps can see.

A gap is enclosed by cells. A strip that cells leave between them up to the outer border is, for topology,
a bay of that border. What tells it from one is its form: it is narrow, long, and lies between two cells.
Closing the land by half a width (a buffer outwards and back) fills whatever is narrower; what is filled, is
long enough and touches two cells is given, with its shape, for somebody to look at.

The least length keeps this quiet: where two cells meet at a sharp angle on the outer border there is always
some narrow land. On the 277 police beats of Chicago and the 88 counties of Zhejiang the longest such piece is
74 m.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.measure import area_m2, metres_per_degree
from geo_service.model import Finding, Severity

MIN_LENGTH_M = 100.0
_MITRE_LIMIT = 2.0  # a round join would fill the corners of every bay a little
_TOUCH_M = 0.05
_FILM_M = 0.1  # thinner is what rounding leaves along a border; what parts two cells by so little is mended


def open_strips(geoms: NDArray[np.object_], codes: Sequence[str], *, width_m: float) -> list[Finding]:
    """Return a note for each strip up to ``width_m`` wide, at least :data:`MIN_LENGTH_M` long.

    Parameters
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
        A tiling, EPSG:4326 degrees; empty ones are passed over.
    codes : (n,) sequence of str
        Code of each cell.
    width_m : float
        What is wider is taken for a bay.
    """
    there = np.flatnonzero(~shapely.is_empty(geoms))
    if len(there) < 2:
        return []
    south, north = shapely.total_bounds(geoms[there])[[1, 3]]
    metres = np.array(metres_per_degree(float(south + north) / 2.0))
    cells = shapely.transform(geoms[there], lambda deg: deg * metres)
    land = shapely.coverage_union_all(cells)
    wide = shapely.buffer(land, width_m / 2, join_style="mitre", mitre_limit=_MITRE_LIMIT)
    closed = shapely.buffer(wide, -width_m / 2, join_style="mitre", mitre_limit=_MITRE_LIMIT)
    filled = shapely.get_parts(shapely.difference(closed, land))
    lengths_m = shapely.length(filled) / 2
    filled = filled[(lengths_m >= MIN_LENGTH_M) & (shapely.area(filled) >= _FILM_M * lengths_m)]
    rings = [ring for part in shapely.get_parts(land) for ring in part.interiors]
    holes = shapely.polygons(np.array(rings, dtype=object)) if rings else np.array([], dtype=object)
    enclosed = shapely.STRtree(holes).query(shapely.point_on_surface(filled), predicate="intersects")[0]
    filled = np.delete(filled, enclosed)  # these are gaps, and reported as such
    strip, cell = shapely.STRtree(cells).query(filled, predicate="dwithin", distance=_TOUCH_M)
    notes = []
    for number, shape in enumerate(filled):
        touching = tuple(sorted(codes[there[i]] for i in cell[strip == number]))
        if len(touching) >= 2:
            notes.append(_note(shapely.transform(shape, lambda m: m / metres), shape.length / 2, touching))
    return notes


def _note(shape: shapely.Polygon, length_m: float, codes: tuple[str, ...]) -> Finding:
    area = float(area_m2(shape)[0])
    width_m = area / length_m
    return Finding(
        rule="open_strip",
        severity=Severity.NOTE,
        message=f"a strip {length_m:.0f} m long and {width_m:.1f} m wide between cells is open to outside",
        cells=codes,
        shape=shape,
        numbers={"area_m2": area, "length_m": length_m, "width_m": width_m},
        remedy="if it is no bay of the outer border, import with a tolerance above its width",
    )
