"""The registers of the roster as files: out as they stand, in with what would change shown first."""

from typing import Any

import pandas as pd
from pydantic import ValidationError

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.formats.roster_tables import EntryTable, entries_frame
from geo_service.services.importing import ImportReport
from geo_service.services.roster_entries import ENTRIES, Entry
from geo_service.services.roster_records import put_many
from geo_service.services.rostering import town_zone
from geo_service.store import roster
from geo_service.store.database import Connection, Database

MOST_FAULTS = 100


def export_entries(connection: Connection, register: str, *, lang: str = "en") -> pd.DataFrame:
    """Return a register as a table of text, moments in the town's time zone.

    Telephone numbers are not in it, as they are in no register.
    """
    conditions = {"filled": True} if register == "rotas" else {}
    entries = [entry for _, entry in roster.read(connection, register, conditions)]
    return entries_frame(register, entries, timezone=town_zone(connection).key, lang=lang)


def import_entries(database: Database, table: EntryTable, *, who: str, commit: bool) -> ImportReport:
    """Write the entries of a file: those with a code under it, others in the place of their like.

    What the file does not name stays as it is. An entry that holds entries of its own holds those of the
    file afterwards, and no others.

    Raises
    ------
    InvalidInputError
        With every fault and its row.
    ConflictError
        An entry clashes with what is there.
    """
    entries = _validated(table)
    register = table.register
    if commit:
        try:
            with database.writing() as connection:
                counts = put_many(connection, register, entries, who=who)
        except ConflictError as error:
            message = f"an entry of the file clashes with the {register} that are there; nothing was written"
            raise ConflictError(message, error.faults) from error
    else:
        with database.reading() as connection:
            counts = put_many(connection, register, entries, who=who, commit=False)
    return ImportReport(f"roster {register}", commit, {"rows": len(entries), **counts}, table.notes)


def _validated(table: EntryTable) -> list[tuple[int | None, Entry]]:
    model = ENTRIES[table.register]
    entries: list[tuple[int | None, Entry]] = []
    faults: list[Fault] = []
    for row, said in table.entries:
        try:
            entries.append((row, model.model_validate(said)))
        except ValidationError as error:
            faults += [_fault(row, one) for one in error.errors()]
    if faults:
        raise InvalidInputError(
            Words(f"the file of {table.register} is not usable", f"{table.register} 的文件无法使用"),
            faults[:MOST_FAULTS],
        )
    return entries


def _fault(row: int, error: Any) -> Fault:
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    value = error["input"] if isinstance(error["input"], str | int | float) else None
    return Fault(field, error["msg"].removeprefix("Value error, "), row, value)
