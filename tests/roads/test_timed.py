"""Speeds by hour: against a search by the book, against the frozen graph, and nobody overtakes by waiting."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.roads.demand import Doors, k_nearest_at
from geo_service.roads.graph import RoadGraph
from geo_service.roads.kernels import NONE
from geo_service.roads.kernels_timed import HOUR_MS, HOURS, duration_ms
from geo_service.roads.snap import Snaps
from geo_service.roads.timed import TimedGraph, k_nearest_timed, k_nearest_timed_at
from geo_service.roads.travel import k_nearest_labels
from tests.roads.networks import graph_of, grid_town, networks, places_on


def by_the_book(work: int, rate: np.ndarray, at: int) -> int:
    """Do the work millisecond by millisecond in effect: hour after hour, in fractions."""
    left, now = float(work), float(at)
    while True:
        hour = int(now // HOUR_MS)
        pace = rate[hour % HOURS] / 1000
        end = (hour + 1) * HOUR_MS
        if left <= (end - now) * pace + 1e-9:
            return round(now + left / pace - at)
        left, now = left - (end - now) * pace, float(end)


rates = st.lists(st.sampled_from([20, 333, 500, 1000, 1000, 1700]), min_size=6, max_size=6)


def table(data: st.DataObject, groups: int) -> np.ndarray:
    return np.array([(data.draw(rates) * 28)[:HOURS] for _ in range(groups)], np.int64)


@given(st.data())
def test_work_takes_what_its_hours_allow_and_nobody_overtakes(data: st.DataObject) -> None:
    rate = table(data, 1)[0]
    work, at = data.draw(st.integers(0, 5 * HOUR_MS)), data.draw(st.integers(0, 2 * HOURS * HOUR_MS))
    ours = duration_ms(work, rate, at)
    assert abs(ours - by_the_book(work, rate, at)) <= 1
    later = at + data.draw(st.integers(0, 2 * HOUR_MS))
    assert later + duration_ms(work, rate, later) >= at + ours


def book_search(timed: TimedGraph, sources: Snaps, i: int, start: int) -> list[int]:
    """Time of one source to every node: a heap, and the arcs of the graph."""
    graph = timed.graph
    from geo_service.roads.timed import _doors

    node, work = _doors(graph, sources.take([i]), leave=True)
    begin = int(sources.access_ms[i])
    group = int(timed.edge_group[sources.edge[i]])
    heap = [
        (begin + int(duration_ms(int(work[0, s]), timed.rate[group], start + begin)), int(node[0, s]))
        for s in (0, 1)
        if node[0, s] >= 0
    ]
    heapq.heapify(heap)
    done: dict[int, int] = {}
    while heap:
        now, v = heapq.heappop(heap)
        if v in done:
            continue
        done[v] = now
        for e in range(graph.out_ptr[v], graph.out_ptr[v + 1]):
            row = timed.rate[timed.edge_group[graph.arc_edge[e]]]
            ms = max(1, int(duration_ms(int(graph.out_arc[e, 1]), row, start + now)))
            heapq.heappush(heap, (now + ms, int(graph.out_arc[e, 0])))
    return [done.get(v, -1) for v in range(graph.n_nodes)]


def timed_town(data: st.DataObject) -> TimedGraph:
    network = data.draw(networks())
    graph = graph_of(network)
    groups = data.draw(st.integers(1, 3))
    of_edge = np.array([data.draw(st.integers(0, groups - 1)) for _ in network.edge_id], np.int16)
    return TimedGraph(graph, of_edge, table(data, groups))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_times_are_those_of_a_search_by_the_book(data: st.DataObject) -> None:
    timed = timed_town(data)
    sources = data.draw(places_on(timed.graph, most=4))
    start = data.draw(st.integers(0, HOURS * HOUR_MS - 1))
    k = data.draw(st.integers(1, 3))
    label = k_nearest_timed(timed, sources, start, k)
    each = np.array([book_search(timed, sources, i, start) for i in range(len(sources))])
    for v in range(timed.graph.n_nodes):
        there = sorted(int(t) for t in (each[:, v] if len(each) else []) if t >= 0)
        assert [int(x) >> 32 for x in label[v] if x != NONE] == there[:k]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_within_the_hour_it_is_the_frozen_graph_to_the_unit(data: st.DataObject) -> None:
    timed = timed_town(data)
    sources = data.draw(places_on(timed.graph, most=4))
    demand = data.draw(places_on(timed.graph, most=6))
    hour, k = data.draw(st.integers(0, HOURS - 1)), data.draw(st.integers(1, 3))
    bound = data.draw(st.sampled_from([10_000, 300_000, 3_599_000]))
    frozen = timed.frozen(hour)
    # parts of edges are rounded once more in the frozen graph: only whole edges are compared to the unit
    whole = sources.take(np.isin(sources.fraction, (0.0, 1.0)))
    ours = k_nearest_timed(timed, whole, hour * HOUR_MS, k, bound_ms=bound)
    assert np.array_equal(ours, k_nearest_labels(frozen, whole, k, bound_ms=bound))
    at = k_nearest_timed_at(timed, demand, ours, whole, hour * HOUR_MS, bound_ms=bound)
    theirs = k_nearest_at(Doors.of(frozen, demand), ours, whole, bound_ms=bound)
    both = (at != NONE) & (theirs != NONE)
    # half a millisecond of work is 25 ms at the slowest rate
    assert (np.abs((at >> 32)[both] - (theirs >> 32)[both]) <= 26).all()


def test_a_table_out_of_order_is_refused() -> None:
    graph: RoadGraph = graph_of(grid_town(3))
    none = np.zeros(len(graph.edge_ms), np.int16)
    for group, rate in (
        (none, np.full((1, 24), 1000)),
        (none, np.full((1, HOURS), 0)),
        (none[1:], np.full((1, HOURS), 1000)),
        (none + 1, np.full((1, HOURS), 1000)),
    ):
        with pytest.raises(InvalidInputError):
            TimedGraph(graph, group, rate)
    fine = TimedGraph(graph, none, np.full((1, HOURS), 1000))
    assert fine.key(3) == fine.key(100)
    with pytest.raises(InvalidInputError):
        k_nearest_timed(fine, Snaps.on_edges(graph, [0], 0.5), -1)
