"""One cell in full for those who lead, and the figures of an area over a span for comparing."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from geo_service.services import lead_summary, ownership
from geo_service.services.coverage_week import Week
from geo_service.services.lead_area import Area
from geo_service.services.rostering import timetable
from geo_service.services.tiling import Tilings
from geo_service.staffing.roster import Shift
from geo_service.store import lead as store
from geo_service.store import lineage, roster_reading
from geo_service.store.database import Connection

INCIDENT_DAYS = 30
WEEKS = 12
#: So many people of a shift are named; of more only the number is told.
NAMED = 12
CATEGORIES = 6
CHANGES = 40


def card(
    connection: Connection,
    tilings: Tilings,
    area: Area,
    at: datetime,
    zone: ZoneInfo,
    *,
    scope: frozenset[int] = frozenset(),
) -> dict[str, Any]:
    """Return of a cell: who answers for it, who works today by shift, its incidents, its borders' history.

    With ``scope`` people who answer for cells outside of it are not named.
    """
    (key,) = area.roots
    tiling = area.tiling
    on = ownership.at_moment(connection, at)
    (owner,) = ownership.owners_of(connection, tiling, [key], at, on)
    return {
        "at": at.astimezone(zone).isoformat(),
        "edition": tiling.edition.id,
        "cell": area.told(),
        "kind": area.cells.rows[key]["kind"],
        **_named_within(owner, area, scope),
        "shifts": _shifts(connection, area, at, zone),
        "incidents": _incidents(connection, area, at, zone),
        "clocks": lead_summary.clocks(connection, area, at - timedelta(days=INCIDENT_DAYS), at),
        "patrol": lead_summary.patrol(connection, area, at, zone),
        "history": _history(connection, tilings, area, key),
    }


def _named_within(owner: dict[str, Any], area: Area, scope: frozenset[int]) -> dict[str, Any]:
    """Return who answers without those who hold cells outside a scope (empty: nobody is left out)."""
    if not scope:
        return owner
    own = frozenset(area.cells.within(scope))

    def is_own(step: dict[str, Any]) -> bool:
        return area.tiling.id_of_cell(step["level"], step["cell_code"]) in own

    first = owner["owner"]
    return {
        "owner": first if first is not None and is_own(first) else None,
        "above": [step for step in owner["above"] if is_own(step)],
    }


def _shifts(connection: Connection, area: Area, at: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return who of those with a role on the cell or below works on the local day, by shift."""
    local = at.astimezone(zone)
    start = datetime(local.year, local.month, local.day, tzinfo=zone)
    end = start + timedelta(days=1)
    keys = area.cells.within(area.roots)
    roles: dict[int, str] = {}
    for row in roster_reading.people_of_cells(connection, keys, start, end):
        roles.setdefault(row.responder_id, row.role)
    names = roster_reading.names(connection)
    groups: dict[tuple[datetime, datetime, bool], list[Shift]] = {}
    for shift in timetable(connection, start, end).working:
        if _holder(shift) in roles:
            groups.setdefault((shift.start, shift.end, shift.pinned), []).append(shift)
    return [
        {
            "start": begins.astimezone(zone).isoformat(),
            "end": ends.astimezone(zone).isoformat(),
            "at_post": pinned,
            "now": begins <= at < ends,
            "count": len(shifts),
            "by_role": dict(sorted(Counter(roles[_holder(one)] for one in shifts).items())),
            "people": sorted(names[one.responder_id][1] for one in shifts) if len(shifts) <= NAMED else [],
        }
        for (begins, ends, pinned), shifts in sorted(groups.items(), key=lambda one: one[0])
    ]


def _holder(shift: Shift) -> int:
    return shift.responder_id if shift.instead_of is None else shift.instead_of


def _incidents(connection: Connection, area: Area, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return the incidents of thirty days and of the thirty before, by kind, and twelve weeks of them."""
    span = timedelta(days=INCIDENT_DAYS)
    kinds = store.incidents_by_category(connection, at - span, at, area.roots)
    before = store.incidents_by_category(connection, at - 2 * span, at - span, area.roots)
    local = at.astimezone(zone).date()
    mondays = [local - timedelta(days=local.weekday() + 7 * k) for k in range(WEEKS - 1, -1, -1)]
    first = datetime(mondays[0].year, mondays[0].month, mondays[0].day, tzinfo=zone)
    weeks = np.zeros(WEEKS, np.int64)
    for hour, count in store.incidents_by_hour(connection, first, at, zone, area.roots):
        weeks[min((hour.astimezone(zone).date() - mondays[0]).days // 7, WEEKS - 1)] += count
    return {
        "days": INCIDENT_DAYS,
        "count": sum(count for _, count in kinds),
        "before": sum(count for _, count in before),
        "by_category": [{"category": name, "count": count} for name, count in kinds[:CATEGORIES]],
        "weeks": [
            {"monday": day.isoformat(), "count": int(n)} for day, n in zip(mondays, weeks, strict=True)
        ],
    }


def _history(connection: Connection, tilings: Tilings, area: Area, key: int) -> list[dict[str, Any]]:
    """Return what changed the cell's borders, the latest first: when, and what went where."""
    cell = area.cells.rows[key]
    begins = {one.id: one.valid_from for one in tilings.spans()}
    rows: Sequence[dict[str, Any]] = lineage.of_cell(connection, cell["level"], cell["code"])
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] != "kept":
            found.setdefault(row["edition_id"], []).append(
                {name: value for name, value in row.items() if name != "edition_id"}
            )
    return [
        {"edition": edition, "valid_from": begins.get(edition), "changes": changes[:CHANGES]}
        for edition, changes in sorted(found.items(), reverse=True)
    ]


def span(
    connection: Connection, area: Area, start: datetime, until: datetime, week: Week | None
) -> dict[str, Any]:
    """Return incidents, clocks, patrols and coverage of an area over a span (its end not in it)."""
    last = (until - timedelta(seconds=1)).date()
    kinds = store.incidents_by_category(connection, start, until, area.roots)
    return {
        "incidents": {
            "count": sum(count for _, count in kinds),
            "by_category": [{"category": name, "count": count} for name, count in kinds[:CATEGORIES]],
        },
        "clocks": lead_summary.clocks(connection, area, start, until),
        "patrol": lead_summary.patrol_of(connection, area, start.date(), last),
        "coverage": None if week is None else _coverage(area, week, start, until),
    }


def _coverage(area: Area, week: Week, start: datetime, until: datetime) -> dict[str, Any] | None:
    """Return mean and least share over the hours of a week that lie in a span."""
    shares = lead_summary.week_share(area, week)
    inside = [hour for hour in range(len(shares)) if start <= week.moment(hour) < until]
    chosen = shares[inside]
    if not len(chosen) or not np.isfinite(chosen).any():
        return None
    worst = inside[int(np.nanargmin(chosen))]
    return {
        "mean": float(np.nanmean(chosen)),
        "worst": float(np.nanmin(chosen)),
        "worst_at": week.moment(worst).isoformat(),
        "hours": len(chosen),
    }
