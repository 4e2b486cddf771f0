"""The nearest border of a point, found in the tree of rasters: how far, where, and who is on the other side.

In each node the search looks at the point's own tile, then at the ring of tiles around it, and so on, until a
ring lies farther away than what has been found. Distances are in metres on a plane that is true to scale at a
latitude given for each point; the caller makes them exact (:mod:`.policy`).

Compiled as :mod:`.kernel` is. Without numba the same functions run uncompiled: right, at about a millisecond
a point.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.locate.kernel import compile_cached, inner, numba, read_only

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
NO_CELL = -1
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
            if cell not in (own, NO_CELL) and (best[3] == NO_CELL or cell < best[3]):
                best[3] = cell


@inner
def _gap(low: int, high: int, at: int) -> int:
    """How far a number lies outside an interval."""
    return max(low - at, at - high, 0)


@inner
def _in_node(
    at: I64,
    own: int,
    scale: F64,
    node: int,
    x0: int,
    y0: int,
    nodes: I64,
    tiles: I32,
    entries: I32,
    refs: I32,
    segs: I32,
    best: F64,
) -> None:
    """Search a node whose lower left corner is (x0, y0), from the tile nearest to the point outwards."""
    first, shift, n = nodes[node, 0], nodes[node, 1], np.int64(1) << nodes[node, 2]
    side = np.int64(1) << shift
    middle_i = min(max((at[0] - x0) >> shift, 0), n - 1)
    middle_j = min(max((at[1] - y0) >> shift, 0), n - 1)
    for ring in range(n):
        i0, i1, j0, j1 = middle_i - ring, middle_i + ring, middle_j - ring, middle_j + ring
        bound = np.inf
        if i0 >= 0:
            bound = min(bound, _gap(x0, x0 + (i0 + 1) * side, at[0]) * scale[0])
        if i1 < n:
            bound = min(bound, _gap(x0 + i1 * side, x0 + n * side, at[0]) * scale[0])
        if j0 >= 0:
            bound = min(bound, _gap(y0, y0 + (j0 + 1) * side, at[1]) * scale[1])
        if j1 < n:
            bound = min(bound, _gap(y0 + j1 * side, y0 + n * side, at[1]) * scale[1])
        if bound * bound > best[0] * SAME:
            return
        for j in range(max(j0, 0), min(j1, n - 1) + 1):
            step = 1 if ring == 0 or j in (j0, j1) else 2 * ring  # whole first and last row, else both ends
            for i in range(i0, i1 + 1, step):
                if not 0 <= i < n:
                    continue
                code = np.int64(tiles[first + j * n + i])
                if code >= NO_CELL:
                    continue
                west, south = x0 + i * side, y0 + j * side
                far = (_gap(west, west + side, at[0]) * scale[0]) ** 2
                far += (_gap(south, south + side, at[1]) * scale[1]) ** 2
                if far > best[0] * SAME:
                    continue
                number = (-2 - code) >> 1
                if (code & 1) == 1:
                    _in_node(at, own, scale, number, west, south, nodes, tiles, entries, refs, segs, best)
                else:
                    _to_segments(at, own, scale, entries[number, 0], entries[number + 1, 0], refs, segs, best)


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
    for k in range(len(ij)):
        out[k, 0], out[k, 3] = np.inf, NO_CELL
        _in_node(
            ij[k], own[k], metres_per_unit[k], 0, origin[0], origin[1],
            nodes, tiles, entries, refs, segs, out[k],
        )  # fmt: skip


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
    tree = (read_only(nb.int64, 1), read_only(nb.int64, 2), read_only(nb.int32, 1))
    tree += (read_only(nb.int32, 2), read_only(nb.int32, 1), read_only(nb.int32, 2))
    points: tuple[Any, ...] = (nb.int64[:, ::1], nb.int32[::1], nb.float64[:, ::1], nb.float64[:, ::1])
    return compile_cached(_nearest_all, nb.void(*points, *tree))
