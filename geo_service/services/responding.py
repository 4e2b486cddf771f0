"""Figures of response: how long each phase took, which clocks were met, by cell, kind and time.

Counted from the lives themselves at each question, in the cells of any edition: nothing is stored that could
go stale. An incident without coordinates counts in the cell that it names, if the edition has that.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, TooLargeError, Words
from geo_service.services import series
from geo_service.services.scopes import Part
from geo_service.services.series import MAX_ROWS, OUTSIDE, UNPLACED
from geo_service.services.tiling import Tiling
from geo_service.staffing.clocks import Phase, standard_from
from geo_service.staffing.response import FEW, NEVER, SPANS, met, seconds_between, summarise
from geo_service.store import lives
from geo_service.store import responses as store
from geo_service.store.database import Connection
from geo_service.store.responses import Responses


class Axis(StrEnum):
    """What lives are counted by."""

    CELL = "cell"
    CATEGORY = "category"
    CHANNEL = "channel"
    URGENCY = "urgency"
    HOUR = "hour"
    WEEK = "week"
    MONTH = "month"


PERIODS = (Axis.WEEK, Axis.MONTH)
_WHERE = {OUTSIDE: "outside", UNPLACED: "unplaced"}
_STARTS = {name: name for name in ("reported", "accepted", "dispatched", "arrived")}


@dataclass(frozen=True)
class Question:
    """Which lives are counted, and by what.

    ``since`` is included, ``until`` is not: moments of the report. ``zone`` is the IANA zone of the days.
    """

    since: datetime
    until: datetime
    by: tuple[Axis, ...] = ()
    zone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        """Refuse a span that ends before it begins, and two periods at once."""
        if self.since >= self.until:
            message = Words("the span ends before it begins", "时段的终点早于起点")
            raise InvalidInputError(message, [Fault("to", message, value=str(self.until))])
        if len([axis for axis in self.by if axis in PERIODS]) > 1:
            message = Words("count by one of week and month", "周、月只能选一个")
            raise InvalidInputError(message, [Fault("by", message)])


def axes_of(text: str | None) -> tuple[Axis, ...]:
    """Read what is counted by: words with commas.

    Raises
    ------
    InvalidInputError
        A word is not one of :class:`Axis`, or is there twice.
    """
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if len(set(words)) < len(words) or not set(words) <= {axis.value for axis in Axis}:
        message = Words(f"use each once: {', '.join(Axis)}", f"可用（各一次）：{', '.join(Axis)}")
        raise InvalidInputError(message, [Fault("by", message, value=text)])
    return tuple(Axis(word) for word in words)


def response_table(
    connection: Connection,
    tiling: Tiling,
    level: str | None,
    question: Question,
    *,
    scope: Collection[int] = (),
) -> pd.DataFrame:
    """Return the figures of response, a row for each group.

    Columns: those of the axes (``code``, ``name`` and ``where`` for the cell), ``incidents``; for each of
    :data:`geo_service.staffing.response.SPANS` ``…_n``, ``…_mean_s``, ``…_median_s``, ``…_p90_s``; for each
    clock ``…_decided`` (met, missed or overdue), ``…_within`` (met) and ``…_within_share``, which is missing
    where fewer than :data:`FEW` are decided.

    Raises
    ------
    InvalidInputError
        The cell is counted by and no level is given.
    NotFoundError
        The edition has no such level.
    TooLargeError
        There would be more than :data:`geo_service.services.series.MAX_ROWS` rows.
    """
    if Axis.CELL in question.by:
        if level is None:
            message = Words("say on which level cells are counted", "按网格统计时请给出层级")
            raise InvalidInputError(message, [Fault("level", message)])
        tiling.at_level(level)
    found = store.read(connection, question.since, question.until, scope=scope)
    keys = _keys(tiling, level, found, question, scope)
    group, first, n = _groups(keys, len(found.kind))
    if n > MAX_ROWS:
        message = Words(f"{n:,} rows are too many: count by fewer things", f"结果有 {n:,} 行，请少分几项")
        raise TooLargeError(message, [Fault("by", message)])
    table = _labels(tiling, level, found, question, {name: key[first] for name, key in keys.items()})
    table["incidents"] = np.bincount(group, minlength=n)
    for name, (start, end) in SPANS.items():
        told = summarise(group, seconds_between(found.at_us[start], found.at_us[end]), n)
        table[f"{name}_n"] = told.n
        for part in ("mean", "median", "p90"):
            table[f"{name}_{part}_s"] = np.round(getattr(told, part), 1)
    for phase, verdict in verdicts(found, lives.clock(connection)).items():
        decided = np.bincount(group, weights=verdict >= 0, minlength=n).astype(np.int64)
        within = np.bincount(group, weights=verdict == 1, minlength=n).astype(np.int64)
        table[f"{phase}_decided"], table[f"{phase}_within"] = decided, within
        share = np.where(decided >= FEW, within / np.maximum(decided, 1), np.nan)
        table[f"{phase}_within_share"] = np.round(share, 4)
    return _sorted(table, question)


def verdicts(found: Responses, now: datetime) -> dict[str, NDArray[np.int8]]:
    """Return for each clock and life 1 met, 0 missed or overdue, -1 not decided or off."""
    now_us = round(now.timestamp() * 1e6)
    standards = [standard_from(one["standard"]) for one in found.kinds]
    out = {}
    for phase in Phase:
        limit_s = np.array([one.limit_s[phase] for one in standards], np.int64)[found.kind]
        starts = np.array([one.start.get(phase, "reported") for one in standards], dtype=object)[found.kind]
        start_us = np.full(len(found.kind), NEVER)
        for name in _STARTS:
            chosen = starts == name
            start_us[chosen] = found.at_us[name][chosen]
        reached_us = found.at_us[{"arrive": "arrived", "handle": "handled", "close": "closed"}[phase.value]]
        for row, pauses in zip(np.flatnonzero(found.paused), found.pauses, strict=True):
            if phase in standards[found.kind[row]].pausable and NEVER not in {start_us[row], reached_us[row]}:
                start_us[row] += _paused_us(pauses, int(start_us[row]), int(reached_us[row]))
        out[phase.value] = met(start_us, reached_us, found.due_us[phase.value], limit_s, now_us)
    return out


def _paused_us(pauses: Sequence[tuple[int, int | None]], start: int, until: int) -> int:
    return sum(max(0, min(until, until if end is None else end) - max(start, begin)) for begin, end in pauses)


def _keys(
    tiling: Tiling, level: str | None, found: Responses, question: Question, scope: Collection[int]
) -> dict[Axis, NDArray[np.int64]]:
    keys: dict[Axis, NDArray[np.int64]] = {}
    for axis in question.by:
        if axis is Axis.CELL:
            keys[axis] = cells_of(tiling, str(level), found.lonlat_deg, found.cell_id, scope)
        elif axis is Axis.HOUR:
            at = pd.DatetimeIndex(found.at_us["reported"].astype("datetime64[us]"), tz="UTC")
            keys[axis] = np.asarray(at.tz_convert(question.zone).hour, dtype=np.int64)
        elif axis in PERIODS:
            asked = series.Question(question.since, question.until, (series.Axis(axis.value),), question.zone)
            keys[axis] = series.period_number(found.at_us["reported"], asked)
        else:
            words = [one[axis.value] for one in found.kinds]
            number = {word: i for i, word in enumerate(sorted(set(words)))}
            keys[axis] = np.array([number[word] for word in words], np.int64)[found.kind]
    return keys


def cells_of(
    tiling: Tiling,
    level: str,
    lonlat_deg: NDArray[np.float64],
    cell_id: NDArray[np.int64],
    scope: Collection[int] = (),
) -> NDArray[np.int64]:
    """Return the row of the level's cell in which each lies; OUTSIDE all cells, UNPLACED without a place.

    With ``scope`` what lies in other cells now (the land was handed over since) is OUTSIDE.
    """
    row = np.full(len(cell_id), UNPLACED)
    located = np.isfinite(lonlat_deg).all(axis=1)
    leaf, _ = tiling.index.leaf_of(lonlat_deg[located])
    row[located] = np.append(tiling.group_of_leaf(level), OUTSIDE)[leaf]
    for key in np.unique(cell_id[~located & (cell_id >= 0)]).tolist():
        above = tiling.row_above(key, level)
        row[~located & (cell_id == key)] = above if above >= 0 else UNPLACED
    if scope:
        part = Part(tiling, frozenset(scope))
        ids = tiling.cells.loc[tiling.cells["level"] == level, "id"]
        known = np.append(ids.isin(list(part.cells | part.above)).to_numpy(), True)
        row[~known[np.where(row >= 0, row, len(ids))]] = OUTSIDE
    return row


def _groups(
    keys: dict[Axis, NDArray[np.int64]], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return the group of each life, one life of each group, and how many groups there are."""
    group = np.zeros(count, np.int64)
    for key in keys.values():
        _, part = np.unique(key, return_inverse=True)
        group = group * (int(part.max(initial=0)) + 1) + part.reshape(-1)
        _, group = np.unique(group, return_inverse=True)
        group = group.reshape(-1)
    if not keys:
        return group, np.zeros(0, np.int64), 1
    _, first = np.unique(group, return_index=True)
    return group, first, len(first)


