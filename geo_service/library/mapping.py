"""Offline Folium maps of frames: shown in a notebook, saved as one file that asks for nothing outside."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo_service.errors import Fault, InvalidInputError
from geo_service.library.frames import points_deg, require_column, require_frame
from geo_service.library.streets import StreetGraph
from geo_service.library.tilings import Tiling
from geo_service.maps.base_layer import TILE_LAYERS, base_features
from geo_service.maps.classes import Method
from geo_service.maps.figures import Extra, Label, figures_json
from geo_service.maps.layers import Measure
from geo_service.maps.offline import Page
from geo_service.maps.pages import (
    Embedded,
    EmbeddedLevel,
    Place,
)
from geo_service.maps.pages import (
    coverage_map as coverage_page,
)
from geo_service.maps.pages import (
    staffing_map as staffing_page,
)
from geo_service.maps.points import Unit, units_json
from geo_service.model import Level

Text = str | tuple[str, str]
Base = StreetGraph | Mapping[str, gpd.GeoDataFrame]

LEVEL = Level("cell", 0, "单元", "cells")
DENSITIES = {
    "per_km2": (Label("每平方公里", "per km²"), Label("人 / 平方公里", "staff per km²")),
    "per_1000_residents": (
        Label("每千人", "per 1,000 residents"),
        Label("人 / 千人", "staff per 1,000 residents"),
    ),
    "per_100_households": (
        Label("每百户", "per 100 households"),
        Label("人 / 百户", "staff per 100 households"),
    ),
    "per_incident": (Label("每件事件", "per incident"), Label("人 / 件", "staff per incident")),
    "staff": (Label("人数", "staff"), Label("人", "people")),
}
#: Upper limits of the classes of a share: the same on every map, so that two can be held side by side.
SHARES = (0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
NO_UNIT = Label("", "")


@dataclass(frozen=True, slots=True)
class Map:
    """A map in one file: scripts, styles and data are all inside.

    In a notebook it shows itself; :meth:`save` writes it for a machine without a network.

    Attributes
    ----------
    html : str
        The document.
    height_px : int
        In a notebook.
    """

    html: str
    height_px: int = 560

    def save(self, path: str | Path) -> Path:
        """Write the map as one HTML file and return where it is."""
        to = Path(path)
        to.write_text(self.html, encoding="utf-8")
        return to

    def _repr_html_(self) -> str:
        """Show the page in a frame of its own, so that its styles and the notebook's do not meet."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" '
            f'style="width: 100%; height: {self.height_px}px; border: 1px solid #ccd"></iframe>'
        )


def staffing_map(
    cells: gpd.GeoDataFrame | Tiling,
    *,
    measures: Sequence[str] | None = None,
    units: gpd.GeoDataFrame | None = None,
    base: Base | None = None,
    name: str | None = None,
    code: str | None = None,
    title: Text = ("力量配备密度", "Staffing density"),
    subtitle: Text | None = None,
) -> Map:
    """Map the densities that :func:`staffing_density` gave.

    Parameters
    ----------
    cells : GeoDataFrame
        With at least one of its columns; in any CRS.
    measures : sequence of str, optional
        Columns between which the reader switches, the first shown first; by default all that are there.
    units : GeoDataFrame, optional
        Points of staff, with their column ``name`` if there is one.
    base : StreetGraph, or mapping of layer to GeoDataFrame, optional
        What is drawn beneath: main streets; or layers ``water``, ``landuse``, ``roads``, ``rail`` with a
        column ``kind``.
    name : str, optional
        Column of the cells' names; by default ``name``, and where there is none the code.
    code : str, optional
        Column of the cells' codes, as for :func:`locate`.
    title, subtitle : str or (Chinese, English)

    Returns
    -------
    Map
        ``.save("staffing.html")`` writes it; a notebook shows it.

    Raises
    ------
    InvalidInputError
        There is none of the columns, or the cells are no tiling.
    """
    tiling = Tiling.of(cells, code=code)
    chosen = list(measures) if measures is not None else [one for one in DENSITIES if one in tiling.frame]
    if not chosen:
        fault = Fault("cells", "give what staffing_density() returned, or name columns with measures=[…]")
        raise InvalidInputError("There is no density to draw.", [fault])
    known = [(one, *DENSITIES.get(one, (_label(one), NO_UNIT))) for one in chosen]
    figures = {
        column: figures_json(_values(tiling, column), title=_label(title), unit=unit, palette="YlGnBu")
        for column, _, unit in known
    }
    page = staffing_page(
        [_level(tiling, name, figures)],
        place=_place(tiling, subtitle),
        measures=[Measure(column, label) for column, label, _ in known],
        base=_base(base),
        units=_units(units),
        title=_label(title),
        level=LEVEL.code,
        finest=LEVEL.code,
    )
    return _map(page)


