"""Figures of response and of breaches over HTTP, on the demo town, which is only read."""

import csv
import io
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from tests.api.conftest import BASE

pytestmark = pytest.mark.postgis
SPAN = {"from": "2026-10", "to": "2026-12"}


@pytest.fixture
def reader(town_app: FastAPI, town_key_of: Callable[[Role], str]) -> TestClient:
    return TestClient(town_app, base_url=BASE, headers={"X-API-Key": town_key_of(Role.LEADER)})


def test_response_by_cell_and_as_csv(reader: TestClient) -> None:
    (whole,) = reader.get("/v1/figures/response", params=SPAN).json()["rows"]
    assert whole["incidents"] > 50
    by = {**SPAN, "by": "cell,channel", "level": "community"}
    found = reader.get("/v1/figures/response", params=by).json()
    assert sum(row["incidents"] for row in found["rows"]) == whole["incidents"]
    assert sum(row["arrive_within"] for row in found["rows"]) == whole["arrive_within"]
    for row in found["rows"]:
        assert (row["arrive_within_share"] is None) == (row["arrive_decided"] < found["few"])
        assert (row["arrive_median_s"] is None) == (row["arrive_n"] == 0)
    answer = reader.get("/v1/figures/response", params=by, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert len(rows) == len(found["rows"])


def test_what_cannot_be_asked(reader: TestClient) -> None:
    for wrong in ({"by": "colour"}, {"by": "cell"}, {"by": "week,month"}, {"to": "2026-09"}):
        answer = reader.get("/v1/figures/response", params={**SPAN, **wrong})
        assert answer.status_code == 422, (wrong, answer.text)
    reader.headers.pop("X-API-Key")
    assert reader.get("/v1/figures/response", params=SPAN).status_code == 401


def test_breaches_by_cell_add_up(reader: TestClient) -> None:
    (whole,) = reader.get("/v1/figures/response", params=SPAN).json()["rows"]
    found = reader.get("/v1/figures/attainment", params={**SPAN, "level": "grid"}).json()
    late = whole["arrive_decided"] - whole["arrive_within"]
    assert sum(row["breaches"] for row in found["rows"]) == late > 0
    assert set(found["causes_zh"]) < set(found["rows"][0])
    text = reader.get("/v1/figures/attainment", params={**SPAN, "level": "grid", "format": "csv"}).text
    assert len(text.strip().splitlines()) == len(found["rows"]) + 1
