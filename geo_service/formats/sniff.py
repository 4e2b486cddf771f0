"""What a file is, by its first bytes and never by its name."""

import re
from enum import StrEnum

_SQLITE = b"SQLite format 3\x00"
_GPKG_IDS = (b"GPKG", b"GP10", b"GP11")
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_XML_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_XML_HEAD_BYTES = 65_536


class Kind(StrEnum):
    """Kinds of content that a vector reader takes, and UNKNOWN."""

    GEOJSON = "GeoJSON"
    ZIP = "zip"
    GPKG = "GPKG"
    FLATGEOBUF = "FlatGeobuf"
    KML = "LIBKML"
    UNKNOWN = "unknown"


_XML_REFUSED = {
    b"OGRVRTDataSource": "a GDAL virtual file (VRT), which only points to other files",
    b"OGRWFSDataSource": "a GDAL link to a WFS server",
    b"OGRWFSLayer": "a GDAL link to a WFS server",
    b"GDAL_WMS": "a GDAL link to a map server",
    b"WFS_Capabilities": "the answer of a WFS server, not data",
    b"FeatureCollection": "GML: save it as GeoJSON or GeoPackage",
    b"gpx": "GPX: save it as GeoJSON",
    b"osm": "OSM XML: roads are imported from .osm.pbf",
    b"html": "a web page",
}
_MAGIC_REFUSED = {
    b"\x00\x00\x27\x0a": "a bare .shp without its .dbf and .shx: zip the parts together",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "gzip: unpack it first",
    b"Rar!": "RAR: pack it as zip",
    b"7z\xbc\xaf": "7-Zip: pack it as zip",
}
_TAKEN = "GeoJSON, GeoPackage, FlatGeobuf, KML or a zipped Shapefile is wanted"


def sniff(data: bytes) -> tuple[Kind, str]:
    """Return the kind of a file and, for UNKNOWN, the reason in words safe to show."""
    if data.startswith(_SQLITE):
        if data[68:72] in _GPKG_IDS:
            return Kind.GPKG, ""
        return Kind.UNKNOWN, f"this is an SQLite database but no GeoPackage; {_TAKEN}"
    if data.startswith(b"fgb"):
        return Kind.FLATGEOBUF, ""
    if data.startswith(_ZIPS):
        return Kind.ZIP, ""
    for magic, what in _MAGIC_REFUSED.items():
        if data.startswith(magic):
            return Kind.UNKNOWN, f"this is {what}; {_TAKEN}"
    return _sniff_text(data)


def _sniff_text(data: bytes) -> tuple[Kind, str]:
    head = data[:_XML_HEAD_BYTES]
    if head.startswith(_BOMS[1:]):
        head = head.replace(b"\x00", b"")  # UTF-16: markup is ASCII, so every other byte is zero
    for bom in _BOMS:
        head = head.removeprefix(bom)
    head = head.lstrip()
    if not head or head[:1] in b"{[":
        return Kind.GEOJSON, ""  # broken and empty files too: that reader says best what is wrong
    if head[:1] == b"<":
        return _sniff_xml(head)
    return Kind.UNKNOWN, f"the content is of no known kind; {_TAKEN}"


def _sniff_xml(head: bytes) -> tuple[Kind, str]:
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        return Kind.UNKNOWN, "the XML declares a document type or entities, which is not taken"
    root = _XML_ROOT.search(head)
    name = root[1] if root else b""
    if name == b"kml":
        return Kind.KML, ""
    what = _XML_REFUSED.get(name, "XML of another kind")
    return Kind.UNKNOWN, f"this is {what}; {_TAKEN}"
