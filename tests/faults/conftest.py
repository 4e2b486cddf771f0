"""A town of the module's own, and serving processes upon it that can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database

START_S = 200


class Serving:
    """A serving process, and a planner's client for it.

    Attributes
    ----------
    client : httpx.Client
    """

    def __init__(self, url: str, key: str, home: Path) -> None:
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
            environment |= {"GEO_SERVICE_DATABASE_URL": url, "GEO_SERVICE_HOME": str(home)}
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[listener.fileno()],
                env=environment,
                cwd=Path(__file__).parents[2],
            )
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        headers = {"Authorization": f"Bearer {key}"}
        self.client = httpx.Client(base_url=address, headers=headers, timeout=120)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            assert self.process.poll() is None, "the service has ended"
            assert time.monotonic() < deadline, "the service does not answer"
            try:
                self.client.get("/v1/status").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """Kill it as the kernel does when memory runs out: it can put nothing in order."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        self.client.close()

    def end(self) -> None:
        """Stop it, if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.client.close()


Serve = Callable[[], Serving]


@pytest.fixture(scope="module")
def database(own_town_url: str) -> Iterator[Database]:
    """The town's database, seen from outside the service."""
    made = Database.connect(own_town_url, read_size=2, write_size=3)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def key(database: Database) -> str:
    return identity.issue(database, "张三", Role.PLANNER, by="test")[1]


@pytest.fixture
def serve(own_town_url: str, key: str, tmp_path: Path) -> Iterator[Serve]:
    """Start a serving process; all are stopped afterwards."""
    started: list[Serving] = []

    def start() -> Serving:
        started.append(Serving(own_town_url, key, tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def plan(serve: Serve) -> dict[str, Any]:
    """A plan that merges two grids, opened in a process of its own."""
    service = serve()
    made: dict[str, Any] = service.client.post("/v1/plans", json={"name": "中断"}).raise_for_status().json()
    service.end()
    return made
