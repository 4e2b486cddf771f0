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

This file has the record and the arithmetic of labels; :mod:`.raster_build` builds it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

EXPAND_ROWS = 1 << 19
"""Rows of scratch tables at a time: bounds the memory of a build."""
ONE_CELL = 1 << 32
"""A label in sums is ``ONE_CELL + index + 1`` inside a cell, 0 outside: overlaps show in the high half."""
OVERLAP = -9
"""What :func:`label_of_sum` gives where several cells lie upon each other."""


class RasterTree(NamedTuple):
    """The tree as flat arrays, contiguous and read-only; what the kernels take.

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

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self)


def label_of_sum(total: I64) -> I64:
    """Turn sums of labels into cell indices: -1 outside; ``OVERLAP`` where cells lie upon each other."""
    cells = total // ONE_CELL
    return np.where(
        cells == 0, np.where(total == 0, -1, OVERLAP), np.where(cells == 1, total - ONE_CELL - 1, OVERLAP)
    )


def label_jump(segs: I32 | I64) -> I64:
    """By how much the sum of labels grows when a segment is crossed from its right to its left."""
    weight = np.where(segs[:, 4:] >= 0, ONE_CELL + 1 + segs[:, 4:].astype(np.int64), 0)
    return weight[:, 0] - weight[:, 1]


def left_of_corner(segs: I64, x: I64, y: I64) -> Bool:
    """Whether the corner (x + ε, y + δ) is to the left of the segment's line."""
    ax, ay, bx, by = segs.T[:4]
    dx, dy = bx - ax, by - ay
    cross = dx * (y - ay) - dy * (x - ax)
    left: Bool = (cross > 0) | ((cross == 0) & (dy <= 0) & (dx > 0))
    return left


def pieces(n: int) -> Iterator[slice]:
    """Cut ``n`` rows into slices that bound the memory of what is done with each."""
    return (slice(lo, min(lo + EXPAND_ROWS, n)) for lo in range(0, n, EXPAND_ROWS))


def counting(lengths: I64) -> I64:
    """Return 0, 1, ... for each length, one after the other."""
    total = int(lengths.sum())
    return np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
