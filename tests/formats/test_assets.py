"""Assets from tables and files of points."""

import numpy as np
import orjson
import pytest

from geo_service.errors import InvalidInputError
from geo_service.formats.assets import read_assets


def test_a_table_in_chinese_or_english_words() -> None:
    text = "code,kind,name,reach_m,lon,lat\nC1,摄像头,路口,80,118.9,28.9\nW1,police_room,,,118.91,28.9\n"
    frame = read_assets(text.encode()).frame
    assert frame["kind"].tolist() == ["camera", "police_room"]
    assert frame["reach_m"].tolist()[0] == 80.0
    assert np.isnan(frame["reach_m"].tolist()[1])
    assert frame[["lon", "lat"]].to_numpy().tolist() == [[118.9, 28.9], [118.91, 28.9]]


def test_points_of_a_geojson() -> None:
    feature = {
        "type": "Feature",
        "properties": {"code": "B1", "kind": "shop"},
        "geometry": {"type": "Point", "coordinates": [118.9, 28.9]},
    }
    frame = read_assets(orjson.dumps({"type": "FeatureCollection", "features": [feature]})).frame
    assert frame[["code", "kind", "lon", "lat"]].to_numpy().tolist() == [["B1", "shop", 118.9, 28.9]]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("X1,spaceship,,,118.9,28.9", "kind"),
        ("X1,shop,,0,118.9,28.9", "reach_m"),
        ("X1,shop,,,,", "lon, lat"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_field(row: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_assets(f"code,kind,name,reach_m,lon,lat\n{row}\n".encode())
    assert (refused.value.faults[0].row, refused.value.faults[0].field) == (1, field)
