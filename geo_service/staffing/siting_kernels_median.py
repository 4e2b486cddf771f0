"""Compiled kernels of the least mean way; words as in :mod:`siting_kernels`."""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled
from geo_service.staffing.siting_kernels import HAIR, Flags, Floats, Ints, choose_best


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
