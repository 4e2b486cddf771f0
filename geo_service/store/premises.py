"""Premises: grounds of campuses, factories and compounds for which a unit answers itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.errors import NotFoundError, Words
from geo_service.store import bulk
from geo_service.store.intake_tables import premises

_FACTS = (premises.c.code, premises.c.name, premises.c.kind, premises.c.responsible_unit)


def put(connection: Connection, rows: pd.DataFrame) -> tuple[int, int]:
    """Add premises or correct them by code; returns how many were new, and how many were there.

    Columns: code, name, kind, responsible_unit, attributes, geometry (shapely, multipolygons).
    """
    new = 0
    shapes = bulk.ewkb_hex(rows["geometry"])
    facts = ("code", "name", "kind", "responsible_unit", "attributes")
    for row, shape in zip(rows[list(facts)].to_dict("records"), shapes, strict=True):
        values = {**row, "geom": shape}
        change = {name: value for name, value in values.items() if name != "code"}
        statement = upsert(premises).values(values)
        done = connection.execute(
            statement.on_conflict_do_update(
                index_elements=["code"], set_={**change, "recorded_at": func.clock_timestamp()}
            ).returning(text("(xmax = 0)"))
        )
        new += bool(done.scalar_one())
    return new, len(rows) - new


def codes(connection: Connection) -> set[str]:
    """Return the codes of all premises."""
    return set(connection.execute(select(premises.c.code)).scalars())


def remove(connection: Connection, code: str) -> None:
    """Take premises out of the register.

    Raises
    ------
    NotFoundError
        There are none of this code.
    """
    if connection.execute(delete(premises).where(premises.c.code == code)).rowcount == 0:
        raise NotFoundError(Words(f"there are no premises {code}", f"没有编号为 {code} 的单位"))


def page(connection: Connection, *, limit: int, after: str | None = None) -> list[dict[str, Any]]:
    """Return premises in order of code with their shapes (``shape``, shapely); at most ``limit``."""
    query = select(*_FACTS, premises.c.attributes, func.ST_AsBinary(premises.c.geom).label("shape"))
    if after is not None:
        query = query.where(premises.c.code.collate("C") > after)
    rows = connection.execute(query.order_by(premises.c.code.collate("C")).limit(limit)).mappings().all()
    shapes = bulk.from_wkb([bytes(row["shape"]) for row in rows])
    return [{**row, "shape": shape} for row, shape in zip(rows, shapes, strict=True)]


def outlines(connection: Connection) -> list[tuple[str, Any]]:
    """Return name and outline (shapely MultiPolygon, EPSG:4326) of all premises, in order of code."""
    rows = connection.execute(
        select(premises.c.name, func.ST_AsBinary(premises.c.geom)).order_by(premises.c.code.collate("C"))
    ).all()
    shapes = bulk.from_wkb([bytes(row[1]) for row in rows])
    return [(row[0], shape) for row, shape in zip(rows, shapes, strict=True)]


def version(connection: Connection) -> tuple[int, datetime | None]:
    """Return a cheap mark that changes whenever premises are added, corrected or taken out."""
    row = connection.execute(select(func.count(), func.max(premises.c.recorded_at))).one()
    return int(row[0]), row[1]


def holding(connection: Connection, points: Sequence[tuple[float, float]]) -> list[list[dict[str, Any]]]:
    """Return for each point (lon, lat) the premises it lies in, the smallest first."""
    rows = connection.execute(
        text("""
            select number, code, name, kind, responsible_unit
            from unnest(cast(:lon as float8[]), cast(:lat as float8[]))
                with ordinality as given (lon, lat, number)
            join premises on st_intersects(geom, st_setsrid(st_makepoint(lon, lat), 4326))
            order by number, st_area(geom), code collate "C"
        """),
        {"lon": [point[0] for point in points], "lat": [point[1] for point in points]},
    )
    out: list[list[dict[str, Any]]] = [[] for _ in points]
    for row in rows.mappings():
        facts = {name: value for name, value in row.items() if name != "number"}
        out[row["number"] - 1].append(facts)
    return out
