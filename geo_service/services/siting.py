"""Where to put stations and posts: a first answer at once, better ones as they come, and the proof.

A question is answered from the streets, the households and what stands already; the answer is kept with a
digest of them. Asked at once, it gets a second or so; as a job it goes on until it is proved or its time is
over, and who looks meanwhile sees the best so far.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.roads.graph import UNREACHED
from geo_service.services.ground import Ground
from geo_service.services.siting_ground import Progress, Scene, set_scene
from geo_service.services.siting_question import SitingQuestion
from geo_service.services.tiling import Tiling
from geo_service.staffing.siting import Choice, Goal, check_wish, choose, gains
from geo_service.staffing.siting_budget import Budget
from geo_service.staffing.siting_capacity import cover_within_capacity, served_by
from geo_service.store import siting as store
from geo_service.store.database import Connection, Database

#: A synchronous question ends after this, whatever is proved.
AT_ONCE_S = 0.8
#: How often a job writes a better answer down at most.
KEEP_EVERY_S = 1.0
RUNS_KEPT = 500
#: Cells told of, those that gain most first.
CELLS_TOLD = 500
_UNITS = {
    Goal.COVER_MOST: "households",
    Goal.COVER_ALL: "sites",
    Goal.LEAST_MEAN: "s",
    Goal.LEAST_WORST: "s",
}

#: Told of each better answer: the answer, its digest of inputs, whether it is proved, whether it is the last.
Keep = Callable[[dict[str, Any], bytes, bool, bool], None]


@dataclass
class Course:
    """How the answer came: seconds, value and bound of each step that bettered one of them."""

    began: float
    steps: list[dict[str, float]] = field(default_factory=list)

    def add(self, value: float, bound: float) -> None:
        """Note a step if it is one."""
        told = {"value": round(value, 3), "bound": round(bound, 3)}
        if not self.steps or {k: v for k, v in self.steps[-1].items() if k != "seconds"} != told:
            self.steps.append({"seconds": round(time.monotonic() - self.began, 3), **told})


def find_sites(
    database: Database,
    held: Ground,
    tiling: Tiling,
    question: SitingQuestion,
    *,
    keep: Keep,
    say: Progress = lambda *_: None,
    at_once: bool = False,
) -> dict[str, Any]:
    """Answer a question; ``keep`` is told of the answer whenever it has become better, and of the last one.

    Parameters
    ----------
    say : callable
        Phase, done, total; may raise to end the work.
    at_once : bool
        End after :data:`AT_ONCE_S`, counted from when the ways are known.

    Raises
    ------
    InvalidInputError
        The question is not in order or cannot be; then it says from which number on it could.
    ConflictError, NotFoundError
        There are no roads or no households; there is no such cell.
    """
    began = time.monotonic()
    scene = set_scene(database, held, tiling, question, say)
    with database.reading() as connection:
        known = store.proved(connection, scene.mark)
        if known is not None:
            answer = dict(store.get(connection, known).answer or {})
            keep(answer, scene.mark, True, True)
            return answer
    seconds = AT_ONCE_S if at_once else question.seconds
    course, began_search = Course(began), time.monotonic()
    choice, kept_at, kept = None, float("-inf"), 0
    for choice in _choices(scene, question, Budget.of(seconds, time.monotonic)):
        value, bound = _in_units(question.goal, choice)
        course.add(value, bound)
        now = time.monotonic()
        if len(course.steps) > kept and now - kept_at >= KEEP_EVERY_S and not at_once:
            keep(_answer(tiling, scene, question, choice, course), scene.mark, choice.is_optimal, False)
            kept_at, kept = now, len(course.steps)
        spent = min((now - began_search) / max(seconds, 1e-6), 1.0)
        say("proof" if kept_at > 0 else "search", round(1000 * spent), 1000)
    if choice is None:
        raise RuntimeError("a search gives at least one choice")
    answer = _answer(tiling, scene, question, choice, course)
    keep(answer, scene.mark, choice.is_optimal, True)
    return answer


def _choices(scene: Scene, question: SitingQuestion, budget: Budget) -> Iterator[Choice]:
    """Return the search that answers a question."""
    if question.capacity is None:
        return choose(scene.ways, question.wish, budget)
    check_wish(scene.plain, question.wish)
    count, limit_ms = question.count or 0, question.limit_s * 1000
    return cover_within_capacity(scene.plain, count, limit_ms, question.capacity, budget)


def _in_units(goal: Goal, choice: Choice) -> tuple[float, float]:
    """Return value and bound as they are told: times in seconds."""
    by = 1000.0 if goal in {Goal.LEAST_MEAN, Goal.LEAST_WORST} else 1.0
    return choice.value / by, choice.bound / by


def _answer(
    tiling: Tiling, scene: Scene, question: SitingQuestion, choice: Choice, course: Course
) -> dict[str, Any]:
    plain, limit_ms = scene.plain, question.limit_s * 1000
    before, mean_before, each = gains(plain, choice.sites, limit_ms)
    total = float(plain.weight.sum())
    value, bound = _in_units(question.goal, choice)
    after, mean_after = (each[-1].covered, each[-1].mean_ms) if each else (before, mean_before)
    sites = [
        {
            "rank": rank,
            "lon": round(float(scene.candidates.lonlat_deg[gain.site - scene.first, 0]), 7),
            "lat": round(float(scene.candidates.lonlat_deg[gain.site - scene.first, 1]), 7),
            "name": scene.candidates.names[gain.site - scene.first],
            "kind": scene.candidates.kind,
            "households_added": round(gain.added, 1),
            "share_after": round(gain.covered / total, 6),
            "mean_s_after": _seconds(gain.mean_ms),
            "households_lost_without": round(gain.alone, 1),
        }
        for rank, gain in enumerate(each, 1)
    ]
    if question.capacity is not None:
        chosen = np.sort([gain.site for gain in each]).astype(np.int64)
        served = dict(zip(chosen, served_by(plain, chosen, limit_ms, question.capacity), strict=True))
        for one, gain in zip(sites, each, strict=True):
            one["households_served"] = round(float(served[gain.site]), 1)
    return {
        "edition": tiling.edition.id,
        "goal": question.goal.value,
        "unit": _UNITS[question.goal],
        "value": round(value, 3),
        "bound": round(bound, 3),
        "gap": round(choice.gap, 6),
        "is_optimal": choice.is_optimal,
        "households": round(total, 1),
        "households_beyond": round(choice.beyond / (scene.ways.weight.sum() or 1) * total, 1),
        "before": {"share": round(before / total, 6), "mean_s": _seconds(mean_before)},
        "after": {"share": round(after / total, 6), "mean_s": _seconds(mean_after)},
        "sites": sites,
        "cells": _changed_cells(tiling, scene, [gain.site for gain in each], limit_ms),
        "standing_places": scene.standing_deg.round(7).tolist(),
        "course": course.steps,
        **scene.told,
    }


def _seconds(ms: float) -> float | None:
    return round(ms / 1000, 1) if np.isfinite(ms) else None


def _changed_cells(tiling: Tiling, scene: Scene, sites: list[int], limit_ms: int) -> list[dict[str, Any]]:
    """Return the leaves whose share changes: before, after and households gained, the largest gain first.

    ``rank`` is that of the site to which most of the gain is owed, counted as :func:`gains` counts.
    """
    plain = scene.plain
    old = plain.time_ms[plain.must].min(axis=0, initial=UNREACHED) <= limit_ms
    n = len(tiling.leaves)
    new, by_site = old.copy(), np.zeros((max(len(sites), 1), n))
    for rank, site in enumerate(sites):
        added = (plain.time_ms[site] <= limit_ms) & ~new
        by_site[rank] = np.bincount(scene.leaf, weights=plain.weight * added, minlength=n)
        new |= added
    sums = {
        name: np.bincount(scene.leaf, weights=plain.weight * which, minlength=n)
        for name, which in (("all", np.ones(len(old))), ("old", old), ("new", new))
    }
    rank_of = by_site.argmax(axis=0) + 1
    gained = sums["new"] - sums["old"]
    order = np.argsort(-gained, kind="stable")[:CELLS_TOLD]
    cells = tiling.cells.iloc[tiling.leaves]
    levels, codes, names = (cells[name].to_numpy(dtype=object) for name in ("level", "code", "name"))
    return [
        {
            "level": str(levels[i]),
            "code": str(codes[i]),
            "name": str(names[i]),
            "share_before": round(float(sums["old"][i] / sums["all"][i]), 4),
            "share_after": round(float(sums["new"][i] / sums["all"][i]), 4),
            "households_gained": round(float(gained[i]), 1),
            "rank": int(rank_of[i]),
        }
        for i in order.tolist()
        if gained[i] > 0
    ]


# ----------------------------------------------------------------------------------------- asking and keeping


def ask_at_once(database: Database, held: Ground, tiling: Tiling, question: SitingQuestion, who: str) -> int:
    """Answer at once as well as a second allows, and keep it; returns the id of the run."""
    found: dict[str, Any] = {}

    def keep(answer: dict[str, Any], mark: bytes, is_proved: bool, is_over: bool) -> None:  # noqa: ARG001
        found.update(answer=answer, fingerprint=mark, is_proved=is_proved)

    question = question.dated(datetime.now(UTC))
    find_sites(database, held, tiling, question, keep=keep, at_once=True)
    with database.writing() as connection:
        run_id = store.begin(connection, edition_id=tiling.edition.id, question=question.as_dict(), who=who)
        store.keep(connection, run_id, is_over=True, **found)
        store.prune(connection, RUNS_KEPT)
    return run_id


def go_on(
    database: Database,
    held: Ground,
    tiling: Tiling,
    run_id: int,
    *,
    say: Progress,
    finish: Callable[[Connection, dict[str, Any]], None] = lambda *_: None,
) -> None:
    """Answer a run that is kept, writing down what is better as it comes.

    ``finish`` is called in the transaction of the last answer.
    """
    with database.reading() as connection:
        run = store.get(connection, run_id)
    question = SitingQuestion.of(run.question).dated(run.asked_at)

    def keep(answer: dict[str, Any], mark: bytes, is_proved: bool, is_over: bool) -> None:
        with database.writing() as connection:
            store.keep(
                connection, run_id, fingerprint=mark, answer=answer, is_proved=is_proved, is_over=is_over
            )
            if is_over:
                store.prune(connection, RUNS_KEPT)
                result = {name: answer[name] for name in ("goal", "value", "bound", "gap", "is_optimal")}
                result["map"] = f"/v1/siting/{run_id}?format=map"
                finish(connection, {"siting": run_id, **result})

    find_sites(database, held, tiling, question, keep=keep, say=say)


def before_and_after(tiling: Tiling, answer: dict[str, Any]) -> dict[str, Any]:
    """Return what a map of an answer draws, as GeoJSON (EPSG:4326): one collection.

    Features by their property ``part``: ``cell`` (shape, share_before, share_after, households_gained, and
    ``rank``: the new site to which most of the gain is owed), ``standing`` (point) and ``new`` (point, with
    rank and what it adds). ``before`` and ``after`` of the collection are the shares of the whole.
    """
    features = []
    rows = {(row.level, row.code): row.geom for row in tiling.cells.itertuples() if row.geom is not None}
    for cell in answer["cells"]:
        shape = rows.get((cell["level"], cell["code"]))
        if shape is not None:
            features.append(_feature(shape, {"part": "cell", **cell}))
    features += [
        _feature(shapely.Point(lonlat), {"part": "standing"}) for lonlat in answer.get("standing_places", [])
    ]
    for site in answer["sites"]:
        facts = {name: value for name, value in site.items() if name not in {"lon", "lat"}}
        features.append(_feature(shapely.Point(site["lon"], site["lat"]), {"part": "new", **facts}))
    told = {name: answer[name] for name in ("edition", "goal", "unit", "value", "gap", "before", "after")}
    return {"type": "FeatureCollection", **told, "features": features}


def _feature(shape: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": shapely.geometry.mapping(shape), "properties": properties}


def sites_frame(answer: dict[str, Any]) -> gpd.GeoDataFrame:
    """Return the new sites of an answer as points (EPSG:4326), with what each adds."""
    frame = pd.DataFrame(answer["sites"])
    if frame.empty:
        return gpd.GeoDataFrame({"rank": np.empty(0, int)}, geometry=[], crs=4326)
    points: NDArray[np.object_] = shapely.points(frame[["lon", "lat"]].to_numpy(dtype=float))
    return gpd.GeoDataFrame(frame.drop(columns=["lon", "lat"]), geometry=points, crs=4326)
