"""The process that meets GDAL. Run by :mod:`geo_service.formats.vector`, never imported by the service.

It takes one file on its standard input, walls itself in, forbids GDAL every driver but four *before* GDAL
is loaded, and writes one frame to its standard output: magic, length of a JSON head, the head, the lengths
of the geometries as uint32, the geometries as well-known binary. It opens no path and writes no file.
"""

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from geo_service.formats.sandbox import raise_walls

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"GEOF1\n"
DRIVERS = {"ESRI Shapefile", "GPKG", "FlatGeobuf", "LIBKML"}
_NOT_NEEDED = ("geopandas", "pandas", "pyarrow", "shapely")  # pyogrio loads them for 2 s if it finds them
_LAYERS_LOOKED_AT = 50
_SKIPPED_BEFORE = "GEO_SERVICE_GDAL_SKIPPED"

# every vector driver of GDAL 3.4 to 3.12; what a later one adds is found after loading and skipped as well
_KNOWN_DRIVERS = """
ADBC,AIVector,AVCBin,AVCE00,AmigoCloud,Arrow,CAD,CSV,CSW,Carto,DGN,DXF,EDIGEO,EEDA,ESRIJSON,Elasticsearch,
GDALG,GML,GMLAS,GPSBabel,GPX,GTFS,GeoJSON,GeoJSONSeq,GeoRSS,HTTP,Hana,Idrisi,Interlis 1,Interlis 2,JML,
JP2OpenJPEG,JSONFG,KML,LVBAG,MBTiles,MEM,MSSQLSpatial,MVT,MapInfo File,MapML,Memory,MiraMonVector,MongoDBv3,
MySQL,NAS,NGW,OAPIF,OCI,ODBC,ODS,OGCAPI,OGR_GMT,OGR_PDS,OGR_VRT,OSM,OpenFileGDB,PCIDSK,PDF,PDS4,PGDUMP,PGeo,
PLSCENES,PMTiles,Parquet,PostgreSQL,S57,SOSI,SQLite,SVG,SXF,Selafin,TIGER,TopoJSON,VDV,VFK,VICAR,VRT,WAsP,
WFS,XLS,XLSX,XODR,netCDF
""".replace("\n", "")


def main() -> int:
    """Read the request from the first argument, the file from standard input, and answer."""
    request: dict[str, Any] = orjson.loads(sys.argv[1])
    os.environ["GDAL_SKIP"] = ",".join([_KNOWN_DRIVERS, *os.environ.get(_SKIPPED_BEFORE, "").split(",")])
    walls = raise_walls(request["memory_bytes"], request["cpu_s"])
    for slow in _NOT_NEEDED:
        sys.modules[slow] = None  # type: ignore[assignment] # the import fails, and pyogrio does without
    import pyogrio  # noqa: PLC0415 - GDAL reads GDAL_SKIP once, when it is loaded

    unwanted = set(pyogrio.list_drivers()) - DRIVERS
    if unwanted:
        _start_again(unwanted)
    data = sys.stdin.buffer.read()
    try:
        head, geometry = _read(data, request)
    except (RuntimeError, ValueError, IndexError, KeyError, MemoryError, UnicodeDecodeError) as error:
        head, geometry = {"error": f"{type(error).__name__}: {error}"[:300]}, []
    _answer({**head, "walls": walls}, geometry)
    return 0


def _start_again(unwanted: set[str]) -> NoReturn:
    """Start over with the unknown drivers skipped too; refuse to work if that does not help."""
    if _SKIPPED_BEFORE in os.environ:
        _answer({"error": "GDAL does not let itself be restricted"}, [])
        sys.exit(1)
    os.environ[_SKIPPED_BEFORE] = ",".join(sorted(unwanted))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same command, no shell


