"""A service with a town of its own, a plan, and a browser that has opened it."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import Page

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.browser.planner.hands import Plan, editor


@pytest.fixture(scope="module")
def keys(own_town_url: str) -> dict[str, str]:
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    people = (
        ("张三", Role.PLANNER),
        ("李四", Role.PLANNER),
        ("王主任", Role.LEADER),
        ("小赵", Role.WORKER),
    )
    try:
        return {name: identity.issue(database, name, role, by="test")[1] for name, role in people}
    finally:
        database.close()


@pytest.fixture(scope="module")
def api(service: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {keys['张三']}"}
    with httpx.Client(base_url=service, headers=headers, timeout=120) as client:
        yield client


@pytest.fixture
def plan(api: httpx.Client) -> Plan:
    made: Plan = api.post("/v1/plans", json={"name": "江滨社区调整"}).raise_for_status().json()
    return made


@pytest.fixture
def opened(page: Page, service: str, keys: dict[str, str], plan: Plan) -> Page:
    return editor(page, service, keys["张三"], plan)


@pytest.fixture
def held_up(own_town_url: str) -> Iterator[psycopg.Connection]:
    """A session that can stand in the way of a publication."""
    with psycopg.connect(own_town_url) as connection:
        yield connection
