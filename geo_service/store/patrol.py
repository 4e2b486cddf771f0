"""Patrols: the tracks of a day, and the figures made of them."""

from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from geo_service.store import bulk


def fixes_between(connection: Connection, start: datetime, end: datetime) -> pd.DataFrame:
    """Return the fixes of a span, sorted: who, mode, at_s (unix seconds), lon, lat, accuracy_m (or NaN)."""
    rows = connection.execute(
        text("""
            select fix.responder_id, responder.mode, extract(epoch from fix.at)::float8, fix.lon, fix.lat,
                fix.accuracy_m::float8
            from position_fix as fix join responder on responder.id = fix.responder_id
            where fix.at >= :start and fix.at < :end order by fix.responder_id, fix.at
        """),
        {"start": start, "end": end},
    )
    columns = ["who", "mode", "at_s", "lon", "lat", "accuracy_m"]
    frame = pd.DataFrame(rows.all(), columns=columns)
    return frame.astype({"at_s": float, "lon": float, "lat": float, "accuracy_m": float, "mode": object})


def fingerprint(connection: Connection, day: date) -> bytes | None:
    """Return what the figures of a day were counted from, None when it has not been counted."""
    found = connection.execute(
        text("select fingerprint from patrol_day where day = :day"), {"day": day}
    ).scalar()
    return None if found is None else bytes(found)


def put_day(
    connection: Connection,
    day: date,
    *,
    mark: bytes,
    edition_id: int,
    fixes: int,
    matched: int,
    cells: pd.DataFrame,
) -> None:
    """Write the figures of a day in place of earlier ones.

    Columns of ``cells``: cell_id, street_m, patrolled_m, walked_m, seconds, person_times.
    """
    connection.execute(text("delete from patrol_day where day = :day"), {"day": day})
    connection.execute(
        text("""
            insert into patrol_day (day, fingerprint, edition_id, fixes, matched)
            values (:day, :mark, :edition, :fixes, :matched)
        """),
        {"day": day, "mark": mark, "edition": edition_id, "fixes": fixes, "matched": matched},
    )
    names = ("cell_id", "street_m", "patrolled_m", "walked_m", "seconds", "person_times")
    columns = {name: cells[name].tolist() for name in names}
    bulk.copy_columns(connection, "patrol_cell_day", {"day": [day] * len(cells), **columns})


def days(connection: Connection, first: date, last: date) -> list[dict[str, Any]]:
    """Return the days counted in a span, both ends included: day, edition_id, fixes, matched, counted_at."""
    rows = connection.execute(
        text("""
            select day, edition_id, fixes, matched, counted_at from patrol_day
            where day between :first and :last order by day
        """),
        {"first": first, "last": last},
    )
    return [dict(row) for row in rows.mappings()]


def cell_figures(connection: Connection, first: date, last: date) -> pd.DataFrame:
    """Return the sums over a span by cell: cell_id, street_m, patrolled_m, walked_m, seconds, person_times.

    ``street_m`` is summed over the days as ``patrolled_m`` is: their quotient is the mean share a day.
    """
    rows = connection.execute(
        text("""
            select cell_id, sum(street_m), sum(patrolled_m), sum(walked_m), sum(seconds)::float8,
                sum(person_times)::float8
            from patrol_cell_day where day between :first and :last group by cell_id order by cell_id
        """),
        {"first": first, "last": last},
    )
    columns = ["cell_id", "street_m", "patrolled_m", "walked_m", "seconds", "person_times"]
    return pd.DataFrame(rows.all(), columns=columns).astype(dict.fromkeys(columns[1:], float))


def incidents_by_cell(connection: Connection, start: datetime, end: datetime) -> dict[int, int]:
    """Count the incidents that happened in a span by the leaf that held them then."""
    rows = connection.execute(
        text("""
            select placement.cell_id, count(*) from incident
            join placement on placement.incident_id = incident.id and placement.until_edition is null
            where incident.occurred_at >= :start and incident.occurred_at < :end
                and placement.cell_id is not null
            group by placement.cell_id
        """),
        {"start": start, "end": end},
    )
    return {int(row[0]): int(row[1]) for row in rows}


def last_incident(connection: Connection) -> datetime | None:
    """Return when the last incident happened, None without any."""
    found: datetime | None = connection.execute(text("select max(occurred_at) from incident")).scalar()
    return found
