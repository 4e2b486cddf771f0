"""A town of the module's own, and serving processes upon it that can be killed and started again."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.forked import ForkedService, environment_of

pytest.register_assert_rewrite("tests.faults.desk", "tests.faults.program")

START_S = 200


class Serving:
    """A serving process, and a planner's client for it.

    Attributes
    ----------
    client : httpx.Client
    """

    def __init__(self, url: str, key: str, home: Path) -> None:
        self._service = ForkedService("geo_service.api.app:create_app", environment_of(url, home))
        headers = {"Authorization": f"Bearer {key}"}
        self.client = httpx.Client(base_url=self._service.address, headers=headers, timeout=120)
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
        return self._service.runs

    def kill(self) -> None:
        """Kill it as the kernel does when memory runs out: it can put nothing in order."""
        self._service.kill()
        self.client.close()

    def end(self) -> None:
        """Stop it, if it still runs."""
        self._service.end()
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
