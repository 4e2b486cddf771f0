"""What changed on the board: whoever follows it knows the same as who reads everybody."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from geo_service.services.board import Picture, Source
from geo_service.services.board_changes import APART_S, Changes
from geo_service.services.dispatch_desk import DispatchDesk, Order
from geo_service.services.ground import Ground
from geo_service.store.database import Database
from tests.services.desk_town import build, corner, employ, put_on_duty, report

PEOPLE = 6


@pytest.fixture
def desk(database: Database) -> Iterator[DispatchDesk]:
    """Six people on duty, each on a corner of his own."""
    tilings = build(database)
    people = [{"code": f"p{i}", "at": corner(i % 3, i // 3), "cell": None} for i in range(PEOPLE)]
    put_on_duty(database, list(employ(database, people).values()))
    made = DispatchDesk(database, tilings, Ground(database))
    yield made
    made.board.close()


class Follower:
    """A page that keeps what it was told."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.mark: str | None = None

    def read(self, changes: Changes, picture: Picture) -> dict[str, Any]:
        told = changes.since(picture, self.mark)
        if told["whole"]:
            self.people = {}
        for one in told["people"]:
            self.people[one["responder"]] = dict(one)
        for code, lon, lat, source, age_s in told["moved"]:
            self.people[code] |= {"lon": lon, "lat": lat, "source": source, "fix_age_s": age_s}
        for code in told["gone"]:
            self.people.pop(code, None)  # from another process it may be told again
        self.mark = told["mark"]
        return told

    def known(self) -> dict[str, dict[str, Any]]:
        """What does not change by itself with the time."""
        by_time = {"fix_age_s", "shift_left_s"}
        return {code: {k: v for k, v in one.items() if k not in by_time} for code, one in self.people.items()}


def later(picture: Picture, rng: np.random.Generator, seconds: float) -> Picture:
    """A picture some seconds later in which somebody moved, and perhaps left or came."""
    place_deg, source, fix_at_s = picture.place_deg.copy(), picture.source.copy(), picture.fix_at_s.copy()
    for row in np.flatnonzero(rng.random(PEOPLE) < 0.3):
        place_deg[row] += rng.normal(0, 1e-3, 2)
        source[row], fix_at_s[row] = Source.FIX, picture.at_s
    on = np.where(rng.random(PEOPLE) < 0.15, ~picture.duty.on, picture.duty.on)
    return replace(
        picture,
        at_s=picture.at_s + seconds,
        duty=replace(picture.duty, on=on),
        place_deg=place_deg,
        source=source,
        fix_at_s=fix_at_s,
    )


def test_followers_of_two_processes_know_what_everybody_is_told(desk: DispatchDesk) -> None:
    rng = np.random.default_rng(5)
    picture = desk.board.picture()
    processes = [Changes(), Changes()]
    one, settled = Follower(), Follower()
    for step in range(120):
        picture = later(picture, rng, float(rng.choice([0.5, 2.0, 5.0])))
        for process in processes:
            process.since(picture, None)  # both look at everything
        one.read(processes[int(rng.integers(2))], picture)
        told = settled.read(processes[0], picture)
        fresh = Follower()
        fresh.read(Changes(), picture)
        assert one.known() == fresh.known(), step
        assert settled.known() == fresh.known(), step
        assert told["whole"] == (step == 0)


def test_nothing_is_told_twice_where_nothing_happened(desk: DispatchDesk) -> None:
    picture, changes, page = desk.board.picture(), Changes(), Follower()
    assert len(page.read(changes, picture)["people"]) == PEOPLE
    told = page.read(changes, replace(picture, at_s=picture.at_s + 5))
    assert [told[name] for name in ("whole", "people", "moved", "gone")] == [False, [], [], []]


def test_who_is_sent_is_told_of(desk: DispatchDesk) -> None:
    page, changes = Follower(), Changes()
    page.read(changes, desk.board.picture())
    key = report(desk.database, desk.tilings, "r1", corner(0, 0))
    desk.send(key, Order(lead="p0"), who="desk")
    told = page.read(changes, desk.board.refresh())
    assert [one["responder"] for one in told["people"]] == ["p0"]
    assert page.people["p0"]["state"] == "sent"
    assert page.people["p0"]["incident_id"] == key


def test_a_mark_that_cannot_be_followed_gets_everybody(desk: DispatchDesk) -> None:
    picture, changes = desk.board.picture(), Changes()
    first = changes.since(picture, None)["mark"]
    process, _, moment = first.partition("-")
    for mark in ("", "x", f"{process}-", f"{process}-{int(moment) - 1}", f"other-{moment}", "-" + "9" * 40):
        assert changes.since(picture, mark)["whole"], mark
    after = replace(picture, at_s=picture.at_s + 2 * APART_S)
    assert not changes.since(after, f"other-{round(after.at_s * 1e6)}")["whole"]
    back = replace(picture, at_s=picture.at_s - 3600)  # the clock was set back
    assert changes.since(back, first)["whole"]
    assert changes.since(back, None)["at"] == datetime.fromtimestamp(back.at_s, UTC)
