"""The slower questions about a point: how near the border is, who is beyond it, who may be meant.

Distances. The nearest border is searched on a plane that is true to scale at the mean latitude of the point
and that border; the distance to the place found is then measured on the WGS84 ellipsoid. The search does not
pass the antimeridian.

Accuracy. A fix "accurate to r metres" is read as a circular normal distribution around the fix in which the
true place lies within r with a probability of 68 % (so do the location services of phones report it); then
``σ = r / √(-2 ln 0.32)``. The probability of a cell is integrated exactly, edge by edge.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import owens_t

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import SCALE, to_degrees
from geo_service.geometry.measure import distance_m, metres_per_degree
from geo_service.locate.nearest import nearest_kernel
from geo_service.locate.raster import RasterTree
from geo_service.model import How

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
NO_CELL = -1
FAR_M = 2000.0
"""Beyond this the search is run again at the mean latitude of the point and what was found."""
SIGMAS = 7.0
"""Borders farther away than this many standard deviations are left out: less than 1e-10 of the mass."""
WITHIN_RADIUS = 0.68
HOW = np.array([How.NONE.value, How.ON_EDGE.value, How.INSIDE.value, How.NEAR_GAP.value])


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What is known about the place of each of n points.

    Attributes
    ----------
    cell : (n,) int32
        Index of the leaf cell, -1 for none.
    on_edge : (n,) bool
        The point lies on a border; of the touching cells it was given to the one with the smallest code.
    how : (n,) str
        Values of :class:`geo_service.model.How`.
    border_m : (n,) float64
        Distance to the border of the cell in metres; NaN where there is no cell, or it was not asked for.
    runner_up : (n,) int32
        The cell on the other side of the nearest border (at a corner, the one with the smallest code); -1
        where nobody's land is there, or it was not asked for.
    nearest : (n,) int32
        For points in no cell the nearest one (of several, the one with the smallest code), else -1.
    nearest_m : (n,) float64
        Distance to it in metres; NaN where ``nearest`` is -1.
    """

    cell: I32
    on_edge: NDArray[np.bool_]
    how: NDArray[np.str_]
    border_m: F64
    runner_up: I32
    nearest: I32
    nearest_m: F64

    def __len__(self) -> int:
        """Count of points."""
        return len(self.cell)


def locate(
    lonlat_deg: F64,
    cell: I32,
    on_edge: NDArray[np.bool_],
    tree: RasterTree,
    *,
    border: bool,
    near_gap_m: float | None,
    nearest: bool,
) -> Located:
    """Answer for points whose leaf is known; see :meth:`geo_service.locate.index.CellIndex.locate`."""
    n = len(cell)
    found = Located(
        cell=cell,
        on_edge=on_edge,
        how=HOW[np.where(cell < 0, 0, np.where(on_edge, 1, 2))],
        border_m=np.full(n, np.nan),
        runner_up=np.full(n, NO_CELL, np.int32),
        nearest=np.full(n, NO_CELL, np.int32),
        nearest_m=np.full(n, np.nan),
    )
    if border:
        inside = np.flatnonzero(cell >= 0)
        found.border_m[inside], found.runner_up[inside] = nearest_border(
            lonlat_deg[inside], cell[inside], tree
        )
        found.border_m[on_edge] = 0.0
    if border or near_gap_m is not None:
        on_globe = (np.abs(lonlat_deg) <= (180.0, 90.0)).all(axis=1)  # False for NaN
        asked = on_globe if nearest else _near_extent(lonlat_deg, tree, near_gap_m or 0.0)
        outside = np.flatnonzero((cell < 0) & asked)
        found.nearest_m[outside], found.nearest[outside] = nearest_border(
            lonlat_deg[outside], cell[outside], tree
        )
        if near_gap_m is not None:
            found.how[found.nearest_m <= near_gap_m] = How.NEAR_GAP.value
    return found


def _near_extent(lonlat_deg: F64, tree: RasterTree, distance_m: float) -> NDArray[np.bool_]:
    """Which points lie within a distance of the box around all cells, or a little farther."""
    if len(tree.segs) == 0:
        return np.zeros(len(lonlat_deg), np.bool_)
    ends = tree.segs[:, :4].reshape(-1, 2) / SCALE
    low, high = ends.min(axis=0), ends.max(axis=0)
    widest = min(max(abs(low[1]), abs(high[1])) + 1.0, 89.0)
    pad = distance_m / 110_000.0 * np.array([1.0 / np.cos(np.radians(widest)), 1.0])
    near: NDArray[np.bool_] = ((lonlat_deg >= low - pad) & (lonlat_deg <= high + pad)).all(axis=1)
    return near


def nearest_border(lonlat_deg: F64, own: I32, tree: RasterTree) -> tuple[F64, I32]:
    """Return the distance to the nearest border, and the cell beyond it.

    Parameters
    ----------
    lonlat_deg : (n, 2) float64
        Places on the globe, EPSG:4326.
    own : (n,) int32
        The cell of each, -1 for none.
    tree : RasterTree

    Returns
    -------
    distance_m : (n,) float64
    other : (n,) int32
        The cell, other than ``own``, that has the nearest place on its border (of several the one with the
        smallest index); -1 for none.
    """
    ij = np.rint(lonlat_deg * SCALE).astype(np.int64)
    at_deg = to_degrees(ij)
    place_deg, other = _search(ij, own, at_deg[:, 1], tree)
    distance = distance_m(at_deg, place_deg)
    far = np.flatnonzero(distance > FAR_M)
    if len(far):
        between_deg = (at_deg[far, 1] + place_deg[far, 1]) / 2.0
        place_deg[far], other[far] = _search(ij[far], own[far], between_deg, tree)
        distance[far] = distance_m(at_deg[far], place_deg[far])
    return distance, other


