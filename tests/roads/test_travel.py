"""Travel time from many places: by the book, by scipy, on real streets."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads import plain
from geo_service.roads.graph import LONGEST_MS, UNREACHED, build_graph
from geo_service.roads.network import RoadNetwork
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import _seeds, nearest_k_all, travel_time
from tests.roads.networks import graph_of, grid_town, make_network, networks, node_times, places_on


def split(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reached = label >= 0
    return np.where(reached, label >> 32, UNREACHED), np.where(reached, label & 0xFFFFFFFF, -1)


@given(st.data())
def test_time_and_owner_are_those_of_the_book(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph))
    time_ms, owner = travel_time(graph, sources)
    by_source = np.array(
        [
            node_times(graph, int(sources.edge[i]), float(sources.fraction[i]), int(sources.access_ms[i]))
            for i in range(len(sources))
        ]
    ).reshape(len(sources), len(graph.network.node_id))
    best = by_source.min(axis=0, initial=UNREACHED)
    assert np.array_equal(graph.network_time_ms(time_ms), best)
    for v in np.flatnonzero(graph.network.node_block == 0):
        mine = int(owner[graph.network_node[v]])
        assert mine == (-1 if best[v] == UNREACHED else int(np.flatnonzero(by_source[:, v] == best[v])[0]))


@settings(max_examples=50)
@given(st.data())
def test_compiled_and_plain_engines_agree_to_the_unit(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks(most_nodes=16, most_edges=40)))
    sources = data.draw(places_on(graph, most=10))
    bound = data.draw(st.sampled_from([None, 0, 1, 3_000, 200_000]))
    k = data.draw(st.integers(1, 5))
    node, label = _seeds(graph, sources, 0)
    limit = LONGEST_MS if bound is None else bound
    one = plain.nearest_labels(graph.out_ptr, graph.out_arc, node, label, limit)
    for ours, theirs in zip(travel_time(graph, sources, bound_ms=bound), split(one), strict=True):
        assert np.array_equal(ours, theirs)
    many = plain.k_nearest_labels(graph.out_ptr, graph.out_arc, node, label, k, bound_ms=limit)
    for ours, theirs in zip(nearest_k_all(graph, sources, k, bound_ms=bound), split(many), strict=True):
        assert np.array_equal(ours, theirs)


@given(st.data())
def test_the_nearest_of_k_is_the_nearest(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph))
    time_ms, owner = travel_time(graph, sources)
    k_time_ms, k_owner = nearest_k_all(graph, sources, 3)
    assert np.array_equal(k_time_ms[:, 0], time_ms)
    assert np.array_equal(k_owner[:, 0], owner)
    assert (np.diff(k_time_ms.astype(np.int64), axis=1) >= 0).all()


@given(st.data())
def test_order_and_number_of_sources_only_rename_owners(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph, least=1))
    time_ms, owner = travel_time(graph, sources)
    twice = sources.take(np.concatenate([np.arange(len(sources)), np.arange(len(sources))]))
    again_ms, again = travel_time(graph, twice)
    assert np.array_equal(time_ms, again_ms)
    assert np.array_equal(owner, again)  # of equal times the smallest index
    turned_ms, _ = travel_time(graph, sources.take(np.arange(len(sources))[::-1]))
    assert np.array_equal(time_ms, turned_ms)


@given(st.data(), st.integers(0, 400_000))
def test_a_bound_leaves_out_and_changes_nothing_else(data: st.DataObject, bound: int) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph))
    time_ms, owner = travel_time(graph, sources)
    near_ms, near = travel_time(graph, sources, bound_ms=bound)
    assert np.array_equal(near_ms, np.where(time_ms <= bound, time_ms, UNREACHED))
    assert np.array_equal(near, np.where(time_ms <= bound, owner, -1))


def test_delays_count_and_may_lie_far_apart() -> None:
    graph = graph_of(make_network([(118.8, 28.9), (118.81, 28.9)], [(0, 1)], length_m=[10.0]))
    sources = Snaps.on_edges(graph, [0, 0], [0.0, 1.0])
    time_ms, owner = travel_time(graph, sources, delay_ms=[0, 900_000_000])
    assert graph.network_time_ms(time_ms).tolist() == [0, 10_000]
    assert owner.tolist() == [0, 0]
    time_ms, owner = travel_time(graph, sources, delay_ms=[900_000_000, 0])
    assert graph.network_time_ms(time_ms).tolist() == [10_000, 0]


def test_sources_without_a_street_reach_nothing() -> None:
    graph = graph_of(grid_town(3))
    sources = Snaps.on_edges(graph, [0], [0.5])
    lost = Snaps(
        np.array([-1], np.int32), np.zeros(1), np.full(1, np.inf), np.full(1, UNREACHED, np.int32),
        np.zeros(1, bool), np.full((1, 2), np.nan),
    )  # fmt: skip
    assert (travel_time(graph, lost)[0] == UNREACHED).all()
    assert (travel_time(graph, sources.take([]))[1] == -1).all()


@pytest.mark.parametrize(
    ("question", "field"),
    [({"bound_ms": -1}, "bound_ms"), ({"delay_ms": -5}, "delay_ms"), ({"delay_ms": 2**31}, "delay_ms")],
)
def test_senseless_questions_are_refused(question: dict, field: str) -> None:
    graph = graph_of(grid_town(2))
    with pytest.raises(InvalidInputError) as raised:
        travel_time(graph, Snaps.on_edges(graph, [0], [0.5]), **question)
    assert raised.value.faults[0].field == field


@pytest.mark.parametrize("k", [0, 65])
def test_k_is_limited(k: int) -> None:
    graph = graph_of(grid_town(2))
    with pytest.raises(InvalidInputError):
        nearest_k_all(graph, Snaps.on_edges(graph, [0], [0.5]), k)


def test_threads_share_a_graph() -> None:
    graph = graph_of(grid_town(30))
    rng = np.random.default_rng(3)
    jobs = [Snaps.on_edges(graph, rng.integers(0, 1740, 5), rng.random(5)) for _ in range(16)]
    expected = [travel_time(graph, job)[0] for job in jobs]
    got: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        for _ in range(5):
            got[i] = travel_time(graph, jobs[i])[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(got[i], expected[i]) for i in range(len(jobs)))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_large_random_graphs_agree_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = 400, 1200
    places = np.stack([118 + rng.random(n), 28 + rng.random(n)], axis=1)
    ends = rng.integers(0, n, (m, 2))
    network = make_network(
        [tuple(p) for p in places],
        [tuple(e) for e in ends],
        length_m=rng.integers(0, 2000, m) * (rng.random(m) > 0.1),
        access=rng.choice([63, 63, 21, 42], m),
    )
    graph = graph_of(network)
    nodes = rng.choice(m, 20, replace=False)
    # at the u end of edges that may be left: the source is that node
    sources = Snaps.on_edges(graph, nodes, np.zeros(20))
    time_ms, _ = travel_time(graph, sources)
    tail = np.repeat(np.arange(graph.n_nodes), np.diff(graph.out_ptr))
    matrix = plain._least_of_parallel(tail, graph.out_arc[:, 0], graph.out_arc[:, 1].astype(np.int64), n)
    theirs = dijkstra(matrix, indices=np.unique(graph.edge_node[nodes, 0]), min_only=True)
    assert np.array_equal(time_ms, np.where(np.isinf(theirs), UNREACHED, theirs))


def test_porto_from_500_responders_is_scipys_answer(porto: RoadNetwork) -> None:
    graph = build_graph(porto, Mode.CAR)
    rng = np.random.default_rng(7)
    sources = Snaps.on_edges(graph, rng.choice(np.flatnonzero(graph.edge_usable), 500), rng.random(500))
    time_ms, owner = travel_time(graph, sources)
    node, label = _seeds(graph, sources, 0)
    theirs_ms, theirs = split(plain.nearest_labels(graph.out_ptr, graph.out_arc, node, label, LONGEST_MS))
    assert np.array_equal(time_ms, theirs_ms)
    assert np.array_equal(owner, theirs)
    on_streets = np.unique(graph.edge_node[graph.edge_main])
    assert (time_ms[on_streets] < UNREACHED).all()
