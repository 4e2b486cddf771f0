import re

import geopandas as gpd
import orjson
import pytest
import shapely

from geo_service.maps.base_layer import base_features
from geo_service.maps.figures import Label, figures_json
from geo_service.maps.layers import Measure, PageLink
from geo_service.maps.pages import (
    ONE_MEASURE,
    Embedded,
    EmbeddedLevel,
    Overlay,
    Place,
    coverage_map,
    served_base,
    served_levels,
    staffing_map,
    theme_page,
)
from geo_service.maps.points import heat_json, units_json
from geo_service.maps.shapes import decode_shapes
from geo_service.model import Level
from tests.browser.made_up_town import LEVELS, Town

TOWN = Town(6)
PLACE = Place(TOWN.bounds, Label("示例", "demo"), [PageLink(Label("首页", "Home"), "/")], "数据来源")
MEASURES = (Measure("a", Label("甲", "A")), Measure("b", Label("乙", "B")))


def config(page: str, call: str) -> dict:
    """What a script of ours is called with."""
    return orjson.loads(re.search(rf"GeoService\.{call}\((?:map_\w+, )?(.*)\);", page)[1])


def test_served_levels_name_their_addresses() -> None:
    sources = served_levels(
        [(LEVELS[2], 497)], "/maps/shapes/7", "/maps/figures/coverage?at=2026&mode=walk", MEASURES
    )
    assert sources[0].shapes == {"url": "/maps/shapes/7/grid.json?detail={detail}"}
    assert sources[0].figures["b"] == {"url": "/maps/figures/coverage/grid.json?measure=b&at=2026&mode=walk"}
    assert sources[0].cells == 497
    assert served_base()["url"] == "/maps/tiles/base/{z}/{x}/{y}.mvt"


def test_served_page_is_small_and_says_what_to_fetch() -> None:
    levels = served_levels(
        [(level, 10) for level in LEVELS], "/maps/shapes/7", "/maps/figures/staffing", MEASURES
    )
    page = staffing_map(levels, place=PLACE, measures=MEASURES, base=served_base(), units="/maps/units.json")
    assert len(page.html) < 12_000
    theme = config(page.html, "themeLayer")
    assert [level["code"] for level in theme["levels"]] == ["township", "community", "grid", "micro_grid"]
    assert [m["code"] for m in theme["measures"]] == ["a", "b"]
    assert config(page.html, "unitsLayer")["source"] == {"url": "/maps/units.json"}
    assert config(page.html, "begin")["bounds"] == list(TOWN.bounds)
    assert config(page.html, "heading")["language_switch"] is False
    assert page.html.count('<header class="shell">') == 1


def test_single_files_hold_shapes_figures_and_points() -> None:
    levels = [
        EmbeddedLevel(
            one,
            TOWN.cells(one.code),
            {"value": figures_json(TOWN.figures(one.code), title=Label("数", "n"), unit=Label("", ""))},
        )
        for one in LEVELS[1:3]
    ]
    base = Embedded(base_features(TOWN.base))
    page = coverage_map(levels, place=PLACE, base=base, units=Embedded(units_json([]))).html
    held = dict(re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', page, re.DOTALL))
    assert set(held) == {
        "base", "units", "shapes-community", "figures-community-value", "shapes-grid", "figures-grid-value",
    }  # fmt: skip
    back = decode_shapes(held["shapes-grid"].encode())
    assert back.codes == tuple(TOWN.cells("grid")["code"])
    assert "/static/" not in page
    assert config(page, "heading")["language_switch"] is True
    assert '<header class="shell">' not in page  # it leads nowhere
    title, heat = Label("事件热力", "Incidents"), Embedded(heat_json(TOWN.incidents(9)))
    overlays = [Overlay("heat", title, heat)]
    page = theme_page(levels, place=PLACE, title=title, measures=ONE_MEASURE, overlays=overlays).html
    assert 'id="overlay-1"' in page


def test_missing_names_are_empty() -> None:
    cells = gpd.GeoDataFrame({"code": ["a"], "name": [None]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    figures = {"value": figures_json({"a": 1.0}, title=Label("数", "n"), unit=Label("", ""))}
    page = staffing_map(
        [EmbeddedLevel(Level("grid", 0, "网格", "Grid"), cells, figures)], place=Place((0, 0, 1, 1))
    )
    assert '"names":[""]' in page.html


def test_base_features_keep_what_matters() -> None:
    content = orjson.loads(base_features(TOWN.base))
    kinds = {(f["properties"]["layer"], f["properties"]["kind"]) for f in content["features"]}
    assert ("water", "river") in kinds
    assert ("roads", "primary") in kinds
    assert not any(kind == "residential" and layer == "roads" for layer, kind in kinds)


@pytest.mark.parametrize("name", ["default", "given"])
def test_first_level_shown(name: str) -> None:
    levels = served_levels([(level, 10) for level in LEVELS], "/s", "/f")
    page = (
        staffing_map(levels, place=PLACE)
        if name == "default"
        else staffing_map(levels, place=PLACE, level="grid")
    )
    assert config(page.html, "themeLayer")["level"] == ("auto" if name == "default" else "grid")
