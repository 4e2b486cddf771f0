"""Rounds in a small town: what is asked for, whose list it is on, how it is proved, and what is counted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from geo_service.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from geo_service.formats.patrol_places import read_campaigns, read_places
from geo_service.services import rounds, visits, week_lists
from geo_service.services.ground import Ground
from geo_service.services.visits import Scan, Seen
from geo_service.store import audit, positions, staffing
from geo_service.store.database import Database
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis
ZONE = ZoneInfo("Asia/Shanghai")
HEAD = "place_code,place_name,department,grade,lon,lat,visit_minutes,last_visit,exempt,exempt_until\n"


def monday() -> date:
    return week_lists.monday_of(datetime.now(ZONE).date())


class Town:
    """Cells, streets, two workers who share a cell, one who holds a row, and places."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tilings = desk_town.build(database)
        self.ground = Ground(database)
        self.ids = desk_town.employ(
            database,
            [
                {"code": "w1", "at": desk_town.corner(0, 0), "cell": "c00r00"},
                {"code": "w2", "at": desk_town.corner(1, 0), "cell": "c00r00"},
                {"code": "w3", "at": desk_town.corner(3, 1), "cell": "c03r01", "mode": "walk"},
                {"code": "idle", "at": desk_town.corner(5, 3), "cell": "c05r03"},
            ],
        )
        start = datetime.combine(monday(), datetime.min.time(), ZONE)
        shifts = [
            {
                "responder_id": self.ids[who],
                "start": start + timedelta(days=day),
                "end": start + timedelta(days=day, hours=24),
            }
            for who in ("w1", "w2", "w3")
            for day in range(7 if who == "w1" else 2)
        ]
        with database.writing() as connection:
            staffing.replace_shifts(connection, pd.DataFrame(shifts))

    def put(self, *rows: str, commit: bool = True) -> dict[str, Any]:
        table = read_places((HEAD + "\n".join(rows)).encode())
        report = rounds.import_places(self.database, self.tilings.get(), table, who="t", commit=commit)
        return report.counts

    def week(self) -> dict[str, Any]:
        week_lists.make_week(self.database, self.ground, self.tilings.get(), monday(), who="t")
        with self.database.reading() as connection:
            return week_lists.week(connection, self.tilings.get(), monday())

    def sign(self, code: str) -> str:
        with self.database.reading() as connection:
            rows = rounds.places(connection, self.tilings.get(), signs=True)
        return next((str(row["sign"]) for row in rows if row["code"] == code), "")

    def visit(self, who: str, place: str, **given: Any) -> dict[str, Any]:
        scan = Scan(**{"code": self.sign(place), "at": datetime.now(UTC), "how": "scanned", **given})
        return visits.take(self.database, self.ids[who], scan)


def row(code: str, department: str, grade: str, at: tuple[float, float], rest: str = ",,,") -> str:
    return f"{code},name {code},{department},{grade},{at[0]},{at[1]},{rest}"


@pytest.fixture(scope="module")
def built(postgis: TestServer) -> Iterator[Town]:
    with postgis.fresh_url() as url:
        database = Database.connect(url, read_size=2, write_size=2)
        try:
            yield Town(database)
        finally:
            database.close()


@pytest.fixture
def town(built: Town) -> Town:
    with built.database.writing() as connection:
        connection.exec_driver_sql("truncate patrol_place, patrol_campaign, patrol_week cascade")
        connection.exec_driver_sql("delete from setting where subject = 'patrol_rules'")
    return built


def stops_of(told: dict[str, Any]) -> dict[str, list[str]]:
    return {
        who["responder"]: sorted(stop["place"] for day in who["days"] for stop in day["stops"])
        for who in told["people"]
    }


