"""The fabric: a tiling as half-edges on the integer lattice, each with one cell on its left.

A half-edge runs from vertex to vertex with its cell to the left; its *twin* runs the other way and belongs to
the neighbour, or is missing where nobody's land begins. Why that proves a tiling: the number of cells over a
place changes only across edges without a twin, so inside the outer border it is the same everywhere. If twins
cancel and each cell is a valid polygon, nothing overlaps and nothing gapes there; what is left to look at is
the outer border alone (:mod:`geo_service.geometry.border`). :meth:`Fabric.from_polygons` checks all of it.

Everything is a flat array. Vertices have numbers, so a shared vertex is *one* row of ``vertex_ij``: to
move it is to change that row, and all cells round it follow. To cut or to merge is to change the rows
of a few half-edges. Nothing is copied per cell, and only the cells touched need another look.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.border import Border
from geo_service.geometry.segments import DirectedEdges, Segments, directed_edges, pack, unpack

_MAX_FAULTS = 20
Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Fabric:
    """A tiling of ``n_cells`` cells; half-edges of a ring stand together, rings of a part, parts of a cell.

    Attributes
    ----------
    vertex_ij : (v, 2) int32
        Lattice points, each once.
    origin : (h,) int32
        Vertex at which a half-edge starts.
    following : (h,) int32
        The next half-edge of the same ring; its origin is where this one ends.
    twin : (h,) int32
        The half-edge that runs the other way, -1 on the outer border.
    cell : (h,) int32
        Cell to the left.
    ring_start : (r + 1,) int64
        First half-edge of each ring, and the count of half-edges.
    ring_part : (r,) int32
        Part to which each ring belongs; its first ring is the shell.
    part_cell : (p,) int32
        Cell to which each part belongs.
    n_cells : int
        Count of cells, empty ones included.
    """

    vertex_ij: Int32
    origin: Int32
    following: Int32
    twin: Int32
    cell: Int32
    ring_start: NDArray[np.int64]
    ring_part: Int32
    part_cell: Int32
    n_cells: int

    @classmethod
    def from_polygons(cls, geoms: NDArray[np.object_]) -> "Fabric":
        """Build a fabric and prove that it is a tiling.

        Where a vertex of one cell lies exactly on an edge of another, the edge is parted there, so that both
        have it; no shape changes.

        Parameters
        ----------
        geoms : (n,) array of shapely Polygon or MultiPolygon
            Every vertex on the lattice; the index in this array is the cell's index.

        Raises
        ------
        InvalidInputError
            A polygon is invalid or empty, or two cells overlap or cross; faults name rows and places.
            :func:`geo_service.geometry.inspect.inspect_tiling` says more, and mends what is small.
        """
        geoms = np.asarray(geoms, dtype=object)
        _require_valid(geoms)
        edges = with_all_vertices(directed_edges(geoms))
        parts, part_cell = shapely.get_parts(geoms, return_index=True)
        _, ring_part = shapely.get_rings(parts, return_index=True)
        keys, index = np.unique(np.concatenate((pack(edges.a), pack(edges.b))), return_inverse=True)
        origin, target = index[: len(edges.a)], index[len(edges.a) :]
        twin = _twins(origin, target, len(keys))
        if twin is None:
            raise InvalidInputError("Cells overlap.", _doubled_faults(origin, target, edges))
        starts = np.append(np.flatnonzero(np.diff(edges.ring, prepend=-1)), len(edges.ring))
        following = np.arange(1, len(origin) + 1)
        following[starts[1:] - 1] = starts[:-1]
        fabric = cls(
            vertex_ij=unpack(keys),
            origin=origin.astype(np.int32),
            following=following.astype(np.int32),
            twin=twin,
            cell=edges.cell,
            ring_start=starts.astype(np.int64),
            ring_part=ring_part.astype(np.int32),
            part_cell=part_cell.astype(np.int32),
            n_cells=len(geoms),
        )
        _require_sound_border(fabric)
        return fabric

    def __len__(self) -> int:
        """Count of cells."""
        return self.n_cells

    @property
    def target(self) -> Int32:
        """Vertex at which each half-edge ends."""
        return self.origin[self.following]

    def twins_cancel(self) -> bool:
        """Tell whether each directed edge stands once, and each twin is that edge turned, of another cell."""
        target = self.target
        key = self.origin.astype(np.int64) * len(self.vertex_ij) + target
        inner = np.flatnonzero(self.twin >= 0)
        other = self.twin[inner]
        return bool(
            len(np.unique(key)) == len(key)
            and (self.origin != target).all()
            and (self.twin[other] == inner).all()
            and (self.origin[other] == target[inner]).all()
            and (target[other] == self.origin[inner]).all()
            and (self.cell[other] != self.cell[inner]).all()
        )

    def wrong_border_edges(self) -> NDArray[np.intp]:
        """Return the half-edges at which the outer border crosses itself or lies over another cell."""
        alone = np.flatnonzero(self.twin < 0)
        border = Border(self.vertex_ij, self.origin[alone], self.target[alone])
        return alone[border.wrong_edges()]

    def segments(self) -> Segments:
        """Return every border segment once, with the cells on its two sides, in ascending order."""
        target = self.target
        once = np.flatnonzero((self.twin < 0) | (self.origin < target))
        other = np.where(self.twin[once] >= 0, self.cell[self.twin[once]], -1).astype(np.int32)
        start, end = self.origin[once], target[once]  # vertices are numbered in lexicographic order
        forward = start < end
        low, high = np.where(forward, start, end), np.where(forward, end, start)
        order = np.lexsort((high, low))
        a, b = self.vertex_ij[low[order]], self.vertex_ij[high[order]]
        left = np.where(forward, self.cell[once], other)[order]
        right = np.where(forward, other, self.cell[once])[order]
        return Segments(a[:, 0], a[:, 1], b[:, 0], b[:, 1], left, right)

    def polygons(self) -> NDArray[np.object_]:
        """Return each cell as a Polygon or MultiPolygon, shells counter-clockwise; exact, EPSG:4326."""
        counts = np.diff(self.ring_start)
        ring = np.repeat(np.arange(len(counts)), counts)
        rings = shapely.linearrings(lattice.to_degrees(self.vertex_ij[self.origin]), indices=ring)
        parts = shapely.polygons(rings, indices=self.ring_part) if len(rings) else np.empty(0, dtype=object)
        out = np.full(self.n_cells, shapely.Polygon(), dtype=object)
        per_cell = np.bincount(self.part_cell, minlength=self.n_cells)
        single = per_cell[self.part_cell] == 1
        out[self.part_cell[single]] = parts[single]
        several = np.flatnonzero(per_cell > 1)
        if several.size:
            number = np.searchsorted(several, self.part_cell[~single])
            out[several] = shapely.multipolygons(parts[~single], indices=number)
        return out

    def neighbours(self) -> Int32:
        """Return the pairs of cells that share an edge: (m, 2) int32, the smaller index first, ascending."""
        inner = self.twin >= 0
        pairs = np.column_stack((self.cell[inner], self.cell[self.twin[inner]]))
        return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0).astype(np.int32)

    def areas2(self) -> NDArray[np.int64]:
        """Return twice the area of each cell in lattice units: exact, so the areas of a tiling add up.

        Sums may wrap round on the way; twice an area on the globe is below 2⁶³, so the end is right.
        """
        a, b = self.vertex_ij[self.origin].astype(np.int64), self.vertex_ij[self.target].astype(np.int64)
        total = np.zeros(self.n_cells, dtype=np.int64)
        np.add.at(total, self.cell, a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
        return total


def with_all_vertices(edges: DirectedEdges) -> DirectedEdges:
    """Part each edge at every vertex that lies exactly on it (T-junctions); shapes stay the same."""
    edge, point = junctions(edges)
    if len(edge) == 0:
        return edges
    return DirectedEdges(
        a=np.insert(edges.a, edge + 1, point, axis=0),
        b=np.insert(edges.b, edge, point, axis=0),
        cell=np.insert(edges.cell, edge, edges.cell[edge]),
        ring=np.insert(edges.ring, edge, edges.ring[edge]),
    )


def junctions(edges: DirectedEdges) -> tuple[NDArray[np.intp], Int32]:
    """Find vertices strictly inside an edge that has no twin.

    Only such edges can hold one: the edges on the far side, which end there, are shorter, so they do
    not match.

    Returns
    -------
    edge : (k,) int
        Index of the edge, ascending.
    point : (k, 2) int32
        The vertex; those on one edge stand in its direction.
    """
    alone = np.flatnonzero(unmatched(edges))
    vertices = unpack(np.unique(np.concatenate((pack(edges.a[alone]), pack(edges.b[alone])))))
    if len(vertices) == 0:
        return np.empty(0, dtype=np.intp), np.empty((0, 2), dtype=np.int32)
    ends = np.stack((edges.a[alone], edges.b[alone]), axis=1)
    tree = shapely.STRtree(shapely.linestrings(lattice.to_degrees(ends)))
    vertex, found = tree.query(shapely.points(lattice.to_degrees(vertices)))
    edge, point = alone[found], vertices[vertex]
    a, b = edges.a[edge], edges.b[edge]
    inside = (point != a).any(axis=1) & (point != b).any(axis=1) & lattice.on_segment(point, a, b)
    edge, point = edge[inside], point[inside]
    along = np.abs(point.astype(np.int64) - edges.a[edge]).sum(axis=1)
    order = np.lexsort((along, edge))
    return edge[order], point[order]


def unmatched(edges: DirectedEdges) -> NDArray[np.bool_]:
    """Tell which directed edges have no edge that runs the other way."""
    low, high = pack(edges.a), pack(edges.b)
    forward = low < high
    low, high = np.where(forward, low, high), np.where(forward, high, low)
    order = np.lexsort((forward, high, low))
    same = (low[order][1:] == low[order][:-1]) & (high[order][1:] == high[order][:-1])
    group = np.cumsum(np.append(True, ~same)[: len(order)]) - 1
    n_groups = int(group[-1]) + 1 if len(group) else 0
    directions = np.zeros((n_groups, 2), dtype=bool)
    directions[group, forward[order].astype(np.intp)] = True
    out = np.empty(len(low), dtype=bool)
    alone = ~np.asarray(directions.all(axis=1))
    out[order] = alone[group]
    return out


def _twins(origin: NDArray[np.intp], target: NDArray[np.intp], n_vertices: int) -> Int32 | None:
    """Pair each half-edge with its reverse, -1 where there is none; None if a half-edge stands twice."""
    key = origin.astype(np.int64) * n_vertices + target
    order = np.argsort(key)
    ordered = key[order]
    if (ordered[1:] == ordered[:-1]).any():
        return None
    if len(key) == 0:
        return np.empty(0, dtype=np.int32)
    reverse = target.astype(np.int64) * n_vertices + origin
    at = np.minimum(np.searchsorted(ordered, reverse), len(key) - 1)
    return np.where(ordered[at] == reverse, order[at], -1).astype(np.int32)


def _doubled_faults(origin: NDArray[np.intp], target: NDArray[np.intp], edges: DirectedEdges) -> list[Fault]:
    order = np.lexsort((target, origin))
    doubled = (np.diff(origin[order]) == 0) & (np.diff(target[order]) == 0)
    faults = []
    for first, second in zip(order[:-1][doubled][:_MAX_FAULTS], order[1:][doubled], strict=False):
        lon, lat = lattice.to_degrees(edges.a[first])
        rows = sorted({int(edges.cell[first]) + 1, int(edges.cell[second]) + 1})
        message = f"rows {rows} lie on the same side of this border; inspect the tiling"
        faults.append(Fault("geometry", message, row=rows[0], place=(float(lon), float(lat))))
    return faults


def _require_valid(geoms: NDArray[Any]) -> None:
    bad = np.flatnonzero(~shapely.is_valid(geoms) | shapely.is_empty(geoms))
    if bad.size:
        message = "the shape is invalid or empty"
        faults = [Fault("geometry", message, row=int(row) + 1) for row in bad[:_MAX_FAULTS]]
        raise InvalidInputError("Cells are not valid polygons.", faults)


def _require_sound_border(fabric: Fabric) -> None:
    wrong = fabric.wrong_border_edges()[:_MAX_FAULTS]
    if len(wrong) == 0:
        return
    message = "the border crosses or lies inside another cell; inspect the tiling"
    faults = []
    for edge in wrong:
        lon, lat = lattice.to_degrees(fabric.vertex_ij[fabric.origin[edge]])
        row = int(fabric.cell[edge]) + 1
        faults.append(Fault("geometry", message, row=row, place=(float(lon), float(lat))))
    raise InvalidInputError(f"The {len(fabric)} cells are not a tiling.", faults)
