"""What incidents are sorted by: categories with those above them, and the response standards."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.store.at_once import Question
from geo_service.store.dispatch_tables import category, response_standard

#: By category the one above it, and its usual urgency.
Families = dict[str, tuple[str | None, str]]


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
    return standards_question().ask(connection)


def standards_question() -> Question[list[dict[str, Any]]]:
    """Return the question of :func:`standards`."""
    names = response_standard.c.keys()
    words = f"select {', '.join(names)} from response_standard order by position"  # noqa: S608 - our own names
    return Question(words, {}, lambda rows: [dict(zip(names, row, strict=True)) for row in rows])


def families_question(codes: Collection[str]) -> Question[Families]:
    """Return the question for some categories and all above them: by code the one above, and the urgency."""
    return Question(
        _FAMILIES, {"codes": list(codes)}, lambda rows: {row[0]: (row[1], row[2]) for row in rows}
    )


_FAMILIES = """
    with recursive family as (
        select code, parent_code, urgency from category where code = any(%(codes)s)
        union
        select category.code, category.parent_code, category.urgency
        from family join category on category.code = family.parent_code
    )
    select code, parent_code, urgency from family
"""


def replace_standards(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Set all response standards, in order."""
    connection.execute(delete(response_standard))
    for i, row in enumerate(rows):
        connection.execute(insert(response_standard).values({**row, "position": i}))
