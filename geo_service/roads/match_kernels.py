"""Compiled kernels of map matching: places near each fix, lengths of the ways between them, the best chain.

Lengths inside the search are whole millimetres: a key of the heap is one int64, ``mm * 2**32 + node``. A
search starts from an end of an edge on which a fix may lie and ends as soon as the ends wanted are settled;
fixes that may lie on several edges of one crossing share it.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0917

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.kernels_fleet import _drop_top, _push
from geo_service.roads.kernels_snap import _distance2, _scale

FAR = 2**62
MATCHED, OFF_STREET, NO_WAY = 0, 1, 2


class Streets(NamedTuple):
    """What a search reads of a road graph: ends of edges, which way they are open, lengths, doubts."""

    edge_node: NDArray[np.int32]
    edge_open: NDArray[np.bool_]
    edge_mm: NDArray[np.int64]
    out_ptr: NDArray[np.int32]
    out_head: NDArray[np.int32]
    out_tail: NDArray[np.int32]
    out_mm: NDArray[np.int64]
    doubt: NDArray[np.float64]


class Raster(NamedTuple):
    """The straight pieces of the edges, and a raster that lists them."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    edge: NDArray[np.int32]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    origin: NDArray[np.float64]
    step: NDArray[np.float64]
    shape: NDArray[np.int64]
    ptr: NDArray[np.int64]
    item: NDArray[np.int32]


class Columns(NamedTuple):
    """The places where each of n fixes may lie, k at most, nearest first: one on each edge."""

    many: NDArray[np.int32]
    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    distance_m: NDArray[np.float64]


class Fixes(NamedTuple):
    """Fixes in order of track and time; a fix may stand for several at one place, then it has a span."""

    lonlat_deg: NDArray[np.float64]
    track: NDArray[np.int64]
    first_s: NDArray[np.float64]
    last_s: NDArray[np.float64]
    sigma_m: NDArray[np.float64]


class Tuning(NamedTuple):
    """How a chain is judged; see :class:`geo_service.roads.match.Matching`."""

    beta_m: float
    gap_s: float
    most_mps: float
    detour_m: float
    slip_m: float
    beam: float
    most_skipped: int


class Chain(NamedTuple):
    """The answer for each fix.

    Which of its places (-1 none), why none, the fix before it in the chain, whether no way led from there,
    how sure.
    """

    choice: NDArray[np.int32]
    why: NDArray[np.int8]
    before: NDArray[np.int32]
    broken: NDArray[np.bool_]
    confidence: NDArray[np.float64]


class Search(NamedTuple):
    """Working memory of a search, clean between any two: by node; a heap; the ends of edges gone by."""

    mm: NDArray[np.int64]
    arc: NDArray[np.int32]
    wanted: NDArray[np.bool_]
    heap: NDArray[np.int64]
    touched: NDArray[np.int32]
    doors: NDArray[np.int64]
    entries: NDArray[np.int64]


@compiled
def still_runs(
    xy_deg: NDArray[np.float64],
    track: NDArray[np.int64],
    at_s: NDArray[np.float64],
    still_m: float,
    gap_s: float,
) -> NDArray[np.int64]:
    """Give numbers to the runs of fixes that stay within ``still_m`` of the middle of their run so far."""
    n = track.size
    run = np.zeros(n, np.int64)
    x, y, members = 0.0, 0.0, 0
    for i in range(n):
        kx, ky = _scale(xy_deg[i, 1])
        joins = False
        if members > 0 and track[i] == track[i - 1] and at_s[i] - at_s[i - 1] <= gap_s:
            dx, dy = (xy_deg[i, 0] - x / members) * kx, (xy_deg[i, 1] - y / members) * ky
            joins = dx * dx + dy * dy <= still_m * still_m
        if joins:
            run[i] = run[i - 1]
        else:
            run[i] = run[i - 1] + 1 if i > 0 else 0
            x, y, members = 0.0, 0.0, 0
        x, y, members = x + xy_deg[i, 0], y + xy_deg[i, 1], members + 1
    return run


