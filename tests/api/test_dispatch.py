"""The desk over HTTP: who is near, sending, what a worker may do, positions."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.geometry.crs import from_wgs84, parse_datum
from geo_service.model import Role
from geo_service.services import identity
from geo_service.store import catalogue
from tests.api.conftest import BASE
from tests.services import desk_town

NUMBERS = count()


@pytest.fixture(scope="module")
def ids(app: FastAPI) -> dict[str, int]:
    parts = app.state.parts
    desk_town.build(parts.database)
    people = [
        {"code": f"w{i}", "at": desk_town.corner(i, 0), "capabilities": ["swim"] if i == 3 else []}
        for i in range(5)
    ]
    found = desk_town.employ(parts.database, people)
    desk_town.put_on_duty(parts.database, list(found.values())[:4])
    with parts.database.writing() as connection:
        row = {"code": "flood", "kind": "event", "name_zh": "涝", "name_en": "flood"}
        catalogue.put_categories(connection, [{**row, "capabilities": ["swim"]}])
    return found


@pytest.fixture
def desk(app: FastAPI, ids: dict[str, int], key_of: Callable[[Role], str]) -> Iterator[TestClient]:
    """A dispatcher's client; nobody is out."""
    with app.state.parts.database.writing() as connection:
        connection.exec_driver_sql(
            "update dispatch set ended_at = now(), outcome = 'done' where ended_at is null"
        )
    with caller(app, key_of(Role.DISPATCHER)) as made:
        app.state.parts.desk.board.refresh()
        yield made


