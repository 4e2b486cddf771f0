"""The page of those who lead, driven: tiles say what the API says, the map leads into cells and back."""

import json
import re
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.contrast import faint
from tests.browser.lead.conftest import Open, settled

#: Outlines and colours on the screen, on the county and on a quiet machine: here the machine may be slow.
FIRST_PAINT_MS = 15_000


def summary(api: httpx.Client, **query: str) -> dict[str, Any]:
    answer = api.get("/v1/lead/summary", params=query)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


def value(page: Page, tile: str) -> float | None:
    text = page.locator(f'[data-tile="{tile}"]').get_attribute("data-value")
    return float(text) if text else None


def colours(page: Page) -> list[str]:
    """The colour of each cell that is looked at, as the map has it."""
    found: list[str] = page.evaluate(
        """() => lead.map.values.map((value, i) => value === undefined ? null : lead.map.fills.colorOf(i))"""
    )
    return found


def click_cell(page: Page, code: str) -> None:
    """Click in the middle of a cell."""
    page.wait_for_timeout(450)  # the map has come to rest
    at = page.evaluate(
        """code => {
            const { shapes } = lead.map, W = 20037508.342789244;
            const [x, y] = GeoService.anchor(shapes, shapes.codes.indexOf(code));
            const [px, py] = lead.map.ol.getPixelFromCoordinate([x * 2 * W - W, W - y * 2 * W]);
            const box = lead.map.ol.getViewport().getBoundingClientRect();
            return [box.left + px, box.top + py];
        }""",
        code,
    )
    page.mouse.click(*at)


def test_tiles_say_what_the_api_says(opened: Open, api: httpx.Client) -> None:
    page = opened()
    told = summary(api)
    assert value(page, "coverage") == pytest.approx(told["coverage"]["share"], abs=0.05)
    assert value(page, "overdue") == told["queue"]["overdue"]
    assert value(page, "vacancies") == told["vacancies"]["now"]
    assert value(page, "incidents") == told["incidents"]["today"]
    assert value(page, "clocks") == told["clocks"]["now"]["arrive"]["share"]
    number = page.locator('[data-tile="coverage"] .ld-number')
    expect(number).to_have_text(re.compile(rf"^{100 * value(page, 'coverage'):.1f}".removesuffix(".0")))
    expect(page.locator('[data-tile="coverage"] .ld-meaning')).to_contain_text("本周最低")
    assert page.locator(".ld-tile .ld-number").all_inner_texts().count("") == 0
    assert int(page.evaluate("document.documentElement.dataset.painted")) < FIRST_PAINT_MS


def test_the_hours_of_the_week_recolour_the_map(opened: Open, api: httpx.Client) -> None:
    page = opened(level="micro_grid")
    settled(page)
    week = api.get("/v1/coverage/week", params={"at": summary(api)["at"], "mode": "ebike"}).json()
    worst = week["worst"]["hour"]
    best = week["share"].index(max(week["share"]))
    slider = page.get_by_role("slider", name="一周中的小时")
    seen = {}
    for hour in (worst, best):
        slider.fill(str(hour))
        expect(page.locator(".ld-week-now strong")).to_have_text(
            re.compile(rf"^{round(100 * week['share'][hour], 1):g}%$")
        )
        seen[hour] = colours(page)
    if week["share"][best] > week["share"][worst]:
        assert seen[best] != seen[worst]
    page.get_by_role("button", name="看最低时").click()
    assert colours(page) == seen[worst]
    page.get_by_role("button", name="播放").click()
    expect(slider).not_to_have_value(str(worst))
    page.get_by_role("button", name="回到此刻").click()
    expect(page.locator(".ld-week-now")).to_contain_text("此刻")
    expect(page.get_by_role("button", name="播放")).to_have_attribute("aria-pressed", "false")


def test_an_hour_stays_whatever_is_read(opened: Open, api: httpx.Client) -> None:
    page = opened(level="grid")
    page.get_by_role("slider", name="一周中的小时").fill("26")
    legend = page.get_by_role("region", name="图例")
    offset = summary(api)["at"][-6:]
    monday = date.fromisoformat(summary(api)["coverage"]["monday"])
    at = f"{monday + timedelta(days=1)}T02:00:00{offset}"
    for name, reading in (("覆盖深度", "depth"), ("力量密度", "staffing")):
        page.locator(".ld-readings").get_by_role("button", name=name, exact=True).click()
        expect(legend).to_contain_text("周二 02:00")
        page.wait_for_function(
            "reading => lead.board.cells.reading_shown === reading && lead.board.shown?.hour === 26",
            arg=reading,
        )
        told = api.get("/v1/lead/cells", params={"level": "grid", "reading": reading, "at": at}).json()
        assert page.evaluate("lead.board.cells.values") == told["values"]
    page.locator(".ld-readings").get_by_role("button", name="超时", exact=True).click()
    expect(legend.locator(".ld-no-hours")).to_contain_text("不分时刻；所选的 周二 02:00 仍保留")
    page.locator(".ld-readings").get_by_role("button", name="到场覆盖率", exact=True).click()
    expect(legend.locator(".ld-no-hours")).to_have_count(0)
    expect(legend).to_contain_text("周二 02:00")
    page.wait_for_function("lead.board.isOfWeek")


