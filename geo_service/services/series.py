"""Figures over lineage: incidents of one time in the cells of another, and the series of one place.

An incident with coordinates is counted where it happened, in the cells that are asked for: that is measured.
One of which only a cell is known is shared out over the cells that hold the land of that cell now: that is
apportioned, and shown apart. Together they add up to the whole; what lies in no cell is a row too.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, TooLargeError, Words
from geo_service.model import Edition
from geo_service.services import apportioning
from geo_service.services.apportioning import PARTS, By, Flows
from geo_service.services.lineage import Weighted
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.store import ground
from geo_service.store import series as store
from geo_service.store.database import Connection
from geo_service.store.series import Happened

#: More rows than this are no table that anybody reads.
MAX_ROWS = 500_000
#: In place of a cell: outside all cells of the level; and without coordinates or a cell that is known.
OUTSIDE, UNPLACED = -1, -2
_WHERE = {OUTSIDE: "outside", UNPLACED: "unplaced"}


class Axis(StrEnum):
    """What incidents are counted by, besides the cell."""

    CATEGORY = "category"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


PERIODS = (Axis.WEEK, Axis.MONTH, Axis.YEAR)


@dataclass(frozen=True)
class Question:
    """Which incidents are counted, and how.

    Attributes
    ----------
    since, until : datetime
        The span; its end is not in it.
    by : tuple of Axis
        At most one period among them.
    zone : str
        IANA zone of the days.
    apportion_by : By
    known_at : datetime or None
        As things were known at this moment (None: now): only what was reported up to it, where it was said to
        lie then, in the boundaries known then. What kind it is was perhaps corrected since: that is as now.
    """

    since: datetime
    until: datetime
    by: tuple[Axis, ...] = ()
    zone: str = "Asia/Shanghai"
    apportion_by: By = By.HOUSEHOLDS
    known_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a span that ends before it begins, and two periods at once."""
        if self.since >= self.until:
            message = Words("the span ends before it begins", "时段的终点早于起点")
            raise InvalidInputError(message, [Fault("to", message, value=str(self.until))])
        if len(periods := [axis for axis in self.by if axis in PERIODS]) > 1:
            message = Words("count by one of week, month and year", "周、月、年只能选一个")
            raise InvalidInputError(message, [Fault("by", message, value=", ".join(periods))])

    @property
    def period(self) -> Axis | None:
        """The period that is counted by, if there is one."""
        return next((axis for axis in self.by if axis in PERIODS), None)


@dataclass(frozen=True)
class Counted:
    """Incidents by cell.

    Attributes
    ----------
    tiling : Tiling
        Whose cells.
    level : str
    rows : pandas.DataFrame
        code, name (None outside of all cells), where (cell, outside, unplaced), one column for each axis,
        measured (int), apportioned and total (to the thousandth).
    """

    tiling: Tiling
    level: str
    rows: pd.DataFrame

    def totals(self) -> dict[str, Any]:
        """Return the sums: over all rows, and of them what lies in no cell."""
        by_where = self.rows.groupby("where")["total"].sum()
        return {
            "incidents": round(float(self.rows["total"].sum())),
            "measured": int(self.rows["measured"].sum()),
            "apportioned": round(float(self.rows["apportioned"].sum()), 3),
            "in_cells": round(float(by_where.get("cell", 0.0)), 3),
            "outside": round(float(by_where.get("outside", 0.0)), 3),
            "unplaced": round(float(by_where.get("unplaced", 0.0)), 3),
        }


def count_incidents(
    connection: Connection, tilings: Tilings, tiling: Tiling, level: str, question: Question
) -> Counted:
    """Count the incidents of a span in the cells of an edition, whatever was in force when they happened.

    Raises
    ------
    NotFoundError
        The edition has no such level.
    TooLargeError
        The table would have more than :data:`MAX_ROWS` rows.
    """
    tiling.at_level(level)
    found = store.located(connection, question.since, question.until, known_at=question.known_at)
    keys = _measured(tiling, level, found, question)
    points = weights_of(connection, question.apportion_by, found)
    keys += _apportioned(connection, Sharing(connection, tilings, tiling, level, points=points), question)
    parts = pd.concat(keys, ignore_index=True)
    axes = list(question.by)
    sums = parts.groupby(["row", *axes], as_index=False)[["measured", "thousandths"]].sum()
    if len(sums) > MAX_ROWS:
        message = Words(
            f"{len(sums):,} rows are too many; count by fewer things, a higher level or a shorter span",
            f"结果有 {len(sums):,} 行，太多了：请少分几项、选上一层级或缩短时段",
        )
        raise TooLargeError(message, [Fault("by", message)])
    return Counted(tiling, level, _named(tiling, level, sums, axes))


