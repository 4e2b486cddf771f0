"""What cells carry through edits: counts that follow the land and add up, descriptions that are not lost."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.planning import verbs
from geo_service.planning.carrying import divide_count
from geo_service.planning.redraw import faces_beside
from geo_service.planning.tally import PointLayer, Tally
from tests.geometry.tilings import ORIGIN
from tests.planning.made import line, made, place
from tests.planning.test_verbs import do, leaf

STEP = 10_000


def counted(seed=1, names=("households", "residents")):
    """The made place with counts on every cell, those of upper cells the sums of their leaves."""
    redraw = made()
    rng = np.random.default_rng(seed)
    sums = {}
    for key in redraw.leaf_keys():
        for above in redraw.register.path(key):
            sums.setdefault(above, np.zeros(len(names), dtype=int))
        values = rng.integers(0, 40, len(names))
        for above in redraw.register.path(key):
            sums[above] += values
    for key, values in sums.items():
        told = dict(zip(names, values.tolist(), strict=True))
        redraw.register.put(replace(redraw.register.require(key), attributes=told))
    redraw.register.since(0)
    return redraw


def attributes(redraw, level, code):
    return dict(redraw.register.require((level, code)).attributes)


def count(redraw, level, code, name="households"):
    return attributes(redraw, level, code).get(name)


def require_sums(redraw):
    """Every upper cell has the counts of its leaves together."""
    for record in redraw.register:
        for name in record.attributes:
            leaves = [redraw.key_of(number) for number in redraw.leaves_of(record.key)]
            below = [redraw.register.require(key).attributes[name] for key in leaves]
            assert record.attributes[name] == sum(below), (record.key, name)


# ------------------------------------------------------------------------------------------ by land


@given(st.integers(0, 10_000), st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_a_count_is_divided_as_nearly_as_it_can_be(total, weights):
    parts = divide_count(total, weights)
    assert sum(parts) == total
    if sum(weights):
        assert all(abs(part - total * w / sum(weights)) < 1 for part, w in zip(parts, weights, strict=True))
    else:
        assert parts[0] == total


def test_a_cut_divides_the_counts_by_land():
    redraw = made()
    do(redraw, "describe", cell=leaf("A1a"), attributes={"households": 11, "notes": "well"})
    do(redraw, "cut", cell=leaf("A1a"), line=line((-100, 7_000), (STEP + 100, 7_000)), code="new")
    assert attributes(redraw, "leaf", "A1a") == {"households": 8, "notes": "well"}
    assert attributes(redraw, "leaf", "new") == {"households": 3, "notes": "well"}


def test_a_piece_takes_its_share_along_and_grids_follow():
    redraw = counted()
    before = [count(redraw, "leaf", code) for code in ("A1a", "A2a")]
    grids = [count(redraw, "grid", code) for code in ("A1", "A2")]
    piece = line((-100, 5_000), (STEP + 100, 5_000))
    do(redraw, "give_piece", cell=leaf("A1a"), line=piece, to=leaf("A2a"))
    went = before[0] - count(redraw, "leaf", "A1a")
    assert went in {before[0] // 2, before[0] - before[0] // 2}
    assert count(redraw, "leaf", "A2a") == before[1] + went
    assert [count(redraw, "grid", code) for code in ("A1", "A2")] == [grids[0] - went, grids[1] + went]
    require_sums(redraw)


def test_a_merge_adds_up_and_the_survivor_keeps_what_the_others_said():
    redraw = made()
    told = {
        "A1a": {"households": 5, "notes": "well", "class": "urban"},
        "A1b": {"households": 7, "notes": "mill", "lamp": 3},
        "A1c": {"households": 1, "notes": "well", "lamp": 4},
    }
    for code, given_attributes in told.items():
        do(redraw, "describe", cell=leaf(code), attributes=given_attributes)
    do(redraw, "set_kind", cell=leaf("A1c"), kind="dedicated")
    do(redraw, "merge", cells=[leaf("A1b"), leaf("A1c")], into=leaf("A1a"))
    assert attributes(redraw, "leaf", "A1a") == {
        "households": 13,
        "notes": "well",
        "class": "urban",
        "lamp": 3,
        "notes@A1b": "mill",
        "lamp@A1c": 4,
        "kind@A1c": "dedicated",
    }


def test_a_count_is_not_made_up_for_a_cell_that_has_none():
    redraw = made()
    do(redraw, "describe", cell=leaf("A1b"), attributes={"households": 7})
    do(redraw, "merge", cells=[leaf("A1b")], into=leaf("A1a"))
    assert attributes(redraw, "leaf", "A1a") == {"households@A1b": 7}


def test_upper_cells_merge_and_are_cut():
    redraw = counted()
    both = count(redraw, "grid", "A1") + count(redraw, "grid", "A2")
    do(redraw, "merge", cells=[["grid", "A2"]], into=["grid", "A1"])
    assert count(redraw, "grid", "A1") == both == count(redraw, "community", "A")
    do(redraw, "cut", cell=["grid", "A1"], line=line((-100, 4_000), (4 * STEP + 100, 4_000)), code="A9")
    assert count(redraw, "grid", "A1") + count(redraw, "grid", "A9") == both
    require_sums(redraw)


def test_an_empty_upper_cell_is_merged_with_all_it_says():
    redraw = made()
    do(redraw, "create", level="grid", parent=["community", "A"], code="A7")
    do(redraw, "describe", cell=["grid", "A7"], attributes={"notes": "planned"})
    do(redraw, "merge", cells=[["grid", "A7"]], into=["grid", "A1"])
    assert attributes(redraw, "grid", "A1") == {"notes": "planned"}


def test_land_given_away_takes_its_people_from_all_above():
    redraw = counted()
    gone, had = count(redraw, "leaf", "A2b"), count(redraw, "community", "A")
    do(redraw, "give_away", cell=leaf("A2b"))
    assert count(redraw, "community", "A") == had - gone
    kept = count(redraw, "leaf", "A2c")
    do(redraw, "adopt_gap", at=place(15_000, 15_000), into=leaf("A2c"))
    assert count(redraw, "leaf", "A2c") == kept
    require_sums(redraw)


def test_moving_a_border_passes_nothing_on_that_cannot_be_counted():
    redraw = counted()
    before = {record.key: record for record in redraw.register}
    do(redraw, "move_vertex", **{"from": place(STEP, STEP), "to": place(STEP + 500, STEP - 1_000)})
    assert {record.key: record for record in redraw.register} == before


def test_a_community_is_split_as_drafted_and_the_groups_have_their_own_counts():
    redraw = counted()
    leaves = [redraw.key_of(number) for number in redraw.leaves_of(("community", "A"))]
    groups = [[*key, k % 3] for k, key in enumerate(leaves)]
    do(redraw, "split_into", cell=["community", "A"], level="grid", assignment=groups)
    require_sums(redraw)


EDITS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6)), min_size=1, max_size=8)


def an_edit(redraw, kind, number):
    """One edit out of a number: cut, give a piece, merge, hand over, cut a grid, move a corner."""
    rng = np.random.default_rng(number)
    keys = sorted(redraw.leaf_keys())
    one = keys[rng.integers(len(keys))]
    west, south, east, north = redraw.outline(one).bounds
    x, y = rng.uniform(0.2, 0.8, 2)
    upright = [[west + x * (east - west), south - 1e-3], [west + x * (east - west) + 1e-6, north + 1e-3]]
    beside = sorted(redraw.space.neighbours(redraw.leaf_of(one)) - {-1})
    other = redraw.key_of(beside[rng.integers(len(beside))])
    grids = sorted(record.key for record in redraw.register if record.level == "grid")
    grid = grids[rng.integers(len(grids))]
    low = redraw.outline(grid).bounds
    across = [
        [low[0] - 1e-3, low[1] + y * (low[3] - low[1])],
        [low[2] + 1e-3, low[1] + y * (low[3] - low[1])],
    ]
    corners = redraw.outline(one).exterior.coords if redraw.outline(one).geom_type == "Polygon" else [(0, 0)]
    corner = corners[int(rng.integers(len(corners)))]
    return [
        ("cut", {"cell": list(one), "line": upright}),
        ("give_piece", {"cell": list(one), "line": upright, "to": list(other)}),
        ("merge", {"cells": [list(one)], "into": list(other), "apart": True}),
        ("hand_over", {"cells": [list(one)], "to": list(grid)}),
        ("cut", {"cell": list(grid), "line": across}),
        ("move_vertex", {"from": list(corner), "to": [corner[0] + 2e-5, corner[1] - 3e-5]}),
    ][kind]


@given(edits=EDITS, seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_no_chain_of_edits_loses_or_doubles_anybody(edits, seed):
    redraw = counted(seed)
    had = {name: sum(attributes(redraw, "community", c)[name] for c in "AB") for name in ("households",)}
    for kind, number in edits:
        verb, given_arguments = an_edit(redraw, kind, number)
        try:
            do(redraw, verb, **given_arguments)
        except InvalidInputError:
            continue
        require_sums(redraw)
    for name, total in had.items():
        communities = [record for record in redraw.register if record.level == "community"]
        assert sum(record.attributes[name] for record in communities) == total


# --------------------------------------------------------------------------------------- by points


def with_points(seed=3):
    """The made place with buildings; every cell says how many households and residents it has."""
    redraw = made()
    rng = np.random.default_rng(seed)
    xy = (rng.uniform(0, 4 * STEP, (300, 2)) + ORIGIN) / 2**23
    figures = {
        "households": rng.integers(1, 9, 300).astype(float),
        "residents": rng.integers(1, 20, 300).astype(float),
        "buildings": np.ones(300),
    }
    at = [redraw.key_of(number) for number in redraw.space.leaves()]
    where = np.floor((xy * 2**23 - ORIGIN) / STEP).astype(int)
    number_of = {key: number for number, key in enumerate(at)}
    rows = ["A1", "A2", "B1", "B2"]
    index = np.array([number_of["leaf", f"{rows[y]}{'abcd'[x]}"] for x, y in where])
    tally = Tally([PointLayer(xy, figures)], [index], redraw.space.next_leaf)
    for record in list(redraw.register):
        found = tally.of(redraw.leaves_of(record.key))
        told = {"households": round(found["households"]), "shops": 6, "notes": record.code}
        redraw.register.put(replace(record, attributes=told))
    redraw.register.since(0)
    redraw.census = lambda edges: tally.ahead(redraw.space, faces_beside(edges))
    return redraw, tally


def require_counted(redraw, tally, but=()):
    for record in redraw.register:
        if record.key not in but:
            found = tally.of(redraw.leaves_of(record.key))["households"]
            assert record.attributes["households"] == round(found), record.key


def edit(redraw, tally, verb, **arguments):
    patch = verbs.apply(redraw, verb, arguments)
    tally.follow(redraw.space, patch.faces())


def test_counts_are_made_anew_from_the_points():
    redraw, tally = with_points()
    edit(redraw, tally, "cut", cell=leaf("A1a"), line=line((-100, 3_000), (STEP + 100, 6_000)), code="new")
    assert attributes(redraw, "leaf", "new")["notes"] == "A1a"
    parts = [attributes(redraw, "leaf", code)["shops"] for code in ("A1a", "new")]
    assert sum(parts) == 6  # nobody counts shops: they are divided by land
    require_counted(redraw, tally)
    piece = line((STEP - 100, 14_000), (2 * STEP + 100, 12_000))
    edit(redraw, tally, "give_piece", cell=leaf("A2b"), line=piece, to=leaf("A1b"))
    edit(redraw, tally, "move_vertex", **{"from": place(STEP, 2 * STEP), "to": place(STEP + 3_000, 17_000)})
    edit(redraw, tally, "merge", cells=[["grid", "B2"]], into=["grid", "B1"])
    edit(redraw, tally, "hand_over", cells=[leaf("B1a")], to=["grid", "A1"])
    edit(redraw, tally, "give_away", cell=leaf("B1c"))
    require_counted(redraw, tally)
    edit(redraw, tally, "adopt_gap", at=place(25_000, 25_000), parent=["grid", "B1"], code="again")
    require_counted(redraw, tally)


def test_a_count_that_was_described_stands_until_the_land_changes():
    redraw, tally = with_points()
    edit(redraw, tally, "describe", cell=["grid", "A1"], attributes={"households": 999})
    edit(redraw, tally, "cut", cell=leaf("A1a"), line=line((-100, 3_000), (STEP + 100, 6_000)))
    assert count(redraw, "grid", "A1") == 999  # none of its land came or went
    require_counted(redraw, tally, but={("grid", "A1")})


@pytest.mark.parametrize("seed", range(3))
def test_looking_ahead_agrees_with_following(seed):
    redraw, tally = with_points(seed)
    before, seen = tally.copy(), []
    redraw.census = lambda edges: seen.append(before.ahead(redraw.space, faces_beside(edges))) or seen[-1]
    edit(redraw, tally, "cut", cell=["grid", "A1"], line=line((-9, 4_000), (45_000, 4_500)))
    for number in redraw.space.leaves():
        assert seen[0].of([number]) == tally.of([number])
