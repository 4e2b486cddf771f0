"""``geo-service categories`` and ``standards``: shown as a file that sets them again."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geo_service.cli import categories, duplicate_rule, standards
from geo_service.cli.lists import toml_of
from geo_service.errors import InvalidInputError, NotFoundError


@pytest.fixture
def command(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", database_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path))

    def call(app, *words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return call


def test_what_is_shown_sets_the_same_again(command, tmp_path: Path):
    for app, name in ((categories.app, "categories"), (standards.app, "standards")):
        shown = command(app, "show")
        assert shown.exit_code == 0, shown.exception
        file = tmp_path / f"{name}.toml"
        file.write_text(shown.stdout, encoding="utf-8")
        assert command(app, "set", str(file)).exit_code == 0
        assert command(app, "show").stdout == shown.stdout
        as_json = tmp_path / f"{name}.json"
        as_json.write_text(command(app, "show", "--json").stdout, encoding="utf-8")
        assert command(app, "set", str(as_json)).exit_code == 0
        assert f"Example: geo-service {name}" in command(app, "show", "--help").stdout


def test_the_rule_for_duplicates_is_set_by_somebody_and_switched_off(command, tmp_path: Path):
    assert command(duplicate_rule.app, "show").stdout.startswith("version 0: off")
    file = tmp_path / "rule.json"
    file.write_text('{"enabled": true, "channels": ["sensor", "web"], "within_m": 30}', encoding="utf-8")
    done = command(duplicate_rule.app, "set", str(file), "--who", "张三")
    assert done.exit_code == 0, done.exception
    assert "version 1: on, set " in done.stdout
    assert "by 张三" in done.stdout
    file.write_text(command(duplicate_rule.app, "show", "--json").stdout, encoding="utf-8")
    assert command(duplicate_rule.app, "set", str(file)).exit_code == 0
    assert "version 3: off" in command(duplicate_rule.app, "off").stdout
    file.write_text('{"within_m": 5000}', encoding="utf-8")
    assert isinstance(command(duplicate_rule.app, "set", str(file)).exception, InvalidInputError)


def test_what_is_wrong_is_named(command, tmp_path: Path):
    file = tmp_path / "wrong.toml"
    file.write_text(
        '[[standards]]\ncode = "x"\nname_zh = "x"\nname_en = "x"\narrive_s = 0\n', encoding="utf-8"
    )
    wrong = command(standards.app, "set", str(file)).exception
    assert isinstance(wrong, InvalidInputError)
    assert {fault.field for fault in wrong.faults} == {
        "standards.0.arrive_s", "standards.0.handle_s", "standards.0.close_s",
    }  # fmt: skip
    file.write_text("= nonsense", encoding="utf-8")
    assert isinstance(command(standards.app, "set", str(file)).exception, InvalidInputError)
    assert isinstance(command(standards.app, "set", str(tmp_path / "none")).exception, NotFoundError)


def test_toml_is_toml():
    rows = [{"a": 'say "hi"\n\\ \x7f é 井盖', "b": 3, "c": ["x", "y"], "d": None, "e": True}]
    expected = {name: value for name, value in rows[0].items() if value is not None}
    assert tomllib.loads(toml_of("rows", rows)) == {"rows": [expected]}
