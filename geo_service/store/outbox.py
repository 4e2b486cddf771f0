"""Events to deliver, written in the transaction of the change they tell of, read in the order of commits."""

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from geo_service.store import bulk
from geo_service.store.tables import outbox

#: Channel of ``LISTEN``: its payload is one event as JSON.
CHANNEL = "geo_service_events"


def add(connection: Connection, topic: str, payload: dict[str, Any]) -> None:
    """Queue an event; it exists if and only if this transaction commits."""
    connection.execute(insert(outbox).values(topic=topic, payload=payload))


def settled(connection: Connection, after: tuple[int, int], limit: int = 500) -> list[dict[str, Any]]:
    """Return events after (xid, seq), of transactions before which none is still open.

    Reading by ``seq`` alone would lose events: a number is drawn before the commit, and a slow transaction
    commits after a faster one with a higher number.
    """
    rows = connection.execute(
        text("""
            select cast(cast(xid as text) as bigint) as xid, seq, topic, payload, created_at from outbox
            where xid < pg_snapshot_xmin(pg_current_snapshot())
              and (xid, seq) > (cast(cast(:xid as text) as xid8), :seq)
            order by xid, seq limit :limit
        """),
        {"xid": str(after[0]), "seq": after[1], "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


def newest_settled(connection: Connection) -> tuple[int, int]:
    """Return (xid, seq) of the newest event whose transaction and all before it have ended."""
    row = connection.execute(
        text("""
            select cast(cast(xid as text) as bigint), seq from outbox
            where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid desc, seq desc limit 1
        """)
    ).one_or_none()
    return (row[0], row[1]) if row else (0, 0)


def announce(connection: Connection, event: dict[str, Any]) -> None:
    """Tell listeners on :data:`CHANNEL` of an event when this transaction commits."""
    body = {"seq": event["seq"], "topic": event["topic"], "payload": event["payload"]}
    connection.execute(select(func.pg_notify(CHANNEL, bulk.json_text(body))))


def drop_before(connection: Connection, age_s: int) -> int:
    """Delete events older than ``age_s`` seconds; returns how many."""
    limit = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, age_s)
    return connection.execute(delete(outbox).where(outbox.c.created_at < limit)).rowcount
