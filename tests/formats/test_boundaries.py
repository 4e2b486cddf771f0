import xml.etree.ElementTree as ET
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo_service.errors import InvalidInputError
from geo_service.formats.boundaries import read_boundaries
from geo_service.formats.geojson import read_geojson
from geo_service.geometry.crs import GCJ02, CityGrid, parse_datum, transform_geometry

from .makers import collection, faults_of, feature, one_fault_of, square, zipped


def test_reads_codes_names_parents_and_the_rest() -> None:
    data = collection(
        feature(code="330803001", name=" 樟潭街道 ", up="330803", households=1200),
        feature(square(120.1), code=330803002, name=None, up=None, households=None),
    )
    table = read_boundaries(data, code_field="code", name_field="name", parent_field="up", level="town")
    frame = table.frame
    assert frame["code"].tolist() == ["330803001", "330803002"]
    assert frame["name"].tolist() == ["樟潭街道", ""]
    assert frame["parent_code"].tolist() == ["330803", None]
    assert frame["attributes"].tolist() == [{"households": 1200}, {}]
    assert frame["row"].tolist() == [1, 2]
    assert frame.crs.to_epsg() == 4326
    assert (table.level, table.datum) == ("town", "WGS84")


def test_a_numeric_code_column_with_gaps_reads_as_whole_numbers() -> None:
    data = collection(feature(code=330102.0), feature(square(121.0), code=330103.0))
    assert read_boundaries(data, code_field="code").frame["code"].tolist() == ["330102", "330103"]


def test_a_missing_field_lists_the_fields_and_the_nearest() -> None:
    data = collection(feature(BEAT_NUM="1", DISTRICT="2"))
    fault = one_fault_of(read_boundaries, data, code_field="beatnum")
    assert fault.field == "code_field"
    assert "'BEAT_NUM'?" in fault.message
    assert "DISTRICT" in fault.message
    faults = faults_of(read_boundaries, data, code_field="x", name_field="y", parent_field="z")
    assert [fault.field for fault in faults] == ["code_field", "name_field", "parent_field"]


@pytest.mark.parametrize("code", [None, "", "   ", True])
def test_empty_codes(code: object) -> None:
    fault = one_fault_of(read_boundaries, collection(feature(code=code)), code_field="code")
    assert (fault.field, fault.row) == ("code", 1)
    assert "empty" in fault.message


def test_codes_too_long() -> None:
    for code in ("x" * 65, 1e17):
        assert one_fault_of(read_boundaries, collection(feature(code=code)), code_field="code").row == 1


def test_duplicate_codes_name_both_rows() -> None:
    data = collection(feature(code="a"), feature(square(121), code="b"), feature(square(122), code="a"))
    fault = one_fault_of(read_boundaries, data, code_field="code", merge_parts=False)
    assert "rows 1 and 3" in fault.message
    assert (fault.row, fault.value) == (3, "a")


def test_cells_with_one_code_that_meet_are_two_cells() -> None:
    for other in (square(120.1), square(120.05), square(120)):  # beside, overlapping, the same
        data = collection(feature(code="a"), feature(other, code="a"))
        fault = one_fault_of(read_boundaries, data, code_field="code")
        assert "rows 1, 2" in fault.message
        assert (fault.row, fault.value) == (2, "a")


def test_parts_that_lie_apart_are_one_cell_and_a_note_says_so() -> None:
    data = collection(feature(code="a"), feature(square(121), code="b"), feature(square(122), code="a"))
    table = read_boundaries(data, code_field="code")
    assert table.frame["code"].tolist() == ["a", "b"]
    assert table.notes == ("rows 1, 3 have the code a: taken as parts of one cell",)


def test_parts_are_merged_when_asked() -> None:
    data = collection(
        feature(code="a", name="x"),
        feature(square(120.5), code="b", name="y"),
        feature(square(120.1), code="a", name="x"),
        feature(square(121.0), code="a", name="x"),
    )
    table = read_boundaries(data, code_field="code", name_field="name", merge_parts=True)
    assert table.frame["code"].tolist() == ["a", "b"]
    assert table.frame.geometry[0].is_valid
    assert table.frame.geometry[0].area == pytest.approx(0.03)
    assert "rows 1, 3, 4" in table.notes[0]
    overlapping = collection(feature(code="a"), feature(square(120.05), code="a"))
    assert (
        "overlap" in one_fault_of(read_boundaries, overlapping, code_field="code", merge_parts=True).message
    )
    fault = one_fault_of(read_boundaries, data, code_field="code", merge_parts=True, max_vertices=10)
    assert "15 vertices" in fault.message
    other = collection(feature(code="a", name="x"), feature(square(121), code="a", name="y"))
    more = {"code_field": "code", "name_field": "name", "merge_parts": True}
    assert one_fault_of(read_boundaries, other, **more).field == "name"


