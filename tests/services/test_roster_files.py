"""Registers as files: what is written is read back entry by entry, and faults name their rows."""

from pathlib import Path

import pytest

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.formats.roster_tables import read_entries, write_entries
from geo_service.services.roster_files import export_entries, import_entries
from geo_service.store import roster
from geo_service.store.database import Database
from tests.services.roster_places import create, person, publish_cells, put
from tests.services.test_roster_records import ENTRIES_SAID

pytestmark = pytest.mark.postgis


@pytest.fixture
def place(database: Database) -> Database:
    publish_cells(database)
    person(database, "A", lon=118.1234567, lat=29.7654321, capabilities=["first_aid", "消防"], agency="=单位")
    person(database, "B", mode="car")
    for register, said in ENTRIES_SAID.items():
        (put if register in {"stations", "calendars", "rotas", "posts", "teams", "needs"} else create)(
            database, register, **said
        )
    return database


def entries(database: Database, register: str) -> list[object]:
    with database.reading() as connection:
        return [entry for _, entry in roster.read(connection, register)]


@pytest.mark.parametrize(
    ("suffix", "lang", "encoding"), [("csv", "zh", "gb18030"), ("csv", "en", "utf-8"), ("xlsx", "zh", "")]
)
def test_every_register_goes_out_and_comes_back(
    place: Database, tmp_path: Path, suffix: str, lang: str, encoding: str
) -> None:
    files = {}
    registers = ["responders", *ENTRIES_SAID]
    for register in registers:
        files[register] = tmp_path / f"{register}.{suffix}"
        with place.reading() as connection:
            frame = export_entries(connection, register, lang=lang)
        write_entries(frame, files[register], encoding=encoding or "utf-8")
    before = {register: entries(place, register) for register in registers}
    for register in registers:
        table = read_entries(files[register], register)
        report = import_entries(place, table, who="t", commit=True)
        assert report.counts["unchanged"] == report.counts["rows"], register
    assert {register: entries(place, register) for register in registers} == before
    with place.writing() as connection:
        for name in (
            "absence",
            "shift",
            "duty",
            "rota",
            "post",
            "team",
            "staffing_need",
            "calendar",
            "station",
        ):
            connection.exec_driver_sql(f"delete from {name}")
    for register in (
        "stations",
        "calendars",
        "rotas",
        "posts",
        "teams",
        "needs",
        "duties",
        "shifts",
        "absences",
    ):
        report = import_entries(place, read_entries(files[register], register), who="t", commit=True)
        assert report.counts["new"] == report.counts["rows"] > 0
    assert {register: entries(place, register) for register in registers} == before


def test_without_commit_only_the_difference_is_told(place: Database) -> None:
    text = "编号,名称,类型,经度,纬度\nS1,站,fire,118.01,29.01\nS2,新站,police,118.02,29.02\n".encode()
    table = read_entries(text, "stations")
    told = import_entries(place, table, who="t", commit=False)
    assert not told.committed
    assert told.counts == {"rows": 2, "new": 1, "corrected": 1, "unchanged": 0}
    assert len(entries(place, "stations")) == 1


def test_faults_name_row_and_field(place: Database) -> None:
    text = (
        b"code,name,kind,lon,lat,weekday,start_local,end_local,holder\n"
        b"P2,x,school,118,29,1-5,07:20,08:00,nobody\n"
        b"P3,y,school,118,29,1-5,09:00,08:00,A\n"
    )
    with pytest.raises(InvalidInputError) as caught:
        import_entries(place, read_entries(text, "posts"), who="t", commit=True)
    assert [(fault.row, fault.field) for fault in caught.value.faults] == [(2, "windows.1")]
    with pytest.raises(InvalidInputError) as caught:
        import_entries(
            place,
            read_entries(text.splitlines(keepends=True)[0] + text.splitlines()[1], "posts"),
            who="t",
            commit=True,
        )
    assert [(fault.row, fault.field, fault.value) for fault in caught.value.faults] == [
        (1, "holder", "nobody")
    ]
    clock = text.replace(b"07:20", b"soon")
    with pytest.raises(InvalidInputError) as caught:
        read_entries(clock, "posts")
    assert caught.value.faults[0].row == 1
    apart = text.replace(b"P3", b"P2").replace(b"09:00", b"07:00")
    with pytest.raises(InvalidInputError, match="differs from row 1"):
        read_entries(apart, "posts")


def test_what_clashes_with_what_is_there_is_not_written_at_all(place: Database) -> None:
    text = (
        b"responder,start,end\n"
        b"B,2026-03-05T08:00+08:00,2026-03-05T12:00+08:00\n"
        b"A,2026-03-01T09:00+08:00,2026-03-01T12:00+08:00\n"
    )
    with pytest.raises(ConflictError, match="nothing was written"):
        import_entries(place, read_entries(text, "shifts"), who="t", commit=True)
    assert len(entries(place, "shifts")) == 1


def test_columns_about_private_life_are_refused(place: Database) -> None:
    text = "code,name,role,身份证号\nC,c,police,33082519900101001X\n".encode()
    with pytest.raises(InvalidInputError, match="身份证"):
        read_entries(text, "responders")
