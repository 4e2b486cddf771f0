"""The series of one place (一地历年): a cell as it is now, back through the cells that held its land."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry.measure import area_m2
from geo_service.model import Edition
from geo_service.planning.register import COUNTS
from geo_service.services.apportioning import PARTS, By
from geo_service.services.relations import find_cell
from geo_service.services.series import Axis, Question, Sharing, period_number, period_words, weights_of
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store import ground
from geo_service.store import series as store
from geo_service.store.database import Connection

#: Land that differs by less, as a share, is the same: two editions' borders may be rounded apart.
_SAME = 1e-6
_DECIMALS = 6
#: Nineteen years of weeks; more is a slip, and each is held against every edition.
MAX_PERIODS = 1000
_DAYS = {Axis.WEEK: 7, Axis.MONTH: 28, Axis.YEAR: 365}


@dataclass(frozen=True)
class Ancestor:
    """A cell that held land of the place in an earlier edition.

    Attributes
    ----------
    share_of_place : float
        How much of the place's land was its.
    share_given : float
        How much of its own land that was.
    """

    code: str
    name: str
    share_of_place: float
    share_given: float
    area_m2: float
    attributes: dict[str, Any]
    weight_given: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "code": self.code,
            "name": self.name,
            "share_of_place": round(self.share_of_place, _DECIMALS),
            "share_given": round(self.share_given, _DECIMALS),
            "area_m2": round(self.area_m2, 1),
        }


@dataclass(frozen=True)
class InEdition:
    """The place in one edition.

    Attributes
    ----------
    edition : Edition
    cells : tuple of Ancestor
        The largest share first.
    area_m2 : float
        Of the place's land what was in any cell of the level.
    figures : dict
        For households, residents and so on ``{"value", "label"}``; labels: recorded (written down of this
        very land), apportioned (of larger or several cells, by share), counted (nothing was written down: the
        points that are known today).
    """

    edition: Edition
    cells: tuple[Ancestor, ...]
    area_m2: float
    figures: dict[str, dict[str, Any]]

    @property
    def is_itself(self) -> bool:
        """Say whether one cell held the place's land and no other."""
        return len(self.cells) == 1 and self.cells[0].share_given > 1 - _SAME and self.is_whole

    @property
    def is_whole(self) -> bool:
        """Say whether all of the place's land was in cells."""
        return sum(cell.share_of_place for cell in self.cells) > 1 - _SAME

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "edition": self.edition.id,
            "valid_from": self.edition.valid_from,
            "valid_to": self.edition.valid_to,
            "note": self.edition.note,
            "cells": [cell.as_dict() for cell in self.cells],
            "area_m2": round(self.area_m2, 1),
            **self.figures,
        }


@dataclass(frozen=True)
class PlaceSeries:
    """The series of a place.

    Attributes
    ----------
    tiling : Tiling
        The edition whose cell the place is.
    cell : dict
        Level, code and name.
    periods : list of dict
        period, measured, apportioned, total, label (measured, apportioned), cells (who held the place then),
        breaks (editions that began in it and changed the cells of the place).
    editions : list of InEdition
        Those in force in the span, oldest first.
    breaks : list of dict
        at, edition, note, kind, before and after.
    """

    tiling: Tiling
    cell: dict[str, str]
    periods: list[dict[str, Any]]
    editions: list[InEdition]
    breaks: list[dict[str, Any]]


def series_of(
    connection: Connection,
    tilings: Tilings,
    tiling: Tiling,
    cell_key: tuple[str | None, str],
    question: Question,
) -> PlaceSeries:
    """Return the incidents of a place by week, month or year, and what it was in each edition.

    ``cell_key`` is level and code; without a level the code must be on one level only.

    Raises
    ------
    NotFoundError
        The edition has no such cell.
    InvalidInputError
        The span has more than :data:`MAX_PERIODS` periods.
    """
    position = find_cell(tiling, cell_key[1], cell_key[0])
    _refuse_endless(question)
    cell = tiling.cells.iloc[position]
    found = store.located(
        connection,
        question.since,
        question.until,
        known_at=question.known_at,
        box=_box(tiling, position) if question.apportion_by is not By.INCIDENTS else None,
    )
    points = weights_of(connection, question.apportion_by, found)
    sharing = Sharing(connection, tilings, tiling, str(cell["level"]), points=points)
    place = _Place(tiling, position, sharing, ground.demand(connection))
    timeline = store.timeline(connection, question.known_at)
    editions = [place.in_edition(one) for one in timeline if _overlaps(one, question)]
    breaks = _breaks(editions)
    periods = _periods(place, found, _of_codes(connection, place, question), question)
    for period in periods:
        moments = (pd.Timestamp(one["at"]).tz_convert(question.zone) for one in breaks)
        here = [_word(moment, question) == period["period"] for moment in moments]
        period["breaks"] = [one["edition"] for one, is_here in zip(breaks, here, strict=True) if is_here]
        period["cells"] = _held_by(editions, period["period"], question)
    named = {"level": str(cell["level"]), "code": str(cell["code"]), "name": str(cell["name"])}
    return PlaceSeries(tiling, named, periods, editions, breaks)


