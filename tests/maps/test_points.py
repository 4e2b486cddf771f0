import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from geo_service.maps.figures import Label
from geo_service.maps.points import Unit, heat_json, units_json

PLACES = st.lists(st.tuples(st.floats(-180, 180), st.floats(-85, 85)), max_size=50)


def read(payload: bytes) -> tuple[np.ndarray, list[float], dict]:
    content = orjson.loads(payload)
    xy = np.cumsum(np.array(content["xy"], dtype=np.int64).reshape(-1, 2), axis=0)
    return xy * content["step_deg"], content["weight"], content


@given(PLACES)
def test_heat_gathers_and_loses_nothing(places: list[tuple[float, float]]) -> None:
    lonlat = np.array(places).reshape(-1, 2)
    at, weight, content = read(heat_json(lonlat))
    assert sum(weight) == len(places) == content["located"]
    assert len(np.unique(at, axis=0)) == len(at)
    for place in lonlat:
        assert np.abs(at - place).max(axis=1).min() <= content["step_deg"] / 2


def test_unlocated_are_counted_and_weights_kept() -> None:
    lonlat = np.array([[120.0, 30.0], [np.nan, 30.0], [120.0, 30.0]])
    at, weight, content = read(heat_json(lonlat, np.array([1.5, 9.0, 1.0]), unlocated=4))
    assert at.tolist() == [[120.0, 30.0]]
    assert weight == [2.5]
    assert (content["located"], content["unlocated"]) == (2, 5)


def test_units_are_written_as_they_are() -> None:
    content = orjson.loads(
        units_json([Unit(np.float64(120.12345678), 30.0, "<b>", Label("网格员", "Grid worker"))])
    )
    assert content["units"] == [
        {
            "lon": 120.123457,
            "lat": 30.0,
            "name": "<b>",
            "role": {"zh": "网格员", "en": "Grid worker"},
            "note": None,
            "reach_m": None,
        }
    ]


def test_for_the_public_lone_incidents_are_in_no_heat() -> None:
    crowd = np.tile([[120.0, 30.0]], (7, 1))
    alone = np.array([[120.1, 30.1], [120.2, 30.0]])
    content = orjson.loads(heat_json(np.concatenate([crowd, alone]), unlocated=3, smallest=5))
    assert content["weight"] == [7]
    assert content["xy"] == [120 * 512, 30 * 512]
    assert (content["located"], content["unlocated"]) == (7, 0)
