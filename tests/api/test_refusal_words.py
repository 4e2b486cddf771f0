"""Refusals that a planner meets are said in Chinese too, name a parameter that exists, and say what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from tests.api.conftest import client_of


@pytest.fixture(scope="module")
def reader(town_app: FastAPI, town_key_of: Callable[[Role], str]) -> TestClient:
    return client_of(town_app, town_key_of(Role.PLANNER))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("coverage?at=2026-11-22T08:00", "at"),
        ("patrol/cells?from=2026-11-22&to=2026-11-20&level=grid", "to"),
        ("patrol/cells?from=2026-11-20&to=2026-11-22&level=street", "level"),
        ("cells/none?level=grid", "cell"),
    ],
)
def test_a_fault_names_its_field_in_both_languages(reader: TestClient, query: str, field: str) -> None:
    answer = reader.get(f"/v1/{query}")
    assert 400 <= answer.status_code < 500
    [fault] = answer.json()["errors"]
    assert fault["field"] == field
    assert fault["message_zh"] != fault["message"]


def what_if(reader: TestClient, body: dict[str, Any], **query: Any) -> Any:
    asked = {"at": "2026-11-22T02:00+08:00", "level": "grid", **query}
    answer = reader.post("/v1/coverage/what-if", params=asked, json=body)
    assert answer.status_code in {400, 422}, answer.text
    return answer.json()


def test_latitude_beyond_the_pole_says_that_longitude_comes_first(reader: TestClient) -> None:
    [fault] = what_if(reader, {"add": [{"lon": 29.0, "lat": 118.9}]})["errors"]
    assert "经度在前" in fault["message_zh"]


def test_people_far_outside_the_town_are_refused(reader: TestClient) -> None:
    [fault] = what_if(reader, {"add": [{"lon": 0, "lat": 0}]})["errors"]
    assert fault["field"] == "add[0]"
    assert "远离所有网格" in fault["message_zh"]


def test_rain_alone_is_no_change(reader: TestClient) -> None:
    assert "两边" in what_if(reader, {}, rain=0.7)["detail_zh"]
