"""Events over HTTP, from a server that really runs: resumed after a break, ended with the key."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from geo_service.api.routes import events as route
from geo_service.model import Role
from geo_service.store import outbox
from geo_service.store.database import Database

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def tell(database: Database, *numbers: int, topic: str = "test.one") -> None:
    for number in numbers:
        with database.writing() as connection:
            outbox.add(connection, topic, {"number": number})


def listen(address: str, key: str, count: int, **given: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the next events as (id, topic, data)."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    with stream(address, key, **given) as answer:
        assert answer.status_code == 200
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            event[name] = value
            if not line:
                if "data" in event:
                    found.append((event["id"], event["event"], json.loads(event["data"])))
                event = {}
            if len(found) >= count:
                break
    return found


def stream(address: str, key: str, query: str = "", **headers: str) -> AbstractContextManager[httpx.Response]:
    given = {"Authorization": f"Bearer {key}", **headers}
    return httpx.stream("GET", f"{address}/v1/events{query}", headers=given, timeout=60)


def test_a_broken_stream_goes_on_where_it_was(
    address: str, service_database: Database, key_of: Callable[[Role], str]
) -> None:
    key = key_of(Role.DISPATCHER)
    tell(service_database, 1, 2, 3)
    first = listen(address, key, 2, query="?after=0")
    tell(service_database, 4)
    rest = listen(address, key, 2, **{"Last-Event-ID": first[-1][0]})
    assert [data["number"] for _, _, data in (*first, *rest)] == [1, 2, 3, 4]
    assert {topic for _, topic, _ in first} == {"test.one"}


def test_only_the_topics_that_were_asked_for(
    address: str, service_database: Database, key_of: Callable[[Role], str]
) -> None:
    key = key_of(Role.DISPATCHER)
    tell(service_database, 10, topic="other")
    tell(service_database, 11)
    tell(service_database, 12, topic="other.kind")
    found = listen(address, key, 2, query="?after=0&topic=other&topic=other.*")
    assert [data["number"] for _, _, data in found] == [10, 12]


def test_who_asks_for_what_is_not_kept_is_told_to_read_anew(
    address: str, key_of: Callable[[Role], str]
) -> None:
    ((_, topic, data),) = listen(address, key_of(Role.LEADER), 1, query="?after=999999999")
    assert topic == "reset"
    assert data["position"] < 999999999


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000])
def test_a_number_longer_than_any_of_ours_is_told_to_read_anew(
    address: str, key_of: Callable[[Role], str], number: str
) -> None:
    ((_, topic, _),) = listen(address, key_of(Role.LEADER), 1, **{"Last-Event-ID": number})
    assert topic == "reset"


def test_without_a_key_or_with_the_wrong_role_nothing_is_heard(
    address: str, key_of: Callable[[Role], str]
) -> None:
    assert httpx.get(f"{address}/v1/events", timeout=60).status_code == 401
    with stream(address, key_of(Role.WORKER)) as answer:
        assert answer.status_code == 403


def test_a_key_that_is_revoked_hears_no_more(
    address: str, admin_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "CHECK_KEY_S", 0.5)
    admin = {"Authorization": f"Bearer {admin_key}"}
    body = {"name": "short lived", "role": "dispatcher"}
    made = httpx.post(f"{address}/v1/keys", json=body, headers=admin, timeout=60).json()
    with stream(address, made["key"]) as answer:
        lines = answer.iter_lines()
        next(lines)
        httpx.delete(f"{address}/v1/keys/{made['id']}", headers=admin, timeout=60)
        began = time.monotonic()
        assert [line for line in lines if line.startswith("data")] == []
        assert time.monotonic() - began < 30


def test_a_key_for_a_place_that_does_not_exist_is_not_made(address: str, admin_key: str) -> None:
    body = {"name": "nowhere", "role": "dispatcher", "cells": ["grid:none"]}
    admin = {"Authorization": f"Bearer {admin_key}"}
    answer = httpx.post(f"{address}/v1/keys", json=body, headers=admin, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "cells[0]"
