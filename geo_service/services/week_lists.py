"""The lists of a week: who visits which places on which day, over the streets, the days about equally long.

A place is visited by whoever holds the cell in which it lies, or the nearest cell above it whose holder is on
patrol in that week; several who hold the same cell share its places. Posts are not patrol.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import BadRequestError, Fault, NotFoundError, Words
from geo_service.formats.spreadsheet import write_table
from geo_service.model import Mode
from geo_service.roads.graph import UNREACHED
from geo_service.services import patrol_routes, rounds
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.jobs import Say, silent
from geo_service.services.rostering import INSTANT, shifts_between, town_zone
from geo_service.services.tiling import Tiling
from geo_service.staffing.patrol_rounds import MOST_STOPS, Campaign, Visit, Wish, plan_rounds, week_list
from geo_service.staffing.siting_ways import ways
from geo_service.store import audit, lives, outbox, routes, staffing
from geo_service.store import rounds as store
from geo_service.store.database import Connection, Database

#: Ways longer than this count as this long.
LONGEST_MS = 3 * 3600 * 1000
MOST_PARTS = 31
#: What is done one after the other: places are shared out among those who hold a cell together, cell by cell,
#: and then everybody's tours are planned, person by person.
SHARING, TOURS = "sharing", "tours"
PHASES: dict[str, str] = {SHARING: "sharing places out", TOURS: "planning tours"}
#: Why somebody's wish is on nobody's list.
LEFT_OUT: dict[str, Words] = {
    "no_cell": Words("the place lies in no cell", "点位不在任何网格内"),
    "nobody": Words("nobody who holds its cell is on patrol that week", "该周所属网格无人可巡"),
    "no_way": Words("no street leads there", "没有道路可达"),
    "too_many": Words(f"more than {MOST_STOPS} visits on one list", f"一人一周超过 {MOST_STOPS} 处"),
}
_CSV = (
    ("responder", "人员编号"),
    ("name", "姓名"),
    ("day", "日期"),
    ("position", "顺序"),
    ("place", "点位编号"),
    ("place_name", "点位名称"),
    ("address", "地址"),
    ("departments", "联合检查部门"),
    ("campaigns", "专项"),
    ("due", "到期日"),
    ("travel_min", "路程(分)"),
    ("visit_min", "检查(分)"),
    ("visited_at", "完成时间"),
)


@dataclass(frozen=True)
class _Worker:
    """Somebody on patrol in the week: his days, how he travels, where he sets out (NaN: anywhere)."""

    id: int
    mode: Mode
    base_deg: tuple[float, float]
    days: tuple[date, ...]


@dataclass
class _Task:
    """A visit with what its tour needs."""

    visit: Visit
    place: dict[str, Any]
    leaf: int
    visit_s: float


@dataclass
class _Lists:
    stops: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def leave(self, task: _Task, why: str) -> None:
        """Note a visit that is on nobody's list."""
        words = LEFT_OUT[why]
        self.left_out.append(
            {
                "place": task.place["code"],
                "name": task.place["name"],
                "departments": list(task.visit.departments),
                "due": task.visit.due.isoformat(),
                "reason": why,
                "message": str(words),
                "message_zh": words.zh,
            }
        )


def monday_of(day: date) -> date:
    """Return the Monday of the week of a day."""
    return day - timedelta(days=day.weekday())


def require_monday(day: date) -> None:
    """Raise BadRequestError unless a week begins on the day."""
    if day.weekday():
        words = Words("a week begins on a Monday", "一周从星期一开始")
        raise BadRequestError(words, [Fault("monday", words, value=day.isoformat())])


