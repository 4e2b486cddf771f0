"""What is drawn on the map of one cell, on a board or a small screen: its border and what lies round it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.services.tiling import Tiling
from geo_service.store import surroundings as store
from geo_service.store.database import Connection

#: Round the cell so much of its width or height is shown besides.
ROOM = 0.14
#: A window is at least so wide, so that a lone building is not the whole map.
LEAST_M = 260.0
#: In wider windows buildings are smaller than a dot.
MOST_FOR_BUILDINGS_M = 6000.0
_M_PER_DEG = 111_320.0

Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class Surroundings:
    """A cell and what lies round it, all in EPSG:4326.

    Attributes
    ----------
    window : west, south, east, north
        What is shown.
    name : str
        Of the cell.
    outline : MultiPolygon
        Of the cell.
    children : list of (str, geometry)
        Name and outline of the cells directly inside.
    neighbours : list of (str, geometry)
        Name and outline of the cells of its level in the window.
    streets, land : list of dict
        kind, name, shape.
    buildings : ndarray of geometry
        Footprints.
    """

    window: Window
    name: str
    outline: Any
    children: list[tuple[str, Any]]
    neighbours: list[tuple[str, Any]]
    streets: list[dict[str, Any]]
    land: list[dict[str, Any]]
    buildings: NDArray[np.object_]


def surroundings_of(
    connection: Connection, tiling: Tiling, level: str, code: str, *, aspect: float
) -> Surroundings:
    """Return what is drawn on the map of a cell.

    Parameters
    ----------
    level, code : str
        The cell; it is there.
    aspect : float
        Width over height of the map.
    """
    cells = tiling.at_level(level)
    shapes = cells["geom"].to_numpy(dtype=object)
    row = int(np.flatnonzero(cells["code"].to_numpy(dtype=object) == code)[0])
    window = window_round(shapes[row].bounds, aspect)
    west, south, east, north = window
    bounds = shapely.bounds(shapes)
    near = (bounds[:, 0] < east) & (bounds[:, 2] > west) & (bounds[:, 1] < north) & (bounds[:, 3] > south)
    near[row] = False
    names = cells["name"].tolist()
    width_m = (east - west) * _M_PER_DEG * math.cos(math.radians((south + north) / 2))
    shows_buildings = max(width_m, (north - south) * _M_PER_DEG) <= MOST_FOR_BUILDINGS_M
    return Surroundings(
        window,
        str(names[row]),
        shapes[row],
        _children(tiling, level, row),
        [(str(names[at]), _cut(shapes[at], window)) for at in np.flatnonzero(near).tolist()],
        [{**one, "shape": _cut(one["shape"], window)} for one in store.streets(connection, window)],
        store.land(connection, window),
        store.buildings(connection, window) if shows_buildings else np.empty(0, dtype=object),
    )


def window_round(bounds: Window, aspect: float) -> Window:
    """Return the window of a map round some bounds (degrees), with room, in a shape of width over height."""
    west, south, east, north = bounds
    squeeze = math.cos(math.radians((south + north) / 2))
    least = LEAST_M / _M_PER_DEG
    width = max((east - west) * squeeze * (1 + 2 * ROOM), least * aspect)
    height = max((north - south) * (1 + 2 * ROOM), least)
    width, height = max(width, height * aspect), max(height, width / aspect)
    x, y = (west + east) / 2, (south + north) / 2
    return x - width / squeeze / 2, y - height / 2, x + width / squeeze / 2, y + height / 2


def _children(tiling: Tiling, level: str, row: int) -> list[tuple[str, Any]]:
    """Return the cells one level below, if that is where the leaves are: finer than that is no map."""
    depth = tiling.levels.index(level)
    if depth + 2 != len(tiling.levels):
        return []
    below = tiling.levels[depth + 1]
    cells = tiling.at_level(below)
    group, own = tiling.group_of_leaf(below), tiling.group_of_leaf(level) == row
    rows = np.unique(group[own & (group >= 0)]).tolist()
    return [(str(cells["name"].iloc[at]), cells["geom"].iloc[at]) for at in rows]


def _cut(shape: Any, window: Window) -> Any:
    """Cut a shape to a window half as wide again, so that its edges lie outside of what is seen."""
    west, south, east, north = window
    x, y = (east - west) / 4, (north - south) / 4
    return shapely.clip_by_rect(shape, west - x, south - y, east + x, north + y)
