import json
import math
import string

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError, TooLargeError
from geo_service.formats.geojson import read_geojson
from geo_service.formats.geojson_geometry import POINTS, POLYGONS
from geo_service.formats.limits import Limits

from .makers import SQUARE, collection, faults_of, feature, one_fault_of, square


def test_reads_polygons_and_properties_as_they_are() -> None:
    table = read_geojson(collection(feature(code="1", 名称="中文", n=3, x=0.5, none=None, yes=True)))
    assert table.row.tolist() == [1]
    assert {name: column[0] for name, column in table.columns.items()} == {
        "code": "1",
        "名称": "中文",
        "n": 3,
        "x": 0.5,
        "none": None,
        "yes": True,
    }
    assert table.geometry[0].equals(shapely.Polygon(SQUARE[0]))
    assert table.notes == ()


def test_a_lone_feature_and_a_bare_geometry_are_files_too() -> None:
    for document in (feature(), {"type": "Polygon", "coordinates": SQUARE}):
        assert len(read_geojson(json.dumps(document).encode())) == 1


def test_holes_and_parts_and_heights() -> None:
    hole = [[120.02, 30.02], [120.02, 30.04], [120.04, 30.04], [120.04, 30.02], [120.02, 30.02]]
    high = [[[*position, 7.5] for position in ring] for ring in square(121.0)]
    table = read_geojson(collection(feature([[*SQUARE, hole], high], "MultiPolygon")))
    assert table.geometry[0].geom_type == "MultiPolygon"
    assert shapely.get_num_interior_rings(shapely.get_geometry(table.geometry[0], 0)) == 1
    assert not table.geometry[0].has_z
    assert any("heights" in note for note in table.notes)


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Polygon:
    corners = draw(
        st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=3, max_size=12, unique=True)
    )
    return shapely.Polygon([*corners, corners[0]])


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)


@given(
    st.lists(
        st.tuples(
            st.one_of(polygons(), st.lists(polygons(), min_size=1, max_size=3).map(shapely.MultiPolygon)),
            st.dictionaries(texts.filter(bool), values, max_size=4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_shapely_writes_is_read_back_exactly(features: list[tuple[object, dict[str, object]]]) -> None:
    document = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": own, "geometry": shapely.geometry.mapping(shape)}
            for shape, own in features
        ],
    }
    table = read_geojson(json.dumps(document).encode())
    for i, (shape, own) in enumerate(features):
        assert shapely.equals_exact(table.geometry[i], shape, 0.0)
        assert {name: table.columns[name][i] for name in own} == own


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "features",
                    "geometry",
                    "coordinates",
                    "properties",
                    "crs",
                    "id",
                    "geometries",
                    "datum",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
near_geojson = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["FeatureCollection", "Feature", "Polygon"]) | json_values,
        "features": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.just("Feature") | json_values,
                    "properties": json_values,
                    "geometry": st.fixed_dictionaries(
                        {
                            "type": st.sampled_from(
                                ["Polygon", "MultiPolygon", "Point", "GeometryCollection"]
                            ),
                            "coordinates": json_values,
                        }
                    )
                    | json_values,
                }
            )
            | json_values,
            max_size=3,
        ),
    }
)


@given(near_geojson | json_values)
def test_nothing_that_is_json_escapes_the_fault_list(document: object) -> None:
    """Whatever the shape of the document: a table, or faults; never another exception."""
    data = json.dumps(document).encode()
    try:
        table = read_geojson(data, kinds=POLYGONS | POINTS)
    except InvalidInputError as error:
        json.dumps([fault.as_dict() for fault in error.faults]).encode()
    else:
        assert all(shape is not None for shape in table.geometry)