def make_week(
    database: Database,
    ground: Ground,
    tiling: Tiling,
    monday: date,
    *,
    who: str,
    say: Say = silent,
    finish: Callable[[Connection, dict[str, Any]], None] = lambda *_: None,
) -> dict[str, Any]:
    """Make the lists of a week and keep them in place of earlier ones; returns :func:`week` in short.

    Parameters
    ----------
    say : callable
        Told the phase (:data:`PHASES`), how many are done in it, and of how many; may raise to end the work.
    finish : callable
        Called with the counts, as the last thing in the transaction that keeps the lists.

    Raises
    ------
    BadRequestError
        The day is no Monday.
    ConflictError
        No road network has been imported.
    """
    require_monday(monday)
    with database.reading() as connection:
        rules = rounds.rules(connection)
        zone = town_zone(connection)
        places = {row["id"]: row for row in store.places(connection)}
        wanted = store.wishes(connection, zone.key)
        campaigns = store.campaigns(connection)
        start = datetime.combine(monday, time(0), zone)
        holders, workers = _people(connection, start, start + timedelta(days=7))
        turns, no_turn = patrol_routes.turns_of(
            connection, tiling, monday, holders, {key: one.days for key, one in workers.items()}
        )
    wishes, visit_s = _wishes(wanted, monday)
    id_of = {row["code"]: key for key, row in places.items()}
    drives = [
        Campaign(one["name"], one["department"], one["first"], one["last"], _keys(one["places"], id_of))
        for one in campaigns
    ]
    found = week_list(
        wishes,
        monday,
        campaigns=drives,
        every_days=rules.every_days,
        join_ahead_days=int(rules.join_ahead_days),
    )
    lonlat = np.array([(row["lon"], row["lat"]) for row in places.values()]).reshape(-1, 2)
    leaf_of = dict(zip(places, tiling.index.leaf_of(lonlat)[0].tolist(), strict=True))
    tasks = [
        _Task(visit, places[key], leaf_of[key], max(visit_s[key, one] for one in visit.departments))
        for visit in found.visits
        for key in (int(visit.place),)
    ]
    lists = _lists(ground, tiling, tasks, holders, workers, say=say)
    lists.left_out += no_turn
    counts = {
        "visits": len(lists.stops),
        "joint": sum(len(one["departments"]) > 1 for one in lists.stops),
        "saved": sum(len(one["departments"]) - 1 for one in lists.stops),
        "covered": len(found.covered),
        "exempt": len(found.exempt),
        "left_out": len(lists.left_out),
        "people": len({one["responder_id"] for one in [*lists.stops, *turns]}),
        "route_turns": len(turns),
    }
    names = ["responder_id", "day", "position", "place_id", "cell_id", "departments", "campaigns", "due"]
    frame = pd.DataFrame(lists.stops, columns=[*names, "travel_s", "visit_s"])
    with database.writing() as connection:
        store.lock(connection)
        store.put_week(
            connection, monday, edition_id=tiling.edition.id, who=who, stops=frame, left_out=lists.left_out
        )
        routes.put_turns(connection, monday, turns)
        audit.record(connection, who, "patrol.week", monday.isoformat(), counts)
        outbox.add(connection, "patrol.week", {"monday": monday.isoformat(), **counts})
        finish(connection, {"monday": monday.isoformat(), **counts})
    return {"monday": monday, **counts}


def _keys(codes: Sequence[str], id_of: dict[str, int]) -> frozenset[str]:
    return frozenset(str(id_of[code]) for code in codes)


def _wishes(wanted: pd.DataFrame, monday: date) -> tuple[list[Wish], dict[tuple[int, str], float]]:
    """Return the wishes; an exemption that ends before the week is none any more."""
    out, visit_s = [], {}
    for row in wanted.to_dict("records"):
        is_over = row["exempt_until"] is not None and row["exempt_until"] < monday
        exempt = "" if is_over else row["exempt"]
        out.append(Wish(str(row["place_id"]), row["department"], row["grade"], row["last"], exempt))
        visit_s[row["place_id"], row["department"]] = float(row["visit_s"])
    return out, visit_s


def _people(
    connection: Connection, start: datetime, end: datetime
) -> tuple[dict[int, list[int]], dict[int, _Worker]]:
    """Return who holds each cell, and who of them is on patrol on which days of the week."""
    days: dict[int, set[date]] = {}
    for shift in shifts_between(connection, start, end):
        if not shift.pinned:
            day = max(shift.start, start).astimezone(start.tzinfo).date()
            days.setdefault(shift.responder_id, set()).add(day)
    workers = {
        int(row["id"]): _Worker(
            int(row["id"]), Mode(row["mode"]), (row["lon"], row["lat"]), tuple(sorted(days[int(row["id"])]))
        )
        for row in staffing.responders(connection).to_dict("records")
        if int(row["id"]) in days
    }
    roles = dict(staffing.responders(connection)[["id", "role"]].itertuples(index=False, name=None))
    holders: dict[int, list[int]] = {}
    at = min(max(start, lives.clock(connection)), end - INSTANT)
    for row in staffing.duties(connection, at).to_dict("records"):
        if row["responder_id"] in workers:
            holders.setdefault(int(row["cell_id"]), []).append(int(row["responder_id"]))
    for cell, held in holders.items():
        # where a cell has workers of its own, its lead and the police do not do their rounds
        own = [one for one in held if roles.get(one) == "grid_worker"]
        holders[cell] = sorted(set(own or held))
    return holders, workers


