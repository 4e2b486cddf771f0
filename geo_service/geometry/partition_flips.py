"""The compiled half of :mod:`.partition`: annealed flips of pieces on the borders of groups.

One flip gives a piece to the group of one of its neighbours. It is taken if it makes the division better, and
by chance also if it makes it a little worse, the less so the cooler it is (simulated annealing). A group that
hangs together stays so: the piece's own neighbours in the group it leaves are searched from one to all others
first. What a division costs:

* each group its want of compactness, 1 - 4πA/P² (Polsby and Popper 1991), from exact borders;
* each border between two groups what it costs to cut there;
* each group its distance from its target weight, squared, and dearly its distance from the band.

Chance comes from a counter-based generator (SplitMix64, Steele et al. 2014) whose state the caller holds, so
the same seed gives the same division on every machine with the same arithmetic. Nothing here knows a clock.
"""
# Loops stay in one body and arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: C901, PLR0912, PLR0915, PLR0917

import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
Whole: TypeAlias = int | np.integer[Any]
Real: TypeAlias = float | np.floating[Any] | np.integer[Any]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: What a group out of its band costs: at once, and for each band's middle of weight it is off.
OUTSIDE = 0.15
OUTSIDE_SLOPE = 4.0
_COOLING_STEPS = 256


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile without the interpreter's lock; kept on disk where some place for it can be written."""
    try:
        return cast("Callable[P, R]", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # a read-only image
        return cast("Callable[P, R]", numba.njit(nogil=True)(function))


@compiled
def chance(state: NDArray[np.uint64]) -> float:
    """Draw a number in [0, 1) and move the state on."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def outside(weight: Real, low: Real, high: Real) -> float:
    """Cost of a group's weight beyond the band."""
    middle = max(0.5 * (low + high), 1.0)
    if weight < low:
        return float(OUTSIDE + OUTSIDE_SLOPE * (low - weight) / middle)
    if weight > high:
        return float(OUTSIDE + OUTSIDE_SLOPE * (weight - high) / middle)
    return 0.0


@compiled
def group_cost(
    weight: Real, area: Real, perimeter: Real, target: Real, low: Real, high: Real, balance: Real
) -> float:
    """Cost of one group by itself: shape, balance, band."""
    off = (weight - target) / max(target, 1.0)
    shape = 1.0 - 4.0 * math.pi * area / max(perimeter * perimeter, 1e-9)
    return float(shape + balance * off * off + outside(weight, low, high))


@compiled
def stays_whole(
    piece: Whole,
    ptr: I32,
    neighbour: I32,
    open_border: Bools,
    group: I32,
    seen: I32,
    stamp: Whole,
    queue: I32,
) -> bool:
    """Tell whether a group still hangs together without one of its pieces: search from one neighbour to all.

    ``seen`` holds the stamp of the last search at each piece; ``queue`` is room for all pieces.
    """
    own = group[piece]
    wanted, first = 0, -1
    for e in range(ptr[piece], ptr[piece + 1]):
        j = neighbour[e]
        if open_border[e] and group[j] == own:
            wanted += 1
            first = j
    if wanted <= 1:
        return wanted == 1
    # mark those wanted with the negative stamp, so that meeting one is seen
    for e in range(ptr[piece], ptr[piece + 1]):
        j = neighbour[e]
        if open_border[e] and group[j] == own:
            seen[j] = -stamp
    seen[piece] = stamp
    seen[first] = stamp
    wanted -= 1
    queue[0] = first
    head, tail = 0, 1
    while head < tail:
        i = queue[head]
        head += 1
        for e in range(ptr[i], ptr[i + 1]):
            j = neighbour[e]
            if not open_border[e] or group[j] != own or seen[j] == stamp:
                continue
            if seen[j] == -stamp:
                wanted -= 1
                if wanted == 0:
                    return True
            seen[j] = stamp
            queue[tail] = j
            tail += 1
    return False


@compiled
def _on_border(piece: Whole, ptr: I32, neighbour: I32, open_border: Bools, group: I32) -> bool:
    """Tell whether a piece has an open border with another group."""
    for e in range(ptr[piece], ptr[piece + 1]):
        if open_border[e] and group[neighbour[e]] != group[piece]:
            return True
    return False


@compiled
def _update_border(
    piece: Whole,
    ptr: I32,
    neighbour: I32,
    open_border: Bools,
    group: I32,
    listed: I32,
    place: I32,
    count: Whole,
) -> Whole:
    """Enter a piece into the list of those on a border, or take it out; return the list's length."""
    if _on_border(piece, ptr, neighbour, open_border, group):
        if place[piece] < 0:
            place[piece] = count
            listed[count] = piece
            count += 1
    elif place[piece] >= 0:
        count -= 1
        last = listed[count]
        listed[place[piece]] = last
        place[last] = place[piece]
        place[piece] = -1
    return count


@compiled
def anneal(
    ptr: I32,
    neighbour: I32,
    border_m: F64,
    cut_cost: F64,
    open_border: Bools,
    weight: I64,
    area_m2: F64,
    perimeter_m: F64,
    group: I32,
    target: F64,
    low: Whole,
    high: Whole,
    balance: Real,
    hot: Real,
    cold: Real,
    steps: Whole,
    state: NDArray[np.uint64],
) -> tuple[I32, int, float]:
    """Improve a division by ``steps`` tries of a flip, cooling from ``hot`` to ``cold``.

    Parameters
    ----------
    ptr, neighbour, border_m, cut_cost, open_border
        Borders of each piece: those of piece i stand from ``ptr[i]`` to ``ptr[i + 1]``.
    weight, area_m2, perimeter_m
        Of each piece.
    group : (n,) int32
        The division to begin with, each group hanging together; left as the last one tried.
    target : (k,) float64
        Weight aimed at for each group.

    Returns
    -------
    best : (n,) int32
        The best division met: first by the number of groups out of the band, then by cost.
    n_outside : int
        How many groups are out of the band in it.
    cost : float
        Its cost, less that of the borders cut at the start.
    """
    n, k = len(weight), len(target)
    total, area, perimeter = np.zeros(k, np.int64), np.zeros(k), np.zeros(k)
    size = np.zeros(k, np.int64)
    for i in range(n):
        g = group[i]
        total[g] += weight[i]
        area[g] += area_m2[i]
        perimeter[g] += perimeter_m[i]
        size[g] += 1
        for e in range(ptr[i], ptr[i + 1]):
            if group[neighbour[e]] == g:
                perimeter[g] -= border_m[e]
    own_cost = np.zeros(k)
    cost, n_outside = 0.0, 0
    for g in range(k):
        own_cost[g] = group_cost(total[g], area[g], perimeter[g], target[g], low, high, balance)
        cost += own_cost[g]
        n_outside += total[g] < low or total[g] > high
    listed, place = np.empty(n, np.int32), np.full(n, -1, np.int32)
    count: Any = 0
    for i in range(n):
        count = _update_border(i, ptr, neighbour, open_border, group, listed, place, count)
    seen, queue = np.zeros(n, np.int32), np.empty(n, np.int32)
    best, best_cost, best_outside = group.copy(), cost, n_outside
    changed = np.empty(n, np.int32)  # pieces flipped since the best division, if they are few
    n_changed = 0
    stamp = 0
    temperature, rate = hot, (cold / hot) ** (_COOLING_STEPS / max(steps, 1))
    for step in range(steps):
        if step % _COOLING_STEPS == 0:
            temperature = hot if step == 0 else temperature * rate
            if count == 0:
                break
        piece = listed[int(chance(state) * count)]
        source = group[piece]
        if size[source] == 1:
            continue
        begin, end = ptr[piece], ptr[piece + 1]
        at = begin + int(chance(state) * (end - begin))
        goal = -1
        for _ in range(end - begin):
            if open_border[at] and group[neighbour[at]] != source:
                goal = group[neighbour[at]]
                break
            at = at + 1 if at + 1 < end else begin
        if goal < 0:
            continue
        with_source, with_goal, cut = 0.0, 0.0, 0.0
        for e in range(begin, end):
            g = group[neighbour[e]]
            if g == source:
                with_source += border_m[e]
                cut += cut_cost[e]
            elif g == goal:
                with_goal += border_m[e]
                cut -= cut_cost[e]
        source_perimeter = perimeter[source] - perimeter_m[piece] + 2.0 * with_source
        goal_perimeter = perimeter[goal] + perimeter_m[piece] - 2.0 * with_goal
        source_total, goal_total = total[source] - weight[piece], total[goal] + weight[piece]
        source_cost = group_cost(
            source_total, area[source] - area_m2[piece], source_perimeter, target[source], low, high, balance
        )
        goal_cost = group_cost(
            goal_total, area[goal] + area_m2[piece], goal_perimeter, target[goal], low, high, balance
        )
        change = cut + source_cost + goal_cost - own_cost[source] - own_cost[goal]
        if change > 0.0 and chance(state) >= math.exp(-change / temperature):
            continue
        stamp += 1
        if not stays_whole(piece, ptr, neighbour, open_border, group, seen, stamp, queue):
            continue
        n_outside -= (total[source] < low or total[source] > high) + (total[goal] < low or total[goal] > high)
        n_outside += (source_total < low or source_total > high) + (goal_total < low or goal_total > high)
        group[piece] = goal
        size[source] -= 1
        size[goal] += 1
        total[source], total[goal] = source_total, goal_total
        area[source] -= area_m2[piece]
        area[goal] += area_m2[piece]
        perimeter[source], perimeter[goal] = source_perimeter, goal_perimeter
        own_cost[source], own_cost[goal] = source_cost, goal_cost
        cost += change
        count = _update_border(piece, ptr, neighbour, open_border, group, listed, place, count)
        for e in range(begin, end):
            count = _update_border(neighbour[e], ptr, neighbour, open_border, group, listed, place, count)
        if n_changed < n:
            changed[n_changed] = piece
        n_changed += 1
        if n_outside < best_outside or (n_outside == best_outside and cost < best_cost - 1e-9):
            if n_changed <= n:
                for c in range(n_changed):
                    best[changed[c]] = group[changed[c]]
            else:
                best[:] = group
            n_changed = 0
            best_cost, best_outside = cost, n_outside
    return best, best_outside, best_cost
