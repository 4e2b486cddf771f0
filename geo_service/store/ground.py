"""What lies on the ground: demand points (buildings with counts) and the features of the base map."""

import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection, delete, func, select

from geo_service.store import bulk
from geo_service.store.tables import demand_point, map_feature


def replace_demand(connection: Connection, points: pd.DataFrame) -> int:
    """Put a new set of demand points in the place of the old one.

    Columns: source_id, lon, lat, footprint (shapely Polygon or None), households, residents, kind, address,
    attributes.
    """
    connection.execute(delete(demand_point))
    return bulk.copy_columns(
        connection,
        demand_point,
        {
            "source_id": points["source_id"].tolist(),
            "geom": bulk.points_ewkb_hex(points[["lon", "lat"]].to_numpy(dtype=float)),
            "footprint": bulk.ewkb_hex(points["footprint"]),
            "households": points["households"].astype(int).tolist(),
            "residents": points["residents"].astype(int).tolist(),
            "kind": points["kind"].tolist(),
            "address": points["address"].tolist(),
            "attributes": [bulk.json_text(value) for value in points["attributes"]],
        },
    )


def demand(connection: Connection) -> pd.DataFrame:
    """Return the demand points in order of their source id: source_id, lon, lat, households, residents."""
    rows = connection.execute(
        select(
            demand_point.c.source_id,
            func.ST_X(demand_point.c.geom).label("lon"),
            func.ST_Y(demand_point.c.geom).label("lat"),
            demand_point.c.households,
            demand_point.c.residents,
        ).order_by(demand_point.c.source_id.collate("C"))
    )
    return pd.DataFrame(rows.all(), columns=["source_id", "lon", "lat", "households", "residents"])


def buildings(connection: Connection) -> pd.DataFrame:
    """Return every demand point as a building: name, shape (footprint, or else the point), counts."""
    rows = connection.execute(
        select(
            func.coalesce(func.nullif(demand_point.c.address, ""), demand_point.c.source_id),
            func.ST_AsBinary(func.coalesce(demand_point.c.footprint, demand_point.c.geom)),
            demand_point.c.households,
            demand_point.c.residents,
        ).order_by(demand_point.c.id)
    ).all()
    return pd.DataFrame(
        {
            "name": [row[0] for row in rows],
            "shape": pd.Series(bulk.from_wkb([bytes(row[1]) for row in rows]), dtype=object),
            "households": [row[2] for row in rows],
            "residents": [row[3] for row in rows],
        }
    )


def demand_fingerprint(points: pd.DataFrame) -> bytes:
    """Return SHA-256 over places and counts."""
    columns = points[["lon", "lat", "households", "residents"]].to_numpy(dtype=np.float64)
    return hashlib.sha256(np.ascontiguousarray(columns).tobytes()).digest()


def demand_version(connection: Connection) -> tuple[int, int]:
    """Return a cheap mark that changes whenever the demand points are replaced."""
    row = connection.execute(
        select(func.count(), func.coalesce(func.max(demand_point.c.id), 0)).select_from(demand_point)
    ).one()
    return int(row[0]), int(row[1])


def replace_features(connection: Connection, source: str, features: pd.DataFrame) -> int:
    """Put new base-map features of a source in the place of its old ones. Columns: kind, name, geometry."""
    connection.execute(delete(map_feature).where(map_feature.c.source == source))
    return bulk.copy_columns(
        connection,
        map_feature,
        {
            "source": [source] * len(features),
            "kind": features["kind"].tolist(),
            "name": features["name"].tolist(),
            "geom": bulk.ewkb_hex(features["geometry"]),
        },
    )


def features(connection: Connection) -> gpd.GeoDataFrame:
    """Return all base-map features: kind, name, geometry (EPSG:4326)."""
    rows = connection.execute(
        select(map_feature.c.kind, map_feature.c.name, func.ST_AsBinary(map_feature.c.geom)).order_by(
            map_feature.c.id
        )
    ).all()
    return gpd.GeoDataFrame(
        {"kind": [row[0] for row in rows], "name": [row[1] for row in rows]},
        geometry=bulk.from_wkb([bytes(row[2]) for row in rows]),
        crs=4326,
    )
