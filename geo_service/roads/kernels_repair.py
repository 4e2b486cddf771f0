"""Compiled kernels that repair labels after a change instead of searching anew.

What a change may have spoilt is found by following *tight* arcs, those by which a label was won, from where
the change is; it is forgotten, offered again by what stands around it, and settled by Dijkstra's algorithm.
As every arc takes at least 1 ms, all labels of a time are final before the first of them is handed on, so
the heap need not know owners: ``time_ms * 2**32 + node`` orders it.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.kernels import NONE
from geo_service.roads.kernels_fleet import _drop_top, _push

CLOSED = 2**31 - 1
"""Time of an arc that may not be travelled."""


@compiled
def _forget(
    v: Whole, label: NDArray[np.int64], spoilt: NDArray[np.int32], was: NDArray[np.int64], count: Whole
) -> Whole:
    """Note a node as spoilt with the label that it had; return the new count."""
    spoilt[count], was[count] = v, label[v]
    label[v] = NONE
    return count + 1


@compiled
def _follow_tight(
    begin: Whole,
    count: Whole,
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    label: NDArray[np.int64],
    spoilt: NDArray[np.int32],
    was: NDArray[np.int64],
) -> Whole:
    """Forget all that hangs by tight arcs on the nodes forgotten from ``begin`` on; return the new count."""
    at = begin
    while at < count:
        v, mine = spoilt[at], was[at]
        at += 1
        for e in range(ptr[v], ptr[v + 1]):
            u = arc[e, 0]
            if label[u] != NONE and arc[e, 1] != CLOSED and label[u] == mine + (np.int64(arc[e, 1]) << 32):
                count = _forget(u, label, spoilt, was, count)
    return count


@compiled
def forget_responders(
    who: NDArray[np.int64],
    slot_node: NDArray[np.int32],
    slot_ms: NDArray[np.int32],
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    label: NDArray[np.int64],
    spoilt: NDArray[np.int32],
    was: NDArray[np.int64],
    count: Whole,
) -> Whole:
    """Forget every label that the responders' slots have won, with all that hangs on them."""
    begin = count
    for i in range(who.size):
        for side in range(2):
            slot = 2 * who[i] + side
            v = slot_node[slot]
            if v >= 0 and label[v] == (np.int64(slot_ms[slot]) << 32 | who[i]):
                count = _forget(v, label, spoilt, was, count)
    return _follow_tight(begin, count, ptr, arc, label, spoilt, was)


@compiled
def forget_arcs(
    slot: NDArray[np.int64],
    new_ms: NDArray[np.int32],
    tail: NDArray[np.int32],
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    label: NDArray[np.int64],
    spoilt: NDArray[np.int32],
    was: NDArray[np.int64],
    count: Whole,
) -> Whole:
    """Forget every label won by an arc that is to become slower; arcs still have their old times."""
    begin = count
    for i in range(slot.size):
        e = slot[i]
        old = arc[e, 1]
        if new_ms[i] <= old or old == CLOSED:
            continue
        head = arc[e, 0]
        mine = label[tail[i]]
        if label[head] != NONE and mine != NONE and label[head] == mine + (np.int64(old) << 32):
            count = _forget(head, label, spoilt, was, count)
    # a tail that was forgotten in the loop hid its head there; it comes to light here
    return _follow_tight(begin, count, ptr, arc, label, spoilt, was)


@compiled
def _offer(
    v: Whole,
    offer: Whole,
    beyond: Whole,
    label: NDArray[np.int64],
    heap: NDArray[np.int64],
    size: Whole,
) -> Whole:
    """Lower a node's label if the offer is smaller, and queue it; return the heap's new size."""
    if offer < label[v] and offer < beyond:
        label[v] = offer
        return _push(heap, size, (offer >> 32) << 32 | v)
    return size


@compiled
def settle(
    count: Whole,
    spoilt: NDArray[np.int32],
    who: NDArray[np.int64],
    lowered_tail: NDArray[np.int32],
    lowered_slot: NDArray[np.int64],
    bound_ms: Whole,
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    in_ptr: NDArray[np.int32],
    in_arc: NDArray[np.int32],
    first: NDArray[np.int32],
    slot_node: NDArray[np.int32],
    slot_ms: NDArray[np.int32],
    slot_next: NDArray[np.int32],
    label: NDArray[np.int64],
    heap: NDArray[np.int64],
    touched: NDArray[np.int32],
) -> Whole:
    """Fill the forgotten labels again and hand on what became smaller; return how many nodes were touched.

    ``who`` are responders newly placed, ``lowered_slot`` arcs that became faster. ``touched`` takes the
    nodes whose label may differ now, some of them more than once.
    """
    beyond = np.int64(bound_ms + 1) << 32
    size: Whole = 0
    n: Whole = 0
    for i in range(count):
        v = spoilt[i]
        touched[n] = v
        n += 1
        best: Whole = NONE
        for e in range(in_ptr[v], in_ptr[v + 1]):
            theirs = label[in_arc[e, 0]]
            if theirs != NONE and in_arc[e, 1] != CLOSED:
                offer = theirs + (np.int64(in_arc[e, 1]) << 32)
                best = min(best, offer)
        slot = np.int64(first[v])
        while slot >= 0:
            offer = np.int64(slot_ms[slot]) << 32 | slot >> 1
            best = min(best, offer)
            slot = np.int64(slot_next[slot])
        size = _offer(v, best, beyond, label, heap, size)
    for i in range(who.size):
        for side in range(2):
            slot = 2 * who[i] + side
            if slot_node[slot] >= 0:
                offer = np.int64(slot_ms[slot]) << 32 | who[i]
                size = _offer(slot_node[slot], offer, beyond, label, heap, size)
    for i in range(lowered_slot.size):
        e, mine = lowered_slot[i], label[lowered_tail[i]]
        if mine != NONE and arc[e, 1] != CLOSED:
            size = _offer(arc[e, 0], mine + (np.int64(arc[e, 1]) << 32), beyond, label, heap, size)
    while size > 0:
        now, v = heap[0] >> 32, heap[0] & 0xFFFFFFFF
        size = _drop_top(heap, size)
        if now > label[v] >> 32:
            continue
        touched[n] = v
        n += 1
        for e in range(ptr[v], ptr[v + 1]):
            if arc[e, 1] != CLOSED:
                offer = label[v] + (np.int64(arc[e, 1]) << 32)
                size = _offer(arc[e, 0], offer, beyond, label, heap, size)
    return n
