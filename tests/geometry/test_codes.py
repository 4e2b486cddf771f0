"""Codes: checked by hand against the standards' examples, never issued twice, read like a page."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.geometry import codes
from geo_service.geometry.codes import GB_12_3, FreeCode, SpecialGridCode, issue_like, order_by_place

GRID = "339801001002"
SPECIAL = SpecialGridCode("010300")


# ------------------------------------------------------------------------------------------ like the siblings


@pytest.mark.parametrize(
    ("siblings", "expected"),
    [
        ([f"{GRID}001", f"{GRID}002", f"{GRID}007"], [f"{GRID}008", f"{GRID}009"]),
        ([f"{GRID}001"], [f"{GRID}002", f"{GRID}003"]),
        (["A-01", "A-02"], ["A-03", "A-04"]),
        (["Beat 9", "Beat 10"], ["Beat 11", "Beat 12"]),
        (["1", "2", "25"], ["26", "27"]),
        (["0111", "0112"], ["0113", "0114"]),
        (["X-1", "X-2", "Y-1", "X-9"], ["X-10", "X-11"]),
        ([], ["001", "002"]),
    ],
)
def test_new_codes_go_on_as_the_siblings_do(siblings, expected):
    assert issue_like(siblings, set(siblings), 2) == expected


def test_without_siblings_the_parent_begins_the_code():
    assert issue_like([], set(), 2, parent_code=GRID) == [f"{GRID}001", f"{GRID}002"]
    assert issue_like([], {f"{GRID}001"}, 1, parent_code=GRID) == [f"{GRID}002"]


def test_a_retired_code_is_passed_over():
    assert issue_like([f"{GRID}001"], {f"{GRID}001", f"{GRID}002"}, 1) == [f"{GRID}003"]


def test_the_series_of_the_cell_that_is_cut_goes_on():
    siblings = ["339801001001", "339801001002", "339801001200", "339801001201"]
    assert issue_like(siblings, siblings, 1, after="339801001001", parent_code="339801001") == [
        "339801001003"
    ]
    assert issue_like(siblings, siblings, 1, parent_code="339801001") == ["339801001202"]


def test_holes_are_used_only_when_the_numbers_run_out():
    siblings = [f"{GRID}{n:03d}" for n in range(3, 1000)]
    assert issue_like(siblings, siblings, 2) == [f"{GRID}001", f"{GRID}002"]
    with pytest.raises(ConflictError, match="never issued twice"):
        issue_like(siblings, siblings, 3)
    full = [f"{GRID}{n:03d}" for n in range(1, 1000)]
    with pytest.raises(ConflictError, match=f"^No code is left that begins with {GRID} and ends in 3 digits"):
        issue_like(full, full, 1)


@given(
    taken=st.sets(st.integers(1, 60)),
    siblings=st.sets(st.integers(1, 60), max_size=20),
    count=st.integers(1, 20),
)
def test_codes_are_never_issued_twice(taken, siblings, count):
    old = {f"{GRID}{n:03d}" for n in taken}
    own = [f"{GRID}{n:03d}" for n in sorted(siblings)]
    for new in (
        issue_like(own, old, count, parent_code=GRID),
        GB_12_3.issue(GRID, "grid", old | set(own), count),
        FreeCode(separator="").issue(GRID, "grid", old | set(own), count),
    ):
        assert len(set(new)) == count
        assert not set(new) & (old | set(own))
        assert new == sorted(new)
    assert all(
        not GB_12_3.check(code, "grid", GRID) for code in issue_like(own, old, count, parent_code=GRID)
    )


@pytest.mark.parametrize("count", [0, -1, codes.MAX_ISSUED + 1])
def test_counts_out_of_range_are_refused(count):
    with pytest.raises(InvalidInputError, match="issued"):
        issue_like([], set(), count)


# --------------------------------------------------------------------------------------------- nested digits


@pytest.mark.parametrize(
    ("code", "level", "parent", "wrong"),
    [
        ("339801", "county", None, None),
        ("339801001002003", "grid", GRID, None),
        ("33980100100200", "grid", GRID, "15 digits"),
        ("33980100100200A", "grid", GRID, "15 digits"),
        ("３３９８０１００１００２００３", "grid", GRID, "15 digits"),
        ("339801001003001", "grid", GRID, "begin with"),
        ("339801001002000", "grid", GRID, "not be 0"),
        ("1", "parish", None, "no level"),
    ],
)
def test_nested_digits_are_checked(code, level, parent, wrong):
    faults = GB_12_3.check(code, level, parent)
    assert [wrong in fault.message for fault in faults] == ([True] if wrong else [])
    assert all(fault.message.zh and fault.value in {code, level} for fault in faults)


def test_a_parent_of_the_wrong_length_is_refused():
    with pytest.raises(InvalidInputError):
        GB_12_3.issue("339801", "grid", set(), 1)
    with pytest.raises(InvalidInputError):
        GB_12_3.issue("339801", "parish", set(), 1)


# --------------------------------------------------------------------------------------------- CJ/T 349-2010


def test_an_undivided_community_has_00_and_a_divided_one_counts():
    first = SPECIAL.issue(GRID, "grid", set(), 1)
    assert first == ["010300" + GRID + "00"]
    assert SPECIAL.issue(GRID, "grid", set(), 3) == ["010300" + GRID + n for n in ("01", "02", "03")]
    assert SPECIAL.issue(GRID, "grid", set(first), 1) == ["010300" + GRID + "01"]


def test_grids_of_a_street_itself_are_merged_communities_and_count_from_601():
    made = SPECIAL.issue("339801001", "grid", {"010300" + GRID + "00"}, 2)
    assert made == ["01030033980100160100", "01030033980100160200"]
    assert SPECIAL.issue("339801001", "grid", set(made), 1) == ["01030033980100160300"]
    assert SPECIAL.check(made[0], "grid", "339801001") == ()
    assert SPECIAL.check(made[0], "grid", GRID) == ()  # a community that took others in
    (fault,) = SPECIAL.check("01030033980100100201", "grid", "339801001")
    assert "601 or more" in fault.message


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("01030033980100100201", None),
        ("0103003398010010020", "20 digits"),
        ("02030033980100100201", "begin with 010300"),
        ("01030033980100160001", "000 or 600"),
        ("01030033980100100301", "digits 7 on"),
        ("01030033980100260101", "digits 7 on"),
    ],
)
def test_special_grid_codes_are_checked(code, wrong):
    found = [fault.message for fault in SPECIAL.check(code, "grid", GRID)]
    assert (wrong is None and not found) or any(wrong in message for message in found)


def test_00_beside_other_grids_is_a_contradiction():
    start = "010300" + GRID
    assert SPECIAL.check_beside(start + "01", "grid", [start + "02"]) == ()
    assert SPECIAL.check_beside(start + "00", "grid", []) == ()
    assert SPECIAL.check_beside(start + "00", "grid", ["01030033980100100300"]) == ()
    for code, other in (("00", "01"), ("01", "00")):
        (fault,) = SPECIAL.check_beside(start + code, "grid", [start + other])
        assert "not divided" in fault.message
        assert "不划分" in fault.message.zh


# ------------------------------------------------------------------------------------------------------ free


def test_free_codes_follow_their_pattern():
    beat = FreeCode(pattern="[A-Z]-[0-9]{2}")
    assert beat.check("A-07", "grid") == ()
    assert beat.check("a7", "grid")
    assert beat.issue("A", "grid", {"A-01", "A-09", "A-100", "A-x"}, 2) == ["A-10", "A-11"]
    with pytest.raises(InvalidInputError, match="by hand"):
        beat.issue("AA", "grid", set(), 1)


# ----------------------------------------------------------------------------------------------------- order


def test_cells_are_read_like_a_page():
    page = [(119.0 + 0.01 * c, 29.0 - 0.01 * r) for r in range(3) for c in range(4)]
    shuffled = np.random.default_rng(3).permutation(len(page))
    order = order_by_place([page[k] for k in shuffled])
    assert shuffled[order].tolist() == list(range(len(page)))


def test_two_halves_of_a_cut_count_from_the_west_or_from_the_north():
    assert order_by_place([(119.02, 29.0), (119.0, 29.0001)]).tolist() == [1, 0]
    assert order_by_place([(119.0001, 29.0), (119.0, 29.02)]).tolist() == [1, 0]


@given(st.lists(st.tuples(st.floats(119, 119.1), st.floats(29, 29.1)), max_size=30))
def test_every_cell_gets_one_place_in_the_order(places):
    assert sorted(order_by_place(places).tolist()) == list(range(len(places)))


def test_a_cell_without_a_place_is_refused():
    with pytest.raises(InvalidInputError):
        order_by_place([(119.0, float("nan"))])
