"""The graph's minutes against actual arrivals, by class of hour; and paces fitted to them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.roads.fitting import Error, error_of, fit_slowness
from geo_service.roads.kernels_timed import HOURS
from geo_service.roads.paces import Paces
from geo_service.roads.route import find_route
from geo_service.roads.snap import Snaps
from geo_service.roads.timed import FASTEST_PERMILLE, SLOWEST_PERMILLE
from geo_service.services.coverage_streets import STANDARD_PACES, week_ms
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.rostering import town_zone
from geo_service.store import coverage_paces
from geo_service.store import coverage_people as store
from geo_service.store.database import Database

#: More say no more, and each takes a search.
MOST_ARRIVALS = 4_000
#: Fewer are no ground for other speeds.
LEAST_ARRIVALS = 30
#: Longer ones tell of something else than the way.
LONGEST_S = 2 * 3600.0
HOUR_MS = 3_600_000
#: Classes of hour: who falls in none of the others is in the last.
BANDS = ("night", "morning_peak", "evening_peak", "weekend", "day")


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Arrivals of one mode, taken apart.

    ``work_s`` (n, classes) seconds at free speed by class of street, ``walk_s`` on foot, ``real_s`` from
    setting out to arriving, ``hour`` (n,) of the week, ``band`` (n,) position in :data:`BANDS`.
    """

    mode: Mode
    classes: list[str]
    work_s: NDArray[np.float64]
    walk_s: NDArray[np.float64]
    real_s: NDArray[np.float64]
    hour: NDArray[np.int64]
    band: NDArray[np.int64]
    no_way: int

    @property
    def told_s(self) -> NDArray[np.float64]:
        """What the graph says at free speed."""
        told: NDArray[np.float64] = self.walk_s + self.work_s.sum(axis=1)
        return told


def band_of(hour: int) -> int:
    """Return the class of an hour of the week (Monday 00:00 is 0)."""
    day, clock = divmod(hour % HOURS, 24)
    if clock >= 22 or clock < 6:
        return 0
    if day >= 5:
        return 3
    return 1 if clock in {7, 8} else 2 if clock in {17, 18} else 4


def arrivals(database: Database, held: Ground, since: datetime, until: datetime) -> list[Arrivals]:
    """Return the arrivals of a span by mode, the newest where there are very many."""
    if since >= until:
        words = Words("the span ends before it begins", "时段的终点早于起点")
        raise InvalidInputError(words, [Fault("to", words)])
    with database.reading() as connection:
        rows = store.arrivals(connection, since, until)[-MOST_ARRIVALS:]
        zone = town_zone(connection)
    out = []
    for mode in Mode:
        mine = [row for row in rows if row.mode == mode.value]
        if mine:
            out.append(_taken_apart(held, mode, mine, zone))
    return out


