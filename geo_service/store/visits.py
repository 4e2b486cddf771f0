"""Visits made, and what quotas are counted from; all of it ages out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from geo_service.store import bulk


def last_fix(
    connection: Connection, responder_id: int, start: datetime, end: datetime, at: datetime, *, sharp_m: float
) -> tuple[float, float, float | None] | None:
    """Return lon, lat, accuracy_m of the fix of a span that is nearest in time to a moment.

    Those that may be wrong by more than ``sharp_m`` are passed over.
    """
    row = connection.execute(
        text("""
            select lon, lat, accuracy_m from position_fix
            where responder_id = :who and at >= :start and at <= :end
                and coalesce(accuracy_m, 0) <= :sharp_m
            order by abs(extract(epoch from at - :at)) limit 1
        """),
        {"who": responder_id, "start": start, "end": end, "at": at, "sharp_m": sharp_m},
    ).one_or_none()
    return None if row is None else (row.lon, row.lat, row.accuracy_m)


def same_visit(
    connection: Connection, place_id: int, responder_id: int, start: datetime, end: datetime
) -> dict[str, Any] | None:
    """Return the visit of somebody to a place within a span, the first; None without one."""
    found = (
        connection.execute(
            text("""
                select id, at, how, departments, proof, distance_m from patrol_visit
                where place_id = :place and responder_id = :who and at between :start and :end
                order by at, id limit 1
            """),
            {"place": place_id, "who": responder_id, "start": start, "end": end},
        )
        .mappings()
        .one_or_none()
    )
    return None if found is None else dict(found)


def lock_visits(connection: Connection, place_id: int, responder_id: int) -> None:
    """Let the same person's visits of the same place be taken in one after another."""
    connection.execute(
        text("select pg_advisory_xact_lock(:place, :who)"), {"place": place_id, "who": responder_id}
    )


def add(connection: Connection, row: Mapping[str, Any]) -> int:
    """Write a visit and return its id: place_id, responder_id, at, how, departments, proof, distance_m."""
    number: int = connection.execute(
        text("""
            insert into patrol_visit (place_id, responder_id, at, how, departments, proof, distance_m)
            values (:place_id, :responder_id, :at, :how, :departments, :proof, :distance_m)
            returning id
        """),
        dict(row),
    ).scalar_one()
    return number


def correct(connection: Connection, number: int, row: Mapping[str, Any]) -> None:
    """Let a visit be proved by a later scan: proof and distance_m."""
    connection.execute(
        text("update patrol_visit set proof = :proof, distance_m = :distance_m where id = :id"),
        {"id": number, **{name: row[name] for name in ("proof", "distance_m")}},
    )


def wanted(connection: Connection, place_id: int, day: date) -> list[str]:
    """Return the departments that want a place visited and have not exempted it on a day."""
    rows = connection.execute(
        text("""
            select department from patrol_wish
            where place_id = :place and (exempt = '' or exempt_until < :day)
            order by department collate "C"
        """),
        {"place": place_id, "day": day},
    )
    return list(rows.scalars())


def on_list(connection: Connection, place_id: int, monday: date) -> list[str] | None:
    """Return for which departments a place stands on a week's list; None when it is on none."""
    found = connection.execute(
        text("select departments from patrol_stop where place_id = :place and monday = :monday"),
        {"place": place_id, "monday": monday},
    ).scalar()
    return None if found is None else list(found)


def between(
    connection: Connection, start: datetime, end: datetime, *, place: str | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    """Return the visits of a span, the latest first: to all places, or to that of a code."""
    rows = connection.execute(
        text("""
            select visit.id, place.code as place, place.name as place_name, responder.code as responder,
                responder.name, visit.at, visit.received_at, visit.how, visit.departments, visit.proof,
                visit.distance_m
            from patrol_visit as visit join patrol_place as place on place.id = visit.place_id
            join responder on responder.id = visit.responder_id
            where visit.at >= :start and visit.at < :end
                and (cast(:place as text) is null or place.code = :place)
            order by visit.at desc, visit.id desc limit :limit
        """),
        {"start": start, "end": end, "place": place, "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


def put_person_days(
    connection: Connection, day: date, people: pd.DataFrame, posts: Sequence[Mapping[str, Any]]
) -> None:
    """Write what a day's quotas and posts come to; the day's figures have been written before.

    Columns of ``people``: responder_id, shift_s, patrol_s, silent_s, away_s, person_times.
    """
    names = ("responder_id", "shift_s", "patrol_s", "silent_s", "away_s", "person_times")
    columns = {name: people[name].tolist() for name in names}
    bulk.copy_columns(connection, "patrol_person_day", {"day": [day] * len(people), **columns})
    for row in posts:
        connection.execute(
            text("""
                insert into patrol_post_day (day, post_id, from_at, to_at, outcome, arrived_at, share)
                values (:day, :post_id, :from_at, :to_at, :outcome, :arrived_at, :share)
            """),
            {"day": day, **row},
        )


def person_days(connection: Connection, first: date, last: date) -> pd.DataFrame:
    """Return the sums of a span by person: those with any; columns as written, and ``days`` on patrol."""
    rows = connection.execute(
        text("""
            select responder_id, count(*) filter (where patrol_s > 0), sum(shift_s), sum(patrol_s),
                sum(silent_s), sum(away_s), sum(person_times)
            from patrol_person_day where day between :first and :last group by responder_id
        """),
        {"first": first, "last": last},
    )
    names = ["responder_id", "days", "shift_s", "patrol_s", "silent_s", "away_s", "person_times"]
    return pd.DataFrame(rows.all(), columns=names).astype(dict.fromkeys(names, "int64"))


def visits_by_person(connection: Connection, start: datetime, end: datetime) -> dict[int, int]:
    """Count the visits of a span that count, by who made them."""
    rows = connection.execute(
        text("""
            select responder_id, count(*) from patrol_visit
            where at >= :start and at < :end and proof <> 'far' group by responder_id
        """),
        {"start": start, "end": end},
    )
    return {int(row[0]): int(row[1]) for row in rows}


def post_days(connection: Connection, first: date, last: date) -> list[dict[str, Any]]:
    """Return how the posts were kept in a span, in order of time and code."""
    rows = connection.execute(
        text("""
            select kept.day, post.code as post, post.name, post.kind, kept.from_at, kept.to_at, kept.outcome,
                kept.arrived_at, kept.share
            from patrol_post_day as kept join post on post.id = kept.post_id
            where kept.day between :first and :last order by kept.from_at, post.code collate "C"
        """),
        {"first": first, "last": last},
    )
    return [dict(row) for row in rows.mappings()]


def drop_before(connection: Connection, day: date) -> int:
    """Drop what is kept of persons from before a day; returns how many lines. Figures by cell stay."""
    days = connection.execute(text("delete from patrol_person_day where day < :day"), {"day": day}).rowcount
    lists = connection.execute(text("delete from patrol_week where monday + 6 < :day"), {"day": day}).rowcount
    # what counts of a visit is when the place was last seen to: the wish remembers that
    connection.execute(
        text("""
            update patrol_wish as wish set last = greatest(wish.last, seen.day) from (
                select place_id, department, max(at::date) as day
                from patrol_visit cross join unnest(departments) as department
                where proof <> 'far' and at < :day group by place_id, department
            ) as seen where seen.place_id = wish.place_id and seen.department = wish.department
        """),
        {"day": day},
    )
    made = connection.execute(text("delete from patrol_visit where at < :day"), {"day": day}).rowcount
    return days + lists + made
