"""Shapes drawn in: always inside, always round the place, with fewer corners where there were many."""

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geometry.inside import inner_shape

METRE = 1 / 111_000


def star(seed: int, corners: int, size_m: float) -> shapely.Polygon:
    """Return a polygon with a jagged border round (118, 29)."""
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, corners))
    reach = size_m * METRE * random.uniform(0.3, 1, corners)
    return shapely.Polygon(np.column_stack((118 + reach * np.cos(angle) / 0.87, 29 + reach * np.sin(angle))))


@given(st.integers(0, 10**6), st.integers(3, 200), st.floats(5, 5000))
def test_it_is_inside_and_round_the_place(seed: int, corners: int, size_m: float) -> None:
    shape = star(seed, corners, size_m)
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    random = np.random.default_rng(seed)
    west, south, east, north = shape.bounds
    for lon, lat in random.uniform((west, south), (east, north), (5, 2)):
        found = inner_shape(shape, (lon, lat))
        away_m = shapely.Point(lon, lat).distance(shape.boundary) / METRE
        if not shape.contains(shapely.Point(lon, lat)):
            assert found is None
        elif found is None:
            assert away_m < 0.5
        else:
            assert found.is_valid
            assert shape.contains(found)
            assert found.contains(shapely.Point(lon, lat))
            assert found.boundary.distance(shape.boundary) / METRE > 0.01


def test_a_fine_border_becomes_a_short_one() -> None:
    angle = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    wavy = 500 * METRE * (1 + 0.001 * np.sin(angle * 400))
    shape = shapely.Polygon(np.column_stack((118 + wavy * np.cos(angle) / 0.87, 29 + wavy * np.sin(angle))))
    found = inner_shape(shape, (118.0, 29.0))
    assert found is not None
    assert shapely.get_num_coordinates(found) < 100
    assert found.area > 0.98 * shape.area
