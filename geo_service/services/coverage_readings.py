"""Readings of coverage: worked out once for equal inputs, kept with what they were worked out from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.model import Mode
from geo_service.roads import kernels_demand
from geo_service.roads.kernels import NONE
from geo_service.roads.snap import Snaps
from geo_service.services import coverage_by_server, coverage_places, coverage_reach, duty_book
from geo_service.services.cell_figures import sum_up
from geo_service.services.coverage_by_server import Share
from geo_service.services.coverage_people import People, who_counts
from geo_service.services.coverage_places import PEOPLE, POINTS_OF, Places
from geo_service.services.coverage_question import Measure, Question
from geo_service.services.coverage_reach import DEPTH, Reach
from geo_service.services.coverage_streets import Streets, streets_mark, streets_of
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tiling
from geo_service.store import coverage_readings as store
from geo_service.store.database import Database

#: A reading of a county takes about a quarter of a megabyte.
READINGS_KEPT = 300

#: Part of the fingerprint: raise it when the same inputs would give other numbers.
METHOD_VERSION = 2

LOW_WORD = np.int64(0xFFFFFFFF)


@dataclass(frozen=True, eq=False)
class Setting:
    """A question with everything that answers it, before anybody travels.

    ``starts`` are the places of the people by mode; ``fingerprint`` is SHA-256 over all that decides the
    numbers; ``inputs`` tells of each of them; ``by_server`` says whose travel times are a server's.
    """

    question: Question
    tiling: Tiling
    people: People
    streets: Streets
    starts: Mapping[Mode, Snaps]
    places: Mapping[str, Places]
    fingerprint: bytes
    inputs: dict[str, Any]
    by_server: Share = field(default_factory=Share)

    @property
    def snapped(self) -> NDArray[np.bool_]:
        """Who of the people is near a street of his mode."""
        out = np.zeros(len(self.people), np.bool_)
        for snaps in self.starts.values():
            out |= snaps.snapped
        return out


@dataclass(frozen=True, eq=False)
class Reading:
    """A worked-out or remembered reading.

    ``leaves`` has a row for each leaf in the order of the index: for each measure ``{measure}`` (its weight)
    and ``{measure}_1``, ``_2``, ``_3`` (the weight reached within the limit by so many at least); then
    ``median_s`` (of households; NaN where half of them are not reached) and ``worst_s``: infinite where
    somebody is not reached at all, NaN where nobody lives.
    """

    id: int
    question: Question
    fingerprint: bytes
    inputs: dict[str, Any]
    summary: dict[str, Any]
    leaves: pd.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """Return the reading without its cells."""
        told = {"reading_id": self.id, "fingerprint": self.fingerprint.hex()}
        return {**told, "asked": self.question.as_dict(), **self.summary, "inputs": self.inputs}


def settle_question(
    database: Database, held: Ground, tiling: Tiling, question: Question, *, servers: bool = True
) -> Setting:
    """Gather what answers a question; without ``servers`` the embedded engine does, whatever is set.

    Raises
    ------
    InvalidInputError
        The question names a person, a street or a bridge that nobody knows.
    NotFoundError
        There is no such level or table of paces.
    ConflictError
        No road network has been imported.
    UnavailableError, TimedOutError
        A travel server is set, and does not answer as it should.
    """
    with database.reading() as connection:
        book = duty_book.write(connection, question.at, back=timedelta(), ahead=timedelta(minutes=1))
        people = who_counts(connection, book, question)
        streets = streets_of(connection, held, question, book.zone)
    if not question.counted.outside:
        leaf, _ = tiling.index.leaf_of(people.lonlat_deg)
        people = people.but(leaf >= 0)
        people.told["in_a_cell"] = len(people)
    kinds = dict.fromkeys([PEOPLE, *(POINTS_OF[one] for one in question.measures)])
    places = {kind: coverage_places.places_of(database, held, tiling, kind, question.at) for kind in kinds}
    starts = coverage_reach.start_places(streets, people)
    inputs = _inputs(question, tiling, people, streets=streets, starts=starts, places=places)
    by_server = coverage_by_server.share_of(held, question, frozenset(starts)) if servers else Share()
    inputs["engine"] = by_server.told(frozenset(starts))
    if by_server.modes:
        where = hashlib.sha256(people.lonlat_deg.tobytes()).hexdigest()
        inputs["marks"]["engine"] = [where, *by_server.marks.values()]
    mark = orjson.dumps([METHOD_VERSION, inputs["marks"]], option=orjson.OPT_SORT_KEYS)
    fingerprint = hashlib.sha256(mark).digest()
    return Setting(question, tiling, people, streets, starts, places, fingerprint, inputs, by_server)


def _inputs(
    question: Question,
    tiling: Tiling,
    people: People,
    *,
    streets: Streets,
    starts: Mapping[Mode, Snaps],
    places: Mapping[str, Places],
) -> dict[str, Any]:
    """Tell what the reading is worked out from; under ``marks`` a digest of each part."""
    crowd = hashlib.sha256("\x1f".join(people.codes).encode() + people.delay_ms.tobytes())
    for mode in sorted(starts):
        one = starts[mode]
        crowd.update(mode.value.encode() + one.edge.tobytes() + one.fraction.tobytes())
        crowd.update(one.access_ms.tobytes())
    far = len(people) - int(sum(one.snapped.sum() for one in starts.values()))
    marks = {
        "people": crowd.hexdigest(),
        "streets": streets_mark(streets, sorted(starts)).hex(),
        "cells": cells_mark(tiling),
        "places": {kind: one.mark.hex() for kind, one in sorted(places.items())},
        "limit_s": question.limit_s,
        "measures": [one.value for one in question.measures],
        "border": question.counted.border,
    }
    by_mode = {mode.value: int(one.snapped.sum()) for mode, one in sorted(starts.items())}
    return {
        **cells_words(tiling),
        "network": streets.network_id,
        "network_mark": streets.network_mark.hex(),
        "closed": streets.closed,
        "pace": streets.pace,
        "people": {**people.told, "counted": sum(by_mode.values()), "far_from_streets": far, **by_mode},
        "marks": marks,
    }


def cells_words(tiling: Tiling) -> dict[str, int]:
    """Tell whose cells they are: those of an edition or of a plan."""
    number = tiling.edition.id
    return {"edition": number} if number > 0 else {"plan": -number}


def cells_mark(tiling: Tiling) -> str:
    """Return a digest of the cells."""
    return hashlib.sha256(tiling.mark.encode()).hexdigest()


def read_coverage(database: Database, held: Ground, tiling: Tiling, question: Question) -> Reading:
    """Return the reading of a question, worked out once for equal inputs, and kept.

    Raises
    ------
    InvalidInputError, NotFoundError, ConflictError
        As :func:`settle_question`.
    """
    return answer(database, held, settle_question(database, held, tiling, question))


def answer(database: Database, held: Ground, setting: Setting) -> Reading:
    """Return the reading of a question that is settled; what was known before is not worked out again."""
    question = setting.question
    with database.reading() as connection:
        known = store.find(connection, setting.fingerprint)
    if known is None:
        columns = figures(setting, travelled(held, setting))
        summary = _summary(setting, columns)
        edition = setting.tiling.edition.id
        with database.writing() as connection:
            reading_id = store.store(
                connection,
                kind="moment",
                edition_id=edition if edition > 0 else None,
                fingerprint=setting.fingerprint,
                asked=question.as_dict(),
                inputs=setting.inputs,
                summary=summary,
                columns=columns,
                keep=READINGS_KEPT,
            )
    else:
        reading_id, columns = known["id"], known["columns"]
        summary = _summary(setting, columns)  # the database does not keep the order of its words
    return Reading(reading_id, question, setting.fingerprint, setting.inputs, summary, pd.DataFrame(columns))


def travelled(held: Ground, setting: Setting) -> dict[str, Reach]:
    """Return who reaches what, by kind of places; kept for a while under the fingerprint."""

    def make() -> dict[str, Reach]:
        border = setting.question.counted.border
        groups = coverage_reach.groups_of(setting.tiling, border, setting.people) if border else None
        limit_ms = setting.question.limit_s * 1000
        theirs = setting.by_server.modes
        reach = coverage_reach.travel(
            held,
            setting.streets,
            setting.people,
            starts={mode: one for mode, one in setting.starts.items() if mode not in theirs},
            places=setting.places,
            limit_ms=limit_ms,
            groups=groups,
        )
        if theirs:
            starts = {mode: one for mode, one in setting.starts.items() if mode in theirs}
            other = coverage_by_server.reach_of(
                held, setting.people, starts, setting.places, limit_ms=limit_ms, groups=groups
            )
            reach = {kind: coverage_reach.together(one, other[kind]) for kind, one in reach.items()}
        return reach

    return held.keep(("travelled", setting.fingerprint), make)


def figures(setting: Setting, reach: Mapping[str, Reach]) -> dict[str, NDArray[np.float64]]:
    """Return the columns of the leaves."""
    limit_ms = setting.question.limit_s * 1000
    columns: dict[str, NDArray[np.float64]] = {}
    for measure in setting.question.measures:
        places = setting.places[POINTS_OF[measure]]
        weight = places.weights[measure]
        within = np.empty((len(places.ptr) - 1, DEPTH))
        kernels_demand.sums_within(
            places.ptr, places.order, weight, reach[POINTS_OF[measure]].within, limit_ms, within
        )
        columns[measure.value] = places.totals[measure]
        for depth in range(DEPTH):
            columns[f"{measure.value}_{depth + 1}"] = np.ascontiguousarray(within[:, depth])
    columns["median_s"], columns["worst_s"] = _times(setting.places[PEOPLE], reach[PEOPLE].nearest)
    return columns


def _times(places: Places, nearest: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the median over households and the longest time to anybody in each leaf, s."""
    n = len(places.ptr) - 1
    median = np.full(n, np.nan)
    kernels_demand.medians_ms(
        np.arange(n), places.ptr, places.order, places.weights[Measure.HOUSEHOLDS], nearest, median
    )
    worst = np.full(n, -1, np.int64)
    # nobody (the largest int64) wins over every number
    np.maximum.at(worst, places.leaf, nearest >> 32)
    never = int(NONE) >> 32
    return median / 1000, np.where(worst < 0, np.nan, np.where(worst < never, worst / 1000, np.inf))


