"""Who is on duty: rotas of several weeks, calendars, leave, stand-ins, posts with their lead."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from geo_service.services import roster_records
from geo_service.services.rostering import on_duty, shifts_between
from geo_service.store.database import Database
from tests.services.roster_places import create, put, settle

pytestmark = pytest.mark.postgis
ZONE = ZoneInfo("Asia/Shanghai")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in March 2026; the 2nd is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=ZONE)


def on(database: Database, moment: datetime) -> set[str]:
    with database.reading() as connection:
        return set(on_duty(connection, moment)["code"])


def test_leave_and_stand_ins(database: Database) -> None:
    settle(database)
    assert on(database, at(2, 9)) == {f"W{n}" for n in range(6)}
    assert on(database, at(2, 23)) == {"P"}
    span = {"start": at(2, 0), "end": at(3, 0)}
    create(database, "absences", responder="W0", kind="sick", **span)
    create(database, "absences", responder="P", kind="swap", substitute="W5", **span)
    assert on(database, at(2, 9)) == {"W1", "W2", "W3", "W4", "W5"}
    assert on(database, at(2, 23)) == {"W5"}
    assert on(database, at(3, 0)) == {"P"}
    assert on(database, at(3, 9)) == {f"W{n}" for n in range(6)}


def test_a_post_is_kept_from_its_lead_on_but_not_in_the_holidays(database: Database) -> None:
    settle(database)
    days = [
        {"first": "2026-03-03", "last": "2026-03-03"},
        {"first": "2026-03-07", "last": "2026-03-07", "as_weekday": 3},
    ]
    put(database, "calendars", code="school", name="校历", days=days)
    windows = [{"weekdays": [1, 2, 3], "start": "07:20", "end": "08:10", "holder": "W0"}]
    put(
        database,
        "posts",
        code="S",
        name="s",
        kind="school",
        lon=118.0,
        lat=29.0,
        calendar="school",
        windows=windows,
    )
    assert "W0" not in on(database, at(2, 7, 9))
    with database.reading() as connection:
        duty = on_duty(connection, at(2, 7, 10)).set_index("code")
    assert duty["pinned"]["W0"]
    assert (duty["lon"]["W0"], duty["lat"]["W0"]) == (118.0, 29.0)
    assert duty["until"]["W0"] == at(2, 8, 10)
    # off on Tuesday the 3rd; Saturday the 7th has Wednesday's hours
    assert "W0" not in on(database, at(3, 7, 30))
    assert "W0" in on(database, at(7, 7, 30))
    # somebody stands in at the post for a day: the holder does the rest of his work
    create(
        database,
        "absences",
        responder="W0",
        kind="swap",
        substitute="W1",
        post="S",
        start=at(4, 0),
        end=at(5, 0),
    )
    with database.reading() as connection:
        duty = on_duty(connection, at(4, 8, 5)).set_index("code")
    assert duty["pinned"]["W1"]
    assert not duty["pinned"]["W0"]


def test_rotas_of_several_weeks(database: Database) -> None:
    settle(database)
    lines = [
        {"weekdays": [1], "start": "08:00", "end": "16:00", "every_weeks": 3, "first_week": "2026-03-04"},
        {"weekdays": [1], "start": "20:00", "end": "08:00", "every_weeks": 3, "first_week": "2026-03-09"},
    ]
    put(database, "rotas", "*", responder="W0", lines=lines)
    with database.reading() as connection:
        worked = shifts_between(connection, at(1, 0), at(31, 0))
        number = connection.exec_driver_sql("select id from responder where code = 'W0'").scalar_one()
    starts = [shift.start for shift in worked if shift.responder_id == number]
    assert starts == [at(2, 8), at(9, 20), at(23, 8), at(30, 20)]


def test_who_has_retired_works_no_more(database: Database) -> None:
    settle(database)
    with database.reading() as connection:
        record = roster_records.get(connection, "responders", "W0")
    roster_records.remove(database, "responders", "W0", who="t", if_match=record.tag)
    later = datetime(2031, 3, 3, 9, tzinfo=ZONE)
    assert on(database, later) == {f"W{n}" for n in range(1, 6)}
    assert "W0" in on(database, at(2, 9))
