"""Who may be named in public, and under which number, from a table."""

from pathlib import Path
from typing import Unpack

import pandas as pd

from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.responders import phones


def read_public_contacts(source: Path | bytes, **how: Unpack[TableOptions]) -> pd.DataFrame:
    """Read public contacts from CSV or xlsx: ``row``, ``id`` of the responder, ``phone`` ("": by name alone).

    Raises
    ------
    InvalidInputError
        With every fault, by row and field; data of persons besides these are refused.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    table = open_table(source, "The file of public contacts", **how)
    columns = table.columns(("id", "phone"), Purpose.RESPONDERS)
    columns.require("id")
    frame = pd.DataFrame({"row": columns.rows, "id": columns.identity("id").to_numpy()})
    frame["phone"] = phones(columns)
    table.finish()
    return frame
