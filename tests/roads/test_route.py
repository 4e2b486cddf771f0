"""The way found takes what the book says, and its streets hang together."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.roads.fleet import Fleet
from geo_service.roads.graph import UNREACHED
from geo_service.roads.route import find_route
from geo_service.roads.snap import Snaps
from tests.roads.networks import FORWARD, graph_of, grid_town, make_network, networks, place_time, places_on


@settings(max_examples=150)
@given(st.data())
def test_the_time_is_that_of_the_book(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    start = data.draw(places_on(graph, least=1, most=1))
    goal = data.draw(places_on(graph, least=1, most=1))
    expected = place_time(graph, start, 0, goal, 0)
    route = find_route(graph, start, goal)
    if expected >= UNREACHED:
        assert route is None
        return
    assert route is not None
    assert route.time_ms == expected
    # it begins and ends where it should, and is no shorter than the time allows at a metre a second
    assert np.allclose(route.lonlat_deg[0], start.lonlat_deg[0], atol=1e-9)
    assert np.allclose(route.lonlat_deg[-1], goal.lonlat_deg[0], atol=1e-9)
    on_street_ms = route.time_ms - int(start.access_ms[0]) - int(goal.access_ms[0])
    # edges of no length still take their millisecond
    assert abs(route.length_m * 1000 - on_street_ms) <= 2 + len(route.edge)
    if expected > 0:
        assert find_route(graph, start, goal, bound_ms=expected - 1) is None
    assert find_route(graph, start, goal, bound_ms=expected) is not None


def test_in_a_town_it_agrees_with_the_fleet_and_lies_on_the_streets() -> None:
    graph = graph_of(grid_town(9))
    rng = np.random.default_rng(3)
    streets = shapely.union_all(graph.network.edge_shape)
    fleet = Fleet(graph, 1)
    for _ in range(60):
        edge, fraction = rng.integers(0, len(graph.edge_ms), 2), rng.random(2)
        start = Snaps.on_edges(graph, edge[:1], fraction[:1], 1000)
        goal = Snaps.on_edges(graph, edge[1:], fraction[1:], 2000)
        fleet.move([0], start)
        route = find_route(graph, start, goal)
        assert route is not None
        assert route.time_ms == fleet.nearest(goal, 1)[1][0]
        line = shapely.linestrings(route.lonlat_deg) if len(route.lonlat_deg) > 1 else None
        assert line is None or shapely.distance(shapely.points(route.lonlat_deg), streets).max() < 1e-12


def test_one_way_streets_are_gone_round() -> None:
    places = [(118.8, 28.9), (118.81, 28.9), (118.81, 28.91), (118.8, 28.91)]
    ends = [(0, 1), (1, 2), (2, 3), (3, 0)]
    graph = graph_of(make_network(places, ends, length_m=[100.0] * 4, access=[FORWARD] * 4))
    start, goal = Snaps.on_edges(graph, [0], [0.6]), Snaps.on_edges(graph, [0], [0.5])
    route = find_route(graph, start, goal)
    assert route is not None
    assert (route.time_ms, route.length_m) == (390_000, pytest.approx(390.0))
    assert route.edge.tolist() == [0, 1, 2, 3, 0]


def test_two_places_are_asked_for() -> None:
    graph = graph_of(grid_town(3))
    here = Snaps.on_edges(graph, [0, 1], [0.5, 0.5])
    with pytest.raises(InvalidInputError):
        find_route(graph, here, here.take([0]))
