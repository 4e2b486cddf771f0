"""A service with a demo town of its own, and a browser that has opened its roster."""

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
def keys(own_town_url: str) -> dict[Role, str]:
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    try:
        return {
            role: identity.issue(database, f"roster {role.value}", role, by="test")[1]
            for role in (Role.DISPATCHER, Role.PLANNER, Role.WORKER)
        }
    finally:
        database.close()


@pytest.fixture(scope="module")
def api(service: str, keys: dict[Role, str]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {keys[Role.DISPATCHER]}"}
    with httpx.Client(base_url=service, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def opened(page: Page, service: str, keys: dict[Role, str]) -> Open:
    """Open the roster of a week as somebody."""

    def go(role: Role = Role.DISPATCHER, **query: str) -> Page:
        let_in(page.context, service, keys[role])
        page.goto(f"{service}/roster?{httpx.QueryParams(query)}")
        settled(page)
        return page

    return go


def settled(page: Page) -> None:
    """Wait until the week and what is beside it are drawn."""
    page.wait_for_selector('#roster[data-ready="yes"]', timeout=60_000)
