"""What an installation holds, in a few figures."""

from datetime import datetime
from typing import Any

from geo_service.services.coverage import STANDARD_LIMIT_S, STANDARD_MODE
from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tilings, in_force_at
from geo_service.store import boundaries, coverage, incidents, staffing
from geo_service.store.database import Database


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
        run = (
            coverage.latest(connection, edition.id, STANDARD_MODE.value, STANDARD_LIMIT_S)
            if edition
            else None
        )
    return {
        "edition": edition.id if edition else None,
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
