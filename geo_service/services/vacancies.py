"""What a roster lacks: vacancies over a span, and alarms at a moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from geo_service.geometry.measure import local_xy_m
from geo_service.services.roster_views import posts_over, require_span
from geo_service.services.rostering import Timetable, timetable
from geo_service.services.staffed_cells import Cells
from geo_service.staffing import vacancies as pure
from geo_service.staffing.vacancies import Holding, Need, Presence, Vacancy
from geo_service.store import roster_reading
from geo_service.store.database import Connection

#: A holder whose last fix is farther than this from his post is not there.
AWAY_M = 200.0
HOUR = timedelta(hours=1)
MOST = 2000


@dataclass(frozen=True, slots=True)
class Lack:
    """What a span of the roster lacks.

    Attributes
    ----------
    times : Timetable
        What the roster says.
    found : list of Vacancy
        Spans in which cells have too few.
    unmanned : list of (int, datetime, datetime)
        Spans in which cells that must have somebody have nobody at all.
    """

    times: Timetable
    found: list[Vacancy]
    unmanned: list[tuple[int, datetime, datetime]]


def lack(
    connection: Connection, cells: Cells, start: datetime, end: datetime, roots: frozenset[int] | None
) -> Lack:
    """Find the vacancies of the cells in some cells (None: of all) over a span."""
    times = timetable(connection, start, end)
    needs = [
        Need(
            row.code,
            row.level,
            row.cell_kind,
            row.role,
            row.count,
            frozenset(day - 1 for day in row.weekdays),
            row.start_local,
            row.end_local,
            Presence(row.presence),
            row.from_above,
            ZoneInfo(row.timezone),
        )
        for row in roster_reading.needs(connection)
    ]
    levels = {need.level for need in needs}
    asked = [key for key in cells.within(roots) if cells.rows[key]["level"] in levels]
    staffed = cells.staffed(asked)
    wanted = sorted({key for cell in staffed for key in (cell.id, *cell.above)})
    holdings = [
        Holding(row.responder_id, row.cell_id, row.role, row.since, row.until)
        for row in roster_reading.people_of_cells(connection, wanted, start, end)
    ]
    span = {"start": start, "end": end}
    return Lack(
        times,
        pure.vacancies(needs, staffed, holdings, times.working, **span),
        pure.unmanned(needs, staffed, holdings, times.working, **span),
    )


def vacancies(
    connection: Connection, cells: Cells, start: datetime, end: datetime, roots: frozenset[int] | None
) -> dict[str, Any]:
    """Return what cells lack over a span: each vacancy, the number lacking by cell and hour, empty posts.

    The hours and ``at_work`` count those who must be at work; roles that only have to be held are among the
    vacancies and ``count``.

    Raises
    ------
    InvalidInputError
        The span is backwards or too long.
    """
    require_span(start, end)
    lacking = lack(connection, cells, start, end, roots)
    hours = -(-(end - start) // HOUR)
    at_work = [one for one in lacking.found if one.need.presence is Presence.ON_DUTY]
    hourly = pure.by_hour(at_work, start, hours)
    posts = posts_over(
        lacking.times, cells, roots, roster_reading.names(connection), roster_reading.posts(connection)
    )
    empty = [
        {
            "post": {"code": post["code"], "name": post["name"], "kind": post["kind"]},
            "opens": one["start"],
            "closes": one["end"],
            **gap,
        }
        for post in posts
        for one in post["openings"]
        for gap in one["empty"]
    ]
    return {
        "from": start,
        "to": end,
        "hours": hours,
        "count": len(lacking.found),
        "at_work": len(at_work),
        "cells": [
            {**cells.named(key), "lacking": row.tolist(), "person_hours": int(row.sum())}
            for key, row in hourly.items()
        ],
        "vacancies": [vacancy_object(one, cells) for one in lacking.found[:MOST]],
        "left_out": max(0, len(lacking.found) - MOST),
        "posts": empty,
    }


def vacancy_object(one: Vacancy, cells: Cells) -> dict[str, Any]:
    """Return a vacancy as JSON."""
    return {
        "cell": cells.named(one.cell_id),
        "need": one.need.code,
        "role": one.need.role,
        "presence": one.need.presence.value,
        "start": one.start,
        "end": one.end,
        "have": one.have,
        "count": one.need.count,
    }


def alarms(
    connection: Connection,
    cells: Cells,
    at: datetime,
    roots: frozenset[int] | None,
    ahead: timedelta,
    *,
    fresh_fix: timedelta,
) -> dict[str, Any]:
    """Return what must alarm somebody at a moment, or will within the time ahead.

    Kinds: ``cell_unmanned``, nobody at all is on duty in a cell that must have somebody; ``post_empty``,
    nobody is named or present in the roster for a post that is open or opens within its lead;
    ``post_holder_away``, who should stand at a post by now was last seen too far from it. A position older
    than ``fresh_fix`` says nothing of that, as at the dispatcher's desk.
    """
    end = at + max(ahead, timedelta(minutes=1))
    lacking = lack(connection, cells, at, end, roots)
    names, posts = roster_reading.names(connection), roster_reading.posts(connection)
    found = [
        {
            "kind": "cell_unmanned",
            "cell": cells.named(key),
            "since": start,
            "until": stop,
            "now": start <= at,
        }
        for key, start, stop in lacking.unmanned
    ]
    seen = roster_reading.latest_positions(connection, at - fresh_fix)
    for post in posts_over(lacking.times, cells, roots, names, posts):
        place = {name: post[name] for name in ("code", "name", "kind", "lon", "lat")}
        for one in post["openings"]:
            found += [
                {
                    "kind": "post_empty",
                    "post": place,
                    "due": one["due"],
                    "opens": one["start"],
                    "since": gap["start"],
                    "until": gap["end"],
                    "now": gap["start"] <= at < gap["end"],
                }
                for gap in one["empty"]
                if gap["end"] > at
            ]
            found += _away(post, place, one, seen, at)
    found.sort(key=lambda alarm: (not alarm["now"], alarm["since"]))
    return {"at": at, "until": end, "alarms": found}


def _away(
    post: dict[str, Any],
    place: dict[str, Any],
    opening: dict[str, Any],
    seen: dict[str, tuple[float, float, datetime]],
    at: datetime,
) -> list[dict[str, Any]]:
    """Tell who should be at the post by now and was seen elsewhere."""
    out = []
    for one in opening["standing"]:
        fix = seen.get(one["code"])
        if fix is None or not one["start"] <= at < one["end"]:
            continue
        away = local_xy_m(np.array([fix[:2]]), (post["lon"], post["lat"]))[0]
        distance = float(np.hypot(*away))
        if distance > AWAY_M:
            out.append(
                {
                    "kind": "post_holder_away",
                    "post": place,
                    "who": {"code": one["code"], "name": one["name"]},
                    "distance_m": round(distance),
                    "seen_at": fix[2],
                    "due": opening["due"],
                    "opens": opening["start"],
                    "since": one["start"],
                    "until": one["end"],
                    "now": True,
                }
            )
    return out
