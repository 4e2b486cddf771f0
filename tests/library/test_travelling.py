"""Travel time and coverage on frames, against networkx and counting by hand."""

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service import coverage, isochrone, staffing_density, street_graph, travel_matrix, travel_time
from geo_service.errors import InvalidInputError
from geo_service.library.frames import LibraryWarning
from tests.library.scenes import CRSES, SOUTH, STEP, WEST, networkx_of, points_at, square_cells, street_lines

SIDE = 4
CRS = st.sampled_from(CRSES)
CROSSING = st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))
CROSSINGS = st.lists(CROSSING, min_size=1, max_size=5)


@pytest.fixture(scope="module")
def graph():
    return street_graph(street_lines(SIDE), "ebike")


def at_crossings(crossings, crs=4326, **columns):
    return points_at([(WEST + x * STEP, SOUTH + y * STEP) for x, y in crossings], crs, **columns)


def node_of(graph, frame):
    """Ids of the crossings at which points stand."""
    lonlat = graph.graph.network.node_lonlat_deg
    at = frame.to_crs(4326).get_coordinates().to_numpy()
    return [int(graph.graph.network.node_id[np.abs(lonlat - one).sum(axis=1).argmin()]) for one in at]


def by_networkx(graph, sources):
    return nx.multi_source_dijkstra_path_length(networkx_of(graph), set(node_of(graph, sources)), weight="ms")


@settings(max_examples=25)
@given(crossings=CROSSINGS, lines_crs=CRS, points_crs=CRS, mode=st.sampled_from(["walk", "ebike", "car"]))
def test_times_to_all_crossings_agree_with_networkx(crossings, lines_crs, points_crs, mode):
    graph = street_graph(street_lines(SIDE, lines_crs), mode)
    assert graph.nodes.crs.to_epsg() == lines_crs
    sources = at_crossings(crossings, points_crs)
    found = travel_time(graph, sources)
    expected = by_networkx(graph, sources)
    assert len(found) == (SIDE + 1) ** 2
    # the points come back from their CRS within a millimetre: at most a few ms of walking
    assert np.allclose(found.seconds, [expected[node] / 1000 for node in found.index], atol=0.01)
    assert set(found.nearest) <= set(sources.index)


def test_times_to_places_keep_their_frame_and_matrix_and_nearest_agree(graph):
    sources, goals = (
        at_crossings([(0, 0), (4, 2)], 4549),
        at_crossings([(1, 1), (3, 3), (4, 4)], 32650, name="x"),
    )
    found = travel_time(graph, sources, goals)
    assert found.crs == goals.crs
    assert found.index.equals(goals.index)
    table = travel_matrix(graph, sources, goals)
    assert table.shape == (2, 3)
    assert np.allclose(table.min(), found.seconds)
    assert table.idxmin().tolist() == found.nearest.tolist()
    lengths = nx.multi_source_dijkstra_path_length(
        networkx_of(graph), {node_of(graph, sources)[0]}, weight="ms"
    )
    assert np.allclose(table.iloc[0], [lengths[node] / 1000 for node in node_of(graph, goals)], atol=0.01)
    limit = found.seconds.median()
    near = travel_time(graph, sources, goals, limit_s=limit)
    assert (near.seconds.notna() == (found.seconds <= limit)).all()
    endless = travel_time(graph, sources, goals, limit_s=3e6)  # more milliseconds than int32 holds
    assert endless.seconds.tolist() == found.seconds.tolist()


def test_a_closed_bridge_and_a_slow_hour_lengthen_the_way(graph):
    start, goal = at_crossings([(0, 0)]), at_crossings([(1, 0)])
    usual = travel_time(graph, start, goal).seconds.iloc[0]
    middle = shapely.Point(WEST + STEP / 2, SOUTH)
    between = graph.edges[shapely.distance(graph.edges.geometry, middle) < 1e-9]
    shut = graph.closing(between)
    assert travel_time(shut, start, goal).seconds.iloc[0] > usual * 2
    assert travel_time(graph, start, goal).seconds.iloc[0] == usual
    car = street_graph(street_lines(SIDE), "car")
    rush, night = (travel_time(car.at_hour(hour), start, goal).seconds.iloc[0] for hour in (17, 2))
    assert rush > night
    rain = car.at_hour(2, share=0.5).closing(between.index)
    assert travel_time(rain, start, goal).seconds.iloc[0] > 2 * night
    with pytest.raises(InvalidInputError, match=r"graph\.edges"):
        graph.closing([10**9])
    with pytest.raises(InvalidInputError, match="Monday"):
        graph.at_hour(168)


def test_outlines_are_nested_and_hold_what_is_reached(graph):
    source = at_crossings([(2, 2)], 4549)
    found = isochrone(graph, source, [60, 120])
    assert found.limit_s.tolist() == [120, 60]
    assert found.crs == source.crs
    wide, narrow = found.geometry
    assert wide.is_valid
    assert narrow.is_valid
    assert wide.covers(narrow)
    reached = travel_time(graph, source)
    inside = reached[reached.seconds <= 100].to_crs(4549)
    assert inside.within(wide).all()
    assert isochrone(graph, at_crossings([(0, 0), (4, 4)]), [60], each=True).source.tolist() == ["p0", "p1"]


def test_who_is_far_from_every_street_is_named_and_not_moved(graph):
    sources = points_at([(WEST, SOUTH), (WEST - 1, SOUTH)])
    with pytest.warns(LibraryWarning, match=r"1 of 2 .*rows p1"):
        found = travel_time(graph, sources)
    assert set(found.nearest) == {"p0"}


