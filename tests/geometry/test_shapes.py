"""Each way in which a polygon can be wrong is told apart and given a place."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import shapely

from geo_service.geometry.shapes import MAX_VERTICES, shape_faults

SHELL = [(0, 0), (8, 0), (8, 8), (0, 8)]
INNER = [(1, 1), (7, 1), (7, 7), (1, 7)]


def only(geom, **options):
    faults = shape_faults(np.array([shapely.box(0, 0, 1, 1), geom], dtype=object), **options)
    assert [f.index for f in faults] == [1]
    assert faults[0].message
    return faults[0]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("geom", "kind", "place"),
    [
        (None, "missing", None),
        (shapely.Polygon(), "empty", None),
        (shapely.MultiPolygon(), "empty", None),
        (shapely.LineString([(0, 0), (1, 1)]), "not_a_polygon", None),
        (shapely.GeometryCollection([shapely.box(0, 0, 1, 1)]), "not_a_polygon", None),
        (shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 2)]), "bow_tie", (4 / 3, 4 / 3)),
        (shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 4)]), "bow_tie", (2, 2)),  # its areas cancel
        (shapely.Polygon([(0, 0), (4, 0), (4, 4), (4, 9), (4, 4), (0, 4)]), "spike", (4, 9)),
        (shapely.Polygon([(0, 0), (4, 4), (8, 8)]), "no_area", None),
        (shapely.Polygon(SHELL, [[(9, 9), (10, 9), (10, 10)]]), "wrong_nesting", (9, 9)),
        (shapely.Polygon(SHELL, [INNER, [(2, 2), (3, 2), (3, 3)]]), "wrong_nesting", (2, 2)),
        (shapely.MultiPolygon([shapely.box(0, 0, 8, 8), shapely.box(1, 1, 2, 2)]), "wrong_nesting", None),
        (shapely.Polygon([(0, 0), (4, 0), (8, 4), (4, 8), (4, 0), (0, 8)]), "ring_touches_itself", (4, 0)),
        (shapely.Polygon(SHELL, [[(4, 0), (8, 4), (4, 8), (0, 4)]]), "disconnected", None),
        (shapely.Polygon(SHELL, [SHELL]), "bow_tie", None),
        (shapely.Polygon([(0, 0), (4, 0), (np.nan, 4)]), "not_finite", None),
        (shapely.box(170, 0, 190, 10), "off_the_globe", None),
        (shapely.box(29, 119, 30, 120), "off_the_globe", None),
    ],
)  # fmt: skip
def test_every_fault_is_told_apart(geom, kind, place):
    fault = only(geom)
    assert fault.kind == kind
    if place is not None:
        assert fault.place == pytest.approx(place)


def test_a_polygon_of_too_many_vertices_is_refused_without_testing_it():
    angle = np.linspace(0, 2 * np.pi, MAX_VERTICES + 1, endpoint=False)
    assert only(shapely.Polygon(np.column_stack((np.cos(angle), np.sin(angle))))).kind == "too_many_vertices"


def test_nothing_is_wrong_with_nothing():
    assert shape_faults(np.array([], dtype=object)) == []


def cases(root):
    """Yield description, geometry and the expected answer of each case on polygons."""
    for case in root.iter("case"):
        expected = case.findtext("test/op").strip() == "true"
        geom = shapely.from_wkt(" ".join(case.findtext("a").split()), on_invalid="ignore")
        if geom is not None and geom.geom_type in {"Polygon", "MultiPolygon"} and not geom.is_empty:
            yield case.findtext("desc").strip(), geom, expected


@pytest.mark.filterwarnings("ignore:invalid value")
def test_the_published_cases_of_validity(shared_data):
    text = (shared_data / "valid_cases" / "TestValid.xml").read_text("utf-8")
    found = list(cases(ET.fromstring(text)))
    assert len(found) > 40
    for name, geom, expected in found:
        faults = shape_faults(np.array([geom]), on_globe=False)
        assert (faults == []) == expected, name
        for fault in faults:
            assert fault.kind != "invalid", name
            assert fault.place is not None or fault.kind == "not_finite", name
