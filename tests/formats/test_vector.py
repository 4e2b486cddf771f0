import contextlib
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo_service.errors import InvalidInputError, NotFoundError, TimedOutError, TooLargeError
from geo_service.formats.childprocess import ChildDiedError, ask
from geo_service.formats.geojson_geometry import POINTS
from geo_service.formats.limits import MIB, Limits
from geo_service.formats.sniff import Kind, sniff
from geo_service.formats.vector import read_vector

from .makers import collection, faults_of, feature, one_fault_of, zipped

DRIVERS = {"GPKG": ".gpkg", "FlatGeobuf": ".fgb", "LIBKML": ".kml", "ESRI Shapefile": ".shp"}


@pytest.fixture(scope="module")
def frame() -> gpd.GeoDataFrame:
    shapes = [shapely.box(120, 30, 120.1, 30.1), shapely.box(120.1, 30, 120.2, 30.1)]
    columns = {"名称": ["清波街道", "湖滨街道"], "code": ["330102001", "330102003"], "n": [1, None]}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)


@pytest.fixture(scope="module")
def files(frame: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each driver, plain and in the zone's metres."""
    folder = tmp_path_factory.mktemp("files")
    for driver, suffix in DRIVERS.items():
        encoding = {"encoding": "GB18030"} if suffix == ".shp" else {}
        pyogrio.write_dataframe(frame, folder / f"cells{suffix}", driver=driver, **encoding)
    pyogrio.write_dataframe(frame.to_crs(4549), folder / "metres.shp", encoding="UTF-8")
    return folder


def shapefile_zip(files: Path, stem: str, *suffixes: str) -> bytes:
    return zipped(
        *((f"data/{stem}{suffix}", (files / f"{stem}{suffix}").read_bytes()) for suffix in suffixes)
    )


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_format_gives_the_same_features(driver: str, files: Path, frame: gpd.GeoDataFrame) -> None:
    table = read_vector(files / f"cells{DRIVERS[driver]}")
    assert (table.format, table.epsg) == (driver, 4326)
    order = np.argsort(table.columns["code"])
    assert table.columns["名称"][order].tolist() == frame["名称"].tolist()
    assert table.columns["n"][order].tolist() == [1, None]
    assert all(a.equals(b) for a, b in zip(table.geometry[order], frame.geometry, strict=True))


def test_content_decides_and_not_the_name(files: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "cells.geojson"
    shutil.copy(files / "cells.gpkg", renamed)
    assert read_vector(renamed).format == "GPKG"
    renamed.write_bytes(collection(feature()))
    shutil.move(renamed, tmp_path / "cells.gpkg")
    assert read_vector(tmp_path / "cells.gpkg").format == "GeoJSON"


def test_a_zipped_shapefile_says_its_crs_and_encoding(files: Path) -> None:
    data = shapefile_zip(files, "metres", ".shp", ".shx", ".dbf", ".prj", ".cpg")
    table = read_vector(data)
    assert table.epsg == 4549
    assert table.columns["名称"].tolist() == ["清波街道", "湖滨街道"]
    assert table.notes == ()


def test_a_gb18030_table_without_cpg_and_without_prj(files: Path) -> None:
    table = read_vector(shapefile_zip(files, "cells", ".shp", ".shx", ".dbf"))
    assert (table.epsg, table.crs_name) == (None, None)
    assert table.columns["名称"].tolist() == ["清波街道", "湖滨街道"]
    assert "gb18030" in table.notes[0]


def test_a_cpg_that_lies_and_a_code_page_mark(files: Path) -> None:
    dbf = bytearray((files / "cells.dbf").read_bytes())
    dbf[29] = 0x4D  # the mark for code page 936
    parts = [(f"a{s}", (files / f"cells{s}").read_bytes()) for s in (".shp", ".shx", ".prj")]
    table = read_vector(zipped(*parts, ("a.dbf", bytes(dbf)), ("a.cpg", b"UTF-8")))
    assert table.columns["名称"].tolist() == ["清波街道", "湖滨街道"]
    assert "the .cpg says utf-8" in table.notes[0]
    wrong = zipped(*parts, ("a.dbf", bytes(dbf)))
    assert one_fault_of(read_vector, wrong, encoding="utf-8").field == "encoding"


def test_zips_with_other_contents(files: Path) -> None:
    assert read_vector(zipped(("x.geojson", collection(feature())))).format == "GeoJSON"
    assert read_vector(zipped(("doc.kml", (files / "cells.kml").read_bytes()))).format == "LIBKML"
    assert "x.txt" in one_fault_of(read_vector, zipped(("x.txt", b""))).message
    inner = zipped(("x.geojson", collection(feature())))
    assert "zip within a zip" in one_fault_of(read_vector, zipped(("x.geojson", inner))).message


def test_missing_parts_of_a_shapefile(files: Path) -> None:
    faults = faults_of(read_vector, shapefile_zip(files, "cells", ".shp"))
    assert {fault.field for fault in faults} == {"cells.shx", "cells.dbf"}


def test_several_layers(files: Path, frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / "two.gpkg"
    for layer in ("grid", "town"):
        pyogrio.write_dataframe(frame, path, layer=layer, append=path.exists())
    assert "grid, town" in one_fault_of(read_vector, path).message
    assert len(read_vector(path, layer="town")) == 2
    assert one_fault_of(read_vector, path, layer="street").value == "street"
    parts = [
        (f"{stem}{s}", (files / f"cells{s}").read_bytes())
        for stem in ("a", "b")
        for s in (".shp", ".shx", ".dbf")
    ]
    assert "a, b" in one_fault_of(read_vector, zipped(*parts)).message
    assert len(read_vector(zipped(*parts), layer="b")) == 2


def test_geometries_of_another_kind_and_none_at_all(tmp_path: Path) -> None:
    shapes = [
        shapely.Point(1, 2),
        None,
        shapely.GeometryCollection([shapely.box(0, 0, 1, 1)]),
        shapely.box(0, 0, 1, 1),
    ]
    path = tmp_path / "mixed.gpkg"
    pyogrio.write_dataframe(gpd.GeoDataFrame({"a": [1, 2, 3, 4]}, geometry=shapes, crs=4326), path)
    faults = faults_of(read_vector, path)
    assert [fault.row for fault in faults] == [1, 2, 3]
    assert "GeometryCollection" in faults[2].message


def test_columns_and_vertices_above_the_limits(tmp_path: Path) -> None:
    ring = [(np.cos(a), np.sin(a)) for a in np.linspace(0, 6.2, 200)]
    wide = gpd.GeoDataFrame({f"c{i}": [1] for i in range(101)}, geometry=[shapely.Polygon(ring)], crs=4326)
    pyogrio.write_dataframe(wide, tmp_path / "wide.gpkg")
    assert "101 columns" in one_fault_of(read_vector, tmp_path / "wide.gpkg").message
    pyogrio.write_dataframe(wide[["c0", "geometry"]], tmp_path / "fine.gpkg")
    assert (
        "201 vertices"
        in one_fault_of(read_vector, tmp_path / "fine.gpkg", limits=Limits(vertices=100)).message
    )


def test_damaged_files_are_faults(files: Path) -> None:
    for suffix in (".gpkg", ".fgb", ".kml"):
        whole = (files / f"cells{suffix}").read_bytes()
        fault = one_fault_of(read_vector, whole[: len(whole) // 2])
        assert "/" not in fault.message.replace("unreadable", "")


def test_no_file_and_too_large_a_file(files: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as raised:
        read_vector(tmp_path / "absent.gpkg")
    assert str(tmp_path) not in str(raised.value)
    for source in (files / "cells.gpkg", (files / "cells.gpkg").read_bytes()):
        with pytest.raises(TooLargeError):
            read_vector(source, limits=Limits(file_bytes=100))


# ---- what must never happen: a request, a file read, a process lost ----------------------------------------


class Listener:
    """Counts every connection to a port of this machine."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port = self._server.getsockname()[1]
        self.connections = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _address = self._server.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with connection:
                connection.sendall(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._server.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


def vrt(source: str) -> bytes:
    layer = f"<SrcDataSource>{source}</SrcDataSource><SrcLayer>secret</SrcLayer>"
    return f'<OGRVRTDataSource><OGRVRTLayer name="a">{layer}</OGRVRTLayer></OGRVRTDataSource>'.encode()


def payloads(port: int, secret: Path) -> dict[str, bytes]:
    url = f"http://127.0.0.1:{port}/x.geojson"
    link = {"type": "link", "properties": {"href": url, "type": "proj4"}}
    doctype = f'<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY x SYSTEM "file://{secret}">]><kml>&x;</kml>'
    bom_vrt = b"\xef\xbb\xbf\n<!-- x -->" + vrt(url)
    return {
        "vrt to an address": vrt(f"/vsicurl/{url}"),
        "vrt to a file": vrt(str(secret)),
        "vrt behind a mark and a comment": bom_vrt,
        "vrt in utf-16": vrt(url).decode().encode("utf-16"),
        "vrt in a zip as geojson": zipped(("a.geojson", vrt(f"/vsicurl/{url}"))),
        "vrt in a zip as kml": zipped(("doc.kml", vrt(str(secret)))),
        "vrt in a zip as a shapefile": zipped(
            ("a.shp", vrt(f"/vsicurl/{url}")), ("a.shx", vrt(url)), ("a.dbf", vrt(url))
        ),
        "wfs": f"<OGRWFSDataSource><URL>{url}</URL></OGRWFSDataSource>".encode(),
        "wms": f'<GDAL_WMS><Service name="WMS"><ServerUrl>{url}</ServerUrl></Service></GDAL_WMS>'.encode(),
        "gdalg": json.dumps(
            {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read /vsicurl/{url}"}
        ).encode(),
        "geojson with a crs link": collection(feature([]), crs=link),
        "kml with an outer entity": doctype.encode(),
        "kml with a network link": (
            f"<kml><NetworkLink><Link><href>{url}</href></Link></NetworkLink></kml>".encode()
        ),
        "kml with an icon": (
            "<kml><Document><Style id='a'><IconStyle><Icon>"
            f"<href>{url}</href></Icon></IconStyle></Style></Document></kml>"
        ).encode(),
        "connection string": f"WFS:{url}".encode(),
        "vsicurl path": f"/vsicurl/{url}".encode(),
    }


PAYLOADS = sorted(payloads(0, Path("/x")))


@pytest.fixture(scope="module")
def secret(frame: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret.gpkg"
    pyogrio.write_dataframe(frame, path, layer="secret")
    return path


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads_are_refused_and_fetch_nothing(name: str, listener: Listener, secret: Path) -> None:
    with pytest.raises(InvalidInputError):
        read_vector(payloads(listener.port, secret)[name])
    assert listener.connections == 0


@pytest.mark.parametrize("name", ["vrt to an address", "vrt to a file", "wfs"])
def test_the_child_itself_refuses_them(name: str, listener: Listener, secret: Path) -> None:
    """Even if one slipped past the sniffing: the drivers are not there."""
    answer = ask(
        payloads(listener.port, secret)[name], {"kind": "GPKG", "layer": None, "encoding": None}, Limits()
    )
    assert "error" in answer.head
    assert answer.wkb == []
    assert listener.connections == 0


def test_without_walls_gdal_does_read_the_file_and_the_address(listener: Listener, secret: Path) -> None:
    """The control: the payloads above are live, it is the walls that stop them."""
    assert len(pyogrio.read_dataframe(vrt(str(secret)))) == 2
    with pytest.raises((pyogrio.errors.DataSourceError, pyogrio.errors.CRSError)):
        pyogrio.read_dataframe(vrt(f"/vsicurl/http://127.0.0.1:{listener.port}/x.geojson"))
    assert listener.connections > 0


WALLED = """
import socket, sys
from geo_service.formats.sandbox import raise_walls
walls = raise_walls(1 << 30, 5)
done = []
def attempt(name, call):
    try:
        call()
    except OSError:
        return
    done.append(name)
attempt("read", lambda: open(sys.argv[1], "rb").read())
attempt("passwd", lambda: open("/etc/passwd").read())
attempt("connect", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 1))
def write():
    with open(sys.argv[1] + ".new", "w") as file:
        file.write("x")
attempt("write", write)
print(",".join(walls), ",".join(done))
"""


def test_the_walls(listener: Listener, secret: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-c", WALLED, str(secret), str(listener.port)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.rstrip("\n")
    walls, done = out.split(" ")
    assert "write" not in done
    assert "limits" in walls
    if "landlock" in walls:
        assert "read" not in done
        assert "passwd" not in done
    if "no_network" in walls:
        assert "connect" not in done
        assert listener.connections == 0


def test_the_walls_of_a_real_reading_stand(files: Path) -> None:
    answer = ask(
        (files / "cells.gpkg").read_bytes(), {"kind": "GPKG", "layer": None, "encoding": None}, Limits()
    )
    assert "limits" in answer.head["walls"]


def test_a_child_without_memory_or_time_is_an_error_and_not_a_crash(files: Path) -> None:
    data = (files / "cells.gpkg").read_bytes()
    request = {"kind": "GPKG", "layer": None, "encoding": None}
    with pytest.raises((ChildDiedError, TimedOutError)):
        ask(data, request, Limits(child_memory_bytes=30 * MIB))
    with pytest.raises(TimedOutError):
        ask(data, request, Limits(child_wall_s=0))


@pytest.mark.parametrize(
    ("data", "kind", "word"),
    [
        (b"SQLite format 3\x00" + b"\0" * 100, Kind.UNKNOWN, "no GeoPackage"),
        (b"%PDF-1.7", Kind.UNKNOWN, "PDF"),
        (b"\x1f\x8b\x08", Kind.UNKNOWN, "gzip"),
        (b"<gml:FeatureCollection xmlns:gml='x'>", Kind.UNKNOWN, "GML"),
        (b"<?xml version='1.0'?><html>", Kind.UNKNOWN, "web page"),
        (b"hello", Kind.UNKNOWN, "no known kind"),
        (b"\x00\x00\x27\x0a\x00", Kind.UNKNOWN, ".dbf"),
        (b"  {", Kind.GEOJSON, ""),
        (b"<?xml version='1.0'?>\n<!-- c -->\n<kml>", Kind.KML, ""),
        (b"fgb\x03", Kind.FLATGEOBUF, ""),
    ],
)
def test_sniffing(data: bytes, kind: Kind, word: str) -> None:
    found, why = sniff(data)
    assert found is kind
    assert word in why


PLACE = (
    "<Placemark><name>a</name>{}<Polygon><outerBoundaryIs><LinearRing>"
    "<coordinates>120,30 121,30 121,31 120,30</coordinates>"
    "</LinearRing></outerBoundaryIs></Polygon>{}</Placemark>"
)


def test_kml_in_folders_and_without_names() -> None:
    place = PLACE.format("", "")
    folder = f"<kml><Document><name>x</name><Folder><Folder>{place}</Folder></Folder></Document></kml>"
    for text in (f"<kml>{place}</kml>", folder):
        assert len(read_vector(text.encode())) == 1
    folders = "".join(f"<Folder><name>{name}</name>{place}</Folder>" for name in "ab")
    two = f"<kml><Document>{folders}</Document></kml>"
    assert "a, b" in one_fault_of(read_vector, two.encode()).message
    assert len(read_vector(two.encode(), layer="b")) == 1


def test_geometries_nested_deeply_harm_nobody(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    depth = 30_000
    kml = PLACE.format("<MultiGeometry>" * depth, "</MultiGeometry>" * depth)
    faults_of(read_vector, f"<kml>{kml}</kml>".encode())
    path = tmp_path / "deep.gpkg"
    pyogrio.write_dataframe(
        frame, path, layer="a", geometry_type="Unknown", layer_options={"SPATIAL_INDEX": "NO"}
    )
    nested = b"\x01\x07\x00\x00\x00\x01\x00\x00\x00" * depth + shapely.to_wkb(shapely.Point(0, 0))
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("update a set geom = ?", (b"GP\x00\x01\xe6\x10\x00\x00" + nested,))
        database.commit()
    faults_of(read_vector, path)


def test_points_from_kml(tmp_path: Path) -> None:
    points = gpd.GeoDataFrame({"Name": ["a"]}, geometry=[shapely.Point(120, 30)], crs=4326)
    pyogrio.write_dataframe(points, tmp_path / "p.kml", driver="LIBKML")
    table = read_vector(tmp_path / "p.kml", kinds=POINTS)
    assert table.columns["Name"].tolist() == ["a"]
    assert "tessellate" not in table.columns
