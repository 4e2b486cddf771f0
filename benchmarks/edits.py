"""Edits of a tiling of 14,199 leaves, each proved, against PostGIS topology doing the same to the same."""

import random
import statistics
import time
from collections.abc import Callable

import shapely

from benchmarks.edits_peer import LOADED, peer_ms
from benchmarks.measure import Row
from benchmarks.tilings import SCALE, county
from geo_service.errors import GeoServiceError
from geo_service.geometry import cut, edit
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.stars import NOBODY, FabricStars
from geo_service.geometry.workspace import EdgeChange, Workspace

EACH = 400
#: Milliseconds allowed for the median of each kind.
CEILINGS_MS = {
    "move a corner": 2,
    "move an edge": 2,
    "insert a corner": 2,
    "delete a corner": 2,
    "cut a leaf": 2,
    "merge two leaves": 2,
    "give a piece to a neighbour": 2,
    "move a corner of the outer border": 2,
}
#: Chooses an edit about a leaf; what it returns makes it.
Edit = Callable[[Workspace, random.Random, int], Callable[[], list[EdgeChange]]]


def run() -> list[Row]:
    cells = county()
    start = time.process_time()
    base = FabricStars(Fabric.from_polygons(cells))
    built_s = time.process_time() - start
    space = Workspace(base)
    median_ms = {kind: _median_ms(space, work) for kind, work in EDITS.items()}
    rows = [Row.figure("build the fabric and its look-up", built_s, "s", at_most=5)]
    rows += [Row.figure(kind, ms, "ms", at_most=CEILINGS_MS[kind]) for kind, ms in median_ms.items()]
    rows.append(_whole_proof(space))
    peer = peer_ms(cells)
    pairs = {"move": "move a corner", "split": "cut a leaf", "merge": "merge two leaves"}
    rows += [_against(kind, median_ms[ours], peer[kind], len(cells)) for kind, ours in pairs.items()]
    rows.append(_against("load one leaf", 1000 * built_s / len(cells), peer["load"], LOADED))
    return rows


def _median_ms(space: Workspace, work: Edit) -> float:
    """Median of edits that were made; each is taken back afterwards, so that all meet the same tiling."""
    chance, times = random.Random(3), list[float]()
    while len(times) < EACH:
        edit_it = work(space, chance, chance.randrange(space.base.n_leaves))
        try:  # once for the neighbourhood to be read in, as in a plan that is being worked on
            _take_back(space, edit_it())
            start = time.process_time()
            changes = edit_it()
            times.append(time.process_time() - start)
            _take_back(space, changes)
        except GeoServiceError:
            continue
    return 1000 * statistics.median(times)


def _take_back(space: Workspace, changes: list[EdgeChange]) -> None:
    space.replay([change.reversed() for change in changes], proved=True)
    for face in {face for c in changes for face in c.after or ()} - {NOBODY}:
        space.polygon(face)


def _edge(space: Workspace, chance: random.Random, leaf: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return chance.choice(sorted(space.edges(leaf)))


def _move(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    (x, y), _ = _edge(space, chance, leaf)
    to = (x + chance.randint(-300, 300), y + chance.randint(-300, 300))
    return lambda: edit.move_vertex(space, (x, y), to)


def _move_edge(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    a, b = _edge(space, chance, leaf)
    by = (chance.randint(-300, 300), chance.randint(-300, 300))
    return lambda: edit.move_edge(space, a, b, by)


def _insert(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    a, b = _edge(space, chance, leaf)
    return lambda: edit.insert_vertex(space, a, b, ((a[0] + b[0]) // 2 + 7, (a[1] + b[1]) // 2 + 5))


def _delete(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    at, _ = _edge(space, chance, leaf)
    return lambda: edit.delete_vertex(space, at)


def _across(space: Workspace, chance: random.Random, leaf: int) -> list[tuple[int, int]]:
    west, south, east, north = (round(x * SCALE) for x in space.polygon(leaf).bounds)
    middle = ((west + east) // 2, chance.randint(south, north))
    return [(west - 10, chance.randint(south, north)), middle, (east + 10, chance.randint(south, north))]


def _cut(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    line = _across(space, chance, leaf)
    return lambda: cut.cut(space, [leaf], line).changes


def _neighbour(space: Workspace, chance: random.Random, leaf: int) -> int:
    return chance.choice(sorted(space.neighbours(leaf) - {NOBODY}))


def _merge(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    into = _neighbour(space, chance, leaf)
    return lambda: edit.merge(space, [leaf], into)


def _give_piece(space: Workspace, chance: random.Random, leaf: int) -> Callable[[], list[EdgeChange]]:
    other, line = _neighbour(space, chance, leaf), _across(space, chance, leaf)
    return lambda: cut.give_piece(space, leaf, other, line)


def _move_outer(space: Workspace, chance: random.Random, _leaf: int) -> Callable[[], list[EdgeChange]]:
    return _move(space, chance, NOBODY)


EDITS: dict[str, Edit] = {
    "move a corner": _move,
    "move an edge": _move_edge,
    "insert a corner": _insert,
    "delete a corner": _delete,
    "cut a leaf": _cut,
    "merge two leaves": _merge,
    "give a piece to a neighbour": _give_piece,
    "move a corner of the outer border": _move_outer,
}


def _whole_proof(space: Workspace) -> Row:
    polygons = space.polygons()[: space.base.n_leaves]
    start = time.process_time()
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    return Row.figure("coverage_is_valid of the whole", time.process_time() - start, "s", note="afterwards")


def _against(kind: str, ours_ms: float, theirs_ms: float, leaves: int) -> Row:
    ratio = theirs_ms / ours_ms
    return Row(
        job=f"{kind}, ours in the whole county",
        ours=f"{ours_ms:.3g} ms",
        peer=f"PostGIS topology of {leaves:,} leaves: {theirs_ms:.3g} ms",
        ratio=f"{ratio:.3g} ×",
        target="≥ 10 ×",
        passed=ratio >= 10,
        note="ours: CPU of this process; the peer's: wall clock at the client",
    )
