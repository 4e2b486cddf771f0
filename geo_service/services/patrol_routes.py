"""Fixed routes (固定路线): lines walked so often in a week, in a window of hours, by who holds their cell.

What was walked of a route is counted from the tracks of all on duty in its window, with the other figures of
the day, before tracks age out; the figure names nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import shapely

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.formats.patrol_routes import RouteFile
from geo_service.geometry.measure import length_m
from geo_service.services import patrol_matching
from geo_service.services.ground import Ground
from geo_service.services.importing import ImportReport
from geo_service.services.tiling import Tiling
from geo_service.staffing.patrol_routes import DAY_MIN, clock, spread, walked_of, window
from geo_service.staffing.patrol_rules import PatrolRules
from geo_service.store import audit, outbox
from geo_service.store import patrol as tracks
from geo_service.store import routes as store
from geo_service.store.database import Connection, Database

SHORTEST_M, LONGEST_M = 20.0, 100_000.0
MOST_DAYS = 400
LEFT_OUT: dict[str, Words] = {
    "no_cell": Words("the route lies in no cell", "路线不在任何网格内"),
    "nobody": Words("nobody who holds its cell is on patrol that week", "该周所属网格无人可巡"),
    "few_days": Words("those who hold its cell have too few days that week", "该周所属网格在班天数不足"),
}


@dataclass(frozen=True)
class NewRoute:
    """A route as somebody gives it; the window as on a clock, the line in EPSG:4326."""

    name: str
    line: shapely.LineString
    days_a_week: int
    opens: str
    closes: str

    def as_row(self, code: str, row: int | None = None) -> dict[str, Any]:
        """Return it as it is stored.

        Raises
        ------
        InvalidInputError
            With one fault for each thing that is not in order.
        """
        faults = []
        if not self.name.strip():
            faults.append(Fault("name", Words("give it a name", "请填写名称"), row=row))
        if not 1 <= self.days_a_week <= 7:
            words = Words("give 1 to 7 days a week", "每周须为 1 到 7 天")
            faults.append(Fault("days_a_week", words, row=row, value=self.days_a_week))
        hours = window(self.opens, self.closes)
        if hours is None:
            words = Words("write the window as 08:30 and 11:00", "时段请写成 08:30、11:00")
            faults.append(Fault("from, to", words, row=row, value=f"{self.opens} {self.closes}"[:40]))
        long_m = float(length_m([self.line])[0])
        if not SHORTEST_M <= long_m <= LONGEST_M:
            words = Words(
                f"a route is {SHORTEST_M:g} m to {LONGEST_M / 1000:g} km long",
                f"路线长度须为 {SHORTEST_M:g} 米到 {LONGEST_M / 1000:g} 公里",
            )
            faults.append(Fault("geometry", words, row=row, value=round(long_m, 1)))
        if faults or hours is None:
            raise InvalidInputError(Words("the route is not in order", "路线有误"), faults)
        facts = {"code": code, "name": self.name.strip(), "line": self.line, "days_a_week": self.days_a_week}
        return facts | {"from_min": hours[0], "to_min": hours[1]}


def put(database: Database, tiling: Tiling, code: str, given: NewRoute, *, who: str) -> dict[str, Any]:
    """Add a route, or say it anew; returns it as :func:`listed` does.

    Raises
    ------
    InvalidInputError
        It is not in order.
    """
    row = given.as_row(code)
    with database.writing() as connection:
        is_new = store.put(connection, row)
        audit.record(connection, who, "patrol.route", code, {"new": is_new})
        return next(one for one in listed(connection, tiling) if one["code"] == code)


def retire(database: Database, code: str, *, who: str) -> None:
    """Take a route out of use; what was walked of it stays.

    Raises
    ------
    NotFoundError
        There is no such route in use.
    """
    with database.writing() as connection:
        if not store.retire(connection, code):
            raise NotFoundError(Words(f"there is no route {code}", f"没有编号为 {code} 的路线"))
        audit.record(connection, who, "patrol.route.retire", code, {})


def import_routes(
    database: Database, tiling: Tiling, file: RouteFile, *, who: str, commit: bool
) -> ImportReport:
    """Add the routes of a file, or say them anew by their codes; others stay.

    Raises
    ------
    InvalidInputError
        A route is not in order; each fault names its row.
    """
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for number, (code, facts) in enumerate(file.routes, 1):
        try:
            rows.append(NewRoute(**facts).as_row(code, number))
        except InvalidInputError as error:
            faults += error.faults
    if faults:
        raise InvalidInputError(Words("some routes cannot be taken in", "部分路线不能导入"), faults)
    with database.reading() as connection:
        known = {one["code"] for one in store.routes(connection)}
    new = sum(row["code"] not in known for row in rows)
    homes = [home_leaf(tiling, row["line"]) for row in rows]
    counts = {"rows": len(rows), "new": new, "corrected": len(rows) - new, "in_no_cell": homes.count(-1)}
    if commit:
        with database.writing() as connection:
            for row in rows:
                store.put(connection, row)
            audit.record(connection, who, "import routes", "routes", counts)
            outbox.add(connection, "imported.routes", counts)
    return ImportReport("routes", commit, counts, ())


def home_leaf(tiling: Tiling, line: shapely.LineString) -> int:
    """Return the leaf that holds most of a line, the first of equals; -1 where none holds any."""
    count = max(1, int(float(length_m([line])[0]) // 10))
    share = (np.arange(count) + 0.5) / count
    leaf, _ = tiling.index.leaf_of(
        shapely.get_coordinates(shapely.line_interpolate_point(line, share, normalized=True))
    )
    held = np.bincount(leaf[leaf >= 0], minlength=1)
    return int(held.argmax()) if held.sum() else -1


def listed(connection: Connection, tiling: Tiling) -> list[dict[str, Any]]:
    """Return the routes in use with their cell, window, length and line."""
    out = []
    for row in store.routes(connection):
        leaf = home_leaf(tiling, row["line"])
        path = tiling.named_path(leaf) if leaf >= 0 else []
        out.append(_told(row) | {"path": path, "geometry": shapely.geometry.mapping(row["line"])})
    return out


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "name": row["name"],
        "days_a_week": row["days_a_week"],
        "from": clock(row["from_min"]),
        "to": clock(row["to_min"]),
        "length_m": round(float(length_m([row["line"]])[0]), 1),
    }


# --------------------------------------------------------------------------------------------- turns


def turns_of(
    connection: Connection,
    tiling: Tiling,
    monday: date,
    holders: Mapping[int, Sequence[int]],
    days_of: Mapping[int, Sequence[date]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return whose turn each route is on which days of a week, and what is left out with the reason.

    Parameters
    ----------
    holders : mapping of int to list of int
        By cell id who holds it and is on patrol in the week.
    days_of : mapping of int to dates
        On which days each of them is.
    """
    turns: list[dict[str, Any]] = []
    left_out = []
    load: dict[int, int] = {}
    for row in store.routes(connection):
        leaf = home_leaf(tiling, row["line"])
        path = tiling.id_path_of_cell(int(tiling.leaf_ids[leaf])) if leaf >= 0 else []
        held = next((holders[cell] for cell in path if cell in holders), [])
        days = sorted({day for one in held for day in days_of[one]})
        chosen = spread(days, row["days_a_week"]) if days else []
        for day in chosen:
            there = [one for one in held if day in days_of[one]]
            one = min(there, key=lambda who: (load.get(who, 0), who))
            load[one] = load.get(one, 0) + 1
            turns.append({"route_id": row["id"], "day": day, "responder_id": one})
        if len(chosen) < row["days_a_week"]:
            why = "no_cell" if leaf < 0 else "few_days" if chosen else "nobody"
            left_out.append(_left(row, why, monday + timedelta(days=6)))
    return turns, left_out


