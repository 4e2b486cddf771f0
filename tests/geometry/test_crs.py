"""Datums: published vectors, round trips, agreement with pyproj, and everything that must be refused."""

import json
import math
import time

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from geo_service.errors import InvalidInputError
from geo_service.geometry import chinese_datums, crs
from geo_service.geometry.measure import distance_m

CHINESE = [crs.GCJ02, crs.BD09]
IN_CHINA = st.tuples(st.floats(72.1, 137.7), st.floats(1, 55.7))
CONTROL_LOCAL = np.array([[1000.0, 2000.0], [5000.0, 2100.0], [4800.0, 7000.0], [900.0, 6500.0]])


@pytest.fixture(scope="module")
def cities(shared_data):
    places = json.loads((shared_data / "gcj" / "china-cities.json").read_text("utf-8"))
    assert len(places) > 600
    return {name: np.array([p["coords"][name] for p in places]) for name in ("WGS84", "GCJ02", "BD09")}


def test_published_vectors(cities):
    gcj = crs.from_wgs84(cities["WGS84"], crs.GCJ02)
    assert distance_m(gcj, cities["GCJ02"]).max() < 0.75  # the vectors' own accuracy, not the formula's
    bd = chinese_datums.gcj02_to_bd09(cities["GCJ02"])
    assert distance_m(bd, cities["BD09"]).max() < 0.013
    assert distance_m(crs.to_wgs84(cities["GCJ02"], crs.GCJ02), cities["WGS84"]).max() < 0.75
    assert distance_m(crs.to_wgs84(cities["BD09"], crs.BD09), cities["WGS84"]).max() < 0.76


def gcj_scalar(lon, lat):
    """The published formula once more, point by point, as people write it."""
    x, y = lon - 105.0, lat - 35.0
    common = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + common
    d_lat += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    d_lat += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + common
    d_lon += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    d_lon += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    magic = 1 - 0.00669342162296594323 * math.sin(math.radians(lat)) ** 2
    d_lat = d_lat * 180.0 / (6378245.0 * (1 - 0.00669342162296594323) / (magic * math.sqrt(magic)) * math.pi)
    d_lon = d_lon * 180.0 / (6378245.0 / math.sqrt(magic) * math.cos(math.radians(lat)) * math.pi)
    return lon + d_lon, lat + d_lat


def bd_scalar(lon, lat):
    z = math.hypot(lon, lat) + 0.00002 * math.sin(lat * math.pi * 3000.0 / 180.0)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * math.pi * 3000.0 / 180.0)
    return z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006


@given(IN_CHINA)
def test_the_vectorised_formulas_are_the_scalar_ones(p):
    assert crs.from_wgs84([p], crs.GCJ02)[0] == pytest.approx(gcj_scalar(*p), abs=1e-11)
    assert chinese_datums.gcj02_to_bd09(np.array([p]))[0] == pytest.approx(bd_scalar(*p), abs=1e-11)


@pytest.mark.parametrize("datum", CHINESE)
def test_round_trip_is_below_a_millimetre_over_all_china(datum):
    rng = np.random.default_rng(1)
    wgs = rng.uniform((72.1, 1.0), (137.7, 55.7), (200_000, 2))
    wgs[:1000, 0] = 105.0 + rng.uniform(-1e-9, 1e-9, 1000)  # where the formula's square root has its corner
    back = crs.to_wgs84(crs.from_wgs84(wgs, datum), datum)
    assert distance_m(back, wgs).max() < 1e-3
    there = crs.from_wgs84(crs.to_wgs84(wgs, datum), datum)
    assert distance_m(there, wgs).max() < 1e-3


@given(st.tuples(st.floats(-180, 71.8), st.floats(-89, 89)))
def test_abroad_gcj02_is_the_identity(p):
    assert crs.from_wgs84([p], crs.GCJ02)[0].tolist() == list(p)
    assert crs.to_wgs84([p], crs.GCJ02)[0].tolist() == list(p)


def test_at_the_rim_the_inverse_agrees_with_the_rule():
    west, south, east, north = chinese_datums.CHINA_BOUNDS_DEG
    for lon, lat in [(west, 30.0), (east, 30.0), (100.0, south), (100.0, north)]:
        for shift in (-1e-6, 0.0, 1e-6):
            wgs = np.array([[lon + shift, lat + shift]])
            gcj = crs.from_wgs84(wgs, crs.GCJ02)
            back = crs.to_wgs84(gcj, crs.GCJ02)
            inside = west <= wgs[0, 0] <= east and south <= wgs[0, 1] <= north
            if inside:
                assert distance_m(back, wgs)[0] < 1e-3
            else:  # either it is its own image, or a place inside has the same image
                own = distance_m(back, wgs)[0] < 1e-3
                assert own or distance_m(crs.from_wgs84(back, crs.GCJ02), gcj)[0] < 1e-3


@pytest.mark.parametrize("datum", CHINESE)
def test_a_million_points_take_well_under_a_second(datum):
    points = np.random.default_rng(2).uniform((74, 18), (134, 53), (1_000_000, 2))
    for convert in (crs.from_wgs84, crs.to_wgs84):
        best = math.inf
        for _ in range(3):
            start = time.process_time()
            convert(points, datum)
            best = min(best, time.process_time() - start)
        assert best < 1.5  # measured 0.1 to 0.5 s; room for a busy machine


@pytest.mark.parametrize(
    ("text", "label"),
    [("wgs-84", "WGS84"), ("4326", "WGS84"), (4326, "WGS84"), ("CGCS2000", "EPSG:4490"), ("gcj_02", "GCJ02"),
     ("BD 09", "BD09"), ("epsg:4549", "EPSG:4549"), (32650, "EPSG:32650")],
)  # fmt: skip
def test_names_that_are_understood(text, label):
    datum = crs.parse_datum(text)
    assert str(datum) == label
    assert crs.parse_datum(str(datum)) == datum
    assert crs.parse_datum(datum) == datum


