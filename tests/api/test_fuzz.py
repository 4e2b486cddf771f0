"""Whatever the description allows, and much that it forbids, is sent to every operation."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from geo_service.api.problems import MEDIA_TYPE
from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.api.conftest import BASE

#: Other ones are drawn in each run. With ``HYPOTHESIS_PROFILE=thorough``, for a night, there are many.
EXAMPLES = 50 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 4
#: Readings of a service that holds nothing; the same readings of the demo town have the full number.
EXAMPLES_OF_NOTHING = EXAMPLES // 2
LONG_AT_NIGHT = pytest.mark.timeout(300 * max(1, EXAMPLES // 4))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class Described:
    """What the service says of itself, and what may be asked of it by that; worked out once for all tests."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schema = schemathesis.openapi.from_dict(document)
        self.schema.config.update(base_url=BASE)
        self.operations = [result.ok() for result in self.schema.get_all_operations()]
        self._cases: dict[tuple[str, GenerationMode], Any] = {}

    def ask(self, app: FastAPI) -> None:
        """Have the requests go to an application; all describe themselves in the same words."""
        self.schema.app = app
        for operation in self.operations:
            operation.app = app

    def cases(self, operation: Any, mode: GenerationMode) -> Any:
        """Give the strategy of an operation: to find out what it may draw costs five times the drawing."""
        wanted = operation.label, mode
        if wanted not in self._cases:
            self._cases[wanted] = operation.as_strategy(generation_mode=mode)
        return self._cases[wanted]


@pytest.fixture(scope="module")
def described(app: FastAPI) -> Iterator[Described]:
    yield Described(app.openapi())
    asgi.shutdown_lifespans()  # else the applications work on, beside all tests after these


@LONG_AT_NIGHT
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_an_operation(
    app: FastAPI, described: Described, admin_key: str, mode: GenerationMode
):
    described.ask(app)
    tried, failures = 0, []
    for operation in described.operations:
        examples = EXAMPLES_OF_NOTHING if operation.method == "get" else EXAMPLES
        try:
            fuzz(described.cases(operation, mode), admin_key, examples)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # it takes nothing that could be wrong
        except Exception as error:  # noqa: BLE001 - every operation is tried, all that break are named
            error.add_note(f"while asking {operation.label}")
            failures.append(error)
        tried += 1
    assert tried >= 7
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {tried} operations break", failures)


def fuzz(cases: Any, key: str, examples: int = EXAMPLES) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=cases)
    def ask(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {key}"})
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            body = answer.json()
            assert answer.headers["content-type"] == [MEDIA_TYPE]
            assert body["status"] == answer.status_code
            assert body["type"].startswith("/problems/")

    ask()


# -------------------------------------------------------------------------------------- the demo town

#: Values that an operation needs, of things that the demo town holds.
IN_TOWN = {
    "plan_id": 1,
    "lon": 118.9,
    "lat": 28.9,
    "level": "grid",
    "edition": 1,
    "kind": "staffing",
    "overlay": "units",
    "code": "none",
    "measure": "per_km2",
    "z": 14,
    "x": 13603,
    "y": 6818,
    "at": "2026-11-22T02:00:00+08:00",
    "from": "2026-11-16T00:00:00+08:00",
    "to": "2026-11-23T00:00:00+08:00",
}
EXTREMES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00+23:59",
    "2200-12-31T23:59:59.999999-23:59",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "-9999999999999999",
    "0",
    "1e300",
    "nan",
    "infinity",
    "2026-11-22T02:00:00",
    "2026-02-30T00:00:00Z",
]


@pytest.fixture(scope="module")
def town_key(town: Database) -> str:
    return identity.issue(town, "fuzz", Role.ADMIN, by="test")[1]


@LONG_AT_NIGHT
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_reading_of_the_town_breaks(
    town_app: FastAPI, described: Described, town_key: str, mode: GenerationMode
):
    described.ask(town_app)
    readings = [operation for operation in described.operations if operation.method == "get"]
    assert len(readings) >= 7
    failures = []
    for operation in readings:
        try:
            fuzz(described.cases(operation, mode), town_key)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label
        except Exception as error:  # noqa: BLE001 - every operation is tried, all that break are named
            error.add_note(f"while asking {operation.label}")
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"{len(failures)} operations break", failures)


def readings_by_moment(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give path, the parameters needed and the name of each moment that a GET operation takes."""
    for path, operations in document["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        needed = [one["name"] for one in parameters if one["required"]]
        for one in parameters:
            kinds = one["schema"].get("anyOf", [one["schema"]])
            if any(kind.get("format") == "date-time" for kind in kinds):
                filled = {name: IN_TOWN[name] for name in needed if name != one["name"]}
                yield path, filled, one["name"]


def test_no_moment_breaks_a_reading(town_app: FastAPI, town_key: str):
    client = TestClient(town_app, base_url=BASE, headers={"X-API-Key": town_key})
    asked, wrong = set(), []
    for path, filled, moment in readings_by_moment(town_app.openapi()):
        query = {name: value for name, value in filled.items() if f"{{{name}}}" not in path}
        for value in EXTREMES:
            answer = client.get(path.format(**filled), params={**query, moment: value})
            asked.add((path, moment))
            is_beyond = value.startswith(("0001", "9999"))
            if answer.status_code >= 500 or (is_beyond and answer.status_code != 400):
                wrong.append((path, moment, value, answer.status_code))
    assert {("/v1/coverage", "at"), ("/v1/locate", "as_of"), ("/maps/{kind}", "at")} <= asked
    assert wrong == []
