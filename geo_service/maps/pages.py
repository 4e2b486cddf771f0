"""The three maps: staffing density, five-minute coverage, incidents.

Each is given sources, so the same function makes the page that fetches its data from the server and the
single file that holds everything. Rendering takes some milliseconds of pure Python: call it in a worker
thread.

>>> staffing_map(served_levels(levels, "/maps/shapes/7", "/maps/figures/staffing", measures),
...              place=place, measures=measures, base=served_base())                     # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import folium
import geopandas as gpd

from geo_service.maps.base_layer import BaseLayer
from geo_service.maps.figures import Label
from geo_service.maps.layers import (
    AreasLayer,
    Choice,
    Choices,
    CompareLayer,
    Heading,
    HeatLayer,
    LevelSource,
    Measure,
    PageLink,
    Source,
    ThemeLayer,
    UnitsLayer,
)
from geo_service.maps.offline import OfflineFigure, Page, offline_map
from geo_service.maps.shapes import Detail, encode_shapes
from geo_service.model import Level
from geo_service.web.pages import NavLink, shell

STAFFING = Label("力量配备密度", "Staffing density")
COVERAGE = Label("五分钟到场覆盖", "Five-minute coverage")
ONE_MEASURE = (Measure("value", Label("数值", "Value")),)


@dataclass(frozen=True, slots=True)
class Place:
    """What a page is about, beside its figures.

    Attributes
    ----------
    bounds : (west, south, east, north)
        Degrees, EPSG:4326.
    subtitle : Label or None
        Place, edition, moment: one line under the title.
    links : sequence of PageLink
        Navigation of the shell that stands above the map; a single file has neither.
    attribution : str
        Whose data it is, in the corner.
    focus : (west, south, east, north), optional
        What is shown at first; else all.
    """

    bounds: tuple[float, float, float, float]
    subtitle: Label | None = None
    links: Sequence[PageLink] = ()
    attribution: str = ""
    focus: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """A payload for a single file, in the place of an address."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class EmbeddedLevel:
    """One level for a single file: its cells as a frame, its figures as encoded by ``figures_json``.

    ``cells`` has the columns ``code`` and ``name`` and polygons in EPSG:4326 that tile the place.
    """

    level: Level
    cells: gpd.GeoDataFrame
    figures: Mapping[str, bytes]


Data = Embedded | str  # a payload, or an address
Levels = Sequence[LevelSource] | Sequence[EmbeddedLevel]


def served_levels(
    levels: Sequence[tuple[Level, int]],
    shapes_url: str,
    figures_url: str,
    measures: Sequence[Measure] = ONE_MEASURE,
) -> list[LevelSource]:
    """Name the sources of levels that the page fetches.

    Parameters
    ----------
    levels : sequence of (Level, count of cells)
        From the top down.
    shapes_url, figures_url : str
        ``/maps/shapes/{edition}`` and ``/maps/figures/{map}`` of this edition and map; a level is fetched
        from ``{shapes_url}/{level}.json?detail=…`` and ``{figures_url}/{level}.json?measure=…``. A query
        in either (version; moment, mode) is kept.
    """
    (shapes_path, shapes_more), (path, more) = map(_address, (shapes_url, figures_url))
    return [
        LevelSource(
            code=level.code,
            label=Label(level.name_zh, level.name_en),
            cells=cells,
            shapes={"url": f"{shapes_path}/{quote(level.code)}.json?detail={{detail}}{shapes_more}"},
            figures={
                m.code: {"url": f"{path}/{quote(level.code)}.json?measure={quote(m.code)}{more}"}
                for m in measures
            },
        )
        for level, cells in levels
    ]


def _address(url: str) -> tuple[str, str]:
    """Split an address into its path and what its query adds to another query."""
    path, _, query = url.partition("?")
    return path, f"&{query}" if query else ""


def served_base(url: str = "/maps/tiles/base/{z}/{x}/{y}.mvt", max_data_zoom: int = 15) -> dict[str, object]:
    """Source of the base map that comes as vector tiles from the server."""
    return {"url": url, "max_data_zoom": max_data_zoom}


