"""The board: where everybody on duty is and who is free, held in memory and following the database.

Each process has its own and asks the database twice a second what is new, so any number of processes show
the same. What must not be wrong (nobody is sent twice) is the database's affair, not the board's.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import GeoServiceError, NotFoundError
from geo_service.model import Mode
from geo_service.roads.fleet import Fleet
from geo_service.services import duty_book
from geo_service.services.board_changes import Changes
from geo_service.services.board_picture import DUTY_S, STALE_S, Streets, where_without_fix
from geo_service.services.board_picture import MAX_STREET_M as MAX_STREET_M  # noqa: PLC0414
from geo_service.services.board_picture import Picture as Picture  # noqa: PLC0414 - part of the board to others
from geo_service.services.board_picture import Source as Source  # noqa: PLC0414
from geo_service.services.desk import Desks
from geo_service.services.duty_book import Book, Duty, DutyBooks
from geo_service.services.ground import Ground
from geo_service.services.homes import Borders, Homes
from geo_service.services.tiling import Tilings
from geo_service.staffing.desk import Desk
from geo_service.store import dispatches, positions, roads
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Dispatch

log = logging.getLogger("geo_service.board")

POLL_S = 0.5
#: Nobody having looked at the board for so long, it stops following.
IDLE_S = 120.0


class Sent:
    """Who is sent where, as last seen: only what changed since is read in full."""

    def __init__(self) -> None:
        self._mark_of: dict[int, int] = {}
        self._open: dict[int, Dispatch] = {}

    def follow(self, connection: Connection) -> Iterable[Dispatch]:
        """Return the open dispatches as they are now, by id."""
        marks = dispatches.open_marks(connection)
        if marks != self._mark_of:
            changed = [key for key, mark in marks.items() if self._mark_of.get(key) != mark]
            fresh = {one.id: one for one in dispatches.several(connection, changed)}
            self._open = {key: fresh.get(key) or self._open[key] for key in sorted(marks)}
            self._mark_of = marks
        return self._open.values()


@dataclass(eq=False)
class _Held:
    """What the board goes on with from one look to the next."""

    book: Book
    network_id: int
    streets: dict[Mode, Streets]
    fix_at_s: NDArray[np.float64]
    fix_deg: NDArray[np.float64]
    placed_deg: NDArray[np.float64]
    sent: Sent
    since: datetime | None = None
    duty: Duty | None = None
    duty_at_s: float = float("-inf")
    place_deg: NDArray[np.float64] | None = None
    source: NDArray[np.int8] | None = None


class Board:
    """The pictures of one database.

    Thread-safe. The first question loads everything; from then on a thread of its own follows, until nobody
    has asked for a while.
    """

    def __init__(
        self,
        database: Database,
        ground: Ground,
        tilings: Tilings,
        books: DutyBooks,
        desks: Desks,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._ground = ground
        self._tilings = tilings
        self._books = books
        self._desks = desks
        self.clock = clock
        self._changes = Changes()
        self._looking = threading.Lock()
        self._held: _Held | None = None
        self._homes: Homes | None = None
        self._picture: Picture | None = None
        self._seen_at = float("-inf")
        self._changed = self._seen_changed = 0
        self._moved = False
        self._asked_at = float("-inf")
        self._closing = threading.Event()
        self._follower: threading.Thread | None = None

    def picture(self) -> Picture:
        """Return the picture of now.

        Raises
        ------
        ConflictError
            No road network has been imported.
        """
        self._asked_at = time.monotonic()
        picture = self._at_hand()
        if picture is None:
            with self._looking:
                picture = self._at_hand() or self._look_at_sent() or self._look()
        if self._follower is None or not self._follower.is_alive():
            self._follow()
        return picture

    def changes(self, mark: str | None) -> dict[str, Any]:
        """Return what changed since the answer with this mark, see :meth:`Changes.since`.

        Raises
        ------
        ConflictError
            No road network has been imported.
        """
        return self._changes.since(self.picture(), mark)

    def refresh(self) -> Picture:
        """Look now."""
        with self._looking:
            return self._look()

    def expire(self, *, moved: bool = False) -> None:
        """Have the next question look first: this process has just sent somebody, or changed the roster.

        ``moved``: it knows also where people are by now.
        """
        self._moved = self._moved or moved
        self._changed += 1

    def _at_hand(self) -> Picture | None:
        """Return the last picture unless it is old, or this process has changed something since."""
        is_fresh = self._seen_changed == self._changed and time.monotonic() - self._seen_at <= STALE_S
        return self._picture if is_fresh else None

    def at(self, moment: datetime) -> Picture:
        """Return a picture of another moment: by the roster alone, with everybody at his post or base."""
        with self._database.reading() as connection:
            book = duty_book.write(connection, moment, back=timedelta(hours=36))
        held = self._start(book, Sent())
        at_s, desk = moment.timestamp(), self._desks.get()
        duty = book.duty(at_s)
        place_deg, source = _whereabouts(book, duty, desk, held, at_s)
        _put_on_streets(held, duty, place_deg)
        return Picture(
            at_s, book, duty, place_deg, source, held.fix_at_s, {}, held.streets, self._homes_of(book, desk)
        )

    def close(self) -> None:
        """Stop following; a later question begins again."""
        with self._looking:
            follower, self._follower = self._follower, None
            self._closing.set()
            self._closing = threading.Event()
        if follower is not None:
            follower.join(5)

    # --------------------------------------------------------------------------------------- following

    def _follow(self) -> None:
        with self._looking:
            if self._follower is not None and self._follower.is_alive():
                return
            self._follower = threading.Thread(
                target=self._run, args=(self._closing,), name="board", daemon=True
            )
            self._follower.start()

    def _run(self, closing: threading.Event) -> None:
        while not closing.wait(POLL_S):
            if time.monotonic() - self._asked_at > IDLE_S:
                return
            try:
                self.refresh()
            except GeoServiceError as error:
                log.warning("the board stands still: %s", error.detail)
            except Exception:
                log.exception("the board stands still")  # who asks meets the same trouble, and is told

    def _look_at_sent(self) -> Picture | None:
        """Renew only who is sent where, if this process can have changed nothing else; None: look at all."""
        changed, picture, held = self._changed, self._picture, self._held
        if picture is None or held is None or self._moved or time.monotonic() - self._seen_at > STALE_S:
            return None
        if held.book is not picture.book or held.book is not self._books.get():
            return None
        at_s = self.clock()  # not later than what is read: changes are told from this moment on
        with self._database.reading() as connection:
            sent = _by_row(held.book, held.sent.follow(connection))
        self._picture = replace(picture, at_s=at_s, sent=sent)
        self._seen_changed = changed
        return self._picture

    def _look(self) -> Picture:
        changed, self._moved = self._changed, False
        book, desk = self._books.get(), self._desks.get()
        with self._database.glancing() as connection:
            horizon = positions.horizon(connection)  # before the snapshot that is read next
        at_s = self.clock()  # likewise: changes are told from this moment on
        with self._database.reading() as connection:
            in_use = roads.in_use(connection)
            held = self._held
            if held is None or held.book is not book or in_use is None or held.network_id != in_use[0]:
                held = None
            elif held.since is not None and horizon < held.since:
                held = None  # the database's clock was set back: what came since is not after the last look
            fixes = positions.since(connection, held.since if held else None)
            followed = held.sent if held is not None else Sent()
            sent = _by_row(book, followed.follow(connection))
        if held is None:
            held = self._start(book, followed)
        moved = _take_in(held, fixes)
        held.since = horizon
        duty, place_deg, source = _arrange(held, moved, desk, at_s)
        self._held = held
        self._picture = Picture(
            at_s,
            book,
            duty,
            place_deg,
            source,
            held.fix_at_s.copy(),
            sent,
            held.streets,
            self._homes_of(book, desk),
        )
        self._seen_at, self._seen_changed = time.monotonic(), changed
        return self._picture

    def _start(self, book: Book, sent: Sent) -> _Held:
        """Begin with nobody on the street."""
        n = max(1, len(book))
        streets, network_id = {}, -1
        for mode in Mode:
            if mode in book.modes or mode is Mode.EBIKE:
                network_id, _, graph, snapper = self._ground.roads(mode)
                streets[mode] = Streets(graph, snapper, Fleet(graph, n))
        nowhere = np.full((len(book), 2), np.nan)
        return _Held(book, network_id, streets, np.full(len(book), np.nan), nowhere.copy(), nowhere, sent)

    def _homes_of(self, book: Book, desk: Desk) -> Homes | None:
        try:
            tiling = self._tilings.get()
        except NotFoundError:
            return None
        kept = self._homes
        if kept is not None and kept.tiling is tiling:
            if kept.book is book and kept.local_level == desk.local_level:
                return kept
            borders = kept.borders
        else:
            borders = Borders(tiling)
            _ = borders.beside  # found here, so that no question waits for it
        homes = Homes(book, borders, desk.local_level)
        if book is not self._books.get():
            return homes  # of another moment
        self._homes = homes
        return homes


def _by_row(book: Book, sent: Iterable[Dispatch]) -> dict[int, Dispatch]:
    row_of_id = book.row_of_id
    return {row_of_id[one.responder_id]: one for one in sent if one.responder_id in row_of_id}


def _take_in(held: _Held, fixes: Sequence[Any]) -> NDArray[np.int64]:
    """Enter positions as the database has them; returns whose they are, each once."""
    row_of_id = held.book.row_of_id
    rows = [row_of_id.get(one[0], -1) for one in fixes]
    known = [(row, one) for row, one in zip(rows, fixes, strict=True) if row >= 0]
    moved = np.array([row for row, _ in known], np.int64)
    held.fix_at_s[moved] = [one[1].timestamp() for _, one in known]
    held.fix_deg[moved] = np.array([one[2:4] for _, one in known], np.float64).reshape(-1, 2)
    return moved


def _arrange(
    held: _Held, moved: NDArray[np.int64], desk: Desk, at_s: float
) -> tuple[Duty, NDArray[np.float64], NDArray[np.int8]]:
    """Return who is on duty and where everybody is, and put them there; mostly only of those who moved."""
    is_due = not held.duty_at_s <= at_s < held.duty_at_s + DUTY_S
    if held.duty is None or held.place_deg is None or held.source is None or is_due:
        held.duty, held.duty_at_s = held.book.duty(at_s), at_s
        held.place_deg, held.source = _whereabouts(held.book, held.duty, desk, held, at_s)
        _put_on_streets(held, held.duty, held.place_deg)
    elif len(moved):
        fresh = moved[at_s - held.fix_at_s[moved] <= desk.fresh_fix_s]
        # what was shown before stays as it was shown
        held.place_deg, held.source = held.place_deg.copy(), held.source.copy()
        held.place_deg[fresh], held.source[fresh] = held.fix_deg[fresh], Source.FIX
        _put_on_streets(held, held.duty, held.place_deg, fresh)
    return held.duty, held.place_deg, held.source


def _whereabouts(
    book: Book, duty: Duty, desk: Desk, held: _Held, at_s: float
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return where each is taken to be: at his last position if it is fresh, else at his post or base."""
    place_deg, source = where_without_fix(book, duty)
    with np.errstate(invalid="ignore"):
        fresh = at_s - held.fix_at_s <= desk.fresh_fix_s
    place_deg[fresh], source[fresh] = held.fix_deg[fresh], Source.FIX
    return place_deg, source


def _put_on_streets(
    held: _Held, duty: Duty, place_deg: NDArray[np.float64], among: NDArray[np.int64] | None = None
) -> None:
    """Move those (of all, or among some) who are elsewhere now than they were put last."""
    rows = np.arange(len(held.book)) if among is None else among
    wanted = np.where(duty.on[rows, None], place_deg[rows], np.nan)
    placed = held.placed_deg[rows]
    changed = ~((wanted == placed) | (np.isnan(wanted) & np.isnan(placed))).all(axis=1)
    rows, wanted = rows[changed], wanted[changed]
    held.placed_deg[rows] = wanted
    for mode, streets in held.streets.items():
        here = held.book.in_mode[mode][rows]
        if here.any():
            streets.fleet.move(rows[here], streets.snapper.snap(wanted[here], MAX_STREET_M))
