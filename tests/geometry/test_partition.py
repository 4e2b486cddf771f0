"""Divisions: whole, contiguous, no barrier crossed, figures that add up, and agreement with brute force."""

import itertools
import math

import numpy as np
import pytest
import shapely
from communities import PLOT_M, grid_pieces, hangs_together, plots, river, small_pieces, square_land, street
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from geo_service.errors import InvalidInputError
from geo_service.geometry import partition_flips
from geo_service.geometry.atoms import make_atoms
from geo_service.geometry.derive import outlines
from geo_service.geometry.leads import nearest_leads
from geo_service.geometry.measure import area_m2, length_m
from geo_service.geometry.partition import measure, merge_underloaded, possible_counts, split, warm_up
from geo_service.geometry.pieces import Pieces


def test_a_division_needs_nothing_compiled_that_was_not_warmed():
    warm_up()
    compiled = list(partition_flips.anneal.signatures)
    split(grid_pieces(6, 6, np.ones(36)), count=4, effort=0.1)
    assert compiled == partition_flips.anneal.signatures != []


LIGHT = settings(max_examples=40, deadline=None)


def check(pieces, found):
    """Hold what is claimed of a division against the pieces."""
    pieces = pieces.with_empty_banks_joined()
    group = found.assignment
    assert group.shape == (len(pieces),)
    assert set(group.tolist()) == set(range(len(found)))
    assert found.contiguous
    assert hangs_together(pieces, group)
    banks = pieces.banks()
    assert len({(g, b) for g, b in zip(group.tolist(), banks.tolist(), strict=True)}) == len(found)
    assert found.weights.sum() == pieces.weight.sum()
    assert found.area_m2.sum() == pytest.approx(pieces.area_m2.sum())
    for k in range(len(found)):
        assert found.weights[k] == pieces.weight[group == k].sum()
        assert found.group_in_band[k] == (found.band[0] <= found.weights[k] <= found.band[1])
    assert ((found.compactness > 0) & (found.compactness <= 1)).all()


@LIGHT
@given(small_pieces(), st.integers(1, 6), st.integers(0, 50), st.sampled_from([0.0, 0.7]))
def test_a_division_is_what_it_says(pieces, count, seed, keep_lines):
    count = max(count, int(pieces.with_empty_banks_joined().banks().max()) + 1)
    assume(count <= len(pieces))
    for found in split(pieces, count=count, seed=seed, strict=False, keep_lines=keep_lines, effort=0.1):
        assert len(found) == count
        check(pieces, found)


@LIGHT
@given(small_pieces(heaviest=6), st.integers(1, 15), st.integers(1, 15))
def test_strict_divisions_have_a_possible_count(pieces, low, more):
    band = (low, low + more)
    counts = possible_counts(pieces, band)
    if not counts.possible:
        with pytest.raises(InvalidInputError) as caught:
            split(pieces, band=band)
        assert caught.value.faults
        return
    found = split(pieces, band=band, alternatives=2, effort=0.1)
    for one in found:
        check(pieces, one)
        assert len(one) in counts
    for wrong in (counts.least - 1, counts.most + 1):
        with pytest.raises(InvalidInputError, match="possible" if wrong else "out of range"):
            split(pieces, band=band, count=wrong)


def feasible_counts(pieces, band):
    """All counts of contiguous groups in the band, by trying every division of a few pieces."""
    out = set()
    for labels in itertools.product(range(len(pieces)), repeat=len(pieces)):
        seen = -1
        for label in labels:  # each division once: labels appear in order
            if label > seen + 1:
                break
            seen = max(seen, label)
        else:
            group = np.array(labels)
            weights = np.bincount(group, pieces.weight)
            if (weights >= band[0]).all() and (weights <= band[1]).all() and hangs_together(pieces, group):
                out.add(len(weights))
    return out


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([(2, 3), (3, 2), (1, 6), (5, 1)]),
    st.lists(st.integers(1, 9), min_size=6, max_size=6),
    st.integers(1, 12),
    st.integers(0, 12),
    st.integers(0, 4),
)
def test_counts_and_divisions_agree_with_brute_force(shape, weights, low, more, barrier):
    n = shape[0] * shape[1]
    pieces = grid_pieces(*shape, weights[:n])
    pieces = grid_pieces(*shape, weights[:n], barred=pieces.pairs[:barrier].tolist())
    band = (low, low + more)
    feasible = feasible_counts(pieces, band)
    counts = possible_counts(pieces, band)
    assert all(count in counts for count in feasible)
    for count in feasible:
        found = split(pieces, count=count, band=band)[0]
        check(pieces, found)
        assert found.in_band
    if counts.possible:
        for count in set(range(counts.least, counts.most + 1)) - feasible:
            assert not split(pieces, count=count, band=band, alternatives=1)[0].in_band


def test_an_impossible_count_names_the_possible_ones():
    pieces = grid_pieces(10, 10, np.full(100, 40))
    assert str(possible_counts(pieces, (300, 500))) == "possible: 8 to 13"
    for count in (7, 14):
        with pytest.raises(InvalidInputError, match="possible: 8 to 13"):
            split(pieces, count=count, band=(300, 500))