def staffing_map(
    levels: Levels,
    *,
    place: Place,
    measures: Sequence[Measure] = ONE_MEASURE,
    base: Mapping[str, object] | Embedded | None = None,
    units: Data | None = None,
    title: Label = STAFFING,
    level: str = "auto",
    finest: str = "grid",
) -> Page:
    """Staffing density by level: a choropleth with its units, classes and a switch of levels and measures.

    Parameters
    ----------
    levels : sequence of LevelSource or of EmbeddedLevel
        From :func:`served_levels`, or frames for a single file.
    place : Place
        Bounds, subtitle, links.
    measures : sequence of Measure
        Figures the reader switches between; their codes key each level's figures.
    base : mapping, Embedded or None
        From :func:`served_base`; ``Embedded(base_features(...))``; or no base map.
    units : str, Embedded or None
        Responders (``units_json``), by address or payload.
    title : Label
        Title of the page.
    level : str
        Level shown at first; ``"auto"`` follows the zoom.
    finest : str
        Finest level that ``"auto"`` takes: staff belong to grids, so of micro-grids most have none.
    """
    build = _Build(title, place, single_file=_is_embedded(levels))
    build.base(base)
    build.theme(title, levels, measures, level=level, finest=finest)
    if units is not None:
        build.units(Label("在岗力量", "On duty"), units)
    return build.page()


def coverage_map(
    levels: Levels,
    *,
    place: Place,
    base: Mapping[str, object] | Embedded | None = None,
    units: Data | None = None,
    measures: Sequence[Measure] = ONE_MEASURE,
    title: Label = COVERAGE,
    level: str = "auto",
) -> Page:
    """Share of each cell's demand that someone on duty reaches in time, and where they stand.

    Parameters as for :func:`staffing_map`.
    """
    build = _Build(title, place, single_file=_is_embedded(levels))
    build.base(base)
    build.theme(title, levels, measures, level=level)
    if units is not None:
        build.units(Label("出发点位", "Responders"), units)
    return build.page()


@dataclass(frozen=True, slots=True)
class Overlay:
    """What lies over the cells of a page.

    Attributes
    ----------
    kind : {"units", "heat", "areas"}
        From ``units_json``, ``heat_json`` or ``areas_json``.
    label : Label
    data : str or Embedded
        Address or payload.
    color : str
        Of points and outlines.
    named : bool
        Write the names of areas where there is room.
    """

    kind: str
    label: Label
    data: Data
    color: str = "#22303c"
    named: bool = True


@dataclass(frozen=True, slots=True)
class Sides:
    """The other side of a page that compares: what its levels are, and what either is called."""

    after: Levels
    words: tuple[Label, Label]


def theme_page(
    levels: Levels,
    *,
    place: Place,
    title: Label,
    measures: Sequence[Measure],
    base: Mapping[str, object] | Embedded | None = None,
    overlays: Sequence[Overlay] = (),
    sides: Sides | None = None,
    level: str = "auto",
    finest: str = "",
    labels: bool = False,
    choices: Sequence[Choice] = (),
    file_url: str = "",
    measure: str = "",
) -> Page:
    """Any map of the list: a theme or two that are compared, what lies over it, what can be changed.

    Parameters
    ----------
    levels : sequence of LevelSource or of EmbeddedLevel
        The theme; of a comparison what was before.
    overlays : sequence of Overlay
        Drawn over it in this order. Below a heat the cells wait until the reader comes near.
    sides : Sides, optional
        What was after.
    choices, file_url
        See :class:`~geo_service.maps.layers.Choices`; a single file has none.
    measure : str
        Code of the measure shown at first; empty: the first.
    place, title, measures, base, level, finest, labels
        As for :func:`staffing_map`.
    """
    build = _Build(title, place, single_file=_is_embedded(levels))
    build.base(base)
    if sides is None:
        after_heat = any(one.kind == "heat" for one in overlays)
        build.theme(
            title,
            levels,
            measures,
            level=level,
            finest=finest,
            labels=labels,
            after_heat=after_heat,
            measure=measure,
        )
    else:
        build.compare(title, levels, sides, measures, level=level, finest=finest)
    for one in overlays:
        build.overlay(one)
    if choices or file_url:
        build.map.add_child(Choices(choices, file_url=file_url))
    return build.page()


