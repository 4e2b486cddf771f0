"""The dispatcher's desk: its settings, version after version, and whose phone is whose."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.store import versioned
from geo_service.store.desk_tables import desk_setting, principal_responder
from geo_service.store.tables import responder


def settings(connection: Connection) -> tuple[int, dict[str, Any], str, datetime | None]:
    """Return the desk's settings; see :func:`geo_service.store.versioned.newest`."""
    return versioned.newest(connection, desk_setting)


def set_settings(connection: Connection, given: Mapping[str, Any], *, after: int, who: str) -> int:
    """Set them anew; see :func:`geo_service.store.versioned.follow`."""
    return versioned.follow(connection, desk_setting, given, after=after, who=who)


def responder_of(connection: Connection, principal_id: int) -> int | None:
    """Return the responder for whom a key acts, None if for nobody."""
    found = select(principal_responder.c.responder_id).where(
        principal_responder.c.principal_id == principal_id
    )
    number: int | None = connection.execute(found).scalar_one_or_none()
    return number


def link(connection: Connection, principal_id: int, responder_id: int | None) -> None:
    """Let a key act for a responder; None: for nobody."""
    if responder_id is None:
        gone = delete(principal_responder).where(principal_responder.c.principal_id == principal_id)
        connection.execute(gone)
        return
    row = {"principal_id": principal_id, "responder_id": responder_id}
    statement = upsert(principal_responder).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["principal_id"], set_={"responder_id": responder_id})
    )


def links(connection: Connection) -> list[dict[str, Any]]:
    """Return which key acts for whom: key, responder, name."""
    rows = connection.execute(
        select(principal_responder.c.principal_id.label("key"), responder.c.code.label("responder"))
        .add_columns(responder.c.name)
        .join(responder, responder.c.id == principal_responder.c.responder_id)
        .order_by(principal_responder.c.principal_id)
    )
    return [dict(row) for row in rows.mappings()]
