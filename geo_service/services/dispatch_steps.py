"""One step of dispatching within its transaction: what it locks, and what it leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.errors import ConflictError, Fault, ForbiddenError, InvalidInputError, Words
from geo_service.services import handling
from geo_service.services.naming import incident_words
from geo_service.services.rostering import town_zone
from geo_service.staffing.life import Move
from geo_service.store import dispatches, lives
from geo_service.store.database import Connection
from geo_service.store.dispatches import Dispatch, Sending
from geo_service.store.lives import Event, Kept, Line

#: Which move of the incident stands for the line of a step.
_STANDS_FOR = {"arrive": Move.ARRIVE, "done": Move.HANDLE, "decline": Move.RECALL, "cancel": Move.RECALL}
_OUTCOME_ZH = {"done": "完成", "declined": "拒接", "cancelled": "取消", "handed_over": "转交"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a step, why, and the key under which it is done once.

    ``own``: the responder to whom he is confined; None: to nobody.
    """

    who: str
    reason: str = ""
    request_key: str | None = None
    own: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A dispatch to which something is done, it and its incident's life locked.

    Attributes
    ----------
    connection : Connection
        The transaction.
    kept : Kept
        The incident's life.
    one : Dispatch
        As it is before.
    now : datetime
        The present: not before anything noted of incident and dispatch, also if the clock was set back.
    asked : Asked
        Who asks.
    is_done : bool
        This request was carried out before.
    """

    connection: Connection
    kept: Kept
    one: Dispatch
    now: datetime
    asked: Asked
    is_done: bool

    @classmethod
    def begin(cls, connection: Connection, dispatch_id: int, verb: str, asked: Asked) -> "Step":
        """Lock the incident and then the dispatch.

        Raises
        ------
        NotFoundError
            There is no such dispatch.
        ForbiddenError
            It is somebody else's.
        ConflictError
            It is over.
        InvalidInputError
            The key was used for another request.
        """
        kept = lives.get_of_dispatch(connection, dispatch_id)
        one, now = dispatches.get_locked(connection, dispatch_id)
        require_own(one, asked.own)
        is_done = lives.has_line(
            connection,
            kept.incident_id,
            asked.request_key,
            moves=[f"dispatch.{verb}", _STANDS_FOR.get(verb, "")],
            who=asked.who,
            dispatch_id=one.id,
        )
        if not is_done and not one.is_open:
            raise _over(connection, one)
        noted = [moment for moment in (one.sent_at, one.accepted_at, one.arrived_at) if moment is not None]
        return cls(connection, kept, one, max(now, *noted), asked, is_done)

    def end(self, outcome: str) -> Dispatch:
        """End the dispatch; that it has ended is told with what else the step leaves."""
        values = {"ended_at": self.now, "outcome": outcome, "reason": self.asked.reason.strip()}
        return dispatches.change(self.connection, self.one.id, values)

    def move(
        self,
        what: Move,
        details: Mapping[str, Any],
        *,
        at: datetime | None = None,
        before: Sequence[Event] = (),
        after: Sequence[Event] = (),
    ) -> None:
        """Move the incident; ``before`` and ``after`` are told of with it."""
        asked = self.asked
        kept, line = handling.moved(
            self.kept,
            what,
            now=self.now,
            who=asked.who,
            at=at,
            reason=asked.reason,
            details=details,
            request_key=asked.request_key,
        )
        handling.write(self.connection, kept, line, self.now, before=before, after=after)

    def note(
        self,
        verb: str,
        details: dict[str, Any],
        *,
        before: Sequence[Event] = (),
        after: Sequence[Event] = (),
    ) -> None:
        """Enter into the incident's log what is no move of its life."""
        line = noted(self.kept, verb, self.now, self.asked, details)
        handling.write(self.connection, self.kept, line, self.now, before=before, after=after)


def noted(kept: Kept, verb: str, now: datetime, asked: Asked, details: dict[str, Any]) -> Line:
    """Return the line of what is no move of an incident's life."""
    status = kept.life.status.value
    return Line(now, asked.who, verb, status, status, asked.reason.strip(), details, asked.request_key)


def require_own(one: Dispatch, own: int | None) -> None:
    """Raise unless the dispatch is that of the responder to whom the caller is confined (None: to nobody).

    Raises
    ------
    ForbiddenError
        It is somebody else's.
    """
    if own is not None and one.responder_id != own:
        raise ForbiddenError(Words("this dispatch is somebody else's", "这是他人的派单"))


def insert(
    connection: Connection, incident_id: UUID, people: Sequence[Sending], *, at: datetime, by: str
) -> list[Dispatch]:
    """Send people; raise when one of them is not to be had.

    Raises
    ------
    ConflictError
        Somebody was faster.
    """
    made = dispatches.send(connection, incident_id, people, at=at, by=by)
    missing = [one.responder_id for one in people if one.responder_id not in made]
    if missing:
        held = dispatches.open_now(connection, missing)
        leads = [one for one in dispatches.of_incident(connection, incident_id, open_only=True) if one.lead]
        raise somebody_was_faster(connection, held or leads)
    return [made[one.responder_id] for one in people]


def event(topic: str, one: Dispatch, who: str) -> Event:
    """Return the event that tells of a dispatch."""
    told = {
        "id": one.id,
        "incident_id": str(one.incident_id),
        "responder": one.responder,
        "lead": one.lead,
        "who": who,
    }
    if one.outcome is not None:
        told |= {"outcome": one.outcome, "reason": one.reason}
    return topic, told


def details_of(one: Dispatch) -> dict[str, Any]:
    """Return what every line about a dispatch says."""
    return {"dispatch": one.id, "responder": one.responder}


def check_people(people: Sequence[Sending], *, has_lead: bool) -> None:
    """Raise where nobody is named, somebody twice, or no or several leads.

    Raises
    ------
    InvalidInputError
    """
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


def require_reason(reason: str) -> None:
    """Raise unless there is a reason.

    Raises
    ------
    InvalidInputError
    """
    if not reason.strip():
        words = Words("say why", "请说明原因")
        raise InvalidInputError(Words("a reason is missing", "缺少原因"), [Fault("reason", words)])


def somebody_was_faster(connection: Connection, held: Sequence[Dispatch]) -> ConflictError:
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


def _over(connection: Connection, one: Dispatch) -> ConflictError:
    zone = town_zone(connection)
    at = one.ended_at.astimezone(zone) if one.ended_at else None
    words = Words(
        f"this dispatch is over since {at:%Y-%m-%d %H:%M:%S}: {one.outcome}",
        f"该派单已于 {at:%Y-%m-%d %H:%M:%S} 结束（{_OUTCOME_ZH.get(one.outcome or '', '')}）",
    )
    return ConflictError(words, [Fault("dispatch", words, value=one.state)])
