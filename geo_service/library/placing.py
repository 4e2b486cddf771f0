"""Where new posts do most good."""

import time
from collections import deque
from dataclasses import dataclass
from functools import cache

import geopandas as gpd
import numpy as np

from geo_service.errors import Fault, InvalidInputError
from geo_service.library.frames import amounts, points_deg, require_frame
from geo_service.library.streets import MAX_STREET_M, StreetGraph
from geo_service.library.travelling import matrix_ms, milliseconds
from geo_service.staffing.siting import Goal, Ways, Wish, choose, gains, warm_up
from geo_service.staffing.siting_budget import Budget

_TIMES = {Goal.LEAST_MEAN, Goal.LEAST_WORST}


@dataclass(frozen=True, eq=False)
class Sited:
    """What :func:`site` gives.

    Attributes
    ----------
    chosen : GeoDataFrame
        The chosen candidates, the one that adds most first, with ``rank``, ``covered`` (weight within the
        limit with it and those before it), ``added`` (of that, by itself), ``mean_s`` (mean way then) and
        ``alone`` (weight that only it, of the new ones, brings within the limit).
    covered_before, mean_s_before : float
        Of what stands already.
    value, bound : float
        By the goal: weight covered; number of posts; seconds, mean or worst. No choice is better than the
        bound.
    is_optimal : bool
        Proved.
    gap : float
        How far the value may be from the best, as a share of it.
    """

    chosen: gpd.GeoDataFrame
    covered_before: float
    mean_s_before: float
    value: float
    bound: float
    is_optimal: bool
    gap: float


def site(
    graph: StreetGraph,
    candidates: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    count: int | None = None,
    *,
    goal: str = "cover_most",
    limit_s: float = 300.0,
    existing: gpd.GeoDataFrame | None = None,
    weight: str | None = "households",
    depth: int = 1,
    time_limit_s: float = 10.0,
    seed: int = 0,
    max_street_m: float = MAX_STREET_M,
) -> Sited:
    """Choose among candidates: cover most, cover all with fewest, least mean or least worst way.

    Parameters
    ----------
    graph : StreetGraph
        How those who stand there travel.
    candidates : GeoDataFrame
        Points in any CRS.
    demand : GeoDataFrame
        Homes: points, or footprints of which the middle counts.
    count : int, optional
        New posts; with the goal ``cover_all`` the most that may be had, or as many as it takes.
    goal : {"cover_most", "cover_all", "least_mean", "least_worst"}
    limit_s : float
        Within which somebody must be there; of the goals that cover, and for what is told of each post.
    existing : GeoDataFrame, optional
        Points that stand already and stay.
    weight : str or None
        Column of what each home counts; None: one each.
    depth : int
        2: by two, see :class:`geo_service.staffing.siting.Wish`.
    time_limit_s : float
        The search ends with the proof, or then; a first choice is there in any case.
    seed, max_street_m
        The same seed gives the same choice where it is proved; as for :func:`travel_time`.

    Raises
    ------
    InvalidInputError
        What is asked for cannot be; then it says from which number on it could.

    Examples
    --------
    >>> found = site(graph, corners, homes, 3, existing=stations)                      # doctest: +SKIP
    >>> found.chosen[["added", "covered"]], found.is_optimal                           # doctest: +SKIP
    """
    try:
        wanted = Goal(goal)
    except ValueError:
        known = ", ".join(one.value for one in Goal)
        fault = Fault("goal", f"use one of {known}", value=goal)
        raise InvalidInputError("The goal is not known.", [fault]) from None
    limit_ms = milliseconds(limit_s)
    if not (np.isfinite(time_limit_s) and time_limit_s > 0):
        fault = Fault("time_limit_s", "give seconds above 0", value=time_limit_s)
        raise InvalidInputError("The time for the search is none.", [fault])
    free, homes = require_frame(candidates, "candidates"), require_frame(demand, "demand")
    stands = None if existing is None else require_frame(existing, "existing")
    weights = np.ones(len(homes)) if weight is None else amounts(homes, weight, "demand", argument="weight")
    goals = graph.snap(points_deg(homes, "demand", middles=True), max_street_m)
    tables = [
        matrix_ms(graph, graph.starts(frame, role, max_street_m), goals, None)
        for frame, role in ((stands, "existing"), (free, "candidates"))
        if frame is not None
    ]
    n_stands = 0 if stands is None else len(stands)
    must = np.arange(n_stands + len(free)) < n_stands
    question = Ways(np.concatenate(tables), weights, must, ~must)
    _ready()
    budget = Budget.of(time_limit_s, time.monotonic)
    last = deque(choose(question, Wish(wanted, count, limit_ms, depth), budget, seed=seed), maxlen=1)
    choice = last[0]  # a search gives at least one
    covered, mean_ms, each = gains(question, choice.sites, limit_ms)
    chosen = free.iloc[[gain.site - n_stands for gain in each]].assign(
        rank=np.arange(1, len(each) + 1),
        covered=[gain.covered for gain in each],
        added=[gain.added for gain in each],
        mean_s=[gain.mean_ms / 1000.0 for gain in each],
        alone=[gain.alone for gain in each],
    )
    unit = 1000.0 if wanted in _TIMES else 1.0
    return Sited(
        chosen,
        covered,
        mean_ms / 1000.0,
        choice.value / unit,
        choice.bound / unit,
        choice.is_optimal,
        choice.gap,
    )


@cache
def _ready() -> None:
    """Have the search compiled before its time is counted."""
    warm_up()
