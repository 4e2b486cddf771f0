"""Compiled kernels of siting: which places to open so that most is covered, or the way is least.

Sites and rows (demand at an hour) are numbers; what covers what is held twice, by site and by row, as
pointers and items. ``state`` of a site: 1 it must be open, 0 it may be, -1 it must not.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0915, PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]
#: A gain must be larger than this share of the whole to be one: sums differ in their last bits.
HAIR = 1e-12


# ------------------------------------------------------------------------------------------------ covering


@compiled
def count_covers(site_ptr: NDArray[np.int64], site_row: Ints, is_open: Flags, n_rows: Whole) -> Ints:
    """How many open sites cover each row."""
    count = np.zeros(n_rows, np.int32)
    for j in range(is_open.size):
        if is_open[j]:
            for e in range(site_ptr[j], site_ptr[j + 1]):
                count[site_row[e]] += 1
    return count


@compiled
def covered(count: Ints, first: Floats, second: Floats) -> float:
    """Weight of what is covered once, and of what is covered twice."""
    total = 0.0
    for i in range(count.size):
        if count[i] >= 1:
            total += first[i]
        if count[i] >= 2:
            total += second[i]
    return total


@compiled
def open_greedily(
    site_ptr: NDArray[np.int64],
    site_row: Ints,
    row_ptr: NDArray[np.int64],
    row_site: Ints,
    first: Floats,
    second: Floats,
    is_open: Flags,
    state: NDArray[np.int8],
    more: Whole,
) -> None:
    """Open ``more`` sites, each time the one that adds most; every gain is kept exact as rows are covered."""
    count = count_covers(site_ptr, site_row, is_open, row_ptr.size - 1)
    m = is_open.size
    gain = np.zeros(m)
    for j in range(m):
        for e in range(site_ptr[j], site_ptr[j + 1]):
            i = site_row[e]
            gain[j] += first[i] if count[i] == 0 else second[i] if count[i] == 1 else 0.0
    for _ in range(more):
        best = -1
        for j in range(m):
            if not is_open[j] and state[j] >= 0 and (best < 0 or gain[j] > gain[best]):
                best = j
        if best < 0:
            return
        is_open[best] = True
        for e in range(site_ptr[best], site_ptr[best + 1]):
            i = site_row[e]
            change = 0.0
            if count[i] == 0:
                change = second[i] - first[i]
            elif count[i] == 1:
                change = -second[i]
            count[i] += 1
            if change != 0.0:
                for f in range(row_ptr[i], row_ptr[i + 1]):
                    gain[row_site[f]] += change


@compiled
def swap_covers(
    site_ptr: NDArray[np.int64],
    site_row: Ints,
    row_ptr: NDArray[np.int64],
    row_site: Ints,
    first: Floats,
    second: Floats,
    is_open: Flags,
    state: NDArray[np.int8],
    most: Whole,
) -> Whole:
    """Exchange an open site for a closed one as long as that covers more, the best exchange first.

    Returns the number of exchanges, at most ``most``. What an exchange of i for j brings is gain(j) - loss(i)
    and, for rows that only i holds up and j would too, what was counted in both.
    """
    m, n = is_open.size, row_ptr.size - 1
    count = count_covers(site_ptr, site_row, is_open, n)
    holder = np.full(n, -1, np.int32)
    loss, shared = np.zeros(m), np.zeros(m)
    touched = np.empty(m, np.int32)
    whole = first.sum() + second.sum()
    for done in range(most):
        loss[:] = 0.0
        cheapest = -1
        for j in range(m):
            if is_open[j]:
                for e in range(site_ptr[j], site_ptr[j + 1]):
                    i = site_row[e]
                    if count[i] == 1:
                        loss[j] += first[i]
                        holder[i] = j
                    elif count[i] == 2:
                        loss[j] += second[i]
                if state[j] == 0 and (cheapest < 0 or loss[j] < loss[cheapest]):
                    cheapest = j
        if cheapest < 0:
            return done
        best, out, into = HAIR * whole, -1, -1
        for j in range(m):
            if is_open[j] or state[j] < 0:
                continue
            gain, n_touched = 0.0, 0
            for e in range(site_ptr[j], site_ptr[j + 1]):
                i = site_row[e]
                if count[i] == 0:
                    gain += first[i]
                elif count[i] == 1:
                    gain += second[i]
                    k = holder[i]
                    if state[k] == 0:
                        if shared[k] == 0.0:
                            touched[n_touched] = k
                            n_touched += 1
                        shared[k] += first[i] - second[i]
                elif count[i] == 2 and second[i] > 0.0:
                    for f in range(row_ptr[i], row_ptr[i + 1]):
                        k = row_site[f]
                        if is_open[k] and state[k] == 0:
                            if shared[k] == 0.0:
                                touched[n_touched] = k
                                n_touched += 1
                            shared[k] += second[i]
            if gain - loss[cheapest] > best:
                best, out, into = gain - loss[cheapest], cheapest, j
            for t in range(n_touched):
                k = touched[t]
                if gain - loss[k] + shared[k] > best:
                    best, out, into = gain - loss[k] + shared[k], k, j
                shared[k] = 0.0
        if into < 0:
            return done
        for e in range(site_ptr[out], site_ptr[out + 1]):
            count[site_row[e]] -= 1
        for e in range(site_ptr[into], site_ptr[into + 1]):
            count[site_row[e]] += 1
        is_open[out], is_open[into] = False, True
    return most


@compiled
def cover_dual(
    site_ptr: NDArray[np.int64],
    site_row: Ints,
    first: Floats,
    second: Floats,
    price: Floats,
    state: NDArray[np.int8],
    n_open: Whole,
    lowest: float,
    steps: Whole,
    agility: float,
    lean: Floats,
) -> tuple[float, Floats, Floats]:
    """Lagrangian bound of covering: rows pay a price to the sites that cover them (subgradient steps).

    Returns the least upper bound found, the prices that gave it, and the worth of each site under them.
    ``lean`` gets how often each site was chosen of late, a guess at the fractional solution.
    """
    n, m = first.size, state.size
    best, best_price, best_worth = np.inf, price.copy(), np.zeros(m)
    now, worth, pull = price.copy(), np.zeros(m), np.zeros(n)
    chosen = np.zeros(m, np.bool_)
    idle = 0
    for _ in range(steps):
        bound = 0.0
        for i in range(n):
            # pull: how often the row is covered by the sites chosen, less how often it wants to be
            pull[i] = 0.0
            if first[i] > now[i]:
                bound += first[i] - now[i]
                pull[i] -= 1.0
            if second[i] > now[i]:
                bound += second[i] - now[i]
                pull[i] -= 1.0
        for j in range(m):
            worth[j] = 0.0
            if state[j] >= 0:
                for e in range(site_ptr[j], site_ptr[j + 1]):
                    worth[j] += now[site_row[e]]
        bound += choose_best(worth, state, n_open, chosen)
        for j in range(m):
            lean[j] *= 0.95
            if chosen[j]:
                lean[j] += 0.05
                for e in range(site_ptr[j], site_ptr[j + 1]):
                    pull[site_row[e]] += 1.0
        if bound < best - 1e-7 * abs(best):
            idle = 0
        else:
            idle += 1
        if bound < best:
            best = bound
            best_price[:] = now
            best_worth[:] = worth
        norm = 0.0
        for i in range(n):
            if not (pull[i] > 0.0 and now[i] <= 0.0):
                norm += pull[i] * pull[i]
        if norm == 0.0 or best <= lowest:
            break
        if idle >= 20:
            agility *= 0.6
            idle = 0
            now[:] = best_price
            if agility < 1e-4:
                break
            continue
        step = agility * max(bound - lowest, 1e-6 * abs(bound) + 1e-9) / norm
        for i in range(n):
            now[i] = min(max(now[i] - step * pull[i], 0.0), first[i])
    return best, best_price, best_worth


@compiled
def choose_best(worth: Floats, state: NDArray[np.int8], n_open: Whole, chosen: Flags) -> float:
    """Mark the sites that must be open and the most valuable others; returns their worth together."""
    total, left = 0.0, n_open
    free = 0
    for j in range(state.size):
        chosen[j] = state[j] > 0
        if state[j] > 0:
            total += worth[j]
            left -= 1
        elif state[j] == 0:
            free += 1
    if left <= 0 or free == 0:
        return total
    if left >= free:
        for j in range(state.size):
            if state[j] == 0:
                chosen[j] = True
                total += worth[j]
        return total
    values = np.empty(free)
    at = 0
    for j in range(state.size):
        if state[j] == 0:
            values[at] = worth[j]
            at += 1
    least = _at_rank(values, free - left)
    for j in range(state.size):
        if state[j] == 0 and worth[j] > least and left > 0:
            chosen[j] = True
            total += worth[j]
            left -= 1
    for j in range(state.size):
        if left == 0:
            break
        if state[j] == 0 and worth[j] == least:
            chosen[j] = True
            total += worth[j]
            left -= 1
    return total


@compiled
def _at_rank(values: Floats, rank: Whole) -> float:
    """Return what would stand at ``rank`` if the values were sorted; reorders them (quickselect)."""
    low, high = 0, values.size - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    found: float = values[rank]
    return found


# -------------------------------------------------------------------------------------- covering everything


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
    n_lacking: Whole,
) -> Whole:
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


# ---------------------------------------------------------------------------------------------- least mean


@compiled
def nearest_two(cost: Floats, is_open: Flags, near: Ints, next_near: Ints) -> float:
    """Fill the nearest and the second nearest open site of each row; returns the cost of all rows.

    ``cost`` (m, n) is what each row pays when that site serves it. -1 where there is no second.
    """
    m, n = cost.shape
    near[:] = -1
    next_near[:] = -1
    for j in range(m):
        if is_open[j]:
            for i in range(n):
                if near[i] < 0 or cost[j, i] < cost[near[i], i]:
                    next_near[i] = near[i]
                    near[i] = j
                elif next_near[i] < 0 or cost[j, i] < cost[next_near[i], i]:
                    next_near[i] = j
    total = 0.0
    for i in range(n):
        if near[i] >= 0:
            total += cost[near[i], i]
    return total


@compiled
def substitute(cost: Floats, is_open: Flags, state: NDArray[np.int8], begin: Whole, most: Whole) -> float:
    """Exchange open sites for closed ones as long as that lowers the cost; returns the cost.

    Vertex substitution with the bookkeeping of Whitaker (A fast algorithm for the greedy interchange for
    large-scale clustering and median location problems, INFOR 21, 1983): for each site that might open, one
    walk over the rows tells the best site to close. Sites are tried in turn from ``begin`` on.
    """
    m, n = cost.shape
    near, next_near = np.empty(n, np.int32), np.empty(n, np.int32)
    total = nearest_two(cost, is_open, near, next_near)
    loss = np.zeros(m)
    idle, j, done = 0, begin % m, 0
    while idle < m and done < most:
        if not is_open[j] and state[j] == 0:
            gain = 0.0
            loss[:] = 0.0
            for i in range(n):
                here, old = cost[j, i], cost[near[i], i]
                if here < old:
                    gain += old - here
                else:
                    second = cost[next_near[i], i] if next_near[i] >= 0 else np.inf
                    loss[near[i]] += min(here, second) - old
            out = -1
            for k in range(m):
                if is_open[k] and state[k] == 0 and (out < 0 or loss[k] < loss[out]):
                    out = k
            if out < 0:
                return total
            if gain - loss[out] > HAIR * total:
                is_open[out], is_open[j] = False, True
                total = _after_exchange(cost, is_open, near, next_near, out, j)
                idle, done = 0, done + 1
        idle += 1
        j = (j + 1) % m
    return total


@compiled
def _after_exchange(
    cost: Floats, is_open: Flags, near: Ints, next_near: Ints, out: Whole, into: Whole
) -> float:
    """Bring the nearest two up to date after an exchange; returns the cost of all rows."""
    m, n = cost.shape
    total = 0.0
    for i in range(n):
        if near[i] == out or next_near[i] == out:
            first, second = -1, -1
            for k in range(m):
                if is_open[k]:
                    if first < 0 or cost[k, i] < cost[first, i]:
                        first, second = k, first
                    elif second < 0 or cost[k, i] < cost[second, i]:
                        second = k
            near[i], next_near[i] = first, second
        elif cost[into, i] < cost[near[i], i]:
            near[i], next_near[i] = into, near[i]
        elif next_near[i] < 0 or cost[into, i] < cost[next_near[i], i]:
            next_near[i] = into
        total += cost[near[i], i]
    return total


@compiled
def open_cheapest(cost: Floats, is_open: Flags, state: NDArray[np.int8], more: Whole) -> None:
    """Open ``more`` sites, each time the one that lowers the cost most."""
    m, n = cost.shape
    low = np.full(n, np.inf)
    for j in range(m):
        if is_open[j]:
            for i in range(n):
                low[i] = min(low[i], cost[j, i])
    for _ in range(more):
        best, best_cost = -1, np.inf
        for j in range(m):
            if not is_open[j] and state[j] >= 0:
                total = 0.0
                for i in range(n):
                    total += min(low[i], cost[j, i])
                if best < 0 or total < best_cost:
                    best, best_cost = j, total
        if best < 0:
            return
        is_open[best] = True
        for i in range(n):
            low[i] = min(low[i], cost[best, i])


@compiled
def median_dual(
    cost: Floats,
    price: Floats,
    state: NDArray[np.int8],
    n_open: Whole,
    highest: float,
    steps: Whole,
    agility: float,
    lean: Floats,
) -> tuple[float, Floats, Floats]:
    """Lagrangian bound of the least mean: each row pays its price for being served (subgradient steps).

    Returns the greatest lower bound found, the prices that gave it and the worth of each site under them.
    ``lean`` as in :func:`cover_dual`.
    """
    m, n = cost.shape
    best, best_price, best_worth = -np.inf, price.copy(), np.zeros(m)
    now, worth, served = price.copy(), np.zeros(m), np.zeros(n)
    chosen = np.zeros(m, np.bool_)
    idle = 0
    for _ in range(steps):
        for j in range(m):
            worth[j] = 0.0
            if state[j] >= 0:
                total = 0.0
                for i in range(n):
                    total += max(now[i] - cost[j, i], 0.0)
                worth[j] = total
        bound = now.sum() - choose_best(worth, state, n_open, chosen)
        served[:] = -1.0
        for j in range(m):
            lean[j] *= 0.95
            if chosen[j]:
                lean[j] += 0.05
                for i in range(n):
                    if cost[j, i] < now[i]:
                        served[i] += 1.0
        if bound > best + 1e-7 * abs(best):
            idle = 0
        else:
            idle += 1
        if bound > best:
            best = bound
            best_price[:] = now
            best_worth[:] = worth
        norm = 0.0
        for i in range(n):
            norm += served[i] * served[i]
        if norm == 0.0 or best >= highest:
            break
        if idle >= 20:
            agility *= 0.6
            idle = 0
            now[:] = best_price
            if agility < 1e-4:
                break
            continue
        step = agility * max(highest - bound, 1e-6 * abs(bound) + 1e-9) / norm
        for i in range(n):
            now[i] = max(now[i] - step * served[i], 0.0)
    return best, best_price, best_worth
