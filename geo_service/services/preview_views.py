"""The two sides of a report: a tiling with the people, incidents, staff and travel times that fall on it.

Points and travel times belong to the ground, not to the cells. They are computed once; each side only shares
them out by its leaves.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import ConflictError
from geo_service.geometry.rules_scene import Scene
from geo_service.model import Finding, Mode
from geo_service.planning.compare import Pieces, Side, follow_points, lay_over
from geo_service.planning.register import CellKey
from geo_service.roads import reach
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time
from geo_service.services import plan_findings
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.plan_counts import YEAR
from geo_service.services.plan_state import Plans, PlanState
from geo_service.services.planning import viewing
from geo_service.services.rostering import on_duty
from geo_service.services.rulebook import Rulebook, day_of, rulebook
from geo_service.services.tiling import Tiling
from geo_service.store import ground, heat, preview, staffing
from geo_service.store.database import Connection, Database
from geo_service.store.plans import PlanRow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
T = TypeVar("T")

#: Incidents this young count as still being worked on: nothing says when one is closed.
RECENT = timedelta(days=30)
#: Moments are taken to the quarter of an hour, so that one report serves many readers.
QUARTER_S = 900


class Kept:
    """The few things made last, by key. Thread-safe; two threads may make the same thing at once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, Any] = OrderedDict()

    def at_hand(self, key: Hashable) -> Any:
        """Return what is kept under a key, None if there is nothing."""
        with self._lock:
            return self._held.get(key)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is kept under a key, made if it is not there."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                found: T = self._held[key]
                return found
        made = make()
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        return made


@dataclass(frozen=True)
class Points:
    """Buildings, and the incidents of a year.

    Attributes
    ----------
    mark : hashable
        Changes whenever one of them does.
    demand_deg, incident_deg : (n, 2) float64
        EPSG:4326.
    households, residents : (n,) float64
    recent : (m,) bool
        Incidents that count as open.
    """

    mark: Hashable
    demand_deg: Floats
    households: Floats
    residents: Floats
    incident_deg: Floats
    recent: NDArray[np.bool_]


@dataclass(frozen=True)
class Reached:
    """Which buildings and which incidents somebody on duty reaches in time."""

    demand: NDArray[np.bool_]
    incidents: NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """One side of a report.

    Attributes
    ----------
    name : dict
        What it is, for the reader.
    side : Side
    demand_leaf, incident_leaf : (n,) int64
        Leaf of each point, -1 for none.
    scene : Scene
        What the rules look at.
    laws : Rulebook
        What it is judged by.
    mark : hashable
        Changes whenever the scene or the rules do.
    base : Tiling
        The edition that it is, or starts from.
    from_base : Pieces or None
        How a plan differs from that edition.
    """

    name: dict[str, Any]
    side: Side
    demand_leaf: Ints
    incident_leaf: Ints
    scene: Scene
    laws: Rulebook
    mark: Hashable
    base: Tiling
    from_base: Pieces | None = None


