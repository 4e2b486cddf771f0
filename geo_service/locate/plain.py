"""The look-up of :mod:`.kernel` in numpy alone: for a machine without numba, and as a check on the kernel.

It takes the same tree and gives the same answers to the last point, several times slower.
"""

import numpy as np
from numpy.typing import NDArray

from geo_service.geometry.lattice import SCALE
from geo_service.locate.raster import RasterTree, counting, left_of_corner

NO_CELL = -1
BATCH = 1 << 17
NOT_TOUCHED = np.iinfo(np.int32).max


def label_all(
    lonlat_deg: NDArray[np.float64], tree: RasterTree
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the cell of each point (-1 = none) and whether the point lies on a border."""
    cell = np.full(len(lonlat_deg), NO_CELL, np.int32)
    on_edge = np.zeros(len(lonlat_deg), np.bool_)
    for lo in range(0, len(lonlat_deg), BATCH):
        part = slice(lo, lo + BATCH)
        good = (np.abs(lonlat_deg[part]) <= (180.0, 90.0)).all(axis=1)  # False for NaN
        rows = lo + np.flatnonzero(good)
        points = np.rint(lonlat_deg[rows] * SCALE).astype(np.int64)
        cell[rows], on_edge[rows] = _label_lattice(points, tree)
    return cell, on_edge


def _label_lattice(
    points: NDArray[np.int64], tree: RasterTree
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Labels of lattice points."""
    code, shift = descend(points - tree.origin, tree)
    on_edge = np.zeros(len(points), np.bool_)
    crossed = np.flatnonzero(code < NO_CELL)
    if len(crossed):
        corner = tree.origin + (
            (points[crossed] - tree.origin) >> shift[crossed, None] << shift[crossed, None]
        )
        number = (-2 - code[crossed]) >> 1
        code[crossed], on_edge[crossed] = _label_in_tiles(points[crossed], corner, number, tree)
    return code.astype(np.int32), on_edge


def descend(offsets: NDArray[np.int64], tree: RasterTree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Code of the last tile (a label, or an entry) of each point, and the shift of that tile."""
    code = np.full(len(offsets), NO_CELL, np.int64)
    shift = np.zeros(len(offsets), np.int64)
    root_bits = tree.nodes[0, 1] + tree.nodes[0, 2]
    rows = np.flatnonzero(((offsets >> root_bits) == 0).all(axis=1))
    node = np.zeros(len(rows), np.int64)
    while len(rows):
        first, shift[rows], bits = tree.nodes[node].T
        inside = (1 << bits) - 1
        column, row = ((offsets[rows] >> shift[rows, None]) & inside[:, None]).T
        code[rows] = tree.tiles[first + (row << bits) + column]
        is_node = (code[rows] < NO_CELL) & (code[rows] & 1 == 1)
        rows = rows[is_node]
        node = (-2 - code[rows]) >> 1
    return code, shift


def _label_in_tiles(
    points: NDArray[np.int64], corners: NDArray[np.int64], number: NDArray[np.int64], tree: RasterTree
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels of points in crossed tiles: walk to the corner of the tile and add up what is crossed."""
    of, segs = references(number, tree)
    ax, ay, bx, by, left, right = segs.T
    (px, py), (x0, y0) = points[of].T, corners[of].T

    at_point = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    in_box = (ax <= px) & (px <= bx) & (np.minimum(ay, by) <= py) & (py <= np.maximum(ay, by))
    touches = (at_point == 0) & in_box
    at_bend = left_of_corner(segs, x0, py).astype(np.int64)
    along_row = np.where((ay <= py) != (by <= py), (at_point > 0) - at_bend, 0)
    down = np.where((ax <= x0) != (bx <= x0), at_bend - left_of_corner(segs, x0, y0), 0)
    label = tree.entries[number, 1].astype(np.int64)
    np.add.at(label, of, (along_row + down) * (left - right))

    nearest = np.full(len(points), NOT_TOUCHED, np.int64)
    both = np.where(segs[:, 4:] >= 0, segs[:, 4:], NOT_TOUCHED).min(axis=1)
    np.minimum.at(nearest, of[touches], both[touches])
    on_edge = nearest < NOT_TOUCHED
    return np.where(on_edge, nearest, label), on_edge


def references(number: NDArray[np.int64], tree: RasterTree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Segments of the entries with these numbers: position in ``number``, and (n, 6) the segment itself."""
    first = tree.entries[number, 0].astype(np.int64)
    count = tree.entries[number + 1, 0] - first
    of = np.repeat(np.arange(len(number)), count)
    return of, tree.segs[tree.refs[np.repeat(first, count) + counting(count)]].astype(np.int64)
