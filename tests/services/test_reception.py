"""Reports that come one by one, and at once: each gets his own answer, and each is there once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from geo_service.errors import InvalidInputError
from geo_service.services.reception import Reception
from geo_service.services.reporting import Place, Report
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.services.places import middle
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
        except InvalidInputError as error:
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
