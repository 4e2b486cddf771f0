"""The graph of one travel mode: compact arrays that the kernels run over.

Times are int32 milliseconds. Every arc takes at least 1 ms, also one of no length: so a shortest path never
stands still, each label is final once all smaller ones are, and every engine agrees to the unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import Mode
from geo_service.roads.network import RoadNetwork
from geo_service.roads.profiles import ACCESS_BITS, BLOCK_BIT, Speeds, load_speeds

UNREACHED = np.int32(2**31 - 1)
"""Time of what cannot be reached (within the bound)."""

LONGEST_MS = 2**30
"""Longest time a search follows, 12.4 days: sums stay far from the end of int32."""

SLOWEST_KMH = 0.1
HILBERT_BITS = 20


@dataclass(frozen=True, slots=True)
class GraphReport:
    """What building the graph met; counts.

    Attributes
    ----------
    nodes, arcs, edges : int
        Nodes of the graph, directed arcs, edges usable by the mode.
    edges_closed : int
        Usable edges left out because they are closed.
    nodes_split : int
        Barriers in the way of the mode: the node is there once for each edge that ends at it.
    components : int
        Strongly connected components among nodes that have an arc.
    edges_outside_main : int
        Usable edges outside the largest of them; kept, but snapping prefers the others.
    """

    nodes: int
    arcs: int
    edges: int
    edges_closed: int
    nodes_split: int
    components: int
    edges_outside_main: int


@dataclass(frozen=True, slots=True, eq=False)
class RoadGraph:
    """A road network as one mode sees it. Immutable; safe to share between threads.

    Nodes are in Hilbert order, so that neighbours on the map are neighbours in memory. A barrier that stops
    the mode is split into one node for each edge that ends there: one can come up to it, not through.

    Attributes
    ----------
    mode : Mode
        Who travels.
    network : RoadNetwork
        What it was built from; edges have the same index.
    access_mps : float
        Walking speed between a point and the street.
    node_network : (n,) int32
        Network node of each graph node.
    network_node : (N,) int32
        (First) graph node of each network node.
    node_main : (n,) bool
        Whether in the largest strongly connected component.
    edge_node : (e, 2) int32
        Graph node at the ``u`` and the ``v`` end of each edge of the network.
    edge_ms : (e, 2) int32
        Time forward and back, -1 where the mode may not go.
    edge_main : (e,) bool
        Whether an arc of the edge lies in the largest strongly connected component.
    out_ptr, out_arc : (n + 1,) int32, (m, 2) int32
        For each node its outgoing arcs: head and ms.
    in_ptr, in_arc : (n + 1,) int32, (m, 2) int32
        For each node its incoming arcs: tail and ms.
    in_slot : (m,) int32
        Index among the outgoing arcs of each incoming one.
    arc_edge, arc_back : (m,) int32, (m,) bool
        Edge of each outgoing arc, and whether it runs from ``v`` to ``u``.
    queue_ring, queue_shift : int
        Shape of the search's queue: buckets of ``2**queue_shift`` ms in a ring over the longest arc.
    report : GraphReport
        Counts.
    """

    mode: Mode
    network: RoadNetwork
    access_mps: float
    node_network: NDArray[np.int32]
    network_node: NDArray[np.int32]
    node_main: NDArray[np.bool_]
    edge_node: NDArray[np.int32]
    edge_ms: NDArray[np.int32]
    edge_main: NDArray[np.bool_]
    out_ptr: NDArray[np.int32]
    out_arc: NDArray[np.int32]
    in_ptr: NDArray[np.int32]
    in_arc: NDArray[np.int32]
    in_slot: NDArray[np.int32]
    arc_edge: NDArray[np.int32]
    arc_back: NDArray[np.bool_]
    queue_ring: int
    queue_shift: int
    report: GraphReport

    @property
    def n_nodes(self) -> int:
        """Count of graph nodes."""
        return len(self.node_network)

    @property
    def n_arcs(self) -> int:
        """Count of directed arcs."""
        return len(self.out_arc)

    @property
    def node_lonlat_deg(self) -> NDArray[np.float64]:
        """Position of each graph node, EPSG:4326."""
        return self.network.node_lonlat_deg[self.node_network]

    @property
    def edge_usable(self) -> NDArray[np.bool_]:
        """Whether the mode may travel the edge in at least one direction."""
        return _either(self.edge_ms >= 0)

    def network_time_ms(self, time_ms: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the time per *network* node: the least over the parts of a split one."""
        out = np.full(len(self.network_node), UNREACHED, np.int32)
        np.minimum.at(out, self.node_network, time_ms)
        return out


