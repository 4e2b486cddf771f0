"""The same answers without a compiler: scipy, shapely and numpy.

Used when numba is missing, and as the second opinion in the tests: written from the definitions, not from
the kernels. A label is one integer, ``time_ms * 2**32 + owner``, so that the smaller label is the shorter
time and, at equal time, the smaller owner.
"""

from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

F = TypeVar("F", float, NDArray[np.float64])

CHUNK = 20_000


def metres_per_degree(lat_deg: F) -> tuple[F, F]:
    """Return metres per degree of longitude and of latitude on the WGS 84 ellipsoid.

    Radii of curvature in the prime vertical and the meridian (a = 6,378,137 m, e² = 0.00669437999014).
    """
    phi = np.radians(lat_deg)
    w2 = 1.0 - 0.00669437999014 * np.sin(phi) ** 2
    prime = 6378137.0 / np.sqrt(w2)
    meridian = prime * (1.0 - 0.00669437999014) / w2
    return np.radians(prime * np.cos(phi)), np.radians(meridian)


def nearest_pieces(
    points: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    main: NDArray[np.bool_],
    *,
    max_distance_m: float,
    prefer_main_m: float,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Nearest piece to each point, the share along it, the distance: as ``kernels_snap.nearest_pieces``."""
    n = len(points)
    piece, along, distance = np.full(n, -1, np.int32), np.zeros(n), np.full(n, np.inf)
    tree = shapely.STRtree(shapely.linestrings(np.stack([a, b], axis=1)))
    fine = np.flatnonzero(np.isfinite(points).all(axis=1) & (np.abs(points) <= (180, 90)).all(axis=1))
    for start in range(0, len(fine), CHUNK):
        chunk = fine[start : start + CHUNK]
        east, north = metres_per_degree(points[chunk, 1])
        reach = np.stack([max_distance_m / east, max_distance_m / north], axis=1) * (1 + 1e-9)
        low, high = points[chunk] - reach, points[chunk] + reach
        boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
        who, what = tree.query(boxes)
        d, t = _to_piece(points[chunk[who]], a[what], b[what], np.stack([east[who], north[who]], axis=1))
        for candidate in (np.ones(len(what), np.bool_), main[what]):
            near = candidate & (d <= np.minimum(max_distance_m, distance[chunk[who]] + prefer_main_m))
            order = np.lexsort((what[near], d[near], who[near]))
            winner = np.flatnonzero(near)[order]
            _, first = np.unique(who[winner], return_index=True)
            best = winner[first]
            target = chunk[who[best]]
            piece[target], along[target], distance[target] = what[best], t[best], d[best]
    return piece, along, distance


def _to_piece(
    p: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance in metres and share along the piece, row by row."""
    u, v = (a - p) * scale, (b - p) * scale
    d = v - u
    length2 = (d**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(length2 > 0, -(u * d).sum(axis=1) / length2, 0.0)
        line = np.abs(u[:, 0] * d[:, 1] - u[:, 1] * d[:, 0]) / np.sqrt(length2)
    end = np.where(t <= 0, np.hypot(*u.T), np.hypot(*v.T))
    inside = (t > 0) & (t < 1)
    return np.where(inside, line, end), np.clip(t, 0.0, 1.0)


def nearest_labels(
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    seed_node: NDArray[np.int32],
    seed_label: NDArray[np.int64],
    bound_ms: int,
) -> NDArray[np.int64]:
    """Smallest label at each node; -1 where none within the bound. As ``kernels.nearest_labels``.

    One run of scipy's Dijkstra from an added node that is joined to every seed. Times are multiplied by
    the number of owners and the owner added to the seed's arc, so that the sums order by time first, then
    by owner; float64 holds them exactly up to 2**53.
    """
    n = len(ptr) - 1
    owners = int((seed_label & 0xFFFFFFFF).max()) + 1 if len(seed_label) else 1
    if (bound_ms + 1) * owners >= 2**52:
        return _nearest_labels_in_turn(ptr, arc, seed_node, seed_label, bound_ms)
    # one more than the label: a weight of 0 would be taken for "no arc"
    seed_weight = (seed_label >> 32) * owners + (seed_label & 0xFFFFFFFF) + 1
    tail = np.concatenate([np.repeat(np.arange(n), np.diff(ptr)), np.full(len(seed_node), n)])
    head = np.concatenate([arc[:, 0], seed_node])
    weight = np.concatenate([arc[:, 1].astype(np.int64) * owners, seed_weight])
    matrix = _least_of_parallel(tail, head, weight, n + 1)
    total = dijkstra(matrix, indices=n, limit=float((bound_ms + 1) * owners))[:n]
    reached = np.isfinite(total)
    key = np.where(reached, total, 1).astype(np.int64) - 1
    label = (key // owners << 32) | key % owners
    return np.where(reached & (key // owners <= bound_ms), label, np.int64(-1))


def _nearest_labels_in_turn(
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    seed_node: NDArray[np.int32],
    seed_label: NDArray[np.int64],
    bound_ms: int,
) -> NDArray[np.int64]:
    """Find the same in blocks of owners small enough for float64, combined by the smaller label."""
    most = max(1, 2**51 // (bound_ms + 1))
    owner = seed_label & 0xFFFFFFFF
    best = np.full(len(ptr) - 1, np.iinfo(np.int64).max)
    for first in range(0, int(owner.max()) + 1, most):
        block = (owner >= first) & (owner < first + most)
        if not block.any():
            continue
        label = nearest_labels(ptr, arc, seed_node[block], seed_label[block] - first, bound_ms)
        best = np.where(label >= 0, np.minimum(best, label + first), best)
    return np.where(best < np.iinfo(np.int64).max, best, np.int64(-1))


def _least_of_parallel(
    tail: NDArray[Any], head: NDArray[Any], weight: NDArray[np.int64], n: int
) -> csr_array:
    """Sparse matrix of the arcs, of parallel ones the least (scipy would add them up)."""
    order = np.lexsort((weight, head, tail))
    tail, head, weight = tail[order], head[order], weight[order]
    keep = np.ones(len(tail), np.bool_)
    keep[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    values = weight[keep].astype(np.float64)
    return csr_array((values, (tail[keep], head[keep])), shape=(n, n))


def k_nearest_labels(
    ptr: NDArray[np.int32],
    arc: NDArray[np.int32],
    seed_node: NDArray[np.int32],
    seed_label: NDArray[np.int64],
    k: int,
    *,
    bound_ms: int,
) -> NDArray[np.int64]:
    """Return the ``k`` smallest labels of different owners at each node, as ``kernels.k_nearest_labels``.

    One search for each owner: slow, and beyond doubt.
    """
    none = np.iinfo(np.int64).max
    best = np.full((len(ptr) - 1, k), none)
    owner = seed_label & 0xFFFFFFFF
    for one in np.unique(owner):
        mine = owner == one
        label = nearest_labels(ptr, arc, seed_node[mine], seed_label[mine] - one, bound_ms)
        label = np.where(label >= 0, label + one, none)
        best = np.sort(np.concatenate([best, label[:, None]], axis=1), axis=1)[:, :k]
    return np.where(best < none, best, np.int64(-1))
