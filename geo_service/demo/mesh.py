"""A mesh of small cells from which every border is drawn.

The land is cut into the Voronoi cells of many sites: pairs mirrored on each river, street and railway
line (so that cell edges run along the line), sites on buildings (so that edges run between them), and a
loose scatter elsewhere. Cells of the county are connected sets of mesh cells, grown from seeds at a cost
that makes ridges, water and streets dear. Because all borders are made of the same edges between the same
vertices, the tiling is exact by construction.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import Delaunay

from geo_service.demo.frame import UNIT_DEG, Floats, to_degrees

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Sites, the edges between neighbouring sites, and the Voronoi edge that each of them crosses.

    ``p`` and ``q`` are the sites of an edge, ``a`` and ``b`` the Voronoi vertices between them with ``p``
    on the left of a → b; ``vertex_xy_m`` their positions; ``barrier`` the kind of line (0: none) that the
    step from p to q crosses.
    """

    site_xy_m: Floats
    p: Ints
    q: Ints
    a: Ints
    b: Ints
    vertex_xy_m: Floats
    barrier: NDArray[np.int8]

    def graph(self, cost: Floats, use: NDArray[np.bool_]) -> coo_matrix:
        """Return the symmetric cost matrix over the edges in ``use``."""
        p, q, w = self.p[use], self.q[use], np.maximum(cost[use], 1e-3)
        n = len(self.site_xy_m)
        return coo_matrix((np.r_[w, w], (np.r_[p, q], np.r_[q, p])), shape=(n, n)).tocsr()

    def grow(self, cost: Floats, use: NDArray[np.bool_], seeds: Ints) -> Ints:
        """Return for each site the number of the seed it is cheapest to reach, -1 where none reaches."""
        graph = self.graph(cost, use)
        distance, _, source = dijkstra(graph, indices=seeds, min_only=True, return_predecessors=True)
        number = np.full(len(self.site_xy_m), -1, dtype=np.int64)
        number[seeds] = np.arange(len(seeds))
        return np.where(np.isfinite(distance), number[source], -1)

    def parts(self, label: Ints) -> Ints:
        """Return the number of the connected piece (of equal label) each site lies in."""
        same = label[self.p] == label[self.q]
        graph = coo_matrix(
            (np.ones(int(same.sum()), dtype=np.int8), (self.p[same], self.q[same])), shape=(len(label),) * 2
        )
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _circumcentres(xy: Floats, triangles: Ints) -> Floats:
    origin = xy[triangles[:, 0]]
    u, v = xy[triangles[:, 1]] - origin, xy[triangles[:, 2]] - origin
    cross = 2.0 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    cross = np.where(np.abs(cross) < 1e-9, 1e-9, cross)
    uu, vv = (u * u).sum(axis=1), (v * v).sum(axis=1)
    x = (v[:, 1] * uu - u[:, 1] * vv) / cross
    y = (u[:, 0] * vv - v[:, 0] * uu) / cross
    return np.asarray(origin + np.stack([x, y], axis=-1))


def _weld(vertices: Floats, a: Ints, b: Ints, shortest_m: float) -> tuple[Floats, Ints, Ints]:
    """Contract Voronoi edges shorter than ``shortest_m`` to a point."""
    short = np.hypot(*(vertices[a] - vertices[b]).T) < shortest_m
    n = len(vertices)
    graph = coo_matrix((np.ones(int(short.sum()), dtype=np.int8), (a[short], b[short])), shape=(n, n))
    count, piece = connected_components(graph, directed=False)
    size = np.bincount(piece, minlength=count)
    middle = np.stack([np.bincount(piece, vertices[:, k], minlength=count) / size for k in (0, 1)], axis=-1)
    return middle, piece[a].astype(np.int64), piece[b].astype(np.int64)


