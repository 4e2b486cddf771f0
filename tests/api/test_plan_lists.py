"""Lists of plans and jobs, page by page; news of a plan; what is told in both languages; days of the town."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from geo_service.api.routes import plans as route
from geo_service.model import Role
from geo_service.services import identity, plan_counts
from geo_service.store import boundaries, plans
from tests.api.conftest import client_of


@pytest.fixture(scope="module")
def key(own_app: FastAPI) -> str:
    return identity.issue(own_app.state.parts.database, "张三", Role.PLANNER, by="test")[1]


@pytest.fixture(scope="module")
def planner(own_app: FastAPI, key: str) -> TestClient:
    return client_of(own_app, key)


def test_plans_and_jobs_say_where_the_next_page_is(own_app: FastAPI, planner: TestClient) -> None:
    made = [planner.post("/v1/plans", json={"name": f"方案 {k}"}).json()["id"] for k in range(5)]
    seen: list[int] = []
    address: str | None = "/v1/plans?limit=2"
    while address is not None:
        page = planner.get(address).json()
        assert len(page["plans"]) <= 2
        seen += [plan["id"] for plan in page["plans"]]
        address = page.get("next")
    assert seen == sorted(made, reverse=True)

    with own_app.state.parts.database.writing() as connection:
        for _ in range(3):
            connection.exec_driver_sql(
                "insert into job (kind, subject, who, state, ended_at, arguments, result) "
                "values ('publish', 'plan 1', 't', 'done', now(), '{}', '{}')"
            )
    first = planner.get("/v1/jobs", params={"limit": 2, "subject": "plan 1"}).json()
    second = planner.get(first["next"]).json()
    assert [len(first["jobs"]), len(second["jobs"])] == [2, 1]
    assert {job["subject"] for job in second["jobs"]} == {"plan 1"}
    assert "next" not in second


def test_others_are_told_of_a_waiver_and_the_revision_stays(
    own_app: FastAPI, planner: TestClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "EVENT_EVERY_S", 0.01)
    plan = planner.post("/v1/plans", json={"name": "豁免"}).json()
    etag = planner.get(f"/v1/plans/{plan['id']}").headers["etag"]
    state = own_app.state.parts

    def waive() -> None:
        with state.database.writing() as connection:
            plans.add_waiver(
                connection, plan["id"], rule="owner", cells=[["grid", "1"]], who="李四", why="试", until=None
            )

    async def two_events() -> list[dict[str, Any]]:
        async def silence() -> Any:
            await asyncio.sleep(60)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"x-api-key", key.encode())],
            "app": own_app,
            "path_params": {},
        }
        stream = route._stream(Request(scope, silence), state, plan["id"])
        first = await anext(stream)
        await asyncio.to_thread(waive)
        second = await anext(stream)
        await stream.aclose()
        return [orjson.loads(event.partition(b"data: ")[2]) for event in (first, second)]

    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop already: that of a browser
        before, after = pool.submit(asyncio.run, two_events()).result()
    assert before["revision"] == after["revision"] == 0
    assert before["judgement"] != after["judgement"]
    assert planner.get(f"/v1/plans/{plan['id']}").headers["etag"] == etag
    assert planner.delete(f"/v1/plans/{plan['id']}", headers={"If-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("address", "english", "chinese"),
    [
        ("/v1/plans/999999", "there is no plan 999999", "没有第 999999 号方案"),
        ("/v1/cells/nope", "has no cell 'nope'", "没有网格 nope"),
        ("/v1/cells/nope/touches", "has no cell 'nope'", "没有网格 nope"),
        ("/v1/cells/nope/lineage", "there never was a cell nope", "从未有过网格 nope"),
    ],
)
def test_what_is_not_there_is_said_in_both_languages(
    planner: TestClient, address: str, english: str, chinese: str
) -> None:
    answer = planner.get(address)
    assert answer.status_code == 404
    assert english in answer.json()["detail"]
    assert chinese in answer.text


def test_a_day_of_a_plans_figures_begins_at_midnight_in_the_town(
    own_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now, midnight in (
        (datetime(2026, 3, 1, 15, 59, tzinfo=UTC), datetime(2026, 2, 28, 16, tzinfo=UTC)),
        (datetime(2026, 3, 1, 16, 1, tzinfo=UTC), datetime(2026, 3, 1, 16, tzinfo=UTC)),
    ):
        monkeypatch.setattr(boundaries, "moment", lambda _connection, now=now: now)
        with own_app.state.parts.database.reading() as connection:
            assert plan_counts.ground_mark(connection)[1] == midnight
