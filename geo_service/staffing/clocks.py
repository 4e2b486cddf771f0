"""The response clocks of an incident: when it must have been reached, handled, closed, and how that stands.

The usual standard is "567": at the place within 5 minutes, handled within 60 minutes, closed within 7 hours.
It is data (:class:`Standard`): other times for a category, an urgency or a part of the town, clocks that
start at another moment than the report, clocks that stand still while an incident is suspended.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.staffing.life import ENDED, Life, Status


class Phase(StrEnum):
    """What a clock waits for."""

    ARRIVE = "arrive"
    HANDLE = "handle"
    CLOSE = "close"


#: All phases, in order: to iterate over the class itself takes several times as long.
PHASES = tuple(Phase)
#: What of a life says that a phase is reached.
_REACHED = {Phase.ARRIVE: "arrived_at", Phase.HANDLE: "handled_at", Phase.CLOSE: "closed_at"}


class State(StrEnum):
    """How a clock stands."""

    WAITING = "waiting"  # its start has not come
    RUNNING = "running"
    SOON = "soon"  # running, and most of its time is gone
    OVERDUE = "overdue"  # running, and its time is gone
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"  # reached, but late
    OFF = "off"  # the incident ended another way, or was settled without a visit


STARTS = ("reported", "accepted", "dispatched", "arrived")
_STARTED = {name: f"{name}_at" for name in STARTS}
#: From this share of its time on a clock is SOON.
WARN_SHARE = 0.8
LONGEST_S = 366 * 24 * 3600
_SELECTORS = ("categories", "urgencies", "cells")
_WORDS = ("name_zh", "name_en")


@dataclass(frozen=True, slots=True)
class Standard:
    """How soon incidents of some kind must have been reached, handled and closed.

    Attributes
    ----------
    code, name_zh, name_en : str
        What it is called.
    limit_s : mapping of Phase to int
        Seconds each clock allows.
    start : mapping of Phase to str
        The moment from which each counts, one of :data:`STARTS`; the report where nothing is said.
    pausable : frozenset of Phase
        Clocks that stand still while the incident is suspended.
    categories, urgencies, cells : tuple of str
        Which incidents it is for: categories with everything below them, urgencies, cells with everything
        inside; empty means any.
    """

    code: str
    name_zh: str
    name_en: str
    limit_s: dict[Phase, int]
    start: dict[Phase, str] = field(default_factory=dict)
    pausable: frozenset[Phase] = frozenset({Phase.HANDLE, Phase.CLOSE})
    categories: tuple[str, ...] = ()
    urgencies: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a standard that cannot be kept."""
        faults = [
            Fault(
                f"{phase}_s",
                Words(f"give seconds from 1 to {LONGEST_S}", f"请给出 1 到 {LONGEST_S} 秒"),
                value=self.limit_s.get(phase),
            )
            for phase in PHASES
            if not 1 <= self.limit_s.get(phase, 0) <= LONGEST_S
        ]
        faults += [
            Fault(
                f"{phase}_from",
                Words(f"give one of: {', '.join(STARTS)}", f"请选择其一：{'、'.join(STARTS)}"),
                value=start,
            )
            for phase, start in self.start.items()
            if start not in STARTS or (phase is Phase.ARRIVE and start == "arrived")
        ]
        if faults:
            raise InvalidInputError(Words("the response standard is not in order", "时限标准有误"), faults)

    def fits(self, categories: Collection[str], urgency: str, cells: Collection[str]) -> bool:
        """Tell whether it is for an incident of a category (and those above), urgency, and in some cells."""
        return (
            (not self.categories or bool(set(self.categories) & set(categories)))
            and (not self.urgencies or urgency in self.urgencies)
            and (not self.cells or bool(set(self.cells) & set(cells)))
        )

    @property
    def specificity(self) -> tuple[int, int, int]:
        """Order among standards that fit: category goes before urgency, urgency before place."""
        return (bool(self.categories), bool(self.urgencies), bool(self.cells))


FIVE_SIX_SEVEN = Standard(
    code="567",
    name_zh="567 响应标准",
    name_en="567 response standard",
    limit_s={Phase.ARRIVE: 300, Phase.HANDLE: 3600, Phase.CLOSE: 25200},
)


def standard_object(standard: Standard) -> dict[str, Any]:
    """Return a standard as a JSON object; :func:`standard_from` takes it back."""
    out: dict[str, Any] = {
        "code": standard.code,
        "name_zh": standard.name_zh,
        "name_en": standard.name_en,
    }
    for phase in PHASES:
        out[f"{phase}_s"] = standard.limit_s[phase]
        out[f"{phase}_from"] = standard.start.get(phase, STARTS[0])
    out["pausable"] = [phase.value for phase in PHASES if phase in standard.pausable]
    return out | {name: list(getattr(standard, name)) for name in _SELECTORS}


