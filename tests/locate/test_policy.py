"""Borders, gaps and doubt: against shapely in a projection about each point, and against sampling."""

import math

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import Voronoi
from scipy.stats import norm

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.measure import metres_per_degree
from geo_service.geometry.segments import segments_of
from geo_service.locate.index import CellIndex

from .random_tilings import stretched, tilings

GEOD = pyproj.Geod(ellps="WGS84")


def voronoi_cells(n, seed, low=(119.60, 29.00), high=(119.64, 29.03)):
    """Cells about 300 m wide, on the lattice, with ragged land outside."""
    seats = np.random.default_rng(seed).uniform(low, high, (n, 2))
    diagram = Voronoi(seats)
    vertices = lattice.to_degrees(np.rint(diagram.vertices * lattice.SCALE))
    regions = [diagram.regions[r] for r in diagram.point_region]
    land = shapely.box(*low, *high).buffer(0.01)
    cells = [shapely.Polygon(vertices[r]) for r in regions if r and -1 not in r]
    return np.array([c for c in cells if c.is_valid and land.contains(c)])


def in_metres(geoms, lon, lat):
    """Shapes in an equidistant projection about a place."""
    to = pyproj.Transformer.from_crs(
        4326, f"+proj=aeqd +lat_0={lat} +lon_0={lon} +ellps=WGS84", always_xy=True
    )
    return shapely.transform(geoms, lambda deg: np.column_stack(to.transform(deg[:, 0], deg[:, 1])))


@pytest.fixture(scope="module")
def town():
    cells = voronoi_cells(160, 5)
    return cells, CellIndex.build(segments_of(cells), [f"{i:04d}" for i in range(len(cells))])


def test_distance_to_the_border_and_the_cell_beyond(town):
    cells, index = town
    points = np.random.default_rng(1).uniform((119.59, 28.99), (119.65, 29.04), (150, 2))
    found = index.locate(points, border=True, near_gap_m=120.0)
    assert {str(h) for h in found.how} == {"inside", "near_gap", "none"}
    for k, (lon, lat) in enumerate(points):
        flat = in_metres(cells, lon, lat)
        centre = shapely.Point(0, 0)
        if found.cell[k] >= 0:
            own = found.cell[k]
            distance = shapely.distance(shapely.boundary(flat[own]), centre)
            assert found.border_m[k] == pytest.approx(distance, rel=1e-3, abs=0.02)
            others = shapely.distance(np.delete(flat, own), centre)
            if found.runner_up[k] >= 0:
                assert others.min() == pytest.approx(distance, rel=1e-3, abs=0.02)
                beyond = shapely.distance(flat[found.runner_up[k]], centre)
                assert beyond == pytest.approx(distance, rel=1e-3, abs=0.02)
            else:
                assert others.min() > distance
            assert found.nearest[k] == -1
            assert math.isnan(found.nearest_m[k])
        else:
            distances = shapely.distance(flat, centre)
            assert found.nearest_m[k] == pytest.approx(distances.min(), rel=1e-3, abs=0.02)
            assert distances[found.nearest[k]] == pytest.approx(distances.min(), rel=1e-3, abs=0.02)
            assert found.how[k] == ("near_gap" if found.nearest_m[k] <= 120 else "none")
            assert math.isnan(found.border_m[k])


def brute_force(tiling, p, own, scale):
    """Squared distance to every segment by itself, and the smallest other cell at the nearest place."""
    s = tiling.segments()
    best, cells = math.inf, set()
    for ax, ay, bx, by, left, right in zip(s.ax, s.ay, s.bx, s.by, s.left, s.right, strict=True):
        a, b = np.array([ax, ay], float), np.array([bx, by], float)
        d = (b - a) * scale
        t = min(max(((p - a) * scale) @ d / (d @ d), 0.0), 1.0)
        far = float((((p - a - t * (b - a)) * scale) ** 2).sum())
        if far < best * (1 - 1e-7) - 1e-12:
            best, cells = far, set()
        if far <= best * (1 + 1e-7) + 1e-12:
            cells |= {int(left), int(right)}
    return best, min(cells - {own, -1}, default=-1)


@settings(max_examples=40)
@given(tilings(), st.sampled_from([(1, 0, 0), (9973, 119 * lattice.SCALE, 29 * lattice.SCALE)]), st.data())
def test_the_search_misses_no_segment(tiling, place, data):
    tiling = stretched(tiling, *place)
    index = CellIndex.build(tiling.segments(), tiling.codes)
    factor, dx, dy = place
    spot = st.tuples(st.integers(-6, 18), st.integers(-6, 18))
    points = np.array(data.draw(st.lists(spot, min_size=1, max_size=12))) * factor + (dx, dy)
    found = index.locate(points / lattice.SCALE, border=True)
    for k, p in enumerate(points):
        lat = math.radians(p[1] / lattice.SCALE)
        squash = 1 - 0.0066943799901413165 * math.sin(lat) ** 2
        scale = (
            np.radians(1 / lattice.SCALE)
            * 6378137.0
            * np.array([math.cos(lat) / math.sqrt(squash), (1 - 0.0066943799901413165) / squash**1.5])
        )
        far, other = brute_force(tiling, p.astype(float), int(found.cell[k]), scale)
        distance = found.border_m[k] if found.cell[k] >= 0 else found.nearest_m[k]
        assert distance == pytest.approx(math.sqrt(far), rel=1e-4, abs=1e-5)
        assert other == (found.runner_up[k] if found.cell[k] >= 0 else found.nearest[k])


