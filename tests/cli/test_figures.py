"""``geo-service figures`` and ``history`` on the demo town."""

import csv
import io

import pytest

from tests.cli.conftest import Call


@pytest.fixture
def on_town(town_url: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))
    return town_url


SPAN = ("--from", "2025-06", "--to", "2026-12")


def test_incidents_as_json_csv_and_a_table(geo_service: Call, on_town: str) -> None:
    words = ("figures", "incidents", *SPAN, "--level", "community")
    found = geo_service(*words, "--json").json
    assert sum(row["total"] for row in found["rows"]) == found["totals"]["incidents"] > 1000
    rows = list(csv.DictReader(io.StringIO(geo_service(*words, "--by", "month", "--csv").out)))
    assert sum(float(row["total"]) for row in rows) == found["totals"]["incidents"]
    assert f"incidents: {found['totals']['incidents']}" in geo_service(*words).out
    refused = geo_service(*words, "--by", "colour")
    assert (refused.status, "use some of" in refused.err) == (1, True)


def test_the_series_of_a_place(geo_service: Call, on_town: str) -> None:
    rows = geo_service("figures", "cells", "--level", "grid", "--json").json
    assert sum(row["workload_index"] for row in rows) / len(rows) == pytest.approx(1, abs=1e-3)
    busiest = max(rows, key=lambda row: row["incidents_year"])
    words = ("figures", "series", busiest["code"], "--level", "grid", *SPAN)
    found = geo_service(*words, "--json").json
    assert sum(one["total"] for one in found["periods"]) >= busiest["incidents_year"] > 0
    assert found["breaks"] == []
    assert found["editions"][-1]["households"]["label"] == "recorded"
    assert "recorded" in geo_service(*words).out
    assert geo_service(*words, "--by", "fortnight").status != 0


def test_response_of_the_handled_weeks(geo_service: Call, on_town: str) -> None:
    words = ("figures", "response", *SPAN)
    (whole,) = geo_service(*words, "--json").json
    assert whole["incidents"] == whole["close_n"] > 50
    assert whole["arrive_within"] <= whole["arrive_decided"] == whole["arrive_n"]
    by = ("--by", "cell,month", "--level", "community")
    rows = list(csv.DictReader(io.StringIO(geo_service(*words, *by, "--csv").out)))
    assert sum(int(row["incidents"]) for row in rows) == whole["incidents"]
    assert all(row["arrive_within_share"] == "" for row in rows if int(row["arrive_decided"]) < 5)
    assert "incidents" in geo_service(*words).out
    refused = geo_service(*words, "--by", "cell")
    assert (refused.status, "level" in refused.err) == (1, True)


def test_every_invariant_holds_in_the_demo_town(geo_service: Call, on_town: str) -> None:
    found = geo_service("doctor", "--invariants")
    assert (found.status, "BROKEN" in found.out) == (0, False)
    assert len(found.out.splitlines()) == len(geo_service("doctor", "--invariants", "--json").json)


def test_a_cell_that_never_changed_has_no_history(geo_service: Call, on_town: str) -> None:
    (code, *_) = (row["code"] for row in geo_service("figures", "cells", "--level", "grid", "--json").json)
    told = geo_service("history", code, "--level", "grid")
    assert (told.status, told.out) == (0, "")
    assert "since its first edition" in told.err


def test_a_zone_that_is_none_is_said_at_once(geo_service: Call) -> None:
    refused = geo_service("figures", "series", "nope", "--timezone", "nope")
    assert refused.status != 0
    assert "IANA" in refused.err
