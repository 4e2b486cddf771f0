"""Reading the roster: a week of people and posts, and who covers a cell at a moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.services.rostering import INSTANT, Timetable, timetable
from geo_service.services.staffed_cells import Cells
from geo_service.staffing.roster import Shift, require_reckonable
from geo_service.staffing.vacancies import empty_posts
from geo_service.store import roster_reading
from geo_service.store.database import Connection

LONGEST = timedelta(days=35)
PAGE = 200


@dataclass(frozen=True, slots=True)
class WeekFilter:
    """Which people of a roster are looked at.

    Attributes
    ----------
    roots : frozenset of int or None
        Those with a duty in one of these cells or below; None: all.
    text : str
        Those with this in name or code.
    role : str or None
        Those who hold this role.
    after : str
        Those who come after this, the ``next`` of the page before.
    limit : int
        So many at the most.
    seen : frozenset of int or None
        Only duties on these cells are told of; None: all.
    """

    roots: frozenset[int] | None = None
    text: str = ""
    role: str | None = None
    after: str = ""
    limit: int = PAGE
    seen: frozenset[int] | None = None


def week(
    connection: Connection, cells: Cells, start: datetime, end: datetime, which: WeekFilter
) -> dict[str, Any]:
    """Return people with their shifts, leave and duties, and posts with their openings, over a span.

    Raises
    ------
    InvalidInputError
        The span is backwards, or longer than five weeks.
    """
    require_span(start, end)
    times = timetable(connection, start, end)
    inside = cells.within(which.roots)
    people = roster_reading.people(
        connection,
        start,
        end,
        cells=None if which.roots is None else inside,
        text_like=which.text,
        role=which.role,
        after=which.after,
        limit=which.limit + 1,
    )
    shown, more = people[: which.limit], len(people) > which.limit
    names = roster_reading.names(connection)
    posts = roster_reading.posts(connection)
    shifts = _by_responder(times.working)
    ids = [row.id for row in shown]
    away = _by_key(roster_reading.absences_of(connection, ids, start, end), "responder_id")
    duties = _by_key(roster_reading.duties_of(connection, ids, start, end), "responder_id")
    listed = [
        {
            "code": row.code,
            "name": row.name,
            "role": row.role,
            "agency": row.agency,
            "mode": row.mode,
            "duties": [
                _duty(one, cells)
                for one in duties.get(row.id, ())
                if one.cell_id in (cells.rows if which.seen is None else which.seen)
            ],
            "shifts": [shift_object(one, names, posts) for one in shifts.get(row.id, ())],
            "absences": [_absence(one, names, posts) for one in away.get(row.id, ())],
        }
        for row in shown
    ]
    return {
        "from": start,
        "to": end,
        "people": listed,
        "next": shown[-1].place if more and shown else None,
        "posts": posts_over(times, cells, which.roots, names, posts),
    }


def require_span(start: datetime, end: datetime) -> None:
    """Refuse a span that no roster is looked at over."""
    require_reckonable("from", start)
    require_reckonable("to", end)
    if not timedelta(0) < end - start <= LONGEST:
        message = Words("give a span of at most five weeks", "请给出不超过五周的时间范围")
        raise InvalidInputError(message, [Fault("to", message, value=end.isoformat())])


def posts_over(
    times: Timetable,
    cells: Cells,
    roots: frozenset[int] | None,
    names: Mapping[int, tuple[str, str]],
    posts: Mapping[int, Any],
) -> list[dict[str, Any]]:
    """Return the posts in some cells with each opening: when, who stands there, when nobody does."""
    keys = sorted({one.post_id for one in times.openings}, key=lambda key: posts[key].code)
    if not keys:
        return []
    places = np.array([times.places[key] for key in keys], dtype=float)
    inside = [
        key
        for key, held in zip(keys, cells.holding(places), strict=True)
        if roots is None or not roots.isdisjoint(held)
    ]
    empty: dict[Any, list[Any]] = {}
    for one in empty_posts(times.openings, times.working):
        empty.setdefault(one.opening, []).append({"start": one.start, "end": one.end})
    standing: dict[int, list[Shift]] = {}
    for shift in times.working:
        if shift.post_id is not None:
            standing.setdefault(shift.post_id, []).append(shift)
    out = []
    for key in inside:
        row = posts[key]
        openings = [
            {
                "due": one.due.astimezone(UTC),
                "start": one.start.astimezone(UTC),
                "end": one.end.astimezone(UTC),
                "standing": [
                    {"start": s.start.astimezone(UTC), "end": s.end.astimezone(UTC), **_who(s, names)}
                    for s in standing.get(key, ())
                    if s.start < one.end and s.end > one.due
                ],
                "empty": empty.get(one, []),
            }
            for one in sorted(times.openings, key=lambda o: o.start)
            if one.post_id == key
        ]
        lon, lat = times.places[key]
        out.append(
            {
                "code": row.code,
                "name": row.name,
                "kind": row.kind,
                "lon": lon,
                "lat": lat,
                "openings": openings,
            }
        )
    return out


def cover(
    connection: Connection, cells: Cells, cell_id: int, at: datetime, scope: frozenset[int] = frozenset()
) -> dict[str, Any]:
    """Return who covers a cell at a moment: its own people, those above, and the neighbours'.

    With ``scope`` only the neighbours within those cells are told of.

    ``covered_by`` names the nearest of the three that has anybody who can be sent, None if nobody has.
    """
    require_reckonable("at", at)
    times = timetable(connection, at, at + INSTANT)
    on = [shift for shift in times.working if shift.covers(at)]
    groups = {
        "own": cells.within(frozenset({cell_id})),
        "above": cells.above(cell_id),
        "neighbours": [one for one in cells.beside(cell_id) if not scope or one in cells.within(scope)],
    }
    wanted = sorted({key for keys in groups.values() for key in keys})
    held: dict[int, list[Any]] = {}
    for row in roster_reading.people_of_cells(connection, wanted, at, at + INSTANT):
        held.setdefault(row.cell_id, []).append(row)
    working = _by_holder(on)
    names, posts = roster_reading.names(connection), roster_reading.posts(connection)
    modes = roster_reading.modes(connection)
    found = {
        name: [
            (key, present)
            for key in keys
            if (present := _present(held.get(key, ()), working, names, posts, modes))
        ]
        for name, keys in groups.items()
    }
    can_be_sent = {
        name: any(not who["pinned"] for _, people in listed for who in people)
        for name, listed in found.items()
    }
    return {
        "cell": cells.named(cell_id),
        "at": at,
        "covered_by": next((name for name, can in can_be_sent.items() if can), None),
        **{
            name: [{"cell": cells.named(key), "people": people} for key, people in listed]
            for name, listed in found.items()
        },
    }


def _present(
    held: Iterable[Any],
    working: Mapping[int, Sequence[Shift]],
    names: Mapping[int, tuple[str, str]],
    posts: Mapping[int, Any],
    modes: Mapping[int, str],
) -> list[dict[str, Any]]:
    """Return who is at work of those who hold a cell, a post before free time as it binds."""
    first = {
        (row.responder_id, row.role): min(shifts, key=lambda s: (not s.pinned, -s.end.timestamp()))
        for row in held
        if (shifts := working.get(row.responder_id))
    }
    return [
        {
            **_who(shift, names),
            "role": role,
            "mode": modes[shift.responder_id],
            "until": shift.end.astimezone(UTC),
            "pinned": shift.pinned,
            "post": posts[shift.post_id].code if shift.post_id is not None else None,
        }
        for (_, role), shift in first.items()
    ]


def shift_object(
    shift: Shift, names: Mapping[int, tuple[str, str]], posts: Mapping[int, Any]
) -> dict[str, Any]:
    """Return a shift as JSON: from what it comes, and whom it is in the place of."""
    kind, number = shift.origin or ("shift", 0)
    post = posts.get(shift.post_id) if shift.post_id is not None else None
    return {
        "start": shift.start.astimezone(UTC),
        "end": shift.end.astimezone(UTC),
        "from": kind,
        "id": number if kind == "shift" else None,
        "post": None if post is None else {"code": post.code, "name": post.name, "kind": post.kind},
        "instead_of": None if shift.instead_of is None else _named(shift.instead_of, names),
    }


def _duty(row: Any, cells: Cells) -> dict[str, Any]:
    return {**cells.named(row.cell_id), "role": row.role, "since": row.since, "until": row.until}


def _absence(row: Any, names: Mapping[int, tuple[str, str]], posts: Mapping[int, Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "start": row.start,
        "end": row.end,
        "kind": row.kind,
        "substitute": None if row.substitute_id is None else _named(row.substitute_id, names),
        "post": None if row.post_id is None else posts[row.post_id].code,
        "note": row.note,
    }


def _who(shift: Shift, names: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    instead = None if shift.instead_of is None else _named(shift.instead_of, names)
    return {**_named(shift.responder_id, names), "instead_of": instead}


def _named(responder_id: int, names: Mapping[int, tuple[str, str]]) -> dict[str, str]:
    code, name = names[responder_id]
    return {"code": code, "name": name}


def _by_responder(shifts: Iterable[Shift]) -> dict[int, list[Shift]]:
    found: dict[int, list[Shift]] = {}
    for shift in shifts:
        found.setdefault(shift.responder_id, []).append(shift)
    return found


def _by_holder(shifts: Iterable[Shift]) -> dict[int, list[Shift]]:
    """Sort shifts by whose place they fill."""
    found: dict[int, list[Shift]] = {}
    for shift in shifts:
        holder = shift.responder_id if shift.instead_of is None else shift.instead_of
        found.setdefault(holder, []).append(shift)
    return found


def _by_key(rows: Iterable[Any], name: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return found
