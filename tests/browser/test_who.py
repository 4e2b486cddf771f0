"""The street's page in a browser, on a phone: by code, by text, by place; nothing asked of other machines."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import serving
from tests.forked import environment_of

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def service(town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {**environment_of(town_url, tmp_path_factory.mktemp("home")), "GEO_SERVICE_WHO": "true"}
    with serving("geo_service.api.app:create_app", environment) as url:
        yield url


@pytest.fixture(scope="module")
def board(service: str) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{service}/v1/sign-boards", timeout=60).json()["sign_boards"][0]
    return found


def test_the_code_on_a_board_leads_to_its_cell(page: Page, service: str, board: dict[str, object]) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{service}/who?cell={board['cell'][1]}&level=grid")
    expect(page.locator(".who-cell h2")).to_have_text(str(board["printed_name"]))
    number = page.locator(".who-people .who-number").first
    expect(number).to_have_attribute("href", "tel:" + number.inner_text().replace("-", ""))
    expect(page.locator(".who-map path.cell")).to_have_count(1)
    expect(page.locator(".who-report li")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="EN", exact=True).click()
    expect(page.locator(".who-card h2").nth(1)).to_have_text("Who answers")


def test_by_text_and_what_is_not_found(
    page: Page, service: str, board: dict[str, object], console_errors: list[str]
) -> None:
    page.goto(f"{service}/who")
    field = page.get_by_role("searchbox")
    field.fill(str(board["printed_name"]))
    field.press("Enter")
    expect(page.locator(".who-cell h2")).to_have_text(str(board["printed_name"]))
    field.fill("没有这个地方")
    page.get_by_role("button", name="查询").click()
    expect(page.get_by_role("status")).to_contain_text("没有找到这个地址")
    expect(page.locator(".who-card")).to_have_count(0)
    assert [error for error in console_errors if "404" not in error] == []
    console_errors.clear()


def test_by_place_and_without_leave_to_locate(page: Page, service: str, board: dict[str, object]) -> None:
    lon, lat = board["place"]
    page.context.grant_permissions(["geolocation"], origin=service)
    page.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 8})
    page.goto(f"{service}/who")
    with page.expect_request("**/v1/who") as asked:
        page.get_by_role("button", name="用手机定位").click()
    assert asked.value.method == "POST"  # nobody's place stands in an address
    assert json.loads(asked.value.post_data)["lon"] == pytest.approx(lon)
    expect(page.locator(".who-cell h2")).to_have_text(str(board["printed_name"]))
    expect(page.locator(".who-map .here")).to_have_count(1)
    page.context.clear_permissions()
    page.goto(f"{service}/who")
    page.get_by_role("button", name="用手机定位").click()
    expect(page.get_by_role("status")).to_contain_text("未获定位许可")


def test_without_scripts_it_says_so(browser: Browser, service: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{service}/who")
    expect(page.locator(".who-problem")).to_contain_text("JavaScript")
    context.close()
