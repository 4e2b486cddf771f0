"""What is left after the prices have fixed what they can, handed to HiGHS: the last word of a proof.

HiGHS cannot be broken off from outside, so it is called for turns that grow; who cancels waits for the turn
at hand. At its time limit it gives a bound, never a proof.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, vstack

Floats = NDArray[np.float64]

#: Larger programs are not tried: their first relaxation alone would outlast a patient user.
MOST_ENTRIES = 3_000_000
LARGEST_COST = 1000.0
_PROVED, _AT_LIMIT, _IMPOSSIBLE = 0, 1, 2


@dataclass(frozen=True)
class Program:
    """Least ``cost @ x`` with ``low <= x <= high``, ``rows @ x >= least``; the first ``n_whole`` are whole.

    ``exactly`` (coefficients, value), where given, is one more row that holds with equality.
    """

    cost: Floats
    rows: csr_array
    least: Floats
    low: Floats
    high: Floats
    n_whole: int
    constant: float = 0.0
    exactly: tuple[Floats, float] | None = None


@dataclass(frozen=True)
class Verdict:
    """What HiGHS says of a program: its best point, if any, and a bound on all of them.

    Attributes
    ----------
    x : (n,) float64 or None
    bound : float
        No point costs less; infinite where there is none at all.
    is_final : bool
        The point is a best one, or there is none.
    """

    x: Floats | None
    bound: float
    is_final: bool


def solve(program: Program, limit_s: float) -> Verdict:
    """Let HiGHS work on a program for so many seconds."""
    whole = np.zeros(len(program.cost))
    whole[: program.n_whole] = 1
    # its tolerances are absolute: costs of a like size, whatever their unit
    scale = max(float(np.abs(program.cost).max(initial=0.0)) / LARGEST_COST, 1.0)
    found = milp(
        program.cost / scale,
        integrality=whole,
        bounds=Bounds(program.low, program.high),
        constraints=_constraints(program),
        options={"time_limit": max(limit_s, 0.05), "mip_rel_gap": 0.0},
    )
    if found.status == _IMPOSSIBLE:
        return Verdict(None, np.inf, is_final=True)
    bound = -np.inf
    if found.mip_dual_bound is not None and np.isfinite(found.mip_dual_bound):
        bound = float(found.mip_dual_bound) * scale + program.constant
    x = None if found.x is None else np.asarray(found.x)
    return Verdict(x, bound, is_final=found.status == _PROVED)


def relaxed_bound(program: Program, limit_s: float) -> float:
    """Return the bound that holds when nothing need be whole; minus infinity where it takes too long."""
    rows, least = -program.rows, -program.least
    equal = program.exactly
    found = linprog(
        program.cost,
        A_ub=rows if rows.shape[0] else None,
        b_ub=least if rows.shape[0] else None,
        A_eq=None if equal is None else equal[0][None, :],
        b_eq=None if equal is None else [equal[1]],
        bounds=np.stack([program.low, program.high], axis=1),
        method="highs",
        options={"time_limit": max(limit_s, 0.05)},
    )
    if found.status == _IMPOSSIBLE:
        return float("inf")
    return float(found.fun) + program.constant if found.status == _PROVED else float("-inf")


def _constraints(program: Program) -> list[LinearConstraint]:
    out = []
    if program.rows.shape[0]:
        out.append(LinearConstraint(program.rows, program.least, np.inf))
    if program.exactly is not None:
        coefficients, value = program.exactly
        out.append(LinearConstraint(csr_array(coefficients[None, :]), value, value))
    return out


def set_cover(covers: csr_array, need: NDArray[np.int32]) -> Program:
    """Return the program of the fewest columns that cover each row ``need`` times."""
    m = covers.shape[1]
    return Program(np.ones(m), covers, need.astype(np.float64), np.zeros(m), np.ones(m), m)


def most_covered(
    covers: csr_array, first: Floats, second: Floats, state: NDArray[np.int8], n_open: int
) -> Program | None:
    """Return the program of covering most: its cost is what is not covered, less all there is.

    ``covers`` (n, m); columns with ``state`` -1 are shut. None where it would be too large.
    """
    n = covers.shape[0]
    twice = np.flatnonzero(second > 0)
    shut = state < 0
    kept = covers[:, ~shut]
    if kept.nnz + len(twice) + n > MOST_ENTRIES:
        return None
    own = csr_array((-np.ones(n), (np.arange(n), np.arange(n))), shape=(n, n))
    again = csr_array((-np.ones(len(twice)), (twice, np.arange(len(twice)))), shape=(n, len(twice)))
    rows = hstack([kept, own, again]).tocsr()
    k = int((~shut).sum())
    low = np.zeros(k + n + len(twice))
    low[:k] = state[~shut] > 0
    coefficients = np.zeros(len(low))
    coefficients[:k] = 1
    cost = np.concatenate([np.zeros(k), -first, -second[twice]])
    return Program(
        cost, rows, np.zeros(n), low, np.ones(len(low)), k, exactly=(coefficients, float(min(n_open, k)))
    )


def least_sum(pays: Floats, state: NDArray[np.int8], n_open: int) -> Program | None:
    """Return the program of the least sum over rows of what each pays at its cheapest open site.

    A row climbs from price to price: it pays each step unless a site that asks no more is open. So sites that
    ask too much, because an open one asks less, need not appear. (Cornuéjols, Nemhauser, Wolsey: A canonical
    representation of simple plant location problems, SIAM J. Alg. Disc. Meth. 1, 1980.) None where it would
    be too large.
    """
    kept = np.flatnonzero(state >= 0)
    ask = pays[kept]
    top = pays[state > 0].min(axis=0) if (state > 0).any() else np.full(pays.shape[1], np.inf)
    steps: list[csr_array] = []
    prices: list[Floats] = []
    constant, entries = 0.0, 0
    for i in range(pays.shape[1]):
        order = np.argsort(ask[:, i], kind="stable")
        levels, start = np.unique(ask[order, i], return_index=True)
        use = int(np.searchsorted(levels, top[i], side="right")) if np.isfinite(top[i]) else len(levels)
        constant += float(levels[0])
        if use <= 1:
            continue
        ends = start[1:use]
        entries += int(ends.sum()) + len(ends)
        if entries > MOST_ENTRIES:
            return None
        pointer = np.concatenate([[0], np.cumsum(ends)])
        sites = np.concatenate([order[:end] for end in ends])
        steps.append(csr_array((np.ones(len(sites)), sites, pointer), shape=(len(ends), len(kept))))
        prices.append(np.diff(levels[:use]))
    return _climb(steps, prices, constant, state[kept] > 0, n_open)


def _climb(
    steps: list[csr_array], prices: list[Floats], constant: float, must: NDArray[np.bool_], n_open: int
) -> Program:
    k = len(must)
    climb = np.concatenate(prices) if prices else np.empty(0)
    r = len(climb)
    left = vstack(steps).tocsr() if steps else csr_array((0, k))
    own = csr_array((np.ones(r), (np.arange(r), np.arange(r))), shape=(r, r))
    low = np.concatenate([must.astype(np.float64), np.zeros(r)])
    coefficients = np.concatenate([np.ones(k), np.zeros(r)])
    return Program(
        np.concatenate([np.zeros(k), climb]),
        hstack([left, own]).tocsr(),
        np.ones(r),
        low,
        np.ones(k + r),
        k,
        constant,
        (coefficients, float(min(n_open, k))),
    )


def chosen(x: Floats, state: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return the open sites of a point of :func:`most_covered` or :func:`least_sum`."""
    kept = np.flatnonzero(state >= 0)
    is_open = np.zeros(len(state), np.bool_)
    is_open[kept[x[: len(kept)] > 0.5]] = True
    return is_open
