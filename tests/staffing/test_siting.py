"""Siting against every choice there is on small questions, and against published optima on large ones."""

import time
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import floyd_warshall

from geo_service.errors import InvalidInputError, Words
from geo_service.roads.compiled import HAVE_NUMBA
from geo_service.roads.graph import UNREACHED
from geo_service.staffing import siting_kernels, siting_kernels_all, siting_kernels_median
from geo_service.staffing.siting import (
    FAR_MS,
    Choice,
    Goal,
    Hour,
    Ways,
    Wish,
    choose,
    gains,
    through_the_week,
    warm_up,
)
from geo_service.staffing.siting_budget import Budget

LIMIT_MS = 40


@st.composite
def questions(draw: st.DrawFn) -> Ways:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n = draw(st.integers(3, 8)), draw(st.integers(1, 12))
    time_ms = rng.integers(0, 100, (m, n)).astype(np.int32)
    time_ms[rng.random((m, n)) < draw(st.sampled_from([0.0, 0.2]))] = UNREACHED
    weight = rng.integers(0, 9, n).astype(float) + draw(st.sampled_from([0.0, 0.25]))
    must = rng.random(m) < draw(st.sampled_from([0.0, 0.3]))
    may = rng.random(m) < 0.8
    if not (may & ~must).any():
        must[0], may[0] = False, True
    return Ways(time_ms, weight, must, may)


def last(ways: Ways, wish: Wish, seconds: float = 20.0) -> Choice:
    """The last choice; every one on the way must be sound: bounds hold, and nothing gets worse."""
    up = wish.goal is Goal.COVER_MOST
    sign = -1.0 if up else 1.0
    seen: list[Choice] = []
    for choice in choose(ways, wish, Budget.of(seconds, time.monotonic)):
        assert sign * choice.bound <= sign * choice.value + 1e-6 * max(1, abs(choice.value))
        assert not ways.must[choice.sites].any()
        assert ways.may[choice.sites].all()
        if seen:
            assert sign * choice.value <= sign * seen[-1].value + 1e-9
            assert sign * choice.bound >= sign * seen[-1].bound - 1e-6
        seen.append(choice)
    return seen[-1]


def cost(ways: Ways, wish: Wish, sites: tuple[int, ...]) -> float:
    """What a choice is worth, worked out plainly; smaller is better."""
    is_open = ways.must.copy()
    is_open[list(sites)] = True
    usable = ways.must | ways.may
    times = np.sort(np.where(is_open[:, None], ways.time_ms, UNREACHED), axis=0).astype(float)
    near, next_near = times[0], times[1]
    if wish.goal is Goal.COVER_MOST:
        worth = ways.weight * (near <= wish.limit_ms)
        second = ways.weight * wish.second_worth * (next_near <= wish.limit_ms) * (wish.depth == 2)
        return -float(worth.sum() + second.sum())
    reach = (ways.time_ms[usable] < UNREACHED).sum(axis=0)
    if wish.goal is Goal.LEAST_MEAN:
        served = (reach > 0) & (ways.weight > 0)
        return float(
            (np.minimum(near, FAR_MS) * ways.weight)[served].sum() / max(ways.weight[served].sum(), 1e-12)
        )
    kth = near if wish.depth == 1 else next_near
    if wish.goal is Goal.LEAST_WORST:
        asked = (reach >= wish.depth) & (ways.weight > 0)
        return float(kth[asked].max(initial=0))
    possible = (ways.time_ms[usable] <= wish.limit_ms).sum(axis=0)
    covers = (np.where(is_open[:, None], ways.time_ms, UNREACHED) <= wish.limit_ms).sum(axis=0)
    need = np.where(ways.weight > 0, np.minimum(possible, wish.depth), 0)
    return float(len(sites)) if (covers >= need).all() else float("inf")


def best(ways: Ways, wish: Wish) -> float:
    free = np.flatnonzero(ways.may & ~ways.must)
    sizes = range(len(free) + 1) if wish.goal is Goal.COVER_ALL else [wish.count or 0]
    return min(cost(ways, wish, sites) for size in sizes for sites in combinations(free.tolist(), size))


WISHES = [
    (Goal.COVER_MOST, 1),
    (Goal.COVER_MOST, 2),
    (Goal.COVER_ALL, 1),
    (Goal.COVER_ALL, 2),
    (Goal.LEAST_MEAN, 1),
    (Goal.LEAST_WORST, 1),
    (Goal.LEAST_WORST, 2),
]


