"""Stations with their reach (站点可达): what stands, and what each site of a siting run adds."""

from datetime import datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.maps.areas import Area, Line, areas_json
from geo_service.maps.classes import Method
from geo_service.maps.figures import Label
from geo_service.maps.layers import Measure
from geo_service.maps.points import Unit, units_json
from geo_service.model import Mode
from geo_service.roads.reach import reached_within
from geo_service.services.atlas.asset_maps import label_of
from geo_service.services.atlas.kinds import (
    MODE_LABELS,
    Drawing,
    ExtraLine,
    MapKind,
    Opening,
    OverlayKind,
    Scene,
)
from geo_service.services.coverage_places import PEOPLE, doors_of, places_of
from geo_service.services.coverage_question import Measure as Weight
from geo_service.services.ground import MAX_ACCESS_M
from geo_service.services.isochrones import reached_from
from geo_service.services.siting_ground import standing_places
from geo_service.services.siting_question import SitingQuestion
from geo_service.staffing.small_counts import keep_back
from geo_service.store import assets
from geo_service.store import siting as runs
from geo_service.store.siting import SitingRow

MEASURES = (
    Measure("before", Label("现有力量", "what stands")),
    Measure("after", Label("加上新址", "with new sites")),
    Measure("gained", Label("新增户数", "households gained")),
)
#: Half a cell of the raster that isochrones are traced on, 8 m: less is its steps.
_HALF_CELL_DEG = 8e-5
#: About how far one comes in a second, m: only so that the first view shows what is around a new site.
_PACE_MS = {Mode.WALK: 1.2, Mode.EBIKE: 5.0, Mode.CAR: 9.0}
_AROUND = 2.5
_DEGREE_M = 111_320.0
#: In place of a small number on a public map.
KEPT_BACK = Label("新增户数不公开", "households added kept back")
_OF = Label("户数占比", "share of households")


def shown_run(scene: Scene) -> SitingRow | None:
    """Return the siting run asked for, or the last one that has an answer; None without any.

    None too for a reader who may not see places: what is still being planned is not for the street.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    if not scene.view.places:
        return None
    with scene.database.reading() as connection:
        if scene.view.siting is not None:
            return runs.get(connection, scene.view.siting)
        return next((row for row in runs.every(connection) if row.answer), None)


def _opening(scene: Scene) -> Opening:
    """Return the moment that a run tells of and what it settles; of one asked for, what it adds and where."""
    run = scene.once(shown_run)
    if run is None:
        return Opening()
    question = SitingQuestion.of(run.question).dated(run.asked_at)
    at = _most_hours(question).astimezone(scene.view.at.tzinfo) if _counts_duty(question) else run.asked_at
    settled = ("at", "mode", "limit_s")
    sites = _sites(scene)
    if scene.view.siting is None or not sites:
        return Opening(at.astimezone(scene.view.at.tzinfo), settled=settled)
    xy = np.array([(float(str(one["lon"])), float(str(one["lat"]))) for one in sites])
    mode, minutes = travel(scene)
    far_deg = _AROUND * _PACE_MS[mode] * minutes * 60 / _DEGREE_M
    room = np.array([far_deg / np.cos(np.radians(xy[:, 1].mean())), far_deg])
    west, south, east, north = np.concatenate((xy.min(axis=0) - room, xy.max(axis=0) + room)).tolist()
    return Opening(at.astimezone(scene.view.at.tzinfo), "after", (west, south, east, north), settled)


def _counts_duty(question: SitingQuestion) -> bool:
    return "on_duty" in question.existing


def _most_hours(question: SitingQuestion) -> datetime:
    """Return the moment that counts most of those a run asks about."""
    return max(question.hours, key=lambda one: one.hours).at


def travel(scene: Scene) -> tuple[Mode, float]:
    """Return mode and limit, min: those of the run, so that areas and figures tell the same."""
    run = scene.once(shown_run)
    if run is None:
        return scene.view.mode, scene.view.limit_s / 60
    return Mode(run.question["mode"]), float(run.question["limit_s"]) / 60


def _question(scene: Scene) -> SitingQuestion | None:
    run = scene.once(shown_run)
    return None if run is None else SitingQuestion.of(run.question).dated(run.asked_at)


def _standing(scene: Scene) -> list[tuple[float, float]]:
    """Return what stands already: of a run what it began from, else the stations."""
    question = _question(scene)
    with scene.database.reading() as connection:
        if question is None:
            return [(one.lon, one.lat) for one in assets.stations(connection)]
        return [(float(lon), float(lat)) for lon, lat in standing_places(connection, question)]


def _of_people(scene: Scene) -> bool:
    """Tell whether what stands are people, or where they live: not for the public map."""
    question = _question(scene)
    return question is not None and bool({"on_duty", "bases"} & set(question.existing))


def _sites(scene: Scene) -> list[dict[str, object]]:
    """Return the sites of the run, in the public form without those at people's bases."""
    run = scene.once(shown_run)
    sites = list(run.answer["sites"]) if run is not None and run.answer else []
    return [one for one in sites if one["kind"] != "base"] if scene.view.smallest else sites


