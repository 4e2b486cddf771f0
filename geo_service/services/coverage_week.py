"""Coverage by the hour over a week: 168 answers, of which only what changes from one to the next is made.

Hours with the same people in the same places at the same speeds are one *state*. From state to state the
travel times are repaired (:mod:`geo_service.roads.repair`), and only places behind what changed are looked
at again. The shares are to the last bit those of 168 single readings.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from numpy.typing import NDArray

from geo_service.model import Mode
from geo_service.roads import kernels_demand
from geo_service.roads.demand import Doors, nearest_at
from geo_service.roads.graph import LONGEST_MS
from geo_service.roads.kernels import NONE
from geo_service.roads.kernels_timed import HOUR_MS, HOURS
from geo_service.roads.repair import LiveTimes
from geo_service.roads.snap import Snaps
from geo_service.services import coverage_places, duty_book
from geo_service.services.coverage_people import People, who_counts
from geo_service.services.coverage_places import PEOPLE, Places
from geo_service.services.coverage_question import Measure, Question
from geo_service.services.coverage_readings import (
    METHOD_VERSION,
    cells_mark,
    cells_words,
    figures,
    settle_question,
    travelled,
)
from geo_service.services.coverage_streets import ModeStreets, Streets, streets_mark, streets_of
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tiling
from geo_service.store import coverage_readings as store
from geo_service.store.database import Database

WEEKS_KEPT = 20
#: Of what the week tells.
MEASURE = Measure.HOUSEHOLDS


@dataclass(frozen=True, eq=False)
class Week:
    """A week by the hour.

    Attributes
    ----------
    monday : date
        Its first day, by the town's clock.
    zone : ZoneInfo
    state : (168,) int64
        State of each hour.
    covered : (states, leaves) float64
        Households of each leaf that are reached within the limit.
    total : (leaves,) float64
        Households of each leaf.
    people : (168,) int64
        How many count.
    """

    id: int
    monday: date
    zone: ZoneInfo
    state: NDArray[np.int64]
    covered: NDArray[np.float64]
    total: NDArray[np.float64]
    people: NDArray[np.int64]

    @property
    def share(self) -> NDArray[np.float64]:
        """Share of all households, hour by hour; NaN where there are none."""
        total = self.total.sum()
        covered = self.covered.sum(axis=1)[self.state]
        out: NDArray[np.float64] = covered / total if total else np.full(HOURS, np.nan)
        return out

    def moment(self, hour: int) -> datetime:
        """Return when an hour of the week begins."""
        return moments(self.monday, self.zone)[hour]

    def as_dict(self) -> dict[str, Any]:
        """Tell the week without its cells."""
        share = self.share
        worst = int(np.nanargmin(share)) if np.isfinite(share).any() else 0
        return {
            "reading_id": self.id,
            "monday": self.monday.isoformat(),
            "timezone": self.zone.key,
            "states": len(self.covered),
            "share": [round(float(x), 6) if np.isfinite(x) else None for x in share],
            "people": self.people.tolist(),
            "worst": {
                "hour": worst,
                "at": self.moment(worst).isoformat(),
                "share": float(share[worst]) if np.isfinite(share[worst]) else None,
            },
        }


def moments(monday: date, zone: ZoneInfo) -> list[datetime]:
    """Return the beginnings of the 168 hours after a Monday's midnight."""
    first = datetime.combine(monday, time(), zone).astimezone(UTC)
    return [(first + timedelta(hours=hour)).astimezone(zone) for hour in range(HOURS)]


def read_week(database: Database, held: Ground, tiling: Tiling, question: Question) -> Week:
    """Return the week in which the moment of the question lies, worked out once for equal inputs.

    Raises
    ------
    InvalidInputError, NotFoundError, ConflictError
        As :func:`geo_service.services.coverage_readings.settle_question`.
    """
    with database.reading() as connection:
        zone = town_zone(connection)
    local = question.at.astimezone(zone).date()
    monday = local - timedelta(days=local.weekday())
    plan = _Plan.of(database, held, tiling, question, moments(monday, zone))
    with database.reading() as connection:
        known = store.find(connection, plan.fingerprint)
    if known is not None:
        return _week(known["id"], monday, zone, known["columns"])
    covered = plan.covered(database, held)
    columns = {
        "state": plan.state,
        "covered": covered,
        "total": plan.places.totals[MEASURE],
        "people": plan.people_of_hour,
    }
    week = _week(0, monday, zone, columns)
    edition = tiling.edition.id
    with database.writing() as connection:
        reading_id = store.store(
            connection,
            kind="week",
            edition_id=edition if edition > 0 else None,
            fingerprint=plan.fingerprint,
            asked=question.as_dict(),
            inputs={
                **cells_words(tiling),
                "closed": plan.streets.closed,
                "pace": plan.streets.pace,
                "marks": plan.marks,
            },
            summary={"worst": week.as_dict()["worst"]},
            columns=columns,
            keep=WEEKS_KEPT,
        )
    return replace(week, id=reading_id)


