"""Exclaves agree with shapely's unions on random tilings; swaps do what they say."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry.exclaves import Belonging, exclave_index, interleavings, propose_swaps
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.measure import area_m2, length_m
from tests.geometry.scenes import SIZE, one_by_one
from tests.geometry.tilings import compact_tiling, square


def table(rows, households=None):
    """Squares that belong to the letters of a table; groups in order of the alphabet."""
    letters = sorted({letter for row in rows for letter in row})
    shapes = [square(c * SIZE, r * SIZE) for r, row in enumerate(rows) for c in range(len(row))]
    group = [letters.index(letter) for row in rows for letter in row]
    return Belonging.of(one_by_one(shapes), group, len(letters), households)


def components(shapes, group, cell):
    """Parts of a cell by plain shapely."""
    return shapely.get_num_geometries(shapely.union_all(shapes[group == cell]))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_parts_are_those_of_the_union(seed, other):
    shapes = compact_tiling(seed, n_points=40, n_cells=14)
    rng = np.random.default_rng(other)
    group, homes = rng.integers(-1, 4, len(shapes)), rng.integers(0, 30, len(shapes))
    whole = shapely.get_num_geometries(shapes) == 1
    group = np.where(whole, group, -1)
    land = Belonging.of(shapes, group, 4, homes)
    index = exclave_index(land)
    assert [one.cell for one in index] == sorted(set(group.tolist()) - {-1})
    for one in index:
        assert one.parts == components(shapes, group, one.cell)
        assert one.parts == len(one.exclaves) + 1
        apart = sum(area_m2([exclave.shape])[0] for exclave in one.exclaves)
        assert one.land_apart == pytest.approx(apart / area_m2(shapes[group == one.cell]).sum())
        for exclave in one.exclaves:
            for neighbour, metres in exclave.beside:
                shared = shapely.intersection(
                    shapely.boundary(exclave.shape), shapely.union_all(shapes[group == neighbour])
                )
                assert metres == pytest.approx(length_m([shared])[0], rel=1e-6)
    for swap in propose_swaps(land, index):
        after = group.copy()
        for leaf, giver, taker in swap.give:
            assert after[leaf] == giver
            after[leaf] = taker
        assert swap.parts_before == sum(components(shapes, group, cell) for cell in swap.cells)
        left = [cell for cell in swap.cells if (after == cell).any()]
        assert swap.parts_after == sum(components(shapes, after, cell) for cell in left)
        assert swap.parts_after < swap.parts_before
        assert swap.households_after == tuple(homes[after == cell].sum() for cell in swap.cells)
        assert sum(swap.households_before) == sum(swap.households_after)


def test_an_exclave_is_measured_and_handed_to_the_cell_round_it():
    land = table(["AABBB", "AABAB", "AABBB"], households=[10] * 15)
    one, other = exclave_index(land)
    assert (one.parts, other.parts) == (2, 1)
    assert one.households_apart == pytest.approx(1 / 7)
    assert one.land_apart == pytest.approx(1 / 7, rel=1e-4)
    assert one.exclaves[0].leaves == (8,)
    assert one.exclaves[0].enclosed
    (swap,) = propose_swaps(land)
    assert swap.give == ((8, 0, 1),)
    assert (swap.households_before, swap.households_after) == ((70, 80), (60, 90))


def test_a_corner_is_no_way_through():
    assert [one.parts for one in exclave_index(table(["AB", "BA"]))] == [2, 2]


def test_interleaved_cells_swap_both_ways_at_once():
    land = table(["AAABBB", "ABABAB", "AAABBB"], households=[5] * 18)
    index = exclave_index(land)
    (pair,) = interleavings(index)
    assert (pair.cells, pair.parts, pair.households) == ((0, 1), (1, 1), 10)
    (swap,) = propose_swaps(land, index)
    assert swap.give == ((7, 1, 0), (10, 0, 1))
    assert swap.households_before == swap.households_after == (45, 45)
    assert (swap.parts_before, swap.parts_after) == (4, 2)


def test_the_main_part_is_where_people_live():
    land = table(["ABAAA"], households=[50, 1, 1, 1, 1])
    one = exclave_index(land)[0]
    assert one.exclaves[0].leaves == (2, 3, 4)


def test_segments_at_hand_are_taken():
    land = table(["AAB", "ABB"])
    again = Belonging.of(land.shapes, land.group, 2, segments=Fabric.from_polygons(land.shapes).segments())
    assert (again.pair == land.pair).all()
    assert (again.shared_m == land.shared_m).all()
    around = length_m(land.shapes).sum()
    assert 2 * again.shared_m.sum() + again.outer_m.sum() == pytest.approx(around)


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(InvalidInputError, match="as many"):
        Belonging.of(one_by_one([square(0, 0)]), [0, 1], 2)
