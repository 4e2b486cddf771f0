"""Moments and days that a caller names, in years that calendars and databases can hold; moments with offset.

``at: Moment`` or ``as_of: Moment | None = None``, alone or inside ``Annotated[..., Query(...)]``: what does
not fit is a problem that names the parameter. ``day: Day`` likewise.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from geo_service.model import FIRST_YEAR, LAST_YEAR

_PLUS_LOST = re.compile(r"[T ]\d\d:?\d\d\S* \d\d:?\d\d$")
#: How programs write a moment: nothing is to be said of it here, and a batch holds thousands.
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def _as_text(value: object) -> object:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return _with_plus(_written(value))


def _written(value: object) -> object:
    """Refuse bare numbers: whether they are seconds or milliseconds would be a guess."""
    if isinstance(value, int | float) or (
        isinstance(value, str) and value.lstrip("+-").replace(".", "").isdigit()
    ):
        raise PydanticCustomError(
            "moment_text", "write the moment as text with its UTC offset, like 2026-11-22T02:00+08:00"
        )
    return value


def _with_plus(value: object) -> object:
    """Say what became of the plus of an offset: in the query of an address it stands for a blank."""
    if isinstance(value, str) and _PLUS_LOST.search(value):
        raise PydanticCustomError(
            "moment_plus",
            "in an address + stands for a blank: write the plus of the offset as %2B, like 02:00%2B08:00",
        )
    return value


def _checked(moment: datetime) -> datetime:
    """Return the moment in UTC: the database takes no offset from 16 hours on, ISO 8601 does."""
    if moment.tzinfo is None:
        raise PydanticCustomError(
            "moment_offset", "a moment needs its UTC offset: write it like 2026-11-22T02:00+08:00"
        )
    # the year alone is looked at: arithmetic on the first and last days there are would overflow
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise PydanticCustomError(
            "moment_year",
            "give a moment in the years {first} to {last}",
            {"first": FIRST_YEAR, "last": LAST_YEAR},
        )
    return moment.astimezone(UTC)


def _day_checked(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise PydanticCustomError(
            "day_year", "give a day in the years {first} to {last}", {"first": FIRST_YEAR, "last": LAST_YEAR}
        )
    return day


#: A local day in the years 1970 to 2200, so that the days around it can be reckoned with.
Day = Annotated[date, AfterValidator(_day_checked)]
#: A moment with its UTC offset, in the years 1970 to 2200; the handler gets it in UTC.
Moment = Annotated[datetime, BeforeValidator(_as_text), AfterValidator(_checked)]
