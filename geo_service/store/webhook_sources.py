"""The sources of signed reports, and their secrets."""

from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from geo_service.errors import ConflictError, NotFoundError, Words
from geo_service.store.intake_tables import webhook_source

_SHOWN = (
    webhook_source.c.id,
    webhook_source.c.name,
    webhook_source.c.channel,
    webhook_source.c.created_by,
    webhook_source.c.created_at,
    webhook_source.c.revoked_at,
)


def add(connection: Connection, name: str, channel: str, secret: bytes, who: str) -> int:
    """Add a source; returns its id.

    Raises
    ------
    ConflictError
        The name is in use, or was.
    """
    if connection.execute(select(webhook_source.c.id).where(webhook_source.c.name == name)).first():
        raise ConflictError(Words("the name is taken, or was", "这个名称已被使用"))
    values = {"name": name, "channel": channel, "secret": secret, "created_by": who}
    made: int = connection.execute(
        insert(webhook_source).values(values).returning(webhook_source.c.id)
    ).scalar_one()
    return made


def every(connection: Connection) -> list[dict[str, Any]]:
    """Return all sources without their secrets, the revoked ones too."""
    return [dict(row) for row in connection.execute(select(*_SHOWN).order_by(webhook_source.c.id)).mappings()]


def secret_of(connection: Connection, name: str) -> tuple[bytes, str] | None:
    """Return secret and channel of a source in force; None if there is none of this name."""
    row = connection.execute(
        select(webhook_source.c.secret, webhook_source.c.channel).where(
            webhook_source.c.name == name, webhook_source.c.revoked_at.is_(None)
        )
    ).one_or_none()
    return (bytes(row[0]), row[1]) if row else None


def revoke(connection: Connection, source_id: int) -> None:
    """Take nothing more from a source.

    Raises
    ------
    NotFoundError
        There is none in force with this id.
    """
    done = connection.execute(
        update(webhook_source)
        .where(webhook_source.c.id == source_id, webhook_source.c.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
    )
    if done.rowcount == 0:
        raise NotFoundError(Words(f"there is no source {source_id} in force", f"没有生效的来源 {source_id}"))
