"""Premises: grounds of campuses, factories and compounds for which a unit answers itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Select,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import Range

from geo_service.errors import NotFoundError, Words
from geo_service.store import bulk
from geo_service.store.at_once import Question
from geo_service.store.intake_tables import premises

_FACTS = (premises.c.code, premises.c.name, premises.c.kind, premises.c.responsible_unit)


def put(connection: Connection, rows: pd.DataFrame) -> tuple[int, int]:
    """Add premises or correct them by code and beginning; returns how many were new, and how many there.

    What holds at the beginning of new ones of the same code ends there. Columns: code, name, kind,
    responsible_unit, attributes, geometry (shapely, multipolygons), and where these are known valid_from and
    valid_until (NaT: always).

    Raises
    ------
    ConflictError
        Premises of the same code begin before these end.
    """
    new = 0
    shapes = bulk.ewkb_hex(rows["geometry"])
    facts = rows[["code", "name", "kind", "responsible_unit", "attributes"]].to_dict("records")
    for row, begin, end, shape in zip(facts, *_terms(rows), shapes, strict=True):
        connection.execute(_END_BEFORE, {"code": row["code"], "begin": begin})
        term = Range(begin, end)
        change = {**row, "geom": shape, "valid_during": term, "recorded_at": func.clock_timestamp()}
        same = premises.c.code == row["code"], func.lower(premises.c.valid_during).is_not_distinct_from(begin)
        if connection.execute(update(premises).where(*same).values(change)).rowcount == 0:
            connection.execute(insert(premises).values(change))
            new += 1
    return new, len(rows) - new


#: What holds at a moment and began before it ends there.
_END_BEFORE = text("""
    update premises set valid_during = tstzrange(lower(valid_during), :begin), recorded_at = clock_timestamp()
    where code = :code and valid_during @> cast(:begin as timestamptz)
        and lower(valid_during) is distinct from :begin
""")


def _terms(rows: pd.DataFrame) -> tuple[list[datetime | None], list[datetime | None]]:
    """Return since when and until when each row holds."""
    named = (rows[name] if name in rows else [None] * len(rows) for name in ("valid_from", "valid_until"))
    begin, end = ([None if pd.isna(one) else pd.Timestamp(one).to_pydatetime() for one in c] for c in named)
    return begin, end


def known(connection: Connection) -> set[tuple[str, datetime | None]]:
    """Return code and beginning of all premises."""
    rows = connection.execute(select(premises.c.code, func.lower(premises.c.valid_during)))
    return {(code, begin) for code, begin in rows}


def end(connection: Connection, code: str, at: datetime | None = None) -> None:
    """Take premises out of the register from a moment on (now by default); what was before is kept.

    Raises
    ------
    NotFoundError
        There are none of this code then or later.
    """
    values = {"code": code, "at": at}
    later = connection.execute(
        text("""
            delete from premises
            where code = :code and lower(valid_during) >= coalesce(:at, transaction_timestamp())
        """).bindparams(bindparam("at", type_=DateTime(timezone=True))),
        values,
    )
    ended = connection.execute(
        text("""
            update premises set recorded_at = clock_timestamp(), valid_during =
                tstzrange(lower(valid_during), coalesce(:at, transaction_timestamp()))
            where code = :code and valid_during @> coalesce(:at, transaction_timestamp())
        """).bindparams(bindparam("at", type_=DateTime(timezone=True))),
        values,
    )
    if later.rowcount + ended.rowcount == 0:
        raise NotFoundError(Words(f"there are no premises {code}", f"没有编号为 {code} 的单位"))


def page(
    connection: Connection, *, limit: int, after: str | None = None, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Return premises of a moment (now) in order of code with their shapes (``shape``, shapely)."""
    query = _SHOWN.where(_at(at))
    if after is not None:
        query = query.where(premises.c.code.collate("C") > after)
    return _with_shapes(connection, query.limit(limit))


