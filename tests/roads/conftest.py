"""Real streets, read once."""

from pathlib import Path

import pytest

from geo_service.roads.network import RoadNetwork
from geo_service.roads.osm import OsmExtract, read_pbf


@pytest.fixture(scope="session")
def porto_extract(shared_data: Path) -> OsmExtract:
    return read_pbf(shared_data / "roads" / "porto.osm.pbf")


@pytest.fixture(scope="session")
def porto(porto_extract: OsmExtract) -> RoadNetwork:
    return porto_extract.network


@pytest.fixture(scope="session")
def harbin_extract(shared_data: Path) -> OsmExtract:
    return read_pbf(shared_data / "roads" / "harbin.osm.pbf")