def _week(reading_id: int, monday: date, zone: ZoneInfo, columns: Mapping[str, NDArray[Any]]) -> Week:
    return Week(
        reading_id, monday, zone, columns["state"], columns["covered"], columns["total"], columns["people"]
    )


@dataclass(frozen=True, eq=False)
class _Plan:
    """What has to be worked out: the states of the week, and everything needed for them.

    Everybody who counts in any hour has a number; ``there`` (states, n) says where each stands then (row of
    ``snaps``), -1 for nowhere.
    """

    question: Question
    tiling: Tiling
    hours: list[datetime]
    streets: Streets
    paces: list[bytes]
    state: NDArray[np.int64]
    first_hour: NDArray[np.int64]
    there: NDArray[np.int64]
    snaps: dict[Mode, Snaps]
    places: Places
    people_of_hour: NDArray[np.int64]
    marks: dict[str, Any]
    fingerprint: bytes

    @classmethod
    def of(
        cls, database: Database, held: Ground, tiling: Tiling, question: Question, hours: list[datetime]
    ) -> "_Plan":
        with database.reading() as connection:
            book = duty_book.write(connection, hours[0], back=timedelta(), ahead=timedelta(hours=HOURS + 1))
            crowds = [who_counts(connection, book, replace(question, at=at)) for at in hours]
            streets = streets_of(connection, held, replace(question, at=hours[0]), book.zone)
        rows, numbers, standing = _standing(tiling, crowds, outside=question.counted.outside)
        modes = {key[1] for key in rows}
        timed = [streets.timed(mode) for mode in Mode if mode in modes] if streets.by_hour else []
        paces = [b"".join(one.key(hour) for one in timed) for hour in range(HOURS)]
        state, first_hour = _states(standing, paces)
        there = np.full((len(first_hour), max(1, len(numbers))), -1, np.int64)
        number = np.array([numbers[key[0]] for key in rows], np.int64)
        for s, hour in enumerate(first_hour.tolist()):
            at = np.array(sorted(standing[hour]), np.int64)
            there[s, number[at]] = at
        snaps = _snapped(streets, list(rows))
        places = coverage_places.places_of(database, held, tiling, PEOPLE, hours[0])
        counted = np.zeros(len(rows), np.bool_)
        for one in snaps.values():
            counted |= one.snapped
        people = np.array([int(counted[sorted(ids)].sum()) if ids else 0 for ids in standing], np.int64)
        marks = {
            "people": _crowd_mark(snaps, there, state),
            "streets": streets_mark(streets, sorted(snaps)).hex(),
            "cells": cells_mark(tiling),
            "places": places.mark.hex(),
            "limit_s": question.limit_s,
            "border": question.counted.border,
        }
        mark = orjson.dumps([METHOD_VERSION, "week", marks], option=orjson.OPT_SORT_KEYS)
        return cls(
            question,
            tiling,
            hours,
            streets,
            paces,
            state,
            first_hour,
            there,
            snaps,
            places,
            people,
            marks,
            hashlib.sha256(mark).digest(),
        )

    def covered(self, database: Database, held: Ground) -> NDArray[np.float64]:
        """Return the households reached in each state, (states, leaves)."""
        out = np.zeros((len(self.first_hour), len(self.places.ptr) - 1))
        # within the hour a frozen graph is exact
        is_plain = self.question.counted.border is None and (
            not self.streets.by_hour or self.question.limit_s <= HOUR_MS // 1000
        )
        if not is_plain:
            for s, hour in enumerate(self.first_hour.tolist()):
                one = replace(self.question, at=self.hours[hour], measures=(MEASURE,))
                setting = settle_question(database, held, self.tiling, one, servers=False)
                out[s] = figures(setting, travelled(held, setting))[f"{MEASURE.value}_1"]
            return out
        for s, label in self._labels(held):
            within = np.empty((out.shape[1], 1))
            kernels_demand.sums_within(
                self.places.ptr,
                self.places.order,
                self.places.weights[MEASURE],
                label[:, None],
                self.question.limit_s * 1000,
                within,
            )
            out[s] = within[:, 0]
        return out

    def _labels(self, held: Ground) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Give each state the time of the soonest at each place, as labels; states of one pace in a row."""
        bound_ms = min(self.question.limit_s * 1000, LONGEST_MS)
        by_pace: dict[bytes, list[int]] = {}
        for s, hour in enumerate(self.first_hour.tolist()):
            by_pace.setdefault(self.paces[hour], []).append(s)
        for states in by_pace.values():
            streets = self.streets.later(int(self.first_hour[states[0]]))
            crews = []
            for mode, snaps in self.snaps.items():
                one = streets.modes(mode)
                doors = coverage_places.doors_of(
                    held, self.places, one.built, one.snapper, streets.network_id
                )
                crews.append(_Crew(one, doors, snaps, count=self.there.shape[1], bound_ms=bound_ms))
            for s in states:
                best = np.full(len(self.places), NONE, np.int64)
                for crew in crews:
                    np.minimum(best, crew.stand(self.there[s]), out=best)
                yield s, best


class _Crew:
    """Those who travel in one mode, and the times that they make."""

    def __init__(
        self,
        one: ModeStreets,
        doors: Doors,
        snaps: Snaps,
        *,
        count: int,
        bound_ms: int,
    ) -> None:
        self._bound_ms = bound_ms
        self._live = LiveTimes(one.now, count, bound_ms=self._bound_ms)
        self._snaps = snaps
        self._at = np.full(count, -1, np.int64)
        self._doors = doors if one.built is one.now else coverage_places.doors_now(doors, one.now)
        self._label = np.full(len(doors), NONE, np.int64)

    def stand(self, there: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put everybody where he stands now (row of the snaps, -1 nowhere); return the labels of places."""
        edge = np.append(self._snaps.edge, np.int32(-1))
        # of another mode, or far from every street: nowhere
        wanted = np.where(edge[there] >= 0, there, -1)
        who = np.flatnonzero(wanted != self._at)
        if not len(who):
            return self._label
        stood = self._live.sources.edge[who].copy()
        touched = self._live.move(who, _rows(self._snaps, wanted[who]))
        self._at = wanted
        edges = np.concatenate([stood, self._live.sources.edge[who]])
        near = self._doors.behind(touched, edges)
        return nearest_at(
            self._doors,
            self._live.labels,
            self._live.sources,
            bound_ms=self._bound_ms,
            points=near,
            out=self._label,
        )


