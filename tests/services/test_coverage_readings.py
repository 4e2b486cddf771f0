"""Readings of coverage against an independent search; weeks against their hours; what if, and back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.errors import InvalidInputError, NotFoundError
from geo_service.model import Mode
from geo_service.services import coverage_blind, coverage_depth, coverage_week
from geo_service.services.coverage_question import (
    Added,
    Changes,
    Counted,
    Measure,
    Moved,
    Positions,
    Question,
)
from geo_service.services.coverage_readings import (
    answer,
    explain,
    read_coverage,
    reading_by_level,
    settle_question,
)
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tilings
from geo_service.store import barriers, coverage_paces, coverage_readings, staffing
from geo_service.store.database import Database
from tests.services.test_coverage import (
    COLUMNS,
    MONDAY_NOON,
    ROWS,
    corner,
    fewest_streets,
    place,
    shifts,
    staff,
)

__all__ = ["place"]  # a fixture
pytestmark = pytest.mark.postgis
HOUSES = [(c, r) for c in range(COLUMNS) for r in range(ROWS)]  # ten households on each


def two_people(database: Database) -> dict[str, int]:
    ids = staff(database, {"a": corner(0, 0), "b": corner(3, 2)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    return ids


def street_s(ground: Ground, mode: Mode = Mode.EBIKE) -> float:
    return float(ground.roads(mode)[2].out_arc[0, 1]) / 1000


def covered(sources: list[tuple[int, int]], streets: float, depth: int = 1) -> int:
    near = [fewest_streets([one]) for one in sources]
    return 10 * sum(sum(n[p] <= streets for n in near) >= depth for p in HOUSES)


def test_depth_and_fragile_cells_are_those_of_an_independent_search(
    database: Database, place: Tilings
) -> None:
    two_people(database)
    ground = Ground(database)
    limit_s = round(street_s(ground) * 3.5)
    question = Question(MONDAY_NOON, limit_s, measures=tuple(Measure))
    setting = settle_question(database, ground, place.get(), question)
    reading = answer(database, ground, setting)
    people = reading.summary["measures"]["households"]
    spots = [(0, 0), (3, 2)]
    assert people["total"] == 10 * len(HOUSES)
    assert people["covered"] == covered(spots, 3.5)
    assert people["depth"][1] == covered(spots, 3.5, 2) / people["total"]
    assert people["depth"][2] == 0
    assert reading.summary["measures"]["residents"]["share"] == people["share"]
    assert reading.summary["measures"]["incidents"]["share"] is None
    assert 0 < reading.summary["measures"]["area"]["share"] < 1
    cells = reading_by_level(place.get(), reading, "community")
    assert cells["households_1"].sum() == people["covered"]
    assert cells["fragile"].sum() == covered(spots, 3.5) - covered(spots, 3.5, 2)

    keep = coverage_depth.whom_to_keep(ground, setting).set_index("code")["households"]
    for code, other in (("a", (3, 2)), ("b", (0, 0))):
        lost = coverage_depth.if_sent(ground, setting, code)
        assert lost["households"] == keep[code] == covered(spots, 3.5) - covered([other], 3.5)
        without = replace(question, changes=Changes(remove=(code,)), measures=(Measure.HOUSEHOLDS,))
        left = read_coverage(database, ground, place.get(), without).summary["measures"]["households"]
        assert left["covered"] == people["covered"] - lost["households"]
        assert sum(one["households"] for one in lost["cells"]) == lost["households"]
    with pytest.raises(NotFoundError):
        coverage_depth.if_sent(ground, setting, "nobody")


def test_equal_inputs_give_equal_bytes_and_an_old_reading_is_explained(
    database: Database, place: Tilings
) -> None:
    two_people(database)
    question = Question(MONDAY_NOON, 600, changes=Changes(edges=(1, 2)))
    first = read_coverage(database, Ground(database), place.get(), question)
    with database.writing() as connection:
        body = connection.exec_driver_sql("select body from coverage_reading").scalar_one()
        connection.exec_driver_sql("delete from coverage_reading")
    second = read_coverage(database, Ground(database), place.get(), question)
    assert second.fingerprint == first.fingerprint
    with database.reading() as connection:
        assert connection.exec_driver_sql("select body from coverage_reading").scalar_one() == body
    known = read_coverage(database, Ground(database), place.get(), question)
    assert known.id == second.id
    pd.testing.assert_frame_equal(known.leaves, first.leaves)
    told = explain(database, Ground(database), place.get(), known.id)
    assert told is not None
    assert [one["edge"] for one in told["because"]] == [1, 2]
    assert "closed" in told["because"][0]["message"]
    assert told["changed_since"] == []
    with database.writing() as connection:
        connection.exec_driver_sql("delete from shift")
    told = explain(database, Ground(database), place.get(), known.id)
    assert told is not None
    assert told["changed_since"] == ["people", "streets"]  # nobody travels any more
    assert explain(database, Ground(database), place.get(), 0) is None


def test_the_longest_way_is_to_people_whatever_is_measured(database: Database, place: Tilings) -> None:
    two_people(database)
    told = {}
    for measure in (Measure.HOUSEHOLDS, Measure.AREA, Measure.INCIDENTS):
        question = Question(MONDAY_NOON, 300, measures=(measure,))
        reading = read_coverage(database, Ground(database), place.get(), question)
        told[measure] = reading_by_level(place.get(), reading, "community")["worst_s"].tolist()
    lived_in = [True] * (ROWS - 1) + [False]
    assert np.isfinite(told[Measure.HOUSEHOLDS]).tolist() == lived_in
    for measure in (Measure.AREA, Measure.INCIDENTS):
        np.testing.assert_array_equal(told[measure], told[Measure.HOUSEHOLDS])


def test_what_if_is_what_it_would_be(database: Database, place: Tilings) -> None:
    ids = two_people(database)
    ground = Ground(database)
    limit_s = round(street_s(ground) * 2.5)
    plain = Question(MONDAY_NOON, limit_s)

    def households(changes: Changes, **others: object) -> float:
        question = replace(plain, changes=changes, **others)
        reading = read_coverage(database, ground, place.get(), question)
        return float(reading.summary["measures"]["households"]["covered"])

    there = corner(5, 3)
    assert households(Changes(add=(Added(*there),))) == covered([(0, 0), (3, 2), (5, 3)], 2.5)
    assert households(Changes(move=(Moved("a", *there),))) == covered([(5, 3), (3, 2)], 2.5)
    assert households(Changes(remove=("a", "b"))) == 0
    # half the speed is half the reach
    assert households(Changes(), rain=0.5) == covered([(0, 0), (3, 2)], 1.25)
    # the streets about the corner (0, 0) are shut: he must walk from there
    graph = ground.roads(Mode.EBIKE)[2]
    near = np.flatnonzero((graph.network.edge_u == 0) | (graph.network.edge_v == 0))
    shut = tuple(int(graph.network.edge_id[i]) for i in near)
    assert households(Changes(edges=shut)) < covered([(0, 0), (3, 2)], 2.5)
    assert households(Changes(), counted=Counted(border="community")) < households(Changes())
    assert ids
    for changes in (
        Changes(remove=("x",)),
        Changes(move=(Moved("x", *there),)),
        Changes(edges=(10**9,)),
        Changes(streets=("no such",)),
        Changes(bridges=("no such",)),
    ):
        with pytest.raises(InvalidInputError):
            households(changes)
    with pytest.raises(InvalidInputError):
        Question(MONDAY_NOON, 0)
    with pytest.raises(InvalidInputError):
        replace(plain, changes=Changes(add=(Added(200, 0),)))


def test_a_bridge_under_water_is_shut(database: Database, place: Tilings) -> None:
    ids = staff(database, {"a": corner(0, 0)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    ground = Ground(database)
    limit_s = round(street_s(ground) * 3.5)
    (west, y), (east, _) = corner(1, 0), corner(2, 0)
    rows = {"kind": ["road_bridge"], "name": ["东桥"]}
    with database.writing() as connection:
        river = gpd.GeoDataFrame(
            rows, geometry=[shapely.LineString([(east, y), (east, y + 0.001)])], crs=4326
        )
        over = gpd.GeoDataFrame(rows, geometry=[shapely.Point((west + east) / 2, y + 0.0001)], crs=4326)
        barriers.replace(connection, "t", river, over)
    plain = Question(MONDAY_NOON, limit_s)
    flooded = replace(plain, changes=Changes(bridges=("东桥",)))
    dry, wet = (read_coverage(database, ground, place.get(), one) for one in (plain, flooded))
    assert dry.summary["measures"]["households"]["covered"] == covered([(0, 0)], 3.5)

    # a search of its own that may not go over the bridge
    steps, todo = {(0, 0): 0}, [(0, 0)]
    for c, r in todo:
        for at in ((c + 1, r), (c - 1, r), (c, r + 1), (c, r - 1)):
            is_bridge = {at, (c, r)} == {(1, 0), (2, 0)}
            if at not in steps and 0 <= at[0] <= COLUMNS and 0 <= at[1] <= ROWS and not is_bridge:
                steps[at] = steps[c, r] + 1
                todo.append(at)
    want = 10 * sum(steps[house] <= 3.5 for house in HOUSES)
    assert want < covered([(0, 0)], 3.5)
    assert wet.summary["measures"]["households"]["covered"] == want
    told = explain(database, ground, place.get(), wet.id)
    assert told is not None
    assert len(told["because"]) == 1
    assert "已关闭" in told["because"][0]["message_zh"]


def test_who_counts(database: Database, place: Tilings) -> None:
    ids = staff(database, {"w": corner(0, 0)}, mode="walk") | staff(database, {"c": corner(5, 3)}, mode="car")
    shifts(database, list(ids.values()), MONDAY_NOON)
    ground = Ground(database)
    limit_s = round(street_s(ground, Mode.CAR) * 2.5)
    own = Question(MONDAY_NOON, limit_s)

    def told(question: Question) -> tuple[float, dict[str, int]]:
        reading = read_coverage(database, ground, place.get(), question)
        return float(reading.summary["measures"]["households"]["covered"]), reading.inputs["people"]

    on_foot = limit_s / street_s(ground, Mode.WALK)
    by_foot, by_car = fewest_streets([(0, 0)]), fewest_streets([(5, 3)])
    mixed = 10 * sum(by_foot[p] <= on_foot or by_car[p] <= 2.5 for p in HOUSES)
    assert told(own) == (
        mixed,
        {"on_duty": 2, "pinned": 0, "no_place": 0, "counted": 2, "far_from_streets": 0, "walk": 1, "car": 1},
    )
    assert told(replace(own, mode=Mode.CAR))[0] == covered([(0, 0), (5, 3)], 2.5)
    assert told(replace(own, counted=Counted(capabilities=("fly",))))[1]["not_capable"] == 2
    assert told(replace(own, counted=Counted(free=True)))[1]["busy"] == 0
    with database.writing() as connection:
        connection.exec_driver_sql(
            "insert into station (code, name, kind, geom) values ('s1', 's', 'police',"
            f" extensions.st_setsrid(extensions.st_makepoint({corner(3, 1)[0]}, {corner(3, 1)[1]}), 4326))"
        )
    reached, people = told(replace(own, counted=Counted(stations=("police",))))
    assert people["stations"] == 1
    assert reached > mixed
    # seen elsewhere
    at = MONDAY_NOON - timedelta(minutes=5)
    with database.writing() as connection:
        from geo_service.store import positions

        positions.make_days(connection, [at.date()])
        positions.add(
            connection, positions.Fixes([ids["c"]], [at], [corner(3, 1)[0]], [corner(3, 1)[1]], [None])
        )
    seen, people = told(replace(own, positions=Positions.ACTUAL, mode=Mode.CAR))
    assert people["seen"] == 1
    assert seen == covered([(0, 0), (3, 1)], 2.5)


def test_a_week_is_its_168_hours(database: Database, place: Tilings) -> None:
    ids = staff(database, {"a": corner(0, 0), "b": corner(3, 2), "c": corner(5, 0)})
    rows = pd.DataFrame(
        {
            "responder_id": [ids["a"], ids["b"], ids["c"], ids["a"]],
            "start": [MONDAY_NOON + timedelta(hours=h) for h in (0, 4, 8, 50)],
        }
    )
    rows["end"] = rows["start"] + timedelta(hours=8)
    with database.writing() as connection:
        staffing.replace_shifts(connection, rows)
    ground = Ground(database)
    limit_s = round(street_s(ground) * 2.6)
    for pace in ("free", "typical"):
        question = Question(MONDAY_NOON + timedelta(days=2), limit_s, pace=pace)
        week = coverage_week.read_week(database, ground, place.get(), question)
        assert week.monday.isoformat() == "2026-11-23"
        assert len(week.covered) < 40
        again = coverage_week.read_week(database, Ground(database), place.get(), question)
        assert again.id == week.id
        assert np.array_equal(again.share, week.share)
        hours = [*range(10, 32), 62, 65, 100] if pace == "free" else [12, 17, 18, 62]
        for hour in hours:
            one = replace(question, at=week.moment(hour), measures=(Measure.HOUSEHOLDS,))
            reading = read_coverage(database, ground, place.get(), one)
            assert np.array_equal(week.covered[week.state[hour]], reading.leaves["households_1"])
            assert week.people[hour] == reading.inputs["people"]["counted"]
    assert week.as_dict()["worst"]["share"] == 0


def test_blind_spots_hold_the_households_that_nobody_reaches(database: Database, place: Tilings) -> None:
    two_people(database)
    ground = Ground(database)
    limit_s = round(street_s(ground) * 1.5)
    setting = settle_question(database, ground, place.get(), Question(MONDAY_NOON, limit_s))
    spots = coverage_blind.blind_spots(ground, setting)
    assert spots["households"].sum() == 10 * len(HOUSES) - covered([(0, 0), (3, 2)], 1.5)
    assert spots.is_valid.all()
    assert not shapely.union_all(spots.geometry.to_numpy()).is_empty
    near = fewest_streets([(0, 0), (3, 2)])
    expected = sorted(near[p] * street_s(ground) for p in HOUSES if near[p] > 1.5)
    assert sorted(spots["nearest_s"]) == pytest.approx(expected, abs=0.01)
    assert set(spots["nearest_code"]) <= {"a", "b"}
    leaf = setting.places[coverage_blind.PEOPLE].leaf
    parts = []
    for side in (0, 1):  # the spots of two halves of the town hold together what all hold
        inside = np.arange(len(setting.tiling.leaves)) % 2 == side
        parts.append(coverage_blind.blind_spots(ground, setting, inside=inside)["households"].sum())
        assert 0 < parts[-1] <= 10 * int(inside[leaf].sum())
    assert sum(parts) == spots["households"].sum()
    everywhere = settle_question(database, ground, place.get(), Question(MONDAY_NOON, 14_000))
    assert coverage_blind.blind_spots(ground, everywhere).empty


def test_paces_are_kept_in_versions(database: Database, place: Tilings) -> None:
    two_people(database)
    ground = Ground(database)
    limit_s = round(street_s(ground) * 2.5)
    half = {"ebike": {"week": [0.5] * 168, "classes": {}}}
    with database.writing() as connection:
        assert coverage_paces.add(connection, "ours", half, {}, "t") == 1
        assert coverage_paces.add(connection, "ours", half, {}, "t") == 2
    reading = read_coverage(database, ground, place.get(), Question(MONDAY_NOON, limit_s, pace="ours"))
    assert reading.summary["measures"]["households"]["covered"] == covered([(0, 0), (3, 2)], 1.25)
    assert reading.inputs["pace"] == {"name": "ours", "version": 2, "share": 1.0}
    with pytest.raises(NotFoundError, match="ours"):
        read_coverage(database, ground, place.get(), Question(MONDAY_NOON, limit_s, pace="theirs"))


def test_columns_survive_packing() -> None:
    columns = {"a": np.arange(5, dtype=np.int64), "b": np.array([[1.5, np.nan]]), "c": np.empty(0)}
    out = coverage_readings.unpack(coverage_readings.pack(columns))
    assert {name: values.dtype for name, values in out.items()} == {n: v.dtype for n, v in columns.items()}
    for name, values in columns.items():
        np.testing.assert_array_equal(out[name], values)


def test_a_question_survives_being_told() -> None:
    question = Question(
        datetime(2026, 1, 2, tzinfo=UTC),
        counted=Counted(stations=("fire",), capabilities=("x",)),
        changes=Changes(add=(Added(1, 2, Mode.CAR),), move=(Moved("a", 3, 4),), edges=(5,), streets=("s",)),
        mode=Mode.WALK,
    )
    assert Question.from_dict(question.as_dict()) == question
