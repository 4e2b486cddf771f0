"""The lives of incidents: where each stands, its moments, its log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, Text, Uuid, bindparam, func, insert, select, text, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Range, distinct_on

from geo_service.errors import NotFoundError, Words
from geo_service.staffing.clocks import PHASES, Clock, first_warning, next_due
from geo_service.staffing.life import Life, Move, Pause, Status
from geo_service.store import request_keys
from geo_service.store.at_once import Question
from geo_service.store.dispatch_tables import dispatch, incident_life, incident_log

#: An event to queue: its topic and what it says.
Event = tuple[str, dict[str, Any]]

# Statements are made once: to put one together takes longer than to carry it out.
_LIVES = select(*(sql_cast(one, Text) if one.name == "standard" else one for one in incident_life.c))
_ONE = _LIVES.where(incident_life.c.incident_id == bindparam("key"))
_ONE_LOCKED = _ONE.with_for_update()
_ONE_OF_DISPATCH = _LIVES.where(
    incident_life.c.incident_id
    == select(dispatch.c.incident_id).where(dispatch.c.id == bindparam("dispatch_id")).scalar_subquery()
).with_for_update()
_KEYS = bindparam("keys", type_=ARRAY(Uuid))
_SEVERAL = _LIVES.where(incident_life.c.incident_id == func.any(_KEYS))
_SAVE = update(incident_life).where(incident_life.c.incident_id == bindparam("key"))
_ACCEPTED_BY = (
    select(incident_log.c.incident_id, incident_log.c.who, incident_log.c.at)
    .join(incident_life, incident_life.c.incident_id == incident_log.c.incident_id)
    .where(
        incident_log.c.incident_id == func.any(_KEYS),
        incident_log.c.move == Move.ACCEPT.value,
        incident_life.c.accepted_at.is_not(None),
    )
    .ext(distinct_on(incident_log.c.incident_id))
    .order_by(incident_log.c.incident_id, incident_log.c.id.desc())
)
_LINE_OF_REQUEST = select(
    incident_log.c.move, incident_log.c.who, incident_log.c.details, incident_log.c.request_key
).where(
    incident_log.c.incident_id == bindparam("key"),
    request_keys.is_key(incident_log.c.request_key, bindparam("request_key")),
)
_ENTER = text("""
    with entered as (
        insert into incident_log
            (incident_id, at, who, move, from_status, to_status, reason, details, request_key)
        select :key, (line ->> 'at')::timestamptz, line ->> 'who', line ->> 'move', line ->> 'from_status',
            line ->> 'to_status', line ->> 'reason', line -> 'details', line ->> 'request_key'
        from jsonb_array_elements(:lines) with ordinality as given (line, number) order by number
    )
    insert into outbox (topic, payload)
    select event ->> 0, event -> 1
    from jsonb_array_elements(:events) with ordinality as given (event, number) order by number
""").bindparams(bindparam("lines", type_=JSONB), bindparam("events", type_=JSONB))
#: Something has changed: the watcher looks at it next, whatever its clocks say.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
_PRESENT = text(
    "select greatest(clock_timestamp(), (select max(at) from incident_log where incident_id = :key))"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A life as it is stored: with its revision and the standard that its clocks follow.

    ``standard`` is shared by all that follow the same: it is to be replaced, never changed.
    """

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
    row = connection.execute(_ONE_LOCKED if lock else _ONE, {"key": key}).one_or_none()
    if row is None:
        words = Words(
            f"no incident {key} is being handled: there is none, or it came as history only",
            f"没有正在办理的事件 {key}：没有该事件，或仅为历史数据",
        )
        raise NotFoundError(words)
    return _kept(row)


def get_of_dispatch(connection: Connection, dispatch_id: int) -> Kept:
    """Return the life of the incident to which somebody was sent, locked as by :func:`get`.

    Raises
    ------
    NotFoundError
        There is no such dispatch, or nobody waits for its incident.
    """
    row = connection.execute(_ONE_OF_DISPATCH, {"dispatch_id": dispatch_id}).one_or_none()
    if row is None:
        words = Words(f"there is no dispatch {dispatch_id}", f"没有编号为 {dispatch_id} 的派单")
        raise NotFoundError(words)
    return _kept(row)


def several(connection: Connection, keys: Sequence[UUID]) -> dict[UUID, Kept]:
    """Return the lives of incidents by id; those without one are left out."""
    rows = connection.execute(_SEVERAL, {"keys": list(keys)})
    return {row.incident_id: _kept(row) for row in rows}


def save(connection: Connection, kept: Kept, clocks: Iterable[Clock], steps: int = 1) -> int:
    """Write a life that was read with ``lock``; returns its new revision, so many ``steps`` on."""
    revision = kept.revision + steps
    values = {
        "key": kept.incident_id,
        "revision": revision,
        "standard": kept.standard,
        "replied_at": kept.replied_at,
        "duplicate_of": kept.duplicate_of,
        **columns(kept.life, clocks),
        "watch_at": AT_ONCE,
    }
    connection.execute(_SAVE, values)
    return revision


def enter(connection: Connection, key: UUID, lines: Sequence[Line], events: Sequence[Event]) -> None:
    """Add lines to the log of an incident and queue events, in their order, with one statement."""
    given = {
        "key": key,
        "lines": [{**asdict(line), "at": line.at.isoformat()} for line in lines],
        "events": events,
    }
    connection.execute(_ENTER, given)


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
    rows = connection.execute(_ACCEPTED_BY, {"keys": list(keys)})
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
    asked = {"key": key, "request_key": request_keys.key_of(request_key)}
    line = connection.execute(_LINE_OF_REQUEST, asked).one_or_none()
    if line is None:
        return False
    request_keys.require_same(line.request_key, request_key)
    same = (
        line.move in (tuple(moves) or (line.move,))
        and who in (None, line.who)
        and dispatch_id in (None, line.details.get("dispatch"))
    )
    if not same:
        raise request_keys.used_otherwise(request_key)
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
    now: datetime = connection.execute(_PRESENT, {"key": key}).scalar_one()
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
        **{f"{phase}_due_at": due.get(phase) for phase in PHASES},
        "next_due_at": next_due(clocks),
        "watch_at": first_warning(clocks),
    }


def _kept(row: Row[Any]) -> Kept:
    pauses = tuple(Pause(one.lower, one.upper) for one in row.pauses)
    life = Life(
        status=Status(row.status),
        suspended_from=Status(row.suspended_from) if row.suspended_from else None,
        pauses=pauses,
        **{name: getattr(row, name) for name in _MOMENTS},
    )
    return Kept(
        row.incident_id, life, _standard(row.standard), row.revision, row.replied_at, row.duplicate_of
    )


@lru_cache(maxsize=512)
def _standard(words: str) -> dict[str, Any]:
    """Read a standard as it is stored: few are in use, and each incident has one. Not to be changed."""
    read: dict[str, Any] = orjson.loads(words)
    return read
