"""The real command line, called in this process as ``geo-service`` is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from geo_service.__main__ import app
from geo_service.cli import common


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit status, what it printed for programs, what it said to people."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The whole output as one JSON document."""
        return json.loads(self.out)


Call = Callable[..., Outcome]


@pytest.fixture
def geo_service(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call a command with its words; the status is what the shell would see."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> Outcome:
        capfdbinary.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["geo-service", *map(str, words)])
            try:
                status = common.run(app)
            except SystemExit as ended:
                status = int(ended.code or 0)
        out, err = capfdbinary.readouterr()
        return Outcome(status, out.decode(), err.decode())

    return call


@pytest.fixture
def on_database(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let commands work on an empty database of this test alone."""
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", database_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))
    return database_url
