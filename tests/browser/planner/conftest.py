"""A service with a town of its own, a plan, and a browser that has opened it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.browser.planner.hands import Plan, editor


@pytest.fixture(scope="module")
def keys(own_town_url: str) -> dict[str, str]:
    database = Database.connect(own_town_url, read_size=1, write_size=1)
    people = (("张三", Role.PLANNER), ("李四", Role.PLANNER), ("王主任", Role.LEADER))
    try:
        return {name: identity.issue(database, name, role, by="test")[1] for name, role in people}
    finally:
        database.close()


@pytest.fixture(scope="module")
def service(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the application, served by a process of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # asyncio does not on sockets it is given
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.listen(64)
        code = (
            "import uvicorn; uvicorn.run('geo_service.api.app:create_app', factory=True, "
            f"fd={listener.fileno()}, log_level='warning', access_log=False, timeout_graceful_shutdown=1)"
        )
        environment = {name: value for name, value in os.environ.items() if "GEO_SERVICE_" not in name}
        environment["GEO_SERVICE_DATABASE_URL"] = own_town_url
        environment["GEO_SERVICE_HOME"] = str(tmp_path_factory.mktemp("home"))
        server = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[listener.fileno()],
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            httpx.get(f"{url}/v1/status", timeout=120).raise_for_status()  # waits until it answers
            yield url
        finally:
            server.terminate()
            server.wait(20)


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