def _left(row: Mapping[str, Any], why: str, due: date) -> dict[str, Any]:
    words = LEFT_OUT[why]
    facts = {"place": row["code"], "name": row["name"], "departments": [], "due": due.isoformat()}
    return {**facts, "kind": "route", "reason": why, "message": str(words), "message_zh": words.zh}


def week_rows(
    connection: Connection, monday: date, rules: PatrolRules, *, responder_id: int | None = None
) -> dict[str, dict[str, Any]]:
    """Return by person his name and his routes of a week: the days of his turns, and whether it was done."""
    people: dict[str, dict[str, Any]] = {}
    for row in store.turns(connection, monday, responder_id=responder_id):
        who = people.setdefault(row["responder"], {"name": row["responder_name"], "routes": {}})
        start = row["line"].coords[0]
        facts = _told(row) | {"lon": start[0], "lat": start[1], "days": []}
        who["routes"].setdefault(row["code"], facts)["days"].append(_day(row, rules))
    for who in people.values():
        who["routes"] = list(who["routes"].values())
    return people


def _day(row: Mapping[str, Any], rules: PatrolRules) -> dict[str, Any]:
    """Return a day with its share: None while it has not been counted."""
    if row["walked_m"] is None:
        return {"day": row["day"], "share": None, "done": None}
    return {"day": row["day"], "share": round(_share(row), 4), "done": enough(row, rules)}