def _sites_told(scene: Scene) -> list[tuple[dict[str, object], bool]]:
    """Return the sites of the run, and of each whether it is told how many households it adds.

    In the public form a small number is kept back, and with it another from which it could be had again.
    """
    sites = _sites(scene)
    added = np.array([float(str(one["households_added"])) for one in sites])
    hidden = np.zeros(len(sites), np.bool_)
    if scene.view.smallest and len(sites):
        counts, parents = ([added.sum()], added), ([-1], np.zeros(len(sites), np.int64))
        hidden = keep_back(counts, parents, smallest=scene.view.smallest)[-1]
    return list(zip(sites, (~hidden).tolist(), strict=True))


def _within(scene: Scene, places: list[tuple[float, float]]) -> np.ndarray:
    """Return which places with people are reached from any of some places, over the streets."""
    mode, minutes = travel(scene)
    people = places_of(scene.database, scene.ground, scene.tiling, PEOPLE, scene.view.at)
    network_id, network_mark, graph, snapper = scene.ground.roads(mode)
    lonlat_deg = np.array(places, dtype=np.float64).reshape(-1, 2)

    def make() -> np.ndarray:
        doors = doors_of(scene.ground, people, graph, snapper, network_id).snaps
        return reached_within(graph, snapper.snap(lonlat_deg, MAX_ACCESS_M), doors, round(minutes * 60_000))

    return scene.ground.keep(("reached", network_mark, people.mark, tuple(places), mode, minutes), make)


def _outline(scene: Scene, places: list[tuple[float, float]]) -> BaseGeometry:
    """Return what is reached from any of some places; empty where no street is near."""
    mode, minutes = travel(scene)
    reached = reached_from(scene.ground, np.array(places, dtype=np.float64), mode, minutes)
    return reached.simplify(_HALF_CELL_DEG)


