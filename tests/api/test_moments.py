"""Moments: with an offset, in years that can be reckoned with."""

from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from geo_service.api.moments import Day, Moment

MOMENT = TypeAdapter(Moment)
DAY = TypeAdapter(Day)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T02:00:00+08:00",
        "2026-11-21T18:00:00Z",
        "2026-11-22T17:59:00+23:59",
        "2026-11-20T18:01-23:59",
    ],
)
def test_a_moment_is_the_same_in_every_offset(text: str):
    moment = MOMENT.validate_python(text)
    assert moment.tzinfo is UTC
    assert moment == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "2201-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.999999-23:59",
    ],
)
def test_years_beyond_reckoning_are_refused(text: str):
    with pytest.raises(ValidationError, match="years 1970 to 2200"):
        MOMENT.validate_python(text)


def test_a_moment_without_offset_is_refused():
    with pytest.raises(ValidationError, match="UTC offset"):
        MOMENT.validate_python("2026-11-22T02:00:00")


@pytest.mark.parametrize("text", ["2026-11-22T02:00 08:00", "2026-11-22T02:00:00.5 0800"])
def test_a_plus_that_became_a_blank_is_explained(text: str):
    with pytest.raises(ValidationError, match="%2B"):
        MOMENT.validate_python(text)


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31", "2201-01-01", "9999-12-31"])
def test_days_beyond_reckoning_are_refused(text: str):
    with pytest.raises(ValidationError, match="years 1970 to 2200"):
        DAY.validate_python(text)


@pytest.mark.parametrize("text", ["1970-01-01", "2200-12-31"])
def test_the_first_and_the_last_day_are_days(text: str):
    assert DAY.validate_python(text) == date.fromisoformat(text)
