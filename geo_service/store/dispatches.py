"""Who is sent where. The database itself lets nobody be sent twice, and an incident have one lead."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from geo_service.errors import NotFoundError, Words
from geo_service.store import scopes
from geo_service.store.dispatch_tables import dispatch, incident_log
from geo_service.store.positions import array_text
from geo_service.store.tables import responder


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One person sent to one incident."""

    id: int
    incident_id: UUID
    responder_id: int
    responder: str
    name: str
    lead: bool
    sent_at: datetime
    sent_by: str
    travel_s: float | None
    mode: str | None
    accepted_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    reason: str

    @property
    def is_open(self) -> bool:
        """Whether he is still sent."""
        return self.ended_at is None

    @property
    def state(self) -> str:
        """Return sent, accepted, arrived, or how it ended."""
        if self.outcome is not None:
            return self.outcome
        if self.arrived_at is not None:
            return "arrived"
        return "sent" if self.accepted_at is None else "accepted"

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "id": self.id,
            "incident_id": self.incident_id,
            "responder": self.responder,
            "name": self.name,
            "lead": self.lead,
            "state": self.state,
            "sent_at": self.sent_at,
            "sent_by": self.sent_by,
            "travel_s": self.travel_s,
            "mode": self.mode,
            "accepted_at": self.accepted_at,
            "arrived_at": self.arrived_at,
            "ended_at": self.ended_at,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Sending:
    """Whom to send, and what the roads say: how he travels, how long, and from where (EPSG:4326)."""

    responder_id: int
    lead: bool
    travel_s: float | None = None
    mode: str | None = None
    from_deg: tuple[float, float] | None = None


