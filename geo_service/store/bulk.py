"""COPY for whole columns at once: from numpy and pandas to PostgreSQL in one stream, and geometry to EWKB."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import numpy as np
import orjson
import psycopg
import shapely
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection, Table


def ewkb_hex(geoms: Iterable[Any]) -> list[str | None]:
    """Return each geometry as hexadecimal EWKB in EPSG:4326, None where there is none."""
    array = np.asarray(list(geoms), dtype=object)
    return cast(
        "list[str | None]",
        shapely.to_wkb(shapely.set_srid(array, 4326), hex=True, include_srid=True).tolist(),
    )


def points_ewkb_hex(lonlat_deg: NDArray[np.float64]) -> list[str | None]:
    """Return points as hexadecimal EWKB, None where a coordinate is not finite."""
    known = np.isfinite(lonlat_deg).all(axis=1)
    out = np.full(len(lonlat_deg), None, dtype=object)
    out[known] = ewkb_hex(shapely.points(lonlat_deg[known]))
    return out.tolist()


def from_wkb(values: Sequence[bytes | None]) -> NDArray[np.object_]:
    """Return shapely geometries of WKB, None where there is none."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return cast("NDArray[np.object_]", shapely.from_wkb(array))


def json_text(value: Any) -> str:
    """Return canonical JSON (sorted keys) of a value.

    Of an object's numbers those too large for JSON in other programs (2⁵³ and more) are written as text: what
    PostgreSQL would give back for them, no other program reads.
    """
    if isinstance(value, dict):
        large = {name: str(x) for name, x in value.items() if isinstance(x, int | float) and abs(x) >= 2**53}
        value = {**value, **large}
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY, default=str).decode()


def range_text(start: datetime | None, end: datetime | None) -> str:
    """Return a half-open ``tstzrange`` literal; None stands for no bound."""
    return f"[{start.isoformat() if start else ''},{end.isoformat() if end else ''})"


def copy_columns(connection: Connection, table: Table | str, columns: Mapping[str, Iterable[Any]]) -> int:
    """Append rows given column by column with one COPY; returns how many.

    The values must be what PostgreSQL reads as text for the column's type: numbers, text, datetimes,
    hexadecimal EWKB, JSON text, range text. None is NULL.
    """
    name = table if isinstance(table, str) else table.name
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    lists = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    count = 0
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in zip(*lists, strict=True):
            copy.write_row(row)
            count += 1
    return count
