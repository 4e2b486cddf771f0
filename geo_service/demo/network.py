"""From ways to a road network, and the places where it crosses water, the railway and the avenue."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geo_service.demo.frame import UNIT_DEG, Floats, geometry_to_degrees, to_metres
from geo_service.demo.ways import POKE_M, Way, pieces
from geo_service.roads.network import Access, RoadNetwork

_WALK = Access.WALK_FORWARD | Access.WALK_BACK
_EBIKE = Access.EBIKE_FORWARD | Access.EBIKE_BACK
_CAR = Access.CAR_FORWARD | Access.CAR_BACK
_ACCESS = {"path": _WALK, "footway": _WALK, "living_street": _WALK | _EBIKE | Access.CAR_FORWARD}
_MAXSPEED_KMH = {
    "primary": 60.0,
    "secondary": 60.0,
    "tertiary": 50.0,
    "residential": 30.0,
    "living_street": 20.0,
}


def _node_lines(ways: list[Way]) -> NDArray[np.object_]:
    lines = geometry_to_degrees(np.array([shapely.LineString(way.xy_m) for way in ways], dtype=object))
    noded = shapely.union_all(lines, grid_size=UNIT_DEG)
    parts = shapely.get_parts(noded)
    return np.asarray(parts[shapely.length(parts) > 0.0])


def _ends(lines: NDArray[np.object_]) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)])
    ij = np.round(ends / UNIT_DEG).astype(np.int64)
    _, first, node = np.unique(ij[:, 0] * 2**32 + ij[:, 1], return_index=True, return_inverse=True)
    return ends[first], node[: len(lines)], node[len(lines) :]


def _lengths_m(lines: NDArray[np.object_]) -> Floats:
    return np.asarray(shapely.length(shapely.transform(lines, to_metres)), dtype=np.float64)


def _useful(lines: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark what is in the largest connected piece and is not the stub of a lengthened line."""
    nodes, u, v = _ends(lines)
    degree = np.bincount(u, minlength=len(nodes)) + np.bincount(v, minlength=len(nodes))
    stub = ((degree[u] == 1) | (degree[v] == 1)) & (_lengths_m(lines) < POKE_M + 0.6)
    graph = coo_matrix((np.ones(len(u), dtype=np.int8), (u, v)), shape=(len(nodes), len(nodes)))
    piece = connected_components(graph, directed=False)[1]
    return np.asarray((piece[u] == np.bincount(piece[u]).argmax()) & ~stub)


def build_network(ways: list[Way]) -> RoadNetwork:
    """Node the ways where they meet, keep the connected part, and give each edge its way's class and name."""
    lines = _node_lines(ways)
    for _ in range(2):
        lines = lines[_useful(lines)]
    order = np.lexsort(shapely.get_coordinates(shapely.get_point(lines, 0)).T)
    lines = lines[order]
    nodes, u, v = _ends(lines)
    segments, owner = pieces([way.xy_m for way in ways])
    middle = shapely.transform(shapely.line_interpolate_point(lines, 0.5, normalized=True), to_metres)
    way = owner[shapely.STRtree(segments).nearest(middle)]
    kind = np.array([w.road_class for w in ways], dtype=object)[way]
    access = np.array([int(_ACCESS.get(k, _WALK | _EBIKE | _CAR)) for k in kind.tolist()], dtype=np.uint8)
    lane = (kind == "living_street") & (way % 2 == 0)
    access[lane] |= np.uint8(Access.CAR_BACK)
    return RoadNetwork(
        node_id=np.arange(1, len(nodes) + 1, dtype=np.int64),
        node_lonlat_deg=nodes,
        node_block=np.zeros(len(nodes), dtype=np.uint8),
        edge_id=np.arange(1, len(lines) + 1, dtype=np.int64),
        edge_u=u.astype(np.int32),
        edge_v=v.astype(np.int32),
        edge_length_m=_lengths_m(lines),
        edge_class=kind,
        edge_access=access,
        edge_maxspeed_kmh=np.array([_MAXSPEED_KMH.get(k, 0.0) for k in kind.tolist()], dtype=np.float32),
        edge_name=np.array([w.name for w in ways], dtype=object)[way],
        edge_shape=lines,
    )


def _crossing_kind(barrier: str, road_class: str) -> str:
    if barrier == "railway":
        return "underpass" if road_class in ("primary", "secondary", "tertiary") else "level_crossing"
    if barrier == "avenue":
        return "crosswalk"
    return "footbridge" if road_class in ("path", "footway") else "bridge"


def find_crossings(network: RoadNetwork, barriers: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a point wherever an edge of the network meets a barrier."""
    tree = shapely.STRtree(network.edge_shape)
    rows: list[tuple[str, str, str, shapely.Point]] = []
    seen: set[tuple[int, float, float]] = set()
    for number, (kind, name, line) in enumerate(
        zip(barriers["kind"], barriers["name"], barriers.geometry, strict=True)
    ):
        for edge in np.sort(tree.query(line, predicate="intersects")).tolist():
            road_class, road = network.edge_class[edge], network.edge_name[edge]
            if kind == "avenue" and road == name:
                continue
            met = shapely.intersection(network.edge_shape[edge], line)
            for lon, lat in np.round(shapely.get_coordinates(met)[:4] / UNIT_DEG) * UNIT_DEG:
                spot = (number, round(lon, 4), round(lat, 4))
                if spot not in seen:
                    seen.add(spot)
                    kind_here = _crossing_kind(kind, road_class)
                    label = road if road.endswith("桥") else f"{road}{name}{_SUFFIX[kind_here]}"
                    rows.append((kind_here, label, name, shapely.Point(lon, lat)))
    columns = ["kind", "name", "barrier", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs="EPSG:4326")


_SUFFIX = {
    "underpass": "立交",
    "level_crossing": "道口",
    "crosswalk": "路口",
    "footbridge": "便桥",
    "bridge": "桥",
}
