"""The book of duty in memory: who is who, and when each is on duty."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geo_service.model import Mode
from geo_service.services import rostering
from geo_service.staffing.roster import Shift
from geo_service.store import duty_book as store
from geo_service.store.database import Connection, Database

log = logging.getLogger("geo_service.duty")

#: How far back and ahead shifts are written out.
BACK = timedelta(hours=36)
AHEAD = timedelta(hours=1)
#: A book is written anew when it knows less than this of the time to come.
LEAST_AHEAD_S = 300.0
#: How often it is looked whether the roster changed.
LOOK_S = 5.0
#: On one line of time for all people, each has a stretch of three years: what a book knows is days.
_STRETCH_S = 1e8


@dataclass(frozen=True, slots=True)
class Team:
    """Several people who are sent as one.

    ``members`` are rows of the book, the lead first; ``least`` of them make the team ready.
    """

    code: str
    name: str
    least: int
    members: tuple[int, ...]
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans of time of people, by row and start: ``row`` (k,), ``start_s``, ``end_s`` (k,) Unix seconds.

    ``post`` (k,) is the id of the post, -1 for none.
    """

    row: NDArray[np.int64]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    post: NDArray[np.int64]

    @classmethod
    def of(cls, shifts: Sequence[Shift], row_of_id: dict[int, int]) -> "Spans":
        """Write shifts out as arrays; those of people not in the book are left out."""
        known = [one for one in shifts if one.responder_id in row_of_id]
        row = np.array([row_of_id[one.responder_id] for one in known], np.int64)
        start = np.array([one.start.timestamp() for one in known], np.float64)
        end = np.array([one.end.timestamp() for one in known], np.float64)
        post = np.array([-1 if one.post_id is None else one.post_id for one in known], np.int64)
        order = np.lexsort((end, start, row))
        return cls(row[order], start[order], end[order], post[order])

    def joined(self) -> "Spans":
        """Return the spans of each person with those that touch or overlap made one."""
        if not len(self.row):
            return self
        reach = np.maximum.accumulate(self._on_one_line(self.row, self.end_s))
        begins = np.concatenate([[True], self._on_one_line(self.row, self.start_s)[1:] > reach[:-1]])
        first = np.flatnonzero(begins)
        ends_s = np.maximum.reduceat(self.end_s, first)
        return Spans(self.row[first], self.start_s[first], ends_s, np.full(len(first), -1, np.int64))

    def holding(self, row: NDArray[np.int64], at_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return for each person and moment which of *joined* spans holds it, -1 for none."""
        if not len(self.row):
            return np.full(len(row), -1, np.int64)
        starts = self._on_one_line(self.row, self.start_s)
        at = np.searchsorted(starts, self._on_one_line(row, at_s), side="right") - 1
        sure = np.maximum(at, 0)
        holds = (at >= 0) & (self.row[sure] == row) & (self.start_s[sure] <= at_s) & (at_s < self.end_s[sure])
        return np.where(holds, at, -1)

    def _on_one_line(self, row: NDArray[np.int64], at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put moments of all people on one line, person after person; to a tenth of a millisecond."""
        since_first = at_s - self.start_s.min()
        line: NDArray[np.float64] = row * _STRETCH_S + np.clip(since_first, 0.0, 0.9 * _STRETCH_S)
        return line


@dataclass(frozen=True, slots=True, eq=False)
class Duty:
    """Who is on duty at a moment, one entry for each row of the book.

    Attributes
    ----------
    on : (n,) bool
    ends_s : (n,) float64
        Unix seconds at which the time on duty is over.
    rested_s : (n,) float64
        How long he was off before it, infinite when longer than the book looks back.
    post : (n,) int64
        Id of the post to which he is bound, -1 for none.
    post_ends_s : (n,) float64
        Until when; NaN for who is bound to none.
    next_post : (n,) int64
        The post at which his next time begins, -1 for none that the book knows.
    next_post_s : (n,) float64
        When; NaN for none.
    """

    on: NDArray[np.bool_]
    ends_s: NDArray[np.float64]
    rested_s: NDArray[np.float64]
    post: NDArray[np.int64]
    post_ends_s: NDArray[np.float64]
    next_post: NDArray[np.int64]
    next_post_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Book:
    """Everybody, by code, and when each is on duty between two moments. Immutable.

    Attributes
    ----------
    ids, codes, names, roles, modes, capabilities
        Of each person; the position in them is his *row*.
    base_deg : (n, 2) float64
        His base, EPSG:4326; NaN without one.
    spans : Spans
        Every shift and time at a post between ``from_s`` and ``until_s``.
    held_row, held_cell : (k,) int64
        Who holds which cell (its id).
    post_deg : mapping of int to (lon, lat)
        Where the posts are.
    post_name : mapping of int to str
    teams : tuple of Team
    zone : ZoneInfo
        In which the town tells its moments.
    """

    ids: NDArray[np.int64]
    codes: list[str]
    names: list[str]
    roles: list[str]
    modes: list[Mode]
    capabilities: list[frozenset[str]]
    base_deg: NDArray[np.float64]
    spans: Spans
    held_row: NDArray[np.int64]
    held_cell: NDArray[np.int64]
    post_deg: dict[int, tuple[float, float]]
    post_name: dict[int, str]
    teams: tuple[Team, ...]
    zone: ZoneInfo
    from_s: float
    until_s: float

    def __len__(self) -> int:
        """Count of people."""
        return len(self.codes)

    @cached_property
    def row_of_code(self) -> dict[str, int]:
        """Row of each person by code."""
        return {code: row for row, code in enumerate(self.codes)}

    @cached_property
    def row_of_id(self) -> dict[int, int]:
        """Row of each person by id."""
        return {int(key): row for row, key in enumerate(self.ids)}

    @cached_property
    def joined(self) -> Spans:
        """When each is on duty, without a break between shifts that touch."""
        return self.spans.joined()

    @cached_property
    def in_mode(self) -> dict[Mode, NDArray[np.bool_]]:
        """Who travels how."""
        modes = np.array(self.modes, dtype=object)
        return {mode: modes == mode for mode in Mode}

    def able(self, wanted: Iterable[str]) -> NDArray[np.bool_]:
        """Tell who has all of the capabilities."""
        out = np.ones(len(self), np.bool_)
        for one in wanted:
            out &= self._having(one)
        return out

    def _having(self, capability: str) -> NDArray[np.bool_]:
        if capability not in self._able:
            has = np.fromiter((capability in own for own in self.capabilities), np.bool_, len(self))
            if len(self._able) > 200:  # words come from callers too
                self._able.clear()
            self._able[capability] = has
        return self._able[capability]

    @cached_property
    def _able(self) -> dict[str, NDArray[np.bool_]]:
        return {}

    def on_duty(self, row: NDArray[np.int64], at_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for each person and moment whether he is on duty then."""
        return self.joined.holding(row, at_s) >= 0

    def duty(self, at_s: float) -> Duty:
        """Return who is on duty at a moment."""
        rows = np.arange(len(self), dtype=np.int64)
        span = self.joined.holding(rows, np.full(len(self), at_s))
        on, sure = span >= 0, np.maximum(span, 0)
        ends_s, rested_s = np.full(len(self), np.nan), np.full(len(self), np.inf)
        if len(self.joined.row):
            ends_s = np.where(on, self.joined.end_s[sure], np.nan)
            before = np.maximum(sure - 1, 0)
            has_before = on & (sure > 0) & (self.joined.row[before] == rows)
            rested_s[has_before] = (self.joined.start_s[sure] - self.joined.end_s[before])[has_before]
        return Duty(on, ends_s, rested_s, *self._at_posts(at_s))

    def _at_posts(self, at_s: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return post and its end for those bound to one at a moment, and the next post and its start."""
        spans, n = self.spans, len(self)
        post, next_post = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        ends_s, next_s = np.full(n, np.nan), np.full(n, np.nan)
        bound = np.flatnonzero((spans.post >= 0) & (spans.start_s <= at_s) & (at_s < spans.end_s))
        post[spans.row[bound]], ends_s[spans.row[bound]] = spans.post[bound], spans.end_s[bound]
        # backwards: of several the earliest is written last
        later = np.flatnonzero((spans.post >= 0) & (spans.start_s > at_s))[::-1]
        next_post[spans.row[later]], next_s[spans.row[later]] = spans.post[later], spans.start_s[later]
        return post, ends_s, next_post, next_s

    def covers(self, at_s: float) -> bool:
        """Tell whether the book knows a moment."""
        return self.from_s <= at_s < self.until_s


def write(connection: Connection, at: datetime, *, back: timedelta = BACK, ahead: timedelta = AHEAD) -> Book:
    """Write the book about a moment."""
    people = store.responders(connection, at)
    row_of_id = {int(key): row for row, key in enumerate(people["id"])}
    shifts = rostering.shifts_between(connection, at - back, at + ahead)
    held = [(row_of_id[one[0]], one[1]) for one in store.held_cells(connection, at) if one[0] in row_of_id]
    posts = store.posts(connection)
    return Book(
        ids=people["id"].to_numpy(dtype=np.int64),
        codes=[str(code) for code in people["code"]],
        names=[str(name) for name in people["name"]],
        roles=[str(role) for role in people["role"]],
        modes=[Mode(mode) for mode in people["mode"]],
        capabilities=[frozenset(map(str, words)) for words in people["capabilities"]],
        base_deg=people[["lon", "lat"]].to_numpy(dtype=float),
        spans=Spans.of(shifts, row_of_id),
        held_row=np.array([row for row, _ in held], np.int64),
        held_cell=np.array([cell for _, cell in held], np.int64),
        post_deg={one.id: (one.lon, one.lat) for one in posts},
        post_name={one.id: one.name for one in posts},
        teams=_teams(store.teams(connection, at), row_of_id),
        zone=rostering.town_zone(connection),
        from_s=(at - back).timestamp(),
        until_s=(at + ahead).timestamp(),
    )


def _teams(rows: Sequence[Any], row_of_id: dict[int, int]) -> tuple[Team, ...]:
    made: dict[str, Team] = {}
    for code, name, capabilities, least, responder_id in rows:
        if responder_id not in row_of_id:
            continue
        before = made[code].members if code in made else ()
        made[code] = Team(code, name, least, (*before, row_of_id[responder_id]), frozenset(capabilities))
    return tuple(made.values())


class DutyBooks:
    """The book of now, written anew when the roster changed or the time it knows runs out.

    Thread-safe. One thread writes, those who have a book that covers their moment go on with it.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._writing = threading.Lock()
        self._book: Book | None = None
        self._mark: str | None = None
        self._looked_at = float("-inf")
        self._on_duty: tuple[Book | None, int, frozenset[int]] = (None, 0, frozenset())

    def forget(self) -> None:
        """Look again at the next question: this process has just changed the roster."""
        self._mark = None
        self._looked_at = float("-inf")

    def get(self) -> Book:
        """Return the book; it is some seconds behind changes made elsewhere."""
        book = self._book
        if book is not None and not self._is_due(book):
            return book
        if book is not None and book.covers(self._clock()) and self._mark is not None:
            # good enough for this caller if another is at it already
            if not self._writing.acquire(blocking=False):
                return book
        else:
            self._writing.acquire()
        try:
            return self._renewed()
        finally:
            self._writing.release()

    def ids_on_duty(self) -> frozenset[int]:
        """Return the ids of those on duty now, to the second."""
        book, second = self.get(), int(self._clock())
        of, at, ids = self._on_duty
        if of is not book or at != second:
            rows = np.arange(len(book), dtype=np.int64)
            ids = frozenset(book.ids[book.on_duty(rows, np.full(len(book), float(second)))].tolist())
            self._on_duty = book, second, ids
        return ids

    def _is_due(self, book: Book) -> bool:
        now = self._clock()
        # a clock that was set back must not keep us from looking
        return abs(now - self._looked_at) > LOOK_S or not book.covers(now + LEAST_AHEAD_S)

    def _renewed(self) -> Book:
        if self._book is not None and not self._is_due(self._book):
            return self._book  # another thread has just done it
        now = self._clock()
        with self._database.glancing() as connection:
            mark = store.change_mark(connection)  # before what it stands for
        with self._database.reading() as connection:
            if self._book is None or mark != self._mark or not self._book.covers(now + LEAST_AHEAD_S):
                began = time.perf_counter()
                self._book = write(connection, datetime.fromtimestamp(now, UTC))
                log.info("book of %d people in %.2f s", len(self._book), time.perf_counter() - began)
        self._mark, self._looked_at = mark, now
        return self._book
