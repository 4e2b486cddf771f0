"""Whether everything that must be true of dispatching is: asked after faults, and whenever one doubts.

What SQL can say is in :mod:`geo_service.store.invariants`; here lives are replayed from their logs through
the state machine, due moments held against the clocks, and tracks against shifts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import numpy as np

from geo_service.errors import GeoServiceError
from geo_service.services import duty_book, issuing
from geo_service.staffing.clocks import Phase, clocks, next_due, standard_from
from geo_service.staffing.escalation import Rules
from geo_service.staffing.life import Life, Move, Status, advance
from geo_service.store import audit, escalations, positions, watch
from geo_service.store import invariants as store
from geo_service.store.database import Connection, Database
from geo_service.store.lives import Kept

#: A shift found from a rota may differ from what held when the fix came by this much.
LEEWAY_S = 1.0
_MOVES = frozenset(move.value for move in Move)
#: What a log tells of a life.
_TOLD = (
    "status",
    "accepted_at",
    "dispatched_at",
    "arrived_at",
    "handled_at",
    "closed_at",
    "suspended_from",
    "last_at",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: what it says, how much was looked at, how much breaks it, some of that."""

    name: str
    meaning: str
    looked_at: int
    broken: int
    examples: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return self.broken == 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "name": self.name,
            "meaning": self.meaning,
            "ok": self.ok,
            "looked_at": self.looked_at,
            "broken": self.broken,
            "examples": self.examples,
        }


def examine(database: Database) -> Iterator[Finding]:
    """Look at every invariant, one after the other, each in one snapshot. Changes nothing."""
    for look in LOOKS:
        with database.reading() as connection:
            yield from look(connection)


def _ruled(rule: store.Rule, connection: Connection) -> Iterator[Finding]:
    """Look at what SQL can say."""
    looked_at, broken, examples = store.look(connection, rule)
    yield Finding(rule.name, rule.meaning, looked_at, broken, examples)


def _lives(connection: Connection) -> Iterator[Finding]:
    """Replay every log, and hold what is due against the clocks."""
    count = 0
    broken: dict[Callable[..., str | None], list[str]] = {_replayed: [], _due: []}
    now = store.moment(connection)
    for kept, lines, rows in store.lives_in_chunks(connection):
        by_key = {row.incident_id: row for row in rows}
        count += len(kept)
        for one in kept:
            for check, found in broken.items():
                words = check(one, lines[one.incident_id], by_key[one.incident_id], now)
                if words is not None:
                    found.append(f"{one.incident_id}: {words}")
    names = {
        _replayed: ("lives replayed", "every life is what its log makes of it, move by move"),
        _due: (
            "due moments",
            "what is due agrees with the clocks, the next is the first of it, and is watched",
        ),
    }
    for check, found in broken.items():
        yield Finding(*names[check], count, len(found), found[:5])


def _replayed(one: Kept, lines: Sequence[Any], _row: Any, _now: datetime) -> str | None:
    """Return what differs between a life and its log, None if nothing does."""
    moves = [line for line in lines if line.move in _MOVES]
    life = Life(Status.REPORTED, one.life.reported_at)
    for line in moves:
        if line.from_status != life.status:
            return f"{line.move} left {line.from_status}, but it was {life.status}"
        try:
            life = advance(life, Move(line.move), line.at, reason=line.reason)
        except GeoServiceError as error:
            return str(error.detail)
        if line.to_status != life.status:
            return f"{line.move} led to {line.to_status}, not {life.status}"
    for name in _TOLD:
        if getattr(life, name) != getattr(one.life, name):
            return f"{name} is {getattr(one.life, name)}, its log says {getattr(life, name)}"
    kept = [pause for pause in life.pauses if pause.start != pause.end]
    return None if _whole(kept) == _whole(one.life.pauses) else "its pauses are not those of its log"


def _whole(pauses: Sequence[Any]) -> list[tuple[datetime, datetime | None]]:
    """Return pauses with those that touch made one, as the database keeps them."""
    out: list[tuple[datetime, datetime | None]] = []
    for one in pauses:
        if out and out[-1][1] == one.start:
            out[-1] = (out[-1][0], one.end)
        else:
            out.append((one.start, one.end))
    return out


def _due(one: Kept, _lines: Sequence[Any], row: Any, now: datetime) -> str | None:
    """Return which moment that is due disagrees with the clocks, None if none does."""
    running = clocks(one.life, standard_from(one.standard), now)
    want = {clock.phase: clock.due_at for clock in running if clock.reached_at is None}
    for phase in Phase:
        kept = getattr(row, f"{phase}_due_at")
        if kept != want.get(phase):
            return f"{phase} is due at {kept}, its clock says {want.get(phase)}"
    if row.next_due_at != next_due(running):
        return f"the next is due at {row.next_due_at}"
    ahead = [due_at for due_at in want.values() if due_at and due_at > now]
    if ahead and (row.watch_at is None or row.watch_at > min(ahead)):
        return f"the watcher looks at it at {row.watch_at}, and {min(ahead)} is due"
    return None


def _watched(connection: Connection) -> Iterator[Finding]:
    """Look whether something is due of a life that nobody looks at."""
    now = store.moment(connection)
    rules = Rules.from_mapping(escalations.rules(connection)[1])
    found = watch.overlooked(connection, now, issuing.issued_by(rules))
    meaning = "no card is due, and none to lift, of a life that the watcher does not look at now"
    count = watch.count_not_due(connection, now)
    yield Finding("watched", meaning, count, len(found), [f"{key}: {what}" for key, what in found[:5]])


def _tracks(connection: Connection) -> Iterator[Finding]:
    """Look whether every position was measured on duty, by the roster as it stands now."""
    looked_at, broken = 0, 0
    examples: list[str] = []
    for day in positions.days(connection):
        start = datetime.combine(day, time(), UTC)
        rows = store.fixes_of_days(connection, start, start + timedelta(days=1))
        if not rows:
            continue
        book = duty_book.write(connection, start, ahead=timedelta(hours=25))
        at_s = np.array([row[1] for row in rows], np.float64)
        row_of = np.array([book.row_of_id.get(row[0], -1) for row in rows], np.int64)
        known = row_of >= 0  # who has left since has no shifts any more
        looked_at += int(known.sum())
        who, at_s = row_of[known], at_s[known]
        off = ~(
            book.on_duty(who, at_s) | book.on_duty(who, at_s - LEEWAY_S) | book.on_duty(who, at_s + LEEWAY_S)
        )
        broken += int(off.sum())
        examples += [
            f"{book.codes[who[i]]} at {datetime.fromtimestamp(at_s[i], UTC).isoformat()}"
            for i in np.flatnonzero(off)[: max(0, 5 - len(examples))].tolist()
        ]
    meaning = "every position was measured on duty, by the roster as it stands now"
    yield Finding("tracks in shifts", meaning, looked_at, broken, examples)


def _audited(connection: Connection) -> Iterator[Finding]:
    """Look whether every row of the audit follows from the one before it."""
    first = audit.verify(connection)
    meaning = "every row of the audit follows from the one before it"
    examples = [] if first is None else [f"row {first} does not"]
    yield Finding("audit chain", meaning, audit.count(connection), len(examples), examples)


#: Every invariant, in the order in which they are told; each look gives one or several.
LOOKS: tuple[Callable[[Connection], Iterator[Finding]], ...] = (
    *(partial(_ruled, rule) for rule in store.RULES),
    _lives,
    _watched,
    _tracks,
    _audited,
)
