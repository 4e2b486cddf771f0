"""The desk's queue: incidents that wait for somebody, by urgency and time left; and those like another."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from geo_service.staffing.clocks import WARN_SHARE, Phase
from geo_service.staffing.life import ENDED
from geo_service.store import scopes
from geo_service.store.dispatch_tables import incident_life
from geo_service.store.incidents import SHOWN
from geo_service.store.tables import incident, placement

#: Stands for any scope where a statement is put together: its cells are a parameter.
_SOME_SCOPE = (0,)

State = Literal["open", "overdue", "soon", "unlocated"]
#: Place in the queue: rank of the urgency, moment at which the next clock runs out, id.
Place = tuple[int, datetime, UUID]

_RANK = case(
    {"critical": 0, "urgent": 1, "normal": 2, "low": 3}, value=incident.c.urgency, else_=literal_column("4")
)
#: An incident of which no clock runs comes after all others of its urgency.
_DUE = func.coalesce(incident_life.c.next_due_at, literal_column("'2201-01-01Z'::timestamptz"))
#: What a queue tells of an incident: not what its source said besides, which only one by one is asked for.
_COLUMNS = (
    *(column for column in SHOWN.selected_columns if column.key != "attributes"),
    _RANK.label("rank"),
    _DUE.label("due"),
)


def page(
    connection: Connection,
    state: State,
    *,
    limit: int,
    after: Place | None = None,
    cell_ids: Sequence[int] | None = None,
    categories: Sequence[str] | None = None,
    scope: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Return open incidents as :func:`geo_service.store.incidents.page` does, with ``rank`` and ``due``.

    Their ``attributes`` are left out.

    The most urgent come first, of equally urgent ones those whose next clock runs out first.

    Parameters
    ----------
    state
        open: all; overdue: a clock has run out; soon: none has, but most of the time of one is gone;
        unlocated: no point, building or cell is known.
    after
        The place of the last one seen.
    cell_ids, categories
        Only incidents placed in one of these cells, of one of these categories.
    scope
        Cells to which the caller is confined; empty: to none.
    """
    query = _page(
        state,
        is_after=after is not None,
        in_cells=cell_ids is not None,
        of_categories=categories is not None,
        is_scoped=bool(scope),
    )
    rank, due, key = after or (None, None, None)
    given = {
        "rank": rank,
        "due": due,
        "key": key,
        "limit": limit,
        "cell_ids": cell_ids,
        "categories": categories,
        "scope_cells": sorted(scope),
    }
    return [dict(row) for row in connection.execute(query, given).mappings()]


def named(
    connection: Connection, keys: Sequence[UUID], *, scope: Collection[int] = ()
) -> list[dict[str, Any]]:
    """Return incidents by id as :func:`page` does, whatever their state; those not there are left out."""
    query = _named(is_scoped=bool(scope))
    given = {"keys": list(keys), "scope_cells": sorted(scope)}
    return [dict(row) for row in connection.execute(query, given).mappings()]


@cache
def _named(*, is_scoped: bool) -> Select[*tuple[Any, ...]]:
    return (
        SHOWN.with_only_columns(*_COLUMNS)
        .outerjoin(incident_life, incident_life.c.incident_id == incident.c.id)
        .where(incident.c.id == func.any(bindparam("keys", type_=ARRAY(Uuid))))
        .where(scopes.placed_within(incident.c.id, _SOME_SCOPE if is_scoped else ()))
        .order_by(_RANK, _DUE, incident.c.id)
    )


@cache
def _page(
    state: State, *, is_after: bool, in_cells: bool, of_categories: bool, is_scoped: bool
) -> Select[*tuple[Any, ...]]:
    """Put the statement together, once for each way of asking: that takes longer than carrying it out."""
    query = (
        SHOWN.with_only_columns(*_COLUMNS)
        .join(incident_life, incident_life.c.incident_id == incident.c.id)
        .where(_is_open(), *_conditions(state))
        .where(scopes.placed_within(incident.c.id, _SOME_SCOPE if is_scoped else ()))
        .order_by(_RANK, _DUE, incident.c.id)
        .limit(bindparam("limit", type_=Integer))
    )
    if is_after:
        place = (
            bindparam("rank", type_=Integer),
            bindparam("due", type_=DateTime(timezone=True)),
            bindparam("key", type_=Uuid),
        )
        query = query.where(func.row(_RANK, _DUE, incident.c.id) > func.row(*place))
    if in_cells:
        query = query.where(placement.c.cell_id == func.any(bindparam("cell_ids", type_=ARRAY(Integer))))
    if of_categories:
        query = query.where(incident.c.category == func.any(bindparam("categories", type_=ARRAY(Text))))
    return query


