"""Dispatching: who is sent where, and what becomes of it; each step one transaction with the incident's move.

Nobody is sent twice, and an incident has one lead: unique indexes of the database see to it, whatever runs at
once. Everything locks the life of the incident first and the dispatch then, so that two steps wait for each
other in one order only. Every step leaves a line in the incident's log, which its ``request_key`` makes
unique: what is sent twice over a bad line is done once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.errors import ConflictError, Fault, ForbiddenError, InvalidInputError, NotFoundError, Words
from geo_service.services import handling
from geo_service.services.naming import incident_words
from geo_service.services.rostering import town_zone
from geo_service.staffing.life import Move, Status
from geo_service.store import dispatches, lives, outbox
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Dispatch, Sending
from geo_service.store.lives import Kept, Line

#: What sending and handing over leave in the log; which move of the incident stands for the line of a step.
SENDING = ("send", Move.DISPATCH)
HANDING_OVER = ("dispatch.hand_over",)
_STANDS_FOR = {"arrive": Move.ARRIVE, "done": Move.HANDLE, "decline": Move.RECALL, "cancel": Move.RECALL}

#: In these somebody is on his way or at work, so that more may be sent.
_UNDER_WAY = frozenset({Status.DISPATCHED, Status.ARRIVED})


def send(
    database: Database,
    incident_id: UUID,
    people: Sequence[Sending],
    *,
    who: str,
    reason: str = "",
    revision: int | None = None,
    request_key: str | None = None,
) -> list[Dispatch]:
    """Send people to an incident; one that is only reported is accepted with it.

    Parameters
    ----------
    people : sequence of Sending
        One in the lead where nobody has it yet; with a lead there already, more who help.
    revision : int, optional
        The incident's revision on which the caller decided; another one is refused.
    request_key : str, optional
        The same key again sends nobody, and answers who is sent.

    Returns
    -------
    list of Dispatch
        Everybody who is sent to the incident now.

    Raises
    ------
    NotFoundError
        No such incident is being handled.
    ConflictError
        Somebody was faster (the words say who sent whom and when), or the incident waits for nobody.
    InvalidInputError
        Nobody is given, or no or several leads.
    """
    with database.writing() as connection:
        kept = lives.get(connection, incident_id, lock=True)
        if lives.has_line(connection, incident_id, request_key, moves=SENDING, who=who):
            return dispatches.of_incident(connection, incident_id, open_only=True)
        leads = [one for one in dispatches.of_incident(connection, incident_id, open_only=True) if one.lead]
        _check_people(people, has_lead=bool(leads))
        if leads and any(one.lead for one in people):
            raise _somebody_was_faster(connection, leads)
        if kept.life.status is Status.REPORTED:
            handling.move_in(connection, incident_id, Move.ACCEPT, who=who, revision=revision)
            revision = None
        at = lives.present(connection, incident_id)
        sent = _insert(connection, incident_id, people, at=at, by=who)
        details = {"sent": [one.responder for one in sent], "lead": _lead_code(sent)}
        if kept.life.status in _UNDER_WAY:
            handling.require_revision(kept, revision)
            _note(connection, kept, "send", who=who, reason=reason, details=details, request_key=request_key)
        else:
            handling.move_in(
                connection,
                incident_id,
                Move.DISPATCH,
                who=who,
                reason=reason,
                details=details,
                revision=revision,
                request_key=request_key,
            )
        for one in sent:
            _tell(connection, "dispatch.sent", one, who)
        return dispatches.of_incident(connection, incident_id, open_only=True)


def accept(
    database: Database, dispatch_id: int, *, who: str, own: int | None = None, request_key: str | None = None
) -> Dispatch:
    """Note that he who was sent is going. ``own``: only if that is this responder (so in all that follows).

    Raises
    ------
    NotFoundError
        There is no such dispatch.
    ForbiddenError
        It is somebody else's.
    ConflictError
        It is over.
    """
    with database.writing() as connection:
        kept, one, is_done = _open(connection, dispatch_id, "accept", request_key, who=who, own=own)
        if is_done or one.accepted_at is not None:
            return one
        one = dispatches.change(connection, one.id, {"accepted_at": _present(connection, one)})
        _note(connection, kept, "dispatch.accept", who=who, details=_of(one), request_key=request_key)
        _tell(connection, "dispatch.accepted", one, who)
        return one


def arrive(
    database: Database,
    dispatch_id: int,
    *,
    who: str,
    own: int | None = None,
    at: datetime | None = None,
    by: str = "button",
    request_key: str | None = None,
) -> Dispatch:
    """Note that he has come there: the incident is arrived at when the one in the lead is.

    A moment before he was sent, or before the incident's last move, is taken for that one, one to come for
    the present.

    Raises
    ------
    NotFoundError, ForbiddenError, ConflictError
        As :func:`accept`.
    """
    with database.writing() as connection:
        kept, one, is_done = _open(connection, dispatch_id, "arrive", request_key, who=who, own=own)
        if is_done or one.arrived_at is not None:
            return one
        moment = _clamp(kept, one, at, _present(connection, one))
        values = {"arrived_at": moment, "accepted_at": one.accepted_at or moment}
        one = dispatches.change(connection, one.id, values)
        details = {**_of(one), "by": by}
        if one.lead and kept.life.status is Status.DISPATCHED:
            handling.move_in(
                connection,
                one.incident_id,
                Move.ARRIVE,
                who=who,
                at=moment,
                details=details,
                request_key=request_key,
            )
        else:
            _note(connection, kept, "dispatch.arrive", who=who, details=details, request_key=request_key)
        _tell(connection, "dispatch.arrived", one, who)
        return one


def arrive_by_position(database: Database, dispatch_id: int, *, at: datetime, who: str) -> bool:
    """Note an arrival that a position shows; False when it was noted already or the dispatch is over."""
    try:
        return arrive(database, dispatch_id, who=who, at=at, by="geofence").arrived_at is not None
    except (ConflictError, NotFoundError):
        return False


def decline(
    database: Database,
    dispatch_id: int,
    *,
    who: str,
    reason: str,
    own: int | None = None,
    request_key: str | None = None,
) -> Dispatch:
    """Note that he cannot go: before he has arrived, and with a reason.

    Of several, another takes the lead; otherwise the incident waits for somebody again.

    Raises
    ------
    NotFoundError, ForbiddenError, ConflictError
        As :func:`accept`; or he is there already.
    InvalidInputError
        There is no reason.
    """
    _require_reason(reason)
    with database.writing() as connection:
        kept, one, is_done = _open(connection, dispatch_id, "decline", request_key, who=who, own=own)
        if is_done:
            return one
        if one.arrived_at is not None:
            words = Words(
                f"{one.name} is there already: end it, hand it over, or cancel it",
                f"{one.name} 已到场：请办理完毕、转交或取消",
            )
            raise ConflictError(words)
        return _leave(connection, kept, one, "declined", who=who, reason=reason, request_key=request_key)


def cancel(
    database: Database, dispatch_id: int, *, who: str, reason: str = "", request_key: str | None = None
) -> Dispatch:
    """Call somebody back, also from the place. Of several, another takes the lead; otherwise it waits again.

    Raises
    ------
    NotFoundError, ConflictError
        As :func:`accept`.
    """
    with database.writing() as connection:
        kept, one, is_done = _open(connection, dispatch_id, "cancel", request_key, who=who, own=None)
        if is_done:
            return one
        return _leave(connection, kept, one, "cancelled", who=who, reason=reason, request_key=request_key)


def done(
    database: Database,
    dispatch_id: int,
    *,
    who: str,
    note: str = "",
    own: int | None = None,
    request_key: str | None = None,
) -> Dispatch:
    """Note that his work is done. With that of the lead the incident is handled, and all others are free.

    Raises
    ------
    NotFoundError, ForbiddenError, ConflictError
        As :func:`accept`; or he has not arrived.
    """
    with database.writing() as connection:
        kept, one, is_done = _open(connection, dispatch_id, "done", request_key, who=who, own=own)
        if is_done:
            return one
        if one.arrived_at is None:
            words = Words(f"{one.name} has not arrived yet: note the arrival first", f"{one.name} 尚未到场")
            raise ConflictError(words)
        one = _end(connection, one, "done", who=who, reason=note)
        if one.lead and kept.life.status is Status.ARRIVED:
            handling.move_in(
                connection,
                one.incident_id,
                Move.HANDLE,
                who=who,
                reason=note,
                details=_of(one),
                request_key=request_key,
            )
        else:
            _note(
                connection,
                kept,
                "dispatch.done",
                who=who,
                reason=note,
                details=_of(one),
                request_key=request_key,
            )
        return one


def hand_over(
    database: Database,
    dispatch_id: int,
    to: Sending,
    *,
    who: str,
    reason: str = "",
    own: int | None = None,
    request_key: str | None = None,
) -> Dispatch:
    """Let another go in his place; returns the other's dispatch. The incident stays where it is.

    Raises
    ------
    NotFoundError, ForbiddenError, ConflictError
        As :func:`accept`; or the other has been sent elsewhere.
    """
    with database.writing() as connection:
        kept, one, is_done = _open(connection, dispatch_id, "hand_over", request_key, who=who, own=own)
        if is_done:
            return successor(connection, one)
        _end(connection, one, "handed_over", who=who, reason=reason)
        instead = Sending(to.responder_id, one.lead, to.travel_s, to.mode, to.from_deg)
        (other,) = _insert(connection, one.incident_id, [instead], at=_present(connection, one), by=who)
        details = {**_of(one), "to": other.responder, "to_dispatch": other.id}
        _note(
            connection,
            kept,
            "dispatch.hand_over",
            who=who,
            reason=reason,
            details=details,
            request_key=request_key,
        )
        _tell(connection, "dispatch.sent", other, who)
        return other


# ------------------------------------------------------------------------------------------------ parts


def require_own(one: Dispatch, own: int | None) -> None:
    """Raise unless the dispatch is that of the responder to whom the caller is confined (None: to nobody).

    Raises
    ------
    ForbiddenError
        It is somebody else's.
    """
    if own is not None and one.responder_id != own:
        raise ForbiddenError(Words("this dispatch is somebody else's", "这是他人的派单"))


def successor(connection: Connection, one: Dispatch) -> Dispatch:
    """Return the dispatch that followed one that was handed over."""
    later = [x for x in dispatches.of_incident(connection, one.incident_id) if x.id > one.id]
    return next((x for x in later if x.lead == one.lead), one)


def _open(
    connection: Connection, dispatch_id: int, verb: str, request_key: str | None, *, who: str, own: int | None
) -> tuple[Kept, Dispatch, bool]:
    """Lock the incident and then the dispatch; the flag says that this request was carried out before."""
    one = dispatches.get(connection, dispatch_id)
    require_own(one, own)
    kept = lives.get(connection, one.incident_id, lock=True)
    one = dispatches.get(connection, dispatch_id, lock=True)
    moves = [f"dispatch.{verb}", _STANDS_FOR.get(verb, "")]
    if lives.has_line(connection, kept.incident_id, request_key, moves=moves, who=who, dispatch_id=one.id):
        return kept, one, True
    if not one.is_open:
        zone = town_zone(connection)
        at = one.ended_at.astimezone(zone) if one.ended_at else None
        words = Words(
            f"this dispatch is over since {at:%Y-%m-%d %H:%M:%S}: {one.outcome}",
            f"该派单已于 {at:%Y-%m-%d %H:%M:%S} 结束（{_OUTCOME_ZH.get(one.outcome or '', '')}）",
        )
        raise ConflictError(words, [Fault("dispatch", words, value=one.state)])
    return kept, one, False


_OUTCOME_ZH = {"done": "完成", "declined": "拒接", "cancelled": "取消", "handed_over": "转交"}


def _leave(
    connection: Connection,
    kept: Kept,
    one: Dispatch,
    outcome: str,
    *,
    who: str,
    reason: str,
    request_key: str | None,
) -> Dispatch:
    """End a dispatch without the work being done, and see who has the lead now."""
    verb = {"declined": "dispatch.decline", "cancelled": "dispatch.cancel"}[outcome]
    ended = _end(connection, one, outcome, who=who, reason=reason)
    details = {**_of(ended), "outcome": outcome}
    others = dispatches.of_incident(connection, one.incident_id, open_only=True)
    if not others and kept.life.status in _UNDER_WAY:
        handling.move_in(
            connection,
            one.incident_id,
            Move.RECALL,
            who=who,
            reason=reason,
            details=details,
            request_key=request_key,
        )
        return ended
    heir = dispatches.change(connection, others[0].id, {"lead": True}) if one.lead and others else None
    if heir is not None:
        details["lead"] = heir.responder
    _note(connection, kept, verb, who=who, reason=reason, details=details, request_key=request_key)
    if heir is not None and heir.arrived_at is not None and kept.life.status is Status.DISPATCHED:
        at = max(heir.arrived_at, kept.life.last_at or heir.arrived_at)
        handling.move_in(connection, one.incident_id, Move.ARRIVE, who=who, at=at, details=_of(heir))
    return ended


def _insert(
    connection: Connection, incident_id: UUID, people: Sequence[Sending], *, at: datetime, by: str
) -> list[Dispatch]:
    """Send people; raise when one of them is not to be had."""
    made = dispatches.send(connection, incident_id, people, at=at, by=by)
    missing = [one.responder_id for one in people if one.responder_id not in made]
    if missing:
        held = dispatches.open_now(connection, missing)
        leads = [one for one in dispatches.of_incident(connection, incident_id, open_only=True) if one.lead]
        raise _somebody_was_faster(connection, held or leads)
    return [dispatches.get(connection, made[one.responder_id]) for one in people]


def _end(connection: Connection, one: Dispatch, outcome: str, *, who: str, reason: str) -> Dispatch:
    """End a dispatch and tell of it."""
    values = {"ended_at": _present(connection, one), "outcome": outcome, "reason": reason.strip()}
    ended = dispatches.change(connection, one.id, values)
    _tell(connection, "dispatch.ended", ended, who)
    return ended


def _note(
    connection: Connection,
    kept: Kept,
    verb: str,
    *,
    who: str,
    reason: str = "",
    details: dict[str, Any],
    request_key: str | None,
) -> None:
    """Enter into the incident's log what is no move of its life."""
    status, now = kept.life.status.value, lives.present(connection, kept.incident_id)
    line = Line(now, who, verb, status, status, reason.strip(), details, request_key)
    handling.write(connection, kept, line, now)


