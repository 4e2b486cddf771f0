"""``geo-service db`` and ``doctor`` as a person calls them."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from geo_service.__main__ import main
from geo_service.store.cluster import Cluster

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def home():
    folder = Path(tempfile.mkdtemp(prefix="geo command line "))
    folder.chmod(0o755)
    yield folder / "home"
    Cluster(folder / "home").stop()
    shutil.rmtree(folder)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(home, monkeypatch, capfd):
    """Call the program in this process: a process of its own costs seconds of imports for each command."""

    def run(*arguments, **environment):
        for name in [name for name in os.environ if name.startswith("GEO_SERVICE_")]:
            monkeypatch.delenv(name)
        for name, value in {"GEO_SERVICE_HOME": str(home), **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody there to answer
        monkeypatch.setattr(sys, "argv", ["geo-service", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        sys.stdout.flush()
        return Done(left.value.code or 0, *capfd.readouterr())

    return run


def test_a_life(call, home, tmp_path):
    """From nothing to a restored backup, in the order a person would do it."""
    down = call("db", "status", "--json")
    assert (down.returncode, json.loads(down.stdout)["running"]) == (1, False)

    assert "started: PostgreSQL" in call("db", "start").stderr
    assert "running already" in call("db", "start").stderr
    assert "was empty" in call("db", "migrate").stderr
    assert "nothing to do" in call("db", "migrate").stderr

    up = json.loads(call("db", "status", "--json").stdout)
    assert up["running"]
    assert up["schema"] == up["newest"]
    assert up["home"] == str(home)

    file = tmp_path / "a backup.dump"
    assert call("db", "backup", file).returncode == 0
    assert call("db", "restore", file).returncode == 1, "nobody there to say yes"
    restored = call("db", "restore", file, "--yes")
    assert restored.returncode == 0
    assert "geo_before_restore" in restored.stderr

    file.write_bytes(file.read_bytes()[:5000])
    broken = call("db", "restore", file, "--yes")
    assert broken.returncode == 1
    assert "the database is as it was" in broken.stderr
    assert "Traceback" not in broken.stderr

    report = call("doctor", "--json")
    assert {"database", "schema", "disk", "clock"} <= {check["name"] for check in json.loads(report.stdout)}

    assert "stopped" in call("db", "stop").stderr
    assert "not running" in call("db", "stop").stderr
    down = call("doctor")
    assert down.returncode == 0, "commands start the database when they need it"
    assert "the private PostGIS is down" in down.stdout


def test_an_own_server_is_not_ours_to_start(call):
    own = "postgresql://u:hunter2@127.0.0.1:1/d"
    done = call("db", "start", GEO_SERVICE_DATABASE_URL=own)
    assert done.returncode == 1
    assert "GEO_SERVICE_DATABASE_URL" in done.stderr
    status = call("db", "status", "--json", GEO_SERVICE_DATABASE_URL=own)
    assert (status.returncode, json.loads(status.stdout)["running"]) == (1, False)
    assert "hunter2" not in status.stdout + status.stderr + done.stderr


def test_the_console_script(tmp_path):
    done = subprocess.run(
        [Path(sys.executable).with_name("geo-service"), "db", "start"],
        env={"PATH": os.environ["PATH"], "GEO_SERVICE_DATABASE_URL": "postgresql://u@h/d"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: GEO_SERVICE_DATABASE_URL")
