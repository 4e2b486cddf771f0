"""The roster in a real browser: a week is read, searched and changed, by click and by keyboard."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from geo_service.model import Role
from tests.browser.roster.conftest import settled

Open = Callable[..., Page]
#: A week that the demo's leave does not reach.
WEEK = "2027-03-08"
WHOLE = {"from": "2027-03-08T00:00:00+08:00", "to": "2027-03-15T00:00:00+08:00"}


def people(api: httpx.Client, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/v1/responders", params={"role": role}).json()["entries"]
    return found


def row(page: Page, code: str) -> Locator:
    return page.locator(f'.ro-row:has(.ro-day[data-code="{code}"])')


def day(page: Page, code: str, date: str) -> Locator:
    return page.locator(f'.ro-day[data-code="{code}"][data-day="{date}"]')


def click_day(page: Page, code: str, date: str) -> None:
    """Click where a day is, whatever lies on it."""
    cell = day(page, code, date)
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def week_of(api: httpx.Client, code: str) -> dict[str, Any]:
    found = api.get("/v1/roster", params={**WHOLE, "q": code}).raise_for_status().json()["people"]
    return next(one for one in found if one["code"] == code)


def test_a_week_is_shown_and_searched(opened: Open, api: httpx.Client) -> None:
    page = opened(week=WEEK)
    worker = people(api, "grid_worker")[0]
    expect(page.locator(".ro-title")).to_have_text("2027-03-08 — 03-14")
    expect(row(page, worker["code"]).locator(".ro-bar.rota")).to_have_count(
        len([s for s in week_of(api, worker["code"])["shifts"] if s["from"] == "rota"])
    )
    expect(page.locator(".ro-opening").first).to_be_visible()
    page.locator("input[type=search]").fill(worker["name"])
    expect(page.locator(".ro-row:has(.ro-day[data-code])")).to_have_count(
        len([one for one in people(api, "grid_worker") if worker["name"] in one["name"]])
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="下一周").click()
    settled(page)
    expect(page.locator(".ro-title")).to_have_text("2027-03-15 — 03-21")


def test_a_shift_is_added_changed_and_removed(opened: Open, api: httpx.Client) -> None:
    worker = people(api, "grid_worker")[1]["code"]
    page = opened(week=WEEK)
    click_day(page, worker, "2027-03-14")
    dialog = page.locator("dialog")
    dialog.get_by_role("button", name="加班次").click()
    dialog.get_by_label("开始").fill("19:00")
    dialog.get_by_label("结束").fill("01:00")
    dialog.get_by_label("备注").fill("庙会")
    dialog.get_by_role("button", name="保存").click()
    expect(row(page, worker).locator(".ro-bar.shift")).to_have_count(1)
    (shift,) = [one for one in week_of(api, worker)["shifts"] if one["from"] == "shift"]
    assert (shift["start"], shift["end"]) == ("2027-03-14T11:00:00+00:00", "2027-03-14T17:00:00+00:00")
    settled(page)

    click_day(page, worker, "2027-03-14")
    dialog.get_by_role("button", name="修改").click()
    dialog.get_by_label("开始").fill("20:00")
    dialog.get_by_role("button", name="保存").click()
    expect(page.locator("dialog")).to_have_count(0)
    settled(page)
    (shift,) = [one for one in week_of(api, worker)["shifts"] if one["from"] == "shift"]
    assert shift["start"] == "2027-03-14T12:00:00+00:00"
    assert api.get(f"/v1/shifts/{shift['id']}").json()["note"] == "庙会"

    click_day(page, worker, "2027-03-14")
    dialog.get_by_role("button", name="删除").click()
    expect(row(page, worker).locator(".ro-bar.shift")).to_have_count(0)


def test_leave_by_keyboard_alone(opened: Open, api: httpx.Client) -> None:
    worker, colleague = (one for one in people(api, "grid_worker")[2:4])
    page = opened(week=WEEK)
    first = page.locator('.ro-day[tabindex="0"]')
    expect(first).to_have_count(1)
    day(page, worker["code"], "2027-03-08").focus()
    page.keyboard.press("ArrowRight")
    expect(day(page, worker["code"], "2027-03-09")).to_be_focused()
    page.keyboard.press("l")
    dialog = page.locator("dialog")
    expect(dialog.get_by_label("类型")).to_be_focused()
    dialog.get_by_label("替岗人").fill(colleague["code"])
    dialog.get_by_label("备注").focus()
    page.keyboard.press("Enter")
    expect(row(page, worker["code"]).locator(".ro-leave")).to_have_count(1)
    settled(page)
    expect(row(page, colleague["code"]).locator(".ro-bar.standin")).to_have_count(1)
    # the keyboard is where it was
    expect(day(page, worker["code"], "2027-03-09")).to_be_focused()
    (leave,) = week_of(api, worker["code"])["absences"]
    assert leave["substitute"]["code"] == colleague["code"]
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text(colleague["name"])
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_two_swap_and_a_third_cannot_come_between(
    opened: Open, api: httpx.Client, console_errors: list[str]
) -> None:
    one, other = (p["code"] for p in people(api, "grid_worker")[4:6])
    page = opened(week=WEEK)
    day(page, one, "2027-03-10").focus()
    page.keyboard.press("s")
    dialog = page.locator("dialog")
    dialog.get_by_label("换班对象").fill(other)
    dialog.get_by_label("同时替对方上一班").check()
    dialog.get_by_label("对方的日期").fill("2027-03-11")
    dialog.get_by_role("button", name="保存").click()
    expect(page.locator("dialog")).to_have_count(0)
    settled(page)
    for who, whom in ((one, other), (other, one)):
        taken = [s["instead_of"]["code"] for s in week_of(api, who)["shifts"] if s["instead_of"]]
        assert set(taken) == {whom}
    # the same again is refused, in words, and nothing is written
    click_day(page, one, "2027-03-10")
    dialog.get_by_role("button", name="请假").first.click()
    dialog.get_by_role("button", name="保存").click()
    expect(dialog.locator(".ro-bad")).to_contain_text("已登记请假或换班")
    assert len(week_of(api, one)["absences"]) == 1
    console_errors.clear()  # the browser tells of the 409


def test_a_rota_of_two_weeks(opened: Open, api: httpx.Client) -> None:
    worker = people(api, "grid_worker")[6]["code"]
    page = opened(week=WEEK)
    click_day(page, worker, "2027-03-13")
    page.locator("dialog").get_by_role("button", name="排班规律").click()
    dialog = page.locator("dialog.wide")
    dialog.get_by_role("button", name="加一行").click()
    line = dialog.locator("tbody tr").last
    for box in range(5):
        line.locator("input[type=checkbox]").nth(box).uncheck()
    line.locator("input[type=checkbox]").nth(6).check()
    line.locator("input[type=number]").fill("2")
    line.locator("input[type=date]").fill("2027-03-10")
    dialog.get_by_role("button", name="保存").click()
    expect(page.locator("dialog")).to_have_count(0)
    settled(page)
    starts = [one["start"] for one in week_of(api, worker)["shifts"]]
    assert "2027-03-14T00:00:00+00:00" in starts
    later = api.get(
        "/v1/roster", params={"from": "2027-03-15T00:00Z", "to": "2027-03-22T00:00Z", "q": worker}
    )
    assert "2027-03-21T00:00:00+00:00" not in [s["start"] for s in later.json()["people"][0]["shifts"]]


def test_what_lacks_is_beside_the_week(opened: Open, api: httpx.Client) -> None:
    police = people(api, "police")[0]["code"]
    api.post(
        "/v1/absences",
        json={"responder": police, "start": WHOLE["from"], "end": WHOLE["to"], "kind": "training"},
    ).raise_for_status()
    page = opened(week=WEEK)
    vacancies = page.locator(".ro-vacancies")
    expect(vacancies).to_contain_text("民警")
    expect(vacancies).to_contain_text("在岗 1，要求 2")
    expect(page.locator(".ro-lack").first).to_be_visible()
    # a line leads to its cell
    vacancies.locator(".ro-lacks.leads", has_text="民警").first.click()
    settled(page)
    assert "cell=" in page.url
    # a post without a holder stands empty, and somebody is put there for a day
    empty = page.locator(".ro-opening.empty")
    before = empty.count()
    assert before
    empty.first.click()
    dialog = page.locator("dialog")
    dialog.get_by_label("安排替岗").fill(people(api, "grid_lead")[0]["code"])
    dialog.get_by_role("button", name="保存").click()
    expect(empty).to_have_count(before - 1)


def test_planners_read_and_workers_stay_out(
    opened: Open, api: httpx.Client, service: str, keys: dict[Role, str]
) -> None:
    worker = people(api, "grid_worker")[0]["code"]
    page = opened(Role.PLANNER, week=WEEK)
    expect(page.get_by_text("只读")).to_be_visible()
    click_day(page, worker, "2027-03-08")
    expect(page.locator("dialog")).to_be_visible()
    expect(page.locator("dialog .ro-acts")).to_have_count(0)
    refused = httpx.get(f"{service}/roster", headers={"Authorization": f"Bearer {keys[Role.WORKER]}"})
    assert refused.status_code == 403


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_words_follow_the_switch(opened: Open, lang: str) -> None:
    page = opened(week=WEEK)
    if lang == "en":
        page.get_by_role("button", name="EN").click()
        settled(page)
        expect(page.locator(".ro-alarms h2")).to_contain_text("Alarms")
        chinese = re.compile(r"[\u4e00-\u9fff]")
        for part in (".ro-barline button", ".ro-help", ".ro-legend", ".ro-date"):
            assert not chinese.search(page.locator(part).first.inner_text())
    else:
        expect(page.locator(".ro-alarms h2")).to_contain_text("告警")


def test_the_week_is_taken_out_as_a_file(opened: Open, api: httpx.Client, tmp_path: Path) -> None:
    page = opened(week=WEEK)
    page.get_by_label("角色").select_option("police")
    settled(page)
    with page.expect_download() as made:
        page.get_by_role("button", name="导出").click()
    made.value.save_as(tmp_path / "week.csv")
    assert made.value.suggested_filename == f"roster-{WEEK}.csv"
    with (tmp_path / "week.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    police = {one["code"] for one in people(api, "police")}
    assert {one["编号"] for one in rows} <= police
    query = {**WHOLE, "role": "police", "limit": 500}
    week = api.get("/v1/roster", params=query).raise_for_status().json()["people"]
    assert len(rows) == sum(len(one["shifts"]) for one in week)


def test_shifts_from_a_file_are_looked_at_before_they_are_written(
    opened: Open, api: httpx.Client, tmp_path: Path
) -> None:
    code = people(api, "grid_worker")[1]["code"]
    file = tmp_path / "shifts.csv"
    file.write_text(f"responder_id,start,end\n{code},2027-03-13 09:00,2027-03-13 12:00\n", encoding="utf-8")
    page = opened(Role.PLANNER, week=WEEK)
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="导入").click()
    choosing.value.set_files(file)
    expect(page.locator(".ro-dialog")).to_contain_text("尚未写入")
    assert not [one for one in week_of(api, code)["shifts"] if one["start"].startswith("2027-03-13T01")]
    page.get_by_role("button", name="写入").click()
    expect(page.locator(".ro-dialog")).to_have_count(0)
    expect(page.locator(".ro-toast")).to_have_text("已保存")
    assert [one for one in week_of(api, code)["shifts"] if one["start"].startswith("2027-03-13")]


def test_alarms_come_up_by_themselves(opened: Open) -> None:
    page = opened(week=WEEK)
    with page.expect_response(lambda answer: "/v1/alarms" in answer.url, timeout=25_000):
        pass
    settled(page)


def test_a_post_that_will_be_empty_today_is_told_where_there_is_no_alarm(opened: Open) -> None:
    page = opened(week=WEEK)
    main = page.locator('script[src*="roster/main"]').get_attribute("src") or ""
    told = page.evaluate(
        """async (address) => {
            const { alarmList } = await import(address);
            const at = (ms) => new Date(ms).toISOString();
            const opening = (name, ms) => ({ post: { name }, start: at(ms), end: at(ms + 60000) });
            const posts = [opening("新湖小学东门", Date.now()), opening("昨天的岗", Date.now() - 86400000)];
            const words = (lack) => alarmList({ alarms: [] }, lack, () => {}).textContent;
            return [words({ posts }), words({ posts: [] }), words(null)];
        }""",
        main.replace("main.js", "side.js"),
    )
    assert "还有 1 处岗位无人" in told[0]
    assert "新湖小学东门" in told[0]
    assert "昨天的岗" not in told[0]
    assert told[1] == told[2] == "此刻没有告警"