@given(st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_no_bytes_escape_the_fault_list(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read_geojson(data)


def test_broken_json_says_line_and_column() -> None:
    fault = one_fault_of(read_geojson, b'{"type": "FeatureCollection",\n "features": [{]}')
    assert "line 2, column 16" in fault.message
    assert "cut off" in one_fault_of(read_geojson, collection(feature())[:-40]).message
    lines = b"\n".join([json.dumps(feature()).encode()] * 2)
    assert "FeatureCollection" in one_fault_of(read_geojson, lines).message


@pytest.mark.parametrize("document", [b"", b"  \n ", b"\xef\xbb\xbf"])
def test_an_empty_file(document: bytes) -> None:
    faults_of(read_geojson, document)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"[]", "type"),
        (b"null", "type"),
        (b'{"type": 7}', "type"),
        (b'{"type": "FeatureCollection"}', "features"),
        (b'{"type": "FeatureCollection", "features": {}}', "features"),
        (b'{"type": "FeatureCollection", "features": []}', "features"),
        (b'{"type": "FeatureCollection", "features": [3]}', "features[0].type"),
        (
            collection({"type": "Feature", "properties": [], "geometry": feature()["geometry"]}),
            "features[0].properties",
        ),
        (collection({"type": "Feature", "properties": {}, "geometry": None}), "features[0].geometry"),
        (collection({"type": "Feature", "properties": {}, "geometry": []}), "features[0].geometry"),
        (collection(feature(kind="Circle")), "features[0].geometry.type"),
        (collection(feature([1, 2], "Point")), "features[0].geometry.type"),
        (collection(feature({})), "features[0].geometry.coordinates"),
        (collection(feature([])), "features[0].geometry.coordinates"),
        (collection(feature([[]])), "features[0].geometry.coordinates[0]"),
        (collection(feature([[[]]], "MultiPolygon")), "features[0].geometry.coordinates[0][0]"),
        (collection(feature([], "MultiPolygon")), "features[0].geometry.coordinates"),
        (collection(feature([7])), "features[0].geometry.coordinates[0]"),
        (collection(feature([[[1, 2], 5, [1, 2], [1, 2]]])), "features[0].geometry.coordinates[0][1]"),
        (collection(feature([[[1, 2], [3], [1, 2], [1, 2]]])), "features[0].geometry.coordinates[0][1]"),
        (
            collection(feature([[[1, 2], ["3", 4], [4, 5], [1, 2]]])),
            "features[0].geometry.coordinates[0][1][0]",
        ),
        (
            collection(feature([[[1, 2], [True, 4], [4, 5], [1, 2]]])),
            "features[0].geometry.coordinates[0][1][0]",
        ),
        (collection(feature([SQUARE])), "features[0].geometry.coordinates[0][0]"),
    ],
)
def test_wrong_types_name_their_path(document: bytes, field: str) -> None:
    assert field in {fault.field for fault in faults_of(read_geojson, document)}


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400])
def test_numbers_that_are_not_finite_are_listed_with_their_path(token: str) -> None:
    ring = f"[[120,30],[{token},30],[120.1,30.1],[120,30]]"
    document = f'{{"type":"Polygon","coordinates":[{ring}]}}'.encode()
    fault = one_fault_of(read_geojson, document)
    assert fault.field == "geometry.coordinates[0][1][0]"
    assert fault.row == 1
    assert "finite" in fault.message


def test_a_property_that_is_not_finite() -> None:
    document = collection(feature(depth=math.nan))
    assert one_fault_of(read_geojson, document).field == "features[0].properties.depth"


@pytest.mark.parametrize("text", ['"\\u0000"', '"\\ud800"', '"a\\udfffb"'])
def test_characters_that_are_none(text: str) -> None:
    document = collection(feature(name="@@")).replace(b'"@@"', text.encode())
    fault = one_fault_of(read_geojson, document)
    assert (fault.field, fault.row) == ("features[0].properties.name", 1)
    named = collection(feature(name="x")).replace(b'"name"', text.encode())
    assert "the name" in one_fault_of(read_geojson, named).message


def test_unclosed_and_short_rings() -> None:
    open_ring = [SQUARE[0][:-1]]
    fault = one_fault_of(read_geojson, collection(feature(open_ring)))
    assert "not closed" in fault.message
    assert fault.place == (120.0, 30.0)
    fault = one_fault_of(read_geojson, collection(feature([[[1, 2], [3, 4], [1, 2]]])))
    assert "four positions" in fault.message
    both = faults_of(read_geojson, collection(feature([[[1, 2], [3, 4]]])))
    assert len(both) == 2


