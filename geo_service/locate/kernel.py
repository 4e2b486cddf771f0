"""The compiled look-up: down the tree of rasters, then across the few segments of one tile.

How a point of a crossed tile gets its label: walk from the point along its row to the left border of the tile,
then down to the corner, whose label is known. Each segment crossed on the way changes the label by what lies
to its left and right. The corner and the way stand an infinitesimal up and to the right of the lattice
(:mod:`.raster`), so they never run along a segment. A point *on* a segment is on the border, and of the
touching cells the one with the smallest index has it.

Compiled by numba on first use, without the interpreter lock, and kept on disk: in ``NUMBA_CACHE_DIR`` where the
environment names it, else beside this file, else in the user's own cache folder; where none of these can be
written it is compiled anew by each process (about a second). :mod:`.plain` gives the same answers in numpy.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

numba: Any
try:
    import numba
except ImportError:  # the plain path serves
    numba = None

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
SCALE = float(2**23)
NO_CELL = -1
BATCH = 512
NOWHERE = 1 << 40  # larger than any cell


def inner(function: Callable[..., Any]) -> Any:
    """Mark a part of a kernel: compiled along with what calls it; left as it is without numba."""
    return function if numba is None else numba.njit(nogil=True)(function)


@inner
def _label_in_tile(
    px: int, py: int, first: int, last: int, label: Any, refs: I32, segs: I32, x0: int, y0: int
) -> tuple[int, bool]:
    """Label of the point (px, py) from the label of its tile's corner (x0, y0); whether it lies on a segment."""
    nearest: Any = np.int64(NOWHERE)  # smallest index of the cells whose border the point lies on
    for r in range(first, last):
        s = refs[r]
        ax, ay = np.int64(segs[s, 0]), np.int64(segs[s, 1])
        bx, by = np.int64(segs[s, 2]), np.int64(segs[s, 3])
        crosses_row = (ay <= py) != (by <= py)
        crosses_column = (ax <= x0) != (bx <= x0)
        in_box = ax <= px <= bx and (crosses_row or ay == py or by == py)
        if not (crosses_row or crosses_column or in_box):
            continue
        dx, dy = bx - ax, by - ay
        at_point = dx * (py - ay) - dy * (px - ax)
        if at_point == 0 and in_box:
            for side in range(4, 6):
                if 0 <= segs[s, side] < nearest:
                    nearest = np.int64(segs[s, side])
            continue
        jump = np.int64(segs[s, 4]) - np.int64(segs[s, 5])
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


@inner
def _offset(lon: float, lat: float, origin: I64) -> tuple[int, int, bool]:
    """Lattice offset from the origin of the tree, and whether there is one: not for NaN or off the globe."""
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0):  # so written, NaN is refused
        return 0, 0, False
    x: Any = np.int64(np.rint(lon * SCALE)) - origin[0]
    y: Any = np.int64(np.rint(lat * SCALE)) - origin[1]
    return x, y, True


@inner
def _label_at(
    lon: float, lat: float, origin: I64, nodes: I64, tiles: I32, entries: I32, refs: I32, segs: I32
) -> tuple[int, bool]:
    x, y, on_globe = _offset(lon, lat, origin)
    shift, bits = nodes[0, 1], nodes[0, 2]
    if not on_globe or ((x | y) >> (shift + bits)) != 0:  # a negative offset has high bits too
        return NO_CELL, False
    code: Any = np.int64(tiles[((y >> shift) << bits) + (x >> shift)])
    while code < NO_CELL:
        number = (-2 - code) >> 1
        if (code & 1) == 0:
            mask = ~((np.int64(1) << shift) - 1)
            found: tuple[int, bool] = _label_in_tile(
                origin[0] + x, origin[1] + y, entries[number, 0], entries[number + 1, 0], np.int64(entries[number, 1]),
                refs, segs, origin[0] + (x & mask), origin[1] + (y & mask),
            )  # fmt: skip
            return found
        shift, bits = nodes[number, 1], nodes[number, 2]
        inside = (np.int64(1) << bits) - 1
        code = np.int64(tiles[nodes[number, 0] + (((y >> shift) & inside) << bits) + ((x >> shift) & inside)])
    return code, False