def _lists(
    ground: Ground,
    tiling: Tiling,
    tasks: Sequence[_Task],
    holders: dict[int, list[int]],
    workers: dict[int, _Worker],
    *,
    say: Say,
) -> _Lists:
    lists = _Lists()
    shared: dict[tuple[int, ...], list[_Task]] = {}
    for task in tasks:
        if task.leaf < 0:
            lists.leave(task, "no_cell")
            continue
        path = tiling.id_path_of_cell(int(tiling.leaf_ids[task.leaf]))
        held = next((holders[cell] for cell in path if cell in holders), None)
        if held is None:
            lists.leave(task, "nobody")
        else:
            shared.setdefault(tuple(held), []).append(task)
    mine: dict[int, list[_Task]] = {}
    for done, (team, some) in enumerate(shared.items()):
        say(SHARING, done, len(shared))
        for worker, part in _shared_out(ground, [workers[one] for one in team], some):
            mine.setdefault(worker.id, []).extend(part)
    for done, (key, some) in enumerate(mine.items()):
        say(TOURS, done, len(mine))
        _tour(ground, tiling, workers[key], some, lists)
    say(TOURS, len(mine), len(mine))
    return lists


def _shared_out(
    ground: Ground, held: Sequence[_Worker], tasks: list[_Task]
) -> list[tuple[_Worker, list[_Task]]]:
    """Share the places of one cell out among those who hold it, who works on more days getting more."""
    if len(held) == 1 or len(tasks) == 1:
        most = max(held, key=lambda one: len(one.days))
        return [(most, tasks)]
    # by turns, so that a few places do not all fall to the first
    parts = [one for turn in range(7) for one in held if turn < len(one.days)][:MOST_PARTS]
    some, rest = tasks[:MOST_STOPS], tasks[MOST_STOPS:]
    travel_s, _ = _travel(ground, held[0], some)
    found = plan_rounds(_bounded(travel_s), np.array([one.visit_s for one in some]), len(parts))
    out = [(worker, [some[i] for i in day]) for worker, day in zip(parts, found.days, strict=True) if day]
    return [*out, (held[-1], rest)] if rest else out


def _tour(ground: Ground, tiling: Tiling, worker: _Worker, tasks: list[_Task], lists: _Lists) -> None:
    """Plan somebody's week and note its stops."""
    tasks.sort(key=lambda one: (one.visit.due, one.place["code"]))
    for task in tasks[MOST_STOPS:]:
        lists.leave(task, "too_many")
    tasks = tasks[:MOST_STOPS]
    travel_s, reached = _travel(ground, worker, tasks)
    for task, there in zip(tasks, reached.tolist(), strict=True):
        if not there:
            lists.leave(task, "no_way")
    keep = np.flatnonzero(reached)
    if not len(keep):
        return
    rows = np.concatenate([[0], keep + 1])
    table = _bounded(travel_s[np.ix_(rows, rows)])
    some = [tasks[i] for i in keep]
    found = plan_rounds(table, np.array([one.visit_s for one in some]), len(worker.days))
    full = sorted(
        (stops for stops in found.days if stops), key=lambda stops: min(some[i].visit.due for i in stops)
    )  # the day with the earliest due goes first
    for day, stops in zip(worker.days, full, strict=False):
        at = 0
        for position, i in enumerate(stops, 1):
            task = some[i]
            lists.stops.append(
                {
                    "responder_id": worker.id,
                    "day": day,
                    "position": position,
                    "place_id": task.place["id"],
                    "cell_id": int(tiling.leaf_ids[task.leaf]),
                    "departments": list(task.visit.departments),
                    "campaigns": list(task.visit.campaigns),
                    "due": task.visit.due,
                    "travel_s": round(float(table[at, i + 1])),
                    "visit_s": round(task.visit_s),
                }
            )
            at = i + 1


