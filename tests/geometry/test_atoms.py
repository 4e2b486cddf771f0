"""Atoms tile the land exactly, keep buildings whole, and know what runs along their borders."""

import numpy as np
import pytest
import shapely
from communities import PLOT_M, degrees, plots, river, square_land, street
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.atoms import make_atoms
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.measure import area_m2

SIDE = 7
LAND = square_land(SIDE * PLOT_M)


def vertices(geom):
    return set(map(tuple, lattice.to_lattice(shapely.get_coordinates(geom)).tolist()))


def check_tiling(atoms, land):
    """Independent of the fabric: GEOS' own coverage check, and areas on the ellipsoid."""
    fabric = Fabric.from_polygons(atoms.geoms)
    assert fabric.twins_cancel()
    assert shapely.coverage_is_valid(atoms.geoms)
    assert (shapely.get_type_id(atoms.geoms) == shapely.GeometryType.POLYGON).all()
    union = shapely.union_all(atoms.geoms)
    assert vertices(land) <= vertices(shapely.coverage_union_all(atoms.geoms))
    step = 0.75 * lattice.UNIT_DEG
    assert shapely.hausdorff_distance(union.boundary, land.boundary, densify=0.02) <= step
    assert area_m2(atoms.geoms).sum() == pytest.approx(area_m2([land])[0], rel=1e-5)


def lost_m2(atoms, footprints):
    return area_m2(shapely.difference(footprints, atoms.geoms[atoms.atom_of]))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.lists(st.integers(1, SIDE - 1), max_size=3, unique=True))
def test_atoms_tile_the_land_and_keep_buildings_whole(seed, wet, columns):
    footprints = plots(seed, SIDE)
    lines = {"street": [street(SIDE, column) for column in columns]}
    if wet:
        lines["river"] = [river(SIDE)]
    atoms = make_atoms(LAND, footprints, lines)
    check_tiling(atoms, LAND)
    assert shapely.covers(atoms.geoms[atoms.atom_of], footprints).all()
    assert (atoms.building[atoms.atom_of] == np.arange(len(footprints))).all()  # one building each
    assert np.unique(atoms.atom_of).size == len(footprints)
    weight = np.arange(len(footprints))
    pieces = atoms.weighed(weight)
    assert pieces.weight.sum() == weight.sum()
    assert (pieces.weight[atoms.atom_of] == weight).all()
    banks = pieces.banks()
    assert banks.max() == (1 if wet else 0)
    if wet:
        south = shapely.get_coordinates(shapely.centroid(footprints))[:, 1] < LAND.centroid.y
        assert len({(bool(s), int(b)) for s, b in zip(south, banks[atoms.atom_of], strict=True)}) == 2
    assert pieces.along_line.any() == bool(columns or wet)


def test_borders_stand_halfway_between_walls():
    near, far = degrees(shapely.box(10, 40, 20, 60)), degrees(shapely.box(60, 40, 70, 60))
    atoms = make_atoms(square_land(80.0), [near, far], {})
    assert len(atoms) == 2
    (border,) = shapely.get_parts(shapely.line_merge(shapely.intersection(*atoms.geoms)))
    x_m = (shapely.get_coordinates(border)[:, 0] - 119.17) * 97_460
    assert np.abs(x_m - 40.0).max() < 1.1  # of it 1 m of straightening
    assert atoms.pieces.pairs.tolist() == [[0, 1]]
    assert atoms.pieces.border_m[0] == pytest.approx(80.0, rel=0.01)
    assert atoms.pieces.perimeter_m.sum() == pytest.approx(4 * 80.0 + 2 * 80.0, rel=0.01)


def test_a_line_through_a_building_gives_way():
    house = degrees(shapely.box(30, 30, 50, 45))
    other = degrees(shapely.box(5, 5, 15, 15))
    atoms = make_atoms(
        square_land(80.0), [house, other], {"street": [degrees(shapely.LineString([(40, -1), (40, 81)]))]}
    )
    check_tiling(atoms, square_land(80.0))
    assert lost_m2(atoms, np.array([house, other])).max() < 0.01
    assert (atoms.atom_of >= 0).all()


@pytest.mark.parametrize("gap_m", [0.0, 0.05, 0.4])
def test_houses_wall_to_wall(gap_m):
    row = degrees(
        np.array([shapely.box(10 + k * (8 + gap_m), 30, 18 + k * (8 + gap_m), 42) for k in range(6)])
    )
    atoms = make_atoms(square_land(80.0), row, {})
    check_tiling(atoms, square_land(80.0))
    assert len(np.unique(atoms.atom_of)) == 6
    assert lost_m2(atoms, row).max() < 0.15  # a step of the lattice along a wall


def test_overlapping_buildings_share_an_atom_and_strangers_have_none():
    footprints = degrees(
        np.array([shapely.box(10, 10, 20, 20), shapely.box(15, 15, 30, 30), shapely.box(200, 0, 210, 10)])
    )
    atoms = make_atoms(square_land(80.0), footprints, {})
    assert atoms.atom_of.tolist() == [0, 0, -1]
    assert atoms.building.tolist() == [0]
    assert atoms.weighed([3, 4, 100]).weight.tolist() == [7]


def test_land_with_a_hole_and_in_two_parts():
    ring = shapely.difference(shapely.box(0, 0, 100, 100), shapely.box(40, 40, 60, 60))
    land = degrees(shapely.MultiPolygon([ring, shapely.box(150, 0, 200, 50)]))
    footprints = degrees(
        np.array([shapely.box(10, 10, 20, 20), shapely.box(70, 70, 90, 90), shapely.box(160, 10, 170, 20)])
    )
    atoms = make_atoms(land, footprints, {"street": [degrees(shapely.LineString([(-1, 50), (201, 50)]))]})
    check_tiling(atoms, land)
    assert shapely.covers(atoms.geoms[atoms.atom_of], footprints).all()


def test_land_without_buildings_is_its_blocks():
    atoms = make_atoms(
        LAND, [], {"street": [street(SIDE, 3)], "path": [degrees(shapely.LineString([(5, 5), (30, 30)]))]}
    )
    assert len(atoms) == 2
    assert (atoms.building == -1).all()
    assert atoms.pieces.along_line.all()


def test_a_crossing_opens_the_barrier():
    where = shapely.get_coordinates(shapely.intersection(river(SIDE), street(SIDE, 3)))
    lines = {"street": [street(SIDE, 3)], "river": [river(SIDE)]}
    closed = make_atoms(LAND, plots(1, SIDE), lines)
    opened = make_atoms(LAND, plots(1, SIDE), lines, crossings=where)
    assert closed.pieces.banks().max() == 1
    assert opened.pieces.banks().max() == 0
    assert 0 < opened.pieces.barrier.sum() < closed.pieces.barrier.sum()


def test_what_is_not_land_is_refused():
    for land in (shapely.Point(119, 29), shapely.Polygon(), shapely.box(119.00000001, 29, 119.1, 29.1)):
        with pytest.raises(InvalidInputError):
            make_atoms(land, [], {})
    with pytest.raises(InvalidInputError) as caught:
        make_atoms(LAND, [shapely.Point(0, 0)], {})
    assert caught.value.faults[0].row == 1
