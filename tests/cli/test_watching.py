"""A private PostGIS that dies under the service is brought up again; one that was stopped is not."""

import os
import signal
import time
from pathlib import Path

import psycopg

from geo_service.cli.watching import kept_alive
from geo_service.store.cluster import Cluster


def test_a_killed_server_comes_up_again_a_stopped_one_does_not(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "home")
    with cluster.running() as url, kept_alive(cluster, url):
        killed = cluster.status().pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not _answers(cluster, url, killed):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        cluster.stop()
        time.sleep(2)
        assert not cluster.status().running


def _answers(cluster: Cluster, url: str, killed: int) -> bool:
    if cluster.status().pid in (None, killed):
        return False
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
