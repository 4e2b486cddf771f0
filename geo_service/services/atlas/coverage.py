"""Five-minute coverage (到场覆盖): share and depth, hour by hour over a week, and the blind spots by name."""

from datetime import timedelta
from typing import Any

import numpy as np

from geo_service.maps.areas import Area, Line, areas_json
from geo_service.maps.classes import Method
from geo_service.maps.figures import Frames, Label
from geo_service.maps.layers import Measure
from geo_service.services.atlas.kinds import (
    Drawing,
    ExtraLine,
    MapKind,
    OverlayKind,
    Scene,
    Values,
    View,
    at_note,
)
from geo_service.services.atlas.staffing import units
from geo_service.services.coverage import CoverageRun, by_level, run_coverage
from geo_service.services.coverage_blind import blind_spots
from geo_service.services.coverage_question import Question
from geo_service.services.coverage_readings import Reading, read_coverage, reading_by_level, settle_question
from geo_service.services.coverage_week import Week, read_week
from geo_service.staffing.shown import rounded_up

#: Half a cell of the raster that blind spots are traced on, 15 m: less is its steps.
_HALF_CELL_DEG = 1.5e-4
SHARE_BREAKS = (0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
OF_HOUSEHOLDS = Label("户数占比", "share of households")
MEASURES = (
    Measure("share", Label("覆盖率", "share covered")),
    Measure("by_two", Label("两人以上", "by two or more")),
    Measure("by_three", Label("三人以上", "by three or more")),
    Measure("residents", Label("人口覆盖", "residents")),
    Measure("fragile", Label("仅靠一人", "by exactly one")),
    Measure("worst_min", Label("最远到场时间", "longest time")),
)
SHARE = (MEASURES[0],)
_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def title(view: View) -> Label:
    """Return the title for a limit."""
    if view.limit_s == 300:
        return Label("五分钟到场覆盖", "Five-minute coverage")
    return Label(f"{view.minutes} 分钟到场覆盖", f"Coverage within {view.minutes} minutes")


def households(scene: Scene) -> list[Values]:
    """Return the counts of leaves that say something of few people."""
    return [scene.of_leaves("households"), scene.of_leaves("residents")]


def _share_drawing(view: View, values: Values, unit: Label = OF_HOUSEHOLDS, **more: Any) -> Drawing:
    return Drawing(
        values,
        Label(f"{view.minutes} 分钟覆盖率", f"Covered within {view.minutes} min"),
        unit,
        method=Method.GIVEN,
        breaks=SHARE_BREAKS,
        palette="RdYlBu",
        percent=True,
        note=at_note(view, with_mode=True),
        **more,
    )


def _coverage(scene: Scene, level: str, measure: str) -> Drawing:
    if measure in {"share", "worst_min"}:
        return _nearest(scene, level, measure)
    view = scene.view
    reading = scene.once(_reading)
    frame = reading_by_level(scene.tiling, reading, level)
    lived_in = frame["households"].to_numpy(dtype=float)
    lived_in = np.where(lived_in > 0, lived_in, np.nan)
    extra = ExtraLine(Label("户数", "Households"), Label("户", ""), frame["households"].to_numpy(dtype=float))
    if measure == "residents":
        share = frame["residents_share"].to_numpy(dtype=float)
        return _share_drawing(view, share, Label("居住人口占比", "share of residents"), extras=(extra,))
    if measure == "fragile":
        return Drawing(
            frame["fragile"].to_numpy(dtype=float) / lived_in,
            Label("仅靠一人覆盖", "Covered by exactly one"),
            Label("户数占比：此人一走即成盲区", "share of households; blind once that one is sent"),
            method=Method.GIVEN,
            breaks=SHARE_BREAKS,
            palette="YlOrRd",
            percent=True,
            note=at_note(view, with_mode=True),
            extras=(extra,),
        )
    depth = 2 if measure == "by_two" else 3
    deep = frame[f"households_{depth}"].to_numpy(dtype=float) / lived_in
    unit = Label(f"{depth} 人以上能到场的户数占比", f"share of households that {depth} or more reach")
    return _share_drawing(view, deep, unit, extras=(extra,))


def _nearest(scene: Scene, level: str, measure: str) -> Drawing:
    """Draw what the nearest one reaches: a single travel pass, kept for the standard question."""
    view = scene.view
    run = scene.once(_run)
    cells = by_level(scene.tiling, run, level)
    of_households = run.summary["share_of"] == "households"
    if of_households:  # where nobody lives nobody waits: no figure, instead of a blind spot in the woods
        cells.loc[cells["by_area"], ["share", "worst_s"]] = np.nan
    if measure == "share":
        unit = OF_HOUSEHOLDS if of_households else Label("面积占比", "share of area")
        return _share_drawing(view, cells["share"].to_numpy(dtype=float), unit)
    return Drawing(
        cells["worst_s"].to_numpy(dtype=float) / 60,
        Label("最远到场时间", "Longest time to arrive"),
        Label("分钟", "minutes"),
        palette="YlOrRd",
        note=at_note(view, with_mode=True),
    )


def _question(view: View) -> Question:
    return Question(view.at, limit_s=view.limit_s, mode=view.mode)


def _run(scene: Scene) -> CoverageRun:
    view = scene.view
    return run_coverage(
        scene.database, scene.ground, scene.tiling, at=view.at, mode=view.mode, limit_s=view.limit_s
    )


def _reading(scene: Scene) -> Reading:
    return read_coverage(scene.database, scene.ground, scene.tiling, _question(scene.view))


def _read_week(scene: Scene) -> Week:
    return read_week(scene.database, scene.ground, scene.tiling, _question(scene.view))


def _week(scene: Scene, level: str, measure: str) -> Drawing:
    del measure
    view = scene.view
    week = scene.once(_read_week)
    total = scene.up(level, week.total)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.stack([scene.up(level, one) for one in week.covered]) / total
    first = week.moment(0)
    hour = int(np.clip((view.at - first) / timedelta(hours=1), 0, len(week.state) - 1))
    labels = [
        _hour_label(week.moment(one).weekday(), week.moment(one).hour) for one in range(len(week.state))
    ]
    monday = week.monday.isoformat()
    note = Label(f"{monday} 起一周", f"week of {monday}")
    return Drawing(
        share[week.state[hour]],
        Label(f"{view.minutes} 分钟覆盖率，逐小时", f"Covered within {view.minutes} min, by the hour"),
        OF_HOUSEHOLDS,
        method=Method.GIVEN,
        breaks=SHARE_BREAKS,
        palette="RdYlBu",
        percent=True,
        note=note,
        extras=(ExtraLine(Label("户数", "Households"), Label("户", ""), total),),
        frames=Frames(labels, week.state.tolist(), share, hour),
    )


def _hour_label(day: int, hour: int) -> Label:
    return Label(f"{_DAYS[day]} {hour:02d}:00", f"{_DAYS_EN[day]} {hour:02d}:00")


def _blind(scene: Scene, level: str, measure: str) -> Drawing:
    return _nearest(scene, level, measure)


def blind_areas(scene: Scene) -> bytes:
    """Return the blind spots with names; of few households a public map says nothing."""
    view = scene.view
    setting = settle_question(scene.database, scene.ground, scene.tiling, _question(view))
    frame = blind_spots(scene.ground, setting, least_households=max(1.0, float(view.smallest)))
    if view.smallest and len(frame):
        frame = frame[frame["residents"] >= view.smallest]
    return areas_json(
        [
            Area(
                row.geometry.simplify(_HALF_CELL_DEG),
                Label(str(row.cell_name or row.cell_code), str(row.cell_name or row.cell_code)),
                (
                    Line(Label("户数", "Households"), float(row.households), Label("户", "")),
                    Line(Label("居住人口", "Residents"), float(row.residents), Label("人", "")),
                    Line(
                        Label("最快到场", "Soonest"),
                        _minutes(row.nearest_s),
                        Label("分钟", "min"),
                    ),
                    Line(Label("一半住户", "Half of them"), _minutes(row.median_s), Label("分钟", "min")),
                ),
                weight=float(row.households),
            )
            for row in frame.itertuples()
        ]
    )


def _minutes(seconds: float) -> float | None:
    """Return tenths of minutes, up: who needs longer than the limit is shown over it."""
    return rounded_up(seconds, 6) / 60 if np.isfinite(seconds) else None


STANDING = OverlayKind("units", "units", Label("出发点位", "Responders"), units)
_ASKS = ("mode", "limit_s")
_RAMP = ("#d73027", "#fc8d59", "#fee090", "#91bfdb", "#4575b4")

COVERAGE = MapKind(
    "coverage",
    Label("到场覆盖", "Coverage"),
    Label(
        "在岗力量沿路网限时内能到达的住户比例，有几人能到（深度），最远要多久。",
        "Share of households that people on duty reach in time, by how many of them, and the longest way.",
    ),
    MEASURES,
    _coverage,
    overlays=(STANDING,),
    asks=_ASKS,
    counts=households,
    title=title,
    example="--at 2026-11-22T02:00+08:00 --limit-s 300",
    ramp=_RAMP,
)
WEEK = MapKind(
    "week",
    Label("一周逐小时覆盖", "Coverage through the week"),
    Label(
        "拖动滑块看一周 168 个小时的覆盖率：凌晨两点、护学岗时段各是什么样。",
        "A slider over the 168 hours of a week: at two at night, and while people stand at school gates.",
    ),
    SHARE,
    _week,
    asks=_ASKS,
    counts=households,
    example="--at 2026-11-23T02:00+08:00",
    ramp=_RAMP,
)
BLIND = MapKind(
    "blind",
    Label("覆盖盲区", "Blind spots"),
    Label(
        "限时内无人能到的住户在哪里：盲区的范围、名称、户数、最快多久能到。",
        "Where nobody arrives in time: extent, name, households inside, and how long the soonest takes.",
    ),
    SHARE,
    _blind,
    overlays=(
        OverlayKind(
            "blind",
            "areas",
            Label("盲区范围", "Blind areas"),
            blind_areas,
            "#a50f15",
            public=True,
        ),
        STANDING,
    ),
    asks=_ASKS,
    counts=households,
    example="--at 2026-11-22T02:00+08:00 --mode ebike",
    ramp=_RAMP,
)
