"""Beside the map of patrols: whether they went where incidents are, and which fixed routes are behind."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Page, expect

from geo_service.services.demo_routes import make_routes
from geo_service.services.ground import Ground
from geo_service.services.patrol_demo import patrol_demo
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.browser.lead.conftest import Open

TOWN = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module", autouse=True)
def patrolled(own_town_url: str) -> None:
    """Some routes, and what was walked of them and beside them on the last two days."""
    database = Database.connect(own_town_url, read_size=2, write_size=2)
    try:
        ground, tilings = Ground(database), Tilings(database)
        assert make_routes(database, ground, tilings, 4) == 4
        yesterday = datetime.now(TOWN).date() - timedelta(days=1)
        counted = patrol_demo(database, ground, tilings, days=2, most_people=12, last=yesterday)
        assert sum(one.matched for one in counted) > 0
    finally:
        database.close()


def lines(page: Page) -> int:
    count: int = page.evaluate("lead.routes.shapes.getFeatures().length")
    return count


def test_the_panel_says_what_the_api_says_and_leads_into_cells(opened: Open, api: httpx.Client) -> None:
    page = opened(reading="patrol", level="grid")
    panel = page.get_by_label("巡防与事件")
    expect(panel).to_be_visible(timeout=30_000)
    told = api.get("/v1/lead/patrols", params={"level": "grid"}).json()
    shown = float(panel.locator("b").first.inner_text().rstrip("%"))
    assert shown == pytest.approx(100 * told["match"], abs=0.051)
    named = [one["name"] for one in (*told["more"], *told["less"])]
    assert panel.locator("li button > span").all_inner_texts() == named
    panel.locator("li button").first.click()
    expect(page.get_by_role("navigation", name="所在位置")).to_contain_text(named[0])


def test_a_route_behind_is_drawn_and_gone_with_another_reading(opened: Open, api: httpx.Client) -> None:
    page = opened(reading="patrol", level="grid")
    panel = page.get_by_label("固定路线")
    expect(panel).to_be_visible(timeout=30_000)
    told = api.get("/v1/lead/routes").json()
    expect(panel.locator("b").first).to_have_text(f"{told['done']} / {told['due']}")
    behind = [one for one in told["routes"] if one["behind"] > 0]
    rows = panel.locator("[data-route]")
    expect(rows).to_have_count(len(behind))
    for row in rows.all():
        row.click()
        assert lines(page) == 1
        row.click()
        assert lines(page) == 0
    page.locator(".ld-readings").get_by_role("button", name="到场覆盖率").click()
    expect(panel).to_be_hidden()
    expect(page.get_by_label("巡防与事件")).to_be_hidden()
