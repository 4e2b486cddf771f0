"""Compiled kernels of the travel-time search.

A label is one int64, ``time_ms * 2**32 + owner``: comparing labels compares time first and owner second, so
ties fall to the smallest owner without a word, and one memory access settles both.

The queue is a ring of buckets ``2**shift`` ms wide; each bucket is a doubly linked list of nodes, a node
being in at most one. Inside a bucket labels may still be corrected, so the answer is exact for any width.
The ring must span the longest arc; the seeds, whose times may lie farther apart, enter when their bucket
comes up.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0915, PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled

NONE = np.iinfo(np.int64).max
NOT_QUEUED = -2


@compiled
def _enqueue(
    v: Whole, slot: Whole, bucket: NDArray[np.int32], behind: NDArray[np.int32], before: NDArray[np.int32]
) -> None:
    """Put a node at the head of a bucket."""
    head = bucket[slot]
    behind[v], before[v] = head, -1
    if head >= 0:
        before[head] = v
    bucket[slot] = v


@compiled
def _dequeue(
    v: Whole, slot: Whole, bucket: NDArray[np.int32], behind: NDArray[np.int32], before: NDArray[np.int32]
) -> None:
    """Take a node out of its bucket."""
    ahead, next_one = before[v], behind[v]
    if ahead >= 0:
        behind[ahead] = next_one
    else:
        bucket[slot] = next_one
    if next_one >= 0:
        before[next_one] = ahead
    before[v] = NOT_QUEUED


@compiled
def _pop(
    slot: Whole, bucket: NDArray[np.int32], behind: NDArray[np.int32], before: NDArray[np.int32]
) -> Whole:
    """Take the first node out of a bucket that has one."""
    v: Whole = bucket[slot]
    next_one = behind[v]
    bucket[slot] = next_one
    if next_one >= 0:
        before[next_one] = -1
    before[v] = NOT_QUEUED
    return v


@compiled
def nearest_labels(
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    seed_node: NDArray[np.int32],
    seed_label: NDArray[np.int64],
    bound_ms: Whole,
    ring: Whole,
    shift: Whole,
) -> NDArray[np.int64]:
    """Smallest label at each node, -1 where none within ``bound_ms``.

    ``ptr`` and ``arc`` are a graph's outgoing arcs; the seeds are sorted by label; ``ring`` is a power of
    two of at least ``(longest arc >> shift) + 2``.
    """
    n = ptr.size - 1
    beyond = np.int64(bound_ms + 1) << 32
    label = np.full(n, beyond, np.int64)
    bucket = np.full(ring, -1, np.int32)
    behind = np.empty(n, np.int32)
    before = np.full(n, NOT_QUEUED, np.int32)
    to_bucket, mask = 32 + shift, ring - 1
    queued, seed, now = 0, 0, np.int64(0)
    while queued > 0 or seed < seed_node.size:
        if queued == 0:
            now = max(now, seed_label[seed] >> to_bucket)
        while seed < seed_node.size and seed_label[seed] >> to_bucket <= now:
            v = seed_node[seed]
            if seed_label[seed] < label[v]:
                if before[v] == NOT_QUEUED:
                    queued += 1
                else:
                    _dequeue(v, (label[v] >> to_bucket) & mask, bucket, behind, before)
                label[v] = seed_label[seed]
                _enqueue(v, now & mask, bucket, behind, before)
            seed += 1
        here = now & mask
        while bucket[here] >= 0:
            v = _pop(here, bucket, behind, before)
            queued -= 1
            mine = label[v]
            for e in range(ptr[v], ptr[v + 1]):
                u = arc[e, 0]
                offer = mine + (np.int64(arc[e, 1]) << 32)
                if offer < label[u]:
                    # _dequeue and _enqueue written out: as calls they take half as long again
                    slot = (offer >> to_bucket) & mask
                    ahead = before[u]
                    if ahead != NOT_QUEUED:
                        next_one = behind[u]
                        if ahead >= 0:
                            behind[ahead] = next_one
                        else:
                            bucket[(label[u] >> to_bucket) & mask] = next_one
                        if next_one >= 0:
                            before[next_one] = ahead
                        queued -= 1
                    label[u] = offer
                    head = bucket[slot]
                    behind[u], before[u] = head, -1
                    if head >= 0:
                        before[head] = u
                    bucket[slot] = u
                    queued += 1
        now += 1
    for v in range(n):
        if label[v] == beyond:
            label[v] = -1
    return label


@compiled
def insert_label(best: NDArray[np.int64], offer: Whole) -> Whole:
    """Put a label into a sorted list of the smallest, one for each owner; return its place or -1.

    Empty places hold the largest int64. The places between the new one and the one that the owner's former
    label (or the last) held have moved on by one.
    """
    k = best.size
    if offer >= best[k - 1]:
        return -1
    owner = offer & 0xFFFFFFFF
    at = k - 1
    for j in range(k):
        if best[j] & 0xFFFFFFFF == owner:
            if best[j] <= offer:
                return -1
            at = j
            break
    while at > 0 and best[at - 1] > offer:
        best[at] = best[at - 1]
        at -= 1
    best[at] = offer
    return at


@compiled
def k_nearest_labels(
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    seed_node: NDArray[np.int32],
    seed_label: NDArray[np.int64],
    k: Whole,
    bound_ms: Whole,
    ring: Whole,
    shift: Whole,
) -> NDArray[np.int64]:
    """Return the ``k`` smallest labels of different owners at each node, (n, k), ascending, -1 where fewer.

    A label that is not among a node's ``k`` smallest cannot be among those of a node behind it, so each is
    dropped as soon as it is pushed out. A node waits in the bucket ``due`` of its first label that has not
    been handed on; labels handed on are remembered in ``passed_on`` (n, k), label by label.
    """
    n = ptr.size - 1
    beyond = np.int64(bound_ms + 1) << 32
    best = np.full((n, k), NONE, np.int64)
    passed_on = np.full((n, k), NONE, np.int64)
    due = np.zeros(n, np.int64)
    bucket = np.full(ring, -1, np.int32)
    behind = np.empty(n, np.int32)
    before = np.full(n, NOT_QUEUED, np.int32)
    to_bucket, mask = 32 + shift, ring - 1
    queued, seed, now = 0, 0, np.int64(0)
    while queued > 0 or seed < seed_node.size:
        if queued == 0:
            now = max(now, seed_label[seed] >> to_bucket)
        while seed < seed_node.size and seed_label[seed] >> to_bucket <= now:
            v, offer = seed_node[seed], seed_label[seed]
            seed += 1
            if offer < beyond and insert_label(best[v], offer) >= 0:
                queued += _make_due(v, now, due, mask, bucket, behind, before)
        here = now & mask
        while bucket[here] >= 0:
            v = _pop(here, bucket, behind, before)
            queued -= 1
            later = NONE
            for j in range(k):
                mine = best[v, j]
                if mine == NONE or mine == passed_on[v, j]:
                    continue
                if _holds(passed_on[v], mine):
                    continue
                if mine >> to_bucket > now:
                    later = min(later, mine >> to_bucket)
                    continue
                for e in range(ptr[v], ptr[v + 1]):
                    u = arc[e, 0]
                    offer = mine + (np.int64(arc[e, 1]) << 32)
                    if offer < beyond and offer < best[u, k - 1] and insert_label(best[u], offer) >= 0:
                        queued += _make_due(u, offer >> to_bucket, due, mask, bucket, behind, before)
            # whatever stands in the list and was due is handed on now
            for j in range(k):
                mine = best[v, j]
                passed_on[v, j] = mine if mine >> to_bucket <= now else NONE
            if later != NONE:
                queued += _make_due(v, later, due, mask, bucket, behind, before)
        now += 1
    for v in range(n):
        for j in range(k):
            if best[v, j] == NONE:
                best[v, j] = -1
    return best


@compiled
def _holds(labels: NDArray[np.int64], label: Whole) -> bool:
    """Whether a label is in a short list."""
    for other in labels:  # noqa: SIM110 - any() over a generator does not compile
        if other == label:
            return True
    return False


@compiled
def _make_due(
    v: Whole,
    time: Whole,
    due: NDArray[np.int64],
    mask: Whole,
    bucket: NDArray[np.int32],
    behind: NDArray[np.int32],
    before: NDArray[np.int32],
) -> Whole:
    """Queue a node for a bucket, or bring it forward; return 1 if it was not queued before."""
    if before[v] == NOT_QUEUED:
        due[v] = time
        _enqueue(v, time & mask, bucket, behind, before)
        return 1
    if time < due[v]:
        _dequeue(v, due[v] & mask, bucket, behind, before)
        due[v] = time
        _enqueue(v, time & mask, bucket, behind, before)
    return 0
