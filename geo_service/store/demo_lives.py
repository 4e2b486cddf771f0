"""The lives of the demo's incidents, written in bulk."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from geo_service.store import bulk
from geo_service.store.dispatch_tables import dispatch, incident_life, incident_log


def has_lives(connection: Connection) -> bool:
    """Tell whether any incident has a life already."""
    return connection.execute(select(incident_life.c.incident_id).limit(1)).first() is not None


def add_lives(
    connection: Connection,
    lives: Mapping[str, list[Any]],
    lines: Mapping[str, list[Any]],
    dispatches: Mapping[str, list[Any]],
) -> None:
    """Append lives, lines of logs, and dispatches that are over, column by column."""
    bulk.copy_columns(connection, incident_life, lives)
    bulk.copy_columns(connection, incident_log, lines)
    bulk.copy_columns(connection, dispatch, dispatches)
