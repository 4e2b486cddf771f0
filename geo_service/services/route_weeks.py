"""How the fixed routes of a week stand: turns given out, due by now, walked, and which are behind."""

import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import shapely

from geo_service.formats.spreadsheet import write_table
from geo_service.services.lead_area import Area
from geo_service.services.patrol_routes import enough, home_leaf
from geo_service.services.rostering import town_zone
from geo_service.services.week_lists import monday_of
from geo_service.staffing.patrol_routes import clock
from geo_service.staffing.patrol_rules import PatrolRules
from geo_service.store import routes as store
from geo_service.store.database import Connection

DAY = timedelta(days=1)
WEEK_DAYS = 7
_CSV: Mapping[str, str] = {
    "code": "路线编号",
    "name": "路线名称",
    "cell": "网格编码",
    "cell_name": "网格名称",
    "from": "开始时间",
    "to": "结束时间",
    "turns": "本周班次",
    "due": "应完成",
    "done": "已完成",
    "behind": "落后",
}


def of_week(
    connection: Connection, area: Area, at: datetime, rules: PatrolRules, *, has_lines: bool = True
) -> dict[str, Any]:
    """Return the routes of an area, those most behind first, in the week of the day before a moment.

    A day is due once it is over. A turn counts as walked when the route was walked on any day of the week up
    to then: who went on Wednesday in place of Tuesday is not behind. A route that is nobody's turn that week
    is due by its days a week, those that are over of seven.

    Parameters
    ----------
    has_lines : bool
        Whether the line of each is told, as GeoJSON.
    """
    last = at.astimezone(town_zone(connection)).date() - DAY
    monday = monday_of(last)
    over = (last - monday).days + 1
    given: dict[str, list[date]] = {}
    for row in store.turns(connection, monday):
        given.setdefault(row["code"], []).append(row["day"])
    walked: dict[str, set[date]] = {}
    for row in store.days(connection, monday, last):
        if enough(row, rules):
            walked.setdefault(row["code"], set()).add(row["day"])
    found = []
    for row in store.routes(connection):
        leaf = home_leaf(area.tiling, row["line"])
        if area.roots and (leaf < 0 or not area.inside[leaf]):
            continue
        days = given.get(row["code"], [])
        turns = len(days) or row["days_a_week"]
        due = sum(day <= last for day in days) if days else row["days_a_week"] * over // WEEK_DAYS
        done = min(len(walked.get(row["code"], ())), turns)
        one = {
            "code": row["code"],
            "name": row["name"],
            "from": clock(row["from_min"]),
            "to": clock(row["to_min"]),
            "path": area.tiling.named_path(leaf) if leaf >= 0 else [],
            "turns": turns,
            "due": due,
            "done": done,
            "behind": max(0, due - done),
            "is_given_out": bool(days),
        }
        found.append(one | {"geometry": shapely.geometry.mapping(row["line"])} if has_lines else one)
    found.sort(key=lambda one: (-one["behind"], one["code"]))
    sums = {name: sum(one[name] for one in found) for name in ("turns", "due", "done")}
    behind = sum(one["behind"] > 0 for one in found)
    return {"monday": monday, "up_to": last, **sums, "routes_behind": behind, "routes": found}


def as_csv(told: Mapping[str, Any]) -> str:
    """Return the routes of a week as CSV with Chinese headers, one line a route."""
    lines = []
    for one in told["routes"]:
        cell = one["path"][-1] if one["path"] else {"code": "", "name": ""}
        row = {**one, "cell": cell["code"], "cell_name": cell["name"]}
        lines.append([row[name] for name in _CSV])
    out = io.StringIO()
    write_table(pd.DataFrame(lines, columns=list(_CSV.values()), dtype=object), out)
    return out.getvalue()
