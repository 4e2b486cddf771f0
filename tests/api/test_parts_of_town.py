"""Keys for a part of the town, on every route there is: nobody and nothing of another part is named.

The town has four communities, a row of cells each. The key is for row 1. Everything of another row has
``strange`` in its code and name, or a cell of another row.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from geo_service.api.app import ROUTERS
from geo_service.api.parts_of_town import ALIKE, NARROWED, WHOLE_TOWN, require_open
from geo_service.api.routes import events
from geo_service.errors import ForbiddenError
from geo_service.model import Role
from geo_service.planning.sign_boards import SignBoard
from geo_service.services import desk, dispatching, identity
from geo_service.store import jobs, sign_boards
from geo_service.store.database import Database
from geo_service.store.dispatches import Sending
from geo_service.store.jobs import MadeFile
from tests.api.test_intake_doors import png
from tests.services import desk_town
from tests.services.places import middle, square

pytestmark = pytest.mark.postgis

OWN, OTHER = "c01r01", "c02r03"
FOREIGN_CELL = re.compile(r"c\d\dr0[023]|row0[023]")
NOW = datetime.now(UTC).replace(microsecond=0)
SPAN = {"from": (NOW - timedelta(days=2)).isoformat(), "to": (NOW + timedelta(days=2)).isoformat()}
#: What must be said besides the address.
QUERIES: dict[str, dict[str, Any]] = {
    "/v1/cells": {"level": "grid"},
    "/v1/coverage": {"at": NOW.isoformat()},
    "/v1/coverage/cells": {"at": NOW.isoformat(), "level": "grid"},
    "/v1/figures/attainment": {**SPAN, "level": "grid"},
    "/v1/figures/cells": {"level": "grid"},
    "/v1/figures/incidents": {**SPAN, "level": "grid", "by": "category"},
    "/v1/figures/response": {**SPAN, "level": "grid", "by": "cell"},
    "/v1/isochrones": {"place": ",".join(map(str, middle(1, 1))), "minutes": "20"},
    "/v1/lead/cells": {"level": "grid", "reading": "overdue"},
    "/v1/lead/week": {"level": "grid"},
    "/v1/lead/patrols": {"level": "grid"},
    "/v1/lead/card": {"cell": OWN},
    "/v1/lead/figures": {"from": f"{NOW - timedelta(days=2):%F}", "to": f"{NOW:%F}"},
    "/v1/locate": {"lon": middle(1, 1)[0], "lat": middle(1, 1)[1], "detail": "true"},
    "/v1/nearest": {"lon": middle(1, 1)[0], "lat": middle(1, 1)[1], "k": 20},
    "/v1/incidents/{incident_id}/candidates": {"k": 20},
    "/v1/roster": SPAN,
    "/v1/addresses": {"q": "strange"},
    "/v1/events": {"after": 0},
    "/v1/reports/monthly": {"month": f"{NOW:%Y-%m}", "cell": "row01", "format": "json"},
    "/v1/sign-boards/sheets": {"cell": "row01"},
}


class Part:
    """Names for the path of an address, for one part of the town."""

    def __init__(self, row: int, who: str) -> None:
        self.row, self.who = row, who
        self.cell = f"c01r0{row}"
        self.ids: dict[str, Any] = {}

    def address(self, pattern: str) -> str:
        """Fill the names into a pattern."""
        values = {
            "incident_id": self.ids["incident"],
            "dispatch_id": self.ids["dispatch"],
            "job_id": self.ids["job"],
            "escalation_id": self.ids["escalation"],
            "sha256": self.ids["photo"],
            "code": self.who if "candidates" in pattern else self.cell,
            "key": self.ids.get(pattern.removeprefix("/v1/").partition("/")[0], self.who),
            "edition": 1,
            "level": "grid",
            "z": 0,
            "x": 0,
            "y": 0,
        }
        return re.sub(r"{(\w+)}", lambda found: str(values[found[1]]), pattern)


@pytest.fixture(scope="module")
def town(app: FastAPI, admin_key: str) -> dict[str, Any]:
    """The same in both parts: people, roster, incidents sent to and overdue, cards, boards, photos."""
    parts = app.state.parts
    database = parts.database
    tilings = desk_town.build(database)
    own, other = Part(1, "own-1"), Part(0, "strange-1")
    staff = [(own, "own-1", "c01r01"), (own, "own-2", "c02r01"), (own, "own-3", "c03r01")]
    staff += [(other, "strange-1", "c01r00"), (other, "strange-2", "c02r00"), (other, "strange-3", "c03r00")]
    ids = desk_town.employ(
        database,
        [{"code": who, "cell": cell, "at": desk_town.corner(1, part.row)} for part, who, cell in staff],
    )
    desk_town.put_on_duty(database, list(ids.values()))
    client = TestClient(app, headers={"X-API-Key": admin_key}, base_url="http://127.0.0.1:8000")
    for part in (own, other):
        _fill(client, database, tilings, part, ids)
    with database.writing() as connection:
        boards = [
            SignBoard(
                f"{p}-board",
                ("grid", f"c01r0{r}"),
                "grid",
                middle(1, r),
                f"{p} name",
                f"{p} owner",
                "r",
                None,
                1,
                square(1, r),
            )
            for r, p in ((1, "own"), (0, "strange"))
        ]
        sign_boards.replace(connection, boards)
    phone, phone_key = identity.issue(database, "p", Role.WORKER, by="t", cells=["community:row01"])
    desk.link(database, phone.id, "own-2", by="t")
    keys = {
        role: identity.issue(database, f"part {role}", role, by="t", cells=["community:row01"])[1]
        for role in (Role.ADMIN, Role.LEADER)
    }
    return {"own": own, "other": other, "keys": keys | {Role.WORKER: phone_key}, "ids": ids}


def _fill(client: TestClient, database: Any, tilings: Any, part: Part, ids: dict[str, int]) -> None:
    row, prefix = part.row, part.who.partition("-")[0]
    lon, lat = middle(1, row)
    late = desk_town.report(database, tilings, f"{prefix} late", (lon, lat), address=f"{prefix} road")
    sent = desk_town.report(database, tilings, f"{prefix} sent", middle(2, row))
    (one,) = dispatching.send(database, sent, [Sending(ids[f"{prefix}-2"], lead=True)], who="desk")
    with database.writing() as connection:
        connection.execute(
            text("""update incident_life set reported_at = :start, arrive_due_at = :start + interval '5 min'
                where incident_id = :key"""),
            {"start": NOW - timedelta(minutes=30), "key": late},
        )

    def done(answer: Any) -> Any:
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    whistle = done(client.post(f"/v1/incidents/{late}/whistles", json={"words": f"{prefix} come"}))
    photo = done(client.post(f"/v1/incidents/{late}/photos", files={"file": ("a.png", png(prefix.encode()))}))
    code = f"{prefix}-post"
    window = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "start": "00:00", "end": "23:59", "holder": f"{prefix}-3"}
    post = {"code": code, "name": code, "kind": "school", "lon": lon, "lat": lat, "windows": [window]}
    done(client.put(f"/v1/posts/{code}", json=post))
    station = f"{prefix}-station"
    said = {"code": station, "name": station, "kind": "police", "lon": lon, "lat": lat}
    done(client.put(f"/v1/stations/{station}", json=said))
    team = {"code": f"{prefix}-team", "name": f"{prefix} team", "kind": "patrol"}
    team["members"] = [{"responder": f"{prefix}-1", "lead": True}, {"responder": f"{prefix}-2"}]  # type: ignore[assignment]
    done(client.put(f"/v1/teams/{prefix}-team", json=team))
    rota = {"responder": part.who, "lines": [{"weekdays": [1], "start": "03:00", "end": "03:30"}]}
    tag = client.get(f"/v1/rotas/{part.who}").headers["etag"]
    done(client.put(f"/v1/rotas/{part.who}", json=rota, headers={"If-Match": tag}))
    begin, end = (NOW + timedelta(days=1, hours=h) for h in (0, 1))
    leave = {"responder": part.who, "kind": "leave", "start": begin.isoformat(), "end": end.isoformat()}
    absence = done(client.post("/v1/absences", json=leave | {"note": f"{prefix} note"}))
    begin, end = (NOW + timedelta(days=2, hours=h) for h in (2, 3))
    shift = done(
        client.post(
            "/v1/shifts",
            json={"responder": part.who, "start": begin.isoformat(), "end": end.isoformat()},
        )
    )
    duties = done(client.get("/v1/duties", params={"responder": part.who}))["entries"]
    done(client.put(f"/v1/responders/{part.who}/contact", json={"phone": "0570 1"}))
    fix = {"responder": f"{prefix}-1", "at": NOW.isoformat(), "lon": lon, "lat": lat}
    done(client.post("/v1/positions", json={"fixes": [fix]}))
    part.ids = {
        "incident": late,
        "sent": sent,
        "dispatch": one.id,
        "escalation": whistle["id"],
        "photo": photo["sha256"],
        "posts": code,
        "stations": station,
        "teams": f"{prefix}-team",
        "absences": absence["id"],
        "shifts": shift["id"],
        "duties": duties[0]["id"],
        "job": _job(database, f"part {Role.ADMIN}" if prefix == "own" else "strange key"),
    }


def _job(database: Database, who: str) -> int:
    """Return a job that somebody asked for, which has ended with a file."""
    with database.writing() as connection:
        job_id: int = connection.execute(
            text("""insert into job (kind, state, arguments, who)
                values ('monthly_report', 'running', '{}', :who) returning id"""),
            {"who": who},
        ).scalar_one()
        jobs.finish(connection, job_id, 0, {}, made=MadeFile("report.csv", "text/csv", who.encode()))
    return job_id


@pytest.fixture
def confined(town: dict[str, Any], client: TestClient) -> Iterator[TestClient]:
    client.headers["X-API-Key"] = town["keys"][Role.ADMIN]
    return client


def declared() -> dict[str, Any]:
    """Every route that takes credentials, by method and pattern."""
    return {
        f"{method} {route.path}": route
        for router in ROUTERS
        for route in router.routes
        if not route.access.public
        for method in route.methods
    }


def test_every_route_says_what_a_key_for_a_part_sees_of_it() -> None:
    """A new route must be entered in geo_service/api/parts_of_town.py: until then it is shut to such keys."""
    said = [*NARROWED, *ALIKE, *WHOLE_TOWN]
    assert len(said) == len(set(said))
    assert set(declared()) == set(said), "say in api/parts_of_town.py what a key for a part sees of it"
    with pytest.raises(ForbiddenError):
        require_open("GET", "/v1/what-somebody-adds-tomorrow")


READING = sorted(route for route in (*NARROWED, *ALIKE) if route.startswith("GET"))


@pytest.mark.parametrize("route", READING)
def test_nothing_of_another_part_comes_back(
    route: str,
    town: dict[str, Any],
    confined: TestClient,
    app: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "LASTS_S", 0.5)
    pattern = route.removeprefix("GET ")
    own, other = town["own"], town["other"]
    if pattern in {"/v1/own-work", "/v1/own-work/way", "/v1/own-week", "/worker"}:
        confined.headers["X-API-Key"] = town["keys"][Role.WORKER]
    app.state.parts.open_maps = False
    query = QUERIES.get(pattern, {})
    if pattern == "/v1/premises/{code}" or pattern.startswith(("/v1/calendars/{", "/v1/staffing-needs/{")):
        assert confined.get(own.address(pattern)).status_code == 404
        return
    answer = confined.get(own.address(pattern), params=query)
    assert answer.status_code == 200, answer.text
    check(route, answer.content.decode(errors="replace"), town)
    if "{" in pattern and route in NARROWED:
        refused = confined.get(other.address(pattern), params=query)
        assert refused.status_code in {403, 404}, refused.text
        check(route, refused.text.replace(other.address(pattern), ""), town, of_refusal=True)


#: Routes that look the key up themselves, since their refusals have a shape of their own.
LOOKED_UP_INSIDE = [
    "/open311/v2/requests.{kind}",
    "/open311/v2/requests/{key}.{kind}",
    "/open311/v2/tokens/{token}.{kind}",
]


def test_every_route_that_looks_the_key_up_itself_is_walked() -> None:
    """Of the public routes those that take a key in the query; what answers nobody in particular does not."""
    taking = {
        route.path
        for router in ROUTERS
        for route in router.routes
        if "GET" in route.methods and route.access.public
        if any(one.name == "api_key" for one in route.dependant.query_params)
    }
    assert taking == set(LOOKED_UP_INSIDE)


@pytest.mark.parametrize("pattern", LOOKED_UP_INSIDE)
@pytest.mark.parametrize("kind", ["json", "xml"])
def test_nothing_of_another_part_comes_back_where_the_key_is_looked_up_inside(
    pattern: str, kind: str, town: dict[str, Any], client: TestClient
) -> None:
    def ask(part: Part, key: str) -> Any:
        names = {"kind": kind, "key": part.ids["incident"], "token": part.ids["incident"]}
        return client.get(pattern.format(**names), params={"api_key": key} if key else {})

    key = town["keys"][Role.LEADER]
    answer = ask(town["own"], key)
    assert answer.status_code == 200, answer.text
    assert str(town["own"].ids["incident"]) in answer.text
    check(pattern, answer.text, town)
    if "{key}" in pattern or "{token}" in pattern:
        assert ask(town["other"], key).status_code == 404
    assert ask(town["own"], "").status_code == 403


def check(route: str, body: str, town: dict[str, Any], *, of_refusal: bool = False) -> None:
    """Fail where a text names a person, an incident or, if it is no list of boundaries, a cell elsewhere."""
    foreign = [str(town["other"].ids[name]) for name in ("incident", "sent", "photo")]
    assert not [one for one in foreign if one in body and not of_refusal], (route, body)
    if not of_refusal:
        assert "strange" not in body, (route, body)
    if ALIKE.get(route) != "boundaries are public":
        assert not FOREIGN_CELL.search(body), (route, FOREIGN_CELL.findall(body), body)


#: Lists in which something of one's own must stand: they are narrowed, not empty.
OWN_IN = {
    "/v1/incidents": "own road",
    "/v1/board": "own-1",
    "/v1/nearest": "own-1",
    "/v1/incidents/{incident_id}/candidates": "own-1",
    "/v1/dispatches": "own-2",
    "/v1/escalations": "own come",
    "/v1/responders": "own-3",
    "/v1/duties": "c03r01",
    "/v1/rotas": "03:30",
    "/v1/shifts": "own-1",
    "/v1/absences": "own note",
    "/v1/posts": "own-post",
    "/v1/stations": "own-station",
    "/v1/teams": "own-team",
    "/v1/roster": "own-2",
    "/v1/cells/{code}/on-duty": "own-2",
    "/v1/sign-boards": "own owner",
    "/v1/figures/incidents": "c02r01",
    "/v1/figures/response": "c02r01",
    "/v1/figures/attainment": "c01r01",
    "/v1/figures/cells": "c05r01",
    "/v1/coverage/cells": "c05r01",
    "/v1/incidents/{incident_id}/breach": "own-1",
}


@pytest.mark.parametrize("pattern", OWN_IN)
def test_what_is_its_own_is_there(pattern: str, town: dict[str, Any], confined: TestClient) -> None:
    answer = confined.get(town["own"].address(pattern), params=QUERIES.get(pattern, {}))
    assert OWN_IN[pattern] in answer.text, answer.text


def test_events_are_those_of_its_incidents(
    town: dict[str, Any], confined: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LASTS_S", 0.5)
    heard = ""
    for _ in range(20):  # the relay puts them in order in a thread of its own
        heard = confined.get("/v1/events", params={"after": 0}).text
        if heard.count("incident.reported") == 2:
            break
    assert str(town["own"].ids["incident"]) in heard
    assert "roster.changed" in heard
    assert "own-post" not in heard  # whose entry it was is not told


def test_writes_outside_are_refused(town: dict[str, Any], confined: TestClient) -> None:
    own, other = town["own"], town["other"]
    lon, lat = middle(1, 0)
    begin, end = ((NOW + timedelta(days=5, hours=h)).isoformat() for h in (0, 1))
    shift = {"responder": "strange-1", "start": begin, "end": end}
    post = {"code": "own-post", "name": "n", "kind": "school", "lon": lon, "lat": lat}
    member = {"responder": "strange-1", "lead": True}
    tries = [
        ("POST", "/v1/shifts", shift),
        ("POST", "/v1/shifts", shift | {"responder": "own-1", "post": "strange-post"}),
        ("PUT", f"/v1/shifts/{other.ids['shifts']}", shift | {"responder": "own-1"}),
        ("POST", "/v1/absences", shift | {"responder": "own-1", "substitute": "strange-1", "kind": "swap"}),
        ("POST", "/v1/duties", {"responder": "own-1", "level": "grid", "cell": OTHER, "role": "grid_worker"}),
        ("POST", "/v1/duties", {"responder": "strange-1", "level": "grid", "cell": OWN, "role": "x"}),
        ("PUT", "/v1/posts/own-post", post),
        ("PUT", "/v1/posts/new-post", post | {"code": "new-post"}),
        ("PUT", "/v1/stations/new", {"code": "new", "name": "n", "kind": "k", "lon": lon, "lat": lat}),
        ("PUT", "/v1/teams/own-team", {"code": "own-team", "name": "n", "kind": "k", "members": [member]}),
        ("PUT", "/v1/responders/somebody", {"code": "somebody", "name": "n", "role": "grid_worker"}),
        ("DELETE", "/v1/responders/strange-1", None),
        ("DELETE", "/v1/posts/strange-post", None),
        ("PUT", "/v1/calendars/c", {"code": "c", "name": "n"}),
        ("POST", f"/v1/incidents/{own.ids['incident']}/dispatches", {"lead": "strange-1"}),
        ("POST", f"/v1/incidents/{own.ids['incident']}/dispatches", {"team": "strange-team"}),
        ("POST", f"/v1/dispatches/{own.ids['dispatch']}/hand-over", {"to": "strange-1"}),
        (
            "POST",
            "/v1/positions",
            {"fixes": [{"responder": "strange-1", "at": NOW.isoformat(), "lon": lon, "lat": lat}]},
        ),
        ("POST", "/v1/keys", {"name": "k", "role": "admin"}),
        ("POST", "/v1/plans", {"name": "plan"}),
    ]
    for method, address, body in tries:
        headers = {"If-Match": "*"} if method != "POST" else {}
        answer = confined.request(method, address, json=body, headers=headers)
        assert answer.status_code == 403, (method, address, answer.status_code, answer.text)
        assert "密钥" in answer.json()["detail_zh"] or "区域" in answer.json()["detail_zh"]
    read = confined.get(f"/v1/figures/cells?level=community").json()["cells"]  # noqa: F541
    assert [one["code"] for one in read] == ["row01"]


def test_who_holds_duties_elsewhere_too_is_not_taken_away(
    town: dict[str, Any], confined: TestClient, admin_key: str
) -> None:
    duty = {"responder": "own-3", "level": "grid", "cell": OTHER, "role": "helper"}
    whole = {"X-API-Key": admin_key}
    made = confined.post("/v1/duties", json=duty, headers=whole)
    assert made.status_code == 201
    refused = confined.delete("/v1/responders/own-3", headers={"If-Match": "*"})
    assert refused.status_code == 403, refused.text
    week = confined.get("/v1/roster", params=SPAN).text
    assert OTHER not in week
    tag = made.headers["etag"]
    address = f"/v1/duties/{made.json()['id']}"
    assert confined.delete(address, headers=whole | {"If-Match": tag}).status_code == 204


def test_a_change_of_the_roster_is_seen_by_the_next_question(
    town: dict[str, Any], confined: TestClient
) -> None:
    """Somebody goes on leave now: he is no candidate any more, without a wait."""
    address = f"/v1/incidents/{town['own'].ids['incident']}/candidates"

    def named() -> set[str]:
        return {one["responder"] for one in confined.get(address, params={"k": 20}).json()["candidates"]}

    assert "own-1" in named()
    begin, end = ((NOW + timedelta(hours=h)).isoformat() for h in (-1, 2))
    leave = {"responder": "own-1", "kind": "leave", "start": begin, "end": end}
    made = confined.post("/v1/absences", json=leave)
    assert made.status_code == 201, made.text
    assert "own-1" not in named()
    away = confined.delete(f"/v1/absences/{made.json()['id']}", headers={"If-Match": made.headers["etag"]})
    assert away.status_code == 204
    assert "own-1" in named()


def test_a_helper_from_elsewhere_is_seen_where_he_is_sent(
    town: dict[str, Any], confined: TestClient, app: FastAPI
) -> None:
    """A desk for the whole town sends somebody across the line: the part sees who comes, and where he is."""
    parts = app.state.parts
    key = town["own"].ids["incident"]
    (one,) = dispatching.send(parts.database, key, [Sending(town["ids"]["strange-3"], lead=True)], who="desk")
    parts.desk.changed()
    people = {each["responder"]: each for each in confined.get("/v1/board").json()["people"]}
    assert people["strange-3"]["incident_id"] == str(key)
    assert set(people) == {"own-1", "own-2", "own-3", "strange-3"}
    dispatching.cancel(parts.database, one.id, who="desk", reason="test")
    parts.desk.changed()
    (two,) = dispatching.send(
        parts.database, town["other"].ids["incident"], [Sending(town["ids"]["own-1"], lead=True)], who="desk"
    )
    parts.desk.changed()
    people = {each["responder"]: each for each in confined.get("/v1/board").json()["people"]}
    assert (people["own-1"]["state"], people["own-1"]["incident_id"]) == ("sent", None)
    dispatching.cancel(parts.database, two.id, who="desk", reason="test")
    parts.desk.changed()
