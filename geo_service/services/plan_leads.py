"""Near the door (就近就亲就便): the cells of a plan given to leads by travel time, so many to each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.leads import nearest_leads
from geo_service.model import Mode
from geo_service.planning.register import CellKey
from geo_service.roads.graph import UNREACHED, RoadGraph
from geo_service.roads.reach import demand_time_ms
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.plan_drafting import Stop
from geo_service.services.plan_state import PlanState

MAX_LEADS = 500


@dataclass(frozen=True)
class Lead:
    """Somebody who looks after cells, and where he sets out."""

    name: str
    place: tuple[float, float]


@dataclass(frozen=True)
class Assigned:
    """Who gets which cells.

    Attributes
    ----------
    cells : list of (level, code)
    lead : (n,) int32
        Index of the lead of each cell.
    time_ms : (n,) int64
        His way to the cell.
    households : (n,) float64
    """

    cells: list[CellKey]
    lead: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    households: NDArray[np.float64]


@dataclass(frozen=True)
class Goals:
    """The cells to be given, copied while the plan is held.

    Attributes
    ----------
    cells : list of (level, code)
    lonlat_deg : (n, 2) float64
        Representative points, EPSG:4326.
    households : (n,) float64
    """

    cells: list[CellKey]
    lonlat_deg: NDArray[np.float64]
    households: NDArray[np.float64]


def goals_of(state: PlanState, cell: CellKey, level: str) -> Goals:
    """Copy the cells of a level below a cell; each counts by its households.

    Raises
    ------
    InvalidInputError
        There are no such cells.
    """
    register = state.redraw.register
    register.require(cell)
    register.depth(level)
    cells = [key for key in [cell, *register.below(cell)] if key[0] == level and state.redraw.leaves_of(key)]
    if not cells:
        message = f"{cell[1]} has no {level} with land"
        raise InvalidInputError(message, [Fault("level", message, value=level)])
    places = [state.outline(key).representative_point() for key in cells]
    households = np.array([state.figures(key)["households"] for key in cells])
    return Goals(cells, np.array([(at.x, at.y) for at in places]), households)


def assign(
    ground: Ground,
    goals: Goals,
    leads: Sequence[Lead],
    *,
    cap: int,
    mode: Mode,
    balanced: bool,
    stop: Stop,
) -> Assigned:
    """Give cells to leads. The way is that to the representative point of the cell.

    Raises
    ------
    InvalidInputError
        There are more cells than the leads may have, or nobody gets to some; faults name these.
    ConflictError
        No road network has been imported.
    DraftStoppedError
        Nobody waits any more.
    """
    _, _, graph, snapper = ground.roads(mode)
    ends = snapper.snap(goals.lonlat_deg, MAX_ACCESS_M)
    starts = snapper.snap(np.array([lead.place for lead in leads], dtype=np.float64), MAX_ACCESS_M)
    ways = []
    for k in range(len(leads)):
        stop.check()
        ways.append(_times(graph, starts.take([k]), ends))
    time_ms = np.stack(ways, axis=1)
    _refuse_unreached(goals.cells, time_ms)
    cost = np.where(time_ms >= UNREACHED, np.inf, time_ms)
    lead = nearest_leads(cost, cap=cap, weight=goals.households, balanced=balanced)
    return Assigned(goals.cells, lead, time_ms[np.arange(len(goals.cells)), lead], goals.households)


def _times(graph: RoadGraph, start: Snaps, goals: Snaps) -> NDArray[np.int64]:
    """Return the way of one lead to each cell."""
    time_ms, owner = travel_time(graph, start)
    return demand_time_ms(graph, goals, time_ms, owner, start)[0].astype(np.int64)


def _refuse_unreached(cells: list[CellKey], time_ms: NDArray[np.int64]) -> None:
    alone = np.flatnonzero((time_ms >= UNREACHED).all(axis=1))
    if alone.size:
        message = "no lead gets here: no street is near, or none leads here"
        raise InvalidInputError(
            f"{alone.size} cell(s) cannot be reached by any lead",
            [Fault("leads", message, value=" ".join(cells[k])) for k in alone[:20].tolist()],
        )