def test_on_the_border_the_distance_is_zero_and_the_neighbour_is_named():
    cells = np.array([shapely.box(0, 0, 0.5, 1), shapely.box(0.5, 0, 1, 1), shapely.box(0, 1, 1, 2)])
    index = CellIndex.build(segments_of(cells), list("abc"))
    found = index.locate(np.array([(0.5, 0.25), (0.5, 1.0), (0.0, 0.5), (0.0, 0.0)]), border=True)
    assert found.cell.tolist() == [0, 0, 0, 0]
    assert found.how.tolist() == ["on_edge"] * 4
    assert found.border_m.tolist() == [0, 0, 0, 0]
    assert found.runner_up.tolist() == [1, 1, -1, -1]


def test_what_is_not_asked_for_is_not_computed_and_no_place_stays_unknown():
    index = CellIndex.build(segments_of(np.array([shapely.box(0, 0, 1, 1)])), ["a"])
    points = np.array([(0.5, 0.5), (1.0001, 0.5), (np.nan, 0.5), (500.0, 0.0)])
    plain = index.locate(points)
    assert plain.how.tolist() == ["inside", "none", "none", "none"]
    assert np.isnan(plain.border_m).all()
    assert (plain.nearest == -1).all()
    near = index.locate(points, near_gap_m=20.0)
    assert near.how.tolist() == ["inside", "near_gap", "none", "none"]
    assert near.nearest.tolist() == [-1, 0, -1, -1]
    assert near.nearest_m[1] == pytest.approx(GEOD.inv(1, 0.5, 1.0001, 0.5)[2], abs=0.01)
    assert len(index.locate(np.empty((0, 2)), border=True, near_gap_m=1.0)) == 0


def test_far_away_the_nearest_cell_is_the_nearest_on_the_ellipsoid():
    cells = np.array([shapely.box(100, 20, 101, 21), shapely.box(110, 45, 111, 46)])
    index = CellIndex.build(segments_of(cells), ["a south", "b north"])
    edge = shapely.get_coordinates(shapely.segmentize(shapely.boundary(cells[0]), 0.001))
    for lon, lat in ((104.0, 26.0), (98.0, 17.0), (100.5, 27.0), (103.0, 20.5)):
        exact = GEOD.inv(*edge.T, np.full(len(edge), lon), np.full(len(edge), lat))[2].min()
        found = index.locate(np.array([(lon, lat)]), border=True)
        assert found.nearest.tolist() == [0]
        assert found.nearest_m[0] == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("accuracy_m", [3.0, 40.0, 150.0, 600.0])
def test_probabilities_agree_with_sampling(town, accuracy_m):
    _, index = town
    sigma = accuracy_m / math.sqrt(-2 * math.log(0.32))
    radius, turn = np.meshgrid((np.arange(300) + 0.5) / 300, (np.arange(360) + 0.5))
    reach = sigma * np.sqrt(-2 * np.log(radius.ravel()))
    for lon, lat in ((119.62, 29.015), (119.6105, 29.0061), (119.6001, 29.0001), (119.58, 29.0)):
        at = np.full((2, reach.size), [[lon], [lat]])
        sample = np.column_stack(GEOD.fwd(*at, turn.ravel(), reach)[:2])
        cell, _ = index.leaf_of(sample)
        share = np.bincount(cell + 1, minlength=len(index) + 1)[1:] / len(cell)
        got = dict(index.candidates(lon, lat, accuracy_m))
        assert sum(got.values()) <= 1 + 1e-9
        assert list(got.values()) == sorted(got.values(), reverse=True)
        for k in range(len(index)):
            assert got.get(k, 0.0) == pytest.approx(share[k], abs=3e-3)