def _travel(
    ground: Ground, worker: _Worker, tasks: Sequence[_Task]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return seconds over the streets between base (row 0) and places, and which places can be reached.

    Who has no base, or one far from any street, sets out where his first place is: that way takes no time.
    """
    _, _, graph, snapper = ground.roads(worker.mode)
    lonlat = np.array([worker.base_deg, *((one.place["lon"], one.place["lat"]) for one in tasks)], np.float64)
    has_base = bool(np.isfinite(lonlat[0]).all())
    if not has_base:
        lonlat[0] = lonlat[1]
    snaps = snapper.snap(lonlat, MAX_ACCESS_M)
    *_, (_, ms) = ways(graph, snaps, snaps, bound_ms=LONGEST_MS)
    travel_s = np.where(ms < UNREACHED, ms / 1000.0, np.inf)
    if not has_base or not snaps.snapped[0]:
        travel_s[0], travel_s[:, 0] = 0.0, 0.0
        reached = np.asarray(snaps.snapped[1:], np.bool_)
    else:
        reached = np.isfinite(travel_s[0, 1:]) & np.isfinite(travel_s[1:, 0])
    np.fill_diagonal(travel_s, 0.0)
    return travel_s, reached


def _bounded(travel_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the table with ways too long, or not there, as long as the longest that is looked at."""
    return np.where(np.isfinite(travel_s), travel_s, LONGEST_MS / 1000.0)


# ------------------------------------------------------------------------------------------------ reading


def week(
    connection: Connection, tiling: Tiling, monday: date, *, responder_id: int | None = None
) -> dict[str, Any]:
    """Return the lists of a week, of all or of one person: by person and day with their lengths.

    Raises
    ------
    NotFoundError
        No lists have been made for it.
    """
    head = store.week(connection, monday)
    if head is None:
        words = Words(
            f"there are no lists for the week of {monday}: make them first", f"{monday} 这一周还没有清单"
        )
        raise NotFoundError(words, [Fault("monday", words, value=monday.isoformat())])
    rules = rounds.rules(connection)
    rows = store.stops(connection, monday, town_zone(connection).key, responder_id=responder_id)
    people: dict[str, dict[str, Any]] = {}
    for row in rows:
        who = people.setdefault(
            row["responder"], {"responder": row["responder"], "name": row["name"], "days": {}}
        )
        day = who["days"].setdefault(row["day"], {"day": row["day"], "stops": []})
        path = tiling.path_of_cell(row["cell_id"])
        left_out = ("responder_id", "responder", "name", "day", "place_id", "cell_id")
        day["stops"].append({k: v for k, v in row.items() if k not in left_out} | {"path": path})
    walks = patrol_routes.week_rows(connection, monday, rules, responder_id=responder_id)
    for code, walk in walks.items():
        people.setdefault(code, {"responder": code, "name": walk["name"], "days": {}})
    for code, who in people.items():
        who["routes"] = walks.get(code, {}).get("routes", [])
        who["days"] = list(who["days"].values())
        for day in who["days"]:
            seconds = sum(one["travel_s"] + one["visit_s"] for one in day["stops"])
            day |= {"seconds": seconds, "is_long": seconds > rules.long_day_s}
    told = {name: head[name] for name in ("monday", "edition_id", "made_at", "who")}
    left_out = head["left_out"] if responder_id is None else []
    return {**told, "people": list(people.values()), "left_out": left_out}


def as_csv(told: dict[str, Any], zone: Any) -> str:
    """Return the lists of a week as CSV with Chinese headers, one line a stop."""
    lines = []
    for who in told["people"]:
        for day in who["days"]:
            for stop in day["stops"]:
                row = {**stop, **{name: who[name] for name in ("responder", "name")}, "day": day["day"]}
                row |= {name: "、".join(stop[name]) for name in ("departments", "campaigns")}
                row |= {f"{name}_min": round(stop[f"{name}_s"] / 60, 1) for name in ("travel", "visit")}
                done = stop["visited_at"]
                row["visited_at"] = done.astimezone(zone).strftime("%Y-%m-%d %H:%M") if done else ""
                lines.append([row[name] for name, _ in _CSV])
    out = io.StringIO()
    write_table(pd.DataFrame(lines, columns=[header for _, header in _CSV], dtype=object), out)
    return out.getvalue()
