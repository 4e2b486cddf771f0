"""The board at one moment: who is on duty, where each is taken to be, and what he is at."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from geo_service.model import Mode
from geo_service.roads.fleet import Fleet
from geo_service.roads.graph import RoadGraph
from geo_service.roads.snap import Snapper
from geo_service.services.duty_book import Book, Duty
from geo_service.services.homes import Homes
from geo_service.store.dispatches import Dispatch

#: Who is on duty, at a post, and whose position is still fresh is reckoned anew so often.
DUTY_S = 5.0
#: Older than this a picture is renewed before it is shown.
STALE_S = 3.0
#: Who is farther from any street than this is nowhere.
MAX_STREET_M = 2000.0


class Source(IntEnum):
    """Whence it is known where somebody is."""

    NONE = 0
    BASE = 1
    POST = 2
    FIX = 3


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """One mode's way through the town, and those who travel so, by row of the book."""

    graph: RoadGraph
    snapper: Snapper
    fleet: Fleet


@dataclass(frozen=True, eq=False)
class Picture:
    """Everybody at one moment. Arrays are by row of the book and do not change; the fleets move on.

    Attributes
    ----------
    at_s : float
        Unix seconds.
    book : Book
    duty : Duty
        Who is on duty.
    place_deg : (n, 2) float64
        Where each is taken to be, EPSG:4326; NaN where that is not known.
    source : (n,) int8
        Whence that is known, see :class:`Source`.
    fix_at_s : (n,) float64
        When his last position was measured, NaN without one.
    sent : mapping of int to Dispatch
        The open dispatch of each who has one, by row.
    streets : mapping of Mode to Streets
    homes : Homes or None
        Whose cell is where; None while no boundaries are in force.
    """

    at_s: float
    book: Book
    duty: Duty
    place_deg: NDArray[np.float64]
    source: NDArray[np.int8]
    fix_at_s: NDArray[np.float64]
    sent: Mapping[int, Dispatch]
    streets: Mapping[Mode, Streets]
    homes: Homes | None


def where_without_fix(book: Book, duty: Duty) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return where each is taken to be whose position is not known: at his post, else at his base.

    By row of the book: EPSG:4326 degrees, NaN for who has neither, and the :class:`Source`.
    """
    place_deg = book.base_deg.copy()
    source = np.where(np.isfinite(place_deg).all(axis=1), Source.BASE, Source.NONE).astype(np.int8)
    for row in np.flatnonzero(duty.post >= 0).tolist():
        place_deg[row] = book.post_deg.get(int(duty.post[row]), (np.nan, np.nan))
        source[row] = Source.POST
    return place_deg, source
