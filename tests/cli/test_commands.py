"""What every command owes its user: help with an example, one clear line on failure, and no traceback."""

from pathlib import Path

import pytest
import typer

from geo_service.__main__ import COMMANDS, app
from geo_service.cli import common
from tests.cli.conftest import Call, Outcome
from tests.formats.makers import collection, feature, square

AT = "2026-11-22T02:00+08:00"


def every_command() -> list[tuple[str, ...]]:
    """Return the words of each command, those of groups too."""
    group = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = group.get_command(None, name)
        inner = getattr(command, "commands", None)
        found += [(name, below) for below in inner] if inner else [(name,)]
    return found


def fails(outcome: Outcome, *words: str, status: int = 1) -> None:
    """Check that a command failed with a message that holds the words."""
    said = outcome.err
    assert outcome.status == status, said
    assert "Traceback" not in said
    for word in words:
        assert word in said
    if status == 1:
        lines = said.strip().splitlines()
        # slow steps are told before
        (at,) = [k for k, line in enumerate(lines) if line.startswith("error: ")]
        assert all(line.startswith("  ") for line in lines[at + 1 :])


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_has_an_example(geo_service: Call, words: tuple[str, ...]) -> None:
    outcome = geo_service(*words, "--help")
    assert outcome.status == 0
    _, _, example = " ".join(outcome.out.split()).partition("Example: ")
    assert f"geo-service {' '.join(words)}" in example


@pytest.mark.parametrize("group", ["key", "db", "import", "export"])
def test_help_of_a_group_has_an_example(geo_service: Call, group: str) -> None:
    outcome = geo_service(group, "--help")
    assert f"Example: geo-service {group} " in " ".join(outcome.out.split())


def test_the_help_names_every_command(geo_service: Call) -> None:
    outcome = geo_service("--help")
    assert outcome.status == 0
    assert all(name in outcome.out for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["frobnicate"], "frobnicate"),
        (["import"], "Usage"),
        (["import", "boundaries", "x.geojson"], "--level"),
        (["coverage", "--at", AT, "--mode", "plane"], "ebike"),
        (["assign", "x.csv", "--out", "y.csv", "--nonsense"], "--nonsense"),
        (["map", "weather", "--out", "x.html"], "coverage"),
    ],
)
def test_wrong_words(geo_service: Call, words: list[str], named: str) -> None:
    outcome = geo_service(*words)
    assert outcome.status == 2
    assert named in outcome.out + outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        ["check", "{}", "--code-field", "code"],
        ["import", "boundaries", "{}", "--level", "grid", "--code-field", "code"],
        ["import", "roads", "{}"],
        ["import", "incidents", "{}"],
        ["import", "responders", "{}"],
        ["import", "shifts", "{}"],
        ["import", "demand", "{}"],
        ["assign", "{}", "--out", "placed.csv"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_file_that_is_not_there_or_is_a_folder(
    geo_service: Call, on_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    fails(geo_service(*(word.format("lost.csv") for word in words)), "There is no file lost.csv")
    fails(geo_service(*(word.format("folder") for word in words)), "folder is a folder")


def test_places_that_cannot_be_written(geo_service: Call, on_database: str, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("id,lon,lat\n1,120.05,30.05\n")
    for out, word in (
        (tmp_path / "lost" / "x.csv", "does not exist"),
        (tmp_path, "is a folder"),
        (Path("/proc/x.csv"), "x.csv"),
    ):
        fails(geo_service("assign", points, "--out", out), word)
        fails(geo_service("export", "boundaries", "--level", "grid", "--out", out))
        fails(geo_service("coverage", "--at", AT, "--out", out))
        fails(geo_service("map", "staffing", "--out", out))


def test_what_stood_there_is_kept_until_the_work_is_done(tmp_path: Path) -> None:
    file = tmp_path / "kept.csv"
    file.write_text("as it was")
    assert common.out_file(file) == file
    assert file.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [file]


def test_no_database_is_running(geo_service: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", "postgresql://town:wordpass@127.0.0.1:1/town")
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path))
    points = tmp_path / "points.csv"
    points.write_text("id,lon,lat\n1,120.05,30.05\n")
    for words in (
        ["assign", points, "--out", tmp_path / "x.csv"],
        ["coverage", "--at", AT],
        ["export", "boundaries", "--level", "grid", "--out", tmp_path / "x.gpkg"],
        ["map", "staffing", "--out", tmp_path / "x.html"],
    ):
        outcome = geo_service(*words)
        fails(outcome, "127.0.0.1:1/town does not answer", "GEO_SERVICE_DATABASE_URL")
        assert "wordpass" not in outcome.err


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-22T02:00", "2026-13-01T00:00+08:00", ""])
def test_moments_need_an_offset(geo_service: Call, moment: str) -> None:
    fails(geo_service("coverage", "--at", moment), "--at", "2026-11-22T02:00+08:00")


def test_an_empty_database_says_what_comes_first(geo_service: Call, on_database: str, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("id,lon,lat\n1,120.05,30.05\n")
    fails(
        geo_service("assign", points, "--out", tmp_path / "x.csv"), "no boundaries are in force: import some"
    )
    fails(geo_service("coverage", "--at", AT), f"no boundaries are in force at {AT[:16]}", "import some")


def test_a_defect_ends_as_one_line_and_is_kept(
    geo_service: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(*_: object) -> None:
        raise KeyError("an oversight")

    monkeypatch.setattr(common, "parse_moment", broken)
    fails(geo_service("coverage", "--at", AT), "this is a defect (KeyError)")
    (kept,) = tmp_path.glob("geo-service-*.txt")
    assert "an oversight" in kept.read_text()


def test_check_tells_by_its_status_and_by_lines(geo_service: Call, tmp_path: Path) -> None:
    file = tmp_path / "cells.geojson"
    file.write_bytes(collection(feature(square(), code="a"), feature(square(120.1), code="b")))
    good = geo_service("check", file, "--code-field", "code")
    assert (good.status, good.out) == (0, "")
    assert "2 cells: a perfect tiling" in good.err
    file.write_bytes(collection(feature(square(), code="a"), feature(square(120.05), code="b")))
    bad = geo_service("check", file, "--code-field", "code")
    assert bad.status == 1
    (finding,) = map(common.orjson.loads, bad.out.splitlines())
    assert (finding["rule"], finding["severity"], sorted(finding["cells"])) == (
        "overlap",
        "error",
        ["a", "b"],
    )
    assert 120.05 < finding["place"][0] < 120.1
    assert "geometry" not in finding
    (whole,) = map(
        common.orjson.loads, geo_service("check", file, "--code-field", "code", "--geometry").out.splitlines()
    )
    assert whole == finding | {"geometry": whole["geometry"]}
    assert whole["geometry"]["type"] == "Polygon"


def test_names_of_levels_are_checked_before_anything_else(
    geo_service: Call, on_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "cells.geojson"
    file.write_bytes(collection(feature(square(), code="a")))
    words = ("import", "boundaries", file, "--code-field", "code", "--level")
    fails(geo_service(*words, "Beat"), "level: use small letters", "'Beat'")
    fails(geo_service(*words, "beat", "--parent-level", "beat"), "its own parent")
