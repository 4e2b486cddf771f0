"""What a planner's hands do in the page, and how a test reads what came of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import shapely
from playwright.sync_api import Locator, Page

from tests.browser.serving import let_in

Plan = dict[str, Any]

#: Where a place on earth lies in the window.
TO_PIXEL = """([lon, lat]) => {
    const { ol: map } = planner.map;
    const box = map.getTargetElement().getBoundingClientRect();
    const [x, y] = map.getPixelFromCoordinate(ol.proj.fromLonLat([lon, lat]));
    return [x + box.x, y + box.y];
}"""


#: The corners of a cell as they are drawn.
DRAWN = """(code) => {
    const flat = planner.cells.find(["micro_grid", code]).getGeometry().getFlatCoordinates();
    const out = [];
    for (let i = 0; i < flat.length; i += 2) {
        out.push(ol.proj.toLonLat([flat[i], flat[i + 1]]).map((x) => Number(x.toFixed(7))));
    }
    return out;
}"""


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
    let_in(page.context, service, key)
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


@contextmanager
def before_the_end(connection: psycopg.Connection) -> Iterator[None]:
    """Let publications come as far as putting the edition in force, and wait there."""
    with connection.transaction():
        connection.execute("lock table edition_span in exclusive mode")
        yield
