"""Tables out as CSV that a spreadsheet may open: no cell of it can become a formula."""

import csv
import re
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def write_table(frame: pd.DataFrame, target: Path | TextIO, *, encoding: str = "utf-8") -> None:
    """Write a table as CSV.

    Parameters
    ----------
    frame : DataFrame
        Its index is not written. NaN and None become empty cells, moments ISO 8601.
    target : Path or text stream
        A path is written with the encoding; UTF-8 with a byte order mark, by which Excel knows it.
    encoding : str
        ``utf-8`` or ``gb18030``.
    """
    if isinstance(target, Path):
        name = "utf-8-sig" if encoding.lower() == "utf-8" else encoding
        with target.open("w", encoding=name, newline="") as stream:
            _write(frame, stream)
    else:
        _write(frame, target)


def _write(frame: pd.DataFrame, stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in frame.columns])
    columns = [list(map(safe_cell, frame[name].tolist())) for name in frame.columns]
    writer.writerows(zip(*columns, strict=True))


def without_control(text: str) -> str:
    """Return a text without the control characters that no workbook can hold."""
    return _CONTROL.sub("", text)


def safe_cell(value: Any) -> str:
    """Return a value as the text of a cell that no spreadsheet takes for a formula.

    A text that starts like one gets an apostrophe before it, which spreadsheets hide; numbers such as
    ``-87.6`` stay as they are.
    """
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        return repr(float(value)) if np.isfinite(value) else ""
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    text = str(value)
    if text.lstrip(" ").startswith(_FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text
