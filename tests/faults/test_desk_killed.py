"""A busy desk, while program or database are killed under it: nothing acknowledged is lost or doubled."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from geo_service.store.migrate import migrate
from tests.faults import desk
from tests.faults.desk import Desk, Ledger, Town
from tests.faults.program import Program, assert_invariants_hold
from tests.waiting import until

# starting the program takes long where other things run as well
pytestmark = [pytest.mark.postgis, pytest.mark.timeout(900)]
#: So much of each kind is acknowledged before and after each blow.
SOME = 40


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostGIS of the module's own: it will be killed."""
    home = Path(tempfile.mkdtemp(prefix="geo_service_faults_"))
    home.chmod(0o711)
    made = Cluster(home)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def town(cluster: Cluster) -> Town:
    database = Database.connect(cluster.url(), read_size=1, write_size=1)
    try:
        migrate(database.write)
    finally:
        database.close()
    return desk.town(cluster.url())


@pytest.fixture(scope="module")
def program(cluster: Cluster, town: Town) -> Iterator[Program]:
    made = Program({"GEO_SERVICE_HOME": str(cluster.home)}, workers=2, log=cluster.home / "serve.log")
    try:
        made.start()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """What was acknowledged, by all tests of the module."""
    return Ledger()


def postmaster(cluster: Cluster) -> int:
    pid = cluster.status().pid
    assert pid is not None
    return pid


def all_is_told(town: Town) -> bool:
    with psycopg.connect(town.url) as connection:
        found = connection.execute("select count(*) from outbox where position is null").fetchone()
    return found == (0,)


def test_the_database_is_killed(program: Program, cluster: Cluster, town: Town, ledger: Ledger) -> None:
    """Who would start it again is held up, so that the service has to do without for a while."""
    with Desk(program.address, town, ledger, "first") as clients:
        clients.until_more(SOME)
        workers, killed = program.workers(), postmaster(cluster)
        os.kill(program.pid, signal.SIGSTOP)
        try:
            os.kill(killed, signal.SIGKILL)
            until(lambda: len(ledger.unavailable) >= SOME)
        finally:
            os.kill(program.pid, signal.SIGCONT)
        clients.until_more(SOME)
    assert postmaster(cluster) != killed
    # the service lived through it, and answered all the time
    assert program.workers() == workers
    assert ledger.cut == 0
    until(lambda: all_is_told(town))
    desk.assert_kept(town, ledger)
    looked_at = assert_invariants_hold(program.settings)
    assert looked_at["lives replayed"] == len(ledger.reports)


def test_the_program_is_killed(program: Program, town: Town, ledger: Ledger) -> None:
    """It is killed with all its workers, and started again; the clients notice that the line is cut."""
    with Desk(program.address, town, ledger, "second") as clients:
        clients.until_more(SOME)
        program.kill()
        until(lambda: ledger.cut > 0)
        program.start()
        clients.until_more(SOME)
    until(lambda: all_is_told(town))
    desk.assert_kept(town, ledger)
    looked_at = assert_invariants_hold(program.settings)
    assert looked_at["lives replayed"] == len(ledger.reports)