def _refuse_endless(question: Question) -> None:
    """Raise when a span has more periods than anybody reads."""
    axis = question.period or Axis.MONTH
    if (question.until - question.since).days > MAX_PERIODS * _DAYS[axis]:
        message = Words(
            f"more than {MAX_PERIODS} periods: give a shorter span, or longer periods (by)",
            f"超过 {MAX_PERIODS} 个时段：请缩短起止时间，或用更长的时段（by）",
        )
        raise InvalidInputError(message, [Fault("from", message, value=question.since.isoformat())])


class _Place:
    """The cell whose series is told."""

    def __init__(self, tiling: Tiling, position: int, sharing: Sharing, demand: pd.DataFrame) -> None:
        self.tiling, self.sharing = tiling, sharing
        self.level = str(tiling.cells["level"].iloc[position])
        rows = np.flatnonzero((tiling.cells["level"] == self.level).to_numpy())
        self.row = int(np.searchsorted(rows, position))
        self.leaves = np.flatnonzero(tiling.group_of_leaf(self.level) == self.row)
        self.area_m2 = float(area_m2(tiling.cells["geom"].to_numpy()[tiling.leaves[self.leaves]]).sum())
        self._counted = self._count(demand)

    def _count(self, demand: pd.DataFrame) -> dict[str, int]:
        """Count the points that are known today."""
        leaf, _ = self.tiling.index.leaf_of(demand[["lon", "lat"]].to_numpy(dtype=np.float64))
        inside = np.isin(leaf, self.leaves)
        if not len(demand):
            return {}
        return {name: int(demand[name].to_numpy()[inside].sum()) for name in ("households", "residents")}

    def in_edition(self, edition: Edition) -> InEdition:
        """Return what the place was in an edition."""
        old = self.sharing.tiling_of(edition)
        if self.level not in old.levels:
            return InEdition(edition, (), 0.0, self._figures(()))
        table = self.sharing.table(old, self.level)
        wholes = table.groupby("cell")[["land", "weight"]].sum()
        mine = table[(table["row"] == self.row) & (table["land"] > _SAME * self.area_m2)]
        cells = []
        for at, land, weight in zip(mine["cell"], mine["land"], mine["weight"], strict=True):
            cell, whole = old.cells.iloc[int(at)], wholes.loc[at]
            share = float(land / whole["land"])
            cells.append(
                Ancestor(
                    str(cell["code"]),
                    str(cell["name"]),
                    float(min(land / self.area_m2, 1.0)),
                    min(share, 1.0),
                    float(whole["land"]),
                    dict(cell["attributes"] or {}),
                    float(weight / whole["weight"]) if whole["weight"] > 0 else share,
                )
            )
        cells.sort(key=lambda one: (-one.share_of_place, one.code))
        return InEdition(edition, tuple(cells), float(mine["land"].sum()), self._figures(tuple(cells)))

    def _figures(self, cells: tuple[Ancestor, ...]) -> dict[str, dict[str, Any]]:
        """Return the counts that were written down, those of larger cells by share."""
        known = {name for name in COUNTS for cell in cells if name in cell.attributes}
        is_itself = len(cells) == 1 and min(cells[0].share_given, cells[0].share_of_place) > 1 - _SAME
        out: dict[str, dict[str, Any]] = {}
        for name in dict.fromkeys(("households", "residents", *sorted(known))):
            told = [cell.attributes.get(name) for cell in cells]
            values = [one for one in told if isinstance(one, int | float)]
            if cells and len(values) == len(cells):
                shares = [1.0] if is_itself else [cell.weight_given for cell in cells]
                value = sum(one * share for one, share in zip(values, shares, strict=True))
                label = "recorded" if is_itself else "apportioned"
                out[name] = {"value": round(value, 3), "label": label}
            elif name in self._counted:
                out[name] = {"value": self._counted[name], "label": "counted"}
            else:
                out[name] = {"value": None, "label": None}
        return out


def two_years_before(moment: datetime) -> datetime:
    """Return where a series begins by default."""
    return moment - timedelta(days=730)


def _box(tiling: Tiling, position: int) -> tuple[float, float, float, float]:
    column = tiling.levels.index(str(tiling.cells["level"].iloc[position]))
    leaves = tiling.leaves[tiling.ancestry[:, column] == position]
    west, south, east, north = shapely.total_bounds(tiling.cells["geom"].to_numpy()[leaves]).tolist()
    return west, south, east, north


def _overlaps(edition: Edition, question: Question) -> bool:
    begins, ends = edition.valid_from, edition.valid_to
    return (begins is None or begins < question.until) and (ends is None or ends > question.since)


