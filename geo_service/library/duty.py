"""Who is on duty, read from a table of a weekly rota."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from geo_service.errors import Fault, InvalidInputError
from geo_service.library.frames import refuse_rows, require_column
from geo_service.staffing.roster import ShiftPattern, expand
from geo_service.staffing.roster import on_duty as on_duty_of_shifts

#: The week from which rotas of several weeks are counted begins here.
FIRST_MONDAY = date(2024, 1, 1)


def on_duty(
    rota: pd.DataFrame,
    at: datetime,
    *,
    posts: pd.DataFrame | None = None,
    timezone: str = "Asia/Shanghai",
) -> pd.DataFrame:
    """Say who is on duty at a moment, and who of them is bound to a post.

    Parameters
    ----------
    rota : DataFrame
        One row for each weekly shift: ``responder_id``, ``weekday`` (1 Monday to 7 Sunday), ``starts`` and
        ``ends`` (``"08:00"``; an end at or before the start is on the next day); and for rotas of several
        weeks ``every_weeks`` and ``week`` (0 for the week of 1 January 2024 and every so many after it).
    at : datetime
        With a time zone.
    posts : DataFrame, optional
        Timed posts in the same columns, ``weekday`` or ``weekdays`` (``"1,2,3"``): who stands there cannot be
        sent elsewhere.
    timezone : str
        In which the times of the tables are local.

    Returns
    -------
    DataFrame
        Index ``responder_id``, ascending: ``pinned``, whether he is bound to a post; ``since``, ``until``.

    Raises
    ------
    InvalidInputError
        A column is missing, a time or weekday cannot be read, or the moment has no time zone.

    Examples
    --------
    >>> now = on_duty(rota, datetime(2026, 11, 23, 2, tzinfo=ZoneInfo("Asia/Shanghai")))   # doctest: +SKIP
    >>> free = workers[workers.id.isin(now.index[~now.pinned])]                            # doctest: +SKIP
    """
    if at.utcoffset() is None:
        message = "add the zone: datetime(…, tzinfo=ZoneInfo('Asia/Shanghai'))"
        raise InvalidInputError("A moment needs a time zone.", [Fault("at", message, value=at.isoformat())])
    zone = _zone(timezone)
    tables = [(rota, "rota", None)] + ([(posts, "posts", 0)] if posts is not None else [])
    names: list[object] = sorted(
        {
            name
            for table, role, _ in tables
            for name in require_column(table, "responder_id", role, argument=role)
        },
        key=str,
    )
    number = {name: position for position, name in enumerate(names)}
    patterns = [
        pattern for table, role, post in tables for pattern in _patterns(table, role, post, number, zone)
    ]
    day = timedelta(days=1)
    free, bound = on_duty_of_shifts(expand(patterns, at - day, at + day), at)
    shifts = sorted([*free, *bound], key=lambda shift: shift.responder_id)
    return pd.DataFrame(
        {
            "pinned": [shift.pinned for shift in shifts],
            "since": [shift.start for shift in shifts],
            "until": [shift.end for shift in shifts],
        },
        index=pd.Index([names[shift.responder_id] for shift in shifts], name="responder_id"),
    ).astype({"pinned": bool})


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        fault = Fault("timezone", "give a name such as Asia/Shanghai", value=name)
        raise InvalidInputError("The time zone is not known.", [fault]) from None


def _patterns(
    table: pd.DataFrame, role: str, post: int | None, number: dict[object, int], zone: ZoneInfo
) -> list[ShiftPattern]:
    who = require_column(table, "responder_id", role, argument=role)
    days = _weekdays(table, role)
    starts, ends = (_times(table, name, role) for name in ("starts", "ends"))
    every = table["every_weeks"] if "every_weeks" in table else pd.Series(1, index=table.index)
    week = table["week"] if "week" in table else pd.Series(0, index=table.index)
    return [
        ShiftPattern(
            number[name],
            on,
            start,
            end,
            post_id=post,
            every_weeks=int(weeks),
            first_week=FIRST_MONDAY + timedelta(weeks=int(first)),
            zone=zone,
        )
        for name, on, start, end, weeks, first in zip(who, days, starts, ends, every, week, strict=True)
    ]


def _weekdays(table: pd.DataFrame, role: str) -> list[frozenset[int]]:
    """Read ``weekday`` or ``weekdays``, Monday 1, as Python counts them."""
    name = "weekdays" if "weekdays" in table.columns else "weekday"
    given = require_column(table, name, role, argument=role)
    read = [
        frozenset(int(part) - 1 for part in str(text).split(",") if part.strip().isdigit()) for text in given
    ]
    refuse_rows(
        ~pd.Series([bool(days) and days <= set(range(7)) for days in read], dtype=bool).to_numpy(),
        f"{role}.{name}",
        "give 1 (Monday) to 7 (Sunday), several with commas",
        title="Some weekdays cannot be read.",
        values=given,
    )
    return read


def _times(table: pd.DataFrame, name: str, role: str) -> list[time]:
    given = require_column(table, name, role, argument=role)
    read = [value if isinstance(value, time) else _time(str(value)) for value in given]
    refuse_rows(
        pd.Series([value is None for value in read], dtype=bool).to_numpy(),
        f"{role}.{name}",
        "give a time of day such as 08:00",
        title="Some times cannot be read.",
        values=given,
    )
    return [value for value in read if value is not None]


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None
