"""Outlines are exact and nest; simplified tilings stay closed and keep every cell."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tilings import COMPACT, TILINGS, exact_area2, square

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.derive import nested_outlines, outlines, simplify_tiling
from geo_service.geometry.fabric import Fabric


def vertices(geoms):
    return set(map(tuple, shapely.get_coordinates(geoms).tolist()))


@given(TILINGS, st.integers(1, 4), st.integers(0, 10**6))
def test_outlines_are_exact_and_form_a_tiling(cells, n_groups, seed):
    group = np.random.default_rng(seed).integers(-1, n_groups, len(cells))
    out = outlines(cells, group, n_groups)
    assert vertices(out) <= vertices(cells)
    for index, shape in enumerate(out):
        members = cells[group == index]
        assert exact_area2(shape) == sum(exact_area2(cell) for cell in members)
        assert shapely.equals(shape, shapely.union_all(members))
    assert Fabric.from_polygons(out[~shapely.is_empty(out)]).twins_cancel()


@given(TILINGS, st.integers(0, 10**6))
def test_levels_derived_from_below_are_those_derived_from_the_leaves(cells, seed):
    rng = np.random.default_rng(seed)
    low, high = rng.integers(0, 4, len(cells)), rng.integers(0, 2, 4)
    villages, towns = nested_outlines(cells, [low, high], [4, 2])
    assert shapely.equals_exact(villages, outlines(cells, low, 4), 0).all()
    direct = outlines(cells, high[low], 2)
    assert shapely.equals(towns, direct).all()
    assert [exact_area2(t) for t in towns] == [exact_area2(t) for t in direct]


def test_a_parent_without_leaves_is_empty_and_a_wrong_parent_is_refused():
    cells = np.array([square(0, 0), square(10_000, 0)])
    assert outlines(cells, [1, 1], 2)[0].is_empty
    for group in ([0], [0, 2], [0, -2]):
        with pytest.raises(InvalidInputError):
            outlines(cells, group, 2)
    assert len(outlines(np.array([], dtype=object), [], 0)) == 0


@given(COMPACT, st.floats(1e-6, 1e-2))
def test_a_simplified_tiling_stays_closed_and_on_the_lattice(cells, tolerance_deg):
    thin = simplify_tiling(cells, tolerance_deg)
    assert len(thin) == len(cells)
    assert not shapely.is_empty(thin).any()
    assert lattice.is_on_lattice(thin)
    assert vertices(thin) <= vertices(cells)
    fabric = Fabric.from_polygons(thin)
    assert fabric.twins_cancel()
    whole = shapely.coverage_union_all(thin)
    assert shapely.get_num_interior_rings(shapely.get_parts(whole)).sum() <= (
        shapely.get_num_interior_rings(shapely.get_parts(shapely.coverage_union_all(cells))).sum()
    )
    assert int(fabric.areas2().sum()) == exact_area2(whole)


@given(TILINGS)
def test_simplifying_never_loses_a_cell_or_a_part(cells):
    thin = simplify_tiling(cells, 1.0)
    assert (shapely.get_num_geometries(thin) == shapely.get_num_geometries(cells)).all()
    assert shapely.is_valid(thin).all()
    assert (shapely.area(thin) > 0).all()


def test_simplifying_does_thin_out():
    rng = np.random.default_rng(3)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 2000))
    ring = np.column_stack((np.cos(angle), np.sin(angle))) * 0.01 + (119.2, 29.1)
    cell = lattice.snap(shapely.Polygon(ring))
    assert shapely.get_num_coordinates(simplify_tiling(np.array([cell]), 1e-4)[0]) < 200


def test_real_districts_nest_in_their_beats(shared_data):
    import json

    features = json.loads((shared_data / "chicago" / "police_beats.geojson").read_text("utf-8"))["features"]
    beats = lattice.snap(shapely.from_geojson([json.dumps(f["geometry"]) for f in features]))
    names, group = np.unique([f["properties"]["DISTRICT"] for f in features], return_inverse=True)
    derived = outlines(Fabric.from_polygons(beats).polygons(), group, len(names))
    given = json.loads((shared_data / "chicago" / "police_districts.geojson").read_text("utf-8"))["features"]
    by_name = {}
    for feature in given:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        by_name.setdefault(feature["properties"]["DIST_NUM"], []).append(shape)
    for name, shape in zip(names, derived, strict=True):
        official = shapely.union_all(by_name[str(int(name))])
        assert shapely.area(shapely.symmetric_difference(shape, official)) < 1e-4 * shapely.area(official)
