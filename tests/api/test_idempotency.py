"""``Idempotency-Key`` on plans, and the preconditions and tags of their answers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from tests.api.conftest import client_of
from tests.api.test_plans import act, cells

Plan = dict[str, Any]
REPLAYED = "idempotent-replayed"


@pytest.fixture(scope="module")
def client(own_app: FastAPI) -> Callable[[str], TestClient]:
    made: dict[str, TestClient] = {}

    def of(name: str) -> TestClient:
        if name not in made:
            made[name] = client_of(
                own_app, identity.issue(own_app.state.parts.database, name, Role.PLANNER, by="test")[1]
            )
        return made[name]

    return of


@pytest.fixture
def planner(client: Callable[[str], TestClient]) -> TestClient:
    return client("张三")


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    made: Plan = planner.post("/v1/plans", json={"name": "一次"}).json()
    return made


def twice(client: TestClient, url: str, key: str, body: dict[str, Any], **headers: str) -> list[Any]:
    """Send the same request twice; both must get the same answer."""
    given = {"Idempotency-Key": key, **headers}
    answers = [client.post(url, json=body, headers=given) for _ in range(2)]
    first, again = answers
    assert first.is_success, first.text
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("location") == first.headers.get("location")
    return answers


def test_a_plan_is_opened_once(planner: TestClient) -> None:
    before = len(planner.get("/v1/plans").json()["plans"])
    first, _ = twice(planner, "/v1/plans", "open-1", {"name": "甲"})
    assert first.headers["location"] == f"/v1/plans/{first.json()['id']}"
    assert len(planner.get("/v1/plans").json()["plans"]) == before + 1


def test_an_edit_undo_and_redo_happen_once(planner: TestClient, plan: Plan) -> None:
    grid, url = min(cells(planner, plan, "grid")), f"/v1/plans/{plan['id']}"
    rename = {"revision": 0, "verb": "rename", "arguments": {"cell": ["grid", grid], "name": "一次"}}
    first, _ = twice(planner, f"{url}/changes", "edit-1", rename)
    assert first.json()["revision"] == 1
    assert first.json()["cells"]["changed"]["features"]
    twice(planner, f"{url}/undo", "undo-1", {"revision": 1})
    twice(planner, f"{url}/redo", "redo-1", {"revision": 2})
    found = planner.get(f"{url}/changes").json()
    assert (found["revision"], len(found["changes"])) == (3, 1)


def test_the_answer_with_a_key_is_that_without(planner: TestClient, plan: Plan) -> None:
    grids = sorted(cells(planner, plan, "grid"))
    merge = {"verb": "merge", "arguments": {"cells": [["grid", grids[1]]], "into": ["grid", grids[0]]}}
    url = f"/v1/plans/{plan['id']}"
    plain = planner.post(f"{url}/changes", json={"revision": 0, **merge}).json()
    planner.post(f"{url}/undo", json={"revision": 1})
    keyed = planner.post(
        f"{url}/changes", json={"revision": 2, **merge}, headers={"Idempotency-Key": "merge-1"}
    ).json()
    for name in ("cells", "figures", "findings"):
        assert keyed[name] == plain[name]


def test_comments_and_waivers_are_kept_once(planner: TestClient, plan: Plan) -> None:
    url = f"/v1/plans/{plan['id']}"
    twice(planner, f"{url}/comments", "comment-1", {"body": "请看这里", "place": [119.0, 29.0]})
    assert len(planner.get(f"{url}/comments").json()["comments"]) == 1
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "merge", cells=[["grid", grids[1]]], into=["grid", grids[0]])
    found = planner.get(f"{url}/findings").json()["findings"]
    warned = next(one for one in found if one["can_be_waived"] and one["cells"])
    waiver = {"rule": warned["rule"], "cells": warned["cells"], "why": "年底再分", "until": "2035-01-01"}
    twice(planner, f"{url}/waivers", "waiver-1", waiver)


def test_a_plan_is_published_once(planner: TestClient, plan: Plan) -> None:
    act(planner, plan, "rename", cell=["grid", max(cells(planner, plan, "grid"))], name="发布一次")
    before = len(planner.get("/v1/editions").json())
    url = f"/v1/plans/{plan['id']}/publish"
    seen = {"If-Match": f'"{plan["revision"]}"'}
    twice(planner, url, "publish-1", {"note": "x", "supersede": True}, **seen)
    assert len(planner.get("/v1/editions").json()) == before + 1


def test_a_job_begins_once(planner: TestClient, plan: Plan) -> None:
    act(planner, plan, "rename", cell=["grid", max(cells(planner, plan, "grid"))], name=f"任务{plan['id']}")
    headers = {"If-Match": f'"{plan["revision"]}"', "Prefer": "respond-async"}
    first, _ = twice(planner, f"/v1/plans/{plan['id']}/publish", "later-1", {"note": "x"}, **headers)
    assert first.status_code == 202
    jobs = planner.get("/v1/jobs", params={"subject": f"plan {plan['id']}"}).json()["jobs"]
    assert [one["state"] for one in jobs] == ["queued"]  # nobody does jobs here
    assert planner.post(f"{first.headers['location']}/cancel").json()["state"] == "cancelled"


def test_a_key_belongs_to_one_request(planner: TestClient, plan: Plan) -> None:
    url, key = f"/v1/plans/{plan['id']}/comments", {"Idempotency-Key": "comment-2"}
    assert planner.post(url, json={"body": "一"}, headers=key).status_code == 201
    refused = planner.post(url, json={"body": "二"}, headers=key)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert (error["field"], error["value"]) == ("Idempotency-Key", "comment-2")
    assert error["message_zh"]
    elsewhere = planner.post("/v1/plans", json={"name": "一"}, headers=key)
    assert elsewhere.status_code == 422
    assert len(planner.get(url).json()["comments"]) == 1


def test_keys_of_two_people_are_two(
    planner: TestClient, client: Callable[[str], TestClient], plan: Plan
) -> None:
    url, key = f"/v1/plans/{plan['id']}/comments", {"Idempotency-Key": "comment-3"}
    for one in (planner, client("李四")):
        assert one.post(url, json={"body": "各一"}, headers=key).status_code == 201
    assert len(planner.get(url).json()["comments"]) == 2


def test_what_was_refused_may_be_asked_again(planner: TestClient, plan: Plan) -> None:
    grid, url = min(cells(planner, plan, "grid")), f"/v1/plans/{plan['id']}/undo"
    key = {"Idempotency-Key": "undo-2"}
    assert planner.post(url, json={"revision": 0}, headers=key).status_code == 409
    act(planner, plan, "rename", cell=["grid", grid], name="再来")
    assert planner.post(url, json={"revision": 1}, headers=key).status_code == 200
    again = planner.post(url, json={"revision": 1}, headers=key)
    assert (again.status_code, again.headers[REPLAYED]) == (200, "true")


def test_the_same_request_many_times_at_once(planner: TestClient, plan: Plan) -> None:
    grid = min(cells(planner, plan, "grid"))
    rename = {"revision": 0, "verb": "rename", "arguments": {"cell": ["grid", grid], "name": "同时"}}

    def send(_: int) -> Any:
        return planner.post(
            f"/v1/plans/{plan['id']}/changes", json=rename, headers={"Idempotency-Key": "crowd-1"}
        )

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert planner.get(f"/v1/plans/{plan['id']}").json()["revision"] == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 201])
def test_a_key_has_something_to_read(planner: TestClient, plan: Plan, key: str) -> None:
    url = f"/v1/plans/{plan['id']}/comments"
    answer = planner.post(url, json={"body": "一"}, headers={"Idempotency-Key": key})
    assert answer.status_code in {400, 422}


# ----------------------------------------------------------------------------------- If-Match and ETag


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "no JSON"}])
def test_a_body_that_is_no_json_is_refused(
    planner: TestClient, plan: Plan, kind: str, key: dict[str, str]
) -> None:
    for url in ("/v1/plans", f"/v1/plans/{plan['id']}/undo"):
        answer = planner.post(url, content=b"name=a", headers={"Content-Type": kind, **key})
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "/problems/invalid-input"


def test_giving_up_needs_the_revision(planner: TestClient, plan: Plan) -> None:
    url = f"/v1/plans/{plan['id']}"
    seen = planner.get(url).headers["etag"]
    assert planner.delete(url).status_code == 428
    assert planner.delete(url, headers={"If-Match": "*"}).status_code == 400
    act(planner, plan, "rename", cell=["grid", min(cells(planner, plan, "grid"))], name="先改")
    refused = planner.delete(url, headers={"If-Match": seen})
    assert refused.status_code == 412
    assert "张三" in refused.json()["errors"][1]["message"]  # what he has not seen
    now = planner.get(url).headers["etag"]
    assert now != seen
    assert planner.delete(url, headers={"If-Match": now}).json()["status"] == "dropped"
    assert planner.delete(url, headers={"If-Match": now}).status_code == 409


READ = (
    "",
    "/changes",
    "/comments",
    "/findings",
    "/cells?level=grid",
    "/preview",
    "/preview/map",
    "/preview.pdf",
)


@pytest.mark.parametrize("what", READ)
def test_a_tag_changes_with_the_body_and_saves_sending_it(planner: TestClient, plan: Plan, what: str) -> None:
    url = f"/v1/plans/{plan['id']}{what}"
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "merge", cells=[["grid", grids[1]]], into=["grid", grids[0]])
    first = planner.get(url)
    assert first.status_code == 200, first.text
    kept = planner.get(url, headers={"If-None-Match": first.headers["etag"]})
    same = planner.get(url)
    assert (kept.status_code == 304) == (same.content == first.content)
    planner.post(f"/v1/plans/{plan['id']}/comments", json={"body": "一"})
    act(planner, plan, "merge", cells=[["grid", grids[3]]], into=["grid", grids[2]])
    then = planner.get(url)
    assert (then.headers["etag"] == first.headers["etag"]) == (then.content == first.content)
    assert then.headers["etag"] != first.headers["etag"]


def test_a_tag_tells_what_others_changed(planner: TestClient, plan: Plan) -> None:
    """Of a plan that nobody touched, when another edition comes into force; of the list, when one opens."""
    url = f"/v1/plans/{plan['id']}"
    before, listed = planner.get(url), planner.get("/v1/plans")
    assert before.json()["base_in_force"]
    other: Plan = planner.post("/v1/plans", json={"name": "先"}).json()
    assert planner.get("/v1/plans").headers["etag"] != listed.headers["etag"]
    act(planner, other, "rename", cell=["grid", max(cells(planner, other, "grid"))], name=f"先{other['id']}")
    headers = {"If-Match": f'"{other["revision"]}"'}
    body = {"note": "x", "supersede": True}
    assert planner.post(f"/v1/plans/{other['id']}/publish", json=body, headers=headers).status_code == 200
    after = planner.get(url)
    assert not after.json()["base_in_force"]
    assert after.headers["etag"] != before.headers["etag"]


def test_what_was_done_has_no_tag(planner: TestClient, plan: Plan) -> None:
    grid = min(cells(planner, plan, "grid"))
    body = {"revision": 0, "verb": "rename", "arguments": {"cell": ["grid", grid], "name": "无"}}
    assert "etag" not in planner.post(f"/v1/plans/{plan['id']}/changes", json=body).headers
