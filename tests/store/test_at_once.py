"""Statements that go to the database together."""

import threading
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from geo_service.errors import InvalidInputError, UnavailableError
from geo_service.store import boundaries
from geo_service.store.at_once import Question, ask_at_once
from geo_service.store.database import Connection, Database

pytestmark = pytest.mark.postgis

COUNT = Question("select count(*) from spoken", {}, lambda rows: rows[0][0])


def say(what: object) -> Question[int]:
    return Question(
        "insert into spoken values (%(what)s) returning length(what)", {"what": what}, lambda rows: rows[0][0]
    )


@pytest.fixture
def spoken(database: Database) -> Database:
    with database.writing() as connection:
        connection.execute(text("create table spoken (what text not null check (what <> 'no'))"))
    return database


@pytest.mark.parametrize(
    "words", ["", "it's", "; drop table spoken; --", "%s %(what)s", "\\", "$$", "网格 'x\\'"]
)
def test_each_has_its_answer_whatever_the_values_say(spoken: Database, words: str):
    with spoken.writing() as connection:
        assert ask_at_once(connection, COUNT, say(words), COUNT, say("b")) == [0, len(words), 1, 1]
    with spoken.reading() as connection:
        assert connection.execute(text("select what from spoken")).scalars().all() == [words, "b"]
        assert COUNT.ask(connection) == 2


def test_all_are_undone_with_the_one_that_is_refused(spoken: Database):
    with pytest.raises(InvalidInputError), spoken.writing() as connection:
        ask_at_once(connection, say("yes"), say("no"), say("more"))
    with spoken.reading() as connection:
        assert COUNT.ask(connection) == 0


def lose_and_ask(database: Database, ask: Callable[[Connection], object]) -> None:
    """Ask on a connection whose session has ended."""
    with database.writing() as connection, database.reading() as other:
        pid = connection.connection.driver_connection.info.backend_pid
        other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        ask(connection)


def test_a_lost_connection_is_told_and_not_used_again(spoken: Database):
    for ask in (COUNT.ask, lambda connection: ask_at_once(connection, COUNT, COUNT)):
        with pytest.raises(UnavailableError):
            lose_and_ask(spoken, ask)
        with spoken.writing() as connection:
            assert ask_at_once(connection, COUNT) == [0]


def test_what_comes_after_a_lock_sees_what_its_holder_committed(spoken: Database):
    """Who waits for a publisher must not look at what was there before he waited."""
    found = []

    def take_in():
        with spoken.writing() as connection:
            found.append(ask_at_once(connection, boundaries.intake_lock(), COUNT)[1])

    with spoken.writing() as connection:
        boundaries.lock_for_publishing(connection)
        thread = threading.Thread(target=take_in)
        thread.start()
        waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        while not connection.execute(waiting).scalar_one():
            pass
        say("published").ask(connection)
    thread.join(10)
    assert found == [1]


def test_several_cost_one_wait(spoken: Database, monkeypatch: pytest.MonkeyPatch):
    waits = []
    wait = psycopg.Connection.wait

    def counted(self, *args, **more):
        waits.append(1)
        return wait(self, *args, **more)

    with spoken.writing() as connection:
        COUNT.ask(connection)
        monkeypatch.setattr(psycopg.Connection, "wait", counted)
        ask_at_once(connection, *[COUNT] * 10)
        assert len(waits) <= 2  # one for the answers, one for the cursor to come to its end
