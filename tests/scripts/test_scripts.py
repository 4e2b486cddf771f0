"""The scripts: what they promise before any package is fetched, and what clean does to a real cluster."""

import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest

from geo_service.store.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
BASH = ["setup", "run", "check", "test", "bench", "clean", "lock", "db-entrypoint"]


@pytest.fixture
def checkout():
    """A copy of what the scripts work on, at a place with spaces that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="a check out "))
    folder.chmod(0o755)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copytree(ROOT / "web", folder / "web", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "geo_service").mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def call(*argv, path=None, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GEO_SERVICE_")}
    if path:
        clean["PATH"] = f"{path}{os.pathsep}{clean['PATH']}"
    return subprocess.run(
        [*map(str, argv)],
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", [*BASH, "lib.sh", "../.ci/run"])
def test_bash_is_well_formed_and_strict(name):
    script = ROOT / "scripts" / name
    assert call("bash", "-n", script).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text or "lib.sh" in text
    assert name == "lib.sh" or os.access(script, os.X_OK)
    if shutil.which("shellcheck"):
        checked = call("shellcheck", "-x", "-P", ROOT / "scripts", script)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", ["setup", "clean"])
def test_help_and_unknown_options(name):
    shown = call(ROOT / "scripts" / name, "--help")
    assert shown.returncode == 0
    assert f"scripts/{name}" in shown.stderr + shown.stdout
    refused = call(ROOT / "scripts" / name, "--nonsense")
    assert refused.returncode == 1
    assert "unknown option --nonsense" in refused.stderr


def test_the_help_of_run_prepares_nothing(checkout):
    for option in ("--help", "-h"):
        shown = call(checkout / "scripts" / "run", "--size", "town", option)
        assert (shown.returncode, "scripts/run --size town" in shown.stdout) == (0, True)
        assert not (checkout / ".venv").exists()


def test_every_package_is_pinned_by_hash_and_names_no_index():
    for file in (ROOT / "requirements").glob("*.txt"):
        blocks = file.read_text().replace("\\\n", " ").splitlines()
        packages = [line for line in blocks if line and not line.lstrip().startswith("#")]
        assert packages
        assert all("==" in line and "--hash=sha256:" in line for line in packages), file.name
        assert "://" not in file.read_text(), f"{file.name} names an address"


def test_the_lock_files_hold_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    asked = {"base.txt": project["project"]["dependencies"]}
    asked["build.txt"] = groups["build"]
    asked["dev.txt"] = [*asked["base.txt"], *groups["build"], *groups["test"]]
    for name, wanted in asked.items():
        locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements" / name).read_text()))
        for requirement in wanted:
            package = re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-").replace(".", "-")
            assert package in locked, f"run scripts/lock: {package} is missing in {name}"


def test_a_package_has_the_same_versions_in_all_lock_files():
    """A package may have a version for each Python; .venv is filled from several files at once."""
    found = {}
    for file in (ROOT / "requirements").glob("*.txt"):
        pinned = re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", file.read_text())
        for name in {name for name, _ in pinned}:
            versions = frozenset(version for other, version in pinned if other == name)
            found.setdefault(name, set()).add(versions)
    assert [name for name, versions in found.items() if len(versions) > 1] == []


def test_a_step_tells_how_long_it_lasts_and_keeps_the_status(tmp_path):
    script = tmp_path / "script"
    lib = (ROOT / "scripts/lib.sh").read_text().replace("-t 10", "-t 0.2")
    script.write_text(lib + "exec 9</\nstep 'doing it' sleep 0.7\nstep 'failing' false || echo failed $?\n")
    done = call("bash", script)
    assert done.stdout == "failed 1\n"
    assert re.fullmatch(r"doing it\n(  [01] s\n){2,4}failing\n", done.stderr), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a checkout that is not its own")
@pytest.mark.parametrize("name", ["setup", "run"])
def test_a_checkout_of_somebody_else_is_one_line_with_the_remedy(checkout, name):
    """Read by an ordinary user: nothing is installed, and the line says what to do."""
    done = call("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", checkout / "scripts" / name)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"{checkout} belongs to root, and nobody may not write in it" in line
    assert "clone the repository into a folder of your own, or run: sudo chown -R nobody" in line


def test_a_python_that_is_too_old_is_refused(checkout, tmp_path):
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        old = tmp_path / name
        old.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac\n')
        old.chmod(0o755)
    refused = call(checkout / "scripts/setup", path=tmp_path)
    assert refused.returncode == 1
    assert "needs Python 3.11 or newer, found Python 3.9.2" in refused.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python outside the environment")
def test_up_to_date_means_nothing_is_run(checkout, tmp_path):
    """With the mark of a finished set-up in place no program of the environment is called."""
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("geo-service", "python"):
        (programs / name).write_text(f"#!/bin/sh\necho called >> '{tmp_path}/calls'\nexit 9\n")
        (programs / name).chmod(0o755)
    functions = (checkout / "scripts/setup").read_text().replace('main "$@"', 'cd "$ROOT"; fingerprint base')
    (checkout / "scripts/print-mark").write_text(functions)
    mark = call("bash", checkout / "scripts/print-mark")
    assert mark.returncode == 0, mark.stderr
    (checkout / ".venv/.set-up").write_text(mark.stdout)
    own = {"GEO_SERVICE_DATABASE_URL": "postgresql://u@h/d"}
    done = call(checkout / "scripts/setup", **own)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "calls").exists()
    dev = call(checkout / "scripts/setup", "--dev", PYTHON="/nowhere/python", PATH="/nowhere", **own)
    assert dev.returncode != 0, "what serving needs is not all that the tests need"

    with (checkout / "requirements/base.txt").open("a") as file:
        file.write("# changed\n")
    changed = call(checkout / "scripts/setup", PYTHON="/nowhere/python", PATH="/nowhere", **own)
    assert changed.returncode != 0, "a changed lock file asks for a new set-up"


@pytest.mark.postgis
def test_clean_stops_the_cluster_and_removes_what_was_made(checkout):
    cluster = Cluster(checkout / ".local")
    cluster.start()
    pid = cluster.status().pid
    (checkout / "__pycache__").mkdir()
    asked = call(checkout / "scripts/clean")
    assert asked.returncode == 1, "nobody there to say yes"
    assert cluster.status().running
    cleaned = call(checkout / "scripts/clean", "--yes")
    assert cleaned.returncode == 0, cleaned.stderr
    assert not Path(f"/proc/{pid}/cwd").exists()
    assert not (checkout / ".local").exists()
    assert not (checkout / "__pycache__").exists()
    assert (checkout / "scripts/clean").exists()
    assert call(checkout / "scripts/clean", "--yes").returncode == 0


@pytest.mark.postgis
def test_clean_stops_but_keeps_a_home_outside(checkout):
    outside = Path(tempfile.mkdtemp(prefix="a home outside "))
    outside.chmod(0o755)
    cluster = Cluster(outside)
    try:
        cluster.start()
        cleaned = call(checkout / "scripts/clean", "--yes", GEO_SERVICE_HOME=str(outside))
        assert cleaned.returncode == 0, cleaned.stderr
        assert not cluster.status().running
        assert cluster.status().made
    finally:
        cluster.stop()
        shutil.rmtree(outside)
