"""Absences: leave and swaps laid over the shifts that a roster gives.

An absence takes somebody's time away, all of it or that at one post, and may name who stands in. What is
handed over is handed over once: a stand-in who is himself on leave leaves the time empty, and of a swap in
which two exchange the same day neither gets his own time back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from geo_service.staffing.roster import Shift


@dataclass(frozen=True, slots=True)
class Absence:
    """A span in which somebody does not work.

    Attributes
    ----------
    responder_id : int
        Who is away.
    start, end : datetime
        Timezone-aware, the end not included.
    substitute_id : int or None
        Who stands in; None: nobody.
    post_id : int or None
        Only his time at this post; None: all his shifts.
    """

    responder_id: int
    start: datetime
    end: datetime
    substitute_id: int | None = None
    post_id: int | None = None

    def concerns(self, shift: Shift) -> bool:
        """Whether the absence takes away some of a shift."""
        return (
            self.responder_id == shift.responder_id
            and self.post_id in {None, shift.post_id}
            and self.start.timestamp() < shift.end.timestamp()
            and self.end.timestamp() > shift.start.timestamp()
        )


def apply_absences(shifts: Iterable[Shift], absences: Iterable[Absence]) -> list[Shift]:
    """Return who really works: shifts less absences, with those who stand in.

    Parameters
    ----------
    shifts : iterable of Shift
        As planned.
    absences : iterable of Absence
        Where two hold at once, one for a post goes before one for everything; of two alike the one that
        began first.

    Returns
    -------
    list of Shift
        In order of start. A shift that an absence interrupts comes in parts; a part of a stand-in has
        ``instead_of``.
    """
    of: dict[int, list[Absence]] = {}
    for absence in sorted(absences, key=_first_asked):
        of.setdefault(absence.responder_id, []).append(absence)
    working: list[Shift] = []
    for shift in shifts:
        own = [absence for absence in of.get(shift.responder_id, ()) if absence.concerns(shift)]
        for part in _parts(shift, own):
            if part.instead_of is None:
                working.append(part)
            else:
                working += _present(part, of.get(part.responder_id, ()))
    return sorted(working, key=lambda s: (s.start.timestamp(), s.end.timestamp(), s.responder_id))


def _first_asked(absence: Absence) -> tuple[bool, float]:
    return absence.post_id is None, absence.start.timestamp()


def _parts(shift: Shift, absences: Sequence[Absence]) -> Iterator[Shift]:
    """Cut a shift where absences begin and end, and give each part to who works then."""
    if not absences:
        yield shift
        return
    for start, end in _pieces(shift, absences):
        holder = next((a for a in absences if _holds(a, start)), None)
        if holder is None:
            yield replace(shift, start=start, end=end)
        elif holder.substitute_id is not None:
            yield replace(
                shift,
                start=start,
                end=end,
                responder_id=holder.substitute_id,
                instead_of=shift.responder_id,
            )


def _present(part: Shift, absences: Iterable[Absence]) -> Iterator[Shift]:
    """Take a stand-in's own leave out of what he took over; what he gave away himself is no matter."""
    leave = [a for a in absences if a.substitute_id is None and a.concerns(part)]
    for start, end in _pieces(part, leave):
        if not any(_holds(a, start) for a in leave):
            yield replace(part, start=start, end=end)


def _pieces(shift: Shift, absences: Sequence[Absence]) -> Iterator[tuple[datetime, datetime]]:
    """Give the parts of a shift between the moments at which something changes; none is empty."""
    cuts = {shift.start.timestamp(): shift.start, shift.end.timestamp(): shift.end}
    for absence in absences:
        for moment in (absence.start, absence.end):
            if shift.start.timestamp() < moment.timestamp() < shift.end.timestamp():
                cuts.setdefault(moment.timestamp(), moment.astimezone(shift.start.tzinfo))
    yield from pairwise(cuts[key] for key in sorted(cuts))


def _holds(absence: Absence, moment: datetime) -> bool:
    return absence.start.timestamp() <= moment.timestamp() < absence.end.timestamp()
