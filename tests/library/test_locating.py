"""Points to cells on frames, against geopandas' own spatial join."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service import Tiling, check, from_datum, locate, mend, to_datum
from geo_service.errors import InvalidInputError
from tests.geometry.tilings import COMPACT
from tests.library.scenes import CRSES, SOUTH, STEP, WEST, points_at, square_cells

CRS = st.sampled_from(CRSES)


@settings(max_examples=40)
@given(shapes=COMPACT, cells_crs=CRS, points_crs=CRS, seed=st.integers(0, 10**6))
def test_it_agrees_with_a_spatial_join_in_any_crs(shapes, cells_crs, points_crs, seed):
    rng = np.random.default_rng(seed)
    low, high = shapely.total_bounds(shapes).reshape(2, 2)
    places = points_at(rng.uniform(low - 1e-3, high + 1e-3, (40, 2)), points_crs)
    codes = rng.permutation(len(shapes))
    frame = gpd.GeoDataFrame({"no": codes}, geometry=list(shapes), crs=4326)
    found = locate(places, frame.to_crs(cells_crs), code="no")
    joined = gpd.sjoin(places.to_crs(4326), frame, how="left", predicate="within")
    # within a lattice step of a border the two may round to different sides
    borders = shapely.union_all(shapely.boundary(shapes))
    clear = shapely.distance(places.to_crs(4326).geometry.to_numpy(), borders) > 5e-7
    assert found.index.equals(places.index)
    assert found.crs == places.crs
    assert shapely.equals_exact(found.geometry.array, places.geometry.array).all()
    expected = joined["no"].astype("Int64")
    assert found["cell"][clear].equals(expected[clear].rename("cell"))
    assert ((found["how"] == "none") == found["cell"].isna()).all()


def test_a_point_on_a_border_belongs_to_the_smallest_code_of_those_that_touch():
    cells = square_cells(3)
    corner = points_at([(WEST + STEP, SOUTH + STEP)])
    touching = cells[cells.touches(corner.geometry.iloc[0]) | cells.intersects(corner.geometry.iloc[0])]
    found = locate(corner, cells).iloc[0]
    assert (found.cell, found.how) == (touching.code.min(), "on_edge")


def test_far_near_and_no_place_at_all():
    cells = square_cells(2)
    places = points_at([(WEST - 1e-4, SOUTH + 1e-4), (WEST - 1.0, SOUTH), (np.nan, np.nan)])
    places = pd.concat(
        [places, gpd.GeoDataFrame(geometry=[None, shapely.Point()], index=["x", "y"], crs=4326)]
    )
    found = locate(places, cells, near_gap_m=20.0)
    assert found.how.tolist() == ["near_gap", "none", "none", "none", "none"]
    assert found.nearest.iloc[0] == cells.code.iloc[0]
    assert found.nearest_m.iloc[0] == pytest.approx(9.76, abs=0.01)


def test_border_and_runner_up():
    cells = square_cells(2, 4549)
    inside = points_at([(WEST + STEP - 1e-4, SOUTH + STEP / 2)], 32650)
    found = locate(inside, cells, border=True).iloc[0]
    assert (found.cell, found.runner_up) == (cells.code.iloc[0], cells.code.iloc[1])
    assert found.border_m == pytest.approx(9.76, abs=0.01)


def test_codes_keep_their_type_and_may_be_the_index():
    cells = square_cells(2).set_index(pd.Index([40, 30, 20, 10])).drop(columns="code")
    places = points_at([(WEST + STEP / 2, SOUTH + STEP / 2), (0.0, 0.0)])
    assert locate(places, cells)["cell"].tolist() == [40, pd.NA]
    assert locate(places, cells, column="grid")["grid"].dtype == "Int64"


def test_a_tiling_is_made_once_and_asked_often():
    cells = square_cells(3)
    tiling = Tiling.of(cells)
    places = points_at([(WEST + STEP / 2, SOUTH + STEP / 2)])
    assert locate(places, tiling).equals(locate(places, cells))
    assert Tiling.of(tiling) is tiling
    assert len(tiling) == 9


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda p, c: (p.set_crs(None, allow_override=True), c), "frame.set_crs"),
        (lambda p, c: (pd.DataFrame({"x": [1]}), c), "points_from_xy"),
        (lambda p, c: (p.set_geometry(shapely.buffer(p.geometry, 1e-4)), c), "representative_point"),
        (lambda p, c: (p.assign(cell=1), c), "rename it"),
        (lambda p, c: (p, pd.concat([c, c.assign(code="Z" + c.code)])), "check(cells)"),
        (lambda p, c: (p, c.assign(code=None)), "needs a code"),
        (lambda p, c: (p, c.set_geometry([None] * len(c), crs=4326)), "cells.geometry.notna()"),
        (lambda p, c: (p, c.iloc[:0]), "at least one polygon"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(wrong, says):
    places, cells = wrong(points_at([(WEST, SOUTH)]), square_cells(2))
    with pytest.raises(InvalidInputError) as refused:
        locate(places, cells)
    assert says in str(refused.value)


def test_check_finds_and_mend_closes():
    cells = square_cells(2, 4549)
    shapes = cells.geometry.to_numpy().copy()
    shapes[0] = shapely.transform(shapes[0], lambda xy: xy - 0.4)  # 40 cm off: gaps between
    loose = cells.set_geometry(gpd.GeoSeries(shapes, index=cells.index, crs=4549))
    found = check(loose)
    assert found.crs == cells.crs
    assert len(found)
    assert found.geometry.notna().all()
    assert set(found.columns) >= {"rule", "severity", "message", "remedy", "cells"}
    whole = mend(loose, 1.0)
    assert check(whole).empty
    assert whole.index.equals(cells.index)
    assert shapely.coverage_is_valid(whole.geometry.to_numpy())
    assert check(square_cells(3)).empty


def test_datums_of_web_maps_go_and_come_back():
    places = points_at([(118.88, 28.9), (118.9, 28.95)], 4549)
    for datum in ("GCJ02", "BD09"):
        there = to_datum(places, datum)
        assert there.crs is None
        assert (there.distance(places.to_crs(4326), align=False) > 1e-3).all()
        back = from_datum(there, datum)
        assert back.crs.to_epsg() == 4326
        assert back.to_crs(4549).distance(places).max() < 0.01
    assert to_datum(places, "EPSG:4490").crs.to_epsg() == 4490
