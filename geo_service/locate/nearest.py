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

from geo_service.locate.kernel import compile_cached, inner, numba, tree_type
from geo_service.locate.raster import RasterTree

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
NO_CELL = -1
SAME = (
    1.0 + 1e-9
)  # squared distances this close are one place: a vertex, or segments that run along each other
DISTANCE2, PLACE_X, PLACE_Y, BEYOND = range(4)  # what is found: columns of the result
PX, PY, OWN = range(3)  # what is asked: lattice point and its own cell
NODE, WEST, SOUTH, COLUMN, ROW, RING, STEP = range(7)  # a search that is under way
MAX_DEPTH = 40  # each level of nodes is at least one bit finer, of 33


@inner
def _to_segments(asked: I64, scale: F64, entry: int, best: F64, tree: RasterTree) -> None:
    """Compare the segments of one tile with the best so far."""
    for r in range(tree.entries[entry, 0], tree.entries[entry + 1, 0]):
        s = tree.refs[r]
        ax, ay = np.int64(tree.segs[s, 0]), np.int64(tree.segs[s, 1])
        dx, dy = tree.segs[s, 2] - ax, tree.segs[s, 3] - ay
        px, py = asked[PX] - ax, asked[PY] - ay
        length2 = (dx * scale[0]) ** 2 + (dy * scale[1]) ** 2
        along = (px * scale[0] * dx * scale[0] + py * scale[1] * dy * scale[1]) / length2
        if 0.0 < along < 1.0:
            across = np.float64(dx * py - dy * px) * scale[0] * scale[1]  # exactly 0 on the segment
            found = across * across / length2
        else:
            along = 0.0 if along <= 0.0 else 1.0
            found = ((px - along * dx) * scale[0]) ** 2 + ((py - along * dy) * scale[1]) ** 2
        if found > best[DISTANCE2] * SAME:
            continue
        if found * SAME < best[DISTANCE2]:
            best[BEYOND] = NO_CELL
        if found < best[DISTANCE2]:
            best[DISTANCE2] = found
            best[PLACE_X], best[PLACE_Y] = ax + along * dx, ay + along * dy
        for side in range(4, 6):
            cell = tree.segs[s, side]
            if cell >= 0 and cell != asked[OWN] and (best[BEYOND] < 0 or cell < best[BEYOND]):
                best[BEYOND] = cell


@inner
def _gap(low: int, high: int, at: int) -> int:
    """How far a number lies outside an interval."""
    return max(low - at, at - high, 0)


@inner
def _ring_bound(asked: I64, scale: F64, search: I64, tree: RasterTree) -> float:
    """Metres to the nearest tile of the present ring; infinite where no tile of the node is on it."""
    side = np.int64(1) << tree.nodes[search[NODE], 1]
    n = np.int64(1) << tree.nodes[search[NODE], 2]
    bound = np.inf
    for axis in range(2):
        low, at = search[WEST + axis], asked[axis]
        first, last = search[COLUMN + axis] - search[RING], search[COLUMN + axis] + search[RING]
        if first >= 0:
            bound = min(bound, _gap(low, low + (first + 1) * side, at) * scale[axis])
        if last < n:
            bound = min(bound, _gap(low + last * side, low + n * side, at) * scale[axis])
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
def _begin(search: I64, asked: I64, tree: RasterTree) -> None:
    """Begin the search of a node at its tile nearest to the point."""
    shift, last = tree.nodes[search[NODE], 1], (np.int64(1) << tree.nodes[search[NODE], 2]) - 1
    search[COLUMN] = min(max((asked[PX] - search[WEST]) >> shift, 0), last)
    search[ROW] = min(max((asked[PY] - search[SOUTH]) >> shift, 0), last)
    search[RING], search[STEP] = 0, 0


@inner
def _next_in_ring(asked: I64, scale: F64, searches: I64, best: F64, tree: RasterTree) -> bool:
    """Go on along the ring of the first search; stop at a node, with its search begun in the second row."""
    search, below = searches[0], searches[1]
    first, shift = tree.nodes[search[NODE], 0], tree.nodes[search[NODE], 1]
    side, n = np.int64(1) << shift, np.int64(1) << tree.nodes[search[NODE], 2]
    for step in range(search[STEP], max(1, 8 * search[RING])):
        column, row = _step_on_ring(search[RING], step)
        i, j = search[COLUMN] + column, search[ROW] + row
        if i < 0 or j < 0 or i >= n or j >= n:
            continue
        code = np.int64(tree.tiles[first + j * n + i])
        if code >= NO_CELL:
            continue
        west, south = search[WEST] + i * side, search[SOUTH] + j * side
        far = (_gap(west, west + side, asked[PX]) * scale[0]) ** 2
        far += (_gap(south, south + side, asked[PY]) * scale[1]) ** 2
        if far > best[DISTANCE2] * SAME:
            continue
        number = (-2 - code) >> 1
        if (code & 1) == 0:
            _to_segments(asked, scale, number, best, tree)
            continue
        search[STEP] = step + 1
        below[NODE], below[WEST], below[SOUTH] = number, west, south
        _begin(below, asked, tree)
        return True
    search[RING] += 1
    search[STEP] = 0
    return False


def _nearest_all(points: I64, metres_per_unit: F64, found: F64, tree: RasterTree) -> None:
    """Search for each point: the root and, as soon as they are met, the nodes within it.

    A loop over searches under way, one a level: numba cannot keep a recursive function on disk.
    """
    searches = np.empty((MAX_DEPTH, 7), np.int64)
    for k in range(len(points)):
        asked, scale, best = points[k], metres_per_unit[k], found[k]
        best[DISTANCE2], best[BEYOND] = np.inf, NO_CELL
        searches[0, NODE], searches[0, WEST], searches[0, SOUTH] = 0, tree.origin[0], tree.origin[1]
        _begin(searches[0], asked, tree)
        depth = 0
        while depth >= 0:
            bound = _ring_bound(asked, scale, searches[depth], tree) if searches[depth, STEP] == 0 else 0.0
            if bound == np.inf or bound * bound > best[DISTANCE2] * SAME:
                depth -= 1
            elif _next_in_ring(asked, scale, searches[depth : depth + 2], best, tree):
                depth += 1


@lru_cache(maxsize=1)
def nearest_kernel() -> Callable[..., None]:
    """Compile the search, or load it: ``nearest(points, metres_per_unit, found, tree)``.

    In go, for each point, its lattice coordinates and own cell (-1 = none), and metres per unit eastwards
    and northwards. The four columns of ``found`` are filled: squared metres to the nearest border, that place
    (x, y in lattice units), and the smallest other cell there.
    """
    if numba is None:
        return _nearest_all
    nb = numba.types
    arrays = (nb.int64[:, ::1], nb.float64[:, ::1], nb.float64[:, ::1])
    return compile_cached(_nearest_all, nb.void(*arrays, tree_type()))
