"""Who counts for coverage at a moment, and where each of them starts."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.services.coverage_question import Changes, Counted, Positions, Question
from geo_service.services.duty_book import Book
from geo_service.store import coverage_people as store
from geo_service.store.database import Connection

#: A position older than this says no more where somebody is.
FRESH = timedelta(minutes=15)
#: What a station needs before its car sets out.
TURNOUT_MS = 60_000


@dataclass(frozen=True, eq=False)
class People:
    """Those who count, in a fixed order: by code, then stations, then who was added.

    Attributes
    ----------
    codes : list of str
        Of people and stations; ``+1``, ``+2`` … for those added.
    lonlat_deg : (n, 2) float64
        Where each starts, EPSG:4326.
    modes : (n,) object
        :class:`~geo_service.model.Mode` of each.
    delay_ms : (n,) int64
        Before he sets out.
    told : dict
        Counts: on_duty, pinned, busy, not_capable, no_place, stations, added, seen.
    """

    codes: list[str]
    lonlat_deg: NDArray[np.float64]
    modes: NDArray[np.object_]
    delay_ms: NDArray[np.int64]
    told: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count of them."""
        return len(self.codes)

    def but(self, keep: NDArray[np.bool_]) -> "People":
        """Return some of them."""
        codes = [code for code, kept in zip(self.codes, keep.tolist(), strict=True) if kept]
        return People(codes, self.lonlat_deg[keep], self.modes[keep], self.delay_ms[keep], self.told)


def who_counts(connection: Connection, book: Book, question: Question) -> People:
    """Return who counts at the moment of the question, its changes made.

    Raises
    ------
    InvalidInputError
        A change names somebody whom nobody knows.
    """
    places, told = _whereabouts(connection, book, question)
    counts = _eligible(connection, book, question, told)
    moved = {one.code: (one.lon, one.lat) for one in question.changes.move}
    _refuse_strangers(book, question.changes)
    for code, place in moved.items():
        places[book.row_of_code[code]] = place
        counts[book.row_of_code[code]] = True
    for code in question.changes.remove:
        counts[book.row_of_code[code]] = False
    known = np.isfinite(places).all(axis=1)
    told["no_place"] = int((counts & ~known).sum())
    rows = np.flatnonzero(counts & known)
    own = np.array(book.modes, dtype=object)[rows]
    people = People(
        [book.codes[row] for row in rows.tolist()], places[rows], own, np.zeros(len(rows), np.int64), told
    )
    people = _joined(people, _stations(connection, question.counted), "stations")
    people = _joined(people, _added(question.changes), "added")
    if question.mode is not None:
        people.modes[:] = question.mode
    return people


def _whereabouts(
    connection: Connection, book: Book, question: Question
) -> tuple[NDArray[np.float64], dict[str, int]]:
    """Return where everybody is taken to be: base, the post he stands at, or where he was seen."""
    places = book.base_deg.copy()
    duty = book.duty(question.at.timestamp())
    for row in np.flatnonzero(duty.post >= 0).tolist():
        places[row] = book.post_deg.get(int(duty.post[row]), (np.nan, np.nan))
    told = {}
    if question.positions is Positions.ACTUAL:
        rows = store.seen(connection, question.at - FRESH, question.at)
        known = [(book.row_of_id.get(one.responder_id, -1), one) for one in rows]
        known = [(row, one) for row, one in known if row >= 0]
        for row, one in known:
            places[row] = (one.lon, one.lat)
        told["seen"] = int(sum(bool(duty.on[row]) for row, _ in known))
    return places, told


def _eligible(
    connection: Connection,
    book: Book,
    question: Question,
    told: dict[str, int],
) -> NDArray[np.bool_]:
    """Return who counts before any change; tell why others do not."""
    counted, duty = question.counted, book.duty(question.at.timestamp())
    on, pinned = duty.on, duty.post >= 0
    told |= {"on_duty": int(on.sum()), "pinned": int((on & pinned).sum())}
    counts = on if counted.pinned else on & ~pinned
    if counted.free:
        sent = store.busy(connection, question.at)
        busy = np.isin(book.ids, np.array(sorted(sent), np.int64))
        told["busy"] = int((counts & busy).sum())
        counts = counts & ~busy
    if counted.capabilities:
        able = book.able(counted.capabilities)
        told["not_capable"] = int((counts & ~able).sum())
        counts = counts & able
    return counts.copy()


def _refuse_strangers(book: Book, changes: Changes) -> None:
    words = Words("nobody has this code", "没有这个编号的人员")
    named = [("remove", code) for code in changes.remove] + [("move", one.code) for one in changes.move]
    faults = [Fault(field_, words, value=code) for field_, code in named if code not in book.row_of_code]
    if faults:
        raise InvalidInputError(Words("some people are not known", "有未知人员"), faults)


@dataclass(frozen=True, slots=True)
class _Others:
    """Who counts beside the people of the roster."""

    codes: list[str]
    places: list[tuple[float, float]]
    modes: list[Mode]
    delay_ms: int = 0


def _stations(connection: Connection, counted: Counted) -> _Others:
    if counted.stations is None:
        return _Others([], [], [])
    rows = store.stations(connection, counted.stations)
    places = [(one.lon, one.lat) for one in rows]
    return _Others([one.code for one in rows], places, [Mode.CAR] * len(rows), TURNOUT_MS)


def _added(changes: Changes) -> _Others:
    codes = [f"+{i}" for i in range(1, len(changes.add) + 1)]
    return _Others(codes, [(one.lon, one.lat) for one in changes.add], [one.mode for one in changes.add])


def _joined(people: People, others: _Others, name: str) -> People:
    if not others.codes:
        return people
    modes = np.empty(len(others.modes), object)
    modes[:] = others.modes
    delay_ms = np.full(len(others.codes), others.delay_ms, np.int64)
    return People(
        [*people.codes, *others.codes],
        np.concatenate([people.lonlat_deg, np.array(others.places, float)]),
        np.concatenate([people.modes, modes]),
        np.concatenate([people.delay_ms, delay_ms]),
        {**people.told, name: len(others.codes)},
    )
