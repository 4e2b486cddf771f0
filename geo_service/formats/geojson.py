"""GeoJSON by a reader of our own, which never meets GDAL: no link is followed, no fault is hidden.

GDAL's GeoJSON driver fetches what a ``crs`` member links to and reports only the first fault. Here the
text is parsed by orjson, walked with every depth bounded, and each fault is listed with the number of its
feature and its JSON path.
"""

import json
import re
from typing import Any

import numpy as np
import orjson

from geo_service.errors import InvalidInputError, TooLargeError
from geo_service.formats.datums import in_degrees
from geo_service.formats.faults import FaultList
from geo_service.formats.geojson_geometry import GEOMETRIES, POLYGONS, GeometryReader
from geo_service.formats.limits import Limits
from geo_service.formats.text import bad_character, decode
from geo_service.formats.vectortable import VectorTable
from geo_service.geometry.crs import parse_datum

_WGS84_NAMES = re.compile(r"(crs:?84|epsg:+(\d*\.?\d*:)?4326|wgs[ _]?84)$", re.IGNORECASE)
_NOT_GEOJSON = {
    "Topology": "this is TopoJSON: save it as GeoJSON",
    "gdal_streamed_alg": "this is a GDAL pipeline, not data: save its result as GeoJSON",
}


def read_geojson(
    data: bytes,
    *,
    kinds: frozenset[str] = POLYGONS,
    lonlat: bool = True,
    encoding: str | None = None,
    limits: Limits | None = None,
) -> VectorTable:
    """Read a GeoJSON text: a FeatureCollection, a Feature or a bare geometry.

    Parameters
    ----------
    data : bytes
        UTF-8 (with or without a byte order mark), UTF-16 with one, or GB18030.
    kinds : set of str
        Geometry types taken, of Point, Polygon, MultiPolygon.
    lonlat : bool
        Coordinates are degrees and are checked as such. False when the caller has named a projected CRS.
    encoding : str or None
        Encoding of the text; found out when None.
    limits : Limits or None
        Caps; the defaults when None.

    Returns
    -------
    VectorTable
        Geometries in the file's own coordinates.

    Raises
    ------
    InvalidInputError
        With every fault found, by feature number and JSON path.
    TooLargeError
        The file is larger than the limit.
    """
    faults = FaultList()
    table = walk_geojson(
        data, faults, kinds=kinds, lonlat=lonlat, encoding=encoding, limits=limits or Limits()
    )
    faults.raise_if_any("The GeoJSON file is not usable")
    assert table is not None  # noqa: S101 - without a fault there is a table; said for the type checker
    return table


def walk_geojson(
    data: bytes,
    faults: FaultList,
    *,
    kinds: frozenset[str],
    lonlat: bool,
    encoding: str | None,
    limits: Limits,
) -> VectorTable | None:
    """Read like :func:`read_geojson`, noting faults instead of raising; None if nothing could be walked."""
    if len(data) > limits.file_bytes:
        raise TooLargeError(f"The file has {len(data):,} bytes; the limit is {limits.file_bytes:,}")
    if not data.strip():
        faults.add("empty", "", "the file is empty")
        return None
    decoded = decode(data, faults, encoding)
    if decoded is None:
        return None
    parsed = _parse(decoded.text.removeprefix("\ufeff"), faults)
    if parsed is None:
        return None
    walker = _Walker(faults, limits, GeometryReader(faults, limits, kinds, lonlat=lonlat))
    return walker.walk(parsed[0], [decoded.note] if decoded.note else [])


def _parse(text: str, faults: FaultList) -> tuple[Any] | None:
    """Return the document in a 1-tuple (it may be null), or None after noting where it breaks.

    NaN, 1e999 and lone surrogates are no JSON, but Python's own parser takes them: what it takes is
    walked, so that each such value is listed with its path and not only the first with its line.
    """
    try:
        return (orjson.loads(text),)
    except orjson.JSONDecodeError as error:
        strict = error
    except UnicodeEncodeError:  # half a surrogate pair decoded from UTF-16
        faults.add("syntax", "", "the text holds half a surrogate pair, which is no character")
        return None
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        _note_broken(text, strict, faults)
        return None


