"""Boundaries of cells from any vector file: codes, names, parents and valid polygons in EPSG:4326."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.formats.datums import (
    GivenDatum,
    datum_of,
    geometries_to_wgs84,
    given_datum,
    in_degrees,
    label,
)
from geo_service.formats.faults import FaultList, preview
from geo_service.formats.geojson_geometry import POLYGONS
from geo_service.formats.limits import Limits
from geo_service.formats.names import nearest_name
from geo_service.formats.parts import merged_parts
from geo_service.formats.placeguess import swapped_outliers, where_no_town_lies
from geo_service.formats.refused import Purpose, note_refused, note_refused_values
from geo_service.formats.vector import walk_vector
from geo_service.formats.vectortable import VectorTable
from geo_service.geometry.crs import WGS84

_CODE_MAX_CHARS = 64
_EXACT_INTEGER = 2.0**53
_REASON_PLACE = re.compile(r"\[(\S+) (\S+)\]\s*$")
_REMEDIES = {
    "Self-intersection": "the boundary crosses itself",
    "Ring Self-intersection": "the boundary touches itself: make the two sides of the pinch separate parts",
    "Hole lies outside shell": "a hole lies outside the polygon",
    "Holes are nested": "a hole lies within another hole",
    "Nested shells": "one part lies within another",
    "Nested holes": "a hole lies within another hole",
    "Interior is disconnected": "holes cut the polygon into pieces: give the pieces as separate parts",
    "Duplicate Rings": "a ring stands there twice",
    "Too few points in geometry component": "a ring encloses no land",
}


@dataclass(frozen=True, slots=True)
class BoundaryTable:
    """The cells of one file, ready to be checked as a tiling.

    Attributes
    ----------
    frame : GeoDataFrame
        Columns ``row`` (feature number, from 1), ``code``, ``name`` (``""`` where there is none),
        ``parent_code`` (None where there is none), ``attributes`` (dict of the other columns) and
        ``geometry``: valid Polygons and MultiPolygons in EPSG:4326, not yet on the lattice.
    level : str or None
        The level the caller loads them as.
    datum : str
        What the file's coordinates were taken for.
    notes : tuple of str
        What was decided or left out on the way.
    """

    frame: gpd.GeoDataFrame
    level: str | None
    datum: str
    notes: tuple[str, ...]


def read_boundaries(
    source: Path | bytes,
    *,
    code_field: str,
    name_field: str | None = None,
    parent_field: str | None = None,
    crs: GivenDatum = None,
    level: str | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    max_vertices: int | None = None,
    merge_parts: bool | None = None,
    check_shapes: bool = True,
    limits: Limits | None = None,
) -> BoundaryTable:
    """Read the boundaries of cells and check everything that can be checked cell by cell.

    Parameters
    ----------
    source : Path or bytes
        GeoJSON, GeoPackage, FlatGeobuf, KML, a zipped Shapefile, or its ``.shp``.
    code_field, name_field, parent_field : str
        Columns that hold each cell's code, its name, and its parent's code.
    crs : str, int, Datum, CityGrid or None
        Datum of the coordinates; what the file says when None (GeoJSON: WGS84).
    level : str or None
        Handed through.
    layer : str or None
        Layer of a file that has several.
    encoding : str or None
        Encoding of the text; found out when None.
    max_vertices : int or None
        Greatest number of vertices of one cell, in place of ``limits.vertices``.
    merge_parts : bool or None
        What features of the same code, name and parent are, as in files of single polygons. True: parts of
        one cell; they may touch but not overlap. None: parts of one cell if they lie apart (a note says
        which), a fault if they meet. False: a fault. The first one's attributes are kept.
    check_shapes : bool
        Invalid polygons are faults; False leaves them to the caller, who inspects the tiling himself.
    limits : Limits or None
        Caps; the defaults when None.

    Returns
    -------
    BoundaryTable
        All cells of the file: one faulty cell refuses the file.

    Raises
    ------
    InvalidInputError
        With every fault: missing fields, empty and duplicate codes, invalid shapes with reason and place,
        a wrong CRS, refused columns.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    caps = _caps(limits or Limits(), max_vertices)
    faults, notes = FaultList(), list[str]()
    given = given_datum(crs, faults)
    degrees = in_degrees(given) if crs is None or given is not None else False
    table = walk_vector(
        source, faults, layer=layer, kinds=POLYGONS, lonlat=degrees, encoding=encoding, limits=caps
    )
    if table is None:
        faults.raise_if_any("The boundary file is not usable")
        raise AssertionError("a reader that gives no table notes a fault")
    note_refused(table.columns, Purpose.BOUNDARIES, faults)
    code_field = _as_written(table, code_field)
    name_field = None if name_field is None else _as_written(table, name_field)
    parent_field = None if parent_field is None else _as_written(table, parent_field)
    fields = {"code_field": code_field, "name_field": name_field, "parent_field": parent_field}
    _check_fields(table, fields, faults)
    codes = _codes(table, code_field, faults, unique=merge_parts is False)
    parents = _parents(table, parent_field, codes, faults)
    datum = datum_of(table, given, faults, notes) if crs is None or given is not None else None
    geometry = table.geometry
    if datum is not None:
        said = (
            f"the file says {label(datum)}"
            if given is None and datum != WGS84
            else f"{label(datum)} is assumed"
        )
        geometry = geometries_to_wgs84(geometry, table.row, datum, said, faults)
        _check_places(geometry, table.row, faults)
        if check_shapes:
            _check_valid(geometry, table.row, codes, faults)
    attributes = _attributes(table, {name for name in fields.values() if name}, faults)
    frame = pd.DataFrame(
        {
            "row": table.row,
            "code": pd.Series(codes, dtype=object),
            "name": pd.Series(_names(table, name_field), dtype=object),
            "parent_code": pd.Series(parents, dtype=object),
            "attributes": pd.Series(attributes, dtype=object),
            "geometry": pd.Series(geometry, dtype=object),
        }
    )
    if merge_parts is not False:
        frame = merged_parts(frame, faults, notes, max_vertices=caps.vertices, touching=merge_parts is True)
    faults.raise_if_any("The boundary file is not usable")
    taken = label(datum) if datum is not None else ""
    cells = gpd.GeoDataFrame(frame, geometry="geometry", crs=4326)
    return BoundaryTable(cells, level, taken, (*table.notes, *notes))