def _search(ij: NDArray[np.int64], own: I32, true_at_lat_deg: F64, tree: RasterTree) -> tuple[F64, I32]:
    """Nearest border place in degrees, and the cell beyond it, on planes true to scale at given latitudes."""
    out = np.empty((len(ij), 4))
    scale = np.ascontiguousarray(_metres_per_unit(true_at_lat_deg))
    nearest_kernel()(np.column_stack([ij, own]).astype(np.int64), scale, out, tree)
    return out[:, 1:3] / SCALE, out[:, 3].astype(np.int32)


def _metres_per_unit(lat_deg: F64) -> F64:
    """Metres a lattice unit east and north: interpolated, to 1e-7, between hundredths of a degree."""
    low, high = math.floor(lat_deg.min(initial=90.0) * 100), math.ceil(lat_deg.max(initial=-90.0) * 100)
    if high < low:
        return np.empty((0, 2))
    knots = np.arange(low, high + 2) / 100.0
    table = np.array([metres_per_degree(_off_pole(float(lat))) for lat in knots]) / SCALE
    return np.column_stack([np.interp(lat_deg, knots, table[:, axis]) for axis in range(2)])


def _off_pole(lat_deg: float) -> float:
    """Keep a kilometre from the poles, where a degree of longitude has no length."""
    return min(max(lat_deg, -89.99), 89.99)


def candidates(
    lonlat_deg: tuple[float, float],
    own: int,
    accuracy_m: float,
    tree: RasterTree,
    n_cells: int,
    *,
    min_probability: float,
) -> list[tuple[int, float]]:
    """Return the cells that may be meant; see :meth:`geo_service.locate.index.CellIndex.candidates`."""
    if not (math.isfinite(accuracy_m) and accuracy_m >= 0):
        fault = Fault("accuracy_m", "give a radius in metres, 0 or more", value=accuracy_m)
        raise InvalidInputError("The accuracy is not a distance.", [fault])
    if not (abs(lonlat_deg[0]) <= 180.0 and abs(lonlat_deg[1]) <= 90.0):  # NaN is refused too
        return []
    sigma_m = accuracy_m / math.sqrt(-2.0 * math.log(1.0 - WITHIN_RADIUS))
    if sigma_m == 0.0:
        return [(own, 1.0)] if own >= 0 else []
    origin = np.rint(np.array(lonlat_deg) * SCALE).astype(np.int64)
    east_m, north_m = metres_per_degree(_off_pole(lonlat_deg[1]))
    scale = np.array([east_m, north_m]) / SCALE
    asked = _cells_near(origin, SIGMAS * sigma_m / scale, own, tree, n_cells)
    left, right = tree.segs[:, 4], tree.segs[:, 5]
    segs = tree.segs[asked[left] | asked[right]].astype(np.int64)
    mass = _mass_seen(segs, origin, scale / sigma_m)
    total = np.zeros(n_cells + 1)
    np.add.at(total, segs[:, 4], mass)
    np.add.at(total, segs[:, 5], -mass)
    cells = np.flatnonzero(asked[:-1] & (total[:-1] >= min_probability))
    ranked = cells[np.lexsort((cells, -total[cells]))]
    return [(int(cell), min(float(total[cell]), 1.0)) for cell in ranked]


def _cells_near(
    origin: NDArray[np.int64], reach: F64, own: int, tree: RasterTree, n_cells: int
) -> NDArray[np.bool_]:
    """Which cells have the point, or a border within the box of ``reach`` units; the last item is False."""
    limits = np.iinfo(np.int32)  # compared in int32: several times faster than in floats
    west, south = np.clip(np.floor(origin - reach), limits.min, limits.max).astype(np.int32)
    east, north = np.clip(np.ceil(origin + reach), limits.min, limits.max).astype(np.int32)
    in_strip = np.flatnonzero((tree.segs[:, 0] <= east) & (tree.segs[:, 2] >= west))
    _, ay, _, by, left, right = tree.segs[in_strip].T
    near = (np.minimum(ay, by) <= north) & (np.maximum(ay, by) >= south)
    asked = np.zeros(n_cells + 1, np.bool_)
    asked[left[near]] = asked[right[near]] = True
    asked[own] = True
    asked[NO_CELL] = False
    return asked


def _mass_seen(segs: NDArray[np.int64], origin: NDArray[np.int64], scale: F64) -> F64:
    """Mass of the standard normal distribution in the triangle from its centre to each segment, signed.

    Positive where the centre is to the left of the segment. By Owen's T function (Owen, Tables for computing
    bivariate normal probabilities, Annals of Mathematical Statistics 27, 1956), the mass of the right-angled
    triangle with legs h and h·tan α is  α / 2π - T(h, tan α). Summed around a polygon this is its mass.
    """
    ax, ay, bx, by = segs.T[:4]
    cross = (bx - ax) * (origin[1] - ay) - (by - ay) * (origin[0] - ax)
    dx, dy = (bx - ax) * scale[0], (by - ay) * scale[1]
    px, py = (ax - origin[0]) * scale[0], (ay - origin[1]) * scale[1]
    length = np.hypot(dx, dy)
    height = np.abs(cross) * scale[0] * scale[1] / length
    start = (px * dx + py * dy) / length  # along the segment's line, from the foot of the height
    seen = cross != 0  # a segment on a line through the centre bounds an empty triangle
    height = np.where(seen, height, 1.0)
    tan_start, tan_end = start / height, (start + length) / height
    mass = (np.arctan(tan_end) - np.arctan(tan_start)) / (2.0 * np.pi)
    mass -= owens_t(height, tan_end) - owens_t(height, tan_start)
    return np.where(seen, np.sign(cross) * mass, 0.0)
