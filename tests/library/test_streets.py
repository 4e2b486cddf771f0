"""Streets from lines and from OpenStreetMap files."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo_service import street_graph, travel_time
from geo_service.errors import InvalidInputError
from geo_service.library.frames import LibraryWarning
from tests.library.scenes import SOUTH, STEP, WEST, points_at, street_lines

A, B, C = (WEST, SOUTH), (WEST + STEP, SOUTH), (WEST + STEP, SOUTH + STEP)


def lines(*shapes, **columns) -> gpd.GeoDataFrame:
    drawn = gpd.GeoDataFrame(geometry=[shapely.LineString(one) for one in shapes], crs=4326)
    return drawn.assign(**columns)


def seconds(graph, start, goal) -> float:
    return travel_time(graph, points_at([start]), points_at([goal])).seconds.iloc[0]


def test_a_file_of_openstreetmap_and_the_same_lines_make_the_same_graph(tmp_path):
    frame = street_lines(2)
    nodes, ways = {}, []
    for number, row in enumerate(frame.itertuples(), start=1):
        refs = [nodes.setdefault(one, len(nodes) + 1) for one in row.geometry.coords]
        tags = f'<tag k="highway" v="{row.highway}"/><tag k="name" v="{row.name}"/>'
        ways.append(
            f'<way id="{number}">{"".join(f"<nd ref={chr(34)}{r}{chr(34)}/>" for r in refs)}{tags}</way>'
        )
    points = [f'<node id="{i}" lon="{x:.7f}" lat="{y:.7f}" version="1"/>' for (x, y), i in nodes.items()]
    file = tmp_path / "town.osm"
    file.write_text(f'<osm version="0.6">{"".join(points)}{"".join(ways)}</osm>', encoding="utf-8")
    one, other = street_graph(file, "car"), street_graph(frame, "car")
    assert len(one.edges) == len(other.edges) == 12
    assert sorted(one.edges.length_m.round(1)) == sorted(other.edges.length_m.round(1))
    assert set(one.edges.name) == set(other.edges.name)
    goal = (WEST + 2 * STEP, SOUTH + 2 * STEP)
    assert seconds(one, A, goal) == pytest.approx(seconds(other, A, goal), abs=0.05)


def test_edges_name_the_line_they_come_from_and_lie_in_its_crs():
    frame = street_lines(2, 4549).set_index("name")
    edges = street_graph(frame, "walk").edges
    assert edges.crs.to_epsg() == 4549
    assert edges.groupby("line").size().to_dict() == dict.fromkeys(frame.index, 2)
    assert edges.length_m.sum() == pytest.approx(frame.length.sum(), rel=1e-3)
    assert (edges.within(shapely.union_all(frame.buffer(0.1)))).all()


def test_one_way_streets_go_one_way():
    frame = lines((A, B), (B, C), (C, A), highway="residential", oneway=[True, "yes", "no"])
    car, walk = street_graph(frame, "car"), street_graph(frame, "walk")
    assert seconds(car, A, B) < seconds(car, B, A)
    assert seconds(walk, A, B) == pytest.approx(seconds(walk, B, A), abs=0.01)
    assert car.edges.back_s.isna().tolist() == [True, True, False]


def test_lines_meet_at_common_vertices_unless_told_to_meet_where_they_cross():
    cross = lines((A, C), (B, (WEST, SOUTH + STEP)), highway="residential")
    apart = street_graph(cross, "walk")
    joined = street_graph(cross, "walk", at_crossings=True)
    assert (len(apart.edges), len(joined.edges)) == (2, 4)
    assert np.isnan(seconds(apart, A, B))
    assert seconds(joined, A, B) > 0
    assert joined.edges.length_m.sum() == pytest.approx(apart.edges.length_m.sum(), rel=1e-6)


def test_a_class_of_ones_own_and_speeds_of_ones_own():
    frame = lines((A, B), kind=["track"])
    assert street_graph(frame, "walk", street_class="residential").edges.highway.tolist() == ["residential"]
    assert street_graph(frame, "walk", street_class="kind").edges.highway.tolist() == ["track"]
    table = {mode: {"kmh": {"other": 3.6}} for mode in ("walk", "ebike", "car")} | {"access_mps": 1.0}
    slow = street_graph(frame, "walk", street_class="kind", speeds=table)
    assert slow.edges.forward_s.iloc[0] == pytest.approx(slow.edges.length_m.iloc[0], abs=0.001)


def test_multilines_empty_rows_and_lists_of_values_are_taken_as_they_come():
    shapes = [shapely.MultiLineString([(A, B), (B, C)]), None, shapely.LineString([A, C])]
    frame = gpd.GeoDataFrame(
        {"highway": [["residential", "service"], "primary", "steps"], "maxspeed": [30.0, None, np.nan]},
        geometry=shapes,
        crs=4326,
        index=["m", "n", "o"],
    )
    graph = street_graph(frame, "walk")
    assert graph.edges.line.tolist() == ["m", "m", "o"]
    assert graph.edges.highway.tolist() == ["residential", "residential", "steps"]
    assert len(street_graph(frame, "car").edges.query("forward_s == forward_s")) == 2


def test_what_is_no_street_is_left_out_and_named():
    frame = lines((A, B), (B, C), highway=["residential", "resdential"])
    with pytest.warns(LibraryWarning, match="resdential"):
        assert len(street_graph(frame, "walk").edges) == 1


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        (lines((A, B)), {}, "street_class='residential'"),
        (lines((A, B), highway="street"), {}, "use classes of OpenStreetMap"),
        (lines((A, B), highway="residential"), {"mode": "boat"}, "use one of walk, ebike, car"),
        (points_at([A], highway="residential"), {}, "streets are lines"),
        (lines((A, B), highway="residential").set_crs(None, allow_override=True), {}, "frame.set_crs"),
        (lines((A, B), highway="proposed"), {}, "somebody may travel"),
        ("no_such_file.osm.pbf", {}, "complete OpenStreetMap file"),
    ],
)
def test_what_cannot_be_streets_is_refused(source, options, says):
    with pytest.raises(InvalidInputError) as refused:
        street_graph(source, **options)
    assert says in str(refused.value)
