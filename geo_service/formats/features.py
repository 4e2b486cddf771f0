"""Features of a vector file as a table of text: their attributes are checked as a spreadsheet's are."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.formats.datums import AnyDatum, datum_of, geometries_to_wgs84, given_datum, in_degrees
from geo_service.formats.datums import label as datum_label
from geo_service.formats.faults import FaultList
from geo_service.formats.limits import Limits
from geo_service.formats.reading import OpenTable, TableOptions
from geo_service.formats.vector import walk_vector
from geo_service.formats.vectortable import VectorTable


def open_features(
    source: Path | bytes, what: str, *, kinds: frozenset[str], layer: str | None, how: TableOptions
) -> tuple[OpenTable, NDArray[np.object_]]:
    """Open a vector file.

    Parameters
    ----------
    source : Path or bytes
    what : str
        What the file is called in errors.
    kinds : set of str
        Geometry types that are wanted.
    layer : str or None
    how : TableOptions
        Without ``crs`` the file's own word holds.

    Returns
    -------
    tuple
        The table, and (n,) shapely geometries in EPSG:4326, None where there is none or a fault was noted.

    Raises
    ------
    InvalidInputError
        It is no vector file at all.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    faults, crs = FaultList(), how.get("crs")
    given = given_datum(crs, faults)
    known_crs = crs is None or given is not None
    features = walk_vector(
        source,
        faults,
        layer=layer,
        kinds=kinds,
        lonlat=in_degrees(given) and known_crs,
        encoding=how.get("encoding"),
        limits=how.get("limits") or Limits(),
    )
    if features is None:
        faults.raise_if_any(f"{what} is not usable")
        raise AssertionError("a reader that gives no table notes a fault")
    notes = list(features.notes)
    datum = datum_of(features, given, faults, notes) if known_crs else None
    shapes = _in_wgs84(features, datum, faults)
    texts = {
        name: pd.Series(list(map(_text, column)), dtype=object) for name, column in features.columns.items()
    }
    frame = pd.DataFrame(texts, index=range(len(features)))
    frame.index = pd.Index(features.row, name="row")
    return OpenTable(what, frame, how.get("fields") or {}, datum, faults, notes), shapes


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _in_wgs84(table: VectorTable, datum: AnyDatum | None, faults: FaultList) -> NDArray[np.object_]:
    if datum is None:
        return np.full(len(table), None, dtype=object)
    said = f"the coordinates are taken for {datum_label(datum)}"
    geometry = geometries_to_wgs84(table.geometry, table.row, datum, said, faults)
    broken = shapely.is_geometry(geometry) & ~shapely.is_valid(geometry)
    for i in np.flatnonzero(broken):
        reason = shapely.is_valid_reason(geometry[i])
        faults.add("invalid", "geometry", f"the outline is invalid: {reason}", row=int(table.row[i]))
    return geometry
