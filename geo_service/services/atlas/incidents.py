"""Incidents: heat, hot spots with their proof, and the colour levels of units (橙蓝青) with their history."""

from datetime import date, datetime, time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from geo_service.geometry.segments import segments_of
from geo_service.maps.classes import Method
from geo_service.maps.figures import Frames, Label
from geo_service.maps.layers import Measure
from geo_service.maps.points import heat_json
from geo_service.services import cell_figures
from geo_service.services.atlas.kinds import (
    Drawing,
    ExtraLine,
    MapKind,
    OverlayKind,
    Scene,
    Values,
    View,
    span_note,
    within,
)
from geo_service.services.atlas.staffing import people_and_cases
from geo_service.services.tiling import Tiling
from geo_service.staffing.colour_levels import BLUE, CYAN, ORANGE, STANDARD_RULE, history, steps_changed
from geo_service.staffing.hotspots import FEWEST_CELLS, hot_spots
from geo_service.store import heat

MONTHS = 12
CASES = Label("件", "incidents")
#: Orange, blue and cyan that people who see no red, no green or no blue tell apart: they differ in lightness.
COLOUR_OF_LEVEL = {CYAN: "#a6dfe3", BLUE: "#2b6cb0", ORANGE: "#e8850c"}
LEVEL_WORDS = {
    CYAN: Label("青色：常态巡防", "Cyan: regular patrol"),
    BLUE: Label("蓝色：加密巡防", "Blue: denser patrol"),
    ORANGE: Label("橙色：重点巡防", "Orange: strongest patrol"),
}
SPOT_WORDS = (
    Label("冷点 q ≤ 0.01", "cold spot, q ≤ 0.01"),
    Label("冷点 q ≤ 0.05", "cold spot, q ≤ 0.05"),
    Label("冷点 q ≤ 0.10", "cold spot, q ≤ 0.10"),
    Label("不显著", "not significant"),
    Label("热点 q ≤ 0.10", "hot spot, q ≤ 0.10"),
    Label("热点 q ≤ 0.05", "hot spot, q ≤ 0.05"),
    Label("热点 q ≤ 0.01", "hot spot, q ≤ 0.01"),
)
_SPOT_COLORS = ("#2166ac", "#67a9cf", "#d1e5f0", "#f2f1ec", "#fddbc7", "#ef8a62", "#b2182b")


def cases(scene: Scene) -> list[Values]:
    """Incidents by leaf."""
    return [scene.incidents]


def _incidents(scene: Scene, level: str, measure: str) -> Drawing:
    del measure
    return Drawing(
        scene.up(level, scene.incidents),
        Label("事件数", "Incidents"),
        Label("件（一年）", "incidents in a year")
        if scene.view.days == 365
        else Label(f"件（{scene.view.days} 天）", f"incidents in {scene.view.days} days"),
        method=Method.FISHER_JENKS,
        palette="YlOrRd",
        note=span_note(scene.view),
    )


def heat_points(scene: Scene) -> bytes:
    """Return the incidents of the span, gathered on a raster."""
    view = scene.view
    with scene.database.reading() as connection:
        lonlat_deg, count, unlocated = heat.gather(connection, view.since, view.at)
    return heat_json(lonlat_deg, count, located=int(count.sum()), unlocated=unlocated, smallest=view.smallest)


def pairs_at(tiling: Tiling, level: str) -> np.ndarray:
    """Return the cells of a level that share an edge, (m, 2) rows of ``at_level``, each pair once."""
    segments = segments_of(tiling.cells["geom"].to_numpy()[tiling.leaves])
    group = np.append(tiling.group_of_leaf(level), -1)  # the outside, -1, is the last
    pair = np.sort(np.stack([group[segments.left], group[segments.right]], axis=1), axis=1)
    return np.unique(pair[(pair[:, 0] >= 0) & (pair[:, 0] != pair[:, 1])], axis=0)


def _hot_spots(scene: Scene, level: str, measure: str) -> Drawing:
    count = scene.up(level, scene.incidents)
    figure = count
    if measure != "count":
        basis = "area_km2" if measure == "per_km2" else "households"
        of = scene.up(level, scene.of_leaves(basis))
        with np.errstate(divide="ignore", invalid="ignore"):
            figure = np.where(of > 0, count / of, np.nan) * (1 if measure == "per_km2" else 100)
    words = next(one.label for one in SPOT_MEASURES if one.code == measure)
    note = Label(
        "Getis–Ord Gi*，共边为邻，Benjamini–Hochberg 校正",
        "Getis–Ord Gi*, neighbours share an edge, corrected by Benjamini–Hochberg",
    )
    common: dict[str, Any] = {
        "title": Label(f"事件热点：{words.zh}", f"Hot spots: {words.en}"),
        "unit": Label("q 值，即校正后的 p", "q, the corrected p"),
        "method": Method.GIVEN,
        "breaks": (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0),
        "colors": _SPOT_COLORS,
        "class_labels": SPOT_WORDS,
    }
    if int(np.isfinite(figure).sum()) < FEWEST_CELLS:
        few = Label("网格太少，不作检验：请选更细的层级", "too few cells to test: choose a finer level")
        return Drawing(np.full(len(figure), np.nan), note=few, **common)
    found = hot_spots(figure, pairs_at(scene.tiling, level))
    counted = (
        ExtraLine(words, Label("", ""), figure),
        ExtraLine(Label("事件数", "Incidents"), CASES, count),
    )
    if (
        scene.view.smallest
    ):  # from a score the sum over the neighbours could be had, and what one of them hides
        return Drawing(found.kind, note=within(note, span_note(scene.view)), extras=counted, **common)
    return Drawing(
        found.kind,
        note=within(note, span_note(scene.view)),
        extras=(
            *counted,
            ExtraLine(Label("Gi* 标准分", "Gi* (z)"), Label("", ""), found.z),
            ExtraLine(Label("p 值", "p"), Label("", ""), found.p),
            ExtraLine(Label("q 值", "q"), Label("", ""), found.q),
        ),
        **common,
    )


