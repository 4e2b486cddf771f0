"""What a planner can do, verb by verb, on a small made place; patches go through JSON, back and again."""

import json
import re

import pytest
import shapely

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.planning import verbs
from geo_service.planning.redraw import Patch
from tests.planning.made import line, made, place


def state(redraw):
    """Everything that a redraw says: shapes byte by byte, and the register."""
    shapes = {key: shapely.to_wkb(shape) for key, shape in redraw.shapes().items()}
    return shapes, {record.key: record for record in redraw.register}


def do(redraw, verb, **arguments):
    """Apply a verb; undo it, redo it, and do it on another redraw from JSON: always the same."""
    before = state(redraw)
    data = json.loads(json.dumps(redraw_patch(redraw, verb, arguments)))
    after = state(redraw)
    redraw.replay(redraw.patch_from_json(data).reversed(), proved=True)
    assert state(redraw) == before
    redraw.replay(redraw.patch_from_json(data))
    assert state(redraw) == after
    require_whole(redraw)
    return data


def redraw_patch(redraw, verb, arguments):
    return redraw.patch_to_json(verbs.apply(redraw, verb, arguments))


def require_whole(redraw):
    """Land and register fit together, and the leaves tile."""
    shapes = redraw.shapes()
    assert all(redraw.register.get(key) for key in shapes)
    assert not any(redraw.register.children(key) for key in shapes)
    assert shapely.coverage_is_valid(list(shapes.values()))
    assert len(set(redraw.leaf_keys())) == len(redraw.leaf_keys())
    for record in redraw.register:
        assert redraw.register.path(record.key)[0][0] == "community"


def refused(redraw, words, verb, **arguments):
    before, leaves = state(redraw), redraw.space.next_leaf
    with pytest.raises(InvalidInputError) as found:
        verbs.apply(redraw, verb, arguments)
    assert words in str(found.value)
    assert state(redraw) == before
    assert redraw.space.next_leaf == leaves


def leaf(code):
    return ["leaf", code]


def test_borders_are_moved_bent_and_straightened():
    redraw = made()
    do(redraw, "move_vertex", **{"from": place(10_000, 10_000), "to": place(10_500, 9_000)})
    do(redraw, "move_edge", a=place(20_000, 0), b=place(20_000, 10_000), by=[2**-14, 0])
    do(redraw, "insert_vertex", a=place(0, 0), b=place(10_000, 0), at=place(5_000, -300))
    do(redraw, "delete_vertex", at=place(5_000, -300))
    refused(redraw, "no corner here", "move_vertex", **{"from": place(5, 5), "to": place(6, 6)})


def test_a_leaf_is_cut_and_its_piece_gets_a_code_beside_it():
    redraw = made()
    do(redraw, "cut", cell=leaf("A1a"), line=line((-100, 4_000), (11_000, 4_000)), code="A1z", name="north")
    record = redraw.register.get(("leaf", "A1z"))
    assert (record.parent, record.name) == (("grid", "A1"), "north")
    do(redraw, "cut", cell=leaf("A1a"), line=line((5_000, -100), (5_000, 11_000)))
    assert len(redraw.register.children(("grid", "A1"))) == 6
    refused(redraw, "already", "cut", cell=leaf("A1b"), line=line((15_000, -9), (15_000, 10_009)), code="A1z")
    refused(redraw, "parts no cell", "cut", cell=leaf("A1b"), line=line((11_000, 5_000), (12_000, 5_000)))
    refused(redraw, "along the border", "cut", cell=leaf("A1b"), line=line((11_000, 5), (12_000, 5)))


def test_a_grid_is_cut_along_a_line_through_its_leaves():
    redraw = made()
    do(redraw, "cut", cell=["grid", "A1"], line=line((-100, 4_000), (45_000, 4_500)), code="A9", name="south")
    assert [len(redraw.leaves_of(("grid", code))) for code in ("A1", "A9")] == [4, 4]
    assert redraw.register.get(("grid", "A9")).name == "south"
    north, south = (redraw.outline(("grid", code)).centroid.y for code in ("A1", "A9"))
    assert north > south


