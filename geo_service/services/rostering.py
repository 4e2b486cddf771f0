"""Who is on duty at a moment, and where: shifts, rotas and posts, less absences, with those who stand in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from geo_service.staffing.absences import Absence, apply_absences
from geo_service.staffing.roster import Shift, ShiftPattern, expand, require_reckonable
from geo_service.staffing.roster import on_duty as who_is_on
from geo_service.staffing.vacancies import Opening
from geo_service.store import staffing
from geo_service.store.database import Connection

INSTANT = timedelta(microseconds=1)
#: Weeks of rotas of several weeks are counted from this Monday.
FIRST_WEEK = date(2024, 1, 1)
LONGEST_LEAD = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Timetable:
    """What a roster says about a span of time.

    Attributes
    ----------
    planned : list of Shift
        Shifts, rotas and times at posts that overlap the span, whole, as they would be without absences.
    working : list of Shift
        Who really works; parts of the planned ones, and those who stand in.
    openings : list of Opening
        When posts are open, whoever is named for them.
    places : mapping of int to (float, float)
        Longitude and latitude of each post.
    """

    planned: list[Shift]
    working: list[Shift]
    openings: list[Opening]
    places: dict[int, tuple[float, float]]


def town_zone(connection: Connection) -> ZoneInfo:
    """Return the time zone in which the town tells its moments: that of its rota, China's without one."""
    return ZoneInfo(staffing.most_used_timezone(connection) or "Asia/Shanghai")


def on_duty(connection: Connection, at: datetime) -> pd.DataFrame:
    """Return the responders on duty at a moment, in order of code.

    Columns: those of :func:`geo_service.store.staffing.responders` plus ``pinned``: bound to a post, from
    before its window opens until it closes (``post_id``, else NA); ``until``: when he goes off duty, or
    leaves the post. A pinned one stands at his post, the others at their bases.
    """
    shifts, times = working_at(connection, at)
    on = {shift.responder_id: shift for shift in shifts}
    responders = staffing.responders(connection)
    duty = responders[responders["id"].isin(list(on))].reset_index(drop=True)
    shifts = [on[int(key)] for key in duty["id"]]
    duty["pinned"] = [shift.pinned for shift in shifts]
    duty["post_id"] = pd.array([shift.post_id for shift in shifts], dtype="Int64")
    duty["until"] = pd.to_datetime([shift.end for shift in shifts], utc=True)
    for i in duty.index[duty["pinned"]]:
        place = times.places.get(int(duty["post_id"][i]))
        if place is not None:
            duty.loc[i, ["lon", "lat"]] = place
    return duty


def working_at(connection: Connection, at: datetime) -> tuple[list[Shift], Timetable]:
    """Return the shifts that count at a moment, those at a post last, and what the roster says about it."""
    require_reckonable("at", at)
    times = timetable(connection, at, at + INSTANT)
    free, bound = who_is_on(times.working, at)
    return [*free, *bound], times


def shifts_between(connection: Connection, start: datetime, end: datetime) -> list[Shift]:
    """Return who works when in a span: rotas, single shifts and times at posts, absences considered.

    A shift is whole even where it sticks out of the span, unless an absence cuts it.
    """
    return timetable(connection, start, end).working


def timetable(connection: Connection, start: datetime, end: datetime) -> Timetable:
    """Return what the roster says about a span of time, timezone-aware, end not included."""
    days = _calendars(connection)
    windows = staffing.windows(connection)
    planned = expand(_rota(staffing.rotas(connection), days), start, end)
    planned += [
        Shift(row.start, row.end, row.responder_id, row.post_id, ("shift", row.id))
        for row in staffing.shifts_between(connection, start, end)
    ]
    standing, openings = _posts(windows, days, start, end)
    planned += standing
    absences = [
        Absence(row.responder_id, row.start, row.end, row.substitute_id, row.post_id)
        for row in staffing.absences_between(connection, start, end + LONGEST_LEAD)
    ]
    working = [s for s in apply_absences(planned, absences) if s.start < end and s.end > start]
    return Timetable(planned, working, openings, staffing.post_places(connection))


def _calendars(connection: Connection) -> dict[int | None, dict[date, int | None]]:
    """Return each calendar's days by Python's days of the week (Monday is 0)."""
    return {
        key: {day: None if weekday is None else weekday - 1 for day, weekday in days.items()}
        for key, days in staffing.calendars(connection).items()
    }


def _rota(rows: Sequence[Any], days: dict[int | None, dict[date, int | None]]) -> list[ShiftPattern]:
    return [
        ShiftPattern(
            row.responder_id,
            _weekdays(row),
            row.start_local,
            row.end_local,
            first=row.first,
            last=row.last,
            every_weeks=row.every_weeks,
            first_week=FIRST_WEEK + timedelta(weeks=row.week),
            zone=ZoneInfo(row.timezone),
            calendar=days.get(row.calendar_id, {}),
            origin=("rota", row.id),
        )
        for row in rows
    ]


def _posts(
    rows: Sequence[Any], days: dict[int | None, dict[date, int | None]], start: datetime, end: datetime
) -> tuple[list[Shift], list[Opening]]:
    """Return who stands at posts, from the lead on, and when they are open, over a span."""
    lead = {row.post_id: timedelta(minutes=row.lead_min) for row in rows}
    patterns = [
        ShiftPattern(
            row.responder_id or 0,
            _weekdays(row),
            row.start_local,
            row.end_local,
            post_id=row.post_id,
            zone=ZoneInfo(row.timezone),
            calendar=days.get(row.calendar_id, {}),
            origin=("window", row.id),
        )
        for row in rows
    ]
    standing: list[Shift] = []
    openings: dict[tuple[int, datetime, datetime], Opening] = {}
    for shift in expand(patterns, start, end + LONGEST_LEAD):
        post_id = shift.post_id or 0
        due = shift.start - lead[post_id]
        if due >= end:
            continue
        openings.setdefault((post_id, shift.start, shift.end), Opening(post_id, due, shift.start, shift.end))
        if shift.responder_id:
            standing.append(replace(shift, start=due))
    return standing, list(openings.values())


def _weekdays(row: Any) -> frozenset[int]:
    """Return Python's days of the week (Monday is 0) for ISO's (Monday is 1)."""
    return frozenset(day - 1 for day in row.weekdays)
