"""The streets of a question: each mode's graph at the speeds that hold then, some of its streets closed."""

import hashlib
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.geometry import measure
from geo_service.model import Mode
from geo_service.roads.changes import with_closed
from geo_service.roads.graph import RoadGraph
from geo_service.roads.kernels_timed import HOUR_MS, HOURS
from geo_service.roads.network import RoadNetwork
from geo_service.roads.paces import FREE, NIGHT_HOUR, RUSH_HOUR, Paces, typical
from geo_service.roads.snap import Snapper
from geo_service.roads.timed import TimedGraph
from geo_service.services.coverage_question import Question
from geo_service.services.ground import Ground
from geo_service.store import barriers, coverage_paces
from geo_service.store.database import Connection

#: A bridge is the streets within so many metres of the point where the crossing is.
BRIDGE_M = 30.0
STANDARD_PACES = ("free", "typical", "rush", "night")


@dataclass(frozen=True, eq=False)
class ModeStreets:
    """One mode's streets.

    Attributes
    ----------
    built : RoadGraph
        As built; where people and places are snapped.
    snapper : Snapper
    now : RoadGraph
        With streets closed, at the speeds of the moment.
    timed : TimedGraph or None
        Speeds by hour, when they change from hour to hour.
    """

    built: RoadGraph
    snapper: Snapper
    now: RoadGraph
    timed: TimedGraph | None


