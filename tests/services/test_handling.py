"""Handling: moves are exactly once, logged, and on what the caller saw."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from sqlalchemy.exc import DBAPIError

from geo_service.errors import ConflictError, InvalidInputError, NotFoundError
from geo_service.services import handling
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.intake import incident_id, take_in
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.staffing.life import Move, Status
from geo_service.store import catalogue, lives
from geo_service.store.database import Database
from tests.services.places import grid, middle, table

pytestmark = pytest.mark.postgis


@pytest.fixture
def tilings(database: Database) -> Tilings:
    tilings = Tilings(database)
    draft = draft_import(BoundaryImport(table(grid(2, 1)), "grid"), None, [])
    publish(database, tilings, draft, who="t", note="")
    return tilings


def report(database: Database, tilings: Tilings, key: str = "1", **given: Any) -> UUID:
    lon, lat = middle(0, 0)
    row = {"source_id": key, "occurred_at": datetime.now(UTC), "lon": lon, "lat": lat, **given}
    take_in(database, tilings, pd.DataFrame([row]), source="s", who="desk", live=True)
    return incident_id("s", key)


def standing(database: Database, key: UUID) -> handling.Standing:
    with database.reading() as connection:
        return handling.standing(connection, key)


def log(database: Database, key: UUID) -> list[tuple[str, str | None, str | None]]:
    with database.reading() as connection:
        return [
            (line["move"], line["from_status"], line["to_status"]) for line in lives.log_of(connection, key)
        ]


def test_a_report_is_born_with_running_clocks(database: Database, tilings: Tilings) -> None:
    now = standing(database, report(database, tilings))
    assert now.kept.life.status is Status.REPORTED
    assert [clock.state.value for clock in now.clocks] == ["running"] * 3
    assert 290 < (now.clocks[0].left_s or 0) <= 300


def test_history_has_no_life(database: Database, tilings: Tilings) -> None:
    row = {"source_id": "h", "occurred_at": datetime.now(UTC), "lon": 0.0, "lat": 0.0}
    take_in(database, tilings, pd.DataFrame([row]), source="s", who="t")
    with pytest.raises(NotFoundError, match="history"):
        standing(database, incident_id("s", "h"))


def test_moves_are_kept_with_who_and_why(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings)
    handling.move(database, key, Move.ACCEPT, who="desk")
    after = handling.move(database, key, Move.VOID, who="desk", reason=" a test call ")
    assert after.kept.life.status is Status.VOID
    assert after.kept.revision == 2
    assert log(database, key) == [
        ("report", None, "reported"),
        ("accept", "reported", "accepted"),
        ("void", "accepted", "void"),
    ]
    with database.reading() as connection:
        last = lives.log_of(connection, key)[-1]
        events = connection.exec_driver_sql(
            "select payload ->> 'move' from outbox where topic = 'incident.moved' order by seq"
        )
        assert (last["who"], last["reason"]) == ("desk", "a test call")
        assert list(events.scalars()) == ["accept", "void"]


def test_the_same_request_twice_is_one_move(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings)
    for _ in range(2):
        after = handling.move(database, key, Move.ACCEPT, who="desk", request_key="k1")
    assert after.kept.revision == 1
    assert len(log(database, key)) == 2


def test_who_decided_on_an_older_state_is_told(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings)
    handling.move(database, key, Move.ACCEPT, who="one", revision=0)
    with pytest.raises(ConflictError, match="revision 1 and accepted"):
        handling.move(database, key, Move.VOID, who="two", reason="?", revision=0)
    assert len(log(database, key)) == 2


def test_what_is_refused_changes_nothing(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings)
    with pytest.raises(ConflictError):
        handling.move(database, key, Move.CLOSE, who="desk")
    with pytest.raises(InvalidInputError, match="future"):
        handling.move(database, key, Move.ACCEPT, who="desk", at=datetime.now(UTC) + timedelta(hours=1))
    assert len(log(database, key)) == 1
    assert standing(database, key).kept.revision == 0


def test_suspended_clocks_are_kept_in_the_database(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings)
    handling.move(database, key, Move.ACCEPT, who="desk")
    handling.move(database, key, Move.SUSPEND, who="desk", reason="waits for the owner")
    now = standing(database, key)
    assert [clock.state.value for clock in now.clocks] == ["running", "paused", "paused"]
    with database.reading() as connection:
        due = connection.exec_driver_sql(
            "select next_due_at = arrive_due_at, handle_due_at, close_due_at from incident_life"
        ).one()
    assert tuple(due) == (True, None, None)
    handling.move(database, key, Move.RESUME, who="desk")
    kept = standing(database, key).kept.life
    assert kept.status is Status.ACCEPTED
    assert len(kept.pauses) == 1
    assert kept.pauses[0].end is not None


def test_a_clock_set_back_does_not_stop_the_work(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings)
    with database.writing() as connection:
        connection.exec_driver_sql(
            "update incident_life set (reported_at, last_at) = (now() + '1 hour', now() + '1 hour')"
        )
    life = handling.move(database, key, Move.ACCEPT, who="desk").kept.life
    assert life.accepted_at == life.reported_at


def test_the_standard_is_chosen_by_category_urgency_and_place(database: Database, tilings: Tilings) -> None:
    event = {"kind": "event", "name_zh": "火", "name_en": "fire"}
    limits = {"name_zh": "快", "name_en": "fast", "arrive_s": 60, "handle_s": 600, "close_s": 6000}
    with database.writing() as connection:
        catalogue.put_categories(connection, [{"code": "fire", **event}])
        catalogue.put_categories(connection, [{"code": "fire.smoke", "parent_code": "fire", **event}])
        here = {"code": "here", **limits, "cells": ["c00r00"]}
        fire = {"code": "fire", **limits, "categories": ["fire"], "pausable": ["arrive"]}
        catalogue.replace_standards(connection, [fire])
        catalogue.replace_standards(connection, [here, fire])
    lon, lat = middle(1, 0)
    there = report(database, tilings, "there", lon=lon, lat=lat)
    smoke = report(database, tilings, "smoke", category="fire.smoke")
    plain = report(database, tilings, "plain")
    codes = {key: standing(database, key).kept.standard["code"] for key in (there, smoke, plain)}
    assert codes == {there: "567", smoke: "fire", plain: "here"}


def test_the_log_is_append_only(database: Database, tilings: Tilings) -> None:
    report(database, tilings)
    with pytest.raises(DBAPIError, match="append-only"), database.writing() as connection:
        connection.exec_driver_sql("delete from incident_log")
