"""Siting over HTTP in the demo town: at once, as a job, as GeoJSON, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from tests.api.conftest import BASE
from tests.api.test_jobs import ended

BODY = {"goal": "cover_most", "count": 2, "limit_s": 180, "spread": 60, "existing": [], "seconds": 20}
LATER = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def leader(own_app: FastAPI) -> Iterator[TestClient]:
    key = identity.issue(own_app.state.parts.database, "李四", Role.LEADER, by="test")[1]
    with TestClient(own_app, base_url=BASE, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


def test_at_once_then_proved_as_a_job(leader: TestClient) -> None:
    answer = leader.post("/v1/siting", json=BODY)
    assert answer.status_code == 201, answer.text
    at_once = answer.json()
    assert answer.headers["location"] == f"/v1/siting/{at_once['id']}"
    found = at_once["answer"]
    assert len(found["sites"]) == 2
    assert found["after"]["share"] > found["before"]["share"] == 0
    assert found["bound"] >= found["value"] > 0

    job = ended(leader, leader.post("/v1/siting", json={**BODY, "count": 3}, headers=LATER))
    assert (job["kind"], job["state"]) == ("find_sites", "done"), job
    assert job["result"]["is_optimal"]
    kept = leader.get(f"/v1/siting/{job['result']['siting']}").json()
    assert kept["is_over"]
    assert kept["job"] == {"job": f"/v1/jobs/{job['id']}", "state": "done", "problem": None}
    assert kept["answer"]["value"] == job["result"]["value"] >= found["value"]
    assert kept["who"] == "李四"


def test_with_what_a_site_can_serve(leader: TestClient) -> None:
    answer = leader.post("/v1/siting", json={**BODY, "existing": ["stations"], "capacity": 50})
    assert answer.status_code == 201, answer.text
    found = answer.json()["answer"]
    assert found["bound"] >= found["value"] > 0
    assert all(0 < one["households_served"] <= 50 for one in found["sites"])


def test_the_map_of_a_run_begins_from_what_the_run_began_from(leader: TestClient) -> None:
    night = "2026-11-24T02:00:00+08:00"
    for existing, hours in ((["stations"], []), (["on_duty"], [{"at": night, "hours": 1}])):
        body = {**BODY, "existing": existing, "hours": hours, "limit_s": 300}
        run = leader.post("/v1/siting", json=body).json()
        for measure in ("before", "after"):
            query = {"measure": measure, "siting": run["id"]}
            [share] = leader.get("/maps/figures/1/reach/county.json", params=query).json()["values"].values()
            assert share == pytest.approx(run["answer"][measure]["share"], abs=1e-4)
        overlay = "/maps/overlays/1/reach/{}.json?siting={}"
        for public in ("", "&public=true"):
            units = leader.get(overlay.format("standing", run["id"]) + public).json()["units"]
            areas = leader.get(overlay.format("standing_reach", run["id"]) + public).json()["areas"]
            is_told = existing == ["stations"] or not public  # where people are is not for the street
            assert (len(units), len(areas)) == ((run["answer"]["standing"], 1) if is_told else (0, 0))


def test_as_geojson_and_in_the_list(leader: TestClient) -> None:
    run = leader.post("/v1/siting", json={**BODY, "goal": "least_worst", "existing": ["stations"]}).json()
    collection = leader.get(f"/v1/siting/{run['id']}", params={"format": "geojson"})
    assert collection.headers["content-type"] == "application/geo+json"
    told = collection.json()
    assert [one["properties"]["rank"] for one in told["features"]] == [1, 2]
    assert {one["geometry"]["type"] for one in told["features"]} == {"Point"}
    assert (told["unit"], told["siting"]) == ("s", run["id"])
    listed = leader.get("/v1/siting", params={"limit": 1}).json()
    assert [one["id"] for one in listed["siting"]] == [run["id"]]
    assert "sites" not in listed["siting"][0]["answer"]
    assert leader.get(listed["next"]).json()["siting"]


def test_sent_again_it_has_its_effect_once(leader: TestClient) -> None:
    headers = {"Idempotency-Key": "siting-1"}
    first = leader.post("/v1/siting", json=BODY, headers=headers)
    again = leader.post("/v1/siting", json=BODY, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"count": 100}, 422, "count"),
        ({"goal": "cover_all", "count": 1, "limit_s": 30}, 422, "count"),
        ({"goal": "best"}, 422, "goal"),
        ({"depth": 3}, 422, "depth"),
        ({"candidates": "places"}, 422, "places"),
        ({"hours": [{"at": "2026-11-23T02:00+08:00", "hours": 8}]}, 422, "hours"),
        ({"cell": {"level": "grid", "code": "nowhere"}}, 404, None),
        ({"moon": 1}, 422, "moon"),
    ],
)
def test_refusals_say_what_to_do(
    leader: TestClient, change: dict[str, Any], status: int, field: str | None
) -> None:
    answer = leader.post("/v1/siting", json={**BODY, **change})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if field is not None:
        assert field in answer.json()["errors"][0]["field"]


def test_a_job_that_cannot_be_done_says_from_which_number_on(leader: TestClient) -> None:
    body = {**BODY, "goal": "cover_all", "count": 1, "limit_s": 30}
    asked = leader.post("/v1/siting", json=body, headers=LATER)
    job = ended(leader, asked)
    assert job["state"] == "failed"
    assert "possible with ≥" in job["problem"]["errors"][0]["message"]
    assert "至少需要" in job["problem"]["errors"][0]["message_zh"]
    seen = leader.get(asked.headers["content-location"])
    assert seen.json()["job"]["state"] == "failed"
    assert leader.get(asked.headers["content-location"], params={"format": "geojson"}).status_code == 409


def test_only_those_who_plan_and_lead_may_ask(leader: TestClient, own_app: FastAPI) -> None:
    key = identity.issue(own_app.state.parts.database, "a dispatcher", Role.DISPATCHER, by="t")[1]
    headers = {"Authorization": f"Bearer {key}"}
    assert leader.post("/v1/siting", json=BODY, headers=headers).status_code == 403
    assert leader.get("/v1/siting", headers=headers).status_code == 200
    assert leader.get("/v1/siting/999999").status_code == 404
