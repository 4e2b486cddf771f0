"""Covering with capacity: against trying every choice, and what a choice serves against a plain flow."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from geo_service.errors import InvalidInputError
from geo_service.staffing.siting import Goal, Ways, Wish, choose
from geo_service.staffing.siting_budget import Budget
from geo_service.staffing.siting_capacity import cover_within_capacity, served_by


def flow(ways: Ways, sites: list[int], limit_ms: int, capacity: float) -> float:
    """What some new sites serve beside what stands, by another program."""
    standing = (ways.time_ms[ways.must] <= limit_ms).any(axis=0)
    k, n = len(sites), ways.time_ms.shape[1]
    pipes = np.zeros((n + k + 2, n + k + 2), np.int32)  # rows, sites, from, to; in halves
    pipes[n + k, :n] = 2 * ways.weight * ~standing
    pipes[n : n + k, n + k + 1] = round(2 * capacity)
    for i, site in enumerate(sites):
        pipes[:n, n + i] = np.where(ways.time_ms[site] <= limit_ms, 10**6, 0)
    served = maximum_flow(csr_array(pipes), n + k, n + k + 1).flow_value / 2
    return float(ways.weight[standing].sum() + served)


def scene(seed: int) -> Ways:
    rng = np.random.default_rng(seed)
    time_ms = rng.integers(0, 20, (7, 12)).astype(np.int32)
    must = np.zeros(7, np.bool_)
    must[0] = seed % 2 == 0
    return Ways(time_ms, rng.integers(0, 9, 12).astype(float), must, np.ones(7, np.bool_))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from([3.0, 7.5, 20.0, 1000.0]))
def test_it_is_the_best_of_all_choices(seed: int, count: int, capacity: float) -> None:
    ways = scene(seed)
    clock = iter(range(10_000))
    budget = Budget(lambda: float(next(clock)), 500.0)
    steps = list(cover_within_capacity(ways, count, 6, capacity, budget))
    may = np.flatnonzero(~ways.must).tolist()
    best = max(flow(ways, list(some), 6, capacity) for some in combinations(may, count))
    assert all(type(step.is_optimal) is bool for step in steps)
    assert steps[-1].is_optimal
    assert steps[-1].value == pytest.approx(best)
    assert flow(ways, steps[-1].sites.tolist(), 6, capacity) == pytest.approx(best)
    each = served_by(ways, steps[-1].sites, 6, capacity)
    assert (each <= capacity + 1e-9).all()
    assert each.sum() + flow(ways, [], 6, capacity) == pytest.approx(best)
    values = [step.value for step in steps]
    assert values == sorted(values)
    assert all(step.bound >= best - 1e-6 for step in steps)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 4),
    capacity=st.sampled_from([2.5, 11.0, 40.0, 1e6]),
    scale=st.sampled_from([1.0, 0.37, 1e5]),
    seconds=st.sampled_from([0.0, 1.0, 3.0, 30.0]),
)
def test_what_is_called_proved_is_the_best_whenever_the_time_ends(
    seed: int, count: int, capacity: float, scale: float, seconds: float
) -> None:
    """At every step, not only the last; and a capacity without effect says what no capacity says."""
    rng = np.random.default_rng(seed)
    m, n = 8, 14
    time_ms = rng.integers(0, 20, (m, n)).astype(np.int32)
    must = rng.random(m) < 0.15
    ways = Ways(time_ms, rng.integers(0, 9, n) * scale, must, np.ones(m, np.bool_))
    may = np.flatnonzero(~must).tolist()
    count, capacity = min(count, len(may)), capacity * scale
    # flows are counted in whole numbers
    plain = Ways(time_ms, np.round(ways.weight / scale), must, ways.may)
    bests = {
        room: scale * max(flow(plain, list(some), 6, room) for some in combinations(may, count))
        for room in (capacity / scale, 1e6)
    }
    told = {
        capacity / scale: cover_within_capacity(ways, count, 6, capacity, ticking(seconds)),
        1e6: choose(ways, Wish(Goal.COVER_MOST, count, 6), ticking(seconds)),
    }
    for room, steps in told.items():
        best = bests[room]
        for step in steps:
            assert step.value <= best * (1 + 1e-9) + 1e-9
            assert step.bound >= best * (1 - 1e-9) - 1e-9
            if step.is_optimal:
                assert step.value == pytest.approx(best, rel=1e-6)
                assert step.gap == 0
            elif step.value < best * (1 - 1e-6):
                assert step.gap > 0
        assert seconds < 30 or step.is_optimal


def ticking(seconds: float) -> Budget:
    """A budget by a clock on which a second passes at each look: it ends anywhere in the search."""
    clock = iter(range(10**6))
    return Budget(lambda: float(next(clock)), seconds)


def test_a_site_without_room_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="above 0"):
        next(cover_within_capacity(scene(1), 1, 6, 0.0, Budget(lambda: 0.0, 1.0)))
