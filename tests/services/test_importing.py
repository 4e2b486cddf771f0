"""Import reports say what a file did, and a long import says how far it is."""

from collections.abc import Callable
from datetime import UTC, datetime

import geopandas as gpd
import pandas as pd
import pytest

from geo_service.formats.boundaries import BoundaryTable
from geo_service.formats.shifts import ShiftKind, ShiftTable
from geo_service.services import importing
from geo_service.services.intake import take_in
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, staffing
from geo_service.store.database import Database
from tests.services.places import grid, middle, square, table

pytestmark = pytest.mark.postgis


def shift_table(*spans: tuple[str, str, str]) -> ShiftTable:
    frame = pd.DataFrame(spans, columns=["responder_id", "start", "end"])
    frame = frame.assign(
        row=range(2, len(spans) + 2),
        start=pd.to_datetime(frame["start"], utc=True),
        end=pd.to_datetime(frame["end"], utc=True),
    )
    return ShiftTable(ShiftKind.ABSOLUTE, frame, "Asia/Shanghai", ())


def test_a_file_of_shifts_says_how_many_it_replaced_and_cut(database: Database) -> None:
    people = pd.DataFrame(
        {
            "code": ["w"], "name": "", "role": "grid_worker", "mode": "walk",
            "lon": float("nan"), "lat": float("nan"), "capabilities": [[]], "phone": "",
            "home_level": None, "home_cell_code": None,
        }
    )  # fmt: skip
    with database.writing() as connection:
        staffing.upsert_responders(connection, people, boundaries.moment(connection))

    def counts(*spans: tuple[str, str, str], commit: bool = True) -> dict[str, object]:
        report = importing.import_shifts(database, shift_table(*spans), who="test", commit=commit)
        assert report.committed == commit
        return report.counts

    first = counts(
        ("w", "2026-05-01T22:00Z", "2026-05-02T06:00Z"), ("w", "2026-05-02T08:00Z", "2026-05-02T16:00Z")
    )
    assert first == {"kind": "absolute", "rows": 2, "responders": 1, "replaced": 0, "cut": 0}
    day = ("w", "2026-05-02T00:00Z", "2026-05-02T18:00Z")  # ends the night shift at midnight
    assert counts(day, commit=False) == {"kind": "absolute", "rows": 1, "responders": 1}
    assert counts(day) == {"kind": "absolute", "rows": 1, "responders": 1, "replaced": 1, "cut": 1}


def test_an_import_of_boundaries_says_how_many_incidents_are_placed(database: Database) -> None:
    said: list[tuple[str, float | None]] = []

    def bring(cells: dict, say: Callable[[str, float | None], None], **options: object) -> None:
        frame = table(cells)
        given = BoundaryTable(gpd.GeoDataFrame(frame, geometry="geometry", crs=4326), "beat", "WGS84", ())
        importing.import_boundaries(
            database, Tilings(database), given, level="beat", who="test", commit=True, say=say, **options
        )

    bring(grid(2, 1), importing.silent)
    lon, lat = middle(0, 0)
    rows = pd.DataFrame({"source_id": ["1"], "occurred_at": datetime(2021, 5, 2, tzinfo=UTC), "lon": [lon]})
    take_in(database, Tilings(database), rows.assign(lat=lat), source="test", who="test")
    moved = {"west": square(0, 0), "east": square(1, 0)}
    bring(moved, lambda what, share: said.append((what, share)), valid_from=datetime(2020, 1, 1, tzinfo=UTC))
    assert ("placing incidents anew", 1.0) in said
    assert said[-1] == ("tracing where land went", 1.0)
