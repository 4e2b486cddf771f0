"""The worker's page on a screen as large as a phone's, also where the line is bad."""

import base64
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest
from playwright.sync_api import FilePayload, Page, expect

from geo_service.services import rounds, week_lists
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.browser.dispatch.conftest import Scene, client
from tests.browser.dispatch.hands import Line, enter, report, until

#: A picture of one point.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 390, "height": 844}}


@pytest.fixture
def own(admin: httpx.Client, around: Scene) -> str:
    """The responder for whom the phone's key acts."""
    code = around.workers[0]
    principals = admin.get("/v1/keys").raise_for_status().json()
    rows = principals["keys"] if isinstance(principals, dict) else principals
    number = next(one["id"] for one in rows if one["name"] == "手机")
    admin.put(f"/v1/desk/keys/{number}", json={"responder": code}).raise_for_status()
    return code


@pytest.fixture
def line(service: str) -> Iterator[Line]:
    made = Line(service)
    yield made
    made.close()


@pytest.fixture
def sent(api: httpx.Client, around: Scene, own: str) -> dict[str, Any]:
    """A task for the phone's owner."""
    key = report(api, building=around.building, category="0102", floor=6)
    made = api.post(f"/v1/incidents/{key}/dispatches", json={"lead": own}).raise_for_status().json()
    return dict(made["dispatches"][0])


def open_page(page: Page, url: str, key: str) -> Page:
    enter(page, url, key, "/worker")
    page.wait_for_selector('#worker[data-ready="yes"]', state="attached", timeout=60_000)
    until(page, "() => Boolean(worker.work)")
    return page


def test_accept_arrive_done_with_a_photo(
    page: Page, service: str, keys: dict[str, str], api: httpx.Client, sent: dict[str, Any]
) -> None:
    open_page(page, service, keys["手机"])
    task = page.locator(".wk-task")
    expect(task).to_contain_text("雨水箅子堵塞")
    expect(task).to_contain_text("6 楼")
    expect(task.locator(".wk-sketch .way").first).to_be_attached()
    expect(task.locator("figcaption")).to_contain_text("分钟")
    expect(task.get_by_role("link", name="打开地图")).to_have_attribute(
        "href", re.compile(r"^geo:2\d\.\d{5},11\d")
    )
    task.get_by_role("button", name="接单").click()
    task.get_by_role("button", name="我已到场").click()
    task.get_by_role("button", name="处置完毕").click()
    page.locator(".gs-dialog textarea").fill("井盖已更换")
    photo = FilePayload(name="a.png", mimeType="image/png", buffer=PICTURE)
    page.locator(".gs-dialog .wk-file").set_input_files(photo)
    expect(page.locator(".wk-previews img")).to_be_visible()
    page.get_by_role("button", name="提交").click()
    expect(page.locator(".wk-none")).to_be_visible()
    found = api.get(f"/v1/incidents/{sent['incident_id']}").json()
    assert found["standing"]["status"] == "handled"
    assert len(found["photos"]) == 1
    log = api.get(f"/v1/incidents/{sent['incident_id']}/log").json()["log"]
    assert any(one["reason"] == "井盖已更换" for one in log)


def test_what_is_done_without_a_line_is_sent_once_when_there_is_one(
    *,
    page: Page,
    line: Line,
    keys: dict[str, str],
    api: httpx.Client,
    sent: dict[str, Any],
    console_errors: list[str],
) -> None:
    open_page(page, line.url, keys["手机"])
    task = page.locator(".wk-task")
    expect(task).to_be_visible()
    line.cut()
    task.get_by_role("button", name="接单").click()
    expect(page.locator(".wk-waiting")).to_contain_text("待发送 1 项")
    expect(task.locator(".wk-state")).to_have_text("已接单（待发送）")
    task.get_by_role("button", name="我已到场").click()
    expect(page.locator(".wk-waiting")).to_contain_text("待发送 2 项")
    expect(task.locator(".wk-clock")).to_contain_text("处置")
    task.get_by_role("button", name="处置完毕").click()
    page.locator(".gs-dialog textarea").fill("已疏通")
    page.locator(".gs-dialog .wk-file").set_input_files(
        FilePayload(name="a.png", mimeType="image/png", buffer=PICTURE)
    )
    expect(page.locator(".wk-previews img")).to_be_visible()
    page.get_by_role("button", name="提交").click()
    expect(task.locator(".wk-state")).to_have_text("处置完毕（待发送）")
    expect(task.locator(".wk-clock")).to_be_hidden()
    expect(task).to_contain_text("已疏通")
    expect(task).to_contain_text("照片 1 张，待发送")
    expect(task.get_by_role("button")).to_have_count(0)
    assert api.get(f"/v1/dispatches/{sent['id']}").json()["state"] == "sent"
    line.mend()
    expect(page.locator(".wk-waiting")).to_have_count(0)
    expect(page.locator(".wk-none")).to_be_visible()
    log = api.get(f"/v1/incidents/{sent['incident_id']}/log").json()["log"]
    assert [one["move"] for one in log].count("arrive") == 1
    assert any(one["reason"] == "已疏通" for one in log)
    console_errors[:] = [one for one in console_errors if "net::ERR" not in one]