def month_starts(view: View, count: int) -> list[datetime]:
    """Return the beginnings of so many whole months before the moment, and of the one after them."""
    zone = view.at.tzinfo if isinstance(view.at.tzinfo, ZoneInfo) else None
    last = view.at.year * 12 + view.at.month - 1
    months = [divmod(last - count + i, 12) for i in range(count + 1)]
    return [datetime.combine(date(y, m + 1, 1), time(), zone or view.at.tzinfo) for y, m in months]


def _colour_levels(scene: Scene, level: str, measure: str) -> Drawing:
    del measure
    starts = month_starts(scene.view, MONTHS)
    with scene.database.reading() as connection:
        by_month = np.stack(
            [
                scene.up(level, cell_figures.incident_counts(connection, scene.tiling, since, until))
                for since, until in pairwise(starts)
            ]
        )
    levels = history(by_month)
    rule = STANDARD_RULE
    names = [Label(f"{one:%Y-%m}", f"{one:%Y-%m}") for one in starts[:-1]]
    frames = Frames(names, list(range(MONTHS)), levels.astype(np.float64), MONTHS - 1)
    note = Label(
        f"橙：当月事件最多、合占 {rule.orange:.0%} 的单元；蓝：至 {rule.blue:.0%}；其余为青",
        f"orange: units with most, together {rule.orange:.0%}; blue: up to {rule.blue:.0%}; cyan: the rest",
    )
    return Drawing(
        levels[-1].astype(np.float64),
        Label("单元色级", "Colour level"),
        Label("级，按月", "level, by month"),
        method=Method.GIVEN,
        breaks=(float(CYAN), float(BLUE), float(ORANGE)),
        colors=[COLOUR_OF_LEVEL[one] for one in (CYAN, BLUE, ORANGE)],
        class_labels=[LEVEL_WORDS[one] for one in (CYAN, BLUE, ORANGE)],
        note=note,
        extras=(
            ExtraLine(Label("最近一月事件", "Incidents, last month"), CASES, by_month[-1]),
            ExtraLine(Label("近十二月事件", "Incidents, 12 months"), CASES, by_month.sum(axis=0)),
            ExtraLine(
                Label("十二月内换色", "Changes in 12 months"),
                Label("次", "times"),
                steps_changed(levels).astype(np.float64),
            ),
        ),
        frames=frames,
    )


def _monthly(scene: Scene) -> list[Values]:
    """Incidents of the twelve months by leaf."""
    starts = month_starts(scene.view, MONTHS)
    with scene.database.reading() as connection:
        return [
            cell_figures.incident_counts(connection, scene.tiling, since, until)
            for since, until in pairwise(starts)
        ]


def incidents_title(view: View) -> Label:
    """Return the title for a span."""
    if view.days == 365:
        return Label("近一年事件热力", "Incidents of the last year")
    return Label(f"近 {view.days} 天事件热力", f"Incidents of the last {view.days} days")


_RAMP = ("#ffffb2", "#fecc5c", "#fd8d3c", "#f03b20", "#bd0026")
SPOT_MEASURES = (
    Measure("count", Label("事件数", "incidents")),
    Measure("per_km2", Label("每平方公里", "per km²")),
    Measure("per_100_households", Label("每百户", "per 100 households")),
)

INCIDENTS = MapKind(
    "incidents",
    Label("事件热力", "Incidents"),
    Label("事件在哪里集中；放大后按网格计数。", "Where incidents gather; counts by cell when you zoom in."),
    (Measure("count", Label("事件数（一年）", "incidents in a year")),),
    _incidents,
    overlays=(OverlayKind("heat", "heat", Label("事件热力", "Incidents"), heat_points, public=True),),
    asks=("days",),
    counts=cases,
    title=incidents_title,
    labels=True,
    example="--days 30",
    ramp=_RAMP,
)
HOT_SPOTS = MapKind(
    "hotspots",
    Label("事件热点", "Hot spots"),
    Label(
        "不只是热力：用 Getis–Ord Gi* 检验哪些网格及其邻格的事件多得不是偶然，校正多重检验。",
        "More than a blur: cells that gather more than chance would, tested by Getis–Ord Gi*, corrected.",
    ),
    SPOT_MEASURES,
    _hot_spots,
    asks=("days",),
    counts=people_and_cases,
    example="--days 90 --public",
    ramp=_SPOT_COLORS,
)
COLOURS = MapKind(
    "colours",
    Label("单元色级（橙蓝青）", "Colour levels of units"),
    Label(
        "巡防单元按月分橙、蓝、青三级：少数单元承担大部分事件；拖动滑块看十二个月的变化。",
        "Patrol units graded by month: few carry most incidents; a slider shows the twelve months.",
    ),
    (Measure("level", Label("色级", "level")),),
    _colour_levels,
    counts=_monthly,
    finest="grid",
    example="--at 2026-11-22T12:00+08:00",
    ramp=tuple(COLOUR_OF_LEVEL[one] for one in (CYAN, BLUE, ORANGE)),
)
