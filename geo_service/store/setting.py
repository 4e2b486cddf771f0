"""Settings that are data: each version of a subject stays."""

from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from geo_service.store.intake_tables import setting

_LOCK = 0x6E0_5E77
_LATEST = (
    select(setting.c.version, setting.c.value)
    .where(setting.c.subject == bindparam("subject"))
    .order_by(setting.c.version.desc())
    .limit(1)
)


def latest(connection: Connection, subject: str) -> tuple[int, dict[str, Any]]:
    """Return number and value of the newest version; 0 and nothing while none was set."""
    found = connection.execute(_LATEST, {"subject": subject}).one_or_none()
    return (found[0], found[1]) if found else (0, {})


def add(connection: Connection, subject: str, value: dict[str, Any], *, after: int, who: str) -> None:
    """Write the version that follows ``after``; :func:`lock` comes first."""
    connection.execute(insert(setting).values(subject=subject, version=after + 1, value=value, who=who))


def lock(connection: Connection) -> None:
    """Let one change lists and settings at a time, until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
