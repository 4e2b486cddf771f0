"""Building the tree of rasters (:mod:`.raster`) in plain numpy: level by level, all nodes of one at once.

The finer a raster, the faster the look-up and the larger the tree. Each node is cut according to the number
of its segments, coarser where these are long or crowd in one spot; and the whole tree has a budget, so that
it never needs more than about a hundred bytes a segment, whatever the shapes.
"""

from dataclasses import dataclass

import numpy as np

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.lattice import SCALE
from geo_service.geometry.segments import Segments
from geo_service.locate.raster import (
    I32,
    I64,
    OVERLAP,
    RasterTree,
    counting,
    label_jump,
    label_of_sum,
    left_of_corner,
    pieces,
)

ROOT_TILES_PER_SEGMENT = 2.0
"""Tiles of the root for each segment of the tiling (rounded to a power of four in all)."""
NODE_TILES_PER_SEGMENT = 6.0
"""The same for a lower node."""
ROOT_ENTRY_MAX = 4
"""A tile of the root with more segments becomes a node, unless the budget is spent."""
NODE_ENTRY_MAX = 8
"""The same below the root: nearly every junction of cells ends in an entry at the second level."""
ITEMS_PER_SEGMENT = 17
"""Budget of the tree in int32 items (tiles, entries, references) a segment; the segment itself takes six."""
MAX_SPREAD = 4
"""A node's raster is made coarser until its segments touch, on average, no more tiles than this."""
CROWDED_BITS = 2
"""A node whose segments crowd in a square this many times smaller by half is first zoomed into, cheaply."""
MAX_FAULTS = 20


@dataclass(slots=True)
class _Level:
    """Nodes to be cut, all of one level.

    ``x, y``: corner; ``side_bits``: the side is ``2**side_bits``; ``label``: sum of labels at the corner;
    node i is touched by ``seg[start[i]:start[i + 1]]``, and ``owner`` says so backwards. Chosen when it is
    cut: ``bits``, so that it has ``2**bits`` tiles a side, of side ``2**shift``; ``first`` is the first of
    these among the tiles of the level.
    """

    x: I64
    y: I64
    side_bits: I64
    label: I64
    start: I64
    seg: I32
    owner: I64
    bits: I64
    shift: I64
    first: I64
    n_tiles: int

    @classmethod
    def of(cls, *, x: I64, y: I64, side_bits: I64, label: I64, counts: I64, seg: I32) -> "_Level":
        """Take nodes that are not cut yet."""
        start = np.concatenate([[0], np.cumsum(counts)])
        owner = np.repeat(np.arange(len(x)), counts)
        level = cls(x, y, side_bits, label, start, seg, owner, side_bits, side_bits, start, 0)
        level.cut(np.zeros(len(x), np.int64))
        return level

    def cut(self, bits: I64) -> None:
        """Set how finely each node is cut."""
        tiles = np.int64(1) << 2 * bits
        self.bits, self.shift = bits, self.side_bits - bits
        self.first, self.n_tiles = np.cumsum(tiles) - tiles, int(tiles.sum())

    def corner_of(self, tile: I64) -> tuple[I64, I64, I64]:
        """Lower left lattice point of tiles of this level, and the shift of their side."""
        node = np.searchsorted(self.first, tile, side="right") - 1
        inside, bits, shift = tile - self.first[node], self.bits[node], self.shift[node]
        x = self.x[node] + ((inside & ((1 << bits) - 1)) << shift)
        return x, self.y[node] + (inside >> bits << shift), shift


