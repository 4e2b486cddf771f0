"""The planner's page in a real browser: finding a cell, cells for leads, another plan, an earlier edition."""

import os
import re
from typing import Any

import httpx
import psycopg
import shapely
from playwright.sync_api import Page, Route, expect

from tests.browser.planner.hands import TO_PIXEL, Plan, before_the_end, cells, settled, until


def seen(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look."""
    if folder := os.environ.get("PLANNER_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_a_cell_is_found_by_code_and_by_name(opened: Page, api: httpx.Client, plan: Plan) -> None:
    grids = cells(api, plan, "grid")
    code = max(grids)
    opened.keyboard.press("/")
    field = opened.get_by_role("combobox", name="查找网格")
    expect(field).to_be_focused()
    opened.keyboard.type(code)
    first = opened.locator(".pl-found li").first
    expect(first).to_contain_text(code)
    expect(first).to_contain_text("›")  # where it lies
    seen(opened, "search")
    opened.keyboard.press("Enter")
    until(opened, "(code) => [...planner.state.selected.keys()].join() === `grid/${code}`", code)
    assert opened.evaluate("planner.state.shown.code") == "grid"
    opened.wait_for_timeout(400)
    settled(opened)
    middle = shapely.geometry.shape(grids[code]["geometry"]).representative_point()
    x, y = opened.evaluate(TO_PIXEL, [middle.x, middle.y])
    box = opened.locator(".pl-map").bounding_box()
    assert box is not None
    assert box["x"] < x < box["x"] + box["width"]
    assert box["y"] < y < box["y"] + box["height"]
    expect(opened.locator(".pl-selection")).to_contain_text(code)
    seen(opened, "search_found")
    # a name leads to its community, the arrow keys to the others
    village = max(cells(api, plan, "community").values(), key=lambda one: one["properties"]["code"])
    opened.keyboard.press("/")
    field.fill(village["properties"]["name"])
    expect(opened.locator(".pl-found li").first).to_contain_text(village["properties"]["code"])
    field.press("Enter")
    until(opened, "() => planner.state.shown.code === 'community' && planner.state.selected.size === 1")
    opened.keyboard.press("/")
    field.fill("没有这个")
    expect(opened.locator(".pl-found")).to_contain_text("没有这样的网格")
    field.press("Escape")
    expect(opened.locator(".pl-found")).to_be_hidden()


def test_cells_are_given_to_the_nearest_lead(opened: Page, api: httpx.Client, plan: Plan) -> None:
    communities = cells(api, plan, "community")
    grids = cells(api, plan, "grid")
    below: dict[str, list[dict[str, Any]]] = {}
    for one in cells(api, plan).values():
        parent = grids[one["properties"]["parent_code"]]["properties"]["parent_code"]
        below.setdefault(parent, []).append(one)
    code = max(below, key=lambda one: (len(below[one]), one))
    mine = below[code]
    find(opened, "community", code)
    opened.keyboard.press("x")
    dialog = opened.locator("dialog")
    dialog.locator("select").first.select_option("leads")
    dialog.get_by_role("button", name="开始划分").click()
    expect(dialog.get_by_role("alert")).to_contain_text("请先在地图上标出")
    dialog.get_by_role("button", name="在地图上标位置").click()
    for count, one in enumerate(mine[:: max(1, len(mine) // 3)][:3]):
        expect(opened.locator(".pl-hint")).to_contain_text(f"已标 {count} 个")
        at = shapely.geometry.shape(one["geometry"]).representative_point()
        opened.mouse.click(*opened.evaluate(TO_PIXEL, [at.x, at.y]))
    expect(opened.locator(".pl-hint")).to_contain_text("已标 3 个")
    opened.keyboard.press("Enter")
    expect(dialog.locator(".pl-leads li")).to_have_count(3)
    dialog.locator(".pl-leads input").first.fill("赵组长")
    cap = -(-len(mine) // 3)
    dialog.get_by_label("每人最多").fill(str(cap))
    dialog.get_by_role("button", name="开始划分").click()
    rows = dialog.locator(".pl-leads-found tbody tr")
    expect(rows).to_have_count(3, timeout=60_000)
    expect(rows.first).to_contain_text("赵组长")
    counts = [int(rows.nth(k).locator("td").nth(1).inner_text()) for k in range(3)]
    assert sum(counts) == len(mine)
    assert max(counts) <= cap
    until(opened, f"() => planner.map.overlays.proposal.getSource().getFeatures().length === {len(mine)}")
    seen(opened, "leads")
    with opened.expect_download() as download:
        dialog.get_by_role("button", name="下载名单").click()
    assert len(download.value.path().read_text("utf-8-sig").splitlines()) == len(mine) + 1
    dialog.get_by_role("button", name="采用此方案").click()
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")  # one change, one undo
    settled(opened)
    now = [one for one in cells(api, plan, "grid").values() if one["properties"]["parent_code"] == code]
    held = [one["properties"]["parent_code"] for one in cells(api, plan).values()]
    assert sorted(held.count(one["properties"]["code"]) for one in now) == sorted(counts)
    assert communities.keys() == cells(api, plan, "community").keys()


def find(page: Page, level: str, code: str) -> None:
    page.keyboard.press("/")
    page.get_by_role("combobox", name="查找网格").fill(code)
    expect(page.locator(".pl-found li").first).to_contain_text(code)
    page.keyboard.press("Enter")
    until(page, "(key) => [...planner.state.selected.keys()].join() === key", f"{level}/{code}")
    page.wait_for_timeout(400)
    settled(page)


def test_a_plan_is_compared_with_another(opened: Page, api: httpx.Client, plan: Plan) -> None:
    other = api.post("/v1/plans", json={"name": "另一种分法"}).raise_for_status().json()
    opened.locator("#pl-tab-report").click()
    expect(opened.locator("#pl-pane-report table").first).to_be_visible(timeout=60_000)
    chooser = opened.get_by_label("与谁比较")
    with opened.expect_response(re.compile(rf"/preview\?against={other['id']}$")) as answer:
        chooser.select_option(str(other["id"]))
    assert answer.value.ok
    whole = opened.get_by_role("link", name="完整对比报告")
    expect(whole).to_have_attribute("href", f"/planner/{plan['id']}/preview?against={other['id']}")
    opened.goto(f"{opened.url.split('/planner')[0]}/planner/{plan['id']}/preview")
    expect(opened.locator(".pv-head")).to_contain_text("版边界", timeout=60_000)
    opened.locator(".pv-against").select_option(str(other["id"]))
    expect(opened.locator(".pv-head p")).to_contain_text("另一种分法", timeout=60_000)
    seen(opened, "against")


def test_enter_answers_a_choice(opened: Page, api: httpx.Client, plan: Plan) -> None:
    code = min(cells(api, plan))
    find(opened, "micro_grid", code)
    opened.get_by_role("button", name="改类别").click()
    opened.locator("dialog select").select_option("dedicated")
    opened.keyboard.press("Enter")
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")
    expect(opened.locator("dialog")).to_have_count(0)
    assert cells(api, plan)[code]["properties"]["kind"] == "dedicated"


def test_opening_is_said(opened: Page) -> None:
    held: list[Route] = []
    opened.route(re.compile(r"/v1/plans/\d+$"), lambda route: held.append(route))  # noqa: PLW0108 (it takes no builtin)
    opened.reload(wait_until="commit")
    said = opened.locator(".pl-opening")
    expect(said).to_contain_text("正在打开方案")
    seen(opened, "opening")
    held[0].continue_()
    settled(opened)
    expect(said).to_have_count(0)


def test_an_earlier_edition_comes_back(
    opened: Page, api: httpx.Client, service: str, plan: Plan, held_up: psycopg.Connection
) -> None:
    first = api.get("/v1/editions").json()[-1]["id"]
    leaf = min(cells(api, plan))
    name = cells(api, plan)[leaf]["properties"]["name"]
    change = {"verb": "rename", "arguments": {"cell": ["micro_grid", leaf], "name": "改错了"}}
    api.post(f"/v1/plans/{plan['id']}/changes", json={"revision": 0, **change}).raise_for_status()
    done = api.post(
        f"/v1/plans/{plan['id']}/publish", json={"note": "发错了"}, headers={"If-Match": '"1"'}
    ).raise_for_status()
    assert done.json()["edition_id"] != first
    opened.goto(f"{service}/planner")
    old = opened.locator(f'[data-edition="{first}"]')
    expect(old).to_contain_text("曾生效")
    seen(opened, "editions")
    old.get_by_role("button", name="恢复此版").click()
    dialog = opened.locator("dialog").first
    expect(dialog).to_contain_text(f"把第 {first} 版")
    dialog.get_by_role("button", name="恢复此版", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("请写明")
    dialog.locator("textarea").fill("第 5 号文件作废")
    dialog.get_by_label("立即生效").check()
    seen(opened, "restore")
    with before_the_end(held_up):
        dialog.get_by_role("button", name="恢复此版", exact=True).click()
        expect(dialog.locator(".pl-progress li.now")).to_contain_text("记录沿革", timeout=60_000)
        opened.reload()  # and it is found again
        expect(dialog.locator(".pl-progress li.now")).to_contain_text("记录沿革")
    after = opened.locator("dialog", has_text="已发布为第")
    expect(after).to_be_visible(timeout=60_000)
    latest = api.get("/v1/editions").json()[-1]
    expect(after).to_contain_text(f"第 {latest['id']} 号")
    seen(opened, "restored")
    assert latest["note"] == "第 5 号文件作废"
    fresh = api.post("/v1/plans", json={"name": "之后"}).json()
    assert cells(api, fresh)[leaf]["properties"]["name"] == name
    after.locator("footer button").click()
    expect(opened.locator(f'[data-edition="{latest["id"]}"]')).to_contain_text("现行")
