"""Compiled kernels for snapping: a raster of street pieces, and the nearest piece to each point."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: PLR0917

import math

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import compiled
from geo_service.roads.plain import metres_per_degree

_scale = compiled(metres_per_degree)


@compiled
def _columns(ax: float, ay: float, bx: float, by: float, low_y: float, high_y: float) -> tuple[float, float]:
    """West and east end of the part of a piece that lies between two parallels (touching counts)."""
    if ay == by:
        return min(ax, bx), max(ax, bx)
    t0, t1 = (low_y - ay) / (by - ay), (high_y - ay) / (by - ay)
    if t0 > t1:
        t0, t1 = t1, t0
    t0, t1 = min(1.0, max(0.0, t0)), min(1.0, max(0.0, t1))
    x0, x1 = ax + t0 * (bx - ax), ax + t1 * (bx - ax)
    return min(x0, x1), max(x0, x1)


@compiled
def fill_grid(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    shape: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """List for each cell of a raster, row by row, the pieces that touch it.

    Two passes of the same walk: the first counts, the second fills. A hair's breadth is added on each side,
    so that rounding can only list a piece once too often.
    """
    nx, ny = shape[0], shape[1]
    ptr = np.zeros(nx * ny + 1, np.int64)
    item = np.empty(0, np.int32)
    hair = 1e-9
    for filling in range(2):
        for p in range(a.shape[0]):
            ax, ay, bx, by = a[p, 0], a[p, 1], b[p, 0], b[p, 1]
            r0 = max(0, int((min(ay, by) - hair - origin[1]) / step[1]))
            r1 = min(ny - 1, int((max(ay, by) + hair - origin[1]) / step[1]))
            for r in range(r0, r1 + 1):
                low_y = origin[1] + r * step[1]
                west, east = _columns(ax, ay, bx, by, low_y - hair, low_y + step[1] + hair)
                c0 = max(0, int((west - hair - origin[0]) / step[0]))
                c1 = min(nx - 1, int((east + hair - origin[0]) / step[0]))
                for c in range(c0, c1 + 1):
                    cell = r * nx + c
                    if filling == 1:
                        item[ptr[cell]] = p
                        ptr[cell] += 1
                    else:
                        ptr[cell + 1] += 1
        if filling == 0:
            ptr = np.cumsum(ptr)
            item = np.empty(ptr[-1], np.int32)
    # filling moved each start to its end, which is the next one's start
    ptr[1:] = ptr[:-1].copy()
    ptr[0] = 0
    return ptr, item


@compiled
def _distance2(
    px: float, py: float, ax: float, ay: float, bx: float, by: float, kx: float, ky: float
) -> tuple[float, float]:
    """Squared distance in metres from a point to a piece, and the share along the piece."""
    ux, uy = (ax - px) * kx, (ay - py) * ky
    vx, vy = (bx - px) * kx, (by - py) * ky
    dx, dy = vx - ux, vy - uy
    length2 = dx * dx + dy * dy
    t = 0.0
    if length2 > 0.0:
        t = -(ux * dx + uy * dy) / length2
    if t <= 0.0:
        return ux * ux + uy * uy, 0.0
    if t >= 1.0:
        return vx * vx + vy * vy, 1.0
    # off the line at a right angle: the cross product is exact where the foot's coordinates are not
    cross = ux * dy - uy * dx
    return cross * cross / length2, t


@compiled
def nearest_pieces(
    points: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    main: NDArray[np.bool_],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    shape: NDArray[np.int64],
    ptr: NDArray[np.int64],
    item: NDArray[np.int32],
    max_distance_m: float,
    prefer_main_m: float,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Nearest piece to each point, the share along it and the distance in metres.

    Rings of raster cells about the point's own are searched until none can hold anything nearer. Pieces
    are numbered by edge, so the smallest piece at equal distance is on the smallest edge.
    """
    n = points.shape[0]
    piece = np.full(n, -1, np.int32)
    along = np.zeros(n)
    distance = np.full(n, np.inf)
    nx, ny = shape[0], shape[1]
    for i in range(n):
        px, py = points[i, 0], points[i, 1]
        if not (abs(px) <= 180.0 and abs(py) <= 90.0):
            continue
        kx, ky = _scale(py)
        c = math.floor((px - origin[0]) / step[0])
        r = math.floor((py - origin[1]) / step[1])
        cell_m = min(step[0] * kx, step[1] * ky)
        near, near2, near_t = -1, np.inf, 0.0
        good, good2, good_t = -1, np.inf, 0.0
        limit = max_distance_m
        # rings before the first that meets the raster hold nothing
        ring = max(0, -c, c - nx + 1, -r, r - ny + 1)
        while (ring - 1) * cell_m <= limit and ring <= nx + ny + max(abs(c), abs(r)):
            for y in range(max(0, r - ring), min(ny - 1, r + ring) + 1):
                full = y in (r - ring, r + ring)
                stride = 1 if full or ring == 0 else 2 * ring
                for x in range(c - ring, c + ring + 1, stride):
                    if x < 0 or x >= nx:
                        continue
                    for k in range(ptr[y * nx + x], ptr[y * nx + x + 1]):
                        p = item[k]
                        d2, t = _distance2(px, py, a[p, 0], a[p, 1], b[p, 0], b[p, 1], kx, ky)
                        if d2 < near2 or (d2 == near2 and p < near):
                            near, near2, near_t = p, d2, t
                        if main[p] and (d2 < good2 or (d2 == good2 and p < good)):
                            good, good2, good_t = p, d2, t
            limit = min(max_distance_m, math.sqrt(good2), math.sqrt(near2) + prefer_main_m)
            ring += 1
        if good >= 0 and math.sqrt(good2) <= min(max_distance_m, math.sqrt(near2) + prefer_main_m):
            near, near2, near_t = good, good2, good_t
        if near >= 0 and math.sqrt(near2) <= max_distance_m:
            piece[i], along[i], distance[i] = near, near_t, math.sqrt(near2)
    return piece, along, distance
