"""The monthly report for leadership: one month of a cell beside the month before.

Nothing is reckoned here that another service reckons: incidents come from :mod:`.monthly_counts`, clocks from
:mod:`.responding`, causes from :mod:`.attaining`, coverage from :mod:`.coverage_week` and
:mod:`.coverage_blind`, people from :mod:`.cell_figures`, vacancies from :mod:`.vacancies`, patrols from
:mod:`.patrol`. Here they are put side by side.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from geo_service.errors import Fault, GeoServiceError, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.services import (
    catalogue,
    cell_figures,
    coverage_blind,
    monthly_counts,
    patrol,
    relations,
    responding,
    vacancies,
)
from geo_service.services.attaining import Attainment, attainment_table
from geo_service.services.coverage_question import Question as CoverageQuestion
from geo_service.services.coverage_readings import settle_question
from geo_service.services.coverage_views import week_rows
from geo_service.services.coverage_week import read_week
from geo_service.services.ground import Ground
from geo_service.services.jobs import Say, silent
from geo_service.services.monthly_counts import Counts
from geo_service.services.months import Month, month_of
from geo_service.services.responding import Axis, Question
from geo_service.services.rostering import town_zone
from geo_service.services.scopes import Part
from geo_service.services.staffed_cells import Cells
from geo_service.services.tiling import Tiling, Tilings
from geo_service.staffing.attainment import CAUSES_ZH, Cause
from geo_service.staffing.response import SPANS
from geo_service.store import boundaries
from geo_service.store.database import Connection, Database

LIMIT_S = 300
#: For so long breaches are looked into before a report; what is left then is left to the next one.
CAUSES_S = 10.0
#: Blind spots that are listed; all are counted.
SPOTS_SHOWN = 12
_NOON = 12


def require_month(connection: Connection, text: str) -> tuple[Month, datetime]:
    """Return a month by the town's clock, and the moment that it is.

    Raises
    ------
    InvalidInputError
        No month, or one that has not begun.
    """
    asked, moment = month_of(text, town_zone(connection)), boundaries.moment(connection)
    if asked.start > moment:
        message = Words("this month has not begun yet", "该月尚未开始")
        raise InvalidInputError(message, [Fault("month", message, value=text)])
    return asked, moment


@dataclass(frozen=True)
class Place:
    """What the report is on: a cell, and the first level below on which it has several cells."""

    tiling: Tiling
    cell_id: int
    level: str
    code: str
    name: str
    below: str

    @property
    def scope(self) -> frozenset[int]:
        """The cell as a scope; empty for the whole town, where what lies in no cell counts too."""
        is_whole = len(self.tiling.at_level(self.level)) == 1
        return frozenset() if is_whole else frozenset({self.cell_id})

    @property
    def codes(self) -> frozenset[str]:
        """Codes of the cells of the level below that lie in it."""
        return Part(self.tiling, frozenset({self.cell_id})).codes_at(self.below)


def place_of(tiling: Tiling, code: str | None, of: str | None = None) -> Place:
    """Return the cell of a code; None: the one at the top.

    Raises
    ------
    NotFoundError
        There is none.
    """
    if code is None:
        top = tiling.at_level(tiling.levels[0])
        code, of = str(top["code"].iloc[0]), tiling.levels[0]
    row = tiling.cells.iloc[relations.find_cell(tiling, code, of)]
    depth = tiling.levels.index(row["level"])
    part = Part(tiling, frozenset({int(row["id"])}))
    finer = [level for level in tiling.levels[depth + 1 :] if len(part.codes_at(level)) > 1]
    below = finer[0] if finer else tiling.levels[-1]
    return Place(tiling, int(row["id"]), str(row["level"]), code, str(row["name"]), below)


@dataclass(frozen=True)
class Sources:
    """Where the figures come from, and who works out what arrivals failed by."""

    database: Database
    tilings: Tilings
    ground: Ground
    attainment: Attainment | None = None  #: None: causes as far as they have been worked out


class Steps:
    """Tells how far a report is: the parts of two months are counted, and at last it may be drawn."""

    COUNTING, COVERAGE, DRAWING = "counting", "coverage", "drawing"
    #: Parts of a month, and the drawing.
    TOTAL = 2 * 7 + 1

    def __init__(self, say: Say = silent) -> None:
        self._say, self._begun = say, 0

    def begin(self, phase: str) -> None:
        """Say which part is begun; raises when the work is to end here."""
        self._say(phase, self._begun, self.TOTAL)
        self._begun += 1

    def end(self) -> None:
        """Say that all is done."""
        self._say(self.DRAWING, self.TOTAL, self.TOTAL)


def monthly(
    sources: Sources,
    month: str,
    cell: str | None = None,
    of: str | None = None,
    *,
    steps: Steps | None = None,
) -> dict[str, Any]:
    """Return the report.

    A month that runs is compared with the same span of the month before (``spans``, ``is_whole``). Breaches
    nobody has looked into are worked out first, for :data:`CAUSES_S` seconds; ``worked_out`` of the breaches
    says how many are.

    Keys: ``month``, ``before`` (names of the months), ``spans``, ``cell``, ``levels`` (Chinese names),
    ``categories``, ``now`` and ``then``: the figures of both months, see :func:`figures`.

    Raises
    ------
    InvalidInputError
        No month, or one that has not begun.
    NotFoundError
        There is no such cell.
    """
    with sources.database.reading() as connection:
        asked, moment = require_month(connection, month)
        zone = town_zone(connection)
        names = {one["code"]: one["name_zh"] for one in catalogue.categories(connection)}
        levels = {one.code: one.name_zh for one in boundaries.levels(connection)}
    is_whole = asked.end <= moment
    at = asked.end - timedelta(hours=24 - _NOON) if is_whole else moment
    before = asked.before()
    if not is_whole:
        asked = replace(asked, end=moment.astimezone(zone))
        before = before.until_like(asked)
    place = place_of(sources.tilings.get(), cell, of)
    _work_out(sources, place, (asked, before))
    path = place.tiling.path_of_cell(place.cell_id)
    steps = steps or Steps()
    return {
        "month": asked.name,
        "before": before.name,
        "made_at": moment.astimezone(zone).isoformat(timespec="minutes"),
        "is_whole": is_whole,
        "spans": {"now": asked.told(), "then": before.told()},
        "timezone": zone.key,
        "edition": place.tiling.edition.id,
        "limit_s": LIMIT_S,
        "cell": {
            "level": place.level,
            "code": place.code,
            "name": place.name,
            "below": place.below,
            "path": [one["name"] for one in path],
        },
        "levels": levels,
        "categories": names,
        "causes": {cause.value: words for cause, words in CAUSES_ZH.items()},
        "now": figures(sources, place, asked, at, steps),
        "then": figures(sources, place, before, before.like(at), steps),
    }


def _work_out(sources: Sources, place: Place, months: tuple[Month, ...]) -> None:
    """Work out for a while what the arrivals of these months failed by; where it cannot be, it stays so."""
    if sources.attainment is None:
        return
    ends = time.monotonic() + CAUSES_S
    with suppress(GeoServiceError):  # no streets yet: the rest of the report stands
        for month in months:
            left_s = ends - time.monotonic()
            sources.attainment.work_out(month.start, month.end, scope=place.scope, seconds=left_s)


def figures(sources: Sources, place: Place, month: Month, at: datetime, steps: Steps) -> dict[str, Any]:
    """Return the figures of a month: incidents, clocks, breaches, cells, coverage, people, vacancies, patrol.

    Coverage and people are of a moment: now in the month that runs, noon of the last day of one that is over;
    in the month before the same hour of the same day of the week, for nights are compared with nights.
    """
    parts: dict[str, Callable[[Connection], Any]] = {
        "breaches": lambda connection: _breaches(connection, place, month),
        "patrol": lambda connection: _patrol(connection, place, month),
        "vacancies": lambda connection: _vacancies(connection, place, month),
        "people": lambda connection: _people(connection, sources.ground, place, at),
    }
    with sources.database.reading() as connection:
        steps.begin(Steps.COUNTING)
        counts = _counts(connection, place, month)
        told = {
            "incidents": counts.total,
            "categories": counts.categories,
            "hours": counts.hours,
            **_response(connection, place, month),
        }
        for name, count in parts.items():
            steps.begin(Steps.COUNTING)
            told[name] = count(connection)
        steps.begin(Steps.COUNTING)
        cells = _cells(connection, place, month, told["people"].pop("by_cell"), counts.cells)
    coverage = _coverage(sources, place, at, steps)
    return told | {"coverage": coverage, "cells": _with_coverage(cells, coverage.pop("by_cell"))}


def _question(month: Month, *by: Axis) -> Question:
    zone = month.start.tzinfo
    return Question(month.start, month.end, by, zone.key if isinstance(zone, ZoneInfo) else "UTC")


def _counts(connection: Connection, place: Place, month: Month) -> Counts:
    cell = (place.level, place.code) if place.scope else None
    return monthly_counts.count(connection, place.tiling, cell, place.below, (month.start, month.end))


def _response(connection: Connection, place: Place, month: Month) -> dict[str, Any]:
    """Return how many were handled here, and of these how long it took and which clocks were met."""
    whole = responding.response_table(
        connection, place.tiling, place.below, _question(month), scope=place.scope
    ).iloc[0]
    return {
        "handled": int(whole["incidents"]),
        "phases": {
            name: {part: _plain(whole[f"{name}_{part}"]) for part in ("n", "mean_s", "median_s", "p90_s")}
            for name in SPANS
        },
        "clocks": {
            name: {part: _plain(whole[f"{name}_{part}"]) for part in ("decided", "within", "within_share")}
            for name in ("arrive", "handle", "close")
        },
    }


def _breaches(connection: Connection, place: Place, month: Month) -> dict[str, Any]:
    table = attainment_table(
        connection, place.tiling, place.below, (month.start, month.end), scope=place.scope
    )
    names = ("breaches", "worked_out", "unattainable", *(cause.value for cause in Cause))
    sums = {name: int(table[name].sum()) for name in names}
    causes = {cause.value: sums.pop(cause.value) for cause in Cause}
    return {**sums, "causes": causes}


def _patrol(connection: Connection, place: Place, month: Month) -> dict[str, Any]:
    frame, days = patrol.cell_figures(connection, place.tiling, place.level, *month.days)
    own = frame[frame["code"] == place.code].iloc[0]
    names = ("share", "walked_m", "hours", "person_times")
    return {"days": len(days), **{name: _plain(own[name]) if days else None for name in names}}


def _vacancies(connection: Connection, place: Place, month: Month) -> dict[str, Any]:
    cells = Cells(place.tiling)
    found = vacancies.vacancies(connection, cells, month.start, month.end, place.scope or None)
    return {
        "count": int(found["count"]),
        "at_work": int(found["at_work"]),
        "unheld": int(found["count"] - found["at_work"]),  # roles to be held: no hours are missed
        "person_hours": sum(int(one["person_hours"]) for one in found["cells"]),
        "empty_posts": len(found["posts"]),
    }


def _people(connection: Connection, ground: Ground, place: Place, at: datetime) -> dict[str, Any]:
    leaves = ground.land_and_people(place.tiling)
    own = cell_figures.cell_table(connection, place.tiling, place.level, leaves, at)
    row = own[own["code"] == place.code].iloc[0]
    below = cell_figures.cell_table(connection, place.tiling, place.below, leaves, at)
    below = below[below["code"].isin(place.codes | {place.code})]
    return {
        "at": at.astimezone(town_zone(connection)).isoformat(timespec="minutes"),
        "on_duty": int(row["staff"]),
        "households": int(row["households"]),
        "residents": int(row["residents"]),
        "area_m2": round(float(row["area_m2"]), 1),
        "by_cell": below,
    }


def _cells(
    connection: Connection, place: Place, month: Month, people: pd.DataFrame, incidents: Mapping[str, int]
) -> pd.DataFrame:
    """Return a row for each cell of the level below: incidents, arrivals in time, patrol, people."""
    found = responding.response_table(
        connection, place.tiling, place.below, _question(month, Axis.CELL), scope=place.scope
    )
    named = ["code", "arrive_decided", "arrive_within", "arrive_within_share"]
    counted = people[["code", "name", "households", "staff"]].merge(found[named], on="code", how="left")
    counted.insert(2, "incidents", counted["code"].map(incidents))
    for name in ("incidents", "arrive_decided", "arrive_within"):
        counted[name] = counted[name].fillna(0).astype(int)
    walked, days = patrol.cell_figures(connection, place.tiling, place.below, *month.days)
    counted = counted.merge(walked[["code", "share"]].rename(columns={"share": "patrol_share"}), on="code")
    if not days:
        counted["patrol_share"] = np.nan
    counted["households"] = counted["households"].round().astype(int)
    return counted.sort_values("code").reset_index(drop=True)


def _coverage(sources: Sources, place: Place, at: datetime, steps: Steps) -> dict[str, Any]:
    """Return coverage at a moment and over its week; ``why`` says what keeps it from being known."""
    question = CoverageQuestion(at=at, limit_s=LIMIT_S, mode=Mode.EBIKE)  # as the map of coverage
    tiling, parts = place.tiling, (sources.database, sources.ground)
    nothing = {"now": None, "worst": None, "worst_at": None, "mean": None, "blind_spots": None}
    steps.begin(Steps.COVERAGE)  # not below: what ends the work is no lack of streets
    try:
        week = read_week(*parts, tiling, question)
        setting = settle_question(*parts, tiling, question)
        spots = coverage_blind.blind_spots(sources.ground, setting)
    except GeoServiceError as error:  # no streets or no buildings yet: the rest of the report stands
        said = error.detail.zh if isinstance(error.detail, Words) else error.detail
        return {**nothing, "why": str(said), "spots": [], "shapes": [], "hours": [], "by_cell": {}}
    own = next(row["share"] for row in week_rows(tiling, week, place.level) if row["code"] == place.code)
    known = [hour for hour, share in enumerate(own) if share is not None]
    if not known:
        return {**nothing, "why": "", "spots": [], "shapes": [], "hours": own, "by_cell": {}}
    local = at.astimezone(week.zone)
    hour = local.weekday() * 24 + local.hour
    worst = min(known, key=own.__getitem__)
    inside = Part(tiling, frozenset({place.cell_id})).leaves[:-1]
    spots = spots[spots["cell_code"].isin(set(tiling.leaf_codes[inside]))]
    return {
        "now": own[hour],
        "mean": round(sum(own[one] for one in known) / len(known), 4),
        "worst": own[worst],
        "worst_at": week.moment(worst).isoformat(timespec="minutes"),
        "hours": own,
        "blind_spots": len(spots),
        "blind_households": round(float(spots["households"].sum())),
        "spots": [
            {
                "cell": str(one.cell_name),
                "households": round(float(one.households)),
                "nearest_s": _plain(one.nearest_s),
            }
            for one in spots.head(SPOTS_SHOWN).itertuples()
        ],
        "shapes": spots.geometry.tolist(),
        "by_cell": {row["code"]: row["share"][hour] for row in week_rows(tiling, week, place.below)},
        "why": "",
    }


def _with_coverage(cells: pd.DataFrame, shares: Mapping[str, float]) -> list[dict[str, Any]]:
    cells["coverage_share"] = cells["code"].map(shares)
    return [{str(name): _plain(value) for name, value in row.items()} for row in cells.to_dict("records")]


def _plain(value: Any) -> Any:
    """Return a value for JSON: shares to six decimals, None for no number."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if np.isfinite(value) else None
    return value


def without_shapes(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report as JSON: blind spots by their cells alone."""

    def plain(side: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: value for name, value in side["coverage"].items() if name != "shapes"}
        return {**side, "coverage": told}

    return {**report, "now": plain(report["now"]), "then": plain(report["then"])}


def map_cells(place: Place, rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the cells of the level below with their shapes and one figure, for a map."""
    value = {row["code"]: row[name] for row in rows}
    cells = place.tiling.at_level(place.below)
    return [
        {"name": str(cell), "shape": shape, "value": value[str(code)]}
        for code, cell, shape in zip(cells["code"], cells["name"], cells["geom"], strict=True)
        if code in value
    ]