def build_mesh(site_xy_m: Floats, frame: tuple[float, float, float, float]) -> Mesh:
    """Build the mesh of sites; vertices far outside the frame are pulled to its rim."""
    triangulation = Delaunay(site_xy_m)
    triangles = triangulation.simplices.astype(np.int64)
    neighbours = triangulation.neighbors.astype(np.int64)
    row = np.arange(len(triangles))
    p, q, a, b = [], [], [], []
    for k in range(3):
        other = neighbours[:, k]
        once = other > row
        p.append(triangles[once, (k + 1) % 3])
        q.append(triangles[once, (k + 2) % 3])
        a.append(row[once])
        b.append(other[once])
    p_, q_, a_, b_ = (np.concatenate(column) for column in (p, q, a, b))
    vertices = _circumcentres(site_xy_m, triangles)
    vertices = np.clip(vertices, [frame[0] - 500.0, frame[1] - 500.0], [frame[2] + 500.0, frame[3] + 500.0])
    vertices, a_, b_ = _weld(vertices, a_, b_, 0.35)
    along = vertices[b_] - vertices[a_]
    to_p = site_xy_m[p_] - site_xy_m[q_]
    turn = along[:, 0] * to_p[:, 1] - along[:, 1] * to_p[:, 0] < 0.0
    a_, b_ = np.where(turn, b_, a_), np.where(turn, a_, b_)
    return Mesh(site_xy_m, p_, q_, a_, b_, vertices, np.zeros(len(p_), dtype=np.int8))


def smooth_borders(mesh: Mesh, border: NDArray[np.bool_], fixed: NDArray[np.bool_], rounds: int) -> Floats:
    """Draw the borders out: vertices with two border edges move toward the middle of their neighbours."""
    border = border & (mesh.a != mesh.b)
    a, b = mesh.a[border], mesh.b[border]
    n = len(mesh.vertex_xy_m)
    degree = np.bincount(a, minlength=n) + np.bincount(b, minlength=n)
    free = (degree == 2) & ~fixed
    xy = mesh.vertex_xy_m.copy()
    for _ in range(rounds):
        total = np.stack(
            [np.bincount(a, xy[b, k], minlength=n) + np.bincount(b, xy[a, k], minlength=n) for k in (0, 1)],
            axis=-1,
        )
        xy[free] = 0.5 * xy[free] + 0.25 * total[free]
    return xy


def outlines(mesh: Mesh, label: Ints, vertex_xy_m: Floats, n_labels: int) -> NDArray[np.object_]:
    """Return the (multi)polygon in degrees on the lattice of each label; negative labels get none."""
    differ = (label[mesh.p] != label[mesh.q]) & (mesh.a != mesh.b)
    lonlat = to_degrees(vertex_xy_m)
    ij = np.round(lonlat / UNIT_DEG).astype(np.int64)
    key = ij[:, 0] * 2**32 + ij[:, 1]
    keys, vertex = np.unique(key, return_inverse=True)
    a, b = vertex[mesh.a[differ]], vertex[mesh.b[differ]]
    left, right = label[mesh.p[differ]], label[mesh.q[differ]]
    real = a != b
    a, b, left, right = a[real], b[real], left[real], right[real]
    position = np.empty((len(keys), 2))
    position[vertex] = lonlat
    lines = shapely.linestrings(np.stack([position[a], position[b]], axis=1))
    faces = shapely.get_parts(shapely.polygonize(lines))
    return _gather(faces, _label_faces(faces, keys, (a, b), (left, right)), n_labels)


def _label_faces(
    faces: NDArray[np.object_], keys: Ints, ends_of: tuple[Ints, Ints], sides: tuple[Ints, Ints]
) -> Ints:
    """Read each face's label off the first edge of its outer ring."""
    n, (a, b), (left, right) = len(keys), ends_of, sides
    forward = np.r_[a * n + b, b * n + a]
    sort = np.argsort(forward, kind="stable")
    known, on_left = forward[sort], np.r_[left, right][sort]
    rings = shapely.get_exterior_ring(faces)
    ends = [shapely.get_coordinates(shapely.get_point(rings, k)) for k in (0, 1)]
    first, second = (
        np.searchsorted(keys, (np.round(xy / UNIT_DEG).astype(np.int64) * [2**32, 1]).sum(axis=1))
        for xy in ends
    )
    ccw = shapely.is_ccw(rings)
    edge = np.where(ccw, first * n + second, second * n + first)
    return np.asarray(on_left[np.searchsorted(known, edge)], dtype=np.int64)


def _gather(faces: NDArray[np.object_], label: Ints, n_labels: int) -> NDArray[np.object_]:
    keep = label >= 0
    faces, label = faces[keep], label[keep]
    order = np.argsort(label, kind="stable")
    out = np.full(n_labels, None, dtype=object)
    starts = np.searchsorted(label[order], np.arange(n_labels + 1))
    for k in range(n_labels):
        own = faces[order[starts[k] : starts[k + 1]]]
        if len(own):
            out[k] = own[0] if len(own) == 1 else shapely.MultiPolygon(list(own))
    return out
