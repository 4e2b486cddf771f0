import re

import folium
import folium.plugins
import pytest
from branca.colormap import LinearColormap
from branca.element import Element, JavascriptLink

from geo_service.maps.offline import OfflineFigure, OutsideAddressError, offline_map, safe_text, script_json
from geo_service.web.assets import STATIC_DIR

BOUNDS = (120.0, 30.0, 121.0, 31.0)
EVIL = "</script><script>window.harmed=1</script><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}{# x #}\u2028"


def usual_map(**arguments) -> folium.Map:
    """Map with Folium's own scripts and styles back on."""
    chart = offline_map("题", bounds=BOUNDS, **arguments)
    chart.default_js, chart.default_css = folium.Map.default_js, folium.Map.default_css
    return chart


def test_every_script_and_style_is_our_own_and_exists() -> None:
    chart = usual_map()
    points = [[30.5, 120.5]]
    for part in (
        folium.plugins.MarkerCluster(points),
        folium.plugins.HeatMap(points),
        folium.plugins.Fullscreen(),
        folium.plugins.Draw(),
        folium.plugins.MiniMap(tile_layer=folium.TileLayer("/tiles/{z}/{x}/{y}.png", attr="ours")),
        folium.plugins.MousePosition(),
        folium.plugins.GroupedLayerControl({}),
        folium.Marker(points[0]),
    ):
        chart.add_child(part)
    page = chart.get_root().render()
    files = re.findall(r'(?:src|href)="/static/([^"?]+)\?v=[0-9a-f]{12}"', page)
    assert len(files) > 15
    assert all((STATIC_DIR / file).is_file() for file in files)
    assert not re.search(r'(src|href)="(?!/static/)', page)


def test_what_is_not_vendored_is_refused() -> None:
    chart = usual_map()
    chart.add_child(folium.plugins.AntPath([[30, 120], [31, 121]]))
    with pytest.raises(OutsideAddressError, match="antpath"):
        chart.get_root().render()
    chart = usual_map()
    chart.add_child(LinearColormap(["red", "blue"]))  # pulls d3
    with pytest.raises(OutsideAddressError, match="d3"):
        chart.get_root().render()


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://cdn.example/x.js"></script>',
        "<img src='//cdn.example/x.png'>",
        "<link href=http://cdn.example/x.css>",
        "<style>body{background:url(https://cdn.example/x.png)}</style>",
        "<style>@import 'https://cdn.example/x.css'</style>",
        '<script>load("https://cdn.example/x.js")</script>',
    ],
)
def test_an_outside_address_in_the_page_is_refused(markup: str) -> None:
    figure = OfflineFigure("题")
    figure.html.add_child(Element(markup))
    with pytest.raises(OutsideAddressError, match="outside address"):
        figure.render()


def test_tiles_from_outside_are_refused() -> None:
    chart = usual_map()
    chart.add_child(folium.TileLayer("OpenStreetMap"))
    with pytest.raises(OutsideAddressError):
        chart.get_root().render()


def test_the_same_page_has_the_same_bytes_and_tag() -> None:
    def made(title: str):
        chart = offline_map(title, bounds=BOUNDS)
        chart.add_child(folium.Circle([30.5, 120.5]))
        return chart.get_root().page()

    assert made("甲") == made("甲")
    assert made("甲").etag != made("乙").etag


def test_rendering_twice_gives_the_same() -> None:
    figure = usual_map().get_root()
    assert figure.render() == figure.render()


def test_policy_names_every_inline_script_and_nothing_outside() -> None:
    page = usual_map().get_root().page()
    inline = re.findall(r"<script>", page.html)
    assert page.content_security_policy.count("'sha256-") == len(inline) > 0
    scripts = re.search(r"script-src ([^;]+)", page.content_security_policy)[1]
    assert "unsafe" not in scripts
    assert "http" not in page.content_security_policy


def test_title_is_escaped() -> None:
    page = OfflineFigure(EVIL).render()
    assert "<script>window.harmed" not in page
    assert "{{ 7*7 }}" in page


@pytest.mark.parametrize("kind", ["tooltip", "popup", "name"])
def test_safe_text_neither_escapes_nor_is_evaluated(kind: str) -> None:
    chart = usual_map()
    text = safe_text(EVIL)
    if kind == "name":
        folium.FeatureGroup(name=text).add_to(chart)
        folium.LayerControl().add_to(chart)
    else:
        folium.Marker([30.5, 120.5], **{kind: text}).add_to(chart)
    page = chart.get_root().render()
    assert "<script>window.harmed" not in page
    assert "<img" not in page
    assert "49" not in re.sub(r"[0-9a-f]{12}", "", page)


def test_script_json_survives_two_templates_and_a_script() -> None:
    text = script_json({"a": EVIL, "b": [{"c": "{"}, "}}", "{{{%"]})
    assert not re.search(r"<|\{\{|\{%|\{#|\u2028", text)
    again = Element(text).render()  # branca reads what it is given as a template
    assert again == text
    import json

    assert json.loads(text) == {"a": EVIL, "b": [{"c": "{"}, "}}", "{{{%"]}


def test_embedded_json_cannot_leave_its_element() -> None:
    figure = OfflineFigure("题", single_file=True)
    figure.embed('x"y', b'{"name": "</script><!--<script>{{ 7*7 }}"}')
    page = figure.render()
    assert '<script type="application/json" id="x&quot;y">' in page
    assert "\\u003c/script>\\u003c!--\\u003cscript>{{ 7*7 }}" in page


def test_single_file_holds_everything() -> None:
    page = usual_map(single_file=True).get_root().page().html
    assert "/static/" not in page
    assert "data:font/woff2;base64," in page
    assert '<meta http-equiv="Content-Security-Policy"' in page
    assert len(page) > 1_000_000


def test_a_link_without_a_name_we_know_is_refused() -> None:
    figure = OfflineFigure("题")
    figure.header.add_child(JavascriptLink("https://cdn.example/x.js"), name="x")
    with pytest.raises(OutsideAddressError, match="no vendored copy of the asset 'x'"):
        figure.render()
