"""Frames out: GeoPackage, GeoJSON, zipped Shapefile, FlatGeobuf, KML and CSV, in any datum.

What is written here is our own data, so GDAL may run in this process. A file appears under its name only
when it is whole.
"""

import io
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.formats.datums import AnyDatum, label
from geo_service.formats.shapefields import SHAPEFILE_ENCODINGS, ShapefileText, fit_to_dbf
from geo_service.formats.spreadsheet import write_table
from geo_service.formats.topojson import topojson_bytes
from geo_service.geometry.crs import WGS84, CityGrid, transform_geometry

DECIMALS_DEG = 7  # finds every lattice point of 2⁻²³ degree again: 5e-8 is less than half its spacing
DECIMALS_M = 3
_NO_GEOMETRY = -1  # what shapely calls the type of None


class VectorFormat(StrEnum):
    """Formats we write, by the suffix of the file."""

    GPKG = ".gpkg"
    GEOJSON = ".geojson"
    SHAPEFILE = ".zip"
    FLATGEOBUF = ".fgb"
    KML = ".kml"
    TOPOJSON = ".topojson"
    CSV = ".csv"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes
    ----------
    path : Path
        The file.
    features : int
        How many features it holds.
    notes : tuple of str
        What the format could not hold as it was (shortened names and texts).
    fields : dict of str to str
        Column to its name in the file, where the format changed it.
    """

    path: Path
    features: int
    notes: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)


def vector_format(path: Path, name: str | None = None) -> VectorFormat:
    """Return the format for a file by its suffix, or by a format's name (``"gpkg"``, ``"shapefile"``).

    Raises
    ------
    InvalidInputError
        A format we do not write.
    """
    if name is not None:
        chosen = VectorFormat.__members__.get(name.upper().removeprefix("."))
        suffix = f".{name.lower().removeprefix('.')}"
    else:
        chosen, suffix = None, path.suffix.lower()
    if chosen is None:
        if suffix == ".shp":
            fault = Fault("--out", f"name it {path.with_suffix('.zip').name}", value=path.name)
            raise InvalidInputError("A Shapefile is several files: it is written as .zip", [fault])
        suffix = {".json": ".geojson"}.get(suffix, suffix)
        chosen = next((known for known in VectorFormat if known.value == suffix), None)
    if chosen is None:
        known = ", ".join(known.value for known in VectorFormat)
        fault = Fault("format", f"write one of {known} (a Shapefile as .zip)", value=name or path.name)
        raise InvalidInputError("This format is not written", [fault])
    return chosen


def write_vector(
    frame: gpd.GeoDataFrame,
    path: Path,
    *,
    format_name: str | None = None,
    datum: AnyDatum = WGS84,
    layer: str = "features",
    encoding: str = "utf-8",
) -> Written:
    """Write features to a file, whole or not at all.

    Parameters
    ----------
    frame : GeoDataFrame
        EPSG:4326. Columns that hold dicts or lists are written as JSON text.
    path : Path
        The file; its suffix chooses the format unless ``format_name`` does.
    format_name : str or None
        ``gpkg``, ``geojson``, ``shapefile``, ``flatgeobuf``, ``kml``, ``topojson``, ``csv``.
    datum : Datum or CityGrid
        What the coordinates are written in. KML knows WGS84 only.
    layer : str
        Name of the layer, and of the parts of a Shapefile.
    encoding : str
        ``utf-8`` or ``gb18030``; for Shapefile and CSV.

    Raises
    ------
    InvalidInputError
        An unknown format, a datum the format cannot hold, an encoding we do not write.
    """
    chosen = vector_format(path, format_name)
    _check(chosen, datum, encoding)
    moved = frame if datum == WGS84 else _in_datum(frame, datum)
    plain = _plain(moved)
    write = _WRITERS[chosen]
    return _whole(
        path, lambda unfinished: write(_Job(plain, unfinished, datum, layer, encoding.lower())), len(frame)
    )


@dataclass(frozen=True, slots=True)
class _Job:
    frame: gpd.GeoDataFrame
    path: Path
    datum: AnyDatum
    layer: str
    encoding: str


# a datum without an EPSG number is said in the notes instead
warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)

_Outcome = tuple[list[str], dict[str, str]]


def _check(chosen: VectorFormat, datum: AnyDatum, encoding: str) -> None:
    faults = []
    if chosen is VectorFormat.KML and datum != WGS84:
        faults.append(
            Fault("crs", "KML knows WGS84 only: choose another format or datum", value=label(datum))
        )
    if encoding.lower() not in SHAPEFILE_ENCODINGS:
        faults.append(Fault("encoding", "write utf-8 or gb18030", value=encoding))
    if faults:
        raise InvalidInputError("The file cannot be written like this", faults)


def _in_datum(frame: gpd.GeoDataFrame, datum: AnyDatum) -> gpd.GeoDataFrame:
    moved = frame.copy()
    epsg = None if isinstance(datum, CityGrid) else datum.epsg
    shapes = transform_geometry(frame.geometry.to_numpy(), datum, inverse=True)
    return moved.set_geometry(gpd.GeoSeries(shapes, index=frame.index)).set_crs(epsg, allow_override=True)


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the frame with dicts and lists as JSON text: no format but GeoJSON has nested values."""
    out = frame.copy()
    for name in out.columns:
        if name != out.geometry.name and out[name].dtype == object:
            texts = [orjson.dumps(v).decode() if isinstance(v, dict | list | tuple) else v for v in out[name]]
            out[name] = pd.Series(texts, index=out.index, dtype=object)
    return out


