"""Entries of the roster: written, read back the same, changed under If-Match, refused with their places."""

from typing import Any

import pytest

from geo_service.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
)
from geo_service.services import roster_records
from geo_service.services.roster_entries import ENTRIES
from geo_service.store import audit
from geo_service.store.database import Database
from tests.services.roster_places import create, person, publish_cells, put

pytestmark = pytest.mark.postgis

ENTRIES_SAID: dict[str, dict[str, Any]] = {
    "stations": {"code": "S1", "name": "站", "kind": "police", "lon": 118.01, "lat": 29.01},
    "calendars": {
        "code": "school",
        "name": "校历",
        "days": [
            {"first": "2026-10-01", "last": "2026-10-08", "as_weekday": None, "name": "国庆"},
            {"first": "2026-10-10", "last": "2026-10-10", "as_weekday": 4, "name": "补课"},
        ],
    },
    "rotas": {
        "responder": "A",
        "lines": [
            {
                "weekdays": [1, 3],
                "start": "08:00",
                "end": "12:00",
                "every_weeks": 2,
                "first_week": "2024-01-08",
                "first": "2026-01-01",
                "last": "2026-12-31",
                "timezone": "Asia/Shanghai",
                "calendar": "school",
            },
            {
                "weekdays": [7],
                "start": "22:00",
                "end": "06:00",
                "every_weeks": 1,
                "first_week": "2024-01-01",
                "first": None,
                "last": None,
                "timezone": "Asia/Shanghai",
                "calendar": None,
            },
        ],
    },
    "posts": {
        "code": "P1",
        "name": "小学",
        "kind": "school",
        "lon": 118.0,
        "lat": 29.0,
        "lead_min": 15,
        "calendar": "school",
        "windows": [
            {
                "weekdays": [1, 2],
                "start": "07:20",
                "end": "08:00",
                "holder": None,
                "timezone": "Asia/Shanghai",
            },
            {
                "weekdays": [3],
                "start": "07:20",
                "end": "08:00",
                "holder": "A",
                "timezone": "Asia/Shanghai",
            },
        ],
    },
    "teams": {
        "code": "T1",
        "name": "联勤队",
        "kind": "joint",
        "capabilities": ["first_aid"],
        "least": 2,
        "members": [
            {"responder": "A", "lead": True, "since": None, "until": None},
            {
                "responder": "B",
                "lead": False,
                "since": "2026-01-01T00:00:00+00:00",
                "until": "2026-06-01T00:00:00+00:00",
            },
        ],
    },
    "needs": {
        "code": "N1",
        "level": "grid",
        "cell_kind": "regular",
        "role": "police",
        "count": 2,
        "weekdays": [1, 5],
        "start": "20:00",
        "end": "06:00",
        "timezone": "Asia/Shanghai",
        "presence": "held",
        "from_above": True,
    },
    "duties": {
        "responder": "A",
        "level": "grid",
        "cell": "c00r00",
        "role": "grid_lead",
        "since": "2026-01-01T00:00:00+00:00",
        "until": None,
    },
    "shifts": {
        "responder": "A",
        "start": "2026-03-01T00:00:00+00:00",
        "end": "2026-03-01T08:00:00+00:00",
        "post": "P1",
        "note": "加班",
    },
    "absences": {
        "responder": "A",
        "start": "2026-03-01T00:00:00+00:00",
        "end": "2026-03-02T00:00:00+00:00",
        "kind": "swap",
        "substitute": "B",
        "post": None,
        "note": "",
    },
}


@pytest.fixture
def place(database: Database) -> Database:
    publish_cells(database)
    for code in "AB":
        person(database, code)
    return database


def test_what_is_written_is_read_back(place: Database) -> None:
    for register, said in ENTRIES_SAID.items():
        coded = register in roster_records.KEYS
        record = put(place, register, **said) if coded else create(place, register, **said)
        assert record.created or register == "rotas"
        assert record.entry == said
        with place.reading() as connection:
            assert roster_records.get(connection, register, record.key) == record.__class__(
                register, record.key, said
            )
        if coded:  # the same again changes nothing and needs no tag
            assert put(place, register, **said).tag == record.tag
        again = ENTRIES[register].model_validate(said)
        roster_records.put(place, register, record.key, again, who="t", if_match=record.tag)
    with place.reading() as connection:
        assert audit.verify(connection) is None


def test_a_change_names_what_it_saw(place: Database) -> None:
    said = ENTRIES_SAID["stations"]
    first = put(place, "stations", **said)
    with pytest.raises(PreconditionRequiredError):
        put(place, "stations", **{**said, "name": "b"})
    second = put(place, "stations", first.tag, **{**said, "name": "b"})
    with pytest.raises(PreconditionFailedError):
        put(place, "stations", first.tag, **{**said, "name": "c"})
    with pytest.raises(PreconditionFailedError):
        roster_records.remove(place, "stations", "S1", who="t", if_match=first.tag)
    roster_records.remove(place, "stations", "S1", who="t", if_match=f'"{second.tag}"')
    with pytest.raises(NotFoundError), place.reading() as connection:
        roster_records.get(connection, "stations", "S1")


def test_what_is_not_known_is_named(place: Database) -> None:
    with pytest.raises(InvalidInputError) as caught:
        create(place, "duties", responder="X", level="grid", cell="nowhere", role="r")
    assert {(fault.field, fault.value) for fault in caught.value.faults} == {
        ("responder", "X"),
        ("cell", "nowhere"),
    }


def test_clashes_are_said_in_words(place: Database) -> None:
    create(place, "shifts", responder="A", start="2026-03-01T00:00Z", end="2026-03-01T08:00Z")
    with pytest.raises(ConflictError, match="another shift"):
        create(place, "shifts", responder="A", start="2026-03-01T07:00Z", end="2026-03-01T09:00Z")
    lines = [
        {"weekdays": [1], "start": "08:00", "end": "12:00"},
        {"weekdays": [1], "start": "11:00", "end": "13:00", "every_weeks": 3},
    ]
    with pytest.raises(InvalidInputError) as caught:
        put(place, "rotas", responder="A", lines=lines)
    assert caught.value.faults[0].field == "lines 1, 2"
    apart = [{**lines[0], "every_weeks": 2}, {**lines[1], "every_weeks": 2, "first_week": "2024-01-08"}]
    put(place, "rotas", responder="A", lines=apart, tag="*")


def test_who_leaves_keeps_his_history_and_may_come_back(place: Database) -> None:
    record = put(place, "responders", code="A", name="name of A", role="grid_worker")
    create(place, "duties", responder="A", level="grid", cell="c00r00", role="grid_worker")
    roster_records.remove(place, "responders", "A", who="t", if_match=record.tag)
    with place.reading() as connection:
        with pytest.raises(NotFoundError):
            roster_records.get(connection, "responders", "A")
        duty = connection.exec_driver_sql("select upper(held_during) is not null from duty").scalar_one()
    assert duty
    assert person(place, "A").created


def test_a_calendar_in_use_stays(place: Database) -> None:
    calendar = put(place, "calendars", **ENTRIES_SAID["calendars"])
    put(place, "posts", **ENTRIES_SAID["posts"])
    with pytest.raises(ConflictError, match="follow this calendar"):
        roster_records.remove(place, "calendars", "school", who="t", if_match=calendar.tag)
