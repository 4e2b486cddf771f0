"""Visits of a week join and drop as they should; tours are complete, balanced and near the best there is."""

from datetime import date, timedelta
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.patrol_rounds import EVERY_DAYS, Campaign, Wish, plan_rounds, week_list

MONDAY = date(2026, 3, 2)


def ago(days: int) -> date:
    return MONDAY - timedelta(days=days)


def test_departments_join_and_what_is_covered_is_dropped() -> None:
    wishes = [
        Wish("shop", "fire", "B", ago(40)),
        Wish("shop", "market", "A", ago(5)),
        Wish("shop", "labour", "B", ago(20)),  # due within a week after: comes along
        Wish("works", "fire", "C", ago(30)),
        Wish("school", "fire", "A", None, exempt="has its own guard"),
        Wish("inn", "police", "B", ago(20)),  # due soon, but nobody goes there this week
    ]
    found = week_list(wishes, MONDAY)
    assert [(v.place, v.departments, v.is_joint, v.due) for v in found.visits] == [
        ("shop", ("fire", "labour", "market"), True, MONDAY)
    ]
    assert [w.place for w in found.covered] == ["works", "inn"]
    assert [w.place for w in found.exempt] == ["school"]


def test_a_campaign_makes_its_places_due_once() -> None:
    drive = Campaign("before the feast", "fire", ago(3), MONDAY + timedelta(days=20), frozenset({"a", "b"}))
    wishes = [
        Wish("a", "fire", "C", ago(10)),
        Wish("b", "fire", "C", ago(2)),
        Wish("a", "police", "C", ago(10)),
    ]
    found = week_list(wishes, MONDAY, campaigns=[drive])
    assert [(v.place, v.departments, v.campaigns) for v in found.visits] == [
        ("a", ("fire",), ("before the feast",))
    ]


def test_an_unknown_grade_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="grade"):
        week_list([Wish("a", "fire", "Z")], MONDAY)


@given(
    st.lists(
        st.builds(
            Wish,
            place=st.sampled_from("pqrs"),
            department=st.sampled_from(["fire", "market", "police"]),
            grade=st.sampled_from("ABC"),
            last=st.none() | st.integers(0, 120).map(ago),
            exempt=st.sampled_from(["", "", "closed"]),
        ),
        max_size=25,
        unique_by=lambda wish: (wish.place, wish.department),
    )
)
def test_every_wish_is_answered_once(wishes: list[Wish]) -> None:
    found = week_list(wishes, MONDAY)
    visited = {(v.place, d) for v in found.visits for d in v.departments}
    dropped = {(w.place, w.department) for w in found.covered}
    exempt = {(w.place, w.department) for w in found.exempt}
    assert len(visited) + len(dropped) + len(exempt) == len(wishes)
    assert len({v.place for v in found.visits}) == len(found.visits)
    for wish in wishes:
        key = (wish.place, wish.department)
        overdue = wish.last is None or wish.last + timedelta(days=EVERY_DAYS[wish.grade]) <= MONDAY
        if overdue and not wish.exempt:
            assert key in visited
        if wish.exempt:
            assert key in exempt


def table(rng: np.random.Generator, n: int) -> np.ndarray:
    xy = rng.random((n + 1, 2)) * 2000
    return np.linalg.norm(xy[:, None] - xy, axis=2)


def best_by_trying(travel_s: np.ndarray, visit_s: np.ndarray, n_days: int) -> float:
    n = len(visit_s)

    def tour_s(stops: tuple[int, ...]) -> float:
        return min(
            sum(travel_s[a, b] for a, b in zip((0, *order), (*order, 0), strict=True))
            for order in permutations(stops)
        ) + sum(visit_s[s - 1] for s in stops)

    known: dict[tuple[int, ...], float] = {(): 0.0}
    best = np.inf
    for days in product(range(n_days), repeat=n):
        parts = [tuple(i + 1 for i in range(n) if days[i] == d) for d in range(n_days)]
        for part in parts:
            if part not in known:
                known[part] = tour_s(part)
        best = min(best, max(known[part] for part in parts))
    return float(best)


def test_small_rounds_are_near_the_best() -> None:
    rng = np.random.default_rng(4)
    gaps = []
    for _ in range(12):
        travel_s, visit_s = table(rng, 6), rng.random(6) * 600
        rounds = plan_rounds(travel_s, visit_s, 2)
        gaps.append(rounds.longest_s / best_by_trying(travel_s, visit_s, 2) - 1)
    assert min(gaps) >= -1e-9
    assert np.mean(gaps) < 0.03
    assert max(gaps) < 0.12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 25), st.integers(1, 6), st.integers(0, 10_000))
def test_rounds_hold_each_place_once_and_say_their_length(n: int, n_days: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    travel_s, visit_s = rng.random((n + 1, n + 1)) * 900, rng.random(n) * 600
    rounds = plan_rounds(travel_s, visit_s, n_days)
    assert len(rounds.days) == n_days
    assert sorted(stop for day in rounds.days for stop in day) == list(range(n))
    for day, seconds in zip(rounds.days, rounds.seconds, strict=True):
        stops = [0, *(stop + 1 for stop in day), 0] if day else []
        way = sum(travel_s[a, b] for a, b in pairwise(stops))
        assert seconds == pytest.approx(way + sum(visit_s[stop] for stop in day))


def test_what_cannot_be_reached_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot be planned"):
        plan_rounds(np.array([[0, np.inf], [1, 0]]), np.ones(1), 2)
    with pytest.raises(InvalidInputError):
        plan_rounds(np.zeros((2, 2)), np.ones(3), 2)
    with pytest.raises(InvalidInputError):
        plan_rounds(np.zeros((2, 2)), np.ones(1), 0)
