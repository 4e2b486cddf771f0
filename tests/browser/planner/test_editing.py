"""The planner in a real browser: what is drawn, dragged, refused, undone."""

import re
from typing import Any

import httpx
import shapely
from playwright.sync_api import Page, expect

from tests.browser.planner.hands import (
    DRAWN,
    TO_PIXEL,
    Plan,
    cells,
    click_cell,
    corners,
    drag,
    in_view,
    meeting_place,
    neighbours,
    notices,
    settled,
    sign_in,
    until,
)


def test_a_planner_signs_in_and_opens_a_new_plan(page: Page, service: str, keys: dict[str, str]) -> None:
    page.goto(f"{service}/planner")
    expect(page).to_have_url(re.compile(r"/sign-in\?next=/planner$"))
    sign_in(page, service, keys["张三"], "/planner")
    page.get_by_role("button", name="新建方案").click()
    page.get_by_label("方案名称").fill("五月 <b>调整</b>")
    page.get_by_role("button", name="新建", exact=True).click()
    expect(page).to_have_url(re.compile(r"/planner/\d+$"))
    settled(page)
    expect(page.locator("h1")).to_have_text("五月 <b>调整</b>")
    expect(page.locator(".pl-tools button")).to_have_count(11)
    page.goto(f"{service}/planner")
    expect(page.locator(".pl-plans li").first).to_contain_text("五月 <b>调整</b>")


def test_a_leader_reads_and_comments_and_sees_nothing_that_edits(
    page: Page, service: str, keys: dict[str, str], plan: Plan
) -> None:
    sign_in(page, service, keys["王主任"], "/planner")
    expect(page.locator(".pl-plans li").first).to_contain_text(plan["name"])
    for word in ("新建方案", "放弃方案"):
        expect(page.get_by_role("button", name=word)).to_have_count(0)
    page.locator(".pl-plans a").first.click()
    settled(page)
    expect(page.locator(".pl-status")).to_have_text("只读")
    expect(page.locator(".pl-tools button:visible")).to_have_count(2)
    for word in ("发布", "撤销 (Ctrl+Z)"):
        expect(page.get_by_role("button", name=word, exact=True)).to_have_count(0)
    page.keyboard.press("m")
    expect(notices(page)).to_contain_text("规划员")
    assert page.evaluate("planner.state.tool") == "select"
    page.locator("#pl-tab-history").click()
    page.locator(".pl-comment textarea").fill("请说明与派出所辖区的关系")
    page.get_by_role("button", name="发送").click()
    expect(page.locator(".pl-comments li")).to_contain_text("请说明与派出所辖区的关系")


def test_who_neither_plans_nor_leads_is_told_so(
    page: Page, service: str, keys: dict[str, str], console_errors: list[str]
) -> None:
    sign_in(page, service, keys["小赵"], "/planner")
    expect(page.locator(".status")).to_have_text("403")
    expect(page.locator(".detail")).to_contain_text("角色 worker 不能这样做")
    expect(page.locator("main").get_by_role("link", name="登录")).to_have_attribute(
        "href", re.compile(r"/sign-in\?next=.*planner")
    )
    console_errors.clear()  # the browser reports the 403 of the page itself


# --------------------------------------------------------------------------------------------- borders


def test_dragging_a_shared_corner_moves_every_cell_there(opened: Page, api: httpx.Client, plan: Plan) -> None:
    before = cells(api, plan)
    at, codes = meeting_place(opened, before, 3)
    opened.keyboard.press("m")
    drag(opened, at, (9, 6))
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")
    settled(opened)
    after = cells(api, plan)
    moved = {code for code in before if corners(before[code]) != corners(after[code])}
    assert moved == set(codes)
    (place,) = corners(after[codes[0]]) - corners(before[codes[0]])
    assert all(corners(after[code]) == corners(before[code]) - {at} | {place} for code in codes)
    # what is drawn is what the server has
    for code in codes:
        drawn = opened.evaluate(DRAWN, code)
        assert {tuple(point) for point in drawn} == corners(after[code])
    expect(opened.locator(".pl-last")).to_contain_text(codes[0])


#: Corners of a micro-grid as the map has them.


