"""From a file's coordinates to EPSG:4326: which datum holds, and what is wrong with each row under it."""

from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geo_service.errors import InvalidInputError
from geo_service.formats.faults import FaultList
from geo_service.formats.placeguess import out_of_range, why_out_of_range
from geo_service.formats.vectortable import VectorTable
from geo_service.geometry.chinese_datums import CHINA_BOUNDS_DEG
from geo_service.geometry.crs import (
    BD09,
    GCJ02,
    WGS84,
    CityGrid,
    Datum,
    parse_datum,
    to_wgs84,
    transform_geometry,
)

AnyDatum: TypeAlias = Datum | CityGrid
GivenDatum: TypeAlias = Datum | CityGrid | str | int | None
"""What a caller may give as ``crs``; None for what the file says."""

_DEGREES_AT_MOST = 181.0


def given_datum(crs: GivenDatum, faults: FaultList) -> AnyDatum | None:
    """Return the datum a caller names; None if he names none, or none we know (then a fault is noted)."""
    if crs is None or isinstance(crs, CityGrid):
        return crs
    try:
        return parse_datum(crs)
    except InvalidInputError as error:
        for fault in error.faults:
            faults.add("crs", "crs", fault.message, value=fault.value)
        if not error.faults:
            faults.add("crs", "crs", error.detail, value=crs)
        return None


def in_degrees(datum: AnyDatum | None) -> bool:
    """Tell whether a datum's coordinates are longitude and latitude; so they are when none is named."""
    if datum is None:
        return True
    if isinstance(datum, CityGrid):
        return False
    return datum.epsg is None or bool(CRS.from_epsg(datum.epsg).is_geographic)


def datum_of(
    table: VectorTable, given: AnyDatum | None, faults: FaultList, notes: list[str]
) -> AnyDatum | None:
    """Return the datum of a vector file: the caller's word, else the file's; None after noting a fault."""
    if given is not None:
        says = table.datum or (f"EPSG:{table.epsg}" if table.epsg is not None else None)
        if says is not None and given != given_datum(says, FaultList()):
            notes.append(f"the file says {says}; {label(given)} was used because it was asked for")
        return given
    if table.format == "GeoJSON":
        return WGS84 if table.datum is None else parse_datum(table.datum)
    if table.epsg is not None:
        return given_datum(table.epsg, faults)
    if table.crs_name is not None:
        message = f"the file's CRS ({table.crs_name!r}) has no EPSG number: name it with --crs"
    else:
        message = "the file does not say its CRS: name it with --crs (WGS84, CGCS2000, GCJ02, BD09, EPSG:n)"
    faults.add("crs", "crs", message)
    return None


def label(datum: AnyDatum) -> str:
    """Return what a datum is called, for notes."""
    return "the city grid" if isinstance(datum, CityGrid) else str(datum)


def geometries_to_wgs84(
    geometry: NDArray[np.object_], row: NDArray[np.int64], datum: AnyDatum, said: str, faults: FaultList
) -> NDArray[np.object_]:
    """Return geometries in EPSG:4326; a row that cannot be converted is noted and becomes None.

    Parameters
    ----------
    geometry : (n,) object
        shapely geometries in ``datum``, or None.
    row : (n,) int64
        Number of each feature in the file.
    datum : Datum or CityGrid
        What the coordinates are taken for.
    said : str
        Who says so (``"the file says EPSG:4326"``), for messages.
    """
    out = np.full(len(geometry), None, dtype=object)
    known = np.flatnonzero(shapely.is_geometry(geometry))
    if not len(known) or _label_looks_wrong(shapely.get_coordinates(geometry[known]), datum, said, faults):
        return out
    if in_degrees(datum):
        known = known[_all_in_range(geometry[known], row[known], said, faults)]
        if _not_in_china(shapely.get_coordinates(geometry[known]), datum, faults):
            return out
    try:
        moved = transform_geometry(geometry[known], datum)
    except InvalidInputError:  # somewhere among them: convert one by one to know where
        moved = np.array(
            [_one_to_wgs84(geometry[i], int(row[i]), datum, faults) for i in known], dtype=object
        )
    left = shapely.is_geometry(moved)
    known, moved = known[left], moved[left]
    on_earth = _all_in_range(moved, row[known], f"{said}; it was converted", faults)
    out[known[on_earth]] = moved[on_earth]
    return out


