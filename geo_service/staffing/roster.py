"""Who is on duty when: shifts, and the rotas they come from.

Moments are timezone-aware. A shift is on from its start up to, but not including, its end, so that of two
shifts that follow each other exactly one is on at every moment.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from geo_service.errors import Fault, InvalidInputError, Words

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST_YEAR, LAST_YEAR = 1900, 2300
MOST_DAYS = 3700


@dataclass(frozen=True, slots=True)
class Shift:
    """One responder's time on duty.

    Attributes
    ----------
    start, end : datetime
        Timezone-aware; ``start`` is before ``end``.
    responder_id : int
        Who.
    post_id : int or None
        The post he stands at: pinned there, he cannot be sent elsewhere.
    origin : tuple of str and int, or None
        What it was written out of: the kind of entry and its number.
    instead_of : int or None
        The responder for whom he stands in.

    Raises
    ------
    InvalidInputError
        When a moment has no timezone, or the shift does not end after its start.
    """

    start: datetime
    end: datetime
    responder_id: int
    post_id: int | None = None
    origin: tuple[str, int] | None = None
    instead_of: int | None = None

    def __post_init__(self) -> None:
        """Refuse a shift that cannot be."""
        naive = [name for name in ("start", "end") if getattr(self, name).utcoffset() is None]
        if naive:
            raise InvalidInputError(
                Words("A shift's moments need a timezone.", "班次的时刻须带时区。"),
                [
                    Fault(
                        name,
                        Words(
                            "add the offset, as in 2026-03-02T08:00+08:00",
                            "请带时区偏移，如 2026-03-02T08:00+08:00",
                        ),
                    )
                    for name in naive
                ],
            )
        if self.end.astimezone(UTC) <= self.start.astimezone(UTC):
            raise InvalidInputError(
                Words("A shift must end after it starts.", "班次的结束须晚于开始。"),
                [
                    Fault(
                        "end",
                        Words("give a later moment than the start", "请给出晚于开始的时刻"),
                        value=self.end.isoformat(),
                    )
                ],
            )

    @property
    def pinned(self) -> bool:
        """Whether the responder must stay at a post."""
        return self.post_id is not None

    def covers(self, at: datetime) -> bool:
        """Whether the shift is on at a moment."""
        # moments of one zone would be compared by local time, which a change of the clocks repeats
        return self.start.astimezone(UTC) <= at.astimezone(UTC) < self.end.astimezone(UTC)


def on_duty(
    shifts: Iterable[Shift], at: datetime, *, dispatched: Iterable[int] = ()
) -> tuple[list[Shift], list[Shift]]:
    """Tell who is on duty at a moment: who can be sent, and who is bound.

    Parameters
    ----------
    shifts : iterable of Shift
        Any shifts; those not on at the moment are left out.
    at : datetime
        Timezone-aware.
    dispatched : iterable of int
        Responders who are on their way or at work somewhere.

    Returns
    -------
    free, bound : list of Shift
        One shift for each responder, by responder id. Of two shifts on at once (which the database refuses,
        a file may contain) one at a post counts, as it binds; otherwise the one that ends later.

    Raises
    ------
    InvalidInputError
        When the moment has no timezone.
    """
    _aware("at", at)
    busy = set(dispatched)
    chosen: dict[int, Shift] = {}
    for shift in shifts:
        if not shift.covers(at):
            continue
        other = chosen.get(shift.responder_id)
        if other is None or (shift.pinned, shift.end.timestamp()) > (
            other.pinned,
            other.end.timestamp(),
        ):
            chosen[shift.responder_id] = shift
    free: list[Shift] = []
    bound: list[Shift] = []
    for responder_id in sorted(chosen):
        shift = chosen[responder_id]
        (bound if shift.pinned or responder_id in busy else free).append(shift)
    return free, bound


def overlaps(shifts: Iterable[Shift]) -> list[tuple[Shift, Shift]]:
    """Return the pairs of shifts, one after the other by start, in which a responder is on twice at once."""
    by_responder: dict[int, list[Shift]] = {}
    for shift in shifts:
        by_responder.setdefault(shift.responder_id, []).append(shift)
    found = []
    for responder_id in sorted(by_responder):
        latest: Shift | None = None
        for shift in sorted(
            by_responder[responder_id], key=lambda s: (s.start.timestamp(), s.end.timestamp())
        ):
            if latest is not None and shift.start.timestamp() < latest.end.timestamp():
                found.append((latest, shift))
            if latest is None or shift.end.timestamp() > latest.end.timestamp():
                latest = shift
    return found


@dataclass(frozen=True, slots=True)
class ShiftPattern:
    """A weekly rota: the same local times on the same days of the week.

    Attributes
    ----------
    responder_id : int
        Who.
    weekdays : frozenset of int
        Days on which the shift *starts*, Monday 0 to Sunday 6.
    start, end : time
        Local times without a timezone. An end at or before the start means the next day (a night shift;
        equal times: 24 hours).
    post_id : int or None
        The post, for a timed post.
    first, last : date or None
        Days on which the pattern begins and ends, both included; open when None.
    every_weeks, first_week : int, date
        For rotas of several weeks: on in every n-th week counted from the one that holds ``first_week``.
    zone : ZoneInfo
        Where the local times are local.
    calendar : mapping of date to int or None
        Days on which the rota of another day of the week holds (Monday 0), or none (None: a day off).
    origin : tuple of str and int, or None
        Which entry it is; its shifts carry it.
    """

    responder_id: int
    weekdays: frozenset[int]
    start: time
    end: time
    post_id: int | None = None
    first: date | None = None
    last: date | None = None
    every_weeks: int = 1
    first_week: date = date(2024, 1, 1)
    zone: ZoneInfo = SHANGHAI
    calendar: Mapping[date, int | None] = field(default_factory=dict, compare=False)
    origin: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        """Refuse a pattern that cannot be."""
        faults = []
        if not self.weekdays or not self.weekdays <= set(range(7)):
            faults.append(
                Fault(
                    "weekdays",
                    Words("give days from 0 (Monday) to 6 (Sunday)", "请给出 0（周一）到 6（周日）"),
                )
            )
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            faults.append(
                Fault(
                    "start, end",
                    Words(
                        "give local times without an offset; the zone is its own field",
                        "请给出不带偏移的当地时间；时区另有字段",
                    ),
                )
            )
        if self.every_weeks < 1:
            faults.append(
                Fault("every_weeks", Words("give 1 or more", "请给出 1 或更大的数"), value=self.every_weeks)
            )
        if self.first is not None and self.last is not None and self.last < self.first:
            faults.append(
                Fault(
                    "last",
                    Words("give a day that is not before the first", "末日不能早于首日"),
                    value=self.last.isoformat(),
                )
            )
        if faults:
            raise InvalidInputError(Words("The rota is not in order.", "排班有误。"), faults)

    @classmethod
    def daily(cls, responder_id: int, start: time, end: time, *, post_id: int | None = None) -> Self:
        """Make a pattern for every day of the week."""
        return cls(responder_id, frozenset(range(7)), start, end, post_id)

    @property
    def rule(self) -> tuple[object, ...]:
        """What its days follow from, whosever it is, its calendar aside."""
        return self.weekdays, self.first, self.last, self.every_weeks, self.first_week, self.zone

    def on(self, day: date) -> bool:
        """Whether a shift of the pattern starts on a day (holidays not considered)."""
        if (self.first is not None and day < self.first) or (self.last is not None and day > self.last):
            return False
        weeks = (_monday(day) - _monday(self.first_week)).days // 7
        return day.weekday() in self.weekdays and weeks % self.every_weeks == 0


@dataclass(frozen=True, slots=True)
class RotaException:
    """A day on which the rota does not hold.

    Attributes
    ----------
    day : date
        Local day on which shifts would start.
    as_weekday : int or None
        The day of the week whose rota holds instead (调休: a working Sunday), None for none (a holiday).
    responder_id : int or None
        Whom it concerns; everybody when None. One for the responder goes before one for everybody.
    """

    day: date
    as_weekday: int | None = None
    responder_id: int | None = None


def expand(
    patterns: Sequence[ShiftPattern],
    start: datetime,
    end: datetime,
    *,
    exceptions: Iterable[RotaException] = (),
) -> list[Shift]:
    """Write out the shifts of rotas that overlap a span of time.

    Parameters
    ----------
    patterns : sequence of ShiftPattern
        Weekly rotas.
    start, end : datetime
        The span, timezone-aware, end not included.
    exceptions : iterable of RotaException
        Holidays, exchanged working days, leave.

    Returns
    -------
    list of Shift
        In order of start, each whole even where it sticks out of the span; a night shift that began the
        evening before is among them. A shift whose local time a change of the clocks skips is left out only
        if nothing of it remains.

    Raises
    ------
    InvalidInputError
        When the span has no timezone, is backwards, longer than ten years or beyond the calendar.
    """
    _aware("start", start)
    _aware("end", end)
    require_reckonable("start", start)
    require_reckonable("end", end)
    if end < start or end - start > timedelta(days=MOST_DAYS):
        raise InvalidInputError(
            Words("The span of time is not in order.", "起止时间有误。"),
            [
                Fault(
                    "end",
                    Words(
                        f"give a moment after the start, within {MOST_DAYS} days",
                        f"请给出晚于开始、{MOST_DAYS} 天之内的时刻",
                    ),
                    value=end.isoformat(),
                )
            ],
        )
    rules = {(x.responder_id, x.day): x.as_weekday for x in exceptions}
    own_rules = {responder_id for responder_id, _ in rules if responder_id is not None}
    days_of: dict[tuple[object, ...], list[date]] = {}
    hours_of: dict[tuple[object, ...], tuple[datetime, datetime] | None] = {}
    begin_s, end_s = start.timestamp(), end.timestamp()
    shifts = []
    for pattern in patterns:
        # many have the same rota: what it comes to is reckoned once
        rule = (*pattern.rule, id(pattern.calendar) if pattern.calendar else None)
        if pattern.responder_id in own_rules:
            rule = (*rule, pattern.responder_id)
        if rule not in days_of:
            possible = _days(start.astimezone(pattern.zone), end.astimezone(pattern.zone))
            days_of[rule] = [day for day in possible if _holds(pattern, day, rules)]
        for day in days_of[rule]:
            key = (day, pattern.start, pattern.end, pattern.zone)
            if key not in hours_of:
                hours_of[key] = _hours_on(pattern, day)
            hours = hours_of[key]
            if hours and hours[0].timestamp() < end_s and hours[1].timestamp() > begin_s:
                shifts.append(Shift(*hours, pattern.responder_id, pattern.post_id, pattern.origin))
    return sorted(shifts, key=_by_start)


def _by_start(shift: Shift) -> tuple[float, float, int, int]:
    """Sort shifts by start, then end, responder and post."""
    post = -1 if shift.post_id is None else shift.post_id
    return shift.start.timestamp(), shift.end.timestamp(), shift.responder_id, post


def _holds(pattern: ShiftPattern, day: date, rules: dict[tuple[int | None, date], int | None]) -> bool:
    """Whether a shift of the pattern starts on a day, exceptions considered."""
    for key in ((pattern.responder_id, day), (None, day)):
        if key in rules:
            weekday = rules[key]
            if weekday is None:
                return False
            # the exchanged day keeps its own week
            return pattern.on(_monday(day) + timedelta(days=weekday))
    if day in pattern.calendar:
        weekday = pattern.calendar[day]
        return weekday is not None and pattern.on(_monday(day) + timedelta(days=weekday))
    return pattern.on(day)


def _hours_on(pattern: ShiftPattern, day: date) -> tuple[datetime, datetime] | None:
    """Return when a pattern's shift of a day is; None if a change of the clocks swallows it."""
    next_day = pattern.end <= pattern.start
    start = datetime.combine(day, pattern.start, pattern.zone)
    end = datetime.combine(day + timedelta(days=next_day), pattern.end, pattern.zone)
    # same zone: the comparison that counts is that of moments, not of local times
    if end.astimezone(UTC) <= start.astimezone(UTC):
        return None
    return start.astimezone(UTC).astimezone(pattern.zone), end


