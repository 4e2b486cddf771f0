"""Declared exclaves: pieces of cells that are meant to lie apart, with who says so, why and until when."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, func, insert, or_, select, update

from geo_service.errors import ConflictError, NotFoundError
from geo_service.store import bulk
from geo_service.store.office_tables import declared_exclave
from geo_service.store.plan_tables import plan


@dataclass(frozen=True, slots=True)
class ExclaveRow:
    """A declaration as it is kept; ``place`` lies deep inside the piece (EPSG:4326)."""

    id: int
    plan_id: int | None
    level: str
    code: str
    place: BaseGeometry
    area_m2: float
    who: str
    why: str
    until: date
    at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None


_COLUMNS = (
    declared_exclave.c.id,
    declared_exclave.c.plan_id,
    declared_exclave.c.level,
    declared_exclave.c.code,
    func.ST_AsBinary(declared_exclave.c.geom),
    declared_exclave.c.area_m2,
    declared_exclave.c.who,
    declared_exclave.c.why,
    declared_exclave.c.until,
    declared_exclave.c.at,
    declared_exclave.c.withdrawn_by,
    declared_exclave.c.withdrawn_at,
)


def in_force(connection: Connection, plan_id: int | None, on: date) -> list[ExclaveRow]:
    """Return the declarations that hold on a day for a plan (None: for what is live), the newest first.

    One made in a plan holds in that plan; once the plan is published it holds everywhere.
    """
    everywhere = or_(declared_exclave.c.plan_id.is_(None), plan.c.status == "published")
    here = everywhere if plan_id is None else or_(everywhere, declared_exclave.c.plan_id == plan_id)
    rows = (
        select(*_COLUMNS)
        .outerjoin(plan, plan.c.id == declared_exclave.c.plan_id)
        .where(here, declared_exclave.c.withdrawn_at.is_(None), declared_exclave.c.until >= on)
        .order_by(declared_exclave.c.id.desc())
    )
    return [_row(row) for row in connection.execute(rows)]


def every(connection: Connection) -> list[ExclaveRow]:
    """Return all declarations, those that ended or were withdrawn too, the newest first."""
    rows = select(*_COLUMNS).order_by(declared_exclave.c.id.desc())
    return [_row(row) for row in connection.execute(rows)]


def declare(
    connection: Connection,
    cell: tuple[str, str],
    *,
    plan_id: int | None,
    place: BaseGeometry,
    area_m2: float,
    who: str,
    why: str,
    until: date,
) -> int:
    """Write a declaration down; returns its number."""
    level, code = cell
    statement = insert(declared_exclave).values(
        plan_id=plan_id,
        level=level,
        code=code,
        geom=func.ST_GeomFromEWKB(shapely.to_wkb(shapely.set_srid(place, 4326), include_srid=True)),
        area_m2=area_m2,
        who=who,
        why=why,
        until=until,
    )
    number: int = connection.execute(statement.returning(declared_exclave.c.id)).scalar_one()
    return number


def withdraw(connection: Connection, number: int, who: str) -> ExclaveRow:
    """End a declaration now; it stays on record.

    Raises
    ------
    NotFoundError, ConflictError
        There is none of that number; it was withdrawn before.
    """
    statement = (
        update(declared_exclave)
        .where(declared_exclave.c.id == number, declared_exclave.c.withdrawn_at.is_(None))
        .values(withdrawn_by=who, withdrawn_at=func.clock_timestamp())
    )
    ended = connection.execute(statement).rowcount
    rows = select(*_COLUMNS).where(declared_exclave.c.id == number)
    found = connection.execute(rows).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no declaration {number}")
    if not ended:
        raise ConflictError(f"declaration {number} was withdrawn before")
    return _row(found)


def _row(row: Any) -> ExclaveRow:
    place = bulk.from_wkb([bytes(row[4])])[0]
    return ExclaveRow(*(*row[:4], place, *row[5:]))
