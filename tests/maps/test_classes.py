from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import BadRequestError
from geo_service.maps.classes import PALETTES, Method, classify, natural_breaks

VALUES = st.lists(st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 3)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def mapclassify() -> Any:
    """Imported only where it is asked: it compiles its kernels then, seconds in every process of a run."""
    return import_module("mapclassify")


def spread(values: np.ndarray, limits: np.ndarray) -> float:
    """Sum of squared deviations from the mean of the class."""
    number = np.searchsorted(limits, values)
    return sum(float(((v := values[number == k]) - v.mean()).__pow__(2).sum()) for k in np.unique(number))


@given(VALUES, st.integers(2, 9))
def test_natural_breaks_are_as_good_as_mapclassify(mapclassify: Any, values: list[float], count: int) -> None:
    array = np.array(values)
    count = min(count, len(np.unique(array)))
    ours = spread(array, natural_breaks(array, count))
    theirs = spread(array, mapclassify.FisherJenks(array, k=count).bins)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6) or ours < theirs


def test_natural_breaks_equal_mapclassify_on_smooth_values(mapclassify: Any) -> None:
    values = np.random.default_rng(5).gamma(2, 1, 400)
    assert natural_breaks(values, 6) == pytest.approx(mapclassify.FisherJenks(values, k=6).bins)


def test_quantiles_and_equal_widths_equal_mapclassify(mapclassify: Any) -> None:
    values = np.random.default_rng(5).gamma(2, 1, 500)
    assert classify(values, "quantiles", count=5).breaks == pytest.approx(
        mapclassify.Quantiles(values, k=5).bins
    )
    assert classify(values, "equal", count=5).breaks == pytest.approx(
        mapclassify.EqualInterval(values, k=5).bins
    )


@given(VALUES, st.sampled_from(["quantiles", "equal", "fisher_jenks"]), st.integers(2, 9))
def test_classes_hold_every_value(values: list[float], method: str, count: int) -> None:
    classes = classify(values, method, count=count)
    assert 1 <= len(classes.breaks) <= count
    assert list(classes.breaks) == sorted(set(classes.breaks))
    assert len(classes.colors) == len(classes.breaks)
    assert classes.breaks[-1] >= max(values)
    assert classes.lowest == min(values)


def test_many_values_are_put_into_groups_and_still_classed_well(mapclassify: Any) -> None:
    values = np.random.default_rng(5).gamma(2, 1, 14_199)
    ours = np.array(classify(values, "fisher_jenks", count=6).breaks)
    theirs = mapclassify.FisherJenks(np.sort(values)[::7], k=6).bins
    theirs[-1] = values.max()
    assert spread(values, ours) < 1.02 * spread(values, theirs)


def test_a_lowest_value_that_many_share_is_a_class_of_its_own() -> None:
    values = np.concatenate([np.zeros(300), np.random.default_rng(5).gamma(2, 1, 100)])
    breaks = classify(values, "quantiles", count=5).breaks
    assert breaks[0] == 0.0
    number = np.searchsorted(breaks, values)
    assert np.bincount(number).tolist() == [300, 25, 25, 25, 25]


def test_limits_of_whole_numbers_are_whole() -> None:
    assert all(v == int(v) for v in classify(np.arange(100) % 37, count=5).breaks)


def test_no_values_few_values_and_missing_ones() -> None:
    assert classify([]).breaks == ()
    assert classify([np.nan, np.inf]).colors == ()
    assert classify([3.0, 3.0, np.nan]).breaks == (3.0,)
    assert classify([1.0, 2.0]).breaks == (1.0, 2.0)


@pytest.mark.parametrize("palette", sorted(PALETTES))
@pytest.mark.parametrize("count", range(2, 10))
def test_every_palette_has_as_many_colours_as_classes(palette: str, count: int) -> None:
    colors = classify(np.arange(50.5), count=count, palette=palette).colors
    assert len(set(colors)) == count
    assert classify(np.arange(50.5), count=count, palette=palette, reverse=True).colors == colors[::-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "jenks"}, "method must be one of"),
        ({"palette": "Rainbow"}, "palette must be one of"),
        ({"count": 1}, "from 2 to 9"),
        ({"method": Method.GIVEN}, "ascending"),
        ({"method": "given", "breaks": [3, 2]}, "ascending"),
        ({"method": "given", "breaks": [1, float("nan")]}, "ascending"),
    ],
)
def test_faults_are_said(arguments: dict, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        classify([1.0, 2.0, 3.0], **arguments)
