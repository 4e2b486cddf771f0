"""What the tiles of those who lead say: each figure with what it is held against.

All figures are those of the services beside: coverage of :mod:`.coverage_readings` and
:mod:`.coverage_week`, vacancies of :mod:`.vacancies`, clocks of :mod:`.responding`, patrols of
:mod:`.patrol`. Here they are narrowed to an area and put beside what was before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.services import responding, vacancies
from geo_service.services.coverage_readings import Reading
from geo_service.services.coverage_week import Week
from geo_service.services.lead_area import Area
from geo_service.staffing.clocks import Phase
from geo_service.staffing.roster import Shift
from geo_service.store import lead as store
from geo_service.store import patrol as patrols
from geo_service.store import queue
from geo_service.store.database import Connection

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7)
#: "As usual": the mean of so many days of the same name before.
USUAL_WEEKS = 4


def coverage(area: Area, reading: Reading, week: Week, at: datetime) -> dict[str, Any]:
    """Return the share of households reached in time, by how many, and the week of which that is an hour."""
    leaves = {name: reading.leaves[name].to_numpy(dtype=float) for name in reading.leaves}
    total = area.total(leaves["households"])
    reached = [area.total(leaves[f"households_{depth}"]) for depth in (1, 2, 3)]
    hours = week_share(area, week)
    hour = hour_of(week, at)
    worst = int(np.nanargmin(hours)) if np.isfinite(hours).any() else None
    best = int(np.nanargmax(hours)) if worst is not None else None
    return {
        "limit_s": reading.question.limit_s,
        "mode": reading.question.mode.value if reading.question.mode else "own",
        "share": _quotient(reached[0], total),
        "depth": [_quotient(one, total) for one in reached],
        "households": total,
        "unreached": total - reached[0],
        "sole": reached[0] - reached[1],
        "monday": week.monday.isoformat(),
        "hour": hour,
        "hour_before": _number(hours[hour - 1]) if hour else None,
        "worst": None if worst is None else _hour(week, worst, hours),
        "best": None if best is None else _hour(week, best, hours),
        "hours": [None if not np.isfinite(x) else round(float(x), 6) for x in hours],
    }


def week_share(area: Area, week: Week) -> NDArray[np.float64]:
    """Return the share of an area's households reached in time in each hour of a week; NaN without any."""
    total = area.total(week.total)
    by_state = week.covered[:, area.inside].sum(axis=1)
    out: NDArray[np.float64] = by_state[week.state] / total if total else np.full(len(week.state), np.nan)
    return out


