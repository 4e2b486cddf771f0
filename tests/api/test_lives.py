"""The life of an incident over HTTP: moves, replies, corrections, the queue, duplicates."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from tests.services.places import grid, middle, table

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


@pytest.fixture(scope="module")
def land(app) -> None:
    """Four squares in a row, two of which belong to each of two communities."""
    parts = app.state.parts
    draft = draft_import(BoundaryImport(table(grid(4, 1)), "grid"), None, [])
    publish(parts.database, parts.tilings, draft, who="t", note="")


@pytest.fixture
def desk(land: None, client: TestClient, key_of) -> Iterator[TestClient]:
    client.headers["X-API-Key"] = key_of(Role.DISPATCHER)
    return client


def report(desk: TestClient, key: str, column: float | None = 0, **more: object) -> dict[str, Any]:
    place = dict(zip(("lon", "lat"), middle(column, 0), strict=True)) if column is not None else {}
    body = {"source_id": key, "occurred_at": NOW.isoformat(), **place, **more}
    answer = desk.post("/v1/incidents", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def post(desk: TestClient, one: dict[str, Any] | str, verb: str, status: int = 200, **body: object) -> Any:
    key = one if isinstance(one, str) else one["id"]
    answer = desk.post(f"/v1/incidents/{key}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_incident_goes_its_way_and_says_what_can_be_done(desk: TestClient) -> None:
    one = report(desk, "way", category="1706")
    assert one["standing"]["status"] == "reported"
    assert [clock["state"] for clock in one["standing"]["clocks"]] == ["running"] * 3
    seen = desk.get(f"/v1/incidents/{one['id']}").json()
    assert seen["urgency"] == "critical"  # the category's own
    assert {"move": "accept", "zh": "受理", "en": "Accept", "needs_reason": False} in seen["standing"][
        "moves"
    ]
    for move in ("accept", "dispatch", "arrive", "handle"):
        standing = post(desk, one, "moves", move=move)
    refused = post(desk, one, "moves", 409, move="accept")
    assert "close, reopen" in refused["errors"][0]["message"]
    told = post(desk, one, "reply", words="修好了", channel="call")
    assert told["replied_at"] is not None
    assert post(desk, one, "moves", move="close")["status"] == "closed"
    log = desk.get(f"/v1/incidents/{one['id']}/log").json()["log"]
    assert [line["move"] for line in log] == [
        "report", "accept", "dispatch", "arrive", "handle", "reply", "close",
    ]  # fmt: skip
    assert standing["status_zh"] == "已处置"


def test_a_reply_before_the_outcome_does_not_close_the_loop(desk: TestClient) -> None:
    one = report(desk, "early reply")
    assert post(desk, one, "reply", words="we are coming")["replied_at"] is None


def test_moves_are_once_by_key_and_on_the_revision_seen(desk: TestClient) -> None:
    one = report(desk, "once")
    for _ in range(2):
        answer = desk.post(
            f"/v1/incidents/{one['id']}/moves", json={"move": "accept"}, headers={"Idempotency-Key": "k 1"}
        )
        assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    other = {"move": "accept", "reason": "another"}
    for header, body in (("k 1", other), ("", other | {"request_key": "k 1"})):
        given = {"Idempotency-Key": header} if header else {}
        swallowed = desk.post(f"/v1/incidents/{one['id']}/moves", json=body, headers=given)
        assert (swallowed.status_code, swallowed.json()["errors"][0]["value"]) == (422, "k 1")
    named = desk.post(f"/v1/incidents/{one['id']}/moves", json={"request_key": "k 1", "move": "accept"})
    assert (named.status_code, named.json()["revision"]) == (200, 1)
    refused = post(desk, one, "moves", 409, move="void", reason="?", revision=0)
    assert refused["errors"][0]["field"] == "revision"
    assert post(desk, one, "moves", 422, move="void")["errors"][0]["field"] == "reason"


def test_located_later_it_is_placed_and_its_history_kept(desk: TestClient) -> None:
    one = report(desk, "nowhere", None, category="1301")
    assert one["placement"]["how"] == "none"
    waiting = desk.get("/v1/incidents?status=unlocated").json()
    assert one["id"] in [row["id"] for row in waiting["incidents"]]
    lon, lat = middle(1, 0)
    done = post(desk, one, "location", lon=lon, lat=lat, accuracy_m=30, reason="rang back", revision=0)
    assert (done["placement"]["how"], done["placement"]["cell_code"]) == ("inside", "c01r00")
    again = post(desk, one, "location", level="grid", cell_code="c03r00", reason="no, further on")
    assert (again["placement"]["how"], again["placement"]["cell_code"]) == ("by_cell", "c03r00")
    seen = desk.get(f"/v1/incidents/{one['id']}").json()
    assert seen["lon"] is None
    assert seen["placement"]["path"][-1]["code"] == "c03r00"
    log = desk.get(f"/v1/incidents/{one['id']}/log").json()["log"]
    assert [line["move"] for line in log] == ["report", "locate", "locate"]
    assert log[2]["details"]["before"]["cell_code"] == "c01r00"
    assert log[2]["details"]["before"]["accuracy_m"] == 30
    gone = post(desk, one, "location")
    assert gone["placement"]["how"] == "none"


def test_a_correction_chooses_the_standard_anew(desk: TestClient, admin_key: str) -> None:
    lists = desk.get("/v1/response-standards")
    gas = {
        "code": "gas", "name_zh": "燃气", "name_en": "Gas", "arrive_s": 180, "handle_s": 1800,
        "close_s": 7200, "categories": ["17"], "urgencies": ["critical"],
    }  # fmt: skip
    body = {"standards": [*lists.json()["standards"], gas]}
    lead = {"Authorization": f"Bearer {admin_key}", "X-API-Key": ""}
    assert desk.put("/v1/response-standards", json=body, headers=lead).status_code == 428
    headers = lead | {"If-Match": lists.headers["etag"]}
    assert desk.put("/v1/response-standards", json=body, headers=headers).status_code == 200
    assert desk.put("/v1/response-standards", json=body, headers=headers).status_code == 412
    one = report(desk, "gas", category="1104")
    assert one["standing"]["standard"] == "567"
    done = post(desk, one, "corrections", category="1706", urgency="critical", reason="it smells of gas")
    assert done["standard"] == "gas"
    assert done["clocks"][0]["limit_s"] == 180
    line = desk.get(f"/v1/incidents/{one['id']}/log").json()["log"][-1]
    assert line["details"] == {
        "before": {"category": "1104", "urgency": "normal"},
        "after": {"category": "1706", "urgency": "critical"},
        "standard": {"before": "567", "after": "gas"},
    }
    assert post(desk, one, "corrections", 422, urgency="critical")["detail"].startswith(
        "this changes nothing"
    )


def test_the_queue_goes_by_urgency_and_time_left_and_pages(desk: TestClient) -> None:
    for number, urgency in enumerate(["low", "critical", "normal", "critical", "urgent", "normal"]):
        report(desk, f"queue {number}", 2, urgency=urgency, category="1801")
    page = desk.get("/v1/incidents?status=open&level=grid&cell=c02r00&category=18&limit=4").json()
    rows = page["incidents"]
    rows += desk.get(page["next"]).json()["incidents"]
    assert [row["urgency"] for row in rows] == ["critical", "critical", "urgent", "normal", "normal", "low"]
    dues = [row["standing"]["clocks"][0]["due_at"] for row in rows[:2]]
    assert dues == sorted(dues)
    assert page["counts"]["open"] >= 6
    assert desk.get("/v1/incidents?status=overdue").json()["incidents"] == []
    assert desk.get("/v1/incidents?status=soon").json()["incidents"] == []
    assert desk.get("/v1/incidents?status=open&cell=c02r00").status_code == 400
    assert desk.get("/v1/incidents?status=open&how=none").status_code == 400
    assert desk.get("/v1/incidents?status=open&after=nonsense").status_code == 400


def test_incidents_are_read_by_their_ids_as_the_queue_tells_them(desk: TestClient) -> None:
    keys = [
        report(desk, f"named {number}", 2, urgency=urgency, category="1802")["id"]
        for number, urgency in enumerate(["low", "critical", "normal"])
    ]
    desk.post(f"/v1/incidents/{keys[0]}/moves", json={"move": "void", "reason": "x"}).raise_for_status()
    nowhere = str(uuid4())
    told = desk.get("/v1/incidents", params={"id": [*keys, nowhere, keys[1]]}).json()
    rows = told["incidents"]
    assert [row["id"] for row in rows] == [keys[1], keys[2], keys[0]]  # those that have ended come as well
    assert [row["standing"]["status"] for row in rows] == ["reported", "reported", "void"]
    queued = desk.get("/v1/incidents?status=open&level=grid&cell=c02r00&category=1802").json()["incidents"]
    moving = ("standing",)  # its clocks go on from one question to the next
    assert [{k: v for k, v in row.items() if k not in moving} for row in rows[:2]] == [
        {k: v for k, v in row.items() if k not in moving} for row in queued
    ]
    for mixed in ("status=open", "how=none", "since=2026-01-01T00:00:00Z"):
        assert desk.get(f"/v1/incidents?id={keys[0]}&{mixed}").status_code == 400, mixed
    assert desk.get("/v1/incidents", params={"id": [str(uuid4()) for _ in range(101)]}).status_code == 400
    assert desk.get("/v1/incidents?id=7").status_code == 400


def test_what_runs_out_is_overdue_or_soon(desk: TestClient, service_database) -> None:
    late, soon = report(desk, "late", 3)["id"], report(desk, "soon", 3)["id"]
    move_clock = "update incident_life set arrive_due_at = {0}, next_due_at = {0} where incident_id = '{1}'"
    with service_database.writing() as connection:
        connection.exec_driver_sql(move_clock.format("now() - interval '1 second'", late))
        connection.exec_driver_sql(move_clock.format("now() + interval '50 seconds'", soon))
    for status, key in (("overdue", late), ("soon", soon)):
        found = desk.get(f"/v1/incidents?status={status}&level=grid&cell=c03r00").json()
        assert [row["id"] for row in found["incidents"]] == [key]
        assert found["counts"][status] == 1


def test_duplicates_are_proposed_and_merged_by_a_person_only(desk: TestClient) -> None:
    first = report(desk, "first", 1, category="0104")
    second = report(desk, "second", 1.02, category="0104")
    report(desk, "elsewhere", 1.4, category="0104")
    report(desk, "other thing", 1, category="0101")
    proposed = desk.get(f"/v1/incidents/{second['id']}/duplicates").json()
    assert [row["id"] for row in proposed["proposed"]] == [first["id"]]
    assert desk.get(f"/v1/incidents/{second['id']}").json()["standing"]["status"] == "reported"
    merged = post(desk, second, "duplicate", of=first["id"])
    assert (merged["status"], merged["duplicate_of"]) == ("void", first["id"])
    assert desk.get(f"/v1/incidents/{first['id']}/duplicates").json()["merged"] == [second["id"]]
    post(desk, first, "duplicate", 409, of=second["id"])
    post(desk, second, "duplicate", 422, of=second["id"])
    undone = desk.delete(f"/v1/incidents/{second['id']}/duplicate?reason=two+lamps").json()
    assert (undone["status"], undone["duplicate_of"]) == ("accepted", None)
    assert desk.delete(f"/v1/incidents/{second['id']}/duplicate").status_code == 409
    log = desk.get(f"/v1/incidents/{first['id']}/log").json()["log"]
    assert [line["move"] for line in log] == ["report", "merge", "unmerge"]
    post(desk, second, "duplicate", of=first["id"])
    assert post(desk, second, "moves", move="reopen", reason="no")["duplicate_of"] is None


def test_categories_are_the_towns_own(desk: TestClient, admin_key: str) -> None:
    lists = desk.get("/v1/categories")
    rows = lists.json()["categories"]
    assert {row["kind"] for row in rows} == {"component", "event"}
    assert desk.get("/v1/categories", headers={"If-None-Match": lists.headers["etag"]}).status_code == 304
    lead = {"Authorization": f"Bearer {admin_key}", "X-API-Key": "", "If-Match": lists.headers["etag"]}
    assert desk.put("/v1/categories", json={"categories": rows}).status_code == 403
    orphan = {"code": "x1", "parent_code": "x0", "kind": "event", "name_zh": "x", "name_en": "x"}
    assert desk.put("/v1/categories", json={"categories": [*rows, orphan]}, headers=lead).status_code == 422
    circle = [{**orphan, "code": "a", "parent_code": "b"}, {**orphan, "code": "b", "parent_code": "a"}]
    refused = desk.put("/v1/categories", json={"categories": circle}, headers=lead)
    assert [fault["field"] for fault in refused.json()["errors"]] == [
        "categories[0].parent_code", "categories[1].parent_code",
    ]  # fmt: skip
    fewer = [row for row in rows if row["code"] != "1904"] + [{**orphan, "parent_code": "19"}]
    done = desk.put("/v1/categories", json={"categories": fewer}, headers=lead)
    assert done.status_code == 200
    codes = {row["code"] for row in done.json()["categories"]}
    assert "x1" in codes
    assert "1904" not in codes
    assert report(desk, "retired", category="no such")["flags"][0]["flag"] == "category"


def test_access_times_are_a_setting(desk: TestClient, admin_key: str) -> None:
    now = desk.get("/v1/access-time")
    lead = {"Authorization": f"Bearer {admin_key}", "X-API-Key": "", "If-Match": now.headers["etag"]}
    done = desk.put("/v1/access-time", json=now.json() | {"stairs_up_s": 30}, headers=lead)
    assert done.json()["stairs_up_s"] == 30
    one = report(desk, "third floor", floor=3)
    assert desk.get(f"/v1/incidents/{one['id']}").json()["to_floor_s"] == 20 + 2 * 30
    assert desk.put("/v1/access-time", json={"door_s": -1}, headers=lead).status_code == 422


def test_workers_and_devices_do_not_run_the_desk(land: None, client: TestClient, key_of) -> None:
    for role in (Role.WORKER, Role.DEVICE, Role.LEADER):
        client.headers["X-API-Key"] = key_of(role)
        answer = client.post(
            f"/v1/incidents/{'0' * 8}-0000-0000-0000-{'0' * 12}/moves", json={"move": "accept"}
        )
        assert answer.status_code == 403
