"""The tree of rasters over a tiling: how a point finds the few segments that can decide its cell.

A *node* is a square of side ``2**s`` lattice units cut into ``2**k × 2**k`` *tiles*. A tile is

* wholly in one cell (or in none): its label is the answer;
* crossed by a few segments: an *entry* with the label of the tile's lower left corner and references to
  those segments, from which the label of any point of the tile follows (:mod:`.kernel`);
* crossed by many: a node again.

The number of tiles follows the number of segments in the node, so the tree adapts to a dense town in an
empty province, two or three look-ups deep.

Labels come by walking. A *corner* is the tile's lower left lattice point moved by ``(ε, δ)``,
``0 < δ ≪ ε ≪ 1``, so that it lies on no segment. Between two corners the label changes by ``left - right``
(or back) at each segment crossed. The sign of a corner against a segment is an exact int64 cross product;
at zero, the infinitesimals decide. The whole world fits:  ``2 · 360·2²³ · 180·2²³ < 2⁶³``.

The tree is built by plain numpy, level by level, all nodes of a level at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import SCALE
from geo_service.geometry.segments import Segments

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

ROOT_TILES_PER_SEGMENT = 2.0
"""Tiles of the root for each segment of the tiling."""
NODE_TILES_PER_SEGMENT = 6.0
"""Tiles of a lower node for each segment that touches it."""
ENTRY_MAX_SEGMENTS = 4
"""A tile of the root with more segments becomes a node, unless the budget is spent."""
DEEP_ENTRY_MAX_SEGMENTS = 8
"""The same below the root: nearly every junction of cells ends in an entry at the second level."""
ITEMS_PER_SEGMENT = 17
"""Budget of the tree in int32 items (tiles and references) for each segment; 24 bytes hold the segment."""
MAX_SPREAD = 4
"""A node's raster is made coarser until its segments touch, on average, no more tiles than this."""
EXPAND_ROWS = 1 << 19
"""Rows of scratch tables at a time: bounds the memory of a build."""
MAX_FAULTS = 20
ONE_CELL = 1 << 32
"""A label in sums is ``ONE_CELL + index + 1`` inside a cell, 0 outside: overlaps show in the high half."""


@dataclass(frozen=True, slots=True)
class RasterTree:
    """The tree as flat arrays, read-only; what the kernels take.

    Attributes
    ----------
    origin : (2,) int64
        Lattice point at the lower left of the root square; outside every cell.
    nodes : (n_nodes, 3) int64
        Offset of the node's first tile in ``tiles``; shift of a tile (its side is ``2**shift``); ``k``.
        Node 0 is the root. Tiles are row by row from the lower left.
    tiles : (n_tiles,) int32
        ``code >= -1``: label of a tile wholly in one cell, -1 in none. Otherwise ``-2 - code`` is twice the
        number of an entry, or twice the number of a node plus one.
    entries : (n_entries + 1, 2) int32
        First reference, label of the corner (-1 = none). The last row closes the references.
    refs : (n_refs,) int32
        Numbers of segments.
    segs : (n, 6) int32
        ``ax, ay, bx, by, left, right`` of each segment: its segs, and the cells beside it (-1 = none).
    """

    origin: I64
    nodes: I64
    tiles: I32
    entries: I32
    refs: I32
    segs: I32

    def __post_init__(self) -> None:
        for array in self.arrays():
            array.flags.writeable = False

    def arrays(self) -> tuple[I64, I64, I32, I32, I32, I32]:
        """Return the arrays in the order in which the kernels take them."""
        return self.origin, self.nodes, self.tiles, self.entries, self.refs, self.segs

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays())


@dataclass(slots=True)
class _Level:
    """Nodes waiting to be cut, with the segments that touch each (``seg[start[i]:start[i + 1]]``)."""

    x: I64
    y: I64
    side_bits: I64
    label: I64
    start: I64
    seg: I32


def build_tree(segments: Segments) -> RasterTree:
    """Build the tree over all segments of a tiling.

    Parameters
    ----------
    segments : Segments
        At least one; each with its ends in lexicographic order.

    Returns
    -------
    RasterTree
    """
    s = segments
    segs = np.column_stack([s.ax, s.ay, s.bx, s.by, s.left, s.right]).astype(np.int32)
    segs = np.ascontiguousarray(segs[_along_z_curve(segs)])
    level = _root(segs)
    origin = np.concatenate([level.x, level.y])
    parts = _Parts(budget=ITEMS_PER_SEGMENT * len(segs) + 4096)
    while len(level.x):
        level = _cut(level, segs, parts)
    return parts.tree(origin, segs)


