import io
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import NotFoundError, TooLargeError
from geo_service.formats.limits import MIB, Limits
from geo_service.formats.spreadsheet import safe_cell, write_table
from geo_service.formats.tables import read_table

from .makers import faults_of, one_fault_of, zipped


def xlsx(*rows: list[object], sheets: tuple[str, ...] = ("Sheet",)) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for name in sheets[1:]:
        book.create_sheet(name).append(["other"])
    for row in rows:
        book.active.append(row)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def cells_of(source: bytes, **more: object) -> list[list[str]]:
    return read_table(source, **more).frame.to_numpy().tolist()  # type: ignore[arg-type]


def test_rows_are_numbered_without_the_header() -> None:
    table = read_table(b"a,b\n1,2\n\n3, 4 \n")
    assert table.frame.index.tolist() == [1, 3]
    assert table.frame.to_numpy().tolist() == [["1", "2"], ["3", "4"]]
    assert list(table.frame.columns) == ["a", "b"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(delimiter: str) -> None:
    data = "\n".join(delimiter.join(row) for row in (["a", "b c", "d"], ["1", "2", "3"], ["4", "5", "6"]))
    assert cells_of(data.encode()) == [["1", "2", "3"], ["4", "5", "6"]]
    assert cells_of(data.encode(), delimiter=delimiter)[0] == ["1", "2", "3"]


def test_quotes_line_breaks_and_delimiters_within_cells() -> None:
    assert cells_of(b'a,b\r\n"1,5","x\r\ny ""z"""\r\n') == [["1,5", 'x\r\ny "z"']]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(encoding: str) -> None:
    table = read_table("编号,类别\n1,盗窃\n2,纠纷\n".encode(encoding))
    assert table.frame["类别"].tolist() == ["盗窃", "纠纷"]
    assert list(table.frame.columns) == ["编号", "类别"]
    assert bool(table.notes) is (encoding in ("gb18030", "utf-16"))


def test_gb18030_read_as_utf8() -> None:
    data = "编号,类别\n1,盗窃\n".encode("gb18030")
    fault = one_fault_of(read_table, data, encoding="utf-8")
    assert "line 1" in fault.message
    assert "as gb18030" in fault.message


def test_an_encoding_changes_late_in_the_file() -> None:
    data = b"a,b\n" + (b"1," + b"2" * 100 + b"\n") * 12_000 + "盗,窃\n".encode("gb18030")
    assert read_table(data).frame["a"].iloc[-1] == "盗"


def test_ragged_rows_are_all_listed() -> None:
    faults = faults_of(read_table, b"a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,,\n")
    assert [fault.row for fault in faults] == [1, 3]


def test_headers() -> None:
    assert one_fault_of(read_table, b"a,b,a\n1,2,3\n").field == "a"
    assert list(read_table(b"a,,c,,\n1,2,3,,\n").frame.columns) == ["a", "column 2", "c"]
    wide = ",".join(f"c{i}" for i in range(101))
    assert "101 columns" in one_fault_of(read_table, f"{wide}\n1\n".encode()).message


@pytest.mark.parametrize("data", [b"", b" \n", b"\n\n", b"a,b\n", b"a,b\n\n\n"])
def test_empty_tables(data: bytes) -> None:
    assert (
        "no row" in one_fault_of(read_table, data).message
        or "empty" in one_fault_of(read_table, data).message
    )


def test_characters_and_lengths() -> None:
    faults = faults_of(read_table, b"a,b\n\x00,1\n" + b"x" * 10_001 + b",1\n")
    assert [fault.row for fault in faults] == [1, 2]
    unclosed = b'a,b\n"1,2\n' + b"3,4\n" * 50_000
    assert "quotation mark" in one_fault_of(read_table, unclosed).message


def test_no_table_at_all(tmp_path: Path) -> None:
    assert "xls" in one_fault_of(read_table, b"\xd0\xcf\x11\xe0" + b"\0" * 600).message
    assert "zip is no table" in one_fault_of(read_table, zipped(("a.csv", b"a,b\n1,2"))).message
    with pytest.raises(NotFoundError):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(TooLargeError):
        read_table(b"a,b\n1,2\n", limits=Limits(file_bytes=3))


def test_xlsx_cells_become_text() -> None:
    moment = pd.Timestamp("2026-11-22 08:30:00").to_pydatetime()
    data = xlsx(
        ["id", "x", "when", "flag", "note"],
        [330102, 120.5, moment, True, "  文 "],
        ["0012", None, None, None, ""],
    )
    assert cells_of(data) == [
        ["330102", "120.5", "2026-11-22 08:30:00", "true", "文"],
        ["0012", "", "", "", ""],
    ]


def test_xlsx_formulas_are_not_computed() -> None:
    data = xlsx(["id", "x"], ["a", "=1+1"], ["b", '=WEBSERVICE("http://127.0.0.1:9/")'])
    assert cells_of(data) == [["a", ""], ["b", ""]]


def test_xlsx_numbers_that_lost_digits() -> None:
    fault = one_fault_of(read_table, xlsx(["id"], [330102001000000123]))
    assert (fault.row, "15 digits" in fault.message) == (1, True)


def test_xlsx_sheets() -> None:
    data = xlsx(["a"], ["1"], sheets=("一", "二"))
    assert cells_of(data, sheet="一") == [["1"]]
    assert "一, 二" in one_fault_of(read_table, data, sheet="三").message


def test_xlsx_bombs_and_entities() -> None:
    sound = xlsx(["a"], ["1"])
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    bomb = zipped(*(parts | {sheet: parts[sheet] + b" " * 30 * MIB}).items())
    assert "packed size" in one_fault_of(read_table, bomb).message
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    body = parts[sheet].split(b"?>", 1)[-1] if parts[sheet].startswith(b"<?xml") else parts[sheet]
    for hidden in (entity + body, entity[:21] + b" " * 5_000 + entity[21:] + body):
        assert "entities" in one_fault_of(read_table, zipped(*(parts | {sheet: hidden}).items())).message
    wide = (entity + body).decode().replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16")
    assert "entities" in one_fault_of(read_table, zipped(*(parts | {sheet: wide}).items())).message
    damaged = zipped(*(parts | {sheet: parts[sheet][:-30]}).items())
    assert "damaged" in faults_of(read_table, damaged)[0].message


def test_a_sheet_that_claims_to_be_endless() -> None:
    sound = xlsx(["a", "b"], ["1", "2"])
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    endless = parts[sheet].replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"')
    assert endless != parts[sheet]
    assert cells_of(zipped(*(parts | {sheet: endless}).items())) == [["1", "2"]]


def test_a_lone_cell_far_below_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo_service.formats.xlsx.MAX_EMPTY_ROWS", 50)
    sound = xlsx(["a", "b"], ["1", "2"], *[[None]] * 50, ["3", "4"])
    assert read_table(sound).frame.index.tolist() == [1, 52]
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    far = parts[sheet].replace(b'r="53"', b'r="1000000000000"').replace(b'"A53"', b'"A1000000000000"')
    assert far != parts[sheet]
    fault = one_fault_of(read_table, zipped(*(parts | {sheet: far}).items()))
    assert "more than 50 empty rows" in fault.message
    assert fault.row == 52


plain = st.text(st.characters(exclude_characters="\x00\r\ufeff", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60)
@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=8))
def test_what_is_written_is_read_back(rows: list[tuple[str, str]]) -> None:
    """Up to blanks around a cell, and the apostrophe that keeps a text from being a formula."""
    frame = pd.DataFrame(rows, columns=["first", "second"])
    kept = [[safe_cell(value).strip() for value in row] for row in rows if any(map(safe_cell, row))]
    kept_rows = [row for row in kept if any(row)]
    if not kept_rows:
        return
    text = io.StringIO(newline="")
    write_table(frame, text)
    read = read_table(text.getvalue().encode(), delimiter=",")
    assert [row for row in read.frame.to_numpy().tolist() if any(row)] == kept_rows


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+86 571", "'+86 571"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("-87.65", "-87.65"),
        ("+1e5", "+1e5"),
        (-87.65, "-87.65"),
        (float("nan"), ""),
        (None, ""),
        (pd.NaT, ""),
        ("清波", "清波"),
        (7, "7"),
    ],
)
def test_no_cell_becomes_a_formula(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_tables_are_written_in_both_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(pd.DataFrame({"名称": ["清波"], "=x": ["=1"]}), path, encoding=encoding)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") is (encoding == "utf-8")
    assert read_table(path).frame.to_dict("list") == {"名称": ["清波"], "'=x": ["'=1"]}


@pytest.mark.parametrize("content", [b"id,name\n1,a\n", bytes(range(200, 255))])
def test_an_xlsx_by_name_only_is_refused_as_such(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "junk.xlsx"
    file.write_bytes(content)
    assert "not an xlsx file" in one_fault_of(read_table, file).message
