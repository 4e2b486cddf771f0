"""Dividing, comparing, siting, patrols and rosters on frames, each against another way of saying it."""

from datetime import datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service import atoms, check, compare, on_duty, partition, patrol, site, street_graph, travel_matrix
from geo_service.errors import InvalidInputError
from geo_service.library.frames import LibraryWarning
from tests.library.scenes import SOUTH, STEP, WEST, points_at, square_cells, street_lines

SHANGHAI = ZoneInfo("Asia/Shanghai")


# ------------------------------------------------------------------------------------------------- partition


def test_groups_are_in_the_band_hang_together_and_do_not_cross_the_river():
    cells = square_cells(6, 4549).assign(households=10)
    river = gpd.GeoDataFrame(
        geometry=[shapely.LineString([(WEST + 3 * STEP, SOUTH), (WEST + 3 * STEP, SOUTH + 6 * STEP)])],
        crs=4326,
    )
    drawn = partition(cells, band=(50, 70), barriers=river.to_crs(32650))
    assert drawn.index.equals(cells.index)
    groups = drawn.dissolve("group", aggfunc={"households": "sum"}, method="coverage")
    assert groups.households.between(50, 70).all()
    assert (groups.geom_type == "Polygon").all()
    east = shapely.get_x(shapely.centroid(cells.to_crs(4326).geometry)) > WEST + 3 * STEP
    assert set(drawn.group[east]).isdisjoint(drawn.group[~east])
    assert check(groups).empty
    assert partition(cells, band=(50, 70), barriers=river).group.equals(drawn.group)
    with pytest.raises(InvalidInputError, match="possible"):
        partition(cells, count=2, band=(50, 70))


def test_borders_of_today_are_kept_when_asked():
    cells = square_cells(6).assign(households=10)
    today = cells.assign(grid=np.repeat([0, 1, 2, 3, 4, 5], 6))
    kept = partition(today, count=6, current="grid", keep_lines=1.0)
    assert pd.crosstab(kept.group, today.grid).max(axis=1).sum() == len(cells)


def test_pieces_leave_every_building_whole():
    land = square_cells(1, 4549)
    homes = [
        shapely.box(WEST + x * STEP / 4 + STEP / 12, SOUTH + y * STEP / 4 + STEP / 12,
                    WEST + x * STEP / 4 + STEP / 6, SOUTH + y * STEP / 4 + STEP / 6)
        for x in range(4) for y in range(4)
    ]  # fmt: skip
    buildings = gpd.GeoDataFrame({"households": range(16)}, geometry=homes, crs=4326).to_crs(4549)
    pieces = atoms(land, buildings)
    assert check(pieces).empty
    assert pieces.households.sum() == buildings.households.sum()
    assert set(pieces.building.dropna()) == set(buildings.index)
    within = gpd.sjoin(buildings, pieces[["geometry"]], predicate="within")
    assert len(within) == len(buildings)
    assert pieces.area.sum() == pytest.approx(land.area.sum(), rel=1e-6)


# ------------------------------------------------------------------------------------------------- comparing


def test_what_moves_is_what_changes_hands():
    cells = square_cells(4).assign(households=10)
    before = cells.assign(grid=np.repeat([0, 1], 8)).dissolve("grid", method="coverage").drop(columns="code")
    side = np.repeat([0, 1], 8)
    side[8] = 0  # one small cell is handed over
    after = cells.assign(grid=side + 5).dissolve("grid", method="coverage").drop(columns="code")
    homes = cells.set_geometry(shapely.centroid(cells.geometry))
    found = compare(before.to_crs(4549), after.to_crs(3857), homes)
    moved = found.pieces[found.pieces.moved & (found.pieces.area_m2 > 1)]
    assert (moved.before.tolist(), moved.after.tolist()) == ([1], [5])
    assert (found.moved_weight, found.moved_share) == (10.0, 10 / 160)
    assert found.pieces.crs.to_epsg() == 4549
    assert found.pieces.weight.sum() == 160
    nothing = compare(before, before)
    assert nothing.moved_share == 0
    assert not nothing.pieces.moved.any()


# --------------------------------------------------------------------------------------------------- siting


@pytest.mark.parametrize("goal", ["cover_most", "least_mean", "least_worst", "cover_all"])
def test_the_choice_is_the_best_of_all_that_there_are(goal):
    graph = street_graph(street_lines(4), "walk")
    rng = np.random.default_rng(3)

    def drawn(count, crs):
        return points_at(
            np.c_[WEST + rng.integers(0, 5, count) * STEP, SOUTH + rng.integers(0, 5, count) * STEP], crs
        )

    free, homes = drawn(7, 4549), drawn(20, 4326).assign(households=rng.integers(1, 9, 20))
    weight = homes.households.to_numpy()
    times = travel_matrix(graph, free, homes).to_numpy()
    limit = float(np.quantile(times, 0.35))
    count = None if goal == "cover_all" else 2
    found = site(graph, free, homes, count, goal=goal, limit_s=limit, time_limit_s=60)

    def worth(chosen):
        best = times[list(chosen)].min(axis=0)
        if goal == "cover_most":
            return weight[best <= limit].sum()
        return (best * weight).sum() / weight.sum() if goal == "least_mean" else best.max()

    assert found.is_optimal
    assert found.gap == 0
    if goal == "cover_all":
        possible = (times <= limit).any(axis=0)
        fewest = min(
            k for k in range(1, 8) for some in combinations(range(7), k)
            if (times[list(some)] <= limit).any(axis=0)[possible].all()
        )  # fmt: skip
        assert found.value == len(found.chosen) == fewest
    else:
        every = [worth(some) for some in combinations(range(7), 2)]
        assert found.value == pytest.approx(max(every) if goal == "cover_most" else min(every))
    assert found.chosen["rank"].tolist() == list(range(1, len(found.chosen) + 1))
    assert set(found.chosen.index) <= set(free.index)
    assert found.chosen.added.sum() == pytest.approx(found.chosen.covered.iloc[-1] - found.covered_before)
    with pytest.raises(InvalidInputError, match="use one of"):
        site(graph, free, homes, 1, goal="best")


