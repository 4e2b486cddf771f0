"""``geo-service import roster`` and ``export roster``: out, changed by a hand, in again."""

from pathlib import Path

import pytest

from tests.cli.conftest import Call

pytestmark = pytest.mark.postgis


def test_a_calendar_goes_in_out_and_in_again(geo_service: Call, on_database: str, tmp_path: Path) -> None:
    del on_database
    given = tmp_path / "school.csv"
    given.write_text("编号,名称,首日,末日,节假日\nschool,校历,2026-10-01,2026-10-07,国庆\n", encoding="utf-8")
    shown = geo_service("import", "roster", "calendars", given, "--json")
    assert shown.status == 0
    assert shown.json["new"] == 1
    assert "--commit" in shown.err
    assert geo_service("import", "roster", "calendars", given, "--commit").status == 0
    for name in ("out.csv", "out.xlsx"):
        out = tmp_path / name
        assert geo_service("export", "roster", "calendars", "--out", out, "--lang", "zh").status == 0
        again = geo_service("import", "roster", "calendars", out, "--commit", "--json")
        assert again.json["unchanged"] == 1
    refused = geo_service("export", "roster", "calendars", "--out", tmp_path / "out.pdf")
    assert refused.status == 1
    assert ".csv or .xlsx" in refused.err
    unknown = geo_service("import", "roster", "nothing", given)
    assert unknown.status == 1
    assert "calendars" in unknown.err
