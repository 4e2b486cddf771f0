"""Keys for a part of the town: its incidents and no others, in every list and behind every address."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from geo_service.model import Level, Role
from geo_service.services import dispatching, identity
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from geo_service.store import boundaries, scopes
from geo_service.store.dispatches import Sending
from geo_service.store.tables import incident
from tests.services import desk_town
from tests.services.places import grid, middle, table

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def made(app: FastAPI) -> dict[str, Any]:
    """A town of four communities (a row of cells each), one incident in each cell and one nowhere."""
    parts = app.state.parts
    tilings = desk_town.build(parts.database)
    ids = desk_town.employ(parts.database, [{"code": "w1", "at": desk_town.corner(0, 0)}])
    desk_town.put_on_duty(parts.database, list(ids.values()))
    keys: dict[Any, UUID] = {
        (column, row): desk_town.report(parts.database, tilings, f"{column} {row}", middle(column, row))
        for column in range(3)
        for row in range(4)
    }
    keys["nowhere"] = desk_town.report(parts.database, tilings, "nowhere", (np.nan, np.nan))
    (sent,) = dispatching.send(parts.database, keys[1, 1], [Sending(ids["w1"], lead=True)], who="desk")
    scope = {row: parts.tilings.get().id_of_cell("community", f"row0{row}") for row in range(4)}
    return {"parts": parts, "incidents": keys, "sent": sent.id, "scope": scope}


def key_for(made: dict[str, Any], *rows: int, role: Role = Role.DISPATCHER) -> str:
    cells = [f"community:row0{row}" for row in rows]
    name = f"key {datetime.now(UTC).timestamp()}"
    return identity.issue(made["parts"].database, name, role, by="t", cells=cells)[1]


@pytest.fixture
def township(made: dict[str, Any], client: TestClient) -> Iterator[TestClient]:
    client.headers["X-API-Key"] = key_for(made, 1)
    return client


def listed(client: TestClient, **query: object) -> set[str]:
    answer = client.get("/v1/incidents", params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    return {one["id"] for one in answer.json()["incidents"]}


def named(client: TestClient, keys: list[str]) -> list[str]:
    answer = client.get("/v1/incidents", params={"id": keys})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["incidents"]]


def test_lists_and_their_counts_hold_its_own_incidents_only(
    made: dict[str, Any], township: TestClient
) -> None:
    own = {str(made["incidents"][column, 1]) for column in range(3)}
    assert listed(township) == own
    assert listed(township, status="open") == own
    assert listed(township, status="unlocated") == set()
    assert township.get("/v1/incidents?status=open").json()["counts"]["open"] == 3
    everybodys = [str(key) for key in made["incidents"].values()]
    assert set(named(township, everybodys)) == own
    page = township.get("/v1/dispatches").json()["dispatches"]
    assert [one["id"] for one in page] == [made["sent"]]
    township.headers["X-API-Key"] = key_for(made, 0, 2)
    assert listed(township) == {str(made["incidents"][c, r]) for c in range(3) for r in (0, 2)}
    assert township.get("/v1/dispatches").json()["dispatches"] == []
    assert township.get(f"/v1/dispatches/{made['sent']}").status_code == 404


def test_every_address_of_another_part_is_not_there(
    made: dict[str, Any], app: FastAPI, township: TestClient
) -> None:
    """All routes with an incident or a dispatch in the path, those to come as well."""
    other = str(made["incidents"][0, 0])
    township.headers["X-API-Key"] = key_for(made, 0)
    known = {"incident_id": str(made["incidents"][1, 1]), "dispatch_id": str(made["sent"])}
    tried = 0
    for path, operations in app.openapi()["paths"].items():
        if not any("{" + name + "}" in path for name in known):
            continue
        address = path
        for name, value in {**known, "sha256": "0" * 64, "code": "w1"}.items():
            address = address.replace("{" + name + "}", value)
        for method in operations:
            answer = township.request(method, address, json={})
            assert answer.status_code in {403, 404}, (method, address, answer.text)
            tried += 1
    assert tried > 15
    assert township.get(f"/v1/incidents/{other}").status_code == 200
    merge = township.post(f"/v1/incidents/{other}/duplicate", json={"of": str(made["incidents"][1, 1])})
    assert merge.status_code == 404
    assert township.get(f"/v1/incidents/{made['incidents']['nowhere']}").status_code == 404


def test_both_conditions_say_the_same_after_a_redraw_too(made: dict[str, Any]) -> None:
    """Downwards for lists, upwards for one. Who held the cell and who holds it now both see its incidents."""
    parts, keys = made["parts"], made["incidents"]
    cells = grid(desk_town.COLUMNS, desk_town.ROWS)
    parents = {code: f"row{code[-2:]}" for code in cells} | {"c02r02": "row03"}
    accept = frozenset({"child_outside_parent"})
    redrawn = BoundaryImport(table(cells, parents), "grid", "community", accept=accept)
    draft = draft_import(redrawn, parts.tilings.get(), levels(parts))
    publish(parts.database, parts.tilings, draft, who="t", note="")
    want = {row: {keys[column, row] for column in range(3)} for row in range(4)}
    want[3].add(keys[2, 2])
    with parts.database.reading() as connection:
        for row, cell_id in made["scope"].items():
            below = select(incident.c.id).where(scopes.placed_within(incident.c.id, {cell_id}))
            inside = set(connection.execute(below).scalars())
            assert inside == scopes.seen(connection, {cell_id}, list(keys.values())) == want[row]
        everything = connection.execute(select(incident.c.id).where(scopes.placed_within(incident.c.id, ())))
        assert set(everything.scalars()) == set(keys.values())


def levels(parts: Any) -> list[Level]:
    with parts.database.reading() as connection:
        return boundaries.levels(connection)
