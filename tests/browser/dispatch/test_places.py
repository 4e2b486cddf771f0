"""Where reports lie, on the desk: a misread datum, premises, a place that is said later."""

import httpx
import numpy as np
import pytest
import shapely
from playwright.sync_api import Page, expect

from geo_service.geometry.crs import BD09, GCJ02, Datum, from_wgs84
from tests.browser.dispatch.conftest import Scene
from tests.browser.dispatch.hands import choose, open_desk, report, row


@pytest.fixture
def opened(page: Page, service: str, keys: dict[str, str], around: Scene) -> Page:
    assert around.workers
    return open_desk(page, service, keys["调度一"])


def misread(api: httpx.Client, addresses: list[dict], datum: Datum) -> tuple[str, np.ndarray]:
    """Report buildings by coordinates of a Chinese map sent as WGS84 until one is suspected."""
    for one in addresses:
        meant = np.array([one["lon"], one["lat"]])
        x, y = from_wgs84(meant[None], datum)[0]
        key = report(api, lon=round(x, 6), lat=round(y, 6), crs="WGS84", floor=2, category="0102")
        flags = api.get(f"/v1/incidents/{key}").json()["flags"]
        if any(flag["flag"] == "datum" and flag["guess"] == str(datum) for flag in flags):
            return key, meant
    raise AssertionError("no place is suspected")


@pytest.mark.parametrize("datum", [GCJ02, BD09], ids=str)
def test_a_datum_that_is_suspected_is_accepted_by_one_click(
    opened: Page, api: httpx.Client, datum: Datum
) -> None:
    addresses = api.get("/v1/addresses", params={"q": "1号", "limit": 20}).json()["addresses"]
    key, meant = misread(api, addresses, datum)
    panel = choose(opened, key)
    flag = panel.locator(".ds-flag")
    expect(flag).to_contain_text(str(datum)[:-2] + "-" + str(datum)[-2:])
    flag.get_by_role("button", name="在图上看").click()
    expect(opened.locator(".ds-pin-mark.guess")).to_be_visible()
    expect(opened.locator(".ds-guess small")).to_contain_text("旁")  # cell and address it would be
    assert opened.evaluate("() => desk.map.shift.getSource().getFeatures().length") == 1
    flag.locator(".ds-accept-guess").click()
    expect(flag).to_have_count(0)
    expect(opened.locator(".ds-pin-mark.guess")).to_be_hidden()
    found = api.get(f"/v1/incidents/{key}").json()
    apart_m = np.hypot(*((np.array([found["lon"], found["lat"]]) - meant) * [97_500, 110_800]))
    assert apart_m < 2.0
    expect(panel.locator(".ds-log li").first).to_contain_text(
        str(datum)[:-2] + "-" + str(datum)[-2:]
    )  # why, for whoever reads it later
    assert api.get(f"/v1/incidents/{key}/log").json()["log"][0]["move"] == "report"


def test_on_premises_the_unit_that_answers_is_named(
    opened: Page, api: httpx.Client, service: str, scene: Scene
) -> None:
    premises = api.get("/v1/premises").raise_for_status().json()["features"]
    chosen = next(one for one in premises if one["properties"]["kind"] == "factory")
    lon, lat = shapely.geometry.shape(chosen["geometry"]).representative_point().coords[0]
    key = report(api, lon=lon, lat=lat, crs="WGS84", category="0102")
    panel = choose(opened, key)
    facts = chosen["properties"]
    expect(panel.locator(".ds-premises")).to_contain_text(facts["name"])
    expect(panel.locator(".ds-premises")).to_contain_text(facts["responsible_unit"])
    assert service
    assert scene.place


def test_a_report_without_a_place_is_located_by_its_address_and_moved_by_a_click(
    opened: Page, api: httpx.Client, scene: Scene
) -> None:
    key = report(api, category="0102", address="电话里没说清")
    opened.locator('[data-filter="unlocated"]').click()
    expect(row(opened, key).locator(".ds-row-place")).to_have_class("ds-row-place unknown")
    panel = choose(opened, key)
    search = panel.locator(".ds-search input")
    search.fill("1号")
    expect(panel.locator(".ds-addresses li").first).to_be_visible()
    search.press("Enter")
    address = search.input_value()
    expect(panel.locator(".ds-place-said .ds-path")).to_contain_text("›")
    panel.get_by_role("button", name="定位到这里").click()
    expect(panel.locator(".ds-candidate").first).to_be_visible()
    expect(panel.locator(".ds-relocate")).to_have_count(0)
    first = api.get(f"/v1/incidents/{key}").json()
    assert first["building"]
    assert address
    panel.get_by_role("button", name="改位置").click()
    panel.locator(".ds-pair").fill(f"{scene.place[0]:.6f}, {scene.place[1]:.6f}")
    expect(panel.locator(".ds-place-said .ds-path")).to_contain_text("›")
    panel.get_by_role("button", name="定位到这里").click()
    expect(panel.locator(".ds-relocate")).to_have_count(0)
    log = [one["move"] for one in api.get(f"/v1/incidents/{key}/log").json()["log"]]
    assert log == ["report", "locate", "locate"]
    expect(panel.locator(".ds-log li")).to_have_count(3)
