"""The lives of incidents: where each stands, its moments, its log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range, distinct_on

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.staffing.clocks import Clock, Phase, next_due
from geo_service.staffing.life import Life, Move, Pause, Status
from geo_service.store.at_once import Question
from geo_service.store.dispatch_tables import incident_life, incident_log


@dataclass(frozen=True, slots=True)
class Kept:
    """A life as it is stored: with its revision and the standard that its clocks follow."""

    incident_id: UUID
    life: Life
    standard: dict[str, Any]
    revision: int
    replied_at: datetime | None
    duplicate_of: UUID | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log; ``at`` is when it happened, ``request_key`` drops what is sent twice."""

    at: datetime
    who: str
    move: str
    from_status: str | None = None
    to_status: str | None = None
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    request_key: str | None = None


def begin(connection: Connection, lives: Sequence[tuple[Kept, Sequence[Clock]]]) -> None:
    """Write the lives of new incidents, each with its clocks."""
    rows = [
        {"incident_id": kept.incident_id, "standard": kept.standard, **columns(kept.life, clocks)}
        for kept, clocks in lives
    ]
    if rows:
        connection.execute(insert(incident_life), rows)


def get(connection: Connection, key: UUID, *, lock: bool = False) -> Kept:
    """Return the life of an incident; with ``lock`` nobody else moves it before this transaction ends.

    Raises
    ------
    NotFoundError
        There is no such incident, or it came as history and nobody waits for it.
    """
    query = select(incident_life).where(incident_life.c.incident_id == key)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFoundError(f"no incident {key} is being handled: there is none, or it came as history only")
    return _kept(row)


def several(connection: Connection, keys: Sequence[UUID]) -> dict[UUID, Kept]:
    """Return the lives of incidents by id; those without one are left out."""
    rows = connection.execute(
        select(incident_life).where(incident_life.c.incident_id == func.any(list(keys)))
    )
    return {row.incident_id: _kept(row) for row in rows}


def save(connection: Connection, kept: Kept, clocks: Iterable[Clock]) -> int:
    """Write a life that was read with ``lock``; returns its new revision."""
    revision = kept.revision + 1
    connection.execute(
        update(incident_life)
        .where(incident_life.c.incident_id == kept.incident_id)
        .values(
            revision=revision,
            standard=kept.standard,
            replied_at=kept.replied_at,
            duplicate_of=kept.duplicate_of,
            **columns(kept.life, clocks),
        )
    )
    return revision


def log(connection: Connection, lines: Mapping[UUID, Line]) -> None:
    """Add a line to the log of each of these incidents."""
    rows = [
        {
            "incident_id": key,
            "at": line.at,
            "who": line.who,
            "move": line.move,
            "from_status": line.from_status,
            "to_status": line.to_status,
            "reason": line.reason,
            "details": line.details,
            "request_key": line.request_key,
        }
        for key, line in lines.items()
    ]
    connection.execute(insert(incident_log), rows)


def accepted_by(connection: Connection, keys: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return by incident who accepted it last, and when: who, at; those not accepted are left out."""
    rows = connection.execute(
        select(incident_log.c.incident_id, incident_log.c.who, incident_log.c.at)
        .join(incident_life, incident_life.c.incident_id == incident_log.c.incident_id)
        .where(
            incident_log.c.incident_id == func.any(list(keys)),
            incident_log.c.move == Move.ACCEPT.value,
            incident_life.c.accepted_at.is_not(None),
        )
        .ext(distinct_on(incident_log.c.incident_id))
        .order_by(incident_log.c.incident_id, incident_log.c.id.desc())
    )
    return {row[0]: {"who": row[1], "at": row[2]} for row in rows}


def has_line(
    connection: Connection,
    key: UUID,
    request_key: str | None,
    *,
    moves: Iterable[str] = (),
    who: str | None = None,
    dispatch_id: int | None = None,
) -> bool:
    """Tell whether a request has been carried out for the incident; without a key none is known to have been.

    Parameters
    ----------
    moves : iterable of str
        What the request leaves in the log, one of these; unsaid it is not looked at.
    who, dispatch_id
        Who asks, and of which dispatch; likewise.

    Raises
    ------
    InvalidInputError
        The key was used for another request: it must not swallow this one.
    """
    if request_key is None:
        return False
    query = select(incident_log.c.move, incident_log.c.who, incident_log.c.details)
    line = connection.execute(
        query.where(incident_log.c.incident_id == key, incident_log.c.request_key == request_key)
    ).one_or_none()
    if line is None:
        return False
    same = (
        line.move in (tuple(moves) or (line.move,))
        and who in (None, line.who)
        and dispatch_id in (None, line.details.get("dispatch"))
    )
    if not same:
        words = Words(
            "this key was used for another request; give each request a key of its own",
            "这个幂等键已用于另一个请求：每个请求请用各自的键",
        )
        raise InvalidInputError(words, [Fault("Idempotency-Key", words, value=request_key)])
    return True


def log_of(connection: Connection, key: UUID) -> list[dict[str, Any]]:
    """Return the log of an incident, the oldest line first."""
    rows = connection.execute(
        select(incident_log).where(incident_log.c.incident_id == key).order_by(incident_log.c.id)
    )
    return [
        {name: value for name, value in row.items() if name not in {"incident_id", "request_key"}}
        for row in rows.mappings()
    ]


def clock(connection: Connection) -> datetime:
    """Return the database's time: one clock for all processes."""
    return clock_question().ask(connection)


def clock_question() -> Question[datetime]:
    """Return the question of :func:`clock`."""
    return Question("select clock_timestamp()", {}, lambda rows: cast("datetime", rows[0][0]))


def present(connection: Connection, key: UUID) -> datetime:
    """Return the database's time, or that of an incident's latest line if the clock was set back since.

    So what happens now is never noted for a moment before what has happened already.
    """
    latest = "(select max(at) from incident_log where incident_id = :key)"
    now: datetime = connection.execute(
        text(f"select greatest(clock_timestamp(), {latest})"),
        {"key": key},
    ).scalar_one()
    return now


_MOMENTS = (
    "reported_at",
    "accepted_at",
    "dispatched_at",
    "arrived_at",
    "handled_at",
    "closed_at",
    "last_at",
)


def columns(life: Life, clocks: Iterable[Clock]) -> dict[str, Any]:
    """Return what the table has of a life whose clocks stand so."""
    clocks = tuple(clocks)
    due = {clock.phase: clock.due_at for clock in clocks if clock.reached_at is None}
    return {
        "status": life.status.value,
        "suspended_from": life.suspended_from.value if life.suspended_from else None,
        **{name: getattr(life, name) for name in _MOMENTS},
        "pauses": [Range(one.start, one.end) for one in life.pauses if one.end != one.start],
        **{f"{phase}_due_at": due.get(phase) for phase in Phase},
        "next_due_at": next_due(clocks),
    }


def _kept(row: Row[Any]) -> Kept:
    pauses = tuple(Pause(one.lower, one.upper) for one in row.pauses)
    life = Life(
        status=Status(row.status),
        suspended_from=Status(row.suspended_from) if row.suspended_from else None,
        pauses=pauses,
        **{name: getattr(row, name) for name in _MOMENTS},
    )
    return Kept(row.incident_id, life, row.standard, row.revision, row.replied_at, row.duplicate_of)
