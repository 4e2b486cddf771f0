import numpy as np
import pandas as pd
import pytest

from geo_service.formats.incidents import read_incidents, read_points
from geo_service.geometry.crs import GCJ02, from_wgs84

from .makers import faults_of, one_fault_of

HEADER = "编号,发生时间,经度,纬度,类别,楼层,精度,来源,备注\n"
ROW = "A1,2026-11-22 08:30:00,120.1,30.1,纠纷,3楼,25.5,12345热线,门前\n"


def csv(*rows: str, header: str = HEADER) -> bytes:
    return (header + "".join(rows)).encode()


def test_chinese_headers() -> None:
    table = read_incidents(csv(ROW))
    (row,) = table.frame.to_dict("records")
    assert row["id"] == "A1"
    assert row["occurred_at"] == pd.Timestamp("2026-11-22 00:30", tz="UTC")
    assert (row["lon"], row["lat"], row["located"]) == (120.1, 30.1, True)
    assert (row["category"], row["channel"], row["floor"], row["accuracy_m"]) == (
        "纠纷",
        "12345热线",
        3,
        25.5,
    )
    assert row["attributes"] == {"备注": "门前"}


def test_headers_that_the_caller_names() -> None:
    data = b"key,when,e,n\n1,2026-11-22,120.1,30.1\n"
    fields = {"id": "key", "occurred_at": "when", "lon": "e", "lat": "n"}
    assert read_incidents(data, fields=fields).frame["lon"].tolist() == [120.1]
    faults = faults_of(read_incidents, data, fields={**fields, "lon": "east", "lat": "whn"})
    assert {fault.field for fault in faults} == {"lon", "lat"}
    assert any("'when'" in fault.message for fault in faults)


def test_missing_columns_are_all_named() -> None:
    faults = faults_of(read_incidents, b"a,b\n1,2\n")
    assert [fault.field for fault in faults] == ["id", "occurred_at", "lon", "lat"]
    assert "a, b" in faults[0].message


def test_incidents_without_coordinates_are_kept() -> None:
    table = read_incidents(csv(ROW, "A2,2026-11-22 08:30,,,纠纷,,,,\n", "A3,2026-11-22 08:30,0,0,纠纷,,,,\n"))
    assert table.frame["located"].tolist() == [True, False, False]
    assert np.isnan(table.lonlat_deg[1:]).all()
    assert any("2 incidents have no coordinates" in note for note in table.notes)


@pytest.mark.parametrize(
    "text", ["NaN", "nan", "inf", "-Infinity", "1e999", "N/A", "null", "abc", "120°12'", '"120,5"']
)
def test_what_is_no_number_never_passes(text: str) -> None:
    fault = one_fault_of(read_incidents, csv(f"A1,2026-11-22,{text},30.1,,,,,\n"))
    assert (fault.field, fault.row) == ("经度", 1) or "other coordinate" in fault.message
    assert fault.row == 1


def test_half_a_position_swapped_axes_and_metres() -> None:
    fault = one_fault_of(read_incidents, csv("A1,2026-11-22,120.1,,,,,,\n"))
    assert (fault.field, fault.row) == ("纬度", 1)
    fault = one_fault_of(read_incidents, csv(ROW, "A2,2026-11-22,30.1,120.1,,,,,\n"))
    assert (fault.row, "swapped" in fault.message) == (2, True)
    fault = one_fault_of(read_incidents, csv("A1,2026-11-22,40500000,3300000,,,,,\n"))
    assert "EPSG:4528" in fault.message


def test_datums() -> None:
    there = from_wgs84(np.array([[120.1, 30.1]]), GCJ02)[0].tolist()
    row = f"A1,2026-11-22,{there[0]!r},{there[1]!r},,,,,\n"
    assert np.allclose(read_incidents(csv(row), crs="GCJ-02").lonlat_deg, [[120.1, 30.1]], atol=1e-7)
    assert one_fault_of(read_incidents, csv(row), crs="+nadgrids=/x").field == "crs"
    fault = one_fault_of(read_incidents, csv(row), crs="EPSG:4549")
    assert "look like degrees" in fault.message


