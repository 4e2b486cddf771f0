"""The way from one place to another: the streets along which a responder comes, with its time and length."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import kernels_route
from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.positions import along_ms, leaving, reaching
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import bound_or_longest


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A way over the streets.

    Attributes
    ----------
    lonlat_deg : (m, 2) float64
        Its line from street to street, EPSG:4326; without the walks to and from the street.
    time_ms : int
        What :class:`geo_service.roads.fleet.Fleet` says for the same two places, walks included.
    length_m : float
        Along the streets, without the walks.
    edge : (k,) int32
        The edges, in order.
    """

    lonlat_deg: NDArray[np.float64]
    time_ms: int
    length_m: float
    edge: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Leg:
    """A part of an edge, from one fraction of its length to another."""

    edge: int
    start: float
    stop: float


def find_route(graph: RoadGraph, start: Snaps, goal: Snaps, *, bound_ms: int | None = None) -> Route | None:
    """Find the fastest way from one place to another.

    Parameters
    ----------
    graph : RoadGraph
        Of the mode of whoever goes.
    start, goal : Snaps
        One place each.
    bound_ms : int, optional
        A longer way does not count.

    Returns
    -------
    Route or None
        None when there is no way (within the bound).

    Raises
    ------
    InvalidInputError
        When there is not exactly one start and one goal.
    """
    if len(start) != 1 or len(goal) != 1:
        raise InvalidInputError(
            "A way has one start and one end.", [Fault("start, goal", "give exactly one place each")]
        )
    bound = bound_or_longest(bound_ms)
    if start.edge[0] < 0 or goal.edge[0] < 0:
        return None
    along = int(_along(graph, start, goal))
    node, ms = leaving(graph, start)
    to_goal, next_arc = _search(graph, goal, node[0], bound)
    by_node = np.where(node[0] >= 0, to_goal[np.maximum(node[0], 0)], UNREACHED).astype(np.int64) + ms[0]
    side = int(by_node.argmin())
    best = int(by_node[side])
    if min(along, best) > bound:
        return None
    if along <= best:
        legs = [_Leg(int(start.edge[0]), float(start.fraction[0]), float(goal.fraction[0]))]
        return _route(graph, legs, along)
    return _route(graph, _legs(graph, start, goal, side, next_arc), best)


def _along(graph: RoadGraph, start: Snaps, goal: Snaps) -> int:
    """Time without leaving the edge, walks included; :data:`UNREACHED` when the places are on two edges."""
    if start.edge[0] != goal.edge[0]:
        return int(UNREACHED)
    ms = int(along_ms(graph, start.edge, start.fraction, goal.fraction)[0])
    if ms >= UNREACHED or not graph.edge_usable[start.edge[0]]:
        return int(UNREACHED)
    return ms + int(start.access_ms[0]) + int(goal.access_ms[0])


def _search(
    graph: RoadGraph, goal: Snaps, wanted: NDArray[np.int32], bound_ms: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return time to the goal and the arc to take, by node, as far as needed for the wanted nodes."""
    node, ms = reaching(graph, goal)
    to_goal = np.full(graph.n_nodes, UNREACHED, np.int32)
    next_arc = np.full(graph.n_nodes, -1, np.int32)
    kernels_route.search_back(
        node[0],
        ms[0],
        wanted,
        bound_ms,
        graph.in_ptr,
        graph.in_arc,
        graph.in_slot,
        to_goal,
        next_arc,
        np.empty(graph.n_arcs + 4, np.int64),
    )
    return to_goal, next_arc


def _legs(graph: RoadGraph, start: Snaps, goal: Snaps, side: int, next_arc: NDArray[np.int32]) -> list[_Leg]:
    """Follow the arcs from the end of the start's edge to an end of the goal's edge."""
    first, last = int(start.edge[0]), int(goal.edge[0])
    legs = [_Leg(first, float(start.fraction[0]), float(side))]
    x = int(graph.edge_node[first, side])
    while (arc := int(next_arc[x])) >= 0:
        back = bool(graph.arc_back[arc])
        legs.append(_Leg(int(graph.arc_edge[arc]), 1.0 if back else 0.0, 0.0 if back else 1.0))
        x = int(graph.out_arc[arc, 0])
    node, ms = reaching(graph, goal)
    ends = [s for s in (0, 1) if node[0, s] == x]
    end = min(ends, key=lambda s: int(ms[0, s]))
    return [*legs, _Leg(last, float(end), float(goal.fraction[0]))]


def _route(graph: RoadGraph, legs: list[_Leg], time_ms: int) -> Route:
    """Put the parts together."""
    network = graph.network
    parts: list[NDArray[np.float64]] = []
    for leg in legs:
        shape = network.edge_shape[leg.edge]
        piece = shapely.get_coordinates(substring(shape, leg.start, leg.stop, normalized=True))
        parts.append(piece)
    line = np.concatenate(parts)
    moves = np.concatenate([[True], (line[1:] != line[:-1]).any(axis=1)])
    length_m = sum(float(network.edge_length_m[leg.edge]) * abs(leg.stop - leg.start) for leg in legs)
    edges = [leg.edge for leg in legs if leg.start != leg.stop] or [legs[0].edge]
    return Route(line[moves], time_ms, length_m, np.array(edges, np.int32))