def test_dragging_an_edge_puts_a_corner_into_both_cells(opened: Page, api: httpx.Client, plan: Plan) -> None:
    before = cells(api, plan)
    at, codes = meeting_place(opened, before, 2)
    ring = next(r for r in rings(before[codes[0]]) if at in r)
    a, b = at, ring[(ring.index(at) + 1) % len(ring)]
    middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    holders = {code for code in before if {a, b} <= corners(before[code])}
    opened.keyboard.press("m")
    drag(opened, middle, (5, 5))
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")
    settled(opened)
    after = cells(api, plan)
    grown = {code for code in before if len(corners(after[code])) == len(corners(before[code])) + 1}
    assert grown == holders
    new = next(iter(corners(after[codes[0]]) - corners(before[codes[0]])))
    x, y = opened.evaluate(TO_PIXEL, list(new))
    opened.keyboard.down("Alt")
    opened.mouse.move(x - 9, y - 9)
    opened.mouse.click(x, y)
    opened.keyboard.up("Alt")
    expect(opened.locator(".pl-revision")).to_have_text("修订 2")
    assert {code: corners(one) for code, one in cells(api, plan).items()} == {
        code: corners(one) for code, one in before.items()
    }


def rings(feature: dict[str, Any]) -> list[list[tuple[float, float]]]:
    shape = shapely.geometry.shape(feature["geometry"])
    parts = shapely.get_parts(shape)
    every = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return [[(lon, lat) for lon, lat in shapely.get_coordinates(r).round(7).tolist()[:-1]] for r in every]


def test_a_refused_edit_puts_the_line_back_and_says_why(
    opened: Page, api: httpx.Client, plan: Plan, console_errors: list[str]
) -> None:
    before = cells(api, plan)
    at, codes = meeting_place(opened, before, 3)
    drawn = {code: opened.evaluate(DRAWN, code) for code in codes}
    opened.keyboard.press("m")
    drag(opened, at, (260, 150))
    expect(notices(opened)).to_contain_text("未能修改，已恢复原样")
    expect(opened.locator(".pl-revision")).to_have_text("修订 0")
    assert {code: opened.evaluate(DRAWN, code) for code in codes} == drawn
    assert opened.evaluate("planner.map.overlays.dragged.getSource().getFeatures().length") == 0
    assert opened.evaluate("planner.map.overlays.trouble.getSource().getFeatures().length") > 0
    assert {code: corners(one) for code, one in cells(api, plan).items()} == {
        code: corners(one) for code, one in before.items()
    }
    console_errors.clear()  # the browser reports the 422


# ----------------------------------------------------------------------------------- cells, by the keys


def test_merge_and_cut_undo_and_redo_by_keys(opened: Page, api: httpx.Client, plan: Plan) -> None:
    before = cells(api, plan)
    one, two = neighbours(opened, before)
    click_cell(opened, before[one])
    opened.keyboard.down("Shift")
    click_cell(opened, before[two])
    opened.keyboard.up("Shift")
    expect(opened.locator(".pl-selection h2")).to_contain_text("已选 2 个")
    households = sum(before[code]["properties"]["figures"]["households"] for code in (one, two))
    expect(opened.locator(".pl-figures dd").first).to_have_text(f"{households:,.0f}")
    opened.keyboard.press("j")
    opened.get_by_role("button", name="确定").click()
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")
    settled(opened)
    merged = cells(api, plan)
    (gone,) = set(before) - set(merged)
    assert gone in {one, two}
    opened.keyboard.press("Control+z")
    expect(opened.locator(".pl-revision")).to_have_text("修订 2")
    settled(opened)
    assert set(cells(api, plan)) == set(before)
    opened.keyboard.press("Control+Shift+Z")
    expect(opened.locator(".pl-revision")).to_have_text("修订 3")
    settled(opened)
    kept = one if gone == two else two
    shape = shapely.geometry.shape(cells(api, plan)[kept]["geometry"])
    draw_across(opened, shape)
    expect(opened.locator(".pl-revision")).to_have_text("修订 4")
    settled(opened)
    parts = set(cells(api, plan)) - set(merged)
    assert len(parts) == 1
    code = parts.pop()
    assert opened.evaluate("(code) => Boolean(planner.cells.find(['micro_grid', code]))", code)
    opened.locator("#pl-tab-history").click()
    expect(opened.locator(".pl-history li")).to_have_count(2)
    expect(opened.locator(".pl-history li").first).to_contain_text("拆分")


def draw_across(page: Page, shape: shapely.Geometry) -> None:
    """Take the knife and draw a line across a cell, from outside to outside."""
    west, _, east, _ = shape.bounds
    middle = shape.representative_point()
    page.keyboard.press("c")
    width = (east - west) * 0.1
    start = page.evaluate(TO_PIXEL, [west - width, middle.y])
    end = page.evaluate(TO_PIXEL, [east + width, middle.y])
    page.mouse.click(*start)
    page.mouse.move(*end, steps=3)
    page.mouse.click(*end)
    page.keyboard.press("Enter")


