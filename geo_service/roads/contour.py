"""Outlines from a raster: the zero line of a field of distances, traced exactly and without slivers.

Lines are traced through triangles, linear within each, at least :data:`MARGIN` of a raster cell away from
raster points: rings never touch, and polygons are valid.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads.plain import metres_per_degree

MARGIN = 0.05
SMALLEST_CELLS = 12.0
"""Specks and holes of less than so many raster cells are not drawn."""
MOST_CELLS = 30_000_000


@dataclass(frozen=True, slots=True)
class Raster:
    """A raster in metres about a place; ``shape`` is rows, columns."""

    origin_deg: tuple[float, float]
    scale: tuple[float, float]  # metres per degree of longitude, latitude
    cell_m: float
    shape: tuple[int, int]

    @classmethod
    def around(cls, lonlat_deg: NDArray[np.float64], cell_m: float, off_street_m: float) -> "Raster":
        """Lay a raster over the points with room for the discs about them."""
        low, high = lonlat_deg.min(axis=0), lonlat_deg.max(axis=0)
        east, north = metres_per_degree(float(low[1] + high[1]) / 2)
        border_m = off_street_m + 3 * cell_m
        nx = int((high[0] - low[0]) * east / cell_m + 2 * border_m / cell_m) + 2
        ny = int((high[1] - low[1]) * north / cell_m + 2 * border_m / cell_m) + 2
        if nx * ny > MOST_CELLS:
            raise InvalidInputError(
                "The outline spans too large an area for its raster.",
                [
                    Fault(
                        "cell_m",
                        f"use a raster step of {cell_m * (nx * ny / MOST_CELLS) ** 0.5:.0f} m or more",
                    )
                ],
            )
        origin = (float(low[0]) - border_m / float(east), float(low[1]) - border_m / float(north))
        return cls(origin, (float(east), float(north)), cell_m, (ny, nx))

    def index(self, lonlat_deg: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index of the raster point nearest to each point, row by row."""
        cells = (lonlat_deg - self.origin_deg) * self.scale / self.cell_m
        x, y = np.floor(cells + 0.5).astype(np.int64).T
        at: NDArray[np.int64] = y * self.shape[1] + x
        return at

    def polygons(
        self, field: NDArray[np.float64], *, smallest_cells: float = SMALLEST_CELLS
    ) -> shapely.MultiPolygon:
        """Trace the zero line of a field and return what lies on its negative side, without specks."""
        rings = [ring * self.cell_m for ring in _zero_rings(field)]
        smallest_m2 = smallest_cells * self.cell_m**2
        sizes = [_signed_area(ring) for ring in rings]
        drawn = [i for i, size in enumerate(sizes) if abs(size) >= smallest_m2]
        shells = [shapely.LinearRing(self.lonlat_deg(rings[i])) for i in drawn if sizes[i] > 0]
        holes = [shapely.LinearRing(self.lonlat_deg(rings[i])) for i in drawn if sizes[i] < 0]
        return _assemble(shells, holes)

    def lonlat_deg(self, xy_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return lon, lat of places given in metres from the raster's first point."""
        return xy_m / self.scale + self.origin_deg


def _assemble(shells: list[shapely.LinearRing], holes: list[shapely.LinearRing]) -> shapely.MultiPolygon:
    """Give each hole to the smallest shell about it; a hole whose shell is too small to be drawn goes too."""
    if not shells:
        return shapely.MultiPolygon()
    filled = shapely.polygons(shells)
    area = shapely.area(filled)
    mine: list[list[shapely.LinearRing]] = [[] for _ in shells]
    if holes:
        corner = shapely.get_point(holes, 0)
        # shells ask for holes and not the other way round: it is the asking side that is prepared
        shell, hole = shapely.STRtree(corner).query(filled, predicate="contains")
        order = np.lexsort((area[shell], hole))
        found, first = np.unique(hole[order], return_index=True)
        for h, owner in zip(found, shell[order][first], strict=True):
            mine[owner].append(holes[h])
    return shapely.MultiPolygon(
        [shapely.Polygon(ring, inner) for ring, inner in zip(shells, mine, strict=True)]
    )


def _signed_area(ring: NDArray[np.float64]) -> float:
    """Area within a ring of points, positive when it runs counter-clockwise."""
    x, y = ring.T
    inner = np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])
    return float(inner + x[-1] * y[0] - x[0] * y[-1]) / 2


def _zero_rings(field: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Rings of a field's zero line in raster units x, y, with the negative side on the left.

    Each raster square is cut into two triangles by its rising diagonal; in a triangle the line runs from one
    side to another, so there are no ambiguous cases. Each crossing belongs to two triangles, in one of which
    the line comes to it and in the other leaves it: following that leads round the ring.
    """
    ny, nx = field.shape
    square = (np.arange(ny - 1)[:, None] * nx + np.arange(nx - 1)).ravel()
    inside = (field <= 0).ravel()
    corners = np.stack([square, square + 1, square + nx, square + nx + 1], axis=1)
    n_inside = sum(inside[corners[:, i]].astype(np.int8) for i in range(4))
    sw, se, nw, ne = corners[(n_inside > 0) & (n_inside < 4)].T
    triangles = np.concatenate([np.stack([sw, se, ne], axis=1), np.stack([sw, ne, nw], axis=1)])
    within = inside[triangles]
    n_within = within.sum(axis=1)
    mixed = (n_within > 0) & (n_within < 3)
    triangles, within, n_within = triangles[mixed], within[mixed], n_within[mixed]
    # the corner that is alone on its side: the line crosses the two sides that meet there
    alone = np.where(n_within == 1, within.argmax(axis=1), within.argmin(axis=1))
    row = np.arange(len(triangles))
    tip, after, before = (triangles[row, (alone + turn) % 3] for turn in range(3))
    come = np.where(n_within == 1, after, before)
    leave = np.where(n_within == 1, before, after)
    ids, end = np.unique(np.concatenate([_side(tip, come, nx), _side(tip, leave, nx)]), return_inverse=True)
    following = np.empty(len(ids), np.int64)
    following[end[: len(row)]] = end[len(row) :]
    one, other = ids // 3, ids // 3 + np.array([1, nx, nx + 1])[ids % 3]
    place = _crossing(field, one, other)
    return [place[ring] for ring in _cycles(following)]


def _side(one: NDArray[np.int64], other: NDArray[np.int64], nx: int) -> NDArray[np.int64]:
    """Return a number for a side: its lower end, and whether it runs along x, y or the diagonal."""
    low, step = np.minimum(one, other), np.abs(one - other)
    return low * 3 + np.where(step == 1, 0, np.where(step == nx, 1, 2))


def _cycles(following: NDArray[np.int64]) -> list[list[int]]:
    """Return the cycles of a permutation."""
    successor = following.tolist()
    seen = bytearray(len(successor))
    out = []
    for start in range(len(successor)):
        if seen[start]:
            continue
        cycle, at = [], start
        while not seen[at]:
            seen[at] = 1
            cycle.append(at)
            at = successor[at]
        out.append(cycle)
    return out


def _crossing(field: NDArray[np.float64], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where the field is zero between raster points, x and y in raster units."""
    flat, nx = field.ravel(), field.shape[1]
    share = np.clip(flat[a] / (flat[a] - flat[b]), MARGIN, 1.0 - MARGIN)
    ax, ay, bx, by = a % nx, a // nx, b % nx, b // nx
    return np.stack([ax + share * (bx - ax), ay + share * (by - ay)], axis=1)
