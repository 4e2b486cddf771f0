"""Publishing, restoring and importing as jobs: 202 first, the result where Location says."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from tests.api.conftest import BASE, client_of
from tests.api.test_plans import act, cells

Plan = dict[str, Any]
LATER = {"Prefer": "respond-async, wait=5"}


@pytest.fixture(scope="module")
def key(own_app: FastAPI) -> str:
    return identity.issue(own_app.state.parts.database, "张三", Role.PLANNER, by="test")[1]


@pytest.fixture(scope="module")
def planner(own_app: FastAPI, key: str) -> Iterator[TestClient]:
    """A client of the application with its thread for jobs."""
    with TestClient(own_app, base_url=BASE, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    made: Plan = planner.post("/v1/plans", json={"name": "发布"}).json()
    return made


@pytest.fixture
def other(own_app: FastAPI) -> Callable[[Role], TestClient]:
    def of(role: Role) -> TestClient:
        database = own_app.state.parts.database
        return client_of(
            own_app, identity.issue(database, f"another {role} {time.monotonic_ns()}", role, by="t")[1]
        )

    return of


def publish(client: TestClient, plan: Plan, **body: Any) -> Any:
    headers = {"If-Match": f'"{plan["revision"]}"', **LATER}
    return client.post(f"/v1/plans/{plan['id']}/publish", json={"note": "x", **body}, headers=headers)


def ended(client: TestClient, answer: Any) -> dict[str, Any]:
    """Follow a job to its end."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    deadline = time.monotonic() + 60
    while True:
        looked = client.get(answer.headers["location"])
        job: dict[str, Any] = looked.json()
        assert ("retry-after" in looked.headers) == (job["ended_at"] is None)
        if job["ended_at"] is not None:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def test_a_plan_is_published_as_a_job(planner: TestClient, plan: Plan) -> None:
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "merge", cells=[["grid", grids[1]]], into=["grid", grids[0]])
    job = ended(planner, publish(planner, plan))
    assert (job["kind"], job["state"], job["who"]) == ("publish_plan", "done", "张三")
    assert job["subject"] == f"plan {plan['id']}"
    assert (job["progress"]["phase"], job["progress"]["share"]) == ("lineage", 1)
    assert job["problem"] is None
    now = planner.get(f"/v1/plans/{plan['id']}").json()
    assert (now["status"], now["published_edition_id"]) == ("published", job["result"]["edition_id"])
    listed = planner.get("/v1/jobs", params={"subject": job["subject"]}).json()["jobs"]
    assert [one["id"] for one in listed] == [job["id"]]


def test_who_answers_for_changed_cells_is_told(planner: TestClient, own_app: FastAPI, plan: Plan) -> None:
    with own_app.state.parts.database.reading() as connection:
        grids = sorted(cells(planner, plan, "grid"))
        held = connection.exec_driver_sql(
            "select cell.code, responder.code, duty.role from duty join cell on cell.id = cell_id"
            " join level on level.id = level_id join responder on responder.id = responder_id"
            " where level.code = 'grid' and upper_inf(held_during) order by 1, 2"
        ).all()
    gone = next(code for code, _, _ in held if code in grids and code != grids[0])
    act(planner, plan, "merge", cells=[["grid", gone]], into=["grid", grids[0]])
    answer = planner.post(
        f"/v1/plans/{plan['id']}/publish", json={"note": "y"}, headers={"If-Match": f'"{plan["revision"]}"'}
    )
    assert answer.status_code == 200, answer.text  # without the preference it is done at once
    duties = answer.json()["touched"]["duties"]
    mine = [one for one in duties if one["cell"] == ["grid", gone]]
    assert {(one["code"], one["role"]) for one in mine} == {
        (who, role) for code, who, role in held if code == gone
    }
    for one in mine:
        assert one["change"] == "retired"
        assert [flow["cell"] for flow in one["passed_on"]] == [["grid", grids[0]]]
        assert one["passed_on"][0]["share_land"] == pytest.approx(1)
    kept = [one for one in duties if one["cell"] == ["grid", grids[0]]]
    assert {one["change"] for one in kept} <= {"reshaped"}
    assert {one["cell"][1] for one in duties if one["cell"][0] == "grid"} <= {gone, grids[0]}


