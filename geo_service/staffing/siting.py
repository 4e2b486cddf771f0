"""Where to put stations and posts: cover most, cover all with fewest, least mean, least worst.

A *site* is a place where somebody may stand: one that stands already (``must``), or a candidate (``may``). A
*row* is a demand point at an hour: a post that must serve night and school time has the rows of both. Every
question is answered by a generator: a first choice at once, better ones as they come, and at last the proof.
A choice is optimal only if its bound meets its value; at a time limit the gap is told.

Sources: Church, ReVelle: The maximal covering location problem (1974); Toregas et al.: The location of
emergency service facilities (1971); Hakimi: Optimum locations of switching centers (1964), for mean and
worst; Beasley: A note on solving large p-median problems (1985), for the bounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.roads.graph import UNREACHED
from geo_service.staffing.siting_all import CentreModel, CoverAll, fewest, least_worst
from geo_service.staffing.siting_budget import Budget
from geo_service.staffing.siting_cover import CoverModel
from geo_service.staffing.siting_lists import within
from geo_service.staffing.siting_median import MedianModel
from geo_service.staffing.siting_search import is_proved, search

#: A longer way counts as one of four hours in a mean: else one lonely farm would decide everything.
FAR_MS = 4 * 3600 * 1000
#: Two sums of weights count as the same when they differ by less than this share.
SAME = 1e-9


class Goal(StrEnum):
    """What is wanted of the sites together."""

    COVER_MOST = "cover_most"
    COVER_ALL = "cover_all"
    LEAST_MEAN = "least_mean"
    LEAST_WORST = "least_worst"


@dataclass(frozen=True)
class Ways:
    """From where to where, how long it takes, and how much it matters.

    Attributes
    ----------
    time_ms : (m, n) int32
        From each site to each row; :data:`~geo_service.roads.graph.UNREACHED` where there is no way.
    weight : (n,) float64
        What each row counts: its households, times the hours of the week that it stands for.
    must : (m,) bool
        Sites that stand already and stay.
    may : (m,) bool
        Sites that may be chosen.
    """

    time_ms: NDArray[np.int32]
    weight: NDArray[np.float64]
    must: NDArray[np.bool_]
    may: NDArray[np.bool_]

    def __post_init__(self) -> None:
        m, n = self.time_ms.shape
        if len(self.weight) != n or len(self.must) != m or len(self.may) != m:
            raise InvalidInputError(
                "The arrays of a siting question do not belong together.",
                [Fault("time_ms", "give a row for each site and a column for each demand point")],
            )
        if not (np.isfinite(self.weight).all() and (self.weight >= 0).all()):
            raise InvalidInputError(
                "Some weights of demand are not in order.", [Fault("weight", "give 0 or more")]
            )
        if (self.time_ms < 0).any():
            raise InvalidInputError("Some ways are negative.", [Fault("time_ms", "give 0 or more")])

    @property
    def state(self) -> NDArray[np.int8]:
        """1: stands already, 0: may be chosen, -1: is not asked about."""
        return np.where(self.must, 1, np.where(self.may, 0, -1)).astype(np.int8)

    @property
    def n_may(self) -> int:
        """How many may be chosen."""
        return int((self.may & ~self.must).sum())


@dataclass(frozen=True)
class Hour:
    """A part of the week with its own ways, people and posts.

    Attributes
    ----------
    hours : float
        How long it lasts in a week; what it counts.
    time_ms : (m, n) int32
        As in :class:`Ways`.
    weight : (n,) float64
        Demand of the hour.
    manned : (m,) bool
        Which sites are manned then; candidates would be.
    """

    hours: float
    time_ms: NDArray[np.int32]
    weight: NDArray[np.float64]
    manned: NDArray[np.bool_]


def through_the_week(
    hours: Sequence[Hour], must: NDArray[np.bool_], may: NDArray[np.bool_]
) -> tuple[Ways, NDArray[np.int64]]:
    """Put the hours of a week into one question; returns it and the hour of each of its rows."""
    ways = [np.where(hour.manned[:, None], hour.time_ms, UNREACHED).astype(np.int32) for hour in hours]
    weights = [hour.weight * hour.hours for hour in hours]
    which = np.repeat(np.arange(len(hours)), [len(hour.weight) for hour in hours])
    return Ways(np.concatenate(ways, axis=1), np.concatenate(weights), must, may), which


@dataclass(frozen=True)
class Wish:
    """What is wanted.

    Attributes
    ----------
    goal : Goal
    count : int, optional
        New sites; of :attr:`Goal.COVER_ALL` the most that may be had, or as many as it takes.
    limit_ms : int, optional
        Within which time somebody must be there; of the goals that cover.
    depth : int
        2: by two. Then second cover is worth ``second_worth`` of the first where most is to be covered; where
        all are, or the worst is looked at, two must be there.
    second_worth : float
        0 to 1.
    """

    goal: Goal
    count: int | None = None
    limit_ms: int | None = None
    depth: int = 1
    second_worth: float = 0.5


@dataclass(frozen=True)
class Choice:
    """A choice of new sites, and how good any could be.

    Attributes
    ----------
    sites : (k,) int64
        New sites, ascending; those that stand already are not among them.
    value, bound : float
        By the goal: weight covered; number of new sites; milliseconds, the mean or the worst. No choice is
        better than the bound.
    is_optimal : bool
        Proved, to the last unit where weights and times are whole numbers, else to nine digits (six where
        HiGHS had the last word).
    beyond : float
        Weight of rows that no site could serve as wanted; they are not counted in means and worsts.
    """

    sites: NDArray[np.int64]
    value: float
    bound: float
    is_optimal: bool
    beyond: float

    @property
    def gap(self) -> float:
        """How far the value may be from the best, as a share of it."""
        if self.is_optimal:
            return 0.0
        return abs(self.value - self.bound) / max(abs(self.value), 1e-12)


def choose(ways: Ways, wish: Wish, budget: Budget, *, seed: int = 0) -> Iterator[Choice]:
    """Give a choice at once, then better ones and better bounds, until it is proved or the budget is spent.

    The first comes however short the budget is.

    Raises
    ------
    InvalidInputError
        The wish is not in order, or cannot be; then it says from which number on it could.
    """
    check_wish(ways, wish)
    by_goal = {
        Goal.COVER_MOST: _cover_most,
        Goal.COVER_ALL: _cover_all,
        Goal.LEAST_MEAN: _least_mean,
        Goal.LEAST_WORST: _least_worst,
    }
    yield from by_goal[wish.goal](ways, wish, budget, seed)


def check_wish(ways: Ways, wish: Wish) -> None:
    """Refuse a wish that is not in order.

    Raises
    ------
    InvalidInputError
        With a fault for each field.
    """
    faults = []
    if wish.count is None and wish.goal is not Goal.COVER_ALL:
        faults.append(Fault("count", Words("say how many new ones", "请给出新增数量")))
    if wish.count is not None and wish.count < (0 if wish.goal is Goal.COVER_ALL else 1):
        faults.append(Fault("count", Words("give 1 or more", "应不小于 1"), value=wish.count))
    if wish.count is not None and wish.count > ways.n_may and wish.goal is not Goal.COVER_ALL:
        message = Words(
            f"possible: at most {ways.n_may}, there are no more candidates",
            f"候选点只有 {ways.n_may} 个，最多可选 {ways.n_may} 个",
        )
        faults.append(Fault("count", message, value=wish.count))
    if wish.goal in {Goal.COVER_MOST, Goal.COVER_ALL} and (wish.limit_ms is None or wish.limit_ms < 0):
        faults.append(Fault("limit", Words("say within which time", "请给出时限"), value=wish.limit_ms))
    if wish.depth not in {1, 2} or (wish.depth == 2 and wish.goal is Goal.LEAST_MEAN):
        message = Words("give 1 or 2; of the least mean only 1", "应为 1 或 2；平均用时最短只支持 1")
        faults.append(Fault("depth", message, value=wish.depth))
    if not 0 <= wish.second_worth <= 1:
        faults.append(
            Fault("second_worth", Words("give 0 to 1", "应在 0 至 1 之间"), value=wish.second_worth)
        )
    if faults:
        raise InvalidInputError(Words("this cannot be asked", "这个问题无法计算"), faults)


def _new(ways: Ways, is_open: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.flatnonzero(is_open & ~ways.must)


def _n_open(ways: Ways, wish: Wish) -> int:
    return int(ways.must.sum()) + (wish.count or 0)


def _cover_most(ways: Ways, wish: Wish, budget: Budget, seed: int) -> Iterator[Choice]:
    state = ways.state
    covers = within(ways.time_ms, wish.limit_ms or 0, state >= 0)
    second = ways.weight * (wish.second_worth if wish.depth == 2 else 0.0)
    model = CoverModel.of(covers, ways.weight, second, state, _n_open(ways, wish))
    beyond = float(ways.weight[np.diff(covers.indptr) == 0].sum())
    most = _most(covers, ways, second, wish.count or 0)
    for found in search(model, budget, seed):
        proved = is_proved(found, is_whole=model.is_whole) or -found.cost >= most * (1 - SAME)
        bound = found.cost if proved else max(found.bound, -most)
        yield Choice(_new(ways, found.is_open), -found.cost, -bound, proved, beyond)
        if proved:
            return


def _most(covers: csr_array, ways: Ways, second: NDArray[np.float64], n_new: int) -> float:
    """Return what no choice can pass: what stands already, and what the best new ones would add each alone.

    New ones take from each other what they share, never the reverse. Of one new site it is the best itself.
    """
    by = covers.astype(np.float64)
    standing = by @ ways.must.astype(np.float64)
    has = ways.weight[standing >= 1].sum() + second[standing >= 2].sum()
    adds = by.T @ np.where(standing == 0, ways.weight, np.where(standing == 1, second, 0.0))
    adds = np.sort(adds[(ways.state >= 0) & ~ways.must])[::-1]
    return float(has + adds[:n_new].sum())


def _least_mean(ways: Ways, wish: Wish, budget: Budget, seed: int) -> Iterator[Choice]:
    state = ways.state
    served = (ways.time_ms[state >= 0] < UNREACHED).any(axis=0) & (ways.weight > 0)
    weight = ways.weight[served]
    total = max(float(weight.sum()), 1e-12)
    pays = np.minimum(ways.time_ms[:, served], FAR_MS) * weight
    model = MedianModel(np.ascontiguousarray(pays), state, _n_open(ways, wish))
    beyond = float(ways.weight[~served].sum())
    for found in search(model, budget, seed):
        proved = is_proved(found, is_whole=model.is_whole)
        bound = found.cost if proved else max(found.bound, 0.0)
        yield Choice(_new(ways, found.is_open), found.cost / total, bound / total, proved, beyond)


def _cover_all(ways: Ways, wish: Wish, budget: Budget, _seed: int) -> Iterator[Choice]:
    state = ways.state
    covers = within(ways.time_ms, wish.limit_ms or 0, state >= 0)
    counted = ways.weight > 0
    possible = np.diff(covers.indptr)
    need = np.where(counted, np.minimum(possible, wish.depth), 0).astype(np.int32)
    beyond = float(ways.weight[possible < wish.depth].sum())
    stands, most = int(ways.must.sum()), ways.n_may if wish.count is None else wish.count
    new, least = 0, 0
    for found in fewest(CoverAll(covers, need, state), budget):
        new, least = found.count - stands, found.bound - stands
        if least > most:
            raise _too_few(most, least)
        if new <= most:
            yield Choice(_new(ways, found.is_open), new, least, found.is_proved, beyond)
    if new > most:
        message = Words(
            f"possible with ≥ {new}; whether fewer can do, but not fewer than {least}, takes longer to say",
            f"{new} 个可以做到；{least} 个以下做不到，其间需要更长时间计算",
        )
        raise InvalidInputError(message, [Fault("count", message, value=most)])


def _too_few(count: int, least: int) -> InvalidInputError:
    message = Words(f"possible with ≥ {least}", f"至少需要 {least} 个")
    detail = Words(f"{count} cannot do it", f"{count} 个做不到")
    return InvalidInputError(detail, [Fault("count", message, value=count)])


def _least_worst(ways: Ways, wish: Wish, budget: Budget, _seed: int) -> Iterator[Choice]:
    state = ways.state
    reached = (ways.time_ms[state >= 0] < UNREACHED).sum(axis=0) >= wish.depth
    asked = reached & (ways.weight > 0)
    beyond = float(ways.weight[~reached].sum())
    n_open = _n_open(ways, wish)
    if n_open < wish.depth:
        raise _too_few(wish.count or 0, wish.depth - int(ways.must.sum()))
    model = CentreModel(np.ascontiguousarray(ways.time_ms[:, asked]), state, n_open, wish.depth)
    _refuse_islands(ways, wish, model, budget)
    for found in least_worst(model, budget):
        yield Choice(_new(ways, found.is_open), found.worst_ms, found.bound_ms, found.is_proved, beyond)


def _refuse_islands(ways: Ways, wish: Wish, model: CentreModel, budget: Budget) -> None:
    """Refuse a count with which somebody is never reached, since each island needs its own."""
    everywhere = model.at(int(UNREACHED) - 1)
    if everywhere.greedy().sum() <= model.n_open:
        return
    found = None
    for found in fewest(everywhere, budget):
        if found.count <= model.n_open:
            return
    if found is not None:
        raise _too_few(wish.count or 0, found.bound - int(ways.must.sum()))


# ------------------------------------------------------------------------------------- what each site adds


@dataclass(frozen=True)
class Gain:
    """What one new site adds, when it comes after those before it.

    Attributes
    ----------
    site : int
    covered : float
        Weight within the limit with it and those before it.
    added : float
        Of that, what it added itself.
    mean_ms : float
        Mean way of what is reached at all.
    alone : float
        Weight that would no longer be within the limit if of all new sites this one were left out.
    """

    site: int
    covered: float
    added: float
    mean_ms: float
    alone: float


def gains(ways: Ways, sites: NDArray[np.int64], limit_ms: int) -> tuple[float, float, list[Gain]]:
    """Tell what new sites add one after the other, the one that adds most first.

    Returns
    -------
    covered, mean_ms : float
        Before: weight within the limit, and mean way of what is reached, of the sites that stand.
    list of Gain
        Of sites that add as much, the one that shortens the ways most comes first.
    """
    best = ways.time_ms[ways.must].min(axis=0, initial=UNREACHED)
    before = _covered(best, ways.weight, limit_ms)
    mean_before = _mean(best, ways.weight)
    whole = np.minimum(best, ways.time_ms[sites].min(axis=0, initial=UNREACHED))
    left, now, out = list(map(int, sites)), before, []
    alone = {
        site: _covered(whole, ways.weight, limit_ms) - _without(ways, sites, site, limit_ms) for site in left
    }
    while left:
        tries = [np.minimum(best, ways.time_ms[site]) for site in left]
        worth = [(_covered(way, ways.weight, limit_ms), -_paid(way, ways.weight)) for way in tries]
        at = max(range(len(left)), key=lambda k: worth[k])
        site, best = left.pop(at), tries[at]
        covered = worth[at][0]
        out.append(Gain(site, covered, covered - now, _mean(best, ways.weight), alone[site]))
        now = covered
    return before, mean_before, out


def _without(ways: Ways, sites: NDArray[np.int64], site: int, limit_ms: int) -> float:
    others = np.concatenate([np.flatnonzero(ways.must), sites[sites != site]])
    return _covered(ways.time_ms[others].min(axis=0, initial=UNREACHED), ways.weight, limit_ms)


def _covered(way_ms: NDArray[np.int32], weight: NDArray[np.float64], limit_ms: int) -> float:
    return float(weight[way_ms <= limit_ms].sum())


def _paid(way_ms: NDArray[np.int32], weight: NDArray[np.float64]) -> float:
    return float((np.minimum(way_ms, FAR_MS) * weight).sum())


def _mean(way_ms: NDArray[np.int32], weight: NDArray[np.float64]) -> float:
    reached = way_ms < UNREACHED
    total = float(weight[reached].sum())
    return float((way_ms[reached] * weight[reached]).sum()) / total if total else float("nan")


def warm_up() -> None:
    """Have every kernel compiled: twenty seconds the first time on a machine, then half a second."""
    time_ms = np.array([[0, 5, 9], [5, 0, 4], [9, 4, 0], [7, 7, 7]], np.int32)
    ways = Ways(time_ms, np.ones(3), np.zeros(4, np.bool_), np.ones(4, np.bool_))
    looks = count()
    for goal in Goal:
        wish = Wish(goal, None if goal is Goal.COVER_ALL else 2, 4)
        for _ in choose(ways, wish, Budget(lambda: float(next(looks)), next(looks) + 20.0)):
            pass
    every = CoverAll(within(time_ms, 4, ways.may), np.ones(3, np.int32), ways.state)
    every.look_for(every.greedy(), 2, Budget(lambda: 1.0, 0.0))