# ------------------------------------------------------------------------------------------------- coverage


@settings(max_examples=25)
@given(
    crossings=CROSSINGS,
    homes=st.lists(st.tuples(CROSSING, st.integers(0, 9)), min_size=1, max_size=12),
    limit_s=st.integers(0, 250),
    crs=CRS,
)
def test_shares_are_what_counting_by_hand_gives(graph, crossings, homes, limit_s, crs):
    cells = square_cells(2, crs, step=STEP * 2)
    people = at_crossings(crossings, crs)
    # homes lie a metre off the crossing, so that none is on a border; the walk is well below the slack
    off = 1e-7
    demand = points_at(
        [(WEST + x * STEP + (off if x < SIDE else -off), SOUTH + y * STEP + (off if y < SIDE else -off))
         for (x, y), _ in homes],
        households=[count for _, count in homes],
    )  # fmt: skip
    found = coverage(cells, demand, people, graph, limit_s=limit_s)
    table = travel_matrix(graph, people, demand).to_numpy()
    cell = gpd.sjoin(demand, cells.to_crs(4326), predicate="within")["code"].reindex(demand.index)
    weights = demand.households.to_numpy(float)
    assert found.index.equals(cells.index)
    for row in found.itertuples():
        mine = (cell == row.code).to_numpy()
        assert row.demand == weights[mine].sum()
        near = (table[:, mine] <= limit_s).sum(axis=0)
        assert row.covered == weights[mine][near >= 1].sum()
        if row.demand:
            assert row.share == pytest.approx(row.covered / row.demand)
            assert row.share_by_2 == pytest.approx(weights[mine][near >= 2].sum() / row.demand)
            assert row.share_by_3 == pytest.approx(weights[mine][near >= 3].sum() / row.demand)
            lived_in = weights[mine] > 0
            assert row.worst_s == pytest.approx(table[:, mine][:, lived_in].min(axis=0).max())
        else:
            assert np.isnan(row.share)


def test_each_travels_in_his_own_mode():
    graphs = {mode: street_graph(street_lines(SIDE), mode) for mode in ("walk", "car")}
    cells = square_cells(2, step=STEP * 2)
    people = at_crossings([(0, 0), (4, 4), (4, 0)], mode=["walk", "car", "walk"])
    homes = at_crossings([(1, 0), (3, 4), (2, 1), (4, 1)])
    mixed = coverage(cells, homes, people, graphs, weight=None, limit_s=120)
    times = pd.concat([
        travel_matrix(graphs[mode], people[people["mode"] == mode], homes) for mode in ("walk", "car")
    ])  # fmt: skip
    assert mixed.covered.sum() == (times.min() <= 120).sum()
    with pytest.raises(InvalidInputError, match="has no graph") as refused:
        coverage(cells, homes, people.assign(mode="boat"), graphs, weight=None)
    assert refused.value.faults[0].row == 1


def test_without_demand_the_land_counts(graph):
    cells = square_cells(2, 4549, step=STEP * 2)
    nobody = at_crossings([(0, 0)]).iloc[:0]
    assert coverage(cells, None, nobody, graph, limit_s=3e6).share.eq(0).all()  # however long one waits
    found = coverage(cells, None, at_crossings([(0, 0)]), graph, limit_s=60)
    assert np.allclose(found.demand, cells.area, rtol=2e-3)
    assert 0 < found.covered.sum() < found.demand.sum()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"weight": "people"}, "there are: geometry, households"),
        ({"limit_s": float("nan")}, "give seconds"),
        ({"depth": 0}, "give 1 to"),
        ({"households": [-1.0]}, "give a number of 0 or more"),
        ({"cells": "share"}, "rename it"),
    ],
)
def test_what_is_wrong_with_coverage_is_said(graph, wrong, says):
    cells = square_cells(2, step=STEP * 2)
    if "cells" in wrong:
        cells[wrong.pop("cells")] = 1.0
    homes = at_crossings([(1, 1)], households=wrong.pop("households", [3.0]))
    with pytest.raises(InvalidInputError) as refused:
        coverage(cells, homes, at_crossings([(0, 0)]), graph, **wrong)
    assert says in str(refused.value)


# -------------------------------------------------------------------------------------------------- density


def test_density_divides_by_true_square_kilometres_in_every_crs():
    middle = (WEST + STEP / 2, SOUTH + STEP / 2)
    staff = points_at([middle, middle, (0.0, 0.0)])
    tables = [
        staffing_density(square_cells(2, crs).assign(residents=[100, 0, np.nan, 50]), staff, incidents=staff)
        for crs in CRSES
    ]
    for table in tables:
        assert table.staff.tolist() == [2, 0, 0, 0]
        assert np.allclose(table.area_km2, square_cells(2, 4549).area / 1e6, rtol=1e-3)
        assert np.allclose(table.per_km2, table.staff / table.area_km2)
        assert table.per_1000_residents.iloc[0] == 20.0
        assert table.per_1000_residents.isna().tolist() == [False, True, True, False]
        assert table.per_incident.iloc[0] == 1.0
    explained = staffing_density(square_cells(2).assign(residents=[100, 0, np.nan, 50]), staff, reasons=True)
    assert explained.per_1000_residents_reason.tolist() == ["", "no residents", "residents not known", ""]
