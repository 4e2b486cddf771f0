"""Code schemes by level: read with every fault named, written back, and never issuing what ever was."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.geometry.code_schemes import CodeSchemes

LEVELS = ("county", "township", "community", "grid", "micro_grid", "beat")
OURS = {
    "schemes": {
        "grid": {"scheme": "gb_12_3"},
        "micro_grid": {"scheme": "cjt_349", "subject": "010100"},
        "beat": {"scheme": "free", "pattern": r"[A-Z]\d{1,3}-\d{2}", "separator": "-", "width": 2},
    }
}
PARENTS = {"grid": "339801001001", "micro_grid": "339801001001", "beat": "A1"}


def test_schemes_come_back_as_they_were_given():
    read = CodeSchemes.from_mapping(OURS, LEVELS)
    assert read.as_mapping() == OURS
    assert CodeSchemes.from_mapping(read.as_mapping(), LEVELS).as_mapping() == OURS


def test_a_level_without_a_scheme_is_left_alone():
    read = CodeSchemes.from_mapping(OURS, LEVELS)
    assert read.check("anything", "county") == ()
    assert read.issue("x", "county", (), 1) is None


@pytest.mark.parametrize(
    ("schemes", "field"),
    [
        ([], "schemes"),
        ({"street": {"scheme": "gb_12_3"}}, "schemes.street"),
        ({"grid": {"scheme": "iso"}}, "schemes.grid.scheme"),
        ({"grid": 7}, "schemes.grid.scheme"),
        ({"beat": {"scheme": "gb_12_3"}}, "schemes.beat"),
        ({"grid": {"scheme": "gb_12_3", "width": 3}}, "schemes.grid.width"),
        ({"grid": {"scheme": "cjt_349", "subject": 10100}}, "schemes.grid.subject"),
        ({"beat": {"scheme": "free", "pattern": "(a+)+"}}, "schemes.beat.pattern"),
        ({"beat": {"scheme": "free", "pattern": "[z-a]"}}, "schemes.beat.pattern"),
        ({"beat": {"scheme": "free", "pattern": r"\d*\d*\d*\d*x"}}, "schemes.beat.pattern"),
        ({"beat": {"scheme": "free", "separator": "--"}}, "schemes.beat.separator"),
        ({"beat": {"scheme": "free", "width": 0}}, "schemes.beat.width"),
        ({"beat": {"scheme": "free", "width": True}}, "schemes.beat.width"),
    ],
)
def test_each_fault_names_where_it_stands(schemes, field):
    with pytest.raises(InvalidInputError) as raised:
        CodeSchemes.from_mapping({"schemes": schemes}, LEVELS)
    assert [fault.field for fault in raised.value.faults] == [field]


@pytest.mark.parametrize("level", sorted(PARENTS))
@settings(max_examples=60, deadline=None)
@given(rounds=st.lists(st.integers(1, 4), min_size=1, max_size=8), gone=st.randoms(use_true_random=False))
def test_no_scheme_ever_issues_a_code_that_was(level, rounds, gone):
    """Whatever is retired between two rounds: what was published stays taken."""
    schemes = CodeSchemes.from_mapping(OURS, LEVELS)
    ever, live = set(), set()
    for count in rounds:
        try:
            made = schemes.issue(PARENTS[level], level, ever, count)
        except ConflictError:
            return  # all used up: said, not repeated
        assert not ever.intersection(made)
        assert all(schemes.check(code, level, PARENTS[level]) == () for code in made)
        ever.update(made)
        live.update(made)
        live -= {code for code in live if gone.random() < 0.5}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=r"[]A-Za0\d{}?*+.,^w-|()", max_size=30))
def test_a_pattern_that_is_taken_is_matched_at_once(pattern):
    try:
        read = CodeSchemes.from_mapping({"schemes": {"beat": {"scheme": "free", "pattern": pattern}}}, LEVELS)
    except InvalidInputError:
        return
    began = time.perf_counter()
    for text in ("a" * 64, "0" * 63 + "x", "A-" * 32):
        assert bool(read.check(text, "beat")) is (re.fullmatch(pattern, text) is None)
    assert time.perf_counter() - began < 0.5
