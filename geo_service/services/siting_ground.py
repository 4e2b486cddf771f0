"""What a siting question is answered from: places to stand, demand, and the ways between over the streets."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Fault, InvalidInputError, NotFoundError, Words
from geo_service.roads.demand import Doors, k_nearest_at
from geo_service.roads.graph import LONGEST_MS, RoadGraph
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import k_nearest_labels, split_labels
from geo_service.services.coverage_places import PEOPLE, Places, doors_of, places_of
from geo_service.services.coverage_question import Measure
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.rostering import on_duty
from geo_service.services.siting_question import SitingQuestion
from geo_service.services.tiling import Tiling
from geo_service.staffing.siting import Goal, Hour, Ways, through_the_week
from geo_service.staffing.siting_ways import spread_over, ways
from geo_service.store import siting as store
from geo_service.store import staffing
from geo_service.store.database import Connection, Database

Progress = Callable[[str, int, int], None]

#: Sites that stand; more would take minutes where two are to come from them.
MOST_STANDING = 20_000
MOST_STANDING_TOLD = 2_000
#: Entries of the matrix of ways: 300 candidates by 100,000 places, 120 MB.
MOST_WAYS = 30_000_000
MATRICES_KEPT = 2


@dataclass(frozen=True)
class Candidates:
    """Where somebody might stand: names, kinds, places (n, 2) EPSG:4326."""

    names: list[str]
    kind: str
    lonlat_deg: NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """A question made ready: what stands comes first among the sites, then the candidates.

    Attributes
    ----------
    ways : Ways
        For the search: rows of every hour.
    plain : Ways
        For telling: one row a place, of the hours that count most.
    candidates : Candidates
    first : int
        Index of the first candidate among the sites.
    leaf : (n,) int64
        Leaf of each place.
    standing_deg : (k, 2) float64
        Stations, posts and places that stand, EPSG:4326.
    told : dict
        Counts: standing, candidates, places, far_from_roads.
    mark : bytes
        Digest of everything that decides the answer.
    """

    ways: Ways
    plain: Ways
    candidates: Candidates
    first: int
    leaf: NDArray[np.int64]
    standing_deg: NDArray[np.float64]
    told: dict[str, int]
    mark: bytes


class Matrices:
    """The last matrices of ways: who asks for three sites and then for four waits once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, NDArray[np.int32]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes, make: Callable[[], NDArray[np.int32]]) -> NDArray[np.int32]:
        """Return a matrix, made if it is not there."""
        with self._lock:
            known = self._kept.get(key)
        made = make() if known is None else known
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > MATRICES_KEPT:
                self._kept.popitem(last=False)
        return made


_MATRICES = Matrices()


def set_scene(
    database: Database, held: Ground, tiling: Tiling, question: SitingQuestion, say: Progress
) -> Scene:
    """Gather what a question is answered from.

    Raises
    ------
    InvalidInputError
        The question is not in order, or there is nowhere to stand.
    ConflictError
        There are no roads, or nobody lives anywhere.
    NotFoundError
        There is no such cell.
    """
    question.check()
    network_id, network_mark, graph, snapper = held.roads(question.mode)
    people = places_of(database, held, tiling, PEOPLE, datetime.now(UTC))
    which = _asked_places(tiling, people, question)
    doors = doors_of(held, people, graph, snapper, network_id).snaps.take(which)
    weight = people.weights[Measure.HOUSEHOLDS][which]
    with database.reading() as connection:
        candidates = _candidates(connection, graph, tiling, question)
        standing = _standing(connection, question)
        standing_deg = _told_standing(connection, question)
    starts = snapper.snap(candidates.lonlat_deg, MAX_ACCESS_M)
    kept = np.flatnonzero(starts.snapped)
    candidates = Candidates([candidates.names[i] for i in kept], candidates.kind, candidates.lonlat_deg[kept])
    starts = starts.take(kept)
    _require_candidates(candidates, len(which))
    bound = question.limit_s * 1000 if question.goal in {Goal.COVER_MOST, Goal.COVER_ALL} else None
    base = _digest(graph.edge_ms, doors.edge, doors.fraction, doors.access_ms, str(bound)) + network_mark
    matrix = _MATRICES.get(
        base + _digest(starts.edge, starts.fraction, starts.access_ms),
        lambda: _matrix(graph, starts, doors, bound, say),
    )
    hours: list[Hour] = []
    marks = base + people.mark + _digest(starts.edge, starts.fraction, starts.access_ms, weight)
    for lonlat_deg, length_h in standing:
        from_deg = snapper.snap(lonlat_deg, MAX_ACCESS_M)
        few = _nearest_standing(graph, from_deg, doors, question.depth, bound)
        marks += _digest(from_deg.edge, from_deg.fraction, from_deg.access_ms, str(length_h))
        hours.append(
            Hour(length_h, np.concatenate([few, matrix]), weight, np.ones(len(few) + len(matrix), bool))
        )
    first = question.depth
    must = np.arange(first + len(matrix)) < first
    asked, _ = through_the_week(hours, must, ~must)
    most = max(hours, key=lambda hour: hour.hours)
    told = {
        "standing": max(len(lonlat) for lonlat, _ in standing),
        "candidates": len(candidates.names),
        "places": len(which),
        "far_from_roads": int((~doors.snapped).sum()),
    }
    told_as = repr([tiling.mark, candidates.kind, candidates.names]).encode()
    mark = hashlib.sha256(marks + _wish_mark(question) + told_as + _digest(standing_deg)).digest()
    plain = Ways(most.time_ms, weight, must, ~must)
    return Scene(asked, plain, candidates, first, people.leaf[which], standing_deg, told, mark)