@pytest.mark.parametrize(
    "text",
    ["", "EPSG:", "EPSG:999999", "+proj=longlat +nadgrids=/etc/passwd", "GEOGCS[]", "epsg:4326+5773",
     "５４９９", "4326.0", -4326, 5773, 4978, 4979, "EPSG:4549;x", "urn:ogc:def:crs:EPSG::4326"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidInputError) as caught:
        crs.parse_datum(text)
    assert caught.value.faults[0].field == "crs"


@given(st.tuples(st.floats(118.6, 121.4), st.floats(27, 31)))
def test_gauss_krueger_agrees_with_pyproj_and_comes_back(p):
    datum = crs.parse_datum(4549)
    xy = crs.from_wgs84([p], datum)
    assert xy[0] == pytest.approx(Transformer.from_crs(4490, 4549, always_xy=True).transform(*p), abs=1e-6)
    assert distance_m(crs.to_wgs84(xy, datum), [p])[0] < 1e-5


def test_cgcs2000_is_wgs84_here():
    p = np.array([[119.2, 29.1]])
    assert crs.to_wgs84(p, crs.CGCS2000).tolist() == p.tolist()


@pytest.mark.parametrize("datum", [crs.WGS84, crs.GCJ02, crs.BD09, crs.parse_datum(4549)])
def test_not_a_number_is_refused_with_its_row(datum):
    with pytest.raises(InvalidInputError) as caught:
        crs.to_wgs84([[119.0, 29.0], [np.nan, 1.0], [np.inf, 2.0]], datum)
    assert [f.row for f in caught.value.faults] == [2, 3]


def test_a_point_a_system_cannot_represent_is_refused():
    with pytest.raises(InvalidInputError, match="converted"):
        crs.from_wgs84([[0.0, 95.0]], crs.parse_datum(3857))


def test_geometries_go_there_and_back():
    box = shapely.box(119.0, 29.0, 119.1, 29.1)
    out = crs.transform_geometry(np.array([box, None]), crs.GCJ02, inverse=True)
    assert out[1] is None
    assert not out[0].intersects(shapely.Point(119.0, 29.0))
    assert crs.transform_geometry(out, crs.GCJ02)[0].equals_exact(box, 1e-9)


def earth(local, matrix=((0.99, -0.1), (0.1, 0.99))):
    metric = np.asarray(local) @ np.array(matrix).T + (500_000.0, 3_200_000.0)
    return crs.to_wgs84(metric, crs.parse_datum(4549))


@pytest.mark.parametrize("kind", ["similarity", "affine"])
def test_a_city_grid_is_found_again(kind):
    grid = crs.CityGrid.fit(CONTROL_LOCAL, earth(CONTROL_LOCAL), kind)
    assert grid.rms_m < 1e-4
    other = np.array([[3000.0, 3000.0], [0.0, 0.0]])
    assert grid.to_wgs84(other) == pytest.approx(earth(other), abs=1e-9)
    assert crs.from_wgs84(crs.to_wgs84(other, grid), grid) == pytest.approx(other, abs=1e-4)


def test_residuals_tell_the_bad_point():
    given_lonlat = earth(CONTROL_LOCAL)
    given_lonlat[2] += (0.0, 1e-4)  # eleven metres
    grid = crs.CityGrid.fit(CONTROL_LOCAL, given_lonlat)
    assert grid.residuals_m.argmax() == 2
    assert 2 < grid.rms_m < 11


def test_an_affine_grid_follows_shear_that_a_similarity_cannot():
    lonlat = earth(CONTROL_LOCAL, ((1.0, 0.01), (0.0, 1.02)))
    assert crs.CityGrid.fit(CONTROL_LOCAL, lonlat, "affine").rms_m < 1e-4
    assert crs.CityGrid.fit(CONTROL_LOCAL, lonlat, "similarity").rms_m > 5


@pytest.mark.parametrize(
    ("local", "kind", "words"),
    [
        (CONTROL_LOCAL[:1], "similarity", "at least 2"),
        (CONTROL_LOCAL[:2], "affine", "at least 3"),
        (CONTROL_LOCAL[[0, 0, 0]], "similarity", "coincide"),
        (np.array([[0, 0], [1000, 1000], [2000, 2000]]), "affine", "one line"),
    ],
)
def test_degenerate_control_points_are_refused(local, kind, words):
    with pytest.raises(InvalidInputError, match=words):
        crs.CityGrid.fit(local, earth(local), kind)


def test_exchanged_axes_are_recognised():
    with pytest.raises(InvalidInputError, match="axes exchanged"):
        crs.CityGrid.fit(CONTROL_LOCAL[:, ::-1], earth(CONTROL_LOCAL))


def test_an_unknown_kind_of_grid_is_refused():
    with pytest.raises(InvalidInputError, match="similarity"):
        crs.CityGrid.fit(CONTROL_LOCAL, earth(CONTROL_LOCAL), "projective")


@pytest.mark.parametrize("code", [4610, 4555, 2333])
def test_a_datum_without_a_known_transformation_is_refused(code):
    with pytest.raises(InvalidInputError) as caught:
        crs.parse_datum(code)
    assert "no transformation to WGS 84 is known" in caught.value.faults[0].message
    assert str(code) in caught.value.faults[0].message


def test_a_datum_with_a_known_transformation_is_moved():
    moved = crs.to_wgs84([[120.0, 30.0]], crs.parse_datum("EPSG:4214"))
    assert 20 < distance_m(moved, [[120.0, 30.0]])[0] < 200
