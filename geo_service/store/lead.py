"""Counts for those who lead: incidents by the hour and by kind, and what is overdue where."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, Connection, func, literal_column, select, text

from geo_service.staffing.life import ENDED
from geo_service.store import scopes
from geo_service.store.dispatch_tables import incident_life
from geo_service.store.placements import holds_in
from geo_service.store.tables import incident, placement


def incidents_by_hour(
    connection: Connection, since: datetime, until: datetime, zone: ZoneInfo, scope: Collection[int] = ()
) -> list[tuple[datetime, int]]:
    """Count the incidents that happened in a span (its end not in it) by the hour of a zone's clock.

    Hours without are absent. ``scope`` are cells: only incidents placed in them; empty: anywhere.
    """
    hour = func.date_trunc(literal_column("'hour'"), incident.c.occurred_at, zone.key)
    rows = connection.execute(
        select(hour, func.count())
        .where(incident.c.occurred_at >= since, incident.c.occurred_at < until)
        .where(scopes.placed_within(incident.c.id, scope))
        .group_by(hour)
        .order_by(hour)
    )
    return [(row[0], int(row[1])) for row in rows]


def incidents_by_category(
    connection: Connection, since: datetime, until: datetime, scope: Collection[int] = ()
) -> list[tuple[str, int]]:
    """Count the incidents that happened in a span (its end not in it) by category, the most first."""
    count = func.count()
    rows = connection.execute(
        select(incident.c.category, count)
        .where(incident.c.occurred_at >= since, incident.c.occurred_at < until)
        .where(scopes.placed_within(incident.c.id, scope))
        .group_by(incident.c.category)
        .order_by(count.desc(), incident.c.category)
    )
    return [(str(row[0]), int(row[1])) for row in rows]


def incidents_without_point(connection: Connection, since: datetime, until: datetime) -> Sequence[Any]:
    """Return the incidents of a span without a point: occurred_at, category, cell_id (-1: none)."""
    cell_id = func.coalesce(incident.c.named_cell_id, -1).label("cell_id")
    return connection.execute(
        select(incident.c.occurred_at, incident.c.category, cell_id)
        .where(incident.c.occurred_at >= since, incident.c.occurred_at < until)
        .where(incident.c.geom.is_(None))
    ).all()


def patrol_by_day(
    connection: Connection, first: date, last: date, leaf_ids: Sequence[int]
) -> list[tuple[date, float, float]]:
    """Return day, metres patrolled and metres of street of some leaves, for each day counted in a span."""
    rows = connection.execute(
        text("""
            select day, sum(patrolled_m)::float8, sum(street_m)::float8 from patrol_cell_day
            where day between :first and :last and cell_id = any(:leaves) group by day order by day
        """),
        {"first": first, "last": last, "leaves": list(leaf_ids)},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def overdue_by_leaf(connection: Connection, edition_id: int) -> dict[int, int]:
    """Count the open incidents of which a clock has run out by the leaf of an edition in which they lie."""
    ended = ", ".join(f"'{one}'" for one in sorted(ENDED))
    is_open = literal_column(f"incident_life.status not in ({ended})", Boolean)  # as the index has it
    rows = connection.execute(
        select(placement.c.cell_id, func.count())
        .select_from(incident_life)
        .join(placement, placement.c.incident_id == incident_life.c.incident_id)
        .where(is_open, incident_life.c.next_due_at < func.clock_timestamp())
        .where(placement.c.cell_id.is_not(None), holds_in(edition_id))
        .group_by(placement.c.cell_id)
    )
    return {int(row[0]): int(row[1]) for row in rows}
