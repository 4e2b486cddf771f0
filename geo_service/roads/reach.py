"""Readings of a travel-time run: demand points and cells."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.positions import along_ms, reaching
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time


def demand_time_ms(
    graph: RoadGraph,
    demand: Snaps,
    time_ms: NDArray[np.int32],
    owner: NDArray[np.int32],
    sources: Snaps,
    *,
    delay_ms: ArrayLike = 0,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return how soon somebody is at each demand point, and who.

    The sooner of the two ends of the point's edge, where one may go on from there to the point, or a source
    on the same edge; then the walk from the street.

    Parameters
    ----------
    graph : RoadGraph
        That the run was made on.
    demand : Snaps
        Points asked about (buildings, incidents).
    time_ms, owner : (n,) int32
        What :func:`~geo_service.roads.travel.travel_time` returned for ``sources`` and ``delay_ms``.
    sources : Snaps
        Where the run started.
    delay_ms : int or (k,) array
        As given to the run.

    Returns
    -------
    time_ms : (m,) int32
        :data:`UNREACHED` for points that nobody reaches, or that are not on a street.
    owner : (m,) int32
        The source, -1 where there is none; of equal times the smallest index.
    """
    node, ms = reaching(graph, demand)
    label = np.full(len(demand), np.iinfo(np.int64).max)
    for side in (0, 1):
        at = np.maximum(node[:, side], 0)
        is_open = (node[:, side] >= 0) & (time_ms[at] < UNREACHED)
        total = time_ms[at].astype(np.int64) + ms[:, side]
        np.minimum(label, total << 32 | owner[at], out=label, where=is_open)
    _meet_on_edge(graph, demand, sources, np.asarray(delay_ms, dtype=np.int64), label)
    reached = label >> 32 < UNREACHED
    out_ms = np.where(reached, label >> 32, np.int64(UNREACHED)).astype(np.int32)
    return out_ms, np.where(reached, label & 0xFFFFFFFF, -1).astype(np.int32)


def reached_within(graph: RoadGraph, sources: Snaps, demand: Snaps, bound_ms: int) -> NDArray[np.bool_]:
    """Return which demand points (m,) somebody reaches within the bound from one of the sources."""
    time_ms, owner = travel_time(graph, sources, bound_ms=bound_ms)
    at_demand_ms, _ = demand_time_ms(graph, demand, time_ms, owner, sources)
    return at_demand_ms <= bound_ms


def _meet_on_edge(
    graph: RoadGraph,
    demand: Snaps,
    sources: Snaps,
    delay_ms: NDArray[np.int64],
    label: NDArray[np.int64],
) -> None:
    """Lower labels where a source stands on the demand point's own edge."""
    order = np.argsort(sources.edge, kind="stable")
    order = order[sources.edge[order] >= 0]
    edges = sources.edge[order]
    first = np.searchsorted(edges, demand.edge, side="left")
    count = np.searchsorted(edges, demand.edge, side="right") - first
    count[demand.edge < 0] = 0
    point = np.repeat(np.arange(len(demand)), count)
    if len(point) == 0:
        return
    within = np.arange(len(point)) - np.repeat(np.cumsum(count) - count, count)
    who = order[first[point] + within]
    ms = along_ms(graph, demand.edge[point], sources.fraction[who], demand.fraction[point])
    delay = np.broadcast_to(delay_ms, (len(sources),))[who]
    total = ms + sources.access_ms[who] + delay + demand.access_ms[point]
    is_open = (ms < UNREACHED) & (total < UNREACHED)
    np.minimum.at(label, point[is_open], (total << 32 | who)[is_open])


def cell_shares(
    cell_of_demand: NDArray[np.int32],
    weight: NDArray[np.float64],
    time_ms: NDArray[np.int32],
    limit_ms: int,
    *,
    n_cells: int | None = None,
) -> pd.DataFrame:
    """Return what share of each cell's demand can be reached within a limit.

    Parameters
    ----------
    cell_of_demand : (m,) int
        Cell index of each demand point, -1 for none.
    weight : (m,) float64
        What each point counts: its households, or the area it stands for.
    time_ms : (m,) int32
        How soon somebody is there (:func:`demand_time_ms`).
    limit_ms : int
        The limit; exactly at the limit counts as within.
    n_cells : int, optional
        Rows of the answer; the largest cell index and one more by default.

    Returns
    -------
    DataFrame
        One row for each cell: ``weight``; ``covered_weight`` within the limit; ``share`` of the weight (NaN
        for a cell without demand); ``unreached_weight`` of points that nobody reaches at all;
        ``median_ms``, the least time within which half the weight is reached (NaN if that much is not);
        ``worst_ms``, the longest time among the points that are reached (NaN if none is).

    Raises
    ------
    InvalidInputError
        When arrays differ in length, or a weight is negative or not a number.
    """
    cell = np.asarray(cell_of_demand)
    weights = np.asarray(weight, dtype=np.float64)
    if not len(cell) == len(weights) == len(time_ms):
        raise InvalidInputError(
            "Demand points need one cell, one weight and one time each.",
            [Fault("weight", "give arrays of the same length")],
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise InvalidInputError(
            "Some weights of demand points are not in order.",
            [Fault("weight", "give 0 or more", row=int(i) + 1, value=float(weights[i])) for i in bad[:20]],
        )
    n = n_cells if n_cells is not None else int(cell.max(initial=-1)) + 1
    inside = (cell >= 0) & (cell < n)
    cell, weights, times = cell[inside], weights[inside], np.asarray(time_ms)[inside]
    total = np.bincount(cell, weights=weights, minlength=n).astype(np.float64)
    covered = np.bincount(cell, weights=weights * (times <= limit_ms), minlength=n)
    reached = times < UNREACHED
    unreached = np.bincount(cell, weights=weights * ~reached, minlength=n)
    worst = np.full(n, -1, np.int64)
    counted = reached & (weights > 0)
    np.maximum.at(worst, cell[counted], times[counted])
    share = np.full(n, np.nan)
    np.divide(covered, total, out=share, where=total > 0)
    return pd.DataFrame(
        {
            "weight": total,
            "covered_weight": covered,
            "share": np.minimum(share, 1.0),
            "unreached_weight": unreached,
            "median_ms": _weighted_median_ms(cell, weights, times, total),
            "worst_ms": np.where(worst >= 0, worst, np.nan),
        }
    )


def _weighted_median_ms(
    cell: NDArray[np.int32],
    weight: NDArray[np.float64],
    time_ms: NDArray[np.int32],
    total: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the least time within which at least half of each cell's weight is reached."""
    out = np.full(len(total), np.nan)
    counted = weight > 0
    cell, weight, time_ms = cell[counted], weight[counted], time_ms[counted]
    if len(cell) == 0:
        return out
    order = np.lexsort((time_ms, cell))
    cell, weight, time_ms = cell[order], weight[order], time_ms[order]
    run = np.cumsum(weight)
    starts = np.concatenate([[True], cell[1:] != cell[:-1]])
    before = (run - weight)[starts][np.cumsum(starts) - 1]
    # a hair of slack: sums of the same weights in another order differ in the last bits
    half = np.flatnonzero((run - before) * (1 + 1e-12) >= total[cell] / 2)
    which, first = np.unique(cell[half], return_index=True)
    median = time_ms[half[first]].astype(np.float64)
    out[which] = np.where(median < UNREACHED, median, np.nan)
    return out