def build_graph(
    network: RoadNetwork,
    mode: Mode,
    *,
    speeds: Speeds | None = None,
    closed_edges: ArrayLike | None = None,
) -> RoadGraph:
    """Turn a network into the graph of one mode.

    Small components are kept: they may be somebody's island. Loops and parallel edges are kept too, since
    one may stand on any of them.

    Parameters
    ----------
    network : RoadNetwork
        Nodes and edges.
    mode : Mode
        Who travels: decides access, barriers and speed.
    speeds : Speeds, optional
        Speeds by class; those that come with the program when left out.
    closed_edges : array of int64, optional
        Ids of edges that nobody may use (road works, floods).

    Raises
    ------
    InvalidInputError
        When an end of an edge, a length or an id of a closed edge is not in order.
    """
    speeds = speeds or load_speeds()
    _check(network)
    open_mask = ~np.isin(network.edge_id, _closed_ids(network, closed_edges))
    forward_bit, back_bit = ACCESS_BITS[mode]
    allowed = np.stack([network.edge_access & forward_bit, network.edge_access & back_bit], axis=1) != 0
    edge_ms = np.where(allowed & open_mask[:, None], _times_ms(network, mode, speeds)[:, None], -1)
    edge_ms = edge_ms.astype(np.int32)

    edge_node, node_network, n_split = _split_blocked(network, mode)
    order = hilbert_order(network.node_lonlat_deg[node_network])
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    edge_node, node_network = rank[edge_node], node_network[order]
    network_node = np.full(len(network.node_id), -1, np.int32)
    network_node[node_network[::-1]] = np.arange(len(order), dtype=np.int32)[::-1]

    out_ptr, out_arc, arc_edge, arc_back = _outgoing(edge_node, edge_ms, len(order))
    in_ptr, in_arc, in_slot = _incoming(out_ptr, out_arc)
    queue_ring, queue_shift = _queue(out_arc)
    component, node_main = _main_component(out_ptr, out_arc)
    usable = _either(edge_ms >= 0)
    edge_main = usable & node_main[edge_node[:, 0]] & node_main[edge_node[:, 1]]
    report = GraphReport(
        nodes=len(order),
        arcs=len(out_arc),
        edges=int(usable.sum()),
        edges_closed=int((_either(allowed) & ~open_mask).sum()),
        nodes_split=n_split,
        components=component,
        edges_outside_main=int((usable & ~edge_main).sum()),
    )
    return RoadGraph(
        mode=mode,
        network=network,
        access_mps=speeds.access_mps,
        node_network=node_network,
        network_node=network_node,
        node_main=node_main,
        edge_node=edge_node,
        edge_ms=edge_ms,
        edge_main=edge_main,
        out_ptr=out_ptr,
        out_arc=out_arc,
        in_ptr=in_ptr,
        in_arc=in_arc,
        in_slot=in_slot,
        arc_edge=arc_edge,
        arc_back=arc_back,
        queue_ring=queue_ring,
        queue_shift=queue_shift,
        report=report,
    )


