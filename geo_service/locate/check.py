"""Proof that segments bound a tiling: then, and only then, every point has one cell or none.

Three exact checks, together sufficient:

1. *Closed.* Around each vertex the labels return to themselves (what enters to the left leaves to the left).
   Then the label of a point does not depend on the way it is reached.
2. *No crossing.* No two segments cross in the middle. Then every face has a vertex at each of its corners.
3. *One cell at a time.* In every sector around every vertex the sum of labels is that of one cell or of none.
   As every face has such a sector, no cells lie upon each other.

Segments may end on, or run along, others (T-junctions): the checks and the look-up allow for it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import SCALE
from geo_service.locate.plain import descend, references
from geo_service.locate.raster import (
    ONE_CELL,
    RasterTree,
    counting,
    label_jump,
    label_of_sum,
    left_of_corner,
    pieces,
)

I64 = NDArray[np.int64]
MAX_FAULTS = 20
PAIRS_AT_A_TIME = 1 << 19


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
    """Pairs of segments within one tile that cross in the middle of both."""
    first = tree.entries[:-1, 0].astype(np.int64)
    count = np.diff(tree.entries[:, 0]).astype(np.int64)
    partners = counting(count)  # the k-th reference of an entry is paired with the k before it
    start = np.repeat(first, count)
    seen: set[tuple[int, int]] = set()
    for refs in _portions(partners):
        n = partners[refs]
        other = tree.refs[np.repeat(start[refs], n) + counting(n)]
        one = np.repeat(tree.refs[refs], n)
        for i in np.flatnonzero(_cross(tree.segs[one].astype(np.int64), tree.segs[other].astype(np.int64))):
            pair = (int(one[i]), int(other[i]))
            if pair not in seen and len(seen) < MAX_FAULTS:
                seen.add(pair)
                cells = sorted({int(c) for s in pair for c in tree.segs[s, 4:] if c >= 0})
                names = ", ".join(str(codes[c]) for c in cells)
                yield _fault(tree.segs[pair[0], :2], f"borders of the cells {names} cross near here")


def _cross(p: I64, q: I64) -> NDArray[np.bool_]:
    """Whether the segments of two lists cross properly, pair by pair."""
    return (_side(p, q[:, :2]) * _side(p, q[:, 2:4]) < 0) & (_side(q, p[:, :2]) * _side(q, p[:, 2:4]) < 0)


def _side(segs: I64, point: I64) -> I64:
    ax, ay, bx, by = segs.T[:4]
    side: I64 = np.sign((bx - ax) * (point[:, 1] - ay) - (by - ay) * (point[:, 0] - ax))
    return side


def _overlaps(tree: RasterTree) -> Iterable[Fault]:
    """Vertices with a sector that belongs to several cells at once."""
    vertices = np.concatenate([tree.segs[:, :2], tree.segs[:, 2:4]]).astype(np.int64)
    _, first = np.unique(_key(vertices), return_index=True)
    vertices = vertices[np.sort(first)]  # in the order of the segments: neighbours in memory
    for part in pieces(len(vertices)):
        for point in _overlapped(vertices[part], tree):
            yield _fault(point, "cells lie upon each other at this corner")


def _overlapped(points: I64, tree: RasterTree) -> I64:
    """Those of some vertices around which not every sector has the label of one cell or none."""
    code, shift = descend(points - tree.origin, tree)
    number = (-2 - code) >> 1  # a vertex lies in a crossed tile
    corner = tree.origin + ((points - tree.origin) >> shift[:, None] << shift[:, None])
    of, segs = references(number, tree)
    start = tree.entries[number, 1].astype(np.int64)
    label = np.where(start >= 0, ONE_CELL + 1 + start, 0) + _way_from(corner, points, of, segs)
    ray_of, dx, dy, jump = _rays(points, of, segs)
    on_left, on_right = _turn_back(ray_of, dx, dy, jump)
    bad = label_of_sum(label) < -1
    sectors = label_of_sum(label[ray_of] - on_left), label_of_sum(label[ray_of] - on_right)
    bad[ray_of[(sectors[0] < -1) | (sectors[1] < -1)]] = True
    return points[bad]


def _way_from(corner: I64, points: I64, of: I64, segs: I64) -> I64:
    """Change of the label from a tile's corner to an infinitesimal to the right and up of each point in it."""
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


def _turn_back(ray_of: I64, dx: I64, dy: I64, jump: I64) -> tuple[I64, I64]:
    """Sum of the jumps from the left, and from the right, side of each ray on, up to direction east.

    Angles run over (0°, 360°]; a ray due east comes last.
    """
    per_point = np.bincount(ray_of)
    first = np.cumsum(per_point) - per_point
    n = per_point[ray_of]
    one = np.repeat(np.arange(len(ray_of)), n)
    other = np.repeat(first[ray_of], n) + counting(n)
    lower_half = (dy < 0) | ((dy == 0) & (dx > 0))
    turn = dx[one] * dy[other] - dy[one] * dx[other]
    half = lower_half[other].astype(np.int64) - lower_half[one]
    beyond = (half > 0) | ((half == 0) & (turn > 0))
    same = (half == 0) & (turn == 0)
    on_left, on_right = np.zeros(len(ray_of), np.int64), np.zeros(len(ray_of), np.int64)
    np.add.at(on_left, one, np.where(beyond, jump[other], 0))
    np.add.at(on_right, one, np.where(beyond | same, jump[other], 0))
    return on_left, on_right


def _portions(sizes: I64) -> Iterable[I64]:
    """Row numbers in portions whose sizes add up to about a fixed number."""
    rows = np.flatnonzero(sizes)
    portion = np.cumsum(sizes[rows]) // PAIRS_AT_A_TIME
    return np.split(rows, np.flatnonzero(np.diff(portion)) + 1) if len(rows) else []


def _key(points: I64) -> I64:
    """One number a lattice point."""
    return (points[:, 0] << 32) + points[:, 1]


def _fault(point: NDArray[Any], message: str) -> Fault:
    return Fault("geometry", message, place=(int(point[0]) / SCALE, int(point[1]) / SCALE))