@settings(max_examples=60, deadline=None)
@given(
    holes=st.sets(st.integers(0, 35), max_size=30),
    at=st.tuples(st.floats(-0.002, 0.008), st.floats(-0.002, 0.008)),
    accuracy_m=st.floats(0.5, 500.0),
)
def test_gaps_and_islands_hide_no_cell(holes, at, accuracy_m):
    """Over land that nobody has, too: all cells are asked, one by one, for the mass that each has."""
    kept = [k for k in range(36) if k not in holes]
    assume(kept)
    step = 2**-10
    boxes = [
        shapely.box(step * (k % 6), step * (k // 6), step * (k % 6 + 1), step * (k // 6 + 1)) for k in kept
    ]
    index = CellIndex.build(segments_of(np.array(boxes)), [f"{k:02}" for k in kept])
    sigma_m = accuracy_m / math.sqrt(-2 * math.log(0.32))
    per_degree_m = np.array(metres_per_degree(at[1]))
    place = np.rint(np.array(at) * lattice.SCALE) / lattice.SCALE
    corners_m = np.array([box.bounds for box in boxes]) - np.tile(place, 2)
    low, high = (norm.cdf(corners_m[:, part] * per_degree_m / sigma_m) for part in ((0, 1), (2, 3)))
    mass = np.prod(high - low, axis=1)
    got = dict(index.candidates(*at, accuracy_m, min_probability=1e-9))
    for k, expected in enumerate(mass):
        assert got.get(k, 0.0) == pytest.approx(expected, abs=1e-8)


def test_on_a_border_and_in_a_corner_the_doubt_is_shared_evenly():
    boxes = [(0, 0), (0.25, 0), (0, 0.25), (0.25, 0.25)]
    cells = np.array([shapely.box(x, y, x + 0.25, y + 0.25) for x, y in boxes])
    index = CellIndex.build(segments_of(cells), list("abcd"))
    assert index.candidates(0.25, 0.25, 80.0) == [(k, pytest.approx(0.25, abs=1e-6)) for k in range(4)]
    assert index.candidates(0.25, 0.1, 80.0) == [(k, pytest.approx(0.5, abs=1e-6)) for k in range(2)]
    assert index.candidates(0.0, 0.1, 80.0) == [(0, pytest.approx(0.5, abs=1e-6))]
    assert index.candidates(0.1, 0.1, 80.0) == [(0, pytest.approx(1.0, abs=1e-6))]
    assert index.candidates(0.1, 0.1, 0.0) == [(0, 1.0)]
    assert index.candidates(0.9, 0.9, 0.0) == []
    assert index.candidates(0.9, 0.9, 10.0) == []


def test_sixty_eight_in_a_hundred_lie_within_the_radius():
    ring = shapely.Point(0, 0).buffer(100.0, quad_segs=400)
    lon, lat = 119.5, 29.0
    back = pyproj.Transformer.from_crs(
        f"+proj=aeqd +lat_0={lat} +lon_0={lon} +ellps=WGS84", 4326, always_xy=True
    )
    circle = shapely.transform(ring, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1])))
    index = CellIndex.build(segments_of(np.array([lattice.snap(circle)])), ["circle"])
    assert index.candidates(lon, lat, 100.0)[0][1] == pytest.approx(0.68, abs=1e-3)


@pytest.mark.parametrize("accuracy_m", [-1.0, math.nan, math.inf])
def test_an_accuracy_that_is_no_distance_is_refused(town, accuracy_m):
    with pytest.raises(InvalidInputError, match="accuracy"):
        town[1].candidates(119.62, 29.0, accuracy_m)


def test_no_place_has_no_candidates(town):
    assert town[1].candidates(math.nan, 29.0, 10.0) == []
    assert town[1].candidates(119.62, 91.0, 10.0) == []


def test_at_the_poles_the_answers_are_finite():
    halves = np.array([shapely.box(-180, -90, 0, 90), shapely.box(0, -90, 180, 90)])
    index = CellIndex.build(segments_of(halves), ["east", "west"])
    points = np.array([(90.0, 90.0), (90.0, -90.0), (0.0, 90.0), (-90.0, -89.9999)])
    found = index.locate(points, border=True)
    assert found.cell.tolist() == [1, 1, 0, 0]
    assert np.isfinite(found.border_m).all()
    for lon, lat in points:
        assert 0 < sum(p for _, p in index.candidates(lon, lat, 100.0)) <= 1 + 1e-9


def test_points_far_from_all_cells_are_passed_over_only_when_nobody_asks_for_the_nearest(town):
    _, index = town
    points = np.array(
        [[0.0, 0.0], [119.6, 45.0], [119.62, 29.0 - 40 / 111_000], [-179.0, 89.0], [np.nan, 1.0]]
    )
    quick = index.locate(points, border=True, near_gap_m=5_000.0, nearest=False)
    whole = index.locate(points, border=True, near_gap_m=5_000.0, nearest=True)
    assert quick.how.tolist() == whole.how.tolist() == ["none", "none", "near_gap", "none", "none"]
    assert np.isnan(quick.nearest_m).tolist() == [True, True, False, True, True]
    assert np.isnan(whole.nearest_m).tolist() == [False, False, False, False, True]
    assert quick.nearest_m[2] == whole.nearest_m[2]
