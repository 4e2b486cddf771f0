"""Plans, audit and history from the command line, on a demo town of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, Outcome

NEXT_YEAR = "2031-01-01T00:00+08:00"


@pytest.fixture(autouse=True)
def on_town(own_town_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", own_town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))


def fails(outcome: Outcome, *words: str) -> None:
    """Check that a command ended with one clear error that holds the words; progress may stand before it."""
    assert outcome.status == 1, outcome.err
    assert "Traceback" not in outcome.err
    assert any(line.startswith("error: ") for line in outcome.err.splitlines())
    assert "defect" not in outcome.err
    for word in words:
        assert str(word) in outcome.err


def opened(geo_service: Call, name: str) -> int:
    outcome = geo_service("plan", "open", name, "--json")
    assert outcome.status == 0, outcome.err
    return int(outcome.json["id"])


def grids(tmp_path: Path, geo_service: Call) -> list[str]:
    out = tmp_path / "grids.geojson"
    assert geo_service("export", "boundaries", "--level", "grid", "--out", out).status == 0
    return sorted(feature["properties"]["code"] for feature in json.loads(out.read_text())["features"])


def edits(tmp_path: Path, *changes: dict[str, Any]) -> Path:
    file = tmp_path / "edits.json"
    file.write_text(json.dumps(changes), encoding="utf-8")
    return file


def merge(giver: str, taker: str) -> dict[str, Any]:
    return {"verb": "merge", "arguments": {"cells": [["grid", giver]], "into": ["grid", taker]}}


def test_from_opening_to_publishing_and_back(geo_service: Call, tmp_path: Path) -> None:
    codes = grids(tmp_path, geo_service)
    plan = opened(geo_service, "并村")
    assert "并村" in geo_service("plan", "list").out
    done = geo_service("plan", "apply", plan, edits(tmp_path, merge(codes[1], codes[0])), "--json")
    assert (done.status, done.json["applied"], done.json["revision"]) == (0, 1, 1)
    shown = geo_service("plan", "show", plan, "--json").json
    assert [change["verb"] for change in shown["changes"]] == ["merge"]
    assert "merge" in geo_service("plan", "show", plan).out

    checked = geo_service("plan", "check", plan, "--json")
    found = [json.loads(line) for line in checked.out.splitlines()]
    assert any(one["rule"] == "households" and f"grid/{codes[0]}" in one["cells"] for one in found)
    assert checked.status == int(any(one["severity"] == "error" for one in found))

    pdf = tmp_path / "report.pdf"
    report = geo_service("plan", "preview", plan, "--pdf", pdf, "--json")
    assert report.json["after"]["cells"] == report.json["before"]["cells"] - 1
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert f"retired     {codes[1]}" in geo_service("plan", "preview", plan).out

    stale = geo_service("plan", "publish", plan, "--note", "x", "--revision", 0)
    fails(stale, "revision 1")
    published = geo_service("plan", "publish", plan, "--note", "并村", "--revision", 1, "--json")
    assert published.status == 0, published.err
    edition = published.json["edition"]
    assert codes[1] not in grids(tmp_path, geo_service)

    (row,) = geo_service("history", codes[1], "--level", "grid", "--json").json
    assert (row["edition_id"], row["to_code"], row["kind"]) == (edition, codes[0], "merge")
    told = geo_service("history", codes[1], "--level", "grid").out
    assert 0 < told.index(codes[1]) < told.index(f"-> {codes[0]}")

    back = geo_service("plan", "rollback", edition - 1, "--note", "as before", "--json")
    assert back.status == 0, back.err
    assert grids(tmp_path, geo_service) == codes


def test_a_refused_edit_is_named_and_those_before_it_hold(geo_service: Call, tmp_path: Path) -> None:
    codes = grids(tmp_path, geo_service)
    plan = opened(geo_service, "两处")
    rename = {"verb": "rename", "arguments": {"cell": ["grid", codes[2]], "name": "新名"}}
    wrong = {"verb": "rename", "arguments": {"cell": ["grid", "nowhere"], "name": "x"}}
    outcome = geo_service("plan", "apply", plan, edits(tmp_path, rename, wrong, rename))
    fails(outcome, "edit 2 of 3 is refused, 1 before it hold", "nowhere")
    assert len(geo_service("plan", "show", plan, "--json").json["changes"]) == 1
    assert geo_service("plan", "drop", plan).status == 0
    fails(geo_service("plan", "apply", plan, edits(tmp_path, rename)), "dropped")
    fails(geo_service("plan", "drop", plan), "dropped")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["is not JSON"]),
        ("{}", ["is not a list"]),
        ('[{"verb": "cut"}]', ["holds what is no edit", "row 1"]),
        ('[{"verb": 1, "arguments": {}}]', ["holds what is no edit"]),
        ('[{"verb": "fly", "arguments": {}}]', ["edit 1 of 1", "fly"]),
    ],
)
def test_files_that_hold_no_edits(geo_service: Call, tmp_path: Path, content: str, words: list[str]) -> None:
    plan = opened(geo_service, "坏文件")
    file = tmp_path / "bad.json"
    file.write_text(content)
    fails(geo_service("plan", "apply", plan, file), *words)
    fails(geo_service("plan", "apply", plan, tmp_path / "lost.json"), "There is no file")


def test_plans_that_are_not_there(geo_service: Call) -> None:
    for words in (
        ("show", 999),
        ("check", 999),
        ("preview", 999),
        ("drop", 999),
        ("publish", 999, "--note", "x"),
    ):
        fails(geo_service("plan", *words), "999")
    fails(geo_service("plan", "rollback", 999), "999")
    fails(geo_service("plan", "open", " "), "1 to 200")
    fails(geo_service("plan", "publish", 1, "--note", "x", "--valid-from", "tomorrow"), "--valid-from")
    assert geo_service("plan", "check", 1, "--scope", "some").status == 2


def test_the_audit_tells_by_its_status_and_by_lines(geo_service: Call) -> None:
    outcome = geo_service("audit", "--json")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.status == int(any(one["severity"] == "error" for one in found))
    assert all(one["rule"] and one["message"] for one in found)
    counted = sum(one["severity"] == "warning" for one in found)
    assert f"{counted} warning(s)" in outcome.err
    of_grids = geo_service("audit", "--level", "grid")
    assert len(of_grids.out.splitlines()) <= len(found)
    fails(geo_service("audit", "--level", "nonsense"), "nonsense")


def test_history_of_a_cell_that_never_was(geo_service: Call, tmp_path: Path) -> None:
    fails(geo_service("history", "nowhere", "--level", "grid"), "there never was a grid nowhere")
    quiet = geo_service("history", grids(tmp_path, geo_service)[5], "--level", "grid")
    assert (quiet.status, quiet.out) == (0, "")
    assert "as it is" in quiet.err
