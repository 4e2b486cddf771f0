"""Compiled kernels from times at nodes to times at demand points, and from these to figures of cells."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.kernels import NONE, insert_label


@compiled
def labels_at(
    point: NDArray[np.int64],
    door_node: NDArray[np.int32],
    door_ms: NDArray[np.int32],
    node_label: NDArray[np.int64],
    met_point: NDArray[np.int64],
    met_label: NDArray[np.int64],
    bound_ms: Whole,
    out: NDArray[np.int64],
) -> None:
    """Write the smallest labels of different owners at some points into their rows of ``out`` (m, k).

    ``door_node``, ``door_ms`` (m, 2): by which nodes each point is reached, and what remains from there;
    ``node_label`` (n, j) the labels there; ``met`` those who stand on a point's own edge. Empty places hold
    the largest int64.
    """
    beyond = np.int64(bound_ms + 1) << 32
    j = node_label.shape[1]
    for i in range(point.size):
        p = point[i]
        out[p, :] = NONE
        for side in range(2):
            v = door_node[p, side]
            if v < 0:
                continue
            rest = np.int64(door_ms[p, side]) << 32
            for r in range(j):
                if node_label[v, r] == NONE:
                    break
                offer = node_label[v, r] + rest
                if offer >= beyond:
                    break
                insert_label(out[p], offer)
    for i in range(met_point.size):
        if met_label[i] < beyond:
            insert_label(out[met_point[i]], met_label[i])


@compiled
def nearest_at(
    point: NDArray[np.int64],
    door_node: NDArray[np.int32],
    door_ms: NDArray[np.int32],
    node_label: NDArray[np.int64],
    met_point: NDArray[np.int64],
    met_label: NDArray[np.int64],
    bound_ms: Whole,
    out: NDArray[np.int64],
) -> None:
    """Do the same with one label for each node and point: ``node_label`` (n,), ``out`` (m,)."""
    beyond = np.int64(bound_ms + 1) << 32
    for i in range(point.size):
        p = point[i]
        best = NONE
        for side in range(2):
            v = door_node[p, side]
            if v >= 0 and node_label[v] != NONE:
                offer = node_label[v] + (np.int64(door_ms[p, side]) << 32)
                if offer < best and offer < beyond:
                    best = offer
        out[p] = best
    for i in range(met_point.size):
        if met_label[i] < beyond and met_label[i] < out[met_point[i]]:
            out[met_point[i]] = met_label[i]


@compiled
def medians_ms(
    cells: NDArray[np.int64],
    ptr: NDArray[np.int64],
    point: NDArray[np.int64],
    weight: NDArray[np.float64],
    label: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Write the weighted median time of some cells into ``out``; NaN where half of the weight is unreached.

    ``point[ptr[c]:ptr[c + 1]]`` are the points of cell ``c``.
    """
    for i in range(cells.size):
        c = cells[i]
        out[c] = np.nan
        begin, end = ptr[c], ptr[c + 1]
        if begin == end:
            continue
        time = np.empty(end - begin, np.int64)
        total = 0.0
        for at in range(begin, end):
            p = point[at]
            time[at - begin] = label[p] >> 32
            total += weight[p]
        if total <= 0.0:
            continue
        run = 0.0
        for at in np.argsort(time, kind="mergesort"):
            run += weight[point[begin + at]]
            # a hair of slack: sums of the same weights in another order differ in the last bits
            if weight[point[begin + at]] > 0.0 and run * (1 + 1e-12) >= total / 2:
                if time[at] < NONE >> 32:
                    out[c] = time[at]
                break


@compiled
def sums_within(
    ptr: NDArray[np.int64],
    point: NDArray[np.int64],
    weight: NDArray[np.float64],
    label: NDArray[np.int64],
    limit_ms: Whole,
    out: NDArray[np.float64],
) -> None:
    """Sum each cell's weight that is reached by at least 1, 2 … k within the limit into ``out`` (cells, k).

    Weights are added in the order of ``point``: the same answer to the last bit, whoever asks.
    """
    k = out.shape[1]
    beyond = np.int64(limit_ms + 1) << 32
    for c in range(ptr.size - 1):
        for j in range(k):
            out[c, j] = 0.0
        for at in range(ptr[c], ptr[c + 1]):
            p = point[at]
            for j in range(k):
                if label[p, j] >= beyond:
                    break
                out[c, j] += weight[p]
