"""The demo's last weeks of incidents were handled: who went, from where and how long it took by the roads.

Played through in the order of the reports: the desk accepts and sends after a while of its own, mostly the
nearest who is on duty and free, who then needs what the streets between his base and the place take, a
little more or less. What is drawn is drawn from a seed; what follows from roads, shifts and who was busy is
reckoned. So clocks are missed where people are far, at night, and when several things happen at once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.model import Mode
from geo_service.roads.fleet import Fleet
from geo_service.roads.snap import Snaps
from geo_service.services import duty_book
from geo_service.services.duty_book import Book
from geo_service.services.ground import Ground
from geo_service.services.intake import ancestors, incident_id, standards_now
from geo_service.staffing.clocks import (
    PHASES,
    Standard,
    choose,
    clocks,
    next_due,
    standard_from,
    standard_object,
)
from geo_service.staffing.life import Life, Status
from geo_service.store import bulk
from geo_service.store import demo_lives as store
from geo_service.store.database import Connection, Database
from geo_service.store.lives import AT_ONCE

WHO = "demo"
SEED = 20261121
#: Of so many days before the last incident lives are told.
DAYS = 30
MAX_STREET_M = 2000.0
#: Who needs longer than this is not sent; then it is settled from the desk.
FARTHEST_MS = 3_600_000
WEEK = timedelta(days=7)
#: How long a report without a place has been waiting at the most.
UNPLACED_WAITS = pd.Timedelta(days=3)
#: Of the reports of so long before the moment a share was accepted and then forgotten: they are overdue.
FORGOTTEN_S, FORGOTTEN_SHARE = 2 * 24 * 3600.0, 0.1


@dataclass(frozen=True, slots=True)
class Played:
    """How one incident was handled: Unix seconds; ``row`` of the book of who went, -1 for nobody."""

    key: UUID
    standard: str
    reported_s: float
    accepted_s: float
    sent_s: float
    arrived_s: float
    handled_s: float
    closed_s: float
    responder_id: int = -1
    mode: str = ""
    travel_s: float = 0.0
    from_deg: tuple[float, float] = (0.0, 0.0)


class Cast:
    """Those on the streets in one week: where their bases are, on duty when, busy until when."""

    def __init__(self, book: Book, ground: Ground, busy_until_s: dict[int, float]) -> None:
        self.book = book
        self.busy_until_s = np.array([busy_until_s.get(int(key), 0.0) for key in book.ids])
        self._snappers = {mode: ground.roads(mode)[2:] for mode in Mode if book.in_mode[mode].any()}
        self._fleets: dict[Mode, Fleet] = {}
        for mode, (graph, snapper) in self._snappers.items():
            fleet = Fleet(graph, len(book))
            rows = np.flatnonzero(book.in_mode[mode])
            fleet.move(rows, snapper.snap(book.base_deg[rows], MAX_STREET_M))
            self._fleets[mode] = fleet
        self._duty: tuple[float, NDArray[np.bool_]] = (-1.0, np.zeros(len(book), np.bool_))

    def places(self, lonlat_deg: NDArray[np.float64]) -> dict[Mode, Snaps]:
        """Snap the places of incidents to the streets of each mode."""
        return {mode: snapper.snap(lonlat_deg, MAX_STREET_M) for mode, (_, snapper) in self._snappers.items()}

    def nearest(self, place: Mapping[Mode, Snaps], at_s: float) -> list[tuple[int, int]]:
        """Return travel time (ms) and row of the two who are free at a moment and could be there first."""
        free = self._free(at_s) & (self.busy_until_s <= at_s)
        found: list[tuple[int, int]] = []
        for mode, fleet in self._fleets.items():
            who, ms = fleet.nearest(place[mode], 2, bound_ms=FARTHEST_MS, available=free)
            found += zip(ms.tolist(), who.tolist(), strict=True)
        return sorted(found)[:2]

    def _free(self, at_s: float) -> NDArray[np.bool_]:
        """Return who is on duty and at no post; to the minute, in which nothing changes."""
        minute = at_s // 60 * 60
        if self._duty[0] != minute:
            duty = self.book.duty(minute)
            self._duty = (minute, duty.on & (duty.post < 0))
        return self._duty[1]


def tell_lives(database: Database, ground: Ground, reports: pd.DataFrame, now: datetime | None = None) -> int:
    """Write the lives of the last :data:`DAYS` days; returns how many. Nothing if there are lives already.

    Parameters
    ----------
    reports : DataFrame
        The demo's incidents: id, occurred_at, lon, lat, category, urgency.
    now : datetime, optional
        Nothing is told of what comes later: of the last reports some wait, some are under way. Without it
        all are closed.
    """
    last = reports["occurred_at"].max()
    recent = reports["occurred_at"] > last - pd.Timedelta(days=DAYS)
    if now is not None:
        # what nobody could place waits at the desk, for as long as a desk lets it
        unplaced = reports["lon"].isna() & (reports["occurred_at"] > pd.Timestamp(now) - UNPLACED_WAITS)
        recent &= (reports["lon"].notna() | unplaced) & (reports["occurred_at"] <= pd.Timestamp(now))
    else:
        recent &= reports["lon"].notna()
    rows = reports[recent].sort_values(["occurred_at", "id"], ignore_index=True)
    with database.writing() as connection:
        if store.has_lives(connection):
            return 0
        played = _play(connection, ground, rows, np.inf if now is None else now.timestamp())
        _store(connection, played)
    return len(played)


def _play(connection: Connection, ground: Ground, rows: pd.DataFrame, now_s: float) -> list[Played]:
    rng = np.random.default_rng(SEED)
    out: list[Played] = []
    standards = _standards(connection, rows)
    busy: dict[int, float] = {}
    first, last = rows["occurred_at"].min(), rows["occurred_at"].max()
    for week in pd.date_range(first, last, freq=WEEK):
        part = rows[(rows["occurred_at"] >= week) & (rows["occurred_at"] < week + WEEK)]
        if part.empty:
            continue
        begin = week.to_pydatetime().astimezone(UTC)
        book = duty_book.write(connection, begin, back=timedelta(hours=1), ahead=WEEK + timedelta(hours=12))
        cast = Cast(book, ground, busy)
        places = cast.places(part[["lon", "lat"]].to_numpy(dtype=float))
        for number, row in enumerate(part.itertuples(index=False)):
            place = {mode: snaps.take([number]) for mode, snaps in places.items()}
            standard = standards[str(row.category), str(row.urgency)]
            draws = rng.random(6).tolist()
            whole = _one(cast, place, row, standard, draws)
            if whole.responder_id >= 0:
                busy[whole.responder_id] = whole.handled_s
            is_forgotten = now_s - FORGOTTEN_S < whole.reported_s and draws[2] < FORGOTTEN_SHARE
            out.append(_until(whole, min(whole.accepted_s, now_s) if is_forgotten else now_s))
    return out


def _one(cast: Cast, place: Mapping[Mode, Snaps], row: Any, standard: str, draws: list[float]) -> Played:
    """Play one incident through, with six numbers drawn from 0 to 1."""
    heard, thought, ready, pace, work, paper = draws
    reported = row.occurred_at.timestamp()
    if not np.isfinite(row.lon):
        key, never = incident_id("demo", str(row.id)), np.nan
        return Played(key, standard, reported, never, never, never, never, never)
    accepted = reported + 10 + 50 * heard
    # one in twelve waits at a desk that has its hands full
    sent = accepted + (15 + 75 * thought if thought < 11 / 12 else 240 + 7200 * (thought - 11 / 12))
    key = incident_id("demo", str(row.id))
    close_after = 900 + 14400 * paper**2
    found = cast.nearest(place, sent)
    if not found:
        handled = sent + 600 + 3000 * work
        return Played(key, standard, reported, accepted, np.nan, np.nan, handled, handled + close_after)
    # one in fifteen goes to somebody whom the desk knows, not to the nearest
    ms, who = found[-1] if ready > 14 / 15 else found[0]
    book = cast.book
    arrived = sent + ms / 1000.0 * (0.9 + 0.35 * pace)
    handled = arrived + 300 + 3300 * work**2
    cast.busy_until_s[who] = handled
    return Played(
        key,
        standard,
        reported,
        accepted,
        sent,
        arrived,
        handled,
        handled + close_after,
        responder_id=int(book.ids[who]),
        mode=book.modes[who].value,
        travel_s=ms / 1000.0,
        from_deg=(float(book.base_deg[who, 0]), float(book.base_deg[who, 1])),
    )


def _until(whole: Played, now_s: float) -> Played:
    """Return a life as far as it has come by a moment; NaN is what lies ahead."""

    def so_far(at_s: float) -> float:
        return np.nan if at_s > now_s else at_s

    sent_s = so_far(whole.sent_s)
    return replace(
        whole,
        accepted_s=so_far(whole.accepted_s),
        sent_s=sent_s,
        arrived_s=so_far(whole.arrived_s),
        handled_s=so_far(whole.handled_s),
        closed_s=so_far(whole.closed_s),
        responder_id=-1 if np.isnan(sent_s) else whole.responder_id,
    )


def _standards(connection: Connection, rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the response standard of each category and urgency, as JSON."""
    known, above = standards_now(connection)
    return {
        (category, urgency): bulk.json_text(
            standard_object(choose(known, ancestors(category, above), urgency, ()))
        )
        for category, urgency in set(zip(rows["category"], rows["urgency"], strict=True))
    }


