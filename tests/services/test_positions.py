"""Positions: each fix once, in any order, only on duty; who comes to his incident has arrived."""

import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.geometry.crs import from_wgs84, parse_datum
from geo_service.services import dispatching, handling
from geo_service.services.desk import Desks
from geo_service.services.duty_book import DutyBooks
from geo_service.services.positions import Fix, PositionKeeper, Taken, sweep
from geo_service.services.tiling import Tilings
from geo_service.staffing.life import Status
from geo_service.store import positions
from geo_service.store.database import Database
from geo_service.store.dispatches import Sending
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis
WGS84 = parse_datum("WGS84")
NUMBERS = count()
LON, LAT = desk_town.corner(1, 1)


class Town:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.tilings: Tilings = desk_town.build(database)
        self.books, self.desks = DutyBooks(database), Desks(database)
        self.keeper = PositionKeeper(database, self.books, self.desks)

    def newcomer(self, *, since_h: float = 6.0, for_h: float = 8.0) -> tuple[str, int]:
        """Employ somebody who is on duty; returns his code and id."""
        code = f"p{next(NUMBERS)}"
        ids = desk_town.employ(self.database, [{"code": code, "at": desk_town.corner(0, 0)}])
        desk_town.put_on_duty(self.database, [ids[code]], since_h=since_h, for_h=for_h)
        self.books.forget()
        return code, ids[code]

    def take(self, *fixes: Fix) -> Taken:
        return self.keeper.take(fixes, WGS84, who="gateway")

    def latest(self, who: int) -> tuple[datetime, float, float] | None:
        with self.database.reading() as connection:
            rows = [row for row in positions.since(connection, None) if row.responder_id == who]
        return (rows[0].at, rows[0].lon, rows[0].lat) if rows else None

    def track(self, who: int) -> list[datetime]:
        now = datetime.now(UTC)
        with self.database.reading() as connection:
            rows = positions.track(connection, who, now - timedelta(days=8), now + timedelta(days=1))
        return [row["at"] for row in rows]


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[Town]:
    with postgis.fresh() as made:
        yield Town(made)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_out_of_order_and_twice(town: Town) -> None:
    code, who = town.newcomer()
    times = [ago(s) for s in (50, 40, 30, 20)]
    done = town.take(Fix(code, times[2], LON, LAT, 5.0), Fix(code, times[1], LON + 0.001, LAT))
    assert (done.taken, done.repeated, done.late, done.refused) == (2, 0, 0, [])
    assert town.latest(who) == (times[2], LON, LAT)
    # an older one only enters the track; one that is known changes nothing, whatever it says
    done = town.take(Fix(code, times[0], LON + 0.002, LAT), Fix(code, times[2], LON + 1, LAT))
    assert (done.taken, done.repeated, done.late) == (1, 1, 1)
    assert town.latest(who) == (times[2], LON, LAT)
    same = Fix(code, times[3], LON, LAT)
    done = town.take(same, same._replace(x=LON + 0.003))
    assert (done.taken, done.repeated) == (1, 1)
    assert town.latest(who) == (times[3], LON, LAT)
    assert town.track(who) == times


@settings(max_examples=20)
@given(st.data())
def test_any_order_of_batches_ends_in_the_same_place(town: Town, data: st.DataObject) -> None:
    code, who = town.newcomer()
    start = ago(3600)
    seconds = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=12))
    sent = [Fix(code, start + timedelta(seconds=s), LON + s * 1e-4, LAT) for s in seconds]
    while sent:
        n = data.draw(st.integers(1, len(sent)))
        done = town.take(*sent[:n])
        assert done.taken + done.repeated == n
        sent = sent[n:]
    assert town.track(who) == [start + timedelta(seconds=s) for s in sorted(set(seconds))]
    assert town.latest(who) == (start + timedelta(seconds=max(seconds)), LON + max(seconds) * 1e-4, LAT)


def test_what_is_refused_says_why_and_keeps_nothing_else_out(town: Town) -> None:
    code, who = town.newcomer(since_h=6, for_h=7)
    good = Fix(code, ago(10), LON, LAT)
    wrong = {
        "unknown": Fix("nobody", ago(10), LON, LAT),
        "bad_place": Fix(code, ago(11), math.nan, LAT),
        "bad_accuracy": Fix(code, ago(12), LON, LAT, math.nan),
        "future": Fix(code, ago(-600), LON, LAT),
        "too_old": Fix(code, ago(40 * 86400), LON, LAT),
        "off_duty": Fix(code, ago(7 * 3600), LON, LAT),
    }
    done = town.take(*wrong.values(), good, Fix(code, ago(13), 29.0, 118.0), Fix(code, ago(14), math.inf, 0))
    assert done.refused == [*enumerate(wrong), (7, "bad_place"), (8, "bad_place")]
    assert done.taken == 1
    assert town.track(who) == [good.at]
    told = done.as_dict()["refused"]
    assert told[5]["message_zh"] == "当时不在班：班外不记录轨迹"
    assert {one["index"] for one in told} == {0, 1, 2, 3, 4, 5, 7, 8}


