"""A made-up town with streets, people on duty now, and reports, for the tests of the dispatcher's desk."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pandas as pd

from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.intake import incident_id, take_in
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, roads, staffing
from geo_service.store.database import Database
from tests.services.places import ORIGIN, SIDE_DEG, grid, middle, streets, table

COLUMNS, ROWS = 6, 4


def corner(column: float, row: float) -> tuple[float, float]:
    """Return lon, lat of a crossing; between two of them lies the middle of a street."""
    return ORIGIN[0] + column * SIDE_DEG, ORIGIN[1] + row * SIDE_DEG


def build(database: Database) -> Tilings:
    """Make a grid of cells, each row of them a community, with a street of 800 m along every side."""
    tilings = Tilings(database)
    cells = table(grid(COLUMNS, ROWS), {code: f"row{code[-2:]}" for code in grid(COLUMNS, ROWS)})
    publish(
        database,
        tilings,
        draft_import(BoundaryImport(cells, "grid", "community"), None, []),
        who="t",
        note="",
    )
    with database.writing() as connection:
        roads.replace(connection, streets(COLUMNS, ROWS), "grid", {})
    return tilings


def employ(database: Database, people: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Add responders: code, at (lon, lat or None), and optionally mode, cell, capabilities."""
    rows = pd.DataFrame(
        [
            {
                "code": one["code"],
                "name": f"name {one['code']}",
                "role": "grid_worker",
                "mode": one.get("mode", "ebike"),
                "lon": (one.get("at") or (float("nan"),) * 2)[0],
                "lat": (one.get("at") or (float("nan"),) * 2)[1],
                "capabilities": list(one.get("capabilities", ())),
                "phone": "",
                "home_level": "grid" if one.get("cell") else None,
                "home_cell_code": one.get("cell"),
            }
            for one in people
        ]
    )
    with database.writing() as connection:
        now = boundaries.moment(connection) - timedelta(days=2)
        staffing.upsert_responders(connection, rows, now)
        return staffing.responder_ids(connection)


def put_on_duty(
    database: Database, ids: Sequence[int], *, since_h: float = 1.0, for_h: float = 8.0
) -> tuple[datetime, datetime]:
    """Give people a shift that began a while ago; returns its start and end."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=since_h)
    end = start + timedelta(hours=for_h)
    with database.writing() as connection:
        staffing.replace_shifts(connection, pd.DataFrame({"responder_id": ids, "start": start, "end": end}))
    return start, end


def report(
    database: Database, tilings: Tilings, key: str, at: tuple[float, float] | None = None, **given: Any
) -> UUID:
    """Report an incident that somebody waits for."""
    lon, lat = at or middle(0, 0)
    row = {"source_id": key, "occurred_at": datetime.now(UTC), "lon": lon, "lat": lat, **given}
    take_in(database, tilings, pd.DataFrame([row]), source="s", who="desk", live=True)
    return incident_id("s", key)
