"""Compiled kernels for speeds that change by the hour of the week.

An edge holds *work*: the ms that it takes at full speed. An hour's rate says how much of it is done in a ms,
in thousandths. Who is on an edge when the hour changes goes on at the new rate, so whoever sets out later
never arrives earlier (FIFO: Ichoua, Gendreau, Potvin 2003). All in whole numbers: the same on every machine.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.kernels import NONE, NOT_QUEUED, _holds, _make_due, _pop, insert_label

HOUR_MS = 3_600_000
HOURS = 168


@compiled
def duration_ms(work_ms: Whole, rate: NDArray[np.int64], at_ms: Whole) -> Whole:
    """Time for some work begun at a moment (ms since Monday 00:00), rates (168,) in thousandths."""
    left = np.int64(work_ms) * 1000
    now = np.int64(at_ms)
    while True:
        hour = now // HOUR_MS
        pace = rate[hour % HOURS]
        end = (hour + 1) * HOUR_MS
        possible = (end - now) * pace
        if left <= possible:
            spent: np.int64 = now + (left + pace // 2) // pace - np.int64(at_ms)
            return spent
        left -= possible
        now = end


@compiled
def durations_ms(
    work_ms: NDArray[np.int64], group: NDArray[np.int16], rate: NDArray[np.int64], at_ms: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Do that for many pieces of work, each with its row of ``rate`` (groups, 168)."""
    out = np.empty(work_ms.size, np.int64)
    for i in range(work_ms.size):
        out[i] = duration_ms(work_ms[i], rate[group[i]], at_ms[i])
    return out


@compiled
def k_nearest_labels(
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    arc_group: NDArray[np.int16],
    rate: NDArray[np.int64],
    start_ms: Whole,
    seed_node: NDArray[np.int32],
    seed_label: NDArray[np.int64],
    k: Whole,
    bound_ms: Whole,
    ring: Whole,
    shift: Whole,
) -> NDArray[np.int64]:
    """Return the ``k`` smallest labels of different owners at each node, (n, k), for a start at ``start_ms``.

    As ``kernels.k_nearest_labels``, but an arc takes what it takes at the time it is come to. ``ring`` spans
    the longest arc at its slowest. Empty places hold the largest int64.
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
                if mine == NONE or mine == passed_on[v, j] or _holds(passed_on[v], mine):
                    continue
                if mine >> to_bucket > now:
                    later = min(later, mine >> to_bucket)
                    continue
                for e in range(ptr[v], ptr[v + 1]):
                    u = arc[e, 0]
                    ms = max(1, duration_ms(arc[e, 1], rate[arc_group[e]], start_ms + (mine >> 32)))
                    offer = mine + (np.int64(ms) << 32)
                    if offer < beyond and offer < best[u, k - 1] and insert_label(best[u], offer) >= 0:
                        queued += _make_due(u, offer >> to_bucket, due, mask, bucket, behind, before)
            for j in range(k):
                mine = best[v, j]
                passed_on[v, j] = mine if mine >> to_bucket <= now else NONE
            if later != NONE:
                queued += _make_due(v, later, due, mask, bucket, behind, before)
        now += 1
    return best


@compiled
def labels_at(
    door_node: NDArray[np.int32],
    door_work_ms: NDArray[np.int64],
    door_group: NDArray[np.int16],
    walk_ms: NDArray[np.int32],
    rate: NDArray[np.int64],
    start_ms: Whole,
    node_label: NDArray[np.int64],
    met_point: NDArray[np.int64],
    met_label: NDArray[np.int64],
    bound_ms: Whole,
    out: NDArray[np.int64],
) -> None:
    """Write the smallest labels of different owners at demand points into ``out`` (m, k).

    As ``kernels_demand.labels_at``: the rest of the edge at the rate of its hour, then the walk.
    """
    beyond = np.int64(bound_ms + 1) << 32
    for p in range(out.shape[0]):
        out[p, :] = NONE
        for side in range(2):
            v = door_node[p, side]
            if v < 0:
                continue
            for j in range(node_label.shape[1]):
                mine = node_label[v, j]
                if mine == NONE:
                    break
                ms = duration_ms(door_work_ms[p, side], rate[door_group[p]], start_ms + (mine >> 32))
                offer = mine + (np.int64(ms + walk_ms[p]) << 32)
                if offer < beyond:
                    insert_label(out[p], offer)
    for i in range(met_point.size):
        if met_label[i] < beyond:
            insert_label(out[met_point[i]], met_label[i])
