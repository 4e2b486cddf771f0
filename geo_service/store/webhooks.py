"""Webhooks and what was sent to each: queued with the events, sent later, kept until it is old."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from geo_service.errors import NotFoundError, Words
from geo_service.store import bulk
from geo_service.store.live_tables import delivery, webhook

_SHOWN = (
    webhook.c.id,
    webhook.c.name,
    webhook.c.url,
    webhook.c.topics,
    webhook.c.created_by,
    webhook.c.created_at,
    webhook.c.stopped_at,
)


def add(connection: Connection, *, name: str, url: str, secret: str, topics: Sequence[str], who: str) -> int:
    """Add a webhook; returns its id."""
    statement = insert(webhook).values(name=name, url=url, secret=secret, topics=list(topics), created_by=who)
    key: int = connection.execute(statement.returning(webhook.c.id)).scalar_one()
    return key


def all_of_them(connection: Connection) -> list[dict[str, Any]]:
    """Return the webhooks without their secrets, each with how many deliveries wait, arrived or failed."""
    counts = [
        func.count().filter(delivery.c.state == state).label(state)
        for state in ("waiting", "delivered", "dead")
    ]
    rows = connection.execute(
        select(*_SHOWN, *counts)
        .select_from(webhook.outerjoin(delivery, delivery.c.webhook_id == webhook.c.id))
        .group_by(webhook.c.id)
        .order_by(webhook.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def stop(connection: Connection, key: int) -> None:
    """Send no more to a webhook; what waits is given up.

    Raises
    ------
    NotFoundError
        There is none of that number, or it is stopped already.
    """
    found = connection.execute(
        update(webhook)
        .where(webhook.c.id == key, webhook.c.stopped_at.is_(None))
        .values(stopped_at=func.clock_timestamp())
    )
    if found.rowcount == 0:
        raise NotFoundError(
            Words(f"there is no webhook {key}, or it is stopped", f"没有推送 {key}，或已停止")
        )
    connection.execute(
        update(delivery)
        .where(delivery.c.webhook_id == key, delivery.c.state == "waiting")
        .values(state="dead", answer="the webhook was stopped", done_at=func.clock_timestamp())
    )


def listening(connection: Connection) -> list[tuple[int, list[str]]]:
    """Return id and topics of the webhooks that are not stopped."""
    rows = connection.execute(select(webhook.c.id, webhook.c.topics).where(webhook.c.stopped_at.is_(None)))
    return [(row[0], row[1]) for row in rows]


def queue(connection: Connection, deliveries: Sequence[dict[str, Any]]) -> None:
    """Queue deliveries: webhook_id, position, topic, body (an object)."""
    if deliveries:
        rows = [{**one, "body": bulk.json_text(one["body"])} for one in deliveries]
        connection.execute(insert(delivery), rows)


#: Longer than a webhook is held or left in peace: a moment farther off was written before a clock went back.
_LONGEST = timedelta(minutes=10)
#: What was never tried is due whatever the clock says.
_DUE = "(attempts = 0 or next_at <= clock_timestamp())"
_FREE = "not (busy_until > clock_timestamp() and busy_until < clock_timestamp() + :longest)"


def claim(connection: Connection, lease: timedelta) -> dict[str, Any] | None:
    """Take a webhook for which something is due and to which nobody else sends; None when there is none."""
    row = (
        connection.execute(
            text(f"""
            update webhook set busy_until = clock_timestamp() + :lease
            where id = (
                select webhook.id from webhook
                join delivery on webhook_id = webhook.id and state = 'waiting'
                where stopped_at is null and {_FREE} and {_DUE}
                order by next_at limit 1 for update of webhook skip locked
            ) and {_FREE}
            returning id, url, secret
        """),  # noqa: S608 - our own words
            {"lease": lease, "longest": _LONGEST},
        )
        .mappings()
        .one_or_none()
    )
    return dict(row) if row else None


def due(connection: Connection, key: int, limit: int) -> list[dict[str, Any]]:
    """Return what is due for a webhook, the oldest event first: position, topic, body, attempts."""
    rows = connection.execute(
        select(delivery.c.position, delivery.c.topic, delivery.c.body, delivery.c.attempts)
        .where(
            delivery.c.webhook_id == key,
            delivery.c.state == "waiting",
            text(_DUE),
        )
        .order_by(delivery.c.position)
        .limit(limit)
    )
    return [dict(row) for row in rows.mappings()]


def arrived(connection: Connection, key: int, position: int, answer: str) -> None:
    """Note that a delivery was taken."""
    _set(connection, key, position, state="delivered", answer=answer, done_at=func.clock_timestamp())


def failed(connection: Connection, key: int, position: int, answer: str, again_in: timedelta | None) -> None:
    """Note that a delivery was not taken: it is tried again, or given up."""
    if again_in is None:
        _set(connection, key, position, state="dead", answer=answer, done_at=func.clock_timestamp())
    else:
        _set(connection, key, position, answer=answer, next_at=func.clock_timestamp() + again_in)


def failing(connection: Connection, key: int, most: int) -> int:
    """Count the messages that a webhook has been sent in vain and is to be sent again, up to a number."""
    tried = select(delivery.c.position).where(
        delivery.c.webhook_id == key, delivery.c.state == "waiting", delivery.c.attempts > 0
    )
    count: int = connection.execute(
        select(func.count()).select_from(tried.limit(most).subquery())
    ).scalar_one()
    return count


def hold(connection: Connection, key: int, lease: timedelta) -> None:
    """Go on sending to a webhook that was claimed."""
    connection.execute(
        update(webhook).where(webhook.c.id == key).values(busy_until=func.clock_timestamp() + lease)
    )


def release(connection: Connection, key: int, rest: timedelta = timedelta()) -> None:
    """Let others send to a webhook, after a rest."""
    hold(connection, key, rest)


def deliveries(connection: Connection, key: int, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Return what was or is to be sent to a webhook, the newest first."""
    query = select(delivery).where(delivery.c.webhook_id == key).order_by(delivery.c.position.desc())
    if state is not None:
        query = query.where(delivery.c.state == state)
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def retry(connection: Connection, key: int) -> int:
    """Have what was given up sent again, at once; returns how many."""
    alive = select(webhook.c.id).where(webhook.c.id == key, webhook.c.stopped_at.is_(None))
    if connection.execute(alive).first() is None:
        raise NotFoundError(
            Words(f"there is no webhook {key}, or it is stopped", f"没有推送 {key}，或已停止")
        )
    release(connection, key)
    return connection.execute(
        update(delivery)
        .where(delivery.c.webhook_id == key, delivery.c.state == "dead")
        .values(state="waiting", attempts=0, next_at=func.clock_timestamp(), done_at=None)
    ).rowcount


def drop_before(connection: Connection, age: timedelta) -> int:
    """Delete what was delivered or given up longer ago."""
    old = delivery.c.done_at < func.clock_timestamp() - age
    return connection.execute(delete(delivery).where(delivery.c.state != "waiting", old)).rowcount


def _set(connection: Connection, key: int, position: int, **values: Any) -> None:
    connection.execute(
        update(delivery)
        .where(delivery.c.webhook_id == key, delivery.c.position == position)
        .values(attempts=delivery.c.attempts + 1, **values)
    )