def test_a_community_is_cut_and_the_grids_across_the_line_are_divided():
    redraw = made()
    do(redraw, "cut", cell=["community", "A"], line=line((15_000, -100), (15_000, 21_000)), code="C")
    assert len(redraw.register.children(("community", "A"))) == 2
    assert len(redraw.register.children(("community", "C"))) == 2
    assert len(redraw.leaf_keys()) == 18
    areas = [redraw.outline(("community", code)).area for code in "AC"]
    assert areas[0] / areas[1] == pytest.approx(25 / 15)


def test_a_line_along_existing_borders_divides_the_grids_without_cutting_a_leaf():
    redraw = made()
    data = do(redraw, "cut", cell=["community", "A"], line=line((20_000, -100), (20_000, 21_000)))
    assert data["edges"] == []
    assert len(redraw.leaf_keys()) == 16


def test_a_line_that_one_can_walk_round_divides_nothing():
    refused(made(), "hang together", "cut", cell=["grid", "A1"], line=line((-100, 4_000), (11_000, 4_000)))


def test_leaves_grids_and_communities_merge():
    redraw = made()
    do(redraw, "merge", cells=[leaf("A1b")], into=leaf("A1a"))
    do(redraw, "merge", cells=[["grid", "A2"]], into=["grid", "A1"])
    do(redraw, "merge", cells=[["community", "B"]], into=["community", "A"])
    assert len(redraw.register.children(("community", "A"))) == 3
    assert len(redraw.leaves_of(("community", "A"))) == 15
    refused(redraw, "one level", "merge", cells=[["grid", "A1"]], into=["community", "A"])
    refused(redraw, "fall apart", "merge", cells=[leaf("B1a")], into=leaf("B1d"))
    do(redraw, "merge", cells=[leaf("B1a")], into=leaf("B1d"), apart=True)
    refused(redraw, "the plan has no leaf B1a", "retire", cell=leaf("B1a"))


def test_cells_are_handed_over():
    redraw = made()
    do(redraw, "hand_over", cells=[leaf("A1a"), leaf("A1b")], to=["grid", "B1"])
    do(redraw, "hand_over", cells=[["grid", "A2"]], to=["community", "B"])
    assert len(redraw.leaves_of(("community", "B"))) == 14
    refused(redraw, "it is so already", "hand_over", cells=[["grid", "A2"]], to=["community", "B"])
    refused(redraw, "belongs to a grid", "hand_over", cells=[leaf("A1c")], to=["community", "B"])
    refused(redraw, "belongs to a grid", "hand_over", cells=[leaf("A1c")], to=leaf("A1d"))


def test_a_piece_of_a_leaf_is_given_to_its_neighbour():
    redraw = made()
    do(redraw, "give_piece", cell=leaf("A1a"), line=line((7_000, -100), (7_000, 10_100)), to=leaf("A1b"))
    assert redraw.space.area2(redraw.leaf_of(("leaf", "A1b"))) == 2 * 13_000 * 10_000
    do(redraw, "cut", cell=leaf("A1a"), line=line((3_000, -100), (3_000, 10_100)))  # numbers were not used up
    piece = {"cell": ["grid", "A1"], "line": line((0, 0), (9, 9)), "to": leaf("A1b")}
    refused(redraw, "holds no land of its own", "give_piece", **piece)


def test_land_is_given_away_and_gaps_are_taken_in():
    redraw = made()
    do(redraw, "give_away", cell=leaf("A2b"))
    refused(redraw, "has no leaf A2b", "rename", cell=leaf("A2b"), name="gone")
    data = do(redraw, "adopt_gap", at=place(15_000, 15_000), parent=["grid", "A2"], name="again")
    assert [record[0][1] for record in data["records"]] == ["A2.1"]
    do(redraw, "give_away", cell=leaf("A2.1"))
    do(redraw, "adopt_gap", at=place(15_000, 15_000), into=leaf("A2c"))
    refused(redraw, "no gap here", "adopt_gap", at=place(15_000, 15_000), into=leaf("A2c"))


