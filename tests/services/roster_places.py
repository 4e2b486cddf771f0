"""A small place with a roster: two communities of three grids each, and six people."""

from typing import Any

from geo_service.services import roster_records
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from geo_service.services.roster_entries import ENTRIES, KEYS
from geo_service.services.roster_records import Record
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.services.places import grid, middle, table

GRIDS = [f"c{column:02}r{row:02}" for column in range(3) for row in range(2)]
WORKDAYS = [1, 2, 3, 4, 5]


def publish_cells(database: Database) -> Tilings:
    """Publish six grids in two communities, row00 and row01."""
    tilings = Tilings(database)
    cells = table(grid(3, 2), {code: f"row{code[-2:]}" for code in GRIDS})
    draft = draft_import(BoundaryImport(cells, "grid", "community"), None, [])
    publish(database, tilings, draft, who="t", note="")
    return tilings


def put(database: Database, register: str, tag: str | None = None, **said: Any) -> Record:
    """Write an entry with a code."""
    entry = ENTRIES[register].model_validate(said)
    return roster_records.put(
        database, register, getattr(entry, KEYS[register]), entry, who="t", if_match=tag
    )


def create(database: Database, register: str, **said: Any) -> Record:
    """Write an entry with a number."""
    return roster_records.create(database, register, ENTRIES[register].model_validate(said), who="t")


def person(database: Database, code: str, role: str = "grid_worker", **more: Any) -> Record:
    """Write a responder."""
    return put(database, "responders", code=code, name=f"name of {code}", role=role, **more)


def settle(database: Database) -> Tilings:
    """Publish the cells and write everybody: W0 to W5 on a grid each by day, P over all of row00 by night."""
    tilings = publish_cells(database)
    for number, cell in enumerate(GRIDS):
        lon, lat = middle(number // 2, number % 2)
        person(database, f"W{number}", lon=lon, lat=lat)
        create(database, "duties", responder=f"W{number}", level="grid", cell=cell, role="grid_worker")
        put(
            database,
            "rotas",
            responder=f"W{number}",
            lines=[{"weekdays": WORKDAYS, "start": "08:00", "end": "18:00"}],
        )
    person(database, "P", "police", mode="car")
    create(database, "duties", responder="P", level="community", cell="row00", role="police")
    lines = [{"weekdays": [1, 2, 3, 4, 5, 6, 7], "start": "20:00", "end": "08:00"}]
    put(database, "rotas", responder="P", lines=lines)
    return tilings
