"""The register of gaps, edition after edition: what became of each is written down, also of joined ones."""

from datetime import UTC, datetime, timedelta

import pytest
import shapely

from geo_service.geometry.measure import area_m2
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, gaps
from geo_service.store.database import Database
from tests.services.places import square, table
from tests.services.test_cell_figures import put

pytestmark = pytest.mark.postgis


def ring(*holes: shapely.Geometry) -> dict[str, shapely.Geometry]:
    """A large cell with holes in it, and a small one beside it."""
    return {"A": shapely.difference(square(0, 0, 6, 5), shapely.union_all(holes)), "Z": square(6, 0, 1, 5)}


def listed(database: Database, *, closed: bool | None, at: datetime | None = None) -> list[gaps.GapRow]:
    with database.reading() as connection:
        return gaps.every(connection, now=at or boundaries.moment(connection), closed=closed)


def edition(
    database: Database, tilings: Tilings, cells: dict[str, shapely.Geometry], begins: datetime | None
) -> int:
    """Publish an edition that replaces those that begin later."""
    with database.reading() as connection:
        levels = boundaries.levels(connection)
        known = boundaries.edition_in_force(connection, begins)
    current = tilings.load(known) if known else None
    made = draft_import(BoundaryImport(table(cells), "grid"), current, levels)
    done = publish(
        database, tilings, made, who="t", note="", valid_from=begins, supersede=True, back_dated=False
    )
    return done.edition_id


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


def test_a_gap_is_open_until_the_edition_begins_that_closes_it(database: Database) -> None:
    tilings = Tilings(database)
    hole, later = square(1, 1, 2, 3), square(4, 1, 1, 1)
    first = edition(database, tilings, ring(hole), None)
    with database.reading() as connection:
        month = boundaries.moment(connection) + timedelta(days=30)
    closing = edition(database, tilings, ring(later), month)
    (now,) = listed(database, closed=False)
    assert (now.opened_edition_id, now.closed_edition_id) == (first, closing)
    assert (now.open_from, now.closed_from) == (None, month)
    assert listed(database, closed=True) == []
    assert len(listed(database, closed=None)) == 2  # the one to come is there
    (then,) = listed(database, closed=False, at=month)
    assert (then.open_from, then.opened_edition_id) == (month, closing)
    assert [row.id for row in listed(database, closed=True, at=month)] == [now.id]

    # an edition in between takes the place of the one that was to come: the gap is not closed after all
    week = month - timedelta(days=23)
    instead = edition(database, tilings, ring(hole, later), week)
    (kept,) = [row for row in listed(database, closed=False, at=month) if row.id == now.id]
    assert (kept.opened_edition_id, kept.closed_edition_id, kept.taken_by) == (first, None, None)
    (other,) = [row for row in listed(database, closed=False, at=month) if row.id != now.id]
    assert (other.opened_edition_id, other.open_from) == (instead, week)
    assert other.id == then.id


def test_a_correction_of_the_past_says_since_when_a_gap_is_closed(database: Database) -> None:
    tilings = Tilings(database)
    hole = square(1, 1, 2, 3)
    edition(database, tilings, ring(), None)
    march, june = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    opening = edition(database, tilings, ring(hole), march)
    closing = edition(database, tilings, {**ring(hole), "N": hole}, june)
    (gone,) = listed(database, closed=True)
    assert (gone.opened_edition_id, gone.closed_edition_id, gone.closed_from) == (opening, closing, june)
    may = datetime(2025, 5, 1, tzinfo=UTC)
    corrected = edition(database, tilings, {**ring(hole), "M": hole}, may)
    (gone,) = listed(database, closed=True)
    assert (gone.closed_edition_id, gone.closed_from) == (corrected, may)
    assert gone.taken_by is not None
    assert gone.taken_by[0][:2] == ["grid", "M"]
    assert len(listed(database, closed=False, at=datetime(2025, 4, 1, tzinfo=UTC))) == 1
