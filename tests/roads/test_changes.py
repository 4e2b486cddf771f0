"""Graphs with streets closed or slowed: the same times as those of a graph built so from the start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads.changes import at_pace, with_closed, with_edge_ms
from geo_service.roads.graph import RoadGraph, build_graph
from geo_service.roads.profiles import Profile, Speeds
from geo_service.roads.travel import travel_time
from tests.roads.networks import METRE_A_SECOND, graph_of, networks, places_on


def same_times(one: RoadGraph, other: RoadGraph, data: st.DataObject) -> None:
    sources = data.draw(places_on(one))
    for ours, theirs in zip(travel_time(one, sources), travel_time(other, sources), strict=True):
        assert np.array_equal(ours, theirs)


def arcs(graph: RoadGraph) -> list[tuple[int, ...]]:
    tail = np.repeat(np.arange(graph.n_nodes), np.diff(graph.out_ptr))
    incoming = np.repeat(np.arange(graph.n_nodes), np.diff(graph.in_ptr))
    back = graph.out_arc[graph.in_slot]
    assert np.array_equal(back[:, 0], incoming)
    assert np.array_equal(back[:, 1], graph.in_arc[:, 1])
    assert np.array_equal(tail[graph.in_slot], graph.in_arc[:, 0])
    return sorted(zip(tail.tolist(), *graph.out_arc.T.tolist(), graph.arc_edge.tolist(), strict=True))


@settings(max_examples=60)
@given(st.data())
def test_closed_streets_are_as_if_they_had_never_been_built(data: st.DataObject) -> None:
    network = data.draw(networks())
    m = len(network.edge_id)
    shut = np.array(sorted(data.draw(st.sets(st.integers(0, m - 1)))), np.int64)
    ours = with_closed(graph_of(network), shut)
    theirs = build_graph(network, Mode.CAR, speeds=METRE_A_SECOND, closed_edges=network.edge_id[shut])
    assert arcs(ours) == arcs(theirs)
    assert np.array_equal(ours.edge_ms, theirs.edge_ms)
    assert (ours.queue_ring, ours.queue_shift) == (theirs.queue_ring, theirs.queue_shift)
    assert ours.report.edges_closed == theirs.report.edges_closed
    same_times(ours, theirs, data)


@settings(max_examples=40)
@given(st.data())
def test_half_the_speed_is_a_graph_at_half_the_speed(data: st.DataObject) -> None:
    network = data.draw(networks())
    half = Speeds({mode: Profile({"other": 1.8}) for mode in Mode}, 1.0)
    ours = at_pace(graph_of(network), np.full(len(network.edge_id), 500))
    theirs = build_graph(network, Mode.CAR, speeds=half)
    # the graph's times are whole already when they are doubled
    assert (np.abs(ours.edge_ms - theirs.edge_ms) <= 1).all()
    same_times(ours, with_edge_ms(theirs, ours.edge_ms), data)


def test_what_cannot_be_is_refused() -> None:
    from tests.roads.networks import grid_town

    graph = graph_of(grid_town(3))
    with pytest.raises(InvalidInputError, match="two times"):
        with_edge_ms(graph, graph.edge_ms[:-1])
    with pytest.raises(InvalidInputError, match="out of range"):
        with_edge_ms(graph, np.zeros_like(graph.edge_ms))
    with pytest.raises(InvalidInputError, match="no speed"):
        at_pace(graph, np.zeros(len(graph.edge_ms), np.int64))
