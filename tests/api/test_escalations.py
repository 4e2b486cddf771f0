"""Cards and whistles over HTTP: list, whistle, acknowledge, report in, answer; rules; who may."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import desk, identity
from geo_service.store import boundaries, staffing
from tests.services import desk_town
from tests.services.places import middle

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def town(app: FastAPI) -> dict[str, Any]:
    parts = app.state.parts
    tilings = desk_town.build(parts.database)
    desk_town.employ(parts.database, [{"code": "lead", "cell": "c00r00"}])
    chief = pd.DataFrame(
        [
            {
                "code": "chief",
                "name": "name chief",
                "role": "chief",
                "mode": "car",
                "lon": np.nan,
                "lat": np.nan,
                "capabilities": [],
                "phone": "",
                "home_level": "community",
                "home_cell_code": "row01",
            }
        ]
    )
    with parts.database.writing() as connection:
        staffing.upsert_responders(connection, chief, boundaries.moment(connection))
    phone, key = identity.issue(parts.database, "phone of the lead", Role.WORKER, by="t")
    desk.link(parts.database, phone.id, "lead", by="t")
    elsewhere = identity.issue(
        parts.database, "desk of row 3", Role.DISPATCHER, by="t", cells=["community:row03"]
    )[1]
    incident = desk_town.report(parts.database, tilings, "one", middle(0, 0))
    return {"incident": incident, "phone": key, "elsewhere": elsewhere}


def test_a_whistle_is_heard_come_to_and_answered(
    town: dict[str, Any], client: TestClient, key_of: Any
) -> None:
    desk_key = {"X-API-Key": key_of(Role.DISPATCHER)}
    address = f"/v1/incidents/{town['incident']}/whistles"
    for _ in range(2):
        made = client.post(address, json={"words": "来"}, headers={**desk_key, "Idempotency-Key": "w"})
        assert made.status_code == 201, made.text
    other = client.post(address, json={"words": "别来"}, headers={**desk_key, "Idempotency-Key": "w"})
    assert other.status_code == 422
    one = made.json()
    assert (one["kind"], one["stage_zh"], one["cell_code"]) == ("whistle", "已吹哨", "c00r00")
    assert [person["responder"] for person in one["called"]] == ["lead"]
    aside = client.post(address, json={"level": "community", "cell": "row01"}, headers=desk_key).json()
    assert [person["responder"] for person in aside["called"]] == ["chief"]
    assert client.post(address, json={"cell": "row01"}, headers=desk_key).status_code == 400
    phone = {"X-API-Key": town["phone"]}
    own, other = f"/v1/escalations/{one['id']}", f"/v1/escalations/{aside['id']}"
    assert client.post(f"{other}/arrive", headers=phone).status_code == 403
    once = {**phone, "Idempotency-Key": "heard"}
    for _ in range(2):
        assert client.post(f"{own}/acknowledge", headers=once).json()["stage"] == "acknowledged"
    assert client.post(f"{own}/acknowledge", json={"words": "?"}, headers=once).status_code == 422
    assert client.post(f"{own}/arrive", headers=once).status_code == 422
    there = client.post(f"{own}/arrive", headers=phone).json()
    assert there["arrived_at"] is not None
    assert there["lines"][-1]["people"] == [{"responder": "lead", "name": "name lead"}]
    noted = client.post(f"{other}/arrive", json={"responder": "chief"}, headers=desk_key).json()
    assert noted["lines"][-1]["people"][0]["responder"] == "chief"
    assert client.post(f"{own}/answer", json={"words": "好了"}, headers=phone).json()["stage"] == "answered"
    again = client.post(f"{own}/answer", headers=phone)
    assert again.status_code == 409
    assert client.get(own, headers=desk_key).json()["lines"][-1]["words"] == "好了"
    open_ones = client.get("/v1/escalations?open=true", headers=desk_key).json()["escalations"]
    assert [found["id"] for found in open_ones] == [aside["id"]]
    first = client.get("/v1/escalations?limit=1", headers=desk_key).json()
    rest = client.get(first["next"], headers=desk_key).json()
    assert [page["escalations"][0]["id"] for page in (first, rest)] == [aside["id"], one["id"]]


def test_an_incident_in_time_is_no_breach(town: dict[str, Any], client: TestClient, key_of: Any) -> None:
    headers = {"X-API-Key": key_of(Role.DISPATCHER)}
    refused = client.get(f"/v1/incidents/{town['incident']}/breach", headers=headers)
    assert (refused.status_code, refused.json()["detail"]) == (409, "the arrival clock is not broken")
    body = {"from": "2020", "to": "2021"}
    done = client.post("/v1/figures/attainment", json=body, headers=headers)
    assert done.json() == {"worked_out": 0, "left": 0}


def test_other_parts_of_the_town_see_none(town: dict[str, Any], client: TestClient, key_of: Any) -> None:
    number = client.get("/v1/escalations", headers={"X-API-Key": key_of(Role.LEADER)}).json()["escalations"][
        0
    ]["id"]
    elsewhere = {"X-API-Key": town["elsewhere"]}
    assert client.get("/v1/escalations", headers=elsewhere).json()["escalations"] == []
    assert client.get(f"/v1/escalations/{number}", headers=elsewhere).status_code == 404
    for verb in ("acknowledge", "arrive", "answer"):
        assert client.post(f"/v1/escalations/{number}/{verb}", headers=elsewhere).status_code == 404


def test_rules_are_set_on_the_version_seen(client: TestClient, key_of: Any, town: dict[str, Any]) -> None:
    admin, desk_key = {"X-API-Key": key_of(Role.ADMIN)}, {"X-API-Key": key_of(Role.DISPATCHER)}
    known = client.get("/v1/escalations/rules", headers=desk_key).json()
    assert known["version"] == 0
    body = {"version": 0, "rules": {"request_s": 3600}}
    assert client.put("/v1/escalations/rules", json=body, headers=desk_key).status_code == 403
    assert client.put("/v1/escalations/rules", json=body, headers=admin).json()["rules"]["request_s"] == 3600
    assert client.put("/v1/escalations/rules", json=body, headers=admin).status_code == 409
    bad = {"version": 1, "rules": {"whistle": [{"after_s": 0}]}}
    refused = client.put("/v1/escalations/rules", json=bad, headers=admin)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "whistle[0].after_s")
