"""A fabric as a planner's edits want it: which edges meet at a vertex, and which go round a face."""

from bisect import bisect_left
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.fabric import Fabric
from geo_service.geometry.rings import Edge, Vertex, parts_of, rings_of, shape_of
from geo_service.geometry.segments import directed_edges, pack

#: The face of all land that no leaf holds: gaps and the world outside.
NOBODY = -1


class FabricStars:
    """Look-up of the edges round each vertex of a fabric; shared by all workspaces over it.

    Attributes
    ----------
    fabric : Fabric
    polygons : (n,) array of shapely Polygon or MultiPolygon
        The leaves, EPSG:4326, written as :func:`geo_service.geometry.rings.shape_of` writes them: a face that
        was edited and put back has the same bytes.
    n_leaves : int
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.polygons = _canonical(fabric.polygons())
        self.n_leaves = len(fabric)
        halves = np.arange(len(fabric.origin), dtype=np.int32)
        previous = np.empty_like(halves)
        previous[fabric.following] = halves
        order = np.argsort(fabric.origin, kind="stable").astype(np.int32)
        start = np.searchsorted(fabric.origin[order], np.arange(len(fabric.vertex_ij) + 1))
        self._by_cell = np.argsort(fabric.cell, kind="stable").astype(np.int32)
        self._cell_start = np.searchsorted(fabric.cell[self._by_cell], np.arange(len(fabric) + 1))
        # memory views: one element comes out as an int, three times as fast as out of an array
        self._keys = pack(fabric.vertex_ij).data
        self._ij = np.ascontiguousarray(fabric.vertex_ij).reshape(-1).data
        self._leaving, self._start = order.data, start.data
        self._origin, self._target = fabric.origin.data, fabric.target.data
        self._previous, self._alone = previous.data, (fabric.twin < 0).data
        self._cell = fabric.cell.data

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The leaves by the boxes round them."""
        return shapely.STRtree(self.polygons)

    def star(self, vertex: Vertex) -> dict[Vertex, int]:
        """Return for each edge that leaves a vertex where it ends and the face to its left."""
        key = (vertex[0] << 32) + vertex[1] + 2**31
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            return {}
        ij, out = self._ij, dict[Vertex, int]()
        for half in self._leaving[self._start[at] : self._start[at + 1]]:
            end = 2 * self._target[half]
            out[ij[end], ij[end + 1]] = self._cell[half]
            came = self._previous[half]
            if self._alone[came]:
                end = 2 * self._origin[came]
                out[ij[end], ij[end + 1]] = NOBODY
        return out

    def edges(self, face: int) -> set[Edge]:
        """Return the directed edges with a face to their left; none for a leaf that the fabric has not."""
        fabric = self.fabric
        if face == NOBODY:
            halves = np.flatnonzero(fabric.twin < 0).astype(np.int32)
        elif face < self.n_leaves:
            halves = self._by_cell[self._cell_start[face] : self._cell_start[face + 1]]
        else:
            return set()
        a = map(tuple, fabric.vertex_ij[fabric.origin[halves]].tolist())
        b = map(tuple, fabric.vertex_ij[fabric.origin[fabric.following[halves]]].tolist())
        return set(zip(b, a, strict=True) if face == NOBODY else zip(a, b, strict=True))


def _canonical(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Write shapes as :func:`shape_of` would: equal faces have equal bytes, edited or not."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    polygon = owner[part]
    several = np.bincount(polygon, minlength=len(shapes)) > 1
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    last = np.append(ring[1:] != ring[:-1], True)
    xy, ring = xy[~last], ring[~last]
    order = np.lexsort((xy[:, 1], xy[:, 0], ring))
    start = np.searchsorted(ring, np.arange(len(rings)))
    smallest = order[start]
    size = np.diff(np.append(start, len(ring)))
    step = np.arange(len(ring)) - start[ring]
    turned = start[ring] + (smallest[ring] - start[ring] + step) % size[ring]
    out = shapes.copy()
    simple = shapely.polygons(shapely.linearrings(xy[turned], indices=ring))
    out[~several] = simple[~several[polygon]]
    for k in np.flatnonzero(several):
        edges = directed_edges(shapes[k : k + 1])
        pairs = zip(map(tuple, edges.a.tolist()), map(tuple, edges.b.tolist()), strict=True)
        out[k] = shape_of(parts_of(rings_of(set(pairs)))[0])
    return out
