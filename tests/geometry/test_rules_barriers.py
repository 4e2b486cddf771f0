"""The rule about barriers: by hand, and against cutting cells with one barrier after the other."""

import numpy as np
import pytest
import shapely
import shapely.ops
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.geometry.measure import area_m2, metres_per_degree
from geo_service.geometry.rules_ground import Ground
from geo_service.geometry.rules_scene import Scene, SceneCell
from tests.geometry.scenes import LEVELS, SIZE, found, house, line, point, scene
from tests.geometry.tilings import square


def test_a_bridge_inside_makes_a_cell_whole():
    homes = [house(0.2, 0.5), house(0.8, 0.5)]
    stream = {"barriers": [line((0.5, -1), (0.5, 2))], "barrier_kinds": ["stream"], "barrier_names": ["石溪"]}
    cut = Ground.build(buildings=homes, households=[9, 2], **stream)
    findings = found(scene(["a"], cut), "barrier", [("micro_grid", "a00")], min_households=1)
    assert {one.cells[0] for one in findings} == {"micro_grid/a00", "grid/a", "community/1"}
    assert findings[0].numbers["far_side_households"] == 2
    assert "cut by the stream 石溪" in findings[0].message
    assert "被石溪分隔" in findings[0].message_zh
    bridged = Ground.build(buildings=homes, households=[9, 2], crossings=[point(0.5, 0.3)], **stream)
    assert found(scene(["a"], bridged), "barrier") == []
    elsewhere = Ground.build(buildings=homes, households=[9, 2], crossings=[point(0.5, 1.4)], **stream)
    assert len(found(scene(["a"], elsewhere), "barrier")) == 3


def test_land_alone_counts_where_a_share_is_set():
    ground = Ground.build(barriers=[line((0.25, -1), (0.25, 2))], barrier_kinds=["river"])
    assert found(scene(["a"], ground), "barrier") == []
    assert found(scene(["a"], ground), "barrier", min_share=0.3) == []
    findings = found(scene(["a"], ground), "barrier", min_share=0.2)
    assert findings[0].numbers["far_side_m2"] == pytest.approx(area_m2([square(0, 0)])[0] / 4, rel=1e-3)


def test_a_stream_that_ends_inside_or_runs_along_the_border_cuts_nothing():
    homes, people = [house(0.2, 0.5), house(0.8, 0.5), house(1.5, 0.5)], [1, 1, 1]
    for course in (line((0.5, -1), (0.5, 0.4)), line((1, -1), (1, 2)), line((0, 0), (2, 0))):
        ground = Ground.build(buildings=homes, households=people, barriers=[course], barrier_kinds=["stream"])
        named = [("micro_grid", "a00"), ("micro_grid", "b01")]
        findings = found(scene(["ab"], ground), "barrier", named)
        assert not [one for one in findings if not one.cells[0].startswith("community")]


def by_hand(shape, lines, crossings, homes, reach_m):
    """Whether people of a cell are parted: cut by one line after the other, joined by bridges one by one."""
    scale = metres_per_degree(shape.centroid.y)
    pieces = [shape]
    for course in lines:
        pieces = [bit for piece in pieces for bit in shapely.ops.split(piece, course).geoms]
    label = list(range(len(pieces)))
    for crossing in crossings:
        at = shapely.transform(crossing, lambda deg: deg * scale)
        near = [shapely.transform(p, lambda deg: deg * scale).distance(at) <= reach_m for p in pieces]
        joined = {label[k] for k in range(len(pieces)) if near[k]}
        label = [min(joined) if one in joined else one for one in label]
    return len({label[k] for k, piece in enumerate(pieces) for home in homes if piece.contains(home)}) > 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_people_parted_by_barriers_agree_with_cutting_one_by_one(seed):
    rng = np.random.default_rng(seed)
    ends = rng.uniform(0, 2, (3, 2))
    lines = [line((-1, a), (3, b)) if k % 2 else line((a, -1), (b, 3)) for k, (a, b) in enumerate(ends)]
    homes = [house(x, y, 0.001) for x, y in rng.uniform(0.05, 1.95, (4, 2))]
    bridges = [
        shapely.line_interpolate_point(lines[rng.integers(3)], rng.random(), normalized=True)
        for _ in range(5)
    ]
    ground = Ground.build(
        buildings=homes,
        households=[1] * 4,
        barriers=lines,
        barrier_kinds=["stream"] * 3,
        crossings=bridges,
    )
    shape = square(0, 0, 2 * SIZE)
    place = Scene.of(LEVELS, [SceneCell("community", "1", shape=shape)], ground)
    centres = [shapely.centroid(home) for home in homes]
    assert bool(found(place, "barrier", reach_m=1.0)) is by_hand(shape, lines, bridges, centres, 1.0)
