"""Fabrics of random tilings: what goes in comes out, twins cancel, areas add up, and damage is refused."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tilings import COMPACT, TILINGS, exact_area2, square, units

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.fabric import Fabric, with_all_vertices
from geo_service.geometry.segments import directed_edges, segments_of


@given(TILINGS)
def test_a_fabric_gives_back_its_polygons(cells):
    fabric = Fabric.from_polygons(cells)
    assert fabric.twins_cancel()
    out = fabric.polygons()
    assert shapely.equals_exact(shapely.normalize(out), shapely.normalize(cells), 0).all()
    again = Fabric.from_polygons(out)
    assert (again.vertex_ij == fabric.vertex_ij).all()
    assert len(again.origin) == len(fabric.origin)


@given(TILINGS)
def test_areas_are_exact_and_add_up(cells):
    fabric = Fabric.from_polygons(cells)
    assert fabric.areas2().tolist() == [exact_area2(cell) for cell in cells]
    assert int(fabric.areas2().sum()) == exact_area2(shapely.coverage_union_all(cells))


@given(TILINGS)
def test_segments_are_those_of_the_polygons(cells):
    one, two = Fabric.from_polygons(cells).segments(), segments_of(cells)
    for name in ("ax", "ay", "bx", "by", "left", "right"):
        assert (getattr(one, name) == getattr(two, name)).all()
        assert getattr(one, name).dtype == np.int32


@given(TILINGS)
def test_neighbours_are_the_cells_that_share_a_line(cells):
    got = set(map(tuple, Fabric.from_polygons(cells).neighbours().tolist()))
    n = len(cells)
    shared = {(i, j) for i in range(n) for j in range(i + 1, n) if cells[i].intersection(cells[j]).length > 0}
    assert got == shared


def overlap(cells):
    i, j = np.triu_indices(len(cells), 1)
    return bool(shapely.relate_pattern(cells[i], cells[j], "T********").any())


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 6), st.integers(1, 6)), max_size=8
    )
)
def test_random_boxes_are_a_tiling_exactly_if_none_overlap(boxes):
    cells = np.array(
        [units([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) for x, y, w, h in boxes], dtype=object
    )
    if overlap(cells):
        with pytest.raises(InvalidInputError):
            Fabric.from_polygons(cells)
    else:
        assert Fabric.from_polygons(cells).twins_cancel()


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=3), max_size=5)
)
def test_random_triangles_are_a_tiling_exactly_if_none_overlap(corners):
    cells = np.array([units(c) for c in corners], dtype=object)
    cells = cells[shapely.is_valid(cells)] if len(cells) else cells
    if overlap(cells):
        with pytest.raises(InvalidInputError):
            Fabric.from_polygons(cells)
    else:
        fabric = Fabric.from_polygons(cells)
        assert fabric.twins_cancel()
        assert shapely.equals(fabric.polygons(), cells).all()


def test_geos_cries_wolf_where_a_ring_touches_itself_and_the_fabric_does_not():
    """A hole of one cell that touches its shell in a corner of the outer border, filled by the other cell."""
    ring = [(0, 0), (9, 3), (3, 9)]
    cells = np.array([units([(0, 0), (12, 0), (12, 12), (0, 12)], ring), units(ring)])
    assert shapely.is_valid(cells).all()
    assert Fabric.from_polygons(cells).twins_cancel()


@given(COMPACT, st.data())
def test_a_vertex_moved_in_one_cell_alone_is_refused(cells, data):
    k = data.draw(st.integers(0, len(cells) - 1))
    inner = shapely.get_coordinates(shapely.coverage_union_all(cells))
    ring = shapely.get_coordinates(cells[k])[:-1]
    shared = [p for p in map(tuple, ring) if p not in set(map(tuple, inner))]
    if not shared:
        return
    moved = data.draw(st.sampled_from(shared))
    shift = np.array(data.draw(st.sampled_from([(1, 0), (0, 1), (-1, 0), (0, -1)]))) * lattice.UNIT_DEG
    cells = cells.copy()
    cells[k] = shapely.transform(
        cells[k], lambda p: np.where((p == moved).all(axis=1)[:, None], p + shift, p)
    )
    if shapely.is_valid(cells[k]) and overlap(cells):
        with pytest.raises(InvalidInputError):
            Fabric.from_polygons(cells)


def test_a_vertex_on_a_neighbours_edge_is_inserted():
    low = units([(10_000, 0), (20_000, 0), (20_000, 5000), (10_000, 5000)])
    high = units([(10_000, 5000), (20_000, 5000), (20_000, 10_000), (10_000, 10_000)])
    cells = np.array([square(0, 0), low, high])
    assert not shapely.coverage_is_valid(cells)
    fabric = Fabric.from_polygons(cells)
    out = fabric.polygons()
    assert shapely.coverage_is_valid(out)
    assert shapely.equals(out, cells).all()
    assert fabric.neighbours().tolist() == [[0, 1], [0, 2], [1, 2]]
    assert (fabric.twin < 0).sum() == 7


def test_several_vertices_on_one_edge_stand_in_its_direction():
    for wide in (
        units([(0, 0), (9000, 0), (9000, -500), (0, -500)]),
        units([(9000, 0), (0, 0), (0, -500), (9000, -500)]),
    ):
        small = [square(3000 * k, 0, 3000) for k in range(3)]
        edges = with_all_vertices(directed_edges(np.array([wide, *small])))
        assert (edges.b[:-1] == edges.a[1:])[edges.ring[:-1] == edges.ring[1:]].all()
        assert Fabric.from_polygons(np.array([wide, *small])).twins_cancel()


def test_a_hole_filled_by_another_cell_and_an_exclave():
    ring = [(4000, 4000), (6000, 4000), (6000, 6000), (4000, 6000)]
    outer = units([(0, 0), (10_000, 0), (10_000, 10_000), (0, 10_000)], ring)
    inner = shapely.MultiPolygon([units(ring), square(10_000, 0)])
    fabric = Fabric.from_polygons(np.array([outer, inner]))
    assert fabric.twins_cancel()
    assert shapely.equals(fabric.polygons(), [outer, inner]).all()


def test_an_open_hole_is_a_tiling_with_an_inner_border():
    outer = units([(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)])
    fabric = Fabric.from_polygons(np.array([outer]))
    assert (fabric.twin < 0).all()
    assert fabric.areas2().tolist() == [2 * 72]


@pytest.mark.parametrize(
    "cells",
    [
        [square(0, 0), square(0, 0)],  # twice the same
        [square(0, 0), square(2000, 2000, 1000)],  # one inside the other
        [square(0, 0), square(5000, 5000)],  # across a corner
        [square(0, 0), square(5000, 0)],  # along an edge
        [square(0, 0), units([(-5000, 4000), (15_000, 4000), (15_000, 5000), (-5000, 5000)])],  # a cross
        [units([(0, 0), (10, 10), (10, 0), (0, 10)])],  # bow-tie
        [shapely.Polygon()],
    ],
)
def test_what_is_no_tiling_is_refused_with_rows(cells):
    with pytest.raises(InvalidInputError) as caught:
        Fabric.from_polygons(np.array(cells))
    assert caught.value.faults[0].row in {1, 2}


def test_no_cells_make_an_empty_fabric():
    fabric = Fabric.from_polygons(np.array([], dtype=object))
    assert len(fabric) == 0
    assert fabric.twins_cancel()
    assert len(fabric.segments()) == 0
    assert len(fabric.polygons()) == 0


def test_areas_do_not_overflow_on_the_whole_globe():
    fabric = Fabric.from_polygons(np.array([shapely.box(-180, -90, 180, 90)]))
    assert int(fabric.areas2()[0]) == 2 * 360 * 180 * lattice.SCALE**2


def test_the_beats_of_a_city_are_a_tiling(shared_data):
    import json

    features = json.loads((shared_data / "chicago" / "police_beats.geojson").read_text("utf-8"))["features"]
    beats = shapely.from_geojson([json.dumps(f["geometry"]) for f in features])
    fabric = Fabric.from_polygons(lattice.snap(beats))
    assert fabric.twins_cancel()
    assert len(fabric) == len(beats)
