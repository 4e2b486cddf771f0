"""Fixed routes in a small town: taken in, given out in turn, counted from tracks, kept without them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from geo_service.errors import InvalidInputError, NotFoundError
from geo_service.formats.patrol_routes import read_routes
from geo_service.services import patrol, patrol_routes, rounds, route_weeks, week_lists
from geo_service.services.ground import Ground
from geo_service.services.lead_area import area_of
from geo_service.services.staffed_cells import Cells
from geo_service.store import patrol as patrol_store
from geo_service.store import positions
from geo_service.store import routes as route_store
from geo_service.store.database import Database
from geo_service.store.positions import Fixes
from tests.services import desk_town
from tests.services.test_rounds import Town, monday

pytestmark = pytest.mark.postgis


def feature(code: object, points: list[tuple[float, float]], **given: object) -> dict[str, object]:
    line = {"type": "LineString", "coordinates": [list(desk_town.corner(*p)) for p in points]}
    return {
        "type": "Feature",
        "properties": {"code": code, "name": f"路线 {code}", **given},
        "geometry": line,
    }


def content(*features: dict[str, object]) -> bytes:
    return orjson.dumps({"type": "FeatureCollection", "features": list(features)})


#: In the cell that w1 and w2 share; in the row of w3; where nobody is on patrol.
NIGHT = feature("r1", [(0.1, 0.0), (0.9, 0.0)], days_a_week=3, **{"from": "20:00", "to": "02:00"})
DAY = feature("r2", [(3.0, 1.01), (4.0, 1.01)], 每周天数="5", 开始时间="09:00", 结束时间="17:00")
NO_CELLS = pd.DataFrame(columns=["cell_id", "street_m", "patrolled_m", "walked_m", "seconds", "person_times"])
NOBODYS = feature("r3", [(5.1, 3.0), (5.9, 3.0)])


@pytest.fixture
def town(database: Database) -> Town:
    town = Town(database)
    for commit in (False, True):
        report = patrol_routes.import_routes(
            database, town.tilings.get(), read_routes(content(NIGHT, DAY, NOBODYS)), who="t", commit=commit
        )
        assert report.counts == {"rows": 3, "new": 3, "corrected": 0, "in_no_cell": 0}
    return town


def test_routes_are_given_out_in_turn_and_what_is_left_is_said(town: Town) -> None:
    told = town.week()
    people = {one["responder"]: one for one in told["people"]}
    days = {
        code: {r["code"]: [d["day"] for d in r["days"]] for r in one["routes"]}
        for code, one in people.items()
    }
    mine = sorted(days["w1"].get("r1", []) + days.get("w2", {}).get("r1", []))
    assert len(mine) == len(set(mine)) == 3
    assert days["w3"] == {"r2": [monday(), monday() + timedelta(days=1)]}
    left = {one["place"]: one for one in told["left_out"]}
    assert {code: one["reason"] for code, one in left.items()} == {"r2": "few_days", "r3": "nobody"}
    assert left["r3"]["message_zh"]
    (route,) = people["w3"]["routes"]
    assert (route["from"], route["to"], route["days"][0]["share"]) == ("09:00", "17:00", None)
    assert route["length_m"] == pytest.approx(761, abs=1)
    # made again it is the same, and nothing doubles
    assert town.week()["people"] == told["people"]


def test_what_is_walked_in_the_window_is_counted_and_stays(town: Town) -> None:
    database = town.database
    town.week()
    day = monday()
    begin = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=8)  # midnight in China

    def walk(who: str, hour: float, first: float, last: float, row: float) -> None:
        at = [begin + timedelta(hours=hour, seconds=20 * i) for i in range(31)]
        lon, lat = np.array([desk_town.corner(x, row + 0.01) for x in np.linspace(first, last, 31)]).T
        with database.writing() as connection:
            positions.make_days(connection, {moment.date() for moment in at})
            fixes = Fixes([town.ids[who]] * 31, at, lon.tolist(), lat.tolist(), [5.0] * 31)
            positions.add(connection, fixes)

    walk("w3", 10, 3.0, 3.5, 1.0)  # half of r2 in its hours
    walk("w3", 18, 3.5, 4.0, 1.0)  # the rest too late
    walk("w1", 21, 0.0, 0.5, 0.0)  # one half of r1 in the evening
    walk("w2", 25, 0.5, 1.0, 0.0)  # the other, by somebody else, after midnight
    patrol.count_day(database, town.ground, town.tilings, day, who="t", now=begin + timedelta(days=2))
    with database.reading() as connection:
        set_now = rounds.rules(connection)
        found = {one["code"]: one for one in patrol_routes.figures(connection, day, day, set_now)}
    assert found["r1"]["days"][0]["share"] == pytest.approx(1.0, abs=0.02)
    assert found["r1"]["done"] == 1
    assert found["r2"]["days"][0]["share"] == pytest.approx(0.5, abs=0.04)
    assert found["r2"]["done"] == 0
    assert found["r3"]["days"][0]["share"] == 0
    with database.writing() as connection:
        positions.drop_days(connection, date(2100, 1, 1))
    with database.reading() as connection:
        assert {one["code"]: one for one in patrol_routes.figures(connection, day, day, set_now)} == found
        told = week_lists.week(connection, town.tilings.get(), day, responder_id=town.ids["w3"])
    (route,) = told["people"][0]["routes"]
    assert [one["done"] for one in route["days"]] == [False, None]
    # counted again with other rules nothing of the figures changes, only what is enough
    with database.reading() as connection:
        lax = type(set_now).from_mapping({"route_share": 0.4})
        assert patrol_routes.figures(connection, day, day, lax)[1]["done"] == 1


def test_a_day_without_routes_is_counted_as_before(database: Database) -> None:
    tilings = desk_town.build(database)
    with database.reading() as connection:
        ground = Ground(database)
        assert patrol_routes.walked_on(connection, ground, datetime.now(UTC), near_m=20) == []
        assert patrol_routes.longest_tail(connection) == timedelta(0)
        assert patrol_routes.listed(connection, tilings.get()) == []


def test_routes_are_corrected_retired_and_refused(town: Town) -> None:
    database, tiling = town.database, town.tilings.get()
    again = read_routes(content(feature("r1", [(0.1, 0.0), (0.5, 0.0)])))
    counts = patrol_routes.import_routes(database, tiling, again, who="t", commit=True).counts
    assert (counts["new"], counts["corrected"]) == (0, 1)
    patrol_routes.retire(database, "r3", who="t")
    with pytest.raises(NotFoundError):
        patrol_routes.retire(database, "r3", who="t")
    with database.reading() as connection:
        one, two = patrol_routes.listed(connection, tiling)
    assert (one["code"], one["from"], one["to"], one["days_a_week"]) == ("r1", "00:00", "24:00", 7)
    assert one["path"][-1]["code"] == "c00r00"
    assert two["geometry"]["type"] == "LineString"
    for wrong, field in (
        (feature("x", [(0, 0), (1, 0)], days_a_week=8), "days_a_week"),
        (feature("x", [(0, 0), (1, 0)], **{"from": "25:00"}), "from, to"),
        (feature("x", [(0, 0), (0.001, 0)]), "geometry"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            patrol_routes.import_routes(database, tiling, read_routes(content(wrong)), who="t", commit=True)
        assert [fault.field for fault in caught.value.faults] == [field]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (b"[]", ""),
        (b"{}", ""),
        (content(feature("", [(0, 0), (1, 0)])), "code"),
        (content(feature("x", [(0, 0)])), "geometry"),
        (content(feature("x", [(0, 0), (1, 0)]), feature("x", [(0, 0), (1, 0)])), "code"),
        (content(feature("x", [(0, 0), (1, 0)], days_a_week="often")), "days_a_week"),
        (content(feature("x", [(0, 0), (20_000, 0)])), "geometry"),
        (content({"type": "Feature", "properties": None, "geometry": None}), "code"),
    ],
)
def test_files_that_are_none_are_refused(given: bytes, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_routes(given)
    assert caught.value.faults[0].field == field


def test_turns_of_a_week_due_walked_and_behind(town: Town) -> None:
    database, tilings = town.database, town.tilings
    town.week()
    day = monday()
    area = area_of(Cells(tilings.get()), None, None, frozenset())

    def told(at: datetime) -> dict[str, dict[str, Any]]:
        with database.reading() as connection:
            found = route_weeks.of_week(connection, area, at, rounds.rules(connection))
        assert found["monday"] == day
        assert found["due"] == sum(one["due"] for one in found["routes"])
        assert found["routes_behind"] == sum(one["behind"] > 0 for one in found["routes"])
        lines = route_weeks.as_csv(found).splitlines()
        assert [line.split(",")[0] for line in lines[1:]] == [one["code"] for one in found["routes"]]
        return {one["code"]: one for one in found["routes"]}

    noon = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=4)  # in China
    first, later = told(noon + timedelta(days=1)), told(noon + timedelta(days=7))
    assert {code: (one["turns"], one["is_given_out"]) for code, one in first.items()} == {
        "r1": (3, True),
        "r2": (2, True),
        "r3": (7, False),
    }
    assert [first[code]["due"] for code in ("r2", "r3")] == [1, 1]
    assert {code: (one["due"], one["done"], one["behind"]) for code, one in later.items()} == {
        "r1": (3, 0, 3),
        "r2": (2, 0, 2),
        "r3": (7, 0, 7),
    }
    with database.writing() as connection:
        ids = {one["code"]: one["id"] for one in route_store.routes(connection)}
        for after, walked_m in ((2, 700.0), (3, 100.0)):  # r2: enough on Wednesday, too little on Thursday
            counted = {"mark": b"m", "edition_id": 1, "fixes": 0, "matched": 0, "cells": NO_CELLS}
            patrol_store.put_day(connection, day + timedelta(days=after), **counted)
            rows = [{"route_id": ids["r2"], "length_m": 761.0, "walked_m": walked_m}]
            route_store.put_days(connection, day + timedelta(days=after), rows)
    r2 = told(noon + timedelta(days=7))["r2"]
    assert (r2["due"], r2["done"], r2["behind"]) == (2, 1, 1)
