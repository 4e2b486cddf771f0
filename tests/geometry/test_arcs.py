from itertools import pairwise

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geometry.arcs import Arcs, Rings, quantised_rings, shared_arcs

STEP = 2.0**-10


def grid(width: int, height: int) -> np.ndarray:
    return np.array(
        [shapely.box(x, y, x + 1, y + 1) for x in range(width) for y in range(height)], dtype=object
    )


def walked(arcs: Arcs, ring: int) -> np.ndarray:
    """Vertices of a ring, closed, as its arcs give them."""
    points = []
    for arc in arcs.ring_arcs[arcs.ring_start[ring] : arcs.ring_start[ring + 1]]:
        forward = arc if arc >= 0 else ~arc
        piece = arcs.xy[arcs.start[forward] : arcs.start[forward + 1]]
        piece = piece if arc >= 0 else piece[::-1]
        if points:
            assert (points[-1][-1] == piece[0]).all(), "arcs must join"
        points.append(piece)
    return np.concatenate([points[0], *(p[1:] for p in points[1:])])


def check(rings: Rings) -> Arcs:
    """Every ring comes back, turned perhaps to begin elsewhere; every edge lies in one arc."""
    arcs = shared_arcs(rings)
    assert len(arcs.ring_start) == len(rings.cell) + 1
    for ring in range(len(rings.cell)):
        got = walked(arcs, ring)
        assert (got[0] == got[-1]).all()
        wanted = rings.xy[rings.start[ring] : rings.start[ring + 1]]
        begin = np.flatnonzero((wanted == got[0]).all(axis=1))
        assert any(np.array_equal(np.roll(wanted, -b, axis=0), got[:-1]) for b in begin)
    edges = set()
    for arc in range(len(arcs.start) - 1):
        piece = arcs.xy[arcs.start[arc] : arcs.start[arc + 1]].tolist()
        for a, b in pairwise(piece):
            edge = frozenset([tuple(a), tuple(b)])
            assert edge not in edges, "an edge lies in two arcs"
            edges.add(edge)
    return arcs


def test_neighbours_share_one_arc() -> None:
    arcs = check(quantised_rings(grid(2, 1), STEP))
    assert len(arcs.start) - 1 == 3  # the outside of each, and the border between
    used = np.where(arcs.ring_arcs < 0, ~arcs.ring_arcs, arcs.ring_arcs)
    assert sorted(np.bincount(used)) == [1, 1, 2]


def test_arcs_are_numbered_as_they_are_first_walked_and_lie_that_way() -> None:
    arcs = check(quantised_rings(grid(5, 4), STEP))
    seen = 0
    for arc in arcs.ring_arcs:
        if (arc if arc >= 0 else ~arc) == seen:
            assert arc >= 0
            seen += 1
    assert seen == len(arcs.start) - 1


def test_a_filled_hole_is_one_arc_in_both_directions() -> None:
    hole = shapely.box(1, 1, 2, 2)
    ring = shapely.difference(shapely.box(0, 0, 3, 3), hole)
    arcs = check(quantised_rings([ring, hole], STEP))
    assert len(arcs.start) - 1 == 2
    assert sorted(arcs.ring_arcs.tolist()) == [-2, 0, 1]


def test_islands_and_nothing() -> None:
    apart = shapely.union(shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6))
    assert len(check(quantised_rings([apart], STEP)).start) - 1 == 2
    empty = shared_arcs(quantised_rings([shapely.Polygon()], STEP))
    assert len(empty.xy) == 0
    assert empty.start.tolist() == empty.ring_start.tolist() == [0]


def test_rings_too_small_for_the_step_are_dropped() -> None:
    rings = quantised_rings([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 2 + STEP / 9, 2 + STEP / 9)], STEP)
    assert rings.cell.tolist() == [0]


@given(st.lists(st.integers(0, 4), min_size=25, max_size=25))
def test_any_partition_of_a_grid(groups: list[int]) -> None:
    cells = grid(5, 5)
    group = np.array(groups)
    merged = [shapely.unary_union(cells[group == g]) for g in sorted(set(groups))]
    # union drops the collinear corners that neighbours still need: give them back, as a tiling has them
    corners = shapely.MultiPoint([(x, y) for x in range(6) for y in range(6)])
    tiling = [shapely.snap(shapely.segmentize(one, 1.0), corners, 1e-9) for one in merged]
    check(quantised_rings(tiling, STEP))


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 5), st.integers(1, 5)), max_size=8
    )
)
def test_any_boxes_even_overlapping_ones(boxes: list[tuple[int, int, int, int]]) -> None:
    shapes = [shapely.segmentize(shapely.box(x, y, x + w, y + h), 1.0) for x, y, w, h in boxes]
    rings = quantised_rings(shapes, STEP)
    arcs = shared_arcs(rings)
    for ring in range(len(rings.cell)):
        got = shapely.Polygon(walked(arcs, ring))
        wanted = shapely.Polygon(rings.xy[rings.start[ring] : rings.start[ring + 1]])
        assert shapely.equals(got, wanted)