class _Parts:
    """The arrays of a tree while it grows, and what is left of its budget."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.nodes: list[I64] = []
        self.tiles: list[I32] = []
        self.entries: list[I32] = []
        self.refs: list[I32] = []
        self.n_nodes = self.n_tiles = self.n_entries = self.n_refs = 0

    def add_nodes(self, nodes: I64, n_tiles: int) -> None:
        """Book the nodes of one level; their offsets are moved behind the tiles there are."""
        nodes[:, 0] += self.n_tiles
        self.nodes.append(nodes)
        self.n_nodes += len(nodes)
        self.n_tiles += n_tiles
        self.budget -= n_tiles

    def add_entries(self, counts: I64, labels: I64, refs: I32) -> I64:
        """Book entries and their references; return their numbers."""
        first = self.n_refs + np.cumsum(counts) - counts
        self.entries.append(np.column_stack([first, labels]).astype(np.int32))
        self.refs.append(refs)
        numbers = self.n_entries + np.arange(len(counts))
        self.n_entries += len(counts)
        self.n_refs += len(refs)
        self.budget -= len(refs) + 2 * len(counts)
        return numbers

    def tree(self, origin: I64, segs: I32) -> RasterTree:
        """Close the references and make the arrays final."""
        closing = np.array([[self.n_refs, -1]], np.int32)
        return RasterTree(
            origin=origin,
            nodes=np.ascontiguousarray(np.concatenate(self.nodes)),
            tiles=np.concatenate(self.tiles),
            entries=np.ascontiguousarray(np.concatenate([*self.entries, closing])),
            refs=np.concatenate(self.refs) if self.refs else np.empty(0, np.int32),
            segs=segs,
        )


def _root(segs: I32) -> _Level:
    """One node: a square around everything, its corner one unit outside, so that its label is "none"."""
    x = int(segs[:, 0].min()) - 1
    y = int(min(segs[:, 1].min(), segs[:, 3].min())) - 1
    extent = max(int(segs[:, 2].max()) - x, int(max(segs[:, 1].max(), segs[:, 3].max())) - y)
    return _Level(
        x=np.array([x], np.int64),
        y=np.array([y], np.int64),
        side_bits=np.array([extent.bit_length()], np.int64),
        label=np.zeros(1, np.int64),
        start=np.array([0, len(segs)], np.int64),
        seg=np.arange(len(segs), dtype=np.int32),
    )


def _cut(level: _Level, segs: I32, parts: _Parts) -> _Level:
    """Cut every node of a level into tiles, book tiles and entries, and return the nodes of the next level."""
    is_root = not parts.nodes
    bits = _raster_bits(level, segs, ROOT_TILES_PER_SEGMENT if is_root else NODE_TILES_PER_SEGMENT)
    shift = level.side_bits - bits
    offset = np.cumsum(1 << 2 * bits) - (1 << 2 * bits)
    n_tiles = int((1 << 2 * bits).sum())
    tile, seg = _touched_tiles(level, segs, bits, offset)
    count = np.bincount(tile, minlength=n_tiles)
    node_of = np.repeat(np.arange(len(bits)), 1 << 2 * bits)
    inside = np.arange(n_tiles) - offset[node_of]
    tile_x = level.x[node_of] + ((inside & ((1 << bits[node_of]) - 1)) << shift[node_of])
    tile_y = level.y[node_of] + ((inside >> bits[node_of]) << shift[node_of])
    tile_shift = shift[node_of]
    label = _corner_labels(level.label, bits, tile, seg, tile_x, tile_y, tile_shift, segs)

    if (overlapped := label_of_sum(label) < -1).any():
        raise _overlap_refused(tile_x[overlapped], tile_y[overlapped])
    parts.add_nodes(np.column_stack([offset, shift, bits]), n_tiles)
    deeper = _worth_cutting(
        count, tile_shift, ENTRY_MAX_SEGMENTS if is_root else DEEP_ENTRY_MAX_SEGMENTS, parts
    )
    entry = (count > 0) & ~deeper
    code = label_of_sum(label)
    code[entry] = -2 - 2 * parts.add_entries(count[entry], code[entry], seg[entry[tile]])
    code[deeper] = -3 - 2 * (parts.n_nodes + np.arange(np.count_nonzero(deeper)))
    parts.tiles.append(code.astype(np.int32))
    return _Level(
        x=tile_x[deeper],
        y=tile_y[deeper],
        side_bits=tile_shift[deeper],
        label=label[deeper],
        start=np.concatenate([[0], np.cumsum(count[deeper])]),
        seg=seg[deeper[tile]],
    )


def _overlap_refused(x: I64, y: I64) -> InvalidInputError:
    places = zip((x[:MAX_FAULTS] / SCALE).tolist(), (y[:MAX_FAULTS] / SCALE).tolist(), strict=True)
    faults = [Fault("geometry", "cells lie upon each other here", place=place) for place in places]
    return InvalidInputError("The cells lie upon each other; an index needs a tiling.", faults)


def label_of_sum(total: I64) -> I64:
    """Turn sums of labels into cell indices: -1 outside; -9 where cells lie upon each other."""
    cells = total // ONE_CELL
    return np.where(cells == 0, np.where(total == 0, -1, -9), np.where(cells == 1, total - ONE_CELL - 1, -9))


def label_jump(segs: I32) -> I64:
    """By how much the sum of labels grows when a segment is crossed from its right to its left."""
    weight = np.where(segs[:, 4:] >= 0, ONE_CELL + 1 + segs[:, 4:].astype(np.int64), 0)
    return weight[:, 0] - weight[:, 1]


def _raster_bits(level: _Level, segs: I32, tiles_per_segment: float) -> I64:
    """How finely to cut each node: by its segments, and coarser where these are long."""
    counts = np.diff(level.start)
    wanted = np.rint(np.log2(np.maximum(counts * tiles_per_segment, 1)) / 2).astype(np.int64)
    bits = np.minimum(np.maximum(wanted, 1), level.side_bits)
    owner = np.repeat(np.arange(len(counts)), counts)
    while True:
        spread = np.zeros(len(counts), np.int64)
        for rows in pieces(len(owner)):
            i0, i1, j0, j1 = _tile_range(level, segs, bits, owner[rows], level.seg[rows])
            spread += np.bincount(
                owner[rows], weights=(i1 - i0) + (j1 - j0) + 1, minlength=len(counts)
            ).astype(np.int64)
        too_fine = (spread > MAX_SPREAD * counts) & (bits > 1)
        if not too_fine.any():
            return bits
        bits = bits - too_fine


def pieces(n: int) -> Iterator[slice]:
    """Cut ``n`` rows into slices that bound the memory of what is done with each."""
    return (slice(lo, min(lo + EXPAND_ROWS, n)) for lo in range(0, n, EXPAND_ROWS))


def _tile_range(level: _Level, segs: I32, bits: I64, node: I64, seg: I32) -> tuple[I64, I64, I64, I64]:
    """First and last column and row of tiles that the segments' closed boxes touch (a border counts for both)."""
    shift, last = (level.side_bits - bits)[node], (1 << bits[node]) - 1
    ax, ay, bx, by = (segs[seg, c].astype(np.int64) for c in range(4))
    x, y = level.x[node], level.y[node]
    i0 = np.clip((ax - x - 1) >> shift, 0, last)
    i1 = np.clip((bx - x) >> shift, 0, last)
    j0 = np.clip((np.minimum(ay, by) - y - 1) >> shift, 0, last)
    j1 = np.clip((np.maximum(ay, by) - y) >> shift, 0, last)
    return i0, i1, j0, j1


