"""Compiled kernels for responders on the move: where each leaves the street, and who is nearest to a place.

Each responder has two slots, ``2 r`` and ``2 r + 1``: one for either end of the edge it stands on. A slot
that is open hangs in the list of its node with the time the responder needs to come there. A search
backwards from a place reads one list for each node it settles, and nothing for each arc.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0917

import math

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.kernels import NONE, insert_label

UNREACHED = 2**31 - 1


@compiled
def _unhang(
    slot: Whole,
    first: NDArray[np.int32],
    slot_node: NDArray[np.int32],
    slot_next: NDArray[np.int32],
    slot_prev: NDArray[np.int32],
) -> None:
    """Take a slot out of its node's list."""
    node = slot_node[slot]
    if node < 0:
        return
    before, behind = slot_prev[slot], slot_next[slot]
    if before >= 0:
        slot_next[before] = behind
    else:
        first[node] = behind
    if behind >= 0:
        slot_prev[behind] = before
    slot_node[slot] = -1


@compiled
def place_many(
    who: NDArray[np.int64],
    node: NDArray[np.int32],
    ms: NDArray[np.int32],
    first: NDArray[np.int32],
    slot_node: NDArray[np.int32],
    slot_ms: NDArray[np.int32],
    slot_next: NDArray[np.int32],
    slot_prev: NDArray[np.int32],
) -> None:
    """Move responders: ``node`` and ``ms`` (k, 2) are the ends they can leave by, -1 for none."""
    for i in range(who.size):
        for side in range(2):
            slot = 2 * who[i] + side
            _unhang(slot, first, slot_node, slot_next, slot_prev)
            v = node[i, side]
            if v < 0:
                continue
            slot_node[slot], slot_ms[slot] = v, ms[i, side]
            slot_prev[slot], slot_next[slot] = -1, first[v]
            if first[v] >= 0:
                slot_prev[first[v]] = slot
            first[v] = slot


@compiled
def _push(heap: NDArray[np.int64], size: Whole, key: Whole) -> Whole:
    """Put a key into a heap of four children each; return its new size."""
    i = size
    while i > 0:
        parent = (i - 1) >> 2
        if heap[parent] <= key:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = key
    return size + 1


@compiled
def _drop_top(heap: NDArray[np.int64], size: Whole) -> Whole:
    """Take the least key out of the heap; return its new size."""
    size -= 1
    if size == 0:
        return 0
    key, i = heap[size], 0
    while True:
        child = 4 * i + 1
        if child >= size:
            break
        for other in range(child + 1, min(child + 4, size)):
            if heap[other] < heap[child]:
                child = other
        if heap[child] >= key:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = key
    return size


@compiled
def _part(ms: Whole, share: float) -> Whole:
    """Return the share of a time, rounded half up, as ``positions`` does for arrays."""
    return math.floor(ms * share + 0.5)


@compiled
def _along(forward: Whole, back: Whole, start: float, stop: float) -> Whole:
    """Time from one place to another on the same edge; :data:`UNREACHED` where the way is not open."""
    if start == stop:
        return 0
    if stop > start:
        return _part(forward, stop - start) if forward >= 0 else UNREACHED
    return _part(back, start - stop) if back >= 0 else UNREACHED


@compiled
def _from_own_edge(
    edge: Whole,
    fraction: float,
    access_ms: Whole,
    edge_node: NDArray[np.int32],
    edge_ms: NDArray[np.int32],
    bound_ms: Whole,
    available: NDArray[np.bool_],
    at_edge: NDArray[np.int32],
    at_fraction: NDArray[np.float64],
    at_access_ms: NDArray[np.int32],
    first: NDArray[np.int32],
    slot_next: NDArray[np.int32],
    best: NDArray[np.int64],
) -> None:
    """Enter the responders who come along the place's own edge: each hangs at one of its ends at least."""
    for side in range(2):
        slot = np.int64(first[edge_node[edge, side]])
        while slot >= 0:
            who = slot >> 1
            if at_edge[who] == edge and available[who]:
                ms = _along(edge_ms[edge, 0], edge_ms[edge, 1], at_fraction[who], fraction)
                total = np.int64(ms) + at_access_ms[who] + access_ms
                if ms < UNREACHED and total <= bound_ms:
                    insert_label(best, total << 32 | who)
            slot = np.int64(slot_next[slot])


@compiled
def k_nearest(
    edge: Whole,
    fraction: float,
    access_ms: Whole,
    k: Whole,
    bound_ms: Whole,
    available: NDArray[np.bool_],
    edge_node: NDArray[np.int32],
    edge_ms: NDArray[np.int32],
    in_ptr: NDArray[np.int32],
    in_arc: NDArray[np.int32],
    at_edge: NDArray[np.int32],
    at_fraction: NDArray[np.float64],
    at_access_ms: NDArray[np.int32],
    first: NDArray[np.int32],
    slot_ms: NDArray[np.int32],
    slot_next: NDArray[np.int32],
    ms_to_place: NDArray[np.int32],
    touched: NDArray[np.int32],
    heap: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the ``k`` smallest labels (``ms * 2**32 + responder``) by time *to* a place, ascending.

    Dijkstra's algorithm backwards from the ends by which the place can be reached, until nothing nearer can
    come. ``ms_to_place`` is :data:`UNREACHED` everywhere on entry and again on return.
    """
    best = np.full(k, NONE, np.int64)
    forward, back = edge_ms[edge, 0], edge_ms[edge, 1]
    if forward < 0 and back < 0:
        return best
    _from_own_edge(
        edge, fraction, access_ms, edge_node, edge_ms, bound_ms, available,
        at_edge, at_fraction, at_access_ms, first, slot_next, best,
    )  # fmt: skip
    n_touched = 0
    size: Whole = 0
    for side in range(2):
        ms_here, share = (forward, fraction) if side == 0 else (back, 1.0 - fraction)
        if ms_here < 0 and share != 0.0:
            continue
        v = edge_node[edge, side]
        start = _part(max(0, ms_here), share) + access_ms
        if start < ms_to_place[v] and start <= bound_ms:
            if ms_to_place[v] == UNREACHED:
                touched[n_touched] = v
                n_touched += 1
            ms_to_place[v] = start
            size = _push(heap, size, np.int64(start) << 32 | v)
    farthest = np.int64(bound_ms)
    if best[k - 1] >> 32 < farthest:
        farthest = np.int64(best[k - 1] >> 32)
    while size > 0:
        now, x = heap[0] >> 32, heap[0] & 0xFFFFFFFF
        size = _drop_top(heap, size)
        if now > farthest:
            break
        if now > ms_to_place[x]:
            continue
        slot = np.int64(first[x])
        while slot >= 0:
            who = slot >> 1
            ms = now + slot_ms[slot]
            if ms <= farthest and available[who] and insert_label(best, ms << 32 | who) >= 0:
                farthest = min(farthest, np.int64(best[k - 1] >> 32))
            slot = np.int64(slot_next[slot])
        for e in range(in_ptr[x], in_ptr[x + 1]):
            y, ms = in_arc[e, 0], now + in_arc[e, 1]
            if ms <= farthest and ms < ms_to_place[y]:
                if ms_to_place[y] == UNREACHED:
                    touched[n_touched] = y
                    n_touched += 1
                ms_to_place[y] = ms
                size = _push(heap, size, ms << 32 | np.int64(y))
    for i in range(n_touched):
        ms_to_place[touched[i]] = UNREACHED
    return best
