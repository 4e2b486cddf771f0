"""The feed: events as they happen, for readers who go on after the last one they saw.

The relay (:mod:`geo_service.services.relaying`) gives each event of a settled transaction its place in the
order of commits. A serving process reads them once for all its readers and keeps the latest in memory.
"""

import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from geo_service.errors import UnavailableError
from geo_service.model import Principal, Role
from geo_service.services.tiling import Tilings
from geo_service.store import outbox, placements
from geo_service.store.database import Database

#: How often the database is asked for new events while somebody reads.
LOOK_EVERY_S = 0.2
#: Events kept in memory; who is further behind reads from the database.
KEPT = 5_000
#: Events read from the database at a time.
PAGE = 500
#: A process nobody reads in stops looking after this time.
IDLE_AFTER_S = 30.0


#: Topics that concern the whole town and are heard by keys for a part of it as well.
FOR_EVERYBODY = frozenset({"edition.published", "roster.changed"})
#: What a role hears whose routes do not show everything: topics that begin so. Who is called, who is sent and
#: why he does not go is for those who may ask for it.
HEARD: Mapping[Role, tuple[str, ...]] = {
    Role.PLANNER: ("incident.", "incidents.", "edition.", "imported.", "roster."),
    Role.DEVICE: ("incident.",),
    Role.WORKER: (),
}
#: What a device hears of an incident: how it stands, in no one's words.
_TO_DEVICES = ("id", "source", "move", "status", "revision")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    ``position`` is its place in the order of commits; ``cells`` are the ids of the cells it concerns, None
    where it concerns the whole town; ``body`` is what everybody hears who hears all of it, written once.
    """

    position: int
    topic: str
    payload: Mapping[str, Any]
    at: str
    cells: frozenset[int] | None
    body: bytes


class Feed:
    """What happened lately, read once for all readers of this process."""

    def __init__(self, database: Database, tilings: Tilings) -> None:
        self._database = database
        self._tilings = tilings
        self._lock = threading.Lock()
        # everything after _floor up to _reached is in memory; -1: nobody has read yet
        self._kept: list[Event] = []
        self._floor = self._reached = -1
        self._asked_at = 0.0
        self._reader: threading.Thread | None = None

    def reach(self) -> tuple[int, int]:
        """Return the first and the last position that can be read; (1, 0) before the first event."""
        with self._database.reading() as connection:
            return outbox.reach(connection)

    def at_hand(self, position: int) -> Sequence[Event] | None:
        """Return what came after a position if that is in memory, None when :meth:`after` must be asked."""
        self._wake()
        with self._lock:
            if self._reached < 0 or position < self._floor:
                return None
            if position >= self._reached:
                return ()
            first = bisect_right(self._kept, position, key=lambda event: event.position)
            return self._kept[first : first + PAGE]

    def after(self, position: int) -> Sequence[Event]:
        """Return what came after a position, some hundreds at a time, in order; asks the database."""
        return self._read(position)

    def _wake(self) -> None:
        """Have the reader run, and know that somebody listens."""
        with self._lock:
            self._asked_at = time.monotonic()
            if self._reader is None or not self._reader.is_alive():
                self._reader = threading.Thread(target=self._follow, name="feed", daemon=True)
                self._reader.start()

    def _follow(self) -> None:
        while time.monotonic() - self._asked_at < IDLE_AFTER_S:
            try:
                self._look()
            except UnavailableError:  # the database comes back, and nothing is lost meanwhile
                time.sleep(1)
            time.sleep(LOOK_EVERY_S)
        with self._lock:  # what happens now goes unseen: begin anew with the next reader
            self._kept, self._floor, self._reached = [], -1, -1

    def _look(self) -> None:
        if self._reached < 0:
            _, last = self.reach()
            with self._lock:
                self._floor = self._reached = last
            return
        events = self._read(self._reached)
        if not events:
            return
        with self._lock:
            kept = [*self._kept, *events]
            if len(kept) > KEPT:
                self._floor = kept[-KEPT - 1].position
            self._kept, self._reached = kept[-KEPT:], events[-1].position

    def _read(self, position: int) -> list[Event]:
        with self._database.reading() as connection:
            rows = outbox.after(connection, position, PAGE)
            about = {row["position"]: _incident_of(row["topic"], row["payload"]) for row in rows}
            leaves = placements.leaves_of(connection, [key for key in about.values() if key is not None])
        tiling = self._tilings.get() if leaves else None
        events = []
        for row in rows:
            cells = None
            if (key := about[row["position"]]) is not None:
                cells = tiling.ids_above(leaves[key]) if tiling and key in leaves else frozenset()
            at = row["created_at"].isoformat()
            body = _json(row["payload"], at)
            events.append(Event(row["position"], row["topic"], row["payload"], at, cells, body))
        return events


def takes_topic(wanted: Sequence[str], topic: str) -> bool:
    """Tell whether a topic is wanted: ``incident.*`` wants all that begin so, an empty list wants all."""
    return not wanted or any(
        topic.startswith(one[:-1]) if one.endswith("*") else topic == one for one in wanted
    )


def sees(who: Principal, event: Event) -> bool:
    """Tell whether an event is for a caller: for his role, and of his part of the town or of the whole.

    Of what concerns the whole a key for a part hears only what names nobody and no incident.
    """
    if who.role in HEARD and not event.topic.startswith(HEARD[who.role]):
        return False
    if not who.scope:
        return True
    if event.cells is None:
        return event.topic in FOR_EVERYBODY
    return bool(who.scope & event.cells)


def told(who: Principal, event: Event) -> bytes:
    """Return what a caller hears of an event that he sees, as JSON.

    For a part of the town: of the roster not whose entry it was. A device: how the incident stands, no more.
    """
    payload = event.payload
    if who.role is Role.DEVICE:
        return _json({name: payload[name] for name in _TO_DEVICES if name in payload}, event.at)
    if who.scope and event.topic == "roster.changed":
        return _json({"register": payload.get("register")}, event.at)
    return event.body


def _json(payload: Mapping[str, Any], at: str) -> bytes:
    return orjson.dumps({**payload, "at": at})


def _incident_of(topic: str, payload: Mapping[str, Any]) -> UUID | None:
    """Return the incident that an event tells of; None when it tells of no incident."""
    key = payload.get("incident_id") or (payload.get("id") if topic.startswith("incident.") else None)
    try:
        return UUID(str(key)) if key is not None else None
    except ValueError:
        return None
