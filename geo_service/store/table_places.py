"""Buildings and cells by the names that tables give them."""

from collections.abc import Collection

from sqlalchemy import Connection, text


def buildings(connection: Connection, names: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the buildings that each name means: one of that id, else all of that address."""
    if not names:
        return {}
    rows = connection.execute(
        text("""
            select name, source_id, source_id = name as is_id from unnest(cast(:names as text[])) as name
            join demand_point on source_id = name or address = name
            order by name, source_id collate "C"
        """),
        {"names": sorted(names)},
    ).all()
    by_id = {row.name for row in rows if row.is_id}
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.is_id or row.name not in by_id:
            found.setdefault(row.name, []).append(row.source_id)
    return found


def levels(connection: Connection, codes: Collection[str]) -> dict[str, list[str]]:
    """Return the levels on which there is or was a cell of each code, from the top down."""
    if not codes:
        return {}
    rows = connection.execute(
        text("""
            select cell.code, level.code as level from cell join level on level.id = cell.level_id
            where cell.code = any(:codes) order by level.depth
        """),
        {"codes": sorted(codes)},
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.code, []).append(row.level)
    return found
