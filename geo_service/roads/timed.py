"""Travel time with speeds by class of street and hour of the week."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import kernels_timed
from geo_service.roads.changes import at_pace
from geo_service.roads.graph import LONGEST_MS, UNREACHED, RoadGraph
from geo_service.roads.kernels_timed import HOUR_MS, HOURS
from geo_service.roads.positions import leaving, reaching
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import MOST_K, bound_or_longest

SLOWEST_PERMILLE, FASTEST_PERMILLE = 20, 5_000
WEEK_MS = HOURS * HOUR_MS


@dataclass(frozen=True, slots=True, eq=False)
class TimedGraph:
    """A graph whose streets are travelled at other speeds from hour to hour.

    Attributes
    ----------
    graph : RoadGraph
        At full speed.
    edge_group : (e,) int16
        Row of ``rate`` of each edge.
    rate : (groups, 168) int64
        Speed by hour of the week, Monday 00:00 first, in thousandths of the full speed, 20 to 5,000.

    Raises
    ------
    InvalidInputError
        When groups or rates are out of range.
    """

    graph: RoadGraph
    edge_group: NDArray[np.int16]
    rate: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the table: the kernels trust it."""
        faults = []
        if self.rate.ndim != 2 or self.rate.shape[1] != HOURS:
            faults.append(Fault("rate", f"give {HOURS} hours for each group", value=str(self.rate.shape)))
        elif not ((self.rate >= SLOWEST_PERMILLE) & (self.rate <= FASTEST_PERMILLE)).all():
            faults.append(Fault("rate", f"give {SLOWEST_PERMILLE} to {FASTEST_PERMILLE} thousandths"))
        if len(self.edge_group) != len(self.graph.edge_ms):
            faults.append(Fault("edge_group", f"give one for each of {len(self.graph.edge_ms)} edges"))
        elif ((self.edge_group < 0) | (self.edge_group >= len(self.rate))).any():
            faults.append(Fault("edge_group", f"give rows of the table, 0 to {len(self.rate) - 1}"))
        if faults:
            raise InvalidInputError("The table of speeds by hour is not in order.", faults)

    def frozen(self, hour: int) -> RoadGraph:
        """Return the graph as if one hour's speeds held for ever: exact for ways that end within the hour."""
        return at_pace(self.graph, self.rate[:, hour % HOURS][self.edge_group])

    def key(self, hour: int) -> bytes:
        """Return a mark of an hour's speeds: equal for hours with equal ones."""
        return np.ascontiguousarray(self.rate[:, hour % HOURS]).tobytes()


def k_nearest_timed(
    timed: TimedGraph,
    sources: Snaps,
    start_ms: int,
    k: int = 1,
    *,
    bound_ms: int | None = None,
    delay_ms: ArrayLike = 0,
) -> NDArray[np.int64]:
    """Return the ``k`` nearest sources of every node for a start at a moment, as labels.

    Parameters
    ----------
    timed : TimedGraph
        Of the mode in which the sources travel.
    sources : Snaps
        Where they start.
    start_ms : int
        When all of them start: ms since Monday 00:00, 0 or more.
    k, bound_ms, delay_ms
        As for :func:`~geo_service.roads.travel.nearest_k_all`.

    Returns
    -------
    (n, k) int64
        ``time_ms * 2**32 + owner``, ascending, the largest int64 where there are fewer.

    Raises
    ------
    InvalidInputError
        When the start, ``k``, the bound or a delay is out of range.
    """
    delay = np.broadcast_to(np.asarray(delay_ms, dtype=np.int64), (len(sources),))
    if start_ms < 0 or not 1 <= k <= MOST_K or (delay < 0).any() or (delay > LONGEST_MS).any():
        raise InvalidInputError(
            "The question is out of range.",
            [Fault("start_ms, k, delay_ms", f"give 0 or more, 1 to {MOST_K}, 0 to {LONGEST_MS}")],
        )
    start = int(start_ms) % WEEK_MS
    graph = timed.graph
    node, work = _doors(graph, sources, leave=True)
    begin = (sources.access_ms.astype(np.int64) + delay)[:, None]
    ms = begin + _durations(timed, sources.edge, work, start + begin)
    is_open = (node >= 0) & (ms < LONGEST_MS)
    owner = np.broadcast_to(np.arange(len(sources), dtype=np.int64)[:, None], ms.shape)
    label = (ms << 32 | owner)[is_open]
    order = np.argsort(label, kind="stable")
    ring, shift = _queue(timed)
    return kernels_timed.k_nearest_labels(
        graph.out_ptr,
        graph.out_arc,
        timed.edge_group[graph.arc_edge],
        timed.rate,
        start,
        node[is_open][order],
        label[order],
        int(k),
        bound_or_longest(bound_ms),
        ring,
        shift,
    )


