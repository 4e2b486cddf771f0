"""What a day comes to for quotas and posts, counted from its tracks before these age out.

Of a person only what a quota needs is kept: hours on duty and on patrol, without a fix, outside his own
cells, person-times. Not where he was, and nothing outside his shifts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.roads.plain import metres_per_degree
from geo_service.services import rounds
from geo_service.services.rostering import Timetable, timetable, town_zone
from geo_service.services.tiling import Tiling
from geo_service.staffing import patrol as counting
from geo_service.staffing.patrol import Span
from geo_service.staffing.patrol_rules import PatrolRules
from geo_service.staffing.roster import Shift
from geo_service.store import staffing
from geo_service.store import visits as store
from geo_service.store.database import Connection

#: A fix speaks for this long at most, as in the figures by cell.
GAP_S = 300.0
_NOTHING = dict.fromkeys(("days", "shift_s", "patrol_s", "silent_s", "away_s", "person_times"), 0)


@dataclass(frozen=True)
class PeopleOfDay:
    """What is kept of a day: lines of persons, and how posts were kept."""

    people: pd.DataFrame
    posts: list[dict[str, Any]]


def count_people(
    connection: Connection, tiling: Tiling, start: datetime, end: datetime, fixes: pd.DataFrame
) -> PeopleOfDay:
    """Count the day between two moments; ``fixes``: :func:`geo_service.store.patrol.fixes_between`."""
    rules = rounds.rules(connection)
    times = timetable(connection, start, end)
    duties = staffing.duties(connection, start)
    leaf, _ = tiling.index.leaf_of(fixes[["lon", "lat"]].to_numpy(dtype=np.float64))
    cells_of: dict[int, list[int]] = {}
    for row in duties.to_dict("records"):
        cells_of.setdefault(int(row["responder_id"]), []).append(int(row["cell_id"]))
    shifts: dict[int, list[Span]] = {}
    for shift in times.working:
        span = _clipped(shift, start, end)
        if span is not None:
            shifts.setdefault(shift.responder_id, []).append(span)
    of_person = {int(str(key)): np.asarray(at) for key, at in fixes.groupby("who").indices.items()}
    at_s = fixes["at_s"].to_numpy(dtype=np.float64)
    lines = []
    for who, spans in sorted(shifts.items()):
        mine = of_person.get(who, np.empty(0, np.int64))
        own = _own(tiling, cells_of.get(who, []), leaf[mine])
        lines.append((who, *_line(joined(spans), at_s[mine], leaf[mine], own=own, rules=rules)))
    names = ["responder_id", "shift_s", "patrol_s", "silent_s", "away_s", "person_times"]
    people = pd.DataFrame(lines, columns=names).astype(np.int64)
    return PeopleOfDay(people, _posts(times, (start, end), fixes, of_person, rules))


def joined(spans: Sequence[Span]) -> list[Span]:
    """Return spans of one person with those that touch or overlap made one."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda one: one.from_s):
        if out and span.from_s <= out[-1].to_s:
            out[-1] = replace(out[-1], to_s=max(out[-1].to_s, span.to_s))
        else:
            out.append(span)
    return out


def _line(
    spans: Sequence[Span],
    at_s: NDArray[np.float64],
    leaf: NDArray[np.int32],
    *,
    own: NDArray[np.bool_],
    rules: PatrolRules,
) -> tuple[int, ...]:
    """Return somebody's line of a day; fixes outside his shifts are not looked at."""
    on = np.zeros(len(at_s), np.bool_)
    for span in spans:
        on |= (at_s >= span.from_s) & (at_s < span.to_s)
    at_s, leaf, own = at_s[on], leaf[on], own[on]
    track = np.zeros(len(at_s), np.int64)
    held = counting.seconds_held(track, at_s, GAP_S).sum()
    silent = sum(one.seconds for span in spans for one in counting.absences(span, at_s, rules.silent_s))
    away = sum(
        one.seconds
        for span in spans
        for one in counting.out_of_area(span, at_s, own, gap_s=GAP_S, grace_s=rules.grace_s)
    )
    n_leaves = int(leaf.max()) + 1 if len(leaf) else 0
    stays = (
        int(counting.time_by_cell(track, at_s, leaf, n_leaves, GAP_S)["person_times"].sum())
        if n_leaves
        else 0
    )
    return round(sum(one.seconds for one in spans)), round(held), round(silent), round(away), stays


