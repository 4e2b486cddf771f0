"""The nearest border of a point, found in the tree of rasters: how far, where, and who is on the other side.

In each node the search looks at the point's own tile, then at the ring of tiles around it, and so on, until a
ring lies farther away than what has been found. Distances are in metres on a plane that is true to scale at a
latitude given for each point; the caller makes them exact (:mod:`.policy`).

Compiled as :mod:`.kernel` is. Without numba the same functions run uncompiled: right, at about a millisecond
a point.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geo_service.locate.kernel import compile_cached, inner, numba, tree_types

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
NO_CELL = -1
MAX_DEPTH = 40  # each level of nodes is at least one bit finer, of 33
SAME = (
    1.0 + 1e-9
)  # squared distances this close are one place: a vertex, or segments that run along each other


@inner
def _to_segments(
    at: I64, own: int, scale: F64, first: int, last: int, refs: I32, segs: I32, best: F64
) -> None:
    """Compare the segments of one tile with the best so far: squared metres, x, y, cell on the other side."""
    for r in range(first, last):
        s = refs[r]
        dx, dy = np.int64(segs[s, 2]) - segs[s, 0], np.int64(segs[s, 3]) - segs[s, 1]
        px, py = at[0] - segs[s, 0], at[1] - segs[s, 1]
        length2 = (dx * scale[0]) ** 2 + (dy * scale[1]) ** 2
        along = (px * scale[0] * dx * scale[0] + py * scale[1] * dy * scale[1]) / length2
        if 0.0 < along < 1.0:
            across = np.float64(dx * py - dy * px) * scale[0] * scale[1]  # exactly 0 on the segment
            found = across * across / length2
        else:
            along = 0.0 if along <= 0.0 else 1.0
            found = ((px - along * dx) * scale[0]) ** 2 + ((py - along * dy) * scale[1]) ** 2
        if found > best[0] * SAME:
            continue
        if found * SAME < best[0]:
            best[3] = NO_CELL
        if found < best[0]:
            best[0] = found
            best[1], best[2] = segs[s, 0] + along * dx, segs[s, 1] + along * dy
        for side in range(4, 6):
            cell = segs[s, side]
            if cell >= 0 and cell != own and (best[3] < 0 or cell < best[3]):
                best[3] = cell


@inner
def _gap(low: int, high: int, at: int) -> int:
    """How far a number lies outside an interval."""
    return max(low - at, at - high, 0)


@inner
def _ring_bound(at: I64, scale: F64, low: I64, side: int, n: int, middle: I64, ring: int) -> float:
    """Metres to the nearest tile of a ring; infinite where no tile of the node is on it."""
    bound = np.inf
    for axis in range(2):
        first, last = middle[axis] - ring, middle[axis] + ring
        if first >= 0:
            gap = _gap(low[axis], low[axis] + (first + 1) * side, at[axis])
            bound = min(bound, gap * scale[axis])
        if last < n:
            gap = _gap(low[axis] + last * side, low[axis] + n * side, at[axis])
            bound = min(bound, gap * scale[axis])
    return bound


@inner
def _step_on_ring(ring: int, step: int) -> tuple[int, int]:
    """Column and row, from the middle, of one of the ``max(1, 8 * ring)`` tiles of a ring."""
    if ring == 0:
        return 0, 0
    quarter, rest = step // (2 * ring), step % (2 * ring) - ring
    if quarter == 0:
        return rest, -ring
    if quarter == 1:
        return ring, rest
    if quarter == 2:
        return -rest, ring
    return -ring, -rest


@inner
def _search_tree(
    at: I64,
    own: int,
    scale: F64,
    nodes: I64,
    tiles: I32,
    entries: I32,
    refs: I32,
    segs: I32,
    best: F64,
    open_: I64,
) -> None:
    """Search the open node (the root, at first) and, as soon as they are met, the nodes within it.

    A row of ``open_`` is a node that is being searched: its number, lower left corner, middle column and row,
    ring, and the next step on the ring. (Written as a loop: numba cannot cache a recursive function.)
    """
    depth = 0
    while depth >= 0:
        node = open_[depth]
        first, shift, n = nodes[node[0], 0], nodes[node[0], 1], np.int64(1) << nodes[node[0], 2]
        side = np.int64(1) << shift
        if node[6] == 0:
            bound = _ring_bound(at, scale, node[1:3], side, n, node[3:5], node[5])
            if bound * bound > best[0] * SAME or node[5] >= n:
                depth -= 1
                continue
        inwards = False
        while node[6] < max(1, 8 * node[5]) and not inwards:
            column, row = _step_on_ring(node[5], node[6])
            node[6] += 1
            i, j = node[3] + column, node[4] + row
            if i < 0 or j < 0 or i >= n or j >= n:
                continue
            code = np.int64(tiles[first + j * n + i])
            if code >= NO_CELL:
                continue
            west, south = node[1] + i * side, node[2] + j * side
            far = (_gap(west, west + side, at[0]) * scale[0]) ** 2
            far += (_gap(south, south + side, at[1]) * scale[1]) ** 2
            if far > best[0] * SAME:
                continue
            number = (-2 - code) >> 1
            if (code & 1) == 0:
                _to_segments(at, own, scale, entries[number, 0], entries[number + 1, 0], refs, segs, best)
            else:
                depth += 1
                _open(open_[depth], number, west, south, at, nodes)
                inwards = True
        if not inwards:
            node[5] += 1
            node[6] = 0


@inner
def _open(node: I64, number: int, west: int, south: int, at: I64, nodes: I64) -> None:
    """Begin the search of a node at the tile nearest to the point."""
    shift, last = nodes[number, 1], (np.int64(1) << nodes[number, 2]) - 1
    node[0], node[1], node[2] = number, west, south
    node[3] = min(max((at[0] - west) >> shift, 0), last)
    node[4] = min(max((at[1] - south) >> shift, 0), last)
    node[5], node[6] = 0, 0


def _nearest_all(
    ij: I64,
    own: I32,
    metres_per_unit: F64,
    out: F64,
    origin: I64,
    nodes: I64,
    tiles: I32,
    entries: I32,
    refs: I32,
    segs: I32,
) -> None:
    open_ = np.empty((MAX_DEPTH, 7), np.int64)
    for k in range(len(ij)):
        out[k, 0], out[k, 3] = np.inf, NO_CELL
        _open(open_[0], 0, origin[0], origin[1], ij[k], nodes)
        _search_tree(ij[k], own[k], metres_per_unit[k], nodes, tiles, entries, refs, segs, out[k], open_)


@lru_cache(maxsize=1)
def nearest_kernel() -> Callable[..., None]:
    """Compile the search, or load it: ``nearest(ij, own, metres_per_unit, out, *tree)``.

    For each lattice point: its own cell (-1 = none) and metres per unit eastwards and northwards go in; squared
    metres to the nearest border, that place (x, y in lattice units), and the smallest other cell there come out
    as the four columns of ``out``.
    """
    if numba is None:
        return _nearest_all
    nb = numba.types
    points = (nb.int64[:, ::1], nb.int32[::1], nb.float64[:, ::1], nb.float64[:, ::1])
    return compile_cached(_nearest_all, nb.void(*points, *tree_types()))
