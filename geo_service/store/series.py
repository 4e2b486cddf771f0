"""Incidents for figures over editions: all places of a span in one stream, and those known by a code only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import pandas as pd
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from geo_service.model import Edition
from geo_service.store.tables import edition, edition_span

#: Under which of its attributes a report without coordinates may name its cell: the usual headers of tables.
CODE_ATTRIBUTES = ("cell_code", "grid_code", "网格编码", "网格编号", "网格代码", "所属网格")
LEVEL_ATTRIBUTE = "cell_level"

_HEAD_BYTES = 19  # signature, flags and the length of an extension that there is not
#: PostgreSQL counts moments from 2000 on.
_YEAR_2000_US = 946_684_800_000_000
#: A row in binary form: how many fields, and before each how many bytes it has.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("lon_bytes", ">i4"),
        ("lon", ">f8"),
        ("lat_bytes", ">i4"),
        ("lat", ">f8"),
        ("at_us_bytes", ">i4"),
        ("at_us", ">i8"),
        ("category_bytes", ">i4"),
        ("category", ">i4"),
    ]
)


@dataclass(frozen=True)
class Happened:
    """Where and when incidents happened.

    Attributes
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326.
    at_us : (n,) int64
        Microseconds since 1970, UTC.
    category : (n,) int64
        Position in :attr:`categories`.
    categories : tuple of str
    """

    lonlat_deg: NDArray[np.float64]
    at_us: NDArray[np.int64]
    category: NDArray[np.int64]
    categories: tuple[str, ...]


def located(
    connection: Connection,
    since: datetime,
    until: datetime,
    *,
    known_at: datetime | None = None,
    box: tuple[float, float, float, float] | None = None,
) -> Happened:
    """Return the incidents of a span (the end not in it) that have coordinates.

    In PostgreSQL's binary form, which numpy reads as it is, without a Python object for each.

    Parameters
    ----------
    known_at
        Only those recorded up to this moment, where they were said to lie then; what kind, as is known now.
    box
        Only those within west, south, east, north in degrees.
    """
    where, values = _condition(since, until, known_at)
    table, moments = _as_known(known_at)
    if box is not None:
        where += " and geom && st_makeenvelope(%s, %s, %s, %s, 4326)"
        values += box
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        cursor.execute(f"select distinct category from {table} where {where}", (*moments, *values))  # noqa: S608 - our words
        categories = tuple(sorted(row[0] for row in cursor.fetchall()))
        statement = f"""
            copy (
                select st_x(geom), st_y(geom), occurred_at, number::int4
                from {table} join unnest(%s::text[]) with ordinality as known (word, number)
                    on word = category
                where geom is not null and {where}
            ) to stdout (format binary)
        """  # noqa: S608 - our words
        with cursor.copy(statement.encode(), (*moments, list(categories), *values)) as copy:
            data = b"".join(copy)
    rows = np.frombuffer(data, _ROW, offset=_HEAD_BYTES, count=(len(data) - _HEAD_BYTES) // _ROW.itemsize)
    return Happened(
        np.column_stack((rows["lon"], rows["lat"])).astype(np.float64),
        rows["at_us"].astype(np.int64) + _YEAR_2000_US,
        rows["category"].astype(np.int64) - 1,
        categories,
    )


def unlocated(
    connection: Connection, since: datetime, until: datetime, *, known_at: datetime | None = None
) -> pd.DataFrame:
    """Return the incidents of a span without coordinates: at_us, category, code, level (None: not told)."""
    where, values = _condition(since, until, known_at)
    table, moments = _as_known(known_at)
    code = "coalesce(" + ", ".join("nullif(btrim(attributes ->> %s), '')" for _ in CODE_ATTRIBUTES) + ")"
    statement = f"""
        select (extract(epoch from occurred_at) * 1000000)::int8, category, {code},
            nullif(btrim(attributes ->> %s), '')
        from {table} where geom is null and {where}
    """  # noqa: S608 - our words
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        cursor.execute(statement.encode(), (*CODE_ATTRIBUTES, LEVEL_ATTRIBUTE, *moments, *values))
        rows = cursor.fetchall()
    frame = pd.DataFrame(rows, columns=["at_us", "category", "code", "level"])
    return frame.astype({"at_us": np.int64, "category": object, "code": object, "level": object})


def _condition(since: datetime, until: datetime, known_at: datetime | None) -> tuple[str, tuple[Any, ...]]:
    if known_at is None:
        return "occurred_at >= %s and occurred_at < %s", (since, until)
    return "occurred_at >= %s and occurred_at < %s and recorded_at <= %s", (since, until, known_at)


def _as_known(known_at: datetime | None) -> tuple[str, tuple[datetime, ...]]:
    """Return what to read incidents from, with its values: as they are, or where they were said to lie once.

    A later correction wrote into the log what it changed of a place, longitude and latitude each: the
    first one after the moment tells what held at it. JSON's null is a place that was not known.
    """
    if known_at is None:
        return "incident", ()
    lon, lat = (
        f"""(coalesce(
            (
                select details -> 'before' -> '{name}' from incident_log
                where incident_id = incident.id and incident_log.recorded_at > %s
                    and details -> 'before' ? '{name}'
                order by incident_log.id limit 1
            ),
            to_jsonb({function}(geom))
        ) #>> '{{}}')::float8"""  # noqa: S608 - our words
        for name, function in (("lon", "st_x"), ("lat", "st_y"))
    )
    table = f"""(
        select occurred_at, recorded_at, category, attributes, case
            when relocated_at > %s then st_setsrid(st_makepoint({lon}, {lat}), 4326) else geom
        end as geom
        from incident
    ) as known_then"""  # noqa: S608 - our words
    return table, (known_at, known_at, known_at)


def timeline(connection: Connection, known_at: datetime | None = None) -> list[Edition]:
    """Return what was in force when, oldest first, as it was known at a moment (now)."""
    rows = (
        select(
            edition.c.id,
            func.lower(edition_span.c.valid_during),
            func.upper(edition_span.c.valid_during),
            edition.c.recorded_at,
            edition.c.note,
            edition.c.published_by,
        )
        .join(edition_span, edition_span.c.edition_id == edition.c.id)
        .where(edition_span.c.recorded_during.op("@>")(known_at or func.statement_timestamp()))
        .order_by(func.lower(edition_span.c.valid_during).nulls_first())
    )
    return [Edition(*row) for row in connection.execute(rows)]