def _touched_tiles(level: _Level, segs: I32, bits: I64, offset: I64) -> tuple[I64, I32]:
    """List every (tile, segment) that touch, ordered by tile. A near miss of one unit may be listed too."""
    owner = np.repeat(np.arange(len(bits)), np.diff(level.start))
    tiles, touching = [], []
    for rows in pieces(len(owner)):
        tile, seg = _walk_rows(level, segs, bits, offset, owner[rows], level.seg[rows])
        tiles.append(tile)
        touching.append(seg)
    tile, seg = np.concatenate(tiles), np.concatenate(touching)
    order = np.argsort(tile, kind="stable")
    return tile[order], seg[order]


def _walk_rows(level: _Level, segs: I32, bits: I64, offset: I64, node: I64, seg: I32) -> tuple[I64, I32]:
    """Follow each segment through the rows of tiles it touches, and in each row through the columns."""
    i0, i1, j0, j1 = _tile_range(level, segs, bits, node, seg)
    n_rows = j1 - j0 + 1
    of = np.repeat(np.arange(len(seg)), n_rows)
    row = j0[of] + counting(n_rows)
    shift = (level.side_bits - bits)[node[of]]
    first, last = _columns(segs[seg[of]].astype(np.int64), level, node[of], row, shift)
    first, last = np.maximum(first, i0[of]), np.minimum(last, i1[of])
    n_columns = np.maximum(last - first + 1, 0)
    again = np.repeat(np.arange(len(of)), n_columns)
    column = first[again] + counting(n_columns)
    in_node = (row[again] << bits[node[of[again]]]) + column
    return offset[node[of[again]]] + in_node, seg[of[again]]


