"""Reports that come one by one, and at once: each gets his own answer, and each is there once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier

import pandas as pd
import psycopg
import pytest
import shapely
from sqlalchemy import text

from geo_service.errors import GeoServiceError, HeldError, InvalidInputError
from geo_service.services import incident_views, reporting
from geo_service.services.intake import named, take_in
from geo_service.services.reception import Reception
from geo_service.services.reporting import Place, Report
from geo_service.services.tiling import Tilings
from geo_service.store import incidents, premises
from geo_service.store.database import Database
from tests.services.places import middle, square
from tests.services.test_intake import place, rows  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgis
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def report(key: str, at: tuple[float, float] | None = None, **more) -> Report:
    where = Place(*at) if at else Place()
    return Report(key, **{"occurred_at": NOON, "place": where, "accuracy_m": 5.0} | more)


@pytest.fixture
def reception(database: Database, place: Tilings) -> Reception:  # noqa: F811
    return Reception(database, place)


def at_once(reception: Reception, asked: list[tuple[Report, str]]) -> list:
    gate = Barrier(len(asked))

    def send(one):
        gate.wait()
        try:
            return reception.receive(*one)
        except GeoServiceError as error:
            return error

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(send, asked))


def test_of_many_at_once_each_gets_his_own(database: Database, reception: Reception):
    where = {"west": middle(0, 0), "east": middle(2, 0), None: middle(1, 0)}
    codes = ["west", "east", None] * 10
    answers = at_once(
        reception, [(report(str(i), where[code]), f"device {i % 4}") for i, code in enumerate(codes)]
    )
    assert all(one.new for one in answers)
    assert [one.seen["placement"]["cell_code"] for one in answers] == codes
    assert [one.seen["source_id"] for one in answers] == [str(i) for i in range(30)]
    assert [one.seen["source"] for one in answers] == [f"device {i % 4}" for i in range(30)]
    assert [one.seen["id"] for one in answers] == [one.id for one in answers]
    assert all(one.seen["standing"]["status"] == "reported" for one in answers)
    counts = "(select count(*) from {})"
    tables = (
        "incident",
        "placement",
        "incident_life",
        "incident_log",
        "outbox where topic = 'incident.reported'",
    )
    assert rows(database, f"select {', '.join(counts.format(name) for name in tables)}") == [(30,) * 5]
    assert rows(
        database,
        "select count(*) from incident_log join incident on incident.id = incident_id"
        " where who = reported_by",
    ) == [(30,)]


def test_a_wrong_one_is_refused_alone(database: Database, reception: Reception):
    late = datetime.now(UTC) + timedelta(days=3)
    asked = [report(str(i), middle(0, 0), **({"occurred_at": late} if i % 3 == 0 else {})) for i in range(12)]
    answers = at_once(reception, [(one, "desk") for one in asked])
    refused = [isinstance(one, InvalidInputError) for one in answers]
    assert refused == [i % 3 == 0 for i in range(12)]
    assert answers[0].faults[0].field == "occurred_at"
    assert rows(database, "select count(*) from incident") == [(8,)]


def test_the_same_report_from_several_lines_at_once_is_new_once(database: Database, reception: Reception):
    answers = at_once(reception, [(report("one", middle(0, 0)), "desk") for _ in range(12)])
    assert sorted(one.new for one in answers) == [False] * 11 + [True]
    assert len({one.id for one in answers}) == 1
    assert all(one.seen["placement"]["cell_code"] == "west" for one in answers)
    assert rows(database, "select count(*) from incident") == [(1,)]


def test_a_sound_report_after_a_wrong_one_with_its_id_is_new(reception: Reception):
    late = datetime.now(UTC) + timedelta(days=3)
    wrong = report("one", middle(0, 0), occurred_at=late), "desk"
    first, second, third = reception._receive([wrong, *[(report("one", middle(0, 0)), "desk")] * 2])
    assert isinstance(first, InvalidInputError)
    assert (second.new, third.new) == (True, False)


def test_what_somebody_else_is_just_storing_holds_up_itself_alone(database: Database, reception: Reception):
    lon, lat = middle(0, 0)
    held = pd.DataFrame({"source_id": ["held"], "occurred_at": [NOON], "lon": [lon], "lat": [lat]})
    with database.writing() as connection:
        incidents.insert_new(connection, named(held.assign(source="desk", reported_by="desk")))
        asked = [report(key, middle(0, 0)) for key in ("a", "held", "b", "c", "d")]
        answers = at_once(reception, [(one, "desk") for one in asked])
    assert [type(one) is HeldError for one in answers] == [one.source_id == "held" for one in asked]
    assert rows(database, "select count(*) from incident") == [(5,)]


def test_what_cannot_be_read_of_a_repeated_one_is_no_matter_of_the_others(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
):
    known = report("known", middle(0, 0))
    assert reception.receive(known, "desk").new

    def fails(*_):
        raise HeldError("not now")

    monkeypatch.setattr(incident_views, "several", fails)
    answers = at_once(reception, [(one, "desk") for one in (report("a"), known, report("b"), report("c"))])
    assert [getattr(one, "new", None) for one in answers] == [True, None, True, True]


def test_the_same_id_from_two_sources_is_two_incidents(database: Database, reception: Reception):
    answers = at_once(reception, [(report("one", middle(0, 0)), who) for who in ("a", "b")])
    assert all(one.new for one in answers)
    assert len({one.id for one in answers}) == 2


def test_what_the_database_refuses_fails_alone(database: Database, reception: Reception):
    with database.writing() as connection:
        connection.exec_driver_sql("alter table incident add constraint no_seven check (source_id <> '7')")
    asked = [(report(str(i), middle(0, 0)), "desk") for i in range(10)]
    answers = at_once(reception, asked)
    assert [isinstance(one, InvalidInputError) for one in answers] == [i == 7 for i in range(10)]
    assert rows(database, "select count(*) from incident") == [(9,)]
    assert rows(database, "select count(*) from incident_log") == [(9,)]


def everything(database: Database, key: str) -> dict[str, list]:
    """Return what all tables have of a source's report, but for numbers and moments of their own."""
    own = {"incident_id", "id", "recorded_at", "source", "reported_by", "who", "seq", "xid", "created_at"}
    due = (f"{one}_due_at" for one in ("arrive", "handle", "close", "next"))
    moments = {"at", "reported_at", "watch_at", *due}
    of = "= (select id from incident where source = :key)"
    found = {}
    with database.reading() as connection:
        for table, column in (
            ("incident", "id"),
            ("placement", "incident_id"),
            ("incident_life", "incident_id"),
            ("incident_log", "incident_id"),
            ("outbox", "cast(payload ->> 'id' as uuid)"),
        ):
            query = text(f"select * from {table} where {column} {of}")
            rows = [dict(row) for row in connection.execute(query, {"key": key}).mappings()]
            for row in rows:
                row.pop("payload", None)
            found[table] = [
                {name: value for name, value in row.items() if name not in own | moments} for row in rows
            ]
            begun = [row["reported_at"] for row in rows if "reported_at" in row]
            found[f"{table}, due"] = [
                [row[name] and row[name] - begun[0] for name in sorted(moments & row.keys())]
                for row in rows
                if begun
            ]
    return found


