"""Assets: cameras, police rooms, centres and shops; on a map the stations of the roster stand beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from geo_service.store import bulk
from geo_service.store.asset_tables import asset
from geo_service.store.roster_tables import station

#: Kinds, and how far one reaches where its file does not say, m.
REACH_M = {"camera": 50.0, "police_room": 500.0, "centre": 800.0, "shop": 100.0}
#: Stations of the roster have no reach of their own.
STATION_REACH_M = 800.0


@dataclass(frozen=True, slots=True)
class AssetRow:
    """An asset or a station; EPSG:4326."""

    code: str
    kind: str
    name: str
    lon: float
    lat: float
    reach_m: float


def put(connection: Connection, rows: pd.DataFrame) -> tuple[int, int]:
    """Add assets or correct them by code; returns how many were new, and how many there.

    Columns: code, kind, name, lon, lat, reach_m.
    """
    codes = rows["code"].tolist()
    there = set(connection.execute(select(asset.c.code).where(asset.c.code.in_(codes))).scalars())
    values = [
        {"code": code, "kind": kind, "name": name, "reach_m": float(reach_m), "geom": shape}
        for code, kind, name, reach_m, shape in zip(
            codes,
            rows["kind"],
            rows["name"],
            rows["reach_m"],
            bulk.points_ewkb_hex(rows[["lon", "lat"]].to_numpy(dtype=float)),
            strict=True,
        )
    ]
    for low in range(0, len(values), 5000):
        statement = insert(asset).values(values[low : low + 5000])
        change = {name: statement.excluded[name] for name in ("kind", "name", "reach_m", "geom")}
        connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=change))
    return len(set(codes) - there), len(there)


def known(connection: Connection, codes: Sequence[str]) -> set[str]:
    """Return which of some codes are there."""
    return set(connection.execute(select(asset.c.code).where(asset.c.code.in_(list(codes)))).scalars())


def version(connection: Connection) -> tuple[int, int]:
    """Return a mark that changes when assets are added or taken out; corrections are in the audit."""
    row = connection.execute(select(func.count(), func.coalesce(func.max(asset.c.id), 0))).one()
    return int(row[0]), int(row[1])


def remove(connection: Connection, codes: Sequence[str]) -> int:
    """Take assets out; returns how many were there."""
    return connection.execute(delete(asset).where(asset.c.code.in_(list(codes)))).rowcount


def of_kinds(connection: Connection, kinds: Sequence[str]) -> list[AssetRow]:
    """Return assets and stations of some kinds, in order of code."""
    rows = _rows(connection, asset, asset.c.reach_m, kinds)
    rows += [
        AssetRow(row.code, row.kind, row.name, row.lon, row.lat, STATION_REACH_M)
        for row in stations(connection)
        if row.kind in kinds
    ]
    return sorted(rows, key=lambda row: row.code)


def stations(connection: Connection) -> list[Any]:
    """Return the stations: code, kind, name, lon, lat; in order of code."""
    c = station.c
    query = select(c.code, c.kind, c.name, func.ST_X(c.geom).label("lon"), func.ST_Y(c.geom).label("lat"))
    return list(connection.execute(query.order_by(c.code.collate("C"))).all())


def _rows(connection: Connection, table: Any, reach_m: Any, kinds: Sequence[str]) -> list[AssetRow]:
    c = table.c
    query = select(c.code, c.kind, c.name, func.ST_X(c.geom), func.ST_Y(c.geom), reach_m)
    rows = connection.execute(query.where(c.kind.in_(list(kinds))).order_by(c.code.collate("C")))
    return [AssetRow(*row) for row in rows]
