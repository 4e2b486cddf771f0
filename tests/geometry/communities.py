"""Small seeded communities of plots, streets and a river, and pieces of any graph for property tests."""

import numpy as np
import shapely
from hypothesis import strategies as st

from geo_service.geometry import lattice
from geo_service.geometry.pieces import Pieces

ORIGIN_DEG = np.array([119.17, 29.03])
DEG_PER_M = np.array([1 / 97_460, 1 / 110_870])
PLOT_M = 28.0


def degrees(geoms):
    return lattice.snap(shapely.transform(geoms, lambda xy: xy * DEG_PER_M + ORIGIN_DEG))


def square_land(side_m):
    return degrees(shapely.segmentize(shapely.box(0, 0, side_m, side_m), 40.0))


def plots(seed, side, share=0.85, gap_m=3.0):
    """Footprints on a grid of plots, off the middle row, where a river may run."""
    rng = np.random.default_rng(seed)
    column, row = np.divmod(np.arange(side * side), side)
    kept = (row != side // 2) & (rng.random(side * side) < share)
    middle = (np.column_stack((column, row))[kept] + 0.5) * PLOT_M
    half = rng.uniform(4.0, PLOT_M / 2.0 - gap_m, (len(middle), 2))
    middle += rng.uniform(-1.0, 1.0, middle.shape) * (PLOT_M / 2.0 - gap_m - half)
    return degrees(shapely.box(*(middle - half).T, *(middle + half).T))


def river(side):
    y = (side // 2 + 0.5) * PLOT_M
    x = np.linspace(-1.0, side * PLOT_M + 1.0, 20)
    return degrees(shapely.LineString(np.column_stack((x, y + 5.0 * np.sin(x / 50.0)))))


def street(side, column):
    x = column * PLOT_M
    return degrees(shapely.LineString([(x, -1.0), (x, side * PLOT_M + 1.0)]))


def grid_pieces(width, height, weight, *, barred=(), current=None, size_m=30.0):
    """Square pieces in a grid, row by row; ``barred`` are pairs of pieces."""
    n = width * height
    pairs = [(k, k + 1) for k in range(n) if (k + 1) % width]
    pairs = np.array(pairs + [(k, k + width) for k in range(n - width)], dtype=np.int32).reshape(-1, 2)
    row, column = np.divmod(np.arange(n), width)
    middle = np.column_stack((column, -row)) * size_m
    stopped = {tuple(sorted(pair)) for pair in barred}
    return Pieces(
        weight=np.asarray(weight, dtype=np.int64),
        area_m2=np.full(n, size_m**2),
        perimeter_m=np.full(n, 4.0 * size_m),
        pairs=pairs,
        border_m=np.full(len(pairs), size_m),
        barrier=np.array([tuple(pair) in stopped for pair in pairs.tolist()], dtype=bool),
        along_line=np.zeros(len(pairs), dtype=bool),
        current=np.full(n, -1, np.int32) if current is None else np.asarray(current, dtype=np.int32),
        centroid_deg=middle * DEG_PER_M + ORIGIN_DEG,
    )


@st.composite
def small_pieces(draw, most=40, heaviest=20):
    """A grid of random weights with some borders barred."""
    width, height = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    n = min(width * height, most)
    width, height = (n, 1) if width * height > most else (width, height)
    weight = draw(st.lists(st.integers(0, heaviest), min_size=n, max_size=n))
    free = grid_pieces(width, height, weight)
    share = draw(st.sampled_from([0.0, 0.1, 0.4]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    barred = free.pairs[rng.random(len(free.pairs)) < share].tolist()
    current = rng.integers(-1, 4, n)
    return grid_pieces(width, height, weight, barred=barred, current=current)


def hangs_together(pieces, assignment):
    """Walk each group from its first piece over open borders: plain Python, no code of ours."""
    beside = {k: set() for k in range(len(pieces))}
    for (a, b), barrier in zip(pieces.pairs.tolist(), pieces.barrier.tolist(), strict=True):
        if not barrier:
            beside[a].add(b)
            beside[b].add(a)
    for group in set(assignment.tolist()):
        members = set(np.flatnonzero(assignment == group).tolist())
        reached, todo = set(), [min(members)]
        while todo:
            here = todo.pop()
            if here not in reached:
                reached.add(here)
                todo += beside[here] & members
        if reached != members:
            return False
    return True