def build_tree(segments: Segments) -> RasterTree:
    """Build the tree over all segments of a tiling.

    Parameters
    ----------
    segments : Segments
        At least one; each with its ends in lexicographic order.

    Raises
    ------
    InvalidInputError
        Cells lie upon each other, as far as the corners of tiles show it (:mod:`.check` shows it all).
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
        tree = RasterTree(
            origin=origin,
            nodes=np.ascontiguousarray(np.concatenate(self.nodes)),
            tiles=np.concatenate(self.tiles),
            entries=np.ascontiguousarray(np.concatenate([*self.entries, closing])),
            refs=np.concatenate(self.refs) if self.refs else np.empty(0, np.int32),
            segs=segs,
        )
        for array in tree:
            array.flags.writeable = False
        return tree


def _root(segs: I32) -> _Level:
    """One node: a square around everything, its corner one unit outside, so that its label is "none"."""
    x = int(segs[:, 0].min()) - 1
    y = int(min(segs[:, 1].min(), segs[:, 3].min())) - 1
    extent = max(int(segs[:, 2].max()) - x, int(max(segs[:, 1].max(), segs[:, 3].max())) - y)
    return _Level.of(
        x=np.array([x]),
        y=np.array([y]),
        side_bits=np.array([extent.bit_length()]),
        label=np.array([0]),
        counts=np.array([len(segs)]),
        seg=np.arange(len(segs), dtype=np.int32),
    )


def _cut(level: _Level, segs: I32, parts: _Parts) -> _Level:
    """Cut every node of a level into tiles, book tiles and entries; return the nodes of the next level."""
    is_root = not parts.nodes
    _choose_bits(level, segs, ROOT_TILES_PER_SEGMENT if is_root else NODE_TILES_PER_SEGMENT)
    tile, seg = _touched_tiles(level, segs)
    count = np.bincount(tile, minlength=level.n_tiles)
    label = _corner_labels(level, tile, seg, segs)
    code = label_of_sum(label)
    if (code == OVERLAP).any():
        raise _overlap_refused(level, np.flatnonzero(code == OVERLAP))

    parts.add_nodes(np.column_stack([level.first, level.shift, level.bits]), level.n_tiles)
    deeper = _worth_cutting(level, count, ROOT_ENTRY_MAX if is_root else NODE_ENTRY_MAX, parts)
    is_node = np.zeros(level.n_tiles, np.bool_)
    is_node[deeper] = True
    is_entry = (count > 0) & ~is_node
    code[is_entry] = -2 - 2 * parts.add_entries(count[is_entry], code[is_entry], seg[is_entry[tile]])
    code[deeper] = -3 - 2 * (parts.n_nodes + np.arange(len(deeper)))
    parts.tiles.append(code.astype(np.int32))
    x, y, shift = level.corner_of(deeper)
    return _Level.of(
        x=x, y=y, side_bits=shift, label=label[deeper], counts=count[deeper], seg=seg[is_node[tile]]
    )


def _overlap_refused(level: _Level, tiles: I64) -> InvalidInputError:
    x, y, _ = level.corner_of(tiles[:MAX_FAULTS])
    places = zip((x / SCALE).tolist(), (y / SCALE).tolist(), strict=True)
    faults = [Fault("geometry", "cells lie upon each other here", place=place) for place in places]
    return InvalidInputError("The cells lie upon each other; an index needs a tiling.", faults)


def _choose_bits(level: _Level, segs: I32, tiles_per_segment: float) -> None:
    """Choose how finely to cut each node: by its segments, coarser where they crowd or are long."""
    counts = np.diff(level.start)
    wanted = np.rint(np.log2(np.maximum(counts * tiles_per_segment, 1)) / 2).astype(np.int64)
    zoom = _zoom(level, segs)
    wanted = np.where(zoom >= CROWDED_BITS, np.minimum(wanted - CROWDED_BITS, zoom), wanted)
    level.cut(np.minimum(np.maximum(wanted, 1), level.side_bits))
    while True:
        spread = np.zeros(len(counts))
        for rows in pieces(len(level.seg)):
            i0, i1, j0, j1 = _tile_range(level, segs, rows)
            spread += np.bincount(level.owner[rows], weights=(i1 - i0) + (j1 - j0) + 1, minlength=len(counts))
        too_fine = (spread > MAX_SPREAD * counts) & (level.bits > 1)
        if not too_fine.any():
            return
        level.cut(level.bits - too_fine)


def _zoom(level: _Level, segs: I32) -> I64:
    """How many times the square of each node could be halved and still hold the segments in it, about."""
    low = np.full((2, len(level.x)), np.iinfo(np.int64).max)
    high = np.full((2, len(level.x)), np.iinfo(np.int64).min)
    first = level.start[:-1]
    for axis, corner in enumerate((level.x, level.y)):
        a, b = segs[level.seg, axis], segs[level.seg, 2 + axis]
        low[axis] = np.maximum(np.minimum.reduceat(np.minimum(a, b), first), corner)
        high[axis] = np.minimum(np.maximum.reduceat(np.maximum(a, b), first), corner + (1 << level.side_bits))
    extent = np.maximum((high - low).max(axis=0), 1)
    zoom: I64 = level.side_bits - np.ceil(np.log2(extent)).astype(np.int64)
    return zoom


def _tile_range(level: _Level, segs: I32, rows: slice) -> tuple[I64, I64, I64, I64]:
    """Range of columns and rows of tiles that the segments' boxes touch (a border counts for both)."""
    node, seg = level.owner[rows], level.seg[rows]
    shift, last = level.shift[node], (1 << level.bits[node]) - 1
    ax, ay, bx, by = (segs[seg, column].astype(np.int64) for column in range(4))
    x, y = level.x[node], level.y[node]
    i0 = np.clip((ax - x - 1) >> shift, 0, last)
    i1 = np.clip((bx - x) >> shift, 0, last)
    j0 = np.clip((np.minimum(ay, by) - y - 1) >> shift, 0, last)
    j1 = np.clip((np.maximum(ay, by) - y) >> shift, 0, last)
    return i0, i1, j0, j1


