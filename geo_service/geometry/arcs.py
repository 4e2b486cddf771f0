"""Shared arcs of a tiling: each stretch of border between two junctions once, and rings as lists of arcs.

Neighbours drawn from the same arc have the same border by construction, and a border costs its points once.
Pure; takes integer vertices, so equal points are equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rings:
    """Rings of many polygons, opened (the last vertex does not repeat the first), one after the other.

    Attributes
    ----------
    xy : (n, 2) int64
        Vertices.
    start : (r + 1,) int64
        Offset of each ring into ``xy``; the last entry is ``n``.
    cell : (r,) int64
        Index of the polygon a ring belongs to.
    """

    xy: Ints
    start: Ints
    cell: Ints


@dataclass(frozen=True, slots=True)
class Arcs:
    """Arcs and the rings made of them.

    Attributes
    ----------
    xy : (m, 2) int64
        Vertices of all arcs, both ends included.
    start : (a + 1,) int64
        Offset of each arc into ``xy``.
    ring_arcs : (s,) int64
        Arc of each piece of a ring; ``~arc`` where the ring walks it backwards. Arcs are numbered in the
        order of their first mention here, which is always forward.
    ring_start : (r + 1,) int64
        Offset of each ring into ``ring_arcs``.
    ring_cell : (r,) int64
        Index of the polygon a ring belongs to.
    """

    xy: Ints
    start: Ints
    ring_arcs: Ints
    ring_start: Ints
    ring_cell: Ints


def quantised_rings(geoms: Sequence[shapely.Geometry] | NDArray[np.object_], step_deg: float) -> Rings:
    """Rings of (multi)polygons with vertices rounded to multiples of a step.

    Shells run counter-clockwise, holes clockwise. Vertices that fall together with the one before them are
    dropped, and so are rings left with fewer than three: too small to be seen at this step.

    Parameters
    ----------
    geoms : sequence of shapely (Multi)Polygon
        EPSG:4326; empty ones give no ring.
    step_deg : float
        Size of the step in degrees.
    """
    parts, cell = shapely.get_parts(np.asarray(geoms, dtype=object), return_index=True)
    rings, part = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    lonlat_deg, ring = shapely.get_coordinates(rings, return_index=True)
    xy = np.rint(lonlat_deg / step_deg).astype(np.int64)
    # a closed ring repeats its first vertex at the end, so dropping every repeat of the predecessor and then
    # the closing vertex leaves the opened ring
    same = np.zeros(len(xy), dtype=bool)
    same[1:] = (ring[1:] == ring[:-1]) & (xy[1:] == xy[:-1]).all(axis=1)
    xy, ring = xy[~same], ring[~same]
    closing = np.ones(len(ring), dtype=bool)
    closing[:-1] = ring[1:] != ring[:-1]
    xy, ring = xy[~closing], ring[~closing]
    count = np.bincount(ring, minlength=len(rings))
    kept = count >= 3
    xy = xy[kept[ring]]
    return Rings(xy, np.concatenate([[0], np.cumsum(count[kept])]), cell[part][kept].astype(np.int64))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Sides of rings in the order of their first vertex: from vertex ``a`` to ``b`` along border ``edge``."""

    a: Ints
    b: Ints
    edge: Ints  # the same number in either direction

    def taken(self, order: Ints) -> "_Sides":
        return _Sides(self.a[order], self.b[order], self.edge[order])


def shared_arcs(rings: Rings) -> Arcs:
    """Cut rings at their junctions and keep each arc once.

    A junction is a vertex where other than two borders meet, or where the rings along the two borders
    differ. Any rings are accepted: where they do not share vertices they merely share no arcs.
    """
    if not len(rings.cell):
        none, zero = np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
        return Arcs(none.reshape(0, 2), zero, none, zero, none)
    vertex, at = _vertex_numbers(rings.xy)
    sides = _sides(at, rings)
    ring = np.repeat(np.arange(len(rings.cell)), np.diff(rings.start))
    cut = _with_a_cut_in_every_ring(_junctions(sides, ring)[at], rings, at)
    order = _from_a_cut_on(cut, rings)
    piece_start = np.flatnonzero(cut[order])
    pieces_before = np.concatenate([[0], np.cumsum(cut[order])])
    xy, start, ring_arcs = _arcs_of(sides.taken(order), piece_start, vertex)
    return Arcs(xy, start, ring_arcs, pieces_before[rings.start], rings.cell)


