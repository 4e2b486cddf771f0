"""Gaps and exclaves (三不管、插花地): land that is nobody's, and pieces that lie apart from their cell."""

import numpy as np
from shapely.geometry.base import BaseGeometry

from geo_service.geometry.exclaves import ExclaveIndex
from geo_service.maps.areas import Area, Line, areas_json
from geo_service.maps.classes import Method
from geo_service.maps.figures import Label
from geo_service.maps.layers import Measure
from geo_service.services.atlas.kinds import Drawing, ExtraLine, MapKind, OverlayKind, Scene
from geo_service.services.gap_register import lying_apart
from geo_service.store import gaps

MEASURES = (
    Measure("land_apart", Label("飞地面积", "land apart")),
    Measure("parts", Label("块数", "parts")),
)
_M2 = Label("平方米", "m²")
_HOUSEHOLDS = Label("户", "")


def _index(scene: Scene, level: str) -> list[ExclaveIndex]:
    """Return how far the cells of a level lie apart, in the order of ``at_level``."""
    key = ("apart", scene.tiling.edition.id, level, scene.of_leaves("households").tobytes())
    if scene.tiling.edition.id <= 0:
        return lying_apart(scene.tiling, level, scene.of_leaves("households"))[1]
    return scene.ground.keep(key, lambda: lying_apart(scene.tiling, level, scene.of_leaves("households"))[1])


def _apart(scene: Scene, level: str, measure: str) -> Drawing:
    n = int((scene.tiling.cells["level"] == level).sum())
    land, parts, households = np.zeros(n), np.ones(n), np.zeros(n)
    row_of = _rows_with_land(scene, level)
    for one in _index(scene, level):
        row = row_of[one.cell]
        land[row], parts[row] = one.land_apart, one.parts
        households[row] = sum(exclave.households for exclave in one.exclaves)
    extras = (
        ExtraLine(Label("块数", "Parts"), Label("", ""), parts),
        ExtraLine(Label("飞地户数", "Households apart"), _HOUSEHOLDS, households),
    )
    if measure == "parts":
        top = max(4.0, float(parts.max(initial=4.0)))
        return Drawing(
            parts,
            Label("网格由几块组成", "Parts of a cell"),
            Label("块；1 为完整", "parts; 1 is whole"),
            method=Method.GIVEN,
            breaks=(1.0, 2.0, 3.0, top),
            palette="YlOrRd",
            extras=extras[1:],
        )
    return Drawing(
        land,
        Label("不与主体相连的面积", "Land apart from the main part"),
        Label("面积占比", "share of area"),
        method=Method.GIVEN,
        breaks=(0.0, 0.02, 0.05, 0.1, 0.25, 1.0),
        palette="YlOrRd",
        percent=True,
        extras=extras,
    )


def _rows_with_land(scene: Scene, level: str) -> np.ndarray:
    """Return the row of ``at_level`` of each cell that :func:`_index` tells of."""
    group = scene.tiling.group_of_leaf(level)
    return np.unique(group[group >= 0])


def _gap_areas(scene: Scene) -> bytes:
    view = scene.view
    with scene.database.reading() as connection:
        rows = gaps.every(connection, now=view.at, closed=False)
    out = []
    for row in rows:
        beside = "、".join(str(code) for _, code, *_ in row.measures.neighbours[:2])
        lines = [
            Line(Label("面积", "Area"), round(row.measures.area_m2), _M2),
            Line(Label("相邻", "Between"), beside or None),
            Line(
                Label("暂由", "Meanwhile"),
                row.fallback[1] if row.fallback else None,
            ),
        ]
        count = row.incidents_year or 0
        if 0 < count < view.smallest:
            count = 0  # the page is sent the weight too
        else:
            lines.append(Line(Label("近一年事件", "Incidents of a year"), count, Label("件", "")))
        out.append(_area(row.measures.shape, Label(f"空隙 {row.id}", f"Gap {row.id}"), lines, count))
    return areas_json(out)


def _area(shape: BaseGeometry, name: Label, lines: list[Line], weight: float) -> Area:
    return Area(shape, name, lines, weight)


def _exclave_areas(scene: Scene) -> bytes:
    """Return the pieces that lie apart, of every level above the leaves."""
    out = []
    names = {}
    for level in scene.tiling.levels[:-1]:
        cells = scene.tiling.at_level(level)
        rows = _rows_with_land(scene, level)
        names = dict(enumerate(cells["name"].fillna("").to_numpy()[rows].tolist()))
        codes = cells["code"].to_numpy()[rows]
        for one in _index(scene, level):
            for exclave in one.exclaves:
                name = str(names[one.cell] or codes[one.cell])
                lines = [Line(Label("面积", "Area"), round(exclave.area_m2), _M2)]
                if not 0 < exclave.households < scene.view.smallest:
                    lines.append(Line(Label("户数", "Households"), exclave.households, _HOUSEHOLDS))
                if exclave.beside:
                    beside = exclave.beside[0][0]
                    lines.append(Line(Label("嵌在", "Inside or beside"), str(names[beside] or codes[beside])))
                words = Label(f"{name} 的飞地", f"Piece of {name}")
                out.append(Area(exclave.shape, words, lines, exclave.area_m2))
    return areas_json(out)


def _few_apart(scene: Scene, level: str) -> list[np.ndarray]:
    """Return the households of each cell that live apart, and those of its smallest piece that has any.

    The pieces are shown one by one: what one of them keeps back must not be had from their sum.
    """
    n = int((scene.tiling.cells["level"] == level).sum())
    whole, least = np.zeros(n), np.zeros(n)
    row_of = _rows_with_land(scene, level)
    for one in _index(scene, level):
        lived_in = [exclave.households for exclave in one.exclaves if exclave.households > 0]
        whole[row_of[one.cell]] = sum(lived_in)
        least[row_of[one.cell]] = min(lived_in, default=0)
    return [whole, least]


def _households(scene: Scene) -> list[np.ndarray]:
    return [scene.of_leaves("households")]


GAPS = MapKind(
    "gaps",
    Label("三不管与插花地", "Gaps and exclaves"),
    Label(
        "哪块地没有网格负责，哪个网格不连成一片，夹在谁中间，有多少户。",
        "Land that belongs to no cell, cells in several pieces, what they lie in, and who lives there.",
    ),
    MEASURES,
    _apart,
    overlays=(
        OverlayKind("exclaves", "areas", Label("插花地", "Exclaves"), _exclave_areas, "#b45309", public=True),
        OverlayKind("gaps", "areas", Label("三不管地带", "Gaps"), _gap_areas, "#a50f15", public=True),
    ),
    counts=_households,
    level_counts=_few_apart,
    finest="grid",
    example="--at 2026-11-22T12:00+08:00",
    ramp=("#ffffb2", "#fecc5c", "#fd8d3c", "#f03b20", "#bd0026"),
)
