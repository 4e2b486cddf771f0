"""What incidents are sorted by: categories with those above them, and the response standards."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.store.dispatch_tables import category, response_standard


def categories(connection: Connection, *, retired: bool = False) -> list[dict[str, Any]]:
    """Return the categories in order of code; with ``retired`` also those no longer in use."""
    query = select(category).order_by(category.c.code.collate("C"))
    if not retired:
        query = query.where(category.c.retired_at.is_(None))
    return [dict(row) for row in connection.execute(query).mappings()]


def put_categories(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add categories or correct them by code; a parent stands before its children."""
    for row in rows:
        change = {name: value for name, value in row.items() if name != "code"}
        statement = upsert(category).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=change))


def retire_categories_except(connection: Connection, codes: Sequence[str]) -> None:
    """Retire the categories that are not among these: incidents of them stay what they are."""
    connection.execute(
        update(category)
        .where(category.c.retired_at.is_(None), category.c.code.not_in(list(codes)))
        .values(retired_at=func.clock_timestamp())
    )


def parents(connection: Connection) -> dict[str, str | None]:
    """Return the category above each."""
    rows = connection.execute(select(category.c.code, category.c.parent_code))
    return {row[0]: row[1] for row in rows}


def standards(connection: Connection) -> list[dict[str, Any]]:
    """Return the response standards, the one that goes before last."""
    query = select(response_standard).order_by(response_standard.c.position)
    return [dict(row) for row in connection.execute(query).mappings()]


def replace_standards(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Set all response standards, in order."""
    connection.execute(delete(response_standard))
    for i, row in enumerate(rows):
        connection.execute(insert(response_standard).values({**row, "position": i}))
