"""The serving process is killed in the middle of an edit, a publication, a re-placement.

Where it is killed is no matter of chance: the test holds a lock that the work comes to, waits until it stands
there, and kills.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from shapely.geometry import shape

from geo_service.services.intake import take_in
from geo_service.services.jobs import state_of
from geo_service.services.tiling import Tilings
from geo_service.store import jobs
from geo_service.store.database import Database
from tests.faults.conftest import Serve, Serving
from tests.waiting import until

pytestmark = pytest.mark.postgis
Plan = dict[str, Any]


def count(database: Database, query: str) -> int:
    with database.reading() as connection:
        number: int = connection.exec_driver_sql(query).scalar_one()
    return number


@contextmanager
def in_the_way(database: Database, lock: str) -> Iterator[None]:
    """Hold what the work of the service comes to."""
    with database.writing() as connection:
        connection.exec_driver_sql(lock)
        yield


def until_it_waits(database: Database) -> None:
    """Wait until a session of the service stands before a lock."""
    waiting = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        " and datname = current_database()"
    )
    until(lambda: count(database, waiting) > 0)


def until_it_is_gone(database: Database) -> None:
    """Wait until PostgreSQL has noticed that the process is dead, and rolled its work back."""
    left = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and starts_with(application_name, 'geo_service')"
        " and state <> 'idle' and pid <> pg_backend_pid()"
    )
    until(lambda: count(database, left) == 0)


def begin(client: httpx.Client, method: str, url: str, **options: Any) -> threading.Thread:
    """Send a request of which no answer is expected."""

    def send() -> None:
        with suppress(httpx.TransportError):  # the other end dies
            client.request(method, url, **options)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def cells(client: httpx.Client, plan: Plan, level: str) -> dict[str, dict[str, Any]]:
    answer = client.get(f"/v1/plans/{plan['id']}/cells", params={"level": level, "limit": 5000})
    return {one["properties"]["code"]: one for one in answer.raise_for_status().json()["features"]}


def edit(client: httpx.Client, plan: Plan, verb: str, **arguments: Any) -> None:
    body = {"revision": plan["revision"], "verb": verb, "arguments": arguments}
    answer = client.post(f"/v1/plans/{plan['id']}/changes", json=body)
    assert answer.status_code == 200, answer.text
    plan["revision"] = answer.json()["revision"]


def opened(service: Serving) -> Plan:
    made: Plan = service.client.post("/v1/plans", json={"name": "中断"}).raise_for_status().json()
    return made


def ended(client: httpx.Client, job_id: int) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        if job["ended_at"]:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def test_killed_in_the_middle_of_an_edit(serve: Serve, database: Database) -> None:
    service = serve()
    plan = opened(service)
    grids = sorted(cells(service.client, plan, "grid"))
    arguments = {"cells": [["grid", grids[1]]], "into": ["grid", grids[0]]}
    body = {"revision": 0, "verb": "merge", "arguments": arguments}
    sent = {"json": body, "headers": {"Idempotency-Key": "once and for all"}}
    url = f"/v1/plans/{plan['id']}/changes"
    # everything is written, but for the entry in the audit
    with in_the_way(database, "lock table audit in exclusive mode"):
        thread = begin(service.client, "POST", url, **sent)
        until_it_waits(database)
        service.kill()
        thread.join(20)
    client = serve().client
    found = client.get(url).raise_for_status().json()
    assert (found["revision"], found["changes"]) == (0, [])
    assert sorted(cells(client, plan, "grid")) == grids
    assert count(database, "select count(*) from kept_answer where key = 'once and for all'") == 0
    # who got no answer sends the same again: it happens, and happens once
    answers = [client.post(url, **sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert len(client.get(url).json()["changes"]) == 1
    assert grids[1] not in cells(client, plan, "grid")


def test_the_answer_outlives_the_process(serve: Serve) -> None:
    service = serve()
    plan = opened(service)
    grid = min(cells(service.client, plan, "grid"))
    body = {"revision": 0, "verb": "rename", "arguments": {"cell": ["grid", grid], "name": "一次"}}
    sent = {"json": body, "headers": {"Idempotency-Key": "answered"}}
    url = f"/v1/plans/{plan['id']}/changes"
    first = service.client.post(url, **sent)
    service.kill()
    again = serve().client.post(url, **sent)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)


#: What the work comes to: the versions of cells, the placements of incidents, the entry in the audit.
PLACES = {
    "publication": "lock table cell_version in exclusive mode",
    "re-placement": "lock table placement in exclusive mode",
    "moment before the end": "lock table audit in exclusive mode",
}


@pytest.mark.parametrize("where", PLACES)
def test_killed_in_the_middle_of_a(serve: Serve, database: Database, where: str) -> None:
    service = serve()
    plan = opened(service)
    grids = sorted(cells(service.client, plan, "grid"))
    leaves = cells(service.client, plan, "micro_grid")
    pair = neighbours_of_one_grid(leaves)
    report(database, where, leaves[pair[1]])
    edit(service.client, plan, "merge", cells=[["micro_grid", pair[1]]], into=["micro_grid", pair[0]])
    before = sizes(database)
    with in_the_way(database, PLACES[where]):
        answer = service.client.post(
            f"/v1/plans/{plan['id']}/publish",
            json={"note": where, "supersede": True},
            headers={"If-Match": f'"{plan["revision"]}"', "Prefer": "respond-async"},
        )
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]
        until_it_waits(database)
        service.kill()
        # nothing of it is there, and nobody is at work on it
        assert sizes(database) == before
    until_it_is_gone(database)
    assert sizes(database) == before
    with database.reading() as connection:
        assert state_of(jobs.get(connection, job_id)) == "interrupted"

    client = serve().client
    job = ended(client, job_id)
    assert (job["state"], job["attempts"]) == ("done", 2), job
    assert job["result"]["incidents_placed"] >= 1
    assert count(database, "select count(*) from edition") == before["edition"] + 1
    found = client.get(f"/v1/plans/{plan['id']}").json()
    assert (found["status"], found["published_edition_id"]) == ("published", job["result"]["edition_id"])
    assert sorted(cells(client, plan, "grid")) == grids
    assert wrongly_placed(database) == 0
    assert told_of(database, found["published_edition_id"]) == 1


def sizes(database: Database) -> dict[str, int]:
    """Return how many rows there are of what a publication writes."""
    names = ("edition", "edition_span", "placement", "lineage", "cell", "cell_version")
    return {name: count(database, f"select count(*) from {name}") for name in names}


def told_of(database: Database, edition_id: int) -> int:
    """Return how many events tell of an edition."""
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select count(*) from outbox where topic = 'edition.published'"
            " and (payload->>'edition_id')::int = %s",
            (edition_id,),
        )
        return int(rows.scalar_one())


def neighbours_of_one_grid(leaves: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """Two micro-grids of one grid with a border in common."""
    for one, feature in sorted(leaves.items()):
        for other, beside in sorted(leaves.items()):
            same = feature["properties"]["parent_code"] == beside["properties"]["parent_code"]
            if one < other and same:
                border = shape(feature["geometry"]).intersection(shape(beside["geometry"]))
                if border.geom_type in {"LineString", "MultiLineString"} and border.length:
                    return one, other
    raise AssertionError("no grid has two micro-grids side by side")


def report(database: Database, name: str, leaf: dict[str, Any]) -> None:
    """Report incidents in a micro-grid: they will have to be placed anew."""
    place = shape(leaf["geometry"]).representative_point()
    rows = pd.DataFrame(
        {
            "source_id": [f"{name} {k}" for k in range(20)],
            "occurred_at": [datetime.now(UTC) + timedelta(hours=1)] * 20,  # while the new edition is in force
            "lon": [place.x] * 20,
            "lat": [place.y] * 20,
        }
    )
    take_in(database, Tilings(database), rows, source="faults", who="test")


def wrongly_placed(database: Database) -> int:
    """Incidents that have not just one placement in the edition in force when they happened."""
    return count(
        database,
        "select count(*) from incident join edition_span on valid_during @> occurred_at"
        " and upper_inf(recorded_during) where geom is not null and 1 <> ("
        "  select count(*) from placement where incident_id = incident.id"
        "  and since_edition <= edition_id and (until_edition is null or until_edition > edition_id))",
    )


def test_another_process_takes_the_job_over(serve: Serve, another: Serve, database: Database) -> None:
    first, second = serve(), another()
    plan = opened(first)
    edit(first.client, plan, "rename", cell=["grid", min(cells(first.client, plan, "grid"))], name="另一个")
    with in_the_way(database, "lock table cell_version in exclusive mode"):
        answer = first.client.post(
            f"/v1/plans/{plan['id']}/publish",
            json={"note": "x", "supersede": True},
            headers={"If-Match": f'"{plan["revision"]}"', "Prefer": "respond-async"},
        )
        until_it_waits(database)
        first.kill()  # it has the job, unless the other was quicker
    job = ended(second.client, answer.json()["id"])
    assert job["state"] == "done", job
    assert 1 <= job["attempts"] <= 2
    assert second.client.get(f"/v1/plans/{plan['id']}").json()["status"] == "published"
