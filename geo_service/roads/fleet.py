"""Responders on the move, and who of them is nearest to a place by the time to get *there*."""

from threading import Lock

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import kernels_fleet, plain
from geo_service.roads.compiled import HAVE_NUMBA
from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.kernels import NONE
from geo_service.roads.positions import along_ms, leaving, reaching
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import LOW_WORD, MOST_K, bound_or_longest


class Fleet:
    """Up to ``capacity`` responders, numbered from 0, each somewhere on the street or nowhere.

    Safe to use from several threads: a lock lets one call in at a time. A call takes microseconds (moving,
    searching among many) to a few milliseconds (searching a whole city in vain).

    Parameters
    ----------
    graph : RoadGraph
        Of the mode in which they travel.
    capacity : int
        Responders are numbered from 0 to ``capacity - 1``.
    """

    def __init__(self, graph: RoadGraph, capacity: int) -> None:
        if not 0 < capacity < 2**30:
            raise InvalidInputError(
                "A fleet needs room for at least one responder.",
                [Fault("capacity", "give a whole number above 0", value=capacity)],
            )
        self.graph = graph
        self.capacity = int(capacity)
        self._lock = Lock()
        self._edge = np.full(capacity, -1, np.int32)
        self._fraction = np.zeros(capacity)
        self._access_ms = np.zeros(capacity, np.int32)
        self._first = np.full(graph.n_nodes, -1, np.int32)
        self._slot_node = np.full(2 * capacity, -1, np.int32)
        self._slot_ms = np.zeros(2 * capacity, np.int32)
        self._slot_next = np.full(2 * capacity, -1, np.int32)
        self._slot_prev = np.full(2 * capacity, -1, np.int32)
        self._all = np.ones(capacity, np.bool_)
        self._ms_to_place = np.full(graph.n_nodes, UNREACHED, np.int32)
        self._touched = np.empty(graph.n_nodes, np.int32)
        self._heap = np.empty(graph.n_arcs + 4, np.int64)

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Which responders are on the street."""
        return self._edge >= 0

    def move(self, who: ArrayLike, to: Snaps) -> None:
        """Put responders where they are now; those whose place is not snapped are nowhere.

        Parameters
        ----------
        who : (k,) int
            Their numbers, each once.
        to : Snaps
            Their places, in the same order.

        Raises
        ------
        InvalidInputError
            When a number is out of range or there twice, or the counts differ. Nobody is moved then.
        """
        numbers = self._numbers(who)
        if len(numbers) != len(to):
            raise InvalidInputError(
                "Each responder needs one place.",
                [Fault("to", f"give {len(numbers)} places", value=len(to))],
            )
        node, ms = leaving(self.graph, to)
        usable = (to.edge >= 0) & self.graph.edge_usable[np.maximum(to.edge, 0)]
        with self._lock:
            self._edge[numbers] = np.where(usable, to.edge, -1)
            self._fraction[numbers], self._access_ms[numbers] = to.fraction, to.access_ms
            self._place(numbers, node, ms)

    def remove(self, who: ArrayLike) -> None:
        """Take responders off the street.

        Raises
        ------
        InvalidInputError
            When a number is out of range or there twice.
        """
        numbers = self._numbers(who)
        nowhere = np.full((len(numbers), 2), -1, np.int32)
        with self._lock:
            self._edge[numbers] = -1
            self._place(numbers, nowhere, nowhere)

    def nearest(
        self,
        place: Snaps,
        k: int,
        *,
        bound_ms: int | None = None,
        available: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Find the ``k`` responders who can be at a place soonest.

        One-way streets count in the direction of travel, from the responder to the place. Both walks, from
        the responder to the street and from the street to the place, are contained in the time.

        Parameters
        ----------
        place : Snaps
            One place.
        k : int
            At most so many, 1 to 64.
        bound_ms : int, optional
            Who needs longer is left out.
        available : (capacity,) bool, optional
            Who may be sent; all by default.

        Returns
        -------
        who : (m,) int64
            Their numbers, m ≤ k, soonest first, at equal time the smaller number first.
        time_ms : (m,) int32
            What they need.

        Raises
        ------
        InvalidInputError
            When there is not exactly one place, or ``k``, the bound or the mask is out of range.
        """
        mask = self._check(place, k, available)
        bound = bound_or_longest(bound_ms)
        if place.edge[0] < 0:
            return np.empty(0, np.int64), np.empty(0, np.int32)
        if not HAVE_NUMBA:  # pragma: no cover - the same method is tested directly
            return self.nearest_plain(place, k, bound, mask)
        with self._lock:
            label = kernels_fleet.k_nearest(
                int(place.edge[0]),
                float(place.fraction[0]),
                int(place.access_ms[0]),
                int(k),
                bound,
                mask,
                self.graph.edge_node,
                self.graph.edge_ms,
                self.graph.in_ptr,
                self.graph.in_arc,
                self._edge,
                self._fraction,
                self._access_ms,
                self._first,
                self._slot_ms,
                self._slot_next,
                self._ms_to_place,
                self._touched,
                self._heap,
            )
        label = label[label < NONE]
        return label & LOW_WORD, (label >> 32).astype(np.int32)

    def nearest_plain(
        self, place: Snaps, k: int, bound_ms: int, available: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Answer as :meth:`nearest`, with scipy: the way without numba, and the second opinion in tests."""
        graph = self.graph
        node, ms = reaching(graph, place)
        seed = ms[node >= 0].astype(np.int64) << 32
        order = np.argsort(seed, kind="stable")
        with self._lock:
            to_place = plain.nearest_labels(
                graph.in_ptr, graph.in_arc, node[node >= 0][order], seed[order], bound_ms
            )
            slots = np.flatnonzero(self._slot_node >= 0)
            here = to_place[self._slot_node[slots]]
            slots, here = slots[here >= 0], here[here >= 0]
            by_node = ((here >> 32) + self._slot_ms[slots]) << 32 | slots >> 1
            who = np.flatnonzero(self._edge == place.edge[0])
            target = np.full(len(who), place.fraction[0])
            along = along_ms(graph, self._edge[who], self._fraction[who], target)
            total = along + self._access_ms[who] + int(place.access_ms[0])
        label = np.concatenate([by_node, (total << 32 | who)[along < UNREACHED]])
        label = np.sort(label[(label >> 32 <= bound_ms) & available[label & LOW_WORD]])
        _, first = np.unique(label & LOW_WORD, return_index=True)
        label = np.sort(label[first])[:k]
        return label & LOW_WORD, (label >> 32).astype(np.int32)

    def _place(self, who: NDArray[np.int64], node: NDArray[np.int32], ms: NDArray[np.int32]) -> None:
        """Hang responders into the lists of the nodes by which they can leave."""
        kernels_fleet.place_many(
            who, node, ms, self._first, self._slot_node, self._slot_ms, self._slot_next, self._slot_prev
        )

    def _numbers(self, who: ArrayLike) -> NDArray[np.int64]:
        """Check responders' numbers."""
        numbers = np.atleast_1d(np.asarray(who, dtype=np.int64))
        outside = numbers[(numbers < 0) | (numbers >= self.capacity)]
        faults = [
            Fault("who", f"give numbers from 0 to {self.capacity - 1}", value=int(n)) for n in outside[:20]
        ]
        if len(np.unique(numbers)) != len(numbers):
            faults.append(Fault("who", "name each responder once"))
        if faults:
            raise InvalidInputError("Some responders are not in this fleet.", faults)
        return numbers

    def _check(self, place: Snaps, k: int, available: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Check what :meth:`nearest` was given; return the mask of who may be sent."""
        faults = []
        if len(place) != 1:
            faults.append(Fault("place", "give exactly one place", value=len(place)))
        if not 1 <= k <= MOST_K:
            faults.append(Fault("k", f"give a whole number from 1 to {MOST_K}", value=k))
        if available is not None and available.shape != (self.capacity,):
            faults.append(Fault("available", f"give one flag for each of {self.capacity} responders"))
        if faults:
            raise InvalidInputError("The question to the fleet is not in order.", faults)
        return self._all if available is None else np.ascontiguousarray(available, dtype=np.bool_)


def nearest(
    fleet: Fleet,
    place: Snaps,
    k: int,
    *,
    bound_ms: int | None = None,
    available: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Find the ``k`` responders of a fleet who can be at a place soonest; see :meth:`Fleet.nearest`."""
    return fleet.nearest(place, k, bound_ms=bound_ms, available=available)
