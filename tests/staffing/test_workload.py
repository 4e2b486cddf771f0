"""Workload and its inequality, against the plain definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo_service.errors import InvalidInputError
from geo_service.staffing.workload import STANDARD_WEIGHTS, WorkloadWeights, gini, means, workload_index

# to six decimals: of numbers at the edge of what a float holds the means are no numbers
amounts = arrays(
    np.float64, st.integers(1, 60), elements=st.floats(0, 1e6).map(lambda amount: round(amount, 6))
)


@given(amounts)
def test_gini_is_half_the_mean_difference_over_the_mean(values: np.ndarray) -> None:
    expected = 0.0
    if values.sum() > 0:
        pairs = np.abs(values[:, None] - values[None, :]).mean()
        expected = pairs / (2 * values.mean())
    assert gini(values) == pytest.approx(expected, abs=1e-9)
    assert 0 <= gini(values) <= 1 - 1 / len(values) + 1e-9


@given(amounts, st.floats(0.001, 1000))
def test_gini_minds_neither_order_nor_unit(values: np.ndarray, factor: float) -> None:
    assert gini(values[::-1] * factor) == pytest.approx(gini(values), abs=1e-9)


def test_gini_at_its_ends() -> None:
    assert gini([]) == 0
    assert gini([0, 0]) == 0
    assert gini([7, 7, 7]) == 0
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    for bad in ([-1, 2], [np.nan, 1], [np.inf, 1]):
        with pytest.raises(InvalidInputError):
            gini(bad)


def test_the_mean_cell_has_a_workload_of_one() -> None:
    rng = np.random.default_rng(3)
    figures = {name: rng.uniform(0, 100, 40) for name in STANDARD_WEIGHTS.share}
    index = workload_index(figures, means(figures))
    assert index.mean() == pytest.approx(1)
    doubled = {name: 2 * values for name, values in figures.items()}
    assert workload_index(doubled, means(figures)) == pytest.approx(2 * index)


def test_a_figure_that_nobody_has_does_not_count() -> None:
    figures = {"households": np.array([1.0, 3.0]), "incidents_year": np.zeros(2)}
    assert workload_index(figures, means(figures)).tolist() == [0.5, 1.5]
    assert workload_index({"households": np.zeros(2)}, {"households": 0.0}).tolist() == [0, 0]
    assert workload_index({}, {}).tolist() == []


@pytest.mark.parametrize("share", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}])
def test_weights_must_weigh_something(share: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError):
        WorkloadWeights(share)
