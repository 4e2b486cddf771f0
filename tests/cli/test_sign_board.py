"""``geo-service sign-board`` and ``report`` on the demo town."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from geo_service.store.database import Database
from tests import pdf
from tests.cli.conftest import Call

TOWN = "https://grid.example.org"
COMMUNITY, GRID = "339801001001", "339801001001001"


@pytest.fixture
def on_town(own_town_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_SERVICE_DATABASE_URL", own_town_url)
    monkeypatch.setenv("GEO_SERVICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GEO_SERVICE_PUBLIC_URL", TOWN)


def holder(url: str, level: str, cell: str) -> str:
    """Return the code of somebody who holds a cell."""
    database = Database.connect(url, read_size=1, write_size=1)
    try:
        with database.reading() as connection:
            found = connection.exec_driver_sql(
                "select r.code from responder r join duty on duty.responder_id = r.id"
                " join cell on cell.id = duty.cell_id join level on level.id = cell.level_id"
                f" where level.code = '{level}' and cell.code = '{cell}'"
                " and r.role in ('grid_worker', 'grid_lead')"
            )
            return str(found.scalars().first())
    finally:
        database.close()


def test_print_then_nothing_is_due_until_a_number_changes(
    geo_service: Call, on_town: None, own_town_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "boards.pdf"
    sample = geo_service(
        "sign-board", "print", "339801001", "--out", out, "--paper", "A4", "--no-record", "--json"
    )
    assert sample.status == 0, sample.err
    assert sample.json == {"boards": 14, "paper": "A4", "recorded": False, "file": str(out)}
    assert len(pdf.pages(out.read_bytes())) == 14
    packed = tmp_path / "boards.zip"
    assert geo_service("sign-board", "print", "339801001", "--out", packed).status == 0
    assert len(zipfile.ZipFile(io.BytesIO(packed.read_bytes())).namelist()) == 14
    assert geo_service("sign-board", "due", "--json").json == {"boards": []}

    people = tmp_path / "people.csv"
    worker, lead = (holder(own_town_url, *cell) for cell in (("grid", GRID), ("community", COMMUNITY)))
    people.write_text(f"id,phone\n{worker},0000-77\n{lead},\n", encoding="utf-8")
    tried = geo_service("sign-board", "people", people, "--json")
    assert tried.status == 0, tried.err
    assert (tried.json["committed"], tried.json["corrected"], tried.json["by_name_alone"]) == (False, 2, 1)
    assert geo_service("sign-board", "due", "--json").json == {"boards": []}
    assert geo_service("sign-board", "people", people, "--commit").status == 0
    due = geo_service("sign-board", "due", "--within", COMMUNITY, "--json").json["boards"]
    assert {one["cell"][1] for one in due} == {f"{COMMUNITY}{k:03}" for k in (1, 2, 3)}
    assert {tuple(one["reasons"]) for one in due} == {("words",)}
    people.write_text("id,phone\nnobody,\n", encoding="utf-8")
    refused = geo_service("sign-board", "people", people)
    assert (refused.status, "nobody" in refused.err) == (1, True)


def test_words_go_out_and_come_back(geo_service: Call, on_town: None, tmp_path: Path) -> None:
    words = geo_service("sign-board", "words").json
    file = tmp_path / "words.json"
    file.write_text(json.dumps({**words, "office": "澜城街道办"}), encoding="utf-8")
    assert geo_service("sign-board", "words", file).json["office"] == "澜城街道办"
    assert geo_service("sign-board", "print", "339801001", "--out", tmp_path / "x.docx").status == 1


@pytest.mark.parametrize("form", ["pdf", "xlsx", "csv"])
def test_the_report_of_a_month(geo_service: Call, on_town: None, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"report.{form}"
    done = geo_service("report", "--month", "2026-10", "--cell", "339801001001", "--out", out, "--json")
    assert done.status == 0, done.err
    assert done.json["cell"]["below"] == "grid"
    late = done.json["now"]["breaches"]
    assert late["worked_out"] == late["breaches"]  # they are worked out first
    begins = {"pdf": b"%PDF-", "xlsx": b"PK", "csv": b"\xef\xbb\xbf"}[form]
    assert out.read_bytes().startswith(begins)
