"""Who may compute a draft for a plan, and how a draft is stopped: the plan itself stays free meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from geo_service.errors import ConflictError, UnavailableError, Words

#: Drafts that a process computes at once.
MAX_DRAFTS = 2


class DraftStoppedError(Exception):
    """Nobody waits for the draft any more."""


class Stop:
    """A word from those who wait to those who compute; ask :meth:`check` from time to time."""

    def __init__(self) -> None:
        self._wanted = threading.Event()

    def ask(self) -> None:
        """Want the work to stop."""
        self._wanted.set()

    def check(self, _share: float = 0.0) -> None:
        """Raise if somebody wants the work to stop.

        Raises
        ------
        DraftStoppedError
        """
        if self._wanted.is_set():
            raise DraftStoppedError


class DraftDesks:
    """Places at which drafts are computed: one for each plan, :data:`MAX_DRAFTS` in all. Thread-safe."""

    def __init__(self, places: int = MAX_DRAFTS) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._taken: set[Any] = set()

    @contextmanager
    def sit(self, plan: Any) -> Iterator[None]:
        """Take a place for a plan, whoever it is told by.

        Raises
        ------
        ConflictError
            A draft for this plan is being computed.
        UnavailableError
            All places are taken.
        """
        with self._lock:
            if plan in self._taken:
                raise ConflictError(
                    Words(
                        "a draft for this plan is being computed; wait for it, then ask again",
                        "这个方案正在自动划分，请等它完成后再试",
                    )
                )
            if len(self._taken) >= self._places:
                raise UnavailableError(
                    Words(
                        f"{self._places} drafts for other plans are being computed; try again in a minute",
                        f"正在为另外 {self._places} 个方案自动划分，请一分钟后再试",
                    )
                )
            self._taken.add(plan)
        try:
            yield
        finally:
            with self._lock:
                self._taken.discard(plan)
