"""Vacancies: which cells lack whom, when; and what must alarm somebody.

A need says that a cell of some level and kind must have so many people in a role at some hours of the week:
the four or five of the 四位一体, each with hours of his own. A vacancy is a span of time in which a cell has
fewer of them than it needs. Spans are exact, from moment to moment, and never made of samples.

Moments are timezone-aware outside and seconds of the epoch inside.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geo_service.staffing.roster import SHANGHAI, Shift, ShiftPattern, expand

HOUR_S = 3600
Span = tuple[float, float]


class Presence(StrEnum):
    """What makes a need met: people at work, or people who hold the role at all."""

    ON_DUTY = "on_duty"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Need:
    """Whom each cell of a level must have.

    Attributes
    ----------
    code : str
        Name of the need.
    level : str
        Level of the cells.
    cell_kind : str or None
        Kind of the cells; None: of every kind.
    role : str
        The role held on the cell.
    count : int
        So many at once, at least.
    weekdays : frozenset of int
        Days on which the hours begin, Monday 0.
    start, end : time
        Local hours; an end at or before the start lies on the next day.
    presence : Presence
        At work, or appointed.
    from_above : bool
        Who holds the role on a cell above counts too.
    zone : ZoneInfo
        Of the hours.
    """

    code: str
    level: str
    cell_kind: str | None
    role: str
    count: int
    weekdays: frozenset[int]
    start: time
    end: time
    presence: Presence = Presence.ON_DUTY
    from_above: bool = False
    zone: ZoneInfo = SHANGHAI


@dataclass(frozen=True, slots=True)
class StaffedCell:
    """A cell as needs see it; ``above`` are the ids of the cells that hold it, in any order."""

    id: int
    level: str
    kind: str
    above: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """A role that somebody holds on a cell, for a time; None: without an end on that side."""

    responder_id: int
    cell_id: int
    role: str
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A span in which a cell has too few: ``have`` of ``need.count``."""

    cell_id: int
    need: Need
    start: datetime
    end: datetime
    have: int

    @property
    def missing(self) -> int:
        """How many more are needed."""
        return self.need.count - self.have


@dataclass(frozen=True, slots=True)
class Opening:
    """One time that a post is open: who is named for it must be there from ``start`` less the lead on.

    Attributes
    ----------
    post_id : int
        Which post.
    due : datetime
        When somebody must stand there: the opening less the lead.
    start, end : datetime
        When it is open.
    """

    post_id: int
    due: datetime
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class EmptyPost:
    """A span, within an opening and its lead, in which nobody is at a post."""

    opening: Opening
    start: datetime
    end: datetime


def vacancies(
    needs: Iterable[Need],
    cells: Sequence[StaffedCell],
    holdings: Iterable[Holding],
    shifts: Iterable[Shift],
    *,
    start: datetime,
    end: datetime,
) -> list[Vacancy]:
    """Tell which cells have too few of whom, over a span of time.

    Parameters
    ----------
    needs : iterable of Need
        What is asked of the cells.
    cells : sequence of StaffedCell
        The cells looked at.
    holdings : iterable of Holding
        Who holds which role where.
    shifts : iterable of Shift
        Who works when, absences and stand-ins considered. Who stands at a post is at work; a stand-in counts
        for the roles of whom he stands in for.
    start, end : datetime
        The span, timezone-aware, end not included.

    Returns
    -------
    list of Vacancy
        In order of cell (as given), need and moment; spans that touch with the same number present are one.

    Raises
    ------
    InvalidInputError
        The span is not in order (see :func:`geo_service.staffing.roster.expand`).
    """
    bounds = (start.timestamp(), end.timestamp())
    at_work = _working(shifts)
    held = _held(holdings)
    found: list[Vacancy] = []
    asked = [(need, _hours(need, start, end)) for need in needs]
    for cell in cells:
        for need, hours in asked:
            if need.level != cell.level or need.cell_kind not in {None, cell.kind}:
                continue
            people = _people(need, cell, held, at_work)
            found += [
                Vacancy(cell.id, need, _moment(a), _moment(b), have)
                for a, b, have in _short(hours, people, need.count, bounds)
            ]
    return found


def unmanned(
    needs: Iterable[Need],
    cells: Sequence[StaffedCell],
    holdings: Iterable[Holding],
    shifts: Iterable[Shift],
    *,
    start: datetime,
    end: datetime,
) -> list[tuple[int, datetime, datetime]]:
    """Tell which cells have nobody at all at work while some need asks for somebody: cell id, from, until.

    Whoever counts for any of a cell's needs is somebody. Arguments as for :func:`vacancies`.
    """
    bounds = (start.timestamp(), end.timestamp())
    at_work, held = _working(shifts), _held(holdings)
    asked = [(need, _hours(need, start, end)) for need in needs if need.presence is Presence.ON_DUTY]
    found = []
    for cell in cells:
        own = [(n, h) for n, h in asked if n.level == cell.level and n.cell_kind in {None, cell.kind}]
        hours = _union([span for _, spans in own for span in spans])
        people = [spans for need, _ in own for spans in _people(need, cell, held, at_work)]
        someone = _union([span for spans in people for span in spans])
        found += [(cell.id, _moment(a), _moment(b)) for a, b, _ in _short(hours, [someone], 1, bounds)]
    return found