@pytest.mark.parametrize(("goal", "depth"), WISHES)
@settings(max_examples=25)
@given(ways=questions(), data=st.data())
def test_it_finds_and_proves_the_best_of_all_choices(
    goal: Goal, depth: int, ways: Ways, data: st.DataObject
) -> None:
    count = None if goal is Goal.COVER_ALL else data.draw(st.integers(1, ways.n_may))
    wish = Wish(goal, count, LIMIT_MS, depth)
    expected = best(ways, wish)
    if goal is Goal.LEAST_WORST and (expected >= UNREACHED or ways.must.sum() + (count or 0) < depth):
        with pytest.raises(InvalidInputError):
            last(ways, wish)
        return
    found = last(ways, wish)
    assert found.is_optimal
    assert found.gap == 0
    value = -found.value if goal is Goal.COVER_MOST else found.value
    assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert cost(ways, wish, tuple(found.sites.tolist())) == pytest.approx(value, rel=1e-9, abs=1e-6)
    assert count is None or len(found.sites) <= count


@settings(max_examples=10)
@given(ways=questions())
def test_more_sites_are_never_worse(ways: Ways) -> None:
    for goal, sign in ((Goal.COVER_MOST, -1), (Goal.LEAST_MEAN, 1)):
        values = [sign * last(ways, Wish(goal, k, LIMIT_MS)).value for k in range(1, ways.n_may + 1)]
        assert all(b <= a + 1e-6 * max(1, abs(a)) for a, b in pairwise(values))


def test_at_a_spent_budget_there_is_an_answer_and_no_word_of_proof() -> None:
    rng = np.random.default_rng(3)
    points, sites = rng.random((400, 2)), rng.random((120, 2))
    time_ms = (np.hypot(*(sites[:, None] - points).transpose(2, 0, 1)) * 1000).astype(np.int32)
    ways = Ways(time_ms, rng.integers(1, 50, 400).astype(float), np.zeros(120, bool), np.ones(120, bool))
    for goal in Goal:
        wish = Wish(goal, None if goal is Goal.COVER_ALL else 12, 120)
        found = last(ways, wish, seconds=0.0)
        assert len(found.sites)
        assert found.is_optimal == (found.gap == 0)  # a relaxation may prove it all the same
        assert not found.is_optimal or goal in {Goal.COVER_ALL, Goal.LEAST_WORST}


def test_one_more_site_is_proved_at_once_and_the_bound_is_never_beyond_all_weight() -> None:
    rng = np.random.default_rng(5)
    time_ms = rng.integers(0, 1000, (40, 300)).astype(np.int32)
    must = np.zeros(40, np.bool_)
    must[:10] = True
    ways = Ways(time_ms, rng.integers(1, 9, 300).astype(np.float64), must, ~must)
    first = next(choose(ways, Wish(Goal.COVER_MOST, 1, 60), Budget.of(0.0, time.perf_counter)))
    assert first.is_optimal
    assert first.gap == 0
    assert first.value == -best(ways, Wish(Goal.COVER_MOST, 1, 60))
    few = next(choose(ways, Wish(Goal.COVER_MOST, 6, 60), Budget.of(0.0, time.perf_counter)))
    assert few.value <= few.bound <= ways.weight.sum()


def test_warming_up_asks_every_kernel() -> None:
    warm_up()
    called = {
        siting_kernels: ("open_greedily", "swap_covers", "covered", "cover_dual"),
        siting_kernels_all: ("cover_with",),
        siting_kernels_median: ("open_cheapest", "substitute", "median_dual"),
    }
    if HAVE_NUMBA:
        assert [
            name for at, names in called.items() for name in names if not getattr(at, name).signatures
        ] == []


def test_who_cancels_is_heard() -> None:
    rng = np.random.default_rng(4)
    time_ms = rng.integers(0, 1000, (60, 300)).astype(np.int32)
    ways = Ways(time_ms, np.ones(300), np.zeros(60, bool), np.ones(60, bool))
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    began = time.monotonic()
    for _ in choose(ways, Wish(Goal.LEAST_MEAN, 10), Budget.of(600, time.monotonic, stopped)):
        pass
    assert time.monotonic() - began < 60


def test_night_and_school_time_are_both_served() -> None:
    # at night everybody is in the west, at school time in the east; one post in the middle serves both
    night = np.array([[1, 9], [5, 5], [9, 1]], np.int32)
    nowhere, all_may = np.zeros(3, bool), np.ones(3, bool)
    manned = np.ones(3, bool)
    west, east = Hour(1, night, np.array([10.0, 0]), manned), Hour(1, night, np.array([0, 10.0]), manned)
    for hours, expected in (([west], 0), ([east], 2), ([west, east], 1)):
        ways, which = through_the_week(hours, nowhere, all_may)
        assert which.tolist() == [k for k, hour in enumerate(hours) for _ in hour.weight]
        assert last(ways, Wish(Goal.LEAST_WORST, 1)).sites.tolist() == [expected]
    # a station that is not manned at night serves only by day
    stands = np.array([True, False, False])
    shut = Hour(100, night, np.array([10.0, 10]), np.array([False, True, True]))
    ways, _ = through_the_week([shut, Hour(68, night, np.array([10.0, 10]), manned)], stands, ~stands)
    assert last(ways, Wish(Goal.COVER_MOST, 1, 3)).value == 10 * 100 + 10 * 68 * 2
    assert last(ways, Wish(Goal.COVER_MOST, 1, 3)).sites.tolist() == [2]


