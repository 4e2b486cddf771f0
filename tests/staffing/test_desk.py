"""Settings of the desk: figures that cannot be are refused; the climb to a floor."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.desk import LIMITS, Desk


def test_what_is_given_stands_in_the_place_of_the_default() -> None:
    desk = Desk.from_mapping({"geofence_m": 80, "local_level": "township"})
    assert (desk.geofence_m, desk.local_level) == (80.0, "township")
    assert Desk.from_mapping(desk.as_mapping()) == desk
    assert Desk.from_mapping({}) == Desk()


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, True, "10", None, 1e300])
def test_figures_that_cannot_be_are_refused_all_at_once(value: object) -> None:
    with pytest.raises(InvalidInputError) as raised:
        Desk.from_mapping({"geofence_m": value, "keep_days": value, "colour": "red"})
    assert [fault.field for fault in raised.value.faults] == ["colour", "keep_days", "geofence_m"]


def test_the_defaults_lie_within_their_own_limits() -> None:
    desk = Desk()
    assert all(limits.least <= getattr(desk, name) <= limits.most for name, limits in LIMITS.items())


@pytest.mark.parametrize(
    ("floor", "lift", "expected_s"),
    [
        (None, None, 0.0),
        (1, None, 0.0),
        (0, None, 0.0),
        (6, None, 75.0),  # five flights of stairs
        (7, None, 58.0),  # a lift: 40 s of waiting, six floors of 3 s
        (7, False, 90.0),
        (3, True, 30.0),  # stairs are faster than waiting
        (-2, None, 30.0),
        (-2, True, 30.0),
    ],
)
def test_the_climb(floor: int | None, lift: bool | None, expected_s: float) -> None:
    assert Desk().climb_s(floor, lift=lift) == expected_s


@given(st.integers(-20, 200), st.booleans())
def test_a_lift_never_makes_it_longer(floor: int, lift: bool) -> None:
    assert 0 <= Desk().climb_s(floor, lift=True) <= Desk().climb_s(floor, lift=False)
