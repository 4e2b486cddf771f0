"""Small scenes for the library: a town of square cells with streets between, in any CRS."""

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely

from geo_service.library import StreetGraph

CRSES = (4326, 4490, 4549, 32650, 3857)
#: A corner of the square towns; steps are exact in binary, so that shared corners are the same numbers.
WEST, SOUTH, STEP = 118.875, 28.875, 2.0**-9


def square_cells(side: int, crs: int = 4326, *, step: float = STEP) -> gpd.GeoDataFrame:
    """Cells of a chessboard, their codes in no order, their index odd."""
    shapes = [
        shapely.box(WEST + x * step, SOUTH + y * step, WEST + (x + 1) * step, SOUTH + (y + 1) * step)
        for y in range(side)
        for x in range(side)
    ]
    codes = [f"G{(7 * number + 3) % len(shapes):03d}" for number in range(len(shapes))]
    index = [f"row{number}" for number in range(len(shapes))]
    return gpd.GeoDataFrame({"code": codes}, geometry=shapes, crs=4326, index=index).to_crs(crs)


def street_lines(side: int, crs: int = 4326, *, step: float = STEP) -> gpd.GeoDataFrame:
    """Streets along the borders of the chessboard, each from end to end with a vertex at each crossing."""
    marks = np.arange(side + 1) * step
    across = [shapely.LineString([(WEST + x, SOUTH + y) for x in marks]) for y in marks]
    up = [shapely.LineString([(WEST + x, SOUTH + y) for y in marks]) for x in marks]
    names = [f"横{number}路" for number in range(side + 1)] + [f"纵{number}路" for number in range(side + 1)]
    kinds = ["residential", "secondary"] * (side + 1)
    return gpd.GeoDataFrame({"name": names, "highway": kinds}, geometry=across + up, crs=4326).to_crs(crs)


def points_at(lonlat_deg, crs: int = 4326, **columns) -> gpd.GeoDataFrame:
    places = np.asarray(lonlat_deg, float).reshape(-1, 2)
    index = [f"p{number}" for number in range(len(places))]
    drawn = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*places.T), crs=4326, index=index)
    return drawn.assign(**columns).to_crs(crs)


def networkx_of(graph: StreetGraph) -> nx.MultiDiGraph:
    """The same streets in another library, from the public frame of edges and their own ends."""
    out = nx.MultiDiGraph()
    network = graph.graph.network
    out.add_nodes_from(network.node_id.tolist())
    ends = zip(network.node_id[network.edge_u], network.node_id[network.edge_v], strict=True)
    for (u, v), edge in zip(ends, graph.edges.itertuples(), strict=True):
        if edge.forward_s == edge.forward_s:
            out.add_edge(u, v, ms=round(edge.forward_s * 1000))
        if edge.back_s == edge.back_s:
            out.add_edge(v, u, ms=round(edge.back_s * 1000))
    return out