def hilbert_order(lonlat_deg: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the order in which a Hilbert curve over their bounding box visits the points.

    From the coarsest bit to the finest: append the quadrant's number along the curve, then turn the
    quadrant so that its own curve starts and ends at the right corners.
    """
    if len(lonlat_deg) == 0:
        return np.empty(0, np.intp)
    low = lonlat_deg.min(axis=0)
    extent = np.maximum(np.ptp(lonlat_deg, axis=0), 1e-12)
    side = (1 << HILBERT_BITS) - 1
    x, y = ((lonlat_deg - low) / extent * side).astype(np.int64).T
    index = np.zeros_like(x)
    for bit in range(HILBERT_BITS - 1, -1, -1):
        right, upper = (x >> bit) & 1, (y >> bit) & 1
        index = (index << 2) | ((3 * right) ^ upper)
        flip = (upper == 0) & (right == 1)
        x, y = np.where(flip, side - x, x), np.where(flip, side - y, y)
        x, y = np.where(upper == 0, y, x), np.where(upper == 0, x, y)
    return np.argsort(index, kind="stable")


def _check(network: RoadNetwork) -> None:
    """Refuse a network whose arrays would lead a kernel astray."""
    n = len(network.node_id)
    ends = np.stack([network.edge_u, network.edge_v], axis=1)
    bad_ends = np.flatnonzero(((ends < 0) | (ends >= n)).any(axis=1))
    bad_length = np.flatnonzero(~(np.isfinite(network.edge_length_m) & (network.edge_length_m >= 0)))
    faults = [
        Fault("edge_u, edge_v", f"the ends must be node indices below {n}", row=int(i) + 1)
        for i in bad_ends[:20]
    ]
    faults += [
        Fault(
            "edge_length_m",
            "give the length in metres, 0 or more",
            row=int(i) + 1,
            value=float(network.edge_length_m[i]),
        )
        for i in bad_length[:20]
    ]
    if faults:
        raise InvalidInputError("The road network is not in order.", faults)


def _either(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a flag is set in either column (much faster than ``any`` over a short axis)."""
    either: NDArray[np.bool_] = flags[:, 0] | flags[:, 1]
    return either


def _closed_ids(network: RoadNetwork, closed_edges: ArrayLike | None) -> NDArray[np.int64]:
    """Return the ids of closed edges; refuse ids that the network does not have."""
    if closed_edges is None:
        return np.empty(0, np.int64)
    ids = np.atleast_1d(np.asarray(closed_edges, dtype=np.int64))
    unknown = ids[~np.isin(ids, network.edge_id)]
    if len(unknown):
        raise InvalidInputError(
            "Some closed edges are not in the road network.",
            [
                Fault("closed_edges", "give the id of an edge of this network", value=int(i))
                for i in unknown[:20]
            ],
        )
    return ids


def _times_ms(network: RoadNetwork, mode: Mode, speeds: Speeds) -> NDArray[np.int32]:
    """Time along each edge, ms: at least 1, at most :data:`LONGEST_MS`."""
    kmh = np.maximum(speeds.edge_kmh(network, mode), SLOWEST_KMH)
    ms = np.floor(network.edge_length_m * 3600.0 / kmh + 0.5)
    return np.clip(ms, 1, LONGEST_MS).astype(np.int32)


def _split_blocked(network: RoadNetwork, mode: Mode) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Give each edge its own copy of an end node that stops the mode.

    Returns the (e, 2) graph nodes of the edges, the network node of each graph node, and how many nodes
    were split.
    """
    n = len(network.node_id)
    edge_node = np.stack([network.edge_u, network.edge_v], axis=1).astype(np.int32)
    ends = edge_node.reshape(-1)
    blocked = (network.node_block & BLOCK_BIT[mode]) != 0
    at_block = np.flatnonzero(blocked[ends])
    if len(at_block) == 0:
        return edge_node, np.arange(n, dtype=np.int32), 0
    # the first edge end at a barrier keeps the node, every further one gets a new node
    _, first = np.unique(ends[at_block], return_index=True)
    further = np.delete(at_block, first)
    node_network = np.concatenate([np.arange(n, dtype=np.int32), ends[further]])
    split = len(np.unique(ends[further]))
    ends[further] = n + np.arange(len(further), dtype=np.int32)
    return ends.reshape(-1, 2), node_network, split


def _outgoing(
    edge_node: NDArray[np.int32], edge_ms: NDArray[np.int32], n: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Arcs sorted by tail, then head, then time, then edge."""
    forward, back = np.flatnonzero(edge_ms[:, 0] >= 0), np.flatnonzero(edge_ms[:, 1] >= 0)
    edge = np.concatenate([forward, back]).astype(np.int32)
    is_back = np.arange(len(edge)) >= len(forward)
    tail = np.where(is_back, edge_node[edge, 1], edge_node[edge, 0])
    head = np.where(is_back, edge_node[edge, 0], edge_node[edge, 1])
    ms = np.where(is_back, edge_ms[edge, 1], edge_ms[edge, 0])
    order = np.lexsort((is_back, edge, ms, head, tail))
    ptr = _pointers(tail, n)
    return ptr, np.ascontiguousarray(np.stack([head, ms], axis=1)[order]), edge[order], is_back[order]


def _incoming(
    out_ptr: NDArray[np.int32], out_arc: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the same arcs sorted by head, with their index among the outgoing."""
    n = len(out_ptr) - 1
    tail = np.repeat(np.arange(n, dtype=np.int32), np.diff(out_ptr))
    slot = np.argsort(out_arc[:, 0], kind="stable").astype(np.int32)
    arc = np.ascontiguousarray(np.stack([tail[slot], out_arc[slot, 1]], axis=1))
    return _pointers(out_arc[:, 0], n), arc, slot


def _pointers(key: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    """Offsets of each key's run once the keys are sorted."""
    ptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(key, minlength=n), out=ptr[1:])
    return ptr


def _queue(out_arc: NDArray[np.int32]) -> tuple[int, int]:
    """Ring and bucket width of the search's queue: a bucket about as wide as an arc is long."""
    if len(out_arc) == 0:
        return 2, 0
    ms = out_arc[:, 1]
    shift = int(np.median(ms)).bit_length()
    return 1 << ((int(ms.max()) >> shift) + 1).bit_length(), shift


def _main_component(out_ptr: NDArray[np.int32], out_arc: NDArray[np.int32]) -> tuple[int, NDArray[np.bool_]]:
    """Count the strongly connected components among nodes with an arc, and mark the largest."""
    n = len(out_ptr) - 1
    if n == 0 or len(out_arc) == 0:
        return 0, np.zeros(n, np.bool_)
    matrix = csr_array((np.ones(len(out_arc), np.int8), out_arc[:, 0], out_ptr), shape=(n, n))
    _, label = connected_components(matrix, directed=True, connection="strong")
    joined = np.zeros(n, np.bool_)
    joined[out_arc[:, 0]] = True
    joined |= np.diff(out_ptr) > 0
    size = np.bincount(label[joined], minlength=label.max() + 1)
    return int((size > 0).sum()), label == size.argmax()
