"""Positions come in by batches: each fix once, in whatever order, and only of those on duty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from time import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import GeoServiceError, Words
from geo_service.geometry.crs import Datum, to_wgs84
from geo_service.services import dispatching
from geo_service.services.desk import Desks
from geo_service.services.duty_book import Book, DutyBooks
from geo_service.staffing.desk import Desk
from geo_service.store import dispatches, positions
from geo_service.store.database import Database
from geo_service.store.positions import Fixes

#: Why a fix is not taken, in the order in which it is looked at.
REASONS: dict[str, Words] = {
    "unknown": Words("there is no such responder", "没有这个人员"),
    "bad_place": Words("this is not a place on the globe", "坐标不在地球上"),
    "bad_accuracy": Words("the accuracy is not a number of metres", "精度不是米数"),
    "future": Words("the moment lies in the future: check the phone's clock", "时间在未来：请检查手机时钟"),
    "too_old": Words("the fix is too old to be taken", "定位时间过早，不再接收"),
    "off_duty": Words(
        "not on duty at that moment: no track is kept outside shifts", "当时不在班：班外不记录轨迹"
    ),
}
_WORST_ACCURACY_M = 1e6
_DAY_S = 24 * 3600


class Fix(NamedTuple):
    """One position as it was sent: x and y in the batch's datum."""

    responder: str
    at: datetime
    x: float
    y: float
    accuracy_m: float | None = None


@dataclass(frozen=True)
class Taken:
    """What became of a batch.

    Attributes
    ----------
    taken, repeated : int
        How many were new, how many were known already or twice in the batch.
    late : int
        How many of the new ones only fill the tracks of people whose last position is newer than all theirs.
    refused : list of (int, str)
        Position in the batch and the reason, a key of :data:`REASONS`.
    arrived : list of int
        Dispatches that these fixes show to have arrived.
    """

    taken: int = 0
    repeated: int = 0
    late: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        told = [
            {"index": i, "reason": why, "message": str(REASONS[why]), "message_zh": REASONS[why].zh}
            for i, why in self.refused
        ]
        return {
            "taken": self.taken,
            "repeated": self.repeated,
            "late": self.late,
            "refused": told,
            "arrived": self.arrived,
        }


