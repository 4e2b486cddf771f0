"""Barriers (rivers, railways, avenues) and the places where they can be crossed."""

import geopandas as gpd
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.sql.schema import Table

from geo_service.store import bulk
from geo_service.store.plan_tables import barrier, crossing


def replace(
    connection: Connection, source: str, barriers: gpd.GeoDataFrame, crossings: gpd.GeoDataFrame
) -> None:
    """Put new barriers and crossings of a source in the place of its old ones.

    Both frames have kind, name and geometry (EPSG:4326): lines, and points.
    """
    for table, rows in ((barrier, barriers), (crossing, crossings)):
        connection.execute(delete(table).where(table.c.source == source))
        bulk.copy_columns(
            connection,
            table,
            {
                "source": [source] * len(rows),
                "kind": rows["kind"].tolist(),
                "name": rows["name"].fillna("").tolist(),
                "geom": bulk.ewkb_hex(rows["geometry"]),
            },
        )


def every(connection: Connection) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return all barriers and all crossings: kind, name, geometry (EPSG:4326)."""
    return _frame(connection, barrier), _frame(connection, crossing)


def version(connection: Connection) -> tuple[int, ...]:
    """Return a cheap mark that changes whenever barriers or crossings are replaced, by none too."""
    return tuple(
        int(number)
        for table in (barrier, crossing)
        for number in connection.execute(select(func.count(), func.coalesce(func.max(table.c.id), 0))).one()
    )


def _frame(connection: Connection, table: Table) -> gpd.GeoDataFrame:
    rows = connection.execute(
        select(table.c.kind, table.c.name, func.ST_AsBinary(table.c.geom)).order_by(table.c.id)
    ).all()
    return gpd.GeoDataFrame(
        {"kind": [row[0] for row in rows], "name": [row[1] for row in rows]},
        geometry=bulk.from_wkb([bytes(row[2]) for row in rows]),
        crs=4326,
    )
