"""Road networks as imported, and which one travel times are computed on."""

import hashlib
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import Connection, delete, func, insert, select

from geo_service.roads.network import RoadNetwork
from geo_service.store import bulk
from geo_service.store.tables import map_feature, road_edge, road_network, road_node


def fingerprint(network: RoadNetwork) -> bytes:
    """Return SHA-256 over everything that decides travel times and shapes."""
    digest = hashlib.sha256()
    for array in (
        network.node_id,
        network.node_lonlat_deg,
        network.node_block,
        network.edge_id,
        network.edge_u,
        network.edge_v,
        network.edge_length_m,
        network.edge_access,
        network.edge_maxspeed_kmh,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\x1f".join(network.edge_class.tolist()).encode())
    digest.update("\x1f".join(network.edge_name.tolist()).encode())
    return digest.digest()


_IN_USE = select(road_network.c.id, road_network.c.name, road_network.c.fingerprint).where(
    road_network.c.in_use
)


def in_use(connection: Connection) -> tuple[int, str, bytes] | None:
    """Return id, name and fingerprint of the network in use, None if there is none."""
    row = connection.execute(_IN_USE).one_or_none()
    return (row[0], row[1], bytes(row[2])) if row else None


def replace(connection: Connection, network: RoadNetwork, name: str, report: dict[str, Any]) -> int:
    """Store a network and put it in use; earlier ones go, with what they drew on the map. Returns its id."""
    _drop_all(connection)
    network_id: int = connection.execute(
        insert(road_network)
        .values(name=name, fingerprint=fingerprint(network), report=report)
        .returning(road_network.c.id)
    ).scalar_one()
    n, m = len(network.node_id), len(network.edge_id)
    bulk.copy_columns(
        connection,
        road_node,
        {
            "network_id": [network_id] * n,
            "id": network.node_id,
            "position": range(n),
            "block": network.node_block,
            "geom": bulk.points_ewkb_hex(network.node_lonlat_deg),
        },
    )
    bulk.copy_columns(
        connection,
        road_edge,
        {
            "network_id": [network_id] * m,
            "id": network.edge_id,
            "position": range(m),
            "u": network.node_id[network.edge_u],
            "v": network.node_id[network.edge_v],
            "length_m": network.edge_length_m,
            "class": network.edge_class,
            "access": network.edge_access,
            "maxspeed_kmh": network.edge_maxspeed_kmh,
            "name": network.edge_name,
            "geom": bulk.ewkb_hex(network.edge_shape),
        },
    )
    return network_id


def _drop_all(connection: Connection) -> None:
    """Remove every network and its base-map features, the many rows first and each table in one go.

    Features carry the network's name as their source, with ``roads`` before it where roads were imported.
    """
    names = select(road_network.c.name)
    connection.execute(
        delete(map_feature).where(
            map_feature.c.source.in_(names) | map_feature.c.source.in_(select("roads " + road_network.c.name))
        )
    )
    for table in (road_edge, road_node, road_network):
        connection.execute(delete(table))


def load(connection: Connection, network_id: int) -> RoadNetwork:
    """Return a stored network, nodes and edges in the order in which they were given."""
    nodes = connection.execute(
        select(road_node.c.id, func.ST_X(road_node.c.geom), func.ST_Y(road_node.c.geom), road_node.c.block)
        .where(road_node.c.network_id == network_id)
        .order_by(road_node.c.position)
    ).all()
    edges = connection.execute(
        select(
            road_edge.c.id,
            road_edge.c.u,
            road_edge.c.v,
            road_edge.c.length_m,
            road_edge.c["class"],
            road_edge.c.access,
            road_edge.c.maxspeed_kmh,
            road_edge.c.name,
            func.ST_AsBinary(road_edge.c.geom),
        )
        .where(road_edge.c.network_id == network_id)
        .order_by(road_edge.c.position)
    ).all()
    columns = list(zip(*edges, strict=True)) if edges else [()] * 9
    node_id = np.array([row[0] for row in nodes], dtype=np.int64)
    position = {int(key): i for i, key in enumerate(node_id)}
    shapes = np.empty(len(edges), dtype=object)
    shapes[:] = [bytes(value) for value in columns[8]]
    return RoadNetwork(
        node_id=node_id,
        node_lonlat_deg=np.array([row[1:3] for row in nodes], dtype=np.float64).reshape(-1, 2),
        node_block=np.array([row[3] for row in nodes], dtype=np.uint8),
        edge_id=np.array(columns[0], dtype=np.int64),
        edge_u=np.array([position[key] for key in columns[1]], dtype=np.int32),
        edge_v=np.array([position[key] for key in columns[2]], dtype=np.int32),
        edge_length_m=np.array(columns[3], dtype=np.float64),
        edge_class=np.array(columns[4], dtype=object),
        edge_access=np.array(columns[5], dtype=np.uint8),
        edge_maxspeed_kmh=np.array(columns[6], dtype=np.float32),
        edge_name=np.array(columns[7], dtype=object),
        edge_shape=shapely.from_wkb(shapes),
    )


def drawn(connection: Connection) -> gpd.GeoDataFrame:
    """Return the streets in use as a map draws them: kind, name, geometry (EPSG:4326)."""
    rows = connection.execute(
        select(road_edge.c["class"], road_edge.c.name, func.ST_AsBinary(road_edge.c.geom))
        .join(road_network, road_network.c.id == road_edge.c.network_id)
        .where(road_network.c.in_use)
        .order_by(road_edge.c.position)
    ).all()
    return gpd.GeoDataFrame(
        {"kind": [row[0] for row in rows], "name": [row[1] for row in rows]},
        geometry=bulk.from_wkb([bytes(row[2]) for row in rows]),
        crs=4326,
    )
