"""Cover most when each new site can serve only so much: a first choice at once, then HiGHS with the proof.

What stands serves all that it reaches; a row's demand may be shared among several new sites. Source: Current,
Storbeck: Capacitated covering models, Environment and Planning B 15 (1988). The first choice opens, one after
the other, the site that can serve most of what is left; what a choice serves in truth is a maximum flow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.staffing import siting_exact as exact
from geo_service.staffing.siting import Choice, Ways
from geo_service.staffing.siting_budget import Budget
from geo_service.staffing.siting_lists import alike, within

FIRST_TURN_S, GROWS = 2.0, 3.0
#: What HiGHS says is served may differ from what is by this share, from its tolerances.
SIX_DIGITS = 1e-6
#: Two choices of which neither serves a share of this more are the same.
NINE_DIGITS = 1e-9


@dataclass(frozen=True)
class _Model:
    """Rows that nobody serves yet, put together where the same sites reach them.

    Attributes
    ----------
    covers : csr_array
        (rows, candidates).
    worth : (rows,) float64
    sites : (candidates,) int64
        Index of each among the sites of the question.
    served : float
        By what stands.
    """

    covers: csr_array
    worth: NDArray[np.float64]
    sites: NDArray[np.int64]
    served: float

    @classmethod
    def of(cls, ways: Ways, limit_ms: int) -> "_Model":
        """Gather what there is to serve."""
        standing = (ways.time_ms[ways.must] <= limit_ms).any(axis=0)
        sites = np.flatnonzero(ways.may & ~ways.must)
        left = np.flatnonzero(~standing & (ways.weight > 0))
        covers = within(ways.time_ms[np.ix_(sites, left)], limit_ms, np.ones(len(sites), np.bool_))
        group = alike(covers, np.zeros(covers.shape[0], np.int64))
        _, first = np.unique(group, return_index=True)
        worth = np.bincount(group, ways.weight[left], len(first)).astype(np.float64)
        return cls(csr_array(covers[first]), worth, sites, float(ways.weight[standing].sum()))


def cover_within_capacity(
    ways: Ways, count: int, limit_ms: int, capacity: float, budget: Budget
) -> Iterator[Choice]:
    """Give choices of at most ``count`` new sites that serve ever more, each site at most ``capacity``.

    ``value`` and ``bound`` of a choice are the weight served within the limit, by old and new ones together.

    Raises
    ------
    InvalidInputError
        The capacity is no positive number.
    """
    if not 0 < capacity < np.inf:
        words = Words("give what one site can serve, above 0", "请给出单点容量，须大于 0")
        raise InvalidInputError(words, [Fault("capacity", words, value=capacity)])
    model = _Model.of(ways, limit_ms)
    beyond = float(ways.weight[(ways.time_ms > limit_ms).all(axis=0)].sum())
    chosen = _greedy(model, count, capacity)
    value = model.served + served(model.covers, model.worth, chosen, capacity).sum()
    # no choice serves more than its sites hold, nor more than there is
    reached = model.worth[np.diff(model.covers.indptr) > 0].sum()
    bound = model.served + min(count * capacity, float(reached))
    turn_s = FIRST_TURN_S
    while True:
        # of Python's own kinds, as answers are written down with them
        proved = bool(bound <= value * (1 + NINE_DIGITS) + 1e-9)
        yield Choice(model.sites[chosen], float(value), float(max(bound, value)), proved, beyond)
        if proved or budget.is_spent() or model.covers.nnz > exact.MOST_ENTRIES // 4:
            return
        verdict = exact.solve(_program(model, count, capacity), min(turn_s, budget.left_s))
        turn_s *= GROWS
        if np.isfinite(verdict.bound):
            bound = min(bound, model.served - verdict.bound)
        if verdict.x is not None:
            found = np.flatnonzero(verdict.x[: len(model.sites)] > 0.5)
            better = model.served + served(model.covers, model.worth, found, capacity).sum()
            if better > value:
                value, chosen = better, found
        # the last bits are forgiven, more is not: what HiGHS says can be served must be found
        if verdict.is_final and value >= bound - SIX_DIGITS * max(1.0, abs(bound)):
            bound = min(bound, value)
        elif verdict.is_final:
            yield Choice(model.sites[chosen], float(value), float(max(bound, value)), False, beyond)
            return  # it would say the same again


def served_by(ways: Ways, sites: NDArray[np.int64], limit_ms: int, capacity: float) -> NDArray[np.float64]:
    """Return the weight that each new site serves when all together serve as much as they can."""
    model = _Model.of(ways, limit_ms)
    return served(model.covers, model.worth, np.searchsorted(model.sites, sites), capacity)


def served(
    covers: csr_array, worth: NDArray[np.float64], chosen: NDArray[np.int64], capacity: float
) -> NDArray[np.float64]:
    """Return what each chosen site serves when all together serve as much as they can (a maximum flow)."""
    reach = csr_array(covers[:, chosen]).tocoo()
    k = reach.nnz
    if not k:
        return np.zeros(len(chosen))
    ones, at = np.ones(k), np.arange(k)
    of_row = csr_array((ones, (reach.row, at)), shape=(covers.shape[0], k))
    of_site = csr_array((ones, (reach.col, at)), shape=(len(chosen), k))
    most = np.concatenate([worth, np.full(len(chosen), capacity)])
    found = linprog(-ones, A_ub=vstack([of_row, of_site]).tocsr(), b_ub=most, method="highs")
    return np.asarray(of_site @ found.x, np.float64)


def _greedy(model: _Model, count: int, capacity: float) -> NDArray[np.int64]:
    """Open the site that can serve most of what is left, until there are enough."""
    left, chosen = model.worth.copy(), list[int]()
    by_site = model.covers.tocsc()
    for _ in range(min(count, len(model.sites))):
        could = np.minimum(left @ model.covers, capacity)
        could[chosen] = -1.0
        site = int(could.argmax())
        if could[site] <= 0:
            break
        chosen.append(site)
        rows = by_site.indices[by_site.indptr[site] : by_site.indptr[site + 1]]
        # those that fewest others reach are served first
        others = np.diff(model.covers.indptr)[rows]
        room = capacity
        for row in rows[np.argsort(others, kind="stable")]:
            taken = min(room, left[row])
            left[row] -= taken
            room -= taken
            if room <= 0:
                break
    return np.sort(np.array(chosen, np.int64))


def _program(model: _Model, count: int, capacity: float) -> exact.Program:
    """Variables: whether each site is open; what each serves of each row that it reaches."""
    reach = model.covers.tocoo()
    m, n, k = len(model.sites), len(model.worth), reach.nnz
    ones, at = np.ones(k), np.arange(k)
    of_row = csr_array((ones, (reach.row, at)), shape=(n, k))
    of_site = csr_array((ones, (reach.col, at)), shape=(m, k))
    # nobody serves what is not there, nor from a site that is not open
    demand = hstack([csr_array((n, m)), -of_row])
    room = hstack([capacity * eye_array(m), -of_site])
    opened = csr_array((np.minimum(model.worth[reach.row], capacity), (at, reach.col)), shape=(k, m))
    open_first = hstack([opened, -eye_array(k)])
    few = csr_array(np.concatenate([-np.ones(m), np.zeros(k)])[None, :])
    return exact.Program(
        np.concatenate([np.zeros(m), -ones]),
        csr_array(vstack([demand, room, open_first, few])),
        np.concatenate([-model.worth, np.zeros(m + k), [-float(count)]]),
        np.zeros(m + k),
        np.concatenate([np.ones(m), model.worth[reach.row]]),
        m,
    )
