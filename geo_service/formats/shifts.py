"""Shifts from a table: absolute spans of time, or a weekly rota in local time."""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Unpack

import pandas as pd

from geo_service.formats.columns import Columns
from geo_service.formats.faults import FaultList
from geo_service.formats.reading import OpenTable, TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.times import DEFAULT_TIMEZONE, known_timezone, parse_clock

_LONGEST = timedelta(hours=36)
_WEEK_MIN = 7 * 24 * 60
_DAY_MIN = 24 * 60
_RANGE = re.compile(r"\s*(?:-|–|~|至|到|to)\s*", re.IGNORECASE)
_LIST = re.compile(r"[,;、，；/\s]+")
_NAMES_ZH = "一二三四五六日"
_NAMES_EN = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAILY = {"daily", "every day", "每天", "每日", "天天"}
_WORKDAYS = {"workdays", "weekdays", "工作日"}


class ShiftKind(StrEnum):
    """What the rows of a shift file are."""

    ABSOLUTE = "absolute"
    WEEKLY = "weekly"


_COLUMNS = {
    ShiftKind.ABSOLUTE: ("responder_id", "start", "end"),
    ShiftKind.WEEKLY: ("responder_id", "weekday", "start_local", "end_local"),
}


@dataclass(frozen=True, slots=True)
class ShiftTable:
    """Shifts, ready to be stored.

    Attributes
    ----------
    kind : ShiftKind
        Which of the two frames it is.
    frame : DataFrame
        ABSOLUTE: ``row``, ``responder_id``, ``start``, ``end`` (datetime64, UTC; the end is not part of it).
        WEEKLY: ``row``, ``responder_id``, ``weekday`` (1 Monday to 7 Sunday), ``start_local``, ``end_local``
        (datetime.time), ``overnight`` (bool: it ends on the next day); one row a weekday. Both:
        ``attributes`` (dict). No responder has two shifts at once.
    timezone : str
        Zone of the local times.
    notes : tuple of str
        What was decided on the way.
    """

    kind: ShiftKind
    frame: pd.DataFrame
    timezone: str
    notes: tuple[str, ...]


