"""The demo town holds what it promises: counts, an exact tiling, whole buildings, one gap, one exclave."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geo_service.demo import DemoCounty, generate
from geo_service.demo.export import boundary_collections, cell_shapes, geojson_text
from geo_service.demo.frame import UNIT_DEG
from geo_service.demo.incidents import YEAR, brought_up_to
from geo_service.demo.spec import COUNTY


@pytest.fixture
def town(drawn_town: DemoCounty) -> DemoCounty:
    return drawn_town


def leaves(demo):
    return demo.cells[demo.cells["level"] == "micro_grid"]


def fingerprint(demo):
    digest = hashlib.sha256()
    for frame in (leaves(demo), demo.demand, demo.barriers, demo.features, demo.crossings, demo.responders):
        digest.update(shapely.get_coordinates(frame.geometry.to_numpy()).tobytes())
    digest.update(shapely.get_coordinates(demo.network.edge_shape).tobytes())
    digest.update(demo.incidents.to_csv(index=False).encode())
    digest.update(demo.cells.drop(columns="geometry").to_csv(index=False).encode())
    digest.update(demo.shifts.to_csv(index=False).encode())
    digest.update(demo.sign_boards.to_csv(index=False).encode())
    return digest.hexdigest()


def test_it_has_exactly_the_promised_counts(town):
    counts = town.cells["level"].value_counts().to_dict()
    assert counts == {"county": 1, "township": 1, "community": 4, "grid": 14, "micro_grid": 340}
    assert (COUNTY.n_townships, COUNTY.n_communities, COUNTY.n_grids, COUNTY.n_micro_grids) == (
        19,
        279,
        497,
        14_199,
    )


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(town):
    assert fingerprint(generate("town")) == fingerprint(town)
    assert fingerprint(generate("town", seed=7)) != fingerprint(town)


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="'town' or 'county'"):
        generate("village")


def test_leaves_are_an_exact_tiling_on_the_lattice(town):
    shapes = leaves(town).geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    ij = shapely.get_coordinates(shapes) / UNIT_DEG
    assert np.array_equal(ij, np.round(ij))


def test_directed_edges_cancel_but_for_the_rim_and_the_gap(town):
    shapes = shapely.orient_polygons(leaves(town).geometry.to_numpy())
    rings = shapely.get_rings(shapely.get_parts(shapes))
    edges = set()
    for ring in rings:
        xy = [tuple(p) for p in np.round(shapely.get_coordinates(ring) / UNIT_DEG).astype(int).tolist()]
        for edge in pairwise(xy):
            assert edge not in edges
            edges.add(edge)
    lonely = [(a, b) for a, b in edges if (b, a) not in edges]
    whole = shapely.coverage_union_all(shapes)
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 1
    assert shapely.Polygon(whole.interiors[0]).equals(town.gap)
    assert len(lonely) == sum(len(r.coords) - 1 for r in (whole.exterior, *whole.interiors))


def test_codes_are_unique_nested_and_in_order(town):
    cells = town.cells
    assert cells["code"].is_unique
    widths = {"county": 6, "township": 9, "community": 12, "grid": 15, "micro_grid": 18}
    for level, table in cells.groupby("level", sort=False):
        assert (table["code"].str.len() == widths[level]).all()
        if level != "county":
            assert (table["code"].str[:-3] == table["parent_code"]).all()
    assert set(cells["parent_code"].dropna()) <= set(cells["code"])


def test_buildings_are_whole_and_people_add_up(town):
    shape_of = leaves(town).set_index("code").geometry
    holder = shape_of.loc[town.demand["cell_code"]].to_numpy()
    assert shapely.within(town.demand.geometry.to_numpy(), holder).all()
    assert shapely.is_valid(town.demand.geometry.to_numpy()).all()
    for column in ("households", "residents"):
        for _, table in town.cells.groupby("level"):
            assert table[column].sum() == town.demand[column].sum()


def test_premises_lie_each_within_one_leaf_and_hold_whole_buildings(town):
    grounds = town.premises
    assert {"campus", "office", "factory"} <= set(grounds["kind"])
    assert grounds["code"].is_unique
    assert (grounds["responsible_unit"] != "").all()
    shapes = grounds.geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    leaf_of, ground = shapely.STRtree(leaves(town).geometry.to_numpy()).query(shapes, predicate="within")
    assert len(set(leaf_of.tolist())) == len(ground) == len(grounds)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (first == second).all()
    held = shapely.STRtree(town.demand.geometry.to_numpy()).query(shapes, predicate="contains")[0]
    assert len(set(held.tolist())) == len(grounds)


def test_no_building_stands_on_water_road_or_another_building(town):
    footprints = town.demand.geometry.to_numpy()
    tree = shapely.STRtree(footprints)
    first, second = tree.query(footprints, predicate="intersects")
    assert (first == second).all()
    water = town.features.loc[town.features["kind"] == "water"].geometry.to_numpy()
    assert not len(tree.query(water, predicate="intersects")[1])
    assert not len(tree.query(town.network.edge_shape, predicate="intersects")[1])


def test_grids_in_town_have_300_to_500_households(town):
    grids = town.cells[(town.cells["level"] == "grid") & (town.cells["class"] == "urban")]
    assert len(grids) == 9
    assert grids["households"].between(300, 500).all()


def test_there_is_an_exclave_and_villages_interleave(town):
    parts = shapely.get_num_geometries(cell_shapes(town, "community"))
    assert (parts > 1).sum() >= 3
    assert shapely.get_num_geometries(cell_shapes(town, "county")).max() == 1


def test_the_network_is_connected_and_crosses_water_only_at_crossings(town):
    net = town.network
    graph = coo_matrix((np.ones(len(net.edge_u)), (net.edge_u, net.edge_v)), shape=(len(net.node_id),) * 2)
    assert connected_components(graph, directed=False)[0] == 1
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(net.edge_shape, k)) for k in (0, -1)])
    assert np.array_equal(ends, net.node_lonlat_deg[np.r_[net.edge_u, net.edge_v]])
    assert len(np.unique(net.edge_id)) == len(net.edge_id)
    assert (net.edge_length_m > 0).all()
    for kind in ("river", "stream", "railway"):
        for line in town.barriers.loc[town.barriers["kind"] == kind].geometry:
            met = shapely.get_coordinates(shapely.intersection(net.edge_shape, line))
            assert (
                shapely.distance(shapely.points(met)[:, None], town.crossings.geometry.to_numpy())
                .min(axis=1)
                .max()
                < 2e-4
            )


def test_everyone_has_a_place_and_nobody_two_shifts_at_once(town):
    responders = town.responders
    workers = responders[responders["role"] == "grid_worker"]
    grids = town.cells.loc[town.cells["level"] == "grid", "code"]
    assert sorted(workers["cell_code"]) == sorted(grids)
    assert responders["id"].is_unique
    assert not town.shifts.duplicated(["responder_id", "weekday"]).any()
    assert set(town.shifts["kind"]) == {"day", "night"}
    assert set(town.posts["responder_id"]) <= set(workers["id"])
    assert set(town.posts["starts"]) == {"07:20", "16:30"}


def test_incidents_make_a_year_with_a_rhythm(town):
    table = town.incidents
    assert len(table) == 4_000
    assert table["id"].is_unique
    assert table["occurred_at"].is_monotonic_increasing
    assert str(table["occurred_at"].dt.date.max()) <= "2026-11-21"
    assert str(table["occurred_at"].dt.date.min()) >= "2025-11-22"
    hour = table["occurred_at"].dt.hour
    assert (hour.between(8, 10).sum()) > 5 * hour.between(2, 4).sum()
    assert table["lon"].isna().sum() == 40
    inside = shapely.contains_xy(town.gap, table["lon"], table["lat"])
    assert 5 <= inside.sum() <= 20


def test_boundary_files_come_back_exactly(town):
    collections = boundary_collections(town)
    assert [len(c["features"]) for c in collections.values()] == [1, 1, 4, 14, 340]
    for feature, shape in zip(collections["micro_grid"]["features"], leaves(town).geometry, strict=True):
        back = shapely.transform(
            shapely.geometry.shape(feature["geometry"]), lambda xy: np.round(xy / UNIT_DEG) * UNIT_DEG
        )
        assert back.equals(shape)


def test_the_files_kept_of_the_town_are_the_ones_it_makes(town):
    folder = Path(__file__).resolve().parents[2] / "data" / "boundaries"
    for level, collection in boundary_collections(town).items():
        made = json.loads(geojson_text(collection, f"town_{level}"))
        kept = json.loads((folder / f"town_{level}.geojson").read_text("utf-8"))
        assert kept["name"] == made["name"]
        for one, other in zip(kept["features"], made["features"], strict=True):
            assert one["properties"] == other["properties"]
            shapes = [shapely.geometry.shape(feature["geometry"]) for feature in (one, other)]
            assert shapely.equals_exact(*shapes, tolerance=1e-6)


def test_every_grid_has_a_sign_board_inside_it_that_names_its_worker(town):
    grids = town.cells[town.cells["level"] == "grid"]
    boards = town.sign_boards
    assert boards["cell_code"].tolist() == grids["code"].tolist()
    assert boards["id"].is_unique
    shapes = cell_shapes(town, "grid")
    assert shapely.covers(shapes, boards.geometry.to_numpy()).all()
    workers = town.responders[town.responders["role"] == "grid_worker"].set_index("cell_code")["name"]
    assert (boards["owner"].to_numpy() == workers.loc[boards["cell_code"]].to_numpy()).all()
    assert (boards["kind"] == "路口").mean() > 0.5


def test_a_year_of_incidents_ends_at_any_moment(town):
    drawn = town.incidents
    now = pd.Timestamp("2031-03-05 10:20", tz="Asia/Shanghai")
    moved = brought_up_to(drawn, now)
    assert (moved["occurred_at"] <= now).all()
    assert (moved["occurred_at"] > now - YEAR).all()
    assert moved["occurred_at"].is_monotonic_increasing
    both = drawn.merge(moved, on="id", suffixes=("", "_moved"))
    assert len(both) == len(drawn)
    assert (
        (both["occurred_at_moved"] - both["occurred_at"]) % pd.Timedelta(weeks=1) == pd.Timedelta(0)
    ).all()
