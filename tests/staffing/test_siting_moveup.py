"""Moving up against every set of moves there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.siting_moveup import move_up


def covered(time_ms: np.ndarray, weight: np.ndarray, there: set[int], limit_ms: int) -> float:
    return float(sum(w for i, w in enumerate(weight) if any(time_ms[j, i] <= limit_ms for j in there)))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), moves=st.integers(0, 3))
def test_no_set_of_moves_covers_more(seed: int, moves: int) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = 5, 8, 4
    time_ms = rng.integers(0, 100, (m, n)).astype(np.int32)
    between = rng.integers(1, 100, (m, m)).astype(np.int32)
    np.fill_diagonal(between, 0)
    weight = rng.integers(1, 9, n).astype(float)
    standing, busy = rng.integers(0, m, k), np.arange(k) == 0
    found = move_up(time_ms, weight, standing, busy, between, limit_ms=30, moves=moves, longest_ms=70)
    best = 0.0
    for places in product(range(m), repeat=k - 1):
        gone = [(a, b) for a, b in zip(standing[1:], places, strict=True) if a != b]
        if len(gone) <= moves and all(between[a, b] <= 70 for a, b in gone):
            best = max(best, covered(time_ms, weight, set(places), 30))
    assert found.is_optimal
    assert found.covered_after == best == found.bound
    assert found.covered_before == covered(time_ms, weight, set(standing.tolist()), 30)
    assert found.covered_without == covered(time_ms, weight, set(standing[1:].tolist()), 30)
    assert len(found.moves) <= moves
    left = standing[1:].tolist()
    for move in found.moves:
        assert move.time_ms == between[move.start, move.stop] <= 70
        left[left.index(move.start)] = move.stop
    assert covered(time_ms, weight, set(left), 30) == best


def test_the_neighbour_takes_over_and_what_is_impossible_is_refused() -> None:
    # two sites on a line; who stands at the large place is busy
    time_ms = np.array([[0, 90], [90, 0]], np.int32)
    between = np.array([[0, 60], [60, 0]], np.int32)
    weight, standing = np.array([9.0, 1.0]), np.array([0, 1])
    busy = np.array([True, False])
    found = move_up(time_ms, weight, standing, busy, between, limit_ms=10, moves=1)
    assert [(move.start, move.stop, move.time_ms) for move in found.moves] == [(1, 0, 60)]
    assert (found.covered_before, found.covered_without, found.covered_after) == (10, 1, 9)
    assert move_up(time_ms, weight, standing, busy, between, limit_ms=10, moves=1, longest_ms=50).moves == []
    with pytest.raises(InvalidInputError):
        move_up(time_ms, weight, standing, busy, between, limit_ms=10, moves=-1)
