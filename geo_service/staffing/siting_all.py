"""Cover all with fewest (set covering), and least worst (p-centre), which asks the same at many limits."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo_service.staffing import siting_exact as exact
from geo_service.staffing import siting_kernels_all as kernels
from geo_service.staffing.siting_budget import Budget
from geo_service.staffing.siting_lists import Lists, hardest, within
from geo_service.staffing.siting_search import FIRST_TURN_S, TURN_GROWTH

Floats = NDArray[np.float64]

#: Steps of the local search between two looks at the clock.
STEPS = 2000
#: Further searches without success after which it is left to the proof.
PATIENCE = 5
SEED = 20261122
FIRST_LOOK_S = 0.5
#: A relaxation's bound is rounded up to a whole number, unless it is so near above one.
ROUNDING = 1e-6


@dataclass
class Cover:
    """Every row covered as often as it needs, with how many sites, and how few it could be.

    Attributes
    ----------
    is_open : (m,) bool
    count, bound : int
        Sites open, and the fewest that could do; those that must be open are counted.
    """

    is_open: NDArray[np.bool_]
    count: int
    bound: int

    @property
    def is_proved(self) -> bool:
        """Whether fewer cannot do."""
        return self.bound >= self.count


@dataclass
class CoverAll:
    """Rows that are each to be covered ``need`` times; rows that cannot be are not for here.

    Attributes
    ----------
    covers : (n, m) csr_array
    need : (n,) int32
    state : (m,) int8
        1: must be open, 0: may be, -1: must not be.
    """

    covers: csr_array
    need: NDArray[np.int32]
    state: NDArray[np.int8]
    rows: NDArray[np.int64] = field(init=False)
    lists: Lists = field(init=False)
    left: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        must = self.state > 0
        usable = self.covers @ (self.state >= 0).astype(np.float64)
        if (usable < self.need).any():
            raise ValueError("some rows cannot be covered as often as they need")
        has = (self.covers @ must.astype(np.float64)).astype(np.int32)
        left = np.maximum(self.need - has, 0).astype(np.int32)
        wanting = np.flatnonzero(left > 0)
        free = csr_array(self.covers[wanting] @ _diagonal(self.state == 0))
        free.eliminate_zeros()
        kept = hardest(free, left[wanting])
        self.rows, self.lists = wanting[kept], Lists.of(free[kept])
        self.left = left[wanting[kept]]
        self._weight = np.ones(len(kept))
        self._tried_at = np.zeros(len(self.state), np.int64)
        self._dice = np.array([SEED], np.int64)
        self._steps = 0

    @property
    def n_must(self) -> int:
        """How many sites must be open."""
        return int((self.state > 0).sum())

    def greedy(self) -> NDArray[np.bool_]:
        """Return a choice that covers everything: the site that adds most first, then idle ones go."""
        choice = self.state > 0
        more = np.zeros(len(self.state), np.bool_)
        missing = self.left.copy()
        matrix = self.lists.matrix.tocsc()
        gain = np.asarray(self.lists.matrix.T @ (missing > 0).astype(np.float64))
        while (missing > 0).any():
            site = int(np.argmax(np.where(more, -1.0, gain)))
            more[site] = True
            at = matrix.indices[matrix.indptr[site] : matrix.indptr[site + 1]]
            missing[at] -= 1
            done = at[missing[at] == 0]
            gain -= np.asarray(self.lists.matrix[done].sum(axis=0)).ravel()
        count = self.lists.counts(more)
        for site in np.flatnonzero(more)[::-1]:
            at = matrix.indices[matrix.indptr[site] : matrix.indptr[site + 1]]
            if (count[at] > self.left[at]).all():
                more[site] = False
                count[at] -= 1
        return choice | more

    def look_for(self, start: NDArray[np.bool_], count: int, budget: Budget) -> NDArray[np.bool_] | None:
        """Look by local search for a choice of ``count`` sites from another one; None: not found."""
        choice: NDArray[np.bool_] = start & (self.state == 0)
        wanted = count - self.n_must
        if wanted < 0 or wanted > int((self.state == 0).sum()):
            return None
        surplus = int(choice.sum()) - wanted
        if surplus > 0:
            choice[np.flatnonzero(choice)[:surplus]] = False
        elif surplus < 0:
            choice[np.flatnonzero(~choice & (self.state == 0))[:-surplus]] = True
        own, free = self.lists, np.where(self.state == 0, 0, -1).astype(np.int8)
        for _ in range(PATIENCE):
            missing = kernels.cover_with(
                own.site_ptr, own.site_row, own.row_ptr, own.row_site, self.left, choice, free,
                self._weight, self._tried_at, self._steps, STEPS, self._dice,
            )  # fmt: skip
            self._steps += STEPS
            if missing == 0:
                choice[self.state > 0] = True
                return choice
            if budget.is_spent():
                break
        return None

    def relaxed(self, limit_s: float) -> int:
        """Return how few sites can do at least, by the linear relaxation."""
        if not len(self.rows):
            return self.n_must
        if self.lists.matrix.nnz > exact.MOST_ENTRIES:
            return self.n_must + int(self.left.max())
        bound = exact.relaxed_bound(self._program(), limit_s)
        if not np.isfinite(bound):
            return self.n_must + int(self.left.max())
        return self.n_must + int(np.ceil(bound - ROUNDING))

    def settle(self, limit_s: float) -> tuple[int, NDArray[np.bool_] | None]:
        """Let HiGHS look for so many seconds; returns the bound and the best choice it found."""
        if not len(self.rows):
            return self.n_must, self.state > 0
        if self.lists.matrix.nnz > exact.MOST_ENTRIES:
            return 0, None
        verdict = exact.solve(self._program(), limit_s)
        bound = 0 if not np.isfinite(verdict.bound) else self.n_must + int(np.ceil(verdict.bound - ROUNDING))
        if verdict.x is None:
            return bound, None
        choice = (self.state > 0) | ((verdict.x > 0.5) & (self.state == 0))
        return bound, choice if (self.covers @ choice.astype(np.float64) >= self.need).all() else None

    def _program(self) -> exact.Program:
        program = exact.set_cover(self.lists.matrix, self.left)
        program.high[self.state != 0] = 0
        return program


def _diagonal(flags: NDArray[np.bool_]) -> csr_array:
    n = len(flags)
    return csr_array((flags.astype(np.float64), (np.arange(n), np.arange(n))), shape=(n, n))


def fewest(problem: CoverAll, budget: Budget) -> Iterator[Cover]:
    """Give a cover at once, then smaller ones, then the proof: always the same object, as it grows."""
    choice = problem.greedy()
    lowest = problem.n_must + (int(problem.left.max()) if len(problem.left) else 0)
    found = Cover(choice, int(choice.sum()), lowest)
    yield found
    yield from _shrink(problem, found, budget.part(FIRST_LOOK_S))
    found.bound = max(found.bound, problem.relaxed(budget.left_s))
    yield found
    turn_s = FIRST_TURN_S
    while not found.is_proved and not budget.is_spent():
        yield from _shrink(problem, found, budget.part(turn_s))
        bound, better = problem.settle(min(turn_s, budget.left_s))
        found.bound = min(max(found.bound, bound), found.count)
        if better is not None and better.sum() < found.count:
            found.is_open, found.count = better, int(better.sum())
        yield found
        turn_s *= TURN_GROWTH


def _shrink(problem: CoverAll, found: Cover, budget: Budget) -> Iterator[Cover]:
    """Find covers of one site less as long as that works."""
    while not found.is_proved:
        less = problem.look_for(found.is_open, found.count - 1, budget)
        if less is None:
            return
        found.is_open, found.count = less, int(less.sum())
        yield found


# ---------------------------------------------------------------------------------------------- least worst


@dataclass
class Worst:
    """The longest way of anybody, and how short it could be.

    Attributes
    ----------
    is_open : (m,) bool
    worst_ms, bound_ms : int
    """

    is_open: NDArray[np.bool_]
    worst_ms: int
    bound_ms: int

    @property
    def is_proved(self) -> bool:
        """Whether it cannot be shorter."""
        return self.bound_ms >= self.worst_ms


@dataclass(frozen=True)
class CentreModel:
    """Ways of rows to sites, of which the ``need``-th shortest of each row is to be short for all.

    Attributes
    ----------
    time_ms : (m, n) int32
    state : (m,) int8
    n_open : int
        Open sites in the end, with those that must be.
    need : int
        1: the nearest counts; 2: the second nearest.
    """

    time_ms: NDArray[np.int32]
    state: NDArray[np.int8]
    n_open: int
    need: int = 1

    def worst_ms(self, is_open: NDArray[np.bool_]) -> int:
        """Return the longest way of anybody to his ``need``-th nearest open site."""
        ways = self.time_ms[is_open]
        return int(np.partition(ways, self.need - 1, axis=0)[self.need - 1].max(initial=0))

    def at(self, limit_ms: int) -> CoverAll:
        """Return what it takes that nobody is farther than a limit."""
        covers = within(self.time_ms, limit_ms, self.state >= 0)
        return CoverAll(covers, np.full(covers.shape[0], self.need, np.int32), self.state)

    def shortest_above(self, limit_ms: int) -> int:
        """Return the shortest way that is longer than a limit."""
        ways = self.time_ms[self.state >= 0]
        return int(ways.min(initial=np.iinfo(np.int32).max, where=ways > limit_ms))

    def longest_below(self, limit_ms: int) -> int:
        """Return the longest way that is shorter than a limit."""
        ways = self.time_ms[self.state >= 0]
        return int(ways.max(initial=-1, where=ways < limit_ms))

    def by_far_ends(self) -> NDArray[np.bool_]:
        """Return a choice made by opening, each time, the nearest site to who is farthest."""
        choice = self.state > 0
        if not self.time_ms.shape[1]:
            choice[np.flatnonzero(self.state == 0)[: self.n_open - int(choice.sum())]] = True
            return choice
        ways = np.sort(self.time_ms[choice], axis=0)
        for _ in range(self.n_open - int(choice.sum())):
            left = np.flatnonzero((self.state == 0) & ~choice)
            if len(ways) < self.need:
                site = int(left[np.argmin(self.time_ms[left].max(axis=1))])
            else:
                far = int(np.argmax(ways[self.need - 1]))
                site = int(left[np.argmin(self.time_ms[left, far])])
            choice[site] = True
            ways = np.sort(np.concatenate([ways, self.time_ms[[site]]]), axis=0)[: self.need]
        return choice


def least_worst(model: CentreModel, budget: Budget) -> Iterator[Worst]:
    """Give a choice at once, then better ones, then the proof: always the same object, as it grows."""
    choice = model.by_far_ends()
    usable = model.time_ms[model.state >= 0]
    low = int(np.partition(usable, model.need - 1, axis=0)[model.need - 1].max(initial=0))
    found = Worst(choice, model.worst_ms(choice), low)
    yield found
    yield from _halve(model, found, budget.part(4 * FIRST_LOOK_S))
    yield from _raise_by_relaxing(model, found, budget)
    turn_s = FIRST_TURN_S
    while not found.is_proved and not budget.is_spent():
        limit = model.longest_below(found.worst_ms)
        problem = model.at(limit)
        # by the search first, at length; a choice that it finds spares a proof
        better = problem.look_for(found.is_open, model.n_open, budget.part(turn_s))
        bound = 0
        if better is None:
            bound, better = problem.settle(min(turn_s, budget.left_s))
        if better is not None and better.sum() <= model.n_open:
            _take(model, found, better)
            yield from _halve(model, found, budget.part(turn_s))
        elif bound > model.n_open:
            found.bound_ms = found.worst_ms
        else:
            yield from _raise_exactly(model, found, budget.part(turn_s))
            turn_s *= TURN_GROWTH
        yield found


def _take(model: CentreModel, found: Worst, choice: NDArray[np.bool_]) -> None:
    filled = choice.copy()
    spare = model.n_open - int(filled.sum())
    filled[np.flatnonzero(~filled & (model.state == 0))[:spare]] = True
    worst = model.worst_ms(filled)
    if worst < found.worst_ms:
        found.is_open, found.worst_ms = filled, worst


def _halve(model: CentreModel, found: Worst, budget: Budget) -> Iterator[Worst]:
    """Look between bound and best for limits that the search can keep, halving what is between."""
    low, high = found.bound_ms, found.worst_ms
    while low < high and not budget.is_spent():
        middle = (low + high) // 2
        problem = model.at(middle)
        choice = problem.greedy()
        better: NDArray[np.bool_] | None = choice
        if choice.sum() > model.n_open:
            better = problem.look_for(choice, model.n_open, budget)
        if better is None:
            low = middle + 1
        else:
            _take(model, found, better)
            high = min(middle, found.worst_ms)
            yield found


def _raise_by_relaxing(model: CentreModel, found: Worst, budget: Budget) -> Iterator[Worst]:
    """Raise the bound to the longest limit at which even shares of sites are too few, by halving."""
    low, high = found.bound_ms, found.worst_ms  # at low it may be possible; below it is not
    while low < high and not budget.is_spent():
        middle = (low + high) // 2
        if model.at(middle).relaxed(budget.left_s) > model.n_open:
            low = model.shortest_above(middle)
            found.bound_ms = max(found.bound_ms, min(low, found.worst_ms))
            yield found
        else:
            high = middle


def _raise_exactly(model: CentreModel, found: Worst, budget: Budget) -> Iterator[Worst]:
    """Raise the bound by proofs at limits that are easier than that just below the best."""
    low, high = found.bound_ms, model.longest_below(found.worst_ms)
    while low < high and not budget.is_spent():
        middle = (low + high) // 2
        bound, choice = model.at(middle).settle(budget.left_s)
        if bound > model.n_open:
            low = model.shortest_above(middle)
            found.bound_ms = max(found.bound_ms, min(low, found.worst_ms))
            yield found
        else:
            if choice is not None and choice.sum() <= model.n_open:
                _take(model, found, choice)
                yield found
            high = middle
