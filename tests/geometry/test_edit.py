"""Edits of leaves, one by one: what they do, and what they refuse with reason and place."""

import pytest
import shapely

from geo_service.errors import InvalidInputError
from geo_service.geometry import edit, lattice
from geo_service.geometry.stars import NOBODY
from tests.geometry.redrawing import at, held, picture, require_tiling, workspace
from tests.geometry.tilings import square, units

FRAME = [(0, 0), (30_000, 0), (30_000, 30_000), (0, 30_000)]
WELL = [(10_000, 10_000), (20_000, 10_000), (20_000, 20_000), (10_000, 20_000)]


def two_by_two():
    return workspace([square(x, y) for x in (0, 10_000) for y in (0, 10_000)])


def ring_with_island():
    """A leaf with a hole, and the leaf in it."""
    return workspace([units(FRAME, WELL), units(WELL)])


def refused(space, act, words):
    before = picture(space)
    with pytest.raises(InvalidInputError) as found:
        act()
    assert words in found.value.faults[0].message
    assert picture(space) == before
    return found.value.faults[0]


def test_a_shared_corner_moves_for_all_cells_round_it():
    space = two_by_two()
    changes = edit.move_vertex(space, at(10_000, 10_000), at(11_000, 9_000))
    assert all(at(11_000, 9_000) in {a for a, _ in space.edges(leaf)} for leaf in range(4))
    assert len(changes) == 8
    require_tiling(space)


def test_an_edge_moves_with_both_ends():
    space = two_by_two()
    edit.move_edge(space, at(10_000, 10_000), at(10_000, 20_000), (500, 700))
    assert space.left_of(at(10_500, 10_700), at(10_500, 20_700)) is not None
    require_tiling(space)


def test_a_corner_cannot_cross_an_island_that_it_does_not_belong_to():
    space = ring_with_island()
    fault = refused(space, lambda: edit.move_vertex(space, at(0, 0), at(25_000, 25_000)), "inside out")
    assert fault.place is not None
    # moved beyond its own shell, the hole would lie outside of its shell
    refused(space, lambda: edit.move_vertex(space, at(10_000, 10_000), at(40_000, 40_000)), "inside out")


def test_a_corner_cannot_cross_an_island_of_another_leaf_in_nobodys_land():
    space = workspace([square(0, 0), square(20_000, 2_000, 3_000)])
    refused(space, lambda: edit.move_vertex(space, at(10_000, 0), at(40_000, 3_500)), "cross")
    refused(space, lambda: edit.move_vertex(space, at(10_000, 0), at(60_000, 3_400)), "cross")


def test_what_is_not_there_cannot_be_edited():
    space = two_by_two()
    refused(space, lambda: edit.move_vertex(space, at(1, 1), at(2, 2)), "no corner here")
    refused(space, lambda: edit.move_vertex(space, at(0, 0), at(10_000, 0)), "another corner")
    refused(space, lambda: edit.move_edge(space, at(0, 0), at(10_000, 10_000), (1, 1)), "no border between")
    refused(space, lambda: edit.insert_vertex(space, at(0, 0), at(10_000, 0), at(20_000, 0)), "already")
    refused(space, lambda: edit.merge(space, [9], 0), "no land")
    refused(space, lambda: edit.merge(space, [0], 0), "another one")
    refused(space, lambda: edit.give_away(space, [NOBODY]), "no land")
    refused(space, lambda: edit.adopt_gap(space, at(5_000, 5_000), 0), "no gap here")
    refused(space, lambda: edit.adopt_gap(space, at(-5_000, 5_000), 0), "no gap here")


def test_insert_and_delete_bend_a_border_and_straighten_it():
    space = two_by_two()
    before = picture(space)
    edit.insert_vertex(space, at(10_000, 0), at(10_000, 10_000), at(9_000, 5_000))
    require_tiling(space)
    edit.delete_vertex(space, at(9_000, 5_000))
    assert picture(space) == before
    refused(space, lambda: edit.delete_vertex(space, at(10_000, 10_000)), "4 borders meet here")


