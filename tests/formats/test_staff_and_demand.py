from datetime import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.formats.demand import read_demand
from geo_service.formats.responders import read_responders
from geo_service.formats.shifts import ShiftKind, parse_weekdays, read_shifts
from geo_service.geometry.crs import GCJ02, from_wgs84

from .makers import collection, faults_of, feature, one_fault_of, square


def test_responders() -> None:
    data = (
        "工号,姓名,职务,所属网格,交通方式,驻点经度,驻点纬度,手机号,技能,备注\n"
        "W1,王一,网格员,330803001001,电动车,120.1,30.1,138-0013-8000,急救;调解,老\n"
        "W2,王二,网格长,,步行,,,,,\n"
        "W3,王三,,,,,,,,\n"
    )
    frame = read_responders(data.encode("gb18030")).frame
    assert frame["id"].tolist() == ["W1", "W2", "W3"]
    assert frame["mode"].tolist() == ["ebike", "walk", "ebike"]
    assert frame["capabilities"].tolist() == [("急救", "调解"), (), ()]
    assert frame["phone"].iloc[0] == "138-0013-8000"
    assert frame["home_cell_code"].iloc[0] == "330803001001"
    assert np.isfinite(frame["base_lon"]).tolist() == [True, False, False]
    assert frame["attributes"].tolist() == [{"备注": "老"}, {}, {}]


def test_responders_bases_in_gcj02() -> None:
    lon, lat = from_wgs84(np.array([[120.1, 30.1]]), GCJ02)[0].tolist()
    table = read_responders(f"id,name,lon,lat\n1,a,{lon!r},{lat!r}\n".encode(), crs="GCJ02")
    assert np.allclose(table.lonlat_deg, [[120.1, 30.1]], atol=1e-7)


def test_faults_of_responders() -> None:
    data = "id,name,mode,phone,lon,lat,身份证号\n1,,boat,call me,120.1,,x\n1,b,car,,NaN,30.1,\n".encode()
    faults = faults_of(read_responders, data)
    assert {(fault.row, fault.field) for fault in faults} >= {
        (None, "身份证号"),
        (1, "name"),
        (1, "mode"),
        (1, "phone"),
        (1, "lat"),
        (2, "lon"),
        (2, "id"),
    }


def test_absolute_shifts() -> None:
    data = (
        b"responder_id,start,end\n1,2026-11-22 08:00,2026-11-22 16:00\n1,2026-11-22 16:00,2026-11-23 00:00\n"
    )
    table = read_shifts(data)
    assert table.kind is ShiftKind.ABSOLUTE
    assert table.frame["start"].iloc[0] == pd.Timestamp("2026-11-22", tz="UTC")
    assert table.frame["end"].iloc[0] == table.frame["start"].iloc[1]


@pytest.mark.parametrize(
    ("rows", "row", "word"),
    [
        ("1,2026-11-22 08:00,2026-11-22 08:00\n", 1, "after the start"),
        ("1,2026-11-22 08:00,2026-11-24 08:00\n", 1, "36 hours"),
        ("1,2026-11-22 08:00,\n", 1, "empty"),
        (",2026-11-22 08:00,2026-11-22 09:00\n", 1, "empty"),
        (
            "1,2026-11-22 08:00,2026-11-22 12:00\n1,2026-11-22 11:59,2026-11-22 13:00\n",
            2,
            "two shifts at once",
        ),
        ("1,2026-11-22,2026-11-23\n1,2026-11-22 01:00,2026-11-22 02:00\n", 2, "rows 1 and 2"),
    ],
)
def test_faults_of_absolute_shifts(rows: str, row: int, word: str) -> None:
    fault = faults_of(read_shifts, f"responder_id,start,end\n{rows}".encode())[0]
    assert fault.row == row
    assert word in fault.message


def test_a_weekly_rota() -> None:
    data = "工号,星期,上班时间,下班时间\nW1,周一至周五,8:00,16:00\nW1,6,20:00,6:00\nW2,每天,22:00,24:00\n"
    table = read_shifts(data.encode())
    frame = table.frame
    assert table.kind is ShiftKind.WEEKLY
    assert frame["weekday"].tolist() == [1, 2, 3, 4, 5, 6, *range(1, 8)]
    assert frame["overnight"].tolist() == [False] * 5 + [True] * 8
    assert frame["end_local"].iloc[6] == time(0)
    assert frame["row"].tolist() == [1] * 5 + [2] + [3] * 7


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ("1,9,8:00,16:00\n", "weekdays"),
        ("1,1,8h,16:00\n", "time of day"),
        ("1,1,8:00,16:00\n1,Mon,15:00,17:00\n", "rows 1 and 2"),
        ("1,7,20:00,6:00\n1,1,5:00,8:00\n", "rows 1 and 2"),
        ("1,3,22:00,6:00\n1,4,5:59,8:00\n", "rows 1 and 2"),
    ],
)
def test_faults_of_a_rota(rows: str, word: str) -> None:
    fault = one_fault_of(read_shifts, f"responder_id,weekday,start_local,end_local\n{rows}".encode())
    assert word in fault.message


