"""Moments and clock times as people write them, to UTC; without a zone they are in the stated one."""

import re
from datetime import time
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from geo_service.errors import Words
from geo_service.formats.faults import FaultList

DEFAULT_TIMEZONE = "Asia/Shanghai"

_ZONED = re.compile(r"[T ]\d{1,2}:?\d{2}[\d:.,]*\s*(?:Z|[+-]\d{2}(?::?\d{2})?)$", re.IGNORECASE)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}(?:\D|$)")
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?")
_EARLIEST, _LATEST = pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
_OUT_OF_TIME = Words("is not between 1900 and 2100", "时间不在 1900 年至 2100 年之间")
_EXCEL_ZERO = pd.Timestamp("1899-12-30")
_CLOCK = re.compile(r"(\d{1,2})(?:[:：时点](\d{1,2}))?(?:[:：分](\d{1,2}))?[分秒时点]?")

# these two would take bare numbers for years, months and so on
_ONLY_FOR = {"ISO8601": _ISO, "%Y%m%d%H%M%S": re.compile(r"\d{14}$")}

# tried in this order on what the earlier ones left over
_FORMATS = (
    "ISO8601",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "%Y年%m月%d日 %H时%M分%S秒",
    "%Y年%m月%d日 %H时%M分",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日%H时%M分",
    "%Y年%m月%d日",
    "%Y%m%d%H%M%S",
)


def known_timezone(name: str, faults: FaultList) -> ZoneInfo | None:
    """Return a time zone by its IANA name; None after noting a fault."""
    if name in available_timezones():
        return ZoneInfo(name)
    faults.add("timezone", "timezone", "is no IANA time zone (for example Asia/Shanghai)", value=name)
    return None


def parse_moments(
    texts: pd.Series,
    field: str,
    faults: FaultList,
    notes: list[str],
    *,
    timezone: ZoneInfo,
    time_format: str | None = None,
) -> pd.Series:
    """Return moments in UTC; NaT where a cell is empty or a fault was noted.

    Parameters
    ----------
    texts : Series of str
        Indexed by row number.
    field : str
        Name of the column, for messages.
    timezone : ZoneInfo
        Zone of what is written without one.
    time_format : str or None
        A strptime pattern that all cells follow; found out cell by cell when None (ISO 8601, ``M/D/Y``,
        ``Y/M/D``, Chinese, Excel's day numbers, Unix seconds).
    """
    moments = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    left = texts[texts != ""]
    if time_format is not None:
        try:
            left = _take(moments, left, time_format, timezone, notes)
        except ValueError:
            faults.add(
                "time-format", "time_format", "is no pattern such as %d/%m/%Y %H:%M", value=time_format
            )
            return moments
    else:
        left = _take_zoned(moments, left)
        for pattern in _FORMATS:
            if left.empty:
                break
            left = _take(moments, left, pattern, timezone, notes)
        left = _take_numbers(moments, left, timezone)
    _say_zone(texts[moments.notna()], time_format, timezone, notes)
    for row, value in left.items():
        faults.add("time", field, _why_no_moment(value, time_format), row=int(str(row)), value=value)
    for row in moments.index[(moments < _EARLIEST) | (moments >= _LATEST)]:
        faults.add("time", field, _OUT_OF_TIME, row=int(row), value=texts[row])
    return moments


def _say_zone(taken: pd.Series, time_format: str | None, timezone: ZoneInfo, notes: list[str]) -> None:
    """Note how many of the times that were read carry no offset, and in which zone they were taken."""
    if time_format is not None and "%z" in time_format:
        return
    told = taken.str.contains(_ZONED) | taken.str.fullmatch(_EPOCH)
    if count := int((~told).sum()):
        notes.append(f"{count} times carry no offset: taken as {timezone.key} (--timezone names another)")


def _take_zoned(moments: pd.Series, left: pd.Series) -> pd.Series:
    zoned = left[left.str.contains(_ZONED)]
    if not zoned.empty:
        _store(moments, pd.to_datetime(zoned, format="ISO8601", utc=True, errors="coerce"))
    return left[moments[left.index].isna()]


def _take(
    moments: pd.Series, left: pd.Series, pattern: str, timezone: ZoneInfo, notes: list[str]
) -> pd.Series:
    """Store what one pattern can read and return the rest."""
    fitting = left[left.str.match(_ONLY_FOR[pattern])] if pattern in _ONLY_FOR else left
    parsed = pd.to_datetime(fitting, format=pattern, errors="coerce").dropna()
    if not parsed.empty:
        _store(moments, _localised(parsed, timezone, notes) if parsed.dt.tz is None else parsed)
    return left[moments[left.index].isna()]


def _take_numbers(moments: pd.Series, left: pd.Series, timezone: ZoneInfo) -> pd.Series:
    serial = left[left.str.fullmatch(_SERIAL)]
    if not serial.empty:
        # Excel holds days since 1899-12-30 in a float: good to a hundredth of a second
        days = pd.to_timedelta((serial.astype(float) * 86_400).round().astype("int64"), unit="s")
        _store(moments, _localised(_EXCEL_ZERO + days, timezone, []))
    epoch = left[left.str.fullmatch(_EPOCH)]
    if not epoch.empty:
        seconds = epoch.astype("int64")
        millis = seconds.where(seconds >= 10**12, seconds * 1000)
        _store(moments, pd.to_datetime(millis, unit="ms", utc=True))
    return left[moments[left.index].isna()]


def _store(moments: pd.Series, parsed: pd.Series) -> None:
    known = parsed.dropna()
    moments.loc[known.index] = known.dt.tz_convert("UTC").dt.as_unit("us")


def _localised(naive: pd.Series, timezone: ZoneInfo, notes: list[str]) -> pd.Series:
    """Put naive times into their zone: of an hour that comes twice the first, of one left out the next."""
    plain: pd.Series = naive.dt.tz_localize(
        timezone, ambiguous=np.ones(len(naive), bool), nonexistent="shift_forward"
    )
    second = naive.dt.tz_localize(timezone, ambiguous=np.zeros(len(naive), bool), nonexistent="shift_forward")
    twice = int((plain != second).sum())
    skipped = int((plain.dt.tz_localize(None) != naive).sum())
    if twice:
        notes.append(
            f"{twice} times occur twice, when the clocks went back in {timezone.key}: the first was taken"
        )
    if skipped:
        notes.append(f"{skipped} times do not exist, the clocks went forward in {timezone.key}: moved on")
    return plain


def _why_no_moment(value: str, time_format: str | None) -> Words:
    if time_format is not None:
        return Words(f"is no time of the form {time_format}", f"不符合时间格式 {time_format}")
    parts = re.match(r"(\d{1,2})/(\d{1,2})/\d{4}", value)
    if parts and int(parts[1]) > 12 >= int(parts[2]):
        return Words(
            "looks like day/month/year: say so with a time format, for example %d/%m/%Y %H:%M",
            "像是 日/月/年：请写成 2026-11-22 08:30",
        )
    return Words(
        "is no time we can read: write 2026-11-22T08:30+08:00, or give a time format",
        "时间无法识别，请写成 2026-11-22 08:30",
    )


def parse_clock(text: str) -> time | None:
    """Return a time of day (``8:30``, ``8时30分``, ``24:00`` as midnight); None if it is none."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    if hour == 24 and minute == second == 0:
        return time(0)
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None
