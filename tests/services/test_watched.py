"""The watcher among others: what somebody holds, what has ended, what is set while it looks."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

import geo_service.store.migrations
from geo_service.services import handling, issuing
from geo_service.services.duty_book import DutyBooks
from geo_service.services.escalating import Escalation, set_rules
from geo_service.services.tiling import Tilings
from geo_service.staffing.life import Move
from geo_service.store import lives, watch
from geo_service.store.database import Database
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis

UPGRADE = Path(geo_service.store.migrations.__path__[0], "versions", "0020_watch.sql")


@pytest.fixture(scope="module")
def place(postgis: TestServer) -> Iterator[tuple[Database, Tilings]]:
    with postgis.fresh() as made:
        yield made, desk_town.build(made)


@pytest.fixture
def database(place: tuple[Database, Tilings]) -> Database:
    """Nothing waits yet."""
    with place[0].writing() as connection:
        connection.execute(text("delete from incident_life"))
        connection.execute(text("update escalation set stage = 'lifted', climbs_at = null"))
    return place[0]


def overdue(database: Database, tilings: Tilings, name: str) -> UUID:
    """Report what should have been reached a second ago."""
    key = desk_town.report(database, tilings, name)
    change(
        database,
        "update incident_life set arrive_due_at = now() - interval '1 s', watch_at = now()"
        f" where incident_id = '{key}'",
    )
    return key


def change(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


def ask(database: Database, question: str) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text(question)).scalars())


def test_lives_that_somebody_holds_are_not_asked_for_again_and_again(
    database: Database, place: tuple[Database, Tilings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "BATCH", 2)
    keys = [overdue(*place, f"held {number}") for number in range(2)]
    looker = Escalation(*place, DutyBooks(place[0]))
    with database.writing() as connection:
        for key in sorted(keys):
            lives.get(connection, key, lock=True)
        assert looker.look() == (2, False)  # both cards are issued all the same
        assert looker.look() == (0, False)
    assert looker.look() == (0, True)  # free again: it says when to look next
    assert looker.look() == (0, False)
    assert ask(database, "select colour from escalation where stage = 'called'") == ["red", "red"]


def test_nobody_is_called_for_what_has_ended_though_its_card_waits_to_be_lifted(
    database: Database, place: tuple[Database, Tilings]
) -> None:
    key = overdue(*place, "ended")
    looker = Escalation(*place, DutyBooks(place[0]))
    while looker.look().more:
        pass
    called = len(ask(database, "select id::text from escalation_line where what = 'call'"))
    handling.move(database, key, Move.VOID, who="desk", reason="nothing there")
    change(database, "update incident_life set watch_at = null")
    change(database, "update escalation set climbs_at = now() - interval '1 s' where stage = 'called'")
    assert looker.look() == (0, False)
    assert len(ask(database, "select id::text from escalation_line where what = 'call'")) == called


def test_the_upgrade_looks_at_what_ended_with_a_card_that_nobody_lifted(
    database: Database, place: tuple[Database, Tilings]
) -> None:
    keys = {name: overdue(*place, f"upgrade {name}") for name in ("going on", "ended", "left a card")}
    looker = Escalation(*place, DutyBooks(place[0]))
    while looker.look().more:
        pass
    change(
        database,
        "update escalation set stage = 'lifted', climbs_at = null"
        f" where incident_id <> '{keys['left a card']}'",
    )
    for name in ("ended", "left a card"):
        handling.move(database, keys[name], Move.VOID, who="desk", reason="nothing there")
    change(database, "alter table incident_life drop column watch_at")
    with database.writing() as connection:
        connection.exec_driver_sql(UPGRADE.read_text(encoding="utf-8"))
    watched = ask(database, "select incident_id::text from incident_life where watch_at is not null")
    assert set(watched) == {str(keys["going on"]), str(keys["left a card"])}
    assert looker.look().done == 1
    assert ask(database, "select id::text from escalation where stage = 'called'") == []


def test_rules_are_set_after_who_looks_by_the_former_ones(database: Database) -> None:
    setting = threading.Thread(target=set_rules, args=(database, {}), kwargs={"after": 0, "who": "t"})
    with database.writing() as connection:
        assert watch.lock(connection)
        setting.start()
        setting.join(0.3)
        assert setting.is_alive()
    setting.join(10)
    assert not setting.is_alive()
    assert ask(database, "select version::text from escalation_rules") == ["1"]
