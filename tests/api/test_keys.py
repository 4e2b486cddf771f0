"""Keys through the API, and the service's own pages."""

import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.store import audit
from geo_service.store.database import Database
from tests.api.test_problems import is_problem


def test_a_key_from_its_making_to_its_end(admin: TestClient, service_database: Database):
    made = admin.post("/v1/keys", json={"name": " 指挥中心 ", "role": "dispatcher"})
    assert made.status_code == 201
    issued = made.json()
    assert issued["name"] == "指挥中心"
    assert made.headers["location"] == f"/v1/keys/{issued['id']}"
    holder = {"Authorization": f"Bearer {issued['key']}"}
    assert admin.get("/v1/me", headers=holder).json() == {
        "id": issued["id"],
        "name": "指挥中心",
        "role": "dispatcher",
    }
    shown = admin.get(made.headers["location"])
    assert issued["key"] not in shown.text
    assert shown.json()["revoked_at"] is None
    assert admin.delete(made.headers["location"]).status_code == 204
    assert admin.get(made.headers["location"]).json()["revoked_at"] is not None
    is_problem(admin.delete(made.headers["location"]), 409, "conflict")
    is_problem(admin.post("/v1/keys", json={"name": "指挥中心", "role": "leader"}), 409, "conflict")
    with service_database.reading() as connection:
        assert audit.verify(connection) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "", "role": "leader"},
        {"name": "  ", "role": "leader"},
        {"name": "x" * 101, "role": "leader"},
        {"name": "a\nb", "role": "leader"},
        {"name": "x", "role": "emperor"},
        {"name": "x", "role": "leader", "key": "gsk_mine"},
    ],
)
def test_a_key_that_cannot_be(admin: TestClient, body: dict):
    is_problem(admin.post("/v1/keys", json=body), 422, "invalid-input")


def test_the_list_goes_by_pages(admin: TestClient):
    for number in range(5):
        admin.post("/v1/keys", json={"name": f"page {number}", "role": "device"})
    seen, address = [], "/v1/keys?limit=2"
    while address:
        page = admin.get(address).json()
        assert len(page["keys"]) <= 2
        seen += [key["id"] for key in page["keys"]]
        address = page["next"]
    assert seen == sorted(set(seen))
    assert len(seen) == len(admin.get("/v1/keys?limit=999999999").json()["keys"]) >= 6
    is_problem(admin.get("/v1/keys?limit=0"), 400, "bad-request")
    is_problem(admin.get("/v1/keys?after=99999999999999999999"), 400, "bad-request")
    is_problem(admin.get("/v1/keys/99999999999999999999"), 400, "bad-request")
    is_problem(admin.get("/v1/keys/2147483647"), 404, "not-found")


def test_health(client: TestClient):
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert ready.json()["status"] == "ready"


def test_not_ready_without_a_database_and_it_does_not_say_where_that_is(app: FastAPI, client: TestClient):
    parts = app.state.parts
    lost = Database.connect("postgresql://nobody:hush@127.0.0.1:9/none", read_size=1, write_size=1)
    real, parts.database = parts.database, lost
    try:
        answer = client.get("/health/ready")
    finally:
        parts.database = real
    is_problem(answer, 503, "unavailable")
    assert "127.0.0.1" not in answer.text
    assert "hush" not in answer.text
    assert answer.headers["retry-after"] == "5"
    assert client.get("/health/live").status_code == 200


def test_the_description_lists_our_problems_and_schemes(client: TestClient):
    document = client.get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key", "session"}
    assert "HTTPValidationError" not in document["components"]["schemas"]
    create = document["paths"]["/v1/keys"]["post"]
    assert {"201", "400", "401", "403", "413", "422", "default"} <= set(create["responses"])
    assert {"bearer": []} in create["security"]
    assert create["x-roles"] == ["admin"]
    assert "422" not in document["paths"]["/v1/keys"]["get"]["responses"]
    assert "security" not in document["paths"]["/health/live"]["get"]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_ask_nobody_else_and_all_they_name_is_there(client: TestClient, path: str):
    page = client.get(path)
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        if address.startswith("/static/"):
            found = client.get(address)
            assert found.status_code == 200, address
            assert "immutable" in found.headers["cache-control"]


def test_the_icon_is_there(client: TestClient):
    assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("cell", [{"level": "community", "code": "1"}, "339801001001", 7])
def test_a_cell_in_another_form_is_told_the_form(admin: TestClient, cell: object):
    problem = is_problem(
        admin.post("/v1/keys", json={"name": "x", "role": "leader", "cells": [cell]}), 422, "invalid-input"
    )
    (fault,) = problem["errors"]
    assert fault["field"] == "cells.0" or "cells" in fault["field"]
    assert "level:code" in fault["message"]
    assert "层级:编码" in fault["message_zh"]
