"""Patrols (巡查): what share of the streets was walked, how long, and whether that is where incidents are."""

from datetime import date, timedelta

import numpy as np

from geo_service.maps.classes import Method
from geo_service.maps.figures import Label
from geo_service.maps.layers import Measure
from geo_service.services import patrol
from geo_service.services.atlas.kinds import Drawing, ExtraLine, MapKind, Scene, Values, within

MEASURES = (
    Measure("share", Label("巡查街道占比", "share of streets")),
    Measure("hours", Label("巡查时长", "hours")),
    Measure("person_times", Label("人次", "person-times")),
    Measure("lift", Label("事件对巡查", "incidents over patrols")),
)


def _days_of(scene: Scene) -> tuple[date, date]:
    """Return the first and the last of the whole days that are shown."""
    last = scene.view.at.date() - timedelta(days=1)
    return last - timedelta(days=scene.view.days - 1), last


def _cases_shown(scene: Scene) -> list[Values]:
    """Incidents by leaf, of the days that are shown."""
    with scene.database.reading() as connection:
        return [patrol.incidents_of_days(connection, scene.tiling, *_days_of(scene))]


def _patrol(scene: Scene, level: str, measure: str) -> Drawing:
    first, last = _days_of(scene)
    with scene.database.reading() as connection:
        frame, days = patrol.cell_figures(connection, scene.tiling, level, first, last)
        compared, told = patrol.against_incidents(connection, scene.tiling, level, first, last)
    span = Label(
        f"{first} 至 {last}，有轨迹 {len(days)} 天", f"{first} to {last}, {len(days)} days with tracks"
    )
    if not days:
        how = Label("请先统计：geo-service patrol count", "count them first: geo-service patrol count")
        span = within(span, how)
    extras = (
        ExtraLine(Label("巡查时长", "Patrolled"), Label("小时", "h"), frame["hours"].to_numpy(dtype=float)),
        ExtraLine(Label("人次", "Person-times"), Label("", ""), frame["person_times"].to_numpy(dtype=float)),
        ExtraLine(Label("事件", "Incidents"), Label("件", ""), compared["incidents"].to_numpy(dtype=float)),
    )
    if measure == "lift":
        lift = compared["lift"].to_numpy(dtype=float)
        limits = (0.5, 0.8, 1.25, 2.0)
        finite = lift[np.isfinite(lift)]
        top = max(4.0, float(finite.max(initial=4.0)))
        found = "" if told.rho is None or told.p is None else f"ρ = {told.rho:.2f}, p = {told.p:.2g}"
        return Drawing(
            np.where(np.isposinf(lift), top, lift),
            Label("事件对巡查", "Incidents over patrols"),
            Label("事件占比 ÷ 巡查时长占比；1 为相称", "share of incidents ÷ share of patrol; 1 is fair"),
            method=Method.GIVEN,
            breaks=(*limits, top),
            palette="PuOr",
            reverse=True,
            note=within(span, Label(found, found)),
            extras=extras,
        )
    words = next(one.label for one in MEASURES if one.code == measure)
    values = frame[measure].to_numpy(dtype=float)
    if not days:
        values = np.full(len(values), np.nan)
    if measure == "share":
        return Drawing(
            values,
            Label("巡查到的街道", "Streets patrolled"),
            Label("街道长度占比，日均", "share of street metres, mean of the days"),
            percent=True,
            note=span,
            extras=extras,
        )
    units = {"hours": Label("小时", "hours"), "person_times": Label("人次", "person-times")}
    return Drawing(values, words, units[measure], note=span, extras=extras)


PATROL = MapKind(
    "patrol",
    Label("巡查占比", "Patrol share"),
    Label(
        "各网格街道被巡查的比例、时长、人次；巡查与事件是否相称。",
        "Share of each cell's streets that was patrolled, hours, person-times; patrols against incidents.",
    ),
    MEASURES,
    _patrol,
    asks=("days",),
    counts=_cases_shown,
    finest="grid",
    example="--days 7",
)
