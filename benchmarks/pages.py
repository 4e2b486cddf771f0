"""Pages and answers of the demo county of 14,199 cells, as a visitor waits for them: Chromium and HTTP.

The service is what ``geo-service serve --workers 2`` starts, in a home of its own that is made once by
``geo-service demo`` (``PAGES_HOME`` names another). Pages are opened in fresh browser contexts, without
anything kept from an earlier visit; times are from the address to everything drawn, bytes as they were sent.
"""

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import shapely
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.load import serving
from benchmarks.measure import Row
from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database

HOME = Path(os.environ.get("PAGES_HOME", Path(__file__).resolve().parents[1] / ".local" / "bench_county"))
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
]
ARGUMENTS += ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
OPENINGS = 5
ISOCHRONES = 400
SCREEN = {"width": 1920, "height": 1080}
SENT = "performance.getEntries().reduce((sum, entry) => sum + (entry.transferSize || 0), 0)"
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def run() -> list[Row]:
    _make_county()
    cluster = Cluster(HOME)
    with cluster.running() as url:
        database = Database.connect(url)
        try:
            who = f"benchmark {secrets.token_hex(4)}"
            key = identity.issue(database, who, Role.LEADER, by="benchmark")[1]
        finally:
            database.close()
        with serving(url, HOME) as (port, _), sync_playwright() as playwright:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            rows = [*_lead(browser, address, key), *_maps(browser, address), *_new_coverage(browser, address)]
            browser.close()
            return [*rows, *_isochrones(address, key)]


def _make_county() -> None:
    environment = os.environ | {"GEO_SERVICE_HOME": str(HOME)}
    environment.pop("GEO_SERVICE_DATABASE_URL", None)
    command = [sys.executable, "-m", "geo_service", "demo", "--size", "county", "--no-serve"]
    subprocess.run(command, env=environment, check=True)


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            httpx.get(f"{address}/v1/status", timeout=60).raise_for_status()
            break
        except httpx.TransportError:
            time.sleep(0.2)
    time.sleep(10)  # what is made ready after the start


@contextmanager
def _visit(browser: Browser, cookies: list[dict[str, str]] | None = None) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport=SCREEN)  # type: ignore[arg-type]
    if cookies:
        context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    context.close()


def _lead(browser: Browser, address: str, key: str) -> list[Row]:
    answer = httpx.post(f"{address}/sign-in", data={"key": key}, headers={"Origin": address}, timeout=60)
    cookies = [{"name": name, "value": value, "url": address} for name, value in answer.cookies.items()]
    first, coloured, complete = [], [], []
    for turn in range(OPENINGS + 1):
        with _visit(browser, cookies) as page:
            began = time.perf_counter()
            page.goto(f"{address}/lead", wait_until="commit")
            page.wait_for_selector("html[data-painted]", state="attached")
            page.wait_for_selector('#lead[data-ready="yes"]', state="attached")
            if turn:  # the first visitor has what all others find made
                complete.append(time.perf_counter() - began)
                first.append(page.evaluate(FIRST_PAINT) / 1000)
                coloured.append(float(page.evaluate("document.documentElement.dataset.painted")) / 1000)
    return [
        Row.figure("/lead: first contentful paint", statistics.median(first), "s", at_most=1.5),
        Row.figure("/lead: cells coloured on the map", statistics.median(coloured), "s", at_most=1.5),
        Row.figure("/lead: all tiles, the week, the ranking", statistics.median(complete), "s"),
    ]


def _maps(browser: Browser, address: str) -> list[Row]:
    rows = []
    for kind in ("coverage", "hotspots"):
        for level, cells, most_s in (("grid", 497, 1.0), ("micro_grid", 14_199, 2.0)):
            took, whole, sent = [], [], 0
            for turn in range(OPENINGS + 1):
                with _visit(browser) as page:
                    began = time.perf_counter()
                    took_s = _open(page, f"{address}/maps/{kind}?level={level}")
                    page.wait_for_selector('html[data-ground="yes"]', state="attached")
                    whole_s = time.perf_counter() - began
                    sent = page.evaluate(SENT)
                if turn:
                    took.append(took_s)
                    whole.append(whole_s)
            note = f"{sent / 1e6:.2f} MB sent; slowest {max(took):.2f} s; "
            note += f"streets and names under it {statistics.median(whole):.2f} s"
            job = f"map {kind}, {cells:,} cells: open to drawn"
            rows.append(Row.figure(job, statistics.median(took), "s", at_most=most_s, note=note))
            if level == "micro_grid":
                rows.append(Row.figure(f"map {kind}, {cells:,} cells: sent", sent / 1e6, "MB", at_most=1.5))
    return rows


def _open(page: Page, url: str) -> float:
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector('html[data-ready="yes"]', state="attached")
    return time.perf_counter() - began


def _new_coverage(browser: Browser, address: str) -> list[Row]:
    """A moment that nobody has asked for: the run itself, its figures, and the map of all cells."""
    took = []
    for turn in range(OPENINGS):
        at = datetime(2026, 11, 10, 6 + turn, 30, tzinfo=UTC) + timedelta(minutes=15)
        with _visit(browser) as page:
            query = httpx.QueryParams({"level": "micro_grid", "at": at.isoformat()})
            took.append(_open(page, f"{address}/maps/coverage?{query}"))
    note = f"slowest {max(took):.2f} s"
    job = "coverage of a moment never asked for, from request to map"
    return [Row.figure(job, statistics.median(took), "s", at_most=3.0, note=note)]


def _isochrones(address: str, key: str) -> list[Row]:
    """Of one place each, within five minutes, all different."""
    rng, took = np.random.default_rng(5), []
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        box = _town_deg(client)
        for number in range(ISOCHRONES + 20):
            lon, lat = rng.uniform(box[0], box[1])
            began = time.perf_counter()
            answer = client.get("/v1/isochrones", params={"place": f"{lon:.6f},{lat:.6f}", "minutes": "5"})
            if number >= 20 and answer.status_code == 200:
                took.append(1000 * (time.perf_counter() - began))
    p50, p99 = np.percentile(took, [50, 99])
    note = f"p50 {p50:.1f} ms; {len(took)} different places of the county"
    return [Row.figure("isochrone of one place over HTTP: p99", float(p99), "ms", at_most=50, note=note)]


def _town_deg(client: httpx.Client) -> NDArray[np.float64]:
    """The corners of the county: west south, east north."""
    cells = client.get("/v1/cells", params={"level": "county"}).json()["features"]
    shape = shapely.from_geojson(json.dumps(cells[0]["geometry"]))
    return np.reshape(shapely.bounds(shape), (2, 2))
