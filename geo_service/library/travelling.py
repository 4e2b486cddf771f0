"""How long it takes over the streets: to everywhere, between places, and what is reached."""

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.library.frames import in_crs_of, labels_at, new_columns, require_frame
from geo_service.library.streets import MAX_STREET_M, StreetGraph
from geo_service.roads.demand import Doors, nearest_at
from geo_service.roads.graph import LONGEST_MS, UNREACHED
from geo_service.roads.isochrone import isochrone as outlines_of_reach
from geo_service.roads.kernels import NONE
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import nearest_labels, split_labels
from geo_service.staffing.siting_ways import ways

Ints = NDArray[np.int32]


def travel_time(
    graph: StreetGraph,
    sources: gpd.GeoDataFrame,
    to: gpd.GeoDataFrame | None = None,
    *,
    limit_s: float | None = None,
    max_street_m: float = MAX_STREET_M,
) -> gpd.GeoDataFrame:
    """Say how soon the nearest of many is there, and which of them that is: one pass over the streets.

    Parameters
    ----------
    graph : StreetGraph
        From :func:`street_graph`; its mode is how they travel.
    sources : GeoDataFrame
        Points in any CRS where they start. The walk to the street counts.
    to : GeoDataFrame, optional
        Points in any CRS to which they go; every crossing of the streets when left out.
    limit_s : float, optional
        What takes longer counts as not reached.
    max_street_m : float
        Points farther from every street are not moved there: such a source reaches nothing (a warning says
        which), such a goal is not reached.

    Returns
    -------
    GeoDataFrame
        ``to`` (or ``graph.nodes``) with ``seconds``, NaN where nobody comes, and ``nearest``, the index label
        of the source, at equal time the first of them.

    Raises
    ------
    InvalidInputError
        A shape is no point, a frame has no CRS, or ``to`` has such a column already.

    Examples
    --------
    >>> reached = travel_time(street_graph("town.osm.pbf", "ebike"), workers, homes)   # doctest: +SKIP
    >>> (reached.seconds <= 300).mean()                                                # doctest: +SKIP
    """
    starters = require_frame(sources, "sources")
    bound_ms = None if limit_s is None else milliseconds(limit_s)
    start = graph.starts(starters, "sources", max_street_m)
    if to is None:
        label = nearest_labels(graph.graph, start, bound_ms=bound_ms)
        goals = graph.nodes
        label = _by_network_node(graph, label)
    else:
        goals = require_frame(to, "to")
        doors = Doors.of(graph.graph, graph.starts(goals, "to", max_street_m))
        label = nearest_at(doors, nearest_labels(graph.graph, start), start)
        if bound_ms is not None:
            label[label >= np.int64(bound_ms + 1) << 32] = NONE
    time_ms, owner = split_labels(np.where(label == NONE, np.int64(-1), label))
    columns = {"seconds": seconds(time_ms), "nearest": labels_at(starters.index, owner)}
    return new_columns(goals, columns, "to")


def travel_matrix(
    graph: StreetGraph,
    sources: gpd.GeoDataFrame,
    to: gpd.GeoDataFrame,
    *,
    limit_s: float | None = None,
    max_street_m: float = MAX_STREET_M,
) -> pd.DataFrame:
    """Give the seconds from each place to each other.

    Parameters
    ----------
    graph, limit_s, max_street_m
        As for :func:`travel_time`.
    sources, to : GeoDataFrame
        Points in any CRS.

    Returns
    -------
    DataFrame
        A row for each source, a column for each goal, by their index; NaN where there is no way.

    Raises
    ------
    InvalidInputError
        A shape is no point, or a frame has no CRS.
    """
    starters, goals = require_frame(sources, "sources"), require_frame(to, "to")
    start = graph.starts(starters, "sources", max_street_m)
    goal = graph.starts(goals, "to", max_street_m)
    time_ms = matrix_ms(graph, start, goal, None if limit_s is None else milliseconds(limit_s))
    return pd.DataFrame(seconds(time_ms), index=starters.index, columns=goals.index)


def isochrone(
    graph: StreetGraph,
    sources: gpd.GeoDataFrame,
    limits_s: Sequence[float] = (300.0,),
    *,
    each: bool = False,
    max_street_m: float = MAX_STREET_M,
) -> gpd.GeoDataFrame:
    """Outline what is reached within limits of time.

    For the eye: which households are reached is asked of :func:`coverage`, place by place.

    Parameters
    ----------
    graph, max_street_m
        As for :func:`travel_time`.
    sources : GeoDataFrame
        Points in any CRS.
    limits_s : sequence of float
        Limits, seconds.
    each : bool
        Outlines for each source by itself; otherwise of all together.

    Returns
    -------
    GeoDataFrame
        A row for each limit (with ``each``: for each source and limit, its index label as ``source``), the
        longest first so that short ones are drawn on top: ``limit_s`` and MultiPolygons in the CRS of the
        sources, valid, empty where nothing is reached; each covers those of shorter limits.

    Raises
    ------
    InvalidInputError
        A limit is negative, or a shape is no point.
    """
    starters = require_frame(sources, "sources")
    start = graph.starts(starters, "sources", max_street_m)
    limits = sorted(limits_s, reverse=True)
    limits_ms = [milliseconds(limit) for limit in limits]
    chosen = [start.take([i]) for i in range(len(start))] if each else [start]
    shapes = [shape for one in chosen for shape in outlines_of_reach(graph.graph, one, limits_ms)]
    columns: dict[str, object] = {"limit_s": limits * len(chosen)}
    if each:
        columns = {"source": starters.index.repeat(len(limits)), **columns}
    outlines = in_crs_of(starters, np.array(shapes, dtype=object).reshape(-1))
    return gpd.GeoDataFrame(columns, geometry=outlines.array, crs=starters.crs)


def matrix_ms(graph: StreetGraph, start: Snaps, goal: Snaps, bound_ms: int | None) -> Ints:
    """Return ms from each place on the streets to each, ``UNREACHED`` where there is no way."""
    out = np.full((len(start), len(goal)), UNREACHED, np.int32)
    for _, filled in ways(graph.graph, start, goal, bound_ms=bound_ms):
        out = filled
    return out


def seconds(time_ms: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return milliseconds as seconds, NaN for what is not reached."""
    return np.where(time_ms < UNREACHED, time_ms / 1000.0, np.nan)


def _by_network_node(graph: StreetGraph, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the least label of each node of the network: barriers are several nodes of the graph."""
    out = np.full(len(graph.graph.network_node), NONE, np.int64)
    np.minimum.at(out, graph.graph.node_network, label)
    return out


def milliseconds(limit_s: float) -> int:
    """Return a limit in whole milliseconds; one beyond the longest search, 12 days, is as good as none.

    Raises
    ------
    InvalidInputError
        It is negative, infinite or no number.
    """
    if not (np.isfinite(limit_s) and limit_s >= 0):
        raise InvalidInputError(
            "The limit is not a time.", [Fault("limit_s", "give seconds, 0 or more", value=limit_s)]
        )
    return min(round(limit_s * 1000), LONGEST_MS)
