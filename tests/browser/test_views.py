"""Where a map stands: the view it opens with beside its panels, and the sheet it is printed on."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.test_maps import READY, open_map, until, wait_until_painted

#: A sheet of A4 across without its margins, at 96 dots an inch.
SHEET = {"width": 1062, "height": 729}
#: The rectangle of the place on the screen, and those of the panels that lie over the map.
WHERE = """() => {
    const name = Object.keys(window).find((one) => one.startsWith("map_") && window[one] instanceof L.Map);
    const map = window[name];
    const layers = Object.values(map._layers).filter((one) => one.config && one.config.bounds);
    const [west, south, east, north] = layers[0].config.bounds;
    const frame = map.getContainer().getBoundingClientRect();
    const [a, b] = [[north, west], [south, east]].map((at) => map.latLngToContainerPoint(at));
    const box = (left, top, right, bottom) => ({ left, top, right, bottom });
    const shown = (one) => one.getClientRects().length && getComputedStyle(one).visibility === "visible";
    const names = ".gs-heading, .gs-choose, .gs-panel, .leaflet-control-layers";
    const panels = [...document.querySelectorAll(names)];
    return {
        place: box(frame.left + a.x, frame.top + a.y, frame.left + b.x, frame.top + b.y),
        frame: box(frame.left, frame.top, frame.right, frame.bottom),
        panels: panels.filter(shown).map((one) => {
            const { left, top, right, bottom } = one.getBoundingClientRect();
            return box(left, top, right, bottom);
        }),
        zoom: map.getZoom(),
    };
}"""


def assert_clear(seen: dict[str, Any]) -> None:
    """The place is whole on the map, and no panel lies over its rectangle."""
    place, frame = seen["place"], seen["frame"]
    assert place["left"] >= frame["left"], seen
    assert place["top"] >= frame["top"], seen
    assert place["right"] <= frame["right"], seen
    assert place["bottom"] <= frame["bottom"], seen
    for panel in seen["panels"]:
        apart = (
            panel["right"] <= place["left"]
            or panel["left"] >= place["right"]
            or panel["bottom"] <= place["top"]
            or panel["top"] >= place["bottom"]
        )
        assert apart, (panel, place)


@pytest.mark.parametrize("size", [(1920, 1080), (1366, 768)])
def test_a_map_opens_whole_beside_its_panels(
    browser: Browser, small_town_url: str, size: tuple[int, int]
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    open_map(page, f"{small_town_url}/maps/coverage")
    seen = page.evaluate(WHERE)
    assert_clear(seen)
    place, frame = seen["place"], seen["frame"]
    assert place["bottom"] - place["top"] > 0.4 * (frame["bottom"] - frame["top"])  # and is no speck
    page.get_by_role("button", name="放大 Zoom in").click()
    until(page, f"() => Number.isInteger(({WHERE})().zoom)", None)
    page.close()


@pytest.mark.parametrize("size", [(1920, 1080), (1366, 768)])
@pytest.mark.parametrize("form", ["served", "file"])
def test_on_paper_the_place_is_whole(
    browser: Browser, small_town_url: str, tmp_path: Any, size: tuple[int, int], form: str
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    address = f"{small_town_url}/maps/coverage"
    if form == "file":
        file = tmp_path / "map.html"
        file.write_bytes(page.request.get(f"{small_town_url}/maps/file/coverage").body())
        address = file.as_uri()
    open_map(page, address)
    before = page.evaluate(WHERE)
    page.emulate_media(media="print")
    page.wait_for_selector("html.gs-paper", state="attached")
    seen = page.evaluate(WHERE)
    frame, place = seen["frame"], seen["place"]
    assert frame["right"] - frame["left"] == pytest.approx(SHEET["width"], abs=2)
    assert frame["bottom"] - frame["top"] == pytest.approx(SHEET["height"], abs=2)
    assert (frame["left"], frame["top"]) == (0, 0)
    assert_clear(seen)
    assert (
        max((place["right"] - place["left"]) / 756, (place["bottom"] - place["top"]) / 620) > 0.9
    )  # fills what the title and the legend leave
    wait_until_painted(page, "gs-cells", at_least=4)
    page.emulate_media(media="screen")
    page.wait_for_selector("html:not(.gs-paper)", state="attached")
    assert page.evaluate(WHERE) == before
    page.close()


def test_a_printed_sheet_is_one_and_the_reader_goes_on_where_he_was(page: Page, small_town_url: str) -> None:
    """The browser's own printing, which tells the page of it, and does not wait for tiles."""
    open_map(page, f"{small_town_url}/maps/coverage")
    page.wait_for_selector('html[data-ground="yes"]', state="attached")
    page.evaluate(
        """() => addEventListener("beforeprint", () => {
            const tiles = document.querySelectorAll(".leaflet-gs-base-pane canvas.leaflet-tile-loaded");
            window.tilesPrinted = tiles.length;
        })"""
    )
    before = page.evaluate(WHERE)
    sheets = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type */Page\b", sheets)) == 1
    assert page.evaluate("window.tilesPrinted") > 0
    page.wait_for_selector(f"html:not(.gs-paper){READY.removeprefix('html')}", state="attached")
    assert page.evaluate(WHERE) == before