def _store(connection: Connection, played: Sequence[Played]) -> None:
    went = [one for one in played if one.responder_id >= 0]
    moments = {
        "reported_at": [_moment(one.reported_s) for one in played],
        "accepted_at": [_moment(one.accepted_s) for one in played],
        "dispatched_at": [_moment(one.sent_s) for one in played],
        "arrived_at": [_moment(one.arrived_s) for one in played],
        "handled_at": [_moment(one.handled_s) for one in played],
        "closed_at": [_moment(one.closed_s) for one in played],
    }
    steps = [sum(at is not None for at in one) for one in zip(*moments.values(), strict=True)]
    last_at = [max(at for at in one if at is not None) for one in zip(*moments.values(), strict=True)]
    store.add_lives(
        connection,
        {
            "incident_id": [one.key for one in played],
            "status": [_status(one).value for one in played],
            # each step is a move but the first, which is the report itself
            "revision": [count - 1 for count in steps],
            **moments,
            "last_at": [at if count > 1 else None for at, count in zip(last_at, steps, strict=True)],
            "standard": [one.standard for one in played],
            **_due(played),
        },
        _lines(played, moments),
        {
            "incident_id": [one.key for one in went],
            "responder_id": [one.responder_id for one in went],
            "lead": [True] * len(went),
            "sent_at": [_moment(one.sent_s) for one in went],
            "sent_by": [WHO] * len(went),
            "travel_s": [one.travel_s for one in went],
            "mode": [one.mode for one in went],
            "from_lon": [one.from_deg[0] for one in went],
            "from_lat": [one.from_deg[1] for one in went],
            # he says that he is going some seconds after he is sent
            "accepted_at": [_moment(np.fmin(one.sent_s + 8, one.arrived_s)) for one in went],
            "arrived_at": [_moment(one.arrived_s) for one in went],
            "ended_at": [_moment(one.handled_s) for one in went],
            "outcome": ["done" if np.isfinite(one.handled_s) else None for one in went],
        },
    )


