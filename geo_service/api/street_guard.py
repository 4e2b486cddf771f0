"""Keeps the street's page from being harvested: how often one address may ask, and of how many cells.

Two limits. A few questions a minute are free; more of them are told to wait. And within a day an address on
the net is told the people of so many different cells: who lives here asks of his own and of some others, who
walks through the town to copy the list of workers is told the borders from there on, and nobody's name.

It lives in memory, in each process: nothing of who asked what is written down anywhere. Where several
processes answer, each has its share of both limits, so that together they keep what the operator has set; who
always meets the same process is held to its share.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TypeVar

from geo_service.api.problems import TooManyAttemptsError
from geo_service.errors import Words
from geo_service.planning.register import CellKey

DAY_S = 86_400.0
#: So many questions in a minute are answered, and so many by each process at least: a family looks around.
QUESTIONS, LEAST_QUESTIONS = 20, 5
T = TypeVar("T")


class StreetGuard:
    """Counts questions by address; an IPv6 network of one customer (/64) is one address.

    Parameters
    ----------
    cells : int
        Of so many different cells people are named in a day.
    questions, window_s : int, float
        So many questions in so many seconds are answered.
    most : int
        So many addresses are remembered; those who asked longest ago are forgotten first.
    """

    def __init__(
        self,
        cells: int,
        *,
        questions: int = QUESTIONS,
        window_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        most: int = 50_000,
    ) -> None:
        self._cells = cells
        self._questions, self._window_s = questions, window_s
        self._clock, self._most = clock, most
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()
        self._told: OrderedDict[str, dict[CellKey, float]] = OrderedDict()

    @classmethod
    def shared(cls, cells: int, workers: int) -> "StreetGuard":
        """Return the guard of one of several processes: its share of what they may tell together."""
        return cls(max(1, cells // workers), questions=max(LEAST_QUESTIONS, QUESTIONS // workers))

    def admit(self, address: str) -> None:
        """Count a question.

        Raises
        ------
        TooManyAttemptsError
            There were too many; ``Retry-After`` says when to come again.
        """
        now, key = self._clock(), network_of(address)
        with self._lock:
            moments = self._asked.setdefault(key, deque())
            self._asked.move_to_end(key)
            while moments and moments[0] <= now - self._window_s:
                moments.popleft()
            wait_s = int(moments[0] + self._window_s - now) + 1 if len(moments) >= self._questions else 0
            if not wait_s:
                moments.append(now)
            _forget(self._asked, self._most)
        if wait_s:
            raise TooManyAttemptsError(
                Words(
                    f"Too many questions from your network; try again in {wait_s} s.",
                    f"您的网络查询过于频繁，请 {wait_s} 秒后再试。",
                ),
                wait_s,
            )

    def may_name(self, address: str, cell: CellKey) -> bool:
        """Tell whether people of a cell are named to an address, and count the cell."""
        now, key = self._clock(), network_of(address)
        with self._lock:
            told = self._told.setdefault(key, {})
            self._told.move_to_end(key)
            for old in [one for one, at in told.items() if at <= now - DAY_S]:
                del told[old]
            _forget(self._told, self._most)
            if cell not in told and len(told) >= self._cells:
                return False
            told.setdefault(cell, now)
            return True


def network_of(address: str) -> str:
    """Return by what callers are told apart: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 6:
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((int(found), 64), strict=False))
    return str(found)


def _forget(kept: OrderedDict[str, T], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
