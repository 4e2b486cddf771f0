"""Compiled kernel of map matching: the best chain of places through a track, and how sure each is."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0915, PLR0917

import math

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.roads.match_kernels import (
    MATCHED,
    NO_WAY,
    OFF_STREET,
    Chain,
    Columns,
    Fixes,
    Search,
    Streets,
    Tuning,
    bound_mm,
    crow_m,
    way_lengths,
)

NEVER = -np.inf


@compiled
def _log_sum(x: float, y: float) -> float:
    """Logarithm of the sum of two numbers given by their logarithms."""
    if x == NEVER:
        return y
    if y == NEVER:
        return x
    return max(x, y) + math.log1p(math.exp(-abs(x - y)))


@compiled
def likelihoods(
    edge: NDArray[np.int32],
    distance_m: NDArray[np.float64],
    sigma_m: NDArray[np.float64],
    doubt: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Log likelihood of each fix from each of its places: a normal error, and doubt about the street."""
    out = np.full(edge.shape, NEVER)
    for i in range(edge.shape[0]):
        for j in range(edge.shape[1]):
            if edge[i, j] >= 0:
                z = distance_m[i, j] / sigma_m[i]
                out[i, j] = -0.5 * z * z - doubt[edge[i, j]]
    return out


@compiled
def best_chains(
    fixes: Fixes, columns: Columns, streets: Streets, search: Search, tuning: Tuning, longest: Whole
) -> Chain:
    """Viterbi's best chain of places through each track, with the probability of each place.

    A fix to which no way leads from the one before is skipped, a few in a row; then the chain ends and
    another begins with the first that was skipped. ``longest`` is the count of fixes of the longest track.
    """
    lonlat, track, first_s, last_s, sigma_m = (
        fixes.lonlat_deg,
        fixes.track,
        fixes.first_s,
        fixes.last_s,
        fixes.sigma_m,
    )
    many, edge, fraction = columns.many, columns.edge, columns.fraction
    edge_node, edge_open, edge_mm = streets.edge_node, streets.edge_open, streets.edge_mm
    out_ptr, out_head, out_mm = streets.out_ptr, streets.out_head, streets.out_mm
    mm, arc, wanted, heap, touched = search.mm, search.arc, search.wanted, search.heap, search.touched
    doors, entries = search.doors, search.entries
    own = likelihoods(edge, columns.distance_m, sigma_m, streets.doubt)
    n, k = edge.shape
    choice = np.full(n, -1, np.int32)
    why = np.full(n, OFF_STREET, np.int8)
    before = np.full(n, -1, np.int32)
    broken = np.zeros(n, np.bool_)
    confidence = np.zeros(n)
    score = np.full((n, k), NEVER)
    forward = np.full((n, k), NEVER)
    parent = np.full((n, k), -1, np.int32)
    jumped = np.zeros((n, k), np.bool_)
    step = np.empty((longest, k, k), np.float32)
    way_mm = np.empty((k, k), np.int64)
    alive = np.zeros(k, np.bool_)
    row = np.zeros(n, np.int64)
    jump = -tuning.detour_m / tuning.beta_m
    i, p, rows, skipped, first_skipped = 0, -1, 0, 0, -1
    while i <= n:
        ends = p >= 0 and (
            i == n
            or track[i] != track[p]
            or first_s[i] - last_s[p] > tuning.gap_s
            or skipped > tuning.most_skipped
        )
        if ends:
            settle(
                p,
                score,
                forward,
                parent,
                jumped,
                before,
                broken,
                step,
                row,
                many,
                own,
                choice,
                why,
                confidence,
            )
            if skipped > 0:
                i = first_skipped
            p, skipped, rows = -1, 0, 0
            continue
        if i == n:
            break
        if many[i] == 0:
            i += 1
            continue
        if p < 0:
            score[i], forward[i] = own[i], own[i]
            before[i], p, skipped = -1, i, 0
            i += 1
            continue
        top = score[p].max()
        kp, ki = many[p], many[i]
        for a in range(kp):
            alive[a] = score[p, a] >= top - tuning.beam
        straight_m = crow_m(lonlat[p, 0], lonlat[p, 1], lonlat[i, 0], lonlat[i, 1])
        bound = bound_mm(
            straight_m, first_s[i] - last_s[p], sigma_m[p] + sigma_m[i], tuning.most_mps, tuning.detour_m
        )
        way_lengths(
            edge[p, :kp],
            fraction[p, :kp],
            alive,
            edge[i, :ki],
            fraction[i, :ki],
            bound,
            tuning.slip_m,
            edge_node,
            edge_open,
            edge_mm,
            out_ptr,
            out_head,
            out_mm,
            mm,
            arc,
            wanted,
            heap,
            touched,
            doors,
            entries,
            way_mm,
        )
        reached = False
        for j in range(ki):
            score[i, j] = forward[i, j] = NEVER
            for a in range(kp):
                step[rows, a, j] = NEVER
                if not alive[a]:
                    continue
                move = jump
                if way_mm[a, j] >= 0:
                    reached = True
                    move = max(jump, -abs(way_mm[a, j] / 1000.0 - straight_m) / tuning.beta_m)
                step[rows, a, j] = move
                if score[p, a] + move > score[i, j]:
                    score[i, j], parent[i, j] = score[p, a] + move, a
                    jumped[i, j] = way_mm[a, j] < 0
                forward[i, j] = _log_sum(forward[i, j], forward[p, a] + move)
            score[i, j] += own[i, j]
            forward[i, j] += own[i, j]
        if reached:
            before[i], row[i], p, skipped = p, rows, i, 0
            rows += 1
        else:
            if skipped == 0:
                first_skipped = i
            skipped += 1
            why[i] = NO_WAY
        i += 1
    return Chain(choice, why, before, broken, confidence)


@compiled
def settle(
    last: Whole,
    score: NDArray[np.float64],
    forward: NDArray[np.float64],
    parent: NDArray[np.int32],
    jumped: NDArray[np.bool_],
    before: NDArray[np.int32],
    broken: NDArray[np.bool_],
    step: NDArray[np.float32],
    row: NDArray[np.int64],
    many: NDArray[np.int32],
    own: NDArray[np.float64],
    choice: NDArray[np.int32],
    why: NDArray[np.int8],
    confidence: NDArray[np.float64],
) -> None:
    """Read the best chain backwards from its last fix, and how probable each of its places is."""
    k = score.shape[1]
    behind, here = np.zeros(k), np.empty(k)
    chosen: Whole = 0
    whole = NEVER
    for j in range(many[last]):
        whole = _log_sum(whole, forward[last, j])
        if score[last, j] > score[last, chosen]:
            chosen = j
    i: Whole = last
    while i >= 0:
        choice[i], why[i] = chosen, MATCHED
        confidence[i] = math.exp(min(0.0, forward[i, chosen] + behind[chosen] - whole))
        p = before[i]
        if p >= 0:
            for a in range(many[p]):
                here[a] = NEVER
                for j in range(many[i]):
                    onward = step[row[i], a, j]
                    if onward > NEVER:
                        here[a] = _log_sum(here[a], onward + own[i, j] + behind[j])
            behind[:] = here
            broken[i] = jumped[i, chosen]
            chosen = parent[i, chosen]
        i = p
