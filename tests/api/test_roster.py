"""The roster over HTTP: registers with ETag and If-Match, the week, who covers a cell, vacancies, alarms."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from geo_service.store.database import Database
from tests.services.roster_places import create, put, settle

pytestmark = pytest.mark.postgis

MONDAY, NEXT = "2026-03-02T00:00+08:00", "2026-03-09T00:00+08:00"
SUNDAY_2AM = "2026-03-08T02:00+08:00"
WEEK = {"from": MONDAY, "to": NEXT}


@pytest.fixture(scope="module", autouse=True)
def _place(service_database: Database) -> None:
    settle(service_database)
    hours = {"start": "08:00", "end": "18:00", "weekdays": [1, 2, 3, 4, 5, 6]}
    put(service_database, "needs", code="worker", level="grid", role="grid_worker", **hours)
    night = {"start": "20:00", "end": "06:00"}
    put(service_database, "needs", code="police", level="grid", role="police", from_above=True, **night)
    put(service_database, "needs", code="guard", level="grid", role="guard", presence="held")
    windows = [{"weekdays": [1, 2], "start": "07:20", "end": "08:00", "holder": "W0"}]
    put(
        service_database,
        "posts",
        code="S",
        name="小学",
        kind="school",
        lon=118.004,
        lat=29.004,
        windows=windows,
    )
    away = {"start": "2026-03-03T00:00+08:00", "end": "2026-03-04T00:00+08:00"}
    create(service_database, "absences", responder="W0", kind="sick", **away)


@pytest.fixture
def dispatcher(client: TestClient, key_of: Callable[[Role], str]) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of(Role.DISPATCHER)}"
    return client


def read(client: TestClient, address: str, **query: Any) -> Any:
    answer = client.get(address, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_entry_is_written_changed_and_removed(dispatcher: TestClient) -> None:
    said = {"code": "T1", "name": "联勤", "members": [{"responder": "W1", "lead": True}]}
    made = dispatcher.put("/v1/teams/T1", json=said)
    assert made.status_code == 201
    assert made.headers["Location"] == "/v1/teams/T1"
    assert dispatcher.put("/v1/teams/T1", json=said).status_code == 200
    changed = {**said, "least": 2}
    assert dispatcher.put("/v1/teams/T1", json=changed).status_code == 428
    tag = made.headers["ETag"]
    assert dispatcher.put("/v1/teams/T1", json=changed, headers={"If-Match": tag}).status_code == 200
    stale = dispatcher.put("/v1/teams/T1", json=said, headers={"If-Match": tag})
    assert stale.status_code == 412
    assert stale.headers["content-type"].startswith("application/problem+json")
    tag = dispatcher.get("/v1/teams/T1").headers["ETag"]
    assert dispatcher.delete("/v1/teams/T1", headers={"If-Match": tag}).status_code == 204
    assert dispatcher.get("/v1/teams/T1").status_code == 404


def test_what_is_posted_twice_with_one_key_is_there_once(dispatcher: TestClient) -> None:
    said = {"responder": "W2", "start": "2026-05-01T08:00+08:00", "end": "2026-05-01T12:00+08:00"}
    answers = [dispatcher.post("/v1/shifts", json=said, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    listed = read(dispatcher, "/v1/shifts", responder="W2", **{"from": "2026-05-01T00:00Z"})
    assert [one["id"] for one in listed["entries"]] == [answers[0].json()["id"]]
    clash = dispatcher.post("/v1/shifts", json=said)
    assert clash.status_code == 409
    assert "班次" in clash.json()["detail_zh"]


def test_lists_go_page_by_page(dispatcher: TestClient) -> None:
    seen, after = [], None
    while True:
        query = {"limit": 3, **({"after": after} if after else {})}
        page = read(dispatcher, "/v1/responders", **query)
        seen += [one["code"] for one in page["entries"]]
        after = page["next"]
        if after is None:
            break
    assert seen == sorted(["P", *(f"W{n}" for n in range(6))])
    assert all("phone" not in one for one in page["entries"])


def test_telephones_are_for_who_calls(client: TestClient, key_of: Callable[[Role], str]) -> None:
    address = "/v1/responders/W1/contact"
    as_role = lambda role: {"Authorization": f"Bearer {key_of(role)}"}  # noqa: E731
    number = {"phone": "0570-1234567"}
    assert client.put(address, json=number, headers=as_role(Role.DISPATCHER)).status_code == 200
    assert client.get(address, headers=as_role(Role.DISPATCHER)).json()["phone"] == "0570-1234567"
    for role in (Role.LEADER, Role.PLANNER, Role.WORKER):
        assert client.get(address, headers=as_role(role)).status_code == 403
    for path in ("/v1/responders/W1", "/v1/roster", "/v1/cells/c00r00/on-duty"):
        told = client.get(path, params=WEEK if path == "/v1/roster" else {}, headers=as_role(Role.DISPATCHER))
        assert told.status_code == 200
        assert "1234567" not in told.text
    assert client.get("/v1/roster", params=WEEK, headers=as_role(Role.WORKER)).status_code == 403
    need = {"code": "x", "level": "grid", "role": "r"}
    refused = client.put("/v1/staffing-needs/x", json=need, headers=as_role(Role.DISPATCHER))
    assert refused.status_code == 403


def test_the_week_of_a_community(dispatcher: TestClient) -> None:
    week = read(dispatcher, "/v1/roster", cell="row00", **WEEK)
    people = {one["code"]: one for one in week["people"]}
    assert sorted(people) == ["P", "W0", "W2", "W4"]
    # five days less the one he is ill, and the post before work
    starts = [one["start"] for one in people["W0"]["shifts"] if one["from"] == "rota"]
    assert len(starts) == 4
    assert [one["post"]["code"] for one in people["W0"]["shifts"] if one["from"] == "window"] == ["S"]
    assert [one["kind"] for one in people["W0"]["absences"]] == ["sick"]
    (post,) = week["posts"]
    assert [bool(one["empty"]) for one in post["openings"]] == [False, True]
    assert read(dispatcher, "/v1/roster", q="of W4", **WEEK)["people"][0]["code"] == "W4"
    assert dispatcher.get("/v1/roster", params={"from": NEXT, "to": MONDAY}).status_code == 422


def test_who_covers_a_cell_on_sunday_at_two(dispatcher: TestClient) -> None:
    cover = read(dispatcher, "/v1/cells/c00r00/on-duty", at=SUNDAY_2AM)
    assert cover["covered_by"] == "above"
    assert [one["code"] for one in cover["above"][0]["people"]] == ["P"]
    assert not cover["own"]
    cover = read(dispatcher, "/v1/cells/c00r01/on-duty", at=SUNDAY_2AM)
    assert cover["covered_by"] is None
    cover = read(dispatcher, "/v1/cells/c00r00/on-duty", at="2026-03-03T09:00+08:00")
    assert cover["covered_by"] == "neighbours"
    beside = {one["cell"]["code"] for one in cover["neighbours"]}
    assert beside == {"c01r00", "c00r01", "c01r01"}


def test_vacancies_and_alarms(dispatcher: TestClient) -> None:
    lack = read(dispatcher, "/v1/vacancies", cell="row00", **WEEK)
    mine = [one for one in lack["vacancies"] if one["cell"]["code"] == "c00r00"]
    worker = [(one["start"], one["end"]) for one in mine if one["need"] == "worker"]
    assert worker == [  # ill on Tuesday, and nobody works on Saturday
        ("2026-03-03T00:00:00+00:00", "2026-03-03T10:00:00+00:00"),
        ("2026-03-07T00:00:00+00:00", "2026-03-07T10:00:00+00:00"),
    ]
    assert not [one for one in mine if one["need"] == "police"]
    hours = next(one for one in lack["cells"] if one["code"] == "c00r00")["lacking"]
    assert (len(hours), hours[9], hours[24 + 9]) == (168, 0, 1)
    assert [one["presence"] for one in mine if one["need"] == "guard"] == ["held"]
    assert [one["start"] for one in lack["posts"]] == ["2026-03-02T23:10:00+00:00"]
    alarms = read(dispatcher, "/v1/alarms", at="2026-03-03T07:12+08:00", cell="c00r00")["alarms"]
    assert [(one["kind"], one["now"]) for one in alarms] == [("post_empty", True), ("cell_unmanned", False)]


def test_a_holder_seen_elsewhere_is_an_alarm(dispatcher: TestClient, service_database: Database) -> None:
    with service_database.writing() as connection:
        connection.exec_driver_sql(
            "insert into position_latest (responder_id, at, lon, lat)"
            " select id, '2026-03-02T07:14+08:00', 118.014, 29.004 from responder where code = 'W0'"
        )
    alarms = read(dispatcher, "/v1/alarms", at="2026-03-02T07:15+08:00", ahead_min=0, cell="row00")["alarms"]
    (away,) = [one for one in alarms if one["kind"] == "post_holder_away"]
    assert away["who"]["code"] == "W0"
    assert 960 < away["distance_m"] < 985


def test_a_position_is_believed_as_long_as_the_desk_says(
    dispatcher: TestClient, service_database: Database, app: FastAPI
) -> None:
    with service_database.writing() as connection:
        connection.exec_driver_sql(
            "insert into position_latest (responder_id, at, lon, lat)"
            " select id, '2026-03-02T07:07+08:00', 118.014, 29.004 from responder where code = 'W0'"
            " on conflict (responder_id) do update set at = excluded.at"
        )
    desks = app.state.parts.desk.desks

    def away() -> list[str]:
        found = read(dispatcher, "/v1/alarms", at="2026-03-02T07:15+08:00", ahead_min=0, cell="row00")
        return [one["who"]["code"] for one in found["alarms"] if one["kind"] == "post_holder_away"]

    assert away() == []  # eight minutes old
    version = desks.read().version
    desks.set({"fresh_fix_s": 600}, after=version, who="test")
    try:
        assert away() == ["W0"]
    finally:
        desks.set({}, after=version + 1, who="test")


def test_a_key_for_a_part_sees_that_part(client: TestClient, service_database: Database) -> None:
    _, key = identity.issue(
        service_database, "desk of row00", Role.DISPATCHER, by="test", cells=["community:row00"]
    )
    client.headers["Authorization"] = f"Bearer {key}"
    week = read(client, "/v1/roster", **WEEK)
    assert {one["code"] for one in week["people"]} == {"P", "W0", "W2", "W4"}
    lack = read(client, "/v1/vacancies", **WEEK)
    assert {one["cell"]["code"] for one in lack["vacancies"]} == {"c00r00", "c01r00", "c02r00"}
    assert client.get("/v1/roster", params={**WEEK, "cell": "row01"}).status_code == 403
    assert client.get("/v1/cells/c00r01/on-duty").status_code == 403
    assert client.get("/v1/cells/c00r00/on-duty").status_code == 200
