"""Gaps agree with what plain shapely's union leaves enclosed, whatever the tiling."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geometry.gaps import count_points, gaps, match_gaps
from geo_service.geometry.measure import area_m2, length_m
from tests.geometry.scenes import SIZE, one_by_one
from tests.geometry.tilings import TILINGS, square


def block(without):
    """Three by three squares without some."""
    return one_by_one(
        [square(c * SIZE, r * SIZE) for r in range(3) for c in range(3) if (r, c) not in without]
    )


@given(TILINGS, st.integers(0, 10**6))
def test_gaps_are_what_the_union_encloses(cells, seed):
    kept = cells[np.random.default_rng(seed).random(len(cells)) < 0.7]
    found = gaps(kept) if len(kept) else []
    frame = shapely.box(119.0, 29.0, 119.5, 29.5)
    nobody = shapely.get_parts(shapely.difference(frame, shapely.union_all(kept)))
    nobody = nobody[~shapely.intersects(nobody, frame.exterior)]
    assert sum(one.area_m2 for one in found) == pytest.approx(area_m2(nobody).sum(), rel=1e-6, abs=1e-3)
    assert len(found) == len(nobody)
    for one in found:
        assert not shapely.relate_pattern(kept, one.shape, "T********").any()
        assert sum(metres for _, metres in one.neighbours) == pytest.approx(length_m([one.shape])[0])
        for cell, metres in one.neighbours:
            shared = shapely.intersection(shapely.boundary(kept[cell]), shapely.boundary(one.shape))
            assert metres == pytest.approx(length_m([shared])[0], rel=1e-6, abs=1e-6)


def test_a_square_gap_is_measured():
    (gap,) = gaps(block({(1, 1)}))
    assert gap.shape.equals(square(SIZE, SIZE))
    assert gap.width_m == pytest.approx(116, rel=0.04)
    assert gap.length_m == pytest.approx(132, rel=0.04)
    assert [cell for cell, _ in gap.neighbours] == [3, 4, 1, 6]
    assert gap.fallback == 3


def test_land_open_to_the_outside_is_no_gap():
    assert gaps(block({(0, 1)})) == []
    assert gaps(block(set())) == []


def test_points_on_the_border_are_the_cells_own():
    found = gaps(block({(1, 1)}))
    middle = shapely.get_coordinates(shapely.centroid(found[0].shape))[0]
    corner = shapely.get_coordinates(found[0].shape)[0]
    assert count_points(found, [middle, middle, corner, (np.nan, np.nan), (0.0, 0.0)]).tolist() == [2]
    assert count_points([], [middle]).tolist() == []


def test_a_gap_that_is_closed_tells_who_took_the_land():
    before, after = block({(1, 1)}), block(set())
    (change,) = match_gaps(gaps(before), gaps(after), after)
    assert (change.kind, change.before, change.after) == ("closed", 0, None)
    assert change.taken_by == ((4, pytest.approx(change.closed_m2)),)


def test_a_gap_opens_grows_and_stays():
    one, two, large = gaps(block({(1, 1)})), gaps(block(set())), gaps(block({(1, 1)}))
    assert [change.kind for change in match_gaps(two, one)] == ["opened"]
    assert [change.kind for change in match_gaps(one, large)] == ["unchanged"]
    half = np.append(block({(1, 1)}), shapely.box(*square(SIZE, SIZE, SIZE // 2).bounds))
    (change,) = match_gaps(one, gaps(half), half)
    assert change.kind == "changed"
    assert change.closed_m2 == pytest.approx(one[0].area_m2 / 4, rel=1e-4)
    assert change.taken_by[0][0] == 8
    (back,) = match_gaps(gaps(half), one)
    assert (back.kind, back.opened_m2) == ("changed", pytest.approx(one[0].area_m2 / 4, rel=1e-4))