def test_the_page_opens_without_a_line_and_nothing_that_waited_is_lost(
    page: Page, line: Line, keys: dict[str, str], sent: dict[str, Any], console_errors: list[str]
) -> None:
    open_page(page, line.url, keys["手机"])
    until(page, "() => Boolean(navigator.serviceWorker.controller)")
    page.reload()  # what the page fetches is kept from now on
    page.wait_for_selector('#worker[data-ready="yes"]', state="attached")
    expect(page.locator(".wk-task")).to_be_visible()
    line.cut()
    page.get_by_role("button", name="接单").click()
    expect(page.locator(".wk-waiting")).to_be_visible()
    page.reload()
    page.wait_for_selector('#worker[data-ready="yes"]', state="attached", timeout=60_000)
    expect(page.locator(".wk-task")).to_have_attribute("data-dispatch", str(sent["id"]))
    expect(page.locator(".wk-waiting")).to_contain_text("待发送 1 项")
    expect(page.locator(".wk-line")).to_have_text("网络不通")
    line.mend()
    expect(page.locator(".wk-waiting")).to_have_count(0)
    expect(page.locator(".wk-task")).to_have_attribute("data-state", "accepted")
    console_errors[:] = [one for one in console_errors if "net::ERR" not in one]


def test_what_the_server_refuses_is_shown_with_the_reason(
    *,
    page: Page,
    service: str,
    keys: dict[str, str],
    api: httpx.Client,
    sent: dict[str, Any],
    console_errors: list[str],
) -> None:
    open_page(page, service, keys["手机"])
    expect(page.locator(".wk-task")).to_be_visible()
    page.evaluate("clearInterval(1)")
    api.post(f"/v1/dispatches/{sent['id']}/cancel", json={"reason": "已由他人处理"}).raise_for_status()
    page.get_by_role("button", name="接单").click()
    expect(page.locator(".wk-problem")).to_contain_text("未被接受")
    page.get_by_role("button", name="知道了").click()
    expect(page.locator(".wk-problem")).to_have_count(0)
    console_errors[:] = [one for one in console_errors if "409" not in one]


def test_own_cell_and_sign_board_are_shown(
    page: Page, service: str, keys: dict[str, str], admin: httpx.Client, own: str
) -> None:
    open_page(page, service, keys["手机"])
    page.locator('[data-view="cell"]').click()
    cells = page.evaluate("worker.work.cells.map((cell) => [cell.name, cell.code])")
    assert cells
    assert own
    expect(page.locator(".wk-cell h2").first).to_have_text(cells[0][0])
    expect(page.locator(".wk-board").first).to_be_visible()
    expect(page.locator(".wk-kinds li").first).to_be_visible()
    assert admin.get("/v1/sign-boards", params={"cell": cells[0][1]}).json()["numberMatched"] >= 1


def test_the_position_is_sent_when_it_is_switched_on(
    *, page: Page, service: str, keys: dict[str, str], api: httpx.Client, around: Scene, own: str
) -> None:
    lon, lat = around.near(20, 20)
    page.context.grant_permissions(["geolocation"], origin=service)
    page.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 12})
    open_page(page, service, keys["手机"])
    expect(page.locator(".wk-position")).to_contain_text("未发送位置")
    page.get_by_role("button", name="发送位置").click()
    expect(page.locator(".wk-position")).to_contain_text("正在发送位置")
    until(page, "() => Boolean(worker.position.sentAt)")
    give_up = time.monotonic() + 20  # the board follows the database
    while not np.allclose(place_of(api, own), (lon, lat), rtol=0, atol=1e-6):
        assert time.monotonic() < give_up, place_of(api, own)
        page.wait_for_timeout(100)
    page.get_by_role("button", name="停止发送").click()
    expect(page.locator(".wk-position")).to_contain_text("未发送位置")