def test_a_whole_grid_is_given_away_at_once():
    redraw = made()
    data = do(redraw, "give_away", cell=["grid", "A1"])
    edges = [tuple(edge[:4]) for edge in data["edges"]]
    assert len(set(edges)) == len(edges)
    assert redraw.register.get(("grid", "A1")) is None
    assert len(redraw.leaf_keys()) == 12


def test_cells_without_land_come_and_go():
    redraw = made()
    do(redraw, "create", level="grid", parent=["community", "A"], code="A7", name="new", kind="dedicated")
    do(redraw, "hand_over", cells=[leaf("A1a")], to=["grid", "A7"])
    refused(redraw, "still holds land", "retire", cell=["grid", "A7"])
    do(redraw, "hand_over", cells=[leaf("A1a")], to=["grid", "A1"])
    do(redraw, "retire", cell=["grid", "A7"])
    refused(redraw, "already", "create", level="grid", parent=["community", "A"], code="A1")
    refused(redraw, "belong to no community", "create", level="grid", code="Z")
    refused(redraw, "no level", "create", level="village", parent=["community", "A"])
    refused(redraw, "is no more", "create", level="grid", parent=["community", "Z"])


def test_pieces_get_names_that_no_sibling_has():
    redraw = made()
    for x in (5_000, 2_500):
        do(redraw, "cut", cell=leaf("A1a"), line=line((x, -100), (x, 11_000)))
    known = {"A1a", "A1b", "A1c", "A1d"}
    names = [redraw.register.require(key).name for key in redraw.register.children(("grid", "A1"))]
    assert set(names) == known | {"A1a-2", "A1a-3"}
    assert len(names) == 6
    piece = next(key for key in redraw.register.children(("grid", "A1")) if key[1] not in known)
    do(redraw, "cut", cell=list(piece), line=line((-9, 5_000), (11_000, 5_001)))
    names = {redraw.register.require(key).name for key in redraw.register.children(("grid", "A1"))}
    assert names == known | {"A1a-2", "A1a-3", "A1a-4"}


def test_names_kinds_and_attributes():
    redraw = made()
    do(redraw, "rename", cell=leaf("A1a"), name="  Well lane ")
    do(redraw, "set_kind", cell=leaf("A1a"), kind="dedicated")
    do(redraw, "describe", cell=leaf("A1a"), attributes={"class": "urban", "households": 12})
    do(redraw, "describe", cell=leaf("A1a"), attributes={"class": None})
    record = redraw.register.get(("leaf", "A1a"))
    assert (record.name, record.kind, record.attributes) == ("Well lane", "dedicated", {"households": 12})
    refused(redraw, "one of", "set_kind", cell=leaf("A1a"), kind="round")
    refused(redraw, "it is so already", "rename", cell=leaf("A1a"), name="Well lane")


def test_a_community_is_split_as_drafted():
    redraw = made()
    leaves = [redraw.key_of(number) for number in redraw.leaves_of(("community", "A"))]
    groups = [[*key, k % 3] for k, key in enumerate(leaves)]
    do(redraw, "split_into", cell=["community", "A"], level="grid", assignment=groups)
    grids = redraw.register.children(("community", "A"))
    assert sorted(len(redraw.leaves_of(grid)) for grid in grids) == [2, 3, 3]
    refused(
        redraw, "have no group", "split_into", cell=["community", "A"], level="grid", assignment=groups[1:]
    )
    refused(
        redraw, "not the level below", "split_into", cell=["community", "A"], level="leaf", assignment=groups
    )


