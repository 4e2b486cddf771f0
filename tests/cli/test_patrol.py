"""``geo-service patrol`` on the demo town: its workers walk, and the figures show it."""

import csv
import io
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Call


@pytest.fixture
def on_town(own_town_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", own_town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))


def test_the_demo_walks_and_its_figures_are_told(geo_service: Call, on_town: None) -> None:
    walked = ("patrol", "demo", "--days", "2", "--people", "15")
    rows = list(csv.DictReader(io.StringIO(geo_service(*walked).out)))
    assert [row["new"] for row in rows] == ["True", "True"]
    assert all(int(row["matched"]) > 0.95 * int(row["fixes"]) > 0 for row in rows)
    again = list(csv.DictReader(io.StringIO(geo_service(*walked).out)))
    assert [row["new"] for row in again] == ["False", "False"]

    span = ("--from", rows[0]["day"], "--to", rows[-1]["day"])
    cells = geo_service("patrol", "cells", *span, "--json").json["cells"]
    hours = sum(row["hours"] for row in cells)
    assert hours == pytest.approx(sum(int(row["fixes"]) for row in rows) / 120, rel=0.1)
    assert 0 < max(row["share"] for row in cells if row["share"] is not None) <= 1
    table = list(csv.DictReader(io.StringIO(geo_service("patrol", "cells", *span).out)))
    assert len(table) == len(cells)
    told = geo_service("patrol", "against-incidents", *span, "--json").json
    assert told["cells_compared"] == len(cells)
    assert told["incidents"] == sum(row["incidents"] for row in told["cells"])


def test_what_is_no_day_or_has_no_track_is_refused(geo_service: Call, on_town: None) -> None:
    assert geo_service("patrol", "cells", "--from", "yesterday", "--to", "2026-01-01").status == 1
    long_ago = (date(2020, 1, 1) + timedelta(days=1)).isoformat()
    refused = geo_service("patrol", "count", long_ago)
    assert (refused.status, "no tracks" in refused.err) == (1, True)
    assert geo_service("patrol", "count", "--json").json == {"days": []}