def test_ids_and_times() -> None:
    rows = [ROW, "A1,2026-11-22,,,,,,,\n", ",2026-11-22,,,,,,,\n", "A4,,,,,,,,\n", "A5,soon,,,,,,,\n"]
    rows.append("1.23E+11,2026-11-22,,,,,,,\n")
    faults = faults_of(read_incidents, csv(*rows))
    assert [(fault.row, fault.field) for fault in faults] == [
        (3, "编号"),
        (6, "编号"),
        (2, "编号"),
        (4, "发生时间"),
        (5, "发生时间"),
    ]
    assert "rows 1 and 2" in faults[2].message


@pytest.mark.parametrize(
    ("text", "floor"), [("3", 3), ("3F", 3), ("12层", 12), ("-1", -1), ("B2", -2), ("地下1层", -1)]
)
def test_floors(text: str, floor: int) -> None:
    assert read_incidents(csv(f"A1,2026-11-22,,,,{text},,,\n")).frame["floor"].tolist() == [floor]


def test_floors_and_accuracies_that_are_none() -> None:
    faults = faults_of(read_incidents, csv("A1,2026-11-22,,,,roof,-5,,\n"))
    assert {fault.field for fault in faults} == {"楼层", "精度"}


def test_columns_about_persons() -> None:
    data = csv("A1,2026-11-22,,,张三\n", header="编号,发生时间,经度,纬度,报警人\n")
    assert one_fault_of(read_incidents, data).field == "报警人"
    phones = [f"A{i},2026-11-22,,,1380013800{i}\n" for i in range(5)]
    fault = one_fault_of(read_incidents, csv(*phones, header="编号,发生时间,经度,纬度,note\n"))
    assert "mobile phones" in fault.message


def test_two_faults_at_once_in_gb18030() -> None:
    data = csv("A1,soon,30.1,120.1,,,,,\n", "A1,2026-11-22,,,,,,,\n").decode().encode("gb18030")
    assert len(faults_of(read_incidents, data)) == 3


def test_points_of_any_table() -> None:
    data = b"x,lng,lat\n=1,120.1,30.1\n2,,\n"
    table = read_points(data)
    assert table.frame["x"].tolist() == ["=1", "2"]
    assert table.located.tolist() == [True, False]
    assert one_fault_of(read_points, data, lon_field="east").field == "lon"


def test_chicago(shared_data) -> None:
    table = read_incidents(shared_data / "chicago" / "crimes.csv", timezone="America/Chicago")
    frame = table.frame
    assert len(frame) == 9_999
    assert int((~frame["located"]).sum()) == 162
    assert frame["occurred_at"].iloc[0] == pd.Timestamp("2015-02-08 23:43:40", tz="America/Chicago")
    assert frame["category"].iloc[0] == "NARCOTICS"
    assert frame["attributes"].iloc[0]["Beat"] == "0422"
    oracle = pd.read_csv(shared_data / "chicago" / "crimes.csv")
    assert np.array_equal(table.lonlat_deg, oracle[["Longitude", "Latitude"]].to_numpy(), equal_nan=True)
    when = pd.to_datetime(oracle["Date"], format="%m/%d/%Y %I:%M:%S %p").dt.tz_localize("America/Chicago")
    assert (frame["occurred_at"].array == when.array).all()


def test_zhejiang_towns(shared_data) -> None:
    table = read_points(shared_data / "zhejiang" / "towns_gcj02.csv", crs="GCJ02")
    assert len(table.frame) == 1_387
    assert int((~table.located).sum()) == 132  # the source gives them no centre
    assert table.frame["code12"].iloc[0] == "330102001000"


@pytest.mark.parametrize("crs", ["GCJ02", "BD09"])
def test_a_datum_of_china_is_refused_elsewhere(crs: str) -> None:
    fault = one_fault_of(read_points, b"lon,lat\n-87.65,41.85\n-87.6,41.9\n", crs=crs)
    assert f"{crs} is defined within China only" in fault.message
    both = read_points(b"lon,lat\n-87.65,41.85\n120.1,30.1\n", crs=crs)  # one stray place stops nothing
    assert both.located.all()


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-11-22 08:30", ("1 times carry no offset: taken as Asia/Shanghai (--timezone names another)",)),
        ("2026-11-22T08:30+08:00", ()),
        ("2026-11-22T00:30Z", ()),
        ("1790000000", ()),
    ],
)
def test_the_zone_of_times_without_offset_is_told(time: str, said: tuple[str, ...]) -> None:
    data = f"id,time,lon,lat\n1,{time},120.1,30.1\n".encode()
    assert read_incidents(data, fields={"occurred_at": "time"}).notes == said