def _vertex_numbers(xy: Ints) -> tuple[Ints, Ints]:
    """Give the distinct vertices in ascending order, and the number of each given vertex."""
    low = xy.min(axis=0)
    span = int(xy[:, 1].max() - low[1]) + 1
    key, number = np.unique((xy[:, 0] - low[0]) * span + (xy[:, 1] - low[1]), return_inverse=True)
    return np.column_stack([key // span + low[0], key % span + low[1]]), number.astype(np.int64)


def _sides(at: Ints, rings: Rings) -> _Sides:
    """Sides of all rings, given the number of the vertex at each position."""
    following = np.arange(1, len(at) + 1)
    following[rings.start[1:] - 1] = rings.start[:-1]
    a, b = at, at[following]
    low, high = np.minimum(a, b), np.maximum(a, b)
    _, edge = np.unique(low * (int(high.max()) + 1) + high, return_inverse=True)
    return _Sides(a, b, edge.astype(np.int64))


def _junctions(sides: _Sides, ring: Ints) -> NDArray[np.bool_]:
    """Whether each vertex is a junction."""
    # a random label a ring; the sum over an edge tells which rings run along it
    label = np.random.default_rng(0).integers(1, 2**40, size=int(ring.max()) + 1)
    _, first = np.unique(sides.edge, return_index=True)
    along = np.zeros(len(first), dtype=np.int64)
    np.add.at(along, sides.edge, label[ring])
    ends = np.concatenate([sides.a[first], sides.b[first]])
    vertex_count = int(sides.a.max()) + 1
    degree = np.bincount(ends, minlength=vertex_count)
    # at a vertex with two edges they carry the same sum when the smallest and the largest agree
    lowest = np.full(vertex_count, np.iinfo(np.int64).max)
    highest = np.zeros(vertex_count, dtype=np.int64)
    np.minimum.at(lowest, ends, np.tile(along, 2))
    np.maximum.at(highest, ends, np.tile(along, 2))
    return np.asarray((degree != 2) | (lowest != highest))


def _with_a_cut_in_every_ring(cut: NDArray[np.bool_], rings: Rings, at: Ints) -> NDArray[np.bool_]:
    """Cut a ring without a junction at its smallest vertex, which its twin (a hole's filling) shares."""
    cut = cut.copy()
    for r in np.flatnonzero(~np.logical_or.reduceat(cut, rings.start[:-1])):
        begin, end = rings.start[r], rings.start[r + 1]
        cut[begin + np.argmin(at[begin:end])] = True
    return cut


def _from_a_cut_on(cut: NDArray[np.bool_], rings: Rings) -> Ints:
    """Order of vertices that begins each ring at its first cut."""
    position = np.arange(len(cut))
    first = np.minimum.reduceat(np.where(cut, position, len(cut)), rings.start[:-1]) - rings.start[:-1]
    length = np.diff(rings.start)
    begin = np.repeat(rings.start[:-1], length)
    return np.asarray(begin + (position - begin + np.repeat(first, length)) % np.repeat(length, length))


def _arcs_of(sides: _Sides, piece_start: Ints, vertex: Ints) -> tuple[Ints, Ints, Ints]:
    """Give the pieces between cuts one number a pair of twins: vertices, offsets, and each piece's arc."""
    piece_end = np.append(piece_start[1:], len(sides.a))
    piece = np.repeat(np.arange(len(piece_start)), piece_end - piece_start)
    # the smallest edge of a piece names its arc, and the way it is walked gives the direction
    lowest = np.minimum.reduceat(sides.edge, piece_start)
    there = np.flatnonzero(sides.edge == lowest[piece])
    witness = np.full(len(piece_start), -1)
    witness[piece[there[::-1]]] = there[::-1]
    forward = sides.a[witness] < sides.b[witness]
    # arcs are numbered as the rings meet them, and lie the way they are first walked
    _, first, sorted_arc = np.unique(lowest, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    arc, canonical = rank[sorted_arc], np.sort(first)
    backward = forward != forward[canonical[arc]]
    # the vertices of each first-walked piece, its far end included
    size = piece_end[canonical] - piece_start[canonical] + 1
    start = np.concatenate([[0], np.cumsum(size)])
    inner = np.arange(start[-1]) - np.repeat(start[:-1], size)
    last = np.repeat(size - 1, size)
    source = np.repeat(piece_start[canonical], size) + np.minimum(inner, last - 1)
    number = np.where(inner == last, sides.b[source], sides.a[source])
    return vertex[number], start, np.where(backward, ~arc, arc).astype(np.int64)
