"""A town of the module's own, and serving processes upon it that can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database

pytest.register_assert_rewrite("tests.faults.desk", "tests.faults.program")

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
            self._process = subprocess.Popen(
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
            assert self.runs, "the service has ended"
            assert time.monotonic() < deadline, "the service does not answer"
            try:
                self.client.get("/v1/status").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return

    @property
    def runs(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it as the kernel does when memory runs out: it can put nothing in order."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)
        self.client.close()

    def end(self) -> None:
        """Stop it, if it still runs."""
        if self.runs:
            self._process.terminate()
            self._process.wait(20)
        self.client.close()


Serve = Callable[[], Serving]


@pytest.fixture(scope="module")
def database(own_town_url: str) -> Iterator[Database]:
    """The town's database, seen from outside the service."""
    made = Database.connect(own_town_url, read_size=2, write_size=3, application="faults")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def another(
    own_town_url: str, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serve]:
    """Start one more serving process; all are stopped when the module ends."""
    key = identity.issue(database, "张三", Role.PLANNER, by="test")[1]
    home = tmp_path_factory.mktemp("home")
    started: list[Serving] = []

    def start() -> Serving:
        started.append(Serving(own_town_url, key, home))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(scope="module")
def serve(another: Serve) -> Serve:
    """Give the serving process that runs, or start one where the last was killed."""
    running: list[Serving] = []

    def give() -> Serving:
        if not running or not running[-1].runs:
            running.append(another())
        return running[-1]

    return give
