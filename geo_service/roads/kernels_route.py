"""Compiled kernel for one way: backwards from a place until certain nodes are settled, keeping the arcs."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.kernels_fleet import _drop_top, _push


@compiled
def search_back(
    goal_node: NDArray[np.int32],
    goal_ms: NDArray[np.int32],
    wanted: NDArray[np.int32],
    bound_ms: Whole,
    in_ptr: NDArray[np.int32],
    in_arc: NDArray[np.int32],
    in_slot: NDArray[np.int32],
    to_goal: NDArray[np.int32],
    next_arc: NDArray[np.int32],
    heap: NDArray[np.int64],
) -> None:
    """Fill ``to_goal`` (ms, by node) and ``next_arc`` (outgoing arc to take, -1 at the goal's edge).

    Final for the nodes ``wanted``; ends when these are settled, or nothing is left within the bound.
    """
    size: Whole = 0
    for side in range(goal_node.size):
        v = goal_node[side]
        if v >= 0 and goal_ms[side] <= bound_ms and goal_ms[side] < to_goal[v]:
            to_goal[v] = goal_ms[side]
            size = _push(heap, size, np.int64(goal_ms[side]) << 32 | v)
    while size > 0:
        now, x = heap[0] >> 32, heap[0] & 0xFFFFFFFF
        size = _drop_top(heap, size)
        if now > to_goal[x]:
            continue
        farthest = np.int64(-1)
        for i in range(wanted.size):
            if wanted[i] >= 0:
                farthest = max(farthest, np.int64(to_goal[wanted[i]]))
        if now > farthest:
            break
        for e in range(in_ptr[x], in_ptr[x + 1]):
            y, ms = in_arc[e, 0], now + in_arc[e, 1]
            if ms <= bound_ms and ms < to_goal[y]:
                to_goal[y] = ms
                next_arc[y] = in_slot[e]
                size = _push(heap, size, ms << 32 | np.int64(y))