def _days(start: datetime, end: datetime) -> Iterator[date]:
    """Local days on which a shift that overlaps the span may start: two more before, for long shifts."""
    day = start.date() - timedelta(days=2)
    while day <= end.date():
        yield day
        day += timedelta(days=1)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _aware(field: str, moment: datetime) -> None:
    """Refuse a moment without a timezone."""
    if moment.utcoffset() is None:
        raise InvalidInputError(
            Words("A moment needs a timezone.", "时刻须带时区。"),
            [
                Fault(
                    field,
                    Words(
                        "add the offset, as in 2026-03-02T08:00+08:00",
                        "请带时区偏移，如 2026-03-02T08:00+08:00",
                    ),
                    value=moment.isoformat(),
                )
            ],
        )


def require_reckonable(field: str, moment: datetime) -> None:
    """Refuse a moment so near the ends of the calendar that the days about it cannot be named."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidInputError(
            Words("The moment is beyond the calendar.", "时刻超出可用范围。"),
            [
                Fault(
                    field,
                    Words(
                        f"give a moment in the years {FIRST_YEAR} to {LAST_YEAR}",
                        f"请给出 {FIRST_YEAR} 到 {LAST_YEAR} 年之间的时刻",
                    ),
                    value=moment.isoformat(),
                )
            ],
        )
