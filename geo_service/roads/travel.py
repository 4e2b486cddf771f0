"""Travel time from many places at once: to the nearest, to the k nearest.

Times are int32 milliseconds, identical to the unit with scipy's Dijkstra on the same integers. At equal
time the smaller index of a source wins, here and everywhere else in this room.

All functions take what they read and allocate what they write: any number of threads may call them on the
same graph, and they run side by side, for the kernels release the interpreter's lock.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import kernels, plain
from geo_service.roads.compiled import HAVE_NUMBA
from geo_service.roads.graph import LONGEST_MS, UNREACHED, RoadGraph
from geo_service.roads.kernels import NONE
from geo_service.roads.positions import leaving
from geo_service.roads.snap import Snaps

MOST_K = 64
LOW_WORD = np.int64(0xFFFFFFFF)


def travel_time(
    graph: RoadGraph,
    sources: Snaps,
    *,
    bound_ms: int | None = None,
    delay_ms: ArrayLike = 0,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the time from the nearest source to every node of the graph, and which source that is.

    Parameters
    ----------
    graph : RoadGraph
        Of the mode in which the sources travel.
    sources : Snaps
        Where they start, on edges; their walk to the street counts. Sources that are not snapped reach
        nothing.
    bound_ms : int, optional
        Farther nodes are left out.
    delay_ms : int or (k,) array
        What each source needs before it sets out.

    Returns
    -------
    time_ms : (n,) int32
        :data:`UNREACHED` where no source comes (within the bound).
    owner : (n,) int32
        Index of the nearest source, the smallest at equal time; -1 where there is none.

    Raises
    ------
    InvalidInputError
        When the bound or a delay is negative.
    """
    return split_labels(_nearest(graph, sources, bound_ms, delay_ms))


def nearest_labels(
    graph: RoadGraph, sources: Snaps, *, bound_ms: int | None = None, delay_ms: ArrayLike = 0
) -> NDArray[np.int64]:
    """Return what :func:`travel_time` does as labels: ``time_ms * 2**32 + owner``, else the largest int64."""
    best = _nearest(graph, sources, bound_ms, delay_ms)
    best[best < 0] = NONE
    return best


def _nearest(
    graph: RoadGraph, sources: Snaps, bound_ms: int | None, delay_ms: ArrayLike
) -> NDArray[np.int64]:
    bound = bound_or_longest(bound_ms)
    node, label = _seeds(graph, sources, delay_ms)
    if HAVE_NUMBA:
        ring, shift = graph.queue_ring, graph.queue_shift
        return kernels.nearest_labels(graph.out_ptr, graph.out_arc, node, label, bound, ring, shift)
    # the same function is tested directly
    return plain.nearest_labels(graph.out_ptr, graph.out_arc, node, label, bound)  # pragma: no cover


def nearest_k_all(
    graph: RoadGraph,
    sources: Snaps,
    k: int,
    *,
    bound_ms: int | None = None,
    delay_ms: ArrayLike = 0,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the ``k`` nearest sources of every node, in order, and their times.

    Parameters
    ----------
    k : int
        1 to 64.
    graph, sources, bound_ms, delay_ms
        As for :func:`travel_time`.

    Returns
    -------
    time_ms, owner : (n, k) int32
        Ascending by time, then owner; :data:`UNREACHED` and -1 where there are fewer than ``k``.

    Raises
    ------
    InvalidInputError
        When ``k``, the bound or a delay is out of range.
    """
    return split_labels(_k_nearest(graph, sources, k, bound_ms, delay_ms))


def k_nearest_labels(
    graph: RoadGraph, sources: Snaps, k: int, *, bound_ms: int | None = None, delay_ms: ArrayLike = 0
) -> NDArray[np.int64]:
    """Return what :func:`nearest_k_all` does as labels (n, k), the largest int64 where there are fewer."""
    best = _k_nearest(graph, sources, k, bound_ms, delay_ms)
    best[best < 0] = NONE
    return best


def _k_nearest(
    graph: RoadGraph, sources: Snaps, k: int, bound_ms: int | None, delay_ms: ArrayLike
) -> NDArray[np.int64]:
    if not 1 <= k <= MOST_K:
        raise InvalidInputError(
            "Too many or too few neighbours asked for.",
            [Fault("k", f"give a whole number from 1 to {MOST_K}", value=k)],
        )
    bound = bound_or_longest(bound_ms)
    node, label = _seeds(graph, sources, delay_ms)
    if HAVE_NUMBA:
        ring, shift = graph.queue_ring, graph.queue_shift
        return kernels.k_nearest_labels(graph.out_ptr, graph.out_arc, node, label, k, bound, ring, shift)
    # the same function is tested directly
    return plain.k_nearest_labels(  # pragma: no cover
        graph.out_ptr, graph.out_arc, node, label, k, bound_ms=bound
    )


def bound_or_longest(bound_ms: int | None) -> int:
    """Check a bound on time; without one give the longest time a search follows."""
    if bound_ms is None:
        return LONGEST_MS
    if bound_ms < 0:
        raise InvalidInputError(
            "A bound on travel time cannot be negative.",
            [Fault("bound_ms", "give milliseconds, 0 or more", value=bound_ms)],
        )
    return min(int(bound_ms), LONGEST_MS)


def _seeds(
    graph: RoadGraph, sources: Snaps, delay_ms: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Nodes at which sources enter the graph and their labels, ascending."""
    delay = np.broadcast_to(np.asarray(delay_ms, dtype=np.int64), (len(sources),))
    if (delay < 0).any() or (delay > LONGEST_MS).any():
        raise InvalidInputError(
            "A source's delay is out of range.",
            [Fault("delay_ms", f"give milliseconds from 0 to {LONGEST_MS}")],
        )
    node, ms = leaving(graph, sources)
    owner = np.arange(len(sources), dtype=np.int64)[:, None]
    label = (((ms + delay[:, None]) << 32) | owner)[node >= 0]
    order = np.argsort(label, kind="stable")
    return node[node >= 0][order], label[order]


def split_labels(label: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Take labels (``time_ms * 2**32 + owner``, -1 for none) apart into time and owner."""
    reached = label >= 0
    time_ms = np.where(reached, label >> 32, np.int64(UNREACHED)).astype(np.int32)
    return time_ms, np.where(reached, label & LOW_WORD, -1).astype(np.int32)
