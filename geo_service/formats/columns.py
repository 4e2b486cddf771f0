"""What the columns of a table mean: found by their headers, checked cell by cell, faults with their row."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.formats.datums import AnyDatum, points_to_wgs84
from geo_service.formats.faults import FaultList, preview
from geo_service.formats.names import nearest_name
from geo_service.formats.refused import Purpose, note_refused, note_refused_values
from geo_service.formats.times import known_timezone, parse_moments

_BRACKETED = re.compile(r"[(（\[【].*?[)）\]】]")
_SEPARATORS = re.compile(r"[\s_\-.:：*]+")
_EMPTY = Words("is empty", "不能为空")
_SHORTENED = re.compile(r"\d(?:\.\d+)?E\+\d+", re.IGNORECASE)


class Columns:
    """The columns of one table by our names for them.

    Parameters
    ----------
    frame : DataFrame
        Text cells, indexed by row number (:class:`geo_service.formats.tables.Table`).
    wanted : sequence of str
        Our names, in the order in which they may choose among the headers.
    given : mapping of str to str
        Our name to the header the caller names for it; it goes before every alias.
    purpose : Purpose or None
        What the file is for: decides which columns are refused. None for a file that is not kept.
    faults, notes
        Where faults and remarks go.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        wanted: Sequence[str],
        given: Mapping[str, str | None],
        *,
        purpose: Purpose | None,
        faults: FaultList,
        notes: list[str],
    ) -> None:
        self.frame = frame
        self.faults = faults
        self.notes = notes
        self.header_of = self._match(wanted, {ours: name for ours, name in given.items() if name is not None})
        if purpose is not None:
            self._refuse(purpose)

    def __contains__(self, ours: str) -> bool:
        return ours in self.header_of

    @property
    def rows(self) -> NDArray[np.int64]:
        """Number of each row in the file."""
        return self.frame.index.to_numpy(dtype=np.int64)

    def require(self, *wanted: str) -> None:
        """Note a fault for each column that the table must have and has not."""
        for ours in wanted:
            if ours not in self.header_of and f"no-column {ours}" not in self.faults.kinds:
                has = preview([str(name) for name in self.frame.columns])
                known = preview(_headers()[ours], 6)
                message = Words(
                    f"no column is known as {ours}: head one {known}. The table has: {has}",
                    f"缺少“{ours}”列，表头可写 {known}。表中现有：{has}",
                )
                self.faults.add(f"no-column {ours}", ours, message)

    def text(self, ours: str, *, required: bool = False) -> pd.Series:
        """Return a column as text, ``""`` where it is empty or missing."""
        if ours not in self.header_of:
            return pd.Series("", index=self.frame.index, dtype=object)
        column = self.frame[self.header_of[ours]]
        if required:
            for row in column.index[column == ""]:
                self.faults.add(f"empty {ours}", self.header_of[ours], _EMPTY, row=int(row))
        return column

    def identity(self, ours: str) -> pd.Series:
        """Return a column of ids: present, and each only once."""
        column = self.text(ours, required=True)
        if ours not in self.header_of:
            return column
        header = self.header_of[ours]
        for row, value in column[column.str.fullmatch(_SHORTENED)].items():
            message = Words(
                "is a number that a spreadsheet has shortened: format the column as text",
                "编号被电子表格截短，请把该列设为文本格式",
            )
            self.faults.add("shortened-id", header, message, row=_int(row), value=value)
        first = column[~column.duplicated()]
        row_of = dict(zip(first, first.index, strict=True))
        for row, value in column[column.duplicated() & (column != "")].items():
            message = Words(
                f"rows {row_of[value]} and {row} have the same id",
                f"第 {row_of[value]} 行与第 {row} 行编号相同",
            )
            self.faults.add("duplicate-id", header, message, row=_int(row), value=value)
        return column

    def number(self, ours: str, low: float = -np.inf, high: float = np.inf) -> NDArray[np.float64]:
        """Return a column as finite numbers between ``low`` and ``high``, NaN where it is empty."""
        column = self.text(ours)
        numbers = pd.to_numeric(column.where(column != "", None), errors="coerce").to_numpy(dtype=np.float64)
        filled = (column != "").to_numpy()
        header = self.header_of.get(ours, ours)
        for i in np.flatnonzero(filled & ~np.isfinite(numbers)):
            self.faults.add(
                f"number {ours}",
                header,
                _why_no_number(column.iloc[i]),
                row=_int(self.rows[i]),
                value=column.iloc[i],
            )
        outside = filled & np.isfinite(numbers) & ((numbers < low) | (numbers > high))
        for i in np.flatnonzero(outside):
            message = Words(f"must be {_interval(low, high)}", "超出允许的范围")
            self.faults.add(f"interval {ours}", header, message, row=_int(self.rows[i]), value=column.iloc[i])
        return np.where(filled & np.isfinite(numbers) & ~outside, numbers, np.nan)

    def count(self, ours: str) -> NDArray[np.float64]:
        """Return a column as whole numbers of at least 0, NaN where it is empty."""
        numbers = self.number(ours, low=0.0)
        broken = np.flatnonzero(np.isfinite(numbers) & (numbers != np.floor(numbers)))
        for i in broken:
            header = self.header_of[ours]
            row = _int(self.rows[i])
            self.faults.add(
                f"whole {ours}",
                header,
                Words("must be a whole number", "须为整数"),
                row=row,
                value=float(numbers[i]),
            )
        return numbers

    def moments(self, ours: str, timezone: str, time_format: str | None = None) -> pd.Series:
        """Return a column as moments in UTC, NaT where it is empty."""
        zone = known_timezone(timezone, self.faults)
        if zone is None:
            return pd.Series(pd.NaT, index=self.frame.index, dtype="datetime64[us, UTC]")
        header = self.header_of.get(ours, ours)
        return parse_moments(
            self.text(ours), header, self.faults, self.notes, timezone=zone, time_format=time_format
        )

    def lonlat_deg(self, datum: AnyDatum | None, lon: str = "lon", lat: str = "lat") -> NDArray[np.float64]:
        """Return (n, 2) positions in EPSG:4326, NaN for rows without coordinates.

        ``datum`` is what the columns are in; None when that is not known because it was named wrongly.
        """
        if lon not in self.header_of or lat not in self.header_of:
            return np.full((len(self.frame), 2), np.nan)
        x, y = self.number(lon), self.number(lat)
        empty_x, empty_y = (self.text(lon) == "").to_numpy(), (self.text(lat) == "").to_numpy()
        for here, there, name in ((empty_x, empty_y, lon), (empty_y, empty_x, lat)):
            for i in np.flatnonzero(here & ~there):
                message = Words(
                    "is empty while the other coordinate is given: give both or none",
                    "另一坐标已填，此处为空：请同时填写或都不填",
                )
                self.faults.add("half", self.header_of.get(name, name), message, row=int(self.rows[i]))
        nowhere = (x == 0.0) & (y == 0.0)
        if nowhere.any():
            self.notes.append(
                f"{int(nowhere.sum())} rows have the coordinates 0, 0: taken as without coordinates"
            )
        out = np.full((len(x), 2), np.nan)
        known = np.isfinite(x) & np.isfinite(y) & ~nowhere
        if datum is not None and known.any():
            field = f"{self.header_of.get(lon, lon)}, {self.header_of.get(lat, lat)}"
            xy = np.column_stack([x[known], y[known]])
            out[known] = points_to_wgs84(xy, self.rows[known], datum, field, self.faults)
        return out

    def attributes(self) -> pd.Series:
        """Return what stands in all other columns, a dict a row, empty cells left out; indexed from 0."""
        used = set(self.header_of.values())
        others = [str(name) for name in self.frame.columns if name not in used]
        rows = (
            zip(*(self.frame[name].tolist() for name in others), strict=True)
            if others
            else [()] * len(self.frame)
        )
        dicts = [{name: value for name, value in zip(others, row, strict=True) if value} for row in rows]
        return pd.Series(dicts, dtype=object)

    def _match(self, wanted: Sequence[str], given: dict[str, str]) -> dict[str, str]:
        headers = [str(name) for name in self.frame.columns]
        found: dict[str, str] = {}
        for ours, name in given.items():
            if ours not in wanted:
                continue
            if name in headers:
                found[ours] = name
                continue
            near = nearest_name(name, headers)
            guess = f"; do you mean {near!r}?" if near else "."
            message = f"the table has no column {name!r}{guess} It has: {preview(headers)}"
            self.faults.add(f"no-column {ours}", ours, message, value=name)
        taken = set(found.values())
        by_key = {header_key(name): name for name in reversed(headers) if name not in taken}
        for ours in wanted:
            if ours in given:
                continue
            header = next(
                (by_key[key] for key in _aliases()[ours] if key in by_key and by_key[key] not in taken), None
            )
            if header is not None:
                found[ours] = header
                taken.add(header)
        return found

    def _refuse(self, purpose: Purpose) -> None:
        note_refused(map(str, self.frame.columns), purpose, self.faults)
        used = set(self.header_of.values())
        for name in self.frame.columns:
            if name not in used:
                note_refused_values(str(name), self.frame[name].tolist(), self.faults)


