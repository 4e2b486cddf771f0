"""Attainable or not: for each breach of the arrival clock who could have been there, and what it failed by.

Where everybody was at the moment comes from the tracks; who has no fresh fix is taken to be at his post or
base, who was at another incident to leave from there when that ended. The roads are those in use now. What
was worked out is kept with its numbers, for tracks are dropped after some days.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Words
from geo_service.model import Mode
from geo_service.roads.fleet import Fleet
from geo_service.services import catalogue, duty_book
from geo_service.services.board_picture import MAX_STREET_M, Streets, where_without_fix
from geo_service.services.desk import Desks
from geo_service.services.duty_book import Book
from geo_service.services.ground import Ground
from geo_service.services.responding import cells_of
from geo_service.services.series import OUTSIDE, UNPLACED
from geo_service.services.tiling import Tiling
from geo_service.staffing.attainment import CAUSES_ZH, UNATTAINABLE, Cause, Options, Sent, Verdict, judge
from geo_service.staffing.clocks import Clock, State, clocks, standard_from
from geo_service.store import breaches, dispatches, lives
from geo_service.store import duty_book as store
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Dispatch, Scene

#: So many of those who are free, and of those who will be, are looked at, the nearest first.
MOST = 64
#: A book of duty is written for a day around its first question.
BOOK = timedelta(hours=36)
#: From so long before that question on.
EARLIER = timedelta(hours=1)
#: Worked out in one transaction.
BATCH = 50


@dataclass(frozen=True, slots=True)
class _Case:
    """A breach: the incident, where it is, when its clock started and ran out, the time to the floor."""

    key: UUID
    scene: Scene
    start: datetime
    due: datetime
    climb_s: float


class Attainment:
    """Works breaches out, one after the other. Thread-safe."""

    def __init__(self, database: Database, ground: Ground, desks: Desks) -> None:
        self._database = database
        self._ground = ground
        self._desks = desks
        self._book: Book | None = None
        self._mark: str | None = None
        self._streets: dict[Mode, Streets] = {}
        self._network_id = -1
        self._working = threading.Lock()  # the fleets are moved from case to case

    def of(self, key: UUID) -> dict[str, Any]:
        """Return why nobody arrived in time at an incident, with the numbers behind it.

        Raises
        ------
        NotFoundError
            No such incident is being handled.
        ConflictError
            Its arrival clock is not broken, or it has no place.
        """
        with self._database.reading() as connection:
            known = _known(connection, key)
        if known is not None:
            return shown(known)
        # who waits his turn must hold no connection meanwhile: the others need them
        with self._working, self._database.reading() as connection:
            self._look(connection)
            found = _known(connection, key) or self._work_out(connection, key)
        with self._database.writing() as connection:
            breaches.save(connection, [found])
        return shown(found)

    def work_out(
        self,
        since: datetime,
        until: datetime,
        *,
        scope: Collection[int] = (),
        limit: int | None = None,
        seconds: float = math.inf,
    ) -> tuple[int, int]:
        """Work out the breaches of a span that are not yet; returns how many were, and how many are left.

        At most ``limit`` of them, and none is begun after so many ``seconds``.
        """
        ends = time.monotonic() + seconds
        with self._database.reading() as connection:
            rows = breaches.late(connection, since, until, scope=scope)
        todo = [row["id"] for row in rows if row["cause"] is None and row["lon"] is not None]
        chosen = todo if limit is None else todo[:limit]
        done, seen = 0, 0
        for first in range(0, len(chosen), BATCH):
            found = []
            if time.monotonic() >= ends:
                break
            with self._working, self._database.reading() as connection:
                self._look(connection)
                for key in chosen[first : first + BATCH]:
                    if time.monotonic() >= ends:
                        break
                    seen += 1
                    try:
                        found.append(self._work_out(connection, key))
                    except ConflictError:
                        continue  # it was met after all, by a clock that stood still
            with self._database.writing() as connection:
                breaches.save(connection, found)
            done += len(found)
        return done, len(todo) - seen

    def _work_out(self, connection: Connection, key: UUID) -> dict[str, Any]:
        kept, now = lives.get(connection, key), lives.clock(connection)
        clock = clocks(kept.life, standard_from(kept.standard), now)[0]
        scene = dispatches.scene(connection, key)
        start, due = _require_breach(clock, scene)
        sent = [one for one in dispatches.of_incident(connection, key) if one.lead][:1]
        climb_s = catalogue.access_time(connection).to_floor_s(scene.floor)
        case = _Case(key, scene, start, due, climb_s)
        at_start = self._options(connection, case, start)
        verdict, later = self._judge(connection, case, sent, at_start)
        book = self._book_of(connection, start)
        numbers = {
            "start": start.isoformat(),
            "due": due.isoformat(),
            "allowed_s": (due - start).total_seconds(),
            "arrived": kept.life.arrived_at.isoformat() if kept.life.arrived_at else None,
            "late_s": round(-(clock.left_s or 0.0), 1),
            "climb_s": case.climb_s,
            "attainable": verdict.attainable,
            "could_leave": int((at_start.leaves_s <= due.timestamp()).sum()),
            "best": _person(book, verdict.best, verdict.best_there_s, start),
            "best_when_sent": _person(book, verdict.later, verdict.later_there_s, start) if later else None,
            "sent": _sent_object(sent, verdict, start),
        }
        return {
            "incident_id": key,
            "revision": kept.revision,
            "network_id": self._network_id,
            "cause": verdict.cause.value,
            "numbers": numbers,
            "found_at": now,
        }

    def _judge(
        self, connection: Connection, case: _Case, sent: Sequence[Dispatch], at_start: Options
    ) -> tuple[Verdict, bool]:
        """Judge; the flag says whether somebody was sent in time to make a difference."""
        due_s = case.due.timestamp()
        if not sent or sent[0].sent_at > case.due:
            return judge(due_s, at_start, None, None), False
        one = sent[0]
        at = max(one.sent_at, case.start)
        at_sending = self._options(connection, case, at)
        row = self._book_of(connection, at).row_of_id.get(one.responder_id, -1)
        mine = at_sending.travel_s[at_sending.who == row]
        travel_s = float(mine[0]) if len(mine) else np.nan
        if one.travel_s is not None:  # what the dispatcher was told goes before what is found afterwards
            travel_s = one.travel_s + case.climb_s
        told = Sent(row, at.timestamp(), travel_s)
        return judge(due_s, at_start, told, at_sending), True

    def _options(self, connection: Connection, case: _Case, at: datetime) -> Options:
        """Return who could go at a moment, or is free before the clock runs out, and how long each needs."""
        book, desk = self._book_of(connection, at), self._desks.get()
        at_s = at.timestamp()
        duty = book.duty(at_s)
        place_deg, _ = where_without_fix(book, duty)
        leaves_s = np.where(duty.post >= 0, duty.post_ends_s, np.where(duty.on, at_s, np.inf))
        oldest = at - timedelta(seconds=desk.fresh_fix_s)
        for responder_id, lon, lat in breaches.fixes_at(connection, at, oldest):
            if responder_id in book.row_of_id:
                place_deg[book.row_of_id[responder_id]] = lon, lat
        for responder_id, ended_at, lon, lat in breaches.busy_at(connection, at, case.key):
            row = book.row_of_id.get(responder_id, -1)
            if row >= 0:
                leaves_s[row] = max(leaves_s[row], ended_at.timestamp() if ended_at else np.inf)
                if lon is not None:  # he comes from there
                    place_deg[row] = lon, lat
        able = book.able(case.scene.capabilities)
        can = duty.on & able & (leaves_s <= case.due.timestamp())
        travel_s = np.full(len(book), np.inf)
        for group in (can & (leaves_s <= at_s), can & (leaves_s > at_s)):
            self._travel(book, place_deg, case.scene, group, travel_s)
        who = np.flatnonzero(can)
        return Options(who, leaves_s[who], travel_s[who] + case.climb_s)

    def _travel(
        self,
        book: Book,
        place_deg: NDArray[np.float64],
        scene: Scene,
        group: NDArray[np.bool_],
        travel_s: NDArray[np.float64],
    ) -> None:
        """Enter the travel times of those of a group who are nearest to a place."""
        place = np.array([[scene.lon, scene.lat]])
        for mode in Mode:
            mine = group & book.in_mode[mode]
            rows = np.flatnonzero(mine)
            if len(rows):
                streets = self._streets_of(mode, len(book))
                streets.fleet.move(rows, streets.snapper.snap(place_deg[rows], MAX_STREET_M))
                goal = streets.snapper.snap(place, MAX_STREET_M)
                who, ms = streets.fleet.nearest(goal, MOST, available=mine)
                travel_s[who] = ms / 1000.0

    def _streets_of(self, mode: Mode, count: int) -> Streets:
        network_id, _, graph, snapper = self._ground.roads(mode)
        known = self._streets.get(mode)
        if known is None or known.graph is not graph or known.fleet.capacity != max(1, count):
            self._streets[mode] = known = Streets(graph, snapper, Fleet(graph, max(1, count)))
        self._network_id = network_id
        return known

    def _book_of(self, connection: Connection, at: datetime) -> Book:
        book = self._book
        if book is None or not book.covers(at.timestamp()):
            # the people of its first moment: who left later is among them
            self._book = book = duty_book.write(connection, at - EARLIER, back=timedelta(), ahead=BOOK)
        return book

    def _look(self, connection: Connection) -> None:
        """Forget the book when the roster changed. The first thing in a snapshot, and never within a case."""
        mark = store.change_mark(connection)
        if mark != self._mark:
            self._book, self._mark = None, mark


def _known(connection: Connection, key: UUID) -> dict[str, Any] | None:
    """Return what was worked out of an incident as it stands now; None if that is still to be done."""
    kept = lives.get(connection, key)
    found = breaches.known(connection, key)
    return found if found is not None and found["revision"] == kept.revision else None


def _require_breach(clock: Clock, scene: Scene) -> tuple[datetime, datetime]:
    if clock.state not in {State.MISSED, State.OVERDUE} or clock.started_at is None or clock.due_at is None:
        raise ConflictError(Words("the arrival clock is not broken", "到场时限未超"))
    if scene.lon is None or scene.lat is None:
        raise ConflictError(
            Words("the incident has no place: nobody's way is known", "事件未定位，无法计算路程")
        )
    return clock.started_at, clock.due_at


def _person(book: Book, row: int, there_s: float, start: datetime) -> dict[str, Any] | None:
    if row < 0:
        return None
    after_s = round(there_s - start.timestamp(), 1)
    return {"responder": book.codes[row], "name": book.names[row], "there_after_s": after_s}


def _sent_object(sent: Sequence[Dispatch], verdict: Verdict, start: datetime) -> dict[str, Any] | None:
    if not sent:
        return None
    one = sent[0]
    by_roads = verdict.sent_there_s - start.timestamp()
    return {
        "responder": one.responder,
        "name": one.name,
        "after_s": round((one.sent_at - start).total_seconds(), 1),
        "there_after_s": round(by_roads, 1) if np.isfinite(by_roads) else None,
        "arrived_after_s": round((one.arrived_at - start).total_seconds(), 1) if one.arrived_at else None,
    }


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was worked out as a JSON object."""
    cause = Cause(found["cause"])
    return {
        "incident_id": found["incident_id"],
        "cause": cause.value,
        "cause_zh": CAUSES_ZH[cause],
        "found_at": found["found_at"],
        **found["numbers"],
    }


