"""Proof that segments bound a tiling: then, and only then, every point has one cell or none.

Three exact checks, together sufficient:

1. *Closed.* Around each vertex the labels return to themselves (what enters to the left leaves to the left).
   Then the label of a point does not depend on the way it is reached.
2. *No crossing.* No two segments cross in the middle. Then every face has a vertex at each of its corners.
3. *One cell at a time.* In every sector around every vertex the sum of labels is that of one cell or of none.
   As every face has such a sector, no cells lie upon each other.

Segments may end on, or run along, others (T-junctions): the checks and the look-up allow for it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import SCALE
from geo_service.locate.kernel import compile_cached, inner, numba, tree_type
from geo_service.locate.plain import descend, references
from geo_service.locate.raster import (
    ONE_CELL,
    OVERLAP,
    RasterTree,
    counting,
    label_jump,
    label_of_sum,
    left_of_corner,
)

I64 = NDArray[np.int64]
MAX_FAULTS = 20
ROWS_AT_A_TIME = 1 << 19


def check_closed(segs: NDArray[np.int32]) -> None:
    """Refuse segments whose labels do not close around a vertex.

    Raises
    ------
    InvalidInputError
        With the place of each open vertex (up to twenty).
    """
    jump = label_jump(segs)
    vertices = np.concatenate([segs[:, :2], segs[:, 2:4]]).astype(np.int64)
    _, first, which = np.unique(_key(vertices), return_index=True, return_inverse=True)
    flow = np.zeros(len(first), np.int64)
    np.add.at(flow, which, np.concatenate([jump, -jump]))
    if flow.any():
        message = "the borders of the cells do not close here; rebuild the segments from valid polygons"
        faults = [_fault(point, message) for point in vertices[first[flow != 0][:MAX_FAULTS]]]
        raise InvalidInputError("The segments do not bound cells.", faults)


def check_tiling(tree: RasterTree, codes: Sequence[str]) -> None:
    """Refuse cells that cross or lie upon each other.

    Raises
    ------
    InvalidInputError
        With the place, and the cells, of each fault (up to twenty).
    """
    faults = [*_crossings(tree, codes)][:MAX_FAULTS] or [*_overlaps(tree)][:MAX_FAULTS]
    if faults:
        raise InvalidInputError("The cells lie upon each other; an index needs a tiling.", faults)


def _crossings(tree: RasterTree, codes: Sequence[str]) -> Iterable[Fault]:
    """Pairs of segments that cross in the middle of both."""
    pairs = np.empty((MAX_FAULTS, 2), np.int64)
    for pair in pairs[: crossing_kernel()(pairs, tree)]:
        cells = sorted({int(cell) for s in pair for cell in tree.segs[s, 4:] if cell >= 0})
        names = ", ".join(str(codes[cell]) for cell in cells)
        yield _fault(tree.segs[pair[0], :2], f"borders of the cells {names} cross near here")


def _find_crossings(pairs: I64, tree: RasterTree) -> int:
    """Compare all segments of each tile with each other; list pairs that cross until ``pairs`` is full."""
    found = 0
    for entry in range(len(tree.entries) - 1):
        first, last = tree.entries[entry, 0], tree.entries[entry + 1, 0]
        for r in range(first, last):
            s = tree.refs[r]
            for q in range(first, r):
                t = tree.refs[q]
                if _side(s, t, 0, tree) * _side(s, t, 2, tree) >= 0:
                    continue
                if _side(t, s, 0, tree) * _side(t, s, 2, tree) >= 0:
                    continue
                if found == 0 or pairs[found - 1, 0] != s or pairs[found - 1, 1] != t:
                    pairs[found, 0], pairs[found, 1] = s, t
                    found += 1
                if found == len(pairs):
                    return found
    return found


@inner
def _side(s: int, t: int, end: int, tree: RasterTree) -> int:
    """On which side of segment s an end (0 or 2) of segment t lies: 1 left, -1 right, 0 on its line."""
    ax, ay = np.int64(tree.segs[s, 0]), np.int64(tree.segs[s, 1])
    dx, dy = tree.segs[s, 2] - ax, tree.segs[s, 3] - ay
    cross: int = dx * (tree.segs[t, end + 1] - ay) - dy * (tree.segs[t, end] - ax)
    return int(cross > 0) - int(cross < 0)


@lru_cache(maxsize=1)
def crossing_kernel() -> Callable[[I64, RasterTree], int]:
    """Compile the comparison of all pairs, or load it; without numba it runs as it stands, in seconds."""
    if numba is None:
        return _find_crossings
    nb = numba.types
    return compile_cached(_find_crossings, nb.int64(nb.int64[:, ::1], tree_type()))


def _overlaps(tree: RasterTree) -> Iterable[Fault]:
    """Vertices with a sector that belongs to several cells at once."""
    vertices = np.concatenate([tree.segs[:, :2], tree.segs[:, 2:4]]).astype(np.int64)
    _, first = np.unique(_key(vertices), return_index=True)
    vertices = vertices[np.sort(first)]  # in the order of the segments: neighbours in memory
    code, shift = descend(vertices - tree.origin, tree)
    number = (-2 - code) >> 1  # a vertex lies in a crossed tile
    corner = tree.origin + ((vertices - tree.origin) >> shift[:, None] << shift[:, None])
    for rows in _portions(tree.entries[number + 1, 0] - tree.entries[number, 0]):
        for point in _overlapped(vertices[rows], corner[rows], number[rows], tree):
            yield _fault(point, "cells lie upon each other at this corner")


def _overlapped(points: I64, corner: I64, number: I64, tree: RasterTree) -> I64:
    """Those of some vertices around which not every sector has the label of one cell or none."""
    of, segs = references(number, tree)
    start = tree.entries[number, 1].astype(np.int64)
    label = np.where(start >= 0, ONE_CELL + 1 + start, 0) + _way_from(corner, points, of, segs)
    ray_of, dx, dy, jump = _rays(points, of, segs)
    bad = label_of_sum(label) == OVERLAP
    per_point = np.bincount(ray_of)
    for rays in _portions(per_point[ray_of]):
        for passed in _turn_back(rays, ray_of, np.column_stack([dx, dy]), jump):
            sector = label_of_sum(label[ray_of[rays]] - passed)
            bad[ray_of[rays][sector == OVERLAP]] = True
    faulty: I64 = points[bad]
    return faulty


def _way_from(corner: I64, points: I64, of: I64, segs: I64) -> I64:
    """Change of the label from a tile's corner to the place just to the right and up of each point in it."""
    (px, py), (x0, y0) = points[of].T, corner[of].T
    ax, ay, bx, by = segs.T[:4]
    at_bend = left_of_corner(segs, x0, py).astype(np.int64)
    along_row = np.where((ay <= py) != (by <= py), left_of_corner(segs, px, py) - at_bend, 0)
    down = np.where((ax <= x0) != (bx <= x0), at_bend - left_of_corner(segs, x0, y0), 0)
    change = np.zeros(len(points), np.int64)
    np.add.at(change, of, (along_row + down) * label_jump(segs))
    return change