def _labels(
    tiling: Tiling,
    level: str | None,
    found: Responses,
    question: Question,
    keys: dict[Axis, NDArray[np.int64]],
) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for axis in question.by:
        key = keys[axis]
        if axis is Axis.CELL:
            cells = tiling.cells[tiling.cells["level"] == level].reset_index(drop=True)
            at = np.where(key >= 0, key, len(cells))
            columns["row"] = np.where(key >= 0, key, len(cells) - key)
            columns["code"] = np.append(cells["code"].to_numpy(dtype=object), [None])[at]
            columns["name"] = np.append(cells["name"].to_numpy(dtype=object), [None])[at]
            columns["where"] = [_WHERE.get(int(one), "cell") for one in key]
        elif axis is Axis.HOUR:
            columns[axis.value] = key
        elif axis in PERIODS:
            columns[axis.value] = series.period_words(key, series.Axis(axis.value))
        else:
            words = np.array(sorted({one[axis.value] for one in found.kinds}), dtype=object)
            columns[axis.value] = words[key]
    return pd.DataFrame(columns, index=pd.RangeIndex(1) if not question.by else None)


def _sorted(table: pd.DataFrame, question: Question) -> pd.DataFrame:
    if not question.by:
        return table
    order = ["row" if axis is Axis.CELL else axis.value for axis in question.by]
    table = table.sort_values(order, kind="stable").reset_index(drop=True)
    return table.drop(columns="row", errors="ignore")