def _columns(segs: I64, level: _Level, node: I64, row: I64, shift: I64) -> tuple[I64, I64]:
    """Columns that a segment touches within one closed row of tiles, rounded outwards by at most one unit."""
    ax, ay, bx, by = segs.T[:4]
    low = level.y[node] + (row << shift)
    dx, dy = bx - ax, by - ay
    flat = dy == 0
    safe = np.where(flat, 1, dy)
    at_low = ax + dx * (np.clip(low, np.minimum(ay, by), np.maximum(ay, by)) - ay) // safe
    at_high = ax + dx * (np.clip(low + (1 << shift), np.minimum(ay, by), np.maximum(ay, by)) - ay) // safe
    x_min = np.where(flat, ax, np.minimum(at_low, at_high)) - level.x[node]
    x_max = np.where(flat, bx, np.maximum(at_low, at_high) + 1) - level.x[node]
    return (x_min - 1) >> shift, x_max >> shift


def counting(lengths: I64) -> I64:
    """Return 0, 1, ... for each length, one after the other."""
    total = int(lengths.sum())
    return np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def left_of_corner(segs: I64, x: I64, y: I64) -> Bool:
    """Whether the corner (x + ε, y + δ) is to the left of the segment's line."""
    ax, ay, bx, by = segs.T[:4]
    dx, dy = bx - ax, by - ay
    cross = dx * (y - ay) - dy * (x - ax)
    return (cross > 0) | ((cross == 0) & (dy <= 0) & (dx > 0))


def _corner_labels(
    node_label: I64, bits: I64, tile: I64, seg: I32, x: I64, y: I64, shift: I64, segs: I32
) -> I64:
    """Sums of labels at the corners of all tiles: up the first column of each node, then along each row."""
    right, up = np.zeros(len(x), np.int64), np.zeros(len(x), np.int64)
    for rows in pieces(len(tile)):
        t, s = tile[rows], seg[rows]
        to_right, upwards = _steps(segs[s].astype(np.int64), label_jump(segs[s]), x[t], y[t], 1 << shift[t])
        np.add.at(right, t, to_right)
        np.add.at(up, t, upwards)
    row_bits = np.repeat(bits, 1 << bits)  # one item a row of tiles
    row_first = np.cumsum(1 << row_bits) - (1 << row_bits)
    node_first_row = np.cumsum(1 << bits) - (1 << bits)
    climbed = _sums_before(up[row_first])
    row_label = np.repeat(node_label - climbed[node_first_row], 1 << bits) + climbed
    walked = _sums_before(right)
    return walked + np.repeat(row_label - walked[row_first], 1 << row_bits)


def _sums_before(values: I64) -> I64:
    return np.cumsum(values) - values


def _steps(segs: I64, jump: I64, x: I64, y: I64, side: I64) -> tuple[I64, I64]:
    """Change of the label from a tile's corner to that of its right, and of its upper, neighbour, by one segment."""
    ax, ay, bx, by = segs.T[:4]
    here = left_of_corner(segs, x, y)
    at_right = left_of_corner(segs, x + side, y)
    above = left_of_corner(segs, x, y + side)
    spans_y, spans_x = (ay <= y) != (by <= y), (ax <= x) != (bx <= x)
    to_right = np.where(spans_y, at_right.astype(np.int64) - here, 0) * jump
    upwards = np.where(spans_x, above.astype(np.int64) - here, 0) * jump
    return to_right, upwards


def _worth_cutting(count: I64, shift: I64, most: int, parts: _Parts) -> Bool:
    """Choose the tiles to become nodes: those with many segments, the fullest first, while the budget lasts."""
    heavy = np.flatnonzero((count > most) & (shift > 0))
    heavy = heavy[np.argsort(-count[heavy], kind="stable")]
    cost = np.cumsum(count[heavy]) * (NODE_TILES_PER_SEGMENT + 2)
    chosen = np.zeros(len(count), np.bool_)
    chosen[heavy[cost <= parts.budget - int(count.sum())]] = True
    return chosen


def _along_z_curve(segs: I32) -> I64:
    """Order segments along a Z-curve of their midpoints: neighbours in space become neighbours in memory."""
    mx = (segs[:, 0].astype(np.int64) + segs[:, 2]) >> 1
    my = (segs[:, 1].astype(np.int64) + segs[:, 3]) >> 1
    return np.argsort(_spread_bits(mx - mx.min()) | (_spread_bits(my - my.min()) << 1), kind="stable")


def _spread_bits(values: I64) -> I64:
    """Put a zero bit between the bits of 32-bit values."""
    v = values.astype(np.uint64)
    for step, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        v = (v | (v << np.uint64(step))) & np.uint64(mask)
    return v.astype(np.int64)
