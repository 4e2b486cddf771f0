"""A month as people write it, by the town's clock."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import FIRST_YEAR, LAST_YEAR

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Month:
    """A month by the town's clock, or its beginning; ``end`` is not in it. Of one that runs it is now."""

    name: str
    start: datetime
    end: datetime

    @property
    def days(self) -> tuple[date, date]:
        """Its first day and the last that is over; of one that has just begun the first alone."""
        last = self.end.date() - timedelta(days=1)
        return self.start.date(), max(last, self.start.date())

    def like(self, at: datetime) -> datetime:
        """Return the last moment of the month on the same day of the week, at the same hour."""
        local = at.astimezone(self.start.tzinfo)
        while local >= self.end:  # whole weeks on the clock, summer time or not
            local -= timedelta(days=7)
        return local

    def until_like(self, other: "Month") -> "Month":
        """Return the beginning of the month that is as long, by calendar and clock, as that of another."""
        end = datetime.combine(
            self.start.date() + (other.end.date() - other.start.date()),
            other.end.timetz().replace(tzinfo=None),
            self.start.tzinfo,
        )
        return replace(self, end=min(end, self.end))

    def told(self) -> dict[str, str]:
        """Return its span; the end is not in it."""
        return {
            name: moment.isoformat(timespec="minutes")
            for name, moment in (("from", self.start), ("to", self.end))
        }

    def before(self) -> "Month":
        """Return the month before."""
        first = (self.start.date() - timedelta(days=1)).replace(day=1)
        return month_of(f"{first:%Y-%m}", self.start.tzinfo)


def month_of(text: str, zone: Any) -> Month:
    """Read a month such as ``2026-11``.

    Raises
    ------
    InvalidInputError
        It is none.
    """
    if _MONTH.fullmatch(text) is None or not FIRST_YEAR < int(text[:4]) < LAST_YEAR:
        message = Words("write a month like 2026-11", "请写成 2026-11 这样的月份")
        raise InvalidInputError(message, [Fault("month", message, value=text)])
    year, month = map(int, text.split("-"))
    start = datetime(year, month, 1, tzinfo=zone)
    return Month(text, start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone))
