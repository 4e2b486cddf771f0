"""Rules: each breach found with its numbers, nothing else; on the demo town, and against plain shapely."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import rules
from geo_service.geometry.codes import GB_12_3, FreeCode
from geo_service.geometry.measure import area_m2
from geo_service.geometry.rules_ground import Ground
from geo_service.geometry.rules_scene import DeclaredExclave, Scene, SceneCell, cell_key, cell_text
from geo_service.geometry.rules_settings import RuleSetting, RuleSettings
from geo_service.geometry.rules_words import WORDS
from geo_service.model import Severity
from tests.geometry.scenes import (
    LEVELS,
    SIZE,
    demo_scene,
    found,
    house,
    line,
    one_by_one,
    only,
    point,
    rows,
    scene,
)
from tests.geometry.tilings import compact_tiling, square, units


def cells_of(findings):
    return [finding.cells for finding in findings]


# --------------------------------------------------------------------------------------------- households


@pytest.mark.parametrize(
    ("households", "expected"),
    [(299, "299 households, 1 fewer"), (300, None), (500, None), (501, "501 households, 1 more")],
)
def test_households_of_a_grid_in_town(households, expected):
    place = Scene.of(LEVELS, rows(["a"], households=households))
    findings = [finding for finding in rules.check(place) if finding.rule == "households"]
    assert [expected in finding.message for finding in findings] == ([True] if expected else [])
    for finding in findings:
        assert finding.severity is Severity.WARNING
        assert finding.numbers == {"households": households, "low_households": 300, "high_households": 500}
        assert finding.shape.equals(square(0, 0))
        assert f"{households}户" in finding.message_zh


@pytest.mark.parametrize(("residents", "breaches"), [(700, 1), (1000, 0), (1300, 1)])
def test_residents_stand_in_where_households_are_unknown(residents, breaches):
    cells = [
        replace(cell, households=None, residents=residents if cell.shape else None) for cell in rows(["a"])
    ]
    findings = [one for one in rules.check(Scene.of(LEVELS, cells)) if one.rule == "households"]
    assert [one.numbers["residents"] for one in findings] == [residents] * breaches


def test_a_sum_with_an_unknown_part_is_unknown():
    cells = [
        replace(cell, households=None, residents=None) if cell.code == "a00" else cell
        for cell in rows(["aa"])
    ]
    place = Scene.of(LEVELS, cells)
    assert place.people(("grid", "a")).households is None
    assert [one for one in rules.check(place) if one.rule == "households"] == []


# ------------------------------------------------------------------------------------- parents and owners


def test_orphans_and_empty_cells_are_found():
    cells = [
        *rows(["ab"]),
        SceneCell("grid", "lost"),
        SceneCell("grid", "gone", parent=("community", "9")),
        SceneCell("grid", "beside", parent=("grid", "a")),
    ]
    place = Scene.of(LEVELS, cells)
    assert {one.cells[0]: one.message.split("(")[0] for one in found(place, "parent")} == {
        "grid/lost": "grid lost stands in no cell above",
        "grid/gone": "grid gone names a parent that does not exist: community 9",
        "grid/beside": "grid beside has a parent that is not on a level above: grid a",
    }
    assert cells_of(found(place, "empty_cell")) == [("grid/beside",), ("grid/gone",), ("grid/lost",)]


def test_a_circle_of_parents_is_walked_once():
    cells = [
        *rows(["a"]),
        SceneCell("grid", "x", parent=("grid", "y")),
        SceneCell("grid", "y", parent=("grid", "x")),
    ]
    place = Scene.of(LEVELS, cells)
    assert cells_of(found(place, "parent")) == [("grid/x",), ("grid/y",)]
    assert rules.check(place, [("grid", "x")])


def test_two_cells_of_one_code_are_refused():
    with pytest.raises(InvalidInputError) as raised:
        Scene.of(LEVELS, [*rows(["a"]), SceneCell("grid", "a"), SceneCell("parish", "p")])
    assert [fault.field for fault in raised.value.faults] == ["code", "level"]


def test_every_cell_has_an_owner_on_the_day():
    place = scene(["ab"], owned=frozenset({("grid", "a")}))
    assert cells_of(one for one in rules.check(place) if one.rule == "owner") == [("grid/b",)]
    assert not [one for one in rules.check(scene(["ab"])) if one.rule == "owner"]


def test_a_used_code_is_not_given_to_a_new_cell():
    used = frozenset({("grid", "a"), ("grid", "b")})
    place = scene(["abc"], base=frozenset({("grid", "a")}), codes_used=used)
    findings = found(place, "code_reused")
    assert cells_of(findings) == [("grid/b",)]


def test_codes_are_checked_by_the_scheme():
    place = scene(["a"], scheme=GB_12_3)
    findings = found(place, "code")
    assert {one.cells[0] for one in findings} == {"community/1", "grid/a", "micro_grid/a00"}
    assert "15 digits" in findings[1].message
    assert "15位" in findings[1].message_zh


def test_codes_that_contradict_those_beside_them_are_found():
    class Never(FreeCode):
        def check_beside(self, code, level, siblings):
            return (
                (Fault("code", Words(f"{level} {code} beside {sorted(siblings)}", "矛盾")),)
                if siblings
                else ()
            )

    findings = found(scene(["ab"], scheme=Never()), "code")
    assert {one.cells[0] for one in findings} == {"grid/a", "grid/b"}
    assert "grid a beside ['b']" in findings[0].message


# -------------------------------------------------------------------------------------------------- shape


def test_parts_that_lie_apart_are_found_and_may_be_declared():
    findings = found(scene(["aba"]), "contiguous")
    assert cells_of(findings) == [("grid/a",)]
    assert findings[0].numbers["parts"] == 2
    assert findings[0].numbers["apart_share"] == pytest.approx(0.5, rel=1e-4)
    assert found(scene(["ab", "ba"]), "contiguous")[0].numbers["parts"] == 2


def declared(x, y, **more):
    word = {"area_m2": 20_000.0, "who": "张三", "why": "场部飞地", "until": date(2030, 1, 1)} | more
    return DeclaredExclave(("grid", "a"), point(x, y), **word)


def test_a_declared_exclave_is_only_noted():
    (main,) = [one.shape.representative_point() for one in found(scene(["aba"]), "contiguous")]
    column = 2.5 if main.x > shapely.centroid(square(SIZE, 0)).x else 0.5
    place = scene(["aba"], declared_exclaves=(declared(column, 0.5),))
    (finding,) = found(place, "contiguous")
    assert finding.severity is Severity.NOTE
    assert "张三" in finding.message_zh
    assert "场部飞地" in finding.message
    # the other piece, another cell's word, one that was much smaller: none of them covers it
    for other in (
        declared(1.5, 0.5),
        replace(declared(column, 0.5), cell=("grid", "b")),
        declared(column, 0.5, area_m2=100.0),
    ):
        assert found(scene(["aba"], declared_exclaves=(other,)), "contiguous")[0].severity is Severity.ERROR


def test_a_second_piece_is_not_covered_by_the_word_for_the_first():
    wide = ["aaba", "cccc", "cccc", "acca"]
    findings = found(scene(wide), "contiguous")
    assert len(findings) == 1
    assert findings[0].numbers["parts"] == 4
    word = declared(0.5, 3.5)
    bare, meant = found(scene(wide, declared_exclaves=(word,)), "contiguous")
    assert (bare.severity, meant.severity) == (Severity.ERROR, Severity.NOTE)
    assert bare.numbers["apart_m2"] == pytest.approx(2 * meant.numbers["apart_m2"], rel=1e-3)
    assert not bare.shape.intersects(word.place)


def test_a_declared_exclave_is_the_same_piece_after_its_border_moved():
    word = declared(2.5, 0.5)
    for width in (7_000, 13_000):  # of a square of 10,000: narrower and wider
        cells = [cell for cell in rows(["aba"]) if cell.code not in {"a02", "b01"}]
        edge = 3 * SIZE - width
        cells += [
            SceneCell("micro_grid", "b01", parent=("grid", "b"), shape=strip(SIZE, edge)),
            SceneCell("micro_grid", "a02", parent=("grid", "a"), shape=strip(edge, 3 * SIZE)),
            SceneCell("micro_grid", "a03", parent=("grid", "a"), shape=strip(-4 * SIZE, 0)),
        ]
        place = Scene.of(LEVELS, cells, declared_exclaves=(word,))
        assert [one.severity for one in found(place, "contiguous")] == [Severity.NOTE]


def strip(west, east):
    return units([(west, 0), (east, 0), (east, SIZE), (west, SIZE)])


def test_a_code_stays_with_its_cell_when_that_changes_hands():
    cells = [
        SceneCell("community", "339801001002", name="二社区"),
        SceneCell("grid", "339801001001007", parent=("community", "339801001002"), shape=square(0, 0)),
    ]
    key = ("grid", "339801001001007")
    there = Scene.of(LEVELS, cells, scheme=GB_12_3, base=frozenset({key}))
    new = Scene.of(LEVELS, cells, scheme=GB_12_3, base=frozenset())
    assert [one.cells[0] for one in found(there, "code")] == []
    assert [one.cells[0] for one in found(new, "code")] == ["grid/339801001001007"]


def test_a_sliver_apart_is_a_note():
    settings = only("contiguous", slight_m2=20_000)
    assert [one.severity for one in rules.check(scene(["aba"]), None, settings)] == [Severity.NOTE]


def test_compactness_agrees_with_the_formulas():
    place = Scene.of(LEVELS, rows(["a" * 20]))
    (finding,) = rules.check(place, [("grid", "a")], only("compactness", polsby_popper_low=0.2))[:1]
    wide, high = 20 * 116.4, 132.1  # metres of a row of squares at 29.1° north
    assert finding.numbers["polsby_popper"] == pytest.approx(
        4 * np.pi * wide * high / (2 * (wide + high)) ** 2, rel=0.01
    )
    assert finding.numbers["reock"] == pytest.approx(
        wide * high / (np.pi * (wide**2 + high**2) / 4), rel=0.01
    )
    assert found(scene(["a"]), "compactness", polsby_popper_low=0.7, reock_low=0.6) == []


def test_area_is_measured_on_the_ground():
    findings = found(scene(["a"]), "area", high_m2=15_000)
    assert findings[0].numbers["area_m2"] == pytest.approx(area_m2([square(0, 0)])[0])
    assert len(findings) == 3
    assert found(scene(["a"]), "area", low_m2=15_000, high_m2=16_000) == []


# ---------------------------------------------------------------------------------------------- buildings


def test_a_border_through_a_building_is_found_at_the_level_it_parts():
    ground = Ground.build(
        buildings=[house(0.5, 0.5), house(1.02, 0.5), house(2.0, 0.5)], building_names=["x", "y", "z"]
    )
    place = scene(["aab"], ground)
    findings = found(place, "building_cut", tolerance_m=0.3)
    assert [set(one.cells) for one in findings] == [
        {"micro_grid/a00", "micro_grid/a01"},
        {"micro_grid/a01", "micro_grid/b02"},
    ]
    assert findings[0].numbers["largest_share"] == pytest.approx(0.7, abs=0.01)
    grids_only = RuleSettings((RuleSetting("building_cut", Severity.ERROR, levels=("grid",)),))
    assert [("z" in one.message) for one in rules.check(place, None, grids_only)] == [True]


@pytest.mark.parametrize(("tolerance_m", "cut"), [(0.0, True), (1.0, True), (3.0, False)])
def test_a_wall_over_the_line_within_tolerance_is_let_be(tolerance_m, cut):
    ground = Ground.build(buildings=[house(0.97, 0.5)])  # about 2.3 m over the line
    assert bool(found(scene(["ab"], ground), "building_cut", tolerance_m=tolerance_m)) is cut


def test_a_building_half_on_nobodys_land_is_cut():
    ground = Ground.build(buildings=[house(0.0, 0.5)])
    (finding,) = found(scene(["a"], ground), "building_cut")
    assert finding.numbers["pieces"] == 2
    assert finding.numbers["largest_share"] == pytest.approx(0.5, abs=0.01)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_whole_buildings_agree_with_plain_shapely(seed, other):
    leaves = compact_tiling(seed, n_points=30, n_cells=6)
    rng = np.random.default_rng(other)
    homes = one_by_one([house(x, y, s) for x, y, s in rng.uniform((0, 0, 0.02), (6, 6, 0.8), (25, 3))])
    cells = [SceneCell("community", "1"), SceneCell("grid", "g", parent=("community", "1"))]
    cells += [
        SceneCell("micro_grid", str(k), parent=("grid", "g"), shape=leaf) for k, leaf in enumerate(leaves)
    ]
    place = Scene.of(LEVELS, cells, Ground.build(buildings=homes))
    findings = found(place, "building_cut", tolerance_m=0)
    whole = shapely.union_all(leaves)
    expected = {
        k + 1
        for k, home in enumerate(homes)
        if shapely.area(shapely.intersection(home, whole)) > 0 and not shapely.covers(leaves, home).any()
    }
    assert {int(one.message.split(" in ")[0].rpartition(" ")[2]) for one in findings} == expected
    for one in findings:
        shares = area_m2(shapely.intersection(leaves, one.shape)) / area_m2([one.shape])[0]
        assert one.numbers["largest_share"] == pytest.approx(shares.max(), rel=1e-9)


# ------------------------------------------------------------------------------------------------- units


def test_a_street_face_unit_keeps_to_its_community():
    apart = Scene.of(LEVELS, rows(["aba"], kinds={"a02": "street_face"}))
    assert cells_of(found(apart, "street_face")) == [("micro_grid/a02", "grid/a")]
    beside = Scene.of(LEVELS, rows(["aab"], kinds={"a01": "street_face"}))
    assert found(beside, "street_face") == []
    unit = SceneCell(
        "micro_grid", "s", kind="street_face", parent=("grid", "a"), shape=house(1, 0.5), overlay=True
    )
    over = Scene.of(LEVELS, [*rows(["ab"]), unit])
    (finding,) = found(over, "street_face", tolerance_m2=1)
    assert finding.numbers["outside_share"] == pytest.approx(0.5, abs=0.01)
    assert over.areas_m2([("grid", "a")]) == pytest.approx(area_m2([square(0, 0)]))  # it takes no land
    assert over.people(("grid", "a")).households == 10


def test_a_dedicated_grid_keeps_to_its_cell_and_premises():
    unit = SceneCell(
        "micro_grid", "d", kind="dedicated", parent=("grid", "a"), shape=house(1, 0.5), overlay=True
    )
    (finding,) = found(Scene.of(LEVELS, [*rows(["ab"]), unit]), "dedicated")
    assert "not lie wholly inside grid a" in finding.message
    yards = {
        "half beside it": house(1, 0.5, 0.6),
        "inside it": house(0.5, 0.5),
        "round it": square(-9, -9, 2 * SIZE),
    }
    ground = Ground.build(premises=list(yards.values()), premises_names=list(yards))
    place = Scene.of(LEVELS, rows(["ab"], kinds={"a00": "dedicated"}), ground)
    (finding,) = found(place, "dedicated")
    assert "half beside it" in finding.message
    assert finding.numbers["premises_share"] == pytest.approx(0.5, abs=0.01)


# ------------------------------------------------------------------------------------------- part of a scene


def swapped(place, seed):
    """Hand a random leaf to another grid, cut a square in two, retire a third leaf."""
    rng = np.random.default_rng(seed)
    leaves = sorted(key for key, cell in place.cells.items() if cell.shape is not None)
    squares = [key for key in leaves if shapely.get_num_coordinates(place.cells[key].shape) == 5]
    grids = sorted(key for key in place.cells if key[0] == "grid")
    b = squares[rng.integers(len(squares))]
    leaves.remove(b)
    a, c = (leaves[k] for k in rng.choice(len(leaves), 2, replace=False))
    p, q, r, t = shapely.get_coordinates(place.cells[b].shape)[:4]  # the diagonal gives no neighbour a vertex
    halves = shapely.Polygon([p, q, r]), shapely.Polygon([p, r, t])
    changed = [
        replace(place.cells[a], parent=grids[rng.integers(len(grids))]),
        replace(place.cells[b], shape=halves[0], households=3),
        replace(place.cells[b], code=place.cells[b].code + "x", shape=halves[1], households=4),
    ]
    return changed, [c]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_a_changed_scene_is_judged_as_one_made_afresh(seed, steps):
    ground = Ground.build(
        buildings=[house(x + 0.5, y + 0.5, 0.3) for x in range(4) for y in range(4)], households=[5] * 16,
        barriers=[line((1.5, -1), (1.5, 5))], barrier_kinds=["stream"],
    )  # fmt: skip
    place = Scene.of(LEVELS, rows(["aabb", "aabb", "ccdd", "ccdd"]), ground)
    rules.check(place)
    for step in range(steps):
        changed, removed = swapped(place, seed + step)
        place = place.with_changes(changed, removed)
        fresh = Scene.of(LEVELS, place.cells.values(), ground)
        for one, other in zip(rules.check(place), rules.check(fresh), strict=True):
            assert (one.message, one.cells) == (other.message, other.cells)
            assert one.numbers == pytest.approx(other.numbers)
            assert one.shape is other.shape or shapely.equals(one.shape, other.shape)
        some = sorted(place.cells)[:: 1 + seed % 5]
        assert {one.message for one in rules.check(place, some)} <= {
            one.message for one in rules.check(fresh)
        }
        for key in place.cells:
            assert shapely.equals(place.outline(key), fresh.outline(key))
            assert place.people(key) == fresh.people(key)


def test_only_the_cells_named_and_those_above_are_judged():
    place = scene(["aab", "aab", "cbb"])
    everything = RuleSettings((RuleSetting("area", Severity.NOTE, numbers={"high_m2": 1}),))
    named = rules.check(place, [("micro_grid", "a00"), ("micro_grid", "never")], everything)
    assert {one.cells[0] for one in named} == {"micro_grid/a00", "grid/a", "community/1"}


# ----------------------------------------------------------------------------------------------- waivers


def waiver(**more):
    fields = {
        "rule": "contiguous",
        "cells": frozenset({"grid/a"}),
        "who": "Li",
        "why": "river moved",
        "until": date(2026, 3, 1),
    }
    return rules.Waiver(**(fields | more))


def test_a_waiver_holds_until_its_last_day():
    findings = found(scene(["aba"]), "contiguous")
    for on, accepted in ((date(2026, 3, 1), True), (date(2026, 3, 2), False)):
        (judged,) = rules.apply_waivers(findings, [waiver()], on)
        assert (judged.waiver is not None) is accepted
        assert judged.blocks is not accepted


def test_a_waiver_is_for_its_cells_and_rule_only():
    findings = found(scene(["aba"]), "contiguous")
    others = [waiver(cells=frozenset({"grid/b"})), waiver(rule="area")]
    assert rules.apply_waivers(findings, others, date(2026, 1, 1))[0].blocks
    longest = [waiver(), waiver(until=date(2027, 1, 1), cells=frozenset({"grid/a", "grid/b"}))]
    assert rules.apply_waivers(findings, longest, date(2026, 1, 1))[0].waiver == longest[1]
    assert waiver().as_dict()["until"] == "2026-03-01"


@pytest.mark.parametrize(
    ("field", "value"),
    [("who", " "), ("why", ""), ("rule", "parent"), ("rule", "nonsense"), ("cells", frozenset())],
)
def test_a_waiver_needs_who_why_and_what(field, value):
    with pytest.raises(InvalidInputError) as raised:
        waiver(**{field: value})
    assert [fault.field for fault in raised.value.faults] == [field]


# ------------------------------------------------------------------------------------------------- words


def test_every_rule_speaks_both_languages():
    for words in WORDS.values():
        for text in (words.zh, words.do_zh):
            assert any("一" <= letter <= "鿿" for letter in text)
        assert "{cell}" in words.en
        assert "{cell}" in words.zh


def test_a_cell_is_written_as_level_and_code():
    assert cell_key(cell_text(("grid", "a/b"))) == ("grid", "a/b")


# ---------------------------------------------------------------------------------------------- the demo


@pytest.fixture(scope="module")
def town(drawn_town):
    return demo_scene(drawn_town)


def test_the_demo_town_breaks_few_rules_and_those_it_is_made_to_break(town):
    findings = rules.check(town)
    assert {one.severity for one in findings} == {Severity.WARNING, Severity.NOTE}
    by_rule = {}
    for one in findings:
        by_rule.setdefault(one.rule, []).append(one.cells[0])
    assert by_rule.keys() == {"contiguous", "barrier", "compactness"}
    assert [cell for cell in by_rule["contiguous"] if cell.startswith("community")] == [
        "community/339801001001",  # the exclave
        "community/339801001200",  # two villages that interleave
        "community/339801001201",
    ]
    assert all(cell.split("/")[1][9] == "2" for cell in by_rule["barrier"])  # villages on both banks
    assert len(findings) <= 15
    assert all(
        not GB_12_3.check(cell.code, cell.level, cell.parent and cell.parent[1])
        for cell in town.cells.values()
    )


def test_a_micro_grid_over_the_river_is_objected_to(town):
    ground = town.ground
    river = ground.barrier_kinds.index("river")
    pieces = ground.pieces[ground.piece_barrier == river]
    bank = {}
    for key, cell in town.cells.items():
        if key[0] == "micro_grid" and cell.households and cell.households > 15:
            near = shapely.shortest_line(shapely.centroid(cell.shape), shapely.union_all(pieces))
            bank.setdefault(cell.parent, (shapely.length(near), key))
    grids = {("grid", cell.parent[1]) for key, cell in town.cells.items() if key[0] == "micro_grid"}
    objections = 0
    for grid in sorted(grids):
        for _, leaf in bank.values():
            if town.cells[leaf].parent == grid:
                continue
            after = town.with_changes([replace(town.cells[leaf], parent=grid)])
            objections += any(
                one.rule in {"barrier", "contiguous"} and one.cells == (cell_text(grid),)
                for one in rules.check(after, [leaf])
            )
    assert objections > 20
