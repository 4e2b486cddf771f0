"""What all pages share: the language and its switch, the header, panels that fold."""

import re

from playwright.sync_api import Page, expect

from tests.browser.test_maps import READY, open_map, point_at_the_middle


def test_the_language_is_switched_and_remembered(page: Page, small_town_url: str) -> None:
    page.goto(small_town_url)
    header = page.locator(".shell")
    expect(header).to_contain_text("地图")
    expect(page.locator("h1")).to_contain_text("社区网格与巡防覆盖")
    header.get_by_role("button", name="EN").click()
    expect(page.locator("h1 [lang=zh-CN]")).to_be_hidden()
    expect(page.locator("h1 [lang=en]")).to_be_visible()
    expect(header.get_by_role("link", name="Maps", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.goto(f"{small_town_url}/maps/coverage")  # on another page it is still so
    expect(page.locator(".gs-heading h1 [lang=zh-CN]")).to_be_hidden()
    page.locator(".shell").get_by_role("button", name="中文").click()
    expect(page.locator(".gs-heading h1 [lang=zh-CN]")).to_be_visible()


def test_the_address_may_name_the_language(page: Page, small_town_url: str) -> None:
    page.goto(f"{small_town_url}/maps/staffing?lang=en")
    page.wait_for_selector(READY, state="attached")
    panel = page.get_by_role("region", name="Legend")
    expect(panel).to_have_text(re.compile("Unit: staff per 1,000 residents"), use_inner_text=True)
    point_at_the_middle(page)
    expect(page.locator(".gs-tooltip .gs-line").last).to_have_text(
        re.compile(r"^Households\s*[\d,]+ households$"), use_inner_text=True
    )
    layers = page.locator(".leaflet-control-layers")
    expect(layers).to_have_text(re.compile(r"^\s*Base map\s*Staffing density\s*$"), use_inner_text=True)
    page.locator(".shell").get_by_role("button", name="中文").click()
    page.reload()  # a choice made on the page outlives the address
    expect(page.locator(".gs-heading h1 [lang=zh-CN]")).to_be_visible()


def test_a_folded_legend_stays_folded(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/staffing")
    legend = page.locator(".gs-legend")
    expect(legend).to_be_visible()
    page.get_by_role("button", name="收起 Fold").click()
    expect(legend).to_be_hidden()
    expect(page.locator(".gs-panel h2")).to_be_visible()
    page.reload()
    page.wait_for_selector(READY, state="attached")
    expect(legend).to_be_hidden()
    page.get_by_role("button", name="展开 Unfold").click()
    expect(legend).to_be_visible()


def test_panels_do_not_cover_the_place(page: Page, small_town_url: str) -> None:
    open_map(page, f"{small_town_url}/maps/staffing")
    west, east = page.evaluate(
        """() => {
            const map = Object.values(window).find((one) => one instanceof L.Map);
            const theme = Object.values(map._layers).find((layer) => layer.config && layer.config.bounds);
            const [west, south, east, north] = theme.config.bounds;
            const rim = map.getContainer().getBoundingClientRect();
            const at = (lat, lng) => map.latLngToContainerPoint([lat, lng]).x + rim.left;
            return [at(south, west), at(north, east)];
        }"""
    )
    panel = page.locator(".gs-panel").bounding_box()
    assert west >= 0
    assert east <= panel["x"]


def test_nobody_is_signed_in_here(page: Page, small_town_url: str) -> None:
    page.goto(f"{small_town_url}/docs")
    into = page.locator(".shell-sign-in")
    expect(into).to_be_visible()
    expect(into).to_have_attribute("href", "/sign-in?next=%2Fdocs")
    expect(page.locator(".shell-sign-out")).to_be_hidden()
