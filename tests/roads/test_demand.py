"""Labels of demand points: by the book, in parts as a whole, and in mixed modes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.roads.changes import at_pace
from geo_service.roads.demand import Doors, k_nearest_at, merged, nearest_at
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.roads.repair import LiveTimes
from geo_service.roads.travel import k_nearest_labels, nearest_labels
from tests.roads.networks import graph_of, networks, place_time, places_on


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_nearest_of_each_point_are_those_of_the_book(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sources, demand = data.draw(places_on(graph, most=5)), data.draw(places_on(graph))
    k, bound = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([20_000, 2**30]))
    doors = Doors.of(graph, demand)
    ours = k_nearest_at(doors, k_nearest_labels(graph, sources, k), sources, bound_ms=bound)
    for j in range(len(demand)):
        each = [(place_time(graph, sources, i, demand, j), i) for i in range(len(sources))]
        wanted = sorted(x for x in each if x[0] < UNREACHED and x[0] <= bound)[:k]
        assert [(int(x) >> 32, int(x) & 0xFFFFFFFF) for x in ours[j] if x != NONE] == wanted
    one = nearest_at(doors, nearest_labels(graph, sources), sources, bound_ms=bound)
    assert np.array_equal(one, ours[:, 0])


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_only_points_behind_what_changed_need_another_look(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks(most_nodes=12, most_edges=24)))
    demand = data.draw(places_on(graph))
    live, doors = LiveTimes(graph, 3), Doors.of(graph, demand)
    label = nearest_at(doors, live.labels, live.sources)
    for _ in range(4):
        who = [data.draw(st.integers(0, 2))]
        stood = live.sources.edge[who].copy()
        touched = live.move(who, data.draw(places_on(graph, least=1, most=1)))
        near = doors.behind(touched, np.concatenate([stood, live.sources.edge[who]]))
        nearest_at(doors, live.labels, live.sources, points=near, out=label)
        assert np.array_equal(label, nearest_at(doors, live.labels, live.sources))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_mixed_modes_are_the_nearest_of_all(data: st.DataObject) -> None:
    network = data.draw(networks())
    car = graph_of(network)
    foot = at_pace(car, np.full(len(network.edge_id), 300))
    sources, demand = data.draw(places_on(car, most=6)), data.draw(places_on(car))
    drives = np.array([data.draw(st.booleans()) for _ in range(len(sources))], bool)
    k, parts = 3, []
    for graph, mine in ((car, drives), (foot, ~drives)):
        own = sources.take(np.arange(len(sources)))
        own.edge[~mine] = -1  # numbers stay
        parts.append(k_nearest_at(Doors.of(graph, demand), k_nearest_labels(graph, own, k), own))
    ours = merged(*parts)
    for j in range(len(demand)):
        each = [
            (place_time(car if drives[i] else foot, sources, i, demand, j), i) for i in range(len(sources))
        ]
        wanted = sorted(x for x in each if x[0] < UNREACHED)[:k]
        assert [(int(x) >> 32, int(x) & 0xFFFFFFFF) for x in ours[j] if x != NONE] == wanted
