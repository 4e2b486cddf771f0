"""How far, in space and time, an answer about a place holds: premises around it, the gap it lies in."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from geo_service.store import bulk


def premises_around(
    connection: Connection, bounds_deg: tuple[float, float, float, float], at: datetime | None
) -> list[tuple[str, Any]]:
    """Return code and outline (shapely, EPSG:4326) of the premises of a moment that meet a box."""
    rows = connection.execute(
        text("""
            select code, st_asbinary(geom) as shape from premises
            where geom && st_makeenvelope(:west, :south, :east, :north, 4326)
                and valid_during @> coalesce(cast(:at as timestamptz), clock_timestamp())
        """),
        {**dict(zip(("west", "south", "east", "north"), bounds_deg, strict=True)), "at": at},
    ).all()
    shapes = bulk.from_wkb([bytes(row.shape) for row in rows])
    return [(row.code, shape) for row, shape in zip(rows, shapes, strict=True)]


def outline_of_gap(connection: Connection, gap_id: int) -> Any:
    """Return the outline (shapely, EPSG:4326) of a gap."""
    shape = connection.execute(
        text("select st_asbinary(geom) from gap where id = :key"), {"key": gap_id}
    ).scalar_one()
    return bulk.from_wkb([bytes(shape)])[0]


def next_change_of_premises(connection: Connection, at: datetime) -> datetime | None:
    """Return when any premises begin or end next after a moment; None: never, as known now."""
    found: datetime | None = connection.execute(
        text("""
            select min(moment) from premises,
                lateral unnest(array[lower(valid_during), upper(valid_during)]) as moment
            where moment > :at
        """),
        {"at": at},
    ).scalar_one()
    return found
