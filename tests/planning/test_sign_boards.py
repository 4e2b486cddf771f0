"""Sign boards: what is no longer true on them, and what a redraw touches, on squares."""

import numpy as np
import pytest
import shapely

from geo_service.planning.compare import Side
from geo_service.planning.register import CellRecord
from geo_service.planning.sign_boards import (
    CellsOfSide,
    Reason,
    SignBoard,
    land_differs,
    names_of,
    stale,
    touched,
)


def box(column, width=1):
    return shapely.box(column, 0, column + width, 1)


def side(grids, names=None):
    """Grids over unit squares in a row: ``"aab"`` has a over 0..2, b over 2..3."""
    letters = sorted(set(grids))
    records = [CellRecord("grid", one, "regular", (names or {}).get(one, one), None, {}) for one in letters]
    records += [
        CellRecord("micro_grid", f"m{k}", "regular", "", ("grid", letter), {})
        for k, letter in enumerate(grids)
    ]
    shapes = np.array([box(k) for k in range(len(grids))], dtype=object)
    leaves = [("micro_grid", f"m{k}") for k in range(len(grids))]
    return Side.of(("grid", "micro_grid"), records, leaves, shapes)


def board(cell="a", place=(0.5, 0.5), outline=None, **more):
    given = {
        "code": f"B{cell}",
        "cell": ("grid", cell),
        "kind": "",
        "place": place,
        "printed_name": cell,
        "printed_owner": "",
        "printed_role": "",
        "printed_on": None,
        "edition_id": 1,
        "outline": outline or box(0, 2),
    }
    return SignBoard(**(given | more))


BEFORE = CellsOfSide(side("aab"))


def reasons(one, cells=BEFORE, owners=None):
    return set(stale([one], cells, owners or {})[0])


def test_a_board_that_tells_the_truth():
    assert reasons(board()) == set()
    assert reasons(board(place=None)) == set()


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (board(outline=box(0, 3)), {Reason.OUTLINE}),
        (board(printed_name="甲"), {Reason.NAME}),
        (board(place=(2.5, 0.5)), {Reason.PLACE}),
        (board(place=(9.0, 9.0)), {Reason.PLACE}),
        (board("z"), {Reason.RETIRED, Reason.PLACE}),
        (board("z", place=None), {Reason.RETIRED}),
        (board(cell="z", place=None, printed_owner="张三"), {Reason.RETIRED}),
    ],
)
def test_each_reason_is_found(one, expected):
    assert reasons(one) == expected


@pytest.mark.parametrize(
    ("owner", "role", "held", "is_stale"),
    [
        ("", "", [], False),
        ("张三", "", [("张三", "lead")], False),
        ("张三、李四", "", [("李四", "worker"), ("张三", "lead"), ("王五", "worker")], False),
        ("张三", "", [("李四", "lead")], True),
        ("张三", "lead", [("张三", "worker")], True),
        ("张三", "worker", [], True),
    ],
)
def test_an_owner_that_is_printed_answers_for_the_cell(owner, role, held, is_stale):
    one = board(printed_owner=owner, printed_role=role)
    assert (Reason.OWNER in reasons(one, owners={("grid", "a"): held})) is is_stale


def test_names_stand_with_any_sign_between():
    assert names_of(" 张三、李四, 王五；赵六/") == {"张三", "李四", "王五", "赵六"}


def test_a_corner_more_on_a_border_is_no_other_land():
    step = 2.0**-23
    plain = box(0, 2)
    bent = shapely.Polygon([(0, 0), (1, -step), (2, 0), (2, 1), (0, 1)])
    cornered = shapely.Polygon([(0, 0), (1, 0), (2, 0), (2, 1), (0, 1)])
    other = shapely.Polygon([(0, 0), (1, -64 * step), (2, 0), (2, 1), (0, 1)])
    pairs = [plain, plain, plain, plain], [plain, cornered, bent, other]
    assert land_differs(*(np.array(one, dtype=object) for one in pairs)).tolist() == [
        False,
        False,
        False,
        True,
    ]
    empty = np.empty(0, dtype=object)
    assert land_differs(empty, empty).tolist() == []


def touching(after, *boards, changed=None):
    found = touched(boards, BEFORE, CellsOfSide(after), changed)
    return {one.board.code: set(one.reasons) for one in found}


def test_a_redraw_touches_the_boards_of_what_it_changes_and_no_others():
    boards = [
        board("a", (1.5, 0.5), code="B1"),
        board("b", (2.5, 0.5), code="B2"),
        board("a", None, code="B3"),
    ]
    assert touching(side("aab"), *boards) == {}
    # the middle square goes from a to b: both outlines, and the board that stands there
    assert touching(side("abb"), *boards) == {
        "B1": {Reason.OUTLINE, Reason.PLACE},
        "B2": {Reason.OUTLINE},
        "B3": {Reason.OUTLINE},
    }
    assert touching(side("aab", {"b": "新名"}), *boards) == {"B2": {Reason.NAME}}
    assert touching(side("aaa"), *boards) == {
        "B1": {Reason.OUTLINE},
        "B2": {Reason.RETIRED, Reason.PLACE},
        "B3": {Reason.OUTLINE},
    }


def test_only_cells_said_to_differ_are_looked_at():
    boards = [board("a", None, code="B1"), board("b", None, code="B2")]
    assert touching(side("abb"), *boards, changed={("grid", "b")}) == {"B2": {Reason.OUTLINE}}


def test_from_where_to_where_a_board_changes_hands():
    (one,) = [
        one
        for one in touched([board("a", (1.5, 0.5))], BEFORE, CellsOfSide(side("abb")))
        if one.changes_hands
    ]
    told = one.as_dict()
    assert (told["from"], told["to"], told["print_again"]) == (["grid", "a"], ["grid", "b"], True)


def test_a_board_on_a_border_stands_in_the_leaf_of_the_smallest_code():
    assert BEFORE.cell_at("grid", np.array([[2.0, 0.5], [1.0, 0.5], [7.0, 0.5]])) == [
        ("grid", "a"),
        ("grid", "a"),
        None,
    ]
    assert BEFORE.cell_at("street", np.array([[2.0, 0.5]])) == [None]