def _all_in_range(
    geometry: NDArray[np.object_], row: NDArray[np.int64], said: str, faults: FaultList
) -> NDArray[np.bool_]:
    """Return which geometries have all their positions within the range of degrees; note the others."""
    xy, owner = shapely.get_coordinates(geometry, return_index=True)
    bad = out_of_range(xy)
    good = np.ones(len(geometry), bool)
    starts = np.searchsorted(owner, np.arange(len(geometry) + 1))
    for i in np.unique(owner[bad]):
        good[i] = False
        own = slice(starts[i], starts[i + 1])
        wrong = xy[own][bad[own]]
        count = f"{len(wrong)} of {starts[i + 1] - starts[i]} positions"
        message = f"{said}, but {count} are out of range: {why_out_of_range(wrong)}"
        faults.add("range", "geometry", message, row=int(row[i]), value=_pair(wrong[0]))
    return good


def _label_looks_wrong(xy: NDArray[np.float64], datum: AnyDatum, said: str, faults: FaultList) -> bool:
    """Note one fault for the whole file if its coordinates are degrees and its CRS is metric."""
    if in_degrees(datum) or float(np.abs(xy).max()) > _DEGREES_AT_MOST:
        return False
    message = f"{said} (metres), but all coordinates look like degrees: give --crs WGS84, or the right one"
    faults.add("crs-label", "crs", message, value=f"{xy[0, 0]:.7g}, {xy[0, 1]:.7g}")
    return True


def _not_in_china(xy: NDArray[np.float64], datum: AnyDatum, faults: FaultList) -> bool:
    """Note one fault for the whole file if its datum is one of China's and no position lies there."""
    if datum not in (GCJ02, BD09) or not len(xy):
        return False
    west, south, east, north = CHINA_BOUNDS_DEG
    x, y = xy[:, 0], xy[:, 1]
    if ((x >= west) & (x <= east) & (y >= south) & (y <= north)).any():
        return False
    message = f"{label(datum)} is defined within China only, and none of the coordinates lies there"
    faults.add("crs-label", "crs", f"{message}: name the right --crs", value=_pair(xy[0]))
    return True


def _one_to_wgs84(
    geometry: BaseGeometry, row: int, datum: AnyDatum, faults: FaultList
) -> BaseGeometry | None:
    try:
        moved: BaseGeometry = transform_geometry(geometry, datum)
    except InvalidInputError as error:
        first = error.faults[0] if error.faults else None
        message = first.message if first is not None else error.detail
        faults.add("range", "geometry", message, row=row, value=first.value if first is not None else None)
        return None
    return moved


def points_to_wgs84(
    xy: NDArray[np.float64], row: NDArray[np.int64], datum: AnyDatum, field: str, faults: FaultList
) -> NDArray[np.float64]:
    """Return (n, 2) positions in EPSG:4326; a row that cannot be converted is noted and becomes NaN.

    Parameters
    ----------
    xy : (n, 2) float64
        Finite positions in ``datum``.
    row : (n,) int64
        Number of each data row.
    datum : Datum or CityGrid
        What the positions are taken for.
    field : str
        Name of the columns, for messages.
    """
    out = np.full_like(xy, np.nan)
    good = np.ones(len(xy), bool)
    if in_degrees(datum):
        good = ~out_of_range(xy)
        for i in np.flatnonzero(~good):
            faults.add("range", field, why_out_of_range(xy[i : i + 1]), row=int(row[i]), value=_pair(xy[i]))
    elif len(xy) and float(np.abs(xy).max()) <= _DEGREES_AT_MOST:
        message = f"{label(datum)} is in metres, but all coordinates look like degrees: name the right --crs"
        faults.add("crs-label", "crs", message, value=_pair(xy[0]))
        return out
    if _not_in_china(xy[good], datum, faults):
        return out
    if good.any():
        out[good] = _convert(xy[good], row[good], datum, field, faults)
    return out


def _convert(
    xy: NDArray[np.float64], row: NDArray[np.int64], datum: AnyDatum, field: str, faults: FaultList
) -> NDArray[np.float64]:
    try:
        moved = to_wgs84(xy, datum)
    except InvalidInputError as error:
        for fault in error.faults:
            at = int(row[fault.row - 1]) if fault.row is not None else None
            faults.add("range", field, fault.message, row=at, value=fault.value)
        if not error.faults:
            faults.add("range", field, error.detail)
        return np.full_like(xy, np.nan)
    for i in np.flatnonzero(out_of_range(moved)):
        message = f"{label(datum)} puts it off the earth: name the right --crs"
        faults.add("range", field, message, row=int(row[i]), value=_pair(xy[i]))
    return moved


def _pair(xy: Any) -> str:
    return f"{xy[0]:.10g}, {xy[1]:.10g}"