def _label_all(
    lonlat_deg: NDArray[np.float64],
    cell: I32,
    on_edge: NDArray[np.bool_],
    origin: I64,
    nodes: I64,
    tiles: I32,
    entries: I32,
    refs: I32,
    segs: I32,
) -> None:
    """Label many points, a batch at a time and each batch in passes.

    A pass asks memory for one thing for all points of the batch, so that the processor waits for many answers
    at once instead of for one after the other: about twice as fast as calling :func:`_label_at` in turn.
    """
    x, y = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    code, shift = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    todo, crossed = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    first, last, label = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    touched = np.empty(BATCH, np.int32)
    root_shift, root_bits = nodes[0, 1], nodes[0, 2]
    for start in range(0, len(lonlat_deg), BATCH):
        n = min(BATCH, len(lonlat_deg) - start)
        for i in range(n):  # the tile of the root
            x[i], y[i], on_globe = _offset(lonlat_deg[start + i, 0], lonlat_deg[start + i, 1], origin)
            inside = on_globe and ((x[i] | y[i]) >> (root_shift + root_bits)) == 0
            code[i] = tiles[((y[i] >> root_shift) << root_bits) + (x[i] >> root_shift)] if inside else NO_CELL
        n_todo = 0
        for i in range(n):  # done, where the tile lies in one cell
            cell[start + i] = code[i]
            on_edge[start + i] = False
            shift[i] = root_shift
            todo[n_todo] = i
            n_todo += code[i] < NO_CELL
        n_crossed = 0
        while n_todo:  # one level down
            n_nodes = 0
            for t in range(n_todo):
                i = todo[t]
                is_node = (code[i] & 1) == 1
                todo[n_nodes], crossed[n_crossed] = i, i
                n_nodes += is_node
                n_crossed += not is_node
            for t in range(n_nodes):
                i = todo[t]
                number = (-2 - code[i]) >> 1
                shift[i] = nodes[number, 1]
                mask = (np.int64(1) << nodes[number, 2]) - 1
                row, column = (y[i] >> shift[i]) & mask, (x[i] >> shift[i]) & mask
                code[i] = nodes[number, 0] + (row << nodes[number, 2]) + column
            n_todo = 0
            for t in range(n_nodes):
                i = todo[t]
                code[i] = tiles[code[i]]
                cell[start + i] = code[i]
                todo[n_todo] = i
                n_todo += code[i] < NO_CELL
        for t in range(n_crossed):
            number = (-2 - code[crossed[t]]) >> 1
            first[t], last[t], label[t] = entries[number, 0], entries[number + 1, 0], entries[number, 1]
        for t in range(n_crossed):  # read only to have the segments at hand in the next pass
            touched[t] = segs[refs[first[t]], 0]
        for t in range(n_crossed):
            i = crossed[t]
            mask = ~((np.int64(1) << shift[i]) - 1)
            cell[start + i], on_edge[start + i] = _label_in_tile(
                origin[0] + x[i], origin[1] + y[i], first[t], last[t], label[t],
                refs, segs, origin[0] + (x[i] & mask), origin[1] + (y[i] & mask),
            )  # fmt: skip


def _label_one(
    lon: float, lat: float, origin: I64, nodes: I64, tiles: I32, entries: I32, refs: I32, segs: I32
) -> tuple[int, bool]:
    found: tuple[int, bool] = _label_at(lon, lat, origin, nodes, tiles, entries, refs, segs)
    return found


class Kernels(NamedTuple):
    """The compiled functions; ``tree`` stands for the six arrays of :meth:`RasterTree.arrays`.

    ``label_all(lonlat_deg, cell, on_edge, *tree)`` fills ``cell`` and ``on_edge``;
    ``label_one(lon, lat, *tree)`` returns ``(cell, on_edge)``.
    """

    label_all: Callable[..., None]
    label_one: Callable[..., tuple[int, bool]]


@lru_cache(maxsize=1)
def kernels() -> Kernels | None:
    """Compile, or read from numba's cache on disk; None where numba is not installed."""
    if numba is None:
        return None
    nb = numba.types
    tree = tree_types()
    every = nb.void(_read_only(nb.float64, 2), nb.int32[::1], nb.boolean[::1], *tree)
    single = numba.typeof((0, True))(nb.float64, nb.float64, *tree)
    return Kernels(compile_cached(_label_all, every), compile_cached(_label_one, single))


def tree_types() -> tuple[Any, ...]:
    """Return numba's types of :meth:`RasterTree.arrays`."""
    long, short = numba.types.int64, numba.types.int32
    shapes = ((long, 1), (long, 2), (short, 1), (short, 2), (short, 1), (short, 2))
    return tuple(_read_only(dtype, ndim) for dtype, ndim in shapes)


def _read_only(dtype: Any, ndim: int) -> Any:
    """Type of a contiguous array that is not written to; writeable arrays fit it too."""
    return numba.types.Array(dtype, ndim, "C", readonly=True)


def compile_cached(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    """Compile for one signature, without the interpreter lock; keep the result on disk where that is possible."""
    try:
        compiled = numba.njit(signature, nogil=True, cache=True)(function)
    except RuntimeError as error:
        if "cache" not in str(error):
            raise
        compiled = numba.njit(signature, nogil=True)(function)
    return cast("Callable[..., Any]", compiled)
