"""Road networks in the database: the newest alone, replaced in a time that grows with its size only."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import func, select, text

from geo_service.roads.network import RoadNetwork
from geo_service.store import ground, roads
from geo_service.store.database import Database
from geo_service.store.tables import road_edge, road_network, road_node
from tests.roads.networks import make_network


def lattice(size: int) -> RoadNetwork:
    """Streets of a chessboard of ``size`` by ``size`` corners."""
    places = [(120 + 0.001 * x, 30 + 0.001 * y) for y in range(size) for x in range(size)]
    ends = [(i, i + 1) for i in range(size * size) if (i + 1) % size]
    ends += [(i, i + size) for i in range(size * (size - 1))]
    return make_network(places, ends)


def lakes(name: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"kind": ["water"], "name": [name], "geometry": [shapely.box(0, 0, 1, 1)]}, crs=4326
    )


def test_replacing_takes_no_longer_than_storing(database: Database):
    network = lattice(80)
    spent = []
    for _ in range(3):
        begun = time.perf_counter()
        with database.writing() as connection:
            roads.replace(connection, network, "city", {})
        spent.append(time.perf_counter() - begun)
    assert max(spent[1:]) < 4 * spent[0] + 1, spent
    with database.reading() as connection:
        found = roads.in_use(connection)
        assert found is not None
        again = roads.load(connection, found[0])
        assert found[2] == roads.fingerprint(network) == roads.fingerprint(again)
    assert np.array_equal(again.edge_u, network.edge_u)


def test_a_new_network_takes_the_place_of_all_and_of_what_they_drew(database: Database):
    with database.writing() as connection:
        roads.replace(connection, lattice(3), "demo town", {})
        ground.replace_features(connection, "demo town", lakes("generated"))
        ground.replace_features(connection, "the parks office", lakes("stays"))
        connection.execute(
            text(
                "insert into road_network (name, fingerprint, report, in_use) values ('old', '', '{}', false)"
            )
        )
        ground.replace_features(connection, "roads old", lakes("of an earlier import"))
    with database.writing() as connection:
        roads.replace(connection, lattice(2), "city", {})
        ground.replace_features(connection, "roads city", lakes("new"))
    with database.reading() as connection:
        assert sorted(pd.Series(ground.features(connection)["name"])) == ["new", "stays"]
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (road_network, road_node, road_edge)
        ]
    assert counts == [1, 4, 4]