def named(connection: Connection, words: Sequence[str], *, limit: int) -> list[dict[str, Any]]:
    """Return premises of now whose name holds each word, the shortest name first, each with a point in it."""
    inside = func.ST_PointOnSurface(premises.c.geom)
    query = (
        select(
            premises.c.code.label("premises"),
            premises.c.name.label("address"),
            premises.c.kind,
            func.ST_X(inside).label("lon"),
            func.ST_Y(inside).label("lat"),
        )
        .where(_at(None), *(premises.c.name.icontains(word, autoescape=True) for word in words))
        .order_by(func.length(premises.c.name), premises.c.code.collate("C"))
        .limit(limit)
    )
    return [{"building": None, **row} for row in connection.execute(query).mappings()]


def every(connection: Connection) -> list[dict[str, Any]]:
    """Return all premises, past and to come as well, in order of code and beginning, with their shapes."""
    return _with_shapes(connection, _SHOWN)


_SHOWN = select(
    *_FACTS,
    func.lower(premises.c.valid_during).label("valid_from"),
    func.upper(premises.c.valid_during).label("valid_until"),
    premises.c.attributes,
    func.ST_AsBinary(premises.c.geom).label("shape"),
).order_by(premises.c.code.collate("C"), func.lower(premises.c.valid_during).nulls_first())


def _with_shapes(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    rows = connection.execute(query).mappings().all()
    shapes = bulk.from_wkb([bytes(row["shape"]) for row in rows])
    return [{**row, "shape": shape} for row, shape in zip(rows, shapes, strict=True)]


def _at(at: datetime | None) -> ColumnElement[bool]:
    return premises.c.valid_during.op("@>")(func.clock_timestamp() if at is None else at)


def outlines(connection: Connection) -> list[tuple[str, Any]]:
    """Return name and outline (shapely MultiPolygon, EPSG:4326) of the premises of now, in order of code."""
    rows = connection.execute(
        select(premises.c.name, func.ST_AsBinary(premises.c.geom))
        .where(_at(None))
        .order_by(premises.c.code.collate("C"))
    ).all()
    shapes = bulk.from_wkb([bytes(row[1]) for row in rows])
    return [(row[0], shape) for row, shape in zip(rows, shapes, strict=True)]


def version(connection: Connection) -> tuple[int, datetime | None]:
    """Return a cheap mark that changes whenever premises are added, corrected, taken out, begin or end."""
    count = func.count().filter(_at(None))
    row = connection.execute(select(count, func.max(premises.c.recorded_at))).one()
    return int(row[0]), row[1]


def holding(
    connection: Connection,
    points: Sequence[tuple[float, float]],
    moments: Sequence[datetime | None] | None = None,
) -> list[list[dict[str, Any]]]:
    """Return for each point (lon, lat) the premises it lies in at its moment (now), the smallest first."""
    return holding_question(points, moments).ask(connection)


def holding_question(
    points: Sequence[tuple[float, float]], moments: Sequence[datetime | None] | None = None
) -> Question[list[list[dict[str, Any]]]]:
    """Return the question of :func:`holding`."""

    def read(rows: Sequence[tuple[Any, ...]]) -> list[list[dict[str, Any]]]:
        out: list[list[dict[str, Any]]] = [[] for _ in points]
        for number, *facts in rows:
            out[number - 1].append(dict(zip(_NAMED, facts, strict=True)))
        return out

    values = {
        "lon": [point[0] for point in points],
        "lat": [point[1] for point in points],
        "at": list(moments) if moments is not None else [None] * len(points),
    }
    return Question(_HOLDING, values, read)


_NAMED = ("code", "name", "kind", "responsible_unit")
_HOLDING = f"""
    select number, {", ".join(_NAMED)}
    from unnest(
        cast(%(lon)s as float8[]), cast(%(lat)s as float8[]), cast(%(at)s as timestamptz[])
    ) with ordinality as given (lon, lat, at, number)
    join premises on st_intersects(geom, st_setsrid(st_makepoint(lon, lat), 4326))
        and valid_during @> coalesce(given.at, clock_timestamp())
    order by number, st_area(geom), code collate "C"
"""  # noqa: S608 - our own names