def _read(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    import pyogrio  # noqa: PLC0415 - see main
    from pyogrio import raw  # noqa: PLC0415

    options = {"IMMUTABLE": "YES"} if request["kind"] == "GPKG" else {}
    layers = _layers(data)
    layer, problem = _choose(layers, request["layer"])
    if problem:
        return {"layers": [name for name, _features in layers], "problem": problem}, []
    info = pyogrio.read_info(data, layer=layer, encoding=request["encoding"])
    if info["driver"] != request["kind"]:
        return {"error": f"GDAL takes it for {info['driver']}"}, []
    if len(info["fields"]) > request["properties"]:
        return {"problem": "properties", "properties": len(info["fields"])}, []
    meta, _fids, geometry, values = raw.read(
        data,
        layer=layer,
        encoding=request["encoding"],
        force_2d=True,
        datetime_as_string=True,
        max_features=request["features"] + 1,
        **options,
    )
    head = {
        "fields": [str(name) for name in meta["fields"]],
        "columns": [_plain(column) for column in values],
        **_crs(meta["crs"]),
    }
    return head, [] if geometry is None else [wkb or b"" for wkb in geometry]


def _layers(data: bytes) -> list[tuple[str, int]]:
    """Return names of the layers and how many features with geometry each has.

    A layer without a name of its own gets that of the file, which is one made up anew for every call: it
    becomes ``layer 1``, and layers are read by their place.
    """
    import pyogrio  # noqa: PLC0415 - see main

    found = []
    for i, (name, kind) in enumerate(pyogrio.list_layers(data)[:_LAYERS_LOOKED_AT]):
        info = (
            pyogrio.read_info(data, layer=i, force_feature_count=True)
            if kind is not None
            else {"features": 0}
        )
        shown = f"layer {i + 1}" if str(name).startswith("pyogrio_") else str(name)
        found.append((shown, int(info["features"])))
    return found


def _choose(layers: list[tuple[str, int]], wanted: str | None) -> tuple[int, str | None]:
    """Return the place of the layer to read, and the problem: ``no-layer``, ``which-layer`` or None."""
    names = [name for name, _features in layers]
    if wanted is not None:
        return (names.index(wanted), None) if wanted in names else (0, "no-layer")
    filled = [i for i, (_name, features) in enumerate(layers) if features]
    if len(filled) == 1 or len(layers) == 1:
        return (filled or [0])[0], None
    return 0, "which-layer" if filled else "no-layer"


def _plain(column: "np.ndarray[Any, Any]") -> list[Any]:
    """Return a column as JSON values: no NaN, no bytes."""
    return [_value(value) for value in column.tolist()]


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return None if value != value else value  # noqa: PLR0124 - NaN is GDAL's null in a numeric column
    return None if isinstance(value, bytes) else str(value)


def _crs(crs: str | None) -> dict[str, Any]:
    """Return EPSG number (or None) and name of a CRS as the file declares it."""
    if not crs:
        return {"epsg": None, "crs_name": None}
    authority, _, number = crs.partition(":")
    if authority == "EPSG" and number.isascii() and number.isdigit():
        return {"epsg": int(number), "crs_name": crs}
    from pyproj import CRS  # noqa: PLC0415 - a third of a second, and rarely needed
    from pyproj.exceptions import CRSError  # noqa: PLC0415

    try:
        parsed = CRS.from_user_input(crs)
        return {"epsg": parsed.to_epsg(), "crs_name": parsed.name[:100]}
    except CRSError:
        return {"epsg": None, "crs_name": "unreadable"}


def _answer(head: dict[str, Any], geometry: list[bytes]) -> None:
    out = sys.stdout.buffer
    text = orjson.dumps({**head, "n": len(geometry)}, option=orjson.OPT_NON_STR_KEYS)
    out.write(MAGIC + len(text).to_bytes(8, "little") + text)
    out.write(b"".join(len(wkb).to_bytes(4, "little") for wkb in geometry))
    for wkb in geometry:
        out.write(wkb)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
