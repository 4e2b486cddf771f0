"""Reading OpenStreetMap files, written here by hand and real ones."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads.graph import build_graph
from geo_service.roads.network import Access, Block
from geo_service.roads.osm import MOST_NODES_IN_WAY, read_pbf
from tests.roads.networks import GEOD

Way = tuple[int, list[int], dict[str, str]]


def write_osm(
    path: Path,
    nodes: dict[int, tuple[float, float]],
    ways: list[Way],
    *,
    node_tags: dict[int, dict[str, str]] | None = None,
    relations: str = "",
) -> Path:
    def tags(of: dict[str, str]) -> str:
        return "".join(f'<tag k="{k}" v="{v}"/>' for k, v in of.items())

    text = ['<osm version="0.6">']
    for i, (lon, lat) in sorted(nodes.items()):
        text.append(
            f'<node id="{i}" version="1" lon="{lon}" lat="{lat}">{tags((node_tags or {}).get(i, {}))}</node>'
        )
    for i, refs, of in ways:
        members = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        text.append(f'<way id="{i}" version="1">{members}{tags(of)}</way>')
    path.write_text("".join([*text, relations, "</osm>"]), encoding="utf-8")
    return path


NODES = {i: (118.8 + i / 1000, 28.9 + (i % 2) / 1000) for i in range(1, 12)}
STREET = {"highway": "residential"}


def test_streets_are_cut_where_they_meet(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "a.osm",
        NODES,
        [
            (7, [1, 2, 3, 4, 5], {**STREET, "name": "解放路", "maxspeed": "30 mph"}),
            (9, [3, 6], {"highway": "footway"}),
        ],
    )
    extract = read_pbf(path)
    network = extract.network
    assert network.node_id.tolist() == [1, 3, 5, 6]
    assert network.edge_id.tolist() == [
        7 * MOST_NODES_IN_WAY,
        7 * MOST_NODES_IN_WAY + 2,
        9 * MOST_NODES_IN_WAY,
    ]
    assert network.node_id[network.edge_u].tolist() == [1, 3, 3]
    assert network.node_id[network.edge_v].tolist() == [3, 5, 6]
    assert network.edge_name.tolist() == ["解放路", "解放路", ""]
    assert network.edge_class.tolist() == ["residential", "residential", "footway"]
    assert network.edge_maxspeed_kmh == pytest.approx([48.28, 48.28, 0], abs=0.01)
    assert [s.coords[1] for s in network.edge_shape[:2]] == [pytest.approx(NODES[2]), pytest.approx(NODES[4])]
    assert network.edge_length_m == pytest.approx([GEOD.geometry_length(s) for s in network.edge_shape])
    assert network.edge_access[2] == Access.WALK_FORWARD | Access.WALK_BACK
    assert np.allclose(network.node_lonlat_deg[1], NODES[3])
    assert extract.report.missing_references == 0


def test_a_street_is_cut_at_a_missing_node_and_not_joined_across(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "a.osm",
        NODES,
        [(7, [1, 2, 99, 3, 98, 4, 5, 6], STREET), (8, [97, 1, 96], STREET)],
    )
    extract = read_pbf(path)
    network, report = extract.network, extract.report
    ends = list(
        zip(network.node_id[network.edge_u].tolist(), network.node_id[network.edge_v].tolist(), strict=True)
    )
    assert ends == [(1, 2), (4, 6)]
    assert network.edge_id.tolist() == [7 * MOST_NODES_IN_WAY, 7 * MOST_NODES_IN_WAY + 5]
    assert (report.missing_references, report.ways_cut, report.ways_lost) == (4, 2, 1)


def test_loops_repeated_nodes_and_self_crossings(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "a.osm",
        NODES,
        [
            (1, [1, 2, 3, 1], STREET),
            (2, [4, 4, 5, 5], STREET),
            (3, [6, 7, 8, 6, 9], STREET),
            (4, [10, 10], STREET),
        ],
    )
    network = read_pbf(path).network
    ends = list(
        zip(network.node_id[network.edge_u].tolist(), network.node_id[network.edge_v].tolist(), strict=True)
    )
    assert ends == [(1, 1), (4, 5), (6, 6), (6, 9)]
    assert all(shape.is_valid for shape in network.edge_shape)


def test_barriers_cut_and_stop(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "a.osm",
        NODES,
        [(1, [1, 2, 3], STREET)],
        node_tags={2: {"barrier": "bollard"}, 3: {"barrier": "gate"}},
    )
    extract = read_pbf(path)
    assert extract.network.node_id.tolist() == [1, 2, 3]
    assert extract.network.node_block.tolist() == [0, int(Block.CAR), 0]
    assert extract.report.barriers == 1
    assert build_graph(extract.network, Mode.CAR).report.nodes_split == 1


def test_what_nobody_travels_is_left_out(tmp_path: Path) -> None:
    ways: list[Way] = [
        (1, [1, 2], {"highway": "proposed"}),
        (2, [2, 3], {"highway": "service", "access": "private"}),
        (3, [3, 4], {"waterway": "river"}),
        (4, [4, 5], STREET),
    ]
    path = write_osm(tmp_path / "a.osm", NODES, ways)
    assert read_pbf(path).report.ways == 1
    assert read_pbf(path, private_open=True).report.ways == 2


def test_base_map_features(tmp_path: Path) -> None:
    corners = [(0, 0), (4, 0), (4, 4), (0, 4), (1, 1), (2, 1), (2, 2), (1, 2)]
    nodes = NODES | {i: (118.9 + x / 1000, 28.9 + y / 1000) for i, (x, y) in enumerate(corners, 20)}
    ways: list[Way] = [
        (1, [1, 2], STREET),
        (2, [3, 4, 99, 5, 6], {"waterway": "river", "name": "衢江"}),
        (3, [7, 8], {"railway": "rail"}),
        (4, [7, 9], {"railway": "rail", "tunnel": "yes"}),
        (5, [20, 21, 22, 23, 20], {}),
        (6, [24, 25, 26, 27, 24], {}),
        (7, [1, 2, 3, 1], {"building": "yes"}),
        (8, [3, 4, 5, 3], {"leisure": "park"}),
        (9, [5, 6, 7, 5], {"landuse": "forest"}),
        (10, [1, 3, 99, 1], {"natural": "water"}),
    ]
    lake = (
        '<relation id="1" version="1"><member type="way" ref="5" role="outer"/><member type="way" ref="6" '
        'role="inner"/><tag k="type" v="multipolygon"/><tag k="natural" v="water"/></relation>'
    )
    extract = read_pbf(write_osm(tmp_path / "a.osm", nodes, ways, relations=lake))
    features = extract.features
    assert sorted(features.kind.tolist()) == sorted(
        ["waterway", "waterway", "railway", "water", "building", "park", "wood"]
    )
    (water,) = features.of("water")
    assert len(water.interiors) == 1
    assert shapely.is_valid(features.geometry).all()
    assert set(features.name[features.kind == "waterway"]) == {"衢江"}
    assert extract.report.features == len(features) == 7
    assert len(read_pbf(tmp_path / "a.osm", features=False).features) == 0


@pytest.mark.parametrize("content", [b"", b"not a map", b"\x00" * 100, b"<osm version='0.6'><node id='1'"])
@pytest.mark.parametrize("name", ["a.osm.pbf", "a.osm", "a.txt"])
def test_files_that_are_no_map_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as raised:
        read_pbf(path)
    assert str(tmp_path) not in str(raised.value)


def test_a_file_that_is_not_there_and_a_map_without_streets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        read_pbf(tmp_path / "none.osm.pbf")
    with pytest.raises(InvalidInputError):
        read_pbf(write_osm(tmp_path / "a.osm", NODES, [(1, [1, 2], {"waterway": "river"})]))


@pytest.mark.shared
@pytest.mark.parametrize(("city", "car_edges", "missing"), [("porto", 84_806, 0), ("harbin", 21_592, 2_000)])
def test_real_cities(request: pytest.FixtureRequest, city: str, car_edges: int, missing: int) -> None:
    extract = request.getfixturevalue(f"{city}_extract")
    network, report = extract.network, extract.report
    graph = build_graph(network, Mode.CAR)
    assert graph.report.edges == pytest.approx(car_edges, rel=0.1)
    assert report.missing_references == pytest.approx(missing, rel=0.25)
    assert len(np.unique(network.edge_id)) == len(network.edge_id)
    assert network.edge_shape.shape == network.edge_id.shape
    u = shapely.get_coordinates(shapely.get_point(network.edge_shape, 0))
    v = shapely.get_coordinates(shapely.get_point(network.edge_shape, -1))
    assert np.array_equal(u, network.node_lonlat_deg[network.edge_u])
    assert np.array_equal(v, network.node_lonlat_deg[network.edge_v])
    assert network.edge_length_m.min() >= 0
    # no line leaps over what the file lacks
    assert network.edge_length_m.max() < 20_000
    assert graph.report.edges_outside_main < 0.05 * graph.report.edges
    assert shapely.is_valid(extract.features.geometry).all()
