"""Vector files, told apart by content: GeoJSON is read here, the rest in a walled-off process."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import TooLargeError
from geo_service.formats.archive import Archive
from geo_service.formats.childprocess import Answer, ChildDiedError, ask
from geo_service.formats.dbftext import decode_dbf
from geo_service.formats.faults import FaultList, no_file, preview
from geo_service.formats.geojson import walk_geojson
from geo_service.formats.geojson_geometry import NOWHERE, POLYGONS
from geo_service.formats.limits import Limits
from geo_service.formats.sniff import Kind, sniff
from geo_service.formats.text import bad_character
from geo_service.formats.vectortable import VectorTable
from geo_service.formats.wkb import WkbError, outline

_SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj")
_INSIDE_ZIP = (".geojson", ".json", ".gpkg", ".fgb", ".kml")
_LIKE_DOCTYPE = (b"<!DOCTYPE", b"<!ENTITY", b"<\x00!\x00D\x00O", b"<\x00!\x00E\x00N")
_SHAPEFILE = "ESRI Shapefile"
_KML_STYLING = frozenset(
    ["timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon"]
)


def read_vector(
    source: Path | bytes,
    *,
    layer: str | None = None,
    kinds: frozenset[str] = POLYGONS,
    lonlat: bool = True,
    encoding: str | None = None,
    limits: Limits | None = None,
) -> VectorTable:
    """Read a vector file: GeoJSON, zipped Shapefile, GeoPackage, FlatGeobuf, KML or KMZ.

    Parameters
    ----------
    source : Path or bytes
        A file, or its content. For a Shapefile the zip, or the ``.shp`` beside its other parts.
    layer : str or None
        Which layer of a GeoPackage, KML or zip with several; may be None where there is one.
    kinds : set of str
        Geometry types taken, of Point, Polygon, MultiPolygon.
    lonlat : bool
        GeoJSON coordinates are checked as degrees; False when the caller names a projected CRS.
    encoding : str or None
        Encoding of GeoJSON text or of a Shapefile's table; found out when None.
    limits : Limits or None
        Caps; the defaults when None.

    Returns
    -------
    VectorTable
        Geometries in the file's own coordinates; ``epsg`` says which, if the file does.

    Raises
    ------
    InvalidInputError
        With every fault found.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    faults = FaultList()
    table = walk_vector(
        source, faults, layer=layer, kinds=kinds, lonlat=lonlat, encoding=encoding, limits=limits or Limits()
    )
    faults.raise_if_any("The file is not usable")
    assert table is not None  # noqa: S101 - without a fault there is a table; said for the type checker
    return table


def walk_vector(
    source: Path | bytes,
    faults: FaultList,
    *,
    layer: str | None,
    kinds: frozenset[str],
    lonlat: bool,
    encoding: str | None,
    limits: Limits,
) -> VectorTable | None:
    """Read like :func:`read_vector`, noting faults instead of raising; None if nothing could be read."""
    data = load(source, limits)
    kind, why = sniff(data)
    if kind is Kind.ZIP:
        unpacked = _unpack(data, faults, layer, limits)
        if unpacked is None:
            return None
        data, kind, layer, cpg = unpacked
        if kind == _SHAPEFILE:
            return _by_child(
                data, faults, _SHAPEFILE, layer=layer, kinds=kinds, limits=limits, encoding=encoding, cpg=cpg
            )
        kind, why = sniff(data)
    if kind is Kind.GEOJSON:
        return walk_geojson(data, faults, kinds=kinds, lonlat=lonlat, encoding=encoding, limits=limits)
    if kind is Kind.UNKNOWN or kind is Kind.ZIP:
        faults.add("format", "", why or "a zip within a zip is not taken")
        return None
    if kind is Kind.KML and any(mark in data for mark in _LIKE_DOCTYPE):
        faults.add("format", "", "the XML declares a document type or entities, which is not taken")
        return None
    return _by_child(data, faults, kind.value, layer=layer, kinds=kinds, limits=limits)


