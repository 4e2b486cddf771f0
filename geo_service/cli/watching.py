"""The private PostGIS is brought up again when it dies while the service runs."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from geo_service.store.cluster import Cluster
from geo_service.store.cluster_errors import ClusterError
from geo_service.store.cluster_process import read_pid_file

log = logging.getLogger("geo_service.database")

#: How often to look; a look reads two small files.
LOOK_EVERY_S = 0.5
#: How long to wait when it could not be started, at most: a full disk does not get better by asking.
LONGEST_WAIT_S = 30.0


@contextmanager
def kept_alive(cluster: Cluster | None, url: str) -> Iterator[None]:
    """Watch the server that was started by :meth:`Cluster.running`, which must surround this; None: nothing.

    A server that was stopped in good order, as ``geo-service db stop`` does it, stays stopped.
    """
    if cluster is None:
        yield
        return
    end = threading.Event()
    watcher = threading.Thread(target=_watch, args=(cluster, url, end), name="database watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        end.set()
        watcher.join()


def _watch(cluster: Cluster, url: str, end: threading.Event) -> None:
    wait_s = LOOK_EVERY_S
    while not end.wait(wait_s):
        if not has_died(cluster):
            wait_s = LOOK_EVERY_S
            continue
        log.warning("the private database has died; starting it again")
        try:
            with cluster.running():  # we are among its users already: leaving this does not stop it
                is_moved = cluster.url() != url
        except ClusterError as error:
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
            log.error("%s; trying again in %.0f s", error, wait_s)  # noqa: TRY400 - the reason is all in it
            continue
        wait_s = LOOK_EVERY_S
        if is_moved:
            log.error("the private database runs again, on another port: restart the service")
        else:
            log.warning("the private database runs again")


def has_died(cluster: Cluster) -> bool:
    """Tell whether the server ended without putting its house in order: its pid file names nobody alive."""
    return read_pid_file(cluster.data) is not None and cluster.status().pid is None