def clocks_of(standard: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a standard, as :func:`standard_object` writes it, what its clocks follow, and its code."""
    return {name: value for name, value in standard.items() if name not in _WORDS and name not in _SELECTORS}


def standard_from(given: Mapping[str, Any]) -> Standard:
    """Return the standard that :func:`standard_object` wrote, or a row of the table of standards has.

    Raises
    ------
    InvalidInputError
        A limit or a start is missing or out of range.
    """
    return Standard(
        code=given["code"],
        name_zh=given["name_zh"],
        name_en=given["name_en"],
        limit_s={phase: given[f"{phase}_s"] for phase in PHASES},
        start={phase: given[f"{phase}_from"] for phase in PHASES},
        pausable=frozenset(Phase(name) for name in given["pausable"]),
        **{name: tuple(given[name]) for name in _SELECTORS},
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of an incident at a moment.

    ``due_at`` is None while it waits or is paused, or when it is off; ``reached_at`` when that has not come.
    ``left_s`` is negative when it is late, None when there is nothing to count.
    """

    phase: Phase
    state: State
    limit_s: int
    started_at: datetime | None = None
    due_at: datetime | None = None
    reached_at: datetime | None = None
    left_s: float | None = None


def choose(
    standards: Iterable[Standard], categories: Collection[str], urgency: str, cells: Collection[str]
) -> Standard:
    """Return the standard for an incident: of those that fit the most specific, of equals the last.

    :data:`FIVE_SIX_SEVEN` where none fits.
    """
    best = FIVE_SIX_SEVEN
    for standard in standards:
        if standard.fits(categories, urgency, cells) and standard.specificity >= best.specificity:
            best = standard
    return best


def clocks(life: Life, standard: Standard, now: datetime) -> tuple[Clock, Clock, Clock]:
    """Return the three clocks of an incident at a moment, in the order arrive, handle, close."""
    arrive, handle, close = PHASES
    return (
        _clock(arrive, life, standard, now),
        _clock(handle, life, standard, now),
        _clock(close, life, standard, now),
    )


def next_due(running: Iterable[Clock]) -> datetime | None:
    """Return the moment at which the first of the running clocks runs out, None when none runs."""
    return min((clock.due_at for clock in running if clock.due_at and clock.reached_at is None), default=None)


def first_warning(running: Iterable[Clock]) -> datetime | None:
    """Return the moment at which the first of the running clocks is SOON, None when none runs."""
    return min(
        (
            clock.due_at - timedelta(seconds=clock.limit_s * (1 - WARN_SHARE))
            for clock in running
            if clock.due_at and clock.reached_at is None
        ),
        default=None,
    )


def _clock(phase: Phase, life: Life, standard: Standard, now: datetime) -> Clock:
    limit_s = standard.limit_s[phase]
    reached: datetime | None = getattr(life, _REACHED[phase])
    start: datetime | None = getattr(life, _STARTED[standard.start.get(phase, "reported")])
    if reached is None and _is_off(phase, life):
        return Clock(phase, State.OFF, limit_s, started_at=start)
    if start is None:
        return Clock(phase, State.WAITING, limit_s, reached_at=reached)
    until = reached or now
    limit = timedelta(seconds=limit_s)
    if life.pauses and phase in standard.pausable:
        limit += _paused(life, start, until)
    due = start + limit
    left_s = (due - until).total_seconds()
    if reached is None and life.status is Status.SUSPENDED and phase in standard.pausable:
        return Clock(phase, State.PAUSED, limit_s, start, None, None, left_s)
    return Clock(phase, _state(left_s, limit_s, reached), limit_s, start, due, reached, left_s)


def _is_off(phase: Phase, life: Life) -> bool:
    """Tell whether nothing will come: the incident has ended, or was settled and nobody had to go."""
    return life.status in ENDED or (phase is Phase.ARRIVE and life.handled_at is not None)


def _state(left_s: float, limit_s: int, reached: datetime | None) -> State:
    if reached is not None:
        return State.MET if left_s >= 0 else State.MISSED
    if left_s < 0:
        return State.OVERDUE
    return State.SOON if limit_s - left_s >= limit_s * WARN_SHARE else State.RUNNING


def _paused(life: Life, start: datetime, until: datetime) -> timedelta:
    """Return how long the incident was suspended between two moments."""
    total = timedelta()
    for pause in life.pauses:
        total += max(min(pause.end or until, until) - max(pause.start, start), timedelta())
    return total