def caller(app: FastAPI, key: str) -> TestClient:
    headers = {"Authorization": f"Bearer {key}"}
    return TestClient(app, base_url=BASE, headers=headers, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def worker_key(app: FastAPI, ids: dict[str, int], admin_key: str) -> str:
    """The key on the phone of w1."""
    parts = app.state.parts
    principal, key = identity.issue(parts.database, "phone of w1", Role.WORKER, by="t")
    with caller(app, admin_key) as admin:
        assert admin.put(f"/v1/desk/keys/{principal.id}", json={"responder": "w1"}).status_code == 204
        assert admin.put(f"/v1/desk/keys/{principal.id}", json={"responder": "nobody"}).status_code == 404
        assert {"key": principal.id, "responder": "w1", "name": "name w1"} in admin.get(
            "/v1/desk/keys"
        ).json()["keys"]
    return key


def report(client: TestClient, column: float = 0, **more: Any) -> str:
    lon, lat = desk_town.corner(column, 0)
    body = {"source_id": f"d{next(NUMBERS)}", "occurred_at": datetime.now(UTC).isoformat(), **more}
    if "located" not in more:
        body |= {"lon": lon, "lat": lat}
    body.pop("located", None)
    answer = client.post("/v1/incidents", json=body)
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["id"]
    return key


def codes(answer: Any, name: str = "candidates") -> list[str]:
    return [one["responder"] for one in answer.json()[name]]


def status_of(client: TestClient, key: str) -> str:
    status: str = client.get(f"/v1/incidents/{key}").json()["standing"]["status"]
    return status


def test_from_the_report_to_the_end(desk: TestClient) -> None:
    key = report(desk)
    near = desk.get(f"/v1/incidents/{key}/candidates?k=3")
    assert near.status_code == 200, near.text
    assert codes(near) == ["w0", "w1", "w2"]
    way = desk.get(f"/v1/incidents/{key}/candidates/w2/route").json()
    assert way["properties"]["length_m"] == pytest.approx(1600, abs=1)
    assert way["properties"]["travel_s"] == near.json()["candidates"][2]["travel_s"]
    sent = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w0", "others": ["w2"]})
    assert sent.status_code == 201, sent.text
    assert [(one["responder"], one["lead"], one["state"]) for one in sent.json()["dispatches"]] == [
        ("w0", True, "sent"),
        ("w2", False, "sent"),
    ]
    assert sent.json()["dispatches"][1]["travel_s"] == way["properties"]["travel_s"]
    assert status_of(desk, key) == "dispatched"
    again = desk.get(f"/v1/incidents/{key}/candidates?k=3")
    assert codes(again) == ["w1", "w3"]
    assert codes(again, "passed_over") == ["w0", "w2"]
    number = sent.json()["dispatches"][0]["id"]
    assert desk.post(f"/v1/dispatches/{number}/accept").json()["state"] == "accepted"
    assert desk.post(f"/v1/dispatches/{number}/done").status_code == 409
    assert desk.post(f"/v1/dispatches/{number}/arrive", json={}).json()["state"] == "arrived"
    assert desk.post(f"/v1/dispatches/{number}/done", json={"reason": "ok"}).json()["state"] == "done"
    assert status_of(desk, key) == "handled"
    assert desk.get("/v1/dispatches?open=true").json()["dispatches"] == []
    assert len(desk.get(f"/v1/incidents/{key}/dispatches").json()["dispatches"]) == 2
    assert codes(desk.get(f"/v1/incidents/{key}/candidates?k=1")) == ["w0"]


def test_two_desks_at_once(desk: TestClient) -> None:
    first, second = report(desk), report(desk)
    assert desk.post(f"/v1/incidents/{first}/dispatches", json={"lead": "w0"}).status_code == 201
    refused = desk.post(f"/v1/incidents/{second}/dispatches", json={"lead": "w0"})
    assert refused.status_code == 409
    assert "the dispatcher sent name w0 (w0) at 20" in refused.json()["detail"]
    assert first not in refused.text
    assert "派往" in refused.json()["detail_zh"]
    # the same click again, over a bad line, is one
    again = [
        desk.post(f"/v1/incidents/{second}/dispatches", json={"lead": "w1"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [one.status_code for one in again] == [201, 201]
    assert again[0].json() == again[1].json()
    other = desk.post(
        f"/v1/incidents/{second}/dispatches", json={"others": ["w2"]}, headers={"Idempotency-Key": "k"}
    )
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"


def test_who_is_sent_to_several_is_one_question(desk: TestClient) -> None:
    keys = [report(desk, column) for column in range(3)]
    for number, key in enumerate(keys[:2]):
        sent = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": f"w{number}"})
        assert sent.status_code == 201, sent.text
    told = desk.get("/v1/dispatches", params={"open": True, "incident": keys}).json()["dispatches"]
    assert {(one["incident_id"], one["responder"]) for one in told} == {(keys[0], "w0"), (keys[1], "w1")}
    alone = desk.get("/v1/dispatches", params={"incident": keys[1]}).json()["dispatches"]
    assert [one["incident_id"] for one in alone] == [keys[1]]


def test_after_a_decline_the_next_is_proposed(desk: TestClient) -> None:
    key = report(desk)
    number = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w0"}).json()["dispatches"][0]["id"]
    assert desk.post(f"/v1/dispatches/{number}/decline", json={}).status_code == 422
    said = desk.post(f"/v1/dispatches/{number}/decline", json={"reason": "ill"}).json()
    assert said["dispatch"]["state"] == "declined"
    assert [one["responder"] for one in said["next"]["candidates"]] == ["w1", "w2", "w3"]
    (over,) = said["next"]["passed_over"]
    assert (over["responder"], over["reasons"][0]["reason"]) == ("w0", "ill")
    assert status_of(desk, key) == "accepted"


def test_hand_over_and_cancel(desk: TestClient) -> None:
    key = report(desk)
    number = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w0"}).json()["dispatches"][0]["id"]
    other = desk.post(f"/v1/dispatches/{number}/hand-over", json={"to": "w1", "reason": "nearer"}).json()
    assert (other["responder"], other["lead"]) == ("w1", True)
    assert desk.get(f"/v1/dispatches/{number}").json()["state"] == "handed_over"
    assert desk.post(f"/v1/dispatches/{other['id']}/cancel").json()["state"] == "cancelled"
    assert status_of(desk, key) == "accepted"
    assert desk.post(f"/v1/dispatches/{other['id']}/cancel").status_code == 409
    assert desk.post("/v1/dispatches/999999/cancel").status_code == 404


def test_what_the_category_asks_for_is_asked_of_the_people(desk: TestClient) -> None:
    key = report(desk, category="flood")
    answer = desk.get(f"/v1/incidents/{key}/candidates")
    assert codes(answer) == ["w3"]
    assert [note["code"] for note in answer.json()["passed_over"][0]["reasons"]] == ["lacks"]
    assert codes(desk.get(f"/v1/incidents/{key}/candidates?capability=fly")) == []


def test_the_floor_is_climbed(desk: TestClient) -> None:
    key = report(desk, floor=5)
    (first, *_) = desk.get(f"/v1/incidents/{key}/candidates").json()["candidates"]
    assert (first["climb_s"], first["minutes"]) == (20 + 4 * 18.0, 1.6)
    (first, *_) = desk.get(f"/v1/incidents/{key}/candidates?lift=true&floor=12").json()["candidates"]
    assert first["climb_s"] == 20 + 40 + 11 * 3.0


def test_the_climb_is_that_of_the_one_setting(desk: TestClient, admin_key: str) -> None:
    """Candidates, the incident itself and attainment reckon alike."""
    key = report(desk, floor=5)
    address, admin = "/v1/access-time", {"Authorization": f"Bearer {admin_key}", "X-API-Key": ""}
    before = desk.get(address)
    given = before.json() | {"door_s": 5.0, "stairs_up_s": 30.0}
    tag = {"If-Match": before.headers["etag"]}
    now = desk.put(address, json=given, headers=admin | tag)
    assert now.status_code == 200, now.text
    try:
        (first, *_) = desk.get(f"/v1/incidents/{key}/candidates").json()["candidates"]
        told = desk.get(f"/v1/incidents/{key}").json()["to_floor_s"]
        assert (first["climb_s"], told) == (5 + 4 * 30.0, 5 + 4 * 30.0)
    finally:
        tag = {"If-Match": now.headers["etag"]}
        desk.put(address, json=before.json(), headers=admin | tag)


def test_who_is_off_duty_is_sent_only_when_that_is_said(desk: TestClient) -> None:
    key = report(desk)
    refused = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w4"})
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["value"] == "w4"
    sent = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w4", "off_duty": True})
    assert sent.status_code == 201
    assert desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w9"}).status_code == 404


def test_without_a_place_somebody_can_be_sent_but_nobody_is_near(desk: TestClient) -> None:
    key = report(desk, located=False)
    assert desk.get(f"/v1/incidents/{key}/candidates").status_code == 409
    sent = desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w2"})
    assert sent.status_code == 201
    assert sent.json()["dispatches"][0]["travel_s"] is None


def test_nearest_to_any_place_in_any_datum(desk: TestClient) -> None:
    lon, lat = desk_town.corner(3, 0)
    plain = desk.get("/v1/nearest", params={"lon": lon, "lat": lat, "k": 2})
    assert codes(plain)[0] == "w3"
    x, y = from_wgs84(np.array([[lon, lat]]), parse_datum("GCJ02"))[0]
    shifted = desk.get("/v1/nearest", params={"lon": x, "lat": y, "crs": "GCJ02", "k": 2})
    assert codes(shifted) == codes(plain)
    later = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
    assert codes(desk.get("/v1/nearest", params={"lon": lon, "lat": lat, "at": later})) == []
    assert codes(desk.get("/v1/nearest", params={"lon": lon, "lat": lat, "mode": "car"})) == []
    assert desk.get("/v1/nearest", params={"lon": 29, "lat": 118}).status_code == 400
    assert desk.get("/v1/nearest", params={"lon": "nan", "lat": 29}).status_code == 400


def test_a_worker_acts_on_his_own_only(
    desk: TestClient, app: FastAPI, worker_key: str, key_of: Callable[[Role], str]
) -> None:
    mine, other = (
        desk.post(f"/v1/incidents/{report(desk)}/dispatches", json={"lead": code}).json()["dispatches"][0][
            "id"
        ]
        for code in ("w1", "w2")
    )
    with caller(app, worker_key) as phone:
        assert [one["id"] for one in phone.get("/v1/dispatches?open=true").json()["dispatches"]] == [mine]
        assert phone.get(f"/v1/dispatches/{other}").status_code == 403
        assert phone.post(f"/v1/dispatches/{other}/accept").status_code == 403
        assert phone.post(f"/v1/dispatches/{mine}/cancel").status_code == 403
        assert phone.get("/v1/board").status_code == 403
        declined = phone.post(f"/v1/dispatches/{mine}/decline", json={"reason": "far"}).json()
        assert (declined["dispatch"]["state"], declined["next"]) == ("declined", None)
    with caller(app, key_of(Role.WORKER)) as unlinked:
        refused = unlinked.get("/v1/dispatches")
        assert refused.status_code == 403
        assert "关联" in refused.json()["detail_zh"]


def test_a_phone_sends_where_it_is_and_arrives(
    desk: TestClient, app: FastAPI, worker_key: str, key_of: Callable[[Role], str]
) -> None:
    key = report(desk, 5)
    desk.post(f"/v1/incidents/{key}/dispatches", json={"lead": "w1"})
    lon, lat = desk_town.corner(5, 0)
    x, y = (float(v) for v in from_wgs84(np.array([[lon, lat]]), parse_datum("BD09"))[0])
    fix = {"at": datetime.now(UTC).isoformat(), "lon": x, "lat": y, "accuracy_m": 10}
    with caller(app, worker_key) as phone:
        assert phone.post("/v1/positions", json={"fixes": [{**fix, "responder": "w2"}]}).status_code == 403
        done = phone.post("/v1/positions", json={"crs": "BD09", "fixes": [fix]}).json()
        assert (done["taken"], len(done["arrived"])) == (1, 1)
        assert phone.post("/v1/positions", json={"crs": "BD09", "fixes": [fix]}).json()["repeated"] == 1
    assert status_of(desk, key) == "arrived"
    people = {one["responder"]: one for one in desk.get("/v1/board").json()["people"]}
    assert (people["w1"]["state"], people["w1"]["source"]) == ("arrived", "fix")
    assert people["w1"]["lon"] == pytest.approx(lon, abs=1e-5)
    assert (people["w0"]["state"], people["w0"]["source"]) == ("free", "base")
    with caller(app, key_of(Role.DEVICE)) as gateway:
        fixes = [{**fix, "responder": code} for code in ("w0", "w4", "nobody")]
        answer = gateway.post("/v1/positions", json={"crs": "BD09", "fixes": fixes})
        assert answer.json()["taken"] == 1
        assert [one["reason"] for one in answer.json()["refused"]] == ["off_duty", "unknown"]
        assert gateway.post("/v1/positions", json={"fixes": [fix]}).status_code == 422
        bad = b'{"fixes": [{"responder": "w0", "at": "2026-11-22T00:00Z", "lon": NaN, "lat": 1}]}'
        assert gateway.post("/v1/positions", content=bad).status_code in {400, 422}
        assert gateway.post("/v1/positions", json={"fixes": fixes * 334}).status_code == 422


def test_settings_of_the_desk(desk: TestClient, admin: TestClient) -> None:
    now = desk.get("/v1/desk/settings").json()
    assert now["settings"]["geofence_m"] == 50.0
    assert desk.put("/v1/desk/settings", json={"version": 0, "settings": {}}).status_code == 403
    body = {"version": now["version"], "settings": {"geofence_m": 80, "local_level": "community"}}
    assert admin.put("/v1/desk/settings", json=body).json()["settings"]["geofence_m"] == 80.0
    assert admin.put("/v1/desk/settings", json=body).status_code == 409
    body = {"version": now["version"] + 1, "settings": {"geofence_m": -1, "local_level": "moon", "x": 1}}
    refused = admin.put("/v1/desk/settings", json=body)
    assert [fault["field"] for fault in refused.json()["errors"]] == ["x", "geofence_m"]
    body["settings"] = {"local_level": "moon"}
    assert admin.put("/v1/desk/settings", json=body).json()["errors"][0]["field"] == "local_level"
