"""The daily work: no track goes before it is counted, and what is kept of persons is right and ages out."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from geo_service.services import daily, patrol, patrol_people, rounds
from geo_service.services.daily import DailyWork, do_daily_work
from geo_service.services.ground import Ground
from geo_service.services.months import month_of
from geo_service.staffing.patrol import Span
from geo_service.store import positions, staffing, visits
from geo_service.store.database import Database
from geo_service.store.positions import Fixes
from tests.postgis import TestServer
from tests.services import desk_town
from tests.waiting import until

pytestmark = pytest.mark.postgis
ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 4)  # a Wednesday
EIGHT = datetime(2026, 3, 4, 8, tzinfo=ZONE)


class Town:
    """One who walks, two hours of fixes a day in a shift of four, and a post that he keeps or not."""

    def __init__(self, database: Database) -> None:
        self.database, self.tilings, self.ground = database, desk_town.build(database), Ground(database)
        people = [{"code": "w", "at": desk_town.corner(0, 0), "mode": "walk", "cell": "c00r00"}]
        self.who = desk_town.employ(database, people)["w"]
        shifts = [
            {
                "responder_id": self.who,
                "start": EIGHT + timedelta(days=n),
                "end": EIGHT + timedelta(days=n, hours=4),
            }
            for n in range(-1, 4)
        ]
        with database.writing() as connection:
            staffing.replace_shifts(connection, pd.DataFrame(shifts))
            # he holds his cell from long ago on
            connection.execute(text("update duty set held_during = tstzrange('2020-01-01', null)"))

    def walk(self, day: int, *, since_h: float = 0.0, for_h: float = 2.0) -> None:
        """Walk along the south of two cells and back, from some hour of the shift on, a fix every 20 s."""
        count = int(for_h * 180)
        column = 1.0 - np.abs(np.linspace(-1, 1, count))
        start = EIGHT + timedelta(days=day, hours=since_h)
        at = [(start + timedelta(seconds=20 * i)).astimezone(UTC) for i in range(count)]
        places = [desk_town.corner(2 * x, 0.01) for x in column.tolist()]
        with self.database.writing() as connection:
            positions.make_days(connection, {moment.date() for moment in at})
            lon, lat = (list(part) for part in zip(*places, strict=True))
            positions.add(connection, Fixes([self.who] * count, at, lon, lat, [5.0] * count))

    def work(self, now: datetime) -> list[date]:
        return [one.day for one in do_daily_work(self.database, self.ground, self.tilings, now=now)]

    def kept(self) -> list[date]:
        with self.database.reading() as connection:
            return positions.days(connection)

    def metres(self, day: date) -> float:
        with self.database.reading() as connection:
            frame, _ = patrol.cell_figures(connection, self.tilings.get(), "grid", day, day)
        return float(frame["patrolled_m"].sum())


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
        connection.exec_driver_sql("truncate patrol_day cascade")
        positions.drop_days(connection, date(2100, 1, 1))
    return built


def test_tracks_are_counted_before_they_go_however_long_nothing_ran(town: Town) -> None:
    town.walk(0)
    town.walk(1)
    assert town.kept() == [DAY, DAY + timedelta(days=1)]
    # nothing ran for two months: both days are far older than tracks are kept
    assert town.work(EIGHT + timedelta(days=60)) == [DAY, DAY + timedelta(days=1)]
    assert town.kept() == []
    assert town.metres(DAY) == pytest.approx(1600, abs=60)
    assert town.metres(DAY + timedelta(days=1)) == pytest.approx(1600, abs=60)
    assert town.work(EIGHT + timedelta(days=61)) == []


def test_a_day_is_counted_again_while_fixes_come_and_never_from_a_part_of_its_tracks(town: Town) -> None:
    town.walk(0, for_h=1.0)
    assert town.work(EIGHT + timedelta(days=1)) == [DAY]
    half = town.metres(DAY)
    with town.database.writing() as connection:  # as if it had been counted then
        connection.execute(text("update patrol_day set counted_at = '2026-03-05 00:00Z'"))
    town.walk(0, since_h=1.5)  # a phone that had no line
    assert town.work(EIGHT + timedelta(days=2)) == [DAY]
    assert town.metres(DAY) >= half
    whole = town.metres(DAY)
    # a part of its tracks is gone already: what is counted stays as it is
    with town.database.writing() as connection:
        connection.execute(text("delete from position_fix where at > '2026-03-04 01:00Z'"))
    assert not patrol.count_day(
        town.database, town.ground, town.tilings, DAY, who="t", now=EIGHT + timedelta(days=31)
    ).new
    assert town.metres(DAY) == whole


def test_what_cannot_be_counted_goes_all_the_same(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(patrol, "count_due", fail)
    town.walk(0)
    for late, left in ((timedelta(days=31), [DAY]), (timedelta(days=31) + daily.GRACE, [])):
        with pytest.raises(RuntimeError):
            town.work(EIGHT + late)
        assert town.kept() == left


def test_hours_absence_and_quota_of_a_person(town: Town) -> None:
    town.walk(0)
    town.work(EIGHT + timedelta(days=1))
    with town.database.reading() as connection:
        (told,) = patrol_people.quotas(connection, *month_of("2026-03", UTC).days)
    assert (told["days"], told["shift_hours"], told["person_times"]) == (1, 4.0, 3)
    assert told["hours"] == pytest.approx(2.0, abs=0.02)
    assert told["silent_hours"] == pytest.approx(2.0, abs=0.02)
    assert told["away_hours"] == pytest.approx(1.0, abs=0.02)
    assert "met" not in told
    rounds.set_rules(town.database, {"quotas": {"grid_worker": {"days": 1, "hours": 3}}}, after=0, who="t")
    with town.database.reading() as connection:
        (told,) = patrol_people.quotas(connection, *month_of("2026-03", UTC).days)
    assert (told["met"], told["days_short"], told["hours_short"]) == (False, 0, pytest.approx(1.0, abs=0.02))
    with town.database.writing() as connection:
        assert visits.drop_before(connection, DAY + timedelta(days=1)) >= 1
    assert town.metres(DAY) > 0


def test_posts_are_kept_or_missed(town: Town) -> None:
    lon, lat = desk_town.corner(0.0, 0.01)
    with town.database.writing() as connection:
        connection.execute(
            text("""
                insert into post (code, name, kind, geom, lead_min)
                values ('gate', 'gate', 'school', st_setsrid(st_makepoint(:lon, :lat), 4326), 10)
            """),
            {"lon": lon, "lat": lat},
        )
        for who, begin in ((town.who, "08:10"), (None, "17:00")):
            connection.execute(
                text("""
                    insert into post_window (post_id, responder_id, weekday, start_local, end_local)
                    select id, :who, 3, cast(:begin as time), cast(:begin as time) + interval '20 min'
                    from post
                """),
                {"who": who, "begin": begin},
            )
    at = [(EIGHT + timedelta(minutes=m)).astimezone(UTC) for m in range(-1, 40)]
    with town.database.writing() as connection:
        positions.make_days(connection, {moment.date() for moment in at})
        count = len(at)
        positions.add(connection, Fixes([town.who] * count, at, [lon] * count, [lat] * count, [5.0] * count))
    town.work(EIGHT + timedelta(days=1))
    with town.database.reading() as connection:
        told = patrol_people.posts(connection, DAY, DAY)
    assert told["counts"] == {"kept": 1, "late": 0, "left": 0, "missed": 1}
    assert [row["outcome"] for row in told["posts"]] == ["kept", "missed"]


def test_one_process_does_it_at_a_time(town: Town) -> None:
    town.walk(0)
    with town.database.apart() as other:
        assert positions.hold_daily_work(other)
        assert town.work(EIGHT + timedelta(days=60)) == []
        assert town.kept() == [DAY]
    until(lambda: town.work(EIGHT + timedelta(days=60)) == [DAY])  # the other's session ends a moment later


def test_it_runs_beside_the_relay_once_an_hour() -> None:
    done = []
    work = DailyWork(lambda: done.append(1))
    for _ in range(3):
        work.look()
        work.join(5)
    assert done == [1]
    broken = DailyWork(lambda: 1 / 0)
    broken.look()
    broken.join(5)
    assert not broken.is_under_way


def test_spans_that_touch_are_one() -> None:
    spans = [Span(1, 5, 9), Span(1, 0, 3), Span(1, 3, 4), Span(1, 6, 7)]
    assert patrol_people.joined(spans) == [Span(1, 0, 4), Span(1, 5, 9)]
