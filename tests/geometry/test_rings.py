"""Rings of faces, by hand and against shapely."""

import pytest
import shapely
from hypothesis import given, settings

from geo_service.errors import InvalidInputError
from geo_service.geometry.rings import area2, edges_of, parts_of, rings_of, shape_of, walks_of
from tests.geometry.redrawing import workspace
from tests.geometry.tilings import TILINGS, exact_area2

SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]
HOLE = [(4, 4), (4, 6), (6, 6), (6, 4)]


def faces_of(*rings):
    return {edge for ring in rings for edge in edges_of(ring)}


def test_a_ring_begins_at_its_smallest_vertex():
    assert rings_of(faces_of(SQUARE[2:] + SQUARE[:2])) == [SQUARE]


def test_a_hole_goes_to_the_smallest_shell_round_it():
    island = [(5, 5), (6, 4), (6, 6)]
    outer, inner = [(-9, -9), (30, -9), (30, 30), (-9, 30)], [(-8, -8), (-8, 29), (29, 29), (29, -8)]
    parts, loose = parts_of(rings_of(faces_of(outer, inner, SQUARE, [(4, 4), (4, 7), (7, 7), (7, 3)])))
    assert [(part.shell[0], len(part.holes)) for part in parts] == [((-9, -9), 1), ((0, 0), 1)]
    assert loose == []
    assert parts_of([island, HOLE])[1] == [HOLE]


def test_a_hole_that_touches_its_shell_becomes_a_ring_of_its_own():
    touching = [(0, 0), (4, 6), (6, 4)]
    assert rings_of(faces_of(SQUARE, touching)) == [touching, SQUARE]


def test_a_face_that_meets_itself_at_a_corner_from_outside_is_two_parts():
    other = [(10, 10), (20, 10), (20, 20), (10, 20)]
    parts, loose = parts_of(rings_of(faces_of(SQUARE, other)))
    assert [part.shell for part in parts] == [SQUARE, other]
    assert not loose
    assert shape_of(parts).is_valid


def test_a_hole_that_touches_its_shell_twice_parts_it():
    diamond = [(0, 5), (5, 10), (10, 5), (5, 0)]
    corners = [(0, 0), (5, 0), (10, 0), (10, 5), (10, 10), (5, 10), (0, 10), (0, 5)]
    parts, _ = parts_of(rings_of(faces_of(corners, diamond)))
    assert len(parts) == 4
    assert sum(part.area2 for part in parts) == 100


def test_going_round_a_bridge_passes_it_both_ways():
    bridge = {((0, 0), (4, 4)), ((4, 4), (0, 0))}
    (walk,) = walks_of(faces_of(SQUARE, HOLE) | bridge)
    assert len(walk) == 10
    assert bridge <= set(edges_of(walk))


@pytest.mark.parametrize("edges", [{((0, 0), (1, 0))}, {*edges_of(SQUARE), ((0, 0), (4, 4))}])
def test_edges_that_go_round_nothing_are_refused(edges):
    with pytest.raises(InvalidInputError):
        rings_of(edges)


def test_areas_are_exact_beyond_64_bits():
    size = 2**40
    assert area2([(0, 0), (size, 0), (size, size), (0, size)]) == 2 * size**2


@given(cells=TILINGS)
@settings(max_examples=30)
def test_parts_of_every_face_are_those_of_shapely(cells):
    space = workspace(cells)
    for leaf in space.leaves():
        parts, loose = parts_of(rings_of(space.edges(leaf)))
        assert not loose
        assert shapely.equals(shape_of(parts), cells[leaf])
        assert sum(part.area2 for part in parts) == exact_area2(cells[leaf])
        assert all(part.polygon().is_valid for part in parts)