# --------------------------------------------------------------------------------------------------- patrol


def test_a_walk_along_one_street_patrols_that_street_and_its_cells():
    graph = street_graph(street_lines(2), "walk")
    cells = square_cells(2)
    east = np.linspace(WEST, WEST + 2 * STEP, 40)
    fixes = points_at(np.c_[east, np.full(40, SOUTH + 1e-5)], 32650, track="W1")
    fixes["at"] = pd.date_range("2026-11-22T08:00+08:00", periods=40, freq="10s")
    found = patrol(fixes.sample(frac=1, random_state=1), cells, graph)
    walked = graph.edges[graph.edges.name == "横0路"].length_m.sum()
    assert found.patrolled_m.sum() == pytest.approx(walked, rel=0.06)
    assert found.index.equals(cells.index)
    lower = cells.geometry.bounds.miny < SOUTH + STEP / 2
    assert (found.patrolled_m[~lower] == 0).all()
    assert found.seconds.sum() == pytest.approx(390)
    assert found.person_times[lower].tolist() == [1, 1]
    assert found.street_m.sum() == pytest.approx(graph.edges.length_m.sum(), rel=1e-6)
    texts = fixes.assign(at=[one.isoformat() for one in fixes["at"]])
    assert patrol(texts, cells, graph).seconds.sum() == pytest.approx(390)
    for wrong in ("soon", "10/11/2026 08:00"):  # the tenth of November, or the eleventh of October
        with pytest.raises(InvalidInputError, match="give a moment"):
            patrol(fixes.assign(at=wrong), cells, graph)


# ----------------------------------------------------------------------------------------------------- duty


def rota(**columns):
    rows = {
        "responder_id": ["a", "b", "c"],
        "weekday": [1, 1, 7],
        "starts": "08:00",
        "ends": ["17:30", "08:00", "07:00"],
    }
    return pd.DataFrame(rows | columns)


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ("2026-11-23T07:59+08:00", []),
        ("2026-11-23T06:59+08:00", ["c"]),
        ("2026-11-23T08:00+08:00", ["a", "b"]),
        ("2026-11-23T17:30+08:00", ["b"]),
        ("2026-11-24T07:59+08:00", ["b"]),
        ("2026-11-24T08:00+08:00", []),
        ("2026-11-23T09:30+00:00", ["b"]),
    ],
)
def test_who_is_on_duty_at_the_edges_of_shifts(moment, there):
    shifts = rota(starts=["08:00", "08:00", "22:00"])
    assert on_duty(shifts, datetime.fromisoformat(moment)).index.tolist() == there


def test_posts_pin_and_rotas_of_two_weeks_take_turns():
    monday = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)
    posts = pd.DataFrame(
        {"responder_id": ["a"], "weekdays": ["1,2,3"], "starts": ["08:50"], "ends": ["09:10"]}
    )
    assert on_duty(rota(), monday, posts=posts).pinned.to_dict() == {"a": True, "b": False}
    assert not on_duty(rota(), monday + timedelta(minutes=10), posts=posts).pinned.any()
    turns = rota(every_weeks=2, week=[0, 1, 0])
    there = [on_duty(turns, monday + timedelta(weeks=week)).index.tolist() for week in range(4)]
    assert there in ([["a"], ["b"]] * 2, [["b"], ["a"]] * 2)
    on_first = on_duty(turns, datetime(2024, 1, 1, 9, tzinfo=SHANGHAI)).index.tolist()
    assert on_first == ["a"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"weekday": 8}, "1 (Monday)"), ({"starts": "eight"}, "08:00"), ({"weekday": [[], 1, 1]}, "1 (Monday)")],
)
def test_a_rota_that_cannot_be_read_is_refused(columns, says):
    with pytest.raises(InvalidInputError) as refused:
        on_duty(rota(**columns), datetime(2026, 11, 23, tzinfo=SHANGHAI))
    assert says in str(refused.value)
    with pytest.raises(InvalidInputError, match="tzinfo"):
        on_duty(rota(), datetime(2026, 11, 23))  # noqa: DTZ001


def test_siting_names_candidates_far_from_streets():
    graph = street_graph(street_lines(2), "walk")
    homes = points_at([(WEST, SOUTH)])
    with pytest.warns(LibraryWarning, match="candidates"):
        found = site(graph, points_at([(WEST, SOUTH), (0.0, 0.0)]), homes, 1, weight=None)
    assert found.chosen.index.tolist() == ["p0"]
