"""Escalations: cards and whistles, each with its lines; the rules."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.errors import NotFoundError, Words
from geo_service.staffing.escalation import OVER
from geo_service.store import request_keys, scopes, versioned
from geo_service.store.escalation_tables import escalation, escalation_line, escalation_rules
from geo_service.store.tables import cell, level

_OVER = sorted(one.value for one in OVER)


def add(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Issue an escalation; None if there is this one already."""
    key: int | None = connection.execute(
        upsert(escalation).values(**values).on_conflict_do_nothing().returning(escalation.c.id)
    ).scalar_one_or_none()
    return key


def add_cards(connection: Connection, cards: Sequence[Mapping[str, Any]]) -> list[int]:
    """Issue cards; returns those that were not there already."""
    if not cards:
        return []
    statement = upsert(escalation).on_conflict_do_nothing().returning(escalation.c.id)
    return sorted(connection.execute(statement, list(cards)).scalars())


def call(connection: Connection, calls: Sequence[Mapping[str, Any]]) -> None:
    """Note which rung is called: id, rung, cell_id, climbs_at of each."""
    connection.execute(
        text("""
            update escalation set stage = 'called', rung = given.rung, cell_id = given.cell_id,
                climbs_at = given.climbs_at
            from unnest(cast(:id as bigint[]), cast(:rung as smallint[]), cast(:cell_id as int[]),
                cast(:climbs_at as timestamptz[])) as given (id, rung, cell_id, climbs_at)
            where escalation.id = given.id
        """),
        {name: [one[name] for one in calls] for name in ("id", "rung", "cell_id", "climbs_at")},
    )


def stop_climbing(connection: Connection, keys: Sequence[int]) -> None:
    """Let escalations stand as they are: nobody is left to be called."""
    if keys:
        found = escalation.c.id == func.any(list(keys))
        connection.execute(update(escalation).where(found).values(climbs_at=None))


def lift(connection: Connection, keys: Sequence[int]) -> list[int]:
    """Lift escalations that are not over; returns which, in order."""
    if not keys:
        return []
    found = connection.execute(
        select(escalation.c.id)
        .where(escalation.c.id == func.any(list(keys)), escalation.c.stage.not_in(_OVER))
        .order_by(escalation.c.id)
        .with_for_update()
    )
    open_now = list(found.scalars())
    still = escalation.c.id == func.any(open_now)
    connection.execute(update(escalation).where(still).values(stage="lifted", climbs_at=None))
    return open_now


def change(connection: Connection, key: int, values: Mapping[str, Any]) -> None:
    """Set columns of an escalation."""
    connection.execute(update(escalation).where(escalation.c.id == key).values(**values))


def write_line(connection: Connection, key: int, values: Mapping[str, Any]) -> None:
    """Add a line."""
    connection.execute(insert(escalation_line).values(escalation_id=key, **values))


def write_lines(connection: Connection, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add lines with the same columns, ``escalation_id`` among them."""
    if lines:
        connection.execute(insert(escalation_line), list(lines))


def has_line(connection: Connection, key: int, request_key: str) -> bool:
    """Tell whether a request with this key has been carried out.

    Raises
    ------
    InvalidInputError
        The key was used for another request.
    """
    kept = connection.execute(
        select(escalation_line.c.request_key).where(
            escalation_line.c.escalation_id == key,
            request_keys.is_key(escalation_line.c.request_key, request_keys.key_of(request_key)),
        )
    ).scalar_one_or_none()
    if kept is not None:
        request_keys.require_same(kept, request_key)
    return kept is not None


def by_request(connection: Connection, incident_id: UUID, request_key: str) -> int | None:
    """Return the escalation that was asked for under a key.

    Raises
    ------
    InvalidInputError
        The key was used for another request.
    """
    found = connection.execute(
        select(escalation.c.id, escalation.c.request_key).where(
            escalation.c.incident_id == incident_id,
            request_keys.is_key(escalation.c.request_key, request_keys.key_of(request_key)),
        )
    ).one_or_none()
    if found is None:
        return None
    request_keys.require_same(found.request_key, request_key)
    key: int = found.id
    return key


def _shown() -> Select[Any]:
    return (
        select(escalation, cell.c.code.label("cell_code"), level.c.code.label("level"))
        .outerjoin(cell, cell.c.id == escalation.c.cell_id)
        .outerjoin(level, level.c.id == cell.c.level_id)
    )


def get(connection: Connection, key: int, *, lock: bool = False) -> dict[str, Any]:
    """Return an escalation with level and code of the cell called last.

    Raises
    ------
    NotFoundError
        There is none.
    """
    query = _shown().where(escalation.c.id == key)
    row = connection.execute(query.with_for_update(of=escalation) if lock else query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(Words(f"there is no escalation {key}", f"没有编号为 {key} 的督办"))
    return dict(row)


def several(connection: Connection, keys: Collection[int]) -> list[dict[str, Any]]:
    """Return escalations in order of their ids, as :func:`get`."""
    query = _shown().where(escalation.c.id == func.any(list(keys))).order_by(escalation.c.id)
    return [dict(row) for row in connection.execute(query).mappings()] if keys else []


def lines(connection: Connection, keys: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the lines of escalations, the oldest first."""
    rows = connection.execute(
        select(escalation_line, cell.c.code.label("cell_code"), level.c.code.label("level"))
        .outerjoin(cell, cell.c.id == escalation_line.c.cell_id)
        .outerjoin(level, level.c.id == cell.c.level_id)
        .where(escalation_line.c.escalation_id == func.any(list(keys)))
        .order_by(escalation_line.c.id)
    )
    hidden = {"escalation_id", "request_key", "cell_id"}
    out: dict[int, list[dict[str, Any]]] = {key: [] for key in keys}
    for row in rows.mappings():
        out[row["escalation_id"]].append({k: v for k, v in row.items() if k not in hidden})
    return out


def page(
    connection: Connection,
    *,
    limit: int,
    before: int | None = None,
    is_open: bool | None = None,
    colour: str | None = None,
    kind: str | None = None,
    incident_id: UUID | None = None,
    scope: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Return escalations, the newest first, with an id below ``before``, of incidents that a scope sees."""
    query = _shown().order_by(escalation.c.id.desc()).limit(limit)
    query = query.where(scopes.placed_within(escalation.c.incident_id, scope))
    if before is not None:
        query = query.where(escalation.c.id < before)
    if is_open is not None:
        query = query.where(escalation.c.stage.in_(_OVER) != is_open)
    for column, value in ((escalation.c.colour, colour), (escalation.c.kind, kind)):
        if value is not None:
            query = query.where(column == value)
    if incident_id is not None:
        query = query.where(escalation.c.incident_id == incident_id)
    return [dict(row) for row in connection.execute(query).mappings()]


# ------------------------------------------------------------------------------------------------ rules


def rules(connection: Connection) -> tuple[int, dict[str, Any], str, datetime | None]:
    """Return the rules of escalation; see :func:`geo_service.store.versioned.newest`."""
    return versioned.newest(connection, escalation_rules)


def set_rules(connection: Connection, given: Mapping[str, Any], *, after: int, who: str) -> int:
    """Set them anew; see :func:`geo_service.store.versioned.follow`."""
    return versioned.follow(connection, escalation_rules, given, after=after, who=who)
