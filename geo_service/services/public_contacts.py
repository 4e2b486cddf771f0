"""Saying of many responders at once who of them may be named in public, and under which number."""

import pandas as pd

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.services.importing import ImportReport
from geo_service.store import audit, roster, street
from geo_service.store.database import Database


def import_public_contacts(
    database: Database, frame: pd.DataFrame, *, who: str, commit: bool
) -> ImportReport:
    """Take in what :func:`geo_service.formats.public_contacts.read_public_contacts` read.

    Who is not in the table stays as he was.

    Raises
    ------
    InvalidInputError
        A responder does not exist; each fault names the row.
    """
    phones = dict(zip(frame["id"], frame["phone"], strict=True))
    with database.reading() as connection:
        strange = roster.unknown(connection, "responders", phones)
        before = {code: street.contact(connection, code) for code in phones if code not in strange}
    if strange:
        message = Words("there is no responder of this code", "没有这个编号的人员")
        rows = frame[frame["id"].isin(strange)]
        faults = [
            Fault("id", message, row=int(row), value=code)
            for row, code in zip(rows["row"], rows["id"], strict=True)
        ]
        raise InvalidInputError(f"{len(faults)} row(s) name nobody of the roster", faults[:100])
    counts = {
        "rows": len(phones),
        "new": sum(known is None for known in before.values()),
        "corrected": sum(known not in {None, phones[code]} for code, known in before.items()),
        "by_name_alone": sum(not phone for phone in phones.values()),
    }
    if commit:
        with database.writing() as connection:
            street.set_contacts(connection, phones)
            audit.record(connection, who, "import public contacts", "public contacts", counts)
    return ImportReport("public contacts", commit, counts)
