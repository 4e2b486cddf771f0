"""Real databases for tests: a private cluster, one migrated template, a fresh copy for each test that asks.

The cluster lives in ``.local/test`` of the checkout. Test runs at the same time share it; the last one out
stops it.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import LiteralString, Self

import psycopg
import pytest
from psycopg import sql

from geo_service.store import migrate as migrations
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database

HOME = Path(__file__).resolve().parents[1] / ".local" / "test"


class TestServer:
    """The private cluster of the tests, and copies of its template.

    Attributes
    ----------
    cluster : Cluster
        For what the two methods do not cover.
    """

    __test__ = False  # no test class, whatever its name says

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._admin: psycopg.Connection | None = None
        self._numbers = count(1)
        self._template = f"whole_{_digest_of_migrations()}"

    def prepare(self) -> Self:
        """Make the template, of the newest schema; remove what killed runs left.

        A template that is there is whole, and nobody connects to it: another run may be copying it.
        """
        with psycopg.connect(self.cluster.url("postgres"), autocommit=True) as connection:
            self._need_not_outlive_the_machine(connection)
            names = [row[0] for row in connection.execute("select datname from pg_database")]
            for name in names:
                if name.startswith("test_") and not Path(f"/proc/{name.split('_')[1]}").exists():
                    self.cluster.drop_database(name)
            if self._template not in names:
                making = f"making_{self._template}"
                self.cluster.drop_database(making)
                self._migrated(making)
                connection.execute(f'alter database "{making}" rename to "{self._template}"')
        return self

    @staticmethod
    def _need_not_outlive_the_machine(connection: psycopg.Connection) -> None:
        """Leave the disk out: every database that is dropped would wait until all others are on it.

        What is committed outlives a killed process of PostgreSQL all the same, as the system keeps it.
        """
        connection.execute("alter system set fsync = off")
        connection.execute("alter system set full_page_writes = off")
        connection.execute("select pg_reload_conf()")

    def _migrated(self, name: str) -> None:
        self.cluster.create_database(name)
        database = Database.connect(self.cluster.url(name), read_size=1, write_size=1)
        try:
            migrations.migrate(database.write)
        finally:
            database.close()

    @contextmanager
    def fresh_url(self, template: str | None = None) -> Iterator[str]:
        """Give the address of a new database, migrated and empty; it is dropped afterwards.

        With ``template`` it is a copy of that database, to which nobody may be connected.
        """
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        try:
            self._copy(template or self._template, name)
            yield self.cluster.url(name)
        finally:
            self._ask("drop database if exists {} with (force)", name)

    def _copy(self, template: str, name: str) -> None:
        """Copy a database, file by file: the usual way writes every page a second time, into the log.

        What :meth:`Cluster.create_database` does beyond that, for whoever is killed meanwhile, no test needs.
        """
        self._ask("create database {} template {} strategy file_copy", name, template)
        self._ask("alter database {} set search_path to public, extensions", name)

    def _ask(self, statement: LiteralString, *names: str) -> None:
        """Have the server make or drop databases; the connection to it is kept for the next time."""
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.cluster.url("postgres"), autocommit=True)
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def leave(self) -> None:
        """Close what is kept open."""
        if self._admin is not None:
            self._admin.close()

    def made_once(self, what: str, make: Callable[[Database], None], template: str | None = None) -> str:
        """Return the name of a database that this run makes once, whichever of its processes comes first.

        Nobody may connect to it: it is there to be copied. It goes when the run has ended.

        Parameters
        ----------
        what : str
            What it holds, in letters.
        make : callable
            Fills it.
        template : str, optional
            What it begins as; an empty one, migrated, if None.
        """
        name = f"test_{_pid_of_run()}_{what}"
        with (
            _locked(HOME / f"{what}.lock"),
            psycopg.connect(self.cluster.url("postgres"), autocommit=True) as connection,
        ):
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                making = f"{name}_making"
                self.cluster.drop_database(making)  # of a process that was killed over it
                url = self.cluster.create_database(making, template or self._template)
                database = Database.connect(url, read_size=2, write_size=2)
                try:
                    make(database)
                finally:
                    database.close()
                connection.execute(f'alter database "{making}" rename to "{name}"')
        return name

    def clear(self) -> None:
        """Remove what this run made once."""
        with psycopg.connect(self.cluster.url("postgres"), autocommit=True) as connection:
            names = [row[0] for row in connection.execute("select datname from pg_database")]
        for name in names:
            if name.startswith(f"test_{_pid_of_run()}_"):
                self.cluster.drop_database(name)

    @contextmanager
    def fresh(self) -> Iterator[Database]:
        """Give a new, migrated, empty database; it is dropped afterwards."""
        with self.fresh_url() as url:
            made = Database.connect(url, read_size=4, write_size=4)
            try:
                yield made
            finally:
                made.close()


@pytest.fixture(scope="session")
def postgis() -> Iterator[TestServer]:
    """The tests' own PostGIS; where several tests of a module share a database: ``postgis.fresh()``."""
    HOME.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(HOME)
    with (HOME / "change.lock").open("w") as change, (HOME / "in-use.lock").open("w") as in_use:
        fcntl.flock(change, fcntl.LOCK_EX)  # one run at a time starts, prepares or stops the cluster
        try:
            fcntl.flock(in_use, fcntl.LOCK_SH)
            cluster.start()
            server = TestServer(cluster).prepare()
        finally:
            fcntl.flock(change, fcntl.LOCK_UN)
        yield server
        server.leave()
        fcntl.flock(change, fcntl.LOCK_EX)
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process or run is still at it
        server.clear()
        cluster.stop()


@pytest.fixture
def database_url(postgis: TestServer) -> Iterator[str]:
    """Address of an empty, migrated database of this test alone."""
    with postgis.fresh_url() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database of this test alone."""
    made = Database.connect(database_url, read_size=4, write_size=4)
    try:
        yield made
    finally:
        made.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that asks for a database carries the marker ``postgis`` by itself."""
    for item in items:
        if "postgis" in getattr(item, "fixturenames", ()):
            item.add_marker("postgis")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pid_of_run() -> int:
    """Return the process that runs the tests, or that gives them out to those that do."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _digest_of_migrations() -> str:
    versions = Path(migrations.__file__).parent / "migrations" / "versions"
    content = b"".join(file.read_bytes() for file in sorted(versions.iterdir()) if file.is_file())
    return hashlib.sha256(content).hexdigest()[:12]
