"""Chromium for the browser tests, a guard against requests that leave this machine, and the pages' server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.made_up_town import LEVELS
from tests.browser.serving import serving, serving_database

#: The shell first: without a window around it a page costs less than half of the processors' time.
INSTALLED = [
    file for file in map(Path, ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")) if file.exists()
]
CHROMIUM = Path(os.environ.get("CHROMIUM") or next(iter(INSTALLED), "/usr/bin/chromium"))
ARGUMENTS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",  # there is none: drawing as if there were costs a fifth of the processors' time
    # The guard is the browser's own: were each request handed to the test to let through, a page would come
    # slowly, and nothing of it from the browser's cache
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
OURS = {"127.0.0.1", "localhost"}

expect.set_options(timeout=20_000)  # the machine may be slow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is missing: scripts/test installs it")
        pytest.skip(f"{CHROMIUM} is not on this machine")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": ARGUMENTS + sandbox}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    viewport = {"width": 1366, "height": 768}
    return {**browser_context_args, "locale": "zh-CN", "timezone_id": "Asia/Shanghai", "viewport": viewport}


@pytest.fixture(autouse=True)
def requests_made(context: BrowserContext) -> Iterator[list[str]]:
    """Addresses asked for; a test fails when one of them is not on this machine, which no request leaves."""
    made: list[str] = []

    def note(url: str) -> None:
        if url.startswith(("http", "ws")):
            made.append(url)

    def listen(page: Page) -> None:
        page.on("websocket", lambda line: note(line.url))

    def ask(request: Request) -> None:
        note(request.url)

    context.on("request", ask)
    context.on("page", listen)
    yield made
    outside = [url for url in made if not _is_ours(url)]
    assert not outside, f"requests left this machine: {outside}"


@pytest.fixture(autouse=True)
def console_errors(context: BrowserContext) -> Iterator[list[str]]:
    """What pages complain of; a test fails on any complaint it has not taken out of the list."""
    errors: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    context.on("page", listen)
    yield errors
    assert not errors, errors


@pytest.fixture(scope="module")
def service(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the application on a demo town of the module's own, served by a process of its own."""
    with serving_database(own_town_url, tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture(scope="session")
def small_town_url() -> Iterator[str]:
    """Maps of 576 leaves."""
    with made_up("small_town") as url:
        yield url


@pytest.fixture(scope="session")
def county_url() -> Iterator[str]:
    """Maps of 14,400 leaves, their shapes and figures already made."""
    with made_up("county") as url:
        for level in LEVELS:
            for path in (
                f"/maps/shapes/7/{level.code}.json?detail=0",
                f"/maps/figures/coverage/{level.code}.json",
            ):
                httpx.get(url + path, timeout=60).raise_for_status()
        yield url


@contextmanager
def made_up(factory: str) -> Iterator[str]:
    """Serve an application of ``map_server``."""
    with serving(f"tests.browser.map_server:{factory}", os.environ) as url:
        yield url


def _is_ours(url: str) -> bool:
    return url.split("/")[2].rpartition(":")[0] in OURS