def _taken_apart(held: Ground, mode: Mode, rows: list[Any], zone: ZoneInfo) -> Arrivals:
    _, _, graph, snapper = held.roads(mode)
    start = snapper.snap(np.array([(row.from_lon, row.from_lat) for row in rows]), MAX_ACCESS_M)
    goal = snapper.snap(np.array([(row.to_lon, row.to_lat) for row in rows]), MAX_ACCESS_M)
    kinds, of_edge = np.unique(graph.network.edge_class.astype(str), return_inverse=True)
    work, kept, no_way = [], [], 0
    for i, row in enumerate(rows):
        real_s = (row.arrived_at - (row.accepted_at or row.sent_at)).total_seconds()
        one = find_route(graph, start.take([i]), goal.take([i]))
        if one is None or not 0 < real_s <= LONGEST_S:
            no_way += one is None
            continue
        walk_ms = int(start.access_ms[i]) + int(goal.access_ms[i])
        by_edge = _edge_work_ms(graph.edge_ms, one.edge, start.take([i]), goal.take([i]))
        moved = np.bincount(of_edge[one.edge], weights=by_edge, minlength=len(kinds))
        # rounding and one-way ends aside the parts are the whole: they are made to be
        total = float(moved.sum())
        work.append(moved * ((one.time_ms - walk_ms) / total if total else 0.0) / 1000)
        kept.append((walk_ms / 1000, real_s, week_ms(row.accepted_at or row.sent_at, zone) // HOUR_MS))
    table = np.array(kept, float).reshape(-1, 3)
    hour = table[:, 2].astype(np.int64)
    return Arrivals(
        mode,
        kinds.tolist(),
        np.array(work, float).reshape(-1, len(kinds)),
        table[:, 0],
        table[:, 1],
        hour,
        np.array([band_of(one) for one in hour.tolist()], np.int64),
        no_way,
    )


def _edge_work_ms(
    edge_ms: NDArray[np.int32], edges: NDArray[np.int32], start: Snaps, goal: Snaps
) -> NDArray[np.float64]:
    """Return about how long each edge of a way takes: all of it, but of the first and the last a part."""
    work: NDArray[np.float64] = np.maximum(edge_ms[edges].max(axis=1), 0).astype(np.float64)
    if len(edges) > 1:
        work[0] *= max(float(start.fraction[0]), 1 - float(start.fraction[0])) / 1.5
        work[-1] *= max(float(goal.fraction[0]), 1 - float(goal.fraction[0])) / 1.5
    return work


def truth(database: Database, held: Ground, since: datetime, until: datetime) -> dict[str, Any]:
    """Tell bias and spread of the graph's times (free speed) against arrivals, by mode and class of hour."""
    modes = {}
    for one in arrivals(database, held, since, until):
        bands = {
            name: _told(error_of(one.told_s[one.band == b], one.real_s[one.band == b]))
            for b, name in enumerate(BANDS)
            if (one.band == b).any()
        }
        whole = _told(error_of(one.told_s, one.real_s))
        modes[one.mode.value] = {"all": whole, "by_hours": bands, "no_way": one.no_way}
    return {"from": since.isoformat(), "to": until.isoformat(), "modes": modes}


def fit_paces(
    database: Database, held: Ground, since: datetime, until: datetime, *, name: str, who: str
) -> dict[str, Any]:
    """Fit paces by class of street and hours to the arrivals of a span and keep them under a name.

    Modes with fewer than 30 arrivals keep their free speed.

    Raises
    ------
    InvalidInputError
        The name is one of those that come with the program.
    ConflictError
        There are too few arrivals, or somebody has just set the same paces.
    """
    if name in STANDARD_PACES:
        words = Words("this name is taken by the program's own paces", "该名称为系统自带，请换一个")
        raise InvalidInputError(words, [Fault("name", words, value=name)])
    hours: dict[Mode, dict[str, NDArray[np.int64]]] = {}
    origin: dict[str, Any] = {"from": since.isoformat(), "to": until.isoformat(), "modes": {}}
    found = arrivals(database, held, since, until)
    for one in found:
        if len(one.real_s) < LEAST_ARRIVALS:
            continue
        hours[one.mode], origin["modes"][one.mode.value] = _fitted(one)
    if not hours:
        most = max((len(one.real_s) for one in found), default=0)
        words = Words(
            f"{most} arrivals of a mode are too few to fit speeds to; {LEAST_ARRIVALS} are needed",
            f"可用到场记录仅 {most} 条，拟合速度至少需要 {LEAST_ARRIVALS} 条",
        )
        raise ConflictError(words)
    with database.writing() as connection:
        version = coverage_paces.add(connection, name, Paces(hours).as_dict(), origin, who)
    return {"name": name, "version": version, **origin}


def _fitted(one: Arrivals) -> tuple[dict[str, NDArray[np.int64]], dict[str, Any]]:
    """Return paces of the classes that were travelled, and how good the fit is."""
    used = np.flatnonzero(one.work_s.sum(axis=0) > 0)
    fit = fit_slowness(one.work_s[:, used], one.band, one.walk_s, one.real_s, len(BANDS))
    bands = np.array([band_of(hour) for hour in range(HOURS)])
    share = np.clip(1000 / fit.slowness, SLOWEST_PERMILLE, FASTEST_PERMILLE)
    rows = {one.classes[c]: np.floor(share[k][bands] + 0.5).astype(np.int64) for k, c in enumerate(used)}
    weight = one.work_s[:, used].sum(axis=0)
    mean = np.average(share, axis=0, weights=weight)
    rows["other"] = np.floor(mean[bands] + 0.5).astype(np.int64)
    told = {
        "arrivals": len(one.real_s),
        "setout_s": round(fit.setout_s, 1),
        "before": _told(error_of(one.told_s, one.real_s)),
        "after": _told(error_of(fit.told_s, one.real_s)),
    }
    return rows, told


def _told(error: Error) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else round(value, 3)
        for key, value in asdict(error).items()
    }
