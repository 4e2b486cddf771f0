"""``geo-service key``: from a key's making to its end."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geo_service.cli import key
from geo_service.errors import ConflictError, NotFoundError


@pytest.fixture
def command(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", database_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path))

    def call(*words: str) -> Result:
        return CliRunner().invoke(key.app, list(words))

    return call


def test_a_key_from_its_making_to_its_end(command):
    made = command("create", "值班台", "--role", "dispatcher")
    assert made.exit_code == 0
    assert made.stdout.startswith("gsk_")
    assert len(made.stdout.strip()) == 47
    again = json.loads(command("create", "device 7", "--role", "device", "--json").stdout)
    assert (again["id"], again["role"]) == (2, "device")

    listed = json.loads(command("list", "--json").stdout)
    assert [(one["name"], one["revoked_at"]) for one in listed] == [("值班台", None), ("device 7", None)]
    assert again["key"] not in command("list").stdout

    assert command("revoke", "值班台").exit_code == 0
    assert command("revoke", "2").exit_code == 0
    assert command("list").stdout.count("revoked") == 2


def test_what_cannot_be(command):
    assert isinstance(command("revoke", "nobody").exception, NotFoundError)
    assert command("create", "x", "--role", "emperor").exit_code == 2
    assert command("create", "x").exit_code == 2
    command("create", "boss", "--role", "admin")
    assert isinstance(command("create", "boss", "--role", "admin").exception, ConflictError)
    assert isinstance(command("revoke", "boss").exception, ConflictError)


def test_a_key_for_nobody_is_not_made(command):
    made = command("create", "phone", "--role", "worker", "--responder", "W9")
    assert isinstance(made.exception, NotFoundError)
    assert command("list").stdout == ""


@pytest.mark.parametrize("name", ["create", "list", "revoke"])
def test_each_command_has_an_example(command, name: str):
    assert "Example: geo-service key" in command(name, "--help").stdout