def _columns(source: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns in the order of :class:`Dispatch`: of dispatches, and of their responders."""
    whose = {"responder": responder.c.code, "name": responder.c.name}
    return [whose[name] if name in whose else source.c[name] for name in Dispatch.__slots__]


def _latest_line() -> ColumnElement[Any]:
    lines = select(func.max(incident_log.c.at)).where(incident_log.c.incident_id == dispatch.c.incident_id)
    return lines.scalar_subquery()


_SENT = (
    "incident_id",
    "responder_id",
    "lead",
    "sent_at",
    "sent_by",
    "travel_s",
    "mode",
    "from_lon",
    "from_lat",
)
# Statements are made once: to put one together takes longer than to carry it out.
_ALL = select(*_columns(dispatch)).join(responder, responder.c.id == dispatch.c.responder_id)
_ONE = _ALL.where(dispatch.c.id == bindparam("key"))
_ONE_LOCKED = _ONE.add_columns(func.greatest(func.clock_timestamp(), _latest_line())).with_for_update(
    of=dispatch
)
_OF_INCIDENT = _ALL.where(dispatch.c.incident_id == bindparam("key")).order_by(
    dispatch.c.sent_at, dispatch.c.id
)
_OPEN_OF_INCIDENT = _OF_INCIDENT.where(dispatch.c.ended_at.is_(None))
_SOME = _ALL.where(dispatch.c.id == func.any(bindparam("keys", type_=ARRAY(BigInteger)))).order_by(
    dispatch.c.id
)
_OPEN = _ALL.where(dispatch.c.ended_at.is_(None)).order_by(dispatch.c.id)
_OPEN_OF_SOME = _OPEN.where(dispatch.c.responder_id == func.any(bindparam("who", type_=ARRAY(Integer))))
_MARKS = text("""
    select array_agg(id), array_agg(xmin::text::bigint) from dispatch where ended_at is null
""")
_MADE = (
    insert(dispatch)
    .values({name: bindparam(name) for name in _SENT})
    .on_conflict_do_nothing()
    .returning(*dispatch.c)
    .cte("made")
)
_SEND = select(*_columns(_MADE)).join(responder, responder.c.id == _MADE.c.responder_id)
_CHANGE = (
    update(dispatch)
    .where(dispatch.c.id == bindparam("key"), responder.c.id == dispatch.c.responder_id)
    .returning(*_columns(dispatch))
)


def _read(row: Row[Any]) -> Dispatch:
    return Dispatch(*tuple(row))


def get(connection: Connection, dispatch_id: int) -> Dispatch:
    """Return one.

    Raises
    ------
    NotFoundError
        There is none.
    """
    row = connection.execute(_ONE, {"key": dispatch_id}).one_or_none()
    if row is None:
        raise _unknown(dispatch_id)
    return _read(row)


def get_locked(connection: Connection, dispatch_id: int) -> tuple[Dispatch, datetime]:
    """Return one that nobody else changes before this transaction ends, and the present.

    The present is that of :func:`geo_service.store.lives.present`: ask when the incident's life is locked.

    Raises
    ------
    NotFoundError
        There is none.
    """
    row = connection.execute(_ONE_LOCKED, {"key": dispatch_id}).one_or_none()
    if row is None:
        raise _unknown(dispatch_id)
    *columns, now = row
    return Dispatch(*columns), now


def _unknown(dispatch_id: int) -> NotFoundError:
    return NotFoundError(Words(f"there is no dispatch {dispatch_id}", f"没有编号为 {dispatch_id} 的派单"))


def of_incident(connection: Connection, key: UUID, *, open_only: bool = False) -> list[Dispatch]:
    """Return who was sent to an incident, in the order in which they were."""
    query = _OPEN_OF_INCIDENT if open_only else _OF_INCIDENT
    return [_read(row) for row in connection.execute(query, {"key": key})]


def open_now(connection: Connection, responder_ids: Iterable[int] | None = None) -> list[Dispatch]:
    """Return the open ones, of everybody or of some."""
    if responder_ids is None:
        return [_read(row) for row in connection.execute(_OPEN)]
    return [_read(row) for row in connection.execute(_OPEN_OF_SOME, {"who": list(responder_ids)})]


def open_marks(connection: Connection) -> dict[int, int]:
    """Return the open ones by id, each with a mark that is another one after any change of it.

    The mark is the transaction that wrote the row as it is.
    """
    ids, marks = connection.execute(_MARKS).one()
    return dict(zip(ids or (), marks or (), strict=True))


def several(connection: Connection, ids: Iterable[int]) -> list[Dispatch]:
    """Return those with these ids, in order."""
    return [_read(row) for row in connection.execute(_SOME, {"keys": list(ids)})]


def send(
    connection: Connection, key: UUID, people: Sequence[Sending], *, at: datetime, by: str
) -> dict[int, Dispatch]:
    """Send people; returns the new dispatch of each responder.

    Who is missing in the answer has been sent elsewhere meanwhile, or somebody else has the lead.
    """
    done = {}
    for one in sorted(people, key=lambda one: one.responder_id):  # one order for all: no two wait in a ring
        lon, lat = one.from_deg or (None, None)
        values = (key, one.responder_id, one.lead, at, by, one.travel_s, one.mode, lon, lat)
        row = connection.execute(_SEND, dict(zip(_SENT, values, strict=True))).one_or_none()
        if row is not None:
            done[one.responder_id] = _read(row)
    return done


def change(connection: Connection, dispatch_id: int, values: Mapping[str, Any]) -> Dispatch:
    """Set some of the columns of one; returns it."""
    return _read(connection.execute(_CHANGE, {"key": dispatch_id, **values}).one())


_NEAR = text("""
    select dispatch.id, latest.at
    from dispatch
    join position_latest as latest using (responder_id)
    join incident on incident.id = dispatch.incident_id
    where dispatch.responder_id = any(cast(:who as int[])) and dispatch.ended_at is null
        and dispatch.arrived_at is null and latest.at >= dispatch.sent_at
        and coalesce(latest.accuracy_m, 0) <= :within_m
        and ST_DWithin(
            incident.geom::geography,
            ST_SetSRID(ST_MakePoint(latest.lon, latest.lat), 4326)::geography, :within_m
        )
    order by dispatch.id
""")


def come_near(
    connection: Connection, responder_ids: Sequence[int], within_m: float
) -> list[tuple[int, datetime]]:
    """Return who, of these, has come to where he was sent: his dispatch, and the moment of his last fix.

    Only fixes measured after he was sent count, and those that are sharper than the distance asked about.
    """
    if not responder_ids:
        return []
    rows = connection.execute(_NEAR, {"who": array_text(responder_ids), "within_m": within_m})
    return [(int(row[0]), row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an incident is (EPSG:4326; None: not located), on which floor, what its category asks for.

    ``declined``: who has declined to go there (id of the responder), and why, as last said.
    """

    lon: float | None
    lat: float | None
    floor: int | None
    capabilities: tuple[str, ...]
    declined: Mapping[int, str]


_SCENE = text("""
    select ST_X(incident.geom), ST_Y(incident.geom), incident.floor, category.capabilities, (
        select jsonb_object_agg(responder_id, reason order by id) from dispatch
        where incident_id = incident.id and outcome = 'declined'
    )
    from incident left join category on category.code = incident.category
    where incident.id = :key
""")


def scene(connection: Connection, key: UUID) -> Scene:
    """Return the scene of an incident, in one statement.

    Raises
    ------
    NotFoundError
        There is no such incident.
    """
    row = connection.execute(_SCENE, {"key": key}).one_or_none()
    if row is None:
        raise NotFoundError(Words(f"there is no incident {key}", f"没有编号为 {key} 的事件"))
    declined = {int(who): why for who, why in (row[4] or {}).items()}
    return Scene(row[0], row[1], row[2], tuple(row[3] or ()), declined)


def page(
    connection: Connection,
    *,
    limit: int,
    before: int | None = None,
    is_open: bool | None = None,
    incident_ids: Sequence[UUID] | None = None,
    responder_id: int | None = None,
    scope: Collection[int] = (),
) -> list[Dispatch]:
    """Return dispatches, the newest first, with an id below ``before``, to incidents that a scope sees."""
    query = (
        _ALL.where(scopes.placed_within(dispatch.c.incident_id, scope))
        .order_by(dispatch.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(dispatch.c.id < before)
    if is_open is not None:
        query = query.where(dispatch.c.ended_at.is_(None) if is_open else dispatch.c.ended_at.is_not(None))
    if incident_ids is not None:
        query = query.where(dispatch.c.incident_id == func.any(list(incident_ids)))
    if responder_id is not None:
        query = query.where(dispatch.c.responder_id == responder_id)
    return [_read(row) for row in connection.execute(query)]
