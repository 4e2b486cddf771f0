"""Events to deliver, written in the transaction of the change they tell of, read in the order of commits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from geo_service.store import bulk
from geo_service.store.tables import outbox

#: Channel of ``LISTEN``: its payload is one event as JSON.
CHANNEL = "geo_service_events"

#: Events announced in one transaction.
LOT = 500

#: PostgreSQL takes less than 8,000 bytes in a notification.
_MAX_NOTICE_BYTES = 7_900
_RELAY_LOCK = 0x67656F_72656C  # any number that nothing else here locks
_ADD_MANY = text("""
    insert into outbox (topic, payload) select :topic, payload
    from jsonb_array_elements(cast(:payloads as jsonb)) with ordinality as given (payload, number)
    order by number
""")
_DRAW = text("select nextval('outbox_position') from generate_series(1, :count)")
_NUMBER = text("""
    update outbox set position = given.position
    from unnest(cast(:seqs as bigint[]), cast(:positions as bigint[])) as given (seq, position)
    where outbox.seq = given.seq
""")
# one JSON text: as an array of texts psycopg would quote it in Python, letter by letter
_TELL = text("""
    select pg_notify(:channel, words)
    from json_array_elements_text(cast(:words as json)) with ordinality as given (words, number)
    order by number
""")


def add(connection: Connection, topic: str, payload: dict[str, Any]) -> None:
    """Queue an event; it exists if and only if this transaction commits."""
    connection.execute(insert(outbox).values(topic=topic, payload=payload))


def add_many(connection: Connection, topic: str, payloads: Sequence[dict[str, Any]]) -> None:
    """Queue several events of one topic, in order."""
    connection.execute(_ADD_MANY, {"topic": topic, "payloads": bulk.json_text(list(payloads))})


def waiting(connection: Connection, limit: int = LOT) -> list[dict[str, Any]]:
    """Return events not announced yet, of transactions before which none is still open, in order of commits.

    ``seq`` alone would exchange events: a number is drawn before the commit, and a slow transaction commits
    after a faster one with a higher number. A transaction that this database has not come to yet wrote its
    event before a backup was restored; it is over.
    """
    rows = connection.execute(
        text("""
            select seq, topic, payload, created_at from outbox
            where position is null
              and (xid < pg_snapshot_xmin(pg_current_snapshot())
                   or xid >= pg_snapshot_xmax(pg_current_snapshot()))
            order by xid, seq limit :limit
        """),
        {"limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


def lock_relay(connection: Connection) -> None:
    """Wait until no other relay announces; holds to the end of the transaction."""
    connection.execute(select(func.pg_advisory_xact_lock(_RELAY_LOCK)))


def announce(connection: Connection, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give events their places, in order, and tell listeners on :data:`CHANNEL`, at the commit.

    Under :func:`lock_relay`, so that positions become visible in ascending order. Of an event too long for a
    notification the payload is null; the table ``outbox`` has it under ``seq``. Returns the events with their
    positions.
    """
    if not events:
        return []
    positions = sorted(connection.execute(_DRAW, {"count": len(events)}).scalars())
    connection.execute(_NUMBER, {"seqs": [event["seq"] for event in events], "positions": positions})
    placed = [{**event, "position": position} for event, position in zip(events, positions, strict=True)]
    words = bulk.json_text([_notice(event) for event in placed])
    connection.execute(_TELL, {"channel": CHANNEL, "words": words})
    return placed


def _notice(event: dict[str, Any]) -> str:
    body = {name: event[name] for name in ("seq", "position", "topic", "payload")}
    words = bulk.json_text(body)
    return words if len(words.encode()) <= _MAX_NOTICE_BYTES else bulk.json_text({**body, "payload": None})


def after(connection: Connection, position: int, limit: int = 500) -> list[dict[str, Any]]:
    """Return announced events after a position, in order: position, topic, payload, created_at."""
    rows = connection.execute(
        select(outbox.c.position, outbox.c.topic, outbox.c.payload, outbox.c.created_at)
        .where(outbox.c.position > position)
        .order_by(outbox.c.position)
        .limit(limit)
    )
    return [dict(row) for row in rows.mappings()]


def reach(connection: Connection) -> tuple[int, int]:
    """Return the first and the last position kept; (1, 0) when nothing has ever been announced."""
    first, last = connection.execute(select(func.min(outbox.c.position), func.max(outbox.c.position))).one()
    return (first, last) if last is not None else (1, 0)


def drop_before(connection: Connection, age_s: int) -> int:
    """Delete announced events older than ``age_s`` seconds; returns how many."""
    limit = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, age_s)
    return connection.execute(
        delete(outbox).where(outbox.c.position.is_not(None), outbox.c.created_at < limit)
    ).rowcount
