"""The life of an incident: which moves there are, from where to where, and what each leaves behind.

上报 reported → 受理 accepted → 派单 dispatched → 到场 arrived → 处置 handled → 办结 closed; besides these
退回 returned, 挂起 suspended, 作废 void and 移交 transferred. :data:`RULES` is the whole machine; nothing
else changes a status. Moments are timezone-aware.

Of an incident that goes a way twice (recalled, reopened) the *first* acceptance, dispatch and arrival count,
for that is how long the reporter waited, and the *last* handling and closing, for before it nothing was done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words


class Status(StrEnum):
    """Where an incident stands."""

    REPORTED = "reported"
    ACCEPTED = "accepted"
    DISPATCHED = "dispatched"
    ARRIVED = "arrived"
    HANDLED = "handled"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    RETURNED = "returned"
    TRANSFERRED = "transferred"
    VOID = "void"


class Move(StrEnum):
    """What can be done with an incident."""

    ACCEPT = "accept"
    DISPATCH = "dispatch"
    RECALL = "recall"
    ARRIVE = "arrive"
    HANDLE = "handle"
    CLOSE = "close"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETURN = "return"
    TRANSFER = "transfer"
    VOID = "void"
    REOPEN = "reopen"


#: An incident in one of these waits for nobody.
ENDED = frozenset({Status.CLOSED, Status.RETURNED, Status.TRANSFERRED, Status.VOID})

WORDS_ZH: Mapping[Status | Move, str] = {
    Status.REPORTED: "上报",
    Status.ACCEPTED: "已受理",
    Status.DISPATCHED: "已派单",
    Status.ARRIVED: "已到场",
    Status.HANDLED: "已处置",
    Status.CLOSED: "已办结",
    Status.SUSPENDED: "挂起",
    Status.RETURNED: "已退回",
    Status.TRANSFERRED: "已移交",
    Status.VOID: "已作废",
    Move.ACCEPT: "受理",
    Move.DISPATCH: "派单",
    Move.RECALL: "撤回派单",
    Move.ARRIVE: "到场",
    Move.HANDLE: "处置完毕",
    Move.CLOSE: "办结",
    Move.SUSPEND: "挂起",
    Move.RESUME: "恢复",
    Move.RETURN: "退回",
    Move.TRANSFER: "移交",
    Move.VOID: "作废",
    Move.REOPEN: "重新办理",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One move: the statuses it starts from, where it leads, and whether a reason must be given.

    ``to`` is None for the move that leads back to where the incident was suspended.
    """

    sources: frozenset[Status]
    to: Status | None
    needs_reason: bool = False


_UNDER_WAY = frozenset({Status.ACCEPTED, Status.DISPATCHED, Status.ARRIVED})

RULES: Mapping[Move, Rule] = {
    Move.ACCEPT: Rule(frozenset({Status.REPORTED}), Status.ACCEPTED),
    Move.DISPATCH: Rule(frozenset({Status.ACCEPTED}), Status.DISPATCHED),
    # from arrived: who was there is called away, and somebody else has to come
    Move.RECALL: Rule(frozenset({Status.DISPATCHED, Status.ARRIVED}), Status.ACCEPTED),
    Move.ARRIVE: Rule(frozenset({Status.DISPATCHED}), Status.ARRIVED),
    # from accepted: settled from the desk, nobody had to go
    Move.HANDLE: Rule(frozenset({Status.ARRIVED, Status.ACCEPTED}), Status.HANDLED),
    Move.CLOSE: Rule(frozenset({Status.HANDLED}), Status.CLOSED),
    Move.SUSPEND: Rule(_UNDER_WAY, Status.SUSPENDED, needs_reason=True),
    Move.RESUME: Rule(frozenset({Status.SUSPENDED}), None),
    Move.RETURN: Rule(frozenset({Status.REPORTED, Status.ACCEPTED}), Status.RETURNED, needs_reason=True),
    Move.TRANSFER: Rule(
        _UNDER_WAY | {Status.REPORTED, Status.SUSPENDED}, Status.TRANSFERRED, needs_reason=True
    ),
    Move.VOID: Rule(_UNDER_WAY | {Status.REPORTED, Status.SUSPENDED}, Status.VOID, needs_reason=True),
    Move.REOPEN: Rule(ENDED | {Status.HANDLED}, Status.ACCEPTED, needs_reason=True),
}