def quarter(at: datetime) -> datetime:
    """Return the beginning of the quarter of an hour."""
    return datetime.fromtimestamp(at.timestamp() // QUARTER_S * QUARTER_S, at.tzinfo)


class Views:
    """Makes views and keeps what they have in common."""

    def __init__(self, database: Database, plans: Plans, ground_held: Ground) -> None:
        self._database = database
        self._plans = plans
        self._ground = ground_held
        self._kept = Kept(24)

    # ---------------------------------------------------------------------------------- the ground

    def points(self, connection: Connection, at: datetime) -> Points:
        """Return the points of the year before a moment."""
        until = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        since = until - YEAR
        mark = ground.demand_version(connection), since, *heat.version(connection, since, until)
        return self._kept.get(("points", mark), lambda: _points(connection, mark, since, until))

    def reached(self, connection: Connection, points: Points, at: datetime, limit_s: int) -> Reached | None:
        """Return what is reached by those on duty at a moment, by e-bike; None where there are no roads."""
        try:
            network_id, _, graph, snapper = self._ground.roads(Mode.EBIKE)
        except ConflictError:
            return None
        duty = on_duty(connection, at)
        free = duty[~duty["pinned"] & duty["lon"].notna()]
        base_deg = free[["lon", "lat"]].to_numpy(dtype=float)

        def snaps() -> tuple[Snaps, Snaps]:
            return (
                snapper.snap(points.demand_deg, MAX_ACCESS_M),
                snapper.snap(points.incident_deg, MAX_ACCESS_M),
            )

        def travel() -> Reached:
            places = self._kept.get(("snaps", points.mark, network_id), snaps)
            sources = snapper.snap(base_deg, MAX_ACCESS_M)
            node_ms, nearest = travel_time(graph, sources)
            demand_ms, incident_ms = (
                reach.demand_time_ms(graph, place, node_ms, nearest, sources)[0] for place in places
            )
            return Reached(demand_ms <= limit_s * 1000, incident_ms <= limit_s * 1000)

        key = ("reached", points.mark, network_id, limit_s, base_deg.tobytes())
        return self._kept.get(key, travel)

    # ----------------------------------------------------------------------------------- the sides

    def of_plan(self, plan_id: int, points: Points) -> tuple[PlanRow, View, View]:
        """Return a plan as it stands and the edition it starts from, as sides.

        The plan is held while it is copied; what takes long is computed from the copy.
        """
        with viewing(self._plans, plan_id) as (row, state, connection):
            tiling = state.base
            old = self._kept.get(("side", tiling.edition.id), lambda: _side_of_edition(state))
            scene = plan_findings.scene_of(connection, state)
            laws = rulebook(connection, day_of(connection), plan_id)
            mark = state.scene_mark, laws.mark
            base_scene = plan_findings.base_scene(connection, state.store, tiling, state.scene_mark)
            copied = ("copy", plan_id, row.revision, row.base_edition_id)
            side = self._kept.get(copied, lambda: _side_of_plan(state, old))
        base = self._edition_view(tiling, old, points, base_scene, (laws, mark))
        key = ("plan", plan_id, row.revision, row.base_edition_id, points.mark, mark)
        return row, self._kept.get(key, lambda: _plan_view(row, side, base, points, scene)), base

    def _edition_view(
        self, tiling: Tiling, side: Side, points: Points, scene: Scene, judged_by: tuple[Rulebook, Hashable]
    ) -> View:
        edition = tiling.edition.id

        def located() -> tuple[Ints, Ints]:
            return (
                tiling.index.leaf_of(points.demand_deg)[0].astype(np.int64),
                tiling.index.leaf_of(points.incident_deg)[0].astype(np.int64),
            )

        leaves = self._kept.get(("leaves", edition, points.mark), located)
        name = {"kind": "edition", "id": edition, "note": tiling.edition.note}
        laws, mark = judged_by
        return View(name, side, *leaves, scene, laws, (edition, mark), tiling)

    def findings(self, view: View) -> list[Finding]:
        """Return what the rules say of all cells of a side, counted once for all who ask."""
        return self._kept.get(("findings", view.mark), lambda: view.laws.check(view.scene))


def _plan_view(row: PlanRow, side: Side, base: View, points: Points, scene: Scene) -> View:
    pieces = lay_over(base.side, side)
    n_old = len(base.side.leaves)
    name = {"kind": "plan", "id": row.id, "name": row.name, "revision": row.revision}
    return View(
        name,
        side,
        follow_points(points.demand_deg, base.demand_leaf, pieces, side, n_old=n_old),
        follow_points(points.incident_deg, base.incident_leaf, pieces, side, n_old=n_old),
        scene,
        base.laws,
        (row.id, row.revision, base.mark),
        base.base,
        pieces,
    )


def _points(connection: Connection, mark: Hashable, since: datetime, until: datetime) -> Points:
    demand = ground.demand(connection)
    happened = preview.incidents(connection, since, until, until - RECENT)
    return Points(
        mark,
        demand[["lon", "lat"]].to_numpy(dtype=np.float64),
        demand["households"].to_numpy(dtype=np.float64),
        demand["residents"].to_numpy(dtype=np.float64),
        happened[["lon", "lat"]].to_numpy(dtype=np.float64),
        happened["is_recent"].to_numpy(dtype=bool),
    )


def _side_of_edition(state: PlanState) -> Side:
    tiling = state.base
    rows = tiling.cells.iloc[tiling.leaves]
    leaves = list(zip(rows["level"], rows["code"], strict=True))
    # the shapes of the fabric, so that a leaf nobody touched is the same object on both sides
    return Side.of(tiling.levels, state.base_records.values(), leaves, state.redraw.space.base.polygons)


def _side_of_plan(state: PlanState, base: Side) -> Side:
    redraw = state.redraw
    numbers = list(redraw.space.leaves())
    leaves = [redraw.key_of(number) for number in numbers]
    return Side.of(state.base.levels, list(redraw.register), leaves, redraw.space.polygons()[numbers], base)


# --------------------------------------------------------------------------------------------- staff


def duty_cells(connection: Connection, base: Tiling, at: datetime) -> pd.DataFrame:
    """Return who holds which cell of an edition: responder_id, code, name of the responder, level, cell.

    A duty for a cell that the edition does not have is left out.
    """
    held = staffing.duties(connection, at).drop_duplicates(["responder_id", "cell_id"])
    cells = base.cells[["id", "level", "code"]].rename(columns={"id": "cell_id", "code": "cell"})
    people = staffing.responders(connection)[["id", "code", "name"]].rename(columns={"id": "responder_id"})
    return held.merge(cells, on="cell_id").merge(people, on="responder_id")


def staff_by_cell(side: Side, duties: pd.DataFrame) -> dict[str, Floats]:
    """Return by level how many hold a duty in each cell, or in a cell below it, in order of code."""
    place = {level: {code: row for row, code in enumerate(codes)} for level, codes in side.codes.items()}
    counted: dict[str, set[tuple[int, int]]] = {level: set() for level in side.levels}
    paths: dict[CellKey, list[CellKey]] = {}
    for who, at_level, cell in zip(duties["responder_id"], duties["level"], duties["cell"], strict=True):
        key = (at_level, cell)
        if key not in side.records:
            continue
        if key not in paths:
            paths[key] = side.path(key)
        for level, code in paths[key]:
            counted[level].add((place[level][code], who))
    rows = {level: np.array([row for row, _ in pairs], dtype=np.int64) for level, pairs in counted.items()}
    return {
        level: np.bincount(rows[level], minlength=len(place[level])).astype(np.float64)
        for level in side.levels
    }
