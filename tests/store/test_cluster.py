"""The private PostGIS, tried on real servers: made, started, killed, mended, backed up, restored."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from geo_service.errors import InvalidInputError, UnavailableError
from geo_service.store import cluster_databases, cluster_process
from geo_service.store.cluster import Cluster
from geo_service.store.cluster_binaries import find_binaries
from geo_service.store.cluster_errors import ClusterError
from geo_service.store.cluster_files import folder_lock

pytestmark = pytest.mark.postgis

AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def open_folder():
    """A folder that other users may enter (pytest's own are closed), with spaces and quotes in its name."""
    folder = Path(tempfile.mkdtemp(prefix="geo cluster's \"$x`-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(open_folder):
    made = Cluster(open_folder / "home")
    yield made
    made.stop()


@pytest.fixture
def running(cluster):
    cluster.start()
    return cluster


def scalar(url, statement):
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        return connection.execute(statement).fetchone()[0]


def execute(url, *statements):
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        for statement in statements:
            connection.execute(statement)


def test_starts_once_and_stops_once(cluster):
    assert cluster.start() is True
    assert cluster.start() is False
    assert cluster.status().running
    assert cluster.stop() is True
    assert cluster.stop() is False
    assert not cluster.status().running
    assert cluster.status().made


def test_second_start_keeps_port_and_data(running):
    execute(
        running.url(),
        "CREATE TABLE IF NOT EXISTS kept (n int)",
        "TRUNCATE kept",
        "INSERT INTO kept VALUES (7)",
    )
    address = running.url()
    running.stop()
    running.start()
    assert running.url() == address
    assert scalar(address, "SELECT n FROM kept") == 7


def test_extensions_live_in_their_own_schema(running):
    with psycopg.connect(running.url()) as connection:
        rows = connection.execute(
            "SELECT extname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE nspname = 'extensions' ORDER BY 1"
        ).fetchall()
        assert [name for (name,) in rows] == ["btree_gist", "ltree", "pgcrypto", "postgis"]
        assert connection.execute("SHOW search_path").fetchone() == ("public, extensions",)
        assert connection.execute("SELECT ST_AsText(ST_Point(1, 2, 4326))").fetchone() == ("POINT(1 2)",)
        found = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        assert found.fetchone()[0] <= 1  # the table of another test at most: nothing of PostGIS


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("password_encryption", "scram-sha-256"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
    ],
)
def test_settings_of_the_server(running, setting, value):
    assert scalar(running.url(), f"SHOW {setting}") == value


def test_nobody_comes_in_without_the_password(running):
    without = running.url().replace(running.url().split(":")[2].split("@")[0], "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without, connect_timeout=5)


def test_secrets_are_closed_to_others(running):
    assert (running.folder / "password").stat().st_mode & 0o077 == 0
    assert running.data.stat().st_mode & 0o077 == 0


def test_never_listens_beyond_loopback(running):
    port = running.status().port
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [fields[1] for fields in listening if fields[3] == "0A" and fields[1].endswith(f":{port:04X}")]
    assert ours == [f"0100007F:{port:04X}"]


def test_database_from_a_template_has_its_content_and_search_path(running):
    source = running.create_database("source_of_copies")
    execute(source, "CREATE TABLE t AS SELECT generate_series(1, 5) AS n")
    copy = running.create_database("a_copy", template="source_of_copies")
    assert scalar(copy, "SELECT sum(n) FROM t") == 15
    assert scalar(copy, "SHOW search_path") == "public, extensions"
    held_open = psycopg.connect(copy)
    running.drop_database("a_copy")
    running.drop_database("a_copy")  # and once more: nothing to do
    running.drop_database("source_of_copies")
    held_open.close()


def test_name_of_a_database_is_checked(running):
    with pytest.raises(ClusterError, match="no name for a database"):
        running.create_database('x"; DROP DATABASE geo; --')


# ---------------------------------------------------------------- after a crash


def test_comes_back_after_kill_9_with_all_that_was_committed(running):
    execute(running.url(), "DROP TABLE IF EXISTS promise", "CREATE TABLE promise (n int)")
    idle = psycopg.connect(running.url())  # its backend outlives the postmaster for a moment
    execute(running.url(), "INSERT INTO promise SELECT generate_series(1, 1000)")
    os.kill(running.status().pid, signal.SIGKILL)
    assert running.start() is True
    assert scalar(running.url(), "SELECT count(*) FROM promise") == 1000
    idle.close()


def test_ends_backends_that_outlive_the_postmaster(running):
    """A backend at work does not see that its postmaster is gone; a new server could not start beside it."""
    execute(running.url(), "DROP TABLE IF EXISTS busy", "CREATE TABLE busy (n int)")
    worker = threading.Thread(target=_burn, args=(running.url(),), daemon=True)
    worker.start()
    _wait_for(
        lambda: scalar(running.url(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%busy9%'") > 1
    )
    os.kill(running.status().pid, signal.SIGKILL)
    assert running.start() is True
    worker.join(10)
    assert not worker.is_alive()


def _burn(url):
    with pytest.raises(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute("SELECT sum(sqrt(n)) AS busy9 FROM generate_series(1, 20000000000) AS n")


def _wait_for(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("whose", ["nobody's", "a stranger's", "torn"])
def test_stale_pid_file(cluster, whose):
    cluster.start()
    cluster.stop()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd="/") as stranger:
        pid = stranger.pid if whose == "a stranger's" else 2**22 + 5
        text = (
            ""
            if whose == "torn"
            else f"{pid}\n{cluster.data}\n1\n{cluster.status().port}\n\n127.0.0.1\n\nready\n"
        )
        file = cluster.data / "postmaster.pid"
        file.write_text(text)
        shutil.copystat(cluster.data / "PG_VERSION", file)
        os.chown(file, cluster.data.stat().st_uid, cluster.data.stat().st_gid)
        assert not cluster.status().running
        assert cluster.start() is True
        assert stranger.poll() is None, "a process that is not ours was ended"
        stranger.kill()


def test_a_pid_file_of_a_copied_home_is_not_believed(running, open_folder):
    """The copy names a server that is alive, but at work in another folder."""
    twin = Cluster(open_folder / "twin")
    shutil.copytree(running.home, twin.home, copy_function=_copy_with_owner)
    for folder in (twin.folder, *twin.folder.rglob("*")):
        original = running.home / folder.relative_to(twin.home)
        os.chown(folder, original.stat().st_uid, original.stat().st_gid)
    assert not twin.status().running
    try:
        assert twin.start() is True
        assert twin.status().port != running.status().port
        assert running.status().running
    finally:
        twin.stop()
        shutil.rmtree(twin.home)


def _copy_with_owner(source, target):
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return  # a running server removes files meanwhile
    os.chown(target, Path(source).stat().st_uid, Path(source).stat().st_gid)


def test_half_finished_initdb_is_made_anew(open_folder):
    half = Cluster(open_folder / "half")
    (half.folder / "data.new" / "base").mkdir(parents=True)
    (half.folder / "data.new" / "PG_VERSION").write_text("15\n")
    half.data.mkdir()
    (half.data / "PG_VERSION").write_text("15\n")
    try:
        with half.running() as url:
            assert scalar(url, "SELECT 1") == 1
        assert not (half.folder / "data.new").exists()
        kept = list(half.folder.glob("data.broken-*"))
        assert [(folder / "PG_VERSION").exists() for folder in kept] == [True], (
            "what is not ours is kept aside"
        )
        assert not half.status().running, "running() stops what it started"
    finally:
        shutil.rmtree(half.home)


def test_half_made_database_is_finished(running):
    """As if the first start had been killed between making the cluster and making its database."""
    running.drop_database("geo")
    execute(running.url("postgres"), "CREATE DATABASE geo_making")
    assert running.start() is False
    assert scalar(running.url(), "SELECT count(*) FROM pg_extension WHERE extname = 'postgis'") == 1


# ---------------------------------------------------------------- side by side


def test_two_starts_at_once_are_one(cluster):
    cluster.stop()
    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(lambda _: Cluster(cluster.home).start(), range(3)))
    assert sorted(started) == [False, False, True]


def test_a_start_does_not_wait_for_ever(cluster):
    with folder_lock(cluster.folder, 1), pytest.raises(ClusterError, match="another process"):
        cluster.start(timeout_s=0.2)


def test_a_taken_port_is_given_up_for_another(cluster):
    cluster.start()
    cluster.stop()
    before = cluster.status().port
    with socket.create_server(("127.0.0.1", before)):
        cluster.start()
        assert cluster.status().port != before
        assert scalar(cluster.url(), "SELECT 1") == 1


def test_two_homes_are_two_clusters(running, open_folder):
    other = Cluster(open_folder / "other")
    try:
        with other.running() as url:
            assert other.status().port != running.status().port
            execute(url, "CREATE TABLE only_here (n int)")
            assert scalar(running.url(), "SELECT to_regclass('only_here') IS NULL")
            assert (other.folder / "password").read_text() != (running.folder / "password").read_text()
    finally:
        shutil.rmtree(other.home)


@pytest.mark.skipif(not AS_ROOT, reason="only root meets folders that the server's user cannot enter")
def test_root_below_a_closed_folder(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o700)
    closed = Cluster(tmp_path / "closed" / "home")
    with closed.running() as url:
        assert scalar(url, "SELECT 1") == 1
        assert closed.data.stat().st_uid == 0
        os.kill(closed.status().pid, signal.SIGKILL)
        assert closed.start() is True
        closed.stop()


@pytest.mark.skipif(not AS_ROOT, reason="only root meets folders that the server's user cannot enter")
def test_root_below_a_closed_folder_without_namespaces_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_process, "_NAMESPACE", ("false",))
    tmp_path.chmod(0o700)
    with pytest.raises(ClusterError, match="chmod o\\+x"):
        Cluster(tmp_path / "home").start()


def test_address_before_the_first_start_says_what_to_do(tmp_path):
    with pytest.raises(ClusterError, match="geo-service db start"):
        Cluster(tmp_path).url()
    assert Cluster(tmp_path).stop() is False


def test_binaries_are_named_when_missing(tmp_path):
    with pytest.raises(ClusterError, match="scripts/setup"):
        find_binaries(folder=tmp_path)
    with pytest.raises(ClusterError, match="no PostgreSQL 9 server"):
        find_binaries(major=9)


def test_data_of_an_unknown_version_is_left_alone(running, open_folder):
    old = Cluster(open_folder / "old")
    (old.data / "global").mkdir(parents=True)
    (old.data / "global" / "pg_control").touch()
    (old.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(ClusterError, match="no PostgreSQL 12 server"):
        old.start()
    assert (old.data / "global" / "pg_control").exists()


# ---------------------------------------------------------------- backup and restore


@pytest.fixture
def place(running):
    execute(
        running.url(),
        "DROP TABLE IF EXISTS place",
        "CREATE TABLE place (code ltree PRIMARY KEY, geom geometry(Point, 4326) NOT NULL "
        "CHECK (NOT ST_IsEmpty(geom) AND ST_X(geom) BETWEEN -180 AND 180))",
        "CREATE INDEX ON place USING gist (geom)",
        "INSERT INTO place "
        "SELECT ('x.g' || n)::ltree, ST_Point(n * 0.01, 30, 4326) FROM generate_series(1, 500) n",
    )
    return running


def test_backup_and_restore_bring_everything_back(place, tmp_path):
    file = tmp_path / "a backup.dump"
    place.backup(file)
    assert file.stat().st_mode & 0o077 == 0
    digest = "SELECT md5(string_agg(code::text || ST_AsEWKT(geom), ',' ORDER BY code)) FROM place"
    before = scalar(place.url(), digest)
    execute(place.url(), "DELETE FROM place")
    visitor = psycopg.connect(place.url())
    kept = place.restore(file)
    assert scalar(place.url(), digest) == before
    assert scalar(place.url(), "SHOW search_path") == "public, extensions"
    assert scalar(place.url(kept), "SELECT count(*) FROM place") == 0, "the former state is kept"
    visitor.close()
    place.restore(file)  # once more: the name of the kept one is taken


@pytest.mark.parametrize("damage", ["cut", "not a backup", "empty", "missing", "foreign"])
def test_a_broken_backup_loses_nothing(place, tmp_path, damage):
    file = tmp_path / "backup.dump"
    place.backup(file)
    whole = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(whole[: len(whole) * 2 // 3])
        case "not a backup":
            file.write_bytes(b"-- SQL?\n" * 100)
        case "empty":
            file.write_bytes(b"")
        case "missing":
            file.unlink()
        case "foreign":
            url = place.create_database("foreign_one", template="template0")  # a database without PostGIS
            cluster_databases.backup(find_binaries(), url, file)
            place.drop_database("foreign_one")
    with pytest.raises(InvalidInputError, match="file"):
        place.restore(file)
    assert scalar(place.url(), "SELECT count(*) FROM place") == 500
    names = "SELECT count(*) FROM pg_database WHERE datname LIKE 'geo_restore%' OR NOT datallowconn"
    assert scalar(place.url("postgres"), names) == 1, (
        "only template0 takes no connections; nothing is left behind"
    )


def test_a_failed_backup_keeps_the_older_one(running, tmp_path):
    file = tmp_path / "backup.dump"
    file.write_bytes(b"older")
    cluster_like = Cluster(tmp_path / "none")
    with pytest.raises(ClusterError):
        cluster_like.backup(file)
    running.stop()
    with pytest.raises(ClusterError):
        running.backup(file)
    assert file.read_bytes() == b"older"
    assert [entry.name for entry in tmp_path.iterdir()] == ["backup.dump"]


def test_backup_and_restore_without_being_superuser(place, tmp_path):
    """As on a server of the operator's own: the role owns its database, and may make others."""
    execute(
        place.url("postgres"),
        "DROP DATABASE IF EXISTS modest",
        "DROP DATABASE IF EXISTS modest_before_restore",
        "DROP ROLE IF EXISTS modest",
        "CREATE ROLE modest LOGIN CREATEDB PASSWORD 'a: b/c'",
        "CREATE DATABASE modest OWNER modest",
    )
    url = f"postgresql://modest:a%3A%20b%2Fc@127.0.0.1:{place.status().port}/modest?application_name=x"
    execute(url, "CREATE TABLE shape (geom extensions.geometry)", "INSERT INTO shape VALUES ('POINT(1 2)')")
    file = tmp_path / "modest.dump"
    cluster_databases.backup(place.binaries(), url, file)
    execute(url, "TRUNCATE shape")
    seen = []
    kept = cluster_databases.restore(
        place.binaries(), url, file, lambda fresh: seen.append(scalar(fresh, "SELECT count(*) FROM shape"))
    )
    assert (kept, seen) == ("modest_before_restore", [1])
    assert scalar(url, "SELECT ST_AsText(geom) FROM shape") == "POINT(1 2)"


def test_what_the_caller_refuses_is_not_swapped_in(place, tmp_path):
    file = tmp_path / "backup.dump"
    place.backup(file)
    execute(place.url(), "DELETE FROM place WHERE code = 'x.g1'")

    def refuse(url):
        raise UnavailableError(f"from a newer version: {scalar(url, 'SELECT count(*) FROM place')}")

    with pytest.raises(UnavailableError, match="newer version: 500"):
        place.restore(file, refuse)
    assert scalar(place.url(), "SELECT count(*) FROM place") == 499


def test_a_database_is_set_aside_and_an_empty_one_takes_its_place(place):
    kept = cluster_databases.set_aside(place.url())
    there = "SELECT count(*) FROM pg_class WHERE relname = 'place'"
    assert scalar(place.url(), there) == 0
    assert scalar(place.url(kept), "SELECT count(*) FROM place") == 500
    assert scalar(place.url(), "SELECT datallowconn FROM pg_database WHERE datname = 'geo'")
    assert cluster_databases.set_aside(place.url()) != kept  # nothing is lost the second time
    left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'geo_fresh%'"
    assert scalar(place.url(kept), left) == 0


def test_a_restore_killed_while_it_kept_everybody_out_is_healed(running):
    execute(running.url("postgres"), "ALTER DATABASE geo WITH ALLOW_CONNECTIONS false")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
        scalar(running.url(), "SELECT 1")
    running.start()
    assert scalar(running.url(), "SELECT 1") == 1