def _wish_mark(question: SitingQuestion) -> bytes:
    """Digest of what is wanted, without how long it may take."""
    said = [question.goal, question.count, question.limit_s, question.depth, question.second_worth]
    said += [] if question.capacity is None else [question.capacity]
    return repr([*said, question.cell]).encode()


def _digest(*parts: NDArray[np.generic] | str) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
        digest.update(b"|")
    return digest.digest()


def _asked_places(tiling: Tiling, people: Places, question: SitingQuestion) -> NDArray[np.int64]:
    lived_in = people.weights[Measure.HOUSEHOLDS] > 0
    inside = leaves_in(tiling, question.cell)
    if inside is not None:
        lived_in = lived_in & inside[people.leaf]
    which = np.flatnonzero(lived_in)
    if not len(which):
        raise ConflictError(
            Words(
                "nobody lives there as far as is known: run geo-service import demand FILE",
                "没有住户数据，请先导入人口（geo-service import demand）",
            )
        )
    return which


def leaves_in(tiling: Tiling, cell: tuple[str, str] | None) -> NDArray[np.bool_] | None:
    """Return which leaves lie in the cell asked about, None where none is.

    Raises
    ------
    NotFoundError
        There is no such cell.
    """
    if cell is None:
        return None
    level, code = cell
    if level not in tiling.levels:
        known = ", ".join(tiling.levels)
        raise NotFoundError(
            Words(f"there is no level {level!r}", f"没有层级 {level}"),
            [Fault("cell", Words(f"use one of: {known}", f"可用：{known}"))],
        )
    row = tiling.cells.index[(tiling.cells["level"] == level) & (tiling.cells["code"] == code)]
    if not len(row):
        raise NotFoundError(Words(f"there is no {level} {code}", f"没有编号为 {code} 的单元"))
    inside: NDArray[np.bool_] = tiling.ancestry[:, tiling.levels.index(level)] == int(row[0])
    return inside


def _candidates(
    connection: Connection, graph: RoadGraph, tiling: Tiling, question: SitingQuestion
) -> Candidates:
    kind = question.candidates
    if kind == "streets":
        lonlat_deg = graph.node_lonlat_deg
        leaf, _ = tiling.index.leaf_of(lonlat_deg)
        inside = leaves_in(tiling, question.cell)
        usable = graph.node_main & (leaf >= 0)
        if inside is not None:
            usable &= inside[np.maximum(leaf, 0)]
        at = spread_over(lonlat_deg, usable, question.spread)
        return Candidates([""] * len(at), "street", lonlat_deg[at])
    if kind == "places":
        given = [(one.lon, one.lat) for one in question.places]
        return Candidates([one.name for one in question.places], "place", np.array(given, float))
    names, lonlat_deg = _register(connection, kind)
    return Candidates(names, kind.removesuffix("s"), lonlat_deg)


