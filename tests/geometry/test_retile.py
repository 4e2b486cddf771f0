"""Retiling: new borders inside some leaves, the tiling round them exact, and all of it undone."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.retile import retile
from geo_service.geometry.workspace import FabricStars, Workspace

WEST, SOUTH, SIDE = 119.0, 29.0, 2**14 * lattice.UNIT_DEG


def squares(n=3):
    cells = [
        shapely.box(WEST + SIDE * c, SOUTH + SIDE * r, WEST + SIDE * (c + 1), SOUTH + SIDE * (r + 1))
        for r in range(n)
        for c in range(n)
    ]
    return np.array(cells, dtype=object)


def space_of(cells):
    return Workspace(FabricStars(Fabric.from_polygons(cells)))


def shapes_of(space):
    return {leaf: space.polygon(leaf) for leaf in space.leaves()}


def parted(land, seed, count):
    """Faces of some land cut by random lines, snapped onto the lattice as one drawing."""
    rng = np.random.default_rng(seed)
    west, south, east, north = land.bounds
    ends = rng.random((count, 2, 2)) * [east - west, north - south] + [west, south]
    lines = shapely.intersection(
        shapely.linestrings(ends + (ends - ends[:, ::-1]) * 50), land
    )  # far beyond the land
    noded = shapely.union_all(np.append(lines, land.boundary), grid_size=lattice.UNIT_DEG)
    return shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([[4], [0, 1], [3, 4, 5], [0, 1, 3, 4]]))
def test_leaves_get_new_borders_and_the_tiling_stays_one(seed, count, leaves):
    cells = squares()
    space = space_of(cells)
    before = shapes_of(space)
    pieces = parted(shapely.coverage_union_all(cells[leaves]), seed, count)
    keep = [*leaves, *[None] * len(pieces)][: len(pieces)]
    changes, numbers = retile(space, leaves, list(pieces), keep)
    after = shapes_of(space)
    assert len(set(numbers)) == len(pieces)
    for number, piece in zip(numbers, pieces, strict=True):
        assert after[number].equals(piece)
    gone = set(leaves) - set(numbers)
    assert set(after) == (set(before) - gone) | set(numbers)
    whole = np.array(list(after.values()), dtype=object)
    assert shapely.coverage_is_valid(whole)
    Fabric.from_polygons(whole)
    assert shapely.area(whole).sum() == pytest.approx(shapely.area(cells).sum(), rel=1e-12)
    space.replay([change.reversed() for change in reversed(changes)])
    assert shapes_of(space) == before


def test_pieces_that_do_not_fit_the_land_are_refused():
    cells = squares()
    half, other = parted(cells[4], 1, 1)[:2]
    for pieces in ([half], [half, half], [half, other, cells[0]], [cells[0]]):
        space = space_of(cells)
        before = shapes_of(space)
        with pytest.raises(InvalidInputError):
            retile(space, [4], pieces, [None] * len(pieces))
        assert shapes_of(space) == before


def test_a_leaf_goes_on_once():
    cells = squares()
    with pytest.raises(InvalidInputError):
        retile(space_of(cells), [4], list(parted(cells[4], 1, 1)), [4, 4])
    with pytest.raises(InvalidInputError):
        retile(space_of(cells), [4], [cells[4]], [0])