def _rows(snaps: Snaps, rows: NDArray[np.int64]) -> Snaps:
    """Return snaps by row, nowhere for -1."""
    out = snaps.take(np.maximum(rows, 0))
    out.edge[rows < 0] = -1
    return out


def _snapped(streets: Streets, rows: list[tuple[Any, ...]]) -> dict[Mode, Snaps]:
    """Return by mode where each row starts, its delay included in the walk; rows of other modes nowhere."""
    if not rows:
        return {}
    places = np.array([key[2:4] for key in rows], float)
    modes = np.empty(len(rows), object)
    modes[:] = [key[1] for key in rows]
    delay_ms = np.array([key[4] for key in rows], np.int64)
    out = {}
    for mode in coverage_places.all_modes(modes):
        one = streets.modes(mode)
        snaps = one.snapper.snap(np.where((modes == mode)[:, None], places, np.nan), MAX_ACCESS_M)
        if one.built is not one.now:
            snaps = coverage_places.doors_now(Doors.of(one.built, snaps), one.now).snaps
        late = np.minimum(snaps.access_ms + delay_ms, np.iinfo(np.int32).max).astype(np.int32)
        out[mode] = replace(snaps, access_ms=late)
    return out


def _standing(
    tiling: Tiling, crowds: list[People], *, outside: bool
) -> tuple[dict[tuple[Any, ...], int], dict[str, int], list[frozenset[int]]]:
    """Give numbers to the places where anybody ever stands and to people; tell who stands where by the hour.

    A place is (code, mode, longitude, latitude, delay).
    """
    rows: dict[tuple[Any, ...], int] = {}
    numbers: dict[str, int] = {}
    standing: list[frozenset[int]] = []
    met: dict[tuple[Any, ...], frozenset[int]] = {}
    for crowd in crowds:
        whole = (tuple(crowd.codes), crowd.lonlat_deg.tobytes())
        if whole not in met:
            kept = crowd
            if not outside:
                leaf, _ = tiling.index.leaf_of(crowd.lonlat_deg)
                kept = crowd.but(leaf >= 0)
            for code in kept.codes:
                numbers.setdefault(code, len(numbers))
            columns = (kept.modes.tolist(), *kept.lonlat_deg.T.tolist(), kept.delay_ms.tolist())
            keys = zip(kept.codes, *columns, strict=True)
            met[whole] = frozenset(rows.setdefault(key, len(rows)) for key in keys)
        standing.append(met[whole])
    return rows, numbers, standing


def _states(
    standing: list[frozenset[int]], paces: list[bytes]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the state of each hour and the first hour of each state."""
    known: dict[tuple[frozenset[int], bytes], int] = {}
    state = [known.setdefault(key, len(known)) for key in zip(standing, paces, strict=True)]
    numbers = np.array(state, np.int64)
    _, first = np.unique(numbers, return_index=True)
    return numbers, first.astype(np.int64)


def _crowd_mark(snaps: dict[Mode, Snaps], there: NDArray[np.int64], state: NDArray[np.int64]) -> str:
    """Return a digest of who stands where, hour by hour."""
    crowd = hashlib.sha256(there.tobytes() + state.tobytes())
    for mode in sorted(snaps):
        one = snaps[mode]
        crowd.update(mode.value.encode() + one.edge.tobytes() + one.fraction.tobytes())
        crowd.update(one.access_ms.tobytes())
    return crowd.hexdigest()
