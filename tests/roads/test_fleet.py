"""Moving responders: whoever is asked for is the one the book names."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.roads.fleet import Fleet, nearest
from geo_service.roads.graph import LONGEST_MS, UNREACHED
from geo_service.roads.snap import Snaps
from tests.roads.networks import FORWARD, graph_of, grid_town, make_network, networks, place_time, places_on

CAPACITY = 8


@settings(max_examples=60)
@given(st.data())
def test_the_nearest_are_those_of_the_book(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    fleet = Fleet(graph, CAPACITY)
    where: dict[int, Snaps] = {}
    for _ in range(data.draw(st.integers(1, 3))):
        places = data.draw(places_on(graph, most=CAPACITY))
        who = data.draw(st.permutations(range(CAPACITY)))[: len(places)]
        fleet.move(who, places)
        where.update({r: places.take([i]) for i, r in enumerate(who)})
        gone = data.draw(st.lists(st.integers(0, CAPACITY - 1), max_size=2, unique=True))
        fleet.remove(gone)
        for r in gone:
            where.pop(r, None)
    place = data.draw(places_on(graph, least=1, most=1))
    available = np.array(data.draw(st.lists(st.booleans(), min_size=CAPACITY, max_size=CAPACITY)))
    bound = data.draw(st.sampled_from([None, 0, 5_000, 300_000]))
    k = data.draw(st.integers(1, CAPACITY))
    book = sorted((place_time(graph, where[r], 0, place, 0), r) for r in where if available[r])
    limit = UNREACHED - 1 if bound is None else bound
    expected = [(ms, r) for ms, r in book if ms <= limit][:k]
    who, time_ms = nearest(fleet, place, k, bound_ms=bound, available=available)
    assert list(zip(time_ms.tolist(), who.tolist(), strict=True)) == expected
    plain_who, plain_ms = fleet.nearest_plain(place, k, min(limit, LONGEST_MS), available)
    assert np.array_equal(who, plain_who)
    assert np.array_equal(time_ms, plain_ms)


def test_one_way_counts_towards_the_place() -> None:
    # a ring of one-way streets: the neighbour behind is near, the one ahead must go all the way round
    places = [(118.8, 28.9), (118.81, 28.9), (118.81, 28.91), (118.8, 28.91)]
    ends = [(0, 1), (1, 2), (2, 3), (3, 0)]
    graph = graph_of(make_network(places, ends, length_m=[100.0] * 4, access=[FORWARD] * 4))
    fleet = Fleet(graph, 3)
    fleet.move([0, 1, 2], Snaps.on_edges(graph, [3, 1, 0], [0.9, 0.1, 0.6]))
    who, time_ms = fleet.nearest(Snaps.on_edges(graph, [0], [0.5]), 3)
    assert who.tolist() == [0, 1, 2]
    assert time_ms.tolist() == [60_000, 340_000, 390_000]


def test_a_place_without_a_street_has_nobody() -> None:
    graph = graph_of(grid_town(3))
    fleet = Fleet(graph, 1)
    fleet.move([0], Snaps.on_edges(graph, [0], [0.5]))
    nowhere = Snaps(
        np.array([-1], np.int32), np.zeros(1), np.full(1, np.inf), np.full(1, UNREACHED, np.int32),
        np.zeros(1, bool), np.full((1, 2), np.nan),
    )  # fmt: skip
    assert len(fleet.nearest(nowhere, 1)[0]) == 0
    fleet.move([0], nowhere)
    assert not fleet.placed.any()


def test_wrong_questions_are_refused_and_change_nothing() -> None:
    graph = graph_of(grid_town(3))
    fleet = Fleet(graph, 2)
    here = Snaps.on_edges(graph, [0, 1], [0.5, 0.5])
    fleet.move([0, 1], here)
    for wrong in ([0, 2], [-1, 0], [1, 1], [0]):
        with pytest.raises(InvalidInputError):
            fleet.move(wrong, here)
    with pytest.raises(InvalidInputError) as raised:
        fleet.nearest(here, 0, available=np.ones(3, bool))
    assert {fault.field for fault in raised.value.faults} == {"place", "k", "available"}
    with pytest.raises(InvalidInputError):
        Fleet(graph, 0)
    assert fleet.nearest(here.take([0]), 2)[0].tolist() == [0, 1]


def test_threads_move_and_ask_at_once() -> None:
    graph = graph_of(grid_town(12))
    fleet = Fleet(graph, 200)
    rng = np.random.default_rng(1)
    usable = len(graph.edge_ms)
    fleet.move(np.arange(200), Snaps.on_edges(graph, rng.integers(0, usable, 200), rng.random(200)))
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        mine = np.random.default_rng(seed)
        try:
            for _ in range(100):
                who = mine.choice(200, 20, replace=False)
                fleet.move(who, Snaps.on_edges(graph, mine.integers(0, usable, 20), mine.random(20)))
                place = Snaps.on_edges(graph, mine.integers(0, usable, 1), mine.random(1))
                found, time_ms = fleet.nearest(place, 5)
                assert len(set(found.tolist())) == 5
                assert (np.diff(time_ms) >= 0).all()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    place = Snaps.on_edges(graph, [7], [0.25])
    ours, theirs = fleet.nearest(place, 9), fleet.nearest_plain(place, 9, LONGEST_MS, np.ones(200, bool))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