def test_a_bank_too_small_is_named_with_its_households_and_place():
    barred = [(k, k + 10) for k in range(80, 90)]
    weight = np.full(100, 40)
    weight[90:] = 12
    pieces = grid_pieces(10, 10, weight, barred=barred)
    counts = possible_counts(pieces, (300, 500))
    assert not counts.possible
    (fault,) = counts.faults
    assert fault.value == 120
    assert "10 pieces" in fault.message
    assert "120" in fault.message
    assert fault.place == pytest.approx(pieces.centroid_deg[90:].mean(axis=0))
    with pytest.raises(InvalidInputError) as caught:
        split(pieces, band=(300, 500))
    assert caught.value.faults == counts.faults
    found = split(pieces, band=(300, 500), strict=False)[0]
    check(pieces, found)
    assert (~found.group_in_band).sum() == 1
    assert found.weights[~found.group_in_band].tolist() == [120]


def test_land_where_nobody_lives_goes_with_a_neighbour():
    barred = [(k, k + 10) for k in range(80, 90)]
    weight = np.full(100, 40)
    weight[90:] = 0
    pieces = grid_pieces(10, 10, weight, barred=barred)
    found = split(pieces, band=(300, 500))[0]
    assert found.in_band
    check(pieces, found)
    # an empty island in the river never links the two banks
    barred = [(4, 7), (5, 8), (3, 6), (6, 9), (7, 10), (8, 11)]
    island = grid_pieces(3, 4, [5] * 6 + [0] * 3 + [5] * 3, barred=barred)
    assert island.with_empty_banks_joined().banks().max() == 1
    assert island.banks().max() == 2


def test_a_piece_heavier_than_the_band_is_named():
    with pytest.raises(InvalidInputError) as caught:
        split(grid_pieces(3, 1, [100, 600, 100]), band=(300, 500))
    assert "one piece alone holds 600" in caught.value.faults[0].message


def test_the_same_seed_gives_the_same_answer():
    pieces = grid_pieces(12, 12, np.random.default_rng(1).integers(0, 30, 144))
    first, again = (split(pieces, count=6, seed=5, effort=0.3) for _ in range(2))
    assert [a.assignment.tolist() for a in first] == [a.assignment.tolist() for a in again]
    assert len({a.assignment.tobytes() for a in first}) == len(first) == 3
    other = split(pieces, count=6, seed=6, effort=0.3)
    assert any((a.assignment != b.assignment).any() for a, b in zip(first, other, strict=False))


def test_progress_is_told_and_may_stop_the_work():
    pieces = grid_pieces(12, 12, np.full(144, 3))
    told = []
    split(pieces, count=4, effort=0.1, progress=told.append)
    assert told == sorted(told)
    assert told[0] == 0.0
    assert told[-1] == pytest.approx(1.0)

    def stop(share):
        if share > 0.2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        split(pieces, count=4, progress=stop)


def test_equal_pieces_become_compact_groups():
    found = split(grid_pieces(12, 12, np.full(144, 1)), count=4, band=(34, 38))[0]
    assert found.in_band
    assert found.compactness_mean > 0.72  # a square has 0.785


def test_todays_lines_are_kept_as_asked():
    rng = np.random.default_rng(3)
    current = np.repeat(np.arange(12), 12)[np.arange(144)] // 3 * 1  # four bands of three rows
    pieces = grid_pieces(12, 12, rng.integers(8, 12, 144), current=current)
    changed = [
        split(pieces, count=4, band=(320, 420), keep_lines=keep, alternatives=1)[0].changed_share
        for keep in (0.0, 1.0)
    ]
    assert changed[1] == 0.0
    assert changed[0] > 0.2
    five = split(pieces, count=5, keep_lines=1.0, alternatives=1)[0]
    assert five.changed_share < 0.3
    check(pieces, five)


def test_lines_are_followed_as_asked():
    free = grid_pieces(12, 12, np.full(144, 1))
    along = (free.pairs[:, 1] - free.pairs[:, 0] == 1) & np.isin(free.pairs[:, 0] % 12, (3, 4, 7))
    pieces = Pieces(**{name: getattr(free, name) for name in free.__slots__} | {"along_line": along})
    shares = [
        split(pieces, count=3, band=(36, 60), along_lines=wish, alternatives=1)[0].along_line_share
        for wish in (0.0, 1.0)
    ]
    assert shares[1] > 0.9
    assert shares[1] >= shares[0]


def test_figures_agree_with_the_shapes():
    """Compactness from border lengths against the outlines themselves, on the ellipsoid."""
    side = 7
    land, footprints = square_land(side * PLOT_M), plots(3, side)
    atoms = make_atoms(land, footprints, {"street": [street(side, 3)], "river": [river(side)]})
    pieces = atoms.weighed(np.full(len(footprints), 5))
    found = split(pieces, count=4, strict=False)[0]
    check(pieces, found)
    shapes = outlines(atoms.geoms, found.assignment, len(found))
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON).all()
    assert found.area_m2 == pytest.approx(area_m2(shapes), rel=1e-9)
    perimeter = length_m(shapely.boundary(shapes))
    assert found.compactness == pytest.approx(4 * math.pi * area_m2(shapes) / perimeter**2, rel=1e-3)
    middle = shapely.get_coordinates(shapely.centroid(shapes))
    assert middle[0, 1] > middle[-1, 1]  # numbered from the north


