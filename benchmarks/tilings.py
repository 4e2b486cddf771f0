"""Synthetic tilings on the lattice: Voronoi cells whose edges wander like real borders; points to place."""

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Voronoi

SCALE = 2**23
COUNTY_DEG = (119.2, 28.6, 119.9, 29.2)


def county(n_cells: int = 14_199, *, seed: int = 7, bends: int = 3) -> NDArray[np.object_]:
    """Make a tiling: half of the cells in two dozen towns and villages, half over the whole land.

    Parameters
    ----------
    n_cells : int
    seed : int
        The same seed gives the same tiling.
    bends : int
        Each edge between two cells has up to ``2**bends`` segments (8: about 24 vertices a cell).

    Returns
    -------
    (n_cells,) ndarray of shapely.Polygon
        On the lattice, EPSG:4326; a valid coverage without holes.
    """
    rng = np.random.default_rng(seed)
    diagram = Voronoi(_mirrored(_seats(rng, n_cells), COUNTY_DEG))
    vertices = np.rint(diagram.vertices * SCALE)
    roughness = np.full(len(diagram.ridge_vertices), 0.16)
    for _ in range(12):
        cells = _assemble(diagram, n_cells, _wandering(diagram, vertices, roughness, bends, seed))
        bad = _bad_cells(cells)
        if not len(bad):
            return cells
        roughness[np.isin(diagram.ridge_points, bad).any(axis=1)] *= 0.4
    raise RuntimeError(f"{len(bad)} cells of this tiling do not come out valid; take another seed")


def clustered_points(n: int, *, seed: int = 11) -> NDArray[np.float64]:
    """Points as incidents lie: nine in ten around forty places, the rest anywhere (a few outside)."""
    rng = np.random.default_rng(seed)
    low, high = np.array(COUNTY_DEG[:2]), np.array(COUNTY_DEG[2:])
    places = rng.uniform(low + 0.05, high - 0.05, (40, 2))
    share = rng.dirichlet(np.full(40, 0.7))
    around = places[rng.choice(40, n, p=share)] + rng.normal(0, 0.008, (n, 2))
    anywhere = rng.uniform(low - 0.01, high + 0.01, (n, 2))
    return np.where(rng.random((n, 1)) < 0.9, around, anywhere)


def border_points(cells: NDArray[np.object_], n: int, *, seed: int = 13) -> NDArray[np.float64]:
    """Lattice points on the borders of cells: half vertices, half points within a segment that has some."""
    rng = np.random.default_rng(seed)
    xy, ring = shapely.get_coordinates(shapely.get_rings(cells), return_index=True)
    ij = np.rint(xy * SCALE).astype(np.int64)
    starts = np.flatnonzero(ring[1:] == ring[:-1])
    a, b = ij[starts], ij[starts + 1]
    step = np.gcd(np.abs(b - a)[:, 0], np.abs(b - a)[:, 1])
    vertices = a[rng.integers(0, len(a), n - n // 2)]
    many = rng.choice(np.flatnonzero(step > 1), n // 2)
    at = rng.integers(1, step[many])
    within = a[many] + (b - a)[many] // step[many, None] * at[:, None]
    return np.concatenate([vertices, within]) / SCALE


def _seats(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    low, high = np.array(COUNTY_DEG[:2]), np.array(COUNTY_DEG[2:])
    towns = rng.uniform(low + 0.06, high - 0.06, (24, 2))
    spread = rng.uniform(0.004, 0.02, 24)
    which = rng.integers(0, 24, n // 2)
    dense = towns[which] + rng.normal(size=(n // 2, 2)) * spread[which, None]
    dense = np.clip(dense, low + 1e-4, high - 1e-4)
    return np.concatenate([dense, rng.uniform(low, high, (n - n // 2, 2))])


def _mirrored(seats: NDArray[np.float64], box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Add the mirror images at the four sides, so that the cells of the seats end at the box."""
    west, south, east, north = box
    return np.concatenate(
        [
            seats,
            np.column_stack([2 * west - seats[:, 0], seats[:, 1]]),
            np.column_stack([2 * east - seats[:, 0], seats[:, 1]]),
            np.column_stack([seats[:, 0], 2 * south - seats[:, 1]]),
            np.column_stack([seats[:, 0], 2 * north - seats[:, 1]]),
        ]
    )


def _wandering(
    diagram: Voronoi, vertices: NDArray[np.float64], roughness: NDArray[np.float64], bends: int, seed: int
) -> NDArray[np.float64]:
    """Lattice points of every ridge, first vertex to second: midpoints displaced, again and again."""
    rng = np.random.default_rng(seed + 1)
    ends = np.array(diagram.ridge_vertices)
    line = vertices[np.where(ends < 0, 0, ends)]
    for _ in range(bends):
        a, b = line[:, :-1], line[:, 1:]
        across = np.stack([a[..., 1] - b[..., 1], b[..., 0] - a[..., 0]], axis=-1)
        off = rng.uniform(-1, 1, (*across.shape[:2], 1)) * roughness[:, None, None]
        finer = np.empty((len(line), 2 * line.shape[1] - 1, 2))
        finer[:, ::2], finer[:, 1::2] = line, np.rint((a + b) / 2 + off * across)
        line = finer
    return line


def _assemble(diagram: Voronoi, n_cells: int, lines: NDArray[np.float64]) -> NDArray[np.object_]:
    """Join the ridges of each cell into its ring."""
    number = {frozenset(pair): i for i, pair in enumerate(map(tuple, diagram.ridge_vertices))}
    first = np.array(diagram.ridge_vertices)[:, 0]
    rings, owner = [], []
    for cell in range(n_cells):
        corners = diagram.regions[diagram.point_region[cell]]
        parts = []
        for u, v in zip(corners, corners[1:] + corners[:1], strict=True):
            ridge = number[frozenset((u, v))]
            parts.append(lines[ridge, :-1] if first[ridge] == u else lines[ridge, :0:-1])
        ring = np.concatenate(parts)
        ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
        rings.append(ring)
        owner.append(np.full(len(ring), cell))
    return shapely.polygons(shapely.linearrings(np.concatenate(rings) / SCALE, indices=np.concatenate(owner)))


def _bad_cells(cells: NDArray[np.object_]) -> NDArray[np.intp]:
    """Cells that are invalid themselves or have a faulty edge with a neighbour."""
    faulty = ~shapely.is_valid(cells)
    if not faulty.any():
        faulty = ~shapely.is_empty(shapely.coverage_invalid_edges(cells))
    return np.flatnonzero(faulty)
