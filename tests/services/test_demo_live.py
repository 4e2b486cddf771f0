"""The live demo: people walk on streets, and whoever is sent accepts, goes there and gets it done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from geo_service.services import dispatching
from geo_service.services.demo_live import STEP_S, LiveDemo
from geo_service.services.dispatch_desk import Order, Wish
from geo_service.store import dispatches, queue, staffing
from geo_service.store.database import Database


@pytest.fixture(scope="module")
def demo(own_town_url: str) -> Iterator[LiveDemo]:
    """A town with twenty grid workers on duty, whatever the time of day."""
    database = Database.connect(own_town_url, read_size=3, write_size=2)
    now = datetime.now(UTC)
    with database.writing() as connection:
        people = staffing.responders(connection)
        ids = people[people["role"] == "grid_worker"].head(20)["id"].to_numpy()
        span = {"start": now - timedelta(hours=1), "end": now + timedelta(hours=5)}
        staffing.replace_shifts(connection, pd.DataFrame({"responder_id": ids, **span}))
    made = LiveDemo(database, seed=3)
    try:
        yield made
    finally:
        made.desk.board.close()
        database.close()


def test_people_walk_the_streets(demo: LiveDemo) -> None:
    assert demo.step() > 10
    before = {row: place.copy() for row, place in demo.seen.items()}
    demo.step(60.0)
    moved_m = [float(np.hypot(*(demo.seen[row] - place)) * 111_195) for row, place in before.items()]
    assert max(moved_m) > 20
    assert max(moved_m) < 60 * 25  # nobody is faster than a car


def test_reports_come_in_with_their_lives(demo: LiveDemo) -> None:
    with demo.database.reading() as connection:
        before = queue.counts(connection)["open"]
    assert demo.report(12) == 12
    with demo.database.reading() as connection:
        assert queue.counts(connection)["open"] == before + 12


def test_some_callers_read_a_chinese_map_some_say_no_place(demo: LiveDemo) -> None:
    assert demo.misread
    demo.report(40)
    with demo.database.reading() as connection:
        rows = queue.page(connection, "open", limit=500)
    flagged = [flag for row in rows for flag in row["flags"] if flag["flag"] == "datum"]
    assert {flag["guess"] for flag in flagged} <= {"GCJ02", "BD09"}
    assert flagged
    assert any(row["lon"] is None for row in rows)
    assert any(row["building"] in set(demo.on_premises) for row in rows)


def test_whoever_is_sent_goes_there(demo: LiveDemo) -> None:
    demo.step()
    demo.report(6)
    with demo.database.reading() as connection:
        rows = queue.page(connection, "open", limit=100)
    key = next(row["id"] for row in rows if row["lon"] is not None)
    wish = Wish(k=1, capabilities=frozenset())
    nearest = demo.desk.candidates(key, wish)["candidates"][0]["responder"]
    (sent,) = demo.desk.send(key, Order(lead=nearest), who="test")
    dispatching.accept(demo.database, sent.id, who="test")
    for _ in range(400):
        demo.step(STEP_S * 4)
        with demo.database.reading() as connection:
            if dispatches.get(connection, sent.id).arrived_at:
                return
    raise AssertionError("he never came")
