"""Cutting along lines of every kind: what comes out tiles, what cannot be cut is refused with its place."""

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import GeoServiceError, InvalidInputError
from geo_service.geometry import edit
from geo_service.geometry.cut import cut, give_piece
from tests.geometry.redrawing import along, at, held, picture, require_tiling, workspace
from tests.geometry.tilings import compact_tiling, random_tiling, square, units

FRAME = [(0, 0), (30_000, 0), (30_000, 30_000), (0, 30_000)]
WELL = [(10_000, 10_000), (20_000, 10_000), (20_000, 20_000), (10_000, 20_000)]
TEETH = [(60_000, 30_000), (60_000, 10_000), (40_000, 10_000), (40_000, 30_000), (30_000, 30_000)]
COMB = [(0, 0), (70_000, 0), (70_000, 30_000), *TEETH, (30_000, 10_000), (10_000, 10_000)]
COMB += [(10_000, 30_000), (0, 30_000)]


def two():
    return workspace([square(0, 0), square(10_000, 0)])


def refused(space, words, leaves, line, **options):
    before, next_leaf = picture(space), space.next_leaf
    with pytest.raises(InvalidInputError) as found:
        cut(space, leaves, line, **options)
    assert words in found.value.faults[0].message
    assert found.value.faults[0].place is not None
    assert picture(space) == before
    assert space.next_leaf == next_leaf