def _register(connection: Connection, kind: str) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and places of a register; people have none here."""
    if kind == "bases":
        people = staffing.responders(connection)
        places = np.unique(people.loc[people["lon"].notna(), ["lon", "lat"]].to_numpy(dtype=float), axis=0)
        return [""] * len(places), places
    rows = store.stations(connection) if kind == "stations" else store.posts(connection)
    return [row.name or row.code for row in rows], _points([(row.lon, row.lat) for row in rows])


def _points(given: list[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(given, dtype=np.float64).reshape(-1, 2)


def _told_standing(connection: Connection, question: SitingQuestion) -> NDArray[np.float64]:
    """Return what stands for a map: stations, posts and places that were given, never where people are."""
    given = [_points([(one.lon, one.lat) for one in question.existing_places])]
    given += [_register(connection, kind)[1] for kind in question.existing if kind in {"stations", "posts"}]
    return np.concatenate(given)[:MOST_STANDING_TOLD]


def standing_places(connection: Connection, question: SitingQuestion) -> NDArray[np.float64]:
    """Return what stands at the hour that counts most, people on duty among it: (k, 2), EPSG:4326."""
    lonlat_deg, _ = max(_standing(connection, question), key=lambda hour: hour[1])
    return lonlat_deg


def _standing(connection: Connection, question: SitingQuestion) -> list[tuple[NDArray[np.float64], float]]:
    """Return what stands at each hour asked about, and for how many hours of the week."""
    always = [_points([(one.lon, one.lat) for one in question.existing_places])]
    always += [_register(connection, kind)[1] for kind in question.existing if kind != "on_duty"]
    if "on_duty" not in question.existing:
        return [(_no_more(np.concatenate(always)), 1.0)]
    out = []
    for hour in question.dated(datetime.now(UTC)).hours:
        duty = on_duty(connection, hour.at)
        free = duty[~duty["pinned"] & duty["lon"].notna()]
        out.append(
            (_no_more(np.concatenate([*always, free[["lon", "lat"]].to_numpy(dtype=float)])), hour.hours)
        )
    return out


def _no_more(lonlat_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(lonlat_deg) > MOST_STANDING:
        message = Words(f"at most {MOST_STANDING} may stand", f"现有点最多 {MOST_STANDING} 个")
        raise InvalidInputError(message, [Fault("existing", message, value=len(lonlat_deg))])
    return lonlat_deg


def _require_candidates(candidates: Candidates, n_places: int) -> None:
    n = len(candidates.names)
    if not n:
        message = Words("no candidate lies near a street", "候选点附近都没有道路")
        raise InvalidInputError(message, [Fault("candidates", message)])
    if n * n_places > MOST_WAYS:
        most = MOST_WAYS // n_places
        message = Words(
            f"{n} candidates for {n_places} places are too many: possible with ≤ {most}, or in one cell",
            f"{n_places} 个需求点配 {n} 个候选点太多：候选点不超过 {most} 个，或缩小到某个单元",
        )
        raise InvalidInputError(message, [Fault("spread", message, value=n)])


def _matrix(
    graph: RoadGraph, starts: Snaps, doors: Snaps, bound: int | None, say: Progress
) -> NDArray[np.int32]:
    matrix = np.empty((0, len(doors)), np.int32)
    for done, made in ways(graph, starts, doors, bound_ms=bound):
        say("ways", done, max(len(starts), 1))
        matrix = made
    return matrix


def _nearest_standing(
    graph: RoadGraph, starts: Snaps, doors: Snaps, few: int, bound: int | None
) -> NDArray[np.int32]:
    """Return the nearest ``few`` ways from what stands: (few, places), as if these were all that stands."""
    starts = starts.take(np.flatnonzero(starts.snapped))
    labels = k_nearest_labels(graph, starts, few, bound_ms=bound)
    at_doors = k_nearest_at(
        Doors.of(graph, doors), labels, starts, bound_ms=LONGEST_MS if bound is None else bound
    )
    time_ms, _ = split_labels(at_doors)
    return np.ascontiguousarray(time_ms.T)
