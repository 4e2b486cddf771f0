"""The demo, live: reports come in, people on duty walk the streets, accept, arrive and get things done.

Everything goes in by the same doors as in earnest: reports by the intake, positions by their keeper, answers
by dispatching. Only the people and the callers are made up, from a seed. Some callers read a coordinate off a
Chinese map and pass it on as WGS84, some call from the grounds of a school or a factory, some say no place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import ConflictError, NotFoundError
from geo_service.geometry.crs import BD09, GCJ02, WGS84, from_wgs84
from geo_service.roads.graph import RoadGraph
from geo_service.services import catalogue, dispatching, reporting
from geo_service.services.board import Picture
from geo_service.services.dispatch_desk import DispatchDesk
from geo_service.services.ground import Ground
from geo_service.services.intake import take_in
from geo_service.services.positions import Fix
from geo_service.services.reporting import Place, Report
from geo_service.services.suspecting import Given, suspicions
from geo_service.services.tiling import Tilings
from geo_service.store import desk as links
from geo_service.store import dispatches, ground, premises
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Dispatch

WHO = "demo"
#: How often everybody tells where he is.
STEP_S = 5.0
#: Of the people on duty so many in a hundred have a phone that tells its position.
WITH_PHONE = 85
URGENCIES = ("low", "normal", "normal", "normal", "urgent", "urgent", "critical")
#: Of a hundred reports so many have no place, a misread one, one on premises.
UNLOCATED, MISREAD, ON_PREMISES = 8, 10, 10
#: Buildings that are looked at for places that a misread datum makes impossible.
LOOKED_AT = 300
NOTES = ("现场已清理", "已劝离，秩序正常", "已通知维修，设置了警示", "核实无误，已处置")


@dataclass
class Walker:
    """Somebody on a street: on the way from one node of the roads to the next."""

    graph: RoadGraph
    tail: int
    head: int
    done_ms: float = 0.0
    arc_ms: float = 1.0

    def place(self) -> NDArray[np.float64]:
        """Return where he is (lon, lat; EPSG:4326)."""
        nodes = self.graph.network.node_lonlat_deg[self.graph.node_network[[self.tail, self.head]]]
        share = min(1.0, self.done_ms / self.arc_ms)
        here: NDArray[np.float64] = nodes[0] * (1 - share) + nodes[1] * share
        return here

    def walk(self, ms: float, rng: np.random.Generator) -> None:
        """Go on for so long; at each crossing the way is chosen anew."""
        self.done_ms += ms
        while self.done_ms >= self.arc_ms:
            self.done_ms -= self.arc_ms
            first, last = self.graph.out_ptr[self.head], self.graph.out_ptr[self.head + 1]
            if first == last:
                self.tail, self.done_ms, self.arc_ms = self.head, 0.0, 60_000.0
                return
            head, took_ms = self.graph.out_arc[int(rng.integers(first, last))]
            self.tail, self.head, self.arc_ms = self.head, int(head), float(took_ms)


@dataclass
class Way:
    """The way of somebody who is sent: places along it, and the share of it at each."""

    lonlat_deg: NDArray[np.float64]
    share: NDArray[np.float64]
    travel_s: float
    done_s: float = 0.0

    def place(self) -> NDArray[np.float64]:
        """Return where he is."""
        at = min(1.0, self.done_s / self.travel_s) if self.travel_s else 1.0
        return np.array([np.interp(at, self.share, self.lonlat_deg[:, axis]) for axis in (0, 1)])


@dataclass
class LiveDemo:
    """A town in which things happen.

    Attributes
    ----------
    database : Database
        The demo, loaded.
    seed : int
        Who goes where and what is reported follows from it.
    """

    database: Database
    seed: int = 1
    walkers: dict[str, Walker] = field(default_factory=dict, init=False)
    ways: dict[int, Way] = field(default_factory=dict, init=False)
    seen: dict[int, NDArray[np.float64]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Read what reports are made of."""
        self.rng = np.random.default_rng(self.seed)
        self.tilings = Tilings(self.database)
        self.desk = DispatchDesk(self.database, self.tilings, Ground(self.database))
        with self.database.reading() as connection:
            points = ground.demand(connection)
            self.buildings = points["source_id"].tolist()
            rows = catalogue.categories(connection)
            places_deg = points[["lon", "lat"]].to_numpy(np.float64)
            held = premises.holding(connection, [(float(lon), float(lat)) for lon, lat in places_deg])
            self.on_premises = [key for key, units in zip(self.buildings, held, strict=True) if units]
            self.misread = self._misread(connection, places_deg)
        above = {row["parent_code"] for row in rows}
        self.categories = [row["code"] for row in rows if row["code"] not in above]

    def report(self, count: int = 1) -> int:
        """Let so many reports come in; returns how many were new."""
        return sum(self._take_in(self._report()) for _ in range(count))  # callers come one by one

    def _take_in(self, report: Report) -> bool:
        rows = reporting.strictly(reporting.prepare(self.database, self.tilings, [report]))
        done = take_in(self.database, self.tilings, rows, source="demo-live", who=WHO, live=True)
        return bool(done.new[0])

    def step(self, seconds: float = STEP_S) -> int:
        """Let everybody go on for so long; returns how many positions were sent."""
        picture = self.desk.board.refresh()
        with self.database.reading() as connection:
            phones = {one["responder"] for one in links.links(connection)}
            open_now = dispatches.open_now(connection)
        played = {one.responder: one for one in open_now if one.responder not in phones}
        now, fixes = datetime.now(UTC), []
        for row in np.flatnonzero(picture.duty.on).tolist():
            code = picture.book.codes[row]
            if code in phones or row % 100 >= WITH_PHONE:
                continue
            place = self._go(picture, row, played.get(code), seconds)
            if place is not None:
                fixes.append(Fix(code, now, float(place[0]), float(place[1]), 8.0))
        for start in range(0, len(fixes), 1000):
            self.desk.positions.take(fixes[start : start + 1000], WGS84, who=WHO)
        for one in played.values():
            self._answer(one, now)
        return len(fixes)

    def run(self, stop: Callable[[float], bool], *, every_s: float, said: Callable[[str], None]) -> None:
        """Go on until ``stop(seconds)``, which waits so long, says so; a report every so many seconds."""
        since_s = 0.0
        while not stop(STEP_S):
            self.step()
            since_s += STEP_S
            if since_s >= every_s:
                since_s = 0.0
                self.report()
                said("a report has come in")

    def _report(self) -> Report:
        rng = self.rng
        place, floor = self._place()
        return Report(
            source_id=str(uuid4()),
            occurred_at=datetime.now(UTC),
            place=place,
            floor=floor,
            category=str(rng.choice(self.categories)),
            urgency=str(rng.choice(URGENCIES)),
            channel=str(rng.choice(("call", "hotline", "web"))),
        )

    def _place(self) -> tuple[Place, int | None]:
        """Return where a caller says it is, and on which floor if he says so."""
        draw = float(self.rng.random()) * 100
        if draw < UNLOCATED:
            return Place(), None
        if self.misread and draw < UNLOCATED + MISREAD:
            x, y = self.misread[int(self.rng.integers(len(self.misread)))]
            return Place(x, y), 1  # he is in a building: a point far from any is suspect
        if self.on_premises and draw < UNLOCATED + MISREAD + ON_PREMISES:
            return Place(building=str(self.rng.choice(self.on_premises))), None
        return Place(building=str(self.rng.choice(self.buildings))), None

    def _misread(self, connection: Connection, places_deg: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Return coordinates of buildings in a Chinese datum that cannot be meant as WGS84."""
        chosen = self.rng.permutation(len(places_deg))[:LOOKED_AT]
        datum_of = np.arange(len(chosen)) % 3 == 0  # most maps show GCJ-02, some BD-09
        xy = np.where(
            datum_of[:, None], from_wgs84(places_deg[chosen], BD09), from_wgs84(places_deg[chosen], GCJ02)
        )
        given = [Given(float(x), float(y), WGS84, speaks_of_building=True) for x, y in xy]
        tiling = self.tilings.get()
        found = suspicions(connection, given, [tiling] * len(given))
        return [(round(one.x, 6), round(one.y, 6)) for one, flags in zip(given, found, strict=True) if flags]

    def _go(
        self, picture: Picture, row: int, sent: Dispatch | None, seconds: float
    ) -> NDArray[np.float64] | None:
        if sent is not None:
            way = self._way(sent) if sent.accepted_at else None
            if way is not None:
                way.done_s += seconds
                return way.place()
            if row in self.seen:
                return self.seen[row]
        walker = self._walker(picture, row)
        if walker is None:
            return None
        if sent is None and picture.duty.post[row] < 0:
            walker.walk(seconds * 1000, self.rng)
        self.seen[row] = walker.place()
        return self.seen[row]

    def _walker(self, picture: Picture, row: int) -> Walker | None:
        code = picture.book.codes[row]
        streets = picture.streets.get(picture.book.modes[row])
        if code not in self.walkers and streets is not None:
            place = picture.place_deg[row]
            if not np.isfinite(place).all():
                return None
            graph = streets.graph
            nodes = graph.network.node_lonlat_deg[graph.node_network]
            near = ((nodes - place) ** 2).sum(axis=1) + np.where(graph.node_main, 0.0, 1.0)
            node = int(near.argmin())
            self.walkers[code] = Walker(graph, node, node)
        return self.walkers.get(code)

    def _way(self, sent: Dispatch) -> Way | None:
        if sent.id not in self.ways:
            try:
                found: dict[str, Any] = self.desk.route(sent.incident_id, sent.responder)
            except (NotFoundError, ConflictError):
                return None
            line = np.array(found["geometry"]["coordinates"])
            steps = np.hypot(*np.diff(line, axis=0).T)
            along = np.concatenate([[0.0], np.cumsum(steps)])
            share = along / along[-1] if along[-1] else np.linspace(0, 1, len(line))
            self.ways[sent.id] = Way(line, share, float(found["properties"]["travel_s"]))
        return self.ways[sent.id]

    def _answer(self, sent: Dispatch, now: datetime) -> None:
        """Let somebody accept after some seconds, and be done some minutes after he has arrived."""
        patience_s = 6 + sent.id % 15
        try:
            if sent.accepted_at is None and (now - sent.sent_at).total_seconds() > patience_s:
                dispatching.accept(self.database, sent.id, who=sent.name)
            elif sent.arrived_at and (now - sent.arrived_at).total_seconds() > 10 * patience_s:
                dispatching.done(self.database, sent.id, who=sent.name, note=NOTES[sent.id % len(NOTES)])
                self.ways.pop(sent.id, None)
            else:
                return
        except ConflictError:
            return  # the desk was faster
        self.desk.changed()
