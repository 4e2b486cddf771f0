"""Before and after in one report: a plan against the edition it starts from, or two plans side by side."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import Finding, Level, Mode
from geo_service.planning.compare import LevelDifference, Pieces, difference, lay_over
from geo_service.planning.sign_boards import summary
from geo_service.services import preview_tables as tables
from geo_service.services.preview_views import (
    RECENT,
    Kept,
    Points,
    Reached,
    View,
    Views,
    duty_cells,
    quarter,
    staff_by_cell,
)
from geo_service.services.rulebook import day_of, rulebook
from geo_service.services.sign_boards import touched_between
from geo_service.staffing.workload import STANDARD_WEIGHTS
from geo_service.store import boundaries, plans, sign_boards
from geo_service.store.database import Connection, Database

StaffByLevel = Mapping[str, NDArray[np.float64]]

LIMIT_S = 300
REPORTS_KEPT = 16
#: Findings of cells that differ that are shown; all are counted.
FINDINGS_SHOWN = 40


@dataclass(frozen=True)
class Preview:
    """A report, and what its maps are drawn from.

    Attributes
    ----------
    report : dict
        JSON-able.
    sides : (View, View)
        Before and after.
    workload : (dict, dict)
        By code, of the cells of the report's level.
    revision : int
        Of the plan.
    """

    report: dict[str, Any]
    sides: tuple[View, View]
    workload: tuple[dict[str, float], dict[str, float]]
    revision: int

    @property
    def level(self) -> str:
        """Level of the cells reported one by one."""
        return str(self.report["level"])


class Previews:
    """Makes reports and keeps the last ones."""

    def __init__(self, database: Database, views: Views) -> None:
        self._database = database
        self._views = views
        self._kept = Kept(REPORTS_KEPT)
        self._making: dict[Any, threading.Lock] = {}  # of several readers of a new report one makes it

    def of(
        self,
        plan_id: int,
        *,
        against: int | None = None,
        level: str | None = None,
        at: datetime | None = None,
    ) -> Preview:
        """Return the report of a plan as it stands.

        Parameters
        ----------
        plan_id : int
        against : int, optional
            Another plan, the side before; default: the edition that the plan starts from.
        level : str, optional
            Cells reported one by one; default: those directly above the leaves.
        at : datetime, optional
            Who is on duty and holds what; default: now. Taken to the quarter of an hour.

        Raises
        ------
        NotFoundError
            There is no such plan.
        InvalidInputError
            A plan against itself, or no such level.
        """
        if against == plan_id:
            message = "a plan cannot be compared with itself: leave it out, or name another"
            raise InvalidInputError(message, [Fault("against", message, value=against)])
        with self._database.reading() as connection:
            now = boundaries.moment(connection)
            asked = at or now
            moment = quarter(asked)
            revisions = [plans.get(connection, one) for one in (plan_id, against) if one is not None]
            points = self._views.points(connection, moment)
            hanging = sign_boards.mark(connection)
            laws = [rulebook(connection, day_of(connection, now), row.id).mark for row in revisions]
        marks = [(row.id, row.revision, row.base_edition_id) for row in revisions]
        key = (*marks, *laws, hanging, level, moment, points.mark)
        known: Preview | None = self._kept.at_hand(key)
        if known is not None:
            return known
        making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                return self._kept.get(key, lambda: self._make(plan_id, against, level, asked, points))
        finally:
            self._making.pop(key, None)

    def _make(
        self, plan_id: int, against: int | None, level: str | None, at: datetime, points: Points
    ) -> Preview:
        row, after, before = self._views.of_plan(plan_id, points)
        if against is not None:
            _, before, _ = self._views.of_plan(against, points)
        sides = (before, after)
        shown = _level([one for one in after.side.levels if one in before.side.levels], level)
        with self._database.reading() as connection:
            return self._report(connection, sides, points, level=shown, at=at, revision=row.revision)

    def _report(
        self,
        connection: Connection,
        sides: tuple[View, View],
        points: Points,
        *,
        level: str,
        at: datetime,
        revision: int,
    ) -> Preview:
        before, after = (view.side for view in sides)
        reached = self._views.reached(connection, points, quarter(at), LIMIT_S)
        duties = duty_cells(connection, sides[0].base, at), duty_cells(connection, sides[1].base, at)
        staff = staff_by_cell(before, duties[0]), staff_by_cell(after, duties[1])
        levels = [one for one in boundaries.levels(connection) if one.code in after.levels]
        pieces = _pieces(sides)
        both = [one for one in levels if one.code in before.levels]
        differs = {one.code: difference(before, after, pieces, one.code) for one in both}
        found = {one.code: _figures(sides, points, reached, staff, one.code) for one in both}
        flows = {code: tables.flow_rows(sides, found[code], one, points) for code, one in differs.items()}
        changed = {(code, cell) for code, one in differs.items() for cell in one.touched}
        boards = touched_between(connection, before, after, changed)
        rows = tables.cell_rows(sides, found[level], differs[level])
        relieved, burdened = tables.foremost(rows)
        rules = self._rules(sides, differs)
        report = {
            "revision": revision,
            "plan": sides[1].name,
            "against": sides[0].name,
            "level": level,
            "at": quarter(at).isoformat(),
            "mode": Mode.EBIKE.value,
            "limit_s": LIMIT_S,
            "workload_weights": dict(STANDARD_WEIGHTS.share),
            "before": _side_sums(found[level][0], rows, rules["before"], "before"),
            "after": _side_sums(found[level][1], rows, rules["after"], "after"),
            "levels": [_level_row(one, found[one.code], differs[one.code]) for one in both],
            "cells": rows,
            "relieved": relieved,
            "burdened": burdened,
            "changes": [row for one in both for row in _changes(differs[one.code], sides)],
            "flows": [flow for one in both for flow in flows[one.code]],
            "hands": {
                "by_level": tables.hands(sides, points),
                "open_incident_days": RECENT.days,
                "responders": tables.duty_rows(
                    duties[0], differs, [flow for rows_of in flows.values() for flow in rows_of]
                ),
                "sign_boards": summary(boards),
                **tables.pieces_of(pieces),
            },
            "rules": rules,
        }
        workload = tuple(
            dict(zip(one.codes, one.table["workload"].round(4).tolist(), strict=True)) for one in found[level]
        )
        return Preview(report, sides, (workload[0], workload[1]), revision)

    def _rules(self, sides: tuple[View, View], differs: dict[str, LevelDifference]) -> dict[str, Any]:
        """Say what the rules find on both sides: counted for all cells, listed for those that differ.

        The side before is counted as a whole, so that its figures stay as they are while a plan grows. An
        edit leaves the findings of cells it does not touch alone: the side after is what the side before is,
        without what is solved, and with what is new.
        """
        keys = [(level, code) for level, one in differs.items() for code in one.touched]
        was, now = (_marked(view.laws.check(view.scene, keys)) for view in sides)
        whole = _marked(self._views.findings(sides[0]))
        solved = [one for mark, one in was.items() if mark not in now]
        new = [one for mark, one in now.items() if mark not in was]
        as_before = [one for mark, one in whole.items() if mark not in was or mark in now]
        shown = sorted(now.items(), key=lambda item: item[0] in was)  # what is new stands first
        return {
            "scope": "all",
            "before": _counted(whole.values()),
            "after": {
                **_counted([*as_before, *new]),
                "of_changed": len(shown),
                "findings": [_told(one, is_new=mark not in was) for mark, one in shown[:FINDINGS_SHOWN]],
            },
            "new": _counted(new),
            "solved": {**_counted(solved), "findings": [_told(one) for one in solved[:FINDINGS_SHOWN]]},
            "as_before": _counted(as_before),
        }


def _figures(
    sides: tuple[View, View],
    points: Points,
    reached: Reached | None,
    staff: tuple[StaffByLevel, StaffByLevel],
    level: str,
) -> tuple[tables.Figures, tables.Figures]:
    before = tables.figures(sides[0], points, reached, staff[0][level], level)
    after = tables.figures(sides[1], points, reached, staff[1][level], level)
    tables.weigh(before, after)
    return before, after


def _pieces(sides: tuple[View, View]) -> Pieces:
    before, after = sides
    if before.from_base is None and after.from_base is not None:  # the edition that the plan starts from
        return after.from_base
    return lay_over(before.side, after.side)


def _marked(findings: Iterable[Finding]) -> dict[tuple[Any, ...], Finding]:
    """Return findings by what tells them apart on both sides: the rule, how bad it is, the cells, which one.

    Several buildings may be cut by the border of the same two cells.
    """
    seen: Counter[tuple[Any, ...]] = Counter()
    out = {}
    for one in findings:
        mark = (one.rule, one.severity.value, tuple(one.cells))
        out[(*mark, seen[mark])] = one
        seen[mark] += 1
    return out


def _counted(findings: Iterable[Finding]) -> dict[str, Any]:
    counts = Counter((one.rule, one.severity.value) for one in findings)
    by_severity: Counter[str] = Counter()
    for (_, severity), count in counts.items():
        by_severity[severity] += count
    by_rule = [
        {"rule": rule, "severity": severity, "count": count}
        for (rule, severity), count in sorted(counts.items())
    ]
    return {"by_severity": dict(sorted(by_severity.items())), "by_rule": by_rule}


def _told(finding: Finding, **more: Any) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "cells": list(finding.cells),
        "message": finding.message,
        "message_zh": finding.message_zh,
        **more,
    }


def _level(levels: list[str], level: str | None) -> str:
    if level is None:
        return levels[-2] if len(levels) > 1 else levels[-1]
    if level not in levels:
        message = f"there is no level {level!r}; use one of: {', '.join(levels)}"
        raise InvalidInputError(message, [Fault("level", message, value=level)])
    return level


def _side_sums(
    found: tables.Figures, rows: list[dict[str, Any]], rules: dict[str, Any], word: str
) -> dict[str, Any]:
    scores = [row[word]["compactness"] for row in rows if row[word]]
    known = [score for score in scores if score is not None]
    return {
        **tables.sums(found),
        "compactness_mean_changed": round(float(np.mean(known)), 4) if known else None,
        "rule_errors": rules["by_severity"].get("error", 0),
        "rule_warnings": rules["by_severity"].get("warning", 0),
    }


def _level_row(
    level: Level, found: tuple[tables.Figures, tables.Figures], differs: LevelDifference
) -> dict[str, Any]:
    counts = {
        word: len(getattr(differs, word))
        for word in ("new", "retired", "reshaped", "reparented", "described")
    }
    return {
        "level": level.code,
        "name_zh": level.name_zh,
        "name_en": level.name_en,
        "before": tables.sums(found[0]),
        "after": tables.sums(found[1]),
        **counts,
    }


def _changes(differs: LevelDifference, sides: tuple[View, View]) -> list[dict[str, Any]]:
    """Return the cells that differ on a level: what happens to each, its parents before and after."""
    rows = []
    for code in differs.touched:
        key = (differs.level, code)
        old, new = (view.side.records.get(key) for view in sides)
        known = new or old
        rows.append(
            {
                "cell": list(key),
                "name": known.name if known else "",
                "status": differs.status(code),
                "parent_before": list(old.parent) if old and old.parent else None,
                "parent_after": list(new.parent) if new and new.parent else None,
            }
        )
    return rows


# ---------------------------------------------------------------------------------------------- maps


def window(preview: Preview) -> tuple[float, float, float, float]:
    """Return west, south, east, north of what changes, with room around it; all land if nothing does."""
    level = preview.level
    touched = {row["cell"][1] for row in preview.report["cells"]}
    shapes = [
        view.side.outline((level, code))
        for view in preview.sides
        for code in sorted(touched)
        if (level, code) in view.side.records
    ] or list(preview.sides[0].side.shapes)
    west, south, east, north = shapely.total_bounds(np.array(shapes, dtype=object)).tolist()
    room = 0.35 * max(east - west, north - south)
    return west - room, south - room, east + room, north + room


def map_cells(preview: Preview, which: int) -> list[dict[str, Any]]:
    """Return the cells of one side (0 before, 1 after) that lie in the window, with shape and workload."""
    west, south, east, north = window(preview)
    side, level = preview.sides[which].side, preview.level
    bounds = shapely.bounds(side.shapes)
    near = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    rows = np.unique(side.rows[level][near])
    touched = {row["cell"][1]: row["status"] for row in preview.report["cells"]}
    found = []
    for row in rows[rows >= 0].tolist():
        code = side.codes[level][row]
        found.append(
            {
                "code": code,
                "name": side.records[level, code].name,
                "shape": side.outline((level, code)),
                "workload": preview.workload[which].get(code),
                "status": touched.get(code, "same"),
            }
        )
    return found


def map_outlines(preview: Preview, which: int) -> list[dict[str, Any]]:
    """Return the cells of one side on levels above the one shown whose land changes, with their outlines."""
    levels = [one["level"] for one in preview.report["levels"]]
    above = set(levels[: levels.index(preview.level)])
    side = preview.sides[which].side
    found = []
    for row in preview.report["changes"]:
        level, code = row["cell"]
        if (
            level in above
            and row["status"] in {"new", "retired", "reshaped"}
            and (level, code) in side.records
        ):
            name, shape = side.records[level, code].name, side.outline((level, code))
            found.append(
                {"level": level, "code": code, "name": name, "shape": shape, "status": row["status"]}
            )
    return found
