"""What a plan starts from: its edition, the codes that ever were, and the places of incidents."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from geo_service.errors import NotFoundError
from geo_service.model import Edition
from geo_service.store.plan_tables import plan_code
from geo_service.store.tables import cell, edition, edition_span, incident, level


def edition_of(connection: Connection, edition_id: int) -> Edition:
    """Return an edition with its present span, or without one when it is no longer in force at any time.

    Raises
    ------
    NotFoundError
        There is no such edition.
    """
    now_known = (edition_span.c.edition_id == edition.c.id) & func.upper_inf(edition_span.c.recorded_during)
    row = connection.execute(
        select(
            edition.c.id,
            func.min(func.lower(edition_span.c.valid_during)),
            func.max(func.upper(edition_span.c.valid_during)),
            edition.c.recorded_at,
            edition.c.note,
            edition.c.published_by,
        )
        .outerjoin(edition_span, now_known)
        .where(edition.c.id == edition_id)
        .group_by(edition.c.id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no edition {edition_id}")
    return Edition(*row)


def codes_ever(connection: Connection) -> dict[str, set[str]]:
    """Return by level every code that was ever issued, those of retired cells as well."""
    out: dict[str, set[str]] = {}
    rows = select(level.c.code, cell.c.code).join(level, level.c.id == cell.c.level_id)
    for level_code, code in connection.execute(rows):
        out.setdefault(level_code, set()).add(code)
    return out


def codes_mark(connection: Connection) -> tuple[int, int]:
    """Return a cheap mark that changes whenever a code is issued, in an edition or in a plan."""
    last_cell = select(func.coalesce(func.max(cell.c.id), 0)).scalar_subquery()
    reserved = select(func.count()).select_from(plan_code).scalar_subquery()
    row = connection.execute(select(last_cell, reserved)).one()
    return row[0], row[1]


def levels_with_code(connection: Connection, code: str) -> list[str]:
    """Return the levels on which a code was ever issued, the top first."""
    known = select(level.c.code).join(cell, level.c.id == cell.c.level_id).where(cell.c.code == code)
    ordered = known.group_by(level.c.code, level.c.depth).order_by(level.c.depth)
    return list(connection.execute(ordered).scalars())


def has_code(connection: Connection, level_code: str, code: str) -> bool:
    """Say whether a code was ever issued on a level."""
    known = select(cell.c.id).join(level, level.c.id == cell.c.level_id)
    return bool(
        connection.execute(
            select(known.where(level.c.code == level_code, cell.c.code == code).exists())
        ).scalar_one()
    )


def incident_points(connection: Connection, since: datetime, until: datetime) -> NDArray[np.float64]:
    """Return where the incidents of a span happened: (n, 2) lon, lat in EPSG:4326; the end is not in it."""
    rows = connection.execute(
        select(func.ST_X(incident.c.geom), func.ST_Y(incident.c.geom)).where(
            incident.c.occurred_at >= since, incident.c.occurred_at < until, incident.c.geom.is_not(None)
        )
    ).all()
    return np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 2)