def _own(tiling: Tiling, cells: Sequence[int], leaf: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which fixes lie in somebody's own cells; who has none is nowhere out of area."""
    known = [key for key in cells if tiling.id_path_of_cell(key)]
    if not known:
        return np.ones(len(leaf), np.bool_)
    below = {one for key in known for one in tiling.ids_below(key)}
    mine = np.append(np.isin(tiling.leaf_ids, [*below, *known]), False)
    inside: NDArray[np.bool_] = mine[leaf]
    return inside


def _posts(
    times: Timetable,
    day: tuple[datetime, datetime],
    fixes: pd.DataFrame,
    of_person: Mapping[int, NDArray[np.int64]],
    rules: PatrolRules,
) -> list[dict[str, Any]]:
    """Judge every opening that begins in the span: by whoever of those bound to it kept it best."""
    out = []
    bound: dict[int, list[Shift]] = {}
    for shift in times.working:
        if shift.post_id is not None:
            bound.setdefault(shift.post_id, []).append(shift)
    at_s = fixes["at_s"].to_numpy(dtype=np.float64)
    lonlat = fixes[["lon", "lat"]].to_numpy(dtype=np.float64)
    for opening in times.openings:
        place = times.places.get(opening.post_id)
        if place is None or not day[0] <= opening.start < day[1]:
            continue
        window = Span(0, opening.start.timestamp(), opening.end.timestamp())
        lead_s = (opening.start - opening.due).total_seconds()
        best = counting.PostKept("missed", None, 0.0)
        for shift in bound.get(opening.post_id, []):
            if shift.start < opening.end and shift.end > opening.due:
                mine = of_person.get(shift.responder_id, np.empty(0, np.int64))
                near = _near(lonlat[mine], place, rules.post_radius_m)
                kept = counting.post_kept(window, at_s[mine], near, gap_s=GAP_S, lead_s=lead_s)
                best = max(best, kept, key=_rank)
        arrived = None if best.arrived_s is None else datetime.fromtimestamp(best.arrived_s, UTC)
        out.append(
            {
                "post_id": opening.post_id,
                "from_at": opening.start,
                "to_at": opening.end,
                "outcome": best.outcome,
                "arrived_at": arrived,
                "share": min(best.share, 1.0),
            }
        )
    return out


def _rank(kept: counting.PostKept) -> tuple[int, float]:
    return ("missed", "left", "late", "kept").index(kept.outcome), kept.share


def _near(lonlat_deg: NDArray[np.float64], place: tuple[float, float], radius_m: float) -> NDArray[np.bool_]:
    scale = np.array(metres_per_degree(place[1]))
    near: NDArray[np.bool_] = np.linalg.norm((lonlat_deg - place) * scale, axis=1) <= radius_m
    return near


def _clipped(shift: Shift, start: datetime, end: datetime) -> Span | None:
    from_s = max(shift.start, start).timestamp()
    to_s = min(shift.end, end).timestamp()
    return Span(shift.responder_id, from_s, to_s) if to_s > from_s else None


# ------------------------------------------------------------------------------------------------ reading


def quotas(connection: Connection, first: date, last: date) -> list[dict[str, Any]]:
    """Return what each person came to in a span and what his role's quota still wants, in order of code.

    Each: responder, name, role, days, hours (on patrol), shift_hours, silent_hours, away_hours, person_times,
    visits, and where the role has a quota ``quota``, ``days_short``, ``hours_short``, ``met``.
    """
    rules = rounds.rules(connection)
    zone = town_zone(connection)
    start = datetime.combine(first, time(0), zone)
    end = datetime.combine(last + timedelta(days=1), time(0), zone)
    made = store.visits_by_person(connection, start, end)
    sums = {
        int(row["responder_id"]): row for row in store.person_days(connection, first, last).to_dict("records")
    }
    out = []
    for one in staffing.responders(connection).to_dict("records"):
        key, quota = int(one["id"]), rules.quotas.get(one["role"])
        if key not in sums and key not in made and quota is None:
            continue
        row = sums.get(key, _NOTHING)
        told = {
            "responder": one["code"],
            "name": one["name"],
            "role": one["role"],
            "days": int(row["days"]),
            "hours": round(row["patrol_s"] / 3600, 2),
            "shift_hours": round(row["shift_s"] / 3600, 2),
            "silent_hours": round(row["silent_s"] / 3600, 2),
            "away_hours": round(row["away_s"] / 3600, 2),
            "person_times": int(row["person_times"]),
            "visits": made.get(key, 0),
        }
        if quota is not None:
            met = counting.quota_met({key: told["days"]}, {key: row["patrol_s"] / 3600}, quota, [key]).iloc[0]
            told |= {"quota": {"days": quota.days, "hours": quota.hours}}
            told |= {"days_short": int(met["days_short"]), "hours_short": round(float(met["hours_short"]), 2)}
            told["met"] = bool(met["met"])
        out.append(told)
    return out


def posts(connection: Connection, first: date, last: date) -> dict[str, Any]:
    """Return how the posts were kept in a span: the count of each outcome, and each time."""
    rows = store.post_days(connection, first, last)
    counts = {
        name: sum(row["outcome"] == name for row in rows) for name in ("kept", "late", "left", "missed")
    }
    return {"counts": counts, "posts": rows}
