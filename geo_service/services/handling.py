"""Handling: an incident moves along its life, one move at a time, each in one transaction with its log.

The moves and their rules are :mod:`geo_service.staffing.life`, the clocks :mod:`geo_service.staffing.clocks`.
Who is sent is :mod:`geo_service.services.dispatching`; it moves incidents through :func:`moved` and
:func:`write`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.staffing.clocks import Clock, Standard, choose, clocks, standard_from, standard_object
from geo_service.staffing.life import WORDS_ZH, Life, Move, Status, advance
from geo_service.store import lives
from geo_service.store.database import Connection, Database
from geo_service.store.lives import Event, Kept, Line

#: How far the moment of a move may lie ahead of the database's clock: phones go wrong by that much.
AHEAD = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A report that has just come in, and what its standard is chosen by.

    ``categories`` holds its category and those above, ``cells`` the codes of the cells it lies in, ``who``
    is who reported it.
    """

    id: UUID
    categories: tuple[str, ...]
    urgency: str
    cells: tuple[str, ...]
    who: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How an incident stands: its life, its clocks at a moment, its revision."""

    kept: Kept
    clocks: tuple[Clock, Clock, Clock]
    at: datetime


def begin(connection: Connection, newcomers: Sequence[Newcomer], standards: Sequence[Standard]) -> None:
    """Begin the lives of reports that have just been stored, in the transaction that stored them."""
    if not newcomers:
        return
    now = lives.clock(connection)
    begun = [newborn(one, standards, now) for one in newcomers]
    lives.begin(connection, [(one.kept, one.clocks) for one in begun])
    status = Status.REPORTED.value
    lines = {one.id: Line(at=now, who=one.who, move="report", to_status=status) for one in newcomers}
    lives.log(connection, lines)


def newborn(one: Newcomer, standards: Sequence[Standard], now: datetime) -> Standing:
    """Return how a report stands that comes in now."""
    standard = choose(standards, one.categories, one.urgency, one.cells)
    life = Life(Status.REPORTED, now)
    kept = Kept(one.id, life, standard_object(standard), revision=0, replied_at=None, duplicate_of=None)
    return Standing(kept, clocks(life, standard, now), now)


def standing(connection: Connection, key: UUID) -> Standing:
    """Return how an incident stands now."""
    return _standing(lives.get(connection, key), lives.clock(connection))


def move(
    database: Database,
    key: UUID,
    what: Move,
    *,
    who: str,
    at: datetime | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    revision: int | None = None,
    request_key: str | None = None,
) -> Standing:
    """Carry out one move; returns how the incident stands then.

    Parameters
    ----------
    at : datetime, optional
        When it happened; now by default.
    reason : str
        Why; some moves must have one.
    details : mapping, optional
        What else belongs into the log.
    revision : int, optional
        The revision on which the caller decided; another one is refused.
    request_key : str, optional
        The same key again changes nothing and answers how the incident stands.

    Raises
    ------
    NotFoundError
        No such incident is being handled.
    ConflictError
        It does not stand where this move starts, or it has moved on.
    InvalidInputError
        A reason is missing, or the moment is out of order.
    """
    with database.writing() as connection:
        kept = lives.get(connection, key, lock=True)
        if lives.has_line(connection, key, request_key, moves=[what.value], who=who):
            return _standing(kept, lives.present(connection, key))
        require_revision(kept, revision)
        now = lives.present(connection, key)
        after, line = moved(
            kept, what, now=now, who=who, at=at, reason=reason, details=details, request_key=request_key
        )
        return write(connection, after, line, now)


def moved(
    kept: Kept,
    what: Move,
    *,
    now: datetime,
    who: str,
    at: datetime | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    request_key: str | None = None,
) -> tuple[Kept, Line]:
    """Return a life after a move, and the line that the move leaves; for :func:`write`.

    Parameters
    ----------
    kept : Kept
        The life before, locked.
    now : datetime
        The present, read after the life was locked.

    Raises
    ------
    ConflictError, InvalidInputError
        As :func:`move`.
    """
    moment = _moment(kept.life, at, now)
    after = replace(kept, life=advance(kept.life, what, moment, reason=reason))
    line = Line(
        at=moment,
        who=who,
        move=what.value,
        from_status=kept.life.status.value,
        to_status=after.life.status.value,
        reason=reason.strip(),
        details=dict(details or {}),
        request_key=request_key,
    )
    return after, line


def require_revision(kept: Kept, revision: int | None) -> None:
    """Raise unless an incident is at the revision on which the caller decided (None: on whichever it is).

    Raises
    ------
    ConflictError
        It has moved on.
    """
    if revision is not None and revision != kept.revision:
        status = kept.life.status
        words = Words(
            f"the incident has moved on: it is at revision {kept.revision} and {status}",
            f"事件已有变动：现为第 {kept.revision} 次修订，{WORDS_ZH[status]}；请刷新后再定",
        )
        raise ConflictError(words, [Fault("revision", words, value=revision)])


def write(
    connection: Connection,
    kept: Kept,
    lines: Line | Sequence[Line],
    now: datetime,
    *,
    before: Sequence[Event] = (),
    after: Sequence[Event] = (),
) -> Standing:
    """Store a changed life with its line and its event; for what is no move too: a reply, a correction.

    Each of several ``lines`` is a revision, with an event of its own. ``before`` and ``after`` are told of
    with them: what else happened in the same step.
    """
    lines = [lines] if isinstance(lines, Line) else lines
    running = clocks(kept.life, standard_of(kept), now)
    revision = lives.save(connection, kept, running, steps=len(lines))
    moves = [
        (
            "incident.moved",
            {
                "id": str(kept.incident_id),
                "move": line.move,
                "status": line.to_status,
                "revision": kept.revision + number,
            },
        )
        for number, line in enumerate(lines, 1)
    ]
    lives.enter(connection, kept.incident_id, lines, [*before, *moves, *after])
    return Standing(replace(kept, revision=revision), running, now)


def standard_of(kept: Kept) -> Standard:
    """Return the standard that the clocks of an incident follow."""
    return _standard(orjson.dumps(kept.standard))


@lru_cache(maxsize=512)
def _standard(text: bytes) -> Standard:
    """Read a standard as it is stored: few are in use, and each incident has one."""
    return standard_from(orjson.loads(text))


def standing_object(one: Standing) -> dict[str, Any]:
    """Return how an incident stands as a JSON object."""
    life = one.kept.life
    return {
        "status": life.status.value,
        "revision": one.kept.revision,
        "reported_at": life.reported_at,
        "accepted_at": life.accepted_at,
        "dispatched_at": life.dispatched_at,
        "arrived_at": life.arrived_at,
        "handled_at": life.handled_at,
        "closed_at": life.closed_at,
        "replied_at": one.kept.replied_at,
        "suspended_from": life.suspended_from.value if life.suspended_from else None,
        "duplicate_of": one.kept.duplicate_of,
        "standard": one.kept.standard["code"],
        "clocks": clock_objects(one.clocks),
        "now": one.at,
    }


def clock_objects(running: Iterable[Clock]) -> list[dict[str, Any]]:
    """Return clocks as JSON objects."""
    return [
        {
            "phase": clock.phase.value,
            "state": clock.state.value,
            "limit_s": clock.limit_s,
            "due_at": clock.due_at,
            "reached_at": clock.reached_at,
            "left_s": None if clock.left_s is None else round(clock.left_s, 1),
        }
        for clock in running
    ]


def _standing(kept: Kept, now: datetime) -> Standing:
    return Standing(kept, clocks(kept.life, standard_of(kept), now), now)


def _moment(life: Life, at: datetime | None, now: datetime) -> datetime:
    """Return when a move happened. Unsaid it is now, or the last move if the clock was set back meanwhile."""
    if at is None:
        return max(now, life.last_at or life.reported_at, life.reported_at)
    if at.utcoffset() is not None and at > now + AHEAD:
        raise InvalidInputError(
            Words("the move lies in the future", "操作时刻在未来"),
            [Fault("at", Words("give a moment until now", "请给出不晚于现在的时刻"), value=at)],
        )
    return at
