"""From the street to a floor: by hand-reckoned figures."""

import pytest

from geo_service.errors import InvalidInputError
from geo_service.staffing.floors import AccessTime, access_time_from, access_time_object


@pytest.mark.parametrize(
    ("floor", "has_lift", "expected_s"),
    [
        (None, None, 0.0),
        (1, None, 20.0),
        (0, None, 20.0),
        (6, None, 110.0),  # through the door, five flights of stairs
        (7, None, 78.0),  # a lift: 40 s of waiting, six floors of 3 s
        (7, False, 128.0),
        (3, True, 56.0),  # stairs are faster than waiting
        (-2, None, 46.0),
        (-2, True, 46.0),
    ],
)
def test_the_way_to_a_floor(floor: int | None, has_lift: bool | None, expected_s: float) -> None:
    assert AccessTime().to_floor_s(floor, has_lift=has_lift) == expected_s


def test_what_is_written_is_read_and_what_no_building_has_is_refused() -> None:
    times = AccessTime(door_s=30, stairs_up_s=25)
    assert access_time_from(access_time_object(times)) == times
    with pytest.raises(InvalidInputError) as raised:
        AccessTime(door_s=-1, lift_from_floor=1)
    assert [fault.field for fault in raised.value.faults] == ["door_s", "lift_from_floor"]
