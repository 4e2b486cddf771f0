"""Proof that the outer border of a fabric is sound: the part of a tiling that twins cannot prove.

Let w be the number of cells over a place. It changes only across edges without a twin, by one: those edges
are the border, each with a cell on its left. A tiling is w ≤ 1 everywhere, and that holds exactly when

- no two border edges cross (that they touch at vertices only is seen to when the fabric is built);
- round each vertex the border edges alternate between going out and coming in, so that w alternates as well;
- beside each connected piece of the border, at its westernmost vertex, w as counted along a ray from the west
  is what the piece itself says: 0 beside the outline of an island, 1 round an open hole.

All in integers. GEOS' ``coverage_is_valid`` answers the same question, but raises false alarms where a ring
touches itself, and needs all cells for it.
"""

from dataclasses import dataclass
from functools import cmp_to_key

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo_service.geometry import lattice

Int = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Border:
    """Directed border edges, a cell to the left of each and none to the right.

    Attributes
    ----------
    vertex_ij : (v, 2) int32
        Lattice points in lexicographic order.
    start, end : (m,) int32
        Vertex at which each edge starts and ends.
    """

    vertex_ij: Int
    start: Int
    end: Int

    def wrong_edges(self) -> NDArray[np.intp]:
        """Return the indices of edges at which the proof fails, ascending; none means w ≤ 1 everywhere."""
        if len(self.start) == 0:
            return np.empty(0, dtype=np.intp)
        crossing = self._crossing()
        if crossing.size:
            return crossing
        return np.unique(np.concatenate((self._not_alternating(), self._misplaced())))

    def _lines(self) -> NDArray[np.object_]:
        ends = np.stack((self.vertex_ij[self.start], self.vertex_ij[self.end]), axis=1)
        lines: NDArray[np.object_] = shapely.linestrings(lattice.to_degrees(ends))
        return lines

    def _crossing(self) -> NDArray[np.intp]:
        """Edges that cross another in a point inside both."""
        lines = self._lines()
        first, second = shapely.STRtree(lines).query(lines)
        once = first < second
        first, second = first[once], second[once]
        a, b = self.vertex_ij[self.start[first]], self.vertex_ij[self.end[first]]
        c, d = self.vertex_ij[self.start[second]], self.vertex_ij[self.end[second]]
        apart = lattice.orientation(a, b, c) * lattice.orientation(a, b, d) < 0
        apart &= lattice.orientation(c, d, a) * lattice.orientation(c, d, b) < 0
        return np.unique(np.concatenate((first[apart], second[apart])))

    def _not_alternating(self) -> NDArray[np.intp]:
        """Edges at vertices round which two neighbouring border edges both go out, or both come in."""
        degree = np.bincount(self.start, minlength=len(self.vertex_ij))
        wrong: list[int] = []
        for vertex, edges in self._edges_at(np.flatnonzero(degree > 1)):
            turn = self._counter_clockwise(vertex, edges)
            outward = [self.start[edge] == vertex for edge in turn]
            if any(one == other for one, other in zip(outward, outward[1:] + outward[:1], strict=True)):
                wrong.extend(turn)
        return np.array(wrong, dtype=np.intp)

    def _misplaced(self) -> NDArray[np.intp]:
        """One edge of each connected piece beside which the ray counts another w than the piece says."""
        n = len(self.vertex_ij)
        graph = coo_array((np.ones(len(self.start), dtype=bool), (self.start, self.end)), shape=(n, n))
        _, piece = connected_components(graph, directed=False)
        used = np.unique(np.concatenate((self.start, self.end)))
        _, first = np.unique(piece[used], return_index=True)
        west = used[first].astype(np.intp)  # vertices are in lexicographic order
        counted = self._counted_from_the_west(west)
        wrong = []
        for (vertex, edges), w in zip(self._edges_at(west), counted, strict=True):
            lowest = self._counter_clockwise(vertex, edges)[0]
            if w != (self.end[lowest] == vertex):
                wrong.append(lowest)
        return np.array(wrong, dtype=np.intp)

    def _counted_from_the_west(self, vertices: NDArray[np.intp]) -> NDArray[np.int64]:
        """Count w just west of each vertex along a ray from the far west, a hair above its latitude."""
        lines = self._lines()
        tree = shapely.STRtree(lines)
        lon, lat = lattice.to_degrees(self.vertex_ij[vertices]).T
        rays = shapely.linestrings(
            np.stack((np.column_stack((np.full(len(lon), -181.0), lat)), np.column_stack((lon, lat))), axis=1)
        )
        ray, edge = tree.query(rays)
        a, b = self.vertex_ij[self.start[edge]], self.vertex_ij[self.end[edge]]
        at = self.vertex_ij[vertices[ray]]
        side = lattice.orientation(a, b, at)
        upward = (a[:, 1] <= at[:, 1]) & (at[:, 1] < b[:, 1]) & (side < 0)
        downward = (b[:, 1] <= at[:, 1]) & (at[:, 1] < a[:, 1]) & (side > 0)
        change = downward.astype(np.int64) - upward  # its cell lies west of an edge that runs north
        total = np.zeros(len(vertices), dtype=np.int64)
        np.add.at(total, ray, change)
        return total

    def _edges_at(self, vertices: NDArray[np.intp]) -> list[tuple[int, list[int]]]:
        """Border edges that start or end at each of the vertices."""
        ends = np.concatenate((self.start, self.end))
        order = np.argsort(ends, kind="stable")
        ordered = ends[order]
        low, high = np.searchsorted(ordered, vertices), np.searchsorted(ordered, vertices, side="right")
        edge = order % len(self.start)
        return [
            (int(v), edge[i:j].tolist())
            for v, i, j in zip(vertices, low.tolist(), high.tolist(), strict=True)
        ]

    def _counter_clockwise(self, vertex: int, edges: list[int]) -> list[int]:
        """Sort edges at a vertex by direction, from just after due south, counter-clockwise: exactly."""
        x, y = map(int, self.vertex_ij[vertex])

        def direction(edge: int) -> tuple[int, int]:
            far = self.end[edge] if self.start[edge] == vertex else self.start[edge]
            return int(self.vertex_ij[far, 0]) - x, int(self.vertex_ij[far, 1]) - y

        def compare(one: int, other: int) -> int:
            (ux, uy), (vx, vy) = direction(one), direction(other)
            u_west, v_west = (ux, uy) < (0, 0), (vx, vy) < (0, 0)
            if u_west != v_west:
                return 1 if u_west else -1
            return uy * vx - ux * vy

        return sorted(edges, key=cmp_to_key(compare))
