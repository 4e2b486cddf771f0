"""TopoJSON, read back by an independent decoder: GDAL's."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import orjson
import pyogrio
import pytest
import shapely
from hypothesis import given

from geo_service.errors import InvalidInputError
from geo_service.formats.export import write_vector
from geo_service.formats.topojson import topojson_bytes
from geo_service.geometry import lattice
from tests.geometry.tilings import TILINGS


def frame_of(geoms: np.ndarray) -> gpd.GeoDataFrame:
    names = [f"格{k}" for k in range(len(geoms))]
    return gpd.GeoDataFrame({"code": names}, geometry=geoms, crs=4326)


@given(geoms=TILINGS)
def test_gdal_reads_the_same_tiling(geoms: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path: Path = tmp_path_factory.mktemp("topo") / "cells.topojson"
    write_vector(frame_of(geoms), path)
    back = pyogrio.read_dataframe(path)
    assert back["code"].tolist() == [f"格{k}" for k in range(len(geoms))]
    found = lattice.snap(back.geometry.to_numpy())
    assert shapely.equals(found, geoms).all()


def test_a_shared_border_is_written_once() -> None:
    cells = np.array([shapely.box(k, 0, k + 1, 1) for k in range(5)])
    topology = orjson.loads(topojson_bytes(frame_of(cells), decimals=7, name="cells", members={}))
    sides = sum(len(arc) - 1 for arc in topology["arcs"])
    assert sides == 3 * 5 + 1
    assert topology["objects"]["cells"]["geometries"][0]["properties"] == {"code": "格0"}


def test_points_are_refused(tmp_path: Path) -> None:
    places = gpd.GeoDataFrame(geometry=[shapely.Point(1, 2)], crs=4326)
    with pytest.raises(InvalidInputError, match="areas only"):
        write_vector(places, tmp_path / "places.topojson")