def test_a_week_joins_drops_and_shares_out(town: Town) -> None:
    near = [desk_town.corner(0.2 + 0.1 * i, 0.0) for i in range(6)]
    rows = [row(f"a{i}", "fire", "A", at) for i, at in enumerate(near)]
    rows += [
        row("a0", "market", "B", near[0]),
        row("b", "fire", "C", desk_town.corner(3.5, 1.1)),
        row("seen", "fire", "C", desk_town.corner(3.5, 1.1), f",{monday() - timedelta(days=3)},,"),
        row("shut", "fire", "A", desk_town.corner(3.5, 1.1), ",,closed for good,"),
        row("open", "fire", "A", desk_town.corner(3.5, 1.1), f",,closed,{monday() - timedelta(days=1)}"),
        row("lone", "fire", "A", desk_town.corner(5.5, 3.5)),
        row("off", "fire", "A", (10.0, 10.0)),
    ]
    assert town.put(*rows, commit=False)["new_places"] == 12
    counts = town.put(*rows)
    assert (counts["new"], counts["exempt"], counts["in_no_cell"]) == (13, 2, 1)
    assert town.put(rows[0])["corrected"] == 1
    told = town.week()
    mine = stops_of(told)
    assert sorted(mine["w1"] + mine["w2"]) == [f"a{i}" for i in range(6)]
    assert len(mine["w2"]) >= 1
    assert mine["w3"] == ["b", "open"]
    assert {one["place"]: one["reason"] for one in told["left_out"]} == {"lone": "nobody", "off": "no_cell"}
    (joint,) = [
        stop
        for who in told["people"]
        for day in who["days"]
        for stop in day["stops"]
        if stop["place"] == "a0"
    ]
    assert joint["departments"] == ["fire", "market"]
    for who in told["people"]:
        for day in who["days"]:
            assert [stop["position"] for stop in day["stops"]] == list(range(1, len(day["stops"]) + 1))
            assert monday() <= day["day"] <= monday() + timedelta(days=6)
            assert day["seconds"] == sum(stop["travel_s"] + stop["visit_s"] for stop in day["stops"])
    assert week_lists.as_csv(told, ZONE).count("\r\n") == 9
    # w3 walks 400 m of street, and 87 m off it
    first = told["people"][2]["days"][0]["stops"][0]
    assert 300 < first["travel_s"] < 600


def test_what_was_visited_is_not_on_the_next_list(town: Town) -> None:
    at = desk_town.corner(0.5, 0.0)
    town.put(row("a", "fire", "B", at), row("a", "market", "B", at))
    assert stops_of(town.week()) != {}
    done = town.visit("w1", "a", departments=("fire",))
    assert (done["counts"], done["repeated"], done["departments"]) == (True, False, ["fire"])
    told = town.week()
    (stop,) = [stop for who in told["people"] for day in who["days"] for stop in day["stops"]]
    assert stop["departments"] == ["market"]
    assert stop["visited_at"] is not None
    town.visit("w2", "a", at=datetime.now(UTC) - timedelta(seconds=1))
    assert stops_of(town.week()) == {}


def test_a_campaign_brings_its_places_in(town: Town) -> None:
    seen = f",{monday() - timedelta(days=2)},,"
    town.put(row("a", "fire", "C", desk_town.corner(0.5, 0.0), seen))
    assert stops_of(town.week()) == {}
    line = f"drive,fire,{monday()},{monday() + timedelta(days=20)},"
    head = "campaign,department,campaign_from,campaign_to,place_code\n"
    report = rounds.import_campaigns(
        town.database, read_campaigns((head + line + "a\n").encode()), who="t", commit=True
    )
    assert report.counts["new"] == 1
    told = town.week()
    assert told["people"][0]["days"][0]["stops"][0]["campaigns"] == ["drive"]
    for wrong in (line + "nothing", line.replace("fire", "market") + "a"):
        with pytest.raises(InvalidInputError):
            rounds.import_campaigns(
                town.database, read_campaigns((head + wrong).encode()), who="t", commit=True
            )
    rounds.end_campaign(town.database, "drive", who="t")
    assert stops_of(town.week()) == {}
    with pytest.raises(NotFoundError):
        rounds.end_campaign(town.database, "drive", who="t")


def test_a_visit_is_proved_by_the_fix_and_taken_once(town: Town) -> None:
    lon, lat = desk_town.corner(0.5, 0.0)
    town.put(row("a", "fire", "A", (lon, lat)))
    now = datetime.now(UTC)
    far = town.visit("w1", "a", at=now, seen=Seen(lon + 0.01, lat, 10.0, now))
    assert (far["proof"], far["counts"]) == ("far", False)
    assert far["distance_m"] == pytest.approx(970, abs=10)
    near = town.visit("w1", "a", at=now, seen=Seen(lon + 0.0005, lat, 10.0, now))
    assert (near["id"], near["proof"], near["counts"], near["repeated"]) == (far["id"], "near", True, True)
    again = town.visit("w1", "a", at=now + timedelta(seconds=30), seen=Seen(lon + 1, lat, 1.0, now))
    assert (again["id"], again["proof"]) == (far["id"], "near")
    blurred = town.visit("w2", "a", at=now, seen=Seen(lon + 0.01, lat, 5000.0, now))
    assert (blurred["proof"], blurred["distance_m"]) == ("unseen", None)
    stale = town.visit("w3", "a", at=now, seen=Seen(lon, lat, 5.0, now - timedelta(hours=1)))
    assert stale["proof"] == "unseen"
    with town.database.reading() as connection:
        listed = visits.listed(connection, now.astimezone(ZONE).date(), now.astimezone(ZONE).date())
    assert {one["responder"] for one in listed} == {"w1", "w2", "w3"}


