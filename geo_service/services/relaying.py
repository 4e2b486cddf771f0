"""The relay: hands events of settled transactions to whoever listens on the database's channel.

Writers only append to the outbox; announcing from their own transactions would make commits queue behind each
other (PostgreSQL serialises NOTIFY at commit). The relay looks at short intervals, announces in the order of
commits and drops what is old.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from geo_service.errors import GeoServiceError
from geo_service.services import webhooks
from geo_service.services.daily import DailyWork
from geo_service.store import outbox
from geo_service.store import webhooks as webhook_store
from geo_service.store.database import Database

log = logging.getLogger("geo_service.relay")

INTERVAL_S = 0.25
RETRY_AFTER_S = 2.0
KEEP_S = 7 * 24 * 3600


class Relay:
    """A relay in a thread of its own, in each serving process: whichever looks first announces."""

    def __init__(self, database: Database, daily: DailyWork | None = None) -> None:
        self._database = database
        self._daily = daily or DailyWork.of(database)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to announce."""
        self._stop.clear()
        told = {
            "stop": self._stop.is_set,
            "said": log.warning,
            "daily": self._daily,
            "pause": self._stop.wait,
        }
        self._thread = threading.Thread(
            target=relay, args=(self._database,), kwargs=told, name="relay", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being announced."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        self._daily.join(5)


def relay(
    database: Database,
    *,
    stop: Callable[[], bool],
    said: Callable[[str], None],
    daily: DailyWork | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> int:
    """Announce events until ``stop()`` says so; returns how many were announced.

    The daily work is begun beside it when it is time. ``pause`` waits so many seconds between two looks, less
    when it is to stop.

    Each event is marked in the transaction that announces it: what was written while no relay ran comes
    first, and of several relays one announces it. No trouble ends this: a database that does not answer is
    waited for.
    """
    count, dropped_at = 0, 0.0
    daily = daily or DailyWork.of(database)
    while not stop():
        try:
            events = _announce(database)
            count += len(events)
            if time.monotonic() - dropped_at > 3600:
                with database.writing() as connection:
                    outbox.drop_before(connection, KEEP_S)
                    webhook_store.drop_before(connection, webhooks.KEEP)
                dropped_at = time.monotonic()
            daily.look()
        except GeoServiceError as error:
            said(f"events wait, trying again: {error.detail}")
            pause(RETRY_AFTER_S)
            continue
        except Exception:
            log.exception("events wait, trying again")  # who would announce them if this ended?
            pause(RETRY_AFTER_S)
            continue
        if len(events) < outbox.LOT:  # else more are waiting; a few at a time would cost as much as many
            pause(INTERVAL_S)
    return count


def _announce(database: Database) -> list[dict[str, Any]]:
    """Announce what waits; a look that finds nothing writes nothing and waits for no other relay."""
    with database.reading() as connection:
        if not outbox.waiting(connection, limit=1):
            return []
    with database.writing() as connection:
        outbox.lock_relay(connection)
        events = outbox.announce(connection, outbox.waiting(connection))
        webhooks.queue(connection, events)
    return events