def test_a_refused_publication_has_the_findings(planner: TestClient, plan: Plan) -> None:
    communities = sorted(cells(planner, plan, "community"))
    act(planner, plan, "create", level="grid", parent=["community", communities[0]], name="空网格")
    job = ended(planner, publish(planner, plan))
    assert job["state"] == "failed"
    assert job["result"] is None
    assert job["problem"]["status"] == 409
    assert any("empty_cell" in fault["message"] for fault in job["problem"]["errors"])
    assert planner.get(f"/v1/plans/{plan['id']}").json()["status"] == "open"


def test_what_is_known_at_once_is_refused_at_once(planner: TestClient, plan: Plan) -> None:
    url = f"/v1/plans/{plan['id']}/publish"
    assert planner.post(url, json={"note": "x"}, headers=LATER).status_code == 428
    stale = planner.post(url, json={"note": "x"}, headers={**LATER, "If-Match": '"7"'})
    assert stale.status_code == 412
    assert planner.post("/v1/editions/9999/restore", json={"note": "x"}, headers=LATER).status_code == 404


def test_an_edition_is_restored_as_a_job(planner: TestClient) -> None:
    first = planner.get("/v1/editions").json()[0]["id"]
    answer = planner.post(f"/v1/editions/{first}/restore", json={"note": "恢复"}, headers=LATER)
    job = ended(planner, answer)
    assert (job["kind"], job["state"]) == ("restore_edition", "done"), job
    assert job["result"]["edition_id"] > first


def test_a_file_is_imported_as_a_job(planner: TestClient) -> None:
    grids = planner.get("/v1/cells", params={"level": "micro_grid", "limit": 1000}).json()["features"]
    for feature in grids:
        feature["properties"] = {"code": feature["id"], "name": f"{feature['id']} 新"}
        feature["geometry"] = orjson.loads(shapely.to_geojson(shapely.geometry.shape(feature["geometry"])))
    content = orjson.dumps({"type": "FeatureCollection", "features": grids})

    def upload(headers: dict[str, str], *, commit: bool) -> Any:
        return planner.post(
            "/v1/imports/boundaries",
            params={"commit": commit},
            files={"file": ("cells.geojson", content)},
            data={"level": "micro_grid", "code_field": "code", "name_field": "name", "supersede": "true"},
            headers=headers,
        )

    dry = upload(LATER, commit=False)
    assert dry.status_code == 200, dry.text  # only what is written becomes a job
    assert dry.json()["changes"]["described"]["count"] == len(grids)
    job = ended(planner, upload(LATER, commit=True))
    assert (job["kind"], job["state"]) == ("import_boundaries", "done"), job
    assert job["result"]["committed"]
    assert job["result"]["changes"] == dry.json()["changes"]


def test_a_file_that_cannot_be_read_fails_the_job(planner: TestClient) -> None:
    answer = planner.post(
        "/v1/imports/boundaries",
        params={"commit": True},
        files={"file": ("cells.geojson", b"{}")},
        data={"level": "micro_grid", "code_field": "code"},
        headers=LATER,
    )
    job = ended(planner, answer)
    assert job["state"] == "failed"
    assert job["problem"]["status"] == 422


def test_who_may_look_and_who_may_cancel(
    planner: TestClient, own_app: FastAPI, plan: Plan, other: Callable[[Role], TestClient]
) -> None:
    act(planner, plan, "rename", cell=["grid", min(cells(planner, plan, "grid"))], name=f"改{plan['id']}")
    # somebody else publishes: the job waits for him, and can be cancelled meanwhile
    database = own_app.state.parts.database
    with database.writing() as connection:
        connection.exec_driver_sql("lock table edition_span in exclusive mode")
        answer = publish(planner, plan)
        location = answer.headers["location"]
        again = publish(planner, plan)
        assert again.status_code == 409
        assert location in again.json()["detail"]
        assert other(Role.LEADER).get(location).status_code == 200
        assert other(Role.WORKER).get(location).status_code == 403
        assert other(Role.PLANNER).post(f"{location}/cancel").status_code == 403
        assert other(Role.LEADER).post(f"{location}/cancel").status_code == 403
        cancelled = planner.post(f"{location}/cancel")
        assert cancelled.status_code == 200, cancelled.text
    assert ended(planner, answer)["state"] == "cancelled"
    assert planner.get(f"/v1/plans/{plan['id']}").json()["status"] == "open"
    assert planner.post(f"{location}/cancel").status_code == 409
    assert planner.get("/v1/jobs/999999").status_code == 404
