import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.formats.boundaries import read_boundaries
from geo_service.formats.export import VectorFormat, geojson_bytes, vector_format, write_vector
from geo_service.formats.geojson import read_geojson
from geo_service.formats.geojson_geometry import POINTS
from geo_service.formats.shapefields import cut_bytes, short_names
from geo_service.formats.tables import read_table
from geo_service.formats.vector import read_vector
from geo_service.geometry.crs import BD09, CGCS2000, GCJ02, WGS84, parse_datum
from geo_service.geometry.lattice import SCALE, snap, to_lattice

FILES = ["a.gpkg", "a.geojson", "a.zip", "a.fgb", "a.kml"]


@pytest.fixture
def frame() -> gpd.GeoDataFrame:
    shapes = snap(np.array([shapely.box(120, 30, 120.1, 30.1), shapely.box(120.1, 30, 120.2, 30.1)]))
    columns = {"code": ["330102001", "330102003"], "name": ["清波", "=湖滨"], "households": [1200, 900]}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)


@pytest.mark.parametrize("name", FILES)
def test_lattice_points_come_back_from_every_format(
    name: str, frame: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    written = write_vector(frame, tmp_path / name)
    assert (written.path, written.features) == (tmp_path / name, 2)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    table = read_boundaries(written.path, code_field="code", name_field="name").frame.sort_values("code")
    assert table["name"].tolist() == ["清波", "=湖滨"]
    back = snap(table.geometry.to_numpy())
    assert all(a.normalize() == b.normalize() for a, b in zip(back, frame.geometry, strict=True))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(-180 * SCALE, 180 * SCALE), st.integers(-90 * SCALE, 90 * SCALE)), min_size=1
    )
)
def test_seven_decimals_bring_every_lattice_point_back(points: list[tuple[int, int]]) -> None:
    ij = np.array(points)
    frame = gpd.GeoDataFrame({"n": range(len(ij))}, geometry=shapely.points(ij / SCALE), crs=4326)
    table = read_geojson(geojson_bytes(frame), kinds=POINTS)
    assert np.array_equal(to_lattice(shapely.get_coordinates(table.geometry)), ij)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(
    ("name", "datum"),
    [
        *(("a.geojson", datum) for datum in (WGS84, CGCS2000, GCJ02, BD09, parse_datum(4549))),
        ("a.gpkg", GCJ02),
        ("a.gpkg", parse_datum(4549)),
        ("a.zip", BD09),
        ("a.zip", CGCS2000),
        ("a.fgb", parse_datum(3857)),
    ],
)
def test_any_datum_out_and_in(name: str, datum: object, frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    written = write_vector(frame, tmp_path / name, datum=datum)
    says_itself = datum not in (GCJ02, BD09) or name == "a.geojson"
    back = read_boundaries(written.path, code_field="code", crs=None if says_itself else datum).frame
    back = back.sort_values("code")
    moved = [shapely.hausdorff_distance(a, b) for a, b in zip(back.geometry, frame.geometry, strict=True)]
    assert max(moved) < 1e-7
    assert bool(written.notes) is (datum in (GCJ02, BD09) or (name == "a.geojson" and datum != WGS84))


def test_kml_is_wgs84_or_nothing(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="WGS84 only"):
        write_vector(frame, tmp_path / "a.kml", datum=GCJ02)
    with pytest.raises(InvalidInputError, match="utf-8 or gb18030"):
        write_vector(frame, tmp_path / "a.zip", encoding="latin-1")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("encoding", "short"), [("utf-8", "常住人"), ("gb18030", "常住人口总")])
def test_shapefiles_shorten_names_and_say_so(encoding: str, short: str, tmp_path: Path) -> None:
    columns = {"code": ["a"], "常住人口总数": [5], "常住人口总和": [6], "介绍": ["网" * 300]}
    frame = gpd.GeoDataFrame(columns, geometry=[shapely.box(120, 30, 121, 31)], crs=4326)
    written = write_vector(frame, tmp_path / "a.zip", encoding=encoding, layer="grid")
    assert written.fields["常住人口总数"] == short
    assert len(set(written.fields.values())) == 2
    assert "1 texts were cut" in written.notes[1]
    with zipfile.ZipFile(written.path) as archive:
        names = {Path(name).suffix for name in archive.namelist()}
        assert names == {".shp", ".shx", ".dbf", ".prj", ".cpg", ".csv"}
        assert archive.read("grid.cpg").decode().lower() == encoding
        assert "常住人口总数" in archive.read("grid-fields.csv").decode("utf-8-sig")
    table = read_vector(written.path)
    assert table.columns[short].tolist() == [5]
    assert set(table.columns["介绍"][0]) == {"网"}
    assert table.notes == ()


