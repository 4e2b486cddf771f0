"""The doctor, on an installation that is well and on one thing wrong after another."""

import shutil
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from geo_service.services import doctor
from geo_service.services.doctor import State, examine
from geo_service.settings import Settings
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database
from geo_service.store.migrate import migrate

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def home():
    folder = Path(tempfile.mkdtemp(prefix="geo doctor "))
    folder.chmod(0o755)
    cluster = Cluster(folder / "home")
    cluster.start()
    database = Database.connect(cluster.url())
    migrate(database.write)
    database.close()
    yield cluster.home
    cluster.stop()
    shutil.rmtree(folder)


@pytest.fixture
def settings(home):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Settings(home=home, port=port, database_url=None)


def look(settings):
    return {check.name: check for check in examine(settings)}


def test_all_is_well(settings):
    found = look(settings)
    assert [check for check in found.values() if check.state is State.FAIL and check.name != "assets"] == []
    assert found["postgis"].found.startswith("PostGIS 3.")
    assert found["schema"].state is State.OK
    assert found["extensions"].found == "btree_gist, ltree, pgcrypto, postgis"
    assert all(check.remedy for check in found.values() if check.state is not State.OK)


def test_no_cluster_yet(tmp_path):
    found = look(Settings(home=tmp_path / "none", database_url=None))
    assert found["database"].state is State.WARN
    assert "geo-service db start" in found["database"].remedy
    assert not (tmp_path / "none").exists(), "the doctor changes nothing"


def test_a_server_of_our_own_that_does_not_answer():
    found = look(Settings(database_url="postgresql://u:hunter2@127.0.0.1:1/d"))
    assert found["database"].state is State.FAIL
    assert "hunter2" not in str(found)


def test_a_schema_that_is_behind(settings, home):
    cluster = Cluster(home)
    url = cluster.create_database("behind")
    found = look(settings.model_copy(update={"database_url": Settings(database_url=url).database_url}))
    assert (found["schema"].state, found["schema"].remedy) == (State.FAIL, "geo-service db migrate")
    cluster.drop_database("behind")


def test_a_schema_of_an_unreleased_version(settings, home):
    cluster = Cluster(home)
    url = cluster.create_database("unreleased")
    database = Database.connect(url)
    migrate(database.write)
    with database.writing() as connection:
        connection.exec_driver_sql("alter table incident drop column category")
    database.close()
    found = look(settings.model_copy(update={"database_url": Settings(database_url=url).database_url}))
    assert found["schema"].state is State.FAIL
    assert "lacks incident.category" in found["schema"].found
    assert "geo-service demo --fresh" in found["schema"].remedy
    cluster.drop_database("unreleased")


def test_a_database_without_extensions(settings, home):
    cluster = Cluster(home)
    url = cluster.create_database("bare", template="template0")
    found = look(settings.model_copy(update={"database_url": Settings(database_url=url).database_url}))
    assert found["postgis"].state is State.FAIL
    assert found["extensions"].found == "missing: postgis, btree_gist"
    cluster.drop_database("bare")


def test_an_occupied_port(settings):
    with socket.create_server(("127.0.0.1", settings.port)):
        assert look(settings)["port"].state is State.WARN


def test_a_password_that_others_may_read(settings, home):
    password = home / "postgres" / "password"
    password.chmod(0o644)
    try:
        found = look(settings)["secrets"]
        assert found.state is State.FAIL
        assert found.remedy.startswith("chmod go-rwx")
    finally:
        password.chmod(0o600)


def test_a_home_that_others_may_write(settings, home):
    home.chmod(0o777)
    try:
        assert look(settings)["home"].state is State.WARN
    finally:
        home.chmod(0o711)


def test_leftovers_of_a_crash(settings, home):
    left = home / "postgres" / "data.broken-x"
    left.mkdir()
    assert look(settings)["leftovers"].state is State.WARN
    left.rmdir()


@pytest.mark.parametrize(("free_gib", "state"), [(0.5, State.FAIL), (3, State.WARN), (50, State.OK)])
def test_a_disk_that_fills(settings, monkeypatch, free_gib, state):
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, free_gib * 2**30)
    )
    assert look(settings)["disk"].state is state


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("PANIC:  could not write to file", State.FAIL),
        ('ERROR:  invalid page in block 7 of relation "cell"', State.FAIL),
        ("ERROR:  could not extend file: No space left on device", State.FAIL),
        ("ERROR:  duplicate key value violates unique constraint", State.OK),
        ("FATAL:  terminating connection due to administrator command", State.OK),
    ],
)
def test_the_server_log_is_read(settings, home, line, state):
    log = home / "postgres" / "data" / "log" / "server-test.log"
    log.write_text(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f} UTC [12] geo_service {line}\n")
    try:
        assert look(settings)["database log"].state is state
        log.write_text(f"2020-01-01 00:00:00.000 UTC [12] geo_service {line}\n")
        assert look(settings)["database log"].state is State.OK, "what is older than a day is past"
    finally:
        log.unlink()


def test_a_font_is_found_without_fontconfig(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    if Path("/usr/share/fonts/truetype/wqy").is_dir():
        assert "wqy" in doctor._chinese_font()


def test_the_clock_of_the_database(settings, home):
    with psycopg.connect(Cluster(home).url()) as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    assert abs(float(look(settings)["database clock"].found.split()[0])) < 1


def test_checks_go_on_when_one_breaks(settings, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Path("/nowhere/at/all").stat())
    found = look(settings)
    assert found["disk"].state is State.FAIL
    assert found["schema"].state is State.OK