def enough(row: Mapping[str, Any], rules: PatrolRules) -> bool:
    """Return whether so much of a route was walked on a day counted that its turn is done."""
    return _share(row) >= rules.route_share


def _share(row: Mapping[str, Any]) -> float:
    return row["walked_m"] / row["length_m"] if row["length_m"] else 0.0


# --------------------------------------------------------------------------------------------- counting


def walked_on(
    connection: Connection, ground: Ground, day_start: datetime, *, near_m: float
) -> list[dict[str, Any]]:
    """Return what was walked of each route in its window on a local day: route_id, length_m, walked_m.

    Raises
    ------
    ConflictError
        No road network has been imported.
    """
    by_window: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in store.routes(connection):
        by_window.setdefault((row["from_min"], row["to_min"]), []).append(row)
    out = []
    for (opens, closes), rows in sorted(by_window.items()):
        span = [day_start + timedelta(minutes=one) for one in (opens, closes)]
        fixes = tracks.fixes_between(connection, span[0], span[1])
        bits = patrol_matching.bits_of(ground)
        passes, _ = patrol_matching.passes_of(ground, bits, fixes)
        walked = bits.lonlat_deg[passes > 0]
        for row in rows:
            whole_m, walked_m = walked_of(row["line"], walked, near_m=near_m)
            out.append({"route_id": row["id"], "length_m": whole_m, "walked_m": walked_m})
    return out


def longest_tail(connection: Connection) -> timedelta:
    """Return how long after midnight the last window closes."""
    ends = [row["to_min"] - DAY_MIN for row in store.routes(connection)]
    return timedelta(minutes=max([0, *ends]))


def figures(connection: Connection, first: date, last: date, rules: PatrolRules) -> list[dict[str, Any]]:
    """Return for each route the days counted in a span: share, done, and how many days were wanted.

    Raises
    ------
    InvalidInputError
        The span is backwards or too long.
    """
    if not first <= last <= first + timedelta(days=MOST_DAYS):
        words = Words(
            f"give a first day and a last one, at most {MOST_DAYS} days",
            f"起止日期须有序，且不超过{MOST_DAYS}天",
        )
        raise InvalidInputError(words, [Fault("to", words, value=last.isoformat())])
    by_route: dict[str, dict[str, Any]] = {}
    for row in store.days(connection, first, last):
        facts = {name: row[name] for name in ("code", "name", "days_a_week")}
        one = by_route.setdefault(row["code"], {**facts, "days": []})
        one["days"].append(_day(row, rules) | {"walked_m": round(row["walked_m"], 1)})
    for one in by_route.values():
        one["done"] = sum(bool(day["done"]) for day in one["days"])
        one["wanted"] = round(one["days_a_week"] * ((last - first).days + 1) / 7, 2)
    return list(by_route.values())