def test_what_cannot_be_says_from_which_number_on_it_can() -> None:
    islands = np.full((4, 4), UNREACHED, np.int32)
    np.fill_diagonal(islands, 5)
    ways = Ways(islands, np.ones(4), np.zeros(4, bool), np.ones(4, bool))
    for wish in (Wish(Goal.COVER_ALL, 3, 10), Wish(Goal.LEAST_WORST, 3)):
        with pytest.raises(InvalidInputError, match="possible with ≥ 4") as refused:
            last(ways, wish)
        message = refused.value.faults[0].message
        assert isinstance(message, Words)
        assert "4" in message.zh
    assert last(ways, Wish(Goal.COVER_ALL, 4, 10)).value == 4
    with pytest.raises(InvalidInputError, match="at most 4"):
        last(ways, Wish(Goal.COVER_MOST, 5, 10))
    for wish in (Wish(Goal.COVER_MOST, 1), Wish(Goal.LEAST_MEAN, 0), Wish(Goal.LEAST_MEAN, 1, depth=2)):
        with pytest.raises(InvalidInputError):
            last(ways, wish)


def test_what_nobody_can_reach_is_told_apart() -> None:
    time_ms = np.array([[1, UNREACHED, 50]], np.int32)
    ways = Ways(time_ms, np.array([2.0, 3.0, 5.0]), np.array([False]), np.array([True]))
    assert last(ways, Wish(Goal.COVER_MOST, 1, LIMIT_MS)).beyond == 8
    assert last(ways, Wish(Goal.COVER_ALL, None, LIMIT_MS)).beyond == 8
    mean = last(ways, Wish(Goal.LEAST_MEAN, 1))
    assert (mean.beyond, mean.value) == (3, (2 * 1 + 5 * 50) / 7)


def test_gains_add_up_and_the_largest_comes_first() -> None:
    time_ms = np.array([[0, 90, 90, 90], [90, 0, 0, 90], [90, 90, 0, 0], [90, 0, 90, 90]], np.int32)
    ways = Ways(time_ms, np.array([1.0, 2.0, 4.0, 8.0]), np.arange(4) == 0, np.arange(4) > 0)
    before, mean_before, each = gains(ways, np.array([1, 2, 3]), 10)
    assert (before, mean_before) == (1, (2 + 4 + 8) * 90 / 15)
    assert [(gain.site, gain.added, gain.covered, gain.alone) for gain in each] == [
        (2, 12, 13, 8),
        (1, 2, 15, 0),
        (3, 0, 15, 0),
    ]
    assert before + sum(gain.added for gain in each) == each[-1].covered
    assert each[-1].mean_ms == 0


# ------------------------------------------------------------------------------------------ published optima


def orlib(folder: Path, name: str) -> tuple[np.ndarray, int]:
    """Read a network of Beasley's: distances and the number of sites; of a repeated edge the last counts."""
    lines = [line.split() for line in (folder / f"{name}.txt").read_text().splitlines() if line.strip()]
    n, _, p = map(int, lines[0])
    length = np.full((n, n), np.inf)
    for i, j, c in lines[1:]:
        length[int(i) - 1, int(j) - 1] = length[int(j) - 1, int(i) - 1] = float(c)
    np.fill_diagonal(length, 0)
    return floyd_warshall(length).astype(np.int32), p


def published(folder: Path, name: str) -> dict[str, int]:
    lines = [line.split() for line in (folder / name).read_text().splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


@pytest.mark.parametrize("name", ["pmed2", "pmed4", "pmed5", "pmed8", "pmed10", "pmed13"])
def test_published_optima_of_least_mean_are_reached_and_proved(shared_data: Path, name: str) -> None:
    folder = shared_data / "orlib"
    length, p = orlib(folder, name)
    n = len(length)
    found = last(Ways(length, np.ones(n), np.zeros(n, bool), np.ones(n, bool)), Wish(Goal.LEAST_MEAN, p), 60)
    assert round(found.value * n) == published(folder, "pmedopt.txt")[name]
    assert found.is_optimal


@pytest.mark.parametrize("name", ["pmed2", "pmed4", "pmed5", "pmed9", "pmed14"])
def test_published_optima_of_least_worst_are_reached_and_proved(shared_data: Path, name: str) -> None:
    folder = shared_data / "orlib"
    length, p = orlib(folder, name)
    n = len(length)
    found = last(Ways(length, np.ones(n), np.zeros(n, bool), np.ones(n, bool)), Wish(Goal.LEAST_WORST, p), 60)
    assert found.value == published(folder, "kcenteropt.txt")[name]
    assert found.is_optimal
