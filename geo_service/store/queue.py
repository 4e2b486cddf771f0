"""The desk's queue: incidents that wait for somebody, by urgency and time left; and those like another."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
)

from geo_service.staffing.clocks import WARN_SHARE, Phase
from geo_service.staffing.life import ENDED
from geo_service.store import scopes
from geo_service.store.dispatch_tables import incident_life
from geo_service.store.incidents import SHOWN
from geo_service.store.tables import incident, placement

State = Literal["open", "overdue", "soon", "unlocated"]
#: Place in the queue: rank of the urgency, moment at which the next clock runs out, id.
Place = tuple[int, datetime, UUID]

_RANK = case(
    {"critical": 0, "urgent": 1, "normal": 2, "low": 3}, value=incident.c.urgency, else_=literal_column("4")
)
#: An incident of which no clock runs comes after all others of its urgency.
_DUE = func.coalesce(incident_life.c.next_due_at, literal_column("'2201-01-01Z'::timestamptz"))


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
    query = (
        SHOWN.add_columns(_RANK.label("rank"), _DUE.label("due"))
        .join(incident_life, incident_life.c.incident_id == incident.c.id)
        .where(_is_open(), *_conditions(state))
        .where(scopes.placed_within(incident.c.id, scope))
        .order_by(_RANK, _DUE, incident.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(func.row(_RANK, _DUE, incident.c.id) > func.row(*after))
    if cell_ids is not None:
        query = query.where(placement.c.cell_id == func.any(list(cell_ids)))
    if categories is not None:
        query = query.where(incident.c.category == func.any(list(categories)))
    return [dict(row) for row in connection.execute(query).mappings()]


def counts(connection: Connection, scope: Collection[int] = ()) -> dict[str, int]:
    """Return how many incidents there are in each state, of those that a scope sees."""
    states: tuple[State, ...] = ("open", "overdue", "soon", "unlocated")
    rows = connection.execute(
        select(*(func.count().filter(*_conditions(one), literal(value=True)).label(one) for one in states))
        .select_from(incident_life)
        .join(incident, incident.c.id == incident_life.c.incident_id)
        .where(_is_open(), scopes.placed_within(incident.c.id, scope))
    )
    return dict(rows.mappings().one())


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
