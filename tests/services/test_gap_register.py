"""The register of gaps, edition after edition: what became of each is written down, also of joined ones."""

from datetime import UTC, datetime

import pytest
import shapely

from geo_service.geometry.measure import area_m2
from geo_service.services.tiling import Tilings
from geo_service.store import gaps
from geo_service.store.database import Database
from tests.services.places import square
from tests.services.test_cell_figures import put

pytestmark = pytest.mark.postgis


def ring(*holes: shapely.Geometry) -> dict[str, shapely.Geometry]:
    """A large cell with holes in it, and a small one beside it."""
    return {"A": shapely.difference(square(0, 0, 6, 5), shapely.union_all(holes)), "Z": square(6, 0, 1, 5)}


def listed(database: Database, *, closed: bool) -> list[gaps.GapRow]:
    with database.reading() as connection:
        return gaps.every(connection, now=datetime(2026, 1, 1, tzinfo=UTC), closed=closed)


def test_a_gap_that_grew_into_another_says_which_one_it_became_part_of(database: Database) -> None:
    tilings = Tilings(database)
    large, small, between = square(1, 1, 2, 3), square(4, 1, 1, 1), square(3, 1, 1, 1)
    put(database, tilings, ring(large, small))
    before = listed(database, closed=False)
    assert len(before) == 2
    put(database, tilings, ring(large, small, between))
    (now,) = listed(database, closed=False)
    assert now.id == before[0].id  # the larger one goes on
    (gone,) = listed(database, closed=True)
    assert gone.id == before[1].id
    assert gone.taken_by == [{"gap": now.id, "area_m2": pytest.approx(float(area_m2([small])[0]), abs=0.1)}]


def test_a_gap_of_which_a_cell_took_a_part_and_a_gap_the_rest_names_both(database: Database) -> None:
    tilings = Tilings(database)
    large, small = square(1, 1, 2, 3), square(4, 1, 1, 2)
    put(database, tilings, ring(large, small))
    lower, between = square(4, 1, 1, 1), square(3, 1, 1, 1)
    put(database, tilings, ring(large, lower, between))
    (gone,) = listed(database, closed=True)
    assert gone.taken_by is not None
    cell, gap = gone.taken_by
    half = float(area_m2([lower])[0])
    assert (cell[:2], cell[2]) == (["grid", "A"], pytest.approx(half, rel=1e-3))
    assert gap["area_m2"] == pytest.approx(half, rel=1e-3)
