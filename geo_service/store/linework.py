"""What lies on the ground near a place: streets, water, railways and buildings, to draw borders along."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.sql.schema import Column

from geo_service.store import bulk
from geo_service.store.plan_tables import barrier, crossing
from geo_service.store.tables import demand_point, map_feature, road_edge, road_network

#: West, south, east, north in EPSG:4326 degrees.
Box = tuple[float, float, float, float]
Geoms = NDArray[np.object_]


def streets(connection: Connection, box: Box) -> Geoms:
    """Return the streets of the network in use that meet a box: LineStrings from junction to junction."""
    rows = connection.execute(
        select(func.ST_AsBinary(road_edge.c.geom))
        .join(road_network, road_network.c.id == road_edge.c.network_id)
        .where(road_network.c.in_use, _meets(road_edge.c.geom3857, box))
        .order_by(road_edge.c.position)
    ).scalars()
    return _shapes(rows.all())


def named_streets(connection: Connection, box: Box, limit: int) -> list[tuple[Any, str]]:
    """Return the streets that meet a box, each with its name or "", the nearest to its middle first."""
    middle = func.ST_Transform(func.ST_Centroid(_envelope(box)), 3857)
    rows = connection.execute(
        select(func.ST_AsBinary(road_edge.c.geom), road_edge.c.name)
        .join(road_network, road_network.c.id == road_edge.c.network_id)
        .where(road_network.c.in_use, _meets(road_edge.c.geom3857, box))
        .order_by(func.ST_Distance(road_edge.c.geom3857, middle), road_edge.c.position)
        .limit(limit)
    ).all()
    return list(zip(_shapes([row[0] for row in rows]), [row[1] for row in rows], strict=True))


def footprints(connection: Connection, box: Box, limit: int) -> list[Any]:
    """Return the footprints of buildings in a box, as far as they are known, the nearest first."""
    middle = func.ST_Centroid(_envelope(box))
    rows = connection.execute(
        select(func.ST_AsBinary(demand_point.c.footprint))
        .where(
            demand_point.c.geom.bool_op("&&")(_envelope(box)),
            demand_point.c.footprint.is_not(None),
        )
        .order_by(func.ST_Distance(demand_point.c.geom, middle), demand_point.c.id)
        .limit(limit)
    ).scalars()
    return list(_shapes(rows.all()))


def features(connection: Connection, kinds: Collection[str], box: Box) -> Geoms:
    """Return the base map's shapes of some kinds that meet a box."""
    rows = connection.execute(
        select(func.ST_AsBinary(map_feature.c.geom))
        .where(map_feature.c.kind.in_(kinds), _meets(map_feature.c.geom3857, box))
        .order_by(map_feature.c.id)
    ).scalars()
    return _shapes(rows.all())


def barriers(connection: Connection, kinds: Collection[str], box: Box) -> Geoms:
    """Return the barriers of some kinds that meet a box."""
    rows = connection.execute(
        select(func.ST_AsBinary(barrier.c.geom))
        .where(barrier.c.kind.in_(kinds), barrier.c.geom.bool_op("&&")(_envelope(box)))
        .order_by(barrier.c.id)
    ).scalars()
    return _shapes(rows.all())


def _envelope(box: Box) -> ColumnElement[object]:
    return func.ST_MakeEnvelope(*box, 4326)


def _meets(geom3857: Column[object], box: Box) -> ColumnElement[bool]:
    return geom3857.bool_op("&&")(func.ST_Transform(_envelope(box), 3857))


def _shapes(rows: Sequence[bytes]) -> Geoms:
    return bulk.from_wkb([bytes(row) for row in rows])


def crossings(connection: Connection, box: Box) -> NDArray[np.float64]:
    """Return where barriers are crossed, in a box: (n, 2) lon, lat."""
    rows = connection.execute(
        select(func.ST_X(crossing.c.geom), func.ST_Y(crossing.c.geom))
        .where(crossing.c.geom.bool_op("&&")(_envelope(box)))
        .order_by(crossing.c.id)
    ).all()
    return np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 2)


def buildings(connection: Connection, box: Box) -> tuple[Geoms, NDArray[np.int64]]:
    """Return the buildings in a box, footprints or else points, and the households of each."""
    rows = connection.execute(
        select(
            func.ST_AsBinary(func.coalesce(demand_point.c.footprint, demand_point.c.geom)),
            demand_point.c.households,
        )
        .where(demand_point.c.geom.bool_op("&&")(_envelope(box)))
        .order_by(demand_point.c.id)
    ).all()
    return _shapes([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.int64)
