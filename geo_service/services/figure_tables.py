"""Figures as tables: spans as people write them, and rows as CSV."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.services.series import Axis

_DAY = re.compile(r"(?P<year>\d{4})(-(?P<month>\d{2})(-(?P<day>\d{2}))?)?")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
#: The database takes no offset from here on, ISO 8601 does.
_TOO_WIDE = timedelta(hours=16)


def require_zone(zone: str) -> None:
    """Raise unless days can be counted in a time zone.

    Raises
    ------
    InvalidInputError
        It is none; the fault names ``timezone``.
    """
    if zone not in available_timezones():
        message = Words(
            "this is no IANA time zone, such as Asia/Shanghai", "不是 IANA 时区，例如 Asia/Shanghai"
        )
        raise InvalidInputError(message, [Fault("timezone", message, value=zone)])


def moment_of(text: str, zone: str, field: str) -> datetime:
    """Read a moment with its UTC offset, or the beginning of a day, month or year in a zone.

    Raises
    ------
    InvalidInputError
        It is none of them; the fault names ``field``.
    """
    require_zone(zone)
    moment = _read(text, zone)
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        message = Words(
            "write a year, month or day (2025, 2025-03, 2025-03-01) or a moment with its UTC offset",
            "请写年、月、日（2025、2025-03、2025-03-01）或带时区的时刻",
        )
        raise InvalidInputError(message, [Fault(field, message, value=text)])
    return moment


def _read(text: str, zone: str) -> datetime | None:
    found = _DAY.fullmatch(text)
    try:
        if found:
            year, month, day = (int(found[name] or 1) for name in ("year", "month", "day"))
            return datetime(year, month, day, tzinfo=ZoneInfo(zone))
        moment = datetime.fromisoformat(text)
        offset = moment.utcoffset()
        if offset is not None and abs(offset) >= _TOO_WIDE:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if offset is not None else None


def axes_of(text: str | None) -> tuple[Axis, ...]:
    """Read what incidents are counted by: words with commas between them.

    Raises
    ------
    InvalidInputError
        One is not known.
    """
    words = list(dict.fromkeys(word.strip() for word in (text or "").split(",") if word.strip()))
    if strange := [word for word in words if word not in set(Axis)]:
        message = Words(f"use some of: {', '.join(Axis)}", f"可用：{'、'.join(Axis)}")
        raise InvalidInputError(message, [Fault("by", message, value=strange[0])])
    return tuple(Axis(word) for word in words)


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV with a head line; empty where there is nothing."""
    return str(table.to_csv(index=False, lineterminator="\r\n"))