def header_key(name: str) -> str:
    """Return a header as it is compared: no case, blanks, hyphens, or units in brackets."""
    return _SEPARATORS.sub("", _BRACKETED.sub("", name)).lower()


def headers_of(ours: str) -> list[str]:
    """Return the headers by which a column is known, the first one of ours."""
    return _headers()[ours]


@cache
def _headers() -> dict[str, list[str]]:
    text = files("geo_service.formats").joinpath("header_aliases.toml").read_text("utf-8")
    return {ours: entry["names"] for ours, entry in tomllib.loads(text).items()}


@cache
def _aliases() -> dict[str, tuple[str, ...]]:
    return {ours: tuple(dict.fromkeys(map(header_key, names))) for ours, names in _headers().items()}


def _why_no_number(text: str) -> Words:
    if text.lower() in {"nan", "inf", "-inf", "infinity", "-infinity", "null", "none", "na", "n/a", "#n/a"}:
        return Words("is no number: leave the cell empty where there is none", "不是数；没有时请留空")
    if re.fullmatch(r"-?\d+,\d+", text):
        return Words("has a decimal comma: write a point", "小数请用点，不用逗号")
    if re.search(r"[°′″'\"度分秒]", text):
        return Words("is in degrees, minutes and seconds: write decimal degrees", "请把度分秒换成小数度")
    return Words("must be a finite number", "须为数")


def _interval(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:g} or more"
    return f"between {low:g} and {high:g}"


def _int(row: Any) -> int:
    return int(row)
