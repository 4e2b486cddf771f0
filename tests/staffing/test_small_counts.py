"""What is kept back cannot be had from what is told: a solver is asked what each hidden count may be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from geo_service.staffing.small_counts import Side, keep_back, keep_back_beside

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
    limits = [(1, None) if s else (v, v) for v, s in zip(flat, secret, strict=True)]
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
    # what lies below the hidden cells of the middle is had as one sum
    below = hidden[1][parents[2]]
    blocks = [counts[1], counts[2][below], *(counts[2][parents[2] == p] for p in np.flatnonzero(~hidden[1]))]
    secrets = [hidden[1], hidden[2][below], *(hidden[2][parents[2] == p] for p in np.flatnonzero(~hidden[1]))]
    can_hide = [v.sum() > (v > 0).sum() >= 2 and v.sum() >= SMALLEST for v in blocks]
    if not hidden[0][0] and all(can for can, s in zip(can_hide, secrets, strict=True) if s.any()):
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


def test_what_is_missing_below_hidden_parents_is_not_had_from_their_sum() -> None:
    counts = [np.array([121.0]), np.array([20.0, 1, 100]), np.array([19.0, 1, 1, 50, 50])]
    parents = [np.array([-1]), np.array([0, 0, 0]), np.array([0, 0, 1, 2, 2])]
    hidden = keep_back(counts, parents, smallest=SMALLEST)
    assert hidden[1].tolist() == [True, True, False]
    assert hidden[2].tolist() == [True, True, True, False, False]
    assert all(high - low >= 1 for low, high in bounds_of(counts, parents, hidden))


def test_as_many_as_there_are_cells_is_one_each() -> None:
    hidden = keep_back([[55], [1, 1, 1, 1, 1, 50]], [[-1], [0] * 6], smallest=SMALLEST)
    assert hidden[1].all()


def test_a_small_difference_between_two_sides_is_kept_back_on_both() -> None:
    names = [["t"], ["a", "b", "c"]]
    parents = [np.array([-1]), np.array([0, 0, 0])]
    before = Side([np.array([200.0]), np.array([100.0, 60, 40])], parents, names)
    after = Side([np.array([200.0]), np.array([103.0, 40, 57])], parents, names)
    one = keep_back_beside(before, after, smallest=SMALLEST)
    two = keep_back_beside(after, before, smallest=SMALLEST)
    # each side alone would hide its own smallest sibling, which the other would show
    assert [h.tolist() for h in one] == [h.tolist() for h in two] == [[False], [True, True, True]]
    same = keep_back_beside(before, before, smallest=SMALLEST)
    assert not np.concatenate(same).any()
