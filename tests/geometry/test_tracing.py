"""Tracing: the line runs along features, near what was drawn, and is the best there is."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.measure import metres_per_degree
from geo_service.geometry.tracing import trace

ORIGIN_DEG = np.array([119.17, 29.03])
SCALE = np.array(metres_per_degree(29.03))
STEP_M = 1.5 * lattice.UNIT_M


def degrees(xy_m):
    return np.asarray(xy_m, dtype=float) / SCALE + ORIGIN_DEG


def metres(deg):
    return (np.asarray(deg) - ORIGIN_DEG) * SCALE


def line(*xy_m):
    return lattice.snap(shapely.LineString(degrees(xy_m)))


def streets(seed, n=6, side_m=100.0):
    """A bent street grid: every street drawn from junction to junction, with a corner in between."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), axis=-1) * side_m
    at = at + rng.uniform(-20, 20, at.shape)
    out = []
    for i in range(n):
        for j in range(n):
            for p, q in ((i + 1, j), (i, j + 1)):
                if p < n and q < n:
                    middle = (at[i, j] + at[p, q]) / 2 + rng.uniform(-6, 6, 2)
                    out.append(line(at[i, j], middle, at[p, q]))
    return at, out


def test_a_line_beside_a_street_is_taken_to_it():
    street = line((0, 0), (50, 8), (100, 0), (150, -5))
    found = trace([street], degrees([(0, 10), (150, 10)]), 20.0)
    deg = lattice.to_degrees(found.ij)
    inner = deg[1:-1]
    assert shapely.distance(shapely.points(inner), street).max() <= lattice.UNIT_DEG
    kept = {tuple(at) for at in deg.tolist()}
    assert {tuple(at) for at in street.coords[1:-1]} <= kept  # its corners are those of the street
    assert np.allclose(metres(deg[[0, -1]]), [(0, 10), (150, 10)], atol=0.02)
    assert found.feature_m == pytest.approx(
        shapely.length(shapely.LineString(metres(street.coords))), rel=0.05
    )
    assert found.straight_m == pytest.approx(25, abs=2)
    assert found.farthest_m <= 20.0


def test_streets_that_cross_without_a_common_corner_are_joined():
    found = trace(
        [line((0, 0), (100, 0)), line((60, -50), (60, 50))], degrees([(0, 0), (58, 2), (60, 50)]), 15.0
    )
    assert np.abs(metres(lattice.to_degrees(found.ij)) - [60, 0]).sum(axis=1).min() < 0.05
    assert found.straight_m < 0.1


def test_where_the_street_ends_the_drawn_line_goes_on():
    found = trace([line((0, 0), (100, 0))], degrees([(-30, 3), (140, 3)]), 10.0)
    xy = metres(lattice.to_degrees(found.ij))
    assert np.allclose(xy[[0, -1]], [(-30, 3), (140, 3)], atol=0.02)
    assert found.feature_m == pytest.approx(100, abs=3)
    assert shapely.LineString(xy).is_simple


def test_no_feature_is_refused():
    with pytest.raises(InvalidInputError) as caught:
        trace([line((0, 200), (100, 200))], degrees([(0, 0), (100, 0)]), 30.0)
    assert "within 30 m" in caught.value.faults[0].message
    with pytest.raises(InvalidInputError):
        trace([], degrees([(0, 0), (100, 0)]), 30.0)


def test_a_street_that_only_crosses_is_refused():
    with pytest.raises(InvalidInputError):
        trace([line((50, -100), (50, 100))], degrees([(0, 0), (100, 0)]), 15.0)
    with pytest.raises(InvalidInputError):
        trace([line((50, -100), (50, 100))], degrees([(35, 0), (65, 0)]), 15.0)


def test_a_gap_on_the_way_is_refused_with_its_place():
    parts = [line((0, 0), (90, 0)), line((150, 0), (300, 0))]
    with pytest.raises(InvalidInputError) as caught:
        trace(parts, degrees([(0, 2), (300, 2)]), 20.0)
    (fault,) = caught.value.faults
    assert "breaks off" in fault.message
    assert np.allclose(metres([fault.place]), [(90, 0)], atol=0.1)


@pytest.mark.parametrize("within_m", [0.0, -1.0, 201.0, float("nan")])
def test_the_distance_has_bounds(within_m):
    with pytest.raises(InvalidInputError):
        trace([line((0, 0), (100, 0))], degrees([(0, 0), (100, 0)]), within_m)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(15, 45),
    st.lists(st.tuples(*[st.floats(-15, 15)] * 2), min_size=2, max_size=6),
)
def test_the_way_runs_on_streets_near_the_drawn_line(seed, within_m, bends):
    at, lines = streets(seed)
    rng = np.random.default_rng(seed)
    place = [0, int(rng.integers(6))]
    drawn = [at[tuple(place)]]
    while place[0] < 5 and len(drawn) < len(bends) + 2:
        step = 0 if rng.random() < 0.6 else 1
        if place[step] + 1 < 6:
            place[step] += 1
            drawn.append(at[tuple(place)])
    if len(drawn) < 2:
        return
    drawn = np.array(drawn)
    drawn[: len(bends)] += np.array(bends)[: len(drawn)]
    try:
        found = trace(lines, degrees(drawn), within_m)
    except InvalidInputError:
        return  # a bend has taken it too far off
    deg = lattice.to_degrees(found.ij)
    xy = metres(deg)
    ground = shapely.union_all([shapely.LineString(metres(shape.coords)) for shape in lines])
    middle = (xy[1:] + xy[:-1]) / 2
    off = shapely.distance(shapely.points(middle), ground)
    assert off[found.on_feature].max() <= STEP_M
    hand = shapely.LineString(drawn)
    assert shapely.distance(shapely.points(xy), hand).max() <= within_m + STEP_M
    length = np.hypot(*np.diff(xy, axis=0).T)
    assert found.feature_m == pytest.approx(length[found.on_feature].sum(), rel=1e-3)
    assert found.straight_m == pytest.approx(length[~found.on_feature].sum(), rel=1e-3, abs=1e-3)
    assert (np.diff(found.ij, axis=0) != 0).any(axis=1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_between_two_junctions_it_is_the_shortest_weighted_way(seed):
    at, lines = streets(seed, n=4)
    hand = shapely.LineString([at[0, 0], at[1, 2], at[3, 3]])
    within_m = 150.0
    graph = nx.Graph()
    for shape in lines:
        xy = metres(shape.coords)
        for a, b in pairwise(xy):
            far = [hand.distance(shapely.Point(p)) for p in (a, (a + b) / 2, b)]
            cost = np.hypot(*(b - a)) * (1 + (far[0] + 4 * far[1] + far[2]) / 6 / within_m)
            graph.add_edge(tuple(a.round(2)), tuple(b.round(2)), weight=cost)
    ends = [
        tuple(metres(lattice.snap(shapely.Point(degrees(p))).coords)[0].round(2))
        for p in (at[0, 0], at[3, 3])
    ]
    best = nx.shortest_path(graph, *ends, weight="weight")
    found = trace(lines, degrees(np.array(hand.coords)), within_m)
    xy = metres(lattice.to_degrees(found.ij))
    assert shapely.hausdorff_distance(shapely.LineString(xy), shapely.LineString(best)) < 0.1
