"""Rounds over HTTP: places and campaigns in, lists out as JSON, CSV and PDF, visits from a phone, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import job_kinds, week_lists
from geo_service.services.jobs import Jobs, StoppedError
from geo_service.services.week_lists import monday_of
from tests.api.test_own_work import caller, phone_of
from tests.services import desk_town

PLACES = (
    "编号,名称,部门,等级,经度,纬度,检查分钟\n"
    "s1,=东街五金店,消防,A,{0},{1},20\n"
    "s1,=东街五金店,市监,B,{0},{1},20\n"
    "s2,西街饭店,消防,A,{2},{3},10\n"
)


def this_monday() -> str:
    return monday_of(datetime.now(ZoneInfo("Asia/Shanghai")).date()).isoformat()


@pytest.fixture(scope="module")
def planner(app: FastAPI, key_of: Callable[[Role], str]) -> TestClient:
    parts = app.state.parts
    desk_town.build(parts.database)
    people = [{"code": "o1", "at": desk_town.corner(0, 0), "cell": "c00r00"}]
    ids = desk_town.employ(parts.database, people)
    begin = datetime.fromisoformat(f"{this_monday()}T00:00+08:00")
    since_h = (datetime.now(UTC) - begin).total_seconds() / 3600
    desk_town.put_on_duty(parts.database, list(ids.values()), since_h=since_h, for_h=since_h + 8)
    client = caller(app, key_of(Role.PLANNER))
    text = PLACES.format(*desk_town.corner(0.5, 0.0), *desk_town.corner(0.0, 0.5))
    for commit in ("false", "true"):
        answer = client.post(
            f"/v1/imports/places?commit={commit}", files={"file": ("p.csv", text.encode("gb18030"))}
        )
        assert answer.status_code == 200, answer.text
        assert (answer.json()["places"], answer.json()["new"]) == (2, 3)
    return client


@pytest.fixture(scope="module")
def phone(app: FastAPI, planner: TestClient, admin_key: str) -> TestClient:
    assert planner
    return phone_of(app, admin_key, "o1")


def test_a_week_is_made_read_and_printed(planner: TestClient, phone: TestClient) -> None:
    assert planner.get(f"/v1/patrol/weeks/{this_monday()}").status_code == 404
    made = planner.put(f"/v1/patrol/weeks/{this_monday()}")
    assert made.status_code == 200, made.text
    assert {name: made.json()[name] for name in ("visits", "joint", "saved", "people")} == {
        "visits": 2, "joint": 1, "saved": 1, "people": 1
    }  # fmt: skip
    told = planner.get(f"/v1/patrol/weeks/{this_monday()}").json()
    assert {stop["place"] for day in told["people"][0]["days"] for stop in day["stops"]} == {"s1", "s2"}
    table = planner.get(f"/v1/patrol/weeks/{this_monday()}?format=csv")
    assert table.content.startswith(b"\xef\xbb\xbf")
    assert "'=东街五金店" in table.text
    assert "市监、消防" in table.text or "消防、市监" in table.text
    for address in (f"/v1/patrol/weeks/{this_monday()}?format=pdf", "/v1/patrol/signs.pdf?cell=c00r00"):
        paper = planner.get(address)
        assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    own = phone.get("/v1/own-week").json()
    assert own["monday"] == this_monday()
    assert {stop["place"] for day in own["days"] for stop in day["stops"]} == {"s1", "s2"}
    assert planner.put("/v1/patrol/weeks/2026-11-17").status_code == 400


@pytest.fixture
def jobs(app: FastAPI) -> Jobs:
    """What does jobs, in this thread: the application's own threads have been stopped with its clients."""
    parts = app.state.parts
    return Jobs(parts.database, job_kinds.kinds(parts.plans, parts.ground))


