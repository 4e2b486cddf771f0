"""Incidents as Open311 (GeoReport v2) tells them: service requests."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Text, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from geo_service.staffing.life import ENDED
from geo_service.store.dispatch_tables import category, incident_life
from geo_service.store.scopes import placed_within
from geo_service.store.tables import incident

Status = Literal["open", "closed"]


def find(
    connection: Connection,
    *,
    reported_by: str | None,
    limit: int,
    scope: Collection[int] = (),
    keys: Sequence[UUID] | None = None,
    codes: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    status: Status | None = None,
) -> list[dict[str, Any]]:
    """Return service requests, the newest first; at most ``limit``.

    ``reported_by`` confines to what one key brought in, None to nothing; ``scope`` to a part of the town
    (ids of its cells). ``since`` is in, ``until`` is not.
    """
    ended = incident_life.c.status.in_(sorted(one.value for one in ENDED))
    state: ColumnElement[str] = case((ended, "closed"), else_="open")
    query = (
        select(
            incident.c.id,
            state.label("status"),
            incident_life.c.status.label("status_notes"),
            incident.c.category.label("service_code"),
            category.c.name_zh.label("service_name"),
            incident.c.attributes["description"].astext.label("description"),
            incident.c.recorded_at.label("requested_datetime"),
            func.coalesce(incident_life.c.last_at, incident.c.recorded_at).label("updated_datetime"),
            incident_life.c.close_due_at.label("expected_datetime"),
            incident.c.address,
            func.ST_Y(incident.c.geom).label("lat"),
            func.ST_X(incident.c.geom).label("long"),
        )
        .join(incident_life, incident_life.c.incident_id == incident.c.id)
        .outerjoin(category, category.c.code == incident.c.category)
        .order_by(incident.c.recorded_at.desc(), incident.c.id)
        .limit(limit)
    )
    conditions: list[ColumnElement[bool] | None] = [
        incident.c.reported_by == reported_by if reported_by is not None else None,
        placed_within(incident.c.id, scope) if scope else None,
        incident.c.id == func.any(list(keys)) if keys is not None else None,
        incident.c.category == func.any(cast(list(codes), ARRAY(Text))) if codes is not None else None,
        incident.c.recorded_at >= since if since is not None else None,
        incident.c.recorded_at < until if until is not None else None,
        state == status if status is not None else None,
    ]
    query = query.where(*(one for one in conditions if one is not None))
    return [dict(row) for row in connection.execute(query).mappings()]
