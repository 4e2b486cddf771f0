"""Proof by wear: 100,000 random edits of 14,199 leaves; then other judges, the log again, and backwards."""

import random
import time

import numpy as np
import shapely

from benchmarks.edits import EDITS
from benchmarks.measure import Row
from benchmarks.tilings import county
from geo_service.errors import GeoServiceError
from geo_service.geometry import edit, lattice
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.stars import NOBODY, FabricStars
from geo_service.geometry.workspace import EdgeChange, Workspace

OPERATIONS = 100_000
GAP_EVERY = 50  # one operation in so many gives a leaf away, and takes the gap in again


def run() -> list[Row]:
    base = FabricStars(Fabric.from_polygons(county()))
    space = Workspace(base)
    start = time.process_time()
    log = _wear(space, OPERATIONS)
    edited_s = time.process_time() - start
    _judge(space)
    copy = Workspace(base)
    for changes in log:
        copy.replay(changes, proved=True)
    assert _bytes(copy) == _bytes(space)
    for changes in reversed(log):
        space.replay([change.reversed() for change in changes], proved=True)
    assert _bytes(space) == _bytes(Workspace(base))
    note = (
        f"{len(log):,} changes made; no gap or overlap by coverage_is_valid and from_polygons, area "
        "conserved to the unit; the log again and undone gives the same bytes"
    )
    return [Row.figure(f"{OPERATIONS:,} random edits of 14,199 leaves", edited_s, "s", note=note)]


def _wear(space: Workspace, operations: int) -> list[list[EdgeChange]]:
    chance, log = random.Random(2026), list[list[EdgeChange]]()
    kinds = [work for name, work in EDITS.items() if "outer" not in name]
    for k in range(operations):
        leaf = chance.randrange(space.next_leaf)
        if not space.exists(leaf):
            continue
        try:
            if k % GAP_EVERY == 0:
                log.extend(_give_and_take(space, leaf))
            else:
                log.append(chance.choice(kinds)(space, chance, leaf)())
        except (GeoServiceError, IndexError):  # an island has no neighbour to choose
            continue
    return log


def _give_and_take(space: Workspace, leaf: int) -> list[list[EdgeChange]]:
    """Give a leaf away; take the gap in again as a new leaf, if the land did not join the world outside."""
    place = space.polygon(leaf).representative_point()
    given = edit.give_away(space, [leaf])
    (at,) = lattice.to_lattice([[place.x, place.y]]).tolist()
    try:
        return [given, edit.adopt_gap(space, tuple(at), None)]
    except GeoServiceError:
        return [given]


def _judge(space: Workspace) -> None:
    shapes = space.polygons()
    shapes = shapes[~shapely.is_empty(shapes)]
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    fabric = Fabric.from_polygons(shapes)
    assert fabric.twins_cancel()
    held = int(fabric.areas2().sum())
    assert held == sum(space.area2(leaf) for leaf in space.leaves())
    outline = shapely.coverage_union_all(shapes)
    gaps = sum(part.area2 for part in space.parts(NOBODY))
    whole = shapely.polygons(shapely.get_exterior_ring(shapely.get_parts(outline)))
    inside = int(np.abs(Fabric.from_polygons(whole).areas2()).sum())
    assert held + gaps == inside


def _bytes(space: Workspace) -> list[bytes]:
    shapes = space.polygons()
    return shapely.to_wkb(shapes[~shapely.is_empty(shapes)]).tolist()