def test_a_blurred_fix_does_not_beat_the_track_and_the_audit_says_nothing_of_visits(town: Town) -> None:
    lon, lat = desk_town.corner(0.5, 0.0)
    town.put(row("a", "fire", "A", (lon, lat)))
    now = datetime.now(UTC)
    who = town.ids["w1"]
    track = positions.Fixes(
        [who, who],
        [now - timedelta(seconds=50), now - timedelta(seconds=5)],
        [lon + 0.01, 0.0],
        [lat, 0.0],
        [8.0, 1e6],
    )
    with town.database.writing() as connection:
        positions.make_days(connection, [now.date() - timedelta(days=1), now.date()])
        positions.add(connection, track)
        before = audit.last(connection)
    told = town.visit("w1", "a", at=now, seen=Seen(0.0, 0.0, 1e6, now))
    assert (told["proof"], told["counts"]) == ("far", False)
    assert town.visit("w2", "a", at=now, seen=Seen(0.0, 0.0, 1e6, now))["proof"] == "unseen"
    with town.database.writing() as connection:
        assert audit.last(connection) == before
        connection.exec_driver_sql("delete from position_fix")


def test_what_is_no_visit_is_refused(town: Town) -> None:
    town.put(row("a", "fire", "A", desk_town.corner(0.5, 0.0)))
    now = datetime.now(UTC)
    for who, at, words in (
        ("idle", now, "not on duty"),
        ("w1", now + timedelta(hours=1), "future"),
        ("w1", now - timedelta(days=9), "too long ago"),
    ):
        with pytest.raises(InvalidInputError) as refused:
            town.visit(who, "a", at=at)
        assert words in refused.value.faults[0].message
    with pytest.raises(InvalidInputError):
        town.visit("w1", "a", departments=("market",))
    old = town.sign("a")
    assert rounds.renew_sign(town.database, "a", who="t") != old
    with pytest.raises(ForbiddenError, match="not in force"):
        town.visit("w1", "a", code=old)
    assert town.visit("w1", "a")["counts"]
    rounds.retire(town.database, "a", who="t")
    with pytest.raises(ForbiddenError):
        town.visit("w1", "a", code=old)
    with pytest.raises(NotFoundError):
        rounds.retire(town.database, "a", who="t")


def test_rules_and_exemptions_are_set(town: Town) -> None:
    at = desk_town.corner(0.5, 0.0)
    with pytest.raises(InvalidInputError):
        town.put(row("a", "fire", "D", at))
    told = rounds.set_rules(town.database, {"every_days": {"A": 7, "D": 1}}, after=0, who="t")
    assert (told["version"], told["rules"]["every_days"]["D"]) == (1, 1)
    with pytest.raises(ConflictError):
        rounds.set_rules(town.database, {}, after=0, who="t")
    for wrong in (
        {"every_days": {"A": 0}},
        {"nothing": 1},
        {"radius_m": 1e9},
        {"quotas": {"x": {"days": 3}}},
    ):
        with pytest.raises(InvalidInputError):
            rounds.set_rules(town.database, wrong, after=1, who="t")
    town.put(row("a", "fire", "D", at), row("a", "market", "A", at))
    assert rounds.set_exempt(town.database, "a", "fire", "closed", None, who="t") == 1
    told = town.week()
    assert told["people"][0]["days"][0]["stops"][0]["departments"] == ["market"]
    rounds.set_exempt(town.database, "a", None, "closed", None, who="t")
    assert stops_of(town.week()) == {}
    rounds.set_exempt(town.database, "a", None, "", None, who="t")
    assert stops_of(town.week()) != {}
    with pytest.raises(NotFoundError):
        rounds.set_exempt(town.database, "nothing", None, "x", None, who="t")
