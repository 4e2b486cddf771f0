"""Staffing density: quotients with a meaning, and reasons where there is none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.staffing.density import PER, staffing_density


def test_each_quotient() -> None:
    table = staffing_density(
        [3, 1], [1.5, 0.5], [3000, 250], [1000, 100], [12, 4], index=pd.Index(["a", "b"])
    )
    assert table["per_km2"].tolist() == [2.0, 2.0]
    assert table["per_1000_residents"].tolist() == [1.0, 4.0]
    assert table["per_100_households"].tolist() == [0.3, 1.0]
    assert table["per_incident"].tolist() == [0.25, 0.25]
    assert (table.filter(like="_reason") == "").all(axis=None)
    assert table.index.tolist() == ["a", "b"]


def test_nothing_to_look_after_has_a_reason() -> None:
    table = staffing_density([2, 0, 2, np.nan], [1, 1, 1, 1], [0, 0, np.nan, 5])
    assert table["per_1000_residents_reason"].tolist() == [
        "no residents", "no residents", "residents not known", "staff not known",
    ]  # fmt: skip
    assert table["per_1000_residents"].isna().all()
    assert table["per_km2"].tolist()[:3] == [2.0, 0.0, 2.0]
    assert table["per_incident_reason"].tolist()[:3] == ["incidents not known"] * 3


VALUE = st.one_of(st.just(0.0), st.just(float("nan")), st.floats(0, 1e300), st.just(5e-324))


@given(st.lists(st.tuples(VALUE, VALUE, VALUE, VALUE, VALUE), max_size=10))
def test_never_infinite_and_a_reason_for_each_nan(rows: list[tuple[float, ...]]) -> None:
    columns = np.array(rows, float).reshape(-1, 5).T
    table = staffing_density(*columns)
    for name in PER:
        assert not np.isinf(table[name]).any()
        assert ((table[f"{name}_reason"] != "") == table[name].isna()).all()


@pytest.mark.parametrize("wrong", [[-1.0, 1.0], [np.inf, 1.0], [1.0]])
def test_figures_out_of_order_are_refused(wrong: list[float]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        staffing_density([1, 1], wrong, residents=[-3, 1])
    assert {fault.field for fault in raised.value.faults} == {"area_km2", "residents"}
