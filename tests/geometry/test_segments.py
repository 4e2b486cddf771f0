"""Segments of small tilings, by hand and at random."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.segments import pack, segments_of, unpack


def units(*rings):
    """A polygon with vertices in lattice units."""
    shell, *holes = [lattice.to_degrees(ring) for ring in rings]
    return shapely.Polygon(shell, holes)


def square(x, y, size=4):
    return units([(x, y), (x + size, y), (x + size, y + size), (x, y + size)])


def as_set(seg):
    return {
        tuple(int(v) for v in row)
        for row in zip(seg.ax, seg.ay, seg.bx, seg.by, seg.left, seg.right, strict=True)
    }


@pytest.mark.parametrize("turn", [False, True])
def test_two_squares_share_one_segment(turn):
    cells = np.array([square(0, 0), square(4, 0)])
    if turn:
        cells = shapely.reverse(cells)
    seg = segments_of(cells)
    assert len(seg) == 7
    assert as_set(seg) == {
        (0, 0, 0, 4, -1, 0), (0, 0, 4, 0, 0, -1), (0, 4, 4, 4, -1, 0), (4, 0, 4, 4, 0, 1),
        (4, 0, 8, 0, 1, -1), (4, 4, 8, 4, -1, 1), (8, 0, 8, 4, 1, -1),
    }  # fmt: skip
    assert all(getattr(seg, name).dtype == np.int32 for name in ("ax", "ay", "bx", "by", "left", "right"))


def test_a_hole_has_the_cell_on_its_outer_side_and_the_filler_inside():
    ring = [(2, 2), (4, 2), (4, 4), (2, 4)]
    seg = segments_of(np.array([units([(0, 0), (9, 0), (9, 9), (0, 9)], ring), units(ring)]))
    inner = {s for s in as_set(seg) if 2 <= s[0] <= 4 and 2 <= s[1] <= 4 and s[2] <= 4 and s[3] <= 4}
    assert len(seg) == 8
    assert inner == {(2, 2, 2, 4, 0, 1), (2, 2, 4, 2, 1, 0), (2, 4, 4, 4, 0, 1), (4, 2, 4, 4, 1, 0)}


def test_a_cell_of_two_parts_is_one_cell():
    cells = np.array([shapely.MultiPolygon([square(0, 0), square(8, 0)]), square(4, 0)])
    seg = segments_of(cells)
    assert (4, 0, 4, 4, 0, 1) in as_set(seg)
    assert (8, 0, 8, 4, 1, 0) in as_set(seg)


def test_repeated_points_leave_no_trace():
    cell = units([(0, 0), (0, 0), (4, 0), (4, 4), (4, 4), (0, 4)])
    assert as_set(segments_of(np.array([cell]))) == as_set(segments_of(np.array([square(0, 0)])))


def test_the_same_side_claimed_twice_is_refused_with_rows_and_place():
    with pytest.raises(InvalidInputError) as caught:
        segments_of(np.array([square(0, 0), square(8, 8), square(0, 0)]))
    fault = caught.value.faults[0]
    assert "[1, 3]" in fault.message
    assert fault.place == (0.0, 0.0)


def test_off_the_lattice_or_not_a_polygon_is_refused():
    with pytest.raises(InvalidInputError, match="lattice"):
        segments_of(np.array([shapely.box(0, 0, 0.1, 0.1)]))
    with pytest.raises(InvalidInputError, match="polygon"):
        segments_of(np.array([shapely.Point(0, 0)]))


def test_nothing_gives_nothing():
    assert len(segments_of(np.array([], dtype=object))) == 0
    assert len(segments_of(np.array([shapely.Polygon()]))) == 0


@given(
    st.lists(
        st.tuples(st.integers(-lattice.MAX_I, lattice.MAX_I), st.integers(-lattice.MAX_J, lattice.MAX_J)),
        min_size=1,
    )
)
def test_packing_keeps_order_and_comes_back(points):
    ij = np.array(points, dtype=np.int32)
    key = pack(ij)
    assert unpack(key).tolist() == ij.tolist()
    assert [tuple(p) for p in unpack(np.sort(key)).tolist()] == sorted(points)


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_every_border_of_a_chequerboard_has_its_two_owners(columns, rows, data):
    owner = np.array(data.draw(st.lists(st.integers(0, 3), min_size=columns * rows, max_size=columns * rows)))
    squares = np.array([square(4 * (k % columns), 4 * (k // columns)) for k in range(columns * rows)])
    cells = np.array([shapely.coverage_union_all(squares[owner == c]) for c in np.unique(owner)])
    index = np.searchsorted(np.unique(owner), owner).reshape(rows, columns)
    padded = np.pad(index, 1, constant_values=-1)
    for ax, ay, bx, by, left, right in as_set(segments_of(cells)):
        for i in range(ax // 4, max(bx // 4, ax // 4 + 1)):
            for j in range(min(ay, by) // 4, max(max(ay, by) // 4, min(ay, by) // 4 + 1)):
                here = padded[j + 1, i + 1]
                there = padded[j + 1, i] if ax == bx else padded[j, i + 1]
                assert (left, right) == ((there, here) if ax == bx else (here, there))
