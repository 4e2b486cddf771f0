"""Months as people write them, and what a month is compared with."""

from dataclasses import replace
from datetime import UTC, date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from geo_service.errors import InvalidInputError
from geo_service.services.months import month_of

ZONE = ZoneInfo("Asia/Shanghai")


def test_months_are_read() -> None:
    assert month_of("2026-12", UTC).days == (date(2026, 12, 1), date(2026, 12, 31))
    assert month_of("2024-02", UTC).days[1] == date(2024, 2, 29)
    for wrong in ("2026-13", "2026-1", "1900-01", "9999-12", "2026-11-01", ""):
        with pytest.raises(InvalidInputError):
            month_of(wrong, UTC)


def test_months_and_what_they_are_compared_with() -> None:
    march = month_of("2026-03", ZONE)
    assert march.before().name == "2026-02"
    assert month_of("2026-01", ZONE).before().name == "2025-12"
    noon = pd.Timestamp("2026-03-31T12:00", tz=ZONE).to_pydatetime()
    like = march.before().like(noon)
    assert (like.weekday(), like.hour, like.date().isoformat()) == (noon.weekday(), 12, "2026-02-24")


def test_a_month_that_runs_is_compared_with_the_same_span() -> None:
    march = month_of("2026-03", ZONE)
    running = replace(march, end=pd.Timestamp("2026-03-22T08:30", tz=ZONE).to_pydatetime())
    like = march.before().until_like(running)
    assert like.told() == {"from": "2026-02-01T00:00+08:00", "to": "2026-02-22T08:30+08:00"}
    assert [one.day for one in like.days] == [one.day for one in running.days] == [1, 21]  # whole days
    late = replace(march, end=pd.Timestamp("2026-03-30T08:30", tz=ZONE).to_pydatetime())
    assert march.before().until_like(late) == march.before()
    begun = replace(march, end=pd.Timestamp("2026-03-01T08:30", tz=ZONE).to_pydatetime())
    assert [one.day for one in begun.days] == [1, 1]
    assert march.days[1].day == 31
