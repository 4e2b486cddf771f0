"""Fixed routes: what they are, whose turn it is in a week, and what was walked of them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import shapely
from sqlalchemy import Connection, text

_FACTS = "code, name, days_a_week, from_min, to_min"


def routes(connection: Connection) -> list[dict[str, Any]]:
    """Return the routes in use in order of code: id, code, name, days_a_week, from_min, to_min, line."""
    rows = connection.execute(
        text(f"""
            select id, {_FACTS}, ST_AsBinary(geom) as line from patrol_route
            where retired_at is null order by code collate "C"
        """)  # noqa: S608 - fixed words
    )
    return [dict(row) | {"line": shapely.from_wkb(bytes(row["line"]))} for row in rows.mappings()]


def put(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Add a route, or say it anew by its code; returns whether it was not in use before.

    A retired one is taken into use again.
    """
    was = connection.execute(
        text("select 1 from patrol_route where code = :code and retired_at is null"), {"code": row["code"]}
    ).scalar()
    facts = {name: row[name] for name in _FACTS.split(", ")}
    connection.execute(
        text(f"""
            insert into patrol_route ({_FACTS}, geom)
            values (:code, :name, :days_a_week, :from_min, :to_min, ST_GeomFromWKB(:line, 4326))
            on conflict (code) do update set name = excluded.name, geom = excluded.geom,
                days_a_week = excluded.days_a_week, from_min = excluded.from_min,
                to_min = excluded.to_min, retired_at = null
        """),  # noqa: S608 - fixed words
        {**facts, "line": shapely.to_wkb(row["line"])},
    )
    return was is None


def retire(connection: Connection, code: str) -> bool:
    """Take a route out of use; what was walked stays. Returns whether it was in use."""
    done = connection.execute(
        text("""
            update patrol_route set retired_at = clock_timestamp()
            where code = :code and retired_at is null
        """),
        {"code": code},
    )
    return bool(done.rowcount)


def put_turns(connection: Connection, monday: date, turns: Sequence[Mapping[str, Any]]) -> None:
    """Write whose turn it is in a week whose lists have just been written: route_id, day, responder_id."""
    if turns:
        connection.execute(
            text("""
                insert into patrol_route_turn (monday, route_id, day, responder_id)
                values (:monday, :route_id, :day, :responder_id)
            """),
            [{"monday": monday, **one} for one in turns],
        )


def turns(connection: Connection, monday: date, *, responder_id: int | None = None) -> list[dict[str, Any]]:
    """Return the turns of a week with what was walked that day, of all or of one person, in order.

    ``length_m`` and ``walked_m`` are None while the day has not been counted.
    """
    rows = connection.execute(
        text("""
            select responder.code as responder, responder.name as responder_name, route.code, route.name,
                route.days_a_week, route.from_min, route.to_min, turn.day, walked.length_m, walked.walked_m,
                ST_AsBinary(route.geom) as line
            from patrol_route_turn as turn
            join patrol_route as route on route.id = turn.route_id
            join responder on responder.id = turn.responder_id
            left join patrol_route_day as walked
                on walked.route_id = turn.route_id and walked.day = turn.day
            where turn.monday = :monday
                and (cast(:who as integer) is null or turn.responder_id = :who)
            order by responder.code collate "C", route.code collate "C", turn.day
        """),
        {"monday": monday, "who": responder_id},
    )
    return [dict(row) | {"line": shapely.from_wkb(bytes(row["line"]))} for row in rows.mappings()]


def put_days(connection: Connection, day: date, walked: Sequence[Mapping[str, Any]]) -> None:
    """Write what was walked on a day that has just been counted: route_id, length_m, walked_m."""
    if walked:
        connection.execute(
            text("""
                insert into patrol_route_day (day, route_id, length_m, walked_m)
                values (:day, :route_id, :length_m, :walked_m)
            """),
            [{"day": day, **one} for one in walked],
        )


def days(connection: Connection, first: date, last: date) -> list[dict[str, Any]]:
    """Return what was walked of each route on each day counted in a span, both ends included."""
    rows = connection.execute(
        text("""
            select route.code, route.name, route.days_a_week, walked.day, walked.length_m, walked.walked_m
            from patrol_route_day as walked join patrol_route as route on route.id = walked.route_id
            where walked.day between :first and :last order by route.code collate "C", walked.day
        """),
        {"first": first, "last": last},
    )
    return [dict(row) for row in rows.mappings()]
