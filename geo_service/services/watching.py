"""The watcher: a thread in each process that issues cards, calls the next, and merges duplicates by rule.

Any number of processes may watch: each look is one transaction under one lock, and what was issued cannot be
issued again. All moments are the database's: the clocks of machines do not matter, and one set back waits.
"""

import logging
import threading

from geo_service.errors import GeoServiceError
from geo_service.services import duplicates
from geo_service.services.duplicates import RuleKeeper
from geo_service.services.escalating import Escalation

log = logging.getLogger("geo_service.watch")

LOOK_EVERY_S = 2.0


class Watcher:
    """Looks again and again, in a thread of its own."""

    def __init__(self, escalation: Escalation, repeats: RuleKeeper) -> None:
        self._escalation = escalation
        self._repeats = repeats
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                merged = self._repeats.look()  # first: who repeats another is not watched
                if self._escalation.look().more or merged == duplicates.BATCH:
                    continue
            except GeoServiceError as error:
                log.warning("nobody watches the clocks: %s", error.detail)
            except Exception:
                log.exception("nobody watches the clocks")  # the next look may go well
            self._stop.wait(LOOK_EVERY_S)