def by_hour(found: Iterable[Vacancy], start: datetime, hours: int) -> dict[int, NDArray[np.int32]]:
    """Return for each cell with vacancies how many people it lacks in each hour, at the worst moment of it.

    Needs add up: a cell that lacks one guard and one policeman at once lacks two.
    """
    first = start.timestamp()
    out: dict[int, NDArray[np.int32]] = {}
    spans: dict[int, list[tuple[float, float, int]]] = {}
    for one in found:
        spans.setdefault(one.cell_id, []).append((one.start.timestamp(), one.end.timestamp(), one.missing))
    for cell_id, own in spans.items():
        row = np.zeros(hours, dtype=np.int32)
        for a, b, lacking in _added(own):
            low = max(0, int((a - first) // HOUR_S))
            high = min(hours, int(-((first - b) // HOUR_S)))
            row[low:high] = np.maximum(row[low:high], lacking)
        out[cell_id] = row
    return out


def empty_posts(openings: Iterable[Opening], shifts: Iterable[Shift]) -> list[EmptyPost]:
    """Tell when nobody is at a post that is open, or opens within its lead.

    Parameters
    ----------
    openings : iterable of Opening
        When the posts are open.
    shifts : iterable of Shift
        Who works when; those with a ``post_id`` stand there.
    """
    standing: dict[int, list[Span]] = {}
    for shift in shifts:
        if shift.post_id is not None:
            standing.setdefault(shift.post_id, []).append((shift.start.timestamp(), shift.end.timestamp()))
    found = []
    for opening in openings:
        span = (opening.due.timestamp(), opening.end.timestamp())
        free = _short([span], [_union(standing.get(opening.post_id, []))], 1, span)
        found += [EmptyPost(opening, _moment(a), _moment(b)) for a, b, _ in free]
    return found


# ------------------------------------------------------------------------------------------ spans of time


def _hours(need: Need, start: datetime, end: datetime) -> list[Span]:
    """Return when a need is asked for."""
    pattern = ShiftPattern(0, need.weekdays, need.start, need.end, zone=need.zone)
    shifts = expand([pattern], start, end)
    return _union([(shift.start.timestamp(), shift.end.timestamp()) for shift in shifts])


def _working(shifts: Iterable[Shift]) -> dict[int, dict[int, list[Span]]]:
    """Return for each whose place is filled who fills it, and when: he himself, or a stand-in."""
    spans: dict[int, dict[int, list[Span]]] = {}
    for shift in shifts:
        holder = shift.responder_id if shift.instead_of is None else shift.instead_of
        own = spans.setdefault(holder, {}).setdefault(shift.responder_id, [])
        own.append((shift.start.timestamp(), shift.end.timestamp()))
    return {holder: {body: _union(own) for body, own in bodies.items()} for holder, bodies in spans.items()}


def _held(holdings: Iterable[Holding]) -> dict[tuple[int, str], dict[int, list[Span]]]:
    """Return by cell and role who holds it, and when."""
    spans: dict[tuple[int, str], dict[int, list[Span]]] = {}
    for one in holdings:
        start = -np.inf if one.start is None else one.start.timestamp()
        end = np.inf if one.end is None else one.end.timestamp()
        own = spans.setdefault((one.cell_id, one.role), {})
        own.setdefault(one.responder_id, []).append((start, end))
    return spans


def _people(
    need: Need,
    cell: StaffedCell,
    held: Mapping[tuple[int, str], Mapping[int, list[Span]]],
    at_work: Mapping[int, Mapping[int, list[Span]]],
) -> list[list[Span]]:
    """Return for each who counts when he does, each once however many cells he holds or stands in for."""
    held_by: dict[int, list[Span]] = {}
    for cell_id in (cell.id, *(cell.above if need.from_above else ())):
        for responder, own in held.get((cell_id, need.role), {}).items():
            held_by.setdefault(responder, []).extend(own)
    if need.presence is Presence.HELD:
        return [_union(own) for own in held_by.values()]
    there: dict[int, list[Span]] = {}
    for holder, own in held_by.items():
        for body, spans in at_work.get(holder, {}).items():
            there.setdefault(body, []).extend(_both(_union(own), spans))
    return [_union(spans) for spans in there.values()]


def _union(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, none touching another."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def _both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return what two unions have in common."""
    out: list[Span] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            out.append((start, end))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return out


def _short(
    hours: Iterable[Span], people: Iterable[Iterable[Span]], count: int, bounds: Span
) -> list[tuple[float, float, int]]:
    """Return the spans within hours and bounds in which fewer than ``count`` are there, and how many are."""
    asked = _both(_union(hours), [bounds] if bounds[1] > bounds[0] else [])
    levels = list(_counted([span for own in people for span in own]))
    out: list[tuple[float, float, int]] = []
    for start, end in asked:
        for a, b, have in levels:
            if have < count and a < end and b > start:
                low, high = max(a, start), min(b, end)
                if out and out[-1][1] == low and out[-1][2] == have:
                    out[-1] = (out[-1][0], high, have)
                else:
                    out.append((low, high, have))
    return out


def _counted(spans: Iterable[Span]) -> Iterator[tuple[float, float, int]]:
    """Cut all time into spans with the number of given spans on in each."""
    changes: dict[float, int] = {}
    for start, end in spans:
        changes[start] = changes.get(start, 0) + 1
        changes[end] = changes.get(end, 0) - 1
    at, on = -np.inf, 0
    for moment in sorted(changes):
        if moment > at:
            yield at, moment, on
        at, on = moment, on + changes[moment]
    yield at, np.inf, on


def _added(spans: Iterable[tuple[float, float, int]]) -> Iterator[tuple[float, float, int]]:
    """Cut time where something changes, and add up what lies on each other; nothing is left out."""
    changes: dict[float, int] = {}
    for start, end, amount in spans:
        changes[start] = changes.get(start, 0) + amount
        changes[end] = changes.get(end, 0) - amount
    at, total = 0.0, 0
    for moment in sorted(changes):
        if total:
            yield at, moment, total
        at, total = moment, total + changes[moment]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
