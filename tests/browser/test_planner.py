"""The planner in a real browser against the real service: what is drawn, dragged, refused, undone, shared."""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database

Plan = dict[str, Any]

#: Where a place on earth lies in the window.
TO_PIXEL = """([lon, lat]) => {
    const { ol: map } = planner.map;
    const box = map.getTargetElement().getBoundingClientRect();
    const [x, y] = map.getPixelFromCoordinate(ol.proj.fromLonLat([lon, lat]));
    return [x + box.x, y + box.y];
}"""


@pytest.fixture(scope="module")
def keys(own_town_url: str) -> dict[str, str]:
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    people = (("张三", Role.PLANNER), ("李四", Role.PLANNER), ("王主任", Role.LEADER))
    try:
        return {name: identity.issue(database, name, role, by="test")[1] for name, role in people}
    finally:
        database.close()


@pytest.fixture(scope="module")
def service(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the application, served by a process of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # asyncio does not on sockets it is given
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.listen(64)
        code = (
            "import uvicorn; uvicorn.run('geo_service.api.app:create_app', factory=True, "
            f"fd={listener.fileno()}, log_level='warning', access_log=False, timeout_graceful_shutdown=1)"
        )
        environment = {name: value for name, value in os.environ.items() if "GEO_SERVICE_" not in name}
        environment["GEO_SERVICE_DATABASE_URL"] = own_town_url
        environment["GEO_SERVICE_HOME"] = str(tmp_path_factory.mktemp("home"))
        server = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[listener.fileno()],
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            httpx.get(f"{url}/v1/status", timeout=120).raise_for_status()  # waits until it answers
            yield url
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="module")
def api(service: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {keys['张三']}"}
    with httpx.Client(base_url=service, headers=headers, timeout=120) as client:
        yield client


@pytest.fixture
def plan(api: httpx.Client) -> Plan:
    made: Plan = api.post("/v1/plans", json={"name": "江滨社区调整"}).raise_for_status().json()
    return made


def sign_in(page: Page, service: str, key: str, target: str) -> None:
    page.goto(f"{service}/sign-in?next={target}")
    page.locator("#key").fill(key)
    page.locator("form button.primary").click()


def until(page: Page, question: str, arg: Any = None) -> None:
    """Wait for the page to say yes. Playwright's own waiting evaluates text, which the policy forbids."""
    give_up = time.monotonic() + 30
    while not page.evaluate(question, arg):
        assert time.monotonic() < give_up, question
        page.wait_for_timeout(50)


def settled(page: Page) -> None:
    page.wait_for_selector('html[data-ready="yes"]', state="attached", timeout=60_000)
    until(page, "() => planner.actions.waiting === 0")


def editor(page: Page, service: str, key: str, plan: Plan) -> Page:
    """Open the editor on the micro-grids of the town's centre, signed in without the form."""
    answer = httpx.post(f"{service}/sign-in", data={"key": key}, headers={"Origin": service})
    cookies = [{"name": name, "value": value, "url": service} for name, value in answer.cookies.items()]
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(f"{service}/planner/{plan['id']}")
    settled(page)
    page.evaluate("""() => {
        const grids = planner.cells.source("grid").getFeatures();
        const small = grids.sort((a, b) => a.getGeometry().getArea() - b.getGeometry().getArea())[0];
        planner.map.ol.getView().fit(small.getGeometry().getExtent(), { padding: [90, 90, 90, 90] });
    }""")
    until(page, "() => planner.state.shown === planner.state.leafLevel")
    settled(page)
    return page


@pytest.fixture
def opened(page: Page, service: str, keys: dict[str, str], plan: Plan) -> Page:
    return editor(page, service, keys["张三"], plan)


def cells(api: httpx.Client, plan: Plan, level: str = "micro_grid") -> dict[str, dict[str, Any]]:
    answer = api.get(f"/v1/plans/{plan['id']}/cells", params={"level": level, "limit": 5000})
    return {one["properties"]["code"]: one for one in answer.raise_for_status().json()["features"]}


def corners(feature: dict[str, Any]) -> set[tuple[float, float]]:
    points = shapely.get_coordinates(shapely.geometry.shape(feature["geometry"]))
    return {(lon, lat) for lon, lat in points.round(7).tolist()}


def in_view(page: Page, *, margin: float = 0.25) -> shapely.Polygon:
    """The middle of what the map shows, in degrees."""
    west, south, east, north = page.evaluate(
        "ol.proj.transformExtent(planner.map.ol.getView().calculateExtent(), 'EPSG:3857', 'EPSG:4326')"
    )
    dx, dy = (east - west) * margin, (north - south) * margin
    return shapely.box(west + dx, south + dy, east - dx, north - dy)


def meeting_place(
    page: Page, found: dict[str, dict[str, Any]], count: int
) -> tuple[tuple[float, float], list[str]]:
    """A corner in the middle of the view where so many cells meet, none other within a few pixels."""
    holders: dict[tuple[float, float], list[str]] = {}
    for code, feature in found.items():
        for at in corners(feature):
            holders.setdefault(at, []).append(code)
    view = in_view(page)
    every = shapely.STRtree(shapely.points(list(holders)))
    apart = 12 * page.evaluate("planner.map.ol.getView().getResolution()") / 111_000
    for at, codes in sorted(holders.items()):
        point = shapely.Point(at)
        if len(codes) == count and view.contains(point) and len(every.query(point.buffer(apart))) == 1:
            return at, sorted(codes)
    raise AssertionError(f"no corner of {count} cells stands alone in view")


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Drag what lies at a place by some pixels."""
    x, y = page.evaluate(TO_PIXEL, list(start))
    page.mouse.move(x - 15, y - 15)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 7):
        page.mouse.move(x + by[0] * step / 6, y + by[1] * step / 6)
    page.mouse.up()


def click_cell(page: Page, feature: dict[str, Any], **more: Any) -> None:
    inside = shapely.geometry.shape(feature["geometry"]).representative_point()
    x, y = page.evaluate(TO_PIXEL, [inside.x, inside.y])
    page.mouse.click(x, y)


def notices(page: Page) -> Locator:
    return page.locator(".pl-notice")


def neighbours(page: Page, found: dict[str, dict[str, Any]]) -> list[str]:
    """Two cells of one grid in the middle of the view that share a border."""
    view = in_view(page, margin=0.1)
    near = {
        code: shapely.geometry.shape(one["geometry"])
        for code, one in found.items()
        if view.contains(shapely.geometry.shape(one["geometry"]).representative_point())
    }
    for a, shape in near.items():
        for b, other in near.items():
            same = found[a]["properties"]["parent_code"] == found[b]["properties"]["parent_code"]
            if a < b and same and shape.intersection(other).length > 1e-4:
                return [a, b]
    raise AssertionError("no two neighbours in view")


# ------------------------------------------------------------------------------------------- coming in


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


def test_a_leader_is_shown_the_way_to_sign_in(
    page: Page, service: str, keys: dict[str, str], console_errors: list[str]
) -> None:
    sign_in(page, service, keys["王主任"], "/planner")
    expect(page.locator(".status")).to_have_text("403")
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
DRAWN = """(code) => {
    const flat = planner.cells.find(["micro_grid", code]).getGeometry().getFlatCoordinates();
    const out = [];
    for (let i = 0; i < flat.length; i += 2) {
        out.push(ol.proj.toLonLat([flat[i], flat[i + 1]]).map((x) => Number(x.toFixed(7))));
    }
    return out;
}"""


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


@pytest.fixture
def colleague(
    browser: Browser, browser_context_args: dict[str, Any], service: str, keys: dict[str, str]
) -> Iterator[Callable[[Plan], Page]]:
    """Open the editor in a browser of somebody else's."""
    contexts: list[BrowserContext] = []

    def opened_by(plan: Plan) -> Page:
        contexts.append(browser.new_context(**browser_context_args))
        return editor(contexts[-1].new_page(), service, keys["李四"], plan)

    yield opened_by
    for context in contexts:
        context.close()


def test_two_browsers_on_one_plan_see_each_other(
    opened: Page, colleague: Callable[[Plan], Page], api: httpx.Client, plan: Plan
) -> None:
    other = colleague(plan)
    before = cells(api, plan)
    at, codes = meeting_place(opened, before, 3)
    opened.keyboard.press("m")
    drag(opened, at, (8, 5))
    expect(opened.locator(".pl-revision")).to_have_text("修订 1")
    expect(notices(other)).to_contain_text("张三 做了修改：移动界点")
    expect(other.locator(".pl-revision")).to_have_text("修订 1")
    settled(other)
    after = cells(api, plan)
    for code in codes:
        until(other, "(code) => planner.cells.find(['micro_grid', code]).get('changed')", code)
        assert {tuple(point) for point in other.evaluate(DRAWN, code)} == corners(after[code])


def test_a_conflict_keeps_the_work_and_offers_to_try_again(
    opened: Page, api: httpx.Client, plan: Plan, console_errors: list[str]
) -> None:
    # news do not arrive here: the other's change is met only when one's own is sent
    opened.route("**/events", lambda route: route.abort())
    opened.reload()
    settled(opened)
    found = cells(api, plan)
    code = min(found)
    body = {
        "revision": 0,
        "verb": "set_kind",
        "arguments": {"cell": ["micro_grid", code], "kind": "dedicated"},
    }
    api.post(f"/v1/plans/{plan['id']}/changes", json=body).raise_for_status()
    rename = {"cell": ["micro_grid", code], "name": "江滨一号"}
    opened.evaluate("(given) => { window.result = planner.actions.change('rename', given); }", rename)
    dialog = opened.locator("dialog")
    expect(dialog).to_contain_text("别人刚改过这些网格")
    expect(dialog).to_contain_text("张三")
    dialog.get_by_role("button", name="再试一次").click()
    expect(opened.locator(".pl-revision")).to_have_text("修订 2")
    properties = cells(api, plan)[code]["properties"]
    assert (properties["name"], properties["kind"]) == ("江滨一号", "dedicated")
    console_errors.clear()  # the browser reports the 409 and the events that were cut off


def test_a_plan_is_published_from_next_month_and_leads_to_the_map(
    opened: Page, api: httpx.Client, plan: Plan
) -> None:
    code = min(cells(api, plan))
    rename = {"cell": ["micro_grid", code], "name": "江滨一号"}
    opened.evaluate("async (given) => { await planner.actions.change('rename', given); }", rename)
    opened.get_by_role("button", name="发布").click()
    dialog = opened.locator("dialog").first
    expect(dialog).to_contain_text("可以发布")
    dialog.locator("textarea").fill("按照街道 2026 年第 5 号文件")
    dialog.get_by_role("button", name="发布").click()
    after = opened.locator("dialog", has_text="边界版本")
    expect(after.get_by_role("link", name="查看地图")).to_have_attribute("href", "/maps/staffing")
    now = api.get(f"/v1/plans/{plan['id']}").raise_for_status().json()
    assert now["status"] == "published"
    expect(after).to_contain_text(f"第 {now['published_edition_id']} 号")
    after.get_by_role("button", name="关闭").last.click()
    expect(opened.locator(".pl-status")).to_have_text("已发布")
    expect(opened.locator(".pl-tools [data-tool='cut']")).to_be_disabled()


# ------------------------------------------------------------------------------------------- the frame


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
def test_it_fits_the_window_in_both_languages(opened: Page, size: tuple[int, int]) -> None:
    opened.set_viewport_size({"width": size[0], "height": size[1]})
    for language in ("EN", "中文"):
        opened.locator(".shell .gs-lang").get_by_role("button", name=language).click()
        assert opened.evaluate(OVERFLOWING) == []
    opened.locator(".shell .gs-lang").get_by_role("button", name="EN").click()
    expect(opened.locator("#pl-tab-findings")).to_contain_text("Findings")
    expect(opened.locator(".pl-tools [data-tool='cut']")).to_contain_text("Cut")
    opened.locator(".shell .gs-lang").get_by_role("button", name="中文").click()


#: Parts that stand over the edge of the window or of their bar.
OVERFLOWING = """() => [
    ...document.querySelectorAll(".pl-top *, .pl-tools button, .pl-tabs button, .shell *"),
]
    .filter((node) => node.offsetParent && node.getClientRects().length)
    .filter((node) => {
        const box = node.getBoundingClientRect();
        return box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.left < -1;
    })
    .map((node) => node.outerHTML.slice(0, 80))"""


#: Counts how long each frame takes to draw.
WATCH_FRAMES = """() => {
    window.frames_ms = [];
    let began = 0;
    planner.map.ol.on("precompose", () => { began = performance.now(); });
    planner.map.ol.on("postrender", () => { if (began) window.frames_ms.push(performance.now() - began); });
}"""


#: How long it takes until corners can be moved.
ENTER_MS = """() => {
    const start = performance.now();
    planner.tools.take("move");
    return performance.now() - start;
}"""


def test_panning_and_dragging_are_smooth(opened: Page, api: httpx.Client, plan: Plan) -> None:
    opened.evaluate(WATCH_FRAMES)
    opened.evaluate("() => planner.map.ol.getView().setZoom(16)")
    settled(opened)
    box = opened.locator(".pl-map").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    frames = {"pan": frames_of(opened, (x, y), (180, 90))}
    assert opened.evaluate(ENTER_MS) < 300
    at, _ = meeting_place(opened, cells(api, plan), 2)
    frames["drag"] = frames_of(opened, tuple(opened.evaluate(TO_PIXEL, list(at))), (6, 4))
    assert all(len(some) > 5 for some in frames.values())
    assert {
        name: statistics.median(some) for name, some in frames.items() if statistics.median(some) > 50
    } == {}


def frames_of(page: Page, start: tuple[float, float], by: tuple[float, float]) -> list[float]:
    """Milliseconds of each frame while something is dragged."""
    x, y = start
    page.mouse.move(x - 9, y - 9)
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("() => { window.frames_ms.length = 0; }")
    for step in range(1, 31):
        page.mouse.move(x + by[0] * step / 30, y + by[1] * step / 30)
        page.wait_for_timeout(10)
    found: list[float] = page.evaluate("window.frames_ms.slice()")
    page.mouse.up()
    settled(page)
    return found
