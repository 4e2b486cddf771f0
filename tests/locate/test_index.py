"""The index against plain integers, against shapely, and at the ends of the world."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.segments import Segments, segments_of
from geo_service.locate import plain
from geo_service.locate.index import CellIndex, warm_up

from .random_tilings import Tiling, stretched, tilings

PLACES = [
    (1, 0, 0),
    (1, -lattice.MAX_I, -lattice.MAX_J),
    (1, lattice.MAX_I - 12, lattice.MAX_J - 12),
    (999_983, 119 * lattice.SCALE, 29 * lattice.SCALE),
    (2 * lattice.MAX_J // 12, -lattice.MAX_I, -lattice.MAX_J),
]


def index_of(tiling, **options):
    return CellIndex.build(tiling.segments(**options), tiling.codes)


def both_paths(index, ij):
    """Answers of the compiled path, after checking that the plain path gives the same."""
    lonlat_deg = np.asarray(ij, np.float64) / lattice.SCALE
    cell, on_edge = index.leaf_of(lonlat_deg)
    plain_cell, plain_edge = plain.label_all(lonlat_deg, index.tree)
    assert cell.tolist() == plain_cell.tolist()
    assert on_edge.tolist() == plain_edge.tolist()
    for k in range(0, len(ij), 37):
        assert index.leaf_of_one(*lonlat_deg[k]) == (cell[k], on_edge[k])
    return list(zip(cell.tolist(), on_edge.tolist(), strict=True))


def square(x, y, size=4):
    return shapely.box(*(v / lattice.SCALE for v in (x, y, x + size, y + size)))


@settings(max_examples=60)
@given(tilings(), st.booleans())
def test_every_point_of_a_small_tiling(tiling, t_junctions):
    points = list(itertools.product(range(-2, 15), repeat=2))
    index = index_of(tiling, t_junctions=t_junctions)
    assert both_paths(index, points) == [tiling.oracle(p) for p in points]


@settings(max_examples=60)
@given(tilings(size=12), st.sampled_from(PLACES), st.booleans())
def test_vertices_edge_points_and_their_neighbours_anywhere_in_the_world(tiling, place, t_junctions):
    tiling = stretched(tiling, *place)
    points = set(tiling.vertices())
    for a, b in {tuple(sorted(e)) for t in tiling.triangles for e in itertools.combinations(t, 2)}:
        step = int(np.gcd(b[0] - a[0], b[1] - a[1]))
        for k in {1, step // 2, step - 1}:
            points.add((a[0] + (b[0] - a[0]) // step * k, a[1] + (b[1] - a[1]) // step * k))
    near = {(x + dx, y + dy) for x, y in points for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    points = sorted(p for p in near if abs(p[0]) <= lattice.MAX_I and abs(p[1]) <= lattice.MAX_J)
    index = index_of(tiling, t_junctions=t_junctions)
    assert both_paths(index, points) == [tiling.oracle(p) for p in points]


@settings(max_examples=40)
@given(tilings(), st.permutations(range(6)))
def test_the_order_of_the_segments_does_not_matter(tiling, order):
    s = tiling.segments()
    shuffled = np.random.default_rng(order).permutation(len(s))
    again = Segments(*(getattr(s, name)[shuffled] for name in ("ax", "ay", "bx", "by", "left", "right")))
    points = np.array(list(itertools.product(range(-1, 14), repeat=2))) / lattice.SCALE
    for one, two in zip(
        CellIndex.build(s, tiling.codes).leaf_of(points),
        CellIndex.build(again, tiling.codes).leaf_of(points),
        strict=True,
    ):
        assert one.tolist() == two.tolist()


@settings(max_examples=40)
@given(tilings(), st.data())
def test_renaming_the_cells_moves_only_border_points(tiling, data):
    names = np.array(data.draw(st.permutations(range(tiling.n_cells))))
    renamed = Tiling(tiling.triangles, [int(names[o]) if o >= 0 else -1 for o in tiling.owner])
    points = np.array(list(itertools.product(range(-1, 14), repeat=2))) / lattice.SCALE
    (one, edge), (two, same_edge) = index_of(tiling).leaf_of(points), index_of(renamed).leaf_of(points)
    assert edge.tolist() == same_edge.tolist()
    inside = ~edge & (one >= 0)
    assert two[inside].tolist() == names[one[inside]].tolist()
    assert ((one < 0) == (two < 0)).all()


@settings(max_examples=60)
@given(tilings(size=1 << 20, max_points=20), st.integers(0, 2**32 - 1))
def test_points_between_lattice_points_go_with_the_nearest(tiling, seed):
    points = np.random.default_rng(seed).uniform(-0.01, 0.14, (500, 2))
    index = index_of(tiling)
    on_lattice = lattice.to_degrees(lattice.to_lattice(points))
    for rounded, exact in zip(index.leaf_of(points), index.leaf_of(on_lattice), strict=True):
        assert rounded.tolist() == exact.tolist()
    tree = shapely.STRtree(tiling.polygons())
    expected = np.full(len(points), tiling.n_cells)
    np.minimum.at(expected, *tree.query(shapely.points(on_lattice), predicate="intersects"))
    assert index.leaf_of(points)[0].tolist() == np.where(expected == tiling.n_cells, -1, expected).tolist()


@settings(max_examples=50)
@given(tilings(size=1 << 12), tilings(size=1 << 12), st.integers(-5000, 5000), st.integers(-5000, 5000))
def test_two_tilings_upon_each_other_are_refused(one, two, dx, dy):
    two = stretched(two, 1, dx, dy)
    cells = np.concatenate([one.polygons(), two.polygons()])
    shared = shapely.area(
        shapely.intersection(shapely.union_all(one.polygons()), shapely.union_all(two.polygons()))
    )
    codes = [f"{i:04d}" for i in range(len(cells))]
    try:
        segments = segments_of(cells)
    except InvalidInputError:  # the segments themselves show it
        return
    if shared == 0:
        CellIndex.build(segments, codes)
    else:
        with pytest.raises(InvalidInputError) as caught:
            CellIndex.build(segments, codes)
        assert caught.value.faults
        assert all(fault.place is not None for fault in caught.value.faults)


def test_a_sliver_of_overlap_between_two_needles_is_refused():
    wide = shapely.Polygon(np.array([(0, 0), (40_000, 1), (80_000, 0), (40_000, 3)]) / lattice.SCALE)
    tall = shapely.Polygon(np.array([(39_999, -9_000), (40_001, -9_000), (40_000, 9_000)]) / lattice.SCALE)
    with pytest.raises(InvalidInputError, match="tiling") as caught:
        CellIndex.build(segments_of(np.array([wide, tall])), ["a", "b"])
    assert "a, b cross" in caught.value.faults[0].message


def test_a_cell_within_another_is_refused():
    with pytest.raises(InvalidInputError, match="upon each other"):
        CellIndex.build(segments_of(np.array([square(0, 0, 9999), square(5001, 5001, 2)])), ["a", "b"])


def test_segments_that_do_not_close_are_refused():
    s = segments_of(np.array([square(0, 0)]))
    open_ring = Segments(*(getattr(s, name)[1:] for name in ("ax", "ay", "bx", "by", "left", "right")))
    with pytest.raises(InvalidInputError, match="do not bound"):
        CellIndex.build(open_ring, ["a"])


@pytest.mark.parametrize("codes", [["b", "a"], ["a", "a"]])
def test_codes_must_ascend(codes):
    with pytest.raises(InvalidInputError, match="ascending"):
        CellIndex.build(segments_of(np.array([square(0, 0), square(4, 0)])), codes)


def test_nothing_and_too_few_codes_are_refused():
    s = segments_of(np.array([square(0, 0), square(4, 0)]))
    with pytest.raises(InvalidInputError, match="no code"):
        CellIndex.build(s, ["a"])
    with pytest.raises(InvalidInputError, match="no cells"):
        CellIndex.build(segments_of(np.array([], object)), [])


def test_one_cell_and_its_border():
    index = CellIndex.build(segments_of(np.array([square(0, 0, 2)])), ["only"])
    points = [(x, y) for x in range(-1, 4) for y in range(-1, 4)]
    expected = [
        (0, not (x == 1 and y == 1)) if 0 <= x <= 2 and 0 <= y <= 2 else (-1, False) for x, y in points
    ]
    assert both_paths(index, points) == expected


def test_what_is_no_place_on_the_globe_has_no_cell():
    index = CellIndex.build(segments_of(np.array([shapely.box(-180, -90, 180, 90)])), ["world"])
    bad = [np.nan, np.inf, -np.inf, 180.0000001, -181.0, 1e300]
    points = np.array([(b, 0.0) for b in bad] + [(0.0, b) for b in [*bad, 90.0000001, -91]])
    cell, on_edge = index.leaf_of(points)
    assert (cell == -1).all()
    assert not on_edge.any()
    plain_cell, plain_edge = plain.label_all(points, index.tree)
    assert (plain_cell == -1).all()
    assert not plain_edge.any()
    assert all(index.leaf_of_one(*p) == (-1, False) for p in points)
    assert index.leaf_of_one(180.0, 90.0) == (0, True)
    assert index.leaf_of_one(-180.0, 12.5) == (0, True)
    assert index.leaf_of_one(179.9999, 0.0) == (0, False)


def test_the_antimeridian_is_an_edge_not_a_seam():
    west, east = shapely.box(-180, -10, -179, 10), shapely.box(179, -10, 180, 10)
    index = CellIndex.build(segments_of(np.array([east, west])), ["east", "west"])
    points = np.array([(180.0, 0.0), (-180.0, 0.0), (179.5, 0.0), (-179.5, 0.0), (0.0, 0.0)])
    cell, on_edge = index.leaf_of(points)
    assert cell.tolist() == [0, 1, 0, 1, -1]
    assert on_edge.tolist() == [True, True, False, False, False]


def test_a_dense_town_in_an_empty_country_stays_small():
    town = [square(1_000_000_000 + 12 * x, 250_000_000 + 12 * y, 12) for x in range(60) for y in range(60)]
    far = [shapely.box(74, 18, 75, 19), shapely.box(134, 52, 135, 53)]
    cells = np.array([*town, *far])
    index = CellIndex.build(segments_of(cells), [f"{i:05d}" for i in range(len(cells))])
    assert index.nbytes < 100 * len(index.tree.segs) + 65_536
    assert np.diff(index.tree.entries[:, 0]).max() <= 12
    centres = shapely.get_coordinates(shapely.centroid(cells))
    assert index.leaf_of(centres)[0].tolist() == list(range(len(cells)))


def test_thousands_of_long_needles_keep_to_the_budget():
    n = 800
    xs = np.linspace(0, 40 * lattice.SCALE, n + 1).astype(int)
    cells = [
        shapely.Polygon(np.array([(0, 0), (a, 30 * lattice.SCALE), (b, 30 * lattice.SCALE)]) / lattice.SCALE)
        for a, b in itertools.pairwise(xs)
    ]
    index = CellIndex.build(segments_of(np.array(cells)), [f"{i:05d}" for i in range(n)])
    assert index.nbytes < 120 * len(index.tree.segs) + 65_536
    inside = shapely.get_coordinates(shapely.centroid(np.array(cells)))
    assert index.leaf_of(inside)[0].tolist() == list(range(n))


def test_threads_share_an_index():
    cells = np.array([square(20 * x, 20 * y, 20) for x in range(30) for y in range(30)])
    index = CellIndex.build(segments_of(cells), [f"{i:03d}" for i in range(900)])
    points = np.random.default_rng(3).uniform(-1e-5, 8e-5, (20_000, 2))
    expected = index.leaf_of(points)[0].tolist()
    with ThreadPoolExecutor(8) as pool:
        assert all(cell.tolist() == expected for cell, _ in pool.map(index.leaf_of, [points] * 40))


def test_an_index_cannot_be_written_to():
    index = CellIndex.build(segments_of(np.array([square(0, 0)])), ["a"])
    assert all(not array.flags.writeable for array in index.tree)
    with pytest.raises(AttributeError):
        index.codes = ("b",)


def test_read_only_strided_and_integer_points_are_taken():
    index = CellIndex.build(segments_of(np.array([shapely.box(0, 0, 10, 10)])), ["a"])
    frozen = np.ones((3, 2))
    frozen.flags.writeable = False
    for points in (
        frozen,
        np.ones((3, 4))[:, ::2],
        np.ones((3, 2), int),
        np.ones((2, 3)).T,
        np.empty((0, 2)),
    ):
        assert index.leaf_of(points)[0].tolist() == [0] * len(points)
    with pytest.raises(InvalidInputError, match=r"\(n, 2\)"):
        index.leaf_of(np.ones(3))


def test_without_numba_the_plain_path_answers(monkeypatch):
    index = CellIndex.build(segments_of(np.array([square(0, 0), square(4, 0)])), ["a", "b"])
    points = np.array([(1, 1), (4, 2), (6, 2), (9, 9)]) / lattice.SCALE
    expected = index.leaf_of(points)
    monkeypatch.setattr("geo_service.locate.index.kernels", lambda: None)
    assert not warm_up()
    for got, want in zip(index.leaf_of(points), expected, strict=True):
        assert got.tolist() == want.tolist()
    assert index.leaf_of_one(*points[1]) == (0, True)
