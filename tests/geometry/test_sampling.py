"""Points spread over polygons: inside, even, and never none."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geometry.sampling import spread


@given(
    st.lists(
        st.tuples(
            st.floats(-170, 170),
            st.floats(-60, 60),
            st.floats(1e-4, 2.0),
            st.floats(1e-4, 2.0),
            st.floats(0, 6),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_points_lie_inside_and_every_polygon_has_some(boxes) -> None:
    shapes = np.array(
        [
            shapely.affinity.rotate(shapely.box(x, y, x + w, y + h), turn, use_radians=True)
            for x, y, w, h, turn in boxes
        ]
    )
    points, owner = spread(shapes)
    assert set(owner) == set(range(len(shapes)))
    assert shapely.intersects_xy(shapes[owner], points[:, 0], points[:, 1]).all()


@pytest.mark.parametrize("per_cell", [4, 16, 100])
def test_about_as_many_as_asked_for_and_evenly(per_cell: int) -> None:
    square = shapely.box(118, 28.9, 118.01, 28.91)
    points, _ = spread(np.array([square]), per_cell)
    assert per_cell / 2 <= len(points) <= per_cell * 1.5
    left = shapely.contains_xy(shapely.box(118, 28.9, 118.005, 28.91), *points.T).sum()
    assert abs(left - len(points) / 2) <= np.sqrt(per_cell)


def test_a_needle_that_the_grid_misses_gets_one_point_inside() -> None:
    needle = shapely.Polygon([(118, 28), (118.5, 28.30001), (119, 28.6), (118.5, 28.29999)])
    points, _ = spread(np.array([needle]), 4)
    assert len(points) >= 1
    assert shapely.intersects_xy(needle, *points.T).all()


def test_nothing_gives_nothing() -> None:
    points, owner = spread(np.empty(0, dtype=object))
    assert points.shape == (0, 2)
    assert len(owner) == 0