@given(
    st.lists(
        st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=14),
        unique=True,
        max_size=20,
    )
)
def test_short_names_are_short_and_different(names: list[str]) -> None:
    short = short_names(names, "gb18030")
    assert set(short) == set(names)
    assert all(len(value.encode("gb18030")) <= 10 for value in short.values())
    shortened = [value for name, value in short.items() if name != value]
    assert len(set(short.values())) == len(names)
    assert len({value.lower() for value in shortened}) == len(shortened)


@given(st.text(max_size=30), st.integers(0, 40))
def test_texts_are_cut_between_characters(text: str, most: int) -> None:
    cut = cut_bytes(text.replace("\ud800", ""), most, "utf-8")
    assert text.startswith(cut)
    assert len(cut.encode()) <= most


def test_csv_with_points_and_with_outlines(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    points = frame.set_geometry(shapely.points([[120.5, 30.5], [120.6, 30.6]]), crs=4326)
    table = read_table(write_vector(points, tmp_path / "p.csv").path).frame
    assert table[["lon", "lat"]].to_numpy().tolist() == [["120.5", "30.5"], ["120.6", "30.6"]]
    assert table["name"].tolist() == ["清波", "'=湖滨"]
    table = read_table(write_vector(frame, tmp_path / "o.csv", encoding="gb18030").path).frame
    back = shapely.from_wkt(table["geometry_wkt"].to_numpy())
    assert all(a.equals(b) for a, b in zip(snap(back), frame.geometry, strict=True))


def test_geojson_values(tmp_path: Path) -> None:
    columns = {
        "code": ["a", "b"],
        "share": [0.5, float("nan")],
        "at": pd.to_datetime(["2026-11-22T00:00Z", None]),
        "attributes": [{"x": [1]}, None],
    }
    frame = gpd.GeoDataFrame(columns, geometry=[shapely.Point(1 / 3, 2 / 3), None], crs=4326)
    document = orjson.loads(geojson_bytes(frame, members={"edition": 7}))
    first, second = document["features"]
    assert document["edition"] == 7
    assert first["geometry"]["coordinates"] == [0.3333333, 0.6666667]
    assert first["properties"] == {
        "code": "a",
        "share": 0.5,
        "at": "2026-11-22T00:00:00+00:00",
        "attributes": {"x": [1]},
    }
    assert second == {
        "type": "Feature",
        "properties": {"code": "b", "share": None, "at": None, "attributes": None},
        "geometry": None,
    }


def test_formats_by_suffix_and_by_name() -> None:
    assert vector_format(Path("a.JSON")) is VectorFormat.GEOJSON
    assert vector_format(Path("a.zip")) is VectorFormat.SHAPEFILE
    with pytest.raises(InvalidInputError, match=r"written as \.zip") as caught:
        vector_format(Path("a.shp"))  # a zip of that name is no Shapefile to any program
    assert "name it a.zip" in caught.value.faults[0].message
    assert vector_format(Path("a.bin"), "gpkg") is VectorFormat.GPKG
    assert vector_format(Path("a.bin"), "shapefile") is VectorFormat.SHAPEFILE
    for path, name in (("a.dxf", None), ("a", None), ("a.gpkg", "dxf")):
        with pytest.raises(InvalidInputError, match="not written"):
            vector_format(Path(path), name)


def test_a_failed_write_leaves_what_was_there(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"older")
    broken = frame.assign(CODE=["x", "y"])  # a GeoPackage does not tell code from CODE
    with pytest.raises(pyogrio.errors.FieldError):
        write_vector(broken, path)
    assert path.read_bytes() == b"older"
    assert [p.name for p in tmp_path.iterdir()] == ["a.gpkg"]
    write_vector(frame, path)
    assert len(read_vector(path)) == 2
