"""The register of gaps: land between cells that belongs to none, from the edition that opened it.

A gap is there in valid time: from the beginning of the edition that opened it to the beginning of the one
that closed it, whenever these were published.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, Connection, func, insert, literal_column, select, update

from geo_service.errors import NotFoundError
from geo_service.store import bulk
from geo_service.store.plan_tables import gap
from geo_service.store.tables import edition_span, incident

_YEAR = timedelta(days=365)
_LONG_AGO: ColumnElement[datetime] = literal_column("'-infinity'::timestamptz")
_COLUMNS = (
    gap.c.id,
    gap.c.opened_edition_id,
    gap.c.seen_edition_id,
    gap.c.closed_edition_id,
    func.ST_AsBinary(gap.c.geom).label("shape"),
    gap.c.area_m2,
    gap.c.length_m,
    gap.c.width_m,
    gap.c.neighbours,
    gap.c.taken_by,
    gap.c.fallback_level,
    gap.c.fallback_code,
)


@dataclass(frozen=True)
class GapMeasures:
    """What an edition says of a gap.

    Attributes
    ----------
    shape : shapely Polygon
        EPSG:4326.
    area_m2, length_m, width_m : float
    neighbours : list of [level, code, metres]
        The longest border first.
    """

    shape: BaseGeometry
    area_m2: float
    length_m: float
    width_m: float
    neighbours: list[list[Any]]


@dataclass(frozen=True)
class GapRow:
    """A gap in the register.

    Attributes
    ----------
    measures : GapMeasures
        As ``seen_edition_id`` has it: the last edition with this gap in it, which may begin later.
    open_from, closed_from : datetime or None
        When the editions that opened and closed it begin; None: from the beginning of time, not closed.
    incidents_year : int or None
        None where it was not asked for.
    """

    id: int
    opened_edition_id: int
    seen_edition_id: int
    closed_edition_id: int | None
    measures: GapMeasures
    taken_by: list[Any] | None
    fallback: tuple[str, str] | None
    incidents_year: int | None = None
    open_from: datetime | None = None
    closed_from: datetime | None = None


def known(connection: Connection) -> list[GapRow]:
    """Return the gaps that no edition closes, not even one that begins later, in order of their ids."""
    rows = connection.execute(select(*_COLUMNS).where(gap.c.closed_edition_id.is_(None)).order_by(gap.c.id))
    return [_row(row) for row in rows]


def every(connection: Connection, *, now: datetime, closed: bool | None = None) -> list[GapRow]:
    """Return gaps, the largest first, with the incidents within each in the year before ``now``.

    ``closed`` True: only those closed at ``now``; False: only those open then; None: all, those as well that
    an edition will open later.
    """
    happened = (
        select(func.count())
        .where(
            incident.c.occurred_at >= now - _YEAR,
            incident.c.occurred_at < now,
            func.ST_Contains(gap.c.geom, incident.c.geom),
        )
        .scalar_subquery()
    )
    open_from, closed_from = _start(gap.c.opened_edition_id), _start(gap.c.closed_edition_id)
    query = select(
        *_COLUMNS,
        happened.label("incidents_year"),
        open_from.label("open_from"),
        closed_from.label("closed_from"),
    )
    is_closed = gap.c.closed_edition_id.is_not(None) & (func.coalesce(closed_from, _LONG_AGO) <= now)
    if closed is True:
        query = query.where(is_closed)
    elif closed is False:
        query = query.where(~is_closed, func.coalesce(open_from, _LONG_AGO) <= now)
    return [_row(row) for row in connection.execute(query.order_by(gap.c.area_m2.desc(), gap.c.id))]


def _start(edition_id: Any) -> Any:
    """Return when an edition begins: the same in all its spans, as only their ends are cut off."""
    return (
        select(func.min(func.lower(edition_span.c.valid_during)))
        .where(edition_span.c.edition_id == edition_id)
        .scalar_subquery()
    )


def reopen(connection: Connection, editions: Collection[int]) -> None:
    """Open the gaps again that these editions closed, as they are in force at no time any more."""
    connection.execute(
        update(gap).where(gap.c.closed_edition_id.in_(editions)).values(closed_edition_id=None, taken_by=None)
    )


def editions_named(connection: Connection) -> set[int]:
    """Return the editions that opened or closed a gap."""
    both = select(gap.c.opened_edition_id).union(
        select(gap.c.closed_edition_id).where(gap.c.closed_edition_id.is_not(None))
    )
    return set(connection.execute(both).scalars())


def open_one(connection: Connection, edition_id: int, found: GapMeasures) -> int:
    """Enter a gap that an edition opened; return its id."""
    values = _values(found) | {"opened_edition_id": edition_id, "seen_edition_id": edition_id}
    made: int = connection.execute(insert(gap).values(values).returning(gap.c.id)).scalar_one()
    return made


def see(
    connection: Connection, gap_id: int, edition_id: int, found: GapMeasures, *, opened: bool = False
) -> None:
    """Write down how a gap stands in an edition; ``opened``: it is this one now that opens it."""
    values = _values(found) | {"seen_edition_id": edition_id}
    if opened:
        values["opened_edition_id"] = edition_id
    connection.execute(update(gap).where(gap.c.id == gap_id).values(values))


def close(connection: Connection, gap_id: int, edition_id: int, taken_by: list[Any]) -> None:
    """Write down which edition closed a gap, and who took the land.

    ``taken_by``: [level, code, square metres] of a cell, {"gap", "area_m2"} of another gap.
    """
    connection.execute(
        update(gap).where(gap.c.id == gap_id).values(closed_edition_id=edition_id, taken_by=taken_by)
    )


def set_fallback(connection: Connection, gap_id: int, fallback: tuple[str, str] | None) -> None:
    """Say who answers for a gap until it is closed; None: its first neighbour.

    Raises
    ------
    NotFoundError
        There is no such gap.
    """
    level, code = fallback or (None, None)
    done = connection.execute(
        update(gap).where(gap.c.id == gap_id).values(fallback_level=level, fallback_code=code)
    )
    if done.rowcount == 0:
        raise NotFoundError(f"there is no gap {gap_id}")


def _values(found: GapMeasures) -> dict[str, Any]:
    return {
        "geom": bulk.ewkb_hex([found.shape])[0],
        "area_m2": found.area_m2,
        "length_m": found.length_m,
        "width_m": found.width_m,
        "neighbours": found.neighbours,
    }


def _row(row: Any) -> GapRow:
    return GapRow(
        row.id,
        row.opened_edition_id,
        row.seen_edition_id,
        row.closed_edition_id,
        GapMeasures(
            bulk.from_wkb([bytes(row.shape)])[0], row.area_m2, row.length_m, row.width_m, row.neighbours
        ),
        row.taken_by,
        (row.fallback_level, row.fallback_code) if row.fallback_level else None,
        getattr(row, "incidents_year", None),
        getattr(row, "open_from", None),
        getattr(row, "closed_from", None),
    )
