"""The lives of a span for figures of response, in one stream that numpy reads as it is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from geo_service.staffing.response import NEVER
from geo_service.store import scopes
from geo_service.store.dispatch_tables import incident_life
from geo_service.store.tables import incident

_HEAD_BYTES = 19  # signature, flags and the length of an extension that there is not
#: Of a line of the copy: one field, its length, and the head of the array that it holds.
_LINE = np.dtype([(name, ">i4") for name in ("bytes", "dimensions", "nulls", "kind", "count", "first")])
#: PostgreSQL counts moments from 2000 on.
_YEAR_2000_US = 946_684_800_000_000
MOMENTS = ("reported", "accepted", "dispatched", "arrived", "handled", "closed")
#: So many are read in one go: more would run into the time limit of a statement, and each go reads all of the
#: incidents' table once. In one snapshot all the same.
AT_ONCE = 1_000_000
DUES = ("arrive", "handle", "close")
_FIELDS = (
    ("id", "V16"),
    ("lon", ">f8"),
    ("lat", ">f8"),
    *((f"{name}_us", ">i8") for name in MOMENTS),
    *((f"{name}_due_us", ">i8") for name in DUES),
    ("kind", ">i8"),
    ("cell_id", ">i4"),
    ("paused", ">i2"),
)
#: An element of the array, a record in binary form: how many bytes and fields, and before each its type and
#: how many bytes it has.
_ROW = np.dtype(
    [
        ("bytes", ">i4"),
        ("fields", ">i4"),
        *(pair for name, form in _FIELDS for pair in ((f"{name}_head", "V8"), (name, form))),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """Lives column by column.

    Attributes
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326, NaN where no point is known.
    cell_id : (n,) int64
        The cell that was named instead, -1 for none.
    at_us : mapping of str to (n,) int64
        Microseconds since 1970 by the names of :data:`MOMENTS`; ``NEVER`` where it did not come.
    due_us : mapping of str to (n,) int64
        When the running clocks run out, by the names of :data:`DUES`.
    kind : (n,) int64
        Position in ``kinds``.
    kinds : list of dict
        category, channel, urgency, standard.
    paused : (n,) bool
        Those that were suspended: their clocks need ``pauses``.
    pauses : list
        Of those, in order: start and end in microseconds of each pause (end None: still).
    """

    lonlat_deg: NDArray[np.float64]
    cell_id: NDArray[np.int64]
    at_us: dict[str, NDArray[np.int64]]
    due_us: dict[str, NDArray[np.int64]]
    kind: NDArray[np.int64]
    kinds: list[dict[str, Any]]
    paused: NDArray[np.bool_]
    pauses: list[list[tuple[int, int | None]]]


def read(
    connection: Connection, since: datetime, until: datetime, *, scope: Collection[int] = ()
) -> Responses:
    """Return the lives of incidents reported in a span (its end not in it) that a scope sees."""
    where = "life.reported_at >= %(since)s and life.reported_at < %(until)s"
    values: dict[str, Any] = {"since": since, "until": until}
    if scope:
        where += " and " + scopes.words_of_placed_within("incident.id", "scope")
        values["scope"] = sorted(scope)
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    parts = []
    with driver.cursor() as cursor:
        cursor.execute(_COUNT, {"since": since, "until": until})
        (count,) = cursor.fetchone() or (0,)
        for start, end in _slices(since, until, 1 + count // AT_ONCE):
            parts += _rows(_stream(cursor, where, values | {"since": start, "until": end}))
    rows = np.concatenate(parts or [np.zeros(0, _ROW)])
    _, example, kind = np.unique(rows["kind"], return_index=True, return_inverse=True)
    paused = np.flatnonzero(rows["paused"])
    return Responses(
        np.column_stack((rows["lon"], rows["lat"])).astype(np.float64),
        rows["cell_id"].astype(np.int64),
        {name: _moments(rows[f"{name}_us"]) for name in MOMENTS},
        {name: _moments(rows[f"{name}_due_us"]) for name in DUES},
        kind.reshape(-1),
        _kinds(connection, _ids(rows, example)),
        rows["paused"].astype(np.bool_),
        _pauses(connection, _ids(rows, paused)),
    )


_COUNT = "select count(*) from incident_life where reported_at >= %(since)s and reported_at < %(until)s"


def _slices(since: datetime, until: datetime, count: int) -> list[tuple[datetime, datetime]]:
    """Cut a span into equal ones."""
    cuts = [since + (until - since) * i / count for i in range(count)]
    return list(zip(cuts, [*cuts[1:], until], strict=True))


def _ids(rows: NDArray[Any], at: NDArray[np.int64]) -> list[UUID]:
    return [UUID(bytes=bytes(rows["id"][i]).ljust(16, b"\0")) for i in at.tolist()]


def _kinds(connection: Connection, examples: list[UUID]) -> list[dict[str, Any]]:
    """Return the kinds of which these are examples, in their order."""
    rows = connection.execute(
        select(incident.c.id, incident.c.category, incident.c.channel, incident.c.urgency)
        .add_columns(incident_life.c.standard)
        .join(incident_life, incident_life.c.incident_id == incident.c.id)
        .where(incident.c.id == func.any(examples))
    )
    found = {row["id"]: dict(row) for row in rows.mappings()}
    return [found[key] for key in examples]


def _pauses(connection: Connection, keys: list[UUID]) -> list[list[tuple[int, int | None]]]:
    columns = (incident_life.c.incident_id, incident_life.c.pauses)
    rows = connection.execute(select(*columns).where(incident_life.c.incident_id == func.any(keys)))
    found = {row.incident_id: [_span(one) for one in row.pauses] for row in rows}
    return [found[key] for key in keys]


def _stream(cursor: psycopg.Cursor[Any], where: str, values: dict[str, Any]) -> bytes:
    """Copy the rows, those of a day in one array: each row for itself costs the reader more than all else.

    What words and standard a row has is told by a hash, which is looked up afterwards.
    """
    moments = ", ".join(
        [f"coalesce(life.{name}_at, '-infinity')" for name in MOMENTS]
        + [f"coalesce(life.{name}_due_at, '-infinity')" for name in DUES]
    )
    statement = f"""
        copy (select array_agg(one) from (
            select date_trunc('day', life.reported_at) as day, row(incident.id,
                coalesce(extensions.st_x(geom), 'NaN'), coalesce(extensions.st_y(geom), 'NaN'),
                {moments},
                hashtextextended(
                    category || chr(31) || channel || chr(31) || urgency,
                    jsonb_hash_extended(life.standard, 0)
                ),
                coalesce(named_cell_id, -1), (life.pauses <> '{{}}')::int::int2) as one
            from incident_life as life join incident on incident.id = life.incident_id
            where {where}
        ) as lives group by day) to stdout (format binary)
    """  # noqa: S608 - our own words
    cursor.execute("select set_config('work_mem', '128MB', true)")
    with cursor.copy(statement.encode(), values) as copy:
        return b"".join(copy)


def _rows(data: bytes) -> list[NDArray[Any]]:
    """Return the arrays of a copy in binary form."""
    found, at = [], _HEAD_BYTES
    while int.from_bytes(data[at : at + 2], "big", signed=True) == 1:
        (head,) = np.frombuffer(data, _LINE, offset=at + 2, count=1)
        at += 2 + _LINE.itemsize
        found.append(np.frombuffer(data, _ROW, offset=at, count=int(head["count"])))
        at += int(head["bytes"]) + 4 - _LINE.itemsize
    return found


def _moments(column_: NDArray[Any]) -> NDArray[np.int64]:
    found = column_.astype(np.int64)
    return np.where(found == NEVER, NEVER, found + np.where(found == NEVER, 0, _YEAR_2000_US))


def _span(one: Any) -> tuple[int, int | None]:
    def micros(moment: datetime) -> int:
        return round(moment.timestamp() * 1e6)

    return micros(one.lower), None if one.upper is None else micros(one.upper)
