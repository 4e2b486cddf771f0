"""Two tilings side by side, on random squares: land and points are accounted for to the last one."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geometry.lattice import SCALE
from geo_service.geometry.measure import area_m2
from geo_service.planning.compare import Side, difference, flows, follow_points, lay_over
from geo_service.planning.register import CellRecord

UNIT = 4096 / SCALE
WEST, SOUTH, N = 118.0, 29.0, 6


def side(columns: list[int], parents: list[int], names: dict[int, str] | None = None) -> Side:
    """A strip of leaves between the columns given, each under the parent of its place."""
    records = [CellRecord("grid", f"g{p}") for p in sorted(set(parents))]
    leaves, shapes = [], []
    for k, (low, high) in enumerate(itertools.pairwise(columns)):
        key = ("leaf", f"l{k}")
        records.append(CellRecord(*key, name=(names or {}).get(k, ""), parent=("grid", f"g{parents[k]}")))
        leaves.append(key)
        shapes.append(shapely.box(WEST + low * UNIT, SOUTH, WEST + high * UNIT, SOUTH + UNIT))
    return Side.of(("grid", "leaf"), records, leaves, np.array(shapes, dtype=object))


strips = st.builds(
    side,
    st.lists(st.integers(1, 39), min_size=N - 1, max_size=N - 1, unique=True).map(
        lambda c: [0, *sorted(c), 40]
    ),
    st.lists(st.integers(0, 2), min_size=N, max_size=N),
)


@given(strips, strips)
def test_all_land_is_accounted_for(before: Side, after: Side) -> None:
    pieces = lay_over(before, after)
    total = before.land_m2.sum()
    assert pieces.land_m2.sum() == pytest.approx(total, rel=1e-9)
    for leaves, column in ((before, pieces.old), (after, pieces.new)):
        shared = np.bincount(column, pieces.land_m2, minlength=len(leaves.leaves))
        assert shared == pytest.approx(leaves.land_m2, rel=1e-9)
    source, target, land = flows(before, after, pieces, "grid")
    stays = sum(
        area_m2([before.outline(("grid", code)).intersection(after.outline(("grid", code)))])[0]
        for code in set(before.codes["grid"]) & set(after.codes["grid"])
    )
    assert land.sum() + stays == pytest.approx(total, rel=1e-6)
    assert all(before.codes["grid"][a] != after.codes["grid"][b] for a, b in zip(source, target, strict=True))


@given(strips, strips, st.integers(0, 2**32 - 1))
def test_points_are_followed_to_where_they_lie(before: Side, after: Side, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lonlat_deg = np.column_stack(
        (WEST + rng.uniform(-2, 42, 60) * UNIT, SOUTH + rng.uniform(0.01, 0.99, 60) * UNIT)
    )

    def plain(where: Side) -> np.ndarray:
        inside = shapely.intersects_xy(where.shapes[None, :], lonlat_deg[:, :1], lonlat_deg[:, 1:])
        return np.where(inside.any(axis=1), inside.argmax(axis=1), -1)

    pieces = lay_over(before, after)
    found = follow_points(lonlat_deg, plain(before), pieces, after, n_old=len(before.leaves))
    assert found.tolist() == plain(after).tolist()


def test_what_differs_is_said_once() -> None:
    before = side([0, 10, 20, 40], [0, 0, 1])
    after = side([0, 10, 25, 40], [0, 1, 1], {0: "new name"})
    leaves = difference(before, after, lay_over(before, after), "leaf")
    assert (leaves.new, leaves.retired, leaves.reshaped) == ([], [], ["l1", "l2"])
    assert (leaves.reparented, leaves.described) == (["l1"], ["l0"])
    assert leaves.status("l1") == "reshaped"
    assert leaves.touched == ["l0", "l1", "l2"]
    grids = difference(before, after, lay_over(before, after), "grid")
    assert grids.reshaped == ["g0", "g1"]
    same = difference(before, before, lay_over(before, before), "grid")
    assert same.touched == []


def test_land_given_up_and_taken_in() -> None:
    whole, less = side([0, 10, 40], [0, 0]), side([0, 10, 30], [0, 0])
    pieces = lay_over(whole, less)
    assert pieces.land_m2[pieces.new < 0].sum() == pytest.approx(whole.land_m2.sum() - less.land_m2.sum())
    back = lay_over(less, whole)
    assert back.land_m2[back.old < 0].sum() == pytest.approx(whole.land_m2.sum() - less.land_m2.sum())
    assert difference(whole, less, pieces, "grid").reshaped == ["g0"]
