"""Integers that no machine word holds are refused or taken for the most there is: never an error of ours."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store import siting
from tests.api.conftest import BASE, client_of

HUGE = st.sampled_from((2**31, 2**63, 2**64, 10**20, 10**40)) | st.integers(min_value=2**31)
#: What ends only when the caller leaves.
ENDLESS = "/events"


@pytest.fixture(scope="module")
def reader(app: FastAPI, admin_key: str) -> Iterator[TestClient]:
    headers = {"Authorization": f"Bearer {admin_key}"}
    with TestClient(app, base_url=BASE, headers=headers, raise_server_exceptions=False) as made:
        yield made


def readings(app: FastAPI) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for path, operations in app.openapi()["paths"].items():
        if "get" in operations and ENDLESS not in path:
            yield path, operations["get"].get("parameters", [])


def takes_integers(parameter: dict[str, Any]) -> bool:
    schema = parameter["schema"]
    return any(one.get("type") == "integer" for one in (schema, *schema.get("anyOf", ())))


@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(value=HUGE, sign=st.sampled_from((1, -1)))
def test_no_reading_breaks(app: FastAPI, reader: TestClient, value: int, sign: int) -> None:
    asked = 0
    for path, parameters in readings(app):
        named = [one["name"] for one in parameters if one["in"] == "query" and takes_integers(one)]
        address = re.sub(r"\{[^}]*\}", str(sign * value), path)
        if not named and address == path:
            continue
        for name in named or [""]:
            asked += 1
            answer = reader.get(address, params={name: sign * value} if name else {})
            assert answer.status_code in {*range(200, 500), 503}, (address, name, answer.text)
    assert asked > 50


@pytest.mark.parametrize("capacity", [1e10, 1e300])
def test_a_site_that_could_serve_everybody_on_earth_is_refused(own_app: FastAPI, capacity: float) -> None:
    database = own_app.state.parts.database
    leader = client_of(own_app, identity.issue(database, f"王五 {capacity}", Role.LEADER, by="test")[1])
    answer = leader.post("/v1/siting", json={"goal": "cover_most", "count": 1, "capacity": capacity})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "capacity"


def test_a_huge_number_that_was_kept_does_not_break_the_list(own_app: FastAPI) -> None:
    parts = own_app.state.parts
    with parts.database.writing() as connection:
        question = {"capacity": 1e300, "count": 10**30}
        edition = parts.tilings.get().edition.id
        siting.begin(connection, edition_id=edition, question=question, who="x")
    leader = client_of(own_app, identity.issue(parts.database, "赵六", Role.LEADER, by="test")[1])
    for query in ("", "?before=0", "?limit=99999999999999999999"):
        answer = leader.get(f"/v1/siting{query}")
        assert answer.status_code == 200, query
        assert answer.json()["siting"][0]["question"]["capacity"] == 1e300
