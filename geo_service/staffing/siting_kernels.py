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