def hour_of(week: Week, at: datetime) -> int:
    """Return in which hour of a week a moment lies."""
    return min(max(int((at - week.moment(0)) // HOUR), 0), len(week.state) - 1)


def _hour(week: Week, hour: int, shares: NDArray[np.float64]) -> dict[str, Any]:
    return {"hour": hour, "at": week.moment(hour).isoformat(), "share": float(shares[hour])}


def staff(area: Area, duty: pd.DataFrame) -> dict[str, Any]:
    """Return how many of those on duty stand in the area, by role, and how many of them stand at posts."""
    leaf, _ = area.tiling.index.leaf_of(duty[["lon", "lat"]].to_numpy(dtype=float))
    here = duty[np.append(area.inside, not area.roots)[leaf]]
    by_role = here["role"].value_counts()
    return {
        "on_duty": len(here),
        "at_posts": int(here["pinned"].sum()),
        "by_role": {str(role): int(count) for role, count in sorted(by_role.items())},
    }


def posts_kept(
    area: Area, shifts: Sequence[Shift], places: Mapping[int, tuple[float, float]], begins: datetime
) -> list[dict[str, int]]:
    """Return the hours of a week within which posts in an area are kept, and a minute at which most are.

    A school gate is kept from 7:20 to 8:00: a week told at whole hours does not show it. Each entry has
    ``hour`` (of the week), ``people`` (the most who stand at posts at once in it) and ``minute`` (in the
    middle of the time at which they do).
    """
    bound = [one for one in shifts if one.post_id in places]
    if not bound:
        return []
    lonlat_deg = np.array([places[one.post_id or 0] for one in bound], np.float64)
    leaf, _ = area.tiling.index.leaf_of(lonlat_deg)
    is_here = np.append(area.inside, not area.roots)[leaf]
    change = np.zeros(WEEK // MINUTE + 1, np.int64)
    for ends, sign in (("start", 1), ("end", -1)):
        minute = [-((begins - getattr(one, ends)) // MINUTE) for one in bound]  # rounded up
        np.add.at(change, np.clip(minute, 0, len(change) - 1)[is_here], sign)
    people = np.cumsum(change)[:-1].reshape(-1, HOUR // MINUTE)
    out = []
    for hour in np.flatnonzero(people.max(axis=1)).tolist():
        most = np.flatnonzero(people[hour] == people[hour].max())
        out.append({"hour": hour, "minute": int(most[len(most) // 2]), "people": int(people[hour].max())})
    return out


def lacking(connection: Connection, area: Area, at: datetime) -> dict[str, Any]:
    """Return what the roster lacks in the 24 hours from the present one on."""
    start = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found = vacancies.vacancies(connection, area.cells, start, start + DAY, area.roots_or_all)
    by_cell = [one["lacking"] for one in found["cells"]]
    by_hour = np.array(by_cell, np.int64).reshape(-1, 24).sum(axis=0)
    worst = sorted(found["cells"], key=lambda one: (-one["person_hours"], one["code"]))
    return {
        "now": int(by_hour[0]),
        "cells_now": sum(1 for one in by_cell if one[0]),
        "worst": int(by_hour.max(initial=0)),
        "person_hours": int(by_hour.sum()),
        "by_hour": by_hour.tolist(),
        "posts_empty": len({one["post"]["code"] for one in found["posts"]}),
        "cells": [
            {name: one[name] for name in ("level", "code", "name", "person_hours")} for one in worst[:5]
        ],
    }


def waiting(connection: Connection, area: Area) -> dict[str, Any]:
    """Return how many incidents are open now, overdue, or nearly."""
    counts = queue.counts(connection, area.roots)
    return {name: int(counts[name]) for name in ("open", "overdue", "soon", "unlocated")}


def incidents_of_day(connection: Connection, area: Area, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return the incidents of a local day by the hour up to a moment, and how many are usual by then.

    Usual is the mean of the same weekday in the four weeks before; ``usual_by_now`` counts the present hour
    by the part of it that is over.
    """
    local = at.astimezone(zone)
    days = [local.date() - timedelta(weeks=k) for k in range(USUAL_WEEKS, -1, -1)]
    since = datetime(days[0].year, days[0].month, days[0].day, tzinfo=zone)
    counts = np.zeros((len(days), 24), np.int64)
    for hour, count in store.incidents_by_hour(connection, since, at, zone, area.roots):
        when = hour.astimezone(zone)
        if when.date() in days:
            counts[days.index(when.date()), when.hour] += count
    usual = counts[:-1].mean(axis=0)
    part = (local.minute * 60 + local.second) / 3600
    return {
        "day": local.date().isoformat(),
        "today": int(counts[-1].sum()),
        "by_hour": counts[-1].tolist(),
        "usual_by_hour": np.round(usual, 2).tolist(),
        "usual_by_now": round(float(usual[: local.hour].sum() + usual[local.hour] * part), 2),
        "usual_day": round(float(usual.sum()), 2),
    }


def clocks(connection: Connection, area: Area, since: datetime, until: datetime) -> dict[str, Any]:
    """Return how many of the incidents reported in a span kept their clocks (567), by phase."""
    question = responding.Question(since, until)
    row = responding.response_table(connection, area.tiling, None, question, scope=area.roots).iloc[0]
    out: dict[str, Any] = {
        "from": since.isoformat(),
        "to": until.isoformat(),
        "incidents": int(row["incidents"]),
    }
    for phase in Phase:
        share = float(row[f"{phase}_within_share"])
        out[phase.value] = {
            "share": _number(share),
            "within": int(row[f"{phase}_within"]),
            "decided": int(row[f"{phase}_decided"]),
        }
    out["median_arrive_s"] = _number(float(row["report_to_arrive_median_s"]))
    return out


def patrol(connection: Connection, area: Area, at: datetime, zone: ZoneInfo, days: int = 7) -> dict[str, Any]:
    """Return the share of streets patrolled a day in the days before a moment, and in as many before."""
    last = at.astimezone(zone).date() - DAY
    first = last - timedelta(days=days - 1)
    before = patrol_of(connection, area, first - timedelta(days=days), first - DAY)
    by_day = store.patrol_by_day(connection, first, last, area.tiling.leaf_ids[area.inside].tolist())
    shares = [
        {"day": day.isoformat(), "share": _quotient(patrolled, streets)} for day, patrolled, streets in by_day
    ]
    return patrol_of(connection, area, first, last) | {"before": before["share"], "by_day": shares}


def patrol_of(connection: Connection, area: Area, first: Any, last: Any) -> dict[str, Any]:
    """Return what patrols came to in an area over some local days, both ends included."""
    counted = patrols.days(connection, first, last)
    sums = patrols.cell_figures(connection, first, last).set_index("cell_id")
    here = sums.reindex(area.tiling.leaf_ids[area.inside]).fillna(0.0).sum()
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "days": len(counted),
        "share": _quotient(float(here["patrolled_m"]), float(here["street_m"])),
        "patrolled_m": round(float(here["patrolled_m"]), 1),
        "hours": round(float(here["seconds"]) / 3600, 2),
        "person_times": int(here["person_times"]),
    }


def cell_facts(area: Area, leaves: pd.DataFrame) -> Mapping[str, float]:
    """Return land, households and residents of an area, ``leaves`` as ``Ground.land_and_people`` has them."""
    return {
        name: round(area.total(leaves[name].to_numpy(dtype=float)), 4)
        for name in ("area_km2", "households", "residents")
    }


def _quotient(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
