"""The slower questions about a point: how near the border is, and who is beyond it.

Distances. The nearest border is searched on a plane that is true to scale at the mean latitude of the point
and that border; the distance to the place found is then measured on the WGS84 ellipsoid. The search does not
pass the antimeridian.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    table = np.array([metres_per_degree(off_pole(float(lat))) for lat in knots]) / SCALE
    return np.column_stack([np.interp(lat_deg, knots, table[:, axis]) for axis in range(2)])


def off_pole(lat_deg: float) -> float:
    """Keep a kilometre from the poles, where a degree of longitude has no length."""
    return min(max(lat_deg, -89.99), 89.99)
