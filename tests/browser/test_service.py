"""The demo town served by the real application, in a real browser: what a visitor meets, page by page."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from geo_service.__main__ import app
from geo_service.cli import common
from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.browser.serving import serving_database
from tests.browser.test_maps import open_map, painted_colors, wait_until_painted
from tests.postgis import TestServer

MAPS = {"力量配备密度": "staffing", "五分钟到场覆盖": "coverage", "事件热力": "incidents"}
HOSTILE = "<img src=x onerror='window.harmed=1'>"


@pytest.fixture(scope="module")
def hostile_town_url(covered_town: str, postgis: TestServer) -> Iterator[str]:
    """A copy of the demo town in which one grid has a name that is markup."""
    with postgis.fresh_url(covered_town) as url:
        changed = Database.connect(url, read_size=1, write_size=1)
        with changed.writing() as connection:
            rename = text("""
                update cell_version set name = :name from cell, level
                where cell.id = cell_version.cell_id and level.id = cell.level_id and level.code = 'grid'
            """)
            assert connection.execute(rename, {"name": HOSTILE}).rowcount > 10
        changed.close()
        yield url


@pytest.fixture(scope="module")
def service(hostile_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the application, served by a process of its own."""
    with serving_database(hostile_town_url, tmp_path_factory.mktemp("home")) as url:
        for name in MAPS.values():  # what the maps show is computed before anybody looks
            httpx.get(f"{url}/maps/{name}", timeout=120).raise_for_status()
        yield url


def test_the_landing_page_counts_and_leads_to_every_map(page: Page, service: str) -> None:
    page.goto(service)
    figures = page.locator("#figures")
    for said in ("340", "网格 14", "在岗力量", "5 分钟覆盖"):
        expect(figures).to_contain_text(said)
    status = httpx.get(f"{service}/v1/status").json()
    expect(figures).to_contain_text(f"{status['incidents']['total']:,}")
    expect(figures).to_contain_text(f"{status['coverage']['share'] * 100:.1f}".removesuffix(".0") + "%")
    for title in MAPS:
        page.goto(service)
        page.locator("main").get_by_role("link", name=title).click()
        page.wait_for_selector('html[data-ready="yes"]', state="attached")
        expect(page.locator(".gs-heading h1")).to_contain_text(title)


