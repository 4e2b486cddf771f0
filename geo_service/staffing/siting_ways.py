"""From sites to demand over the streets: one search for each site, each place reached by its two doors."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.graph import LONGEST_MS, UNREACHED, RoadGraph
from geo_service.roads.kernels import nearest_labels
from geo_service.roads.positions import along_ms, leaving, reaching
from geo_service.roads.snap import Snaps

Ints = NDArray[np.int32]

#: Sites between two looks at the clock.
AT_ONCE = 16
#: So many threads look for ways, each for the sites of one look.
SEARCHES_AT_A_TIME = 4


@compiled
def _ways(  # noqa: PLR0917 - a kernel gets its arrays one by one
    ptr: Ints,
    arc: Ints,
    start_node: Ints,
    start_ms: Ints,
    door_node: Ints,
    door_ms: Ints,
    bound_ms: Whole,
    ring: Whole,
    shift: Whole,
    out: Ints,
) -> None:
    """Fill ``out`` (sites, places) with times; what is beyond the bound stays as it is."""
    for j in range(start_node.shape[0]):
        n = 0
        nodes, labels = np.empty(2, np.int32), np.empty(2, np.int64)
        for side in range(2):
            if start_node[j, side] >= 0:
                nodes[n], labels[n] = start_node[j, side], np.int64(start_ms[j, side]) << 32
                n += 1
        if n == 0:
            continue
        if n == 2 and labels[1] < labels[0]:
            nodes[0], nodes[1] = nodes[1], nodes[0]
            labels[0], labels[1] = labels[1], labels[0]
        label = nearest_labels(ptr, arc, nodes[:n], labels[:n], bound_ms, ring, shift)
        for i in range(door_node.shape[0]):
            for side in range(2):
                v = door_node[i, side]
                if v >= 0 and label[v] >= 0:
                    ms = (label[v] >> 32) + door_ms[i, side]
                    if ms <= bound_ms and ms < out[j, i]:
                        out[j, i] = ms


def ways(
    graph: RoadGraph, sites: Snaps, places: Snaps, *, bound_ms: int | None = None
) -> Iterator[tuple[int, Ints]]:
    """Work out the time from each site to each place, a few sites at a time.

    Yields
    ------
    done : int
        Sites done so far.
    time_ms : (sites, places) int32
        Always the same array, filled at least up to there; :data:`UNREACHED` where there is no way, no
        street, or it is longer than ``bound_ms``. The same times as
        :func:`geo_service.roads.reach.demand_time_ms` gives.
    """
    bound = LONGEST_MS if bound_ms is None else min(int(bound_ms), LONGEST_MS)
    out = np.full((len(sites), len(places)), UNREACHED, np.int32)
    start_node, start_ms = leaving(graph, sites)
    door_node, door_ms = reaching(graph, places)

    def fill(low: int) -> int:
        part = slice(low, low + AT_ONCE)
        _ways(
            graph.out_ptr, graph.out_arc, start_node[part], start_ms[part], door_node, door_ms, bound,
            graph.queue_ring, graph.queue_shift, out[part],
        )  # fmt: skip
        _along_one_edge(graph, sites, places, bound_ms=bound, out=out, part=part)
        return min(low + AT_ONCE, len(sites))

    # the search lets go of the interpreter: each thread has a processor to itself, as far as there are some
    pool = ThreadPoolExecutor(SEARCHES_AT_A_TIME)
    try:
        for done in pool.map(fill, range(0, len(sites), AT_ONCE)):
            yield done, out
    finally:
        pool.shutdown(cancel_futures=True)  # whoever loses patience waits for those under way alone
    if not len(sites):
        yield 0, out


def _along_one_edge(
    graph: RoadGraph, sites: Snaps, places: Snaps, *, bound_ms: int, out: Ints, part: slice
) -> None:
    """Lower the times between a site and places on its own edge."""
    for j in range(part.start, min(part.stop, len(sites))):
        if sites.edge[j] < 0:
            continue
        at = np.flatnonzero(places.edge == sites.edge[j])
        if not len(at):
            continue
        ms = along_ms(graph, places.edge[at], np.full(len(at), sites.fraction[j]), places.fraction[at])
        total = ms + int(sites.access_ms[j]) + places.access_ms[at]
        is_open = (ms < UNREACHED) & (total <= bound_ms)
        out[j, at] = np.where(is_open, np.minimum(out[j, at], total), out[j, at]).astype(np.int32)


def spread_over(lonlat_deg: NDArray[np.float64], usable: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Return about ``count`` usable points, never more, spread evenly over those there are.

    Of each square of a grid the point nearest to its middle; the grid is the finest that has no more.
    """
    at = np.flatnonzero(usable)
    if len(at) <= count:
        return at
    points = lonlat_deg[at]
    low = points.min(axis=0)
    extent = (points.max(axis=0) - low) * [np.cos(np.radians(points[:, 1].mean())), 1.0]
    flat = (points - low) * [np.cos(np.radians(points[:, 1].mean())), 1.0]
    coarse, fine = max(float(extent.max()), 1e-9) * 1.001, 0.0
    chosen = _middles(flat, coarse)
    for _ in range(24):
        side = (coarse + fine) / 2
        found = _middles(flat, side)
        if len(found) <= count:
            coarse, chosen = side, found
        else:
            fine = side
    return np.sort(at[chosen])


def _middles(flat: NDArray[np.float64], side: float) -> NDArray[np.int64]:
    square = np.floor(flat / side)
    off = np.abs(flat / side - square - 0.5).max(axis=1)
    key = square[:, 0].astype(np.int64) << 32 | square[:, 1].astype(np.int64)
    order = np.lexsort((off, key))
    _, first = np.unique(key[order], return_index=True)
    return order[first]