class Streets:
    """The streets of a question; each mode's are made when they are first asked for.

    Attributes
    ----------
    network_id, network_mark
        Of the network in use.
    start_ms : int
        The moment as ms of the week, by the town's clock.
    closed : list of dict
        Id, name and class of each edge that the question closes.
    pace : dict
        Name, version and share of the speeds.
    """

    def __init__(
        self, held: Ground, shut: NDArray[np.int64], paces: Paces, *, pace: dict[str, Any], start_ms: int
    ) -> None:
        self.network_id, self.network_mark, graph, _ = held.roads(Mode.EBIKE)
        self.start_ms = start_ms
        self.pace = pace
        self.closed = _told(graph.network, shut)
        self._held, self._shut, self._paces = held, shut, paces
        self._changes = pace["name"] not in {"free", "rush", "night"}
        self._timed: dict[Mode, TimedGraph] = {}
        self._made: dict[Mode, ModeStreets] = {}

    @property
    def by_hour(self) -> bool:
        """Whether speeds change from hour to hour."""
        return self._changes

    def modes(self, mode: Mode) -> ModeStreets:
        """Return a mode's streets at the moment."""
        if mode not in self._made:
            _, _, built, snapper = self._held.roads(mode)
            if self._paces.hours or self.pace["share"] != 1.0:
                timed = self.timed(mode)
                now = timed.frozen(self.start_ms // HOUR_MS)
                self._made[mode] = ModeStreets(built, snapper, now, timed if self._changes else None)
            else:
                now = with_closed(built, self._shut) if len(self._shut) else built
                self._made[mode] = ModeStreets(built, snapper, now, None)
        return self._made[mode]

    def timed(self, mode: Mode) -> TimedGraph:
        """Return a mode's streets with their speeds by hour."""
        if mode not in self._timed:
            _, _, built, _ = self._held.roads(mode)
            now = with_closed(built, self._shut) if len(self._shut) else built
            self._timed[mode] = self._paces.timed(now, share=self.pace["share"])
        return self._timed[mode]

    def later(self, hour: int) -> "Streets":
        """Return the same streets at the beginning of an hour of the week."""
        other = copy(self)
        other.start_ms = hour * HOUR_MS
        other._made = {} if self._changes else self._made  # noqa: SLF001 - its own copy
        return other


def streets_of(connection: Connection, held: Ground, question: Question, zone: ZoneInfo) -> Streets:
    """Return the streets as the question has them.

    Raises
    ------
    ConflictError
        No road network has been imported.
    InvalidInputError
        A street, a bridge or an edge is not known.
    NotFoundError
        There is no such table of paces.
    """
    _, _, graph, _ = held.roads(Mode.EBIKE)
    shut = closed_edges(connection, graph.network, question)
    paces, version = paces_named(connection, question.pace)
    share = question.rain if question.rain is not None else 1.0
    pace = {"name": question.pace, "version": version, "share": share}
    return Streets(held, shut, paces, pace=pace, start_ms=week_ms(question.at, zone))


def _told(network: RoadNetwork, shut: NDArray[np.int64]) -> list[dict[str, Any]]:
    return [
        {
            "edge": int(network.edge_id[i]),
            "name": str(network.edge_name[i]),
            "class": str(network.edge_class[i]),
        }
        for i in shut.tolist()
    ]


def paces_named(connection: Connection, name: str) -> tuple[Paces, int]:
    """Return a table of paces and its version; 0 for those that come with the program."""
    if name == "free":
        return FREE, 0
    if name in STANDARD_PACES:
        paces = typical()
        hour = {"rush": RUSH_HOUR, "night": NIGHT_HOUR}.get(name)
        return (paces if hour is None else paces.held_at(hour)), 0
    found = coverage_paces.newest(connection, name)
    if found is None:
        known = ", ".join([*STANDARD_PACES, *coverage_paces.names(connection)])
        words = Words(
            f"there are no paces {name!r}; use one of: {known}", f"没有速度表 {name}；可用：{known}"
        )
        raise NotFoundError(words, [Fault("pace", words, value=name)])
    return found


def week_ms(at: datetime, zone: ZoneInfo) -> int:
    """Return a moment as milliseconds since Monday 00:00 by the town's clock."""
    local = at.astimezone(zone)
    hour = local.weekday() * 24 + local.hour
    return (hour % HOURS) * HOUR_MS + (local.minute * 60 + local.second) * 1000 + local.microsecond // 1000


def closed_edges(connection: Connection, network: RoadNetwork, question: Question) -> NDArray[np.int64]:
    """Return the edges (by index, ascending) that the question closes.

    Raises
    ------
    InvalidInputError
        With one fault for each name or id that the network does not have.
    """
    changes = question.changes
    shut: set[int] = set()
    faults = []
    position = {int(key): i for i, key in enumerate(network.edge_id)} if changes.edges else {}
    for edge in changes.edges:
        if edge in position:
            shut.add(position[edge])
        else:
            words = Words("there is no street with this id", "没有这个编号的路段")
            faults.append(Fault("edges", words, value=edge))
    for name in changes.streets:
        rows = np.flatnonzero(network.edge_name == name)
        shut.update(rows.tolist())
        if not len(rows):
            words = Words("there is no street of this name", "没有这条街道")
            faults.append(Fault("streets", words, value=name))
    if changes.bridges:
        faults += _bridges(connection, network, changes.bridges, shut)
    if faults:
        raise InvalidInputError(Words("some streets are not known", "有未知的街道"), faults)
    return np.array(sorted(shut), np.int64)


def _bridges(
    connection: Connection, network: RoadNetwork, names: tuple[str, ...], shut: set[int]
) -> list[Fault]:
    """Add the streets over bridges of these names."""
    _, crossings = barriers.every(connection)
    faults = []
    for name in names:
        points = crossings.geometry[crossings["name"] == name].to_numpy()
        if not len(points):
            words = Words("there is no bridge of this name", "没有这座桥")
            faults.append(Fault("bridges", words, value=name))
        for point in points:
            shut.update(_edges_near(network, point, BRIDGE_M))
    return faults


def _edges_near(network: RoadNetwork, point: shapely.Point, reach_m: float) -> list[int]:
    origin = np.array([[point.x, point.y]])
    step_deg = reach_m / 80_000  # a degree is longer than that wherever people live
    box = shapely.box(point.x - 2 * step_deg, point.y - step_deg, point.x + 2 * step_deg, point.y + step_deg)
    near = np.flatnonzero(shapely.intersects(network.edge_shape, box))
    out = []
    for i in near.tolist():
        line = measure.local_xy_m(shapely.get_coordinates(network.edge_shape[i]), origin[0])
        if shapely.LineString(line).distance(shapely.Point(0, 0)) <= reach_m:
            out.append(i)
    return out


def streets_mark(streets: Streets, modes: list[Mode]) -> bytes:
    """Return a digest of everything about the streets that decides times."""
    digest = hashlib.sha256(streets.network_mark)
    for mode in modes:
        one = streets.modes(mode)
        digest.update(mode.value.encode() + np.ascontiguousarray(one.now.edge_ms).tobytes())
        if one.timed is not None:
            digest.update(one.timed.rate.tobytes() + one.timed.edge_group.tobytes())
            digest.update(str(streets.start_ms).encode())
    return digest.digest()
