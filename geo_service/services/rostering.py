"""Who is on duty at a moment, and where: shifts and weekly rotas, less those pinned at posts."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from geo_service.staffing.roster import Shift, ShiftPattern, expand, require_reckonable
from geo_service.staffing.roster import on_duty as who_is_on
from geo_service.store import staffing
from geo_service.store.database import Connection

#: A holder is at his post this long before its window opens.
POST_LEAD = timedelta(minutes=10)
INSTANT = timedelta(microseconds=1)


def town_zone(connection: Connection) -> ZoneInfo:
    """Return the time zone in which the town tells its moments: that of its rota, China's without one."""
    return ZoneInfo(staffing.most_used_timezone(connection) or "Asia/Shanghai")


def on_duty(connection: Connection, at: datetime) -> pd.DataFrame:
    """Return the responders on duty at a moment, in order of code.

    Columns: those of :func:`geo_service.store.staffing.responders` plus ``pinned``: bound to a post, from ten
    minutes before its window until it closes. A pinned one stands at his post, the others at their bases.
    """
    require_reckonable("at", at)
    windows = staffing.windows(connection)
    shifts = shifts_between(connection, at, at + INSTANT, windows)
    free, bound = who_is_on(shifts, at)
    post_of = {shift.responder_id: shift.post_id for shift in bound}
    responders = staffing.responders(connection)
    present = {shift.responder_id for shift in free} | set(post_of)
    duty = responders[responders["id"].isin(present)].reset_index(drop=True)
    duty["pinned"] = duty["id"].isin(list(post_of))
    place = {row.post_id: (row.lon, row.lat) for row in windows}
    for i in duty.index[duty["pinned"]]:
        duty.loc[i, ["lon", "lat"]] = place[post_of[int(duty["id"][i])]]
    return duty


def shifts_between(
    connection: Connection, start: datetime, end: datetime, windows: Sequence[Any] | None = None
) -> list[Shift]:
    """Return every shift that overlaps a span of time, whole: single ones, rotas, and times at posts."""
    windows = staffing.windows(connection) if windows is None else windows
    patterns = [*_rota(staffing.rotas(connection)), *_posts(windows)]
    single = staffing.shifts_between(connection, start, end)
    return [
        *expand(patterns, start, end),
        *(Shift(row.start, row.end, row.responder_id) for row in single),
    ]


def _rota(rows: Sequence[Any]) -> list[ShiftPattern]:
    return [
        ShiftPattern(
            row.responder_id, _weekdays(row), row.start_local, row.end_local, zone=ZoneInfo(row.timezone)
        )
        for row in rows
    ]


def _posts(rows: Sequence[Any]) -> list[ShiftPattern]:
    return [
        ShiftPattern(
            row.responder_id,
            _weekdays(row),
            _earlier(row.start_local),
            row.end_local,
            post_id=row.post_id,
            zone=ZoneInfo(row.timezone),
        )
        for row in rows
    ]


def _weekdays(row: Any) -> frozenset[int]:
    """Return Python's days of the week (Monday is 0) for ISO's (Monday is 1)."""
    return frozenset(day - 1 for day in row.weekdays)


def _earlier(start: time) -> time:
    """Return a local time less the lead; a window in the first minutes of a day keeps its beginning."""
    moved = datetime.combine(date(2000, 1, 2), start) - POST_LEAD
    return moved.time() if moved.day == 2 else start