def place_of(api: httpx.Client, code: str) -> tuple[float, float]:
    """Where the board has somebody."""
    people = {one["responder"]: one for one in api.get("/v1/board").json()["people"]}
    return people[code]["lon"], people[code]["lat"]


def test_a_worker_reports_what_he_sees(
    page: Page, service: str, keys: dict[str, str], api: httpx.Client, own: str
) -> None:
    open_page(page, service, keys["手机"])
    page.locator('[data-view="report"]').click()
    page.locator(".wk-report select").select_option("0102")
    page.locator(".wk-report input[type=text]").fill("8 栋门口")
    page.get_by_role("button", name="上报事件", exact=True).click()
    expect(page.locator(".wk-report")).to_contain_text("已保存")
    until(page, "() => worker.outbox.items.length === 0")
    found = api.get("/v1/incidents", params={"status": "open", "limit": 1000}).json()["incidents"]
    assert own
    assert any(one["address"] == "8 栋门口" and one["channel"] == "worker" for one in found)


@pytest.fixture
def on_the_list(
    admin: httpx.Client, service: str, keys: dict[str, str], own: str, own_town_url: str
) -> Iterator[str]:
    """Put a place and a fixed route of the owner on this week's lists; what stands on the place's sign."""
    assert own
    with client(service, keys["手机"]) as phone:
        code = phone.get("/v1/own-work").raise_for_status().json()["cells"][0]["code"]
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    try:
        cells = Tilings(database).get().cells
        # only the smallest cells hold land
        inside = cells.loc[cells["code"].str.startswith(code), "geom"].dropna().iloc[0].representative_point()
    finally:
        database.close()
    table = f"place_code,place_name,department,grade,lon,lat\ns1,东街五金店,消防,A,{inside.x},{inside.y}\n"
    made = admin.post("/v1/imports/places?commit=true", files={"file": ("p.csv", table.encode())})
    assert made.status_code == 200, made.text
    ends = [[inside.x - 0.0004, inside.y], [inside.x + 0.0004, inside.y]]
    route = {"name": "东街巡线", "geometry": {"type": "LineString", "coordinates": ends}, "days_a_week": 1}
    admin.put("/v1/patrol/routes/r1", json=route | {"from": "20:00", "to": "23:00"}).raise_for_status()
    monday = week_lists.monday_of(datetime.now(ZoneInfo("Asia/Shanghai")).date())
    counts = admin.put(f"/v1/patrol/weeks/{monday}").raise_for_status().json()
    assert (counts["visits"], counts["route_turns"]) == (1, 1)
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    try:
        tiling = Tilings(database).get()
        with database.reading() as connection:
            told = rounds.places(connection, tiling, signs=True)
    finally:
        database.close()
    yield next(one["sign"] for one in told if one["code"] == "s1")
    admin.delete("/v1/patrol/places/s1").raise_for_status()
    admin.delete("/v1/patrol/routes/r1").raise_for_status()


def test_the_list_of_the_week_has_places_and_routes(
    page: Page, service: str, keys: dict[str, str], on_the_list: str
) -> None:
    open_page(page, service, keys["手机"])
    page.locator('[data-view="week"]').click()
    route = page.locator('.wk-routes li[data-route="r1"]')
    expect(route).to_contain_text("东街巡线")
    expect(route).to_contain_text("20:00–23:00 · 全长 0.1 公里")
    stop = page.locator('.wk-day li[data-place="s1"]')
    expect(stop).to_contain_text("东街五金店")
    expect(stop).to_contain_text("消防")


def test_a_visit_is_registered_by_the_code_of_the_sign(
    page: Page, service: str, keys: dict[str, str], on_the_list: str
) -> None:
    open_page(page, service, keys["手机"])
    page.locator('[data-view="week"]').click()
    # the camera opens the address on the sign: the code stands there already
    page.evaluate("code => { window.location.hash = `visit=${encodeURIComponent(code)}`; }", on_the_list)
    expect(page.locator(".wk-sign")).to_have_value(on_the_list)
    page.locator("dialog").get_by_role("button", name="登记", exact=True).click()
    # counted or not by where the phone was last seen: the page says what became of it, with the place's name
    expect(page.locator(".wk-said")).to_contain_text("东街五金店")
