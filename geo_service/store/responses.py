"""The lives of a span for figures of response, in one stream that numpy reads as it is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo_service.staffing.response import NEVER
from geo_service.store import bulk, scopes

_HEAD_BYTES = 19  # signature, flags and the length of an extension that there is not
#: PostgreSQL counts moments from 2000 on.
_YEAR_2000_US = 946_684_800_000_000
MOMENTS = ("reported", "accepted", "dispatched", "arrived", "handled", "closed")
DUES = ("arrive", "handle", "close")
_FIELDS = (
    ("lon", ">f8"),
    ("lat", ">f8"),
    *((f"{name}_us", ">i8") for name in MOMENTS),
    *((f"{name}_due_us", ">i8") for name in DUES),
    ("kind", ">i4"),
    ("cell_id", ">i4"),
    ("paused", ">i2"),
)
#: A row in binary form: how many fields, and before each how many bytes it has.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        *(pair for name, form in _FIELDS for pair in ((f"{name}_bytes", ">i4"), (name, form))),
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
        Of those in order: start and end in microseconds of each pause (end None: still).
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
    source = f"incident_life as life join incident on incident.id = life.incident_id where {where}"
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        cursor.execute(
            f"select distinct category, channel, urgency, life.standard from {source}".encode(),  # noqa: S608
            values,
        )
        names = ("category", "channel", "urgency", "standard")
        kinds = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        data = _stream(cursor, kinds, where, values)
        cursor.execute(
            f"select life.pauses from {source} and life.pauses <> '{{}}' order by life.incident_id".encode(),  # noqa: S608
            values,
        )
        pauses = [[_span(one) for one in row[0]] for row in cursor.fetchall()]
    rows = np.frombuffer(data, _ROW, offset=_HEAD_BYTES, count=(len(data) - _HEAD_BYTES) // _ROW.itemsize)
    return Responses(
        np.column_stack((rows["lon"], rows["lat"])).astype(np.float64),
        rows["cell_id"].astype(np.int64),
        {name: _moments(rows[f"{name}_us"]) for name in MOMENTS},
        {name: _moments(rows[f"{name}_due_us"]) for name in DUES},
        rows["kind"].astype(np.int64) - 1,
        kinds,
        rows["paused"].astype(np.bool_),
        pauses,
    )


def _stream(
    cursor: psycopg.Cursor[Any], kinds: list[dict[str, Any]], where: str, values: dict[str, Any]
) -> bytes:
    """Copy the rows, those that were suspended last and in order of id."""
    moments = ", ".join(
        [f"coalesce(life.{name}_at, '-infinity')" for name in MOMENTS]
        + [f"coalesce(life.{name}_due_at, '-infinity')" for name in DUES]
    )
    statement = f"""
        copy (
            select coalesce(extensions.st_x(geom), 'NaN'), coalesce(extensions.st_y(geom), 'NaN'), {moments},
                number::int4, coalesce(named_cell_id, -1), (life.pauses <> '{{}}')::int::int2
            from incident_life as life join incident on incident.id = life.incident_id
            join unnest(%(category)s::text[], %(channel)s::text[], %(urgency)s::text[], %(standard)s::text[])
                with ordinality
                as known (category, channel, urgency, standard, number)
                on known.category = incident.category and known.channel = incident.channel
                and known.urgency = incident.urgency and known.standard::jsonb = life.standard
            where {where}
            order by life.pauses <> '{{}}', case when life.pauses <> '{{}}' then life.incident_id end
        ) to stdout (format binary)
    """  # noqa: S608 - our own words
    lists = {name: [one[name] for one in kinds] for name in ("category", "channel", "urgency")}
    lists["standard"] = [bulk.json_text(one["standard"]) for one in kinds]
    with cursor.copy(statement.encode(), values | lists) as copy:
        return b"".join(copy)


def _moments(column_: NDArray[Any]) -> NDArray[np.int64]:
    found = column_.astype(np.int64)
    return np.where(found == NEVER, NEVER, found + np.where(found == NEVER, 0, _YEAR_2000_US))


def _span(one: Any) -> tuple[int, int | None]:
    def micros(moment: datetime) -> int:
        return round(moment.timestamp() * 1e6)

    return micros(one.lower), None if one.upper is None else micros(one.upper)