@pytest.mark.parametrize(
    ("corner", "guess"),
    [
        ((30.0, 120.0), "lon and lat look swapped"),
        ((500_000.0, 3_200_000.0), "EPSG:4534"),
        ((40_500_000.0, 3_200_000.0), "EPSG:4528"),
        ((13_300_000.0, 3_500_000.0), "EPSG:3857"),
        ((3_200_000.0, 500_000.0), "swap"),
        ((300.0, 30.0), "0 to 360"),
    ],
)
def test_coordinates_out_of_range_come_with_a_guess(corner: tuple[float, float], guess: str) -> None:
    document = collection(feature(square(*corner)))
    fault = one_fault_of(read_geojson, document)
    assert guess in fault.message
    assert fault.field == "features[0].geometry.coordinates[0][0]"
    assert read_geojson(document, lonlat=False).geometry[0] is not None


def test_the_guess_names_the_crs_member() -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}
    fault = one_fault_of(read_geojson, collection(feature(square(500_000.0, 3_200_000.0)), crs=crs))
    assert "EPSG::4549" in fault.message


@pytest.mark.parametrize(
    ("crs", "noted"),
    [
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, False),
        ({"type": "name", "properties": {"name": "EPSG:4326"}}, False),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4326"}}, False),
        ({"type": "name", "properties": {"name": "EPSG:3857"}}, True),
        ({"type": "link", "properties": {"href": "http://127.0.0.1:9/crs", "type": "proj4"}}, True),
        (None, False),
        ("x", True),
    ],
)
def test_the_crs_member_is_dropped_and_mentioned(crs: object, noted: bool) -> None:
    table = read_geojson(collection(feature(), crs=crs))
    assert bool(table.notes) is noted


def test_geometry_collections_are_refused_nested_or_not() -> None:
    polygon = {"type": "Polygon", "coordinates": SQUARE}
    flat = {"type": "GeometryCollection", "geometries": [polygon]}
    nested = {"type": "GeometryCollection", "geometries": [flat]}
    for geometry, word in ((flat, "a GeometryCollection is"), (nested, "within a GeometryCollection")):
        document = collection({"type": "Feature", "properties": {}, "geometry": geometry})
        assert word in one_fault_of(read_geojson, document).message


def test_deep_nesting_is_refused_at_every_depth() -> None:
    assert "1,000 deep" in one_fault_of(read_geojson, b"[" * 200_000).message
    closed = b'{"type":"Polygon","coordinates":' + b"[" * 500 + b"]" * 500 + b"}"
    faults_of(read_geojson, closed)
    collections = b'{"type":"GeometryCollection","geometries":[' * 300 + b"]}" * 300
    faults_of(read_geojson, collections)
    seven: object = 1
    for _ in range(7):
        seven = [seven]
    assert one_fault_of(read_geojson, collection(feature(deep=seven))).field == "features[0].properties.deep"


def test_nested_properties_are_kept_as_text() -> None:
    table = read_geojson(collection(feature(tags={"a": [1, "二"]})))
    assert table.columns["tags"][0] == '{"a": [1, "二"]}'


def test_too_many_vertices_rings_parts_properties() -> None:
    many = collection(feature([[[120.0, 30.0]] * 10_001]))
    fault = one_fault_of(read_geojson, many)
    assert "10,001 vertices" in fault.message
    assert "raise the limit" in fault.message
    assert len(read_geojson(many, limits=Limits(vertices=20_000))) == 1
    assert "rings" in one_fault_of(read_geojson, collection(feature(SQUARE * 1_001))).message
    assert (
        "parts" in one_fault_of(read_geojson, collection(feature([SQUARE] * 1_001, "MultiPolygon"))).message
    )
    names = {f"p{i}": i for i in range(101)}
    assert "100 properties" in one_fault_of(read_geojson, collection(feature(**names))).message
    assert "200 characters" in one_fault_of(read_geojson, collection(feature(**{"n" * 201: 1}))).message
    spread = [feature(**{f"p{i}_{j}": 1 for j in range(60)}) for i in range(2)]
    assert "120 different" in one_fault_of(read_geojson, collection(*spread)).message


def test_a_million_vertices_are_refused_before_any_of_them_is_looked_at() -> None:
    ring = ",".join(["[120.5,30.5]"] * 1_000_000)
    document = f'{{"type":"Polygon","coordinates":[[{ring}]]}}'.encode()
    assert "1,000,000 vertices" in one_fault_of(read_geojson, document).message