def _tell(connection: Connection, topic: str, one: Dispatch, who: str) -> None:
    event = {
        "id": one.id,
        "incident_id": str(one.incident_id),
        "responder": one.responder,
        "lead": one.lead,
        "who": who,
    }
    if one.outcome is not None:
        event |= {"outcome": one.outcome, "reason": one.reason}
    outbox.add(connection, topic, event)


def _of(one: Dispatch) -> dict[str, Any]:
    return {"dispatch": one.id, "responder": one.responder}


def _lead_code(sent: Sequence[Dispatch]) -> str | None:
    return next((one.responder for one in sent if one.lead), None)


def _present(connection: Connection, one: Dispatch) -> datetime:
    """Return the present, later than all that is noted of a dispatch, also if the clock was set back."""
    noted = [moment for moment in (one.accepted_at, one.arrived_at) if moment is not None]
    return max(lives.present(connection, one.incident_id), one.sent_at, *noted)


def _clamp(kept: Kept, one: Dispatch, at: datetime | None, now: datetime) -> datetime:
    """Return a moment between the last move, or when he was sent, and now."""
    last = kept.life.last_at or kept.life.reported_at
    return max(min(at or now, now), last, one.sent_at)


def _check_people(people: Sequence[Sending], *, has_lead: bool) -> None:
    faults = []
    if not people:
        faults.append(Fault("lead", Words("say whom to send", "请选择派遣人员")))
    leads = sum(one.lead for one in people)
    if people and not has_lead and leads != 1:
        faults.append(Fault("lead", Words("one of them must have the lead", "须有且只有一名负责人")))
    if len({one.responder_id for one in people}) != len(people):
        faults.append(Fault("others", Words("name each person once", "同一人员不能重复")))
    if faults:
        raise InvalidInputError(Words("nobody can be sent like this", "无法派单"), faults)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        words = Words("say why", "请说明原因")
        raise InvalidInputError(Words("a reason is missing", "缺少原因"), [Fault("reason", words)])


def _somebody_was_faster(connection: Connection, held: Sequence[Dispatch]) -> ConflictError:
    """Say who has sent whom where, and when."""
    zone = town_zone(connection)
    faults = []
    for one in held:
        sent_at = one.sent_at.astimezone(zone)
        where = incident_words(connection, one.incident_id)
        words = Words(
            f"{one.sent_by} sent {one.name} ({one.responder}) at {sent_at:%Y-%m-%d %H:%M:%S} to {where}",
            f"{one.sent_by} 已于 {sent_at:%m月%d日 %H:%M:%S} 将 {one.name}（{one.responder}）派往{where.zh}",
        )
        faults.append(Fault("lead" if one.lead else "others", words, value=one.responder))
    first = faults[0].message if faults else Words("somebody was faster", "已被他人派出")
    zh = first.zh if isinstance(first, Words) else str(first)
    return ConflictError(Words(f"somebody was faster: {first}", f"已有人先派单：{zh}"), faults)
