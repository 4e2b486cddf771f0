"""Rows of an xlsx sheet as text. The zip is checked first; no formula is computed and no link followed."""

import datetime as dt
import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from geo_service.formats.archive import Archive
from geo_service.formats.faults import FaultList, preview
from geo_service.formats.limits import Limits

_WORKBOOK = "xl/workbook.xml"
_ENTRIES = 1_000  # an xlsx has a dozen parts, with pictures some hundred
#: What openpyxl raises over a file that is not what it says.
_DAMAGE = (LookupError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile, OSError)
_DIGITS_KEPT = 1e15  # Excel keeps 15 digits of a number


def looks_like_xlsx(data: bytes) -> bool:
    """Tell whether bytes are a zip at all: among tables that can only be an xlsx."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def xlsx_rows(
    data: bytes, faults: FaultList, limits: Limits, sheet: str | None
) -> Iterator[tuple[int, list[str]]] | None:
    """Return number and cells of each row of a sheet (the first when None), the header as 0.

    None after noting why the file cannot be opened.
    """
    archive = Archive(data, faults, replace(limits, zip_entries=_ENTRIES))
    if not archive.ok:
        return None
    if _WORKBOOK not in archive.names:
        faults.add("format", "", f"a zip is no table; it holds {preview(archive.names, 10)}")
        return None
    book = _open(data, faults) if _plain_xml(archive, faults) else None
    if book is None:
        return None
    names = [worksheet.title for worksheet in book.worksheets]
    if not names or (sheet is not None and sheet not in names):
        message = f"no such sheet; the file has {preview(names) or 'none'}"
        faults.add("no-sheet", "sheet", message, value=sheet)
        return None
    return _rows(book[sheet or names[0]], faults, limits)


def _open(data: bytes, faults: FaultList) -> openpyxl.Workbook | None:
    try:
        return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, *_DAMAGE):
        faults.add("format", "", "the xlsx file is damaged")
        return None


def _plain_xml(archive: Archive, faults: FaultList) -> bool:
    """Unpack every part once, under the limits, and refuse XML that declares entities."""
    before = len(faults)
    for name in archive.names:
        content = archive.read(name)
        if content is not None and _declares(content):  # whatever its name: another part may refer to it
            faults.add("format", name, "the XML declares a document type or entities, which is not taken")
    return len(faults) == before


_DECLARATIONS = tuple(
    word.encode(encoding)
    for word in ("<!DOCTYPE", "<!ENTITY")
    for encoding in ("utf-8", "utf-16-le", "utf-16-be")
)


def _declares(content: bytes) -> bool:
    return any(word in content for word in _DECLARATIONS)


MAX_EMPTY_ROWS = 10_000


def _rows(worksheet: Any, faults: FaultList, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    worksheet.reset_dimensions()  # the stated size may be a lie of a billion cells
    empty = 0
    try:
        for number, cells in enumerate(worksheet.iter_rows(max_col=limits.properties + 1, values_only=True)):
            texts = [_text(value, number, faults) for value in cells]
            if any(texts):
                empty = 0
                yield number, texts
                continue
            empty += 1
            if empty > MAX_EMPTY_ROWS:  # a lone cell in row 10^12 would keep us counting for ever
                message = (
                    f"more than {MAX_EMPTY_ROWS:,} empty rows in a row: delete them, or what stands below"
                )
                faults.add("format", "", message, row=number)
                return
    except _DAMAGE:
        faults.add("format", "", "the sheet is damaged")


def _text(value: Any, row: int, faults: FaultList) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, row, faults)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value).strip()


def _number(value: float, row: int, faults: FaultList) -> str:
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= _DIGITS_KEPT:
        message = "a number of more than 15 digits has lost its last ones in Excel: keep it as text"
        faults.add("digits", "", message, row=row, value=value)
    return str(int(value)) if float(value).is_integer() else repr(value)


def is_xlsx(data: bytes) -> bool:
    """Tell whether a zip is an xlsx, by the names in its directory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _WORKBOOK in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False
