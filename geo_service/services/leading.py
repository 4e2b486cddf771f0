"""What a town's leadership looks at, in a few answers: tiles, cells of the map, a week, a cell's card.

What changes with each report is worked out anew when an event was announced; what hangs on the roster and the
streets once a minute; however many screens ask. The figures themselves are those of the other services.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from geo_service.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    TimedOutError,
    UnavailableError,
    Words,
)
from geo_service.model import Mode
from geo_service.services import lead_card, lead_patrols, lead_readings, lead_summary, rounds, route_weeks
from geo_service.services.coverage import STANDARD_MODE
from geo_service.services.coverage_question import Measure, Question
from geo_service.services.coverage_readings import Reading, read_coverage
from geo_service.services.coverage_week import Week, read_week
from geo_service.services.ground import Ground
from geo_service.services.keeping import Keeper
from geo_service.services.lead_area import Area, area_of
from geo_service.services.lead_readings import FROM_DATABASE, Kind, Subject
from geo_service.services.rostering import Timetable, on_duty, timetable, town_zone
from geo_service.services.staffed_cells import Cells
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store import outbox
from geo_service.store.database import Connection, Database

#: A clock runs out without any event: what waits is counted again after so many seconds.
LIVE_S = 15
#: Clocks are told of the days before, and held against as many days before these.
CLOCK_DAYS = 7
LONGEST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Look:
    """Who asks for what: a cell by code (None: all that he sees), at which moment (None: now).

    ``mode`` is how people travel for coverage; None: each his own way.
    """

    code: str | None = None
    level: str | None = None
    at: datetime | None = None
    scope: frozenset[int] = frozenset()
    mode: Mode | None = STANDARD_MODE


@dataclass(frozen=True, slots=True)
class _Sight:
    """A look settled: area, moment to the minute, zone, mode; ``key`` names what figures hang on."""

    area: Area
    at: datetime
    zone: ZoneInfo
    mode: Mode | None

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.area.tiling.edition.id, self.area.roots, self.at)


@dataclass(eq=False)
class Leading:
    """Answers for the page of those who lead, each worked out once for all who look."""

    database: Database
    tilings: Tilings
    ground: Ground
    _kept: Keeper = field(default_factory=Keeper)

    def view(self, look: Look) -> dict[str, Any]:
        """Return the area of a look and its levels, each with the number of its cells.

        Raises
        ------
        NotFoundError, ForbiddenError
            As :meth:`summary`.
        """
        area = self._sight(look).area
        return {
            "cell": area.told(),
            "levels": [{"code": level, "cells": len(area.rows_at(level))} for level in area.levels()],
        }

    def summary(self, look: Look) -> dict[str, Any]:
        """Return the figures of all tiles for an area.

        Without streets, or without anybody to come, ``coverage`` is None and ``coverage_problem`` says why.

        Raises
        ------
        NotFoundError
            Nothing is in force, or there is no such cell.
        ForbiddenError
            The cell lies outside the scope.
        """
        sight = self._sight(look)
        area, at, zone = sight.area, sight.at, sight.zone
        out: dict[str, Any] = {
            "at": at.astimezone(zone).isoformat(),
            "timezone": zone.key,
            "edition": area.tiling.edition.id,
            "cell": area.told(),
            "levels": area.levels(),
            "facts": lead_summary.cell_facts(area, self.ground.land_and_people(area.tiling)),
        }
        out["coverage"], out["coverage_problem"] = self._coverage(sight)
        out["staff"] = lead_summary.staff(area, self._duty(at))
        out["posts"] = {"hours": self._posts(sight)}
        out["vacancies"] = self._each_minute("lacking", sight, lead_summary.lacking, area, at)
        out["clocks"] = self._each_minute("clocks", sight, _clocks, area, at)
        out["patrol"] = self._each_minute("patrol", sight, lead_summary.patrol, area, at, zone)
        out |= self._kept.get(("live", *sight.key, *self._pulse()), lambda: self._live(sight))
        return out

    def cells(self, look: Look, level: str, kind: Kind) -> bytes:
        """Return a reading of the cells of a level in an area, with classes and colours, as JSON.

        Raises
        ------
        NotFoundError, ForbiddenError
            As :meth:`summary`, and there is no such level.
        ConflictError
            No road network has been imported, and the reading needs one.
        """
        sight = self._sight(look)
        self._require_level(sight.area, level)
        subject = Subject(
            sight.area, level, sight.at, sight.zone, self.ground.land_and_people(sight.area.tiling)
        )
        mark = self._pulse() if kind in {Kind.OVERDUE, Kind.INCIDENTS} else ()

        def make() -> bytes:
            if kind is Kind.COVERAGE:
                return lead_readings.coverage(subject, self._reading(sight))
            if kind is Kind.DEPTH:
                return lead_readings.depth(subject, self._reading(sight))
            with self.database.reading() as connection:
                return FROM_DATABASE[kind](subject, connection)

        made: bytes = self._kept.get(("cells", kind, level, sight.mode, *sight.key, *mark), make)
        return made

    def week(self, look: Look, level: str) -> tuple[int, dict[str, Any]]:
        """Return the number of the kept reading of a week, and the shares of a level's cells in its hours.

        Raises
        ------
        NotFoundError, ForbiddenError, ConflictError
            As :meth:`cells`.
        """
        sight = self._sight(look)
        self._require_level(sight.area, level)
        week = self._week(sight)
        key = ("week cells", level, sight.mode, week.id, week.monday, *sight.key[:2])
        return week.id, self._kept.get(key, lambda: lead_readings.week_of_cells(sight.area, level, week))

    def card(self, look: Look) -> dict[str, Any]:
        """Return one cell in full: who answers, who works, land, people, incidents, borders.

        Raises
        ------
        InvalidInputError
            No cell is named.
        NotFoundError, ForbiddenError
            As :meth:`summary`.
        """
        if look.code is None:
            words = Words("name a cell", "请给出网格编码")
            raise InvalidInputError(words, [Fault("cell", words)])
        sight = self._sight(look)
        facts = lead_summary.cell_facts(sight.area, self.ground.land_and_people(sight.area.tiling))
        coverage, problem = self._coverage(sight)
        with self.database.reading() as connection:
            told = lead_card.card(
                connection, self.tilings, sight.area, sight.at, sight.zone, scope=look.scope
            )
        return {**told, "facts": facts, "coverage": coverage, "coverage_problem": problem}

    def figures(self, look: Look, first: date, last: date) -> dict[str, Any]:
        """Return the figures of an area over some local days, both ends included, for a comparison.

        Coverage is that of the week in which the first day lies, over those of its hours in the span.

        Raises
        ------
        InvalidInputError
            The span is backwards, or longer than :data:`LONGEST_DAYS` days.
        NotFoundError, ForbiddenError
            As :meth:`summary`.
        """
        if not first <= last <= first + timedelta(days=LONGEST_DAYS):
            words = Words(
                f"give a first day and a last one, at most {LONGEST_DAYS} days",
                f"起止日期须有序，且不超过 {LONGEST_DAYS} 天",
            )
            raise InvalidInputError(words, [Fault("to", words, value=last.isoformat())])
        sight = self._sight(look)
        start = datetime(first.year, first.month, first.day, tzinfo=sight.zone)
        until = datetime(last.year, last.month, last.day, tzinfo=sight.zone) + timedelta(days=1)
        facts = lead_summary.cell_facts(sight.area, self.ground.land_and_people(sight.area.tiling))
        try:
            week = self._week(replace(sight, at=start))
        except ConflictError:
            week = None
        with self.database.reading() as connection:
            told = lead_card.span(connection, sight.area, start, until, week)
        return {
            "cell": sight.area.told(),
            "facts": facts,
            "from": first.isoformat(),
            "to": last.isoformat(),
            **told,
        }

    def routes(self, look: Look) -> dict[str, Any]:
        """Return the fixed routes whose cell lies in an area, with the turns of the week, most behind first.

        Raises
        ------
        NotFoundError, ForbiddenError
            As :meth:`summary`.
        """
        sight = self._sight(look)

        def made(connection: Connection) -> dict[str, Any]:
            return route_weeks.of_week(connection, sight.area, sight.at, rounds.rules(connection))

        found: dict[str, Any] = self._each_minute("routes", sight, made)
        return found

    def patrols(self, look: Look, level: str) -> dict[str, Any]:
        """Return where the last days' patrols went against where incidents were, by cells of a level.

        Raises
        ------
        NotFoundError, ForbiddenError
            As :meth:`summary`, and there is no such level.
        """
        sight = self._sight(look)
        self._require_level(sight.area, level)
        found: dict[str, Any] = self._each_minute(
            f"patrols {level}", sight, lead_patrols.balance, sight.area, level, sight.at, sight.zone
        )
        return found

    # ------------------------------------------------------------------------------------------ parts

    def _sight(self, look: Look) -> _Sight:
        at = (look.at or datetime.now(UTC)).replace(second=0, microsecond=0)
        tiling = self.tilings.get(look.at)
        key = (tiling.edition.id, look.code, look.level, look.scope)
        area: Area = self._kept.get(
            ("area", *key), lambda: area_of(self._cells(tiling), look.code, look.level, look.scope)
        )
        return _Sight(area, at, self._kept.get(("zone", at), self._zone), look.mode)

    def _cells(self, tiling: Tiling) -> Cells:
        made: Cells = self._kept.get(("cells of", tiling.edition.id), lambda: Cells(tiling))
        return made

    def _zone(self) -> ZoneInfo:
        with self.database.reading() as connection:
            return town_zone(connection)

    def _pulse(self) -> tuple[int, int]:
        """Return what changes with every event, and every few seconds."""
        with self.database.reading() as connection:
            _, last = outbox.reach(connection)
        return last, int(datetime.now(UTC).timestamp() // LIVE_S)

    def _live(self, sight: _Sight) -> dict[str, Any]:
        with self.database.reading() as connection:
            return {
                "queue": lead_summary.waiting(connection, sight.area),
                "incidents": lead_summary.incidents_of_day(connection, sight.area, sight.at, sight.zone),
            }

    def _each_minute(self, name: str, sight: _Sight, make: Callable[..., Any], *given: Any) -> Any:
        def made() -> Any:
            with self.database.reading() as connection:
                return make(connection, *given)

        return self._kept.get((name, *sight.key), made)

    def _duty(self, at: datetime) -> pd.DataFrame:
        def made() -> pd.DataFrame:
            with self.database.reading() as connection:
                return on_duty(connection, at)

        found: pd.DataFrame = self._kept.get(("duty", at), made)
        return found

    def _posts(self, sight: _Sight) -> list[dict[str, int]]:
        """Return the hours of the moment's week within which posts in the area are kept."""
        local = sight.at.astimezone(sight.zone).date()
        monday = local - timedelta(days=local.weekday())
        begins = datetime(monday.year, monday.month, monday.day, tzinfo=sight.zone).astimezone(UTC)
        quarter = int(datetime.now(UTC).timestamp() // 900)

        def week() -> Timetable:
            with self.database.reading() as connection:
                return timetable(connection, begins, begins + lead_summary.WEEK)

        def made() -> list[dict[str, int]]:
            times = self._kept.get(("timetable", monday, quarter), week)
            return lead_summary.posts_kept(sight.area, times.working, times.places, begins)

        edition = sight.area.tiling.edition.id
        hours: list[dict[str, int]] = self._kept.get(
            ("posts", edition, sight.area.roots, monday, quarter), made
        )
        return hours

    def _coverage(self, sight: _Sight) -> tuple[dict[str, Any] | None, str | None]:
        """Return the coverage of an area, or None and why there is none."""
        try:
            reading, week = self._reading(sight), self._week(sight)
        except (ConflictError, UnavailableError, TimedOutError) as problem:
            return None, str(problem)
        return lead_summary.coverage(sight.area, reading, week, sight.at), None

    def _reading(self, sight: _Sight) -> Reading:
        """Return the reading of the whole town at a moment: areas of it are parts of one."""
        tiling = sight.area.tiling
        question = Question(sight.at, mode=sight.mode, measures=(Measure.HOUSEHOLDS,))
        made: Reading = self._kept.get(
            ("reading", tiling.edition.id, sight.at, sight.mode),
            lambda: read_coverage(self.database, self.ground, tiling, question),
        )
        return made

    def _week(self, sight: _Sight) -> Week:
        """Return the week in which a moment lies, looked at anew every quarter of an hour for its roster."""
        tiling = sight.area.tiling
        local = sight.at.astimezone(sight.zone).date()
        monday = local - timedelta(days=local.weekday())
        question = Question(sight.at, mode=sight.mode, measures=(Measure.HOUSEHOLDS,))
        quarter = int(datetime.now(UTC).timestamp() // 900)
        made: Week = self._kept.get(
            ("week", tiling.edition.id, monday, quarter, sight.mode),
            lambda: read_week(self.database, self.ground, tiling, question),
        )
        return made

    @staticmethod
    def _require_level(area: Area, level: str) -> None:
        area.tiling.at_level(level)
        if level not in area.levels():
            words = Words(
                f"the level {level} lies above what is looked at", "该层级高于所看的范围，请选择更低的层级"
            )
            raise InvalidInputError(words, [Fault("level", words, value=level)])


def _clocks(connection: Connection, area: Area, at: datetime) -> dict[str, Any]:
    """Return how clocks were kept in the last days, and in as many days before."""
    span = timedelta(days=CLOCK_DAYS)
    until = at + timedelta(minutes=1)
    return {
        "days": CLOCK_DAYS,
        "now": lead_summary.clocks(connection, area, until - span, until),
        "before": lead_summary.clocks(connection, area, until - 2 * span, until - span),
    }
