"""The map pages in a real browser: what they ask, what they show, how much is sent."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.map_server import HOSTILE

READY = 'html[data-ready="yes"]'
MAPS = ("staffing", "coverage", "incidents")


def open_map(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(READY, state="attached")


PAINTED_COLORS = """(pane) => {
    const seen = new Set();
    for (const canvas of document.querySelectorAll(`.leaflet-${pane}-pane canvas`)) {
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < data.length; i += 4 * 37)
            if (data[i + 3] === 255) seen.add(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]);
    }
    return seen.size;
}"""


def painted_colors(page: Page, pane: str) -> int:
    """How many distinct opaque colours the canvases of a pane hold, sampled."""
    return page.evaluate(PAINTED_COLORS, pane)


def wait_until_painted(page: Page, pane: str, *, at_least: int) -> None:
    """Wait until the canvases of a pane hold so many distinct opaque colours; fail if they never do."""
    until(page, f"([pane, least]) => ({PAINTED_COLORS})(pane) >= least", [pane, at_least])


def until(page: Page, question: str, arg: Any) -> None:
    """Wait for the page to say yes. Playwright's own waiting evaluates text, which the policy forbids."""
    give_up = time.monotonic() + 30
    while not page.evaluate(question, arg):
        assert time.monotonic() < give_up, (question, arg)
        page.wait_for_timeout(50)


@pytest.mark.parametrize("name", MAPS)
def test_base_map_is_drawn_and_every_request_stays_here(
    page: Page, small_town_url: str, requests_made: list[str], name: str
) -> None:
    open_map(page, f"{small_town_url}/maps/{name}")
    wait_until_painted(page, "gs-base", at_least=5)
    asked = [url.removeprefix(small_town_url) for url in requests_made]
    assert all(path.startswith("/") for path in asked), asked
    assert any(path.startswith("/maps/tiles/base/") for path in asked)
    assert any(path.startswith("/maps/shapes/7/") for path in asked)


def test_staffing_shows_levels_units_and_legend(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/staffing")
    panel = page.get_by_role("region", name="图例 Legend")
    expect(panel).to_contain_text("力量配备密度")
    expect(panel).to_contain_text("单位：人 / 千人 Unit: staff per 1,000 residents")
    expect(panel.locator(".gs-legend li")).to_have_count(7)  # six classes and "no data"
    panel.get_by_role("radio", name="微网格").click()
    expect(panel).to_contain_text("微网格 Micro-grid · 576")
    panel.get_by_role("radio", name="社区").click()
    expect(panel).to_contain_text("社区 Community · 16")
    panel.get_by_role("radio", name="每平方公里").click()
    expect(panel).to_contain_text("人 / 平方公里")
    assert painted_colors(page, "gs-cells") >= 4


def test_tooltip_names_the_cell_and_its_figures(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/staffing")
    point_at_the_middle(page)
    tooltip = page.locator(".gs-tooltip")
    expect(tooltip).to_contain_text(re.compile(r"第\d+(微网格|网格|社区)"))
    expect(tooltip).to_contain_text("户数")
    page.mouse.move(300, 600)  # beside the town
    expect(tooltip).to_have_count(0)


def test_incidents_turn_from_heat_to_counts(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/incidents")
    expect(page.locator(".gs-key")).to_contain_text("60,000 · 无坐标 unlocated 312")
    expect(page.locator("canvas.leaflet-heatmap-layer")).to_have_count(1)
    expect(page.locator(".gs-panel")).to_contain_text("放大后按网格显示")
    zoom(page, "放大 Zoom in", times=4)
    expect(page.locator("canvas.leaflet-heatmap-layer")).to_have_count(0)
    expect(page.locator(".gs-legend li")).not_to_have_count(0)
    zoom(page, "缩小 Zoom out", times=4)
    expect(page.locator("canvas.leaflet-heatmap-layer")).to_have_count(1)


def test_layers_can_be_switched_off_and_on(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/coverage")
    for name in ("底图 Base map", "五分钟到场覆盖 Five-minute coverage", "出发点位 Responders"):
        box = page.get_by_role("checkbox", name=name)
        box.uncheck()
        box.check()
    expect(page.locator(".gs-panel")).to_have_count(1)
    expect(page.locator(".gs-key li")).to_have_count(1)
    expect(page.locator(".gs-key")).to_contain_text("180")


def test_what_data_says_is_text_and_never_runs(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/hostile")
    point_at_the_middle(page)
    expect(page.locator(".gs-tooltip b")).to_have_text(HOSTILE)
    expect(page.locator(".gs-heading h1")).to_contain_text(HOSTILE)
    assert page.evaluate("window.harmed") is None
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("name", MAPS)
def test_single_file_opens_from_disk_without_any_request(
    page: Page, small_town_url: str, requests_made: list[str], tmp_path, name: str
) -> None:
    file = tmp_path / "地图.html"
    file.write_bytes(page.request.get(f"{small_town_url}/maps/file/{name}").body())
    open_map(page, file.as_uri())
    expect(page.locator(".gs-panel")).to_contain_text("自动")
    wait_until_painted(page, "gs-base", at_least=3)
    assert not requests_made
    if name != "incidents":
        assert painted_colors(page, "gs-cells") >= 4


def test_a_county_is_sent_small(page: Page, county_url: str, record_property) -> None:
    """14,400 cells at the finest level, drawn. How soon is measured in ``benchmarks/pages.py``."""
    page.goto(f"{county_url}/maps/coverage?level=micro_grid", wait_until="commit")
    page.wait_for_selector(READY, state="attached")
    expect(page.locator(".gs-panel")).to_contain_text("14,400")
    page.wait_for_selector('html[data-ground="yes"]', state="attached")
    entries = "performance.getEntries()"
    sent = page.evaluate(f"{entries}.reduce((sum, entry) => sum + (entry.transferSize || 0), 0)")
    record_property("transferred_bytes", sent)
    assert 100_000 < sent < 1_500_000


def point_at_the_middle(page: Page) -> None:
    size = page.viewport_size
    page.mouse.move(size["width"] / 2 - 5, size["height"] / 2 + 9)
    page.mouse.move(size["width"] / 2 - 3, size["height"] / 2 + 9)


def zoom(page: Page, button: str, *, times: int) -> None:
    """Press a button of the map's zoom; each time wait until it stands: a moving map takes no press."""
    level = "Object.values(window).find((one) => one instanceof L.Map).getZoom()"
    for _ in range(times):
        before = page.evaluate(level)
        page.get_by_role("button", name=button).click()
        until(page, f"(before) => {level} !== before", before)
        expect(page.locator(".leaflet-zoom-anim")).to_have_count(0)