@pytest.fixture
def begun(planner: TestClient) -> Callable[[], dict[str, Any]]:
    """Ask for the lists of this week as a job; what the answer says."""

    def ask() -> dict[str, Any]:
        address = f"/v1/patrol/weeks/{this_monday()}"
        answer = planner.put(address, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == answer.json()["job"]
        again = planner.put(address, headers={"Prefer": "respond-async"})
        assert again.status_code == 409  # one at a time, and it is named
        assert answer.json()["job"] in again.json()["detail"]
        told: dict[str, Any] = answer.json()
        return told

    return ask


def test_a_week_is_made_as_a_job_taken_up_by_another_when_broken_off(
    jobs: Jobs,
    planner: TestClient,
    begun: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = planner.get(f"/v1/patrol/weeks/{this_monday()}").json()
    job, plan = begun(), week_lists.plan_rounds

    def dies(*_: Any, **__: Any) -> None:
        seen = planner.get(job["job"]).json()
        assert (seen["state"], seen["progress"]["phase"]) == ("running", week_lists.TOURS)
        assert (seen["progress"]["done"], seen["progress"]["total"]) == (0, 1)
        raise StoppedError

    monkeypatch.setattr(week_lists, "plan_rounds", dies)
    jobs.run_waiting()
    assert planner.get(job["job"]).json()["state"] == "interrupted"
    assert planner.get(f"/v1/patrol/weeks/{this_monday()}").json() == before  # nothing of it is written
    monkeypatch.setattr(week_lists, "plan_rounds", plan)
    jobs.run_waiting()
    ended = planner.get(job["job"]).json()
    assert (ended["state"], ended["attempts"]) == ("done", 2)
    assert (ended["progress"]["phase"], ended["progress"]["share"]) == (week_lists.TOURS, 1)
    assert ended["result"] == planner.put(f"/v1/patrol/weeks/{this_monday()}").json()


def test_a_week_that_is_cancelled_leaves_the_lists_as_they_were(
    jobs: Jobs,
    planner: TestClient,
    begun: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = planner.get(f"/v1/patrol/weeks/{this_monday()}").json()
    job, plan = begun(), week_lists.plan_rounds

    def cancelled_meanwhile(*given: Any, **named: Any) -> Any:
        assert planner.post(f"{job['job']}/cancel").json()["cancelling"] is True
        return plan(*given, **named)

    monkeypatch.setattr(week_lists, "plan_rounds", cancelled_meanwhile)
    jobs.run_waiting()
    assert planner.get(job["job"]).json()["state"] == "cancelled"
    assert planner.get(f"/v1/patrol/weeks/{this_monday()}").json() == before
    refused = planner.put("/v1/patrol/weeks/2026-11-17", headers={"Prefer": "respond-async"})
    assert refused.status_code == 400  # at once, not by the job


def test_a_visit_told_twice_is_one(planner: TestClient, phone: TestClient) -> None:
    assert "sign" not in planner.get("/v1/patrol/places").json()["places"][0]
    sign = planner.post("/v1/patrol/places/s2/sign").json()["sign"]
    lon, lat = desk_town.corner(0.0, 0.5)
    now = datetime.now(UTC).isoformat()
    fix = {"lon": lon, "lat": lat, "accuracy_m": 8, "at": now}
    body = {"code": sign.lower(), "at": now, "how": "typed", "fix": fix}
    headers = {"Idempotency-Key": str(uuid4())}
    first = phone.post("/v1/patrol/visits", json=body, headers=headers)
    assert first.status_code == 200, first.text
    assert (first.json()["proof"], first.json()["distance_m"], first.json()["counts"]) == ("near", 0.0, True)
    again = phone.post("/v1/patrol/visits", json=body, headers=headers).json()
    assert again["id"] == first.json()["id"]
    span = {"from": (datetime.now(UTC) - timedelta(days=1)).date().isoformat(), "to": "2100-01-01"}
    (kept,) = planner.get("/v1/patrol/visits", params=span | {"place": "s2"}).json()["visits"]
    assert (kept["place"], kept["responder"]) == ("s2", "o1")
    assert not {"lon", "lat"} & set(kept)
    forged = sign[:-1] + ("0" if sign[-1] != "0" else "1")
    wrong = phone.post("/v1/patrol/visits", json=body | {"code": forged})
    assert (wrong.status_code, "点位牌" in wrong.json()["detail_zh"]) == (403, True)
    assert phone.post("/v1/patrol/visits", json=body | {"code": "hello"}).status_code == 422
    assert planner.post("/v1/patrol/visits", json=body).status_code == 403
    assert phone.get("/v1/patrol/places").status_code == 403


def test_fixed_routes_are_kept_listed_and_on_the_phone(planner: TestClient, phone: TestClient) -> None:
    ends = [list(desk_town.corner(0.1, 0.0)), list(desk_town.corner(0.9, 0.0))]
    line = {"type": "LineString", "coordinates": ends}
    body = {"name": "东街夜巡", "geometry": line, "days_a_week": 1, "from": "20:00", "to": "02:00"}
    made = planner.put("/v1/patrol/routes/r1", json=body)
    assert made.status_code == 200, made.text
    told = made.json()
    assert (told["from"], told["to"], told["path"][-1]["code"]) == ("20:00", "02:00", "c00r00")
    assert planner.get("/v1/patrol/routes").json()["routes"] == [told]
    for wrong, field in (
        ({"from": "8"}, "from, to"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "geometry"),
        ({"geometry": {"type": "LineString", "coordinates": [[1, 2], ["x", 3]]}}, "geometry"),
    ):
        refused = planner.put("/v1/patrol/routes/r1", json=body | wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), refused.text
        assert refused.json()["detail_zh"]
    assert planner.put("/v1/patrol/routes/r1", json=body | {"days_a_week": 8}).status_code == 422
    assert phone.put("/v1/patrol/routes/r1", json=body).status_code == 403
    feature = {
        "type": "Feature",
        "geometry": line,
        "properties": {"编号": "r2", "名称": "西街", "每周天数": 2},
    }
    given = orjson.dumps({"type": "FeatureCollection", "features": [feature]})
    files = {"file": ("r.geojson", given)}
    assert planner.post("/v1/imports/routes?commit=true", files=files).json()["new"] == 1
    assert planner.delete("/v1/patrol/routes/r2").status_code == 204
    assert planner.delete("/v1/patrol/routes/r2").status_code == 404

    assert planner.put(f"/v1/patrol/weeks/{this_monday()}").json()["route_turns"] == 1
    (route,) = phone.get("/v1/own-week").json()["routes"]
    assert (route["code"], route["days"][0]["done"]) == ("r1", None)
    assert planner.get(f"/v1/patrol/weeks/{this_monday()}?format=pdf").content[:5] == b"%PDF-"
    span = {"from": "2026-11-01", "to": "2026-11-30"}
    assert planner.get("/v1/patrol/route-days", params=span).json() == {"enough": 0.8, "routes": []}
    backwards = {"from": "2026-11-30", "to": "2026-11-01"}
    assert planner.get("/v1/patrol/route-days", params=backwards).status_code == 422


def test_rules_campaigns_exemptions_and_figures(planner: TestClient) -> None:
    assert planner.get("/v1/patrol/rules").json()["version"] == 0
    rules = {"quotas": {"grid_worker": {"days": 20, "hours": 60}}}
    assert planner.put("/v1/patrol/rules", json={"after": 0, "rules": rules}).json()["version"] == 1
    assert planner.put("/v1/patrol/rules", json={"after": 0, "rules": rules}).status_code == 409
    told = planner.get("/v1/patrol/quotas", params={"month": "2026-11"}).json()
    assert told["people"][0]["days_short"] == 20
    assert planner.get("/v1/patrol/quotas", params={"month": "2026-13"}).status_code == 400
    table = "专项,部门,开始日期,结束日期,编号\n节前检查,消防,2026-11-01,2026-12-31,s1\n"
    made = planner.post("/v1/imports/campaigns?commit=true", files={"file": ("c.csv", table.encode())})
    assert made.json()["campaigns"] == 1
    assert planner.get("/v1/patrol/campaigns").json()["campaigns"][0]["places"] == ["s1"]
    assert planner.delete("/v1/patrol/campaigns/节前检查").status_code == 204
    shut = {"reason": "停业", "until": "2026-12-31"}
    assert planner.put("/v1/patrol/places/s1/exemption", json=shut).status_code == 204
    place = planner.get("/v1/patrol/places").json()["places"][0]
    assert {wish["exempt"] for wish in place["wishes"]} == {"停业"}
    span = {"from": "2026-11-01", "to": "2026-11-30"}
    assert planner.get("/v1/patrol/posts", params=span).json()["counts"]["missed"] == 0
    assert planner.delete("/v1/patrol/places/s1").status_code == 204
    assert planner.delete("/v1/patrol/places/s1").status_code == 404