@given(st.lists(st.tuples(st.integers(0, 167), st.integers(1, 23)), min_size=2, max_size=6))
def test_rotas_clash_exactly_when_a_responder_would_be_twice_at_once(spans: list[tuple[int, int]]) -> None:
    hours = [{(start + h) % 168 for h in range(length)} for start, length in spans]
    clash = any(hours[i] & hours[j] for i in range(len(hours)) for j in range(i))
    rows = [f"1,{s // 24 + 1},{s % 24}:00,{(s + length) % 24}:00" for s, length in spans]
    data = "responder_id,weekday,start_local,end_local\n" + "\n".join(rows)
    if clash:
        assert all("at once" in fault.message for fault in faults_of(read_shifts, data.encode()))
    else:
        assert len(read_shifts(data.encode()).frame) == len(spans)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1-5", [1, 2, 3, 4, 5]),
        ("6-2", [1, 2, 6, 7]),
        ("Mon, Wed、5", [1, 3, 5]),
        ("Monday to Friday", [1, 2, 3, 4, 5]),
        ("周一到周三", [1, 2, 3]),
        ("星期天", [7]),
        ("工作日", [1, 2, 3, 4, 5]),
        ("daily", [1, 2, 3, 4, 5, 6, 7]),
        ("0", []),
        ("8", []),
        ("1-3-5", []),
        ("someday", []),
        ("", []),
    ],
)
def test_weekdays(text: str, days: list[int]) -> None:
    assert parse_weekdays(text) == days


def test_demand_from_a_table() -> None:
    header = "楼栋编号,经度,纬度,户数,人口,用途,地址\n"
    data = header + "B1,120.1,30.1,24,60,住宅,一号\nB2,120.2,30.2,,,商铺,\n"
    frame = read_demand(data.encode()).frame
    assert frame["households"].tolist()[0] == 24
    assert np.isnan(frame["residents"].iloc[1])
    assert frame["kind"].tolist() == ["住宅", "商铺"]
    assert frame.geometry.iloc[0].equals(shapely.Point(120.1, 30.1))


def test_demand_from_outlines_and_points(tmp_path) -> None:
    right = [[120, 30], [120.3, 30], [120.3, 30.3], [120.2, 30.3], [120.2, 30.1]]
    u_shape = [[*right, [120.1, 30.1], [120.1, 30.3], [120, 30.3], [120, 30]]]
    point = feature([120.5, 30.5], "Point", id=7, households=None)
    data = collection(feature(u_shape, id="B1", households=3), point)
    frame = read_demand(data).frame
    assert frame["id"].tolist() == ["B1", "7"]
    assert shapely.Polygon(u_shape[0]).contains(shapely.Point(frame["lon"].iloc[0], frame["lat"].iloc[0]))
    assert (frame["lon"].iloc[1], frame["lat"].iloc[1]) == (120.5, 30.5)
    metres = gpd.GeoDataFrame(
        {"id": ["B1"], "户数": [5]}, geometry=gpd.points_from_xy([120.1], [30.1]), crs=4326
    )
    pyogrio.write_dataframe(metres.to_crs(4549), tmp_path / "b.gpkg")
    table = read_demand(tmp_path / "b.gpkg")
    assert np.allclose(table.lonlat_deg, [[120.1, 30.1]], atol=1e-9)
    assert table.frame["households"].tolist() == [5]


def test_of_an_outline_in_parts_the_largest_stands_for_all() -> None:
    parts = [[square(120.0, size=0.01)[0]], [square(120.1, size=0.02)[0]], [square(120.2, size=0.01)[0]]]
    lone = [[square(121.0)[0]]]
    data = collection(
        feature(parts, "MultiPolygon", id="B1", households=30),
        feature(lone, "MultiPolygon", id="B2", households=4),
    )
    table = read_demand(data)
    assert table.frame.geometry.iloc[0].equals(shapely.Polygon(parts[1][0]))
    assert table.frame.geometry.geom_type.tolist() == ["Polygon", "Polygon"]
    assert shapely.contains_xy(table.frame.geometry, *table.lonlat_deg.T).all()
    assert table.frame["households"].sum() == 34
    assert [note for note in table.notes if "1 outlines have several parts" in note]


def test_faults_of_demand() -> None:
    data = "id,lon,lat,households,户主\n1,120.1,30.1,-1,a\n1,120.1,30.1,2.5,\n3,,,200000,\n".encode()
    faults = faults_of(read_demand, data)
    text = "\n".join(map(str, faults))
    for word in (
        "户主",
        "0 or more",
        "whole number",
        "rows 1 and 2",
        "without a place",
        "more than any building",
    ):
        assert word in text
    bowtie = [[[120, 30], [121, 31], [121, 30], [120, 31], [120, 30]]]
    assert "Self-intersection" in one_fault_of(read_demand, collection(feature(bowtie, id="a"))).message
