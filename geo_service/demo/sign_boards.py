"""Sign boards (网格公示牌): one for each grid, at a street corner near the middle of its people."""

import geopandas as gpd
import numpy as np
import shapely

from geo_service.demo.mesh import Ints
from geo_service.roads.network import RoadNetwork

#: A board hangs at one of so many corners nearest to the middle.
CORNERS = 3


def make_sign_boards(
    rng: np.random.Generator,
    cells: gpd.GeoDataFrame,
    network: RoadNetwork,
    responders: gpd.GeoDataFrame,
    middle: dict[str, shapely.Point],
) -> gpd.GeoDataFrame:
    """Return a board for each grid: id, cell_code, kind, name, owner, role, and where it hangs.

    It hangs at a corner within the grid where three streets or more meet; in a grid without one at the
    entrance of the building in the middle. The full-time worker of the grid is named on it.
    """
    grids = cells[cells["level"] == "grid"]
    worker = responders[responders["role"] == "grid_worker"].set_index("cell_code")["name"]
    corners = _corners(network)
    grid_of = _grid_of(cells, corners)
    order = np.argsort(grid_of, kind="stable")
    codes = np.array(grids["code"].tolist(), dtype=str)
    start, stop = (np.searchsorted(grid_of[order], codes, side=side) for side in ("left", "right"))
    rows = []
    for code, name, a, b in zip(codes.tolist(), grids["name"], start.tolist(), stop.tolist(), strict=True):
        own, base = corners[order[a:b]], shapely.get_coordinates(middle[code])[0]
        near = own[np.argsort(((own - base) ** 2).sum(axis=1), kind="stable")[:CORNERS]]
        place = near[rng.integers(len(near))] if len(near) else base
        rows.append(
            {
                "id": f"B{code}",
                "cell_code": code,
                "kind": "路口" if len(near) else "入口",
                "name": name,
                "owner": worker[code],
                "role": "grid_worker",
                "geometry": shapely.Point(place),
            }
        )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")


def _corners(network: RoadNetwork) -> np.ndarray:
    """Return lon, lat of the nodes where at least three streets meet."""
    ends: Ints = np.concatenate((network.edge_u, network.edge_v)).astype(np.int64)
    streets = np.bincount(ends, minlength=len(network.node_id))
    return np.asarray(network.node_lonlat_deg[streets >= 3], dtype=np.float64)


def _grid_of(cells: gpd.GeoDataFrame, lonlat_deg: np.ndarray) -> np.ndarray:
    """Return the code of the grid that each place lies well inside of, "" for none."""
    leaves = cells[cells["level"] == "micro_grid"]
    parents = leaves["parent_code"].to_numpy(dtype=str)
    out = np.full(len(lonlat_deg), "", dtype=parents.dtype)
    place, leaf = shapely.STRtree(leaves.geometry.to_numpy()).query(
        shapely.points(lonlat_deg), predicate="within"
    )
    out[place] = parents[leaf]
    return out