def read_shifts(
    source: Path | bytes,
    *,
    timezone: str = DEFAULT_TIMEZONE,
    time_format: str | None = None,
    **how: Unpack[TableOptions],
) -> ShiftTable:
    """Read shifts from CSV or xlsx; a file with a column of weekdays is a weekly rota.

    Parameters
    ----------
    source : Path or bytes
        The file.
    timezone : str
        IANA zone of times written without one.
    time_format : str or None
        A strptime pattern of absolute times; found out when None.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`. Columns: ``responder_id`` with ``start``,
        ``end``, or with ``weekday``, ``start_local``, ``end_local``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field: ends before starts, shifts of more than 36 hours, two shifts of
        one responder at once.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    table = open_table(source, "The shift file", **how)
    kind = _kind(table)
    names = _COLUMNS[kind]
    columns = table.columns(names, Purpose.RESPONDERS)
    columns.require(*names)
    if kind is ShiftKind.WEEKLY:
        known_timezone(timezone, table.faults)
        frame = _weekly(columns)
        _note_weekly_clashes(frame, table.faults)
    else:
        frame = _absolute(columns, timezone, time_format)
        _note_clashes(frame, table.faults)
    return ShiftTable(kind, frame, timezone, table.finish())


def _kind(table: OpenTable) -> ShiftKind:
    """Tell a rota by its column of weekdays, or by the caller's naming one of a rota's columns."""
    own = _COLUMNS[ShiftKind.WEEKLY][1:]
    probe = Columns(table.frame, own, table.fields, purpose=None, faults=FaultList(), notes=[])
    is_weekly = "weekday" in probe or any(table.fields.get(name) for name in own)
    return ShiftKind.WEEKLY if is_weekly else ShiftKind.ABSOLUTE


def _absolute(columns: Columns, timezone: str, time_format: str | None) -> pd.DataFrame:
    frame = pd.DataFrame({"row": columns.rows})
    frame["responder_id"] = columns.text("responder_id", required=True).to_numpy()
    for name in ("start", "end"):
        columns.text(name, required=True)
        frame[name] = columns.moments(name, timezone, time_format).array
    frame["attributes"] = columns.attributes()
    length = frame["end"] - frame["start"]
    header = columns.header_of.get("end", "end")
    for row in frame["row"][length <= timedelta(0)]:
        columns.faults.add("end", header, "must be after the start", row=int(row))
    for row in frame["row"][length > _LONGEST]:
        columns.faults.add("long", header, "the shift is longer than 36 hours", row=int(row))
    return frame


def _note_clashes(frame: pd.DataFrame, faults: FaultList) -> None:
    """Note shifts of one responder that overlap: sorted, one that starts before an earlier one ends."""
    known = frame.dropna(subset=["start", "end"]).sort_values(["responder_id", "start", "end"])
    for responder, shifts in known.groupby("responder_id", sort=False):
        latest_end, latest_row = pd.Timestamp.min.tz_localize("UTC"), 0
        for row, start, end in zip(shifts["row"], shifts["start"], shifts["end"], strict=True):
            if start < latest_end:
                _note_clash(faults, str(responder), latest_row, int(row))
            if end > latest_end:
                latest_end, latest_row = end, int(row)


def _note_clash(faults: FaultList, responder: str, one: int, other: int) -> None:
    message = f"rows {one} and {other} put this responder on two shifts at once"
    faults.add("clash", "responder_id", message, row=max(one, other), value=responder)


def _weekly(columns: Columns) -> pd.DataFrame:
    responders = columns.text("responder_id", required=True)
    days, starts, ends = (
        columns.text(name, required=True) for name in ("weekday", "start_local", "end_local")
    )
    rows: list[dict[str, object]] = []
    cells = zip(responders.index, responders, days, starts, ends, columns.attributes(), strict=True)
    for row, responder, day, start, end, attributes in cells:
        begin = _clock(start, "start_local", int(row), columns)
        finish = _clock(end, "end_local", int(row), columns)
        weekdays = parse_weekdays(day)
        if day and not weekdays:
            message = "must be weekdays: 1 (Monday) to 7 (Sunday), Mon-Fri, 周一至周五, daily"
            columns.faults.add("weekday", columns.header_of["weekday"], message, row=int(row), value=day)
        if begin is None or finish is None:
            continue
        shared = {"row": int(row), "responder_id": responder, "start_local": begin, "end_local": finish}
        overnight = finish <= begin
        rows += [{**shared, "weekday": d, "overnight": overnight, "attributes": attributes} for d in weekdays]
    names = ["row", "responder_id", "weekday", "start_local", "end_local", "overnight", "attributes"]
    return pd.DataFrame(rows, columns=names)


def _clock(text: str, ours: str, row: int, columns: Columns) -> time | None:
    clock = parse_clock(text) if text else None
    if text and clock is None:
        message = "must be a time of day, like 08:30"
        columns.faults.add("clock", columns.header_of[ours], message, row=row, value=text)
    return clock


def parse_weekdays(text: str) -> list[int]:
    """Return weekdays, 1 Monday to 7 Sunday, from ``1-5``, ``Mon,Wed``, ``周一至周五``; [] if none."""
    lowered = text.strip().lower()
    if lowered in _DAILY:
        return list(range(1, 8))
    if lowered in _WORKDAYS:
        return list(range(1, 6))
    days: list[int] = []
    for part in filter(None, _LIST.split(_RANGE.sub("-", lowered))):
        ends = [_weekday(name) for name in part.split("-")]
        if len(ends) > 2 or any(end is None for end in ends):
            return []
        first, last = ends[0] or 0, ends[-1] or 0
        days += [(first - 1 + step) % 7 + 1 for step in range((last - first) % 7 + 1)]
    return sorted(set(days))


def _weekday(name: str) -> int | None:
    if name in {"1", "2", "3", "4", "5", "6", "7"}:
        return int(name)
    bare = name.removeprefix("星期").removeprefix("周").removeprefix("礼拜").replace("天", "日")
    if len(bare) == 1 and bare in _NAMES_ZH:
        return _NAMES_ZH.index(bare) + 1
    return _NAMES_EN.index(name[:3]) + 1 if name[:3] in _NAMES_EN else None


def _note_weekly_clashes(frame: pd.DataFrame, faults: FaultList) -> None:
    """Note overlaps within a week that closes upon itself: Sunday's night shift runs into Monday."""
    for responder, shifts in frame.groupby("responder_id", sort=False):
        spans = sorted(_spans(shifts))
        seen: set[tuple[int, int]] = set()
        latest_end, latest_row = -1, 0
        for start, end, row in spans:
            pair = (min(row, latest_row), max(row, latest_row))
            if start < latest_end and pair not in seen:
                seen.add(pair)
                _note_clash(faults, str(responder), *pair)
            if end > latest_end:
                latest_end, latest_row = end, row


def _spans(shifts: pd.DataFrame) -> list[tuple[int, int, int]]:
    """Return (start, end, row) in minutes of the week; what runs past Sunday comes back on Monday."""
    spans: list[tuple[int, int, int]] = []
    columns = zip(shifts["weekday"], shifts["start_local"], shifts["end_local"], shifts["row"], strict=True)
    for weekday, begin, finish, row in columns:
        start = (int(weekday) - 1) * _DAY_MIN + begin.hour * 60 + begin.minute
        length = (finish.hour * 60 + finish.minute - begin.hour * 60 - begin.minute) % _DAY_MIN or _DAY_MIN
        spans.append((start, min(start + length, _WEEK_MIN), int(row)))
        if start + length > _WEEK_MIN:
            spans.append((0, start + length - _WEEK_MIN, int(row)))
    return spans
