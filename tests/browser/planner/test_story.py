"""The planner in a real browser: land changes hands, streets are followed, the base moves on."""

import datetime as dt
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import httpx
import pytest
import shapely
import shapely.ops
from playwright.sync_api import Page, expect

from tests.browser.planner.hands import (
    TO_PIXEL,
    Plan,
    cells,
    click_cell,
    editor,
    in_view,
    neighbours,
    notices,
    settled,
    until,
)


def shape_of(feature: dict[str, Any]) -> shapely.Geometry:
    return shapely.geometry.shape(feature["geometry"])


def act(page: Page, verb: str, given: dict[str, Any]) -> None:
    """Do what is not what the test is about, by the page's own hand."""
    page.evaluate("async ([verb, given]) => { await planner.actions.change(verb, given); }", [verb, given])
    settled(page)


def look_at(page: Page, shape: shapely.Geometry, margin_px: int = 120) -> None:
    page.evaluate(
        """([bounds, margin]) => planner.map.ol.getView().fit(
            ol.proj.transformExtent(bounds, "EPSG:4326", "EPSG:3857"), { padding: Array(4).fill(margin) }
        )""",
        [list(shape.bounds), margin_px],
    )
    page.wait_for_timeout(200)
    settled(page)


def draw(page: Page, places: list[tuple[float, float]]) -> None:
    """Draw a line by clicks, end it with Enter; clicks in a row are not double clicks."""
    for place in places:
        x, y = page.evaluate(TO_PIXEL, list(place))
        page.mouse.move(x, y, steps=3)
        page.mouse.click(x, y)
        page.wait_for_timeout(320)
    page.keyboard.press("Enter")


def across(shape: shapely.Geometry) -> list[tuple[float, float]]:
    """A line through the middle of a shape from west to east, a little beyond its borders."""
    middle = shape.representative_point()
    west, _, east, _ = shape.bounds
    inside = shapely.intersection(shape, shapely.LineString([(west - 1, middle.y), (east + 1, middle.y)]))
    x = shapely.get_coordinates(inside)[:, 0]
    beyond = (east - west) * 0.06
    return [(x.min() - beyond, middle.y), (x.max() + beyond, middle.y)]


def revision(page: Page, number: int) -> None:
    expect(page.locator(".pl-revision")).to_have_text(f"修订 {number}")
    settled(page)


# ---------------------------------------------------------------------------------------------- land


def test_a_gap_is_adopted_by_a_neighbour(opened: Page, api: httpx.Client, plan: Plan) -> None:
    before = cells(api, plan)
    one, two = neighbours(opened, before)
    gap = shape_of(before[one])
    act(opened, "give_away", {"cell": ["micro_grid", one]})
    look_at(opened, gap)
    opened.keyboard.press("g")
    middle = gap.representative_point()
    opened.mouse.click(*opened.evaluate(TO_PIXEL, [middle.x, middle.y]))
    dialog = opened.locator("dialog")
    dialog.locator("select").select_option(f"into micro_grid/{two}")
    dialog.get_by_role("button", name="确定").click()
    revision(opened, 2)
    after = cells(api, plan)
    assert one not in after
    assert shape_of(after[two]).equals(shapely.union(shape_of(before[two]), gap).normalize()) or (
        shape_of(after[two]).symmetric_difference(shapely.union(shape_of(before[two]), gap)).area < 1e-15
    )
    # where there is a cell there is nothing to adopt
    opened.mouse.click(*opened.evaluate(TO_PIXEL, [middle.x, middle.y]))
    expect(notices(opened).last).to_contain_text("不是空白地带")


