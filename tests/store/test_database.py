"""Connections: a server that was away is met again without anybody noticing, and without asking each time."""

import pytest
from sqlalchemy import text

from geo_service.store.database import Database

pytestmark = pytest.mark.postgis


def ours(database: Database, *, writing: bool) -> int:
    """Use a pooled connection; returns the process that serves it."""
    with database.writing() if writing else database.reading() as connection:
        found: int = connection.execute(text("select pg_backend_pid()")).scalar_one()
        return found


@pytest.mark.parametrize("writing", [False, True])
def test_a_connection_that_was_ended_is_made_anew(database: Database, writing: bool) -> None:
    other = ours(database, writing=not writing)
    before = ours(database, writing=writing)
    assert ours(database, writing=writing) == before  # it is kept
    with database.reading() if writing else database.writing() as connection:
        assert connection.execute(text(f"select pg_terminate_backend({before}, 5000)")).scalar_one()
    assert ours(database, writing=writing) != before
    assert ours(database, writing=not writing) == other


@pytest.fixture
def asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Connections that were asked whether they are still there."""
    dialect, found = database.read.dialect, []
    ping = dialect.do_ping
    monkeypatch.setattr(dialect, "do_ping", lambda connection: found.append(connection) or ping(connection))
    return found


def test_a_connection_in_use_is_not_asked(database: Database, asked: list[object]) -> None:
    for _ in range(3):
        ours(database, writing=False)
    assert not asked


def test_a_connection_long_unused_is_asked(
    database: Database, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geo_service.store.database.QUIET_S", 0.0)
    ours(database, writing=False)  # newly made
    assert not asked
    ours(database, writing=False)
    assert len(asked) == 1
