"""Crosswalks: shares add up, and agree with an overlay by geopandas."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry.crosswalk import NONE, crosswalk, majority
from geo_service.geometry.measure import area_m2

WEST, SOUTH, SIDE = 119.1, 29.0, 0.01


def columns(cuts, low=0.0, high=1.0):
    """Strips of a unit square between some cuts."""
    at = [low, *sorted(cuts), high]
    return [shapely.box(WEST + SIDE * a, SOUTH, WEST + SIDE * b, SOUTH + SIDE) for a, b in pairwise(at)]


def voronoi(seed, n, grow=0.0):
    rng = np.random.default_rng(seed)
    box = shapely.box(WEST - SIDE * grow, SOUTH, WEST + SIDE, SOUTH + SIDE * (1 + grow))
    seeds = shapely.MultiPoint(rng.random((n, 2)) * SIDE + [WEST, SOUTH])
    cells = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=box))
    return shapely.intersection(cells, box)


def people(seed, n=200):
    rng = np.random.default_rng(seed)
    return rng.random((n, 2)) * SIDE + [WEST, SOUTH], rng.integers(0, 9, n)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(2, 12), st.sampled_from([0.0, 0.3]))
def test_shares_add_up_and_agree_with_an_overlay(seed, n, k, grow):
    ours, theirs = voronoi(seed, n), voronoi(seed + 1, k, grow)
    deg, households = people(seed)
    found = crosswalk(ours, theirs, deg, households)
    pairs = found.overlaps
    of_ours = np.bincount(pairs.ours, pairs.land_of_ours, minlength=len(ours))
    of_theirs = np.bincount(pairs.theirs, pairs.land_of_theirs, minlength=len(theirs))
    assert np.allclose(of_ours + found.alone_of_ours, 1, atol=1e-6)
    assert np.allclose(of_theirs + found.alone_of_theirs, 1, atol=1e-6)
    lived_in = np.bincount(pairs.ours, pairs.households, minlength=len(ours)) > 0
    homes = np.bincount(pairs.ours, pairs.households_of_ours, minlength=len(ours))
    assert np.allclose(homes[lived_in], 1)
    assert pairs.households.sum() == households.sum()
    left = gpd.GeoDataFrame({"ours": range(len(ours))}, geometry=ours, crs=4326)
    right = gpd.GeoDataFrame({"theirs": range(len(theirs))}, geometry=theirs, crs=4326)
    overlay = gpd.overlay(left, right, how="intersection")
    area = dict(
        zip(zip(overlay["ours"], overlay["theirs"], strict=True), area_m2(overlay.geometry), strict=True)
    )
    assert area.keys() >= set(zip(pairs.ours.tolist(), pairs.theirs.tolist(), strict=True))
    for one, other, m2 in zip(
        pairs.ours.tolist(), pairs.theirs.tolist(), pairs.area_m2.tolist(), strict=True
    ):
        assert m2 == pytest.approx(area[one, other], rel=1e-6, abs=0.01)
    inside = gpd.GeoDataFrame({"h": households}, geometry=shapely.points(deg), crs=4326)
    joined = inside.sjoin(left).drop(columns="index_right").sjoin(right)
    counted = joined.groupby(["ours", "theirs"])["h"].sum()
    for one, other, count in zip(
        pairs.ours.tolist(), pairs.theirs.tolist(), pairs.households.tolist(), strict=True
    ):
        assert count == counted.get((one, other), 0)
    assert 0 <= found.agreement_land <= 1
    assert 0 <= found.agreement_households <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10))
def test_a_layer_agrees_with_itself(seed, n):
    cells = voronoi(seed, n)
    deg, households = people(seed)
    found = crosswalk(cells, cells[::-1], deg, households)
    assert found.agreement_land == pytest.approx(1)
    assert found.agreement_households in (pytest.approx(1), 0.0)
    assert found.best_of_ours.tolist() == list(range(len(cells)))[::-1]
    assert found.conflicts == ()
    assert np.allclose(found.alone_of_ours, 0, atol=1e-9)


def test_borders_a_little_off_are_slivers_and_land_elsewhere_is_a_conflict():
    ours, theirs = columns([0.5]), columns([0.505])  # five metres off
    found = crosswalk(ours, theirs, np.empty((0, 2)), [])
    (sliver,) = found.slivers
    assert (sliver.ours, sliver.theirs) == (1, 0)
    assert sliver.width_m == pytest.approx(4.87, abs=0.1)
    assert found.conflicts == ()
    assert found.agreement_land == pytest.approx(0.995, abs=1e-3)
    wide = crosswalk(ours, columns([0.7]), np.empty((0, 2)), [])
    (conflict,) = wide.conflicts
    assert (conflict.ours, conflict.theirs) == (1, 0)
    assert conflict.area_m2 == pytest.approx(0.2 * area_m2(ours).sum(), rel=1e-3)
    assert wide.agreement_land == pytest.approx(0.8, abs=1e-3)


def test_land_of_nobody_is_alone():
    found = crosswalk(columns([0.5]), columns([], high=0.5), np.empty((0, 2)), [])
    assert np.allclose(found.alone_of_ours, [0, 1])
    assert found.best_of_ours.tolist() == [0, NONE]
    assert found.agreement_land == pytest.approx(0.5)


def test_leaves_go_where_most_of_their_households_are():
    leaves, theirs = columns([0.25, 0.5, 0.75]), columns([0.4], high=0.75)
    deg = [[WEST + SIDE * x, SOUTH + SIDE / 2] for x in (0.45, 0.3, 0.6)]
    found = crosswalk(leaves, theirs, deg, [5, 3, 1])
    best, share = majority(found.overlaps, len(leaves))
    assert best.tolist() == [0, 1, 1, NONE]  # the second has more land, but fewer households, in the first
    assert share.tolist() == pytest.approx([1, 5 / 8, 1, 0])


def test_what_is_no_layer_is_refused():
    with pytest.raises(InvalidInputError):
        crosswalk([], columns([0.5]), np.empty((0, 2)), [])
    with pytest.raises(InvalidInputError):
        crosswalk(columns([0.5]), [shapely.Point(0, 0)], np.empty((0, 2)), [])