#: The moments that moves leave behind: these keep the first, those the last.
_FIRST = {Move.ACCEPT: "accepted_at", Move.DISPATCH: "dispatched_at", Move.ARRIVE: "arrived_at"}
_LAST = {Move.HANDLE: "handled_at", Move.CLOSE: "closed_at"}


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the incident was suspended; ``end`` is None while it is."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Life:
    """Where an incident stands and when it came there.

    Attributes
    ----------
    status : Status
        Now.
    reported_at : datetime
        When the report came in.
    accepted_at, dispatched_at, arrived_at, handled_at, closed_at : datetime or None
        When it first (the first three) or last (the last two) came there.
    suspended_from : Status or None
        Where it goes on when it is resumed; None unless it is suspended.
    pauses : tuple of Pause
        Every suspension, in order.
    last_at : datetime or None
        When the last move was; None before the first.
    """

    status: Status
    reported_at: datetime
    accepted_at: datetime | None = None
    dispatched_at: datetime | None = None
    arrived_at: datetime | None = None
    handled_at: datetime | None = None
    closed_at: datetime | None = None
    suspended_from: Status | None = None
    pauses: tuple[Pause, ...] = ()
    last_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.status not in ENDED


_MOVES_FROM = {status: tuple(move for move in Move if status in RULES[move].sources) for status in Status}


def moves_from(status: Status) -> tuple[Move, ...]:
    """Return what can be done with an incident in a status, in the order of :class:`Move`."""
    return _MOVES_FROM[status]


def advance(life: Life, move: Move, at: datetime, *, reason: str = "") -> Life:
    """Return the life after a move.

    Parameters
    ----------
    life : Life
        Before.
    move : Move
        What was done.
    at : datetime
        When: not before the last move, and not before the report.
    reason : str
        Why; some moves must have one.

    Raises
    ------
    ConflictError
        The incident does not stand where this move starts; the words say what can be done instead.
    InvalidInputError
        A reason is missing, or the moment lies before what already happened.
    """
    rule = RULES[move]
    if life.status not in rule.sources:
        raise ConflictError(*_refusal(life.status, move))
    _check(life, move, at, reason)
    to = rule.to or life.suspended_from or Status.ACCEPTED
    after = replace(life, status=to, last_at=at, suspended_from=None, **_moments(life, move, at))
    if life.status is Status.SUSPENDED:
        return replace(after, pauses=(*life.pauses[:-1], Pause(life.pauses[-1].start, at)))
    if move is Move.SUSPEND:
        return replace(after, suspended_from=life.status, pauses=(*life.pauses, Pause(at, None)))
    return after


def _moments(life: Life, move: Move, at: datetime) -> dict[str, Any]:
    """Return the moments that a move sets."""
    if move in _FIRST:
        return {_FIRST[move]: getattr(life, _FIRST[move]) or at}
    if move in _LAST:
        return {_LAST[move]: at}
    if move is Move.REOPEN:
        return {"accepted_at": life.accepted_at or at, "handled_at": None, "closed_at": None}
    return {}


def _refusal(status: Status, move: Move) -> tuple[str, list[Fault]]:
    can = moves_from(status)
    ways, ways_zh = ", ".join(can), "、".join(WORDS_ZH[one] for one in can)
    words = Words(
        f"an incident that is {status} cannot take the move {move}; it can: {ways}",
        f"事件{WORDS_ZH[status]}，不能“{WORDS_ZH[move]}”；现在可以：{ways_zh or '无'}",
    )
    choose = Words(f"choose one of: {ways}", f"请选择其一：{ways_zh}")
    return words, [Fault("move", choose, value=move.value)]


def _check(life: Life, move: Move, at: datetime, reason: str) -> None:
    faults = []
    if RULES[move].needs_reason and not reason.strip():
        faults.append(
            Fault(
                "reason", Words(f"say why: {move} needs a reason", f"请说明原因：“{WORDS_ZH[move]}”须有原因")
            )
        )
    if at.utcoffset() is None:
        faults.append(
            Fault(
                "at",
                Words(
                    "add the offset, as in 2026-03-02T08:00+08:00", "请带时区偏移，如 2026-03-02T08:00+08:00"
                ),
            )
        )
    elif at < (earliest := max(life.reported_at, life.last_at or life.reported_at)):
        words = Words(
            f"give a moment not before {earliest.isoformat()}, when the last thing happened",
            f"请给出不早于 {earliest.isoformat()} 的时刻，即上一步发生的时刻",
        )
        faults.append(Fault("at", words, value=at))
    if faults:
        raise InvalidInputError(Words(f"the move {move} is not in order", f"“{WORDS_ZH[move]}”有误"), faults)
