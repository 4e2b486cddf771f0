"""Outlines: valid, nested, and where they should be."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.roads.graph import UNREACHED
from geo_service.roads.isochrone import isochrone
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.reach import demand_time_ms
from geo_service.roads.snap import Snapper, Snaps
from geo_service.roads.travel import travel_time
from tests.roads.networks import graph_of, grid_town, make_network, networks, places_on

EAST, NORTH = metres_per_degree(28.9)


@settings(max_examples=25)
@given(st.data())
def test_outlines_are_valid_and_nested(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph))
    limits = sorted(data.draw(st.lists(st.integers(0, 400_000), min_size=2, max_size=3)))
    outlines = isochrone(graph, sources, limits)
    assert all(isinstance(outline, shapely.MultiPolygon) and outline.is_valid for outline in outlines)
    for inner, outer in pairwise(outlines):
        assert shapely.difference(inner, outer).area < 1e-13


def test_a_straight_street_gives_a_sausage() -> None:
    graph = graph_of(make_network([(118.80, 28.9), (118.85, 28.9)], [(0, 1)]))
    # from the middle, 1,000 m either way at 1 m/s
    source = Snaps.on_edges(graph, [0], [0.5])
    (outline,) = isochrone(graph, source, [1_000_000], cell_m=10.0, off_street_m=60.0)
    west, south, east, north = shapely.affinity.scale(outline, EAST, NORTH, origin=(118.825, 28.9)).bounds
    # off the ends the walk takes what is left of the time: nothing
    assert (east - west) / 2 == pytest.approx(1000, abs=15)
    assert (north - south) / 2 == pytest.approx(60, abs=15)
    area_m2 = outline.area * EAST * NORTH
    # discs of 60 m as far as 940 m, then shrinking to nothing
    assert area_m2 == pytest.approx(2 * (940 * 120 + 60 * 60), rel=0.05)


def test_places_within_the_limit_lie_inside_and_others_outside() -> None:
    graph = graph_of(grid_town(14))
    sources = Snaps.on_edges(graph, [30, 200], [0.3, 0.8])
    limit, cell_m = 400_000, 10.0
    (outline,) = isochrone(graph, sources, [limit], cell_m=cell_m, off_street_m=40.0)
    points = np.random.default_rng(5).uniform((118.8, 28.9), (118.813, 28.913), (3000, 2))
    snaps = Snapper(graph).snap(points, 40.0)
    time_ms, owner = travel_time(graph, sources)
    at_ms, _ = demand_time_ms(graph, snaps, time_ms, owner, sources)
    inside = shapely.contains_xy(outline, points)
    # 1.5 cells are 15 m: 15 s on foot
    assert inside[(at_ms <= limit - 15_000) & (snaps.distance_m < 25)].all()
    # what the nearest street cannot do, another may: only points far from any are surely outside
    assert not inside[Snapper(graph).snap(points, 55.0).edge < 0].any()
    far = Snapper(graph).snap(points, 500.0)
    late, _ = demand_time_ms(graph, far, time_ms, owner, sources)
    assert not inside[(late > limit + 100_000) & (late < UNREACHED)].any()


def test_courtyards_are_holes() -> None:
    graph = graph_of(grid_town(3, 0.004))
    (outline,) = isochrone(graph, Snaps.on_edges(graph, [0], [0.5]), [10_000_000])
    assert len(outline.geoms) == 1
    assert len(outline.geoms[0].interiors) == 4


def test_delays_shrink_and_no_time_is_nothing() -> None:
    graph = graph_of(grid_town(8))
    source = Snaps.on_edges(graph, [3], [0.5])
    now, later = (isochrone(graph, source, [300_000], delay_ms=d)[0] for d in (0, 200_000))
    # each is drawn on a raster of its own
    assert now.buffer(1.5 * 15 / NORTH).covers(later)
    assert later.area < now.area / 2
    assert isochrone(graph, source, [100], delay_ms=200)[0].is_empty
    assert isochrone(graph, source.take([]), [1000])[0].is_empty
    assert len(isochrone(graph, source, [])) == 0


def test_senseless_questions_are_refused() -> None:
    graph = graph_of(grid_town(8))
    source = Snaps.on_edges(graph, [3], [0.5])
    with pytest.raises(InvalidInputError) as raised:
        isochrone(graph, source, [-1], cell_m=0)
    assert len(raised.value.faults) == 2
    for cell_m in (0.01, 5_000, float("nan")):
        with pytest.raises(InvalidInputError):
            isochrone(graph, source, [300_000], cell_m=cell_m)
