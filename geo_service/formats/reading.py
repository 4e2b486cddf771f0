"""What all readers of tables have in common: the options a caller gives, and the steps from file to columns.

A reader opens its table (:func:`open_table`), asks it for the columns it wants (:meth:`OpenTable.columns`),
looks at each, and at the end of all raises what was found wrong (:meth:`OpenTable.finish`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import pandas as pd

from geo_service.formats.columns import Columns
from geo_service.formats.datums import AnyDatum, GivenDatum, given_datum
from geo_service.formats.faults import FaultList
from geo_service.formats.limits import Limits
from geo_service.formats.refused import Purpose
from geo_service.formats.tables import walk_table
from geo_service.geometry.crs import WGS84


class TableOptions(TypedDict, total=False):
    """How a caller wants a table read; every reader of tables takes these, by name, and none is required.

    Attributes
    ----------
    fields : mapping of str to str or None
        Our name of a column to the header it has in the file. What is not named is found by the usual
        Chinese and English headers.
    crs : str, int, Datum, CityGrid or None
        Datum of the coordinates; WGS84 when None.
    encoding : str or None
        Of a CSV; found out when None.
    sheet : str or None
        Of an xlsx; the first when None.
    limits : Limits or None
        Caps; the defaults when None.
    """

    fields: Mapping[str, str | None] | None
    crs: GivenDatum
    encoding: str | None
    sheet: str | None
    limits: Limits | None


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table on its way to becoming incidents, responders, shifts or demand.

    Attributes
    ----------
    what : str
        What the file is called in errors: ``The incident file``.
    frame : DataFrame
        Text cells, indexed by row number (:class:`geo_service.formats.tables.Table`).
    fields : mapping of str to str or None
        Our name of a column to the header that the caller names for it.
    datum : Datum, CityGrid or None
        What its coordinates are in; None when the caller named none that we know, which is a fault.
    faults : FaultList
        What was found wrong so far.
    notes : list of str
        What was decided so far.
    """

    what: str
    frame: pd.DataFrame
    fields: Mapping[str, str | None]
    datum: AnyDatum | None
    faults: FaultList
    notes: list[str]

    def columns(self, wanted: Sequence[str], purpose: Purpose | None) -> Columns:
        """Find the wanted columns; columns that the purpose does not allow are faults."""
        return Columns(self.frame, wanted, self.fields, purpose=purpose, faults=self.faults, notes=self.notes)

    def finish(self) -> tuple[str, ...]:
        """Raise all faults, or return the notes when there are none."""
        self.faults.raise_if_any(f"{self.what} is not usable")
        return tuple(self.notes)


def open_table(source: Path | bytes, what: str, **how: Unpack[TableOptions]) -> OpenTable:
    """Open a CSV or xlsx file.

    Raises
    ------
    InvalidInputError
        It is no table at all.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    faults = FaultList()
    table = walk_table(
        source, faults, encoding=how.get("encoding"), sheet=how.get("sheet"), limits=how.get("limits")
    )
    if table is None:
        faults.raise_if_any(f"{what} is not usable")
        raise AssertionError("a reader that gives no table notes a fault")
    crs = how.get("crs")
    datum = WGS84 if crs is None else given_datum(crs, faults)
    return OpenTable(what, table.frame, how.get("fields") or {}, datum, faults, list(table.notes))
