"""Exclaves that are meant and sign boards, in a real browser: declared from a finding, told by the report."""

from pathlib import Path

import httpx
import shapely
from playwright.sync_api import Page, expect

from tests.browser.planner.hands import Plan, cells, settled
from tests.browser.planner.test_publishing import publish


def hand_far_over(page: Page, api: httpx.Client, plan: Plan) -> str:
    """Hand a micro-grid to the grid farthest from it; returns that grid's code."""
    found, grids = cells(api, plan), cells(api, plan, "grid")
    code = min(found)
    here = shapely.geometry.shape(found[code]["geometry"])
    farthest: str = max(grids, key=lambda one: here.distance(shapely.geometry.shape(grids[one]["geometry"])))
    given = {"cells": [["micro_grid", code]], "to": ["grid", farthest]}
    page.evaluate("async (given) => { await planner.actions.change('hand_over', given); }", given)
    settled(page)
    return farthest


def test_an_exclave_is_declared_from_its_finding(opened: Page, api: httpx.Client, plan: Plan) -> None:
    grid = hand_far_over(opened, api, plan)
    opened.locator("#pl-tab-findings").click()
    apart = opened.locator(".pl-findings li.warning", has_text=grid).filter(has_text="不相连").first
    apart.get_by_role("button", name="登记为插花地").click()
    dialog = opened.locator("dialog")
    dialog.locator("textarea").fill("国有林场，县政府 1998 年划定")
    dialog.get_by_role("button", name="登记为插花地").click()
    noted = opened.locator(".pl-findings li.note", has_text=grid)
    expect(noted.first).to_contain_text("已登记的插花地")
    expect(noted.first).to_contain_text("国有林场，县政府 1998 年划定（张三）")
    (mine,) = api.get("/v1/exclaves/declared", params={"plan_id": plan["id"]}).json()["declared"]
    assert mine["cell"] == ["grid", grid]


def test_the_report_and_the_publication_tell_of_the_sign_boards(
    opened: Page, service: str, api: httpx.Client, plan: Plan, tmp_path: Path
) -> None:
    grid = hand_far_over(opened, api, plan)
    told = api.get(f"/v1/plans/{plan['id']}/preview").json()["hands"]["sign_boards"]
    assert told["print_again"] == 2
    report = opened.context.new_page()
    report.goto(f"{service}/planner/{plan['id']}/preview")
    row = report.locator("tr", has_text=f"B{grid}")
    expect(row).to_contain_text("范围变化", timeout=60_000)
    expect(report.get_by_text("公示牌：2 块须重印").first).to_be_visible()
    row.screenshot(path=tmp_path / "row.png")
    report.close()

    publish(opened)
    after = opened.locator("dialog", has_text="边界版本")
    after.get_by_text("公示牌：2 块须重印").click()
    expect(after.locator("li", has_text=f"B{grid}")).to_contain_text("范围变化")
    stale = api.get("/v1/sign-boards", params={"stale": "true"}).json()["sign_boards"]
    assert {one["code"] for one in stale} == {one["code"] for one in told["boards"]}