class _Build:
    """A page in the making: a map in an offline figure, and payloads put under element ids."""

    def __init__(self, title: Label, place: Place, *, single_file: bool) -> None:
        self.place = replace(place, links=()) if single_file else place
        self._overlays = 0
        self.map = offline_map(f"{title.zh} {title.en}", bounds=place.bounds, single_file=single_file)
        figure = self.map.get_root()
        assert isinstance(figure, OfflineFigure)  # noqa: S101 - for the type checker
        self.figure: OfflineFigure = figure
        if self.place.links:
            self.figure.add_header(_shell(self.place.links))
        heading = Heading(
            title,
            bounds=place.bounds,
            focus=place.focus,
            subtitle=place.subtitle,
            language_switch=not self.place.links,
            attribution=place.attribution,
        )
        self.map.add_child(heading)

    def base(self, base: Mapping[str, object] | Embedded | None) -> None:
        if isinstance(base, Embedded):
            self.map.add_child(BaseLayer(self._source("base", base)))
        elif base is not None:
            self.map.add_child(BaseLayer(base))

    def theme(
        self,
        name: Label,
        levels: Levels,
        measures: Sequence[Measure],
        *,
        level: str,
        finest: str = "",
        labels: bool = False,
        after_heat: bool = False,
        measure: str = "",
    ) -> None:
        sources = [one if isinstance(one, LevelSource) else self._level(one) for one in levels]
        layer = ThemeLayer(
            name,
            sources,
            measures,
            bounds=self.place.bounds,
            level=level,
            finest=finest,
            labels=labels,
            after_heat=after_heat,
            measure=measure,
        )
        self.map.add_child(layer)

    def compare(
        self,
        name: Label,
        before: Levels,
        sides: Sides,
        measures: Sequence[Measure],
        *,
        level: str,
        finest: str,
    ) -> None:
        one, other = (
            [x if isinstance(x, LevelSource) else self._level(x, mark=mark) for x in levels]
            for levels, mark in ((before, ""), (sides.after, "after-"))
        )
        bounds = self.place.bounds
        self.map.add_child(
            CompareLayer(name, one, other, sides.words, measures, bounds=bounds, level=level, finest=finest)
        )

    def overlay(self, one: Overlay) -> None:
        self._overlays += 1
        source = self._source(f"overlay-{self._overlays}", one.data)
        if one.kind == "heat":
            self.map.add_child(HeatLayer(one.label, source))
        elif one.kind == "units":
            self.map.add_child(UnitsLayer(one.label, source, color=one.color))
        else:
            self.map.add_child(AreasLayer(one.label, source, color=one.color, named=one.named))

    def units(self, label: Label, data: Data) -> None:
        self.map.add_child(UnitsLayer(label, self._source("units", data)))

    def page(self) -> Page:
        self.map.add_child(folium.LayerControl(collapsed=False))
        return self.figure.page()

    def _source(self, element_id: str, data: Data) -> Source:
        if isinstance(data, Embedded):
            self.figure.embed(element_id, data.payload)
            return {"embedded": element_id}
        return {"url": data}

    def _level(self, one: EmbeddedLevel, *, mark: str = "") -> LevelSource:
        cells, code = one.cells, one.level.code
        payload = encode_shapes(
            list(cells["code"]),
            list(cells["name"].fillna("")),
            cells.geometry.to_numpy(),
            level=code,
            detail=Detail.TOWN,
        )
        return LevelSource(
            code=code,
            label=Label(one.level.name_zh, one.level.name_en),
            cells=len(cells),
            shapes=self._source(f"shapes-{mark}{code}", Embedded(payload)),
            figures={
                measure: self._source(f"figures-{mark}{code}-{measure}", Embedded(content))
                for measure, content in one.figures.items()
            },
        )


def _shell(links: Sequence[PageLink]) -> str:
    """Header of the page, the same as on all others."""
    entries = [NavLink(link.label.zh, link.label.en, link.url) for link in links]
    return shell(next((link.url for link in links if link.current), ""), entries)


def _is_embedded(levels: Levels) -> bool:
    """Whether the page holds its data, and so everything else too."""
    return bool(levels) and isinstance(levels[0], EmbeddedLevel)