@pytest.mark.parametrize("name", MAPS.values())
def test_a_map_loads_cells_base_map_and_legend_from_here_alone(
    page: Page, service: str, requests_made: list[str], name: str
) -> None:
    open_map(page, f"{service}/maps/{name}")
    expect(page.locator(".gs-panel")).to_contain_text("自动")
    wait_until_painted(page, "gs-base", at_least=4)
    if name != "incidents":
        assert painted_colors(page, "gs-cells") >= 2
        expect(page.locator(".gs-legend li")).not_to_have_count(0)
    expect(page.locator(".gs-heading p")).to_contain_text(re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d"))
    asked = [url.removeprefix(service) for url in requests_made]
    assert all(path.startswith("/") for path in asked), asked
    for part in ("/maps/tiles/base/", "/maps/shapes/", "/static/"):
        assert any(path.startswith(part) for path in asked), part


def test_levels_measures_and_layers_are_switched(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/staffing")
    panel = page.locator(".gs-panel")
    for level, cells in (("微网格", "340"), ("村（社区）", "4"), ("网格", "14")):
        panel.get_by_role("radio", name=level, exact=True).click()
        expect(panel.locator(".gs-shown")).to_have_text(re.compile(rf" · {cells}$"))
    for measure, unit in (("每百户", "人 / 百户"), ("每千人", "人 / 千人"), ("每平方公里", "人 / 平方公里")):
        panel.get_by_role("radio", name=measure).click()
        expect(panel).to_contain_text(f"单位：{unit}")
    for box in page.locator(".leaflet-control-layers-overlays input").all():
        box.uncheck()
    expect(panel).to_have_count(0)
    for box in page.locator(".leaflet-control-layers-overlays input").all():
        box.check()
    expect(panel).to_have_count(1)


def test_the_tooltip_gives_code_name_and_value_as_text(page: Page, service: str) -> None:
    open_map(page, f"{service}/maps/coverage")
    page.get_by_role("checkbox", name="出发点位").uncheck()
    page.get_by_role("radio", name="网格", exact=True).click()
    page.wait_for_selector('html[data-ready="yes"]', state="attached")
    page.mouse.move(660, 400)
    page.mouse.move(664, 404)
    tooltip = page.locator(".gs-tooltip")
    expect(tooltip.locator("b")).to_have_text(HOSTILE)
    expect(tooltip.locator(".gs-code")).to_have_text(re.compile(r"网格 Grid \d{15}"))
    expect(tooltip.locator(".gs-line")).to_contain_text(re.compile(r"覆盖率 Covered within 5 min\s*[\d.]+%"))
    assert page.evaluate("window.harmed") is None
    assert page.locator(".gs-tooltip img").count() == 0


def test_chinese_is_drawn_by_a_font_that_has_it(page: Page, service: str) -> None:
    """Characters a font lacks all come out as the same box: different ones must look different."""
    open_map(page, f"{service}/maps/coverage")
    pictures = page.evaluate(
        """() => [..."网格覆盖街道乡镇户"].map((character) => {
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 40;
            const context = canvas.getContext("2d");
            context.font = `30px ${getComputedStyle(document.body).fontFamily}`;
            context.fillText(character, 4, 32);
            return canvas.toDataURL();
        })"""
    )
    assert len(set(pictures)) == len(pictures)


def test_the_documentation_works_without_a_network(
    page: Page, service: str, requests_made: list[str]
) -> None:
    page.goto(f"{service}/docs")
    expect(page.locator("#operations-locate-locate_v1_locate_get, [id*=locate]").first).to_be_visible()
    expect(page.locator("body")).to_contain_text("/v1/locate")
    path = page.get_by_text("/v1/locate", exact=True)
    path.first.click()
    # not the whole page, which has some thousand words: the browser would read little else
    expect(page.locator(".opblock", has=path).first).to_contain_text("Longitude")
    assert all(url.startswith((service, "data:")) for url in requests_made)


def test_a_saved_map_opens_from_disk_and_asks_for_nothing(
    page: Page,
    hostile_town_url: str,
    requests_made: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "覆盖 coverage.html"
    argv = ["geo-service", "map", "coverage", "--at", "2026-11-22T02:00+08:00", "--out", str(file)]
    with monkeypatch.context() as patch:  # as it is called, without a process of its own
        patch.setenv("GEO_SERVICE_DATABASE_URL", hostile_town_url)
        patch.setattr("sys.argv", argv)
        assert exit_status() == 0
    open_map(page, file.as_uri())
    expect(page.locator(".gs-panel")).to_contain_text("5 分钟覆盖率")
    expect(page.locator(".gs-heading p")).to_contain_text("2026-11-22 02:00")
    assert painted_colors(page, "gs-cells") >= 2
    assert painted_colors(page, "gs-base") > 2
    assert not requests_made
    assert page.evaluate("window.harmed") is None


def exit_status() -> int:
    try:
        return common.run(app)
    except SystemExit as ended:
        return int(ended.code or 0)


def test_a_visitor_signs_in_and_out(page: Page, service: str, hostile_town_url: str) -> None:
    database = Database.connect(hostile_town_url, read_size=1, write_size=1)
    key = identity.issue(database, "值班台 <b>", Role.PLANNER, by="test")[1]
    database.close()
    page.goto(f"{service}/docs")
    page.locator(".shell-sign-in").click()
    page.get_by_label("密钥").fill(key)
    page.locator("main").get_by_role("button", name="登录").click()
    page.wait_for_url(f"{service}/docs")  # back to where the visitor came from
    expect(page.locator(".shell-who")).to_have_text("值班台 <b>")
    expect(page.locator(".shell-sign-in")).to_be_hidden()
    page.get_by_role("button", name="退出").click()
    page.wait_for_url(f"{service}/")
    expect(page.locator(".shell-sign-in")).to_be_visible()
    expect(page.locator(".shell-who")).to_be_hidden()
    assert not page.context.cookies()


def test_a_refusal_is_a_page_for_a_browser_and_json_for_a_program(
    page: Page, service: str, console_errors: list[str]
) -> None:
    answer = page.goto(f"{service}/no/<b>such</b>/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_contain_text("没有找到")
    expect(page.get_by_text("检查地址、编号和日期。")).to_be_visible()
    page.get_by_role("link", name="回到首页").click()
    page.wait_for_url(f"{service}/")
    page.goto(f"{service}/v1/me?lang=en")
    expect(page.locator("h1 [lang=zh-CN]")).to_be_hidden()
    into = page.locator("main").get_by_role("link", name="Sign in")
    expect(into).to_have_attribute("href", re.compile(r"/sign-in\?next=/v1/me"))
    program = httpx.get(f"{service}/no/such/page")
    assert program.headers["content-type"] == "application/problem+json"
    assert [line for line in console_errors if "404" in line or "401" in line] == console_errors
    console_errors.clear()  # the browser's own remark on each of the two
