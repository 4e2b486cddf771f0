"""``geo-service site`` on a demo town: figures, a file, a refusal in one line."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call


@pytest.fixture(autouse=True)
def on_town(own_town_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", own_town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))


def test_sites_are_found_told_and_written(geo_service: Call, tmp_path: Path) -> None:
    out = tmp_path / "sites.geojson"
    words = ("site", "cover_most", "--count", 2, "--limit-s", 180, "--spread", 40, "--none-existing")
    found = geo_service(*words, "--seconds", 10, "--out", out, "--json")
    assert found.status == 0, found.err
    told = found.json
    assert told["value"] == sum(one["households_added"] for one in told["sites"]) > 0
    written = json.loads(out.read_text())["features"]
    assert [one["properties"]["rank"] for one in written] == [1, 2]
    again = geo_service(*words)  # proved already: read, not sought
    assert "is optimal: True" in again.out
    assert "  1. " in again.out


def test_a_refusal_is_one_clear_line(geo_service: Call) -> None:
    refused = geo_service(
        "site", "cover_all", "--count", 1, "--limit-s", 30, "--spread", 40, "--none-existing"
    )
    assert refused.status == 1
    assert "possible with ≥" in refused.err
    unread = geo_service("site", "cover_most", "--count", 1, "--place", "here")
    assert (unread.status, unread.out) == (1, "")
    assert "lon,lat" in unread.err
