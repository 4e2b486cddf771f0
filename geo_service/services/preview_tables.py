"""The tables of a report on a plan: figures of cells on both sides, what changed hands, who wins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.geometry.rules_shape import compactness_of
from geo_service.planning.compare import LevelDifference, Pieces, is_moved
from geo_service.planning.register import CellKey
from geo_service.services.preview_views import Points, Reached, View
from geo_service.staffing.workload import STANDARD_WEIGHTS, gini, means, workload_index

Floats = NDArray[np.float64]

COUNTED = ("households", "residents", "buildings", "incidents_year", "staff", "area_m2")
#: How many cells are named as those that win most, or lose most.
FOREMOST = 5
#: Decimals of what is a share or an index; counts are whole.
_DECIMALS = 4


@dataclass(frozen=True)
class Figures:
    """Figures of the cells of one level on one side, in order of code.

    ``coverage_share`` and ``attainment_share`` are NaN where nobody lives, or nothing happened; ``workload``
    is 1 for the mean cell of the side before.
    """

    codes: list[str]
    table: pd.DataFrame

    def of(self, code: str) -> dict[str, float | None] | None:
        """Return the figures of a cell; None if there is none of that code."""
        place = int(np.searchsorted(self._codes, code)) if self.codes else 0
        if place == len(self.codes) or self.codes[place] != code:
            return None
        row = self.table.iloc[place]
        return {str(name): tidy(str(name), float(value)) for name, value in row.items()}

    @property
    def _codes(self) -> NDArray[np.object_]:
        return np.array(self.codes, dtype=object)


def tidy(name: str, value: float) -> float | None:
    """Return a figure as a reader wants it: counts whole, shares to four decimals, nothing for not known."""
    if not np.isfinite(value):
        return None
    return round(float(value)) if name in COUNTED else round(float(value), _DECIMALS)


def figures(view: View, points: Points, reached: Reached | None, staff: Floats, level: str) -> Figures:
    """Count what lies in the cells of a level; the workload comes later, it needs both sides."""
    side = view.side
    demand, happened = view.demand_leaf, view.incident_leaf
    leaves = np.arange(len(side.leaves), dtype=np.int64)
    table = pd.DataFrame(
        {
            "households": side.sum_up(level, demand, points.households),
            "residents": side.sum_up(level, demand, points.residents),
            "buildings": side.sum_up(level, demand),
            "incidents_year": side.sum_up(level, happened),
            "staff": staff,
            "area_m2": side.sum_up(level, leaves, side.land_m2),
        }
    )
    table["coverage_share"] = table["attainment_share"] = np.nan
    if reached is not None:
        covered = side.sum_up(level, demand, points.households * reached.demand)
        attained = side.sum_up(level, happened, reached.incidents.astype(np.float64))
        table["coverage_share"] = covered / table["households"].where(table["households"] > 0)
        table["attainment_share"] = attained / table["incidents_year"].where(table["incidents_year"] > 0)
    return Figures(side.codes[level], table)


def weigh(before: Figures, after: Figures) -> None:
    """Add the workload on both sides, measured by the mean cell before."""
    names = list(STANDARD_WEIGHTS.share)
    mean = means({name: before.table[name].to_numpy() for name in names})
    for one in (before, after):
        values = {name: one.table[name].to_numpy() for name in names}
        one.table["workload"] = workload_index(values, mean)


def sums(found: Figures) -> dict[str, Any]:
    """Return the figures of all cells of a level together."""
    table = found.table
    total = table[list(COUNTED)].sum()
    out: dict[str, Any] = {"cells": len(table), **{name: round(float(total[name])) for name in COUNTED}}
    for name, weight in (("coverage_share", "households"), ("attainment_share", "incidents_year")):
        known = table[name].notna()
        whole = float(table.loc[known, weight].sum())
        part = float((table.loc[known, name] * table.loc[known, weight]).sum())
        out[name] = round(part / whole, _DECIMALS) if whole else None
    out["workload_gini"] = round(gini(table["workload"]), _DECIMALS)
    out["workload_max"] = round(float(table["workload"].max()), _DECIMALS) if len(table) else None
    return out


def compactness(view: View, keys: list[CellKey]) -> dict[CellKey, float | None]:
    """Return the Polsby–Popper score of cells that are there on a side; None for one without land."""
    there = [key for key in keys if key in view.side.records]
    shapes = np.array([view.side.outline(key) for key in there], dtype=object)
    if not len(shapes):
        return {}
    scores = compactness_of(shapes)[0]
    return {
        key: None if shape.is_empty else round(float(score), _DECIMALS)
        for key, shape, score in zip(there, shapes, scores, strict=True)
    }


def cell_rows(
    sides: tuple[View, View], found: tuple[Figures, Figures], differs: LevelDifference
) -> list[dict[str, Any]]:
    """Return the cells of a level that differ, each with its figures before and after."""
    keys = [(differs.level, code) for code in differs.touched]
    scores = [compactness(view, keys) for view in sides]
    rows = []
    for key in keys:
        before, after = (one.of(key[1]) for one in found)
        for figures_of, score in zip((before, after), scores, strict=True):
            if figures_of is not None:
                figures_of["compactness"] = score.get(key)
        record = sides[1].side.records.get(key) or sides[0].side.records[key]
        rows.append(
            {
                "cell": list(key),
                "name": record.name,
                "status": differs.status(key[1]),
                "before": before,
                "after": after,
            }
        )
    return rows


def foremost(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the cells relieved most and those burdened most, of those there before and after."""
    steps = [
        {
            "cell": row["cell"],
            "name": row["name"],
            "before": row["before"]["workload"],
            "after": row["after"]["workload"],
            "step": round(row["after"]["workload"] - row["before"]["workload"], _DECIMALS),
        }
        for row in rows
        if row["before"] and row["after"]
    ]
    steps.sort(key=lambda one: (one["step"], one["cell"]))
    relieved = [one for one in steps if one["step"] < 0][:FOREMOST]
    burdened = [one for one in reversed(steps) if one["step"] > 0][:FOREMOST]
    return relieved, burdened


