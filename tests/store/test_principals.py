"""Principals in the database, and the keys that services issue for them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from geo_service.errors import ConflictError, NotFoundError, UnauthenticatedError
from geo_service.model import Role
from geo_service.services import identity
from geo_service.store import audit, principals
from geo_service.store.database import Database


def test_the_first_start_makes_one_admin_however_many_ask(database: Database):
    with ThreadPoolExecutor(4) as threads:
        keys = [key for key in threads.map(lambda _: identity.ensure_admin(database), range(8)) if key]
    assert len(keys) == 1
    assert identity.Gatekeeper(database, b"s").look_up(identity.read_key(keys[0])).role is Role.ADMIN
    assert identity.ensure_admin(database) is None


def test_the_key_itself_is_nowhere_in_the_database(database: Database):
    key = identity.ensure_admin(database)
    with database.reading() as connection:
        for table in ("principal", "audit"):
            assert key not in str(connection.execute(text(f"select * from {table}")).all())
        stored = connection.execute(text("select key_sha256 from principal")).scalar_one()
        assert audit.verify(connection) is None
    assert bytes(stored) == identity.key_digest(key)
    assert len(key) == len("gsk_") + 43


def test_the_last_admin_key_cannot_be_revoked(database: Database):
    identity.ensure_admin(database)
    with pytest.raises(ConflictError, match="last admin"):
        identity.revoke(database, 1, by="test")
    identity.issue(database, "second", Role.ADMIN, by="test")
    identity.revoke(database, 1, by="test")
    with pytest.raises(ConflictError, match="last admin"):
        identity.revoke(database, 2, by="test")


def test_two_admins_cannot_revoke_each_other_at_the_same_time(database: Database):
    for name in ("one", "two"):
        identity.issue(database, name, Role.ADMIN, by="test")

    def attempt(number: int) -> bool:
        try:
            identity.revoke(database, number, by="test")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(attempt, (1, 2))) == [False, True]


def test_after_the_loss_of_every_admin_key_a_start_makes_a_new_one(database: Database):
    identity.ensure_admin(database)
    with database.writing() as connection:
        principals.revoke(connection, 1)
    assert identity.ensure_admin(database) is not None
    with database.reading() as connection:
        assert [record.principal.name for record in principals.keys(connection)] == ["admin", "admin-2"]


def test_names_and_keys_are_not_used_again(database: Database):
    made, _ = identity.issue(database, "desk", Role.DISPATCHER, by="test")
    identity.revoke(database, made.id, by="test")
    with pytest.raises(ConflictError, match="revoked already"):
        identity.revoke(database, made.id, by="test")
    with pytest.raises(ConflictError, match="name is taken"):
        identity.issue(database, "desk", Role.DISPATCHER, by="test")
    with pytest.raises(NotFoundError):
        identity.revoke(database, 999, by="test")


def test_a_good_key_is_remembered_for_seconds_only(database: Database):
    now = [0.0]
    gate = identity.Gatekeeper(database, b"s", clock=lambda: now[0])
    made, key = identity.issue(database, "desk", Role.DISPATCHER, by="test")
    credential = identity.read_key(key)
    assert gate.recall(credential) is None
    assert gate.look_up(credential) == made
    identity.revoke(database, made.id, by="another process")
    now[0] = identity.CACHE_S
    assert gate.recall(credential) == made
    now[0] += 0.001
    assert gate.recall(credential) is None
    assert gate.look_up(credential) is None
    with pytest.raises(UnauthenticatedError):
        gate.open_session(key)


def test_the_secret_of_an_installation_is_made_once(tmp_path: Path):
    home = tmp_path / "new" / "home"
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: identity.session_secret(home), range(16)))
    assert len(found) == 1
    assert len(found.pop()) == 32
    assert [file.name for file in home.iterdir()] == ["session.secret"]
    assert (home / "session.secret").stat().st_mode & 0o777 == 0o600
