"""What is kept back cannot be had from what is told: a solver is asked what each hidden count may be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from geo_service.staffing.small_counts import keep_back

SMALLEST = 5


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two levels and the whole: leaf counts, and which middle cell each leaf is in."""
    middle = draw(st.integers(1, 4))
    leaves = draw(st.lists(st.integers(0, 12), min_size=middle, max_size=12))
    parent = np.array([*range(middle), *(draw(st.integers(0, middle - 1)) for _ in leaves[middle:])])
    counts = np.array(leaves, float)
    upper = np.bincount(parent, weights=counts, minlength=middle)
    return (
        [np.array([counts.sum()]), upper, counts],
        [np.array([-1]), np.zeros(middle, int), parent],
    )


def bounds_of(
    counts: list[np.ndarray], parents: list[np.ndarray], hidden: list[np.ndarray]
) -> list[tuple[float, float]]:
    """Least and most that each hidden count can be, given all shown counts and that parents are sums."""
    flat = np.concatenate(counts)
    secret = np.concatenate(hidden)
    start = np.cumsum([0, *map(len, counts)])
    rows = []
    for level in range(1, len(counts)):
        for cell in range(len(counts[level - 1])):
            row = np.zeros(len(flat))
            row[start[level - 1] + cell] = -1
            row[start[level] + np.flatnonzero(parents[level] == cell)] = 1
            rows.append(row)
    limits = [(0, None) if s else (v, v) for v, s in zip(flat, secret, strict=True)]
    out = []
    for at in np.flatnonzero(secret):
        goal = np.zeros(len(flat))
        goal[at] = 1
        ends = [linprog(sign * goal, A_eq=rows, b_eq=np.zeros(len(rows)), bounds=limits) for sign in (1, -1)]
        low = ends[0].fun
        high = np.inf if ends[1].status == 3 else -ends[1].fun
        out.append((low, high))
    return out


@settings(max_examples=40, deadline=None)
@given(towns())
def test_nothing_small_is_shown_and_nothing_hidden_can_be_computed(
    town: tuple[list[np.ndarray], list[np.ndarray]],
) -> None:
    counts, parents = town
    hidden = keep_back(counts, parents, smallest=SMALLEST)
    for values, secret in zip(counts, hidden, strict=True):
        assert not ((values > 0) & (values < SMALLEST) & ~secret).any()
        assert not secret[values == 0].any()
    shown_family = [
        (values[parent == p], secret[parent == p], above[p])
        for values, secret, parent, above in zip(counts[1:], hidden[1:], parents[1:], hidden, strict=False)
        for p in range(len(above))
    ]
    for values, secret, parent_secret in shown_family:
        # where a family has enough to hide behind, what is missing is wide
        if secret.any() and not parent_secret and (values > 0).sum() >= 2 and values.sum() >= SMALLEST:
            assert secret.sum() >= 2
            assert values[secret].sum() >= SMALLEST
    if all((v > 0).sum() >= 2 and v.sum() >= SMALLEST for v, _, _ in shown_family if (v > 0).any()):
        for low, high in bounds_of(counts, parents, hidden):
            assert high - low >= 1


def test_one_small_child_takes_its_smallest_sibling_along() -> None:
    hidden = keep_back([[60], [2, 8, 50]], [[-1], [0, 0, 0]], smallest=SMALLEST)
    assert hidden[0].tolist() == [False]
    assert hidden[1].tolist() == [True, True, False]


def test_a_hidden_parent_hides_a_child() -> None:
    # the second town is small, so the third hides with it; its only cell would give it away
    hidden = keep_back([[3, 9, 80], [3, 9, 80]], [[-1, -1, -1], [0, 1, 2]], smallest=SMALLEST)
    assert hidden[0].tolist() == [True, True, False]
    assert hidden[1].tolist() == [True, True, False]


def test_nothing_is_kept_back_of_large_counts_and_zeros() -> None:
    hidden = keep_back([[30], [0, 10, 20]], [[-1], [0, 0, 0]], smallest=SMALLEST)
    assert not np.concatenate(hidden).any()
