"""The share of a route that was walked, against shapely's buffers; windows and turns."""

from datetime import date, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.geometry.measure import local_xy_m, metres_per_degree
from geo_service.staffing.patrol_routes import clock, spread, walked_of, window

HERE = np.array([118.3, 29.2])
PER_DEG = np.array(metres_per_degree(float(HERE[1])))


def degrees(xy_m: np.ndarray) -> np.ndarray:
    out: np.ndarray = HERE + xy_m / PER_DEG
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(0, 80), st.floats(10, 60))
def test_the_share_is_that_of_shapely(seed: int, corners: int, count: int, near_m: float) -> None:
    rng = np.random.default_rng(seed)
    line = shapely.LineString(degrees(rng.uniform(0, 800, (corners, 2))))
    points = degrees(rng.uniform(-50, 850, (count, 2)))
    whole_m, walked_m = walked_of(line, points, near_m=near_m)
    origin = shapely.get_coordinates(line).mean(axis=0)
    flat = shapely.LineString(local_xy_m(shapely.get_coordinates(line), origin))
    assert whole_m == pytest.approx(flat.length, rel=2e-3)
    about = shapely.union_all(
        shapely.buffer(shapely.points(local_xy_m(points, origin)), near_m, quad_segs=64)
    )
    # parts where the line crosses itself count as often as it passes
    want = sum(
        shapely.LineString(pair).intersection(about).length
        for pair in zip(flat.coords, flat.coords[1:], strict=False)
    )
    # each end of each stretch is right to half a step
    ends = 2 * max(1, count) * corners
    assert walked_m / whole_m == pytest.approx(want / flat.length, abs=min(0.03, ends * 1.0 / flat.length))
    assert 0 <= walked_m <= whole_m + 1e-9
    more = walked_of(line, np.concatenate([points, degrees(rng.uniform(0, 800, (5, 2)))]), near_m=near_m)
    assert more[1] >= walked_m - 1e-9
    back = walked_of(shapely.reverse(line), points, near_m=near_m)[1]
    assert back == pytest.approx(walked_m, abs=0.02 * whole_m)


def test_a_street_walked_beside_the_line_counts_and_one_across_does_not() -> None:
    line = shapely.LineString(degrees(np.array([[0.0, 0.0], [1000.0, 0.0]])))
    along = degrees(np.stack([np.arange(5, 600, 10.0), np.full(60, 12.0)], axis=1))
    whole_m, walked_m = walked_of(line, along, near_m=20)
    assert whole_m == pytest.approx(1000, abs=1)
    assert walked_m == pytest.approx(611, abs=4)  # the last point is at 595, and 16 m on it is still near
    across = degrees(np.stack([np.full(60, 500.0), np.arange(-295, 300, 10.0)], axis=1))
    assert walked_of(line, across, near_m=20)[1] == pytest.approx(2 * np.sqrt(400 - 25), abs=4)
    assert walked_of(line, np.empty((0, 2)), near_m=20)[1] == 0


@pytest.mark.parametrize(
    ("opens", "closes", "minutes"),
    [
        ("08:30", "11:00", (510, 660)),
        ("0:00", "24:00", (0, 1440)),
        ("20:00", "02:00", (1200, 1560)),
        ("06:00", "06:00", (360, 1800)),
        ("24:00", "01:00", (0, 60)),
        ("24:30", "01:00", None),
        ("8", "9", None),
        ("12:60", "13:00", None),
    ],
)
def test_windows(opens: str, closes: str, minutes: tuple[int, int] | None) -> None:
    assert window(opens, closes) == minutes
    if minutes is not None:
        assert window(clock(minutes[0]), clock(minutes[1])) == minutes


@given(st.sets(st.integers(0, 6)), st.integers(1, 7))
def test_turns_are_spread_over_the_days_there_are(numbers: set[int], times: int) -> None:
    days = [date(2026, 11, 16) + timedelta(days=i) for i in sorted(numbers)]
    got = spread(days, times)
    assert len(got) == min(times, len(days)) == len(set(got))
    assert got == sorted(got)
    assert set(got) <= set(days)
    if len(days) == 7 and times == 2:
        assert (got[1] - got[0]).days >= 3
