"""What many places reach together, as one outline."""

import numpy as np
import pytest
import shapely

from geo_service.model import Mode
from geo_service.roads import contour
from geo_service.services.ground import Ground
from geo_service.services.isochrones import LONGEST_MIN, MOST_PLACES, isochrones, reached_from
from geo_service.services.tiling import Tilings
from geo_service.store.database import Database
from tests.services.places import ORIGIN, SIDE_DEG
from tests.services.test_coverage import COLUMNS, ROWS, place

__all__ = ["place"]  # a fixture
pytestmark = pytest.mark.postgis


def test_any_number_of_places_reaches_what_they_reach_in_groups(
    database: Database, place: Tilings, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Ground(database)
    share = np.linspace(0, 1, MOST_PLACES + 10)
    many = np.array(ORIGIN) + np.outer(share, [COLUMNS, 0]) * SIDE_DEG  # along the street in the south
    whole = reached_from(held, many, Mode.WALK, 1.0)
    parts = [isochrones(held, part.tolist(), Mode.WALK, [1.0]).geometry[0] for part in np.split(many, 2)]
    apart = shapely.symmetric_difference(whole, shapely.union_all(parts))
    assert apart.area < 0.05 * whole.area
    long = reached_from(held, many[:1], Mode.WALK, 4 * LONGEST_MIN)
    assert long.area > shapely.box(0, 0, COLUMNS * SIDE_DEG, ROWS * SIDE_DEG).area * 0.2
    assert reached_from(held, many + 5, Mode.WALK, 1.0).is_empty
    assert reached_from(held, np.empty((0, 2)), Mode.WALK, 1.0).is_empty

    monkeypatch.setattr(contour, "MOST_CELLS", 4_000)
    coarse = reached_from(held, many, Mode.WALK, 1.0)
    assert shapely.symmetric_difference(whole, coarse).area < 0.3 * whole.area
    few = isochrones(held, many[::12].tolist(), Mode.WALK, [1.0, 2.0])
    assert few.is_valid.all()
    assert few.geometry[1].covers(few.geometry[0])
