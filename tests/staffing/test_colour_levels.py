import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.colour_levels import (
    BLUE,
    CYAN,
    ORANGE,
    ColourRule,
    colour_levels,
    history,
    steps_changed,
)


def test_a_few_units_carry_half() -> None:
    assert colour_levels([50, 20, 15, 10, 5, 0]).tolist() == [ORANGE, BLUE, BLUE, CYAN, CYAN, CYAN]


def test_a_month_without_incidents_and_single_ones_are_cyan() -> None:
    assert colour_levels([0, 0]).tolist() == [CYAN, CYAN]
    assert colour_levels([1, 1, 0]).tolist() == [CYAN, CYAN, CYAN]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_more_incidents_are_never_a_lower_level_and_equals_are_equal(counts: list[int]) -> None:
    level = colour_levels(counts)
    order = np.argsort(counts, kind="stable")
    assert (np.diff(level[order]) >= 0).all()
    for count in set(counts):
        assert len(set(level[np.array(counts) == count].tolist())) == 1
    # without its least units the orange ones hold less than their share
    orange = np.array(counts)[level == ORANGE]
    if len(orange):
        assert orange[orange > orange.min()].sum() < 0.5 * sum(counts)


def test_history_and_changes() -> None:
    levels = history([[9, 1, 0], [1, 9, 0], [1, 9, 0]])
    assert levels.tolist() == [[ORANGE, CYAN, CYAN], [CYAN, ORANGE, CYAN], [CYAN, ORANGE, CYAN]]
    assert steps_changed(levels).tolist() == [1, 1, 0]


def test_a_rule_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        ColourRule(orange=0.8, blue=0.5)
