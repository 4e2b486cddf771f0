"""Real incidents in real police beats: the index against a geopandas join, and against the official code."""

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.segments import segments_of
from geo_service.locate.index import CellIndex


@pytest.fixture(scope="module")
def chicago(shared_data):
    folder = shared_data / "chicago"
    beats = gpd.read_file(folder / "police_beats.geojson").to_crs(4326)
    beats = beats[beats["BEAT_NUM"].str.fullmatch(r"\d{4}")].dissolve("BEAT_NUM").sort_index()
    crimes = pd.read_csv(folder / "crimes.csv", dtype={"Beat": str, "District": str})
    shapes = lattice.snap(beats.geometry.to_numpy())
    try:
        index = CellIndex.build(segments_of(shapes), list(beats.index))
    except InvalidInputError as refused:
        pytest.fail(f"the beats should be a tiling once on the lattice: {refused}")
    points = crimes[["Longitude", "Latitude"]].to_numpy()
    return SimpleNamespace(beats=beats, shapes=shapes, crimes=crimes, index=index, points=points)


def test_each_incident_gets_the_beat_that_a_join_gives(chicago):
    cell, on_edge = chicago.index.leaf_of(chicago.points)
    known = np.isfinite(chicago.points).all(axis=1)
    assert np.count_nonzero(~known) == 162
    assert (cell[~known] == -1).all()
    rounded = lattice.to_degrees(lattice.to_lattice(chicago.points[known]))
    frame = gpd.GeoDataFrame(geometry=chicago.shapes, crs=4326)
    joined = gpd.GeoDataFrame(geometry=shapely.points(rounded), crs=4326).sjoin(frame, predicate="intersects")
    first = joined.groupby(level=0)["index_right"].agg(["min", "count"]).reindex(range(len(rounded)))
    assert cell[known].tolist() == first["min"].fillna(-1).astype(int).tolist()
    assert (on_edge[known][first["count"] > 1]).all()


def test_agreement_with_the_official_beat_and_district(chicago):
    cell, _ = chicago.index.leaf_of(chicago.points)
    placed = cell >= 0
    codes = np.array(chicago.index.codes)[cell]
    official = chicago.crimes["Beat"].str.zfill(4).to_numpy()
    beat_share = (codes == official)[placed].mean()
    # the first two digits of a beat are its district
    same_district = codes.astype("U2") == official.astype("U4").astype("U2")
    district_share = same_district[placed].mean()
    assert np.count_nonzero(placed) == 9837
    assert round(beat_share, 4) == 0.9988
    assert round(district_share, 4) == 0.9998


def test_where_the_official_beat_differs_and_why(chicago):
    found = chicago.index.locate(chicago.points, border=True)
    official = chicago.crimes["Beat"].str.zfill(4).to_numpy()
    rows = np.flatnonzero((found.cell >= 0) & (np.array(chicago.index.codes)[found.cell] != official))
    assert len(rows) == 12
    # eight stand at one place in the airport, 69 m inside beat 1652, and are booked under 1651
    airport = rows[official[rows] == "1651"]
    assert len(airport) == 8
    assert {chicago.index.codes[cell] for cell in found.cell[airport]} == {"1652"}
    # the others lie a few steps from the border, and the official beat is the one beyond it
    others = np.setdiff1d(rows, airport)
    assert (found.border_m[others] < 10.0).all()
    assert [chicago.index.codes[cell] for cell in found.runner_up[others]] == official[others].tolist()
