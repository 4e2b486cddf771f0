"""The compiled look-up: down the tree of rasters, then across the few segments of one tile.

How a point of a crossed tile gets its label: walk from the point along its row to the left border of the
tile, then down to the corner, whose label is known. Each segment crossed on the way changes the label by what
lies to its left and right. The corner and the way stand an infinitesimal up and to the right of the lattice
(:mod:`.raster`), so they never run along a segment. A point *on* a segment is on the border, and of the
touching cells the one with the smallest index has it.

Compiled by numba on first use, without the interpreter lock, and kept on disk: in ``NUMBA_CACHE_DIR`` where
the environment names it, else beside this file, else in the user's own cache folder; where none of these can
be written it is compiled anew by each process (some seconds). :mod:`.plain` gives the same answers in numpy.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from geo_service.locate.raster import RasterTree

numba: Any
try:
    import numba
except ImportError:  # the plain path serves
    numba = None

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
SCALE = float(2**23)  # as a float64 constant for the compiler
NO_CELL = -1
NOWHERE = 1 << 40  # larger than any cell
BATCH = 512
X, Y, CODE, SHIFT, TODO, CROSSED = range(6)  # rows of a batch


def inner(function: Callable[..., Any]) -> Any:
    """Mark a part of a kernel: compiled along with what calls it; left as it is without numba."""
    return function if numba is None else numba.njit(nogil=True, forceinline=True)(function)


@inner
def _offset(lon: float, lat: float, tree: RasterTree) -> tuple[int, int, bool]:
    """Lattice offset from the origin of the tree, and whether the point lies in the root at all."""
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0):  # so written, NaN is refused
        return 0, 0, False
    x: Any = np.int64(np.rint(lon * SCALE)) - tree.origin[0]
    y: Any = np.int64(np.rint(lat * SCALE)) - tree.origin[1]
    return x, y, (x | y) >> (tree.nodes[0, 1] + tree.nodes[0, 2]) == 0  # negative ones have high bits too


@inner
def _tile(x: int, y: int, node: int, tree: RasterTree) -> int:
    """Position in ``tree.tiles`` of the tile of a node that holds an offset."""
    shift, bits = tree.nodes[node, 1], tree.nodes[node, 2]
    mask = (np.int64(1) << bits) - 1
    tile: int = tree.nodes[node, 0] + (((y >> shift) & mask) << bits) + ((x >> shift) & mask)
    return tile


@inner
def _label_in_tile(x: int, y: int, shift: int, entry: int, tree: RasterTree) -> tuple[int, bool]:
    """Label of the point with offset (x, y) in a crossed tile, and whether it lies on a segment."""
    px, py = tree.origin[0] + x, tree.origin[1] + y
    x0, y0 = tree.origin[0] + (x >> shift << shift), tree.origin[1] + (y >> shift << shift)
    label: Any = np.int64(tree.entries[entry, 1])
    nearest: Any = np.int64(NOWHERE)  # smallest of the cells on whose border the point lies
    for r in range(tree.entries[entry, 0], tree.entries[entry + 1, 0]):
        s = tree.refs[r]
        ax, ay = np.int64(tree.segs[s, 0]), np.int64(tree.segs[s, 1])
        bx, by = np.int64(tree.segs[s, 2]), np.int64(tree.segs[s, 3])
        crosses_row = (ay <= py) != (by <= py)
        crosses_column = (ax <= x0) != (bx <= x0)
        in_box = ax <= px <= bx and (crosses_row or py in (ay, by))
        if not (crosses_row or crosses_column or in_box):
            continue
        dx, dy = bx - ax, by - ay
        at_point = dx * (py - ay) - dy * (px - ax)
        if at_point == 0 and in_box:
            for side in range(4, 6):
                if 0 <= tree.segs[s, side] < nearest:
                    nearest = np.int64(tree.segs[s, side])
            continue
        jump = np.int64(tree.segs[s, 4]) - np.int64(tree.segs[s, 5])
        at_bend = dx * (py - ay) - dy * (x0 - ax)
        left_of_bend = at_bend > 0 or (at_bend == 0 and dy <= 0 and dx > 0)
        if crosses_row and (at_point > 0) != left_of_bend:
            label += jump if at_point > 0 else -jump
        if crosses_column:
            at_corner = dx * (y0 - ay) - dy * (x0 - ax)
            left_of_corner = at_corner > 0 or (at_corner == 0 and dy <= 0 and dx > 0)
            if left_of_corner != left_of_bend:
                label += jump if left_of_bend else -jump
    if nearest < NOWHERE:
        return nearest, True
    return label, False


def _label_one(lon: float, lat: float, tree: RasterTree) -> tuple[int, bool]:
    """Label one point: down the tree, then across the segments of the last tile."""
    x, y, inside = _offset(lon, lat, tree)
    if not inside:
        return NO_CELL, False
    node = 0
    while True:
        code: Any = np.int64(tree.tiles[_tile(x, y, node, tree)])
        if code >= NO_CELL:
            return code, False
        number = (-2 - code) >> 1
        if (code & 1) == 0:
            found: tuple[int, bool] = _label_in_tile(x, y, tree.nodes[node, 1], number, tree)
            return found
        node = number


def _label_all(
    lonlat_deg: NDArray[np.float64], cell: I32, on_edge: NDArray[np.bool_], tree: RasterTree
) -> None:
    """Label many points, a batch at a time and each batch in passes.

    A pass asks memory for one thing for all points of the batch, so that the processor waits for many answers
    at once instead of for one after the other: that doubles the speed.
    """
    batch = np.empty((6, BATCH), np.int64)
    for start in range(0, len(lonlat_deg), BATCH):
        end = min(start + BATCH, len(lonlat_deg))
        on_edge[start:end] = False
        todo = _look_up_root(lonlat_deg[start:end], cell[start:end], batch, tree)
        crossed = 0
        while todo:
            todo, crossed = _sort_out(batch, todo, crossed)
            todo = _look_up_nodes(cell[start:end], batch, todo, tree)
        _cross(cell[start:end], on_edge[start:end], batch, crossed, tree)


@inner
def _look_up_root(lonlat_deg: NDArray[np.float64], cell: I32, batch: I64, tree: RasterTree) -> int:
    """Write the label, or the code, of each point's tile of the root; list those that are not done."""
    for i in range(len(lonlat_deg)):
        x, y, inside = _offset(lonlat_deg[i, 0], lonlat_deg[i, 1], tree)
        batch[X, i], batch[Y, i], batch[SHIFT, i] = x, y, tree.nodes[0, 1]
        batch[CODE, i] = tree.tiles[_tile(x, y, 0, tree)] if inside else NO_CELL
    todo = 0
    for i in range(len(lonlat_deg)):
        cell[i] = batch[CODE, i]
        batch[TODO, todo] = i
        todo += batch[CODE, i] < NO_CELL
    return todo