def _named(tiling: Tiling, level: str, sums: pd.DataFrame, axes: list[Axis]) -> pd.DataFrame:
    """Put codes and names in the place of rows; without axes all cells are there."""
    cells = tiling.cells[tiling.cells["level"] == level].reset_index(drop=True)
    if not axes:
        every = pd.DataFrame({"row": np.arange(len(cells))})
        sums = every.merge(sums, on="row", how="outer").fillna(0)
    row = sums["row"].to_numpy(dtype=np.int64)
    codes = np.append(cells["code"].to_numpy(dtype=object), [None, None])
    names = np.append(cells["name"].to_numpy(dtype=object), [None, None])
    at = np.where(row >= 0, row, len(cells))
    out = pd.DataFrame({"code": codes[at], "name": names[at]}).astype(object)
    out["where"] = [_WHERE.get(int(one), "cell") for one in row]
    for axis in axes:
        out[axis.value] = sums[axis].to_numpy()
    out["measured"] = sums["measured"].to_numpy(dtype=np.int64)
    thousandths = sums["thousandths"].to_numpy(dtype=np.int64)
    out["apportioned"] = thousandths / PARTS
    out["total"] = (out["measured"] * PARTS + thousandths) / PARTS
    out["row"] = np.where(row >= 0, row, len(cells) - row)  # what lies in no cell comes last
    return out.sort_values(["row", *axes], kind="stable").drop(columns="row").reset_index(drop=True)


def _measured(tiling: Tiling, level: str, found: Happened, question: Question) -> list[pd.DataFrame]:
    """Count incidents with coordinates by the cell of the level that holds them."""
    leaf, _ = tiling.index.leaf_of(found.lonlat_deg)
    row = np.append(tiling.group_of_leaf(level), OUTSIDE)[leaf]
    columns: dict[str, Any] = {"row": row}
    period = period_number(found.at_us, question)
    for axis in question.by:
        columns[axis] = found.category if axis is Axis.CATEGORY else period
    sums = pd.DataFrame(columns).groupby(list(columns)).size().reset_index(name="measured")
    for axis in question.by:
        if axis is Axis.CATEGORY:
            words = np.array([*found.categories, ""], dtype=object)
            sums[axis] = words[sums[axis].to_numpy(dtype=np.int64)]
        else:
            sums[axis] = period_words(sums[axis].to_numpy(dtype=np.int64), axis)
    return [sums.assign(thousandths=0)]


def _apportioned(connection: Connection, sharing: "Sharing", question: Question) -> list[pd.DataFrame]:
    """Share out the incidents of which only a cell is known."""
    known = store.unlocated(connection, question.since, question.until, known_at=question.known_at)
    if not len(known):
        return []
    period = period_number(known["at_us"].to_numpy(dtype=np.int64), question)
    for axis in question.by:
        if axis is not Axis.CATEGORY:
            known[axis] = period_words(period, axis)
    known["source"] = pd.Series(sharing.sources(known, question.known_at), index=known.index, dtype=object)
    axes = list(question.by)
    out = []
    for (source, *values), count in Counter(
        zip(*(known[name] for name in ["source", *axes]), strict=True)
    ).items():
        told = dict(zip(axes, values, strict=True))
        for row, thousandths in sharing.share_out(source, count).items():
            out.append({"row": row, "measured": 0, "thousandths": thousandths, **told})
    return [pd.DataFrame(out)]