def test_a_phone_whose_clock_is_a_little_fast_is_believed(town: Town) -> None:
    code, _ = town.newcomer()
    assert town.take(Fix(code, ago(-60), LON, LAT)).taken == 1


@pytest.mark.parametrize("datum", ["GCJ02", "BD09", "EPSG:4490", "EPSG:4549"])
def test_any_datum(town: Town, datum: str) -> None:
    code, who = town.newcomer()
    xy = from_wgs84(np.array([[LON, LAT]]), parse_datum(datum))[0]
    town.keeper.take([Fix(code, ago(1), *xy)], parse_datum(datum), who="gateway")
    latest = town.latest(who)
    assert latest is not None
    assert latest[1:] == pytest.approx((LON, LAT), abs=2e-6)


def test_many_senders_at_once_lose_nothing(town: Town) -> None:
    people = [town.newcomer() for _ in range(6)]
    start = ago(300)
    failures: list[BaseException] = []

    def send(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(5):
                order = rng.permutation(len(people))
                moments = [start + timedelta(seconds=int(s)) for s in rng.integers(0, 60, len(people))]
                town.take(*(Fix(people[i][0], moments[i], LON, LAT) for i in order))
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=send, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for _, who in people:
        latest = town.latest(who)
        assert latest is not None
        assert latest[0] == town.track(who)[-1]


def test_who_comes_to_his_incident_has_arrived(town: Town) -> None:
    code, who = town.newcomer()
    key = desk_town.report(town.database, town.tilings, code, (LON, LAT))
    (sent,) = dispatching.send(town.database, key, [Sending(who, lead=True)], who="desk")
    near = LON + 30 / 97_000
    assert town.take(Fix(code, ago(5), LON, LAT)).arrived == []  # measured before he was sent
    assert town.take(Fix(code, datetime.now(UTC), LON + 0.001, LAT)).arrived == []  # 97 m away
    assert town.take(Fix(code, datetime.now(UTC), near, LAT, 80.0)).arrived == []  # too blurred to say
    assert town.take(Fix(code, datetime.now(UTC), near, LAT, 20.0)).arrived == [sent.id]
    assert town.take(Fix(code, datetime.now(UTC), near, LAT)).arrived == []
    with town.database.reading() as connection:
        assert handling.standing(connection, key).kept.life.status is Status.ARRIVED


def test_old_days_go_and_are_not_taken_again(town: Town) -> None:
    with town.database.writing() as connection:
        today = datetime.now(UTC).date()
        positions.make_days(connection, [today - timedelta(days=n) for n in (29, 30, 31, 400)])
    sweep(town.database)
    with town.database.reading() as connection:
        assert positions.days(connection)[0] == today - timedelta(days=30)
    town.desks.set({"keep_days": 1, "late_fix_s": 7 * 86400}, after=0, who="t")
    assert sweep(town.database) >= 2
    code, _ = town.newcomer(since_h=80, for_h=81)
    done = town.take(Fix(code, ago(10), LON, LAT), Fix(code, ago(3 * 86400), LON, LAT))
    assert (done.taken, done.refused) == (1, [(1, "too_old")])


def test_what_is_still_being_written_is_found_later(town: Town) -> None:
    """A reader that follows by the horizon misses nobody, however late a transaction commits."""
    slow, quick = town.newcomer(), town.newcomer()
    database = town.database

    town.take(Fix(slow[0], ago(2), LON, LAT))  # the day has its partition

    def write(connection: object, who: int) -> None:
        positions.add(connection, positions.Fixes([who], [ago(1)], [LON], [LAT], [None]))  # type: ignore[arg-type]

    with database.writing() as late:
        write(late, slow[1])
        with database.writing() as connection:
            write(connection, quick[1])
        with database.reading() as connection:
            horizon = positions.horizon(connection)
        with database.reading() as connection:
            seen = {row.responder_id for row in positions.since(connection, horizon)}
        assert quick[1] in seen
        assert slow[1] not in seen
    with database.reading() as connection:
        later = positions.horizon(connection)
    with database.reading() as connection:
        assert slow[1] in {row.responder_id for row in positions.since(connection, horizon)}
        assert slow[1] not in {row.responder_id for row in positions.since(connection, later)}