def comb(teeth):
    """A line that goes to and fro over a square, from its foot to its head."""
    return along(*[(-500 if k % 2 else 10_500, 10_000 * k // teeth) for k in range(teeth + 1)])


def test_a_line_that_would_shred_a_cell_is_refused_at_once():
    refused(two(), "draw it in several parts", [0], comb(700))
    refused(two(), "draw it in several parts", [0, 1], comb(400))  # into both, 400 times each
    space = two()
    with pytest.raises(InvalidInputError) as found:
        give_piece(space, 0, 1, comb(700))
    assert "draw it in several parts" in found.value.faults[0].message
    assert len(cut(space, [0], comb(40)).pieces[0]) == 41


def test_the_larger_piece_keeps_the_number():
    space = two()
    found = cut(space, [0], along((-500, 3_000), (12_000, 3_000)))
    assert found.pieces == {0: (0, 2)}
    assert space.area2(0) == 2 * 10_000 * 7_000
    assert space.area2(2) == 2 * 10_000 * 3_000
    assert at(10_000, 3_000) in {a for a, _ in space.edges(1)}  # the neighbour has the new corner, too
    require_tiling(space)


def test_a_line_over_two_leaves_cuts_both():
    space = two()
    found = cut(space, [0, 1], along((-500, 3_000), (25_000, 4_000)))
    assert {leaf: len(pieces) for leaf, pieces in found.pieces.items()} == {0: 2, 1: 2}
    require_tiling(space)


def test_a_line_from_corner_to_corner_makes_no_new_corner():
    space = two()
    cut(space, [0], along((0, 0), (10_000, 10_000)))
    assert len(space.edges(0)) == len(space.edges(2)) == 3
    require_tiling(space)


def test_a_line_that_only_touches_a_corner_parts_nothing():
    refused(two(), "parts no cell", [0], along((-10_000, 10_000), (10_000, -10_000), (20_000, -20_000)))


def test_a_line_along_the_border_is_taken_for_the_border():
    space = two()
    before = picture(space)
    found = cut(space, [0, 1], along((10_000, -500), (10_000, 10_500)))
    assert found.pieces == {}
    assert found.along == {(at(10_000, 0), at(10_000, 10_000))}
    assert picture(space) == before


def test_a_line_that_goes_along_the_border_and_then_inside_cuts_inside():
    space = two()
    found = cut(space, [0], along((10_000, 0), (10_000, 10_000), (4_000, 5_000), (0, 5_000)))
    assert len(found.pieces[0]) == 2
    require_tiling(space)


def test_ends_inside_are_left_out():
    refused(two(), "parts no cell", [0], along((5_000, -500), (5_000, 5_000)))
    space = two()
    cut(space, [0], along((4_000, 4_000), (2_000, 5_000), (-10, 5_000), (-10, 7_000), (11_000, 7_000)))
    assert at(4_000, 4_000) not in {a for leaf in held(space) for a, _ in space.edges(leaf)}
    require_tiling(space)


def test_a_closed_line_cuts_out_what_it_encloses():
    space = two()
    found = cut(space, [0], along((3_000, 3_000), (6_000, 3_000), (6_000, 6_000), (3_000, 3_000)))
    assert len(found.pieces[0]) == 2
    assert len(space.parts(0)[0].holes) == 1
    require_tiling(space)


def test_a_closed_line_that_touches_the_border_at_a_corner():
    space = two()
    cut(space, [0], along((0, 0), (6_000, 3_000), (6_000, 6_000), (0, 0)))
    require_tiling(space)


def test_a_line_from_the_shell_to_a_hole_parts_nothing_and_a_second_one_does():
    space = workspace([units(FRAME, WELL), units(WELL)])
    refused(space, "parts no cell", [0], along((-100, 15_000), (10_000, 15_000)))
    found = cut(space, [0], along((-100, 15_000), (40_000, 15_000)))  # across the hole, by two bridges
    assert len(found.pieces[0]) == 2
    assert all(not part.holes for leaf in (0, 2) for part in space.parts(leaf))
    require_tiling(space)


def test_a_bridge_beside_a_real_cut_is_left_out():
    space = workspace([units(FRAME, WELL), units(WELL)])
    line = along((15_000, 10_000), (15_000, -100), (5_000, -100), (5_000, 31_000))
    found = cut(space, [0], line)
    assert len(found.pieces[0]) == 2
    assert space.left_of(at(15_000, 10_000), at(15_000, 0)) is None
    require_tiling(space)


def test_a_concave_cell_crossed_several_times_falls_into_as_many_pieces():
    space = workspace([units(COMB)])
    found = cut(space, [0], along((-500, 20_000), (80_000, 20_000)))
    assert len(found.pieces[0]) == 4
    assert space.area2(0) == max(space.area2(leaf) for leaf in found.pieces[0])
    require_tiling(space)


def test_the_teeth_that_touch_the_neighbour_are_given_and_the_others_stay():
    right = units([(70_000, 0), (80_000, 0), (80_000, 40_000), (70_000, 40_000), (70_000, 30_000)])
    space = workspace([units(COMB), right])
    next_leaf = space.next_leaf
    with pytest.raises(InvalidInputError, match="fall apart"):  # two teeth would stay apart from the body
        give_piece(space, 0, 1, along((-500, 20_000), (80_000, 20_000)))
    changes = give_piece(space, 0, 1, along((50_000, 20_000), (80_000, 20_000)))
    assert changes
    assert space.next_leaf == next_leaf  # no number was used up on the way
    assert space.area2(1) == 2 * (10_000 * 40_000 + 10_000 * 10_000)
    require_tiling(space)


def test_if_both_pieces_touch_the_neighbour_the_one_that_borders_less_on_it_stays():
    space = two()
    give_piece(space, 0, 1, along((-100, 3_000), (10_100, 3_000)))
    assert space.area2(0) == 2 * 10_000 * 3_000
    require_tiling(space)


def test_a_piece_goes_to_a_neighbour_only():
    space = workspace([square(0, 0), square(10_000, 0), square(30_000, 0)])
    before = picture(space)
    for to, line in ((2, along((-100, 3_000), (10_100, 3_000))), (1, along((5_000, 5_000), (6_000, 6_000)))):
        with pytest.raises(InvalidInputError):
            give_piece(space, 0, to, line)
    with pytest.raises(InvalidInputError, match="itself"):
        give_piece(space, 0, 0, along((-100, 3_000), (10_100, 3_000)))
    assert picture(space) == before


def test_parts_that_the_line_does_not_meet_stay_with_their_leaf():
    space = workspace([shapely.MultiPolygon([square(0, 0), square(30_000, 0, 4_000)]), square(10_000, 0)])
    found = cut(space, [0], along((-100, 4_000), (11_000, 4_000)))
    assert found.pieces == {0: (0, 2)}
    assert len(space.parts(0)) == 2
    refused(space, "parts no cell", [0], along((32_000, -100), (32_000, 2_000)))
    require_tiling(space)


def test_each_part_that_the_line_parts_leaves_its_largest_piece():
    space = workspace([shapely.MultiPolygon([square(0, 0), square(20_000, 0)]), square(10_000, 0)])
    found = cut(space, [0], along((-100, 4_000), (31_000, 4_000)))
    assert len(found.pieces[0]) == 3
    assert space.area2(0) == 2 * (2 * 10_000 * 6_000)
    require_tiling(space)


def test_a_line_that_crosses_itself_is_refused_where_it_does():
    space = two()
    with pytest.raises(InvalidInputError, match="crosses itself") as found:
        cut(space, [0], along((-100, 2_000), (9_000, 2_000), (9_000, 8_000), (4_000, 8_000), (4_000, -500)))
    lon, lat = found.value.faults[0].place
    x, y = at(4_000, 2_000)
    assert (round(lon * 2**23), round(lat * 2**23)) == (x, y)
    refused(space, "two different places", [0], along((5, 5), (5, 5)))


def test_a_line_near_a_corner_is_taken_through_it():
    space = two()
    cut(space, [0], along((-30, -30), (10_020, 9_990)), snap=40)
    assert len(space.edges(0)) == 3
    require_tiling(space)


def test_a_cut_of_one_step():
    space = workspace([units([(0, 0), (2, 0), (2, 1), (0, 1)])])
    cut(space, [0], along((1, -1), (1, 2)), snap=0)
    require_tiling(space)


def test_a_long_winding_line_is_worked_in_at_once():
    space = workspace(compact_tiling(2, n_points=300, n_cells=2))
    line = along(*((30_000 + (400 if k % 2 else -400), -1_000 + 40 * k) for k in range(1_600)))
    found = cut(space, [0, 1], line)
    assert found.pieces
    require_tiling(space)


@given(
    seed=st.integers(0, 10**6),
    places=st.lists(
        st.tuples(st.integers(-5_000, 65_000), st.integers(-5_000, 65_000)), min_size=2, max_size=6
    ),
    snap=st.sampled_from([0, 2, 38, 500]),
    holes=st.booleans(),
)
@settings(max_examples=40)
def test_any_line_cuts_a_tiling_into_a_tiling_or_is_refused(seed, places, snap, holes):
    cells = random_tiling(seed, 15, 4) if holes else compact_tiling(seed, 20, 4)
    space = workspace(cells)
    before, land = picture(space), sum(space.area2(leaf) for leaf in space.leaves())
    try:
        found = cut(space, list(space.leaves()), along(*places), snap=snap)
    except GeoServiceError:
        assert picture(space) == before
    else:
        assert sum(len(pieces) - 1 for pieces in found.pieces.values()) == len(held(space)) - len(cells)
        assert all(space.left_of(*step) is not None for step in found.along)
        if snap == 0:  # nothing but the pieces of the line itself: the outline may bend by a step
            assert abs(sum(space.area2(leaf) for leaf in space.leaves()) - land) < 200_000
        space.replay([change.reversed() for change in found.changes], proved=True)
        assert picture(space) == before
        space.replay(found.changes)
    require_tiling(space)


def test_a_border_between_two_cuts_can_be_taken_out_again():
    space = two()
    cut(space, [0], along((5_000, -100), (5_000, 10_100)))
    edit.merge(space, [2], 0)
    assert len(space.edges(0)) == 6
    require_tiling(space)
