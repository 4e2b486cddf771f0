"""Settings kept in versions, each a line of a table with version, given, who, at: nothing is overwritten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.errors import ConflictError, Fault, Words


def newest(connection: Connection, table: Table) -> tuple[int, dict[str, Any], str, datetime | None]:
    """Return what is set now: version, what was given, by whom, when; version 0 while nothing was."""
    row = connection.execute(select(table).order_by(table.c.version.desc()).limit(1)).one_or_none()
    return (row.version, row.given, row.who, row.at) if row else (0, {}, "", None)


def follow(connection: Connection, table: Table, given: Mapping[str, Any], *, after: int, who: str) -> int:
    """Write the version that follows ``after``; returns it.

    Raises
    ------
    ConflictError
        Somebody has set another since.
    """
    row = None
    if newest(connection, table)[0] == after:
        row = connection.execute(
            upsert(table)
            .values(version=after + 1, given=dict(given), who=who)
            .on_conflict_do_nothing()
            .returning(table.c.version)
        ).one_or_none()
    if row is None:
        words = Words("somebody has set this meanwhile; look again", "设置已被他人修改，请刷新后再试")
        raise ConflictError(words, [Fault("version", words, value=after)])
    return after + 1
