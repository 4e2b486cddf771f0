"""Small made-up places for the tests of services: squares on the lattice, and streets between them."""

import numpy as np
import pandas as pd
import shapely

from geo_service.geometry.lattice import SCALE
from geo_service.roads.network import Access, RoadNetwork

ORIGIN = (118.0, 29.0)
SIDE_UNITS = 2**16  # 0.0078 degree: about 760 by 870 metres
SIDE_DEG = SIDE_UNITS / SCALE
EVERYBODY = int(
    Access.WALK_FORWARD
    | Access.WALK_BACK
    | Access.EBIKE_FORWARD
    | Access.EBIKE_BACK
    | Access.CAR_FORWARD
    | Access.CAR_BACK
)


def square(column: int, row: int, width: int = 1, height: int = 1) -> shapely.Polygon:
    """Return a block of squares, lower left at (column, row)."""
    west, south = ORIGIN[0] + column * SIDE_DEG, ORIGIN[1] + row * SIDE_DEG
    return shapely.box(west, south, west + width * SIDE_DEG, south + height * SIDE_DEG)


def middle(column: float, row: float) -> tuple[float, float]:
    """Return lon, lat of the middle of a square."""
    return ORIGIN[0] + (column + 0.5) * SIDE_DEG, ORIGIN[1] + (row + 0.5) * SIDE_DEG


def table(cells: dict[str, shapely.Geometry], parents: dict[str, str] | None = None) -> pd.DataFrame:
    """Return a table of cells as a boundary reader gives it."""
    codes = list(cells)
    return pd.DataFrame(
        {
            "code": codes,
            "name": [f"cell {code}" for code in codes],
            "parent_code": [(parents or {}).get(code) for code in codes],
            "attributes": [{} for _ in codes],
            "geometry": list(cells.values()),
        }
    )


def grid(columns: int, rows: int) -> dict[str, shapely.Geometry]:
    """Return columns x rows squares with codes like ``c02r01``."""
    return {f"c{c:02}r{r:02}": square(c, r) for c in range(columns) for r in range(rows)}


def streets(columns: int, rows: int, length_m: float = 800.0) -> RoadNetwork:
    """Return a street along every side of a grid of squares; every edge is ``length_m`` long."""
    at = [(c, r) for c in range(columns + 1) for r in range(rows + 1)]
    number = {place: i for i, place in enumerate(at)}
    lonlat = np.array([(ORIGIN[0] + c * SIDE_DEG, ORIGIN[1] + r * SIDE_DEG) for c, r in at])
    pairs = [(number[c, r], number[c + 1, r]) for c, r in at if (c + 1, r) in number]
    pairs += [(number[c, r], number[c, r + 1]) for c, r in at if (c, r + 1) in number]
    u, v = np.array(pairs, dtype=np.int32).T
    m = len(pairs)
    shapes = shapely.linestrings(np.stack([lonlat[u], lonlat[v]], axis=1))
    return RoadNetwork(
        node_id=np.arange(len(at), dtype=np.int64) + 1,
        node_lonlat_deg=lonlat,
        node_block=np.zeros(len(at), dtype=np.uint8),
        edge_id=np.arange(m, dtype=np.int64) + 1,
        edge_u=u,
        edge_v=v,
        edge_length_m=np.full(m, length_m),
        edge_class=np.full(m, "residential", dtype=object),
        edge_access=np.full(m, EVERYBODY, dtype=np.uint8),
        edge_maxspeed_kmh=np.zeros(m, dtype=np.float32),
        edge_name=np.full(m, "", dtype=object),
        edge_shape=shapes,
    )
