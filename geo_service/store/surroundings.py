"""What lies round a place, as it is drawn on boards and small maps: streets, buildings, water, green."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo_service.store import bulk

#: Of these kinds of map_feature land is drawn.
WATER = ("water", "river", "lake", "stream", "canal")
GREEN = ("wood", "park", "square")
RAIL = ("railway", "rail")

Window = tuple[float, float, float, float]
_BOX = "st_makeenvelope(:west, :south, :east, :north, 4326)"


def streets(connection: Connection, window: Window) -> list[dict[str, Any]]:
    """Return the streets of a window (degrees, EPSG:4326): kind, name, shape; one for each kind and name."""
    return _rows(
        connection,
        f"""
            select class as kind, name, st_asbinary(st_linemerge(st_collect(geom))) as shape
            from road_edge
            where geom3857 && st_transform({_BOX}, 3857)
                and network_id = (select id from road_network where in_use)
            group by class, name order by class, name collate "C"
        """,  # noqa: S608 - our own words
        window,
    )


def land(connection: Connection, window: Window) -> list[dict[str, Any]]:
    """Return water, green and railways of a window, cut to it: kind, name, shape."""
    return _rows(
        connection,
        f"""
            select kind, name, st_asbinary(
                st_transform(st_clipbybox2d(geom3857, box2d(st_transform({_BOX}, 3857))), 4326)
            ) as shape
            from map_feature
            where geom3857 && st_transform({_BOX}, 3857) and kind = any(:kinds) order by id
        """,  # noqa: S608 - our own words
        window,
        kinds=[*WATER, *GREEN, *RAIL],
    )


def buildings(connection: Connection, window: Window) -> NDArray[np.object_]:
    """Return the footprints of the buildings of a window."""
    rows = connection.execute(
        text(f"""
            select st_asbinary(footprint) from demand_point
            where footprint && {_BOX} order by id
        """),  # noqa: S608 - our own words
        _bounds(window),
    )
    return bulk.from_wkb([bytes(row[0]) for row in rows])


def _rows(connection: Connection, query: str, window: Window, **more: Any) -> list[dict[str, Any]]:
    rows = connection.execute(text(query), {**_bounds(window), **more}).all()
    shapes = bulk.from_wkb([bytes(row.shape) for row in rows])
    found = [
        {"kind": row.kind, "name": row.name, "shape": shape}
        for row, shape in zip(rows, shapes, strict=True)
        if shape is not None
    ]
    return [one for one in found if not shapely.is_empty(one["shape"])]


def _bounds(window: Window) -> dict[str, float]:
    return dict(zip(("west", "south", "east", "north"), window, strict=True))
