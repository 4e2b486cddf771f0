"""Areas and lengths against pyproj's geodesics and against themselves."""

from functools import lru_cache

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from geo_service.geometry import measure

GEOD = Geod(ellps="WGS84")
LON = st.floats(-179, 178)
LAT = st.floats(-80, 80)
SIZE_DEG = st.floats(1e-4, 1e-2)


@given(LON, LAT, SIZE_DEG, SIZE_DEG)
def test_areas_agree_with_the_geodesic_ones_of_fine_steps(lon, lat, width, height):
    corners = np.array([[0, 0], [1, 0.2], [0.8, 1.1], [0.1, 0.9], [0, 0]]) * (width, height) + (lon, lat)
    at = np.linspace(0, 4, 401)
    fine = np.column_stack([np.interp(at, range(5), axis) for axis in corners.T])
    exact = abs(GEOD.polygon_area_perimeter(*fine.T)[0])
    # a geodesic bulges beside the straight edge by its length squared: a hundred steps leave 1/10,000 of it
    assert measure.area_m2([shapely.Polygon(corners)])[0] == pytest.approx(exact, rel=1e-6, abs=0.2)


def test_a_box_between_parallels_has_the_area_of_its_zone():
    # many short edges along the parallels make the geodesic polygon follow them
    lon = np.linspace(119, 120, 20_001)
    ring = np.column_stack((np.r_[lon, lon[::-1]], np.r_[np.full(len(lon), 28.0), np.full(len(lon), 29.0)]))
    exact = abs(GEOD.polygon_area_perimeter(*ring.T)[0])
    assert measure.area_m2([shapely.box(119, 28, 120, 29)])[0] == pytest.approx(exact, rel=1e-9)


@given(LON, LAT, SIZE_DEG, st.integers(2, 30))
def test_areas_of_a_tiling_add_up(lon, lat, size, n):
    rng = np.random.default_rng(n)
    frame = shapely.box(lon, lat, lon + size, lat + size)
    points = np.vstack((rng.random((n, 2)) * size + (lon, lat), shapely.get_coordinates(frame)[:4]))
    cells = shapely.get_parts(shapely.delaunay_triangles(shapely.MultiPoint(points)))
    assert measure.area_m2(cells).sum() == pytest.approx(measure.area_m2([frame])[0], rel=1e-7)


def test_holes_parts_and_things_without_area():
    ring = shapely.box(119, 29, 119.01, 29.01).difference(shapely.box(119.002, 29.002, 119.003, 29.003))
    two = shapely.MultiPolygon(
        [shapely.box(119.002, 29.002, 119.003, 29.003), shapely.box(120, 29, 120.01, 29.01)]
    )
    whole, hole, other = measure.area_m2([shapely.box(119, 29, 119.01, 29.01), two.geoms[0], two.geoms[1]])
    got = measure.area_m2(
        [ring, two, shapely.Point(1, 1), None, shapely.Polygon(), shapely.LineString([(0, 0), (1, 1)])]
    )
    assert got == pytest.approx([whole - hole, hole + other, 0, 0, 0, 0])
    assert measure.area_m2([]).tolist() == []


@given(LON, LAT, SIZE_DEG)
def test_lengths_are_geodesic(lon, lat, size):
    line = np.array([[0, 0], [1, 0.3], [0.2, 1.5]]) * size + (lon, lat)
    shape = shapely.LineString(line)
    ring = shapely.Polygon(line)
    got = measure.length_m([shape, ring, None, shapely.MultiLineString([shape, shape])])
    assert got[0] == pytest.approx(GEOD.line_length(*line.T), rel=1e-9)
    assert got[1] == pytest.approx(GEOD.geometry_length(ring.exterior), rel=1e-9)
    assert got[2] == 0
    assert got[3] == pytest.approx(2 * got[0])


@given(LON, LAT, st.floats(-0.005, 0.005), st.floats(-0.005, 0.005))
def test_local_metres_are_true_near_the_origin(lon, lat, dx, dy):
    there = [[lon + dx, lat + dy]]
    x, y = measure.local_xy_m(there, (lon, lat))[0]
    true_m = measure.distance_m([[lon, lat]], there)[0]
    assert np.hypot(x, y) == pytest.approx(
        true_m, abs=1e-6 + true_m * 1.2e-4 * (1 + abs(np.tan(np.radians(lat))))
    )


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [(119.2, 29.1, 4549), (120.0, 30.0, 4549), (121.6, 30, 4550), (126.6, 45.8, 4551),
     (75.0, 39.0, 4534), (-8.6, 41.1, 32629), (-87.7, 41.9, 32616), (151.2, -33.9, 32756),
     (179.99, 10, 32660), (-180, 10, 32601)],
)  # fmt: skip
def test_the_metric_system_of_a_place(lon, lat, epsg):
    assert measure.metric_epsg((lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01)) == epsg
    assert measure.metric_epsg((lon, lat, lon, lat)) == epsg


@lru_cache
def to_metric(epsg):
    return Transformer.from_crs(4326, CRS.from_epsg(epsg), always_xy=True)


@given(st.floats(73.5, 135), st.floats(3, 54))
def test_in_china_the_central_meridian_is_never_far(lon, lat):
    x, _ = to_metric(measure.metric_epsg((lon, lat, lon, lat))).transform(lon, lat)
    assert abs(x - 500_000) <= 1.51 * 111_400
