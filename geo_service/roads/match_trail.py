"""Compiled kernel of map matching: the parts of streets between the places of a chain."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0915, PLR0917

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.match_kernels import (
    FAR,
    Chain,
    Columns,
    Fixes,
    Search,
    Streets,
    Tuning,
    along_mm,
    bound_mm,
    crow_m,
    enter_mm,
    leave_mm,
    spread,
    want,
)


class Parts(NamedTuple):
    """Parts of edges travelled, in order: edge, fractions from and to, and the fix at whose end it leads."""

    edge: NDArray[np.int32]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    fix: NDArray[np.int64]


@compiled
def retrace(
    fixes: Fixes,
    columns: Columns,
    chain: Chain,
    streets: Streets,
    arc_edge: NDArray[np.int32],
    arc_back: NDArray[np.bool_],
    search: Search,
    tuning: Tuning,
) -> Parts:
    """Write out the ways between the chosen places of each chain."""
    lonlat, first_s, last_s, sigma_m = fixes.lonlat_deg, fixes.first_s, fixes.last_s, fixes.sigma_m
    place_edge, place_at = columns.edge, columns.fraction
    choice, before, broken = chain.choice, chain.before, chain.broken
    edge_node, edge_open, edge_mm = streets.edge_node, streets.edge_open, streets.edge_mm
    out_ptr, out_head, out_mm = streets.out_ptr, streets.out_head, streets.out_mm
    out_tail, entries = streets.out_tail, search.entries
    mm, arc, wanted, heap, touched = search.mm, search.arc, search.wanted, search.heap, search.touched
    n = choice.size
    room: Whole = 4 * n + 64
    edge = np.empty(room, np.int32)
    start, stop, fix = np.empty(room), np.empty(room), np.empty(room, np.int64)
    trail = np.empty(touched.size, np.int32)
    size = 0
    for i in range(n):
        p = before[i]
        if p < 0 or choice[i] < 0 or broken[i]:
            continue
        from_edge, from_at = place_edge[p, choice[p]], place_at[p, choice[p]]
        to_edge, to_at = place_edge[i, choice[i]], place_at[i, choice[i]]
        stays = from_edge == to_edge
        if stays:
            stays = along_mm(from_edge, from_at, to_at, tuning.slip_m, edge_open, edge_mm) >= 0
        n_arcs: Whole = 0
        leaves, enters = 0.0, 0.0
        if not stays:
            best: Whole = FAR
            straight_m = crow_m(lonlat[p, 0], lonlat[p, 1], lonlat[i, 0], lonlat[i, 1])
            bound = bound_mm(
                straight_m, first_s[i] - last_s[p], sigma_m[p] + sigma_m[i], tuning.most_mps, tuning.detour_m
            )
            n_entries = 0
            for end in range(2):
                rest = enter_mm(to_edge, to_at, end, edge_open, edge_mm)
                if rest >= 0:
                    entries[n_entries, 0], entries[n_entries, 1] = edge_node[to_edge, end], end
                    entries[n_entries, 2] = rest
                    n_entries += 1
            n_wanted = want(n_entries, entries, wanted)
            for side in range(2):
                first = leave_mm(from_edge, from_at, side, edge_open, edge_mm)
                if first < 0:
                    continue
                source = edge_node[from_edge, side]
                seen = spread(
                    source, bound, n_wanted, out_ptr, out_head, out_mm, mm, arc, wanted, heap, touched
                )
                for e in range(n_entries):
                    node = entries[e, 0]
                    if mm[node] < FAR and first + mm[node] + entries[e, 2] < best:
                        best = first + mm[node] + entries[e, 2]
                        leaves, enters, n_arcs = float(side), float(entries[e, 1]), 0
                        while arc[node] >= 0:
                            trail[n_arcs] = arc[node]
                            node = out_tail[arc[node]]
                            n_arcs += 1
                for q in range(seen):
                    mm[touched[q]] = FAR
            for e in range(n_entries):
                wanted[entries[e, 0]] = False
        if size + n_arcs + 2 > room:
            room = 2 * room + n_arcs
            edge, fix = _longer(edge, room), _longer(fix, room)
            start, stop = _longer(start, room), _longer(stop, room)
        if stays:
            # a slip back on a one-way street is an error of the fix, not a way
            if from_at != to_at and edge_open[from_edge, 1 if to_at < from_at else 0]:
                edge[size], start[size], stop[size], fix[size] = from_edge, from_at, to_at, i
                size += 1
            continue
        if from_at != leaves:
            edge[size], start[size], stop[size], fix[size] = from_edge, from_at, leaves, i
            size += 1
        for q in range(n_arcs - 1, -1, -1):
            edge[size], fix[size] = arc_edge[trail[q]], i
            start[size] = 1.0 if arc_back[trail[q]] else 0.0
            stop[size] = 1.0 - start[size]
            size += 1
        if enters != to_at:
            edge[size], start[size], stop[size], fix[size] = to_edge, enters, to_at, i
            size += 1
    return Parts(edge[:size], start[:size], stop[:size], fix[:size])


@compiled
def _longer(values: NDArray[Any], room: Whole) -> NDArray[Any]:
    """Return the values with room for more behind them."""
    out = np.empty(room, values.dtype)
    out[: values.size] = values
    return out
