"""Every kind of damage is found, named and measured; narrow damage is mended; clean input is left alone."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tilings import COMPACT, ORIGIN, TILINGS, exact_area2, shaken, square, units

from geo_service.errors import InvalidInputError, TooLargeError
from geo_service.geometry import crs, inspect, lattice, layout
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.inspect import inspect_tiling
from geo_service.geometry.measure import area_m2
from geo_service.model import Severity

STEP_EAST_M = 0.0116  # of a lattice step at ORIGIN; 0.0132 to the north


def look(cells, tolerance_m=0.0, codes=None):
    cells = np.array(cells, dtype=object)
    codes = codes or [f"c{k}" for k in range(len(cells))]
    found = inspect_tiling(cells, codes, tolerance_m=tolerance_m)
    if found.ok:
        whole = found.geoms[~shapely.is_empty(found.geoms)]
        assert lattice.is_on_lattice(whole)
        assert Fabric.from_polygons(whole).twins_cancel()
    return found


def rules(found):
    return sorted(finding.rule for finding in found.findings)


def row(*widths, height=10_000):
    """Rectangles side by side; each entry is (from, to) in lattice steps."""
    return [units([(a, 0), (b, 0), (b, height), (a, height)]) for a, b in widths]


# clean input


@given(TILINGS)
def test_a_clean_tiling_comes_back_bit_identical(cells):
    found = look(cells)
    assert {f.rule for f in found.findings} <= {"gap", "hole"}
    assert found.findings == ()
    assert (shapely.to_wkb(found.geoms) == shapely.to_wkb(cells)).all()


@given(COMPACT, st.floats(0, 5))
def test_a_clean_tiling_is_left_alone_at_any_small_tolerance(cells, tolerance_m):
    found = look(cells, tolerance_m)
    assert found.findings == ()
    assert (shapely.to_wkb(found.geoms) == shapely.to_wkb(cells)).all()


@settings(max_examples=50)
@given(COMPACT, st.integers(0, 10**6))
def test_what_rounding_to_the_lattice_does_is_mended_in_silence_or_as_a_note(cells, seed):
    """Shared borders moved off the lattice together, then vertices put in on one side only."""
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, 2) * lattice.UNIT_DEG
    off = shapely.transform(cells, lambda p: p * (1 + 1e-9) + shift)
    off[0] = shapely.segmentize(off[0], 20_000 * lattice.UNIT_DEG)
    found = look(off)
    assert found.ok
    assert set(rules(found)) <= {"repaired"}
    assert (
        abs(sum(exact_area2(c) for c in found.geoms) - exact_area2(shapely.coverage_union_all(found.geoms)))
        == 0
    )


@settings(max_examples=50)
@given(COMPACT, st.integers(0, 10**6))
def test_what_came_out_goes_through_unchanged(cells, seed):
    """Every vertex of every cell shaken by up to 30 cm, mended within 1 m, then inspected again."""
    moved = shaken(cells, seed, 25)
    once = look(moved[shapely.is_valid(moved)], 1.0)
    if once.ok:
        again = look(once.geoms, 0.0)
        assert set(rules(again)) <= {"gap", "hole"}
        assert (shapely.to_wkb(again.geoms) == shapely.to_wkb(once.geoms)).all()


def test_nothing_is_nothing():
    found = look([])
    assert found.ok
    assert found.findings == ()


# gaps and holes


@given(COMPACT, st.data())
def test_a_dropped_cell_is_a_gap_a_hole_or_a_bay(cells, data):
    k = data.draw(st.integers(0, len(cells) - 1))
    rest = np.delete(cells, k)
    if len(rest) == 0:
        return
    found = look(rest)
    assert found.ok
    outline = shapely.coverage_union_all(rest)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.node(outline.boundary))))
    holes = faces[~shapely.contains(outline, shapely.point_on_surface(faces))]
    closed = [f for f in found.findings if f.rule in {"gap", "hole"}]
    assert sum(f.numbers["area_m2"] for f in closed) == pytest.approx(area_m2(holes).sum(), abs=1.0)
    for finding in closed:
        assert finding.severity is Severity.WARNING
        assert shapely.relate_pattern(
            finding.shape, cells[k], "T*F**F***"
        )  # nothing but land of the dropped cell
        assert finding.numbers["width_m"] > 0
        assert (finding.rule == "hole") == (len(finding.cells) == 1)
    assert (shapely.to_wkb(found.geoms) == shapely.to_wkb(rest)).all()


def test_a_hole_within_one_cell_and_a_gap_between_two_are_told_apart():
    ring = [(4000, 4000), (6000, 4000), (6000, 6000), (4000, 6000)]
    pierced = units([(0, 0), (10_000, 0), (10_000, 10_000), (0, 10_000)], ring)
    found = look([pierced])
    assert rules(found) == ["hole"]
    assert found.findings[0].cells == ("c0",)
    assert found.findings[0].numbers["width_m"] == pytest.approx(2000 * STEP_EAST_M, rel=0.03)
    left = units([(0, 0), (5000, 0), (5000, 4000), (4000, 5000), (5000, 6000), (5000, 10_000), (0, 10_000)])
    right = units(
        [(5000, 0), (10_000, 0), (10_000, 10_000), (5000, 10_000), (5000, 6000), (6000, 5000), (5000, 4000)]
    )
    found = look([left, right])
    assert rules(found) == ["gap"]
    assert found.findings[0].cells == ("c0", "c1")
    assert found.findings[0].numbers["area_m2"] == pytest.approx(2_000_000 * 0.0116 * 0.0132, rel=0.01)


def test_an_enclave_in_a_wide_hole_leaves_a_ring_shaped_gap():
    hole = [(2000, 2000), (8000, 2000), (8000, 8000), (2000, 8000)]
    outer = units([(0, 0), (10_000, 0), (10_000, 10_000), (0, 10_000)], hole)
    found = look([outer, square(4000, 4000, 2000)])
    assert rules(found) == ["gap"]
    assert found.findings[0].cells == ("c0", "c1")
    assert exact_area2(found.findings[0].shape) == 2 * (6000**2 - 2000**2)


@pytest.mark.parametrize("width", [1, 2, 30, 80])
def test_a_sliver_between_closed_ends_is_filled_below_the_tolerance(width):
    """A lens between two cells, closed above and below."""
    left = units([(0, 0), (5000, 0), (5000 - width, 5000), (5000, 10_000), (0, 10_000)])
    right = units([(5000, 0), (10_000, 0), (10_000, 10_000), (5000, 10_000)])
    found = look([left, right], 1.0)
    assert found.ok
    assert rules(found) == ["repaired"]
    assert found.findings[0].severity is Severity.NOTE
    assert found.findings[0].numbers["width_m"] == pytest.approx(width * STEP_EAST_M, rel=0.1, abs=0.02)
    assert found.findings[0].numbers["area_m2"] == pytest.approx(width * 5000 * 0.0116 * 0.0132, rel=0.02)
    assert sum(exact_area2(c) for c in found.geoms) == pytest.approx(2 * 10_000**2, abs=60_000)


@pytest.mark.parametrize("width", [1, 2, 30, 80])
def test_a_slit_open_at_both_ends_is_closed_below_the_tolerance(width):
    found = look(row((0, 5000), (5000 + width, 10_000)), 1.0)
    assert found.ok
    assert rules(found) == ["repaired"]
    assert Fabric.from_polygons(found.geoms).neighbours().tolist() == [[0, 1]]
    assert sum(exact_area2(c) for c in found.geoms) == 2 * 10_000**2


def test_a_slit_wider_than_the_tolerance_stays_a_bay_and_is_noted():
    cells = row((0, 5000), (5200, 10_000))
    found = look(cells, 1.0)
    assert found.ok
    assert [g.equals(cell) for g, cell in zip(found.geoms, cells, strict=True)] == [True, True]
    (note,) = found.findings
    assert (note.rule, note.severity, len(note.cells)) == ("open_strip", Severity.NOTE, 2)
    slit = units([(5000, 0), (5200, 0), (5200, 10_000), (5000, 10_000)])
    assert note.shape.symmetric_difference(slit).area < 0.01 * slit.area
    assert note.numbers["width_m"] == pytest.approx(200 * 1.16e-2, rel=0.05)  # a lattice step at 29° north


def test_a_wide_gap_with_a_narrow_mouth_is_still_a_gap():
    left = units([(0, 0), (5000, 0), (3000, 5000), (5000, 10_000), (0, 10_000)])
    right = units([(5010, 0), (10_000, 0), (10_000, 10_000), (5000, 10_000)])
    found = look([left, right], 1.0)
    assert rules(found) == ["gap"]


# overlaps


@pytest.mark.parametrize("width", [1, 2, 30, 80])
def test_a_narrow_overlap_is_given_to_one_of_the_two(width):
    found = look(row((0, 5000 + width), (5000, 10_000)), 1.0)
    assert found.ok
    assert rules(found) == ["repaired"]
    assert sum(exact_area2(c) for c in found.geoms) == 2 * 10_000**2
    assert found.findings[0].numbers["count"] == 1


def test_a_wide_overlap_is_reported_with_shape_area_width_and_cells():
    found = look(row((0, 6000), (5000, 10_000)), 1.0)
    assert rules(found) == ["overlap"]
    (finding,) = found.findings
    assert finding.severity is Severity.ERROR
    assert finding.cells == ("c0", "c1")
    assert exact_area2(finding.shape) == 2 * 1000 * 10_000
    assert finding.numbers["area_m2"] == pytest.approx(1000 * 10_000 * 0.0116 * 0.0132, rel=0.01)
    assert finding.numbers["width_m"] == pytest.approx(1000 * STEP_EAST_M, rel=0.03)
    assert not found.ok


def test_cells_that_cross_are_told_from_cells_that_overlap():
    across = units([(-5000, 4000), (15_000, 4000), (15_000, 6000), (-5000, 6000)])
    assert rules(look([square(0, 0), across])) == ["crossing"]
    assert rules(look([square(0, 0), square(9000, 9000)])) == ["overlap"]


def test_a_cell_inside_another_is_an_overlap_that_says_so():
    found = look([square(0, 0), square(2000, 2000, 1000)])
    assert rules(found) == ["overlap"]
    assert "c1 lies inside cell c0" in found.findings[0].message


def test_three_cells_over_one_place_are_three_pairs():
    found = look([square(0, 0), square(3000, 1000), square(1000, 3000)])
    assert [f.cells for f in sorted(found.findings, key=lambda f: f.cells)] == [
        ("c0", "c1"),
        ("c0", "c2"),
        ("c1", "c2"),
    ]


@given(COMPACT, st.data())
def test_one_cell_drawn_too_large_is_found(cells, data):
    k = data.draw(st.integers(0, len(cells) - 1))
    damaged = cells.copy()
    damaged[k] = lattice.snap(cells[k].buffer(300 * lattice.UNIT_DEG, join_style="mitre"))  # about 4 m
    if not damaged[k].is_valid or len(cells) == 1:
        return
    others = [j for j in range(len(cells)) if j != k]
    truth = {j for j in others if shapely.area(shapely.intersection(damaged[k], cells[j])) > 0}
    found = look(damaged, 0.05)
    named = {int(c[1:]) for f in found.findings if f.severity is Severity.ERROR for c in f.cells} - {k}
    assert named == truth or named <= truth
    total = sum(area_m2([shapely.intersection(damaged[k], cells[j])])[0] for j in truth)
    told = sum(f.numbers["area_m2"] for f in found.findings if f.severity is Severity.ERROR)
    mended = sum(f.numbers["area_m2"] for f in found.findings if f.rule == "repaired")
    assert told + mended == pytest.approx(total, rel=0.02, abs=1.0)
    assert found.ok == (truth == set())


# a vertex moved in one cell only


@settings(max_examples=50)
@given(COMPACT, st.data(), st.integers(2, 40))
def test_a_vertex_moved_by_less_than_the_tolerance_is_mended(cells, data, steps):
    k = data.draw(st.integers(0, len(cells) - 1))
    ring = shapely.get_coordinates(cells[k])
    at = ring[data.draw(st.integers(0, len(ring) - 1))]
    shift = (
        np.array(data.draw(st.sampled_from([(1, 0), (0, 1), (-1, 0), (0, -1)]))) * steps * lattice.UNIT_DEG
    )
    damaged = cells.copy()
    damaged[k] = shapely.transform(cells[k], lambda p: np.where((p == at).all(axis=1)[:, None], p + shift, p))
    if not damaged[k].is_valid:
        assert not look(damaged, 1.0).ok
        return
    found = look(damaged, 1.0)
    assert found.ok, found.findings
    assert set(rules(found)) <= {"repaired"}
    # what the tiling covers differs from the true land by less than the moved triangles
    moved = area_m2([shapely.symmetric_difference(cells[k], damaged[k])])[0]
    off = area_m2(shapely.symmetric_difference(found.geoms, cells)).sum()
    assert off <= 2.1 * moved + 5.0


def test_a_vertex_that_only_one_side_has_is_put_in_on_the_other():
    with_vertex = units([(5000, 0), (10_000, 0), (10_000, 10_000), (5000, 10_000), (5000, 5000)])
    found = look([*row((0, 5000)), with_vertex])
    assert rules(found) == ["repaired"]
    assert found.findings[0].numbers["vertices"] == 1
    assert shapely.equals(found.geoms[0], row((0, 5000))[0])
    assert shapely.coverage_is_valid(found.geoms)


# damage in one place of a large tiling


def chequers(n=14, size=10_000):
    """Rows of squares with a pitch of ``size`` steps, and one open square in the third row."""
    return [square(size * i, size * j, size) for j in range(n) for i in range(n) if (i, j) != (9, 2)]


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([20, 400]))
def test_cells_far_from_the_damage_take_no_part_and_nothing_else_differs(seed, count, steps):
    cells = np.array(chequers())
    bad = np.random.default_rng(seed).choice(len(cells), count, replace=False)
    cells[bad] = shaken(cells[bad], seed, steps)
    found = look(cells, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "_near", layout._all)
        thorough = look(cells, 1.0)
    assert rules(found) == rules(thorough)
    for one, other in zip(found.findings, thorough.findings, strict=True):
        assert one.cells == other.cells
        assert dict(one.numbers) == pytest.approx(dict(other.numbers))
    assert shapely.equals(found.geoms, thorough.geoms).all()
    assert "gap" in rules(found) or "hole" in rules(found)


# duplicates


@given(COMPACT, st.data())
def test_a_cell_given_twice_is_a_duplicate_however_its_ring_starts(cells, data):
    k = data.draw(st.integers(0, len(cells) - 1))
    again = shapely.reverse(shapely.normalize(cells[k]))
    found = look([*cells, again])
    assert rules(found) == ["duplicate"]
    assert found.findings[0].cells == (f"c{k}", f"c{len(cells)}")


def test_a_cell_given_twice_with_a_little_difference_is_a_duplicate():
    assert rules(look([square(0, 0), units([(0, 0), (10_020, 5), (10_000, 10_000), (0, 10_000)])])) == [
        "duplicate"
    ]


def test_a_code_given_twice_is_found_with_its_rows():
    found = look(row((0, 5000), (5000, 10_000)), codes=["a", "a"])
    assert rules(found) == ["duplicate_code"]
    assert "rows 1, 2" in found.findings[0].message
    assert not found.ok


# shapes that are none


def test_a_bad_shape_is_reported_with_row_kind_and_place_and_leaves_no_gap_behind():
    ring = [(4000, 4000), (6000, 4000), (6000, 6000), (4000, 6000)]
    outer = units([(0, 0), (10_000, 0), (10_000, 10_000), (0, 10_000)], ring)
    bow_tie = units([ring[0], ring[1], ring[3], ring[2]])
    found = look([outer, bow_tie, None, shapely.Point(119, 29)])
    assert rules(found) == ["invalid_shape"] * 3
    assert [f.cells for f in found.findings] == [("c1",), ("c2",), ("c3",)]
    assert found.findings[0].message.startswith("row 2: bow tie:")
    x, y = (np.array(found.findings[0].shape.coords[0]) * lattice.SCALE - ORIGIN).tolist()
    assert (round(x), round(y)) == (5000, 5000)
    assert [g.is_empty for g in found.geoms] == [False, True, True, True]


def test_two_kinds_of_fault_are_both_listed():
    cells = [square(0, 0), square(5000, 0), units([(20_000, 0), (21_000, 1000), (21_000, 0), (20_000, 1000)])]
    assert rules(look(cells)) == ["invalid_shape", "overlap"]


def test_a_shape_smaller_than_the_lattice_is_an_error():
    tiny = shapely.box(119.2, 29.1, 119.2 + 1e-9, 29.1 + 1e-9)
    found = look([square(0, 0), tiny])
    assert rules(found) == ["invalid_shape"]
    assert "lattice" in found.findings[0].message


def test_a_neck_thinner_than_the_lattice_is_cut_and_nothing_breaks():
    a, e = 4000 * lattice.UNIT_DEG, 1e-9
    x, y = lattice.to_degrees(ORIGIN)
    neck = [(0, 0), (a, 0), (a, a), (a + a, a), (a + a, 0), (3 * a, 0), (3 * a, 3 * a), (2 * a, 3 * a),
            (2 * a, a + e), (a, a + e), (a, 3 * a), (0, 3 * a)]  # fmt: skip
    cell = shapely.Polygon(np.add(neck, (x, y)))
    assert cell.is_valid
    found = look([cell])
    assert found.ok
    assert found.geoms[0].geom_type == "MultiPolygon"


def test_swapped_coordinates_are_recognised():
    found = look([shapely.box(29.1, 119.2, 29.2, 119.3)])
    assert "lon before lat" in found.findings[0].remedy


# limits


@pytest.mark.parametrize("tolerance_m", [-1.0, np.nan, np.inf, 101.0])
def test_a_senseless_tolerance_is_refused(tolerance_m):
    with pytest.raises(InvalidInputError, match="tolerance"):
        look([square(0, 0)], tolerance_m)


def test_codes_must_match():
    with pytest.raises(InvalidInputError, match="codes"):
        inspect_tiling(np.array([square(0, 0)]), [])


def test_too_many_vertices_are_refused(monkeypatch):
    monkeypatch.setattr(inspect, "MAX_TOTAL_VERTICES", 9)
    with pytest.raises(TooLargeError, match="10 vertices"):
        look([square(0, 0), square(10_000, 0)])


def test_a_heap_of_shapes_is_refused_in_short_time():
    rng = np.random.default_rng(5)
    corner = rng.integers(0, 2000, (1500, 2))
    found = look([square(x, y, 10_000 + k) for k, (x, y) in enumerate(corner.tolist())])
    assert rules(found) == ["overlap"]
    assert "no tiling" in found.findings[0].message


# real boundaries


def read(path, field):
    features = json.loads(path.read_text("utf-8"))["features"]
    geoms = shapely.from_geojson([json.dumps(f["geometry"]) for f in features])
    return geoms, [f["properties"][field] for f in features]


@pytest.mark.parametrize("tolerance_m", [0.0, 1.0])
def test_the_beats_of_a_city_are_clean(shared_data, tolerance_m):
    beats, codes = read(shared_data / "chicago" / "police_beats.geojson", "BEAT_NUM")
    found = look(beats, tolerance_m, codes)
    assert rules(found) == ["duplicate_code"]  # 3100 stands for three pieces
    assert (
        shapely.to_wkb(found.geoms) == shapely.to_wkb(shapely.remove_repeated_points(lattice.snap(beats)))
    ).all()
    assert shapely.coverage_is_valid(found.geoms)


def test_the_counties_of_a_province_lack_one(shared_data):
    """Fenghua (330213) is not in the file: the gap it leaves has its size, 1,336 km² with its coast."""
    gcj, codes = read(shared_data / "zhejiang" / "counties_gcj02.geojson", "code")
    assert "330213" not in codes
    found = look(crs.transform_geometry(gcj, crs.GCJ02), 1.0, codes)
    assert found.ok
    assert rules(found) == ["gap"]
    assert found.findings[0].numbers["area_m2"] == pytest.approx(1.336e9, rel=1e-3)
    assert {"330203", "330212", "330225"} <= set(found.findings[0].cells)