def k_nearest_timed_at(
    timed: TimedGraph,
    demand: Snaps,
    node_label: NDArray[np.int64],
    sources: Snaps,
    start_ms: int,
    *,
    bound_ms: int | None = None,
    delay_ms: ArrayLike = 0,
) -> NDArray[np.int64]:
    """Return the labels of demand points, (m, k), from those of nodes; see :func:`k_nearest_timed`."""
    graph, start = timed.graph, int(start_ms) % WEEK_MS
    node, work = _doors(graph, demand, leave=False)
    out = np.empty((len(demand), node_label.shape[1]), np.int64)
    edge = np.maximum(demand.edge, 0)
    met_point, met_label = _meeting(timed, demand, sources, start, np.asarray(delay_ms, dtype=np.int64))
    kernels_timed.labels_at(
        node,
        work,
        timed.edge_group[edge],
        demand.access_ms,
        timed.rate,
        start,
        node_label,
        met_point,
        met_label,
        bound_or_longest(bound_ms),
        out,
    )
    return out


def _doors(graph: RoadGraph, snaps: Snaps, *, leave: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Nodes at both ends of each place's edge, and the work between (0 where the way is not open)."""
    node, ms = (leaving if leave else reaching)(graph, snaps)
    work = np.where(node >= 0, ms.astype(np.int64) - snaps.access_ms[:, None], 0)
    return node, work


def _durations(
    timed: TimedGraph, edge: NDArray[np.int32], work: NDArray[np.int64], at_ms: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how long the work of each row takes from a moment on."""
    at = np.broadcast_to(at_ms, work.shape)
    group = np.broadcast_to(timed.edge_group[np.maximum(edge, 0)][:, None], work.shape)
    flat = kernels_timed.durations_ms(
        np.ascontiguousarray(work).ravel(),
        np.ascontiguousarray(group).ravel(),
        timed.rate,
        np.ascontiguousarray(at).ravel(),
    )
    return flat.reshape(work.shape)


def _meeting(
    timed: TimedGraph, demand: Snaps, sources: Snaps, start: int, delay_ms: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the points that have a source on their own edge, and the labels of these."""
    graph = timed.graph
    order = np.argsort(sources.edge, kind="stable")
    order = order[sources.edge[order] >= 0]
    edges = sources.edge[order]
    first = np.searchsorted(edges, demand.edge, side="left")
    count = np.searchsorted(edges, demand.edge, side="right") - first
    count[demand.edge < 0] = 0
    point = np.repeat(np.arange(len(demand)), count)
    within = np.arange(len(point)) - np.repeat(np.cumsum(count) - count, count)
    who = order[first[point] + within]
    begin = sources.access_ms[who] + np.broadcast_to(delay_ms, (len(sources),))[who]
    from_share, to_share = sources.fraction[who], demand.fraction[point]
    forward, back = graph.edge_ms[demand.edge[point]].astype(np.int64).T
    way = np.where(to_share >= from_share, forward, back)
    work = np.floor(np.maximum(way, 0) * np.abs(to_share - from_share) + 0.5).astype(np.int64)
    usable = (way >= 0) | ((to_share == from_share) & ((forward >= 0) | (back >= 0)))
    ms = _durations(timed, demand.edge[point], work[:, None], (start + begin)[:, None])[:, 0]
    total = begin + ms + demand.access_ms[point]
    is_open = usable & (total < UNREACHED)
    return point[is_open], (total << 32 | who)[is_open]


def _queue(timed: TimedGraph) -> tuple[int, int]:
    """Shape the search's queue over the longest arc at the slowest rate."""
    arc_ms = timed.graph.out_arc[:, 1]
    if len(arc_ms) == 0:
        return 2, 0
    slowest = int(timed.rate.min())
    longest = int(arc_ms.max()) * 1000 // slowest + 2
    shift = int(np.median(arc_ms)).bit_length()
    return 1 << ((longest >> shift) + 2).bit_length(), shift
