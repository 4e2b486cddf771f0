"""Taking in premises from files, and taking them out again."""

from datetime import datetime

import geopandas as gpd
import pandas as pd

from geo_service.formats.premises import PremisesTable
from geo_service.services.importing import ImportReport
from geo_service.store import audit, outbox
from geo_service.store import premises as store
from geo_service.store.database import Connection, Database


def import_premises(database: Database, table: PremisesTable, *, who: str, commit: bool) -> ImportReport:
    """Add premises or correct them by code and beginning; those that the file does not name stay."""
    rows = table.frame
    with database.reading() as connection:
        known = store.known(connection)
    begins = rows["valid_from"] if "valid_from" in rows else [None] * len(rows)
    keys = [(code, None if pd.isna(at) else at) for code, at in zip(rows["code"], begins, strict=True)]
    there = sum(key in known for key in keys)
    counts = {"rows": len(rows), "new": len(rows) - there, "corrected": there}
    if commit:
        with database.writing() as connection:
            counts["new"], counts["corrected"] = store.put(connection, rows)
            audit.record(connection, who, "import premises", "premises", counts)
            outbox.add(connection, "imported.premises", counts)
    return ImportReport("premises", commit, counts, table.notes)


def export_premises(connection: Connection) -> gpd.GeoDataFrame:
    """Return all premises, past and to come as well, under the names by which an import takes them back."""
    rows = store.every(connection)
    return gpd.GeoDataFrame(
        {
            "premises_code": [row["code"] for row in rows],
            "premises_name": [row["name"] for row in rows],
            "premises_kind": [row["kind"] for row in rows],
            "responsible_unit": [row["responsible_unit"] for row in rows],
            **{
                name: [row[name].isoformat() if row[name] else None for row in rows]
                for name in ("valid_from", "valid_until")
            },
        },
        geometry=[row["shape"] for row in rows],
        crs=4326,
    )


def remove(database: Database, code: str, *, who: str, at: datetime | None = None) -> None:
    """Take premises out of the register from a moment on, now by default; what was before is kept.

    Raises
    ------
    NotFoundError
        There are none of this code.
    """
    with database.writing() as connection:
        store.end(connection, code, at)
        audit.record(connection, who, "premises.remove", code, {"at": at.isoformat()} if at else {})
