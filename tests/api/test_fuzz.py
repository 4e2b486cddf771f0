"""Whatever the description allows, and much that it forbids, is sent to every operation."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, note, settings
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
LONG_AT_NIGHT = pytest.mark.timeout(300 * max(1, EXAMPLES // 4))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@dataclass(frozen=True)
class Service:
    """An application that requests are sent to, and a key that opens all of it."""

    name: str
    app: FastAPI
    key: str


class Described:
    """What the service says of itself, and what may be asked of it by that; worked out once for all tests."""

    def __init__(self, app: FastAPI) -> None:
        self.schema = schemathesis.openapi.from_dict(app.openapi())
        self.schema.config.update(base_url=BASE)
        self.operations = [result.ok() for result in self.schema.get_all_operations()]

    def readings(self, *, are_wanted: bool) -> list[Any]:
        """Give the operations that only read, or those that change something."""
        return [one for one in self.operations if (one.method == "get") is are_wanted]


@pytest.fixture(scope="module")
def described(app: FastAPI) -> Iterator[Described]:
    yield Described(app)
    asgi.shutdown_lifespans()  # else the applications work on, beside all tests after these


@pytest.fixture(scope="module")
def of_nothing(app: FastAPI, admin_key: str) -> Service:
    """A service that holds nothing but what the requests bring."""
    return Service("a service that holds nothing", app, admin_key)


@pytest.fixture(scope="module")
def of_the_town(town_app: FastAPI, town: Database) -> Service:
    """The service of the demo town, for readings alone."""
    return Service("the demo town", town_app, identity.issue(town, "fuzz", Role.ADMIN, by="test")[1])


@LONG_AT_NIGHT
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_change_breaks_an_operation(described: Described, of_nothing: Service, mode: GenerationMode):
    fuzz(described.readings(are_wanted=False), mode, of_nothing)


@LONG_AT_NIGHT
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_reading_breaks_an_operation(
    described: Described, of_nothing: Service, of_the_town: Service, mode: GenerationMode
):
    """To draw a request takes five times as long as to answer it: each is put to both services."""
    fuzz(described.readings(are_wanted=True), mode, of_nothing, of_the_town)


def fuzz(operations: list[Any], mode: GenerationMode, *services: Service) -> None:
    """Try every operation, and name all that break."""
    failures = []
    for operation in operations:
        try:
            _fuzz(operation.as_strategy(generation_mode=mode), services)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # it takes nothing that could be wrong
        except Exception as error:  # noqa: BLE001 - every operation is tried, all that break are named
            error.add_note(f"while asking {operation.label}")
            failures.append(error)
    assert len(operations) >= 7
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(operations)} operations break", failures)


def _fuzz(cases: Any, services: Sequence[Service]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=cases)
    def ask(case: Any) -> None:
        for service in services:
            note(service.name)
            answer = case.call(app=service.app, headers={"Authorization": f"Bearer {service.key}"})
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


def test_no_moment_breaks_a_reading(of_the_town: Service):
    client = TestClient(of_the_town.app, base_url=BASE, headers={"X-API-Key": of_the_town.key})
    asked, wrong = set(), []
    for path, filled, moment in readings_by_moment(of_the_town.app.openapi()):
        query = {name: value for name, value in filled.items() if f"{{{name}}}" not in path}
        for value in EXTREMES:
            answer = client.get(path.format(**filled), params={**query, moment: value})
            asked.add((path, moment))
            is_beyond = value.startswith(("0001", "9999"))
            if answer.status_code >= 500 or (is_beyond and answer.status_code != 400):
                wrong.append((path, moment, value, answer.status_code))
    assert {("/v1/coverage", "at"), ("/v1/locate", "as_of"), ("/maps/{kind}", "at")} <= asked
    assert wrong == []
