"""Siting: published optima of OR-Library reached and proved; first answers, quality and proof on Porto."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import floyd_warshall

from benchmarks.measure import Row
from benchmarks.travel import _network as road_network
from geo_service.model import Mode
from geo_service.roads.graph import build_graph
from geo_service.roads.snap import Snapper
from geo_service.roads.warm import warm_up as warm_up_roads
from geo_service.staffing.siting import Goal, Ways, Wish, choose, warm_up
from geo_service.staffing.siting_budget import Budget
from geo_service.staffing.siting_ways import ways

ORLIB = Path(__file__).resolve().parents[2] / "shared" / "data" / "orlib"
NETWORKS = [f"pmed{k}" for k in range(1, 21)]
LIMIT_S = 120.0
DEMAND, SITES, P = 2_000, 300, 20


@dataclass
class Course:
    """How an answer came: its last state, and the seconds to the first, to the best and to the end."""

    first_s: float
    first: float
    best_s: float
    value: float
    bound: float
    is_optimal: bool
    whole_s: float


def run() -> list[Row]:
    warm_up()
    warm_up_roads()
    rows = []
    if ORLIB.is_dir():
        rows.append(_published(Goal.LEAST_MEAN, "pmedopt.txt", "p-median"))
        rows.append(_published(Goal.LEAST_WORST, "kcenteropt.txt", "p-centre"))
    return [*rows, *_porto()]


def follow(question: Ways, wish: Wish, limit_s: float = LIMIT_S) -> Course:
    """Ask, and note when what came."""
    began = time.perf_counter()
    made: Course | None = None
    for choice in choose(question, wish, Budget.of(limit_s, time.perf_counter)):
        now = time.perf_counter() - began
        if made is None:
            made = Course(now, choice.value, now, choice.value, choice.bound, choice.is_optimal, now)
        if choice.value != made.value:
            made.best_s = now
        made.value, made.bound, made.is_optimal, made.whole_s = (
            choice.value,
            choice.bound,
            choice.is_optimal,
            now,
        )
    assert made is not None
    return made


def _published(goal: Goal, optima: str, name: str) -> Row:
    known = dict(
        line.split() for line in (ORLIB / optima).read_text().splitlines() if line.startswith("pmed")
    )
    reached, courses, firsts = 0, [], []
    for network in NETWORKS:
        length, p = _orlib(network)
        n = len(length)
        course = follow(Ways(length, np.ones(n), np.zeros(n, bool), np.ones(n, bool)), Wish(goal, p))
        value = course.value * (n if goal is Goal.LEAST_MEAN else 1)
        reached += round(value) == int(known[network])
        firsts.append(course.first / course.value - 1)
        courses.append(course)
        print(f"  {network} {name}: {value:.0f} of {known[network]}, {course}", flush=True)
    proved = sum(course.is_optimal for course in courses)
    slowest, median = max(c.whole_s for c in courses), np.median([c.whole_s for c in courses])
    return Row(
        f"{name}, the 20 networks of OR-Library",
        f"{reached} of 20 optima reached, {proved} proved",
        target="20 reached",
        passed=reached == len(NETWORKS),
        note=f"first answer within {max(course.first_s for course in courses):.2g} s, at most "
        f"{max(firsts):.1%} off; best after {max(course.best_s for course in courses):.3g} s at most; "
        f"slowest {slowest:.3g} s of {LIMIT_S:.0f} s allowed, median {median:.3g} s",
    )


def _orlib(name: str) -> tuple[NDArray[np.int32], int]:
    """Read a network; of a repeated edge the last counts."""
    lines = [line.split() for line in (ORLIB / f"{name}.txt").read_text().splitlines() if line.strip()]
    n, _, p = map(int, lines[0])
    length = np.full((n, n), np.inf)
    for i, j, c in lines[1:]:
        length[int(i) - 1, int(j) - 1] = length[int(j) - 1, int(i) - 1] = float(c)
    np.fill_diagonal(length, 0)
    return floyd_warshall(length).astype(np.int32), p


def _porto() -> list[Row]:
    graph = build_graph(road_network(), Mode.EBIKE)
    rng = np.random.default_rng(20261122)
    nodes = rng.choice(np.flatnonzero(graph.node_main), DEMAND + SITES, replace=False)
    lonlat_deg = graph.node_lonlat_deg[nodes]
    snaps = Snapper(graph).snap(lonlat_deg)
    doors, sites = snaps.take(np.arange(DEMAND)), snaps.take(np.arange(DEMAND, DEMAND + SITES))
    weight = rng.integers(1, 60, DEMAND).astype(float)
    rows, matrices = [], {}
    for bound_ms, name in ((900_000, "within 15 minutes"), (None, "however long")):
        began = time.perf_counter()
        for _, made in ways(graph, sites, doors, bound_ms=bound_ms):
            matrices[bound_ms] = made
        took = time.perf_counter() - began
        rows.append(Row.figure(f"ways from {SITES} sites to {DEMAND:,} places of Porto, {name}", took, "s"))
    asked = (
        ("cover most in 5 min (MCLP)", Wish(Goal.COVER_MOST, P, 300_000), 900_000),
        ("cover most in 15 min (MCLP)", Wish(Goal.COVER_MOST, P, 900_000), 900_000),
        ("cover most in 15 min by two", Wish(Goal.COVER_MOST, P, 900_000, 2), 900_000),
        ("cover all in 15 min (LSCP)", Wish(Goal.COVER_ALL, None, 900_000), 900_000),
        ("least mean (p-median)", Wish(Goal.LEAST_MEAN, P), None),
        ("least worst (p-centre)", Wish(Goal.LEAST_WORST, P), None),
    )
    for name, wish, bound_ms in asked:
        free = np.ones(SITES, bool)
        course = follow(Ways(matrices[bound_ms], weight, ~free, free), wish)
        rows.append(_course_row(name, wish, course))
        print(f"  {name}: {course}", flush=True)
    return rows


def _course_row(name: str, wish: Wish, course: Course) -> Row:
    best = course.value
    off = abs(course.first - best) / max(abs(best), 1e-9)
    gap = 0.0 if course.is_optimal else abs(best - course.bound) / max(abs(best), 1e-9)
    count = "" if wish.count is None else f", {wish.count} new"
    return Row(
        f"{name}{count}: first answer",
        f"{course.first_s:.3g} s",
        target="< 1 s",
        passed=course.first_s < 1,
        note=f"{off:.2%} off the best; best after {course.best_s:.3g} s; "
        + (
            f"proved after {course.whole_s:.3g} s"
            if course.is_optimal
            else f"gap {gap:.3%} at {LIMIT_S:.0f} s"
        ),
    )
