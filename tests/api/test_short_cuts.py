"""The short cut of locating stands behind the same checks as its route, and looks the same from outside."""

import logging
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api import short_cuts
from geo_service.api.access import SESSION_COOKIE
from geo_service.model import Role
from geo_service.services import identity, tiling
from geo_service.store.database import Database
from tests.api.conftest import BASE

PLAIN = "/v1/locate?lon=119.9&lat=30.1"


@pytest.fixture(scope="module")
def worker_key(town_key_of: Callable[[Role], str]) -> str:
    return town_key_of(Role.WORKER)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note of each request whether the short cut answered it."""
    noted: list[bool] = []
    answer = short_cuts.ShortCutMiddleware._answer

    def noting(self: short_cuts.ShortCutMiddleware, scope: dict) -> bytes | None:
        body = answer(self, scope)
        noted.append(body is not None)
        return body

    monkeypatch.setattr(short_cuts.ShortCutMiddleware, "_answer", noting)
    return noted


@pytest.fixture
def client(
    town_app: FastAPI, worker_key: str, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A client whose key and whose tiling the service has just met."""
    monkeypatch.setattr(tiling, "IN_FORCE_TTL_S", 60.0)
    with TestClient(town_app, base_url=BASE, raise_server_exceptions=False) as made:
        made.headers["X-API-Key"] = worker_key
        assert made.get(f"{PLAIN}&crs=WGS84").status_code == 200
        taken.clear()
        yield made


def test_a_plain_question_takes_it_and_the_answer_wears_the_same_headers(
    client: TestClient, taken: list[bool]
) -> None:
    short, long = client.get(PLAIN), client.get(f"{PLAIN}&crs=WGS84")
    assert taken == [True, False]
    assert short.json() == long.json()
    headers = [dict(answer.headers) for answer in (short, long)]
    for one in headers:
        assert len(one.pop("x-request-id")) == 32
    assert headers[0] == headers[1]
    assert headers[0]["cache-control"] == "private, no-store"
    assert headers[0]["x-content-type-options"] == "nosniff"


def test_a_bearer_key_and_a_session_take_it_too(
    town_app: FastAPI, client: TestClient, worker_key: str, taken: list[bool]
) -> None:
    _, session = town_app.state.parts.gate.open_session(worker_key)
    del client.headers["X-API-Key"]
    assert client.get(PLAIN, headers={"Authorization": f"Bearer {worker_key}"}).status_code == 200
    cookie = {"Cookie": f"{SESSION_COOKIE}={session}"}
    assert client.get(f"{PLAIN}&near=true", headers=cookie).status_code == 200  # it is known from now on
    assert client.get(PLAIN, headers=cookie).status_code == 200
    assert taken == [True, False, True]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("lat=30.1&lon=119.9", 200),
        ("lon=119.9&lat=30.1&near=false", 200),
        ("lon=%31&lat=30.1", 200),
        ("lon=+119.9&lat=30.1", 200),
        ("lon=119.9&lat=30.1&lat=30.1", 422),
        ("lon=119.9&lat=30.1&what=1", 400),
        ("lon=181&lat=30.1", 400),
        ("lon=119.9&lat=90.0001", 400),
        ("lon=119.9", 400),
        ("", 400),
    ],
)
def test_all_other_questions_go_the_long_way(
    client: TestClient, taken: list[bool], query: str, status: int
) -> None:
    answer = client.get(f"/v1/locate?{query}")
    assert answer.status_code == status
    assert taken == [False]


def test_who_may_not_is_told_so_by_the_route(
    client: TestClient, town_app: FastAPI, taken: list[bool]
) -> None:
    assert client.get(PLAIN, headers={"X-API-Key": "gsk_" + "x" * 43}).status_code == 401
    assert client.get(PLAIN, headers={"Host": "elsewhere.example"}).status_code == 400
    assert client.post(PLAIN).status_code == 405
    assert client.get(PLAIN).status_code == 200
    town_app.state.parts.gate.forget()  # as after a revocation
    assert client.get(PLAIN).status_code == 200
    del client.headers["X-API-Key"]
    assert client.get(PLAIN).status_code == 401
    assert taken == [False, True, False, False]  # the foreign host and the POST never came to it


def test_a_revoked_key_is_refused_at_once(client: TestClient, town: Database, taken: list[bool]) -> None:
    principal, key = identity.issue(town, "short-lived", Role.WORKER, by="test")
    client.headers["X-API-Key"] = key
    assert [client.get(PLAIN).status_code for _ in range(2)] == [200, 200]
    identity.revoke(town, principal.id, by="test")
    client.app.state.parts.gate.forget()
    assert client.get(PLAIN).status_code == 401
    assert taken == [False, True, False]


def test_head_has_no_body_and_the_log_names_the_route(
    client: TestClient, taken: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="geo_service.access"):
        answer = client.head(PLAIN)
    assert taken == [True]
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 50
    (line,) = [r.getMessage() for r in caplog.records if r.name == "geo_service.access"]
    assert line.startswith("HEAD /v1/locate 200 ")
    assert "by key " in line
    assert "119.9" not in line
