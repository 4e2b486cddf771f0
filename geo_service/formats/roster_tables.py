"""The registers of the roster as tables, in and out: what is written can be read back, entry by entry.

An entry that holds entries of its own (a post its windows, a team its members) takes a row for each of them;
its own columns are repeated, and where they differ from row to row that is a fault.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Unpack
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pandas as pd
from openpyxl.cell import WriteOnlyCell

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.columns import Columns, headers_of
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.shifts import parse_weekdays
from geo_service.formats.spreadsheet import safe_cell, write_table
from geo_service.formats.times import DEFAULT_TIMEZONE, parse_clock

_YES = {"1", "true", "yes", "y", "是", "对", "√"}
_NO = {"0", "false", "no", "n", "否", "不", ""}
_SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: our name of it, the field of the entry, how it is read, whether it must be there."""

    ours: str
    field: str
    kind: str = "text"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a register lies in a table: columns of an entry, and of the entries that it holds."""

    own: tuple[Column, ...]
    parts: tuple[Column, ...] = ()
    part_field: str = ""


_CODE, _NAME = Column("entry_code", "code", required=True), Column("entry_name", "name", required=True)
_KIND = Column("entry_kind", "kind", required=True)
_PLACE = (Column("lon", "lon", "lon", required=True), Column("lat", "lat", "lat", required=True))
_WHO = Column("responder_id", "responder", required=True)
_HOURS = (
    Column("weekday", "weekdays", "weekdays", required=True),
    Column("start_local", "start", "clock", required=True),
    Column("end_local", "end", "clock", required=True),
)
_ZONE = Column("time_zone", "timezone")
_HELD = (Column("since", "since", "moment"), Column("until", "until", "moment"))
_SPAN = (Column("start", "start", "moment", required=True), Column("end", "end", "moment", required=True))

LAYOUTS: dict[str, Layout] = {
    "responders": Layout(
        (
            _CODE,
            _NAME,
            Column("role", "role", required=True),
            Column("mode", "mode"),
            Column("lon", "lon", "lon"),
            Column("lat", "lat", "lat"),
            Column("capabilities", "capabilities", "list"),
            Column("agency", "agency"),
        )
    ),
    "duties": Layout(
        (
            _WHO,
            Column("cell_level", "level", required=True),
            Column("cell_code", "cell", required=True),
            Column("role", "role", required=True),
            *_HELD,
        )
    ),
    "rotas": Layout(
        (_WHO,),
        (
            *_HOURS,
            Column("every_weeks", "every_weeks", "whole"),
            Column("first_week", "first_week", "day"),
            Column("first_day", "first", "day"),
            Column("last_day", "last", "day"),
            _ZONE,
            Column("calendar", "calendar"),
        ),
        "lines",
    ),
    "shifts": Layout((_WHO, *_SPAN, Column("post_code", "post"), Column("note", "note"))),
    "absences": Layout(
        (
            _WHO,
            *_SPAN,
            Column("entry_kind", "kind"),
            Column("substitute", "substitute"),
            Column("post_code", "post"),
            Column("note", "note"),
        )
    ),
    "posts": Layout(
        (
            _CODE,
            _NAME,
            _KIND,
            *_PLACE,
            Column("lead_min", "lead_min", "whole"),
            Column("calendar", "calendar"),
        ),
        (*_HOURS, Column("holder", "holder"), _ZONE),
        "windows",
    ),
    "teams": Layout(
        (
            _CODE,
            _NAME,
            Column("entry_kind", "kind"),
            Column("capabilities", "capabilities", "list"),
            Column("least", "least", "whole"),
        ),
        (_WHO, Column("lead_of_team", "lead", "yes"), *_HELD),
        "members",
    ),
    "calendars": Layout(
        (_CODE, _NAME),
        (
            Column("first_day", "first", "day", required=True),
            Column("last_day", "last", "day", required=True),
            Column("as_weekday", "as_weekday", "whole"),
            Column("day_name", "name"),
        ),
        "days",
    ),
    "stations": Layout((_CODE, _NAME, _KIND, *_PLACE)),
    "needs": Layout(
        (
            _CODE,
            Column("cell_level", "level", required=True),
            Column("cell_kind", "cell_kind"),
            Column("role", "role", required=True),
            Column("needed_count", "count", "whole"),
            *_HOURS,
            _ZONE,
            Column("presence", "presence"),
            Column("from_above", "from_above", "yes"),
        )
    ),
}


@dataclass(frozen=True, slots=True)
class EntryTable:
    """Entries of a register, read from a file.

    Attributes
    ----------
    register : str
        Which register.
    entries : list of (int, dict)
        The first row of each, and what it says; empty cells are left out.
    notes : tuple of str
        What was decided on the way.
    """

    register: str
    entries: list[tuple[int, dict[str, Any]]]
    notes: tuple[str, ...]


def read_entries(
    source: Path | bytes, register: str, *, timezone: str = DEFAULT_TIMEZONE, **how: Unpack[TableOptions]
) -> EntryTable:
    """Read a register from CSV or xlsx.

    Parameters
    ----------
    source : Path or bytes
        The file.
    register : str
        One of :data:`LAYOUTS`.
    timezone : str
        IANA zone of moments written without one.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`.

    Raises
    ------
    InvalidInputError
        With every fault, by row and column.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    layout = layout_of(register)
    table = open_table(source, f"The file of {register}", **how)
    wanted = [column.ours for column in (*layout.own, *layout.parts)]
    columns = table.columns(wanted, Purpose.RESPONDERS)
    columns.require(*[column.ours for column in layout.own if column.required])
    read = _reader(columns, table.datum, timezone)
    own = {column: read(column, column.required) for column in layout.own}
    parts = {column: read(column, False) for column in layout.parts}
    entries = _entries(layout, own, parts, columns)
    return EntryTable(register, entries, table.finish())


def layout_of(register: str) -> Layout:
    """Return how a register lies in a table.

    Raises
    ------
    InvalidInputError
        There is no such register.
    """
    if register not in LAYOUTS:
        message = f"use one of: {', '.join(LAYOUTS)}"
        raise InvalidInputError(
            Words(f"there is no register {register!r}", f"没有名册 {register}"),
            [Fault("register", message, value=register)],
        )
    return LAYOUTS[register]


def _reader(columns: Columns, datum: Any, timezone: str) -> Callable[[Column, bool], list[Any]]:
    """Return what reads a column: a value a row, None where it is empty."""
    lonlat: list[np.ndarray[Any, Any]] = []

    def place(axis: int) -> list[Any]:
        if not lonlat:
            lonlat.append(columns.lonlat_deg(datum))
        return [None if np.isnan(value) else float(value) for value in lonlat[0][:, axis]]

    def read(column: Column, required: bool) -> list[Any]:
        if column.kind in {"lon", "lat"}:
            return place(0 if column.kind == "lon" else 1)
        texts = columns.text(column.ours, required=required)
        if column.kind == "moment":
            moments = columns.moments(column.ours, timezone)
            return [None if pd.isna(one) else one.isoformat() for one in moments]
        if column.kind == "whole":
            return [None if np.isnan(one) else int(one) for one in columns.count(column.ours)]
        return [
            _value(columns, column, _bare(text), int(row)) if text else None
            for row, text in zip(columns.rows, texts, strict=True)
        ]

    return read


def _bare(text: str) -> str:
    """Take off the apostrophe by which a text is kept from being a formula."""
    return text[1:] if text.startswith("'") and safe_cell(text[1:]) == text else text


def _value(columns: Columns, column: Column, text: str, row: int) -> Any:
    parse, message = _PARSERS.get(column.kind, (str, ""))
    try:
        return parse(text)
    except ValueError:
        columns.faults.add(column.kind, columns.header_of[column.ours], message, row=row, value=text)
        return None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(_SEPARATOR) if part.strip()]


def _weekdays(text: str) -> list[int]:
    days = parse_weekdays(text)
    if not days:
        raise ValueError(text)
    return days


def _clock(text: str) -> str:
    clock = parse_clock(text)
    if clock is None:
        raise ValueError(text)
    return clock.isoformat("minutes")


def _day(text: str) -> str:
    return date.fromisoformat(text[:10].replace("/", "-")).isoformat()


def _yes(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(text)
    return text.lower() in _YES


#: How a kind of column is read, and what is said when it cannot be.
_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "list": (_parts, ""),
    "weekdays": (_weekdays, "must be weekdays: 1-5, Mon,Wed, 周一至周五"),
    "clock": (_clock, "must be a time of day, like 08:30"),
    "day": (_day, "must be a day written like 2026-11-22"),
    "yes": (_yes, "must be yes or no (是, 否)"),
}


def _entries(
    layout: Layout,
    own: Mapping[Column, list[Any]],
    parts: Mapping[Column, list[Any]],
    columns: Columns,
) -> list[tuple[int, dict[str, Any]]]:
    key = layout.own[0]
    found: dict[Any, tuple[int, dict[str, Any]]] = {}
    for i, row in enumerate(columns.rows.tolist()):
        said = {c.field: values[i] for c, values in own.items() if values[i] is not None}
        if not layout.part_field:
            found[i] = (row, said)
            continue
        first = found.setdefault(own[key][i], (row, {**said, layout.part_field: []}))
        inner = {c.field: values[i] for c, values in parts.items() if values[i] is not None}
        if inner:
            first[1][layout.part_field].append(inner)
        other = {name for name in said if said[name] != first[1].get(name)}
        for name in sorted(other):
            message = f"differs from row {first[0]}, which is of the same {key.field}"
            columns.faults.add(f"differs {name}", name, message, row=row, value=said[name])
    return list(found.values())


# -------------------------------------------------------------------------------------------------- out


def entries_frame(
    register: str, entries: Sequence[Mapping[str, Any]], *, timezone: str, lang: str = "en"
) -> pd.DataFrame:
    """Return a register as a table of text, moments in a time zone.

    ``lang`` ``zh`` heads the columns in Chinese; both are read back.
    """
    layout = layout_of(register)
    zone = ZoneInfo(timezone)
    columns = [*layout.own, *layout.parts]
    rows = []
    for entry in entries:
        own = [_text(entry.get(column.field), zone, column) for column in layout.own]
        held = entry.get(layout.part_field) or [{}]
        rows += [[*own, *(_text(part.get(c.field), zone, c) for c in layout.parts)] for part in held]
    return pd.DataFrame(rows, columns=[_head(column.ours, lang) for column in columns], dtype=object)


def write_entries(frame: pd.DataFrame, out: Path, *, encoding: str = "utf-8") -> None:
    """Write a table of entries as .csv or .xlsx; every cell is text, and none a formula.

    Raises
    ------
    InvalidInputError
        The file is to be something else.
    """
    kind = out.suffix.lower()
    if kind == ".csv":
        write_table(frame, out, encoding=encoding)
    elif kind == ".xlsx":
        _write_xlsx(frame, out)
    else:
        raise InvalidInputError(
            Words("the roster is written as .csv or .xlsx", "名册只能写成 .csv 或 .xlsx"),
            [Fault("out", Words("end it in .csv or .xlsx", "请以 .csv 或 .xlsx 结尾"), value=out.name)],
        )


def _write_xlsx(frame: pd.DataFrame, out: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("roster")
    sheet.freeze_panes = "A2"
    for row in (list(frame.columns), *frame.to_numpy(dtype=object).tolist()):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=str(value))
            cell.data_type = "s"  # whatever it begins with, it is no formula
            cell.number_format = "@"
            cells.append(cell)
        sheet.append(cells)
    book.save(out)


def _head(ours: str, lang: str) -> str:
    names = headers_of(ours)
    if lang == "zh":
        return next((name for name in names if not name.isascii()), names[0])
    return names[0]


def _text(value: Any, zone: ZoneInfo, column: Column) -> str:
    if value is None:
        return ""
    if column.kind == "moment":
        return datetime.fromisoformat(value).astimezone(zone).isoformat(sep=" ")
    if column.kind == "weekdays":
        return ",".join(map(str, value))
    if column.kind == "list":
        return _SEPARATOR.join(value)
    if column.kind == "yes":
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)