def test_posts_are_marked_and_shown_at_a_moment_when_they_are_kept(opened: Open, api: httpx.Client) -> None:
    page = opened()
    page.get_by_role("slider", name="一周中的小时").fill("0")
    page.get_by_role("button", name="看守岗时").click()
    first = summary(api)["posts"]["hours"][0]
    expect(page.locator(".ld-at-posts")).to_have_text(f"{first['people']} 人守岗点，不计入")
    expect(page.locator(".ld-legend")).to_contain_text(f"{first['hour']:02d}:{first['minute']:02d}")
    page.wait_for_function("() => lead.board.instant !== null")
    share = page.evaluate("lead.board.instant.coverage.share")
    expect(page.locator(".ld-week-now strong")).to_have_text(re.compile(rf"^{round(100 * share, 1):g}%$"))
    assert page.evaluate("lead.board.instant.staff.at_posts") == first["people"]


def test_into_a_cell_and_back(opened: Open, api: httpx.Client) -> None:
    page = opened()
    crumbs = page.get_by_role("navigation", name="所在位置")
    levels = json.loads(page.locator("#lead").get_attribute("data-levels") or "")
    path = []
    for level in [one["code"] for one in levels if one["cells"] > 1][:-1]:
        cells = api.get(
            "/v1/lead/cells", params={"level": level, **({"cell": path[-1]} if path else {})}
        ).json()
        code = max(cells["values"], key=lambda one: (cells["values"][one] or 0, one))
        click_cell(page, code)
        path.append(code)
        expect(page.locator(f'.ld-card[data-code="{code}"]')).to_be_visible()
        settled(page)
        assert value(page, "coverage") == pytest.approx(
            summary(api, cell=code)["coverage"]["share"], abs=0.05
        )
        assert f"cell={code}" in page.url
    below = page.evaluate("lead.map.values.filter(one => one !== undefined).length")
    assert 0 < below < levels[-1]["cells"]
    leaf = page.evaluate("lead.map.shapes.codes.find((code, i) => lead.map.values[i] !== undefined)")
    click_cell(page, leaf)  # nothing lies inside: its card is shown, and the view stays
    card = page.locator(f'.ld-card[data-code="{leaf}"]')
    for part in ("负责人", "今日班次", "近 30 天事件", "边界沿革", "到场覆盖"):
        expect(card.get_by_role("heading", name=part)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"cell={path[-2]}" if len(path) > 1 else r"/lead\?level"))
    crumbs.get_by_role("button").first.click()
    settled(page)
    expect(crumbs.get_by_role("button")).to_have_count(1)
    assert "cell=" not in page.url


def test_each_reading_has_its_legend(opened: Open) -> None:
    page = opened()
    legend = page.get_by_role("region", name="图例")
    for name, title in (
        ("事件", "事件数"),
        ("力量密度", "力量配备密度"),
        ("巡防", "巡防覆盖"),
        ("覆盖深度", "覆盖深度"),
    ):
        page.locator(".ld-readings").get_by_role("button", name=name, exact=True).click()
        expect(legend.get_by_role("heading")).to_have_text(title)
        settled(page)
        expect(legend).to_contain_text("单位")
        counted = [int(text.replace(",", "")) for text in legend.locator("em").all_inner_texts()]
        assert sum(counted) == page.evaluate("lead.map.values.filter(one => one !== undefined).length")
    page.locator('[data-tile="overdue"]').click()
    expect(legend.get_by_role("heading")).to_have_text("超时未结事件")
    ranks = page.locator(".ld-ranking li")
    expect(ranks).not_to_have_count(0)


def test_two_spans_and_two_cells_are_compared(
    opened: Open, api: httpx.Client, console_errors: list[str]
) -> None:
    page = opened()
    page.get_by_role("button", name="对比", exact=True).click()
    dialog = page.get_by_role("dialog")
    row = dialog.locator('tr[data-row="incidents"]')
    expect(row).to_be_visible(timeout=60_000)
    first, last = (dialog.locator('[data-side="b"] input[type=date]').nth(i).input_value() for i in (0, 1))
    told = api.get("/v1/lead/figures", params={"from": first, "to": last}).json()
    expect(row.locator("td b").nth(1)).to_have_text(str(told["incidents"]["count"]))
    names = page.evaluate("[...document.querySelectorAll('#ld-cells option')].map(one => one.value)")
    dialog.locator('[data-side="a"] input').first.fill(names[1])
    dialog.locator('[data-side="b"] input').first.fill(names[2])
    dialog.get_by_role("button", name="对比", exact=True).click()
    expect(dialog.locator("thead th").nth(1)).to_contain_text(names[1].split(" ")[0])
    alert = dialog.get_by_role("alert")
    for wrong, answer in (("没有这个", "没有网格"), ("nowhere", "没有网格 nowhere")):
        dialog.locator('[data-side="a"] input').first.fill(wrong)
        dialog.get_by_role("button", name="对比", exact=True).click()
        expect(alert).to_contain_text(answer)
    assert all("404" in one for one in console_errors)  # the browser tells of each refusal
    console_errors.clear()


