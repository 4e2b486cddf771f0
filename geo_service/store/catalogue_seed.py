"""Categories and response standards of a new database, from the list that lies beside this file."""

import tomllib
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from geo_service.store import catalogue

_LIST = Path(__file__).with_suffix(".toml")


def categories() -> list[dict[str, Any]]:
    """Return the categories, each class before what is in it."""
    rows = []
    for given in _read()["categories"]:
        rows.append(_category(given["code"], None, given["kind"], given["name_zh"], given["name_en"]))
        for code, name_zh, name_en, urgency, *capabilities in given["of"]:
            row = _category(code, given["code"], given["kind"], name_zh, name_en)
            rows.append(row | {"urgency": urgency, "capabilities": capabilities})
    return rows


def standards() -> list[dict[str, Any]]:
    """Return the response standards in order."""
    found: list[dict[str, Any]] = _read()["standards"]
    return found


def fill(connection: Connection) -> None:
    """Write both lists into a database that has none."""
    if not catalogue.categories(connection, retired=True):
        catalogue.put_categories(connection, categories())
    if not catalogue.standards(connection):
        catalogue.replace_standards(connection, standards())


def _category(code: str, parent: str | None, kind: str, name_zh: str, name_en: str) -> dict[str, Any]:
    return {
        "code": code,
        "parent_code": parent,
        "kind": kind,
        "name_zh": name_zh,
        "name_en": name_en,
        "urgency": "normal",
        "capabilities": [],
    }


def _read() -> dict[str, Any]:
    return tomllib.loads(_LIST.read_text(encoding="utf-8"))
