"""Demand: buildings and addresses with counts of households and residents, from a table or a vector file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.formats.columns import Columns
from geo_service.formats.datums import (
    AnyDatum,
    GivenDatum,
    datum_of,
    geometries_to_wgs84,
    given_datum,
    in_degrees,
)
from geo_service.formats.datums import label as datum_label
from geo_service.formats.faults import FaultList
from geo_service.formats.geojson_geometry import POINTS, POLYGONS
from geo_service.formats.limits import Limits
from geo_service.formats.refused import Purpose
from geo_service.formats.sniff import Kind, sniff
from geo_service.formats.tables import walk_table
from geo_service.formats.vector import load, walk_vector
from geo_service.formats.vectortable import VectorTable
from geo_service.formats.xlsx import is_xlsx
from geo_service.geometry.crs import WGS84

_COLUMNS = ("id", "lon", "lat", "households", "residents", "kind", "address")
_MOST_OF_ONE = 100_000.0  # households or residents of one building: more is a mistake


@dataclass(frozen=True, slots=True)
class DemandTable:
    """Where people live, as counts.

    Attributes
    ----------
    frame : GeoDataFrame
        One row a building or address: ``row`` (data row or feature, from 1), ``id`` (str, unique), ``lon``,
        ``lat`` (float64 degrees, EPSG:4326; a point inside the building's outline), ``households``,
        ``residents`` (float64 whole numbers, NaN where not given), ``kind``, ``address`` (str),
        ``attributes`` (dict), ``geometry`` (the outline, or the point; EPSG:4326).
    notes : tuple of str
        What was decided on the way.
    """

    frame: gpd.GeoDataFrame
    notes: tuple[str, ...]

    @property
    def lonlat_deg(self) -> NDArray[np.float64]:
        """(n, 2) positions."""
        return np.column_stack([self.frame["lon"], self.frame["lat"]]).astype(np.float64)


def read_demand(
    source: Path | bytes,
    *,
    fields: Mapping[str, str | None] | None = None,
    crs: GivenDatum = None,
    layer: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    limits: Limits | None = None,
) -> DemandTable:
    """Read demand from CSV or xlsx with coordinates, or from a vector file of points or outlines.

    Parameters
    ----------
    source : Path or bytes
        The file; which it is, its content says.
    fields : mapping of str to str, optional
        Our name of a column (``id``, ``lon``, ``lat``, ``households``, ``residents``, ``kind``,
        ``address``) to its header; the rest is found by the usual headers.
    crs : str, int, Datum, CityGrid or None
        Datum of the coordinates; what a vector file says, else WGS84, when None.
    layer, encoding, sheet : str or None
        Of a file with several layers; of text; of an xlsx.
    limits : Limits or None
        Caps; the defaults when None.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field; columns about persons are refused by name.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    faults, notes, caps = FaultList(), list[str](), limits or Limits()
    given = given_datum(crs, faults)
    known_crs = crs is None or given is not None
    data = load(source, caps)
    kind, _why = sniff(data)
    geometry: NDArray[np.object_] | None = None
    if kind is Kind.UNKNOWN or (kind is Kind.ZIP and is_xlsx(data)):
        columns = _from_table(data, fields or {}, faults, notes, encoding=encoding, sheet=sheet, limits=caps)
        datum: AnyDatum | None = (given or WGS84) if known_crs else None
        lonlat = columns.lonlat_deg(datum)
        geometry = None
    else:
        table = walk_vector(
            source if isinstance(source, Path) else data,
            faults,
            layer=layer,
            kinds=POINTS | POLYGONS,
            lonlat=in_degrees(given) and known_crs,
            encoding=encoding,
            limits=caps,
        )
        if table is None:
            faults.raise_if_any("The demand file is not usable")
            raise AssertionError("a reader that gives no table notes a fault")
        columns = _columns_of(table, fields or {}, faults, notes)
        datum = datum_of(table, given, faults, notes) if known_crs else None
        geometry = _outlines(table, datum, faults)
        lonlat = _inner_points(geometry)
    frame = _frame(columns, lonlat, faults, needs_place=geometry is None)
    faults.raise_if_any("The demand file is not usable")
    shapes = shapely.points(lonlat) if geometry is None else geometry
    return DemandTable(gpd.GeoDataFrame(frame, geometry=shapes, crs=4326), tuple(notes))


def _from_table(
    data: bytes,
    fields: Mapping[str, str | None],
    faults: FaultList,
    notes: list[str],
    *,
    encoding: str | None,
    sheet: str | None,
    limits: Limits,
) -> Columns:
    table = walk_table(data, faults, encoding=encoding, sheet=sheet, limits=limits)
    if table is None:
        faults.raise_if_any("The demand file is not usable")
        raise AssertionError("a reader that gives no table notes a fault")
    notes += table.notes
    columns = Columns(table.frame, _COLUMNS, fields, purpose=Purpose.DEMAND, faults=faults, notes=notes)
    columns.require("id", "lon", "lat")
    return columns


def _columns_of(
    table: VectorTable, fields: Mapping[str, str | None], faults: FaultList, notes: list[str]
) -> Columns:
    """Return the attributes of features as a table of text, so that one set of checks serves both."""
    notes += table.notes
    texts = {
        name: pd.Series(list(map(_text, column)), dtype=object) for name, column in table.columns.items()
    }
    frame = pd.DataFrame(texts, index=range(len(table)))
    frame.index = pd.Index(table.row, name="row")
    wanted = [name for name in _COLUMNS if name not in ("lon", "lat")]
    columns = Columns(frame, wanted, fields, purpose=Purpose.DEMAND, faults=faults, notes=notes)
    columns.require("id")
    return columns


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _outlines(table: VectorTable, datum: AnyDatum | None, faults: FaultList) -> NDArray[np.object_]:
    if datum is None:
        return np.full(len(table), None, dtype=object)
    said = f"the coordinates are taken for {datum_label(datum)}"
    geometry = geometries_to_wgs84(table.geometry, table.row, datum, said, faults)
    broken = shapely.is_geometry(geometry) & ~shapely.is_valid(geometry)
    for i in np.flatnonzero(broken):
        reason = shapely.is_valid_reason(geometry[i])
        faults.add("invalid", "geometry", f"the outline is invalid: {reason}", row=int(table.row[i]))
    return geometry


def _inner_points(geometry: NDArray[np.object_]) -> NDArray[np.float64]:
    inner = shapely.point_on_surface(geometry)
    return np.column_stack([shapely.get_x(inner), shapely.get_y(inner)]).astype(np.float64)


def _frame(
    columns: Columns, lonlat: NDArray[np.float64], faults: FaultList, *, needs_place: bool
) -> pd.DataFrame:
    frame = pd.DataFrame({"row": columns.rows, "id": columns.identity("id").to_numpy()})
    frame["lon"], frame["lat"] = lonlat[:, 0], lonlat[:, 1]
    if needs_place and "lon" in columns and "lat" in columns:
        empty = (columns.text("lon") == "") & (columns.text("lat") == "")
        for row in empty.index[empty]:
            faults.add(
                "no-place", "lon, lat", "is empty: demand without a place counts nowhere", row=int(row)
            )
    for name in ("households", "residents"):
        frame[name] = columns.count(name)
        for i in np.flatnonzero(frame[name].to_numpy() > _MOST_OF_ONE):
            message = "is more than any building holds"
            faults.add(f"most {name}", columns.header_of[name], message, row=int(columns.rows[i]))
    for name in ("kind", "address"):
        frame[name] = columns.text(name).to_numpy()
    frame["attributes"] = columns.attributes()
    return frame
