"""The landing page and the API documentation in a real browser."""

from playwright.sync_api import Browser, Page, expect


def test_landing_shows_live_counts_and_leads_on(page: Page, small_town_url: str) -> None:
    page.goto(small_town_url)
    figures = page.locator("#figures")
    expect(figures).to_contain_text("576")
    expect(figures).to_contain_text("60,312")
    expect(figures).to_contain_text("180 / 548")
    expect(figures).to_contain_text("87.3%")
    for name in ("力量配备密度", "五分钟到场覆盖", "事件热力", "接口文档"):
        expect(page.locator("main").get_by_role("link", name=name)).to_be_visible()
    page.get_by_role("link", name="五分钟到场覆盖").click()
    expect(page).to_have_title("五分钟到场覆盖 Five-minute coverage")


def test_landing_tells_moments_in_the_town_s_zone(
    browser: Browser, browser_context_args: dict, small_town_url: str
) -> None:
    context = browser.new_context(**{**browser_context_args, "timezone_id": "America/Chicago"})
    page = context.new_page()
    page.goto(small_town_url)
    expect(page.locator("#figures")).to_contain_text("10:00")
    expect(page.locator("#figures")).to_contain_text("UTC+08:00")
    context.close()


def test_landing_works_without_scripts_and_without_status(
    browser: Browser, browser_context_args: dict, small_town_url: str
) -> None:
    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    page = context.new_page()
    page.goto(small_town_url)
    expect(page.locator("#figures")).to_be_hidden()
    expect(page.get_by_role("link", name="力量配备密度")).to_have_attribute("href", "/maps/staffing")
    context.close()


def test_documentation_is_our_own_copy(page: Page, small_town_url: str, requests_made: list[str]) -> None:
    page.goto(f"{small_town_url}/docs")
    expect(page.locator(".opblock")).not_to_have_count(0)
    expect(page.locator("body")).to_contain_text("/v1/status")
    assert any("swagger-ui-bundle" in url for url in requests_made)