def load(source: Path | bytes, limits: Limits) -> bytes:
    """Return the bytes of a file within the size limit; a ``.shp`` brings its other parts, as a zip.

    Raises
    ------
    NotFoundError
        There is no such file.
    TooLargeError
        It is larger than the limit.
    """
    if isinstance(source, bytes):
        data = source
    elif not source.is_file():
        raise no_file(source)
    elif source.stat().st_size > limits.file_bytes:
        raise TooLargeError(_too_large(source.stat().st_size, limits))
    else:
        data = _zip_of_parts(source) if source.suffix.lower() == ".shp" else source.read_bytes()
    if len(data) > limits.file_bytes:
        raise TooLargeError(_too_large(len(data), limits))
    return data


def _too_large(size: int, limits: Limits) -> str:
    return f"The file has {size:,} bytes; the limit is {limits.file_bytes:,}"


def _zip_of_parts(shp: Path) -> bytes:
    wanted = (*_SHAPEFILE_PARTS, ".cpg")
    parts = [part for part in shp.parent.iterdir() if part.stem == shp.stem and part.suffix.lower() in wanted]
    return _pack((f"layer{part.suffix.lower()}", part.read_bytes()) for part in parts)


def _pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


def _unpack(
    data: bytes, faults: FaultList, layer: str | None, limits: Limits
) -> tuple[bytes, Any, str | None, str | None] | None:
    """Return content, kind, layer and the declared encoding of the one data set in a zip."""
    archive = Archive(data, faults, limits)
    if not archive.ok:
        return None
    shapes = _named(archive, ".shp")
    single = [name for suffix in _INSIDE_ZIP for name in _named(archive, suffix).values()]
    if shapes:
        return _unpack_shapefile(archive, faults, shapes, layer)
    if len(single) == 1:
        content = archive.read(single[0])
        return None if content is None else (content, Kind.UNKNOWN, layer, None)
    found = preview(archive.names) or "nothing"
    faults.add(
        "format", "", f"the zip must hold one Shapefile or one GeoJSON, GeoPackage or KML; it holds {found}"
    )
    return None


def _named(archive: Archive, suffix: str) -> dict[str, str]:
    """Return the names of a zip that end in a suffix, by their stem."""
    paths = {name: PurePosixPath(name) for name in archive.names}
    return {path.stem: name for name, path in paths.items() if path.suffix.lower() == suffix}


def _unpack_shapefile(
    archive: Archive, faults: FaultList, shapes: dict[str, str], layer: str | None
) -> tuple[bytes, Any, str | None, str | None] | None:
    if len(shapes) > 1 and layer is None:
        faults.add(
            "which-layer", "layer", f"the zip holds several layers: name one of {preview(sorted(shapes))}"
        )
        return None
    stem = layer if layer is not None else next(iter(shapes))
    if stem not in shapes:
        faults.add("no-layer", "layer", f"not in the zip, which holds {preview(sorted(shapes))}", value=layer)
        return None
    before = len(faults)
    parts: dict[str, bytes | None] = {}
    for suffix in (*_SHAPEFILE_PARTS, ".cpg"):
        name = _named(archive, suffix).get(stem)
        if name is not None:
            parts[suffix] = archive.read(name)
        elif suffix in (".shx", ".dbf"):
            faults.add("shapefile", f"{stem}{suffix}", "this part of the Shapefile is missing in the zip")
    if len(faults) > before:
        return None
    cpg = (parts.pop(".cpg", None) or b"").decode("ascii", "ignore").strip() or None
    packed = _pack((f"layer{suffix}", content) for suffix, content in parts.items() if content is not None)
    return packed, _SHAPEFILE, "layer", cpg


def _by_child(
    data: bytes,
    faults: FaultList,
    kind: str,
    *,
    layer: str | None,
    kinds: frozenset[str],
    limits: Limits,
    encoding: str | None = None,
    cpg: str | None = None,
) -> VectorTable | None:
    # Latin-1 hands a Shapefile's bytes through unchanged: what they mean is decided here
    request = {"kind": kind, "layer": layer, "encoding": "ISO-8859-1" if kind == _SHAPEFILE else None}
    try:
        answer = ask(data, request, limits)
    except ChildDiedError as error:
        faults.add("unreadable", "", f"the {kind} file cannot be read: {error}")
        return None
    if not _usable(answer.head, faults, kind, layer, limits):
        return None
    notes: list[str] = []
    if kind == Kind.KML:
        _drop_styling(answer.head)
    columns = _columns(answer.head, faults, notes, limits, (encoding, cpg) if kind == _SHAPEFILE else None)
    row = np.arange(1, len(answer.wkb) + 1, dtype=np.int64)
    geometry = _geometries(answer, faults, kinds, limits)
    head = answer.head
    return VectorTable(geometry, columns, row, kind, head["epsg"], head["crs_name"], notes=tuple(notes))


