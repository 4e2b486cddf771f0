"""Sign boards from tables and from points; what is refused."""

import json
from datetime import date

import numpy as np
import pytest

from geo_service.errors import InvalidInputError
from geo_service.formats.sign_boards import read_sign_boards


def csv(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def test_a_table_with_chinese_headers():
    table = read_sign_boards(
        csv(
            "公示牌编号,网格编码,经度,纬度,类型,网格名称,网格长,印制日期,版本",
            "B1,339801001001001,118.9,28.9,入口,东风一网格,张三,2026-01-05,1",
            "B2,339801001001002,,,,,,,",
        )
    )
    first, second = table.frame.to_dict("records")
    assert (first["board"], first["cell_code"], first["board_kind"]) == ("B1", "339801001001001", "入口")
    assert (first["printed_name"], first["printed_owner"]) == ("东风一网格", "张三")
    assert (first["printed_on"], first["edition"]) == (date(2026, 1, 5), 1)
    assert (first["lon"], first["lat"]) == (118.9, 28.9)
    assert np.isnan(second["lon"])
    assert second["printed_on"] is None


def test_points_in_geojson():
    features = [
        {
            "type": "Feature",
            "properties": {"board": "B1", "cell_code": "g1", "printed_name": "一网格"},
            "geometry": {"type": "Point", "coordinates": [118.9, 28.9]},
        }
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    (row,) = read_sign_boards(content).frame.to_dict("records")
    assert (row["board"], row["lon"], row["lat"]) == ("B1", 118.9, 28.9)


def test_a_feature_without_a_geometry_is_a_board_without_a_place():
    feature = {"type": "Feature", "properties": {"board": "B1", "cell_code": "g1"}, "geometry": None}
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    (row,) = read_sign_boards(content).frame.to_dict("records")
    assert np.isnan(row["lon"])
    feature["geometry"] = {"type": "LineString", "coordinates": [[118, 28], [119, 29]]}
    with pytest.raises(InvalidInputError, match="must be Point"):
        read_sign_boards(json.dumps({"type": "FeatureCollection", "features": [feature]}).encode())


def test_coordinates_in_another_datum():
    text = csv("board,cell_code,lon,lat", "B1,g1,118.9,28.9")
    plain, moved = (read_sign_boards(text, crs=crs).frame.loc[0, "lon"] for crs in (None, "GCJ02"))
    assert 0.001 < abs(plain - moved) < 0.01


def test_what_is_not_kept_is_said():
    table = read_sign_boards(csv("board,cell_code,材质", "B1,g1,不锈钢"))
    assert any("材质" in note for note in table.notes)
    assert "材质" not in table.frame


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (("board,lon,lat", "B1,118,28"), "cell_code"),
        (("board,cell_code", "B1,g1", "B1,g2"), "board"),
        (("board,cell_code", ",g1"), "board"),
        (("board,cell_code,printed_on", "B1,g1,5.1.2026"), "printed_on"),
        (("board,cell_code,lon,lat", "B1,g1,118.9,"), "lat"),
        (("board,cell_code,edition", "B1,g1,1.5"), "edition"),
        (("board,cell_code,phone", "B1,g1,13800000000"), "phone"),
        (("board,cell_code,联系电话", "B1,g1,05701234567"), "联系电话"),
        (("board,cell_code,身份证号", "B1,g1,x"), "身份证号"),
        (("board,cell_code,name", f"B1,g1,{'长' * 101}"), "name"),
    ],
)
def test_each_fault_names_its_column(lines, field):
    with pytest.raises(InvalidInputError) as raised:
        read_sign_boards(csv(*lines))
    assert field in {fault.field for fault in raised.value.faults}