def test_escape_calls_off_and_locked_cells_are_left_alone(
    opened: Page, api: httpx.Client, plan: Plan
) -> None:
    found = cells(api, plan)
    one, two = neighbours(opened, found)
    click_cell(opened, found[one])
    opened.keyboard.press("k")
    click_cell(opened, found[one])
    expect(notices(opened).last).to_contain_text("已锁定")
    assert opened.evaluate("planner.state.selected.size") == 0
    click_cell(opened, found[two])
    assert opened.evaluate("planner.state.selected.size") == 1
    opened.keyboard.press("c")
    expect(opened.locator(".pl-hint")).to_be_visible()
    opened.keyboard.press("Escape")
    expect(opened.locator(".pl-hint")).to_be_hidden()
    opened.keyboard.press("Escape")
    assert opened.evaluate("planner.state.selected.size") == 0


def test_a_lasso_takes_what_it_holds(opened: Page) -> None:
    opened.keyboard.press("l")
    box = opened.locator(".pl-map").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.mouse.move(x - 200, y - 150)
    opened.mouse.down()
    for dx, dy in ((200, -150), (200, 150), (-200, 150), (-200, -140)):
        opened.mouse.move(x + dx, y + dy, steps=4)
    opened.mouse.up()
    expect(opened.locator(".pl-selection h2")).to_contain_text("已选")
    assert opened.evaluate("planner.state.selected.size") > 1


def test_a_community_is_divided_by_the_program(opened: Page, api: httpx.Client, plan: Plan) -> None:
    communities = cells(api, plan, "community")
    code = max(communities, key=lambda one: communities[one]["properties"]["figures"]["households"])
    opened.get_by_role("radio", name="村（社区）").click()
    until(opened, "() => planner.state.shown.code === 'community'")
    settled(opened)
    opened.evaluate("(code) => planner.state.select([planner.cells.find(['community', code])])", code)
    opened.keyboard.press("x")
    opened.get_by_role("button", name="开始划分").click()
    proposals = opened.locator(".pl-proposal")
    expect(proposals).to_have_count(3)
    groups = proposals.first.locator("li").count()
    assert opened.evaluate("planner.map.overlays.proposal.getSource().getFeatures().length") == groups
    proposals.nth(1).click()
    expect(proposals.nth(1)).to_have_attribute("aria-pressed", "true")
    opened.get_by_role("button", name="采用此方案").click()
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")
    settled(opened)
    grids = cells(api, plan, "grid").values()
    assert sum(one["properties"]["parent_code"] == code for one in grids) == groups
    assert opened.evaluate("planner.map.overlays.proposal.getSource().getFeatures().length") == 0


def test_a_rule_objects_and_its_finding_leads_to_the_place(
    opened: Page, api: httpx.Client, plan: Plan
) -> None:
    found = cells(api, plan)
    grids = cells(api, plan, "grid")
    code = min(found)
    own = found[code]["properties"]["parent_code"]
    here = shapely.geometry.shape(found[code]["geometry"])
    farthest = max(grids, key=lambda one: here.distance(shapely.geometry.shape(grids[one]["geometry"])))
    assert farthest != own
    given = {"cells": [["micro_grid", code]], "to": ["grid", farthest]}
    opened.evaluate("async (given) => { await planner.actions.change('hand_over', given); }", given)
    opened.locator("#pl-tab-findings").click()
    apart = opened.locator(".pl-findings li", has_text=farthest).first
    expect(apart).to_contain_text("不相连")
    apart.locator("p").first.click()
    until(opened, "() => planner.map.overlays.trouble.getSource().getFeatures().length > 0")
    apart.get_by_role("button", name="豁免").click()
    dialog = opened.locator("dialog")
    dialog.locator("textarea").fill("街道会议纪要 12 号")
    dialog.get_by_role("button", name="豁免").click()
    expect(opened.locator(".pl-findings li.waived").first).to_contain_text("街道会议纪要 12 号")


def test_a_comment_may_name_a_place(opened: Page, api: httpx.Client, plan: Plan) -> None:
    opened.locator("#pl-tab-history").click()
    opened.locator(".pl-comment textarea").fill("这里有一座新桥 <b>")
    opened.get_by_role("button", name="标位置").click()
    middle = in_view(opened).centroid
    opened.mouse.click(*opened.evaluate(TO_PIXEL, [middle.x, middle.y]))
    expect(opened.get_by_role("button", name="标位置")).to_have_attribute("aria-pressed", "true")
    opened.get_by_role("button", name="发送").click()
    expect(opened.locator(".pl-comments li")).to_contain_text("这里有一座新桥 <b>")
    (comment,) = api.get(f"/v1/plans/{plan['id']}/comments").json()["comments"]
    assert shapely.Point(comment["place"]).distance(middle) < 1e-5


# ------------------------------------------------------------------------------------- several at once