def _drop_styling(head: dict[str, Any]) -> None:
    """Leave out the columns that say how Google Earth shows a place, not what it is."""
    kept = [i for i, name in enumerate(head["fields"]) if name not in _KML_STYLING]
    head["fields"] = [head["fields"][i] for i in kept]
    head["columns"] = [head["columns"][i] for i in kept]


def _usable(head: dict[str, Any], faults: FaultList, kind: str, layer: str | None, limits: Limits) -> bool:
    names = preview(head.get("layers", [])) or "none"
    problem = head.get("problem")
    if "error" in head:
        faults.add("unreadable", "", f"the {kind} file cannot be read ({_safe(head['error'])})")
    elif problem == "which-layer":
        faults.add("which-layer", "layer", f"the file holds several layers: name one of {names}")
    elif problem == "no-layer":
        faults.add(
            "no-layer", "layer", f"no such layer with geometry; the file's layers: {names}", value=layer
        )
    elif problem == "properties":
        message = f"the file has {head['properties']:,} columns; the limit is {limits.properties}"
        faults.add("properties", "", message)
    elif head["n"] > limits.features:
        faults.add("features", "", f"more than {limits.features:,} features")
    elif head["n"] == 0:
        faults.add("empty", "", "the file has no feature")
    else:
        return True
    return False


def _safe(error: str) -> str:
    """Return the first words of GDAL's message without the names of its files in memory."""
    words = [word for word in error.split() if "/" not in word and "\\" not in word]
    return " ".join(words)[:160]


def _columns(
    head: dict[str, Any],
    faults: FaultList,
    notes: list[str],
    limits: Limits,
    dbf: tuple[str | None, str | None] | None,
) -> dict[str, NDArray[np.object_]]:
    names, values = head["fields"], head["columns"]
    if dbf is not None:
        names, values = decode_dbf(names, values, faults, notes, encoding=dbf[0], cpg=dbf[1])
    columns: dict[str, NDArray[np.object_]] = {}
    for name, column in zip(names, values, strict=True):
        for i, value in enumerate(column):
            if isinstance(value, str):
                _check_text(value, name, i + 1, faults, limits)
        columns[name] = np.empty(len(column), dtype=object)
        columns[name][:] = column
    return columns


def _check_text(value: str, name: str, row: int, faults: FaultList, limits: Limits) -> None:
    wrong = bad_character(value)
    if wrong is not None:
        faults.add("character", name, wrong, row=row, value=value)
    if len(value) > limits.text_chars:
        faults.add("text", name, f"longer than {limits.text_chars:,} characters", row=row, value=value)


def _geometries(
    answer: Answer, faults: FaultList, kinds: frozenset[str], limits: Limits
) -> NDArray[np.object_]:
    wanted = " or ".join(sorted(kinds - {NOWHERE}, reverse=True))
    geometry = np.empty(len(answer.wkb), dtype=object)
    for i, wkb in enumerate(answer.wkb):
        if not wkb:
            if NOWHERE not in kinds:
                faults.add("no-geometry", "geometry", f"is missing: a feature needs a {wanted}", row=i + 1)
            continue
        try:
            shape = outline(wkb, limits)
        except WkbError as error:
            faults.add("geometry", "geometry", str(error), row=i + 1)
            continue
        if shape.kind not in kinds:
            faults.add("kind", "geometry", f"must be {wanted}", row=i + 1, value=shape.kind)
        else:
            geometry[i] = _parsed(wkb, faults, i + 1)
    return geometry


def _parsed(wkb: bytes, faults: FaultList, row: int) -> Any:
    try:
        geometry = shapely.from_wkb(wkb)
    except shapely.errors.GEOSException:
        faults.add("ring", "geometry", "a ring is not closed or has fewer than four positions", row=row)
        return None
    if geometry.is_empty:
        faults.add("empty", "geometry", "is empty", row=row)
        return None
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        faults.add("not-finite", "geometry", "has a coordinate that is NaN or infinite", row=row)
        return None
    return geometry
