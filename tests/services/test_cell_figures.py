"""Incidents counted for the cells of an edition, whatever editions were in force when they happened."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from geo_service.services.cell_figures import FIGURES_KEPT, incident_counts
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.intake import take_in
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, placements
from geo_service.store.database import Database
from tests.services.places import grid, middle, square, table

pytestmark = pytest.mark.postgis
SINCE, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


def put(database: Database, tilings: Tilings, cells: dict, valid_from: datetime | None = None) -> None:
    with database.reading() as connection:
        levels = boundaries.levels(connection)
        known = boundaries.edition_in_force(connection, valid_from)
    current = tilings.load(known) if known else None
    made = draft_import(BoundaryImport(table(cells), "grid"), current, levels)
    publish(database, tilings, made, who="t", note="", valid_from=valid_from)


def report(database: Database, tilings: Tilings, first: int, count: int) -> None:
    rng = np.random.default_rng(first)
    lonlat = [middle(*rng.uniform((-1, -1), (4, 2))) for _ in range(count)]
    rows = pd.DataFrame(lonlat, columns=["lon", "lat"])
    rows.loc[rows.index % 20 == 0, ["lon", "lat"]] = np.nan
    rows["occurred_at"] = [SINCE + timedelta(days=float(day)) for day in rng.uniform(-30, 395, count)]
    rows["source_id"] = [str(first + i) for i in range(count)]
    take_in(database, tilings, rows, source="s", who="t")


def located(database: Database, tiling) -> np.ndarray:
    """The same counts by locating every point."""
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select st_x(geom), st_y(geom) from incident "
            "where geom is not null and occurred_at >= %s and occurred_at < %s",
            (SINCE, UNTIL),
        ).all()
    leaf, _ = tiling.index.leaf_of(np.array([tuple(row) for row in rows], dtype=float).reshape(-1, 2))
    return np.bincount(leaf[leaf >= 0], minlength=len(tiling.leaves))


def test_counts_are_by_place_across_editions(database: Database) -> None:
    tilings = Tilings(database)
    put(database, tilings, grid(3, 1))
    report(database, tilings, 0, 300)
    merged = {"west": square(0, 0, 2), "c02r00": square(2, 0)}
    put(database, tilings, merged, datetime(2025, 6, 1, tzinfo=UTC))
    report(database, tilings, 1000, 300)
    put(database, tilings, {**merged, "north": square(0, 1, 3)}, datetime(2025, 9, 1, tzinfo=UTC))
    report(database, tilings, 2000, 300)
    for edition in tilings.spans():
        tiling = tilings.load(edition)
        with database.reading() as connection:
            counts = incident_counts(connection, tiling, SINCE, UNTIL)
        assert counts.tolist() == located(database, tiling).tolist()
        assert counts.sum() > 100


def test_counted_once_until_incidents_are_added(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    tilings = Tilings(database)
    put(database, tilings, grid(3, 1))
    report(database, tilings, 0, 100)
    asked = []
    count = placements.counts
    monkeypatch.setattr(placements, "counts", lambda *given: asked.append(1) or count(*given))

    def now() -> float:
        with database.reading() as connection:
            return float(incident_counts(connection, tilings.get(), SINCE, UNTIL).sum())

    before = now()
    assert now() == before
    assert len(asked) == 1
    report(database, tilings, 1000, 100)
    assert now() > before
    assert len(asked) == 2
    with database.reading() as connection:
        for day in range(FIGURES_KEPT + 5):
            incident_counts(connection, tilings.get(), SINCE, UNTIL + timedelta(days=day))
    assert len(tilings.get().figures) == FIGURES_KEPT
