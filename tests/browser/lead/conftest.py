"""A service with a demo town of its own, and a browser that has opened the page of those who lead."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.browser.serving import let_in

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def key(own_town_url: str) -> str:
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    try:
        return identity.issue(database, "王主任", Role.LEADER, by="test")[1]
    finally:
        database.close()


@pytest.fixture(scope="module")
def api(service: str, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=service, headers=headers, timeout=120) as client:
        client.get("/v1/lead/week", params={"level": "community"}).raise_for_status()  # worked out once
        yield client


@pytest.fixture
def opened(page: Page, service: str, key: str, api: httpx.Client) -> Open:
    """Open the page, as a leader."""

    def go(**query: object) -> Page:
        let_in(page.context, service, key)
        page.goto(f"{service}/lead?{httpx.QueryParams({k: str(v) for k, v in query.items()})}")
        settled(page)
        return page

    return go


def settled(page: Page) -> None:
    """Wait until the map is coloured and all figures are there."""
    page.wait_for_selector('#lead[data-ready="yes"]', timeout=60_000)
    page.wait_for_selector("html[data-painted]", state="attached", timeout=60_000)
