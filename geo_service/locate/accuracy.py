"""Who may be meant by a fix of limited accuracy: the probability of each cell, integrated edge by edge.

A fix "accurate to r metres" is read as a circular normal distribution around the fix in which the true place
lies within r with a probability of 68 % (so do the location services of phones report it); then
``σ = r / √(-2 ln 0.32)``.
"""

import math
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import owens_t

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import SCALE
from geo_service.geometry.measure import metres_per_degree
from geo_service.locate.policy import NO_CELL, off_pole

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
SIGMAS = 7.0
"""Borders farther away than this many standard deviations are left out: less than 1e-10 of the mass."""
WITHIN_RADIUS = 0.68


class CellBorders(NamedTuple):
    """The segments, and of each cell the numbers of those beside it; nobody's land is the last "cell".

    Attributes
    ----------
    segs : (n, 6) int32
        ``ax, ay, bx, by, left, right``, as in :class:`geo_service.locate.raster.RasterTree`.
    starts : (n_cells + 2,) int32
        Where the numbers of a cell begin in ``of_cell``.
    of_cell : (2 n,) int32
        Numbers of segments, cell by cell.
    """

    segs: I32
    starts: I32
    of_cell: I32

    @classmethod
    def build(cls, segs: I32, n_cells: int) -> Self:
        """Sort the segments of a tiling by the cells beside them."""
        beside = np.where(segs[:, 4:] == NO_CELL, n_cells, segs[:, 4:]).T.ravel()
        order = np.argsort(beside, kind="stable").astype(np.int32)
        starts = np.searchsorted(beside[order], np.arange(n_cells + 2)).astype(np.int32)
        of_cell = order % np.int32(max(len(segs), 1))
        for array in (starts, of_cell):
            array.flags.writeable = False
        return cls(segs, starts, of_cell)

    @property
    def n_cells(self) -> int:
        """Count of cells."""
        return len(self.starts) - 2

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept beside the segments."""
        return self.starts.nbytes + self.of_cell.nbytes

    def rows(self, cell: int) -> I32:
        """Return the numbers of the segments beside a cell, or beside nobody's land (-1)."""
        place = self.n_cells if cell == NO_CELL else cell
        return self.of_cell[self.starts[place] : self.starts[place + 1]]


def candidates(
    lonlat_deg: tuple[float, float],
    own: int,
    accuracy_m: float,
    borders: CellBorders,
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
    east_m, north_m = metres_per_degree(off_pole(lonlat_deg[1]))
    scale = np.array([east_m, north_m]) / SCALE
    near = _cells_near(origin, SIGMAS * sigma_m / scale, own, borders)
    if near == {own}:
        return [(own, 1.0)] if own != NO_CELL else []
    cells = np.array(sorted(near - {NO_CELL}), np.int32)
    rows = np.unique(np.concatenate([borders.rows(cell) for cell in cells]))
    segs = borders.segs[rows].astype(np.int64)
    mass = _mass_seen(segs, origin, scale / sigma_m)
    total = np.array([mass[segs[:, 4] == cell].sum() - mass[segs[:, 5] == cell].sum() for cell in cells])
    ranked = np.lexsort((cells, -total))
    likely = ranked[total[ranked] >= min_probability]
    return [(int(cell), min(float(of), 1.0)) for cell, of in zip(cells[likely], total[likely], strict=True)]


def _cells_near(origin: NDArray[np.int64], reach: F64, own: int, borders: CellBorders) -> set[int]:
    """Return the cells that have land within the box of ``reach`` units around the point; -1: nobody's.

    From the cell of the point across every border in the box to the next: the box is one piece, so whatever
    lies in it is come to that way. A few cells beside the box may be among them.
    """
    limits = np.iinfo(np.int32)  # compared in int32: several times faster than in floats
    west, south = np.clip(np.floor(origin - reach), limits.min, limits.max).astype(np.int32)
    east, north = np.clip(np.ceil(origin + reach), limits.min, limits.max).astype(np.int32)
    found, ahead = {own}, [own]
    while ahead:
        ax, ay, bx, by, left, right = borders.segs[borders.rows(ahead.pop())].T
        near = (ax <= east) & (bx >= west) & (np.minimum(ay, by) <= north) & (np.maximum(ay, by) >= south)
        beyond = {*left[near].tolist(), *right[near].tolist()} - found
        found |= beyond
        ahead += beyond
    return found


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
