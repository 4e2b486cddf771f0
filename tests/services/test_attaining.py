"""Breaches in a town of known streets: who could have been there, and what it failed by."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from geo_service.errors import ConflictError
from geo_service.services import dispatching, handling
from geo_service.services.attaining import Attainment, attainment_table
from geo_service.services.desk import Desks
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tilings
from geo_service.staffing.life import Move
from geo_service.store import positions
from geo_service.store.database import Database
from geo_service.store.dispatches import Sending
from geo_service.store.positions import Fixes
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis
NUMBERS = count()
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture(scope="module")
def town(postgis: TestServer) -> Iterator[tuple[Database, Tilings, dict[str, int]]]:
    """Two at the corner (0, 0), one three streets on, one off duty on the spot."""
    with postgis.fresh() as made:
        tilings = desk_town.build(made)
        people = [
            {"code": "near", "at": desk_town.corner(0, 0)},
            {"code": "other", "at": desk_town.corner(0, 0)},
            {"code": "far", "at": desk_town.corner(5, 3)},
            {"code": "off", "at": desk_town.corner(1, 0)},
        ]
        ids = desk_town.employ(made, people)
        desk_town.put_on_duty(made, [ids["near"], ids["other"], ids["far"]], since_h=4)
        yield made, tilings, ids


@pytest.fixture
def database(town: tuple[Database, Tilings, dict[str, int]]) -> Database:
    with town[0].writing() as connection:
        connection.exec_driver_sql(
            "update dispatch set ended_at = sent_at, outcome = 'done' where ended_at is null"
        )
        connection.exec_driver_sql("update dispatch set sent_at = '2020-01-01Z', ended_at = '2020-01-01Z'")
        connection.exec_driver_sql("truncate position_fix")
    return town[0]


@pytest.fixture
def attainment(town: tuple[Database, Tilings, dict[str, int]]) -> Attainment:
    return Attainment(town[0], Ground(town[0]), Desks(town[0]))


def breach(
    town: tuple[Database, Tilings, dict[str, int]],
    who: str | None = None,
    after_s: float = 0,
    took_s: float = 600,
    **given: Any,
) -> UUID:
    """Report at START at the corner (1, 0), send somebody after a while, who arrives later still."""
    database, tilings, ids = town
    key = desk_town.report(database, tilings, f"{next(NUMBERS)}", desk_town.corner(1, 0), **given)
    if who is not None:
        (one,) = dispatching.send(database, key, [Sending(ids[who], lead=True)], who="desk")
        dispatching.arrive(database, one.id, who="desk")
    with database.writing() as connection:
        sent, there = (START + timedelta(seconds=s) for s in (after_s, after_s + took_s))
        connection.execute(
            text("""
                update incident_life set reported_at = :start, arrive_due_at = case when arrived_at is null
                        then cast(:start as timestamptz) + interval '5 min' end,
                    dispatched_at = case when arrived_at is not null then cast(:sent as timestamptz) end,
                    arrived_at = case when arrived_at is not null then cast(:there as timestamptz) end
                where incident_id = :key
            """),
            {"start": START, "sent": sent, "there": there, "key": key},
        )
        connection.execute(
            text("update dispatch set sent_at = :sent, arrived_at = :there where incident_id = :key"),
            {"sent": sent, "there": there, "key": key},
        )
    return key


def test_each_cause_with_its_numbers(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    found = attainment.of(breach(town))
    assert (found["cause"], found["attainable"], found["sent"]) == ("not_sent", True, None)
    assert found["best"]["responder"] in {"near", "other"}
    way_s = found["best"]["there_after_s"]  # 800 m by e-bike
    assert 100 < way_s < 260
    for who, after_s, took_s, cause in (
        ("near", 10, 600, "slower_than_roads"),
        ("near", 299, 600, "sent_too_late"),
        ("far", 10, 600, "wrong_one_sent"),
        ("far", 299, 600, "sent_too_late"),
        ("near", 301, 600, "not_sent"),
    ):
        found = attainment.of(breach(town, who, after_s, took_s))
        assert found["cause"] == cause, (who, after_s, found)
        assert found["sent"]["after_s"] == after_s
        release(database)
    assert found["cause_zh"] == "未派单"


def release(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("update dispatch set ended_at = arrived_at, outcome = 'done'"
            " where ended_at is null")  # fmt: skip
        connection.exec_driver_sql("update dispatch set sent_at = '2020-01-01Z', ended_at = '2020-01-01Z'")


def test_positions_of_that_moment_go_before_bases(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    ids = town[2]
    with database.writing() as connection:
        positions.make_days(connection, [START.date()])
        away = [(ids[who], desk_town.corner(6, 4), 60) for who in ("near", "other")]
        away.append((ids["far"], desk_town.corner(1, 0), 4000))  # too old to be believed
        positions.add(
            connection,
            Fixes(
                [one[0] for one in away],
                [START - timedelta(seconds=one[2]) for one in away],
                [one[1][0] for one in away],
                [one[1][1] for one in away],
                [5.0] * 3,
            ),
        )
    found = attainment.of(breach(town))
    assert (found["cause"], found["attainable"], found["could_leave"]) == ("too_far", False, 3)


def test_who_is_elsewhere_leaves_from_there_when_that_is_over(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    """Both near ones are sent elsewhere: one stays there, one is free in time."""
    others = [desk_town.report(database, town[1], f"else {who}", desk_town.corner(1, 0)) for who in "ab"]
    for key, who in zip(others, ("near", "other"), strict=True):
        dispatching.send(database, key, [Sending(town[2][who], lead=True)], who="desk")
    with database.writing() as connection:
        connection.execute(
            text("update dispatch set sent_at = :at where incident_id = any(:keys)"),
            {"at": START - timedelta(minutes=5), "keys": others},
        )
    first = breach(town)
    assert attainment.of(first)["cause"] == "too_far"  # the far one could leave, and is too far
    with database.writing() as connection:
        connection.execute(
            text("update dispatch set ended_at = :at, outcome = 'done' where incident_id = :key"),
            {"at": START + timedelta(seconds=200), "key": others[1]},
        )
    found = attainment.of(breach(town))
    assert found["best"]["responder"] == "other"
    assert 200 <= found["best"]["there_after_s"] < 230
    assert attainment.of(first)["cause"] == "too_far"  # what was worked out is kept


def test_nobody_on_duty(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    found = attainment.of(breach(town, category="1706"))
    assert found["allowed_s"] == 300
    with database.writing() as connection:
        kept = connection.exec_driver_sql("select id, on_duty from shift").all()
        connection.exec_driver_sql("update shift set on_duty = tstzrange('2020-01-01Z', '2020-01-02Z')")
    fresh = Attainment(database, Ground(database), Desks(database))
    assert fresh.of(breach(town))["cause"] == "nobody_on_duty"
    with database.writing() as connection:
        for key, span in kept:
            connection.execute(
                text("update shift set on_duty = tstzrange(:a, :b) where id = :key"),
                {"a": span.lower, "b": span.upper, "key": key},
            )


def test_a_changed_roster_is_read_anew(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    assert attainment.of(breach(town))["cause"] == "not_sent"
    with database.writing() as connection:
        kept = connection.exec_driver_sql("select id, on_duty from shift").all()
        connection.exec_driver_sql("update shift set on_duty = tstzrange('2020-01-01Z', '2020-01-02Z')")
        connection.exec_driver_sql("select pg_stat_force_next_flush()")
    try:
        assert attainment.of(breach(town))["cause"] == "nobody_on_duty"
    finally:
        with database.writing() as connection:
            for key, span in kept:
                connection.execute(
                    text("update shift set on_duty = tstzrange(:a, :b) where id = :key"),
                    {"a": span.lower, "b": span.upper, "key": key},
                )


def test_who_left_since_could_have_been_there(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql(
            "update responder set retired_at = clock_timestamp() where code in ('near', 'other')"
        )
    try:
        found = attainment.of(breach(town))
    finally:
        with database.writing() as connection:
            connection.exec_driver_sql("update responder set retired_at = null")
    assert found["best"]["responder"] in {"near", "other"}


class Door:
    """A lock that tells how many came to it."""

    def __init__(self) -> None:
        self.lock, self.came = threading.Lock(), threading.Semaphore(0)

    def __enter__(self) -> None:
        self.came.release()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_who_waits_his_turn_holds_no_connection(
    database: Database, town: tuple[Database, Tilings, dict[str, int]]
) -> None:
    key = breach(town)
    small = Database.connect(database.read.url, read_size=2, write_size=1, pool_timeout_s=0.2)
    attainment = Attainment(small, Ground(small), Desks(small))
    attainment._working = door = Door()  # type: ignore[assignment]
    span = START - timedelta(minutes=1), START + timedelta(minutes=1)
    waiting = [
        threading.Thread(target=attainment.of, args=(key,)),
        threading.Thread(target=attainment.work_out, args=span),
    ]
    try:
        with door.lock:
            for thread in waiting:
                thread.start()
                assert door.came.acquire(timeout=30)
            with small.reading() as first, small.reading() as second:
                assert first is not second
        for thread in waiting:
            thread.join(60)
    finally:
        small.close()


def test_what_is_no_breach(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    with pytest.raises(ConflictError, match="not broken"):
        attainment.of(breach(town, "near", 10, 100))
    release(database)
    nowhere = breach(town, lon=float("nan"), lat=float("nan"))
    with pytest.raises(ConflictError, match="no place"):
        attainment.of(nowhere)


def test_by_cell_with_what_is_left_to_do(
    database: Database, town: tuple[Database, Tilings, dict[str, int]], attainment: Attainment
) -> None:
    keys = [breach(town) for _ in range(3)]
    span = START - timedelta(minutes=1), START + timedelta(minutes=1)
    done, left = attainment.work_out(*span, limit=2)
    assert (done, left > 0) == (2, True)
    attainment.work_out(*span)
    assert attainment.work_out(*span) == (0, 0)
    with database.reading() as connection:
        table = attainment_table(connection, town[1].get(), "community", span)
    assert table["breaches"].sum() >= len(keys)
    placed = table[table["where"] == "cell"]
    assert (placed["breaches"] == placed["worked_out"]).all()
    causes = ["nobody_on_duty", "too_far", "not_sent", "sent_too_late", "wrong_one_sent", "slower_than_roads"]
    assert (table[causes].sum(axis=1) == table["worked_out"]).all()
    handling.move(database, keys[0], Move.VOID, who="desk", reason="a mistake")
    with database.reading() as connection:
        after = attainment_table(connection, town[1].get(), "community", span)
    assert after["breaches"].sum() == table["breaches"].sum() - 1  # it is waited for no more
