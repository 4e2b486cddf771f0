"""Settings of the desk: figures that cannot be are refused."""

import math

import pytest

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


def test_what_was_set_by_a_former_version_is_read() -> None:
    assert Desk.from_kept({"geofence_m": 80, "stairs_s": 15, "lift_from_floor": 7}).geofence_m == 80.0
    with pytest.raises(InvalidInputError):
        Desk.from_mapping({"stairs_s": 15})
