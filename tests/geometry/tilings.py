"""Random tilings on the lattice: triangles of random points, merged at random into cells of any shape."""

from itertools import pairwise

import numpy as np
import shapely
from hypothesis import strategies as st

from geo_service.geometry import lattice

ORIGIN = np.array([round(119.2 * 2**23), round(29.1 * 2**23)])  # Longyou
STEP_M = np.array([0.0116, 0.0132])  # one lattice step there, east and north


def triangles(rng, n_points, span=60_000):
    """Delaunay triangles of random lattice points and the corners of a square of about 700 m."""
    points = rng.integers(0, span + 1, (n_points, 2))
    points = np.unique(np.vstack((points, [[0, 0], [span, 0], [0, span], [span, span]])), axis=0)
    faces = shapely.delaunay_triangles(shapely.MultiPoint(lattice.to_degrees(points + ORIGIN)))
    return shapely.get_parts(faces)


def merged(faces, owner):
    """Cells: the union of the faces of each owner, in ascending order of owner."""
    return np.array([shapely.coverage_union_all(faces[owner == c]) for c in np.unique(owner)])


def random_tiling(seed, n_points, n_cells):
    """A tiling whose cells have holes, several parts, touching corners: whatever chance brings."""
    rng = np.random.default_rng(seed)
    faces = triangles(rng, n_points)
    return merged(faces, rng.integers(0, n_cells, len(faces)))


def compact_tiling(seed, n_points=40, n_cells=6):
    """A tiling of connected cells: each triangle goes to the nearest of some seeds."""
    rng = np.random.default_rng(seed)
    faces = triangles(rng, n_points)
    centre = shapely.get_coordinates(shapely.centroid(faces))
    low, high = centre.min(axis=0), centre.max(axis=0)
    seeds = rng.uniform(low, high, (n_cells, 2))
    owner = ((centre[:, None] - seeds[None]) ** 2).sum(axis=2).argmin(axis=1)
    return merged(faces, owner)


TILINGS = st.builds(random_tiling, st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 9))
COMPACT = st.builds(compact_tiling, st.integers(0, 10**6), st.integers(8, 60), st.integers(2, 8))


def units(ring, *holes):
    """A polygon from lattice steps about ORIGIN."""
    return shapely.Polygon(
        lattice.to_degrees(np.array(ring) + ORIGIN), [lattice.to_degrees(np.array(h) + ORIGIN) for h in holes]
    )


def square(x, y, size=10_000):
    """A square of ``size`` steps (10,000 are about 120 m), its corner (x, y) steps from ORIGIN."""
    return units([(x, y), (x + size, y), (x + size, y + size), (x, y + size)])


def shaken(cells, seed, steps):
    """Each cell with each of its vertices moved on its own by up to so many steps, off the lattice."""
    rng = np.random.default_rng(seed)

    def move(xy):
        points, which = np.unique(xy, axis=0, return_inverse=True)  # a ring must stay closed
        return (points + rng.uniform(-steps, steps, points.shape) * lattice.UNIT_DEG)[which]

    return np.array([shapely.transform(cell, move) for cell in cells])


def exact_area2(geom):
    """Twice the area in lattice units by the shoelace formula in Python's integers."""
    total = 0
    for part in shapely.get_parts(geom):
        for k, ring in enumerate(shapely.get_rings(part)):
            points = [(int(x), int(y)) for x, y in lattice.to_lattice(shapely.get_coordinates(ring)).tolist()]
            twice = abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in pairwise(points)))
            total += -twice if k else twice
    return total
