import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.formats.faults import FaultList, preview
from geo_service.formats.names import nearest_name


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 60)), max_size=8), st.integers(5, 30))
def test_every_kind_is_listed_and_the_rest_is_counted(runs: list[tuple[str, int]], shown: int) -> None:
    faults = FaultList(shown)
    kinds = [kind for kind, times in runs for _ in range(times)]
    for row, kind in enumerate(kinds):
        faults.add(kind, kind, "wrong", row=row)
    listed = faults.listed()
    own = [fault for fault in listed if fault.row is not None]
    assert len(faults) == len(kinds)
    assert len(own) == min(len(kinds), shown)
    assert {fault.field for fault in own} == set(kinds)
    assert [fault.row for fault in own] == sorted(fault.row for fault in own)
    assert len(listed) - len(own) == (len(kinds) > shown)
    if len(kinds) > shown:
        assert str(len(kinds) - shown) in listed[-1].message


def test_values_are_safe_to_print_and_to_send() -> None:
    faults = FaultList()
    for value in (
        "\ud800\x00\x1b[31m",
        math.nan,
        math.inf,
        "x" * 500,
        [1, {"a": None}],
        b"\xff",
        True,
        7,
        10**400,
    ):
        faults.add("k", "f", "m", value=value, place=(math.nan, 0.0))
    for fault in faults.listed():
        orjson.dumps(fault.as_dict())
        text = str(fault.as_dict()) + str(fault)
        assert text.isprintable()
        assert fault.place is None
        text.encode()


def test_nothing_is_raised_without_a_fault() -> None:
    faults = FaultList()
    faults.raise_if_any("The file")
    faults.add("k", "f", "m")
    with pytest.raises(InvalidInputError, match="1 fault; nothing was loaded"):
        faults.raise_if_any("The file")


def test_names() -> None:
    assert nearest_name("beatnum", ["SECTOR", "BEAT_NUM"]) == "BEAT_NUM"
    assert nearest_name("zzz", ["SECTOR"]) is None
    assert preview(["a"] * 32) == ", ".join(["a"] * 30) + " and 2 more"