def test_a_drawn_piece_goes_to_the_neighbour(opened: Page, api: httpx.Client, plan: Plan) -> None:
    before = cells(api, plan)
    one, two = neighbours(opened, before)
    own = shape_of(before[one])
    look_at(opened, shapely.union(own, shape_of(before[two])))
    # along the common border, a little inside: what lies between goes over
    border = shapely.intersection(own, shape_of(before[two]))
    towards = own.centroid
    places = [
        (lon + 0.4 * (towards.x - lon), lat + 0.4 * (towards.y - lat))
        for lon, lat in shapely.get_coordinates(shapely.line_merge(border).interpolate([0.0, 1.0], True))
    ]
    (ax, ay), (bx, by) = places
    far = 2.0
    places = [
        (ax + far * (ax - bx), ay + far * (ay - by)),
        (bx + far * (bx - ax), by + far * (by - ay)),
    ]
    inside = shapely.intersection(own, shapely.LineString(places))
    ends = shapely.get_coordinates(inside)[[0, -1]]
    push = (ends[1] - ends[0]) * 0.05
    click_cell(opened, before[one])
    opened.keyboard.press("p")
    draw(opened, [tuple(ends[0] - push), tuple(ends[1] + push)])
    expect(opened.locator(".pl-hint")).to_contain_text("点击接收这一块的邻格")
    there = shape_of(before[two]).representative_point()
    x, y = opened.evaluate(TO_PIXEL, [there.x, there.y])
    opened.mouse.move(x, y)
    expect(opened.locator(".pl-hint b")).to_contain_text(before[two]["properties"]["name"])
    opened.mouse.click(x, y)
    revision(opened, 1)
    after = cells(api, plan)
    assert set(after) == set(before)
    assert shape_of(after[one]).area < own.area
    assert shape_of(after[two]).area > shape_of(before[two]).area
    both = [shapely.union(shape_of(found[one]), shape_of(found[two])) for found in (before, after)]
    assert both[0].symmetric_difference(both[1]).area < 1e-10  # where the line ends, a new corner


# ------------------------------------------------------------------------------------- along a street

#: The streets in view by name, each as lists of places.
STREETS = """() => {
    const extent = planner.map.ol.getView().calculateExtent();
    const streets = {};
    for (const one of planner.map.base.getFeaturesInExtent(extent)) {
        if (one.get("layer") !== "roads" || !one.get("name") || !/LineString/.test(one.getType())) continue;
        const flat = one.getFlatCoordinates();
        let start = 0;
        for (const end of one.getEnds()) {
            const line = [];
            for (let i = start; i < end; i += 2) line.push(ol.proj.toLonLat([flat[i], flat[i + 1]]));
            if (line.length > 1) (streets[one.get("name")] ||= []).push(line);
            start = end;
        }
    }
    return streets;
}"""


def test_a_grid_is_cut_along_a_street(
    opened: Page, api: httpx.Client, plan: Plan, console_errors: list[str]
) -> None:
    grids = cells(api, plan, "grid")
    opened.get_by_role("radio", name="网格", exact=True).click()
    until(opened, "() => planner.state.shown.code === 'grid'")
    for code, street in through_streets(opened, grids):
        opened.keyboard.press("Escape")
        opened.keyboard.press("Escape")
        click_cell(opened, grids[code])
        opened.keyboard.press("a")
        draw(opened, street)
        until(opened, "() => planner.state.revision === 1 || document.querySelector('.pl-notice')")
        settled(opened)
        if opened.evaluate("planner.state.revision") == 1:
            break
        expect(notices(opened).last).to_contain_text("线")  # why not, in Chinese
    else:
        raise AssertionError("no street parts a grid")
    console_errors.clear()  # the browser reports the refusals on the way
    after = cells(api, plan, "grid")
    new = set(after) - set(grids)
    assert new
    pieces = shapely.union_all([shape_of(after[one]) for one in (code, *new)])
    assert pieces.symmetric_difference(shape_of(grids[code])).area < 1e-10
    (change,) = api.get(f"/v1/plans/{plan['id']}/changes").json()["changes"]
    assert change["verb"] == "cut_along"
    opened.locator("#pl-tab-history").click()
    name = grids[code]["properties"]["name"]
    expect(opened.locator(".pl-history li")).to_contain_text(f"沿线拆分 {name}")


