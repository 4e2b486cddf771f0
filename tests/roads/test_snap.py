"""Snapping: the nearest place on an edge, against shapely, and what is never done silently."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads import plain
from geo_service.roads.graph import UNREACHED, build_graph
from geo_service.roads.network import RoadNetwork
from geo_service.roads.snap import PREFER_MAIN_M, Snapper, Snaps
from tests.roads.networks import FORWARD, GEOD, graph_of, grid_town, make_network, networks


@settings(max_examples=30)
@given(networks(), st.lists(st.tuples(st.integers(-60, 120), st.integers(-60, 120)), min_size=1, max_size=8))
def test_the_raster_finds_what_the_tree_finds(network, steps: list[tuple[int, int]]) -> None:
    snapper = Snapper(graph_of(network))
    points = np.array([(118.8 + x / 2e4, 28.9 + y / 2e4) for x, y in steps])
    for max_distance_m in (30.0, 5000.0):
        snaps = snapper.snap(points, max_distance_m)
        pieces = snapper.pieces
        if len(pieces.edge) == 0:
            assert not snaps.snapped.any()
            continue
        piece, along, distance_m = plain.nearest_pieces(
            points,
            pieces.a,
            pieces.b,
            pieces.main,
            max_distance_m=max_distance_m,
            prefer_main_m=PREFER_MAIN_M,
        )
        theirs = snapper._snaps(piece, along, distance_m)
        assert np.allclose(snaps.distance_m, theirs.distance_m, rtol=1e-12, atol=1e-9)
        assert np.array_equal(snaps.snapped, theirs.snapped)
        # where two are equally near but for rounding, either will do
        close = np.isclose(snaps.fraction, theirs.fraction, atol=1e-7) & (snaps.edge == theirs.edge)
        gap = np.abs(snaps.lonlat_deg - theirs.lonlat_deg).max(axis=1, initial=0.0)
        assert (close | (gap < 1e-9) | ~snaps.snapped | np.isclose(snaps.distance_m, theirs.distance_m)).all()


@settings(max_examples=60)
@given(st.floats(0, 1), st.floats(-300, 300), st.sampled_from([0.0, 31.0, 52.0, -45.0]))
def test_distance_is_that_of_the_ellipsoid(share: float, off_m: float, lat: float) -> None:
    # a street along the meridian; the point lies off it to the east or west
    graph = graph_of(make_network([(118.8, lat), (118.8, lat + 0.01)], [(0, 1)]))
    foot_lat = lat + 0.01 * share
    lon, point_lat, _ = GEOD.fwd(118.8, foot_lat, 90.0, off_m)
    snaps = Snapper(graph).snap(np.array([[lon, point_lat]]))
    assert snaps.distance_m[0] == pytest.approx(abs(off_m), abs=0.03)
    assert snaps.fraction[0] == pytest.approx(share, abs=1e-4)
    assert snaps.access_ms[0] == np.floor(snaps.distance_m[0] / 1.0 * 1000 + 0.5)


def test_fraction_is_of_the_length_along_the_shape() -> None:
    network = make_network([(118.8, 28.9), (118.801, 28.9)], [(0, 1)])
    bent = shapely.LineString([(118.8, 28.9), (118.8, 28.901), (118.801, 28.901), (118.801, 28.9)])
    network.edge_shape[0] = bent
    snaps = Snapper(graph_of(network)).snap(np.array([[118.8, 28.901], [118.8005, 28.9011], [118.801, 28.9]]))
    north = GEOD.line_length([118.8, 118.8], [28.9, 28.901])
    east = GEOD.line_length([118.8, 118.801], [28.901, 28.901])
    total = 2 * north + east
    expected = [north / total, (north + east / 2) / total, 1.0]
    assert snaps.fraction == pytest.approx(expected, abs=1e-5)
    assert snaps.fraction[2] == 1.0
    assert np.allclose(snaps.lonlat_deg, [[118.8, 28.901], [118.8005, 28.901], [118.801, 28.9]], atol=1e-9)


def test_far_points_and_points_without_place_are_not_snapped() -> None:
    snapper = Snapper(graph_of(grid_town(4)))
    points = np.array(
        [[118.8, 28.9], [118.8, 28.8], [np.nan, 28.9], [118.8, np.inf], [500.0, 28.9], [0.0, -90.0]]
    )
    snaps = snapper.snap(points, 500.0)
    assert snaps.snapped.tolist() == [True, False, False, False, False, False]
    assert np.isinf(snaps.distance_m[1:]).all()
    assert np.isnan(snaps.lonlat_deg[1:]).all()
    assert (snaps.access_ms[1:] == UNREACHED).all()


def test_the_limit_is_a_limit() -> None:
    snapper = Snapper(graph_of(make_network([(118.8, 28.9), (118.81, 28.9)], [(0, 1)])))
    lon, lat, _ = GEOD.fwd(118.805, 28.9, 0.0, 100.0)
    assert not snapper.snap(np.array([[lon, lat]]), 99.9).snapped[0]
    assert snapper.snap(np.array([[lon, lat]]), 100.1).snapped[0]


def test_an_isolated_driveway_does_not_swallow_a_point_but_an_island_does() -> None:
    town = grid_town(3)
    places = [tuple(p) for p in town.node_lonlat_deg] + [(118.8005, 28.9003), (118.8006, 28.9003)]
    ends = [*zip(town.edge_u.tolist(), town.edge_v.tolist(), strict=True), (9, 10)]
    graph = graph_of(make_network(places, ends))
    point = np.array([[118.80055, 28.90031]])
    near = Snapper(graph).snap(point)
    assert near.main[0]
    assert near.edge[0] != 12
    strict = Snapper(graph, prefer_main_m=0.0).snap(point)
    assert (strict.edge[0], strict.main[0]) == (12, False)
    # farther from the main network than the margin: the island's own street
    assert Snapper(graph, prefer_main_m=20.0).snap(point).edge[0] == 12
    assert Snapper(graph).snap(point, 10.0).edge[0] == 12


def test_only_streets_of_the_mode_count() -> None:
    network = make_network(
        [(118.8, 28.9), (118.801, 28.9), (118.8, 28.9005), (118.801, 28.9005)],
        [(0, 1), (2, 3)],
        access=[3, 63],
    )
    point = np.array([[118.8005, 28.9001]])
    assert Snapper(build_graph(network, Mode.CAR)).snap(point).edge[0] == 1
    assert Snapper(build_graph(network, Mode.WALK)).snap(point).edge[0] == 0


def test_of_equally_near_streets_the_smallest_index() -> None:
    graph = graph_of(grid_town(3))
    crossing = graph.network.node_lonlat_deg[4:5]
    touching = np.flatnonzero((graph.network.edge_u == 4) | (graph.network.edge_v == 4))
    assert Snapper(graph).snap(crossing).edge[0] == touching.min()


@pytest.mark.parametrize("distance", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_distances_are_refused(distance: float) -> None:
    with pytest.raises(InvalidInputError):
        Snapper(graph_of(grid_town(2))).snap(np.zeros((1, 2)), distance)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_points_must_be_pairs(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError):
        Snapper(graph_of(grid_town(2))).snap(np.zeros(shape))


@pytest.mark.parametrize(
    ("edge", "fraction", "access_ms"), [(-1, 0.5, 0), (9, 0.5, 0), (0, 1.1, 0), (0, 0.5, -1)]
)
def test_places_off_the_network_are_refused(edge: int, fraction: float, access_ms: int) -> None:
    with pytest.raises(InvalidInputError):
        Snaps.on_edges(graph_of(grid_town(2)), [edge], [fraction], access_ms)


def test_places_on_edges_snap_to_themselves() -> None:
    network = grid_town(5)
    graph = graph_of(make_network(
        [tuple(p) for p in network.node_lonlat_deg],
        list(zip(network.edge_u.tolist(), network.edge_v.tolist(), strict=True)),
        access=[FORWARD if i % 3 == 0 else 63 for i in range(len(network.edge_u))],
    ))  # fmt: skip
    rng = np.random.default_rng(2)
    edge, fraction = rng.integers(0, len(graph.edge_ms), 200), rng.uniform(0.05, 0.95, 200)
    places = Snaps.on_edges(graph, edge, fraction)
    again = Snapper(graph, prefer_main_m=0.0).snap(places.lonlat_deg)
    assert np.array_equal(again.edge, places.edge)
    assert np.allclose(again.fraction, places.fraction, atol=1e-6)


def test_porto_taxis_lie_on_porto_streets(shared_data: Path, porto: RoadNetwork) -> None:
    rows = (shared_data / "gps_porto" / "fixes.txt").read_text().split("\n")
    fixes = np.array([line.split()[:3] for line in rows if len(line.split()) >= 3], float)
    points = fixes[:, [2, 1]]
    snapper = Snapper(build_graph(porto, Mode.CAR), prefer_main_m=0.0)
    snaps = snapper.snap(points, 500.0)
    assert snaps.snapped.all()
    assert np.median(snaps.distance_m) == pytest.approx(3.0, abs=0.5)
    assert np.percentile(snaps.distance_m, 99) < 30.0