@compiled
def places_near(points: NDArray[np.float64], radius_m: float, most: Whole, raster: Raster) -> Columns:
    """Nearest place on each edge within the radius, for the ``most`` nearest edges of each point.

    Of edges equally near the one with the smaller index comes first.
    """
    n = points.shape[0]
    many = np.zeros(n, np.int32)
    edge = np.full((n, most), -1, np.int32)
    fraction = np.zeros((n, most))
    distance2 = np.full((n, most), np.inf)
    a, b, owner, start, stop = raster.a, raster.b, raster.edge, raster.start, raster.stop
    origin, size, ptr, item = raster.origin, raster.step, raster.ptr, raster.item
    nx, ny = raster.shape[0], raster.shape[1]
    for i in range(n):
        px, py = points[i, 0], points[i, 1]
        kx, ky = _scale(py)
        c0 = max(0, math.floor((px - radius_m / kx - origin[0]) / size[0]))
        c1 = min(nx - 1, math.floor((px + radius_m / kx - origin[0]) / size[0]))
        r0 = max(0, math.floor((py - radius_m / ky - origin[1]) / size[1]))
        r1 = min(ny - 1, math.floor((py + radius_m / ky - origin[1]) / size[1]))
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                for q in range(ptr[r * nx + c], ptr[r * nx + c + 1]):
                    p = item[q]
                    ax, ay, bx, by = a[p, 0], a[p, 1], b[p, 0], b[p, 1]
                    d2, t = _distance2(px, py, ax, ay, bx, by, kx, ky)
                    if d2 > radius_m * radius_m:
                        continue
                    at = stop[p] if t >= 1.0 else start[p] + t * (stop[p] - start[p])
                    _keep(owner[p], at, d2, edge[i], fraction[i], distance2[i])
        while many[i] < most and edge[i, many[i]] >= 0:
            many[i] += 1
    return Columns(many, edge, fraction, np.sqrt(distance2))


@compiled
def _keep(
    new: Whole,
    at: float,
    d2: float,
    edge: NDArray[np.int32],
    fraction: NDArray[np.float64],
    distance2: NDArray[np.float64],
) -> None:
    """Put a place into the sorted list of the nearest, one for each edge."""
    last = edge.size - 1
    if d2 > distance2[last] or (d2 == distance2[last] and new > edge[last] >= 0):
        return
    slot = last
    for j in range(edge.size):
        if edge[j] == new:
            if (distance2[j], fraction[j]) <= (d2, at):
                return
            slot = j
            break
    while slot > 0 and (distance2[slot - 1] > d2 or (distance2[slot - 1] == d2 and edge[slot - 1] > new)):
        edge[slot], fraction[slot], distance2[slot] = edge[slot - 1], fraction[slot - 1], distance2[slot - 1]
        slot -= 1
    edge[slot], fraction[slot], distance2[slot] = new, at, d2


@compiled
def spread(
    source: Whole,
    bound: Whole,
    n_wanted: Whole,
    out_ptr: NDArray[np.int32],
    out_head: NDArray[np.int32],
    out_mm: NDArray[np.int64],
    mm: NDArray[np.int64],
    arc: NDArray[np.int32],
    wanted: NDArray[np.bool_],
    heap: NDArray[np.int64],
    touched: NDArray[np.int32],
) -> Whole:
    """Find ways from a node until the wanted ones are settled; return how many nodes were seen."""
    mm[source], arc[source], touched[0] = 0, -1, source
    seen = 1
    size: Whole = _push(heap, 0, np.int64(source))
    while size > 0:
        now, x = heap[0] >> 32, heap[0] & 0xFFFFFFFF
        size = _drop_top(heap, size)
        if now > mm[x]:
            continue
        if wanted[x]:
            n_wanted -= 1
            if n_wanted == 0:
                break
        for e in range(out_ptr[x], out_ptr[x + 1]):
            y, there = out_head[e], now + out_mm[e]
            if there <= bound and there < mm[y]:
                if mm[y] == FAR:
                    touched[seen] = y
                    seen += 1
                mm[y], arc[y] = there, e
                size = _push(heap, size, there << 32 | np.int64(y))
    return seen


@compiled
def leave_mm(
    edge: Whole, fraction: float, side: Whole, edge_open: NDArray[np.bool_], edge_mm: NDArray[np.int64]
) -> Whole:
    """Millimetres from a place to an end of its edge, -1 where that way is not open."""
    if side == 1:
        if edge_open[edge, 0] or fraction == 1.0:
            return np.int64(math.floor((1.0 - fraction) * edge_mm[edge] + 0.5))
    elif edge_open[edge, 1] or fraction == 0.0:
        return np.int64(math.floor(fraction * edge_mm[edge] + 0.5))
    return np.int64(-1)


@compiled
def enter_mm(
    edge: Whole, fraction: float, side: Whole, edge_open: NDArray[np.bool_], edge_mm: NDArray[np.int64]
) -> Whole:
    """Millimetres from an end of its edge to a place, -1 where that way is not open."""
    if side == 0:
        if edge_open[edge, 0] or fraction == 0.0:
            return np.int64(math.floor(fraction * edge_mm[edge] + 0.5))
    elif edge_open[edge, 1] or fraction == 1.0:
        return np.int64(math.floor((1.0 - fraction) * edge_mm[edge] + 0.5))
    return np.int64(-1)


