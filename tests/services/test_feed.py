"""The feed: every event once, in the order of commits, for readers fast and slow; by part of the town."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd
import pytest

from geo_service.model import Principal, Role
from geo_service.services import feed as module
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.feed import Event, Feed, sees, takes_topic, told
from geo_service.services.intake import take_in
from geo_service.services.publishing import publish
from geo_service.services.relaying import Relay
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, outbox
from geo_service.store.database import Database
from tests.services.places import grid, middle, table

pytestmark = pytest.mark.postgis


@pytest.fixture
def feed(database: Database) -> Iterator[Feed]:
    relay = Relay(database)
    relay.start()
    yield Feed(database, Tilings(database))
    relay.stop()


def read(feed: Feed, count: int, position: int = 0) -> list[Event]:
    """Read on until so many events have come."""
    found: list[Event] = []
    until = time.monotonic() + 60
    while len(found) < count and time.monotonic() < until:
        part = feed.at_hand(position)
        part = feed.after(position) if part is None else part
        found += part
        position = found[-1].position if found else position
        time.sleep(0.02)
    return found


def tell(database: Database, number: int, pause_s: float = 0.0) -> None:
    with database.writing() as connection:
        outbox.add(connection, "test", {"number": number})
        time.sleep(pause_s)


def test_readers_miss_nothing_though_commits_overtake_each_other(database: Database, feed: Feed) -> None:
    heard: list[list[Event]] = [[], []]
    ears = [threading.Thread(target=lambda i=i: heard[i].extend(read(feed, 60))) for i in range(2)]
    pens = [
        threading.Thread(
            target=lambda p=p: [tell(database, p * 20 + i, 0.15 if i % 4 == 0 else 0) for i in range(20)]
        )
        for p in range(3)
    ]
    for thread in (*ears, *pens):
        thread.start()
    for thread in (*pens, *ears):
        thread.join(90)
    for found in heard:
        assert sorted(event.payload["number"] for event in found) == list(range(60))
        places = [event.position for event in found]
        assert places == sorted(set(places))
    assert heard[0] == heard[1]


def test_who_comes_back_goes_on_where_he_was(database: Database, feed: Feed) -> None:
    for number in range(6):
        tell(database, number)
    first = read(feed, 3)[:3]
    for number in range(6, 9):
        tell(database, number)
    rest = read(feed, 6, first[-1].position)
    assert [event.payload["number"] for event in (*first, *rest)] == list(range(9))


def test_memory_is_bounded_and_the_database_serves_who_is_behind(
    database: Database, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    feed.at_hand(0)  # somebody listens from now on
    time.sleep(0.5)
    for number in range(8):
        tell(database, number)
    found = read(feed, 8)
    assert [event.payload["number"] for event in found] == list(range(8))
    until = time.monotonic() + 30
    while feed.at_hand(found[-1].position) is None and time.monotonic() < until:
        time.sleep(0.05)
    assert feed.at_hand(found[0].position) is None
    late = feed.at_hand(found[5].position)
    assert late is not None
    assert [event.payload["number"] for event in late] == [6, 7]


def test_an_event_of_an_incident_is_for_those_who_see_its_cell(database: Database, feed: Feed) -> None:
    tilings = Tilings(database)
    draft = draft_import(BoundaryImport(table(grid(2, 1)), "grid"), None, [])
    publish(database, tilings, draft, who="t", note="")
    lon, lat = middle(0, 0)
    row = {"source_id": "1", "occurred_at": datetime.now(UTC), "lon": lon, "lat": lat}
    take_in(database, tilings, pd.DataFrame([row]), source="s", who="t", live=True)
    with database.reading() as connection:
        ids = boundaries.cell_ids(connection, [("grid", "c00r00"), ("grid", "c01r00")])
    published, reported = read(feed, 2)
    west, east = (
        Principal(1, "w", Role.DISPATCHER, frozenset({ids["grid", code]})) for code in ("c00r00", "c01r00")
    )
    everywhere = Principal(2, "e", Role.DISPATCHER)
    assert (published.topic, published.cells) == ("edition.published", None)
    assert [sees(who, reported) for who in (west, east, everywhere)] == [True, False, True]
    assert [sees(who, published) for who in (west, east, everywhere)] == [True, True, True]


@pytest.mark.parametrize(
    ("topic", "heard_by"),
    [
        ("incident.moved", {Role.PLANNER, Role.DEVICE}),
        ("incident.reported", {Role.PLANNER, Role.DEVICE}),
        ("incidents.imported", {Role.PLANNER}),
        ("edition.published", {Role.PLANNER}),
        ("roster.changed", {Role.PLANNER}),
        ("dispatch.ended", set()),
        ("escalation.called", set()),
        ("what.comes.tomorrow", set()),
    ],
)
def test_a_role_hears_what_its_routes_show(topic: str, heard_by: set[Role]) -> None:
    event = Event(1, topic, {}, "", None, b"")
    desk = {Role.ADMIN, Role.DISPATCHER, Role.LEADER}
    assert {role for role in Role if sees(Principal(1, "x", role), event)} == heard_by | desk


def test_a_device_hears_how_an_incident_stands_and_no_words() -> None:
    payload = {"id": "1", "move": "return", "status": "returned", "revision": 3, "reason": "Li is away"}
    event = Event(1, "incident.moved", payload, "now", None, b"all of it")
    heard = {role: told(Principal(1, "x", role), event) for role in (Role.DEVICE, Role.DISPATCHER)}
    few = {name: payload[name] for name in ("id", "move", "status", "revision")}
    assert json.loads(heard[Role.DEVICE]) == few | {"at": "now"}
    assert heard[Role.DISPATCHER] == event.body


def test_topics() -> None:
    assert takes_topic((), "incident.moved")
    assert takes_topic(("x", "incident.*"), "incident.moved")
    assert not takes_topic(("incident",), "incident.moved")
