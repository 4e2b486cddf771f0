"""What a worker's phone is told of its owner's work."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from tests.api.conftest import BASE
from tests.services import desk_town


@pytest.fixture(scope="module")
def people(app: FastAPI) -> dict[str, int]:
    parts = app.state.parts
    desk_town.build(parts.database)
    found = desk_town.employ(
        parts.database, [{"code": f"o{i}", "at": desk_town.corner(i, 0)} for i in range(3)]
    )
    desk_town.put_on_duty(parts.database, list(found.values())[:2])
    return found


def caller(app: FastAPI, key: str) -> TestClient:
    return TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {key}"})


def phone_of(app: FastAPI, admin_key: str, code: str) -> TestClient:
    principal, key = identity.issue(app.state.parts.database, f"phone of {code}", Role.WORKER, by="t")
    with caller(app, admin_key) as admin:
        linked = admin.put(f"/v1/desk/keys/{principal.id}", json={"responder": code})
    assert linked.status_code == 204
    return caller(app, key)


def test_shift_and_tasks_are_told(
    app: FastAPI, people: dict[str, int], admin_key: str, key_of: Callable[[Role], str]
) -> None:
    assert set(people) >= {"o0", "o1", "o2"}
    lon, lat = desk_town.corner(0, 0)
    phone = phone_of(app, admin_key, "o1")
    before = phone.get("/v1/own-work").json()
    assert before["responder"]["code"] == "o1"
    assert before["on_duty"]
    assert datetime.fromisoformat(before["until"]) > datetime.fromisoformat(before["now"])
    assert before["tasks"] == []
    body = {"source_id": str(uuid4()), "occurred_at": datetime.now(UTC).isoformat(), "lon": lon, "lat": lat}
    with caller(app, key_of(Role.DISPATCHER)) as desk:
        key = desk.post("/v1/incidents", json={**body, "address": "东街 3 号", "floor": 4}).json()["id"]
        sent = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "o1"})
        assert sent.status_code == 201, sent.text
    (task,) = phone.get("/v1/own-work").json()["tasks"]
    assert task["dispatch"]["state"] == "sent"
    assert task["dispatch"]["incident_id"] == key
    assert task["incident"]["address"] == "东街 3 号"
    assert task["incident"]["floor"] == 4
    assert [one["phase"] for one in task["incident"]["standing"]["clocks"]] == ["arrive", "handle", "close"]
    way = phone.get("/v1/own-work/way").json()
    assert way["place"] == [lon, lat]
    west, south, east, north = way["box"]
    assert west < lon < east
    assert south < lat < north
    for step in ("accept", "arrive", "done"):
        assert phone.post(f"/v1/dispatches/{task['dispatch']['id']}/{step}").status_code == 200
    assert phone.get("/v1/own-work").json()["tasks"] == []
    assert phone.get("/v1/own-work/way").status_code == 404


def test_the_desk_can_be_called(app: FastAPI, people: dict[str, int], admin_key: str) -> None:
    assert "o1" in people
    phone = phone_of(app, admin_key, "o0")
    with caller(app, admin_key) as admin:
        version = admin.get("/v1/desk/settings").json()["version"]
        for number, status in (("0570-1234567", 200), ("javascript:alert(1)", 422), (7, 422)):
            body = {"version": version, "settings": {"phone": number}}
            answer = admin.put("/v1/desk/settings", json=body)
            assert answer.status_code == status
            version += status == 200
        assert answer.json()["errors"][0]["message_zh"]
    assert phone.get("/v1/own-work").json()["desk_phone"] == "0570-1234567"


def test_off_duty_there_is_no_end(app: FastAPI, people: dict[str, int], admin_key: str) -> None:
    assert "o2" in people
    told = phone_of(app, admin_key, "o2").get("/v1/own-work").json()
    assert not told["on_duty"]
    assert told["until"] is None


def test_a_key_that_acts_for_nobody_is_told_so(app: FastAPI, key_of: Callable[[Role], str]) -> None:
    with caller(app, key_of(Role.WORKER)) as phone:
        answer = phone.get("/v1/own-work")
    assert answer.status_code == 403
    assert "管理员" in answer.json()["detail_zh"]


def test_it_is_for_workers_and_their_page_is_kept_by_the_browser(
    app: FastAPI, key_of: Callable[[Role], str]
) -> None:
    with caller(app, key_of(Role.DISPATCHER)) as desk:
        assert desk.get("/v1/own-work").status_code == 403
        assert desk.get("/worker").status_code == 403
        assert 'id="desk"' in desk.get("/dispatch").text
    with caller(app, key_of(Role.WORKER)) as phone:
        assert 'id="worker"' in phone.get("/worker").text
        assert phone.get("/dispatch").status_code == 403
    script = TestClient(app, base_url=BASE).get("/worker-sw.js")
    assert script.headers["Service-Worker-Allowed"] == "/worker"
    assert script.headers["Content-Type"].startswith("text/javascript")
