"""What an installation holds, in a few figures."""

from collections import Counter
from datetime import datetime
from typing import Any

from geo_service.services.coverage import latest_run
from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tilings, in_force_at
from geo_service.store import boundaries, incidents, staffing
from geo_service.store.database import Database


def overview(database: Database, tilings: Tilings, now: datetime) -> dict[str, Any]:
    """Return edition, levels with their counts of cells, incidents, responders and the last coverage."""
    edition = in_force_at(tilings.spans(), now)
    with database.reading() as connection:
        levels = boundaries.levels(connection)
        totals = incidents.totals(connection)
        duty = on_duty(connection, now)
        responders = staffing.count(connection)
    tiling = tilings.load(edition) if edition else None
    run = latest_run(database, tiling) if tiling else None
    counts = Counter(tiling.cells["level"] if tiling else ())
    return {
        "edition": edition.id if edition else None,
        "levels": [
            {
                "code": one.code,
                "name_zh": one.name_zh,
                "name_en": one.name_en,
                "cells": counts[one.code],
            }
            for one in levels
        ],
        "incidents": totals,
        "responders": {"total": responders, "on_duty": len(duty)},
        "coverage": (
            {"share": run.summary["share"], "at": run.at, "mode": run.mode.value, "limit_s": run.limit_s}
            if run
            else None
        ),
    }