def _note_broken(text: str, error: orjson.JSONDecodeError, faults: FaultList) -> None:
    if "depth" in error.msg or "recursion" in error.msg.lower():
        faults.add("depth", "", f"lists or objects are nested more than 1,000 deep (column {error.colno})")
        return
    at = f"line {error.lineno}, column {error.colno}"
    hint = ""
    if error.pos >= len(text.rstrip()) - 1:
        hint = ": the file seems to be cut off"
    elif "after document" in error.msg:
        hint = ": one JSON object a line is not taken, put the features into a FeatureCollection"
    around = text[max(error.pos - 20, 0) : error.pos + 20]
    faults.add("syntax", "", f"broken JSON at {at}: {error.msg.split(': line')[0]}{hint}", value=around)


class _Walker:
    """Walks one document; holds what must be remembered from feature to feature."""

    def __init__(self, faults: FaultList, limits: Limits, geometries: GeometryReader) -> None:
        self._faults = faults
        self._limits = limits
        self._geometries = geometries
        self._row_of_id: dict[str | int | float, int] = {}
        self._nested = 0

    def walk(self, root: Any, notes: list[str]) -> VectorTable | None:
        features = self._features(root)
        if features is None:
            return None
        crs_name = self._declared_crs(root, notes)
        datum = self._declared_datum(root, notes)
        self._geometries.declared_crs = crs_name
        geometry = np.empty(len(features), dtype=object)
        properties: list[dict[str, Any]] = []
        for i, (feature, path) in enumerate(features):
            geometry[i], own = self._feature(feature, path, i + 1)
            properties.append(own)
        columns = self._columns(properties)
        if self._geometries.heights_dropped:
            notes.append("heights (a third number in a position) were left out")
        if self._nested:
            notes.append(f"{self._nested} properties hold lists or objects: kept as JSON text")
        row = np.arange(1, len(features) + 1, dtype=np.int64)
        return VectorTable(geometry, columns, row, "GeoJSON", None, crs_name, datum, tuple(notes))

    def _features(self, root: Any) -> list[tuple[Any, str]] | None:
        kind = root.get("type") if isinstance(root, dict) else None
        if kind == "Feature":
            return [(root, "")]
        if isinstance(kind, str) and kind in GEOMETRIES:
            return [({"type": "Feature", "properties": None, "geometry": root}, "")]
        if kind != "FeatureCollection":
            known = _NOT_GEOJSON.get(kind) if isinstance(kind, str) else None
            message = known or "must be a FeatureCollection, a Feature or a geometry"
            self._faults.add("type", "type", message, value=kind)
            return None
        return self._members(root.get("features"))

    def _members(self, features: Any) -> list[tuple[Any, str]] | None:
        if not isinstance(features, list):
            self._faults.add("type", "features", "must be a list of features", value=features)
        elif not features:
            self._faults.add("empty", "features", "the file has no feature")
        elif len(features) > self._limits.features:
            message = f"more than {self._limits.features:,} features"
            self._faults.add("features", "features", message, value=len(features))
        else:
            return [(feature, f"features[{i}]") for i, feature in enumerate(features)]
        return None

    def _declared_crs(self, root: dict[str, Any], notes: list[str]) -> str | None:
        """Return the name of a ``crs`` member that is not WGS84; it is never followed, only mentioned."""
        crs = root.get("crs")
        if crs is None:
            return None
        inner = crs.get("properties") if isinstance(crs, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and _WGS84_NAMES.search(name.strip()):
            return None
        if isinstance(name, str) and bad_character(name) is None:
            notes.append(
                f"the file's crs member names {name[:60]!r}; it was not used: give --crs if it is right"
            )
            return name[:60]
        notes.append(
            "the file's crs member is no name of a CRS; it was not used and no link in it was followed"
        )
        return None

    def _declared_datum(self, root: dict[str, Any], notes: list[str]) -> str | None:
        """Return what our own exports write beside the features when their coordinates are not WGS84."""
        named = root.get("datum")
        if not isinstance(named, str):
            return None
        try:
            datum = parse_datum(named)
        except InvalidInputError:
            notes.append("the file's datum member names nothing we know; it was not used")
            return None
        self._geometries.lonlat = self._geometries.lonlat and in_degrees(datum)
        return str(datum)

    def _feature(self, feature: Any, path: str, row: int) -> tuple[Any, dict[str, Any]]:
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            kind = feature.get("type") if isinstance(feature, dict) else feature
            self._faults.add("type", _join(path, "type"), 'must be "Feature"', row=row, value=kind)
            return None, {}
        self._feature_id(feature.get("id"), _join(path, "id"), row)
        own = self._properties(feature.get("properties"), _join(path, "properties"), row)
        return self._geometries.read(feature.get("geometry"), _join(path, "geometry"), row), own

    def _feature_id(self, value: Any, path: str, row: int) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self._faults.add("type", path, "must be a text or a number", row=row, value=value)
        elif value in self._row_of_id:
            first = self._row_of_id[value]
            self._faults.add("duplicate-id", path, f"is the id of feature {first} too", row=row, value=value)
        else:
            self._row_of_id[value] = row

    def _properties(self, properties: Any, path: str, row: int) -> dict[str, Any]:
        if properties is None:
            return {}
        if not isinstance(properties, dict):
            self._faults.add("type", path, "must be an object", row=row, value=properties)
            return {}
        if len(properties) > self._limits.properties:
            message = f"more than {self._limits.properties} properties"
            self._faults.add("properties", path, message, row=row, value=len(properties))
            return {}
        return {
            name: self._value(name, value, f"{path}.{name[:200]}", row) for name, value in properties.items()
        }

    def _value(self, name: str, value: Any, path: str, row: int) -> Any:
        wrong = bad_character(name)
        if len(name) > self._limits.name_chars:
            wrong = f"is longer than {self._limits.name_chars} characters"
        if wrong is not None:
            self._faults.add("name", path[:200], f"the name {wrong}", row=row)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            if not np.isfinite(value):
                self._faults.add("not-finite", path, "must be a finite number", row=row, value=value)
            return value
        if isinstance(value, str):
            self._text(value, path, row)
            return value
        return self._nested_value(value, path, row)

    def _text(self, value: str, path: str, row: int) -> None:
        wrong = bad_character(value)
        if wrong is not None:
            self._faults.add("character", path, wrong, row=row, value=value)
        if len(value) > self._limits.text_chars:
            message = f"longer than {self._limits.text_chars:,} characters"
            self._faults.add("text", path, message, row=row, value=value)

    def _nested_value(self, value: Any, path: str, row: int) -> str | None:
        if _deeper_than(value, self._limits.depth):
            message = f"lists or objects are nested more than {self._limits.depth} deep"
            self._faults.add("depth", path, message, row=row)
            return None
        self._nested += 1
        text = json.dumps(value, ensure_ascii=False)
        self._text(text, path, row)
        return text

    def _columns(self, properties: list[dict[str, Any]]) -> dict[str, Any]:
        names = list(dict.fromkeys(name for own in properties for name in own))
        if len(names) > self._limits.properties:
            limit = self._limits.properties
            message = f"the features have {len(names):,} different properties; the limit is {limit}"
            self._faults.add("properties", "features", message)
            names = names[: self._limits.properties]
        columns = {}
        for name in names:
            column = np.empty(len(properties), dtype=object)
            column[:] = [own.get(name) for own in properties]
            columns[name] = column
        return columns


def _join(path: str, member: str) -> str:
    return f"{path}.{member}" if path else member


def _deeper_than(value: Any, depth: int) -> bool:
    """Tell whether a JSON value is nested deeper, level by level and so without recursion."""
    level = [value]
    for _ in range(depth):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return False
        level = inner
    return any(isinstance(item, dict | list) for item in level)
