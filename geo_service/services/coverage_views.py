"""Coverage as rows for people and programs: cells of a level, weeks of cells, before and after."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.services.cell_figures import sum_up
from geo_service.services.coverage_question import Added, Changes, Measure, Moved, Question
from geo_service.services.coverage_readings import Reading, read_coverage, reading_by_level
from geo_service.services.coverage_week import Week
from geo_service.services.exporting import boundary_frame
from geo_service.services.ground import Ground
from geo_service.services.plan_publishing import draft_of
from geo_service.services.plan_state import Plans
from geo_service.services.planning import viewing
from geo_service.services.tiling import Tiling
from geo_service.store import boundaries, plans
from geo_service.store.database import Database

#: Shares that differ by less are the same.
SAME = 1e-9
#: So far round the cells people may be put: about 50 km.
FAR_DEG = 0.5


def cell_table(tiling: Tiling, reading: Reading, level: str) -> pd.DataFrame:
    """Return code, name and figures of each cell of a level, shares to four digits, in order of code."""
    cells = tiling.at_level(level)
    frame = reading_by_level(tiling, reading, level)
    named = pd.DataFrame({"code": cells["code"].to_numpy(), "name": cells["name"].to_numpy()})
    table = pd.concat([named, frame.round(4)], axis=1)
    return table.sort_values("code", kind="stable").reset_index(drop=True)


def cell_rows(tiling: Tiling, reading: Reading, level: str) -> list[dict[str, Any]]:
    """Return :func:`cell_table` as rows for JSON, None for what is not known."""
    table = cell_table(tiling, reading, level).astype(object)
    columns = {str(name): values.tolist() for name, values in table.where(table.notna(), None).items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def cell_frame(tiling: Tiling, reading: Reading, level: str) -> gpd.GeoDataFrame:
    """Return :func:`cell_table` with outlines (EPSG:4326) and the parent's code."""
    frame = boundary_frame(tiling, level)[["code", "level", "parent_code", "geometry"]]
    return frame.merge(cell_table(tiling, reading, level), on="code")


def week_rows(tiling: Tiling, week: Week, level: str) -> list[dict[str, Any]]:
    """Return for each cell of a level its 168 shares (to three digits, None without households)."""
    cells = tiling.at_level(level)
    total = sum_up(tiling, level, week.total)
    by_state = np.stack([sum_up(tiling, level, one) for one in week.covered])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.round(by_state / total, 3)[week.state].T
    return [
        {"code": code, "name": name, "share": _or_none(row)}
        for code, name, row in zip(cells["code"].tolist(), cells["name"].tolist(), share, strict=True)
    ]


def what_if(
    database: Database, held: Ground, tiling: Tiling, question: Question, changes: Changes, *, level: str
) -> dict[str, Any]:
    """Tell coverage before and after changes, and the cells of a level that differ, most households first.

    Raises
    ------
    InvalidInputError
        Nothing is changed, or a change names what nobody knows.
    """
    if not changes:
        words = Words(
            "say what is different: add, remove or move people or posts, or close streets; rain and pace "
            "apply to both sides and change nothing alone",
            "请说明改变什么：增加、撤去或移动力量、岗位，或封闭道路；雨天与速度（rain、pace）对前后两边同样适用，"
            "单独给出不构成改变",
        )
        raise InvalidInputError(words, [Fault("", words)])
    tiling.at_level(level)
    _require_near(tiling, changes)
    before = read_coverage(database, held, tiling, question.unchanged())
    after = read_coverage(database, held, tiling, replace(question, changes=changes))
    return {
        "before": before.as_dict(),
        "after": after.as_dict(),
        "cells": _differing(tiling, before, after, level),
    }


def _require_near(tiling: Tiling, changes: Changes) -> None:
    """Refuse people who are put where no cell is near: most often longitude and latitude are swapped."""
    shapes = tiling.at_level(tiling.levels[0])["geom"].to_numpy()
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    words = Words(
        "lies far outside all cells; longitude comes first, are the two swapped?",
        "远离所有网格；经度在前，是否与纬度写反了？",
    )
    places: list[tuple[str, Sequence[Added | Moved]]] = [("add", changes.add), ("move", changes.move)]
    faults = [
        Fault(f"{name}[{number}]", words, value=f"{one.lon}, {one.lat}", place=(one.lon, one.lat))
        for name, things in places
        for number, one in enumerate(things)
        if not (west - FAR_DEG <= one.lon <= east + FAR_DEG and south - FAR_DEG <= one.lat <= north + FAR_DEG)
    ]
    if faults:
        raise InvalidInputError(Words("a place lies far outside all cells", "有位置远离所有网格"), faults)


def _differing(tiling: Tiling, before: Reading, after: Reading, level: str) -> list[dict[str, Any]]:
    measure = before.question.measures[0].value
    one, other = (cell_table(tiling, reading, level) for reading in (before, after))
    gained = other[f"{measure}_1"] - one[f"{measure}_1"]
    rows = np.flatnonzero(gained.abs() > SAME)
    rows = rows[np.lexsort((one["code"].to_numpy(dtype=str)[rows], -gained.abs().to_numpy()[rows]))]
    return [
        {
            "code": one["code"][i],
            "name": one["name"][i],
            f"{measure}_gained": float(gained[i]),
            "share_before": _number(one[f"{measure}_share"][i]),
            "share_after": _number(other[f"{measure}_share"][i]),
        }
        for i in rows.tolist()
    ]


def headline(reading: Reading) -> dict[str, Any]:
    """Return a few figures of a reading for one line."""
    told = reading.summary["measures"]
    people = reading.inputs["people"]
    shares = {f"share_of_{name}": one["share"] for name, one in told.items()}
    depth = told[Measure.HOUSEHOLDS.value]["depth"] if Measure.HOUSEHOLDS.value in told else []
    return {
        "reading_id": reading.id,
        "at": reading.question.at.isoformat(),
        **shares,
        **{f"by_{i}_or_more": share for i, share in enumerate(depth, 1) if i > 1},
        "counted": people["counted"],
        "on_duty": people["on_duty"],
        "pace": reading.question.pace,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _or_none(values: ArrayLike) -> list[float | None]:
    return [_number(float(value)) for value in np.asarray(values)]


def plan_tiling(store: Plans, plan_id: int) -> Tiling:
    """Return the cells of a plan as it stands, with an index of their own.

    A cell of the edition that the plan starts from keeps its number, as it does when the plan is published;
    new ones have negative numbers. Made once for each revision.

    Raises
    ------
    NotFoundError
        There is no such plan.
    """
    with store.database.reading() as connection:
        row = plans.get(connection, plan_id)
    return store.drawn.get((row.id, row.revision, row.base_edition_id), lambda: _plan_tiling(store, plan_id))


def _plan_tiling(store: Plans, plan_id: int) -> Tiling:
    with viewing(store, plan_id) as (_, state, connection):
        draft = draft_of(state, connection)
        depth_of = {level.code: level.depth for level in boundaries.levels(connection)}
        base = state.base
    cells = draft.cells.reset_index(drop=True)
    number = {}
    for i, (level, code) in enumerate(zip(cells["level"], cells["code"], strict=True)):
        known = base.id_of_cell(level, code)
        number[level, code] = -1 - i if known is None else known
    parents = zip(cells["parent_level"], cells["parent_code"], strict=True)
    cells = cells.assign(
        id=list(number.values()),
        depth=[depth_of[level] for level in cells["level"]],
        parent_id=pd.array([number.get(key) for key in parents], dtype="Int64"),
    )
    return Tiling.of(replace(base.edition, id=-plan_id, note=f"plan {plan_id}"), cells)
