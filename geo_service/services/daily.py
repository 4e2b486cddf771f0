"""What is done once a day: patrols are counted from the tracks, and only then do old tracks go.

However long no process ran: whatever day still has its tracks is counted first. What is kept of persons
beyond the tracks (hours a day, visits) ages out here as well, later, by the rules of patrols.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from geo_service.errors import ConflictError, GeoServiceError, NotFoundError
from geo_service.services import patrol, positions, rounds
from geo_service.services.ground import Ground
from geo_service.services.patrol import Counted
from geo_service.services.tiling import Tilings
from geo_service.store import positions as tracks
from geo_service.store import visits
from geo_service.store.database import Database

log = logging.getLogger("geo_service.daily")

WHO = "daily work"
#: How often it is looked whether there is something to do.
LOOK_EVERY_S = 3600.0
#: Tracks that cannot be counted for whatever reason are dropped so long after their time all the same.
GRACE = timedelta(days=7)


def do_daily_work(
    database: Database, ground: Ground, tilings: Tilings, *, now: datetime | None = None
) -> list[Counted]:
    """Count the days that are due, then drop the tracks that are old; returns what was counted anew.

    One process does it at a time; another one that comes meanwhile does nothing.

    Raises
    ------
    GeoServiceError
        Counting failed for a reason that may pass: no track younger than the grace was dropped.
    """
    moment = now or datetime.now(UTC)
    with database.apart() as held:
        if not tracks.hold_daily_work(held):
            return []
        try:
            done = patrol.count_due(database, ground, tilings, who=WHO, now=moment)
        except (ConflictError, NotFoundError) as error:
            # no streets or no cells yet: there is nothing to count them by, now or later
            log.info("patrols are not counted: %s", error.detail)
            done = []
        except Exception:
            positions.sweep(database, clock=(moment - GRACE).timestamp)
            raise
        dropped = positions.sweep(database, clock=moment.timestamp)
        with database.writing() as connection:
            keep_days = int(rounds.rules(connection).keep_days)
            lines = visits.drop_before(connection, moment.astimezone(UTC).date() - timedelta(days=keep_days))
        anew = [one for one in done if one.new]
        if anew or dropped or lines:
            log.info(
                "counted %d days of patrols, dropped %d days of tracks, %d lines", len(anew), dropped, lines
            )
        return anew


class DailyWork:
    """The daily work in a thread of its own, so that nothing waits for it.

    Parameters
    ----------
    work : callable
        Does it once.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._thread: threading.Thread | None = None
        self._begun_at = float("-inf")

    @classmethod
    def of(
        cls, database: Database, ground: Ground | None = None, tilings: Tilings | None = None
    ) -> "DailyWork":
        """Return the daily work of a database; roads and cells are loaded when they are needed."""
        ground, tilings = ground or Ground(database), tilings or Tilings(database)
        return cls(lambda: do_daily_work(database, ground, tilings))

    def look(self) -> None:
        """Begin it when it is time, and it is not under way."""
        if time.monotonic() - self._begun_at < LOOK_EVERY_S or self.is_under_way:
            return
        self._begun_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="daily", daemon=True)
        self._thread.start()

    @property
    def is_under_way(self) -> bool:
        """Whether it is being done just now."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of what is under way."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._work()
        except GeoServiceError as error:
            log.warning("the daily work waits: %s", error.detail)
        except Exception:
            log.exception("the daily work failed; it is tried again in an hour")