def test_a_triangle_cannot_lose_a_corner():
    space = workspace([units([(0, 0), (9, 0), (0, 9)])])
    refused(space, lambda: edit.delete_vertex(space, at(0, 0)), "only two corners left")


def test_edges_do_not_fall_together():
    space = workspace([units([(0, 0), (10_000, 0), (5_000, 100)]), units([(0, 0), (5_000, 100), (0, 9_000)])])
    refused(space, lambda: edit.move_edge(space, at(5_000, 100), at(10_000, 0), (-5_000, -100)), "corner")


def test_the_leaf_in_a_hole_merges_into_the_one_round_it():
    space = ring_with_island()
    edit.merge(space, [1], 0)
    assert shapely.equals(space.polygon(0), units(FRAME))
    require_tiling(space)


def test_the_leaf_round_a_hole_merges_into_the_one_in_it():
    space = ring_with_island()
    edit.merge(space, [0], 1)
    assert list(held(space)) == [1]
    assert shapely.equals(space.polygon(1), units(FRAME))


def test_a_leaf_round_an_island_is_given_away_and_the_island_stays():
    space = ring_with_island()
    edit.give_away(space, [0])
    assert list(held(space)) == [1]
    assert space.parts(NOBODY) == []  # the island stands in the world outside
    require_tiling(space)


def test_an_island_is_given_away_and_leaves_a_gap_that_is_taken_in_again():
    space = ring_with_island()
    before = picture(space)
    edit.give_away(space, [1])
    assert [part.area2 for part in space.parts(NOBODY)] == [2 * 10_000**2]
    edit.adopt_gap(space, at(15_000, 15_000), None)
    assert list(held(space)) == [0, 2]
    assert list(picture(space).values()) == list(before.values())
    require_tiling(space)


def test_a_gap_that_touches_the_outside_at_a_corner_can_be_taken_in():
    # two cells that meet at (10_000, 10_000) and at (20_000, 20_000), land of nobody between
    lower = [
        (0, 0),
        (40_000, 0),
        (40_000, 40_000),
        (20_000, 20_000),
        (21_000, 10_000),
        (10_000, 10_000),
        (0, 9_000),
    ]
    upper = [(0, 9_000), (10_000, 10_000), (10_000, 21_000), (20_000, 20_000), (40_000, 40_000), (0, 40_000)]
    space = workspace([units(lower), units(upper)])
    (gap,) = space.parts(NOBODY)
    edit.move_vertex(space, at(0, 0), at(-10, -10))  # the outside changes beside the gap
    require_tiling(space)
    edit.adopt_gap(space, at(15_000, 15_000), 1)
    assert space.parts(NOBODY) == []
    assert gap.area2 > 0
    require_tiling(space)


def test_the_smallest_gap_round_a_place_is_taken():
    island = units(
        [(14_000, 14_000), (16_000, 14_000), (16_000, 16_000), (14_000, 16_000)],
        [(14_500, 14_500), (15_500, 14_500), (15_500, 15_500), (14_500, 15_500)],
    )
    space = workspace([units(FRAME, WELL), island])
    assert edit.gap_at(space, at(15_000, 15_000)).area2 == 2 * 1_000**2
    assert edit.gap_at(space, at(11_000, 11_000)).area2 == 2 * (10_000**2 - 2_000**2)
    edit.adopt_gap(space, at(11_000, 11_000), 1)
    require_tiling(space)


def test_several_leaves_are_given_away_at_once():
    space = two_by_two()
    changes = edit.give_away(space, [0, 1])
    assert list(held(space)) == [2, 3]
    assert len({(change.a, change.b) for change in changes}) == len(changes)
    require_tiling(space)


def test_a_place_beyond_the_globe_is_refused():
    space = two_by_two()
    refused(space, lambda: edit.move_vertex(space, at(0, 0), (lattice.MAX_I + 1, 0)), "globe")