@compiled
def along_mm(
    edge: Whole,
    start: float,
    stop: float,
    slip_m: float,
    edge_open: NDArray[np.bool_],
    edge_mm: NDArray[np.int64],
) -> Whole:
    """Millimetres between two places of one edge without leaving it, -1 where not open.

    Against a one-way street only as far as a fix may slip back by its own error.
    """
    mm = np.int64(math.floor(abs(stop - start) * edge_mm[edge] + 0.5))
    if (stop >= start and edge_open[edge, 0]) or (stop <= start and edge_open[edge, 1]):
        return mm
    return mm if mm <= slip_m * 1000.0 else np.int64(-1)


@compiled
def want(n_entries: Whole, entries: NDArray[np.int64], wanted: NDArray[np.bool_]) -> Whole:
    """Mark the nodes of the entries; return how many different ones there are."""
    n = 0
    for e in range(n_entries):
        if not wanted[entries[e, 0]]:
            wanted[entries[e, 0]] = True
            n += 1
    return n


@compiled
def way_lengths(
    before_edge: NDArray[np.int32],
    before_at: NDArray[np.float64],
    alive: NDArray[np.bool_],
    after_edge: NDArray[np.int32],
    after_at: NDArray[np.float64],
    bound: Whole,
    slip_m: float,
    edge_node: NDArray[np.int32],
    edge_open: NDArray[np.bool_],
    edge_mm: NDArray[np.int64],
    out_ptr: NDArray[np.int32],
    out_head: NDArray[np.int32],
    out_mm: NDArray[np.int64],
    mm: NDArray[np.int64],
    arc: NDArray[np.int32],
    wanted: NDArray[np.bool_],
    heap: NDArray[np.int64],
    touched: NDArray[np.int32],
    doors: NDArray[np.int64],
    entries: NDArray[np.int64],
    way_mm: NDArray[np.int64],
) -> None:
    """Fill ``way_mm[a, j]``: length from place ``a`` before to place ``j`` after, -1 where there is none.

    ``doors`` are the ends by which the places before can be left, ``entries`` those by which the places after
    can be come to, each as (node, place, mm); every node among the doors is searched from once.
    """
    n_doors, n_entries = 0, 0
    for a in range(before_edge.size):
        for j in range(after_edge.size):
            way_mm[a, j] = -1
            if alive[a] and before_edge[a] == after_edge[j]:
                way_mm[a, j] = along_mm(before_edge[a], before_at[a], after_at[j], slip_m, edge_open, edge_mm)
        for side in range(2):
            length = leave_mm(before_edge[a], before_at[a], side, edge_open, edge_mm)
            if alive[a] and length >= 0:
                doors[n_doors, 0], doors[n_doors, 1] = edge_node[before_edge[a], side], a
                doors[n_doors, 2] = length
                n_doors += 1
    for j in range(after_edge.size):
        for side in range(2):
            length = enter_mm(after_edge[j], after_at[j], side, edge_open, edge_mm)
            if length >= 0:
                entries[n_entries, 0], entries[n_entries, 1] = edge_node[after_edge[j], side], j
                entries[n_entries, 2] = length
                n_entries += 1
    n_wanted = want(n_entries, entries, wanted)
    for d in range(n_doors):
        node = doors[d, 0]
        if node < 0:
            continue
        seen = spread(node, bound, n_wanted, out_ptr, out_head, out_mm, mm, arc, wanted, heap, touched)
        for other in range(d, n_doors):
            if doors[other, 0] != node:
                continue
            doors[other, 0] = -1
            a = doors[other, 1]
            for e in range(n_entries):
                middle = mm[entries[e, 0]]
                total = doors[other, 2] + middle + entries[e, 2]
                j = entries[e, 1]
                if middle < FAR and total <= bound and (way_mm[a, j] < 0 or total < way_mm[a, j]):
                    way_mm[a, j] = total
        for i in range(seen):
            mm[touched[i]] = FAR
    for e in range(n_entries):
        wanted[entries[e, 0]] = False


@compiled
def crow_m(ax: float, ay: float, bx: float, by: float) -> float:
    """Distance between two points as the crow flies."""
    kx, ky = _scale((ay + by) / 2)
    return float(math.hypot((bx - ax) * kx, (by - ay) * ky))


@compiled
def bound_mm(straight_m: float, seconds: float, sigma_m: float, most_mps: float, detour_m: float) -> Whole:
    """Longest way between two fixes that is looked at: by detour, and by how fast one can be."""
    return np.int64(min(most_mps * seconds + 3.0 * sigma_m, straight_m + detour_m) * 1000.0)
