"""One more station, asked on the page of those who lead; and the map that carries the answer."""

import re
from datetime import datetime

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.lead.conftest import Open


def features(page: Page, part: str) -> int:
    count: int = page.evaluate(
        "part => lead.siting.shapes.getFeatures().filter(one => one.get('part') === part).length", part
    )
    return count


def test_one_more_station_is_shown_with_what_it_adds(opened: Open, api: httpx.Client) -> None:
    page = opened()
    page.get_by_role("button", name="再加一个站点？").click()
    card = page.locator(".ld-siting")
    expect(card).to_have_attribute("data-state", "over", timeout=90_000)
    card.get_by_role("button", name="站点（始终有人）").click()
    expect(card).to_have_attribute("data-state", "asking")
    expect(card).to_have_attribute("data-state", "over", timeout=90_000)
    run_id = page.evaluate("lead.siting.found.id")
    told = api.get(f"/v1/siting/{run_id}").json()
    answer, question = told["answer"], told["question"]
    assert (question["goal"], question["count"], question["existing"]) == ("cover_most", 1, ["stations"])
    assert question["limit_s"] == api.get("/v1/lead/summary").json()["coverage"]["limit_s"]
    assert answer["after"]["share"] >= answer["before"]["share"]
    shown = [float(text.rstrip("%")) for text in card.locator(".ld-siting-change b").all_inner_texts()]
    assert shown == [round(100 * answer[name]["share"], 1) for name in ("before", "after")]
    expect(card.locator(".ld-siting-state")).to_have_text(
        re.compile("已证明：候选中没有更好的" if answer["is_optimal"] else "目前最好")
    )
    link = card.get_by_role("link", name="前后对比地图").get_attribute("href") or ""
    assert f"siting={run_id}&" in link
    assert api.get(link).status_code == 200
    assert features(page, "new") == len(answer["sites"]) == 1
    assert features(page, "reach") == 1
    assert features(page, "standing") == len(answer["standing_places"])
    card.get_by_role("button", name="关闭").click()
    expect(card).to_be_hidden()
    assert features(page, "new") == 0


def test_it_is_counted_by_who_is_on_duty_at_the_hour_looked_at(opened: Open, api: httpx.Client) -> None:
    page = opened()
    page.get_by_role("slider", name="一周中的小时").fill("26")
    page.get_by_role("button", name="再加一个站点？").click()
    card = page.locator(".ld-siting")
    expect(card).to_have_attribute("data-state", "over", timeout=90_000)
    expect(card.locator("[aria-pressed=true]")).to_have_text("周二 02:00 在岗人员")
    told = api.get(f"/v1/siting/{page.evaluate('lead.siting.found.id')}").json()
    at = page.evaluate("lead.board.moment")
    assert told["question"]["existing"] == ["on_duty"]
    [hour] = told["question"]["hours"]
    assert datetime.fromisoformat(hour["at"]) == datetime.fromisoformat(at)
    # what it begins from is the share that the page shows for that hour
    covered = api.get("/v1/lead/summary", params={"at": at, "mode": "ebike"}).json()["coverage"]["share"]
    assert told["answer"]["before"]["share"] == pytest.approx(covered, abs=1e-3)
    assert told["answer"]["after"]["share"] > covered


def test_the_map_is_fitted_again_unless_it_was_moved(opened: Open, page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    opened()
    page.set_viewport_size({"width": 1366, "height": 768})
    inside = """() => {
        const shapes = lead.map.shapes, [w, s, e, n] = lead.map.fills.extentOf(shapes.codes.map((_, i) => i));
        const [width, height] = lead.map.ol.getSize();
        const [left, top] = lead.map.ol.getPixelFromCoordinate([w, n]);
        const [right, bottom] = lead.map.ol.getPixelFromCoordinate([e, s]);
        return left >= 0 && top >= 0 && right <= width && bottom <= height;
    }"""
    page.wait_for_function(inside)
    box = page.locator(".ld-map").bounding_box() or {}
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
    page.mouse.wheel(0, -600)
    page.wait_for_function(f"() => !({inside})()")
    page.set_viewport_size({"width": 1440, "height": 800})
    page.wait_for_timeout(300)
    assert not page.evaluate(inside)


def test_limits_of_classes_never_read_alike(opened: Open) -> None:
    page = opened()
    read = page.evaluate(
        """() => [[0, 0.5, 1, 1.5, 2, 3], [0.0771, 0.0774, 0.08], [0.2, 0.4, 1], [1, 2, 30]]
            .map(limits => limits.map(GeoService.limits(limits, false)))"""
    )
    assert all(len(set(one)) == len(one) for one in read)
    assert read[0] == ["0", "0.5", "1", "1.5", "2", "3"]
    assert read[3] == ["1", "2", "30"]


def test_blind_spots_are_outlined_over_the_coverage(opened: Open, api: httpx.Client) -> None:
    page = opened()
    page.get_by_role("slider", name="一周中的小时").fill("26")
    note = page.locator(".ld-blind-note")
    expect(note).to_be_visible(timeout=30_000)
    at = page.evaluate("lead.board.moment")
    told = api.get("/v1/coverage/blind-spots", params={"at": at, "mode": "ebike"}).json()["features"]
    expect(note).to_have_text(f"盲区 {len(told)} 处：有人住、无人能及时到")
    page.locator(".ld-readings").get_by_role("button", name="事件", exact=True).click()
    expect(note).to_have_count(0)
