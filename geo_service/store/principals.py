"""People and machines that may call, known by the SHA-256 of their API key."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, text, update

from geo_service.errors import NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.store.live_tables import principal_scope
from geo_service.store.tables import principal

#: Taken while the number of admins matters: by the first start and by a revocation.
ADMINS_LOCK = 0x6E0_AD14


_SCOPE = (
    select(func.array_agg(principal_scope.c.cell_id))
    .where(principal_scope.c.principal_id == principal.c.id)
    .correlate(principal)
    .scalar_subquery()
    .label("scope")
)
_ALL = select(principal, _SCOPE)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A principal with what is kept of its key: when it was made, when it was revoked, never the key."""

    principal: Principal
    created_at: datetime
    revoked_at: datetime | None


def create(
    connection: Connection, name: str, role: Role, key_sha256: bytes, scope: Collection[int] = ()
) -> Principal:
    """Add a principal; a name is never used twice, so the audit trail names one party for ever.

    ``scope``: ids of the cells that he sees, with all below them; empty means the whole town.
    """
    statement = insert(principal).values(name=name, role=role.value, key_sha256=key_sha256)
    number = connection.execute(statement.returning(principal.c.id)).scalar_one()
    if scope:
        rows = [{"principal_id": number, "cell_id": cell} for cell in sorted(scope)]
        connection.execute(insert(principal_scope), rows)
    return Principal(number, name, role, frozenset(scope))


def name_is_taken(connection: Connection, name: str) -> bool:
    """Tell whether a principal of that name exists or ever existed."""
    return connection.execute(select(principal.c.id).where(principal.c.name == name)).first() is not None


def by_key(connection: Connection, key_sha256: bytes) -> Principal | None:
    """Return who holds the key, unless it is revoked."""
    found = _in_force(connection, _ALL.where(principal.c.key_sha256 == key_sha256))
    return found[0] if found else None


def by_id(connection: Connection, principal_id: int) -> tuple[Principal, bytes] | None:
    """Return a principal and the SHA-256 of its key, unless it is revoked."""
    return _in_force(connection, _ALL.where(principal.c.id == principal_id))


def keys(connection: Connection, *, after: int = 0, limit: int = 1000) -> list[KeyRecord]:
    """List principals with an id above ``after``, in order of id, the revoked ones too."""
    rows = connection.execute(_ALL.where(principal.c.id > after).order_by(principal.c.id).limit(limit))
    return [_record(row) for row in rows]


def one(connection: Connection, principal_id: int) -> KeyRecord:
    """Return one principal, revoked or not.

    Raises
    ------
    NotFoundError
        There never was one of that number.
    """
    row = connection.execute(_ALL.where(principal.c.id == principal_id)).first()
    if row is None:
        raise NotFoundError(Words("there is no key of that number", "没有此编号的密钥"))
    return _record(row)


def revoke(connection: Connection, principal_id: int) -> bool:
    """Revoke a key for good; return whether it was in force."""
    statement = (
        update(principal)
        .where(principal.c.id == principal_id, principal.c.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
    )
    return connection.execute(statement).rowcount == 1


def lock_admins(connection: Connection) -> None:
    """Wait for, and keep out until the transaction ends, everybody else who counts or removes admins."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ADMINS_LOCK})


def admin_count(connection: Connection) -> int:
    """Return how many admin keys are in force."""
    statement = select(func.count()).where(
        principal.c.role == Role.ADMIN.value, principal.c.revoked_at.is_(None)
    )
    return connection.execute(statement).scalar_one()


def _in_force(connection: Connection, statement: Select[Any]) -> tuple[Principal, bytes] | None:
    row = connection.execute(statement.where(principal.c.revoked_at.is_(None))).first()
    if row is None:
        return None
    return _principal(row), bytes(row.key_sha256)


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(_principal(row), row.created_at, row.revoked_at)


def _principal(row: Row[Any]) -> Principal:
    return Principal(row.id, row.name, Role(row.role), frozenset(row.scope or ()))
