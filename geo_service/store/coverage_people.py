"""What decides who counts for coverage beyond the roster: who is sent, who was seen where, stations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from geo_service.store.dispatch_tables import dispatch
from geo_service.store.roster_tables import station


def busy(connection: Connection, at: datetime) -> set[int]:
    """Return who was sent somewhere and not done yet at a moment."""
    c = dispatch.c
    rows = select(c.responder_id).where(c.sent_at <= at, (c.ended_at.is_(None)) | (c.ended_at > at))
    return set(connection.execute(rows).scalars())


def seen(connection: Connection, since: datetime, until: datetime) -> Sequence[Any]:
    """Return where each was seen last in a span (its end in it): responder_id, lon, lat."""
    return connection.execute(
        text("""
            select distinct on (responder_id) responder_id, lon, lat from position_fix
            where at > :since and at <= :until order by responder_id, at desc
        """),
        {"since": since, "until": until},
    ).all()


def stations(connection: Connection, kinds: Sequence[str]) -> Sequence[Any]:
    """Return the stations of some kinds, all of them without any: code, lon, lat; in order of code."""
    c = station.c
    query = select(c.code, func.ST_X(c.geom).label("lon"), func.ST_Y(c.geom).label("lat"))
    if kinds:
        query = query.where(c.kind.in_(list(kinds)))
    return connection.execute(query.order_by(c.code.collate("C"))).all()


def incident_points(connection: Connection, since: datetime, until: datetime) -> Sequence[Any]:
    """Return where incidents of a span (its end not in it) happened: lon, lat; in a fixed order."""
    return connection.execute(
        text("""
            select extensions.st_x(geom) as lon, extensions.st_y(geom) as lat from incident
            where occurred_at >= :since and occurred_at < :until and geom is not null
            order by id
        """),
        {"since": since, "until": until},
    ).all()


def arrivals(connection: Connection, since: datetime, until: datetime) -> Sequence[Any]:
    """Return who was sent in a span (its end not in it) and arrived.

    id, mode, sent_at, accepted_at, arrived_at, from_lon, from_lat, to_lon, to_lat; in order of id.
    """
    return connection.execute(
        text("""
            select d.id, d.mode, d.sent_at, d.accepted_at, d.arrived_at, d.from_lon, d.from_lat,
                extensions.st_x(i.geom) as to_lon, extensions.st_y(i.geom) as to_lat
            from dispatch d join incident i on i.id = d.incident_id
            where d.sent_at >= :since and d.sent_at < :until and d.arrived_at > d.sent_at
                and d.from_lon is not null and d.mode is not null and i.geom is not null
            order by d.id
        """),
        {"since": since, "until": until},
    ).all()
