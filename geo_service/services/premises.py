"""Taking in premises from files, and taking them out again."""

from geo_service.formats.premises import PremisesTable
from geo_service.services.importing import ImportReport
from geo_service.store import audit, outbox
from geo_service.store import premises as store
from geo_service.store.database import Database


def import_premises(database: Database, table: PremisesTable, *, who: str, commit: bool) -> ImportReport:
    """Add premises or correct them by code; those that the file does not name stay."""
    rows = table.frame
    with database.reading() as connection:
        known = store.codes(connection)
    there = int(rows["code"].isin(list(known)).sum())
    counts = {"rows": len(rows), "new": len(rows) - there, "corrected": there}
    if commit:
        with database.writing() as connection:
            counts["new"], counts["corrected"] = store.put(connection, rows)
            audit.record(connection, who, "import premises", "premises", counts)
            outbox.add(connection, "imported.premises", counts)
    return ImportReport("premises", commit, counts, table.notes)


def remove(database: Database, code: str, *, who: str) -> None:
    """Take premises out of the register.

    Raises
    ------
    NotFoundError
        There are none of this code.
    """
    with database.writing() as connection:
        store.remove(connection, code)
        audit.record(connection, who, "premises.remove", code, {})
