"""Extreme moments and foreign datums, asked of the demo town; only what reads is asked."""

import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.routes import locate
from geo_service.geometry.crs import Datum, parse_datum
from geo_service.model import Role
from tests.api.conftest import BASE


@pytest.fixture
def reader(town_app: FastAPI, town_key_of: Callable[[Role], str]) -> Iterator[TestClient]:
    with TestClient(town_app, base_url=BASE, raise_server_exceptions=False) as made:
        made.headers["X-API-Key"] = town_key_of(Role.ADMIN)
        yield made


def test_a_code_new_to_proj_does_not_hold_up_the_others(
    reader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = []

    def noted(text: str) -> Datum:
        where.append(threading.current_thread().name)
        return parse_datum(text)

    monkeypatch.setattr(locate, "parse_datum", noted)
    answer = reader.get("/v1/locate", params={"lon": 500_000, "lat": 3_200_000, "crs": "EPSG:4549"})
    assert answer.json()["datum"] == "EPSG:4549"
    assert all("AnyIO worker" in name for name in where)
    assert len(where) == 1
    assert reader.get("/v1/locate", params={"lon": 120, "lat": 30, "crs": "GCJ-02"}).status_code == 200
    assert len(where) == 1


EXTREMES = [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "2026-11-22T02:00:00",
    "yesterday",
]


@pytest.mark.parametrize("moment", EXTREMES)
@pytest.mark.parametrize(
    "address",
    [
        "/v1/locate?lon=120&lat=30&as_of=",
        "/v1/locate?lon=120&lat=30&known_at=",
        "/maps/coverage?at=",
        "/maps/figures/1/staffing/grid.json?measure=per_km2&at=",
        "/maps/heat.json?at=",
        "/maps/units.json?at=",
    ],
)
def test_moments_beyond_reckoning_are_named(reader: TestClient, address: str, moment: str) -> None:
    answer = reader.get(address + quote(moment))
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == [
        address.split("?")[1].rsplit("&", maxsplit=1)[-1][:-1]
    ]


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00+23:59", "2200-12-31T23:59:59-23:59", "0"])
def test_the_first_and_last_moments_are_answered(reader: TestClient, moment: str) -> None:
    figures = "/maps/figures/1/{}/grid.json?measure={}&at=" + quote(moment)
    for kind, measure in (("staffing", "per_km2"), ("incidents", "count"), ("coverage", "share")):
        assert reader.get(figures.format(kind, measure)).status_code < 500
    for address in ("/maps/heat.json?at=", "/maps/units.json?at=", "/v1/locate?lon=120&lat=30&as_of="):
        assert reader.get(address + quote(moment)).status_code < 500


DAYS_ASKED = [
    ("GET", "/v1/patrol/quotas?month={month}"),
    ("GET", "/v1/reports/monthly?month={month}"),
    ("GET", "/v1/lead/figures?from={day}&to={day}"),
    ("GET", "/v1/patrol/cells?from={day}&to={day}&level=grid"),
    ("GET", "/v1/patrol/against-incidents?from={day}&to={day}&level=grid"),
    ("GET", "/v1/patrol/visits?from={day}&to={day}"),
    ("GET", "/v1/patrol/visits?from=2026-01-01&to={day}"),
    ("GET", "/v1/patrol/posts?from={day}&to={day}"),
    ("GET", "/v1/patrol/weeks/{day}"),
    ("PUT", "/v1/patrol/weeks/{day}"),
    ("PUT", "/v1/patrol/days/{day}"),
]


def test_days_beyond_reckoning_are_refused(reader: TestClient) -> None:
    wrong = []
    for method, address in DAYS_ASKED:
        for day in ("0001-01-01", "9999-12-27", "9999-12-31"):
            asked = address.format(day=day, month=day[:7])
            answer = reader.request(method, asked)
            if answer.status_code not in {400, 422}:
                wrong.append((method, asked, answer.status_code))
    assert wrong == []


def test_the_first_and_last_days_are_answered(reader: TestClient) -> None:
    wrong = []
    for method, address in DAYS_ASKED:
        for day in ("1970-01-01", "2200-12-31"):
            asked = address.format(day=day, month=day[:7])
            if method == "GET" and reader.request(method, asked).status_code >= 500:
                wrong.append(asked)
    assert wrong == []