def attainment_table(
    connection: Connection,
    tiling: Tiling,
    level: str,
    span: tuple[datetime, datetime],
    *,
    scope: Collection[int] = (),
) -> pd.DataFrame:
    """Return the breaches of a span by cell: how many, how many by each cause, and those not worked out.

    Columns: code, name, where, breaches, worked_out, unattainable, one for each :class:`Cause`. What lies in
    no cell comes last.

    Raises
    ------
    NotFoundError
        The edition has no such level.
    """
    tiling.at_level(level)
    rows = breaches.late(connection, *span, scope=scope)
    nan = float("nan")
    lonlat = [(nan if r["lon"] is None else r["lon"], nan if r["lat"] is None else r["lat"]) for r in rows]
    named = np.array([r["named_cell_id"] or -1 for r in rows], np.int64)
    row_of = cells_of(tiling, level, np.array(lonlat, float).reshape(-1, 2), named, scope)
    cells = tiling.cells[tiling.cells["level"] == level]
    codes, names_ = cells["code"].tolist(), cells["name"].tolist()
    counted = Counter(zip(row_of.tolist(), (r["cause"] for r in rows), strict=True))
    out = []
    for row in sorted({int(one) for one in row_of}, key=lambda one: (one < 0, abs(one))):
        by_cause = {cause.value: counted.get((row, cause.value), 0) for cause in Cause}
        worked_out = sum(by_cause.values())
        out.append(
            {
                "code": codes[row] if row >= 0 else None,
                "name": names_[row] if row >= 0 else None,
                "where": {OUTSIDE: "outside", UNPLACED: "unplaced"}.get(row, "cell"),
                "breaches": worked_out + counted.get((row, None), 0),
                "worked_out": worked_out,
                "unattainable": sum(by_cause[cause.value] for cause in UNATTAINABLE),
                **by_cause,
            }
        )
    names = ["code", "name", "where", "breaches", "worked_out", "unattainable", *(c.value for c in Cause)]
    return pd.DataFrame(out, columns=names)