def _of_codes(connection: Connection, place: _Place, question: Question) -> Counter[str]:
    """Return by period the thousandths of incidents known by a cell only that fall to the place."""
    known = store.unlocated(connection, question.since, question.until, known_at=question.known_at)
    out: Counter[str] = Counter()
    if not len(known) or question.period is None:
        return out
    words = period_words(period_number(known["at_us"].to_numpy(dtype=np.int64), question), question.period)
    sources = place.sharing.sources(known, question.known_at)
    for (word, source), count in Counter(zip(words.tolist(), sources, strict=True)).items():
        out[word] += place.sharing.share_out(source, count).get(place.row, 0)
    return out


def _periods(
    place: _Place, found: store.Happened, of_codes: Counter[str], question: Question
) -> list[dict[str, Any]]:
    """Return each period of the span with what is measured and what is apportioned."""
    leaf, _ = place.tiling.index.leaf_of(found.lonlat_deg)
    inside = np.isin(leaf, place.leaves)
    axis = question.period or Axis.MONTH
    measured = Counter(period_words(period_number(found.at_us[inside], question), axis).tolist())
    out = []
    for word in _words(question, axis):
        apportioned = of_codes[word] / PARTS
        out.append(
            {
                "period": word,
                "measured": measured[word],
                "apportioned": apportioned,
                "total": (measured[word] * PARTS + of_codes[word]) / PARTS,
                "label": "apportioned" if apportioned else "measured",
            }
        )
    return out


def _words(question: Question, axis: Axis) -> list[str]:
    """Return every period of the span, also those in which nothing happened."""
    zone = question.zone
    first = pd.Timestamp(question.since).tz_convert(zone).tz_localize(None).normalize()
    last = pd.Timestamp(question.until).tz_convert(zone).tz_localize(None) - pd.Timedelta(1, "us")
    days = pd.date_range(first, last.normalize(), freq="D").to_numpy().astype("datetime64[D]")
    if axis is Axis.WEEK:
        number = (days.astype(np.int64) + 3) // 7
    else:
        number = days.astype(f"datetime64[{'M' if axis is Axis.MONTH else 'Y'}]").astype(np.int64)
    return list(period_words(np.unique(number), axis))


def _word(moment: pd.Timestamp, question: Question) -> str:
    at_us = np.array([moment.value // 1000], dtype=np.int64)
    return str(period_words(period_number(at_us, question), question.period or Axis.MONTH)[0])


def _held_by(editions: list[InEdition], word: str, question: Question) -> list[str]:
    """Return the codes of the cells that held the place in a period."""
    out: dict[str, None] = {}
    for one in editions:
        begins = max(filter(None, (one.edition.valid_from, question.since)))
        ends = min(filter(None, (one.edition.valid_to, question.until)))
        last = pd.Timestamp(ends) - pd.Timedelta(1, "us")
        if _word(pd.Timestamp(begins), question) <= word <= _word(last, question):
            out.update(dict.fromkeys(cell.code for cell in one.cells))
    return list(out)


def _breaks(editions: list[InEdition]) -> list[dict[str, Any]]:
    """Return where the place changed hands, or the cell its land."""
    out = []
    for before, after in pairwise(editions):
        if _state(before) == _state(after):
            continue
        out.append(
            {
                "at": after.edition.valid_from,
                "edition": after.edition.id,
                "note": after.edition.note,
                "kind": _kind(before, after),
                "before": [cell.as_dict() for cell in before.cells],
                "after": [cell.as_dict() for cell in after.cells],
            }
        )
    return out


def _state(one: InEdition) -> list[tuple[str, float, float]]:
    return sorted(
        (cell.code, round(cell.share_of_place, 5), round(cell.share_given, 5)) for cell in one.cells
    )


def _kind(before: InEdition, after: InEdition) -> str:
    """Name a break: founded, abandoned, merge, split, recode or reshaped."""
    old, new = {cell.code for cell in before.cells}, {cell.code for cell in after.cells}
    if not old or not new:
        return "adopted" if new else "given_away"
    if len(old) > len(new):
        return "merge"
    if old != new and (len(new) > len(old) or not before.is_itself):
        return "split"
    return "reshaped" if old == new else "recode"


def rows_of(series: PlaceSeries) -> list[dict[str, Any]]:
    """Return the periods as flat rows, for a table."""
    return [
        {**one, "cells": " ".join(one["cells"]), "breaks": " ".join(map(str, one["breaks"]))}
        for one in series.periods
    ]


def as_dict(series: PlaceSeries, question: Question) -> dict[str, Any]:
    """Return the series as JSON."""
    return {
        "cell": series.cell,
        "edition": series.tiling.edition.id,
        "from": question.since,
        "to": question.until,
        "timezone": question.zone,
        "by": (question.period or Axis.MONTH).value,
        "apportioned_by": question.apportion_by.value,
        "periods": series.periods,
        "editions": [one.as_dict() for one in series.editions],
        "breaks": series.breaks,
    }
