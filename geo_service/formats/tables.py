"""Tables in: CSV in any of its dialects and xlsx, as text cells with the number of their row.

Cells stay text here; what a column means is decided in :mod:`geo_service.formats.columns`. No formula is
ever computed: of an xlsx the value that was saved with it is read.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from geo_service.errors import TooLargeError, Words
from geo_service.formats.faults import FaultList, no_file
from geo_service.formats.limits import Limits
from geo_service.formats.text import bad_character, find_encoding
from geo_service.formats.xlsx import looks_like_xlsx, xlsx_rows

Rows = Iterator[tuple[int, list[str]]]

_DELIMITERS = (",", "\t", ";", "|")
_SNIFFED_BYTES = 65_536
_SNIFFED_ROWS = 30
_CELL_MAX_CHARS = 131_072
_NO_TABLE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[{<]|\[\s*[{\[])")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or one stretch of it.

    Attributes
    ----------
    frame : DataFrame
        Text cells, stripped, ``""`` where empty. The index ``row`` is the 1-based number of the data row,
        the header line not counted.
    notes : tuple of str
        What was found out on the way (encoding, delimiter).
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


def read_table(
    source: Path | bytes,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    limits: Limits | None = None,
) -> Table:
    """Read a whole table.

    Parameters
    ----------
    source : Path or bytes
        CSV (UTF-8, UTF-16 or GB18030; comma, semicolon, tab or bar) or xlsx.
    encoding, delimiter : str or None
        Of a CSV; found out when None.
    sheet : str or None
        Of an xlsx; the first when None.
    limits : Limits or None
        Caps; the defaults when None.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    faults = FaultList()
    table = walk_table(source, faults, encoding=encoding, delimiter=delimiter, sheet=sheet, limits=limits)
    faults.raise_if_any("The table is not usable")
    assert table is not None  # noqa: S101 - without a fault there is a table; said for the type checker
    return table


def walk_table(
    source: Path | bytes,
    faults: FaultList,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    limits: Limits | None = None,
) -> Table | None:
    """Read like :func:`read_table`, noting faults instead of raising; None if nothing could be read."""
    opened = _open(source, faults, limits or Limits(), encoding=encoding, delimiter=delimiter, sheet=sheet)
    if opened is None:
        return None
    header, rows, notes = opened
    frame = _frame(header, rows, faults, limits or Limits())
    if frame.empty and not len(faults):
        faults.add("empty", "", Words("the table has a header but no row", "表中只有表头，没有数据"))
    return Table(frame, tuple(notes))


def _open(
    source: Path | bytes,
    faults: FaultList,
    limits: Limits,
    *,
    encoding: str | None,
    delimiter: str | None,
    sheet: str | None,
) -> tuple[list[str], Rows, list[str]] | None:
    """Return header, rows to come and notes; None after noting what stops the reading."""
    data = _load(source, limits)
    if not data.strip():
        faults.add("empty", "", Words("the file is empty", "文件是空的"))
        return None
    if (why := _why_no_table(source, data)) is not None:
        faults.add("format", "", why)
        return None
    notes: list[str] = []
    if looks_like_xlsx(data):
        rows = xlsx_rows(data, faults, limits, sheet)
    else:
        rows = _csv_rows(data, faults, notes, encoding=encoding, delimiter=delimiter)
    if rows is None:
        return None
    first = next(rows, None)
    if first is None:
        faults.add("empty", "", Words("the table is empty", "表是空的"))
        return None
    header = _header(first[1], faults, limits)
    return None if header is None else (header, rows, notes)


def _why_no_table(source: Path | bytes, data: bytes) -> str | None:
    """Return what a file is instead of a table, as far as its name and first bytes tell; else None."""
    if data.startswith(_OLD_EXCEL):
        return "this is an old Excel file (.xls): save it as .xlsx or CSV"
    if isinstance(source, Path) and source.suffix.lower() == ".xlsx" and not looks_like_xlsx(data):
        return "this is not an xlsx file, whatever its name says: save it as xlsx or CSV"
    if _NO_TABLE.match(data):
        return "this is JSON or XML, no table: CSV or xlsx is wanted"
    return None


def _load(source: Path | bytes, limits: Limits) -> bytes:
    if isinstance(source, Path):
        if not source.is_file():
            raise no_file(source)
        size = source.stat().st_size
        data = source.read_bytes() if size <= limits.file_bytes else b""
    else:
        data, size = source, len(source)
    if size > limits.file_bytes:
        raise TooLargeError(f"The file has {size:,} bytes; the limit is {limits.file_bytes:,}")
    return data


