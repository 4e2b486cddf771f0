from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.formats.faults import FaultList
from geo_service.formats.times import known_timezone, parse_clock, parse_moments

SHANGHAI = ZoneInfo("Asia/Shanghai")


def parsed(*texts: str, zone: str = "Asia/Shanghai", time_format: str | None = None):
    faults, notes = FaultList(), []
    column = pd.Series(list(texts), index=range(1, len(texts) + 1), dtype=object)
    moments = parse_moments(column, "t", faults, notes, timezone=ZoneInfo(zone), time_format=time_format)
    return moments, faults, notes


@pytest.mark.parametrize(
    "text",
    [
        "2015-02-08T23:43:40",
        "2015-02-08 23:43:40",
        "2015-02-08T15:43:40Z",
        "2015-02-08T15:43:40+00:00",
        "2015-02-08 16:43:40+01",
        "2015-02-08T23:43:40.000+0800",
        "20150208T234340",
        "20150208234340",
        "02/08/2015 11:43:40 PM",
        "2/8/2015 23:43:40",
        "2015/2/8 23:43:40",
        "2015/02/08 23:43:40",
        "2015-2-8 23:43:40",
        "2015.2.8 23:43:40",
        "2015年2月8日 23时43分40秒",
        "2015年02月08日 23:43:40",
        "42043.9886574074",
        "1423410220",
        "1423410220000",
    ],
)
def test_one_moment_in_many_spellings(text: str) -> None:
    moments, faults, _notes = parsed(text)
    assert not len(faults)
    assert moments.iloc[0].to_pydatetime() == datetime(2015, 2, 8, 15, 43, 40, tzinfo=UTC)


def test_spellings_may_be_mixed_in_a_column() -> None:
    moments, faults, _notes = parsed("2015-02-08T15:43:40Z", "", "2015/2/8 23:43:40", "2015-02-08 23:43:40")
    assert moments.isna().tolist() == [False, True, False, False]
    assert len(set(moments.dropna())) == 1
    assert not len(faults)


@given(st.integers(-2_000_000_000, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s + 0.25, UTC)))
@settings(max_examples=40)
def test_iso_8601_comes_back_to_the_microsecond(moment: datetime) -> None:
    moments, faults, _notes = parsed(moment.isoformat(), moment.astimezone(SHANGHAI).isoformat())
    assert not len(faults)
    assert {value.to_pydatetime() for value in moments} == {moment}


@pytest.mark.parametrize(
    "text", ["2026-11-22", "2026/11/22", "11/22/2026", "20261122", "2026年11月22日", "46348"]
)
def test_a_day_alone_is_its_midnight_in_the_zone(text: str) -> None:
    moments, faults, _notes = parsed(text)
    assert not len(faults)
    assert moments.iloc[0] == pd.Timestamp("2026-11-22", tz="Asia/Shanghai")


@pytest.mark.parametrize(
    "text", ["yesterday", "2015-13-01", "31/12/2015", "25:00", "2015-02-30 10:00", "NaN", "nat"]
)
def test_what_is_no_moment_is_a_fault(text: str) -> None:
    moments, faults, _notes = parsed("2015-01-01", text)
    assert moments.isna().tolist() == [False, True]
    (fault,) = faults.listed()
    assert (fault.row, fault.value) == (2, text)
    assert ("day/month/year" in fault.message) is (text == "31/12/2015")


def test_years_nobody_means() -> None:
    _moments, faults, _notes = parsed("0202-01-01 10:00:00Z", "2215-01-01")
    assert len(faults) == 2


def test_a_stated_format() -> None:
    moments, faults, _notes = parsed("08/02/2015 23:43", "13.01.2015", time_format="%d/%m/%Y %H:%M")
    assert moments.iloc[0] == pd.Timestamp("2015-02-08 15:43", tz="UTC")
    assert "%d/%m/%Y" in faults.listed()[0].message
    _moments, faults, _notes = parsed("08/02/2015", time_format="%Q %")
    assert faults.listed()[0].field == "time_format"


def test_hours_that_come_twice_or_never() -> None:
    twice, faults, notes = parsed("2015-11-01 01:30:00", zone="America/Chicago")
    assert twice.iloc[0] == pd.Timestamp("2015-11-01 06:30", tz="UTC")
    assert "twice" in notes[0]
    never, faults, notes = parsed("2015-03-08 02:30:00", zone="America/Chicago")
    assert never.iloc[0] == pd.Timestamp("2015-03-08 08:00", tz="UTC")
    assert "do not exist" in notes[0]
    assert not len(faults)


def test_time_zones() -> None:
    faults = FaultList()
    assert known_timezone("Asia/Shanghai", faults) == SHANGHAI
    assert known_timezone("../../etc/passwd", faults) is None
    assert faults.listed()[0].field == "timezone"


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("8:30", time(8, 30)),
        ("08:30:15", time(8, 30, 15)),
        ("8时30分", time(8, 30)),
        ("8点", time(8)),
        ("24:00", time(0)),
        ("8：30", time(8, 30)),
        ("24:01", None),
        ("25:00", None),
        ("8:60", None),
        ("noon", None),
        ("", None),
    ],
)
def test_clock_times(text: str, clock: time | None) -> None:
    assert parse_clock(text) == clock