def _whole(path: Path, write: Callable[[Path], _Outcome], features: int) -> Written:
    """Write beside the target and move it there when it is whole."""
    with tempfile.TemporaryDirectory(prefix=f".{path.stem[:40]}-", dir=path.parent) as folder:
        unfinished = Path(folder) / f"unfinished{path.suffix}"
        notes, fields = write(unfinished)
        os.replace(unfinished, path)  # noqa: PTH105 - replaces atomically, also what is there already
    return Written(path, features, tuple(notes), fields)


def geojson_bytes(
    frame: gpd.GeoDataFrame, *, decimals: int = DECIMALS_DEG, members: dict[str, Any] | None = None
) -> bytes:
    """Return a frame as a GeoJSON FeatureCollection.

    Parameters
    ----------
    frame : GeoDataFrame
        Coordinates are written as they are, rounded.
    decimals : int
        Decimals of a coordinate; seven bring every point of the lattice back after snapping.
    members : dict or None
        Further members of the collection, such as ``datum``.
    """
    names = [name for name in frame.columns if name != frame.geometry.name]
    columns = [[_json_value(value) for value in frame[name].tolist()] for name in names]
    rows = zip(*columns, strict=True) if names else [()] * len(frame)
    features = [
        {"type": "Feature", "properties": dict(zip(names, row, strict=True)), "geometry": geometry}
        for row, geometry in zip(rows, _geometry_objects(frame.geometry.to_numpy(), decimals), strict=True)
    ]
    document = {"type": "FeatureCollection", **(members or {}), "features": features}
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _geometry_objects(geometry: NDArray[np.object_], decimals: int) -> list[Any]:
    rounded = shapely.transform(geometry, lambda xy: np.round(xy, decimals))
    return [None if shape is None else shape.__geo_interface__ for shape in rounded]


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | dict | list | np.generic) else str(value)


def _write_geojson(job: _Job) -> _Outcome:
    degrees = job.frame.crs is None or job.frame.crs.is_geographic
    decimals = DECIMALS_DEG if degrees and not isinstance(job.datum, CityGrid) else DECIMALS_M
    members = {} if job.datum == WGS84 else {"datum": label(job.datum)}
    job.path.write_bytes(geojson_bytes(job.frame, decimals=decimals, members=members))
    notes = [f"the coordinates are {label(job.datum)}: other programs must be told so"] if members else []
    return notes, {}


def _write_topojson(job: _Job) -> _Outcome:
    degrees = job.frame.crs is None or job.frame.crs.is_geographic
    decimals = DECIMALS_DEG if degrees and not isinstance(job.datum, CityGrid) else DECIMALS_M
    members = {} if job.datum == WGS84 else {"datum": label(job.datum)}
    job.path.write_bytes(topojson_bytes(job.frame, decimals=decimals, name=job.layer, members=members))
    notes = [f"the coordinates are {label(job.datum)}: other programs must be told so"] if members else []
    return notes, {}


def _write_gdal(driver: str) -> Callable[[_Job], _Outcome]:
    def write(job: _Job) -> _Outcome:
        metadata = {"layer_metadata": {"DATUM": label(job.datum)}} if driver == "GPKG" else {}
        pyogrio.write_dataframe(job.frame, job.path, driver=driver, layer=job.layer, **metadata)
        return _unsaid_datum(job), {}

    return write


def _unsaid_datum(job: _Job) -> list[str]:
    """Return the note that a file cannot say its datum: GCJ-02, BD-09 and city grids have no EPSG number."""
    if job.frame.crs is not None:
        return []
    return [f"the coordinates are {label(job.datum)}, which the file cannot say: name it when it is read"]


def _write_shapefile(job: _Job) -> _Outcome:
    text: ShapefileText = fit_to_dbf(job.frame, job.encoding)
    packed = io.BytesIO()
    with (
        tempfile.TemporaryDirectory(dir=job.path.parent) as folder,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        shp = Path(folder) / "layer.shp"
        pyogrio.write_dataframe(
            text.frame, shp, driver="ESRI Shapefile", encoding=SHAPEFILE_ENCODINGS[job.encoding]
        )
        for part in sorted(Path(folder).iterdir()):
            archive.write(part, f"{job.layer}{part.suffix}")
        if text.fields:
            lines = [f"{short},{name}" for name, short in text.fields.items()]
            archive.writestr(f"{job.layer}-fields.csv", "\ufefffield,name\n" + "\n".join(lines) + "\n")
    job.path.write_bytes(packed.getvalue())
    return [*text.notes, *_unsaid_datum(job)], text.fields


def _write_csv(job: _Job) -> _Outcome:
    frame = pd.DataFrame(job.frame.drop(columns=job.frame.geometry.name))
    shapes = job.frame.geometry.to_numpy()
    kinds = set(shapely.get_type_id(shapes).tolist())
    if shapely.GeometryType.POINT in kinds and kinds <= {shapely.GeometryType.POINT, _NO_GEOMETRY}:
        frame["lon"], frame["lat"] = shapely.get_x(shapes), shapely.get_y(shapes)
    else:
        frame["geometry_wkt"] = shapely.to_wkt(shapes, rounding_precision=DECIMALS_DEG)
    write_table(frame, job.path, encoding=job.encoding)
    return [], {}


_WRITERS: dict[VectorFormat, Callable[[_Job], _Outcome]] = {
    VectorFormat.GPKG: _write_gdal("GPKG"),
    VectorFormat.GEOJSON: _write_geojson,
    VectorFormat.SHAPEFILE: _write_shapefile,
    VectorFormat.FLATGEOBUF: _write_gdal("FlatGeobuf"),
    VectorFormat.KML: _write_gdal("LIBKML"),
    VectorFormat.TOPOJSON: _write_topojson,
    VectorFormat.CSV: _write_csv,
}
