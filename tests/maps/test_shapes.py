import gzip

import geopandas as gpd
import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import BadRequestError
from geo_service.maps.shapes import Detail, decode_shapes, encode_shapes
from tests.browser.made_up_town import Town

TOWN = Town(12)


def encode(geoms, detail: int = Detail.STREET) -> bytes:
    codes = [f"c{k}" for k in range(len(geoms))]
    return encode_shapes(
        codes, [f"第{k}格" for k in range(len(geoms))], geoms, level="grid", edition=7, detail=detail
    )


def test_street_detail_brings_every_lattice_vertex_back() -> None:
    back = decode_shapes(encode(TOWN.leaves))
    assert (back.level, back.edition, back.detail) == ("grid", "7", Detail.STREET)
    assert back.codes[3] == "c3"
    assert back.names[3] == "第3格"
    assert shapely.equals_exact(shapely.normalize(back.geoms), shapely.normalize(TOWN.leaves), 0.0).all()


@pytest.mark.parametrize("detail", list(Detail))
def test_the_tiling_stays_closed_at_every_detail(detail: Detail) -> None:
    back = decode_shapes(encode(TOWN.leaves, detail))
    assert shapely.coverage_is_valid(back.geoms)
    before, after = shapely.area(shapely.union_all(TOWN.leaves)), shapely.area(shapely.union_all(back.geoms))
    assert after == pytest.approx(before, rel=0.01)
    assert shapely.area(back.geoms).sum() == pytest.approx(after, rel=1e-9)


def test_less_detail_is_fewer_bytes() -> None:
    sizes = [len(encode(TOWN.leaves, detail)) for detail in Detail]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.5 * sizes[2]


def test_much_smaller_than_geojson() -> None:
    codes = [f"c{k}" for k in range(len(TOWN.leaves))]
    frame = gpd.GeoDataFrame({"code": codes, "name": codes}, geometry=TOWN.leaves, crs=4326)
    plain = len(gzip.compress(frame.to_json().encode()))
    assert len(gzip.compress(encode(TOWN.leaves))) < 0.4 * plain
    assert len(gzip.compress(encode(TOWN.leaves, Detail.OVERVIEW))) < 0.15 * plain


@given(st.lists(st.integers(0, 5), min_size=36, max_size=36))
def test_any_grouping_of_leaves_comes_back(groups: list[int]) -> None:
    """Holes, islands, exclaves: whatever a tiling may hold."""
    leaves, group = Town(6).leaves, np.array(groups)
    merged = np.array(
        [shapely.coverage_union_all(leaves[group == g]) for g in sorted(set(groups))], dtype=object
    )
    back = decode_shapes(encode(merged))
    assert shapely.equals(back.geoms, merged).all()


def test_nothing_and_empty_shapes() -> None:
    assert len(decode_shapes(encode([])).geoms) == 0
    back = decode_shapes(encode(np.array([shapely.Polygon(), TOWN.leaves[0]], dtype=object)))
    assert shapely.is_empty(back.geoms).tolist() == [True, False]


def test_faults_are_said() -> None:
    with pytest.raises(BadRequestError, match="0, 1 or 2"):
        encode(TOWN.leaves, 3)
    with pytest.raises(ValueError, match="must agree"):
        encode_shapes(["a"], [], [])
    with pytest.raises(BadRequestError, match="not a"):
        decode_shapes(orjson.dumps({"type": "FeatureCollection"}))


def test_real_boundaries_that_are_no_clean_tiling(shared_data) -> None:
    beats = gpd.read_file(shared_data / "chicago" / "police_beats.geojson", engine="pyogrio")
    back = decode_shapes(encode(beats.geometry.to_numpy()))
    off = shapely.area(shapely.symmetric_difference(back.geoms, beats.geometry.to_numpy()))
    assert (off <= shapely.length(beats.geometry.to_numpy()) * 2.0**-23).all()  # rounding to the lattice
