"""What an installation holds, in a few figures."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from geo_service.services.coverage import STANDARD_LIMIT_S, STANDARD_MODE
from geo_service.services.rostering import on_duty, town_zone
from geo_service.services.tiling import Tilings, in_force_at
from geo_service.store import boundaries, coverage, incidents, staffing
from geo_service.store.database import Database

#: How old the figures may be: anybody may ask for them, and they are counted afresh over everything.
KEPT_S = 5.0


class Overview:
    """The overview, counted once in a few seconds however many ask."""

    def __init__(
        self, database: Database, tilings: Tilings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._tilings = tilings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, Any]] | None = None

    def get(self) -> dict[str, Any]:
        """Return the figures, at most :data:`KEPT_S` old; who asks meanwhile waits for the one who counts."""
        with self._lock:
            if self._known is None or self._known[0] + KEPT_S <= self._clock():
                made = overview(self._database, self._tilings, datetime.now(UTC))
                self._known = (self._clock(), made)
            return self._known[1]


def overview(database: Database, tilings: Tilings, now: datetime) -> dict[str, Any]:
    """Return edition, levels with their counts of cells, incidents, responders and the last coverage.

    The coverage is the one by the standard, five minutes by e-bike, that was computed last.
    """
    edition = in_force_at(tilings.spans(), now)
    with database.reading() as connection:
        levels = boundaries.levels(connection)
        counts = boundaries.count_cells(connection, edition.id) if edition else {}
        totals = incidents.totals(connection)
        on = len(on_duty(connection, now))
        responders = staffing.count(connection)
        zone = town_zone(connection)
        run = (
            coverage.latest(connection, edition.id, STANDARD_MODE.value, STANDARD_LIMIT_S)
            if edition
            else None
        )
    return {
        "edition": edition.id if edition else None,
        "timezone": zone.key,
        "levels": [
            {
                "code": one.code,
                "name_zh": one.name_zh,
                "name_en": one.name_en,
                "cells": counts.get(one.code, 0),
            }
            for one in levels
        ],
        "incidents": totals,
        "responders": {"total": responders, "on_duty": on},
        "coverage": (
            {"share": run["summary"]["share"], **{name: run[name] for name in ("at", "mode", "limit_s")}}
            if run
            else None
        ),
    }
