"""Tracks of people on patrol, made up: walks over the streets about their bases, with a phone's errors."""

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.roads.graph import RoadGraph
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.snap import Snapper

EVERY_S = 30.0
ERROR_M = 6.0
#: How long the phone's error keeps its direction.
DRIFT_S = 120.0
TETHER_M = 350.0
PACE_MPS = 1.25


def walk(
    snapper: Snapper, base_deg: tuple[float, float], seconds: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Walk about a base and say where the phone puts one every :data:`EVERY_S` seconds.

    Streets not walked yet go before those walked, near ones before far ones, and nobody turns round but where
    a street ends.

    Parameters
    ----------
    snapper : Snapper
        Over the streets on foot.
    base_deg : (lon, lat)
        EPSG:4326.
    seconds : float
        How long.
    rng : numpy.random.Generator
        What is drawn is drawn from it.

    Returns
    -------
    (n, 2) float64
        EPSG:4326; empty where no street is near the base.
    """
    line = route(snapper, base_deg, seconds * PACE_MPS, rng)
    return np.empty((0, 2)) if line is None else along(line, seconds, rng)


def route(
    snapper: Snapper, base_deg: tuple[float, float], length_m: float, rng: np.random.Generator
) -> shapely.LineString | None:
    """Return the line of a walk about a base, at least so long; None where no street is near."""
    start = snapper.snap(np.array([base_deg]), 500.0)
    if start.edge[0] < 0:
        return None
    way = _way(snapper.graph, int(start.edge[0]), np.array(base_deg), length_m, rng)
    return shapely.LineString(way)


def along(line: shapely.LineString, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Walk along a line (EPSG:4326) to its end, or for so long, and say where the phone puts one."""
    scale = np.array(metres_per_degree(float(line.coords[0][1])))
    flat = shapely.transform(line, lambda xy: xy * scale)
    along_m = np.arange(0.0, min(seconds * PACE_MPS, flat.length), EVERY_S * PACE_MPS)
    places = shapely.get_coordinates(shapely.line_interpolate_point(flat, along_m))
    fixes: NDArray[np.float64] = (places + _errors(len(places), rng)) / scale
    return fixes


def _way(
    graph: RoadGraph, edge: int, base_deg: NDArray[np.float64], length_m: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the line of a walk of at least a length that begins at an end of an edge, or all there is."""
    node_deg = graph.node_lonlat_deg
    scale = np.array(metres_per_degree(float(base_deg[1])))
    at, gone_m, last = int(graph.edge_node[edge, 0]), 0.0, -1
    walked: dict[int, int] = {}
    parts = [node_deg[at][None]]
    while gone_m < length_m:
        arcs = np.arange(graph.out_ptr[at], graph.out_ptr[at + 1])
        if len(arcs) == 0:
            break
        edges = graph.arc_edge[arcs]
        far_m = np.hypot(*((node_deg[graph.out_arc[arcs, 0]] - base_deg) * scale).T)
        often = np.array([walked.get(int(one), 0) for one in edges])
        wish = np.exp(-far_m / TETHER_M) / (1.0 + often) ** 2
        wish[(edges == last) & (len(edges) > 1)] = 0.0
        if wish.sum() <= 0:
            wish = np.ones(len(arcs))
        arc = int(rng.choice(arcs, p=wish / wish.sum()))
        last = int(graph.arc_edge[arc])
        walked[last] = walked.get(last, 0) + 1
        shape = shapely.get_coordinates(graph.network.edge_shape[last])
        parts.append(shape[::-1] if graph.arc_back[arc] else shape)
        # an edge of no length must not hold anybody up for ever
        gone_m += max(1.0, float(graph.network.edge_length_m[last]))
        at = int(graph.out_arc[arc, 0])
    way = np.concatenate(parts)
    return way if len(way) > 1 else np.repeat(way, 2, axis=0)


def _errors(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw errors in metres, each much like the one before it."""
    keep = np.exp(-EVERY_S / DRIFT_S)
    error = rng.normal(0.0, ERROR_M, (n, 2))
    for i in range(1, n):
        error[i] = keep * error[i - 1] + np.sqrt(1.0 - keep * keep) * error[i]
    return error