def _rays(points: I64, of: I64, segs: I64) -> tuple[I64, I64, I64, I64]:
    """Segments as seen from the points they touch: number of the point, direction, jump of the label across.

    Sorted by point. The jump is the one of crossing the ray counter-clockwise.
    """
    px, py = points[of].T
    ax, ay, bx, by = segs.T[:4]
    dx, dy, jump = bx - ax, by - ay, label_jump(segs)
    in_box = (ax <= px) & (px <= bx) & (np.minimum(ay, by) <= py) & (py <= np.maximum(ay, by))
    touching = in_box & (dx * (py - ay) == dy * (px - ax))
    ahead = touching & ((px != bx) | (py != by))
    behind = touching & ((px != ax) | (py != ay))
    ray_of = np.concatenate([of[ahead], of[behind]])
    order = np.argsort(ray_of, kind="stable")
    dx, dy, jump = (np.concatenate([d[ahead], -d[behind]])[order] for d in (dx, dy, jump))
    return ray_of[order], dx, dy, jump


def _turn_back(rays: I64, ray_of: I64, direction: I64, jump: I64) -> tuple[I64, I64]:
    """Sum of the jumps from the left, and from the right, side of some rays on, up to direction east.

    Angles run over (0°, 360°]; a ray due east comes last.
    """
    per_point = np.bincount(ray_of)
    first = np.cumsum(per_point) - per_point
    n = per_point[ray_of[rays]]
    one = np.repeat(np.arange(len(rays)), n)
    other = np.repeat(first[ray_of[rays]], n) + counting(n)
    (dx, dy), (other_dx, other_dy) = direction[rays][one].T, direction[other].T
    half = _lower_half(other_dx, other_dy) - _lower_half(dx, dy)
    turn = dx * other_dy - dy * other_dx
    beyond = (half > 0) | ((half == 0) & (turn > 0))
    same = (half == 0) & (turn == 0)
    on_left, on_right = np.zeros(len(rays), np.int64), np.zeros(len(rays), np.int64)
    np.add.at(on_left, one, np.where(beyond, jump[other], 0))
    np.add.at(on_right, one, np.where(beyond | same, jump[other], 0))
    return on_left, on_right


def _lower_half(dx: I64, dy: I64) -> I64:
    """Return 1 for directions in (180°, 360°], 0 for those in (0°, 180°]."""
    half: I64 = ((dy < 0) | ((dy == 0) & (dx > 0))).astype(np.int64)
    return half


def _portions(sizes: NDArray[np.integer]) -> Iterable[NDArray[np.intp]]:
    """Row numbers in portions whose sizes add up to about a fixed number: bounds the memory of the checks."""
    portion = np.cumsum(sizes) // ROWS_AT_A_TIME
    return np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(portion)) + 1)


def _key(points: I64) -> I64:
    """One number a lattice point."""
    key: I64 = (points[:, 0] << 32) + points[:, 1]
    return key


def _fault(point: NDArray[Any], message: str) -> Fault:
    return Fault("geometry", message, place=(int(point[0]) / SCALE, int(point[1]) / SCALE))
