"""Lineage: every change of a cell between two editions is explained, to the unit."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.geometry.measure import area_m2
from geo_service.model import Edition
from geo_service.planning import verbs
from geo_service.services.lineage import NOBODY, Weighted, between_cells, trace
from geo_service.services.tiling import Tiling
from tests.geometry.tilings import ORIGIN
from tests.planning.made import LEVELS, line, made, place
from tests.planning.test_carrying import EDITS, an_edit

STEP = 10_000


def leaf(code):
    return ["leaf", code]


class Ids:
    """The id of each cell, the same in all editions."""

    def __init__(self):
        self.known = {}

    def __call__(self, key):
        return self.known.setdefault(key, len(self.known) + 1)


def tiling(redraw, ids, number):
    """The edition that a redraw would become."""
    shapes = redraw.shapes()
    rows = []
    for record in sorted(redraw.register, key=lambda one: (LEVELS.index(one.level), one.code)):
        shape = shapes.get(record.key)
        rows.append(
            {
                "id": ids(record.key),
                "level": record.level,
                "depth": LEVELS.index(record.level),
                "code": record.code,
                "kind": record.kind,
                "name": record.name,
                "parent_id": ids(record.parent) if record.parent else None,
                "parent_level": record.parent[0] if record.parent else None,
                "parent_code": record.parent[1] if record.parent else None,
                "attributes": dict(record.attributes),
                "geom": None if shape is None else shapely.multipolygons(shapely.get_parts(shape)),
            }
        )
    edition = Edition(number, None, None, datetime(2026, 1, 1, tzinfo=UTC), "", "t")
    cells = pd.DataFrame(rows).astype({"parent_id": object, "geom": object})
    return Tiling.of(edition, cells)


def points(seed=1, n=500):
    """Households off the lattice: so none lies on a border."""
    rng = np.random.default_rng(seed)
    xy = (rng.uniform(0, 4 * STEP, (n, 2)) + ORIGIN) / 2**23
    return [Weighted(xy, rng.integers(1, 9, n).astype(float)), Weighted(xy[:100], np.ones(100))]


def after(edits, seed=1, start=None):
    """Return two editions and what passed between them."""
    ids, redraw = Ids(), start or made()
    old = tiling(redraw, ids, 1)
    for verb, arguments in edits:
        try:
            verbs.apply(redraw, verb, arguments)
        except InvalidInputError:
            continue
    new = tiling(redraw, ids, 2)
    layers = points(seed)
    flows = trace(old, new, layers)
    names = {number: code for (_, code), number in ids.known.items()} | {NOBODY: None}
    flows["from"], flows["to"] = flows["from_id"].map(names), flows["to_id"].map(names)
    return old, new, layers, flows


def kinds(flows):
    rows = zip(flows["from"], flows["to"], flows["kind"], strict=True)
    return {(a if isinstance(a, str) else None, b if isinstance(b, str) else None): k for a, b, k in rows}


def test_two_cells_merged_into_a_new_one_are_a_merge():
    """A1a is cut off under a new code and A1b merged into that: nothing of A1b is left."""
    edits = [
        ("cut", {"cell": leaf("A1a"), "line": line((2_000, -100), (2_000, 10_100)), "code": "C"}),
        ("merge", {"cells": [leaf("A1a")], "into": leaf("C")}),
        ("merge", {"cells": [leaf("A1b")], "into": leaf("C")}),
    ]
    *_, flows = after(edits)
    assert kinds(flows) == {("A1a", "C"): "merge", ("A1b", "C"): "merge"}
    assert flows["share_land"].tolist() == [1.0, 1.0]


def test_the_same_land_under_a_new_code_is_recoded():
    edits = [
        ("cut", {"cell": leaf("A1a"), "line": line((2_000, -100), (2_000, 10_100)), "code": "C"}),
        ("merge", {"cells": [leaf("A1a")], "into": leaf("C")}),
    ]
    *_, flows = after(edits)
    assert kinds(flows) == {("A1a", "C"): "recode"}


def test_a_cut_is_a_split_and_says_what_was_kept():
    *_, flows = after(
        [("cut", {"cell": leaf("A1a"), "line": line((2_500, -100), (2_500, 10_100)), "code": "C"})]
    )
    assert kinds(flows) == {("A1a", "C"): "split", ("A1a", "A1a"): "kept"}
    assert flows.set_index("to")["share_land"].to_dict() == pytest.approx({"C": 0.25, "A1a": 0.75}, abs=1e-4)
    assert between_cells(flows)["to"].tolist() == ["C"]


def test_land_given_away_and_taken_in_has_rows():
    away = [("give_away", {"cell": leaf("A2b")})]
    _, _, layers, flows = after(away)
    assert kinds(flows) == {
        ("A2b", None): "given_away",
        ("A2", None): "given_away",
        ("A2", "A2"): "kept",
        ("A", None): "given_away",
        ("A", "A"): "kept",
    }
    gone = flows.set_index("from").loc["A2b"]
    assert (gone["share_land"], gone["share_households"], gone["share_incidents"]) == (1, 1, 1)
    redraw = made()
    verbs.apply(redraw, *away[0])
    *_, flows = after([("adopt_gap", {"at": place(15_000, 15_000), "into": leaf("A2c")})], start=redraw)
    assert kinds(flows) == {(None, code): "adopted" for code in ("A2c", "A2", "A")}
    assert flows["share_land"].isna().all()
    assert flows["land_m2"].to_numpy() == pytest.approx(gone["land_m2"])
    assert len(layers) == 2


def test_a_transfer_is_told_on_the_level_above():
    *_, flows = after([("hand_over", {"cells": [leaf("A1a")], "to": ["grid", "A2"]})])
    assert kinds(flows) == {("A1", "A2"): "transfer", ("A1", "A1"): "kept"}
    assert flows["share_land"].tolist() == pytest.approx([0.25, 0.75], abs=1e-4)


def land(tiling, level):
    """Area of each cell of a level by id, in square metres."""
    group = tiling.cells["id"].to_numpy()[tiling.ancestry[:, tiling.levels.index(level)]]
    areas = area_m2(tiling.cells["geom"].to_numpy()[tiling.leaves])
    return pd.Series(areas).groupby(group).sum()


def households(tiling, level, layer):
    """Households of each cell of a level by id, by asking every leaf's shape."""
    group = tiling.cells["id"].to_numpy()[tiling.ancestry[:, tiling.levels.index(level)]]
    shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    x, y = layer.lonlat_deg.T
    inside = [float(layer.weight[shapely.contains_xy(shape, x, y)].sum()) for shape in shapes]
    return pd.Series(inside).groupby(group).sum()


