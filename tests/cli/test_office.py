"""Rules, code schemes and sign boards from the command line, on a demo town of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.cli.test_plan import fails

OURS = {"settings": [{"rule": "area", "level": "grid", "severity": "error", "low_m2": 1e9}]}


@pytest.fixture(autouse=True)
def on_town(own_town_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", own_town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))


def written(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "ours.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_rules_are_shown_set_used_by_the_audit_and_reset(geo_service: Call, tmp_path: Path) -> None:
    shown = geo_service("rules", "show")
    assert (shown.status, "version 0" in shown.out, "户数规模" in shown.out) == (0, True, True)
    assert not [one for one in _audit(geo_service) if one["rule"] == "area"]
    done = geo_service("rules", "set", written(tmp_path, OURS), "--why", "试行", "--json")
    assert (done.status, done.json["version"]) == (0, 1)
    large = [one for one in _audit(geo_service) if one["rule"] == "area"]
    assert {one["severity"] for one in large} == {"error"}
    assert len(large) == 14
    # what is shown as JSON is taken back
    again = written(tmp_path, geo_service("rules", "show", "--json").out)
    late = geo_service("rules", "set", again, "--why", "x", "--after", 0)
    fails(late, "meanwhile")
    assert geo_service("rules", "set", again, "--why", "x", "--after", 1, "--json").json["version"] == 2
    assert len([one for one in _audit(geo_service) if one["rule"] == "area"]) == 14
    assert geo_service("rules", "reset", "--why", "完").status == 0
    assert not [one for one in _audit(geo_service) if one["rule"] == "area"]
    assert "试行" in geo_service("rules", "history").out
    assert [row["version"] for row in geo_service("rules", "history", "--json").json] == [3, 2, 1]
    assert geo_service("rules", "show", "--version", 1, "--json").json["settings"][-1]["low_m2"] == 1e9


def _audit(geo_service: Call) -> list[dict[str, Any]]:
    return [json.loads(line) for line in geo_service("audit", "--json", "--level", "grid").out.splitlines()]


def test_settings_that_cannot_be_used_say_why(geo_service: Call, tmp_path: Path) -> None:
    fails(geo_service("rules", "set", tmp_path / "none.json", "--why", "x"), "there is no file")
    fails(geo_service("rules", "set", written(tmp_path, "{,"), "--why", "x"), "no JSON")
    fails(geo_service("rules", "set", written(tmp_path, "[]"), "--why", "x"), "JSON object")
    fails(geo_service("rules", "set", written(tmp_path, OURS), "--why", " "), "say why")
    wrong = {"settings": [{"rule": "area", "level": "street", "severity": "error"}]}
    fails(geo_service("rules", "set", written(tmp_path, wrong), "--why", "x"), "settings[0].level", "street")


def test_code_schemes_are_set_and_taken_away(geo_service: Call, tmp_path: Path) -> None:
    ours = {"schemes": {"grid": {"scheme": "gb_12_3"}}}
    assert geo_service("code-schemes", "set", written(tmp_path, ours), "--why", "国标").status == 0
    assert "gb_12_3" in geo_service("code-schemes", "show").out
    assert geo_service("code-schemes", "show", "--json").json == ours
    assert geo_service("code-schemes", "reset", "--why", "完").status == 0
    assert geo_service("code-schemes", "show", "--json").json == {"schemes": {}}
    assert "国标" in geo_service("code-schemes", "history").out
    fails(
        geo_service("code-schemes", "set", written(tmp_path, {"schemes": {"x": {}}}), "--why", "x"),
        "schemes.x",
    )


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
def test_sign_boards_go_out_and_come_back(geo_service: Call, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"boards{suffix}"
    assert geo_service("export", "sign-boards", "--out", out).status == 0
    tried = geo_service("import", "sign-boards", out, "--json")
    assert tried.status == 0, tried.err
    assert (tried.json["rows"], tried.json["corrected"], tried.json["committed"]) == (14, 14, False)
    assert geo_service("import", "sign-boards", out, "--commit").status == 0
    again = tmp_path / f"again{suffix}"
    assert geo_service("export", "sign-boards", "--out", again).status == 0
    assert again.read_bytes() == out.read_bytes()
    none = tmp_path / f"stale{suffix}"
    assert geo_service("export", "sign-boards", "--stale", "--out", none).status == 0
    assert "B3398" not in none.read_text(encoding="utf-8")


def test_a_board_without_a_place_keeps_none(geo_service: Call, tmp_path: Path) -> None:
    code = "339801001001001"
    file = tmp_path / "one.csv"
    file.write_text(f"board,cell_code,printed_name\nX1,{code},旧名\n", encoding="utf-8")
    done = geo_service("import", "sign-boards", file, "--commit", "--json")
    assert (done.json["new"], done.json["without_place"]) == (1, 1), done.err
    for suffix in (".csv", ".geojson"):
        out = tmp_path / f"stale{suffix}"
        assert geo_service("export", "sign-boards", "--stale", "--out", out).status == 0
        assert "旧名" in out.read_text(encoding="utf-8-sig")
        assert geo_service("import", "sign-boards", out, "--json").json["without_place"] == 1