def counts(connection: Connection, scope: Collection[int] = ()) -> dict[str, int]:
    """Return how many incidents there are in each state, of those that a scope sees."""
    rows = connection.execute(_counts(is_scoped=bool(scope)), {"scope_cells": sorted(scope)})
    return dict(rows.mappings().one())


@cache
def _counts(*, is_scoped: bool) -> Select[*tuple[Any, ...]]:
    states: tuple[State, ...] = ("open", "overdue", "soon", "unlocated")
    return (
        select(*(func.count().filter(*_conditions(one), literal(value=True)).label(one) for one in states))
        .select_from(incident_life)
        .join(incident, incident.c.id == incident_life.c.incident_id)
        .where(_is_open(), scopes.placed_within(incident.c.id, _SOME_SCOPE if is_scoped else ()))
    )


def _is_open() -> ColumnElement[bool]:
    """Return the condition of the index on open lives, in its own words: then the index is used."""
    ended = ", ".join(f"'{one}'" for one in sorted(ENDED))
    return literal_column(f"incident_life.status not in ({ended})", Boolean)


def _conditions(state: State) -> list[ColumnElement[bool]]:
    now = func.clock_timestamp()
    if state == "overdue":
        return [incident_life.c.next_due_at < now]
    if state == "soon":
        nearly = [
            # word for word as geo_service.staffing.clocks has it
            (limit - _left_s(phase, now) >= limit * WARN_SHARE)
            for phase in Phase
            for limit in [cast(incident_life.c.standard[f"{phase}_s"].astext, Integer)]
        ]
        return [incident_life.c.next_due_at >= now, or_(*nearly)]
    if state == "unlocated":
        return [incident.c.geom.is_(None), incident.c.named_cell_id.is_(None)]
    return []


def _left_s(phase: Phase, now: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.extract("epoch", incident_life.c[f"{phase}_due_at"] - now)


# ----------------------------------------------------------------------------------------- duplicates


def alike(connection: Connection, key: UUID, *, within_m: float, within_s: int) -> list[dict[str, Any]]:
    """Return incidents of the same category, place and time as one, the likeliest first.

    The same place is: points no farther apart than ``within_m`` plus both accuracies; without a point the
    same named cell; without that the same address. Each row: id, status, duplicate_of, distance_m, apart_s.
    """
    rows = connection.execute(
        text("""
            with one as (select * from incident where id = :key)
            select other.id, status, duplicate_of, other.occurred_at, other.address, other.source,
                st_distance(other.geom::geography, one.geom::geography) as distance_m,
                abs(extract(epoch from other.occurred_at - one.occurred_at)) as apart_s
            from one join incident as other on other.id <> one.id and other.category = one.category
                and other.occurred_at between one.occurred_at - make_interval(secs => :within_s)
                    and one.occurred_at + make_interval(secs => :within_s)
            left join incident_life on incident_id = other.id
            where case
                when one.geom is not null and other.geom is not null then
                    st_dwithin(other.geom::geography, one.geom::geography, :within_m
                        + least(coalesce(one.accuracy_m, 0), 200) + least(coalesce(other.accuracy_m, 0), 200))
                when one.named_cell_id is not null then other.named_cell_id = one.named_cell_id
                else one.address <> '' and other.address = one.address
            end
            order by distance_m nulls last, apart_s, other.id limit 20
        """),
        {"key": key, "within_m": within_m, "within_s": within_s},
    )
    return [dict(row) for row in rows.mappings()]


def duplicates_of(connection: Connection, key: UUID) -> list[UUID]:
    """Return the incidents that were merged into one."""
    rows = connection.execute(
        select(incident_life.c.incident_id)
        .where(and_(incident_life.c.duplicate_of == key))
        .order_by(incident_life.c.incident_id)
    )
    return list(rows.scalars())
