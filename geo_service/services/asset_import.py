"""Taking in assets: cameras, police rooms, centres, shops; added or corrected by code."""

import numpy as np

from geo_service.formats.assets import AssetTable
from geo_service.services.importing import ImportReport
from geo_service.store import assets, audit
from geo_service.store.database import Database


def import_assets(database: Database, table: AssetTable, *, who: str, commit: bool) -> ImportReport:
    """Add or correct assets; without ``commit`` only tell what would change.

    Where a row does not say how far it reaches, the standard reach of its kind holds.
    """
    frame = table.frame
    standard = frame["kind"].map(assets.REACH_M).to_numpy(dtype=float)
    given = frame["reach_m"].to_numpy(dtype=float)
    rows = frame.assign(reach_m=np.where(np.isnan(given), standard, given))
    if not commit:
        with database.reading() as connection:
            there = len(assets.known(connection, rows["code"].tolist()))
        counts = {"received": len(rows), "new": len(rows) - there, "changed": there}
        return ImportReport("assets", committed=False, counts=counts, notes=table.notes)
    with database.writing() as connection:
        new, there = assets.put(connection, rows)
        counts = {"received": len(rows), "new": new, "changed": there}
        audit.record(connection, who, "import assets", f"{len(rows)} assets", counts)
    return ImportReport("assets", True, counts, table.notes)
