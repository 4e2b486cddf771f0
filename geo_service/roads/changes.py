"""A graph with streets closed or at other speeds, made from one that stands, without building it again."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads.graph import LONGEST_MS, RoadGraph


def with_edge_ms(graph: RoadGraph, edge_ms: NDArray[np.int32]) -> RoadGraph:
    """Return the graph with other times along its edges.

    Nodes keep their numbers, so that times by node can be compared. What counts as the main component stays
    as it was: a place keeps its street also when a bridge to it is closed.

    Parameters
    ----------
    edge_ms : (m, 2) int32
        Time forward and back of each edge of the network, at least 1; -1 where it may not be travelled.
        A direction that is closed in ``graph`` stays closed.

    Raises
    ------
    InvalidInputError
        When there are more or fewer edges than the graph has, or a time is out of range.
    """
    wanted = np.asarray(edge_ms, dtype=np.int64)
    if wanted.shape != graph.edge_ms.shape:
        raise InvalidInputError(
            "Each edge of the graph needs two times.",
            [Fault("edge_ms", f"give {len(graph.edge_ms)} pairs", value=str(wanted.shape))],
        )
    if not (((wanted >= 1) & (wanted <= LONGEST_MS)) | (wanted == -1)).all():
        raise InvalidInputError(
            "A time along an edge is out of range.",
            [Fault("edge_ms", f"give 1 to {LONGEST_MS} ms, or -1 for closed")],
        )
    times = np.where(graph.edge_ms >= 0, wanted, -1).astype(np.int32)
    arc_ms = times[graph.arc_edge, graph.arc_back.astype(np.int64)]
    keep = arc_ms >= 0
    out_arc = np.stack([graph.out_arc[keep, 0], arc_ms[keep]], axis=1)
    in_keep = keep[graph.in_slot]
    number = (np.cumsum(keep) - 1).astype(np.int32)
    in_slot = number[graph.in_slot[in_keep]]
    in_arc = np.stack([graph.in_arc[in_keep, 0], out_arc[in_slot, 1]], axis=1)
    ring, shift = _queue(out_arc)
    usable = (times[:, 0] >= 0) | (times[:, 1] >= 0)
    return replace(
        graph,
        edge_ms=times,
        edge_main=graph.edge_main & usable,
        out_ptr=_pointers(graph.out_ptr, keep),
        out_arc=np.ascontiguousarray(out_arc),
        in_ptr=_pointers(graph.in_ptr, in_keep),
        in_arc=np.ascontiguousarray(in_arc),
        in_slot=in_slot,
        arc_edge=graph.arc_edge[keep],
        arc_back=graph.arc_back[keep],
        queue_ring=ring,
        queue_shift=shift,
        report=replace(
            graph.report,
            arcs=len(out_arc),
            edges=int(usable.sum()),
            edges_closed=graph.report.edges_closed + int((graph.edge_usable & ~usable).sum()),
        ),
    )


def with_closed(graph: RoadGraph, edge: ArrayLike) -> RoadGraph:
    """Return the graph with edges (by index) closed in both directions."""
    times = graph.edge_ms.copy()
    times[np.asarray(edge, dtype=np.int64)] = -1
    return with_edge_ms(graph, times)


def at_pace(graph: RoadGraph, permille: NDArray[np.int64]) -> RoadGraph:
    """Return the graph with every edge travelled at a share of its speed.

    Parameters
    ----------
    permille : (m,) int64
        Speed of each edge in thousandths of the graph's; at least 1.

    Raises
    ------
    InvalidInputError
        When a share is not positive.
    """
    if (permille < 1).any():
        raise InvalidInputError(
            "A street at no speed is closed, not slow.", [Fault("permille", "give 1 or more")]
        )
    pace = permille[:, None]
    slowed = (graph.edge_ms.astype(np.int64) * 1000 + pace // 2) // pace
    times = np.where(graph.edge_ms >= 0, np.clip(slowed, 1, LONGEST_MS), -1)
    return with_edge_ms(graph, times.astype(np.int32))


def _pointers(ptr: NDArray[np.int32], keep: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the offsets of runs of which only some entries are kept."""
    kept = np.zeros(len(keep) + 1, np.int32)
    np.cumsum(keep, out=kept[1:])
    return kept[ptr]


def _queue(out_arc: NDArray[np.int32]) -> tuple[int, int]:
    """Shape the search's queue as ``build_graph`` does: a bucket about as wide as an arc is long."""
    if len(out_arc) == 0:
        return 2, 0
    shift = int(np.median(out_arc[:, 1])).bit_length()
    return 1 << ((int(out_arc[:, 1].max()) >> shift) + 1).bit_length(), shift
