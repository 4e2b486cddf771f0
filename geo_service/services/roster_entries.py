"""The entries of a roster as people write them: what is in each, and what is refused.

An entry names others by their codes. The same shapes come through the API, out of a file, and go back.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

from geo_service.services.rostering import FIRST_WEEK
from geo_service.staffing.roster import ShiftPattern

Code = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/?#]+$")
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Lon = Annotated[float, Field(ge=-180, le=180)]
Lat = Annotated[float, Field(ge=-90, le=90)]


def _local(clock: time) -> time:
    if clock.tzinfo is not None:
        raise ValueError("give a local time like 08:30; the zone is its own field")
    if clock.second or clock.microsecond:
        raise ValueError("give whole minutes, like 08:30")
    return clock


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("give an IANA time zone, like Asia/Shanghai")
    return name


def _reckonable(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2200:
        raise ValueError("give a moment in the years 1970 to 2200")
    return moment.astimezone(UTC)


def _day(day: date) -> date:
    if not 1970 <= day.year <= 2200:
        raise ValueError("give a day in the years 1970 to 2200")
    return day


def _days_of_week(days: list[int]) -> list[int]:
    return sorted(set(days))


Clock = Annotated[
    time, AfterValidator(_local), PlainSerializer(lambda clock: clock.isoformat("minutes"), when_used="json")
]
Zone = Annotated[str, AfterValidator(_zone)]
Instant = Annotated[AwareDatetime, AfterValidator(_reckonable)]
Day = Annotated[date, AfterValidator(_day)]
IsoWeekdays = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7), AfterValidator(_days_of_week)
]
Capabilities = Annotated[list[Word], Field(max_length=50)]


class Entry(BaseModel):
    """What all entries share: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    #: Fields that name something else, and what.
    references: ClassVar[Mapping[str, str]] = {}

    def record(self) -> dict[str, Any]:
        """Return the entry as JSON holds it."""
        return self.model_dump(mode="json")


class _Placed(Entry):
    code: Code
    name: Name
    kind: Word
    lon: Lon
    lat: Lat


class _Span(Entry):
    """Something that lasts from a moment to a later one."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def forwards(self) -> Self:
        """Refuse a span that ends before it starts, or lasts for years."""
        if self.end <= self.start:
            raise ValueError("the end must be after the start")
        if (self.end - self.start).days > 3660:
            raise ValueError("the span is longer than ten years")
        return self


class _Held(Entry):
    since: Instant | None = None
    until: Instant | None = None

    @model_validator(mode="after")
    def forwards(self) -> Self:
        """Refuse what ends before it starts."""
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must be after since")
        return self


class Responder(Entry):
    """Somebody who can be sent. His telephone number is kept apart."""

    code: Code
    name: Name
    role: Word
    mode: Literal["walk", "ebike", "car"] = "ebike"
    lon: Lon | None = None
    lat: Lat | None = None
    capabilities: Capabilities = []
    agency: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""

    @model_validator(mode="after")
    def whole_place(self) -> Self:
        """Refuse half a position."""
        if (self.lon is None) != (self.lat is None):
            raise ValueError("give lon and lat, or neither")
        return self


class Duty(_Held):
    """A role held on a cell over time; several at once are allowed. Without ``since``: from whenever."""

    references = {"responder": "responders", "cell": "cells"}
    responder: Code
    level: Word
    cell: Code
    role: Word


class RotaLine(Entry):
    """A shift that comes back: days on which it starts (1 Monday to 7), local hours.

    ``every_weeks`` 2 with a ``first_week`` (any day of a week in which it is on): every other week.
    """

    references = {"calendar": "calendars"}
    weekdays: IsoWeekdays
    start: Clock
    end: Clock
    every_weeks: Annotated[int, Field(ge=1, le=52)] = 1
    first_week: Day = FIRST_WEEK
    first: Day | None = None
    last: Day | None = None
    timezone: Zone = "Asia/Shanghai"
    calendar: Code | None = None

    @model_validator(mode="after")
    def forwards(self) -> Self:
        """Refuse a line that ends before it begins; name the week of several in one way."""
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError("last must not be before first")
        weeks = (self.first_week - FIRST_WEEK).days // 7
        self.first_week = FIRST_WEEK + timedelta(weeks=weeks % self.every_weeks)
        return self

    def pattern(self) -> ShiftPattern:
        """Return the line as a pattern of one responder, its calendar left aside."""
        return ShiftPattern(
            0,
            frozenset(day - 1 for day in self.weekdays),
            self.start,
            self.end,
            first=self.first,
            last=self.last,
            every_weeks=self.every_weeks,
            first_week=self.first_week,
            zone=ZoneInfo(self.timezone),
        )


class Rota(Entry):
    """All of somebody's rota."""

    references = {"responder": "responders"}
    responder: Code
    lines: Annotated[list[RotaLine], Field(max_length=100)]