def test_a_cell_is_not_its_own_parent() -> None:
    data = collection(feature(code="a", up="a"))
    assert one_fault_of(read_boundaries, data, code_field="code", parent_field="up").field == "up"


@pytest.mark.parametrize(
    ("ring", "reason"),
    [
        ([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]], "crosses itself"),
        ([[0, 0], [1, 0], [2, 0], [0, 0]], "invalid"),
        ([[0, 0], [2, 0], [2, 2], [1, 0], [0, 2], [0, 0]], "touches itself"),
    ],
)
def test_invalid_polygons_say_why_and_where(ring: list[list[float]], reason: str) -> None:
    fault = faults_of(read_boundaries, collection(feature([ring], code="a")), code_field="code")[0]
    assert reason in fault.message
    assert (fault.row, fault.value) == (1, "a")
    assert fault.place is not None


def jts_cases(path: Path) -> list[tuple[str, shapely.Geometry, bool]]:
    """Return name, polygon (brought from JTS's plane into degrees) and validity of each areal case."""
    cases = []
    for case in ET.parse(path).getroot().iter("case"):
        wkt = (case.findtext("a") or "").strip()
        shape = shapely.from_wkt(wkt, on_invalid="ignore")
        expected = "true" in (case.findtext("test/op") or "")
        if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon"):
            continue
        near = shapely.transform(shape, lambda xy: np.array([120.0, 30.0]) + xy / 10_000.0)
        cases.append((case.findtext("desc") or "", near, expected))
    return cases


def test_every_invalid_polygon_of_jts_is_refused_with_a_reason(shared_data) -> None:
    cases = jts_cases(shared_data / "valid_cases" / "TestValid.xml")
    invalid = [(name, shape) for name, shape, valid in cases if not valid]
    assert len(invalid) > 20
    features = [
        {"type": "Feature", "properties": {"code": str(i)}, "geometry": shapely.geometry.mapping(shape)}
        for i, (_name, shape) in enumerate(invalid)
    ]
    faults = faults_of(read_boundaries, collection(*features), code_field="code")
    refused = {fault.row for fault in faults}
    missed = [invalid[i][0] for i in range(len(invalid)) if i + 1 not in refused]
    assert not missed
    assert all(len(fault.message) > 10 for fault in faults)


def test_every_valid_polygon_of_jts_is_taken(shared_data) -> None:
    for name, shape, valid in jts_cases(shared_data / "valid_cases" / "TestValid.xml"):
        if not valid or shape.is_empty or any(not ring for ring in rings_of(shape)):
            continue
        one = {"type": "Feature", "properties": {"code": "a"}, "geometry": shapely.geometry.mapping(shape)}
        assert len(read_boundaries(collection(one), code_field="code").frame) == 1, name


def rings_of(shape: shapely.Geometry) -> list[object]:
    rings = [r for part in shapely.get_parts(shape) for r in (part.exterior, *part.interiors)]
    return [None if ring.is_empty else ring for ring in rings]


def test_gcj02_is_converted() -> None:
    there = transform_geometry(shapely.Polygon(square()[0]), GCJ02, inverse=True)
    data = collection(feature(shapely.geometry.mapping(there)["coordinates"], code="a"))
    back = read_boundaries(data, code_field="code", crs="gcj-02")
    assert back.datum == "GCJ02"
    assert shapely.hausdorff_distance(back.frame.geometry[0], shapely.Polygon(square()[0])) < 1e-7


def test_projected_coordinates_with_and_without_their_crs() -> None:
    there = transform_geometry(shapely.Polygon(square()[0]), parse_datum(4549), inverse=True)
    data = collection(feature(shapely.geometry.mapping(there)["coordinates"], code="a"))
    assert "projected metres" in one_fault_of(read_boundaries, data, code_field="code").message
    back = read_boundaries(data, code_field="code", crs="EPSG:4549").frame.geometry[0]
    assert shapely.hausdorff_distance(back, shapely.Polygon(square()[0])) < 1e-7


def test_degrees_labelled_as_metres() -> None:
    fault = one_fault_of(read_boundaries, collection(feature(code="a")), code_field="code", crs=4549)
    assert (fault.field, "look like degrees" in fault.message) == ("crs", True)


def test_a_city_grid() -> None:
    lonlat = np.array([[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.1]])
    local = (lonlat - [120.0, 30.0]) * [96_000.0, 110_000.0]
    grid = CityGrid.fit(local, lonlat, kind="affine")
    ring = [*local.tolist(), local[0].tolist()]
    back = read_boundaries(collection(feature([ring], code="a")), code_field="code", crs=grid)
    assert shapely.hausdorff_distance(back.frame.geometry[0], shapely.Polygon(lonlat)) < 1e-3


