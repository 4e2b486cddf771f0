"""Dispatching: who is sent where, and what becomes of it; each step one transaction with the incident's move.

Nobody is sent twice, and an incident has one lead: unique indexes of the database see to it, whatever runs at
once. Everything locks the life of the incident first and the dispatch then, so that two steps wait for each
other in one order only. Every step leaves a line in the incident's log, which its ``request_key`` makes
unique: what is sent twice over a bad line is done once.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from geo_service.errors import ConflictError, NotFoundError, Words
from geo_service.services import handling
from geo_service.services.dispatch_steps import (
    Asked,
    Step,
    check_people,
    details_of,
    event,
    insert,
    noted,
    require_reason,
    somebody_was_faster,
)
from geo_service.services.dispatch_steps import require_own as require_own  # noqa: PLC0414
from geo_service.staffing.life import Move, Status
from geo_service.store import dispatches, lives
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Dispatch, Sending

#: What sending and handing over leave in the log.
SENDING = ("send", Move.DISPATCH)
HANDING_OVER = ("dispatch.hand_over",)

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
    asked = Asked(who, reason, request_key)
    with database.writing() as connection:
        kept = lives.get(connection, incident_id, lock=True)
        if lives.has_line(connection, incident_id, request_key, moves=SENDING, who=who):
            return dispatches.of_incident(connection, incident_id, open_only=True)
        there = dispatches.of_incident(connection, incident_id, open_only=True)
        leads = [one for one in there if one.lead]
        check_people(people, has_lead=bool(leads))
        if leads and any(one.lead for one in people):
            raise somebody_was_faster(connection, leads)
        now, lines = lives.present(connection, incident_id), []
        if kept.life.status is Status.REPORTED:
            handling.require_revision(kept, revision)
            revision = None
            kept, accepted = handling.moved(kept, Move.ACCEPT, now=now, who=who)
            lines.append(accepted)
        sent = insert(connection, incident_id, people, at=now, by=who)
        handling.require_revision(kept, revision)
        lead = next((one.responder for one in sent if one.lead), None)
        details = {"sent": [one.responder for one in sent], "lead": lead}
        if kept.life.status in _UNDER_WAY:
            lines.append(noted(kept, "send", now, asked, details))
        else:
            kept, dispatched = handling.moved(
                kept, Move.DISPATCH, now=now, who=who, reason=reason, details=details, request_key=request_key
            )
            lines.append(dispatched)
        told = [event("dispatch.sent", one, who) for one in sent]
        handling.write(connection, kept, lines, now, after=told)
        return sorted([*there, *sent], key=lambda one: (one.sent_at, one.id))


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
        step = Step.begin(connection, dispatch_id, "accept", Asked(who, "", request_key, own))
        if step.is_done or step.one.accepted_at is not None:
            return step.one
        one = dispatches.change(connection, dispatch_id, {"accepted_at": step.now})
        step.note("dispatch.accept", details_of(one), after=[event("dispatch.accepted", one, who)])
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
        step = Step.begin(connection, dispatch_id, "arrive", Asked(who, "", request_key, own))
        before = step.one
        if step.is_done or before.arrived_at is not None:
            return before
        moment = _clamp(step, at)
        values = {"arrived_at": moment, "accepted_at": before.accepted_at or moment}
        one = dispatches.change(connection, dispatch_id, values)
        details, told = {**details_of(one), "by": by}, [event("dispatch.arrived", one, who)]
        if one.lead and step.kept.life.status is Status.DISPATCHED:
            step.move(Move.ARRIVE, details, at=moment, after=told)
        else:
            step.note("dispatch.arrive", details, after=told)
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
    require_reason(reason)
    with database.writing() as connection:
        step = Step.begin(connection, dispatch_id, "decline", Asked(who, reason, request_key, own))
        one = step.one
        if step.is_done:
            return one
        if one.arrived_at is not None:
            words = Words(
                f"{one.name} is there already: end it, hand it over, or cancel it",
                f"{one.name} 已到场：请办理完毕、转交或取消",
            )
            raise ConflictError(words)
        return _leave(step, "decline", "declined")


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
        step = Step.begin(connection, dispatch_id, "cancel", Asked(who, reason, request_key))
        return step.one if step.is_done else _leave(step, "cancel", "cancelled")


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
        step = Step.begin(connection, dispatch_id, "done", Asked(who, note, request_key, own))
        if step.is_done:
            return step.one
        if step.one.arrived_at is None:
            name = step.one.name
            words = Words(f"{name} has not arrived yet: note the arrival first", f"{name} 尚未到场")
            raise ConflictError(words)
        one = step.end("done")
        told = [event("dispatch.ended", one, who)]
        if one.lead and step.kept.life.status is Status.ARRIVED:
            step.move(Move.HANDLE, details_of(one), before=told)
        else:
            step.note("dispatch.done", details_of(one), before=told)
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
        step = Step.begin(connection, dispatch_id, "hand_over", Asked(who, reason, request_key, own))
        if step.is_done:
            return successor(connection, step.one)
        one = step.end("handed_over")
        instead = Sending(to.responder_id, one.lead, to.travel_s, to.mode, to.from_deg)
        (other,) = insert(connection, one.incident_id, [instead], at=step.now, by=who)
        step.note(
            "dispatch.hand_over",
            {**details_of(one), "to": other.responder, "to_dispatch": other.id},
            before=[event("dispatch.ended", one, who)],
            after=[event("dispatch.sent", other, who)],
        )
        return other


def successor(connection: Connection, one: Dispatch) -> Dispatch:
    """Return the dispatch that followed one that was handed over."""
    later = [x for x in dispatches.of_incident(connection, one.incident_id) if x.id > one.id]
    return next((x for x in later if x.lead == one.lead), one)


def _leave(step: Step, verb: str, outcome: str) -> Dispatch:
    """End a dispatch without the work being done, and see who has the lead now."""
    connection, kept, asked = step.connection, step.kept, step.asked
    ended = step.end(outcome)
    told = [event("dispatch.ended", ended, asked.who)]
    details = {**details_of(ended), "outcome": outcome}
    others = dispatches.of_incident(connection, ended.incident_id, open_only=True)
    if not others and kept.life.status in _UNDER_WAY:
        step.move(Move.RECALL, details, before=told)
        return ended
    heir = dispatches.change(connection, others[0].id, {"lead": True}) if ended.lead and others else None
    if heir is not None:
        details["lead"] = heir.responder
    lines = [noted(kept, f"dispatch.{verb}", step.now, asked, details)]
    if heir is not None and heir.arrived_at is not None and kept.life.status is Status.DISPATCHED:
        at = max(heir.arrived_at, kept.life.last_at or heir.arrived_at)
        kept, arrived = handling.moved(
            kept, Move.ARRIVE, now=step.now, who=asked.who, at=at, details=details_of(heir)
        )
        lines.append(arrived)
    handling.write(connection, kept, lines, step.now, before=told)
    return ended


def _clamp(step: Step, at: datetime | None) -> datetime:
    """Return a moment between the last move, or when he was sent, and now."""
    life = step.kept.life
    return max(min(at or step.now, step.now), life.last_at or life.reported_at, step.one.sent_at)