def _csv_rows(
    data: bytes, faults: FaultList, notes: list[str], *, encoding: str | None, delimiter: str | None
) -> Rows | None:
    found = find_encoding(data, faults, encoding)
    if found is None:
        return None
    name, note = found
    if note:
        notes.append(note)
    if delimiter is None:
        delimiter = _sniff_delimiter(data[:_SNIFFED_BYTES].decode(name, "ignore"))
        if delimiter != ",":
            notes.append(f"cells are separated by {'tabs' if delimiter == chr(9) else delimiter}")
    elif len(delimiter) != 1 or delimiter in '"\r\n':
        faults.add("delimiter", "delimiter", "must be one character", value=delimiter)
        return None
    text = io.TextIOWrapper(io.BytesIO(data), encoding=name, newline="")
    return _csv_records(text, delimiter, faults)


def _csv_records(text: io.TextIOBase, delimiter: str, faults: FaultList) -> Rows:
    """Yield number and cells of each record, the header as 0; a broken record ends the reading."""
    csv.field_size_limit(_CELL_MAX_CHARS)
    reader = csv.reader(text, delimiter=delimiter)
    number = -1
    try:
        for number, cells in enumerate(reader):
            if any(cells):
                yield number, [cell.strip() for cell in cells]
    except csv.Error:
        message = (
            f"line {reader.line_num}: a cell is far too long; a quotation mark is not closed before here"
        )
        faults.add("csv", "", message, row=number + 1)


def _sniff_delimiter(sample: str) -> str:
    """Return the delimiter that splits the first rows into most columns, all rows alike."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            rows = list(
                islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), _SNIFFED_ROWS)
            )
        except csv.Error:
            continue
        widths = [len(row) for row in rows if row]
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        best, best_score = max((best, best_score), (delimiter, (alike, widths[0])), key=lambda pair: pair[1])
    return best


def _header(cells: list[str], faults: FaultList, limits: Limits) -> list[str] | None:
    """Return the names of the columns; trailing empty ones are left out, others numbered."""
    while cells and not cells[-1]:
        cells = cells[:-1]
    if len(cells) > limits.properties:
        message = f"the table has {len(cells):,} columns; the limit is {limits.properties}"
        faults.add("properties", "", message)
        return None
    names = [cell or f"column {i + 1}" for i, cell in enumerate(cells)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            faults.add("header", name, "two columns have this name")
        wrong = bad_character(name)
        if len(name) > limits.name_chars:
            wrong = f"is longer than {limits.name_chars} characters"
        if wrong is not None:
            faults.add("name", "", f"the name of a column {wrong}", value=name)
        seen.add(name)
    return names if len(seen) == len(names) else None


def _frame(header: list[str], rows: Rows, faults: FaultList, limits: Limits) -> pd.DataFrame:
    numbers: list[int] = []
    cells: list[list[str]] = []
    width = len(header)
    for number, row in rows:
        if len(row) != width:
            row = _fit(row, header, number, faults)  # noqa: PLW2901 - the row as it should have been
        numbers.append(number)
        cells.append(row)
        if number > limits.rows:
            faults.add("rows", "", f"more than {limits.rows:,} rows")
            break
    columns = list(zip(*cells, strict=True)) if cells else [()] * width
    for name, column in zip(header, columns, strict=True):
        _check_characters(name, column, numbers, faults, limits.text_chars)
    named = zip(header, columns, strict=True)
    frame = pd.DataFrame({name: np.array(column, dtype=object) for name, column in named})
    frame.index = pd.Index(numbers, name="row", dtype="int64")
    return frame


def _fit(row: list[str], header: list[str], number: int, faults: FaultList) -> list[str]:
    width = len(header)
    if len(row) < width:
        message = f"has {len(row)} cells, the header has {width}: a separator or a line break is wrong"
        faults.add("short-row", "", message, row=number)
    elif any(row[width:]):
        message = (
            f"has {len(row)} cells, the header has {width}: a cell with a separator needs quotation marks"
        )
        faults.add("long-row", "", message, row=number)
    return (row + [""] * width)[:width]


def _check_characters(
    name: str, column: tuple[str, ...], numbers: list[int], faults: FaultList, most_chars: int
) -> None:
    """Note cells that are too long or hold what is no character; the column is first looked at whole."""
    if bad_character("".join(column)) is None and max(map(len, column), default=0) <= most_chars:
        return
    for number, value in zip(numbers, column, strict=True):
        wrong = bad_character(value)
        if len(value) > most_chars:
            wrong = f"longer than {most_chars:,} characters"
        if wrong is not None:
            faults.add("character", name, wrong, row=number, value=value)
