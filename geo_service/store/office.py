"""What an office sets itself, version after version: nothing is changed, a new version is added."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql

from geo_service.errors import Fault, NotFoundError, PreconditionFailedError, Words
from geo_service.store.office_tables import office_setting

Subject = Literal["rules", "code_schemes"]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One version of a setting: what was given, what it came to, who set it, why and when."""

    version: int
    given: Mapping[str, Any]
    in_force: Mapping[str, Any]
    who: str
    why: str
    at: datetime


_COLUMNS = (
    office_setting.c.version,
    office_setting.c.given,
    office_setting.c.in_force,
    office_setting.c.who,
    office_setting.c.why,
    office_setting.c.at,
)


def latest(connection: Connection, subject: Subject) -> SettingRow | None:
    """Return what is set now; None while nothing ever was."""
    rows = select(*_COLUMNS).where(office_setting.c.subject == subject)
    found = connection.execute(rows.order_by(office_setting.c.version.desc()).limit(1)).one_or_none()
    return SettingRow(*found) if found else None


def get(connection: Connection, subject: Subject, version: int) -> SettingRow:
    """Return an earlier version.

    Raises
    ------
    NotFoundError
        There was no such version.
    """
    rows = select(*_COLUMNS).where(office_setting.c.subject == subject, office_setting.c.version == version)
    found = connection.execute(rows).one_or_none()
    if found is None:
        raise NotFoundError(Words(f"there is no version {version}", f"没有第 {version} 版设定"))
    return SettingRow(*found)


def every(connection: Connection, subject: Subject) -> list[SettingRow]:
    """Return all versions, the newest first."""
    rows = select(*_COLUMNS).where(office_setting.c.subject == subject)
    return [SettingRow(*row) for row in connection.execute(rows.order_by(office_setting.c.version.desc()))]


def add(
    connection: Connection,
    subject: Subject,
    *,
    after: int,
    given: Mapping[str, Any],
    in_force: Mapping[str, Any],
    who: str,
    why: str,
) -> SettingRow:
    """Write the version that follows ``after``; of two who follow the same one, the second is refused.

    Raises
    ------
    PreconditionFailedError
        ``after`` is not the newest version.
    """
    newest = latest(connection, subject)
    values = {"subject": subject, "version": after + 1, "given": dict(given), "in_force": dict(in_force)}
    statement = postgresql.insert(office_setting).values(**values, who=who, why=why)
    row = None
    if after == (newest.version if newest else 0):
        row = connection.execute(statement.on_conflict_do_nothing().returning(*_COLUMNS)).one_or_none()
    if row is None:
        message = Words(
            "somebody has set this meanwhile; look at what is set now, then try again",
            "其间有人改过设定；请看看现行设定，再试一次",
        )
        raise PreconditionFailedError(message, [Fault("If-Match", message, value=after)])
    return SettingRow(*row)