def clear_of_borders(layer, *tilings):
    """Leave out points that the lattice would round onto a border: whose they are the index says."""
    lines = [shapely.boundary(shape) for one in tilings for shape in one.cells["geom"] if shape is not None]
    near = shapely.dwithin(shapely.union_all(lines), shapely.points(layer.lonlat_deg), 1.5 / 2**23)
    return Weighted(layer.lonlat_deg[~near], layer.weight[~near])


@given(edits=EDITS, seed=st.integers(0, 10**6), away=st.booleans())
@settings(max_examples=15, deadline=None)
def test_rows_explain_every_change_to_the_unit(edits, seed, away):
    redraw, ids = made(), Ids()
    old = tiling(redraw, ids, 1)
    for kind, number in edits:
        verb, arguments = an_edit(redraw, kind, number)
        try:
            verbs.apply(redraw, verb, arguments)
        except InvalidInputError:
            continue
    if away:
        verbs.apply(redraw, "give_away", {"cell": list(sorted(redraw.leaf_keys())[seed % 5])})
    new = tiling(redraw, ids, 2)
    layers = [clear_of_borders(layer, old, new) for layer in points(seed)]
    flows = trace(old, new, layers)
    level_of = {number: key[0] for key, number in ids.known.items()}
    for level in LEVELS:
        mine = flows[[level_of[max(a, b)] == level for a, b in zip(flows.from_id, flows.to_id, strict=True)]]
        before, now = land(old, level), land(new, level)
        gave, got = mine.groupby("from_id"), mine.groupby("to_id")["land_m2"].sum()
        for cell in sorted(set(before.index) | set(now.index)):
            if cell in gave.groups:
                rows = gave.get_group(cell)
                for share in ("share_land", "share_households", "share_incidents"):
                    assert rows[share].isna().all() or rows[share].sum() == pytest.approx(1)
                assert rows["land_m2"].sum() == pytest.approx(before[cell], abs=1)
                there = got.get(cell, 0.0)  # what it kept is a row
            else:
                there = before.get(cell, 0.0) + got.get(cell, 0.0)
            assert there == pytest.approx(now.get(cell, 0.0), abs=1), (level, cell)
        had, has = households(old, level, layers[0]), households(new, level, layers[0])
        moved = mine[(mine["from_id"] != NOBODY) & (mine["to_id"] != mine["from_id"])]
        out = (
            (moved["share_households"].fillna(0) * moved["from_id"].map(had)).groupby(moved["from_id"]).sum()
        )
        into = (moved["share_households"].fillna(0) * moved["from_id"].map(had)).groupby(moved["to_id"]).sum()
        for cell in has.index:
            told = had.get(cell, 0.0) - out.get(cell, 0.0) + into.get(cell, 0.0)
            assert told == pytest.approx(has[cell]), (level, cell)