def through_streets(page: Page, grids: dict[str, dict[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Grids with a street that runs through them, as it would be drawn: every few pixels a place."""
    for code, grid in sorted(grids.items()):
        shape = shape_of(grid)
        look_at(page, shape)
        page.wait_for_timeout(600)  # the tiles
        for lines in page.evaluate(STREETS).values():
            street = shapely.line_merge(shapely.union_all([shapely.LineString(line) for line in lines]))
            run = shapely.intersection(street, shapely.buffer(shape, 1e-4))
            if run.geom_type != "LineString" or run.is_empty or shape.geom_type != "Polygon":
                continue
            halves = shapely.get_parts(shapely.ops.split(shape, run))
            if len(halves) == 2 and min(half.area for half in halves) > 0.1 * shape.area:
                places = shapely.get_coordinates(run.interpolate([0, 0.2, 0.4, 0.6, 0.8, 1], True))
                yield code, [tuple(place) for place in places]
                break


# ------------------------------------------------------------------------------------- over the river


def test_a_cell_handed_over_the_river_meets_the_rule(opened: Page, api: httpx.Client, plan: Plan) -> None:
    leaf, grid = over_the_river(api)
    found = cells(api, plan)
    grids = cells(api, plan, "grid")
    look_at(opened, shapely.union(shape_of(found[leaf]), shape_of(grids[grid])), 90)
    opened.get_by_role("radio", name="微网格", exact=True).click()
    settled(opened)
    click_cell(opened, found[leaf])
    opened.keyboard.press("h")
    expect(opened.locator(".pl-hint")).to_contain_text("点击目标上级网格")
    click_cell(opened, grids[grid])
    revision(opened, 1)
    opened.locator("#pl-tab-findings").click()
    objection = opened.locator(".pl-findings li", has_text=grid).filter(has_text="分隔").first
    expect(objection).to_contain_text("且格内无通道")
    objection.focus()
    opened.keyboard.press("Enter")
    until(opened, "() => planner.map.overlays.trouble.getSource().getFeatures().length > 0")
    opened.wait_for_timeout(400)
    assert in_view(opened, margin=0).intersects(shape_of(found[leaf]))


def over_the_river(api: httpx.Client) -> tuple[str, str]:
    """A micro-grid, and a grid beside it that lies across a river: tried out in a plan of its own."""
    trial: Plan = api.post("/v1/plans", json={"name": "试划"}).raise_for_status().json()
    url, known = f"/v1/plans/{trial['id']}", trial["revision"]
    found = cells(api, trial)
    for one, two in combinations(sorted(found), 2):
        a, b = (found[code]["properties"]["parent_code"] for code in (one, two))
        if a == b or shape_of(found[one]).intersection(shape_of(found[two])).length < 1e-4:
            continue
        given = {"cells": [["micro_grid", one]], "to": ["grid", b]}
        body = {"revision": known, "verb": "hand_over", "arguments": given}
        answer = api.post(f"{url}/changes", json=body).raise_for_status().json()
        if any(x["rule"] == "barrier" and ["grid", b] in x["cells"] for x in answer["findings"]):
            return one, b
        known = api.post(f"{url}/undo", json={"revision": answer["revision"]}).json()["revision"]
    pytest.skip("no two neighbours of this town lie across a river")


# ------------------------------------------------------------------------------------------ drawn for me


def test_a_draft_is_one_change_that_one_undo_takes_back(opened: Page, api: httpx.Client, plan: Plan) -> None:
    communities, before = cells(api, plan, "community"), cells(api, plan, "grid")
    code = max(communities, key=lambda one: communities[one]["properties"]["figures"]["households"])
    today = sum(one["properties"]["parent_code"] == code for one in before.values())
    opened.get_by_role("radio", name="村（社区）").click()
    until(opened, "() => planner.state.shown.code === 'community'")
    settled(opened)
    look_at(opened, shape_of(communities[code]))
    click_cell(opened, communities[code])
    opened.keyboard.press("x")
    dialog = opened.locator("dialog")
    dialog.locator("input[type=number]").first.fill(str(today + 1))
    dialog.get_by_role("button", name="开始划分").click()
    expect(dialog.locator(".pl-proposal").first).to_be_visible(timeout=60_000)
    dialog.get_by_role("button", name="采用此方案").click()
    revision(opened, 1)
    grids = cells(api, plan, "grid")
    assert sum(one["properties"]["parent_code"] == code for one in grids.values()) == today + 1
    (change,) = api.get(f"/v1/plans/{plan['id']}/changes").json()["changes"]
    assert change["summary_zh"] == f"按方案拆分 {communities[code]['properties']['name']}"
    opened.keyboard.press("Control+z")
    revision(opened, 2)
    again = cells(api, plan, "grid")
    assert {one: again[one]["geometry"] for one in again} == {one: before[one]["geometry"] for one in before}


def test_a_number_of_cells_within_a_band(opened: Page, api: httpx.Client, plan: Plan) -> None:
    communities = cells(api, plan, "community")
    code = max(communities, key=lambda one: communities[one]["properties"]["figures"]["households"])
    households = communities[code]["properties"]["figures"]["households"]
    opened.get_by_role("radio", name="村（社区）").click()
    until(opened, "() => planner.state.shown.code === 'community'")
    settled(opened)
    look_at(opened, shape_of(communities[code]))
    click_cell(opened, communities[code])
    opened.keyboard.press("x")
    dialog = opened.locator("dialog")
    dialog.locator("select").first.select_option("both")
    low, high = round(0.5 * households / 2), round(1.5 * households / 2)
    for field, value in enumerate((2, low, high)):
        dialog.locator("input[type=number]").nth(field).fill(str(value))
    dialog.get_by_role("button", name="开始划分").click()
    first = dialog.locator(".pl-proposal").first
    expect(first).to_contain_text("全部达标", timeout=60_000)
    expect(first.locator("li")).to_have_count(2)


# ----------------------------------------------------------------------------- the base moves on, and back


def test_a_plan_moves_to_the_new_base_and_shows_what_does_not_fit(
    page: Page, service: str, keys: dict[str, str], api: httpx.Client, console_errors: list[str]
) -> None:
    first = api.get("/v1/status").json()["edition"]
    mine, theirs = (api.post("/v1/plans", json={"name": name}).json() for name in ("我的", "别人的"))
    opened = editor(page, service, keys["张三"], mine)
    found = cells(api, mine)
    one, two = neighbours(opened, found)
    name = found[one]["properties"]["name"]
    act(opened, "rename", {"cell": ["micro_grid", one], "name": "我起的名字"})
    act(opened, "set_kind", {"cell": ["micro_grid", two], "kind": "dedicated"})
    given = {"cell": ["micro_grid", one], "name": "别人起的名字"}
    body = {"revision": 0, "verb": "rename", "arguments": given}
    api.post(f"/v1/plans/{theirs['id']}/changes", json=body).raise_for_status()
    published = api.post(
        f"/v1/plans/{theirs['id']}/publish", json={"note": "先发布"}, headers={"If-Match": '"1"'}
    ).raise_for_status()
    assert published.json()["edition_id"] > first
    opened.reload()
    settled(opened)
    rebase = opened.get_by_role("button", name="更新底版")
    rebase.click()
    dialog = opened.locator("dialog")
    expect(dialog.locator("li")).to_contain_text(f"更名 {name}")
    expect(dialog.locator("li")).to_contain_text("在此期间已被修改")
    shown = "() => planner.map.overlays.trouble.getSource().getFeatures().length"
    assert opened.evaluate(shown) == 1
    dialog.get_by_role("button", name="去掉这些修改，继续").click()
    expect(notices(opened).last).to_contain_text("方案已更新到现行边界")
    expect(rebase).to_be_hidden()
    settled(opened)
    properties = {code: f["properties"] for code, f in cells(api, mine).items()}
    assert (properties[one]["name"], properties[two]["kind"]) == ("别人起的名字", "dedicated")
    drawn = opened.evaluate("(code) => planner.cells.find(['micro_grid', code]).get('name')", one)
    assert drawn == "别人起的名字"
    console_errors.clear()  # the browser reports the 409
    # the edition before is published again: the plan follows, and the days between stay as they were
    between = dt.datetime.now(dt.UTC).isoformat()
    api.post(f"/v1/editions/{first}/restore", json={"note": "恢复"}).raise_for_status()
    opened.reload()
    settled(opened)
    rebase.click()
    expect(notices(opened).last).to_contain_text("方案已更新到现行边界")
    settled(opened)
    assert cells(api, mine)[one]["properties"]["name"] == name
    asked = {"as_of": between, "level": "micro_grid"}
    answer = api.get(f"/v1/cells/{one}", params=asked).raise_for_status().json()
    assert answer["properties"]["name"] == "别人起的名字"