def _summary(setting: Setting, columns: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Return the shares of the whole town, by measure and depth."""
    out: dict[str, Any] = {}
    for measure in setting.question.measures:
        total = float(columns[measure.value].sum())
        by_depth = [float(columns[f"{measure.value}_{d}"].sum()) for d in range(1, DEPTH + 1)]
        out[measure.value] = {
            "total": total,
            "covered": by_depth[0],
            "share": by_depth[0] / total if total else None,
            "depth": [covered / total if total else None for covered in by_depth],
        }
    worst = columns["worst_s"][np.isfinite(columns["worst_s"])]
    return {"measures": out, "worst_s": float(worst.max()) if len(worst) else None}


def reading_by_level(tiling: Tiling, reading: Reading, level: str) -> pd.DataFrame:
    """Return a reading for the cells of a level, in the order of ``at_level``.

    Columns: for each measure its weight, ``{measure}_share`` and ``{measure}_depth`` (weights reached by at
    least 1, 2, 3, as ``_1`` … ``_3``), ``fragile`` (households covered by exactly one), ``worst_s`` (NaN
    where somebody is not reached at all, or nobody lives), and on the level of the leaves ``median_s``.
    """
    sums = {
        name: sum_up(tiling, level, reading.leaves[name].to_numpy(dtype=float))
        for name in reading.leaves
        if name not in {"median_s", "worst_s"}
    }
    frame = pd.DataFrame(sums)
    for measure in reading.question.measures:
        total = frame[measure.value]
        frame[f"{measure.value}_share"] = frame[f"{measure.value}_1"] / total.where(total > 0)
    if Measure.HOUSEHOLDS in reading.question.measures:
        frame["fragile"] = frame["households_1"] - frame["households_2"]
    group = tiling.group_of_leaf(level)
    worst = np.full(len(frame), -np.inf)
    known = group >= 0
    times = reading.leaves["worst_s"].to_numpy(dtype=float)
    lived_in = known & ~np.isnan(times)
    np.maximum.at(worst, group[lived_in], times[lived_in])
    frame["worst_s"] = np.where(np.isfinite(worst), worst, np.nan)
    if level == tiling.levels[-1]:
        median = np.full(len(frame), np.nan)
        median[group[known]] = reading.leaves["median_s"].to_numpy(dtype=float)[known]
        frame["median_s"] = median
    return frame


def explain(database: Database, held: Ground, tiling: Tiling, reading_id: int) -> dict[str, Any] | None:
    """Tell what a kept reading was worked out from, and what of that is different today.

    None when there is no such reading (any more). ``tiling`` is the one in force at its moment, or for a
    reading in the cells of a plan (``inputs`` name it) those of the plan now.
    """
    with database.reading() as connection:
        known = store.get(connection, reading_id)
    if known is None:
        return None
    question = Question.from_dict(known["asked"])
    told = {name: known[name] for name in ("id", "kind", "asked", "inputs", "summary")}
    told["computed_at"] = known["computed_at"].isoformat()
    told["because"] = [_closed_words(one) for one in known["inputs"]["closed"]]
    now = settle_question(database, held, tiling, question).inputs
    was, is_ = known["inputs"], now
    names = sorted({*was["marks"], *is_["marks"]})
    told["changed_since"] = [name for name in names if was["marks"].get(name) != is_["marks"].get(name)]
    told["people_now"] = is_["people"]
    return told


def _closed_words(one: Mapping[str, Any]) -> dict[str, Any]:
    name = one["name"] or one["class"]
    words = Words(f"this edge was closed: {one['edge']} ({name})", f"该路段已关闭：{one['edge']}（{name}）")
    return {"edge": one["edge"], "message": words, "message_zh": words.zh}