def test_a_community_is_divided_well_for_every_seed():
    side = 16
    footprints = plots(5, side)
    lines = {"street": [street(side, k) for k in (4, 8, 12)], "river": [river(side)]}
    atoms = make_atoms(square_land(side * PLOT_M), footprints, lines)
    households = np.random.default_rng(5).integers(1, 12, len(footprints))
    pieces = atoms.weighed(households)
    for seed in range(6):
        found = split(pieces, band=(100, 160), seed=seed)
        assert found
        for one in found:
            assert one.in_band
            check(pieces, one)
        assert found[0].compactness_mean > 0.55


def test_measuring_a_division_from_elsewhere():
    pieces = grid_pieces(4, 1, [1, 2, 3, 4], current=[0, 0, 1, 1])
    found = measure(pieces, [0, 1, 0, 1], (3, 7))
    assert not found.contiguous
    assert found.weights.tolist() == [4, 6]
    assert found.in_band
    assert found.changed_share == pytest.approx(0.5)


def test_wishes_out_of_range_are_refused():
    pieces = grid_pieces(3, 3, np.full(9, 1))
    for wish in (
        {"count": 0},
        {},
        {"band": (5, 3)},
        {"band": (0, 0)},
        {"count": 2, "alternatives": 0},
        {"count": 2, "keep_lines": 1.5},
        {"count": 2, "along_lines": -1.0},
        {"count": 2, "effort": 0.0},
        {"count": 10},
    ):
        with pytest.raises(InvalidInputError):
            split(pieces, **wish)
    with pytest.raises(InvalidInputError):
        possible_counts(grid_pieces(0, 0, []), (1, 2))
    bad = {name: getattr(pieces, name) for name in pieces.__slots__}
    for change in (
        {"weight": bad["weight"] - 2},
        {"pairs": bad["pairs"][::, ::-1]},
        {"barrier": np.ones(2, bool)},
    ):
        with pytest.raises(InvalidInputError):
            Pieces(**bad | change)


@LIGHT
@given(small_pieces(), st.integers(1, 30), st.integers(0, 30))
def test_merging_leaves_nothing_that_could_still_merge(pieces, low, more):
    band = (low, low + more)
    found = merge_underloaded(pieces, band)
    check(pieces, found)
    merged = np.bincount(found.assignment) > 1
    assert (found.weights[merged] <= band[1]).all()
    opened = pieces.with_empty_banks_joined()
    for a, b in found.assignment[opened.pairs[~opened.barrier]].tolist():
        both = found.weights[a] + found.weights[b]
        assert a == b or both > band[1] or min(found.weights[a], found.weights[b]) >= low


def test_merging_stays_within_the_parent():
    pieces = grid_pieces(4, 1, [100, 250, 250, 100])
    assert merge_underloaded(pieces, (300, 500)).weights.tolist() == [350, 350]
    kept = merge_underloaded(pieces, (300, 500), within=[0, 1, 1, 0])
    assert sorted(kept.weights.tolist()) == [100, 100, 500]


@LIGHT
@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 10**6), st.booleans())
def test_leads_are_assigned_at_least_cost(n, leads, seed, balanced):
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 900, (n, leads)).astype(float)
    weight = rng.integers(1, 5, n)
    cap = -(-n // leads) + int(rng.integers(0, 2))
    owner = nearest_leads(cost, cap=cap, weight=weight, balanced=balanced)
    load = np.bincount(owner, minlength=leads)
    low, high = (n // leads, -(-n // leads)) if balanced else (0, cap)
    assert ((load >= low) & (load <= high)).all()
    rows = np.kron(np.eye(n), np.ones(leads))
    columns = np.kron(np.ones(n), np.eye(leads))
    answer = linprog(
        (cost * weight[:, None]).ravel(),
        A_ub=np.vstack((columns, -columns)),
        b_ub=np.append(np.full(leads, high), np.full(leads, -low)),
        A_eq=rows,
        b_eq=np.ones(n),
    )
    assert (cost[np.arange(n), owner] * weight).sum() == pytest.approx(answer.fun)


def test_leads_who_cannot_come_are_not_sent():
    cost = np.array([[1.0, 5.0], [1.0, -1.0], [np.inf, 5.0]])
    assert nearest_leads(cost, cap=2).tolist()[1:] == [0, 1]
    with pytest.raises(InvalidInputError, match="too many"):
        nearest_leads(cost, cap=1)
    with pytest.raises(InvalidInputError) as caught:
        nearest_leads(np.array([[1.0], [-1.0]]), cap=5)
    assert caught.value.faults[0].row == 2
    with pytest.raises(InvalidInputError, match="no room"):
        nearest_leads(np.array([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]]), cap=3)
    assert len(nearest_leads(np.empty((0, 3)), cap=1)) == 0
