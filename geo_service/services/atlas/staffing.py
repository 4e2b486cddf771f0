"""Staffing density (力量配备密度): who is on duty, for land, people and incidents; and the work they have."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.maps.classes import Method
from geo_service.maps.figures import Label
from geo_service.maps.layers import Measure
from geo_service.maps.points import Unit, units_json
from geo_service.services import cell_figures
from geo_service.services.atlas.kinds import (
    Drawing,
    ExtraLine,
    MapKind,
    OverlayKind,
    Scene,
    Values,
    at_note,
    within,
)
from geo_service.services.role_words import ROLE_NAMES
from geo_service.services.rostering import on_duty
from geo_service.staffing.density import staffing_density
from geo_service.staffing.workload import gini, means, workload_index

PEOPLE = Label("人", "staff")
HOUSEHOLDS = Label("户", "households")
CASES = Label("件", "incidents")
AT_POST = Label("在岗点", "at a post")

DENSITIES = (
    Measure("per_km2", Label("每平方公里", "per km²")),
    Measure("per_1000_residents", Label("每千人", "per 1,000 residents")),
    Measure("per_100_households", Label("每百户", "per 100 households")),
    Measure("per_incident", Label("每件事件（年）", "per incident a year")),
)
WORKLOADS = (
    Measure("workload", Label("工作量", "workload")),
    Measure("balance", Label("同级均衡", "balance")),
    Measure("per_staff", Label("每名在岗", "per person on duty")),
)


def on_duty_counts(scene: Scene, level: str) -> Values:
    """Return how many of the role asked for are on duty in each cell."""
    view, duty = scene.view, scene.once(_on_duty)
    with scene.database.reading() as connection:
        return cell_figures.staff_counts(connection, scene.tiling, level, view.at, role=view.role, duty=duty)


def _on_duty(scene: Scene) -> pd.DataFrame:
    with scene.database.reading() as connection:
        return on_duty(connection, scene.view.at)


def people_and_cases(scene: Scene) -> list[Values]:
    """Return the counts of leaves that say something of few people: households, residents, incidents."""
    return [scene.of_leaves("households"), scene.of_leaves("residents"), scene.incidents]


def _density(scene: Scene, level: str, measure: str) -> Drawing:
    staff = on_duty_counts(scene, level)
    columns = (scene.of_leaves(name) for name in ("area_km2", "residents", "households"))
    area_km2, residents, households = (scene.up(level, values) for values in columns)
    cases = scene.up(level, scene.incidents)
    density = staffing_density(staff, area_km2, residents, households, cases)
    words = next(one.label for one in DENSITIES if one.code == measure)
    role = ROLE_NAMES.get(scene.view.role)
    note = at_note(scene.view)
    return Drawing(
        density[measure].to_numpy(dtype=float),
        Label("力量配备密度", "Staffing density"),
        Label(f"人 / {words.zh.removeprefix('每')}", f"staff {words.en}"),
        note=within(role, note) if role else note,
        extras=(
            ExtraLine(Label("在岗", "On duty"), PEOPLE, staff),
            ExtraLine(Label("户数", "Households"), Label("户", ""), households),
            ExtraLine(Label("居住人口", "Residents"), Label("人", ""), residents),
            ExtraLine(Label("事件（年）", "Incidents a year"), Label("件", ""), cases),
        ),
    )


def units(scene: Scene) -> bytes:
    """Return who is on duty, and where, without names; or, without places, how many in each cell."""
    duty = scene.once(_on_duty)
    known = duty[duty["lon"].notna()]
    if scene.view.role:
        known = known[known["role"] == scene.view.role]
    if not scene.view.places:
        return units_json(_headcount(scene, known[["lon", "lat"]].to_numpy(np.float64)))
    columns = zip(known["lon"], known["lat"], known["code"], known["role"], known["pinned"], strict=True)
    return units_json(
        [
            Unit(lon, lat, code, ROLE_NAMES.get(role, Label(role, role)), AT_POST if pinned else None)
            for lon, lat, code, role, pinned in columns
        ]
    )


def _headcount(scene: Scene, lonlat_deg: NDArray[np.float64]) -> list[Unit]:
    """Return how many people are in each cell above the smallest, at a point inside it."""
    tiling = scene.tiling
    level = tiling.levels[max(0, len(tiling.levels) - 2)]
    leaf, _ = tiling.index.leaf_of(lonlat_deg)
    group = tiling.group_of_leaf(level)[leaf[leaf >= 0]]
    cells = tiling.at_level(level)
    told = []
    for row, count in zip(*np.unique(group[group >= 0], return_counts=True), strict=True):
        cell = cells.iloc[row]
        point = cell["geom"].representative_point()
        said = Label(f"在岗 {count} 人", f"{count} on duty")
        told.append(Unit(point.x, point.y, str(cell["name"] or cell["code"]), note=said))
    return told


def _workload(scene: Scene, level: str, measure: str) -> Drawing:
    sums = {
        "area_m2": scene.up(level, scene.of_leaves("area_km2") * 1e6),
        "households": scene.up(level, scene.of_leaves("households")),
        "residents": scene.up(level, scene.of_leaves("residents")),
        "incidents_year": scene.up(level, scene.incidents),
    }
    index = workload_index(sums, means(sums))
    staff = on_duty_counts(scene, level)
    extras = (
        ExtraLine(Label("工作量指数", "Workload index"), Label("", ""), index),
        ExtraLine(Label("户数", "Households"), Label("户", ""), sums["households"]),
        ExtraLine(Label("事件", "Incidents"), CASES, sums["incidents_year"]),
        ExtraLine(Label("在岗", "On duty"), PEOPLE, staff),
    )
    if measure == "workload":
        said = Label(f"基尼系数 {gini(index):.2f}（0 为完全均衡）", f"Gini {gini(index):.2f} (0: all alike)")
        return Drawing(
            index,
            Label("工作量指数", "Workload index"),
            Label("本级平均为 1", "1 = mean cell of the level"),
            palette="YlOrRd",
            note=said,
            extras=extras[1:],
        )
    if measure == "per_staff":
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(staff > 0, index / staff, np.nan)
        return Drawing(
            each,
            Label("每名在岗人员的工作量", "Workload per person on duty"),
            Label(
                "本级平均网格 / 人；无人在岗则无数据",
                "mean cells per person; no data where nobody is on duty",
            ),
            palette="YlOrRd",
            note=at_note(scene.view),
            extras=extras,
        )
    ratio = _against_siblings(scene, level, index)
    top = max(2.0, float(np.nanmax(ratio, initial=2.0)))
    return Drawing(
        ratio,
        Label("工作量均衡", "Balance of workload"),
        Label("同一上级网格的平均为 1", "1 = mean of the cells with the same parent"),
        method=Method.GIVEN,
        breaks=(0.5, 0.8, 1.25, 1.5, top) if top > 1.5 else (0.5, 0.8, 1.25, 1.5, 2.0),
        palette="PuOr",
        reverse=True,
        extras=extras,
    )


def _against_siblings(scene: Scene, level: str, index: Values) -> Values:
    """Return each cell's figure over the mean of all that have the same parent."""
    parent = parents_of(scene, level)
    count = np.bincount(parent, minlength=parent.max(initial=0) + 1)
    mean = np.bincount(parent, weights=np.nan_to_num(index), minlength=len(count)) / np.maximum(count, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Values = np.where(mean[parent] > 0, index / mean[parent], np.nan)
    return out


def parents_of(scene: Scene, level: str) -> np.ndarray:
    """Return for each cell of a level the row of its parent on the level before; 0 at the top."""
    tiling = scene.tiling
    at = tiling.levels.index(level)
    group = tiling.group_of_leaf(level)
    parent = np.zeros(int((tiling.cells["level"] == level).sum()), np.int64)
    if at > 0:
        above = tiling.group_of_leaf(tiling.levels[at - 1])
        held = (group >= 0) & (above >= 0)
        parent[group[held]] = above[held]
    return parent


ON_DUTY = OverlayKind("units", "units", Label("在岗力量", "On duty"), units)

STAFFING = MapKind(
    "staffing",
    Label("力量配备密度", "Staffing density"),
    Label(
        "某一时刻各级网格每平方公里、每千人、每百户、每件事件的在岗力量，可按角色看。",
        "Staff on duty per km², 1,000 residents, 100 households or incident, by role and hour.",
    ),
    DENSITIES,
    _density,
    overlays=(ON_DUTY,),
    asks=("role",),
    counts=people_and_cases,
    finest="grid",
    example="--at 2026-11-22T20:00+08:00 --role grid_worker",
)
WORKLOAD = MapKind(
    "workload",
    Label("工作量与均衡", "Workload and balance"),
    Label(
        "户数、人口、事件、面积加权的工作量，与同级平均、与在岗人数相比。",
        "Households, residents, incidents and area, weighted; against siblings and against staff.",
    ),
    WORKLOADS,
    _workload,
    counts=people_and_cases,
    asks=("days",),
    example="--days 365",
    ramp=("#ffffb2", "#fecc5c", "#fd8d3c", "#f03b20", "#bd0026"),
)
