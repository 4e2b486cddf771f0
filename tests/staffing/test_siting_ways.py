"""Ways from sites to places: the times the book of the streets says, whoever looks for them side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.roads.graph import UNREACHED
from geo_service.roads.snap import Snapper
from geo_service.staffing import siting_ways
from geo_service.staffing.siting_ways import ways
from tests.roads.networks import graph_of, grid_town, networks, place_time, places_on


@given(st.data())
def test_each_way_is_what_the_book_says(data: st.DataObject) -> None:
    graph = graph_of(data.draw(networks()))
    sites = data.draw(places_on(graph, most=4))
    places = data.draw(places_on(graph, most=5))
    bound = data.draw(st.none() | st.integers(0, 200_000))
    *_, (done, found) = ways(graph, sites, places, bound_ms=bound)
    assert done == len(sites)
    for i in range(len(sites)):
        for j in range(len(places)):
            book = place_time(graph, sites, i, places, j)
            assert found[i, j] == (book if bound is None or book <= bound else UNREACHED)


def test_side_by_side_is_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(grid_town(14))
    rng = np.random.default_rng(7)
    low, high = graph.node_lonlat_deg.min(axis=0), graph.node_lonlat_deg.max(axis=0)
    snaps = Snapper(graph).snap(rng.uniform(low, high, (150, 2)), 2000.0)
    sites, places = snaps.take(np.arange(90)), snaps.take(np.arange(90, 150))
    steps = [done for done, _ in ways(graph, sites, places)]
    *_, (_, together) = ways(graph, sites, places)
    monkeypatch.setattr(siting_ways, "SEARCHES_AT_A_TIME", 1)
    *_, (_, alone) = ways(graph, sites, places)
    assert (together == alone).all()
    assert (together < UNREACHED).all()
    assert steps == [16, 32, 48, 64, 80, 90]


def test_who_loses_patience_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(grid_town(6))
    snaps = Snapper(graph).snap(graph.node_lonlat_deg, 2000.0)
    monkeypatch.setattr(siting_ways, "AT_ONCE", 1)
    for done, _ in ways(graph, snaps, snaps):
        if done == 2:
            break
    assert done == 2
