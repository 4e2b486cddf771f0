"""Who uses the private PostGIS, and who stops it: tried with real processes and a real server."""

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from geo_service.store import cluster_databases
from geo_service.store.cluster import Cluster

pytestmark = pytest.mark.postgis

USER = """
import sys
from pathlib import Path
from geo_service.store.cluster import Cluster
with Cluster(Path(sys.argv[1])).running():
    print("in", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def cluster():
    folder = Path(tempfile.mkdtemp(prefix="geo users "))
    folder.chmod(0o755)  # the server's user must come through
    made = Cluster(folder / "home")
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


def scalar(url, statement):
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        return connection.execute(statement).fetchone()[0]


@pytest.fixture
def user(cluster):
    """Start a process that uses the server until it is told to leave, or killed."""
    cluster.stop()
    made = []

    def go():
        argv = [sys.executable, "-c", USER, str(cluster.home)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        made.append(process)
        assert process.stdout.readline() == "in\n"
        return process

    yield go
    for process in made:
        process.kill()
        process.communicate()
    cluster.stop()


def leave(process):
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def test_the_last_user_out_stops_the_server_whoever_started_it(cluster, user):
    first, second = user(), user()
    pid = cluster.status().pid
    leave(first)
    assert cluster.status().pid == pid
    assert scalar(cluster.url(), "SELECT 1") == 1
    third = user()
    leave(second)
    assert cluster.status().pid == pid
    leave(third)
    assert not cluster.status().running


def test_a_killed_user_no_longer_counts(cluster, user):
    first, second = user(), user()
    second.kill()
    second.wait()
    leave(first)
    assert not cluster.status().running
    alone = user()
    alone.kill()
    alone.wait()
    assert cluster.status().running, "nobody was left to stop it"
    leave(user())
    assert not cluster.status().running


def test_a_server_that_was_started_to_stay_stays(cluster, user):
    cluster.start()
    leave(user())
    assert cluster.status().running
    cluster.stop()
    leaving = user()
    cluster.start()  # asked to stay while somebody uses it
    leave(leaving)
    assert cluster.status().running
    cluster.stop()
    leave(user())
    assert not cluster.status().running


def test_an_interrupted_start_leaves_nothing_running(cluster, monkeypatch):
    cluster.stop()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster_databases, "prepare", interrupt)  # the server is up by then
    with pytest.raises(KeyboardInterrupt), cluster.running():
        pass
    assert not cluster.status().running


def test_users_that_come_and_go_at_once_always_find_it_running(cluster):
    cluster.stop()

    def visit(_):
        with Cluster(cluster.home).running() as url:
            return scalar(url, "SELECT 1")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(visit, range(12))) == [1] * 12
    assert not cluster.status().running
