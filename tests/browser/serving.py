"""An application served by a process of its own, on a free port of this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext

from tests.forked import ForkedService, environment_of


@contextmanager
def serving(factory: str, environment: Mapping[str, str], *, ready: str = "/v1/status") -> Iterator[str]:
    """Serve what a factory makes; give its address once it answers.

    Parameters
    ----------
    factory : str
        ``module:function`` without arguments.
    environment : mapping
        Variables of the process.
    ready : str
        Path that is asked for until it answers.
    """
    service = ForkedService(factory, environment)
    try:
        httpx.get(service.address + ready, timeout=300).raise_for_status()  # waits until it answers
        yield service.address
    finally:
        service.end()


@contextmanager
def serving_database(database_url: str, home: Path) -> Iterator[str]:
    """Serve the real application on a database, whatever the settings of who runs the tests."""
    with serving("geo_service.api.app:create_app", environment_of(database_url, home)) as url:
        yield url


def let_in(browser: BrowserContext, service: str, key: str) -> None:
    """Have a browser signed in with a key, as if somebody had typed it in."""
    answer = httpx.post(f"{service}/sign-in", data={"key": key}, headers={"Origin": service}, timeout=60)
    cookies = [{"name": name, "value": value, "url": service} for name, value in answer.cookies.items()]
    browser.add_cookies(cookies)  # type: ignore[arg-type]