def test_new_cells_are_numbered_as_one_reads_a_page():
    redraw = made()
    codes = [f"{grid}{column}" for grid in ("A1", "A2") for column in "abcd"]
    alone = [[*leaf(code), k] for k, code in enumerate(codes)]
    do(redraw, "split_into", cell=["community", "A"], level="grid", assignment=alone)
    numbers = [
        redraw.register.get(("leaf", code)).parent[1] for code in ("A2b", "A2c", "A2d", "A1b", "A1c", "A1d")
    ]
    assert numbers == [f"A.{k}" for k in range(1, 7)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give a cell"),
        ({"cell": ["leaf", "A1a"], "line": [[0, 0]]}, "give 2 to"),
        ({"cell": ["leaf", "A1a"], "line": [[0, 0], [999, 0]]}, "in degrees"),
        ({"cell": ["leaf", "A1a"], "line": [[0, 0], [1, 0]], "colour": "red"}, "no such argument"),
        ({"cell": ["leaf", "A1a"], "line": [[0, 0], [1, 0]], "name": "x" * 201}, "printable"),
        ({"cell": ["leaf", "nope"], "line": [[0, 0], [1, 0]]}, "the plan has no leaf nope"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments, words):
    refused(made(), words, "cut", **arguments)


def test_there_is_no_such_verb():
    refused(made(), "no edit called", "fold")


def test_codes_never_double_through_a_long_plan():
    redraw = made()
    for k in range(1, 8):
        do(redraw, "cut", cell=leaf("A1a"), line=line((-100, 10_000 - 900 * k), (10_100, 10_000 - 900 * k)))
        do(
            redraw,
            "cut",
            cell=["grid", "B1"],
            line=line((-100, 20_000 + 1_100 * k), (41_000, 20_000 + 1_100 * k)),
        )
    keys = [record.key for record in redraw.register]
    assert len(set(keys)) == len(keys)


def test_a_change_of_cells_that_moved_on_is_a_conflict():
    one, other = made(), made()
    data = one.patch_to_json(verbs.apply(one, "merge", {"cells": [leaf("A1b")], "into": leaf("A1a")}))
    verbs.apply(other, "rename", {"cell": leaf("A1b"), "name": "else"})
    before = state(other)
    with pytest.raises(ConflictError):
        other.replay(other.patch_from_json(data))
    assert state(other) == before


def test_land_without_a_record_is_refused():
    one, other = made(), made()
    data = one.patch_to_json(
        verbs.apply(one, "cut", {"cell": leaf("A1a"), "line": line((5_000, -9), (5_000, 10_009))})
    )
    patch = other.patch_from_json(data)
    before = state(other)
    with pytest.raises(InvalidInputError, match="struck off"):
        other.replay(Patch(patch.edges, ()))
    assert state(other) == before


def test_a_step_that_fails_late_takes_everything_back():
    redraw = made()
    before = state(redraw)

    def fails(step):
        verbs.VERBS["give_away"].act(step, verbs.Arguments({"cell": ["grid", "A1"]}))
        cut = verbs.Arguments({"cell": leaf("A2a"), "line": line((5_000, 9_000), (5_000, 21_000))})
        verbs.VERBS["cut"].act(step, cut)
        raise InvalidInputError("no")

    for _ in range(2):
        with pytest.raises(InvalidInputError, match="no"):
            redraw.change(fails)
        assert state(redraw) == before
    do(redraw, "cut", cell=leaf("A2a"), line=line((5_000, 9_000), (5_000, 21_000)))


def test_a_code_may_come_back_after_its_cell_was_merged_away():
    redraw = made()
    gone = do(redraw, "merge", cells=[leaf("A1b")], into=leaf("A1a"))
    cut = {"cell": leaf("A2a"), "line": line((5_000, 9_000), (5_000, 21_000)), "code": "A1b"}
    with pytest.raises(InvalidInputError, match="no"):
        redraw.change(lambda step: (verbs.VERBS["cut"].act(step, verbs.Arguments(cut)), fail()))
    redraw.replay(redraw.patch_from_json(gone).reversed())
    assert state(redraw) == state(made())


def fail():
    raise InvalidInputError("no")


# ------------------------------------------------------------------------------------- what verbs take


@pytest.mark.parametrize("verb", sorted(verbs.VERBS))
def test_a_verb_tells_every_argument_that_it_takes(verb):
    known = {"cut_along": {"features": "street"}, "set_kind": {"kind": "regular"}}.get(verb, {})
    with pytest.raises(InvalidInputError) as found:
        verbs.apply(made(), verb, {**known, "oddity": 1})
    (fault,) = [one for one in found.value.faults if one.field == "oddity"]
    taken = set(str(fault.message).rpartition(": ")[2].split(", "))
    assert taken <= set(re.findall("[a-z_]+", verbs.VERBS[verb].takes))