def flow_rows(
    sides: tuple[View, View], found: tuple[Figures, Figures], differs: LevelDifference, points: Points
) -> list[dict[str, Any]]:
    """Return where land, households and incidents of cells go, in shares of what the giver has."""
    before, after = (view.side for view in sides)
    level = differs.level
    people = _gone(sides, level, "demand_leaf", points.households)
    happened = _gone(sides, level, "incident_leaf", np.ones(len(points.incident_deg)))
    rows = []
    for source, target, land in zip(
        differs.flow_from.tolist(), differs.flow_to.tolist(), differs.flow_m2.tolist(), strict=True
    ):
        had = found[0].table.iloc[source] if source >= 0 else None
        pair = (source, target)
        rows.append(
            {
                "level": level,
                "from": before.codes[level][source] if source >= 0 else None,
                "to": after.codes[level][target] if target >= 0 else None,
                "land_m2": round(land),
                "share_land": _share(land, had, "area_m2"),
                "households": round(people.get(pair, 0.0)),
                "share_households": _share(people.get(pair, 0.0), had, "households"),
                "incidents_year": round(happened.get(pair, 0.0)),
                "share_incidents": _share(happened.get(pair, 0.0), had, "incidents_year"),
            }
        )
    return rows


def _share(part: float, had: Any, name: str) -> float | None:
    whole = float(had[name]) if had is not None else 0.0
    return round(min(part / whole, 1.0), _DECIMALS) if whole > 0 else None


def _gone(sides: tuple[View, View], level: str, points: str, weight: Floats) -> dict[tuple[int, int], float]:
    """Return how much of a layer of points went from one cell to another, by their rows."""
    source, target, moved = _moved(sides, level, points)
    out: dict[tuple[int, int], float] = {}
    for pair, value in zip(zip(source[moved], target[moved], strict=True), weight[moved], strict=True):
        key = (int(pair[0]), int(pair[1]))
        out[key] = out.get(key, 0.0) + float(value)
    return out


def _moved(sides: tuple[View, View], level: str, points: str) -> tuple[Any, Any, NDArray[np.bool_]]:
    source, target = (np.append(view.side.rows[level], -1)[getattr(view, points)] for view in sides)
    return source, target, is_moved(sides[0].side, sides[1].side, level, source, target)


def hands(sides: tuple[View, View], points: Points) -> dict[str, dict[str, int]]:
    """Return by level how many households, residents, buildings and recent incidents come to another cell."""
    out: dict[str, dict[str, int]] = {}
    for level in sides[0].side.levels:
        if level not in sides[1].side.levels:
            continue
        lived = _moved(sides, level, "demand_leaf")[2]
        happened = _moved(sides, level, "incident_leaf")[2]
        out[level] = {
            "households": round(float(points.households[lived].sum())),
            "residents": round(float(points.residents[lived].sum())),
            "buildings": int(lived.sum()),
            "incidents_year": int(happened.sum()),
            "incidents_open": int((happened & points.recent).sum()),
        }
    return out


def duty_rows(
    duties: pd.DataFrame,
    differs: dict[str, LevelDifference],
    flows: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return the people whose cell is retired, reshaped or comes under another; with the heir of one retired.

    The heir is the cell that most of the land goes to.
    """
    heirs: dict[CellKey, tuple[float, str]] = {}
    for flow in flows:
        if flow["from"] is not None and flow["to"] is not None:
            key = (flow["level"], flow["from"])
            heirs[key] = max(heirs.get(key, (-1.0, "")), (flow["land_m2"], flow["to"]))
    touched = {level: set(one.touched) for level, one in differs.items()}
    rows = []
    columns = ("responder_id", "code", "name", "level", "cell")
    for who, code, name, level, cell in zip(*(duties[column] for column in columns), strict=True):
        if cell not in touched.get(level, ()):
            continue
        status = differs[level].status(cell)
        if status not in {"retired", "reshaped", "reparented"}:
            continue
        heir = heirs.get((level, cell), (0.0, ""))[1] if status == "retired" else ""
        rows.append(
            {
                "responder_id": int(who),
                "code": code,
                "name": name,
                "cell": [level, cell],
                "change": status,
                "heir": [level, heir] if heir else None,
            }
        )
    return sorted(rows, key=lambda row: (row["cell"], row["code"]))


def pieces_of(pieces: Pieces) -> dict[str, int]:
    """Return how many leaves were redrawn, and how much land came to the tiling or went out of it."""
    return {
        "leaves_redrawn": len(pieces.redrawn_new),
        "land_given_up_m2": round(float(pieces.land_m2[pieces.new < 0].sum())),
        "land_taken_in_m2": round(float(pieces.land_m2[pieces.old < 0].sum())),
    }