class Sharing:
    """Shares the figures of whole cells of any edition out to the cells of one.

    Parameters
    ----------
    tiling, level
        The cells that are asked for.
    points : Weighted or None
        What is shared out by; None: land.
    """

    def __init__(
        self, connection: Connection, tilings: Tilings, tiling: Tiling, level: str, *, points: Weighted | None
    ) -> None:
        self._connection, self._tilings = connection, tilings
        self._tiling, self._level, self._points = tiling, level, points
        self._flows: dict[int, Flows] = {}
        self._tables: dict[tuple[int, str], pd.DataFrame] = {}
        self._shares: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        self._editions: dict[int, Edition] = {tiling.edition.id: tiling.edition}

    def tiling_of(self, edition: Edition) -> Tiling:
        """Return an edition's tiling."""
        self._editions[edition.id] = edition
        if edition.id == self._tiling.edition.id:
            return self._tiling
        return self._tilings.load(edition, self._connection)

    def table(self, old: Tiling, old_level: str) -> pd.DataFrame:
        """Return what went from the cells of a level of an edition to those asked for."""
        key = (old.edition.id, old_level)
        if key not in self._tables:
            if old.edition.id not in self._flows:
                self._flows[old.edition.id] = Flows.between(old, self._tiling, self._points)
            flows = self._flows[old.edition.id]
            self._tables[key] = flows.of_cells(old, old_level, self._tiling, self._level)
        return self._tables[key]

    def sources(self, known: pd.DataFrame, known_at: datetime | None) -> list[tuple[int, int] | None]:
        """Return for each incident edition and position of the cell that it names; None if it names none.

        Its cell is looked for in the edition in force when it happened, then in the one that is asked for.
        """
        timeline = store.timeline(self._connection, known_at)
        moments = pd.to_datetime(known["at_us"], unit="us", utc=True)
        in_force = [in_force_at(timeline, moment.to_pydatetime()) for moment in moments]
        seen: dict[tuple[int, str, str | None], tuple[int, int] | None] = {}
        out: list[tuple[int, int] | None] = []
        for then, code, level in zip(in_force, known["code"], known["level"], strict=True):
            edition = then or self._tiling.edition
            key = (edition.id, str(code), level)
            if code is not None and key not in seen:
                seen[key] = self._find(edition, str(code), level)
            out.append(None if code is None else seen[key])
        return out

    def _find(self, edition: Edition, code: str, level: str | None) -> tuple[int, int] | None:
        for candidate in dict.fromkeys((edition.id, self._tiling.edition.id)):
            tiling = self.tiling_of(edition if candidate == edition.id else self._tiling.edition)
            at = np.flatnonzero((tiling.cells["code"] == code).to_numpy())
            if level is not None:
                at = at[(tiling.cells["level"].iloc[at] == level).to_numpy()]
            if len(at):  # of several levels the lowest: they come from the top down
                return candidate, int(at[-1])
        return None

    def share_out(self, source: tuple[int, int] | None, count: int) -> dict[int, int]:
        """Return thousandths by row for a count that is known of a cell."""
        if source is None:
            return {UNPLACED: count * PARTS}
        if source not in self._shares:
            edition_id, cell = source
            old = self.tiling_of(self._editions[edition_id])
            table = self.table(old, str(old.cells["level"].iloc[cell]))
            self._shares[source] = apportioning.shares(table, [cell]).get(cell, ([OUTSIDE], [1]))
        return dict(apportioning.share_out(count, *self._shares[source]))


def weights_of(connection: Connection, by: By, found: Happened) -> Weighted | None:
    """Return the points by which figures are shared out; None: by land."""
    if by is By.LAND:
        return None
    if by is By.INCIDENTS:
        return Weighted(found.lonlat_deg, np.ones(len(found.lonlat_deg)))
    demand = ground.demand(connection)
    return Weighted(
        demand[["lon", "lat"]].to_numpy(dtype=np.float64), demand["households"].to_numpy(dtype=np.float64)
    )


def period_number(at_us: NDArray[np.int64], question: Question) -> NDArray[np.int64]:
    """Return the number of the week, month or year of each moment in the zone; 0 if none is asked for."""
    if question.period is None or not len(at_us):
        return np.zeros(len(at_us), dtype=np.int64)
    local = pd.DatetimeIndex(pd.to_datetime(at_us, unit="us", utc=True)).tz_convert(ZoneInfo(question.zone))
    days = local.tz_localize(None).to_numpy().astype("datetime64[D]")
    if question.period is Axis.WEEK:  # 1970-01-01 was a Thursday; weeks begin on Monday
        return np.asarray((days.astype(np.int64) + 3) // 7, dtype=np.int64)
    unit = "M" if question.period is Axis.MONTH else "Y"
    return np.asarray(days.astype(f"datetime64[{unit}]").astype(np.int64), dtype=np.int64)


def period_words(number: NDArray[np.int64], axis: Axis) -> NDArray[np.object_]:
    """Return periods as written: 2025-03, 2025-W10 (ISO 8601), 2025."""
    known, place = np.unique(number, return_inverse=True)
    if axis is Axis.WEEK:
        words = [
            "{}-W{:02}".format(*(np.datetime64(int(week) * 7 - 3, "D").item().isocalendar()[:2]))
            for week in known
        ]
    else:
        words = [str(np.datetime64(int(k), "M" if axis is Axis.MONTH else "Y")) for k in known]
    return np.array([*words, ""], dtype=object)[place.reshape(-1)]
