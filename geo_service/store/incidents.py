"""Incidents and their placements: intake in bulk or one by one, each exactly once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, select, text, update

from geo_service.store import bulk, scopes
from geo_service.store.placements import holds_in
from geo_service.store.tables import cell, edition_span, incident, level, placement

runner_up = cell.alias("runner_up")

COLUMNS = (
    "id",
    "source",
    "source_id",
    "occurred_at",
    "accuracy_m",
    "floor",
    "category",
    "urgency",
    "channel",
    "address",
    "attributes",
    "reported_by",
    "named_cell_id",
    "building",
    "datum",
    "flags",
)


#: Types of those that are not text; a geometry comes as text.
TYPES = {
    "id": "uuid",
    "occurred_at": "timestamptz",
    "accuracy_m": "float8",
    "floor": "int",
    "attributes": "jsonb",
    "named_cell_id": "int",
    "flags": "jsonb",
}

#: Up to here rows are bound to one statement; above, a temporary table and COPY are worth their price.
FEW = 50


def insert_new(connection: Connection, incidents: pd.DataFrame) -> NDArray[np.bool_]:
    """Insert what is not there yet; returns for each row whether it was new.

    Parameters
    ----------
    incidents
        Columns :data:`COLUMNS` plus ``lon`` and ``lat`` in EPSG:4326 (NaN: unlocated).
    """
    columns = _columns(incidents)
    new = _insert_few(connection, columns) if len(incidents) <= FEW else _insert_many(connection, columns)
    return np.fromiter((key in new for key in incidents["id"]), dtype=bool, count=len(incidents))


def _columns(incidents: pd.DataFrame) -> dict[str, Any]:
    columns: dict[str, Any] = {name: incidents[name].tolist() for name in COLUMNS}
    columns["accuracy_m"] = _nullable(incidents["accuracy_m"], float)
    columns["floor"] = _nullable(incidents["floor"], int)
    columns["attributes"] = [bulk.json_text(value) for value in incidents["attributes"]]
    columns["named_cell_id"] = _nullable(incidents["named_cell_id"], int)
    columns["building"] = _nullable(incidents["building"], str)
    columns["flags"] = [bulk.json_text(list(value)) for value in incidents["flags"]]
    columns["geom"] = bulk.points_ewkb_hex(incidents[["lon", "lat"]].to_numpy(dtype=float))
    return columns


def _insert_few(connection: Connection, columns: dict[str, Any]) -> set[UUID]:
    given = ", ".join(f"cast(:{name} as {TYPES.get(name, 'text')}[])" for name in columns)
    values = ", ".join("cast(geom as geometry)" if name == "geom" else name for name in columns)
    statement = text(f"""
        insert into incident ({", ".join(columns)})
        select {values} from unnest({given}) as given ({", ".join(columns)})
        on conflict do nothing returning id
    """)  # noqa: S608 - our own names
    return set(connection.execute(statement, columns).scalars())


def _insert_many(connection: Connection, columns: dict[str, Any]) -> set[UUID]:
    connection.execute(
        text("create temporary table incoming (like incident including defaults) on commit drop")
    )
    bulk.copy_columns(connection, "incoming", columns)
    names = ", ".join(columns)
    rows = connection.execute(
        text(  # the names are ours
            f"insert into incident ({names}) select {names} from incoming on conflict do nothing returning id"  # noqa: S608
        )
    )
    new = {row[0] for row in rows}
    connection.execute(text("drop table incoming"))
    return new


def _nullable(values: pd.Series, kind: type) -> list[Any]:
    return [None if pd.isna(value) else kind(value) for value in values]


def totals(connection: Connection) -> dict[str, int]:
    """Return how many incidents there are, and how many have no coordinates."""
    row = connection.execute(
        select(func.count(), func.count().filter(incident.c.geom.is_(None))).select_from(incident)
    ).one()
    return {"total": row[0], "unlocated": row[1]}


#: Each incident with its place in the edition that was in force when it happened, as known now.
SHOWN = (
    select(
        incident.c.id,
        incident.c.source,
        incident.c.source_id,
        incident.c.occurred_at,
        incident.c.recorded_at,
        func.ST_X(incident.c.geom).label("lon"),
        func.ST_Y(incident.c.geom).label("lat"),
        incident.c.accuracy_m,
        incident.c.floor,
        incident.c.category,
        incident.c.urgency,
        incident.c.channel,
        incident.c.address,
        incident.c.attributes,
        incident.c.reported_by,
        incident.c.building,
        incident.c.datum,
        incident.c.flags,
        incident.c.relocated_at,
        edition_span.c.edition_id.label("edition"),
        cell.c.code.label("cell_code"),
        level.c.code.label("level"),
        func.coalesce(placement.c.how, "none").label("how"),
        placement.c.border_m,
        placement.c.cell_id,
        runner_up.c.code.label("runner_up_code"),
    )
    .select_from(incident)
    .outerjoin(
        edition_span,
        and_(
            edition_span.c.valid_during.op("@>", is_comparison=True)(incident.c.occurred_at),
            func.upper_inf(edition_span.c.recorded_during),
        ),
    )
    .outerjoin(
        placement,
        (placement.c.incident_id == incident.c.id) & holds_in(edition_span.c.edition_id),
    )
    .outerjoin(cell, cell.c.id == placement.c.cell_id)
    .outerjoin(level, level.c.id == cell.c.level_id)
    .outerjoin(runner_up, runner_up.c.id == placement.c.runner_up_id)
)


def page(
    connection: Connection,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
    how: str | None = None,
    source: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    scope: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Return incidents, newest first, each with its place; at most ``limit``.

    ``after`` is the (occurred_at, id) of the last one seen: keyset paging stays fast at any depth. ``since``
    is included, ``until`` is not. ``scope``: cells to which the caller is confined.
    """
    query = (
        SHOWN.where(scopes.placed_within(incident.c.id, scope))
        .order_by(incident.c.occurred_at.desc(), incident.c.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(func.row(incident.c.occurred_at, incident.c.id) < func.row(*after))
    if how is not None:
        query = query.where(func.coalesce(placement.c.how, "none") == how)
    if source is not None:
        query = query.where(incident.c.source == source)
    if since is not None:
        query = query.where(incident.c.occurred_at >= since)
    if until is not None:
        query = query.where(incident.c.occurred_at < until)
    return [dict(row) for row in connection.execute(query).mappings()]


def several(connection: Connection, keys: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return incidents with their places by id; those that do not exist are left out."""
    rows = connection.execute(SHOWN.where(incident.c.id == func.any(list(keys)))).mappings()
    return {row["id"]: dict(row) for row in rows}


def one(connection: Connection, key: UUID) -> dict[str, Any] | None:
    """Return an incident with its place, None if there is none with this id."""
    return several(connection, [key]).get(key)


def by_source(connection: Connection, source: str, source_ids: Sequence[str]) -> dict[str, UUID]:
    """Return the ids under which the reports of a source are kept."""
    rows = connection.execute(
        select(incident.c.source_id, incident.c.id).where(
            incident.c.source == source, incident.c.source_id == func.any(list(source_ids))
        )
    )
    return {row[0]: row[1] for row in rows}


def for_change(connection: Connection, key: UUID) -> dict[str, Any] | None:
    """Return what a correction may change of an incident, and when it happened; None if there is none."""
    row = connection.execute(SHOWN.where(incident.c.id == key)).mappings().one_or_none()
    return {name: row[name] for name in (*CHANGEABLE, "occurred_at")} if row else None


#: What a correction may change, as it is shown.
CHANGEABLE = (
    "lon",
    "lat",
    "accuracy_m",
    "floor",
    "category",
    "urgency",
    "address",
    "building",
    "datum",
    "flags",
    "cell_code",
    "level",
    "how",
)


def correct(connection: Connection, key: UUID, values: dict[str, Any]) -> None:
    """Change columns of an incident."""
    connection.execute(update(incident).where(incident.c.id == key).values(values))


def put_elsewhere(
    connection: Connection, key: UUID, lonlat_deg: tuple[float, float], values: dict[str, Any]
) -> None:
    """Say anew where an incident lies (NaN: at no known point), with what else changes by that."""
    point = bulk.points_ewkb_hex(np.array([lonlat_deg]))[0]
    correct(connection, key, {**values, "geom": point, "relocated_at": func.clock_timestamp()})
