"""Errors: one shape for all, safe words, and a page for each type."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import FastAPI, Form, Query
from pydantic import BaseModel, ConfigDict, FiniteFloat
from sqlalchemy import text
from starlette.testclient import TestClient

from geo_service import errors
from geo_service.api import problems
from geo_service.api.access import PUBLIC
from geo_service.api.envelope import EnvelopeMiddleware
from geo_service.api.limits import LimitsMiddleware
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault


def is_problem(answer, status: int, code: str) -> dict:
    body = answer.json()
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{code}")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{32}", body["instance"])
    assert answer.headers["x-request-id"] in body["instance"]
    assert body["title"]
    assert body["detail"]
    return body


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    points: list[tuple[FiniteFloat, FiniteFloat]] = []
    extra: dict = {}


@pytest.fixture
def lab(app: FastAPI) -> Iterator[TestClient]:
    """A client of an application with the same shell and routes that go wrong on demand."""
    router = Router(dependencies=[PUBLIC])

    @router.get("/number")
    def number(limit: int, radius_m: FiniteFloat = 1.0) -> float:
        return limit * radius_m

    @router.get("/levels")
    def levels(level: Annotated[list[str], Query()]) -> list[str]:
        return level

    @router.post("/places")
    def places(place: Place) -> Place:
        return place

    @router.post("/form")
    def form(name: str = Form()) -> str:
        return name

    @router.get("/defect")
    def defect() -> None:
        raise RuntimeError("password=secret at /home/somebody")

    @router.get("/sql")
    def sql(state: State) -> None:
        with state.database.reading() as connection:
            connection.execute(text("select * from no_such_table where name = 'Zhang San'"))

    @router.get("/slow")
    def slow(state: State) -> None:
        with state.database.reading() as connection:
            connection.execute(text("set local statement_timeout = 20"))
            connection.execute(text("select pg_sleep(5)"))

    @router.get("/ours/{code}")
    def ours(code: str) -> None:
        fault = Fault("geometry", "close the ring", row=7, value=float("nan"), place=(119.1, 30.2))
        raise problems.problem_types()[code]("what is wrong", [fault])

    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    application.add_middleware(LimitsMiddleware)
    application.add_middleware(EnvelopeMiddleware)
    application.include_router(router)
    problems.register(application)
    application.state.parts = app.state.parts
    with TestClient(application, raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize(
    "kind", [c for c in vars(errors).values() if isinstance(c, type) and hasattr(c, "code")]
)
def test_each_of_our_errors_is_a_problem(lab: TestClient, kind: type[errors.GeoServiceError]):
    if kind is errors.GeoServiceError:
        return
    body = is_problem(lab.get(f"/ours/{kind.code}"), kind.status, kind.code)
    assert body["detail"] == "what is wrong"
    assert body["errors"] == [
        {"field": "geometry", "message": "close the ring", "row": 7, "value": "nan", "place": [119.1, 30.2]}
    ]


def test_a_defect_shows_a_reference_and_the_log_has_the_rest(
    lab: TestClient, caplog: pytest.LogCaptureFixture
):
    for path in ("/defect", "/sql"):
        caplog.clear()
        answer = lab.get(path)
        body = is_problem(answer, 500, "internal")
        for secret in (
            "secret",
            "somebody",
            "no_such_table",
            "Zhang",
            "Traceback",
            "psycopg",
            "RuntimeError",
        ):
            assert secret not in answer.text
        logged = [r for r in caplog.records if r.levelno >= logging.ERROR]
        assert len(logged) == 1
        assert body["instance"].removeprefix("urn:uuid:") in logged[0].getMessage()
        assert logged[0].exc_info


def test_a_query_that_takes_too_long_is_504(lab: TestClient):
    is_problem(lab.get("/slow"), 504, "timed-out")


def test_an_unknown_parameter_is_400_and_names_the_nearest(lab: TestClient):
    body = is_problem(lab.get("/number?limit=1&limt=2&x=3"), 400, "bad-request")
    assert body["errors"][0] == {
        "field": "limt",
        "message": "unknown parameter; did you mean limit?",
        "message_zh": "未知参数；是否应为 limit？",
    }
    assert body["errors"][1]["message"].endswith("known here: limit, radius_m")


def test_a_parameter_given_twice_is_422_unless_it_is_a_list(lab: TestClient):
    body = is_problem(lab.get("/number?limit=1&radius_m=2&limit=2"), 422, "invalid-input")
    (fault,) = body["errors"]
    assert (fault["field"], fault["message"]) == ("limit", "give it once; it is there 2 times")
    assert fault["message_zh"] == "只能给一次，现有 2 次"
    assert lab.get("/levels?level=grid&level=town").json() == ["grid", "town"]


def test_parameters_that_do_not_fit_are_400_and_all_are_named(lab: TestClient):
    body = is_problem(lab.get("/number?limit=ten&radius_m=nan"), 400, "bad-request")
    assert [(fault["field"], fault["value"]) for fault in body["errors"]] == [
        ("limit", "ten"),
        ("radius_m", "nan"),
    ]
    for infinite in ("inf", "-inf", "1e999"):
        is_problem(lab.get(f"/number?limit=1&radius_m={infinite}"), 400, "bad-request")
    assert is_problem(lab.get("/number"), 400, "bad-request")["errors"][0]["field"] == "limit"


def test_a_body_that_does_not_fit_is_422_and_all_faults_are_named(lab: TestClient):
    body = {"points": [[1, 2], [3, "x"], [5]], "colour": "red"}
    faults = is_problem(lab.post("/places", json=body), 422, "invalid-input")["errors"]
    assert {fault["field"] for fault in faults} == {"name", "points[1][1]", "points[2][1]", "colour"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": ', 400),
        (b"", 422),
        (b"\xff\xfe", 422),
        (b'{"name": "a", "points": [[NaN, 1]]}', 422),
        (b'{"name": "a", "points": [[-Infinity, 1]]}', 422),
        (b'{"name": "a", "points": [[1e999, 1]]}', 422),
        (b'{"name": "a\\u0000"}', 422),
        (b'{"name": "a", "extra": {"b": ["\\u0000"]}}', 422),
        (b'{"name": "a", "extra": {"\\u0000": 1}}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": "\xed\xa0\x80"}', 422),
        (b'{"name": "a"}' + b" " * 10 + b"}", 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b'{"name": "a", "extra": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", 422),
        (b'{"name": "a", "extra": {"a": ' + b"[" * 31 + b"]" * 31 + b"}}", 422),
        (b'{"name": ' + b"9" * 5000 + b"}", 422),
        (b"null", 422),
    ],
)
def test_what_json_cannot_hold_is_refused(lab: TestClient, body: bytes, status: int):
    answer = lab.post("/places", content=body, headers={"Content-Type": "application/json"})
    is_problem(answer, status, "bad-request" if status == 400 else "invalid-input")


def test_what_is_nested_within_reason_is_taken(lab: TestClient):
    value: list = []
    for _ in range(29):
        value = [value]
    assert lab.post("/places", json={"name": "a", "extra": {"a": value}}).status_code == 200
    points = [[float(n), 1.0] for n in range(10_000)]
    assert lab.post("/places", json={"name": "a", "points": points}).status_code == 200


def test_an_escaped_backslash_is_no_nul(lab: TestClient):
    answer = lab.post(
        "/places", content=b'{"name": "\\\\u0000"}', headers={"Content-Type": "application/json"}
    )
    assert answer.json()["name"] == "\\u0000"


def test_nul_is_refused_in_forms_and_addresses(lab: TestClient):
    is_problem(lab.post("/form", data={"name": "a\0b"}), 422, "invalid-input")
    is_problem(lab.post("/form", files={"name": (None, "a\0b")}), 422, "invalid-input")
    is_problem(lab.get("/number?limit=%00"), 400, "bad-request")
    is_problem(lab.get("/ours/a%00b"), 400, "bad-request")


def test_a_body_of_another_kind_is_named(lab: TestClient):
    is_problem(
        lab.post("/places", content=b'{"name": "a"}', headers={"Content-Type": "text/plain"}),
        422,
        "invalid-input",
    )
    is_problem(
        lab.post("/form", content=b"x", headers={"Content-Type": "multipart/form-data"}), 400, "bad-request"
    )


def test_values_are_shortened_and_whole_bodies_not_repeated(lab: TestClient):
    answer = lab.post("/places", json={"name": ["x" * 5000]})
    assert len(answer.content) < 1000
    many = lab.post("/places", json={"name": "a", "points": [["x", "y"]] * 5000})
    body = is_problem(many, 422, "invalid-input")
    assert len(body["errors"]) == problems.MAX_FAULTS
    assert body["errors_left_out"] == 10_000 - problems.MAX_FAULTS


def test_addresses_and_methods_that_do_not_exist(client: TestClient):
    is_problem(client.get("/nowhere"), 404, "not-found")
    is_problem(client.get("/static/nowhere.js"), 404, "not-found")
    is_problem(client.get("/static/../api/app.py"), 404, "not-found")
    is_problem(client.get("/static/%2e%2e/assets.py"), 404, "not-found")
    refused = client.delete("/health/live")
    is_problem(refused, 405, "method-not-allowed")
    assert "GET" in refused.headers["allow"]
    is_problem(client.post("/static/x.js"), 405, "method-not-allowed")


def test_each_type_has_a_page(client: TestClient):
    listed = client.get("/problems").text
    for code, kind in problems.problem_types().items():
        assert f'href="/problems/{code}"' in listed
        shown = client.get(f"/problems/{code}")
        assert shown.status_code == 200
        assert kind.title in shown.text
    is_problem(client.get("/problems/none-such"), 404, "not-found")


def test_nothing_a_caller_sends_can_break_the_answer():
    odd = ["\ud800", float("inf"), 2**80, {"a": [1, "\udfff"]}, "x" * 1000]
    for value in odd:
        error = errors.InvalidInputError("detail \ud800", [Fault("f\udc00", "m", value=value)])
        json.loads(problems.problem_response(error, "0").body)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", problems.MEDIA_TYPE),
        ("*/*", problems.MEDIA_TYPE),
        ("text/html;q=0.5, application/json", problems.MEDIA_TYPE),
        ("text/html;q=nonsense", problems.MEDIA_TYPE),
    ],
)
def test_a_refusal_comes_as_the_caller_likes_it(client: TestClient, accept: str, media_type: str) -> None:
    answer = client.get("/no/such/<b>page</b>", headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == media_type
    assert "Accept" in answer.headers["vary"].split(", ")  # compression adds its own
    assert "<b>" not in answer.text
