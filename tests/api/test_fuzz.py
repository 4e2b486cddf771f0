"""Whatever the description allows, and much that it forbids, is sent to every operation."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from geo_service.api.problems import MEDIA_TYPE
from tests.api.conftest import BASE

EXAMPLES = 8
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_an_operation(app: FastAPI, admin_key: str, mode: GenerationMode):
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    schema.config.update(base_url=BASE)
    tried, failures = 0, []
    for result in schema.get_all_operations():
        operation = result.ok()
        try:
            fuzz(operation, mode, admin_key)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # it takes nothing that could be wrong
        except Exception as error:  # noqa: BLE001 - every operation is tried, all that break are named
            error.add_note(f"while asking {operation.label}")
            failures.append(error)
        tried += 1
    assert tried >= 7
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {tried} operations break", failures)


def fuzz(operation: Any, mode: GenerationMode, key: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {key}"})
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            body = answer.json()
            assert answer.headers["content-type"] == [MEDIA_TYPE]
            assert body["status"] == answer.status_code
            assert body["type"].startswith("/problems/")

    ask()