def _touched_tiles(level: _Level, segs: I32) -> tuple[I64, I32]:
    """List every (tile, segment) that touch, ordered by tile. A near miss of one unit may be listed too."""
    found = [_walk_rows(level, segs, rows) for rows in pieces(len(level.seg))]
    tile, seg = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(tile, kind="stable")
    return tile[order], seg[order]


def _walk_rows(level: _Level, segs: I32, rows: slice) -> tuple[I64, I32]:
    """Follow each segment through the rows of tiles it touches, and in each row through the columns."""
    i0, i1, j0, j1 = _tile_range(level, segs, rows)
    n_rows = j1 - j0 + 1
    of = np.repeat(np.arange(len(n_rows)), n_rows)
    node, seg = level.owner[rows][of], level.seg[rows][of]
    row = j0[of] + counting(n_rows)
    first, last = _columns(segs[seg].astype(np.int64), level, node, row)
    first, last = np.maximum(first, i0[of]), np.minimum(last, i1[of])
    n_columns = np.maximum(last - first + 1, 0)
    start = level.first[node] + (row << level.bits[node]) + first
    return np.repeat(start, n_columns) + counting(n_columns), np.repeat(seg, n_columns)


def _columns(segs: I64, level: _Level, node: I64, row: I64) -> tuple[I64, I64]:
    """Columns that a segment touches within one closed row of tiles, rounded outwards by at most one unit."""
    ax, ay, bx, by = segs.T[:4]
    shift = level.shift[node]
    low = level.y[node] + (row << shift)
    dx, dy = bx - ax, by - ay
    flat = dy == 0
    safe = np.where(flat, 1, dy)
    at_low = ax + dx * (np.clip(low, np.minimum(ay, by), np.maximum(ay, by)) - ay) // safe
    at_high = ax + dx * (np.clip(low + (1 << shift), np.minimum(ay, by), np.maximum(ay, by)) - ay) // safe
    x_min = np.where(flat, ax, np.minimum(at_low, at_high)) - level.x[node]
    x_max = np.where(flat, bx, np.maximum(at_low, at_high) + 1) - level.x[node]
    return (x_min - 1) >> shift, x_max >> shift


def _corner_labels(level: _Level, tile: I64, seg: I32, segs: I32) -> I64:
    """Add labels up to the corner of every tile: up the first column of each node, then along each row."""
    right, up = np.zeros(level.n_tiles, np.int64), np.zeros(level.n_tiles, np.int64)
    for rows in pieces(len(tile)):
        to_right, upwards = _steps(segs[seg[rows]].astype(np.int64), *level.corner_of(tile[rows]))
        np.add.at(right, tile[rows], to_right)
        np.add.at(up, tile[rows], upwards)
    bits = level.bits
    row_length = np.int64(1) << np.repeat(bits, 1 << bits)  # one item a row of tiles
    row_first = np.cumsum(row_length) - row_length
    node_first_row = np.cumsum(1 << bits) - (1 << bits)
    climbed = _sums_before(up[row_first])
    row_label = np.repeat(level.label - climbed[node_first_row], 1 << bits) + climbed
    walked = _sums_before(right)
    label: I64 = walked + np.repeat(row_label - walked[row_first], row_length)
    return label


def _sums_before(values: I64) -> I64:
    before: I64 = np.cumsum(values) - values
    return before


def _steps(segs: I64, x: I64, y: I64, shift: I64) -> tuple[I64, I64]:
    """Change of the label, by one segment, from a tile's corner to that of its right and upper neighbour."""
    ax, ay, bx, by = segs.T[:4]
    side, jump = np.int64(1) << shift, label_jump(segs)
    here = left_of_corner(segs, x, y)
    at_right = left_of_corner(segs, x + side, y)
    above = left_of_corner(segs, x, y + side)
    spans_y, spans_x = (ay <= y) != (by <= y), (ax <= x) != (bx <= x)
    to_right = np.where(spans_y, at_right.astype(np.int64) - here, 0) * jump
    upwards = np.where(spans_x, above.astype(np.int64) - here, 0) * jump
    return to_right, upwards


def _worth_cutting(level: _Level, count: I64, most: int, parts: _Parts) -> I64:
    """Choose the tiles to become nodes: the fullest first, while the budget lasts."""
    heavy = np.flatnonzero(count > most)
    node = np.searchsorted(level.first, heavy, side="right") - 1
    heavy = heavy[level.shift[node] > 0]
    heavy = heavy[np.argsort(-count[heavy], kind="stable")]
    cost = np.cumsum(count[heavy]) * (NODE_TILES_PER_SEGMENT + 2)
    return np.sort(heavy[cost <= parts.budget - int(count.sum())])


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