KINDS = {
    "inside": Place(*middle(0, 0)),
    "in a gap": Place(*middle(1, 0)),
    "outside": Place(*middle(9, 9)),
    "on the border": Place(square(0, 0).bounds[2], middle(0, 0)[1]),
    "near the border": Place(square(0, 0).bounds[2] - 1e-5, middle(0, 0)[1]),
    "nowhere": Place(),
    "a cell": Place(level="grid", cell_code="east"),
    "another datum": Place(*middle(0, 0), crs="GCJ02"),
    "premises": Place(*middle(2, 0)),
}


TOWN = """
    insert into category (code, parent_code, kind, name_zh, name_en, urgency) values
        ('x', null, 'event', '甲', 'x', 'low'), ('x1', 'x', 'event', '乙', 'x1', 'urgent');
    insert into response_standard (code, position, name_zh, name_en, arrive_s, handle_s, close_s, categories)
        values ('of x', 9, '丙', 'of x', 60, 70, 80, '{x}');
    insert into responder (code, name, role, mode) values ('anna', 'Anna', 'grid_lead', 'walk');
    insert into duty (responder_id, cell_id, role, held_during)
        select responder.id, cell.id, 'grid_lead', tstzrange(null, null)
        from responder, cell where cell.code = 'west'
"""


@pytest.fixture
def busy(database: Database, reception: Reception) -> Reception:
    """A town with people who answer, a compound, a category and a standard for it."""
    with database.writing() as connection:
        connection.exec_driver_sql(TOWN)
        shape = square(2, 0)
        rows = pd.DataFrame(
            {
                "code": ["p"],
                "name": ["mill"],
                "kind": ["factory"],
                "responsible_unit": ["guards"],
                "attributes": [{}],
                "geometry": [shapely.MultiPolygon([shape])],
            }
        )
        premises.put(connection, rows)
    return reception


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_and_stored_is_as_if_read_and_taken_in_otherwise(
    database: Database,
    place: Tilings,  # noqa: F811
    busy: Reception,
    kind: str,
):
    one = report(
        "1",
        place=KINDS[kind],
        occurred_at=NOON.astimezone(timezone(timedelta(hours=8))),
        accuracy_m=10.1,
        category="x1" if "border" in kind else "unknown",
        attributes={"a": [1, 2.5, None], "large": 2**60},
        floor=3,
    )
    done = busy.receive(one, "one by one")
    (read,) = incident_views.several(database, place, [done.id]).values()
    for seen in (read, done.seen):
        assert seen["standing"].pop("now")
        for clock in seen["standing"]["clocks"]:
            clock.pop("left_s")
    assert done.new
    assert done.seen == read
    types = [{name: type(value) for name, value in seen.items()} for seen in (done.seen, read)]
    assert types[0] == types[1]
    rows = reporting.strictly(reporting.prepare(database, place, [one]))
    take_in(database, place, rows, source="batch", who="batch", live=True)
    assert everything(database, "one by one") == everything(database, "batch")
    again = busy.receive(one, "one by one")
    assert (again.new, again.id) == (False, done.id)
    assert again.seen["placement"] == read["placement"]


def test_a_lot_goes_to_the_database_a_few_times(busy: Reception, monkeypatch: pytest.MonkeyPatch):
    busy.receive(report("first", middle(0, 0)), "desk")
    waits = []
    wait = psycopg.Connection.wait

    def counted(self, *args, **more):
        waits.append(1)
        return wait(self, *args, **more)

    monkeypatch.setattr(psycopg.Connection, "wait", counted)
    lot = [(report(str(i), middle(0, 0), category="x1"), "desk") for i in range(20)]
    assert all(one.new for one in busy._receive(lot))
    assert len(waits) <= 8