def coverage_map(
    cells: gpd.GeoDataFrame | Tiling,
    *,
    column: str = "share",
    units: gpd.GeoDataFrame | None = None,
    base: Base | None = None,
    name: str | None = None,
    code: str | None = None,
    title: Text = ("到场覆盖率", "Coverage"),
    subtitle: Text | None = None,
) -> Map:
    """Map the shares that :func:`coverage` gave, in fixed classes, so that two maps can be held side by side.

    Parameters
    ----------
    cells : GeoDataFrame
        With a column of shares, 0 to 1; in any CRS.
    column : str
        ``share``, ``share_by_2`` …, or ``patrolled_share`` of :func:`patrol`.
    units : GeoDataFrame, optional
        Points of the responders.
    base, name, code, title, subtitle
        As for :func:`staffing_map`.

    Raises
    ------
    InvalidInputError
        There is no such column, or the cells are no tiling.
    """
    tiling = Tiling.of(cells, code=code)
    extras = [
        Extra(label, unit, _values(tiling, one, by), percent=False)
        for one, label, unit, by in (
            ("demand", Label("需求", "demand"), NO_UNIT, 1.0),
            ("median_s", Label("中位到场时间", "median time"), Label("分钟", "minutes"), 60.0),
            ("worst_s", Label("最远到场时间", "longest time"), Label("分钟", "minutes"), 60.0),
        )
        if one in tiling.frame
    ]
    content = figures_json(
        _values(tiling, column),
        title=_label(title),
        unit=Label("占比", "share"),
        method=Method.GIVEN,
        breaks=SHARES,
        palette="RdYlBu",
        percent=True,
        extras=extras,
    )
    page = coverage_page(
        [_level(tiling, name, {"value": content})],
        place=_place(tiling, subtitle),
        base=_base(base),
        units=_units(units),
        title=_label(title),
        level=LEVEL.code,
    )
    return _map(page)


def figure_map(
    cells: gpd.GeoDataFrame | Tiling,
    column: str,
    *,
    title: Text | None = None,
    unit: Text = "",
    method: str = "quantiles",
    count: int = 6,
    breaks: Sequence[float] | None = None,
    palette: str = "YlGnBu",
    percent: bool = False,
    units: gpd.GeoDataFrame | None = None,
    base: Base | None = None,
    name: str | None = None,
    code: str | None = None,
    subtitle: Text | None = None,
) -> Map:
    """Map any figure of cells.

    Parameters
    ----------
    cells : GeoDataFrame
        In any CRS.
    column : str
        Numbers; missing ones are shown as no data.
    title, unit : str or (Chinese, English)
    method : {"quantiles", "fisher_jenks", "equal", "given"}
        How classes are made; ``given`` takes ``breaks``, ascending upper limits.
    count : int
        Classes, 2 to 9.
    palette : str
        A ramp of ColorBrewer that the colour-blind can read: YlGnBu, YlOrRd, PuBuGn, OrRd, Blues, BuPu,
        RdYlBu.
    percent : bool
        The numbers are shares from 0 to 1.
    units, base, name, code, subtitle
        As for :func:`staffing_map`.

    Raises
    ------
    InvalidInputError
        There is no such column, or the cells are no tiling.
    BadRequestError
        Method, palette, count or breaks are not known.
    """
    tiling = Tiling.of(cells, code=code)
    heading = _label(title if title is not None else column)
    content = figures_json(
        _values(tiling, column),
        title=heading,
        unit=_label(unit),
        method=Method.GIVEN if breaks is not None else method,
        count=count,
        breaks=breaks,
        palette=palette,
        percent=percent,
    )
    page = coverage_page(
        [_level(tiling, name, {"value": content})],
        place=_place(tiling, subtitle),
        base=_base(base),
        units=_units(units),
        title=heading,
        level=LEVEL.code,
    )
    return _map(page)


def _map(page: Page) -> Map:
    return Map(page.html)


def _label(text: Text) -> Label:
    return Label(text, text) if isinstance(text, str) else Label(*text)


def _values(tiling: Tiling, column: str, by: float = 1.0) -> dict[str, float | None]:
    """Return a column by code, NaN where it is missing."""
    numbers = pd.to_numeric(
        require_column(tiling.frame, column, "cells", argument="column"), errors="coerce"
    ).to_numpy(dtype=np.float64, na_value=np.nan)
    return dict(zip(tiling.code.astype(str), (numbers / by).tolist(), strict=True))


def _level(tiling: Tiling, name: str | None, figures: Mapping[str, bytes]) -> EmbeddedLevel:
    frame = tiling.frame
    codes = tiling.code.astype(str).to_numpy(dtype=object)
    if name is not None:
        names = require_column(frame, name, "cells", argument="name").astype(str)
    else:
        names = frame["name"].astype(str) if "name" in frame else pd.Series(codes)
    table = {"code": codes, "name": names.to_numpy(dtype=object)}
    return EmbeddedLevel(LEVEL, gpd.GeoDataFrame(table, geometry=tiling.shapes, crs=4326), figures)


def _place(tiling: Tiling, subtitle: Text | None) -> Place:
    west, south, east, north = shapely.total_bounds(tiling.shapes).tolist()
    return Place((west, south, east, north), None if subtitle is None else _label(subtitle))


def _base(base: Base | None) -> Embedded | None:
    if base is None:
        return None
    if isinstance(base, StreetGraph):
        layers = {"roads": base.edges.rename(columns={"highway": "kind"})[["kind", "geometry"]].to_crs(4326)}
        return Embedded(base_features(layers))
    unknown = [one for one in base if one not in TILE_LAYERS]
    if unknown:
        fault = Fault("base", f"use layers among {', '.join(TILE_LAYERS)}", value=unknown[0])
        raise InvalidInputError("A layer of the base map is not known.", [fault])
    frames = {one: require_frame(frame, one).to_crs(4326) for one, frame in base.items()}
    for one, frame in frames.items():
        require_column(frame, "kind", one, argument="base")
    return Embedded(base_features(frames))


def _units(units: gpd.GeoDataFrame | None) -> Embedded | None:
    if units is None:
        return None
    frame = require_frame(units, "units")
    names = frame["name"] if "name" in frame else pd.Series(frame.index, index=frame.index)
    places = points_deg(frame, "units")
    return Embedded(
        units_json(
            [
                Unit(lon, lat, str(name))
                for (lon, lat), name in zip(places.tolist(), names, strict=True)
                if np.isfinite(lon)
            ]
        )
    )
