"""Travel time to every node, kept right while responders come, move and go and streets close or slow down.

After each change the times and owners are exactly those that :func:`geo_service.roads.travel.travel_time`
would find anew, at the cost of the part that changed: a tenth of a millisecond for one of 500 in a city.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import kernels_fleet, kernels_repair
from geo_service.roads.graph import LONGEST_MS, RoadGraph
from geo_service.roads.kernels import NONE
from geo_service.roads.positions import leaving
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import bound_or_longest, split_labels

NOTHING = np.empty(0, np.int64)
NO_NODES = np.empty(0, np.int32)


class LiveTimes:
    """Time from the nearest of up to ``capacity`` responders to every node of a graph.

    Responders are numbered from 0, as sources are in :func:`~geo_service.roads.travel.travel_time`: at equal
    time the smaller number wins. Not for several threads at once.

    Parameters
    ----------
    graph : RoadGraph
        Of the mode in which they travel; it is left as it is.
    capacity : int
        Responders are numbered from 0 to ``capacity - 1``. At first none of them is anywhere.
    bound_ms : int, optional
        Farther nodes are left out.
    """

    def __init__(self, graph: RoadGraph, capacity: int, *, bound_ms: int | None = None) -> None:
        if not 0 <= capacity < 2**30:
            raise InvalidInputError(
                "The count of responders is out of range.",
                [Fault("capacity", "give a whole number, 0 or more", value=capacity)],
            )
        self.graph = graph
        self.capacity = int(capacity)
        self._bound_ms = bound_or_longest(bound_ms)
        self._edge_ms = graph.edge_ms.copy()
        #: the graph with the times of now, for the arithmetic on edges
        self._now = replace(graph, edge_ms=self._edge_ms)
        self._out_arc, self._in_arc = graph.out_arc.copy(), graph.in_arc.copy()
        self._slot_of_edge = np.full((len(graph.edge_ms), 2), -1, np.int64)
        self._slot_of_edge[graph.arc_edge, graph.arc_back.astype(np.int64)] = np.arange(graph.n_arcs)
        self._in_of_out = np.empty(graph.n_arcs, np.int64)
        self._in_of_out[graph.in_slot] = np.arange(graph.n_arcs)
        none = np.full(capacity, -1, np.int32)
        empty = np.full((capacity, 2), np.nan)
        self._at = Snaps(
            none,
            np.zeros(capacity),
            np.full(capacity, np.inf),
            np.zeros(capacity, np.int32),
            np.zeros(capacity, np.bool_),
            empty,
        )
        self._first = np.full(graph.n_nodes, -1, np.int32)
        self._slot_node = np.full(2 * capacity, -1, np.int32)
        self._slot_ms = np.zeros(2 * capacity, np.int32)
        self._slot_next = np.full(2 * capacity, -1, np.int32)
        self._slot_prev = np.full(2 * capacity, -1, np.int32)
        self._label = np.full(graph.n_nodes, NONE, np.int64)
        self._heap = np.empty(2 * graph.n_arcs + graph.n_nodes + 2 * capacity + 8, np.int64)
        self._spoilt = np.empty(graph.n_nodes, np.int32)
        self._was = np.empty(graph.n_nodes, np.int64)
        self._touched = np.empty(2 * (graph.n_nodes + graph.n_arcs + capacity) + 8, np.int32)

    @property
    def sources(self) -> Snaps:
        """Where everybody is, by number; edge -1 for who is nowhere. Do not write into it."""
        return self._at

    @property
    def labels(self) -> NDArray[np.int64]:
        """``time_ms * 2**32 + owner`` of each node, the largest int64 where nobody comes; a view."""
        return self._label

    def times(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return time and owner of each node as ``travel_time`` does."""
        return split_labels(np.where(self._label == NONE, np.int64(-1), self._label))

    def move(self, who: ArrayLike, to: Snaps) -> NDArray[np.int32]:
        """Put responders where they are now; those whose place is not snapped are nowhere.

        Returns
        -------
        (k,) int32
            The nodes whose time or owner may have changed, some of them more than once.

        Raises
        ------
        InvalidInputError
            When a number is out of range or there twice, or the counts differ.
        """
        numbers = self._numbers(who, len(to))
        count = self._forget(numbers, 0)
        for name in ("edge", "fraction", "distance_m", "access_ms", "main", "lonlat_deg"):
            getattr(self._at, name)[numbers] = getattr(to, name)
        self._place(numbers)
        return self._settle(count, numbers, NO_NODES, NOTHING)

    def remove(self, who: ArrayLike) -> NDArray[np.int32]:
        """Take responders away; returns the nodes that may have changed."""
        numbers = self._numbers(who, None)
        count = self._forget(numbers, 0)
        self._at.edge[numbers] = -1
        self._place(numbers)
        return self._settle(count, numbers, NO_NODES, NOTHING)

    def set_edge_ms(self, edge: ArrayLike, ms: ArrayLike) -> NDArray[np.int32]:
        """Give streets other times: slower, faster, closed (-1) or open again.

        A direction that the graph was built without stays closed.

        Parameters
        ----------
        edge : (k,) int
            Index of each edge, once.
        ms : (k, 2) int
            Time forward and back, at least 1; -1 where it is closed.

        Returns
        -------
        (k,) int32
            The nodes whose time or owner may have changed.

        Raises
        ------
        InvalidInputError
            When an edge is not in the graph or there twice, or a time is out of range.
        """
        edges, times = self._edges(edge, ms)
        slot = self._slot_of_edge[edges]
        times = np.where(slot >= 0, times, np.int32(-1)).astype(np.int32)
        # who stands on such a street leaves it sooner or later than before
        on_it = np.flatnonzero(np.isin(self._at.edge, edges))
        count = self._forget(on_it, 0)
        side, flat = slot >= 0, slot[slot >= 0]
        new_ms = np.where(times < 0, kernels_repair.CLOSED, times).astype(np.int32)[side]
        tail = self.graph.edge_node[edges][side]
        spoilt = kernels_repair.forget_arcs(
            flat,
            new_ms,
            tail,
            self.graph.out_ptr,
            self._out_arc,
            self._label,
            self._spoilt,
            self._was,
            count,
        )
        self._out_arc[flat, 1] = new_ms
        self._in_arc[self._in_of_out[flat], 1] = new_ms
        self._edge_ms[edges] = times
        self._place(on_it)
        return self._settle(int(spoilt), on_it, tail, flat)

    def close(self, edge: ArrayLike) -> NDArray[np.int32]:
        """Close streets in both directions; returns the nodes that may have changed."""
        edges = np.atleast_1d(np.asarray(edge, dtype=np.int64))
        return self.set_edge_ms(edges, np.full((len(edges), 2), -1))

    def reopen(self, edge: ArrayLike) -> NDArray[np.int32]:
        """Give streets the times of the graph again; returns the nodes that may have changed."""
        edges = np.atleast_1d(np.asarray(edge, dtype=np.int64))
        return self.set_edge_ms(edges, self.graph.edge_ms[edges])

    # ------------------------------------------------------------------------------------------ steps

    def _forget(self, who: NDArray[np.int64], count: int) -> int:
        return int(
            kernels_repair.forget_responders(
                who,
                self._slot_node,
                self._slot_ms,
                self.graph.out_ptr,
                self._out_arc,
                self._label,
                self._spoilt,
                self._was,
                count,
            )
        )

    def _place(self, who: NDArray[np.int64]) -> None:
        """Hang responders into the lists of the nodes by which they can leave."""
        node, ms = leaving(self._now, self._at.take(who))
        kernels_fleet.place_many(
            who, node, ms, self._first, self._slot_node, self._slot_ms, self._slot_next, self._slot_prev
        )

    def _settle(
        self,
        count: int,
        who: NDArray[np.int64],
        lowered_tail: NDArray[np.int32],
        lowered_slot: NDArray[np.int64],
    ) -> NDArray[np.int32]:
        n = kernels_repair.settle(
            count,
            self._spoilt,
            who,
            lowered_tail,
            lowered_slot,
            self._bound_ms,
            self.graph.out_ptr,
            self._out_arc,
            self.graph.in_ptr,
            self._in_arc,
            self._first,
            self._slot_node,
            self._slot_ms,
            self._slot_next,
            self._label,
            self._heap,
            self._touched,
        )
        return self._touched[: int(n)].copy()

    # ----------------------------------------------------------------------------------------- checks

    def _numbers(self, who: ArrayLike, places: int | None) -> NDArray[np.int64]:
        numbers = np.atleast_1d(np.asarray(who, dtype=np.int64))
        faults = [
            Fault("who", f"give numbers from 0 to {self.capacity - 1}", value=int(n))
            for n in numbers[(numbers < 0) | (numbers >= self.capacity)][:20]
        ]
        if len(np.unique(numbers)) != len(numbers):
            faults.append(Fault("who", "name each responder once"))
        if places is not None and places != len(numbers):
            faults.append(Fault("to", f"give {len(numbers)} places", value=places))
        if faults:
            raise InvalidInputError("Some responders cannot be moved.", faults)
        return numbers

    def _edges(self, edge: ArrayLike, ms: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        edges = np.atleast_1d(np.asarray(edge, dtype=np.int64))
        times = np.asarray(ms, dtype=np.int64).reshape(-1, 2)
        faults = []
        if ((edges < 0) | (edges >= len(self._edge_ms))).any() or len(np.unique(edges)) != len(edges):
            faults.append(Fault("edge", "give the index of an edge of this graph, each once"))
        if len(times) != len(edges):
            faults.append(Fault("ms", f"give a pair of times for each of {len(edges)} edges"))
        elif not (((times >= 1) & (times <= LONGEST_MS)) | (times == -1)).all():
            faults.append(Fault("ms", f"give 1 to {LONGEST_MS} ms, or -1 for closed"))
        if faults:
            raise InvalidInputError("The streets cannot be changed like that.", faults)
        return edges, times
