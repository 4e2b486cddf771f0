"""What an import says of files that lie elsewhere than the boundaries."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.crs import BD09, GCJ02, from_wgs84, to_wgs84
from geo_service.model import Edition
from geo_service.services.tiling import Tiling
from geo_service.services.whereabouts import about_incidents, about_points, about_streets, refuse_far_streets
from tests.services.places import ORIGIN, SIDE_DEG, grid, streets

RNG = np.random.default_rng(7)


def tiling_of(shapes: dict[str, shapely.Geometry]) -> Tiling:
    n = len(shapes)
    cells = pd.DataFrame(
        {
            "id": range(1, n + 1),
            "parent_id": [None] * n,
            "level": "beat",
            "depth": 0,
            "code": list(shapes),
            "name": "",
            "geom": lattice.snap(np.array(list(shapes.values()))),
        }
    )
    return Tiling.of(EDITION, cells)


EDITION = Edition(1, None, None, datetime(2026, 1, 1, tzinfo=UTC), "", "test")
TOWN = tiling_of({"small": shapely.box(*ORIGIN, ORIGIN[0] + 0.002, ORIGIN[1] + 0.002)})
INSIDE = np.array(ORIGIN) + RNG.uniform(0.0002, 0.0018, (40, 2))


def test_nothing_is_said_of_what_lies_in_the_cells() -> None:
    assert about_incidents(INSIDE, TOWN) is None
    assert about_incidents(np.full((5, 2), np.nan), TOWN) is None
    assert about_incidents(np.vstack([INSIDE, INSIDE[:30] + 5.0]), TOWN) is None
    county = tiling_of(grid(3, 3))
    assert about_streets(streets(3, 3).node_lonlat_deg, county) is None


@pytest.mark.parametrize(
    ("given", "reading"),
    [
        (INSIDE[:, ::-1].copy(), "with lon and lat swapped"),
        (from_wgs84(INSIDE, GCJ02), "are GCJ02"),
        (from_wgs84(INSIDE, BD09), "are BD09"),
        (to_wgs84(INSIDE, GCJ02), "were not GCJ02"),
        (to_wgs84(INSIDE, BD09), "were not BD09"),
    ],
)
def test_the_likeliest_reason_is_named(given: np.ndarray, reading: str) -> None:
    said = about_incidents(given, TOWN)
    assert said is not None
    assert said.startswith("40 of the 40 incidents with coordinates lie in no cell; ")
    assert f"{reading}, 40 would" in said


def test_points_of_any_kind_are_called_by_their_name() -> None:
    assert about_points(INSIDE[:, ::-1].copy(), TOWN) == (
        "40 of the 40 points with coordinates lie in no cell; with lon and lat swapped, 40 would"
    )


def test_without_a_reason_the_distance_is_told() -> None:
    chicago = np.array([[-87.65, 41.85], [-87.6, 41.9]])
    said = about_incidents(chicago, TOWN)
    assert said is not None
    assert said.startswith("2 of the 2 incidents")
    assert "km away" in said


def test_streets_of_another_continent() -> None:
    porto = streets(2, 2).node_lonlat_deg - ORIGIN + np.array([-8.6, 41.1])
    said = about_streets(porto, TOWN)
    assert said is not None
    km = float(said.split("about ")[1].split(" km")[0].replace(",", ""))
    assert 9_000 < km < 12_000
    beside = streets(1, 1).node_lonlat_deg + np.array([0.0, 2 * SIDE_DEG])
    assert about_streets(beside, TOWN) == (
        "no street lies in any cell, about 2 km away: is this an extract of another place?"
    )
    assert about_streets(np.empty((0, 2)), TOWN) is None


@pytest.mark.parametrize(("away_deg", "refused"), [(0.0, False), (0.4, False), (0.5, True), (-120.0, True)])
def test_streets_are_refused_beyond_50_km_of_the_cells(away_deg: float, refused: bool) -> None:
    nodes = streets(2, 2).node_lonlat_deg + np.array([0.0, 0.002 + away_deg if abs(away_deg) < 1 else 0.0])
    nodes = nodes + np.array([away_deg if abs(away_deg) > 1 else 0.0, 0.0])
    if not refused:
        refuse_far_streets(nodes, TOWN)
        return
    with pytest.raises(InvalidInputError, match="no street lies within 50 km of any cell") as caught:
        refuse_far_streets(nodes, TOWN)
    assert caught.value.faults[0].field == "anyway"
