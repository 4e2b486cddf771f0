"""Counts unknown keys per address, so that a script that tries keys cannot keep the database busy."""

import time
from collections import OrderedDict
from collections.abc import Callable


class FailedAttempts:
    """Allows a number of failures per address in a window of time; afterwards says how long to wait.

    It lives in memory, one for each process: a modest brake. Keys have 256 random bits, so the brake is
    not what keeps them from being guessed.

    Parameters
    ----------
    allowed : int
        Failures free of charge in a window.
    window_s : float
        Length of the window.
    """

    def __init__(
        self,
        *,
        allowed: int = 20,
        window_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        max_addresses: int = 10_000,
    ) -> None:
        self._allowed = allowed
        self._window_s = window_s
        self._clock = clock
        self._max_addresses = max_addresses
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Return how many seconds the address has to wait, 0 when it may try."""
        started, failures = self._windows.get(address, (0.0, 0))
        left_s = started + self._window_s - self._clock()
        return int(left_s) + 1 if failures >= self._allowed and left_s > 0 else 0

    def failed(self, address: str) -> None:
        """Count one failure."""
        now = self._clock()
        started, failures = self._windows.pop(address, (now, 0))
        if started + self._window_s <= now:
            started, failures = now, 0
        self._windows[address] = (started, failures + 1)
        if len(self._windows) > self._max_addresses:
            self._windows.popitem(last=False)
