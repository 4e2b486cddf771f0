"""Photos of incidents: which there are; the bytes lie in a folder (:mod:`geo_service.formats.photos`)."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.store.intake_tables import incident_photo


def add(
    connection: Connection, incident_id: UUID, sha256: bytes, *, media_type: str, size_bytes: int, who: str
) -> bool:
    """Note a photo of an incident; returns whether it is new."""
    statement = upsert(incident_photo).values(
        incident_id=incident_id, sha256=sha256, media_type=media_type, size_bytes=size_bytes, who=who
    )
    statement = statement.on_conflict_do_nothing()
    return connection.execute(statement.returning(incident_photo.c.sha256)).first() is not None


def count(connection: Connection, incident_id: UUID) -> int:
    """Return how many photos an incident has."""
    rows = select(func.count()).where(incident_photo.c.incident_id == incident_id)
    number: int = connection.execute(rows).scalar_one()
    return number


def of(connection: Connection, incident_id: UUID) -> list[dict[str, Any]]:
    """Return the photos of an incident, the oldest first, each with its address."""
    rows = connection.execute(
        select(incident_photo)
        .where(incident_photo.c.incident_id == incident_id)
        .order_by(incident_photo.c.at, incident_photo.c.sha256)
    )
    return [
        {
            "sha256": row.sha256.hex(),
            "media_type": row.media_type,
            "size_bytes": row.size_bytes,
            "who": row.who,
            "at": row.at,
            "address": f"/v1/incidents/{incident_id}/photos/{row.sha256.hex()}",
        }
        for row in rows
    ]


def media_type(connection: Connection, incident_id: UUID, sha256: bytes) -> str | None:
    """Return the type of an incident's photo, None if it has no such photo."""
    rows = select(incident_photo.c.media_type).where(
        incident_photo.c.incident_id == incident_id, incident_photo.c.sha256 == sha256
    )
    found: str | None = connection.execute(rows).scalar_one_or_none()
    return found
