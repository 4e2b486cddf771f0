"""Arithmetic on the edge: how long from a place on it to its ends, from its ends to it, and along it.

A place at fraction ``f`` of an edge leaves by the ``v`` end after ``(1 - f)`` of the forward time, if the
mode may go forward, and by the ``u`` end after ``f`` of the back time; it is reached the other way round. A
place at an end (``f`` of exactly 0 or 1) *is* at that node, in whichever direction the edge may be travelled.
Parts of a millisecond are rounded half up.
"""

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.snap import Snaps


def leaving(graph: RoadGraph, snaps: Snaps) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the end nodes to which each place leads, and the time there with the walk to the street.

    Returns
    -------
    node, ms : (n, 2) int32
        At the ``u`` and the ``v`` end; -1 and :data:`UNREACHED` where the way is not open.
    """
    return _ends(graph, snaps, leave=True)


def reaching(graph: RoadGraph, snaps: Snaps) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the end nodes from which each place can be reached, and the time from there and off the street.

    Returns
    -------
    node, ms : (n, 2) int32
        At the ``u`` and the ``v`` end; -1 and :data:`UNREACHED` where the way is not open.
    """
    return _ends(graph, snaps, leave=False)


def _ends(graph: RoadGraph, snaps: Snaps, *, leave: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Nodes and times at both ends; the two directions mirror each other."""
    edge = np.maximum(snaps.edge, 0)
    if len(graph.edge_ms) == 0:
        return np.full((len(snaps), 2), -1, np.int32), np.full((len(snaps), 2), UNREACHED, np.int32)
    forward, back = graph.edge_ms[edge].astype(np.int64).T
    at_u, at_v = (back, forward) if leave else (forward, back)
    f = snaps.fraction
    ms = np.stack([_part(at_u, f), _part(at_v, 1.0 - f)], axis=1)
    is_open = np.stack([(at_u >= 0) | (f == 0.0), (at_v >= 0) | (f == 1.0)], axis=1)
    # who comes from the street must be able to use it at all
    is_open &= ((snaps.edge >= 0) & ((forward >= 0) | (back >= 0)))[:, None]
    total = ms + snaps.access_ms[:, None].astype(np.int64)
    is_open &= total < UNREACHED
    node = np.where(is_open, graph.edge_node[edge], -1).astype(np.int32)
    return node, np.where(is_open, total, UNREACHED).astype(np.int32)


def along_ms(
    graph: RoadGraph,
    edge: NDArray[np.int32],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Time between two places on the same edge without leaving it; :data:`UNREACHED` where not open."""
    forward, back = graph.edge_ms[edge].astype(np.int64).T
    ahead, behind = stop >= start, stop <= start
    by_forward = np.where(ahead & (forward >= 0), _part(forward, stop - start), np.int64(UNREACHED))
    by_back = np.where(behind & (back >= 0), _part(back, start - stop), np.int64(UNREACHED))
    same = ahead & behind & ((forward >= 0) | (back >= 0))
    return np.where(same, 0, np.minimum(by_forward, by_back))


def _part(ms: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the share of a time, rounded half up; 0 for a way that is not open."""
    return np.floor(np.maximum(ms, 0) * share + 0.5).astype(np.int64)
