"""The lattice against Python's own integers and fractions."""

from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice

I = st.integers(-lattice.MAX_I, lattice.MAX_I)  # noqa: E741 - the lattice's own letter
J = st.integers(-lattice.MAX_J, lattice.MAX_J)
POINT = st.tuples(I, J)
LON = st.floats(-180, 180)
LAT = st.floats(-90, 90)


def cross(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@given(POINT, POINT, POINT)
def test_orientation_agrees_with_python_integers(a, b, c):
    assert int(lattice.orientation(a, b, c)) == (cross(a, b, c) > 0) - (cross(a, b, c) < 0)


@pytest.mark.parametrize("sx", [-1, 1])
@pytest.mark.parametrize("sy", [-1, 1])
def test_orientation_does_not_overflow_between_the_corners_of_the_globe(sx, sy):
    corners = [(sx * lattice.MAX_I, sy * lattice.MAX_J), (-sx * lattice.MAX_I, -sy * lattice.MAX_J)]
    for c in [
        (sx * lattice.MAX_I, -sy * lattice.MAX_J),
        (-sx * lattice.MAX_I, sy * lattice.MAX_J),
        (1, 0),
        (0, 0),
    ]:
        exact = cross(*corners, c)
        assert int(lattice.orientation(*corners, c)) == (exact > 0) - (exact < 0)


@given(POINT, st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 1000), st.integers(0, 1000))
def test_points_on_a_segment_are_found_and_their_neighbours_are_not(a, dx, dy, parts, part):
    a = (a[0] // 1000, a[1] // 1000)
    b = (a[0] + dx * parts, a[1] + dy * parts)
    p = (a[0] + dx * min(part, parts), a[1] + dy * min(part, parts))
    assert bool(lattice.on_segment(p, a, b))
    for near in [(p[0] + 1, p[1]), (p[0], p[1] + 1), (p[0] - 1, p[1]), (p[0], p[1] - 1)]:
        inside = min(a[0], b[0]) <= near[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= near[1] <= max(
            a[1], b[1]
        )
        assert bool(lattice.on_segment(near, a, b)) == (inside and cross(a, b, near) == 0)


@given(LON, LAT)
def test_rounding_is_to_the_nearest_lattice_point(lon, lat):
    ij = lattice.to_lattice([[lon, lat]])
    assert ij.dtype == np.int32
    for value, step in zip((lon, lat), ij[0], strict=True):
        assert abs(Fraction(value) * lattice.SCALE - int(step)) <= Fraction(1, 2)


@given(POINT)
def test_degrees_and_integers_are_each_others_inverse(p):
    deg = lattice.to_degrees([p])
    assert [Fraction(float(v)) * lattice.SCALE for v in deg[0]] == list(p)
    assert lattice.to_lattice(deg)[0].tolist() == list(p)


@given(POINT)
def test_seven_decimals_bring_a_lattice_point_back(p):
    printed = [[float(f"{v:.7f}") for v in lattice.to_degrees([p])[0]]]
    assert lattice.to_lattice(printed)[0].tolist() == list(p)


@pytest.mark.parametrize("bad", [[np.nan, 0], [np.inf, 0], [0, -np.inf], [180.1, 0], [0, 90.0001], [30, 120]])
def test_a_point_off_the_globe_is_refused_with_its_row(bad):
    with pytest.raises(InvalidInputError) as caught:
        lattice.to_lattice([[0, 0], bad])
    assert [f.row for f in caught.value.faults] == [2]


def test_predicates_refuse_degrees_and_points_off_the_globe():
    with pytest.raises(InvalidInputError):
        lattice.orientation([0.5, 0], [1, 0], [2, 0])
    with pytest.raises(InvalidInputError):
        lattice.orientation([lattice.MAX_I + 1, 0], [1, 0], [2, 0])


def test_predicates_broadcast():
    side = lattice.orientation([0, 0], [10, 0], np.array([[5, 1], [5, 0], [5, -1]]))
    assert side.tolist() == [1, 0, -1]
    assert side.dtype == np.int8


def test_snapping_keeps_none_and_drops_z():
    geoms = np.array([None, shapely.Point(0.1, 0.2, 9.0)], dtype=object)
    assert not lattice.is_on_lattice(geoms)
    out = lattice.snap(geoms)
    assert out[0] is None
    assert not out[1].has_z
    assert lattice.is_on_lattice(out)
    assert lattice.snap(out)[1].equals_exact(out[1], 0)


def test_a_lattice_step_is_at_most_1_33_cm():
    assert 0.0132 < lattice.UNIT_M < 0.0133


@given(st.integers(1, 10**6), st.integers(0, 12))
def test_thin_is_what_is_narrower_than_two_steps(length: int, width: int) -> None:
    strip = shapely.box(0, 0, length * lattice.UNIT_DEG, width * lattice.UNIT_DEG)
    wide = width * length / (width + length)  # a strip has its area in half its outline
    assert lattice.is_thin(strip) == (wide < 2)
    assert lattice.is_thin(shapely.Polygon())
