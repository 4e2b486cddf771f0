"""The maps' data and pages: shapes, figures and points of an edition, served or embedded in one file."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, NotFoundError
from geo_service.maps import pages
from geo_service.maps.base_layer import base_features
from geo_service.maps.figures import Label, figures_json
from geo_service.maps.layers import Measure
from geo_service.maps.offline import Page
from geo_service.maps.points import Unit, heat_json, units_json
from geo_service.maps.shapes import FORMAT as SHAPES_FORMAT
from geo_service.maps.shapes import Detail, encode_shapes
from geo_service.model import Level, Mode
from geo_service.services import cell_figures
from geo_service.services.coverage import by_level, run_coverage
from geo_service.services.ground import Ground
from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tiling
from geo_service.staffing.density import staffing_density
from geo_service.store import boundaries, ground, heat, roads, tiles
from geo_service.store.database import Database

YEAR = timedelta(days=365)
#: Encoded shapes held in memory: five levels in three details, twice.
SHAPES_KEPT = 30
#: Encoded heats held in memory: a page without a moment asks for another one each quarter of an hour.
HEATS_KEPT = 8

STAFFING_MEASURES = (
    Measure("per_km2", Label("每平方公里", "per km²")),
    Measure("per_1000_residents", Label("每千人", "per 1,000 residents")),
    Measure("per_100_households", Label("每百户", "per 100 households")),
    Measure("per_incident", Label("每件事件（年）", "per incident a year")),
)
COVERAGE_MEASURES = (
    Measure("share", Label("覆盖率", "share covered")),
    Measure("worst_min", Label("最远到场时间", "longest time")),
)
INCIDENT_MEASURES = (Measure("count", Label("事件数（一年）", "incidents in a year")),)
INCIDENTS_TITLE = Label("近一年事件热力", "Incidents of the last year")
ROLE_NAMES = {
    "grid_worker": Label("网格员", "Grid worker"),
    "grid_lead": Label("网格长", "Grid lead"),
    "police": Label("民警", "Police officer"),
    "volunteer": Label("志愿者", "Volunteer"),
}
AT_POST = Label("在岗点", "at a post")


@dataclass(frozen=True)
class View:
    """What a map shows: boundaries, moment, mode and limit."""

    at: datetime
    mode: Mode = Mode.EBIKE
    limit_s: int = 300
    title: str = ""


class Mapper:
    """Makes the parts of maps from a database, its tilings and its ground."""

    def __init__(self, database: Database, ground: Ground) -> None:
        self._database = database
        self._ground = ground
        self._lock = threading.Lock()
        self._shapes: OrderedDict[tuple[int, str, Detail], bytes] = OrderedDict()
        self._heat: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._makers: Mapping[str, Callable[[Tiling, str, str, View], bytes]] = {
            "staffing": self._staffing,
            "coverage": self._coverage,
            "incidents": self._incidents,
        }

    def shapes(self, tiling: Tiling, level: str, detail: Detail) -> bytes:
        """Return a level's cells, encoded for the page; made once for each edition."""
        cells = tiling.at_level(level)
        key = (tiling.edition.id, level, detail)
        with self._lock:
            if key not in self._shapes:
                self._shapes[key] = encode_shapes(
                    cells["code"].tolist(),
                    cells["name"].tolist(),
                    cells["geom"].to_numpy(),
                    level=level,
                    edition=tiling.edition.id,
                    detail=detail,
                )
                while len(self._shapes) > SHAPES_KEPT:
                    self._shapes.popitem(last=False)
            return self._shapes[key]

    def figures(self, kind: str, tiling: Tiling, level: str, measure: str, view: View) -> bytes:
        """Return the figures of one map, level and measure.

        Raises
        ------
        NotFoundError
            There is no such map, measure or level.
        """
        known = {"staffing": STAFFING_MEASURES, "coverage": COVERAGE_MEASURES, "incidents": INCIDENT_MEASURES}
        if kind not in known:
            raise NotFoundError(f"there is no map {kind!r}", [Fault("map", f"use one of {', '.join(known)}")])
        if measure not in {one.code for one in known[kind]}:
            names = ", ".join(one.code for one in known[kind])
            raise NotFoundError(
                f"the map has no measure {measure!r}", [Fault("measure", f"use one of {names}")]
            )
        return self._makers[kind](tiling, level, measure, view)

    def _staffing(self, tiling: Tiling, level: str, measure: str, view: View) -> bytes:
        leaf = self._ground.land_and_people(tiling)
        with self._database.reading() as connection:
            yearly = cell_figures.incident_counts(connection, tiling, view.at - YEAR, view.at)
            staff = cell_figures.staff_counts(connection, tiling, level, view.at)
        area_km2, residents, households, incidents_a_year = (
            cell_figures.sum_up(tiling, level, np.asarray(values, dtype=float))
            for values in (leaf["area_km2"], leaf["residents"], leaf["households"], yearly)
        )
        density = staffing_density(staff, area_km2, residents, households, incidents_a_year)
        words = next(one.label for one in STAFFING_MEASURES if one.code == measure)
        return figures_json(
            _by_code(tiling, level, density[measure].to_numpy(dtype=float)),
            title=Label("力量配备密度", "Staffing density"),
            unit=Label(f"人 / {words.zh.removeprefix('每')}", f"staff {words.en}"),
            note=_moment_note(view),
        )

    def _coverage(self, tiling: Tiling, level: str, measure: str, view: View) -> bytes:
        run = run_coverage(
            self._database, self._ground, tiling, at=view.at, mode=view.mode, limit_s=view.limit_s
        )
        cells = by_level(tiling, run, level)
        of_households = run.summary["share_of"] == "households"
        if of_households:  # where nobody lives nobody waits: no figure, instead of a blind spot in the woods
            cells.loc[cells["by_area"], ["share", "worst_s"]] = np.nan
        minutes = f"{view.limit_s / 60:.4g}"
        if measure == "share":
            return figures_json(
                _by_code(tiling, level, cells["share"].to_numpy(dtype=float)),
                title=Label(f"{minutes} 分钟覆盖率", f"Covered within {minutes} min"),
                unit=Label("户数占比", "share of households")
                if of_households
                else Label("面积占比", "share of area"),
                method="given",
                breaks=(0.2, 0.4, 0.6, 0.8, 0.95, 1.0),
                palette="RdYlBu",
                percent=True,
                note=_moment_note(view, with_mode=True),
            )
        return figures_json(
            _by_code(tiling, level, cells["worst_s"].to_numpy(dtype=float) / 60),
            title=Label("最远到场时间", "Longest time to arrive"),
            unit=Label("分钟", "minutes"),
            palette="YlOrRd",
            note=_moment_note(view, with_mode=True),
        )

    def _incidents(self, tiling: Tiling, level: str, measure: str, view: View) -> bytes:
        del measure
        with self._database.reading() as connection:
            counts = cell_figures.incident_counts(connection, tiling, view.at - YEAR, view.at)
        return figures_json(
            _by_code(tiling, level, cell_figures.sum_up(tiling, level, counts)),
            title=Label("事件数", "Incidents"),
            unit=Label("件（一年）", "incidents in a year"),
            method="fisher_jenks",
            palette="YlOrRd",
            note=_year_note(view),
        )

    def heat(self, view: View) -> bytes:
        """Return the incidents of the year up to the moment, gathered on a raster."""
        since = view.at - YEAR
        with self._database.reading() as connection:
            key = (view.at, *heat.version(connection, since, view.at))
            with self._lock:
                if key in self._heat:
                    return self._heat[key]
            lonlat_deg, count, unlocated = heat.gather(connection, since, view.at)
        made = heat_json(lonlat_deg, count, located=int(count.sum()), unlocated=unlocated)
        with self._lock:
            self._heat[key] = made
            while len(self._heat) > HEATS_KEPT:
                self._heat.popitem(last=False)
        return made

    def units(self, view: View) -> bytes:
        """Return who is on duty, and where; no names: a map is looked at by many."""
        with self._database.reading() as connection:
            duty = on_duty(connection, view.at)
        known = duty[duty["lon"].notna()]
        columns = zip(known["lon"], known["lat"], known["code"], known["role"], known["pinned"], strict=True)
        return units_json(
            [
                Unit(lon, lat, code, ROLE_NAMES.get(role, Label(role, role)), AT_POST if pinned else None)
                for lon, lat, code, role, pinned in columns
            ]
        )

    def served_page(self, kind: str, tiling: Tiling, view: View, links: Any, base_version: str) -> Page:
        """Return a page that fetches its data from this server."""
        edition = tiling.edition.id
        query = f"at={view.at.isoformat().replace('+', '%2B')}&mode={view.mode.value}&limit_s={view.limit_s}"
        levels = [(one, int((tiling.cells["level"] == one.code).sum())) for one in self._levels(tiling)]
        measures = {"staffing": STAFFING_MEASURES, "coverage": COVERAGE_MEASURES}.get(kind, INCIDENT_MEASURES)
        sources = pages.served_levels(
            levels,
            f"/maps/shapes/{edition}?v={shapes_mark(tiling)}",
            f"/maps/figures/{edition}/{kind}?{query}",
            measures,
        )
        common: dict[str, Any] = {
            "place": self._place(tiling, view, links),
            "base": pages.served_base(f"/maps/tiles/base/{{z}}/{{x}}/{{y}}.mvt?v={base_version}"),
            "measures": measures,
        }
        if kind == "staffing":
            return pages.staffing_map(sources, units=f"/maps/units.json?{query}", **common)
        if kind == "coverage":
            return pages.coverage_map(
                sources, units=f"/maps/units.json?{query}", title=_coverage_title(view), **common
            )
        return pages.incident_map(sources, heat=f"/maps/heat.json?{query}", title=INCIDENTS_TITLE, **common)

    def file_page(self, kind: str, tiling: Tiling, view: View) -> Page:
        """Return a page that holds everything it shows and asks for nothing."""
        measures = {"staffing": STAFFING_MEASURES, "coverage": COVERAGE_MEASURES}.get(kind, INCIDENT_MEASURES)
        levels = [
            pages.EmbeddedLevel(
                one,
                gpd.GeoDataFrame(
                    tiling.at_level(one.code)[["code", "name", "geom"]], geometry="geom", crs=4326
                ),
                {m.code: self.figures(kind, tiling, one.code, m.code, view) for m in measures},
            )
            for one in self._levels(tiling)
        ]
        common: dict[str, Any] = {
            "place": self._place(tiling, view, ()),
            "base": pages.Embedded(self._base_features()),
            "measures": measures,
        }
        if kind == "incidents":
            return pages.incident_map(
                levels, heat=pages.Embedded(self.heat(view)), title=INCIDENTS_TITLE, **common
            )
        units = pages.Embedded(self.units(view))
        if kind == "coverage":
            return pages.coverage_map(levels, units=units, title=_coverage_title(view), **common)
        return pages.staffing_map(levels, units=units, **common)

    def _base_features(self) -> bytes:
        """Return water, land cover, rail and main roads as one small GeoJSON."""
        with self._database.reading() as connection:
            features = ground.features(connection)
            streets = roads.drawn(connection)
        frames = {
            layer: features[features["kind"].isin(list(kinds))]
            for layer, (kinds, _) in tiles.FEATURE_LAYERS.items()
            if layer != "places"
        }
        return base_features({**frames, "roads": streets})

    def _levels(self, tiling: Tiling) -> list[Level]:
        with self._database.reading() as connection:
            known = boundaries.levels(connection)
        return [level for level in known if level.code in tiling.levels]

    def _place(self, tiling: Tiling, view: View, links: Any) -> pages.Place:
        shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
        bounds = gpd.GeoSeries(shapes).total_bounds
        top = tiling.at_level(tiling.levels[0])
        name = str(top["name"].iloc[0]) if len(top) == 1 else ""
        edition = tiling.edition
        return pages.Place(
            bounds=tuple(map(float, bounds)),  # type: ignore[arg-type]
            subtitle=Label(
                f"{name}　{_moment(view.at)}　边界版本 {edition.id}".strip(),
                f"{name}  {_moment(view.at)}  edition {edition.id}".strip(),
            ),
            links=links,
        )


