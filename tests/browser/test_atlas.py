"""The list of maps over the demo town in a real browser: every map served, and as a file with no network."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from geo_service.services.atlas.registry import KINDS
from tests.browser.serving import serving_database
from tests.browser.test_maps import READY, open_map, painted_colors

AT = "2026-11-22T10:00%2B08:00"
#: Everything that a page's own scripts fetched, and how many bytes came.
SENT = "performance.getEntries().reduce((sum, entry) => sum + (entry.transferSize || 0), 0)"


@pytest.fixture(scope="module")
def service(town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_database(town_url, tmp_path_factory.mktemp("home")) as url:
        yield url


def unfold_options(page: Page) -> None:
    """Unfold the options: on a laptop they are folded at first, so as not to cover the place."""
    page.get_by_role("region", name="选项 Options").get_by_role("button", name="展开 Unfold").click()


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_opens_with_legend_and_colours(page: Page, service: str, kind: str) -> None:
    open_map(page, f"{service}/maps/{kind}?at={AT}")
    panel = page.get_by_role("region", name="图例 Legend")
    expect(panel).to_contain_text("单位")
    unfold_options(page)
    expect(page.get_by_role("region", name="选项 Options")).to_contain_text("存为单个文件")
    expect(page.locator(".gs-error")).to_have_count(0)
    for overlay in KINDS[kind].overlays:
        expect(page.locator(".gs-key")).to_contain_text(overlay.label.zh)
    if kind != "incidents":  # heat first
        assert painted_colors(page, "gs-cells-after" if kind == "compare" else "gs-cells") >= 1


def test_files_open_without_a_network(browser: Browser, page: Page, service: str, tmp_path: Path) -> None:
    """Every map, in a browser that is offline: nothing is asked for, nothing complained of."""
    offline = browser.new_context(offline=True, viewport={"width": 1366, "height": 768})
    asked: list[str] = []
    complaints: list[str] = []
    offline.on("request", lambda request: asked.append(request.url))
    offline.on("weberror", lambda error: complaints.append(str(error.error)))
    for kind in KINDS:
        file = tmp_path / f"{kind}.html"
        file.write_bytes(page.request.get(f"{service}/maps/{kind}/file?at={AT}").body())
        asked.clear()
        opened = offline.new_page()
        opened.goto(file.as_uri())
        opened.wait_for_selector(READY, state="attached")
        expect(opened.locator(".gs-panel")).to_contain_text("单位")
        assert painted_colors(opened, "gs-base") > 2, kind
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == [], kind
        opened.close()
    assert not complaints
    offline.close()


def test_the_slider_moves_through_the_week(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/week?at={AT}")
    expect(page.locator(".gs-moment")).to_contain_text("周日 10:00")
    before = page.locator(".gs-legend").inner_text()
    page.get_by_role("slider", name="时刻 Moment").fill("2")
    expect(page.locator(".gs-moment")).to_contain_text("周一 02:00")
    assert page.locator(".gs-legend").inner_text() != before


def test_the_bar_divides_before_from_after(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/compare?at={AT}")
    grip = page.get_by_role("slider", name="前后分界 Before and after")
    expect(grip).to_have_attribute("aria-valuenow", "50")
    grip.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(grip).to_have_attribute("aria-valuenow", "60")
    box = grip.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 19, box["y"] + 19)
    page.mouse.down()
    page.mouse.move(400, box["y"] + 19, steps=4)
    page.mouse.up()
    assert int(grip.get_attribute("aria-valuenow") or 0) < 32
    page.get_by_role("radio", name="工作量").click()
    expect(page.locator(".gs-panel h2")).to_contain_text("工作量")


def test_choices_ask_for_the_page_anew(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/coverage?at={AT}")
    unfold_options(page)
    page.get_by_role("region", name="选项 Options").get_by_label("时限").select_option("600")
    page.wait_for_url(re.compile("limit_s=600"))
    expect(page.locator(".gs-heading h1")).to_contain_text("10 分钟到场覆盖")
    page.wait_for_selector(READY, state="attached")
    page.get_by_role("region", name="选项 Options").get_by_label("用途").select_option("true")
    page.wait_for_url(re.compile("public=true"))
    expect(page.locator(".gs-heading")).to_contain_text("公开版")
    page.wait_for_selector(READY, state="attached")
    page.get_by_role("radio", name="微网格", exact=False).click()
    expect(page.locator(".gs-legend")).to_contain_text("小于 5，不显示")


def test_the_chosen_level_is_in_the_address(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/coverage?at={AT}&level=micro_grid")
    panel = page.get_by_role("region", name="图例 Legend")
    expect(panel.get_by_role("radio", name="微网格", exact=False)).to_be_checked()
    panel.get_by_role("radio", name="社区", exact=False).click()
    page.wait_for_url(re.compile(r"level=community"))
    page.reload()
    page.wait_for_selector(READY, state="attached")
    expect(panel.get_by_role("radio", name="社区", exact=False)).to_be_checked()
    panel.get_by_role("radio", name="自动", exact=False).click()
    page.wait_for_url(re.compile(r"^(?!.*level=)"))


def test_english_and_paper(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/hotspots?at={AT}&lang=en")
    expect(page.locator(".gs-panel")).to_contain_text("hot spot, q ≤ 0.01")
    expect(page.locator(".gs-panel h2")).to_contain_text("Hot spots: incidents")
    page.emulate_media(media="print")
    for hidden in (".shell", ".gs-choose", ".gs-choices", ".leaflet-control-layers", ".leaflet-control-zoom"):
        for box in page.locator(hidden).all():
            assert not box.is_visible(), hidden
    assert page.locator(".gs-heading h1").is_visible()
    assert page.locator(".gs-legend").is_visible()


def test_the_list_leads_to_every_map(page: Page, service: str) -> None:
    page.goto(f"{service}/maps")
    expect(page.locator(".map-card")).to_have_count(len(KINDS))
    page.get_by_role("link", name="事件热点").first.click()
    page.wait_for_selector(READY, state="attached")
    unfold_options(page)
    with page.expect_download() as saved:
        page.get_by_role("link", name="存为单个文件").click()
    assert saved.value.suggested_filename.startswith("hotspots-")


def test_a_grid_map_is_sent_small(page: Page, service: str, record_property) -> None:
    """How soon it opens is measured in ``benchmarks/pages.py``."""
    page.goto(f"{service}/maps/hotspots?at={AT}", wait_until="commit")
    page.wait_for_selector(READY, state="attached")
    sent = page.evaluate(SENT)
    record_property("transferred_bytes", sent)
    assert 10_000 < sent < 1_500_000