@pytest.mark.parametrize(
    "crs", ["+nadgrids=/etc/passwd", "+proj=longlat +nadgrids=@x", "EPSG:99999", "mars", 7]
)
def test_a_crs_we_do_not_know(crs: object) -> None:
    faults = faults_of(read_boundaries, collection(feature(cod="a")), code_field="code", crs=crs)
    assert {fault.field for fault in faults} == {"crs", "code_field"}


def test_a_file_whose_label_is_wrong_or_missing(tmp_path: Path) -> None:
    degrees = gpd.GeoDataFrame({"code": ["a"]}, geometry=[shapely.box(120, 30, 120.1, 30.1)])
    metres = degrees.set_crs(4326).to_crs(4549)
    for name, frame, word in (
        ("degrees called metres", degrees.set_crs(4549), "look like degrees"),
        ("metres called degrees", metres.set_crs(4326, allow_override=True), "projected metres"),
        ("nothing said", degrees, "does not say its CRS"),
    ):
        path = tmp_path / f"{name}.gpkg"
        pyogrio.write_dataframe(frame, path)
        assert word in one_fault_of(read_boundaries, path, code_field="code").message, name
    given = read_boundaries(tmp_path / "degrees called metres.gpkg", code_field="code", crs="WGS84")
    assert "EPSG:4549" in given.notes[0]
    assert given.frame.geometry[0].equals(degrees.geometry[0])


def test_swapped_axes_that_stay_in_range() -> None:
    chicago = collection(feature(square(41.8, -87.7), code="a"))
    assert "swapped" in one_fault_of(read_boundaries, chicago, code_field="code").message
    cells = [feature(square(10.0 + i / 10, 50.0), code=str(i)) for i in range(5)]
    one = feature(square(50.0, 10.2), code="swapped")
    fault = one_fault_of(read_boundaries, collection(*cells, one), code_field="code")
    assert (fault.row, "swapped here" in fault.message) == (6, True)


@pytest.mark.parametrize(
    "column", ["身份证号", "户主", "居民姓名", "手机号", "id_card", "ownerPhone", "contact name"]
)
def test_columns_about_persons_are_refused(column: str) -> None:
    fault = one_fault_of(read_boundaries, collection(feature(code="a", **{column: "x"})), code_field="code")
    assert fault.field == column
    assert "not held here" in fault.message


def test_faults_of_every_sort_at_once() -> None:
    bowtie = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
    data = collection(
        feature(code="a", 户主="张"),
        feature(square(120.1), code="a"),
        feature(square(30.0, 120.0), code="b"),
        feature(bowtie, code=None),
        feature([[[120, 30], [121, 30], [121, 31]]], code="d"),
    )
    faults = faults_of(read_boundaries, data, code_field="code", parent_field="up")
    text = "\n".join(map(str, faults))
    for word in ("户主", "swapped", "crosses itself", "is empty", "not closed", "rows 1, 2", "'up'"):
        assert word in text


def test_nothing_is_loaded_of_a_file_with_one_faulty_cell() -> None:
    with pytest.raises(InvalidInputError, match="nothing was loaded"):
        read_boundaries(collection(feature(code="a"), feature(square(121), code="")), code_field="code")


def test_a_shapefile_end_to_end(tmp_path: Path) -> None:
    shapes = gpd.GeoSeries([shapely.box(120, 30, 120.1, 30.1)], crs=4326).to_crs(4549)
    frame = gpd.GeoDataFrame({"网格编码": ["a"], "名称": ["清波"]}, geometry=shapes)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", encoding="GB18030")
    data = zipped(*((p.name, p.read_bytes()) for p in tmp_path.iterdir()))
    table = read_boundaries(data, code_field="网格编码", name_field="名称")
    assert table.datum == "EPSG:4549"
    assert table.frame["name"].tolist() == ["清波"]
    assert shapely.hausdorff_distance(table.frame.geometry[0], shapely.box(120, 30, 120.1, 30.1)) < 1e-6


def test_chicago_and_zhejiang(shared_data) -> None:
    beats = shared_data / "chicago" / "police_beats.geojson"
    faults = faults_of(read_boundaries, beats, code_field="BEAT_NUM", merge_parts=False)
    assert [fault.row for fault in faults] == [56, 264]
    whole = read_boundaries(beats, code_field="BEAT_NUM", parent_field="DISTRICT")
    assert len(whole.frame) == 275
    assert whole.frame["parent_code"].nunique() == 23
    counties = read_boundaries(
        shared_data / "zhejiang" / "counties_gcj02.geojson", code_field="code", name_field="name", crs="GCJ02"
    )
    assert len(counties.frame) == 88
    assert "衢江区" in counties.frame["name"].tolist()
    given = read_geojson((shared_data / "zhejiang" / "counties_gcj02.geojson").read_bytes()).geometry
    moved = shapely.get_coordinates(counties.frame.geometry[0])[0] - shapely.get_coordinates(given[0])[0]
    assert 0.001 < np.hypot(*moved) < 0.01
