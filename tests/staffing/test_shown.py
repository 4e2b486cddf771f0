"""Times as they are shown: never less than they are."""

from hypothesis import given
from hypothesis import strategies as st

from geo_service.staffing.shown import rounded_up


@given(ms=st.integers(0, 10**8), step_s=st.sampled_from([1, 6, 60]))
def test_up_to_the_next_step(ms: int, step_s: int) -> None:
    shown = rounded_up(ms / 1000, step_s)
    assert shown % step_s == 0
    assert shown * 1000 - 1000 * step_s < ms <= shown * 1000


def test_a_whole_number_stays_and_what_is_over_shows() -> None:
    assert rounded_up(300.0) == 300
    assert rounded_up(300.004) == 301
    assert rounded_up(300.2, 6) / 60 == 5.1
    assert rounded_up(300.0, 6) / 60 == 5.0