class PositionKeeper:
    """Takes positions in; when they are old, :func:`sweep` drops them."""

    def __init__(
        self, database: Database, books: DutyBooks, desks: Desks, *, clock: Callable[[], float] = time
    ) -> None:
        self._database = database
        self._books = books
        self._desks = desks
        self._clock = clock
        self._days: frozenset[date] = frozenset()
        self._looked_on: date | None = None

    def take(self, fixes: Sequence[Fix], datum: Datum, *, who: str) -> Taken:
        """Take in a batch. What is wrong with one fix does not keep the others out.

        A position that is newer than the last one moves its responder; an older one only enters his track.
        Who is sent and comes near his incident has arrived.
        """
        if not fixes:
            return Taken()
        book, desk, now_s = self._books.get(), self._desks.get(), self._clock()
        lonlat_deg = _on_globe(fixes, datum)
        row = np.array([book.row_of_code.get(one.responder, -1) for one in fixes], np.int64)
        at_s = np.array([one.at.timestamp() for one in fixes])
        verdict = _judge(fixes, book=book, desk=desk, row=row, at_s=at_s, lonlat_deg=lonlat_deg, now_s=now_s)
        good = [i for i, why in enumerate(verdict) if not why]
        refused = [(i, why) for i, why in enumerate(verdict) if why]
        if not good:
            return Taken(refused=refused)
        columns = Fixes(
            responder_id=book.ids[row[good]].tolist(),
            at=[fixes[i].at for i in good],
            lon=lonlat_deg[good, 0].tolist(),
            lat=lonlat_deg[good, 1].tolist(),
            accuracy_m=[fixes[i].accuracy_m for i in good],
        )
        day_s = np.unique(at_s[good] // _DAY_S) * _DAY_S
        self._see_to_days({datetime.fromtimestamp(one, UTC).date() for one in day_s.tolist()}, now_s)
        with self._database.writing() as connection:
            added = positions.add(connection, columns)
            # also who sends again what is known: the first time may have ended before his arrival was noted
            who_sent = sorted(set(columns.responder_id))
            there = dispatches.come_near(connection, who_sent, desk.geofence_m)
        arrived = self._arrive(there, who)
        return Taken(added.new, len(good) - added.new, added.late, refused, arrived)

    def _see_to_days(self, days: set[date], now_s: float) -> None:
        """Make partitions that are missing, tomorrow's as well."""
        today = datetime.fromtimestamp(now_s, UTC).date()
        if days <= self._days and self._looked_on == today:
            return
        with self._database.writing() as connection:
            positions.make_days(connection, days | {today + timedelta(days=1)})
            self._days = frozenset(positions.days(connection))
        self._looked_on = today

    def _arrive(self, there: list[tuple[int, datetime]], who: str) -> list[int]:
        """Note arrivals, each by itself; the first that cannot be is told when the others are done."""
        done, failed = [], []
        for dispatch_id, at in there:
            try:
                if dispatching.arrive_by_position(self._database, dispatch_id, at=at, who=who):
                    done.append(dispatch_id)
            except GeoServiceError as error:
                failed.append(error)
        if failed:
            raise failed[0]  # whoever sends the batch again has them noted
        return done


def sweep(database: Database, *, clock: Callable[[], float] = time) -> int:
    """Drop the tracks of days that are over long enough, by the desk's setting; returns how many days.

    The figures made of them are counted before: :mod:`geo_service.services.daily` does one after the other.
    """
    desk = Desks(database).get()
    with database.writing() as connection:
        return positions.drop_days(connection, _first_day(desk, clock()))


def _first_day(desk: Desk, now_s: float) -> date:
    """Return the first day whose tracks are kept."""
    return datetime.fromtimestamp(now_s, UTC).date() - timedelta(days=int(desk.keep_days))


def _on_globe(fixes: Sequence[Fix], datum: Datum) -> NDArray[np.float64]:
    """Return lon, lat in EPSG:4326; NaN for what is no place."""
    xy = np.array([(one.x, one.y) for one in fixes], dtype=np.float64).reshape(-1, 2)
    out = np.full(xy.shape, np.nan)
    finite = np.isfinite(xy).all(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        out[finite] = to_wgs84(xy[finite], datum)
        out[~((np.abs(out[:, 0]) <= 180) & (np.abs(out[:, 1]) <= 90))] = np.nan
    return out


def _judge(
    fixes: Sequence[Fix],
    *,
    book: Book,
    desk: Desk,
    row: NDArray[np.int64],
    at_s: NDArray[np.float64],
    lonlat_deg: NDArray[np.float64],
    now_s: float,
) -> list[str]:
    """Return for each fix why it is refused, "" for those that are in order."""
    verdict = np.full(len(fixes), "", dtype=object)
    accuracy = np.array([0.0 if one.accuracy_m is None else one.accuracy_m for one in fixes])
    first_day = datetime.combine(_first_day(desk, now_s), datetime.min.time(), UTC).timestamp()
    oldest_s = max(now_s - desk.late_fix_s, first_day, book.from_s)
    wrong = {
        "unknown": row < 0,
        "bad_place": np.isnan(lonlat_deg[:, 0]),
        "bad_accuracy": ~((accuracy >= 0) & (accuracy <= _WORST_ACCURACY_M)),
        "future": at_s > now_s + desk.fast_clock_s,
        "too_old": at_s < oldest_s,
        "off_duty": ~book.on_duty(row, at_s),
    }
    for why, which in wrong.items():
        verdict[which & (verdict == "")] = why
    return [str(why) for why in verdict]
