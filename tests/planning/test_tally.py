"""Sums that follow edits agree with counting all points anew."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.planning.tally import PointLayer, Tally
from tests.geometry.redrawing import RandomEdits, workspace
from tests.geometry.tilings import ORIGIN, compact_tiling


def leaf_of(space, lonlat_deg):
    """The leaf of each point, by asking every leaf; -1 for none."""
    found = np.full(len(lonlat_deg), -1)
    for leaf in space.leaves():
        inside = shapely.contains_xy(space.polygon(leaf), lonlat_deg[:, 0], lonlat_deg[:, 1])
        found[inside] = leaf
    return found


def layers_of(seed):
    """Two layers of points in and around the tiling, off the lattice so that none lies on a border."""
    rng = np.random.default_rng(seed)
    points = [(rng.uniform(-3_000, 63_000, (n, 2)) + ORIGIN) / 2**23 for n in (400, 150)]
    figures = [
        {"households": rng.integers(0, 9, 400).astype(float), "buildings": np.ones(400)},
        {"incidents": np.ones(150)},
    ]
    return [PointLayer(xy, values) for xy, values in zip(points, figures, strict=True)]


def require_counted(tally, space, layers):
    for layer in layers:
        leaf = leaf_of(space, layer.lonlat_deg)
        for name, values in layer.figures.items():
            anew = np.bincount(leaf[leaf >= 0], values[leaf >= 0], minlength=space.next_leaf)
            assert tally.by_leaf(name, space.next_leaf).tolist() == anew.tolist()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_sums_follow_edits_and_their_undoing(seed):
    space = workspace(compact_tiling(seed % 1000))
    layers = layers_of(seed)
    tally = Tally(layers, [leaf_of(space, layer.lonlat_deg) for layer in layers], space.next_leaf)
    edits, log = RandomEdits(space, seed), []
    for _ in range(12):
        _, changes = edits.make()
        if changes:
            log.append(changes)
            tally.follow(space, touched(changes))
            require_counted(tally, space, layers)
    before = tally.copy()
    for changes in reversed(log):
        space.replay([change.reversed() for change in changes], proved=True)
        tally.follow(space, touched(changes))
    require_counted(tally, space, layers)
    assert before.counted("buildings") == 400
    leaves = list(space.leaves())
    assert tally.of(leaves)["incidents"] == tally.by_leaf("incidents", space.next_leaf).sum()


def touched(changes):
    return {face for change in changes for face in (*(change.before or ()), *(change.after or ()))}


def test_a_copy_goes_its_own_way():
    space = workspace(compact_tiling(1))
    layers = layers_of(1)
    tally = Tally(layers, [leaf_of(space, layer.lonlat_deg) for layer in layers], space.next_leaf)
    copy, before = tally.copy(), tally.by_leaf("households", space.next_leaf).tolist()
    _, changes = RandomEdits(space, 2).make("give_away")
    tally.follow(space, touched(changes))
    assert tally.by_leaf("households", space.next_leaf).tolist() != before
    assert copy.by_leaf("households", space.next_leaf).tolist() == before
