"""``geo-service demo`` as a process of its own: from nothing to served pages, and once more."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from geo_service.cli import demo
from geo_service.demo.county import DemoCounty
from geo_service.model import Edition
from geo_service.services import demoing
from geo_service.store import coverage
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from tests.cli.test_serve import START_S, free_port
from tests.town import drawn_once

pytestmark = pytest.mark.postgis


class Demo:
    """A running ``geo-service demo --size town``."""

    def __init__(self, home: Path, log: Path) -> None:
        self.port, self.log = free_port(), log
        environment = {name: value for name, value in os.environ.items() if "GEO_SERVICE_" not in name}
        environment |= {"GEO_SERVICE_HOME": str(home), "GEO_SERVICE_PORT": str(self.port)}
        argv = [sys.executable, "-m", "geo_service", "demo", "--size", "town"]
        with log.open("wb") as out:
            self.process = subprocess.Popen(argv, env=environment, stdout=out, stderr=out)

    def wait_until(self, condition) -> None:
        deadline = time.monotonic() + START_S
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def status(self) -> dict | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/status", timeout=30) as answer:
                return json.load(answer)
        except OSError:
            return None

    def end(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)
        self.process.wait(60)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    tmp_path.chmod(0o755)  # the server's user must come through
    made = Cluster(tmp_path / "home")
    yield made
    made.stop()


def test_from_nothing_to_pages_and_once_more(cluster: Cluster, tmp_path: Path):
    first = Demo(cluster.home, tmp_path / "1.log")
    first.wait_until(first.status)
    status = first.status()
    assert status["levels"][-1]["cells"] == 340
    assert status["coverage"]["share"] > 0.3
    assert "demo town made" in first.log.read_text()
    first.end()
    assert not cluster.status().running, first.log.read_text()

    second = Demo(cluster.home, tmp_path / "2.log")
    second.wait_until(lambda: cluster.status().running)
    server = cluster.status().pid
    second.wait_until(second.status)
    assert second.status()["incidents"] == status["incidents"]
    assert cluster.status().pid == server, "one server from the look at the database to the serving"
    assert "demo town is there already" in second.log.read_text()
    second.end(signal.SIGTERM)
    assert not cluster.status().running, second.log.read_text()
    assert "Traceback" not in second.log.read_text()


@pytest.fixture
def home_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", database.read.url.render_as_string(hide_password=False))
    return database


def test_an_interrupted_load_is_finished_and_nothing_comes_twice(
    home_of: Database, monkeypatch: pytest.MonkeyPatch, drawn_town: DemoCounty
):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with drawn_once(drawn_town):
        with monkeypatch.context() as patch:
            patch.setattr(demoing.staffing, "upsert_responders", interrupt)
            with pytest.raises(KeyboardInterrupt):
                demo.prepare("town")
        edition = demoing.newest_edition(home_of)
        assert isinstance(edition, Edition)
        with monkeypatch.context() as patch:
            # what the weeks hold is looked at in tests/services/test_demo_weeks.py
            patch.setattr(demo.demo_weeks, "tell_weeks", lambda *_: None)
            assert "demo town made" in demo.prepare("town")
    assert demoing.newest_edition(home_of) == edition
    with home_of.reading() as connection:
        assert coverage.latest(connection, edition.id, "ebike", 300)
    said = demo.prepare("county")
    assert "demo town is there already (for a county set GEO_SERVICE_HOME" in said