def test_the_view_is_saved_as_a_picture_without_the_server(opened: Open, requests_made: list[str]) -> None:
    page = opened()
    page.get_by_role("button", name="导出").click()
    before = len(requests_made)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="保存当前画面为图片").click()
    assert waiting.value.suggested_filename.endswith(".png")
    content = waiting.value.path().read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 20_000
    figures = ("/v1/lead", "/v1/coverage/blind-spots")  # renewed by the page, whatever is saved
    made = [url for url in requests_made[before:] if url.startswith("http")]
    assert all(any(part in url for part in figures) for url in made)
    pdf = page.get_by_role("link", name="PDF")
    assert re.search(r"/v1/reports/monthly\?month=\d{4}-\d\d&format=pdf", pdf.get_attribute("href") or "")


def test_the_monthly_report_is_made_by_a_job_and_saved(opened: Open, api: httpx.Client) -> None:
    page = opened()
    page.get_by_role("button", name="导出").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
        expect(page.locator(".ld-making progress")).to_be_visible()
    assert re.fullmatch(r"report-\d{4}-\d\d\.csv", waiting.value.suggested_filename)
    assert waiting.value.path().read_bytes().startswith(b"\xef\xbb\xbf")
    again = page.locator(".ld-making").get_by_role("link")
    expect(again).to_have_text(waiting.value.suggested_filename)
    job = api.get((again.get_attribute("href") or "").removesuffix("/file")).json()
    assert (job["kind"], job["state"], job["progress"]["share"]) == ("monthly_report", "done", 1)


def test_both_languages(opened: Open) -> None:
    page = opened()
    page.locator(".shell").get_by_role("button", name="EN").click()
    expect(page.locator('[data-tile="overdue"] .ld-tile-name')).to_have_text("Overdue")
    expect(page.get_by_role("region", name="Legend").get_by_role("heading")).to_have_text(
        "Covered within 5 minutes"
    )
    chinese = page.evaluate(
        """() => [...document.querySelectorAll('.ld-tiles, .ld-readings, .ld-legend, .ld-week header')]
            .map(one => one.innerText).join(' ').match(/[\\u4e00-\\u9fff]+/g)"""
    )
    assert chinese is None
    page.locator(".shell").get_by_role("button", name="中文").click()
    expect(page.locator('[data-tile="overdue"] .ld-tile-name')).to_have_text("超时未结")


def test_a_screen_that_nobody_touches(opened: Open) -> None:
    page = opened(kiosk="true", seconds=3)
    for part in (".shell", ".ld-readings", ".ld-acts", ".ld-hours"):
        expect(page.locator(part)).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("data-night", "yes")
    heading = page.locator(".ld-heading")
    expect(heading).to_contain_text("到场覆盖率")
    expect(heading).to_contain_text("事件数")  # by itself
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.keyboard.press("Escape")
    expect(page.locator(".shell")).to_be_visible()
    assert "kiosk" not in page.url


def test_a_dead_line_is_shown(opened: Open) -> None:
    page = opened()
    line = page.locator(".ld-line-state")
    expect(line).to_contain_text("实时")
    page.evaluate("window.dispatchEvent(new Event('offline')); lead.board.stream.open = () => {}")
    expect(line).to_contain_text("连接中断")
    expect(page.locator(".ld.is-down")).to_be_visible()


@pytest.mark.parametrize("night", [False, True])
def test_all_of_it_stands_out(opened: Open, night: bool) -> None:
    page = opened()
    if night:
        page.get_by_role("button", name="夜间").click()
    found = faint(page)
    click_cell(page, page.evaluate("lead.map.shapes.codes[0]"))
    expect(page.locator(".ld-card")).to_be_visible()
    settled(page)
    found += faint(page)
    page.get_by_role("button", name="对比", exact=True).click()
    expect(page.locator(".ld-compared tbody tr").first).to_be_visible(timeout=60_000)
    found += faint(page)
    assert not found, found


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080)])
def test_nothing_is_cut_off(opened: Open, page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    opened()
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.ld-tile, .ld-bar, .ld-legend, .ld-week header')]
            .filter(one => one.scrollHeight > one.clientHeight + 2
                || one.scrollWidth > one.clientWidth + 2)
            .map(one => `${one.className} ${one.dataset.tile} ${one.scrollHeight}/${one.clientHeight}`)"""
    )
    assert cut == []
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