@inner
def _sort_out(batch: I64, todo: int, crossed: int) -> tuple[int, int]:
    """Move points whose tile is crossed by few segments to the second list; the others are in a node."""
    nodes = 0
    for t in range(todo):
        i = batch[TODO, t]
        is_node = batch[CODE, i] & 1
        batch[TODO, nodes], batch[CROSSED, crossed] = i, i
        nodes += is_node
        crossed += 1 - is_node
    return nodes, crossed


@inner
def _look_up_nodes(cell: I32, batch: I64, todo: int, tree: RasterTree) -> int:
    """Go down one level."""
    for t in range(todo):
        i = batch[TODO, t]
        node = (-2 - batch[CODE, i]) >> 1
        batch[SHIFT, i] = tree.nodes[node, 1]
        batch[CODE, i] = _tile(batch[X, i], batch[Y, i], node, tree)
    left = 0
    for t in range(todo):
        i = batch[TODO, t]
        code = tree.tiles[batch[CODE, i]]
        batch[CODE, i] = code
        cell[i] = code
        batch[TODO, left] = i
        left += code < NO_CELL
    return left


@inner
def _cross(cell: I32, on_edge: NDArray[np.bool_], batch: I64, crossed: int, tree: RasterTree) -> None:
    """Find the labels of points in crossed tiles."""
    for t in range(crossed):  # read only to have the segments at hand in the next pass
        batch[TODO, t] = tree.segs[tree.refs[tree.entries[(-2 - batch[CODE, batch[CROSSED, t]]) >> 1, 0]], 0]
    for t in range(crossed):
        i = batch[CROSSED, t]
        entry = (-2 - batch[CODE, i]) >> 1
        cell[i], on_edge[i] = _label_in_tile(batch[X, i], batch[Y, i], batch[SHIFT, i], entry, tree)


class Kernels(NamedTuple):
    """The compiled functions.

    ``label_all(lonlat_deg, cell, on_edge, tree)`` fills ``cell`` and ``on_edge``;
    ``label_one(lon, lat, tree)`` returns ``(cell, on_edge)``.
    """

    label_all: Callable[..., None]
    label_one: Callable[..., tuple[int, bool]]


@lru_cache(maxsize=1)
def kernels() -> Kernels | None:
    """Compile, or read from numba's cache on disk; None where numba is not installed."""
    if numba is None:
        return None
    nb = numba.types
    every = nb.void(_read_only(nb.float64, 2), nb.int32[::1], nb.boolean[::1], tree_type())
    single = numba.typeof((0, True))(nb.float64, nb.float64, tree_type())
    return Kernels(compile_cached(_label_all, every), compile_cached(_label_one, single))


def tree_type() -> Any:
    """Return numba's type of a :class:`RasterTree`."""
    long, short = numba.types.int64, numba.types.int32
    shapes = ((long, 1), (long, 2), (short, 1), (short, 2), (short, 1), (short, 2))
    return numba.types.NamedTuple([_read_only(dtype, ndim) for dtype, ndim in shapes], RasterTree)


def _read_only(dtype: Any, ndim: int) -> Any:
    """Type of a contiguous array that is not written to; writeable arrays fit it too."""
    return numba.types.Array(dtype, ndim, "C", readonly=True)


def compile_cached(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    """Compile for one signature, without the interpreter lock; keep the result on disk where possible."""
    try:
        compiled = numba.njit(signature, nogil=True, cache=True)(function)
    except RuntimeError as error:
        if "cache" not in str(error):
            raise
        compiled = numba.njit(signature, nogil=True)(function)
    return cast("Callable[..., Any]", compiled)