def _reached(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return households by leaf: all, reached from what stands, and reached with the new sites."""
    people = places_of(scene.database, scene.ground, scene.tiling, PEOPLE, scene.view.at)
    weight = people.weights[Weight.HOUSEHOLDS]
    new = [(float(str(one["lon"])), float(str(one["lat"]))) for one in _sites(scene)]
    old = _within(scene, _standing(scene))
    both = old | _within(scene, new) if new else old
    n = len(scene.tiling.leaves)
    total, before, after = (
        np.bincount(people.leaf[w], weights=weight[w], minlength=n).astype(float)
        for w in (np.ones(len(weight), np.bool_), old, both)
    )
    return total, before, after


def _reach(scene: Scene, level: str, measure: str) -> Drawing:
    mode, minutes = travel(scene)
    total, before, after = (scene.up(level, leaves) for leaves in scene.once(_reached))
    by = MODE_LABELS[mode]
    run = scene.once(shown_run)
    note = Label(f"{minutes:.4g} 分钟，{by.zh}", f"{minutes:.4g} min {by.en}")
    if run is None:
        note = Label(f"{note.zh}；尚无选址结果", f"{note.en}; no siting yet")
    else:
        note = Label(f"{note.zh}；选址 {run.id}", f"{note.en}; siting {run.id}")
        if at := _duty_at(scene):
            note = Label(f"{note.zh}；{at} 在岗人员", f"{note.en}; those on duty {at}")
    extras = (
        ExtraLine(Label("户数", "Households"), Label("户", ""), total),
        ExtraLine(Label("新增户数", "Gained"), Label("户", ""), after - before),
    )
    if measure == "gained":
        return Drawing(
            after - before,
            Label("新址带来的户数", "Households that new sites reach first"),
            Label("户", "households"),
            method=Method.FISHER_JENKS,
            palette="BuPu",
            note=note,
            extras=extras[:1],
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, (before if measure == "before" else after) / total, np.nan)
    zh, en = (
        ("现有力量可达", "Reached from what stands")
        if measure == "before"
        else (
            "加上新址可达",
            "Reached with the new sites",
        )
    )
    return Drawing(
        share,
        Label(zh, en),
        _OF,
        method=Method.GIVEN,
        breaks=(0.2, 0.4, 0.6, 0.8, 0.95, 1.0),
        palette="RdYlBu",
        percent=True,
        note=note,
        extras=extras,
    )


def _duty_at(scene: Scene) -> str:
    """Return the moment whose people on duty a run counts, in the town's time zone; empty: it counts none."""
    question = _question(scene)
    if question is None or not _counts_duty(question):
        return ""
    return f"{_most_hours(question).astimezone(scene.view.at.tzinfo):%Y-%m-%d %H:%M}"


def _hides_standing(scene: Scene) -> bool:
    return bool(scene.view.smallest) and _of_people(scene)


def _standing_points(scene: Scene) -> bytes:
    if _hides_standing(scene):
        return units_json([])
    with scene.database.reading() as connection:
        rows = assets.stations(connection)
    stations = {
        (row.lon, row.lat): Unit(row.lon, row.lat, row.name or row.code, label_of(row.kind)) for row in rows
    }
    other = Label("在岗人员", "on duty") if _duty_at(scene) else Label("现有点位", "stands already")
    return units_json([stations.get(at) or Unit(*at, "", other) for at in _standing(scene)])


def _standing_reach(scene: Scene) -> bytes:
    _, minutes = travel(scene)
    name = Label(f"现有力量 {minutes:.4g} 分钟可达", f"Within {minutes:.4g} min of what stands")
    reached = shapely.MultiPolygon() if _hides_standing(scene) else _outline(scene, _standing(scene))
    return areas_json([] if reached.is_empty else [Area(reached, name)])


def _new_points(scene: Scene) -> bytes:
    return units_json(
        [
            Unit(
                float(str(one["lon"])),
                float(str(one["lat"])),
                f"{one['rank']}. {one['name'] or '新址'}",
                Label(
                    f"新增 {one['households_added']:.0f} 户",
                    f"{one['households_added']:.0f} households added",
                )
                if is_told
                else KEPT_BACK,
            )
            for one, is_told in _sites_told(scene)
        ]
    )


def _new_reach(scene: Scene) -> bytes:
    areas = []
    for one, is_told in _sites_told(scene):
        outline = _outline(scene, [(float(str(one["lon"])), float(str(one["lat"])))])
        if outline.is_empty:
            continue
        name = f"{one['rank']} {one['name'] or ''}".strip()
        weight = float(str(one["households_added"])) if is_told else 0.0
        areas.append(Area(outline, Label(name, name), _lines(scene, one, is_told=is_told), weight=weight))
    return areas_json(areas)


def _lines(scene: Scene, site: dict[str, object], *, is_told: bool) -> tuple[Line, ...]:
    """Return what is told of a site's reach.

    In the public form neither the share after it, of which the one before it can be taken, nor what would be
    lost without it: both tell of a handful of households.
    """
    added = Line(Label("新增户数", "Households added"), float(str(site["households_added"])), Label("户", ""))
    if scene.view.smallest:
        return (added,) if is_told else ()
    return (
        added,
        Line(Label("之后覆盖率", "Share then"), float(str(site["share_after"])), percent=True),
        Line(
            Label("没有它则少", "Lost without it"),
            float(str(site["households_lost_without"])),
            Label("户", ""),
        ),
    )


def _households(scene: Scene) -> list[np.ndarray]:
    _, before, after = scene.once(_reached)
    return [scene.of_leaves("households"), after - before]


REACH = MapKind(
    "reach",
    Label("站点可达", "Stations with reach"),
    Label(
        "现有站点沿路网能到哪里；选址结果：加上新址后怎样，每个新址新增多少户。",
        "Where stations reach by street; of a siting run: before, after, and what each new site adds.",
    ),
    MEASURES,
    _reach,
    overlays=(
        OverlayKind(
            "standing_reach",
            "areas",
            Label("现有可达范围", "Reach of what stands"),
            _standing_reach,
            "#1d5f8a",
            public=True,
            named=False,
        ),
        OverlayKind(
            "new_reach",
            "areas",
            Label("新址可达范围", "Reach of new sites"),
            _new_reach,
            "#7a0177",
            public=True,
        ),
        OverlayKind(
            "standing", "units", Label("现有点位", "What stands"), _standing_points, "#1d5f8a", public=True
        ),
        OverlayKind("new", "units", Label("新址", "New sites"), _new_points, "#c51b8a", public=True),
    ),
    asks=("siting", "mode", "limit_s"),
    counts=_households,
    opening=_opening,
    example="--siting 1",
    ramp=("#d73027", "#fc8d59", "#fee090", "#91bfdb", "#4575b4"),
)