def _status(one: Played) -> Status:
    """Return where an incident stands by the last of its moments."""
    reached = (
        (one.closed_s, Status.CLOSED),
        (one.handled_s, Status.HANDLED),
        (one.arrived_s, Status.ARRIVED),
        (one.sent_s, Status.DISPATCHED),
        (one.accepted_s, Status.ACCEPTED),
    )
    return next((status for at_s, status in reached if np.isfinite(at_s)), Status.REPORTED)


def _due(played: Sequence[Played]) -> dict[str, list[datetime | None]]:
    """Return when the clocks of those that are not over run out."""
    names = [*(f"{phase}_due_at" for phase in PHASES), "next_due_at", "watch_at"]
    out: dict[str, list[datetime | None]] = {name: [] for name in names}
    known: dict[str, Standard] = {}
    for one in played:
        due: dict[str, datetime | None] = {}
        if not np.isfinite(one.closed_s):
            reported = datetime.fromtimestamp(round(one.reported_s, 3), UTC)
            life = Life(
                _status(one),
                reported,
                accepted_at=_moment(one.accepted_s),
                dispatched_at=_moment(one.sent_s),
                arrived_at=_moment(one.arrived_s),
                handled_at=_moment(one.handled_s),
            )
            if one.standard not in known:
                known[one.standard] = standard_from(json.loads(one.standard))
            running = clocks(life, known[one.standard], reported)
            due = {f"{clock.phase}_due_at": clock.due_at for clock in running if clock.reached_at is None}
            due["next_due_at"], due["watch_at"] = next_due(running), AT_ONCE
        for name, values in out.items():
            values.append(due.get(name))
    return out


_STEPS = (
    ("report", "reported"),
    ("accept", "accepted"),
    ("dispatch", "dispatched"),
    ("arrive", "arrived"),
    ("handle", "handled"),
    ("close", "closed"),
)


def _lines(played: Sequence[Played], moments: Mapping[str, list[datetime | None]]) -> dict[str, list[Any]]:
    """Return the lines of all logs, each incident's in order."""
    out: dict[str, list[Any]] = {
        name: [] for name in ("incident_id", "at", "who", "move", "from_status", "to_status")
    }
    for number, one in enumerate(played):
        before = None
        for move, status in _STEPS:
            at = moments[f"{status}_at"][number]
            if at is not None:
                values = (one.key, at, WHO, move, before, status)
                for name, value in zip(out, values, strict=True):
                    out[name].append(value)
                before = status
    return out


def _moment(at_s: float) -> datetime | None:
    return None if np.isnan(at_s) else datetime.fromtimestamp(round(at_s, 3), UTC)
