"""Compiled kernel of covering everything with few sites; words as in :mod:`siting_kernels`."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.staffing.siting_kernels import Flags, Floats, Ints, count_covers


@compiled
def cover_with(
    site_ptr: NDArray[np.int64],
    site_row: Ints,
    row_ptr: NDArray[np.int64],
    row_site: Ints,
    need: Ints,
    is_open: Flags,
    state: NDArray[np.int8],
    weight: Floats,
    tried_at: NDArray[np.int64],
    began: Whole,
    steps: Whole,
    dice: NDArray[np.int64],
) -> Whole:
    """Look for a set of as many sites as are open now that covers every row as often as it needs.

    Row-weighting local search: close the site that is missed least, open one for a row that lacks cover, and
    let rows that stay uncovered grow heavier. (Gao, Weise, Li: An efficient local search heuristic with row
    weighting for the unicost set covering problem, EJOR 246, 2015.)

    Returns how many rows lack cover at the end: 0 where it was found. ``weight`` and ``tried_at`` carry what
    was learned from call to call.
    """
    m, n = is_open.size, row_ptr.size - 1
    count = count_covers(site_ptr, site_row, is_open, n)
    lacking, place = np.empty(n, np.int32), np.full(n, -1, np.int32)
    n_lacking = 0
    score = np.zeros(m)  # what opening it would gain, or closing it lose
    for i in range(n):
        if count[i] < need[i]:
            lacking[n_lacking], place[i] = i, n_lacking
            n_lacking += 1
    for j in range(m):
        for e in range(site_ptr[j], site_ptr[j + 1]):
            i = site_row[e]
            if (is_open[j] and count[i] <= need[i]) or (not is_open[j] and count[i] < need[i]):
                score[j] += weight[i]
    opened_last = -1
    for turn in range(steps):
        if n_lacking == 0:
            return 0
        out = -1
        for j in range(m):
            if (
                is_open[j]
                and state[j] == 0
                and j != opened_last
                and (
                    out < 0
                    or score[j] < score[out]
                    or (score[j] == score[out] and tried_at[j] < tried_at[out])
                )
            ):
                out = j
        if out < 0:
            return n_lacking
        n_lacking = _toggle(
            out, site_ptr, site_row, row_ptr, row_site, need, is_open, weight, count, score, lacking, place,
            n_lacking,
        )  # fmt: skip
        tried_at[out] = began + turn
        dice[0] = (dice[0] * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
        row = lacking[(dice[0] >> 20) % n_lacking] if n_lacking > 0 else -1
        into = -1
        if row >= 0:
            for f in range(row_ptr[row], row_ptr[row + 1]):
                j = row_site[f]
                if (
                    not is_open[j]
                    and state[j] == 0
                    and j != out
                    and (
                        into < 0
                        or score[j] > score[into]
                        or (score[j] == score[into] and tried_at[j] < tried_at[into])
                    )
                ):
                    into = j
        if into < 0:
            into = out
        n_lacking = _toggle(
            into, site_ptr, site_row, row_ptr, row_site, need, is_open, weight, count, score, lacking, place,
            n_lacking,
        )  # fmt: skip
        tried_at[into] = began + turn
        opened_last = into
        for t in range(n_lacking):
            i = lacking[t]
            weight[i] += 1.0
            for f in range(row_ptr[i], row_ptr[i + 1]):
                score[row_site[f]] += 1.0
    return n_lacking


@compiled
def _toggle(
    site: Whole,
    site_ptr: NDArray[np.int64],
    site_row: Ints,
    row_ptr: NDArray[np.int64],
    row_site: Ints,
    need: Ints,
    is_open: Flags,
    weight: Floats,
    count: Ints,
    score: Floats,
    lacking: Ints,
    place: Ints,
    n_lacking: int,
) -> int:
    """Open or close a site and keep counts, scores and the list of rows that lack cover; returns how many."""
    opens = not is_open[site]
    is_open[site] = opens
    fresh = 0.0
    for e in range(site_ptr[site], site_ptr[site + 1]):
        i = site_row[e]
        before = count[i]
        after = before + 1 if opens else before - 1
        count[i] = after
        # closed sites are wanted while count < need; open ones are missed while count <= need
        wanted_changed = (before < need[i]) != (after < need[i])
        missed_changed = (before <= need[i]) != (after <= need[i])
        if wanted_changed or missed_changed:
            sign = -1.0 if opens else 1.0
            for f in range(row_ptr[i], row_ptr[i + 1]):
                k = row_site[f]
                if k != site and (missed_changed if is_open[k] else wanted_changed):
                    score[k] += sign * weight[i]
        if (opens and after <= need[i]) or (not opens and after < need[i]):
            fresh += weight[i]
        if wanted_changed:
            if opens:
                n_lacking -= 1
                last = lacking[n_lacking]
                lacking[place[i]], place[last] = last, place[i]
                place[i] = -1
            else:
                lacking[n_lacking], place[i] = i, n_lacking
                n_lacking += 1
    score[site] = fresh
    return n_lacking
