"""What the pages of the desk, the phone, the roster and the planner show stands out, by day and by night."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.contrast import faint
from tests.browser.dispatch.conftest import Scene
from tests.browser.dispatch.hands import choose, enter, open_desk, report


@pytest.mark.parametrize("look", ["day", "night"])
def test_the_desk(
    *, page: Page, service: str, keys: dict[str, str], api: httpx.Client, around: Scene, look: str
) -> None:
    free = report(api, building=around.building, category="0102", urgency="critical")
    sent = report(api, building=around.building, category="0102", urgency="urgent")
    nowhere = report(api, category="0102", address="说不清")
    api.post(f"/v1/incidents/{sent}/dispatches", json={"lead": around.workers[0]}).raise_for_status()
    api.post(f"/v1/incidents/{free}/whistles", json={"words": "协助"}).raise_for_status()
    open_desk(page, service, keys["调度一"])
    if look == "night":
        page.keyboard.press("Alt+n")
        expect(page.locator("html")).to_have_attribute("data-night", "yes")
    panel = choose(page, free)
    expect(panel.locator(".ds-candidate").first).to_be_visible()
    expect(panel.locator(".ds-escalation")).to_be_visible()
    panel.locator(".ds-escalation summary").click()
    found = faint(page)
    choose(page, sent).locator(".ds-goer").wait_for()
    found += faint(page)
    choose(page, nowhere).locator(".ds-relocate").wait_for()
    found += faint(page)
    page.keyboard.press("n")
    expect(page.locator(".ds-report")).to_be_visible()
    found += faint(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="帮助").click()
    found += faint(page)
    assert not found, found


def test_the_phone(
    *, page: Page, service: str, keys: dict[str, str], api: httpx.Client, admin: httpx.Client, around: Scene
) -> None:
    principals = admin.get("/v1/keys").raise_for_status().json()["keys"]
    number = next(one["id"] for one in principals if one["name"] == "手机")
    admin.put(f"/v1/desk/keys/{number}", json={"responder": around.workers[1]}).raise_for_status()
    key = report(api, building=around.building, category="0102", urgency="urgent")
    api.post(f"/v1/incidents/{key}/dispatches", json={"lead": around.workers[1]}).raise_for_status()
    page.set_viewport_size({"width": 390, "height": 844})
    enter(page, service, keys["手机"], "/worker")
    expect(page.locator(".wk-task")).to_be_visible()
    found = faint(page)
    for view in ("cell", "report"):
        page.locator(f'[data-view="{view}"]').click()
        expect(page.locator(".wk-cell, .wk-report").first).to_be_visible()
        found += faint(page)
    assert not found, found


def test_the_roster(page: Page, service: str, keys: dict[str, str]) -> None:
    enter(page, service, keys["调度一"], "/roster")
    page.wait_for_selector('#roster[data-ready="yes"]', timeout=60_000)
    found = faint(page)
    page.locator(".ro-day[data-row]").first.click()
    expect(page.locator(".ro-dialog")).to_be_visible()
    found += faint(page)
    assert not found, found


def test_the_planner(page: Page, service: str, keys: dict[str, str]) -> None:
    enter(page, service, keys["管理员"], "/planner")
    page.wait_for_load_state("networkidle")
    found = faint(page)
    assert not found, found
