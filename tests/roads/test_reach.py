"""Demand points and shares of cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.roads.graph import UNREACHED
from geo_service.roads.reach import cell_shares, demand_time_ms, reached_within
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time
from tests.roads.networks import graph_of, make_network, networks, place_time, places_on


@given(st.data())
def test_demand_is_reached_when_the_book_says(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph, most=4))
    demand = data.draw(places_on(graph, most=5))
    time_ms, owner = travel_time(graph, sources)
    got_ms, got = demand_time_ms(graph, demand, time_ms, owner, sources)
    for j in range(len(demand)):
        book = [place_time(graph, sources, i, demand, j) for i in range(len(sources))]
        best = min(book, default=UNREACHED)
        assert got_ms[j] == best
        assert got[j] == (-1 if best == UNREACHED else book.index(best))


@given(st.data(), st.integers(0, 60_000))
def test_within_a_bound_is_reached_whose_time_is_within_it(data: st.DataObject, bound_ms: int) -> None:
    graph = graph_of(data.draw(networks()))
    sources = data.draw(places_on(graph, most=4))
    demand = data.draw(places_on(graph, most=5))
    got_ms, _ = demand_time_ms(graph, demand, *travel_time(graph, sources), sources)
    assert reached_within(graph, sources, demand, bound_ms).tolist() == (got_ms <= bound_ms).tolist()


def test_delays_count_for_a_source_on_the_same_edge() -> None:
    graph = graph_of(make_network([(118.8, 28.9), (118.81, 28.9)], [(0, 1)], length_m=[100.0]))
    sources = Snaps.on_edges(graph, [0, 0], [0.5, 0.0])
    demand = Snaps.on_edges(graph, [0], [0.6], 2_000)
    time_ms, owner = travel_time(graph, sources, delay_ms=[55_000, 0])
    got_ms, got = demand_time_ms(graph, demand, time_ms, owner, sources, delay_ms=[55_000, 0])
    assert (got_ms.tolist(), got.tolist()) == ([62_000], [1])


@given(
    st.lists(
        st.tuples(
            st.integers(-1, 3),
            st.sampled_from([0.0, 1.0, 2.5, 10.0]),
            st.one_of(st.integers(0, 1000), st.just(int(UNREACHED))),
        ),
        max_size=30,
    ),
    st.integers(0, 1000),
)
def test_shares_are_those_of_a_plain_loop(points: list[tuple[int, float, int]], limit: int) -> None:
    cell, weight, time = (np.array([p[i] for p in points]) for i in range(3))
    table = cell_shares(cell.astype(np.int32), weight.astype(float), time.astype(np.int32), limit, n_cells=4)
    for c in range(4):
        mine = sorted((t, w) for k, w, t in points if k == c)
        total = sum(w for _, w in mine)
        assert table["weight"][c] == total
        assert table["covered_weight"][c] == sum(w for t, w in mine if t <= limit)
        assert table["unreached_weight"][c] == sum(w for t, w in mine if t == UNREACHED)
        if total == 0:
            assert np.isnan(table.loc[c, ["share", "median_ms", "worst_ms"]].to_numpy(float)).all()
            continue
        assert table["share"][c] == pytest.approx(table["covered_weight"][c] / total)
        spread = [t for t, w in mine for _ in range(int(w * 2))]
        median = spread[(len(spread) + 1) // 2 - 1]
        reached = [t for t, w in mine if w > 0 and t < UNREACHED]
        assert np.array_equal(table["median_ms"][c], median if median < UNREACHED else np.nan, equal_nan=True)
        assert np.array_equal(table["worst_ms"][c], max(reached, default=np.nan), equal_nan=True)


@pytest.mark.parametrize("weight", [[-1.0], [np.nan], [np.inf], [1.0, 2.0]])
def test_weights_out_of_order_are_refused(weight: list[float]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        cell_shares(np.zeros(1, np.int32), np.array(weight), np.zeros(1, np.int32), 10)
    assert raised.value.faults[0].field == "weight"


def test_no_demand_makes_an_empty_table() -> None:
    none = np.empty(0, np.int32)
    assert len(cell_shares(none, np.empty(0), none, 10)) == 0
    assert len(cell_shares(none, np.empty(0), none, 10, n_cells=2)) == 2