def test_duplicate_ids_name_both_features() -> None:
    features = [{**feature(), "id": "a"}, {**feature(), "id": "b"}, {**feature(), "id": "a"}]
    fault = one_fault_of(read_geojson, collection(*features))
    assert (fault.row, fault.field) == (3, "features[2].id")
    assert "feature 1" in fault.message


def test_a_file_too_large() -> None:
    with pytest.raises(TooLargeError):
        read_geojson(collection(feature()), limits=Limits(file_bytes=50))


def test_encodings() -> None:
    text = collection(feature(name="@")).decode().replace("@", "江干区四季青街道")
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read_geojson(text.encode(encoding)).columns["name"][0] == "江干区四季青街道"
    table = read_geojson(text.encode("gb18030"))
    assert table.columns["name"][0] == "江干区四季青街道"
    assert "GB18030" in table.notes[0]
    assert read_geojson(text.encode("gbk"), encoding="gbk").columns["name"][0] == "江干区四季青街道"


def test_an_encoding_that_is_neither() -> None:
    french = collection(feature(name="@")).decode().replace("@", "Évreux, Orléans").encode("latin-1")
    assert "neither UTF-8" in one_fault_of(read_geojson, french).message
    assert read_geojson(french, encoding="latin-1").columns["name"][0] == "Évreux, Orléans"
    chinese = collection(feature(name="@")).decode().replace("@", "中文").encode("gb18030")
    assert "as gb18030 it can be read" in one_fault_of(read_geojson, chinese, encoding="utf-8").message
    assert one_fault_of(read_geojson, chinese, encoding="rot13").field == "encoding"


def test_replacement_characters_are_mentioned() -> None:
    assert "U+FFFD" in read_geojson(collection(feature(name="@")).replace(b"@", "\ufffd".encode())).notes[0]


def test_other_programs_files_are_named() -> None:
    assert "TopoJSON" in one_fault_of(read_geojson, b'{"type":"Topology"}').message
    assert "GDAL" in one_fault_of(read_geojson, b'{"type":"gdal_streamed_alg","command_line":"x"}').message


def test_two_faults_at_once_are_both_listed() -> None:
    swapped = feature(square(30.0, 120.0), name="a")
    unclosed = feature([SQUARE[0][:-1]], name="\x00")
    faults = faults_of(read_geojson, collection(swapped, unclosed))
    assert [fault.row for fault in faults] == [1, 2, 2]
    assert any("swapped" in fault.message for fault in faults)
    assert any("not closed" in fault.message for fault in faults)
    assert any("u0000" in fault.message for fault in faults)


def test_ten_thousand_faults_of_one_kind_do_not_hide_another() -> None:
    features = [feature([SQUARE[0][:-1]]) for _ in range(3_000)] + [feature(name=math.nan)]
    faults = faults_of(read_geojson, collection(*features))
    assert len(faults) == 101
    assert any("finite" in fault.message for fault in faults)
    assert faults[-1].message == "and 2901 more faults that are not listed"


def test_points_when_points_are_wanted() -> None:
    table = read_geojson(collection(feature([120.5, 30.5], "Point")), kinds=POINTS)
    assert np.array_equal(shapely.get_coordinates(table.geometry), [[120.5, 30.5]])
    fault = one_fault_of(read_geojson, collection(feature([30.5, 120.5], "Point")), kinds=POINTS)
    assert fault.field == "features[0].geometry.coordinates"


def test_real_boundaries(shared_data) -> None:
    for path, features, vertices in (
        ("zhejiang/counties_gcj02.geojson", 88, 333_406),
        ("chicago/police_beats.geojson", 277, None),
        ("chicago/police_districts.geojson", 25, None),
    ):
        data = (shared_data / path).read_bytes()
        table = read_geojson(data)
        assert len(table) == features
        own = [shapely.geometry.shape(f["geometry"]) for f in json.loads(data)["features"]]
        assert all(shapely.equals_exact(table.geometry, own, 0.0))
        assert vertices is None or len(shapely.get_coordinates(table.geometry)) == vertices
