import struct

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.formats.limits import Limits
from geo_service.formats.wkb import WkbError, outline

SHAPES = [
    "POINT (1 2)",
    "LINESTRING (0 0, 1 1, 2 0)",
    "POLYGON ((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))",
    "MULTIPOINT ((1 2), (3 4))",
    "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3, 4 4))",
    "MULTIPOLYGON (((0 0, 9 0, 9 9, 0 0)), ((20 20, 29 20, 29 29, 20 20), (25 22, 26 22, 26 23, 25 22)))",
]


@pytest.mark.parametrize("wkt", SHAPES)
@pytest.mark.parametrize("byte_order", [0, 1])
def test_counts_agree_with_shapely(wkt: str, byte_order: int) -> None:
    shape = shapely.from_wkt(wkt)
    found = outline(shapely.to_wkb(shape, byte_order=byte_order, flavor="iso"), Limits())
    assert found.kind == shape.geom_type
    assert found.vertices == len(shapely.get_coordinates(shape))
    assert found.parts == shapely.get_num_geometries(shape)
    if "Polygon" in shape.geom_type:
        assert found.rings == sum(1 + len(part.interiors) for part in shapely.get_parts(shape))


def nested(depth: int) -> bytes:
    point = shapely.to_wkb(shapely.Point(0, 0))
    return b"\x01\x07\x00\x00\x00\x01\x00\x00\x00" * depth + point


@pytest.mark.parametrize("depth", [1, 2, 7, 12_000, 100_000])
def test_collections_are_refused_at_any_depth_without_parsing(depth: int) -> None:
    """At 12,000 levels (110 KB) shapely takes the whole process down."""
    with pytest.raises(WkbError, match="GeometryCollection"):
        outline(nested(depth), Limits())


def test_a_collection_within_a_multipolygon() -> None:
    with pytest.raises(WkbError, match="holds a GeometryCollection"):
        outline(b"\x01\x06\x00\x00\x00\x01\x00\x00\x00" + nested(20_000), Limits())


@pytest.mark.parametrize("code", [8, 9, 10, 11, 12, 17])
def test_curves(code: int) -> None:
    with pytest.raises(WkbError, match="curves"):
        outline(struct.pack("<BI", 1, code), Limits())


def test_counts_that_promise_more_than_there_is() -> None:
    for body in (struct.pack("<BII", 1, 3, 4_000_000_000), struct.pack("<BIII", 1, 3, 1, 4_000_000_000)):
        with pytest.raises(WkbError):
            outline(body, Limits())


def test_limits() -> None:
    ring = np.column_stack([np.cos(np.linspace(0, 6.28, 50)), np.sin(np.linspace(0, 6.28, 50))])
    with pytest.raises(WkbError, match="51 vertices"):
        outline(shapely.to_wkb(shapely.Polygon(ring)), Limits(vertices=50))
    many = shapely.multipolygons([shapely.box(i, 0, i + 0.5, 1) for i in range(11)])
    with pytest.raises(WkbError, match="11 parts"):
        outline(shapely.to_wkb(many), Limits(parts=10))
    holed = shapely.Polygon([(0, 0), (9, 0), (9, 9)], [[(1, 1), (2, 1), (2, 2)]] * 2)
    with pytest.raises(WkbError, match="3 rings"):
        outline(shapely.to_wkb(holed), Limits(rings=2))


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    try:
        outline(data, Limits())
    except WkbError:
        return


@given(st.sampled_from(SHAPES), st.data())
def test_cut_off_bytes(wkt: str, data: st.DataObject) -> None:
    whole = shapely.to_wkb(shapely.from_wkt(wkt))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WkbError):
        outline(whole[:cut], Limits())
    with pytest.raises(WkbError):
        outline(whole + b"\x00", Limits())