class SingleShift(_Span):
    """A shift of its own, beside the rota; at a post, or free to be sent."""

    references = {"responder": "responders", "post": "posts"}
    responder: Code
    post: Code | None = None
    note: Note = ""

    @model_validator(mode="after")
    def not_too_long(self) -> Self:
        """Refuse what is no shift any more."""
        if (self.end - self.start).total_seconds() > 36 * 3600:
            raise ValueError("a shift lasts 36 hours at the most")
        return self


class Leave(_Span):
    """Leave or a swap: somebody does not work, and perhaps another does in his place.

    With ``post`` only his time at that post is meant.
    """

    references = {"responder": "responders", "substitute": "responders", "post": "posts"}
    responder: Code
    kind: Literal["leave", "sick", "training", "swap", "other"] = "leave"
    substitute: Code | None = None
    post: Code | None = None
    note: Note = ""

    @model_validator(mode="after")
    def somebody_else(self) -> Self:
        """Refuse a swap with nobody, and one who stands in for himself."""
        if self.substitute == self.responder:
            raise ValueError("somebody else must stand in")
        if self.kind == "swap" and self.substitute is None:
            raise ValueError("a swap names who stands in")
        return self


class Window(Entry):
    """When a post is open, and who stands there; without a holder nobody is named yet."""

    references = {"holder": "responders"}
    weekdays: IsoWeekdays
    start: Clock
    end: Clock
    holder: Code | None = None
    timezone: Zone = "Asia/Shanghai"

    @model_validator(mode="after")
    def within_a_day(self) -> Self:
        """Refuse a window over midnight."""
        if self.end <= self.start:
            raise ValueError("a window ends on the day it begins: give a later end, or two windows")
        return self


class Post(_Placed):
    """A place where somebody stands at set hours: a school (护学岗), a checkpoint (卡点)."""

    references = {"calendar": "calendars"}
    lead_min: Annotated[int, Field(ge=0, le=120)] = 10
    calendar: Code | None = None
    windows: Annotated[list[Window], Field(max_length=200)] = []


class Member(_Held):
    """Somebody in a team, for a time."""

    references = {"responder": "responders"}
    responder: Code
    lead: bool = False


class Team(Entry):
    """Several people, perhaps of several agencies, who are sent as one."""

    code: Code
    name: Name
    kind: Word = "patrol"
    capabilities: Capabilities = []
    least: Annotated[int, Field(ge=1, le=100)] = 1
    members: Annotated[list[Member], Field(max_length=200)] = []


class CalendarDays(Entry):
    """Days out of the ordinary: off, or with the hours of another day of the week (调休)."""

    first: Day
    last: Day
    as_weekday: Annotated[int, Field(ge=1, le=7)] | None = None
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""

    @model_validator(mode="after")
    def forwards(self) -> Self:
        """Refuse days in the wrong order, and whole years."""
        if self.last < self.first:
            raise ValueError("last must not be before first")
        if (self.last - self.first).days > 366:
            raise ValueError("at most a year at a time")
        return self


class Calendar(Entry):
    """A calendar: terms and holidays."""

    code: Code
    name: Name
    days: Annotated[list[CalendarDays], Field(max_length=1000)] = []

    @model_validator(mode="after")
    def each_day_once(self) -> Self:
        """Refuse a day that is two things."""
        spans = sorted((one.first, one.last) for one in self.days)
        for (_, last), (first, _) in pairwise(spans):
            if first <= last:
                raise ValueError(f"{first} stands there twice")
        return self


class Station(_Placed):
    """A police station, a governance centre, a service point."""


class Need(Entry):
    """Whom each cell of a level and kind must have, and when (四位一体)."""

    code: Code
    level: Word
    cell_kind: Literal["regular", "dedicated", "street_face"] | None = None
    role: Word
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    weekdays: IsoWeekdays = [1, 2, 3, 4, 5, 6, 7]
    start: Clock = time(0)
    end: Clock = time(0)
    timezone: Zone = "Asia/Shanghai"
    presence: Literal["on_duty", "held"] = "on_duty"
    from_above: bool = False


#: The entries by the name of their register.
ENTRIES: dict[str, type[Entry]] = {
    "responders": Responder,
    "duties": Duty,
    "rotas": Rota,
    "shifts": SingleShift,
    "absences": Leave,
    "posts": Post,
    "teams": Team,
    "calendars": Calendar,
    "stations": Station,
    "needs": Need,
}
#: The field by which an entry is known; the others have a number.
KEYS = {
    "responders": "code",
    "rotas": "responder",
    "posts": "code",
    "teams": "code",
    "calendars": "code",
    "stations": "code",
    "needs": "code",
}
#: The field in which an entry holds entries of its own.
PARTS = {"rotas": "lines", "posts": "windows", "teams": "members", "calendars": "days"}