def _by_code(tiling: Tiling, level: str, values: NDArray[np.float64]) -> dict[str, float | None]:
    codes = tiling.at_level(level)["code"]
    return {str(code): float(v) if np.isfinite(v) else None for code, v in zip(codes, values, strict=True)}


def shapes_mark(tiling: Tiling) -> str:
    """Return a mark of the shapes of this edition of this installation: editions are numbered in each."""
    edition = tiling.edition
    words = f"{SHAPES_FORMAT} {edition.id} {edition.recorded_at.isoformat()} {len(tiling.cells)}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _coverage_title(view: View) -> Label:
    if view.limit_s == 300:
        return pages.COVERAGE
    minutes = f"{view.limit_s / 60:.4g}"
    return Label(f"{minutes} 分钟到场覆盖", f"Coverage within {minutes} minutes")


def _year_note(view: View) -> Label:
    since, until = _moment(view.at - YEAR), _moment(view.at)
    return Label(f"{since} 至 {until}", f"{since} to {until}")


def _moment_note(view: View, *, with_mode: bool = False) -> Label:
    modes = {
        Mode.WALK: ("步行", "on foot"),
        Mode.EBIKE: ("电动车", "by e-bike"),
        Mode.CAR: ("汽车", "by car"),
    }
    zh, en = modes[view.mode]
    when = _moment(view.at)
    return Label(f"{when}　{zh}", f"{when}  {en}") if with_mode else Label(when, when)


def _moment(at: datetime) -> str:
    """Write a moment with its offset, to the minute."""
    return at.isoformat(sep=" ", timespec="minutes")
