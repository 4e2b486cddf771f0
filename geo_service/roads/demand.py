"""Demand points as travel-time searches meet them: how soon somebody is there, who, and how many more.

A label is one int64, ``time_ms * 2**32 + owner``; the largest int64 stands for nobody.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.roads import kernels_demand
from geo_service.roads.graph import LONGEST_MS, UNREACHED, RoadGraph
from geo_service.roads.kernels import NONE
from geo_service.roads.positions import along_ms, reaching
from geo_service.roads.snap import Snaps

LOW_WORD = np.int64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True, eq=False)
class Doors:
    """By which nodes each demand point is reached, and what remains from there to the point.

    Attributes
    ----------
    graph : RoadGraph
        Whose nodes these are.
    snaps : Snaps
        Where the points are.
    node, ms : (m, 2) int32
        At the ``u`` and the ``v`` end of the point's edge, the walk off the street included; -1 and
        :data:`~geo_service.roads.graph.UNREACHED` where the way is not open.
    """

    graph: RoadGraph
    snaps: Snaps
    node: NDArray[np.int32]
    ms: NDArray[np.int32]

    @classmethod
    def of(cls, graph: RoadGraph, snaps: Snaps) -> "Doors":
        """Work out the doors of points that are snapped to the graph."""
        node, ms = reaching(graph, snaps)
        return cls(graph, snaps, node, ms)

    def __len__(self) -> int:
        """Count of demand points."""
        return len(self.snaps)

    def behind(self, nodes: NDArray[np.int32], edges: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return which points have one of the nodes as a door, or lie on one of the edges."""
        at_node = np.zeros(self.graph.n_nodes + 1, np.bool_)
        at_node[nodes] = True
        on_edge = np.zeros(len(self.graph.edge_ms) + 1, np.bool_)
        on_edge[edges[edges >= 0]] = True
        # the last entry of each stands for -1
        return np.flatnonzero(at_node[self.node[:, 0]] | at_node[self.node[:, 1]] | on_edge[self.snaps.edge])


def nearest_at(
    doors: Doors,
    node_label: NDArray[np.int64],
    sources: Snaps,
    *,
    delay_ms: ArrayLike = 0,
    bound_ms: int = LONGEST_MS,
    points: NDArray[np.int64] | None = None,
    out: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return the smallest label at each demand point.

    Parameters
    ----------
    doors : Doors
        The points.
    node_label : (n,) int64
        Smallest label of each node, the largest int64 where there is none.
    sources : Snaps
        Whose labels these are, by number: they may stand on the very edge of a point.
    delay_ms : int or (k,) array
        What each source needs before it sets out.
    bound_ms : int
        Farther points are left out.
    points : (p,) int64, optional
        Only these are worked out, into ``out``; all by default.
    out : (m,) int64, optional
        Where to write.
    """
    labels = np.full(len(doors), NONE, np.int64) if out is None else out
    which, met_point, met_label = _meeting(doors, sources, delay_ms, points)
    kernels_demand.nearest_at(
        which, doors.node, doors.ms, node_label, met_point, met_label, int(bound_ms), labels
    )
    return labels


def k_nearest_at(
    doors: Doors,
    node_label: NDArray[np.int64],
    sources: Snaps,
    *,
    delay_ms: ArrayLike = 0,
    bound_ms: int = LONGEST_MS,
    points: NDArray[np.int64] | None = None,
    out: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return the ``k`` smallest labels of different owners at each demand point, (m, k), ascending.

    ``node_label`` is (n, k); everything else is as for :func:`nearest_at`.
    """
    labels = np.full((len(doors), node_label.shape[1]), NONE, np.int64) if out is None else out
    which, met_point, met_label = _meeting(doors, sources, delay_ms, points)
    kernels_demand.labels_at(
        which, doors.node, doors.ms, node_label, met_point, met_label, int(bound_ms), labels
    )
    return labels


def merged(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the smallest of two sets of labels (m, k) whose owners are different people: mixed modes."""
    k = first.shape[1]
    both: NDArray[np.int64] = np.sort(np.concatenate([first, second], axis=1), axis=1)
    return both[:, :k]


def _meeting(
    doors: Doors, sources: Snaps, delay_ms: ArrayLike, points: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the points asked about, and which of them meet which source on their own edge."""
    graph, demand = doors.graph, doors.snaps
    which = np.arange(len(doors), dtype=np.int64) if points is None else points
    edge_of_point = demand.edge[which]
    order = np.argsort(sources.edge, kind="stable")
    order = order[sources.edge[order] >= 0]
    edges = sources.edge[order]
    # few edges have anybody on them: one look-up leaves out all other points
    taken = np.zeros(len(graph.edge_ms) + 1, np.bool_)
    taken[edges] = True
    near = np.flatnonzero(taken[edge_of_point])
    edge_of_point = edge_of_point[near]
    first = np.searchsorted(edges, edge_of_point, side="left")
    count = np.searchsorted(edges, edge_of_point, side="right") - first
    at = np.repeat(np.arange(len(near)), count)
    within = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    who = order[first[at] + within]
    point = which[near[at]]
    ms = along_ms(graph, demand.edge[point], sources.fraction[who], demand.fraction[point])
    delay = np.broadcast_to(np.asarray(delay_ms, dtype=np.int64), (len(sources),))[who]
    total = ms + sources.access_ms[who] + delay + demand.access_ms[point]
    is_open = (ms < UNREACHED) & (total < UNREACHED)
    return which, point[is_open], (total << 32 | who)[is_open]
