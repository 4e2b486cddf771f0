"""Outlines of what can be reached within limits of time: for the eye, never for shares of demand.

What is drawn is the union of discs about every point of street that is reached: a disc's radius is the
walk that the time left over allows, but at most ``off_street_m``. The union is sampled as a signed distance
on a raster of ``cell_m`` and its zero line traced through triangles, linear within each. Its error is below
one and a half raster cells. On every raster point the distance for a longer limit is not greater than for a
shorter one, so the outlines are nested; how they are traced is in :mod:`geo_service.roads.contour`.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads.contour import Raster
from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.kernels_contour import lower_by_discs
from geo_service.roads.reach import demand_time_ms
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time

CELL_M = 15.0
OFF_STREET_M = 60.0


def isochrone(
    graph: RoadGraph,
    sources: Snaps,
    limits_ms: Sequence[int],
    *,
    cell_m: float = CELL_M,
    off_street_m: float = OFF_STREET_M,
    delay_ms: ArrayLike = 0,
) -> NDArray[np.object_]:
    """Outline what the sources reach within each limit.

    Parameters
    ----------
    graph : RoadGraph
        Of the mode in which the sources travel.
    sources : Snaps
        Where they start.
    limits_ms : sequence of int
        Limits of time, in any order.
    cell_m : float
        Raster step, 1 to 1,000: the finer, the more accurate and the slower.
    off_street_m : float
        How far from the street the outline goes at most, 1 to 1,000.
    delay_ms : int or (k,) array
        What each source needs before it sets out.

    Returns
    -------
    (len(limits_ms),) object
        shapely MultiPolygons in EPSG:4326, valid, empty where nothing is reached; each covers those of
        shorter limits.

    Raises
    ------
    InvalidInputError
        When a limit is negative, a distance out of range, or the raster would be too large.
    """
    limits = [int(limit) for limit in limits_ms]
    faults = [Fault("limits_ms", "give 0 or more", value=x) for x in limits if x < 0]
    if not 1 <= cell_m <= 1000:
        faults.append(Fault("cell_m", "give 1 to 1,000 metres", value=cell_m))
    if not 1 <= off_street_m <= 1000:
        faults.append(Fault("off_street_m", "give 1 to 1,000 metres", value=off_street_m))
    if faults:
        raise InvalidInputError("The isochrone cannot be drawn like that.", faults)
    out = np.full(len(limits), shapely.MultiPolygon(), object)
    samples = _samples(graph, sources, max(limits, default=0), cell_m, delay_ms) if limits else None
    if samples is None:
        return out
    lonlat_deg, time_ms = samples
    raster = Raster.around(lonlat_deg, cell_m, off_street_m)
    at = raster.index(lonlat_deg)
    for i, limit in enumerate(limits):
        left_m = (limit - time_ms.astype(np.int64)) / 1000.0 * graph.access_mps
        inside = left_m >= 0
        if not inside.any():
            continue
        where, nearest = np.unique(at[inside], return_inverse=True)
        radius_m = np.zeros(len(where))
        np.maximum.at(radius_m, nearest, np.minimum(left_m[inside], off_street_m))
        field = _distance_to_discs(where, radius_m, raster.shape, raster.cell_m, off_street_m)
        out[i] = raster.polygons(field)
    return out


def _samples(
    graph: RoadGraph, sources: Snaps, limit_ms: int, cell_m: float, delay_ms: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int32]] | None:
    """Points along every stretch of street reached within the limit, and when; None where there are none."""
    time_ms, owner = travel_time(graph, sources, bound_ms=limit_ms, delay_ms=delay_ms)
    near = np.zeros(len(graph.edge_ms), np.bool_)
    for end in (0, 1):
        near |= time_ms[graph.edge_node[:, end]] < UNREACHED
    near[sources.edge[sources.snapped]] = True
    edges = np.flatnonzero(near & graph.edge_usable)
    if len(edges) == 0:
        return None
    steps = np.ceil(graph.network.edge_length_m[edges] / (cell_m / 2)).astype(np.int64) + 1
    edge = np.repeat(edges, steps).astype(np.int32)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(steps) - steps, steps)
    fraction = within / np.repeat(np.maximum(steps - 1, 1), steps)
    points = _along(graph, edges, edge, fraction)
    at_ms, _ = demand_time_ms(graph, points, time_ms, owner, sources, delay_ms=delay_ms)
    reached = at_ms <= limit_ms
    return (points.lonlat_deg[reached], at_ms[reached]) if reached.any() else None


def _along(
    graph: RoadGraph, edges: NDArray[np.intp], edge: NDArray[np.int32], fraction: NDArray[np.float64]
) -> Snaps:
    """Return places on edges, ``edge`` being ascending and of ``edges``: one look-up for all of them."""
    corners, owner = shapely.get_coordinates(graph.network.edge_shape[edges], return_index=True)
    length = np.hypot(*np.diff(corners, axis=0, prepend=corners[:1]).T)
    length[np.diff(owner, prepend=-1) > 0] = 0.0
    run = np.cumsum(length)
    first = np.searchsorted(owner, np.arange(len(edges)))
    last = np.append(first[1:], len(owner)) - 1
    whole = np.maximum(run[last] - run[first], 1e-300)
    # edge by edge on one line: the number of the edge and the share of it, a gap between two edges
    at = 2.0 * owner + (run - run[first][owner]) / whole[owner]
    wanted = 2.0 * np.searchsorted(edges, edge) + fraction
    lonlat_deg = np.stack(
        [np.interp(wanted, at, corners[:, 0]), np.interp(wanted, at, corners[:, 1])], axis=1
    )
    n = len(edge)
    no_walk = np.zeros(n, np.int32)
    return Snaps(edge, fraction, np.zeros(n), no_walk, graph.edge_main[edge], lonlat_deg)


def _distance_to_discs(
    where: NDArray[np.int64],
    radius_m: NDArray[np.float64],
    shape: tuple[int, int],
    cell_m: float,
    most_m: float,
) -> NDArray[np.float64]:
    """Return the signed distance, m, from the points of a raster to discs about some of them.

    Negative inside. Exact where it matters, within two cells outside of the outline; beyond that it stays
    at that height. ``where`` names each raster point once and keeps off the border of the raster.
    """
    reach = int(np.ceil(most_m / cell_m)) + 2
    x, y = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    step = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.int64)
    away_m = np.hypot(*step.T) * cell_m
    near = away_m <= most_m + 2 * cell_m
    field = np.full(shape, 2.0 * cell_m)
    lower_by_discs(where % shape[1], where // shape[1], radius_m, step[near], away_m[near], field)
    return field