def _caps(limits: Limits, max_vertices: int | None) -> Limits:
    return limits if max_vertices is None else replace(limits, vertices=max_vertices)


def _as_written(table: VectorTable, wanted: str) -> str:
    """Return the file's own spelling of a field: formats change case (KML makes ``Name`` of ``name``)."""
    if wanted in table.columns:
        return wanted
    alike = [name for name in table.columns if name.lower() == wanted.lower()]
    return alike[0] if len(alike) == 1 else wanted


def _check_fields(table: VectorTable, fields: dict[str, str | None], faults: FaultList) -> None:
    names = list(table.columns)
    for parameter, name in fields.items():
        if name is None or name in table.columns:
            continue
        near = nearest_name(name, names)
        guess = f"; do you mean {near!r}?" if near else ""
        has = preview(names) or "no attribute at all"
        faults.add("no-field", parameter, f"the file has no field {name!r}{guess} It has: {has}", value=name)


def _text(value: Any) -> str:
    """Return a value as a code or name: ``330102.0`` is how a numeric column says 330102."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value).strip()


def _codes(table: VectorTable, field: str, faults: FaultList, *, unique: bool) -> list[str]:
    column = table.columns.get(field)
    if column is None:
        return [""] * len(table)
    codes = [_text(value) for value in column]
    first_row: dict[str, int] = {}
    for code, value, row in zip(codes, column, table.row.tolist(), strict=True):
        if not code:
            faults.add("no-code", field, "is empty: every cell needs a code", row=row)
        elif len(code) > _CODE_MAX_CHARS:
            faults.add("code", field, f"is longer than {_CODE_MAX_CHARS} characters", row=row, value=code)
        elif isinstance(value, float) and abs(value) >= _EXACT_INTEGER:
            message = "is a number too long to be exact: keep codes as text"
            faults.add("code", field, message, row=row, value=code)
        elif code in first_row and unique:
            message = (
                f"rows {first_row[code]} and {row} have the same code "
                "(if they are parts of one cell, ask for parts to be merged)"
            )
            faults.add("duplicate-code", field, message, row=row, value=code)
        first_row.setdefault(code, row)
    return codes


def _parents(table: VectorTable, field: str | None, codes: list[str], faults: FaultList) -> list[str | None]:
    column = table.columns.get(field) if field is not None else None
    if column is None:
        return [None] * len(table)
    parents = [_text(value) or None for value in column]
    for parent, code, row in zip(parents, codes, table.row.tolist(), strict=True):
        if parent is not None and parent == code:
            faults.add("own-parent", str(field), "a cell cannot be its own parent", row=row, value=parent)
    return parents


def _names(table: VectorTable, field: str | None) -> list[str]:
    column = table.columns.get(field) if field is not None else None
    return [""] * len(table) if column is None else [_text(value) for value in column]


def _attributes(table: VectorTable, used: set[str], faults: FaultList) -> list[dict[str, Any]]:
    others = {name: column for name, column in table.columns.items() if name not in used}
    for name, column in others.items():
        note_refused_values(name, column.tolist(), faults)
    return [
        {name: column[i] for name, column in others.items() if column[i] is not None}
        for i in range(len(table))
    ]


def _check_places(geometry: NDArray[np.object_], row: NDArray[np.int64], faults: FaultList) -> None:
    """Note swapped axes within the range of degrees: all in the Antarctic, or one far from the rest."""
    bounds = shapely.bounds(geometry)
    centres = np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    known = centres[np.isfinite(centres).all(axis=1)]
    if where_no_town_lies(known):
        place = (float(known[0, 0]), float(known[0, 1]))
        message = "all of it lies in polar regions where no town is: lon and lat look swapped"
        faults.add("swapped", "geometry", message, place=place)
        return
    for i in np.flatnonzero(swapped_outliers(centres)):
        message = "lies far from all others: lon and lat look swapped here"
        faults.add("swapped", "geometry", message, row=int(row[i]), place=(centres[i, 0], centres[i, 1]))


def _check_valid(
    geometry: NDArray[np.object_], row: NDArray[np.int64], codes: list[str], faults: FaultList
) -> None:
    known = shapely.is_geometry(geometry)
    for i in np.flatnonzero(known & ~shapely.is_valid(geometry)):
        reason = shapely.is_valid_reason(geometry[i])
        where = _REASON_PLACE.search(reason)
        place = (float(where[1]), float(where[2])) if where else None
        short = _REASON_PLACE.sub("", reason).strip()
        message = f"the polygon is invalid: {short}" + (
            f" ({_REMEDIES[short]})" if short in _REMEDIES else ""
        )
        faults.add("invalid", "geometry", message, row=int(row[i]), value=codes[i] or None, place=place)
    for i in np.flatnonzero(known & (shapely.area(geometry) == 0.0)):
        faults.add("no-area", "geometry", "encloses no land", row=int(row[i]), value=codes[i] or None)
