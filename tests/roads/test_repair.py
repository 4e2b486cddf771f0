"""Repaired travel times: to the unit what a search from the beginning finds."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads.changes import with_edge_ms
from geo_service.roads.graph import build_graph
from geo_service.roads.network import RoadNetwork
from geo_service.roads.repair import LiveTimes
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time
from tests.roads.networks import graph_of, grid_town, networks, places_on

NOWHERE = Snaps(
    np.array([-1], np.int32),
    np.zeros(1),
    np.full(1, np.inf),
    np.zeros(1, np.int32),
    np.zeros(1, np.bool_),
    np.full((1, 2), np.nan),
)


def must_be_fresh(live: LiveTimes, edge_ms: np.ndarray, bound: int | None) -> None:
    anew = travel_time(with_edge_ms(live.graph, edge_ms), live.sources, bound_ms=bound)
    for ours, theirs in zip(live.times(), anew, strict=True):
        assert np.array_equal(ours, theirs)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_history_of_changes_ends_where_a_search_anew_does(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks(most_nodes=12, most_edges=30)))
    m, people = len(graph.edge_ms), data.draw(st.integers(1, 6))
    bound = data.draw(st.sampled_from([None, 5_000, 200_000]))
    live, edge_ms = LiveTimes(graph, people, bound_ms=bound), graph.edge_ms.copy()
    one = st.integers(0, people - 1)
    for _ in range(data.draw(st.integers(1, 8))):
        before = live.labels.copy()
        what = data.draw(st.sampled_from(["move", "many", "remove", "street", "open"]))
        if what == "move":
            touched = live.move([data.draw(one)], data.draw(places_on(graph, least=1, most=1)))
        elif what == "many":
            who = data.draw(st.lists(one, unique=True))
            touched = live.move(who, data.draw(places_on(graph, least=len(who), most=len(who))))
        elif what == "remove":
            touched = live.remove([data.draw(one)])
        elif what == "open":
            edge = data.draw(st.integers(0, m - 1))
            edge_ms[edge] = graph.edge_ms[edge]
            touched = live.reopen(edge)
        else:
            edges = data.draw(st.lists(st.integers(0, m - 1), unique=True, min_size=1, max_size=4))
            ms = st.one_of(st.just(-1), st.integers(1, 400_000))
            times = np.array([[data.draw(ms), data.draw(ms)] for _ in edges])
            edge_ms[edges] = np.where(graph.edge_ms[edges] >= 0, times, -1)
            touched = live.set_edge_ms(edges, times)
        must_be_fresh(live, edge_ms, bound)
        assert set(np.flatnonzero(before != live.labels)) <= set(touched.tolist())


def test_who_is_nowhere_reaches_nothing_and_streets_may_close() -> None:
    graph = graph_of(grid_town(5))
    live = LiveTimes(graph, 2)
    live.move([0, 1], Snaps.on_edges(graph, [0, 30], [0.25, 0.5]))
    live.close(0)  # under his feet
    assert 0 not in live.times()[1]
    live.reopen([0])
    assert 0 in live.times()[1]
    live.move([0], NOWHERE)
    live.remove([1])
    assert (live.times()[1] == -1).all()
    for call in (
        lambda: live.move([2], NOWHERE),
        lambda: live.move([0, 0], live.sources),
        lambda: live.move([0, 1], NOWHERE),
        lambda: live.set_edge_ms([0, 0], [[1, 1], [1, 1]]),
        lambda: live.set_edge_ms([0], [[0, 1]]),
        lambda: live.set_edge_ms([0], [[1, 1], [1, 1]]),
        lambda: LiveTimes(graph, -1),
    ):
        with pytest.raises(InvalidInputError):
            call()


@pytest.mark.shared
def test_on_real_streets_one_of_five_hundred_is_repaired_quickly(porto: RoadNetwork) -> None:
    graph = build_graph(porto, Mode.CAR)
    rng = np.random.default_rng(5)
    usable = np.flatnonzero(graph.edge_main)
    places = Snaps.on_edges(graph, rng.choice(usable, 500), rng.random(500), rng.integers(0, 60_000, 500))
    live = LiveTimes(graph, 500)
    live.move(np.arange(500), places)
    edge_ms = graph.edge_ms.copy()
    must_be_fresh(live, edge_ms, None)
    spent = []
    for i in range(60):
        to = Snaps.on_edges(graph, rng.choice(usable, 1), rng.random(1))
        edge = rng.choice(usable, 1)
        start = time.thread_time()
        live.move([int(rng.integers(500))], to)
        spent.append(time.thread_time() - start)
        live.close(edge)
        edge_ms[edge] = -1
        if i % 20 == 0:
            must_be_fresh(live, edge_ms, None)
    must_be_fresh(live, edge_ms, None)
    assert np.median(spent) < 0.005
