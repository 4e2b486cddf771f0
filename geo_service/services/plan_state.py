"""Plans in memory: the redraw of each with its figures, brought up to the database before each use."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import UnavailableError, Words
from geo_service.geometry.code_schemes import CodeSchemes
from geo_service.geometry.codes import issue_like
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.lattice import is_thin
from geo_service.geometry.rules_scene import Scene
from geo_service.geometry.stars import FabricStars
from geo_service.geometry.workspace import EdgeChange
from geo_service.planning.redraw import Patch, Redraw, faces_beside
from geo_service.planning.register import CellKey, CellRecord, Register
from geo_service.planning.tally import Ahead, PointLayer, Tally
from geo_service.services import office
from geo_service.services.keeping import Keeper
from geo_service.services.plan_counts import ground_mark, point_layers, sums_of_cells
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store import plan_ground, plans
from geo_service.store.database import Connection, Database
from geo_service.store.plans import PlanRow

#: Fabrics kept: about 60 MB for a county of 14,199 leaves.
BASES_KEPT = 3
#: Plans kept: what an edit touched, and the counts of points.
STATES_KEPT = 12
#: Tilings made of plans: about 60 MB each for such a county.
DRAWN_KEPT = 2
#: How long one waits for others who work on the same plan.
PATIENCE_S = 20.0
#: How many wait for one plan in a process; who comes then is asked to come again.
CROWD = 8


class PlanState:
    """A plan in memory. Use it within :meth:`Plans.hold`, which keeps others away.

    Attributes
    ----------
    store : Plans
        Where it is kept, and what plans on one edition share.
    redraw : Redraw
    tally : Tally
        Households, residents, buildings and incidents of the last year by leaf.
    base : Tiling
        The edition that the plan starts from.
    scene : Scene or None
        What the rules look at; :mod:`geo_service.services.plan_findings` makes it and keeps it.
    """

    def __init__(self, store: "Plans", base: Tiling, stars: FabricStars, tally: Tally) -> None:
        self.store = store
        self.base = base
        self.tally = tally
        self._base_sums = sums_of_cells(base, tally)
        #: Codes by level that no new cell may get; kept up by :meth:`Held.state`.
        self.taken: dict[str, set[str]] = {}
        #: How new cells are numbered; kept up by :meth:`Held.state`.
        self.schemes = CodeSchemes()
        self._applied: list[int] = []
        leaves = base.cells.iloc[base.leaves]
        keys = list(zip(leaves["level"], leaves["code"], strict=True))
        self.base_records = {record.key: record for record in _records(base)}
        self.redraw = Redraw(stars, keys, Register(base.levels, self.base_records.values()), self._issue)
        if tally.counted("buildings") > 0:  # otherwise the counts given with the cells stand
            self.redraw.census = self._census
        self._bounds = shapely.bounds(stars.polygons)
        self._outlines: dict[CellKey, BaseGeometry] = {}
        self._figures: dict[CellKey, dict[str, float]] = {}
        self._compared: dict[int, tuple[BaseGeometry, bool]] = {}
        self._touched: set[CellKey] = set()
        self._edited: set[CellKey] = set()
        self._stale: set[CellKey] = set()
        self.scene: Scene | None = None
        self.scene_mark: Any = None

    def _issue(self, level: str, parent: CellKey | None, count: int, taken: Collection[str]) -> list[str]:
        """Issue codes by the scheme of the level; without one such as the siblings have.

        Those begin with the parent's code where codes do so; else they go on from the siblings'.

        A cell may have come from another parent with its code; new ones are not numbered after it.
        """
        used = self.taken.get(level, set()).union(taken)
        issued = self.schemes.issue(parent[1] if parent else "", level, used, count)
        if issued is not None:
            return issued
        if parent is None:
            return issue_like(sorted(taken), used, count)
        siblings = [code for at, code in self.redraw.register.children(parent) if at == level]
        own = [code for code in siblings if code.startswith(parent[1])]
        width = self._nested_digits.get(level, 0)
        if own or width:
            return issue_like(own, used, count, parent_code=parent[1], width=width or 3)
        return issue_like(siblings, used, count, parent_code=parent[1])

    @cached_property
    def _nested_digits(self) -> dict[str, int]:
        """Digits that codes add to their parents', for the levels on which most codes of the edition do."""
        seen: dict[str, Counter[int]] = {}
        for record in self.base_records.values():
            if record.parent is not None:
                rest = record.code.removeprefix(record.parent[1])
                nests = rest.isdigit() and len(rest) < len(record.code)
                seen.setdefault(record.level, Counter())[len(rest) if nests else 0] += 1
        return {level: counts.most_common(1)[0][0] for level, counts in seen.items()}

    def _census(self, edges: Iterable[EdgeChange]) -> Ahead:
        """Count the points of an edit under way."""
        return self.tally.ahead(self.redraw.space, faces_beside(edges))

    def catch_up(self, connection: Connection, plan_id: int) -> None:
        """Undo and replay until the redraw holds just the changes that the database says are in effect."""
        wanted = plans.applied(connection, plan_id)
        common = 0
        for mine, theirs in zip(self._applied, wanted, strict=False):
            if mine != theirs:
                break
            common += 1
        surplus, missing = self._applied[common:], wanted[common:]
        if not surplus and not missing:
            return
        stored = plans.patches(connection, plan_id, [*surplus, *missing])
        for number in reversed(surplus):
            self.take(self.redraw.patch_from_json(stored[number]).reversed())
            self._applied.pop()
        for number in missing:
            self.take(self.redraw.patch_from_json(stored[number]))
            self._applied.append(number)

    def take(self, patch: Patch) -> None:
        """Replay a patch that was proved on this same tiling, or undo one."""
        self.redraw.replay(patch, proved=True)
        self.follow(patch)

    def take_proving(self, patch: Patch) -> None:
        """Replay a patch that was made on another tiling, or before other changes: it is proved again."""
        self.redraw.replay(patch)
        self.follow(patch)

    def keep(self, number: int) -> None:
        """Say that the last change made here is written down under a number."""
        self._applied.append(number)

    def drop(self, number: int) -> None:
        """Say that a change was undone here."""
        self._applied.remove(number)

    def follow(self, patch: Patch) -> None:
        """Bring counts, bounds and outlines up to a patch that was just made."""
        space, faces = self.redraw.space, sorted(patch.faces())
        self.tally.follow(space, faces)
        if space.next_leaf > len(self._bounds):
            more = np.full((space.next_leaf - len(self._bounds), 4), np.nan)
            self._bounds = np.vstack((self._bounds, more))
        for face in faces:
            self._bounds[face] = space.polygon(face).bounds if space.exists(face) else np.nan
        cells = self.cells_of(patch)
        self._touched.update(cells)
        edited = self.touched_by(patch)  # the scene looks after what is above by itself
        self._edited.update(edited)
        self._stale.update(edited)
        for key in cells:
            self._outlines.pop(key, None)
            self._figures.pop(key, None)

    def touched_by(self, patch: Patch) -> list[CellKey]:
        """Return the cells that a patch itself changed: in shape or in the register.

        Cells above them whose counts follow are not named, unless it is the counts that were changed.
        """
        faces = {self.redraw.key_of(face) for face in patch.faces()}
        found = faces | {change.key for change in patch.records if not change.is_of_counts}
        return sorted(found or {change.key for change in patch.records})

    def cells_of(self, patch: Patch) -> list[CellKey]:
        """Return every cell that a patch has to do with: those touched, and all above them, old and new."""
        register = self.redraw.register
        found = set(self.touched_by(patch)) | {change.key for change in patch.records}
        for change in patch.records:
            for record in (change.before, change.after):
                if record is not None and record.parent is not None:
                    found.add(record.parent)
        for key in list(found):
            found.update(register.path(key))
        return sorted(found)

    def outline(self, key: CellKey) -> BaseGeometry:
        """Return the exact outline of a cell."""
        if self.redraw.holds_land(key):
            return self.redraw.outline(key)
        if key not in self._outlines:
            self._outlines[key] = self.redraw.outline(key)
        return self._outlines[key]

    def is_changed(self, key: CellKey) -> bool:
        """Say whether a cell differs from what it is in the edition, in land or in the register.

        A border that only gained corners is where it was, but for strips that rounding makes.
        """
        if key not in self._touched:
            return False
        if self.redraw.register.get(key) != self.base_records.get(key):
            return True
        leaves = self.redraw.leaves_of(key)
        return leaves != self.base_leaves_of(key) or any(map(self._has_moved, leaves))

    def _has_moved(self, leaf: int) -> bool:
        """Say whether a leaf of the edition has other land now."""
        before, now = self.redraw.space.base.polygons[leaf], self.redraw.space.polygon(leaf)
        if now == before:
            return False
        known = self._compared.get(leaf)
        if known is None or known[0] != now:
            known = (now, not is_thin(shapely.symmetric_difference(before, now)))
            self._compared[leaf] = known
        return known[1]

    def changed(self) -> list[CellKey]:
        """Return the cells that are there and differ from the edition, in order."""
        register = self.redraw.register
        return [k for k in sorted(self._touched) if register.get(k) is not None and self.is_changed(k)]

    def stale(self) -> frozenset[CellKey]:
        """Return the cells edited since the scene was last renewed."""
        return frozenset(self._stale)

    def renew_scene(self, scene: Scene) -> None:
        """Keep a scene that shows the plan as it stands."""
        self.scene, self._stale = scene, set()

    def begin_scene(self, scene: Scene, mark: Any) -> None:
        """Start from what the rules see of the edition; everything edited so far is stale."""
        self.scene, self.scene_mark, self._stale = scene, mark, set(self._edited)

    def bounds(self) -> list[float]:
        """Return west, south, east, north of all land."""
        low, high = np.nanmin(self._bounds[:, :2], axis=0), np.nanmax(self._bounds[:, 2:], axis=0)
        return [*low.tolist(), *high.tolist()]

    def keys_on(self, level: str, bbox: tuple[float, float, float, float] | None) -> list[CellKey]:
        """Return the cells of a level in order of code; with a box only those that have a leaf near it."""
        register, redraw = self.redraw.register, self.redraw
        register.depth(level)
        if bbox is None:
            return sorted(record.key for record in register if record.level == level)
        found: set[CellKey] = set()
        for leaf in self.leaves_in(bbox).tolist():
            found.update(key for key in register.path(redraw.key_of(leaf)) if key[0] == level)
        return sorted(found)

    def leaves_in(self, bbox: tuple[float, float, float, float]) -> NDArray[np.intp]:
        """Return the leaves whose bounds meet a box (west, south, east, north in degrees)."""
        west, south, east, north = bbox
        b = self._bounds
        return np.flatnonzero((b[:, 0] <= east) & (b[:, 2] >= west) & (b[:, 1] <= north) & (b[:, 3] >= south))

    def name_of(self, key: CellKey, *, at_first: bool = False) -> str:
        """Return the name of a cell, also of one that is no more; its code without one.

        With ``at_first`` the name that it has in the edition comes before the one that the plan gives it.
        """
        named = (self.base_records.get(key), self.redraw.register.get(key))
        return next((one.name for one in (named if at_first else named[::-1]) if one and one.name), key[1])

    def figures(self, key: CellKey) -> dict[str, float]:
        """Return the counts of a cell as the plan stands: those of a leaf, or the sums of its children."""
        found = self._figures.get(key)
        if found is None:
            if self.redraw.holds_land(key):
                found = self.tally.of([self.redraw.leaf_of(key)])
            else:
                below = [self.figures(child) for child in self.redraw.register.children(key)]
                found = {name: sum(one[name] for one in below) for name in self.tally.names}
            self._figures[key] = found
        return found

    def base_figures(self, key: CellKey) -> dict[str, float] | None:
        """Return the counts of a cell as they were in the edition; None if it was not there."""
        if key not in self.base_records:
            return None
        return {name: float(sums[self._base_row[key]]) for name, sums in self._base_sums.items()}

    @cached_property
    def _base_row(self) -> dict[CellKey, int]:
        cells = self.base.cells
        return {key: k for k, key in enumerate(zip(cells["level"], cells["code"], strict=True))}

    def base_leaves_of(self, key: CellKey) -> list[int]:
        """Return the leaves that a cell had in the edition."""
        row, tiling = self._base_row.get(key), self.base
        if row is None:
            return []
        column = tiling.ancestry[:, tiling.levels.index(key[0])]
        return np.flatnonzero(column == row).tolist()


class Plans:
    """The plans of a database, kept in memory while they are worked on."""

    def __init__(self, database: Database, tilings: Tilings) -> None:
        self.database = database
        self.tilings = tilings
        #: Plans as tilings, by revision: for readings and maps that ask for one again and again.
        self.drawn = Keeper(DRAWN_KEPT)
        self._lock = threading.Lock()
        self._bases: OrderedDict[int, FabricStars] = OrderedDict()
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._stars_lock = threading.Lock()
        self._scenes: OrderedDict[Any, Scene] = OrderedDict()
        self._scene_lock = threading.Lock()
        self._counted: OrderedDict[Any, tuple[list[PointLayer], list[Any]]] = OrderedDict()
        self._points_lock = threading.Lock()

    @contextmanager
    def hold(self, plan_id: int) -> Iterator["Held"]:
        """Keep other threads of this process away from a plan. Take this before a connection.

        Raises
        ------
        NotFoundError
            There is no such plan.
        UnavailableError
            Others have been at work on it for longer than :data:`PATIENCE_S`.
        """
        held = self._of(plan_id)
        if not held.take():
            raise UnavailableError(
                Words(
                    f"plan {plan_id} is being worked on or published; try again in a while",
                    f"方案 {plan_id} 正在被修改或发布，请稍后再试",
                )
            )
        try:
            yield held
        finally:
            held.lock.release()

    def _of(self, plan_id: int) -> "Held":
        with self._lock:
            if plan_id in self._held:
                self._held.move_to_end(plan_id)
                return self._held[plan_id]
        with self.database.reading() as connection:
            plans.get(connection, plan_id)  # asking for plans that do not exist turns no other out
        with self._lock:
            held = self._held.setdefault(plan_id, Held(self, plan_id))
            surplus = len(self._held) - STATES_KEPT
            for other in list(self._held)[: max(surplus, 0)]:
                if other != plan_id and not self._held[other].is_busy():
                    del self._held[other]
            return held

    def base_tiling(self, connection: Connection, edition_id: int) -> Tiling:
        """Return the tiling of an edition."""
        return self.tilings.load(plan_ground.edition_of(connection, edition_id), connection)

    def stars(self, tiling: Tiling) -> FabricStars:
        """Return the fabric of an edition, built once; one at a time is built."""
        with self._stars_lock:
            if tiling.edition.id not in self._bases:
                shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
                self._bases[tiling.edition.id] = FabricStars(Fabric.from_polygons(shapes))
                while len(self._bases) > BASES_KEPT:
                    self._bases.popitem(last=False)
            self._bases.move_to_end(tiling.edition.id)
            return self._bases[tiling.edition.id]

    def base_scene(self, mark: Any, make: Callable[[], Scene]) -> Scene:
        """Return what the rules see of an edition, made once for all plans upon it; one at a time is made."""
        with self._scene_lock:
            if mark not in self._scenes:
                self._scenes[mark] = make()
                while len(self._scenes) > BASES_KEPT:
                    self._scenes.popitem(last=False)
            self._scenes.move_to_end(mark)
            return self._scenes[mark]

    def build(self, connection: Connection, edition_id: int) -> PlanState:
        """Make the state of a plan in which nothing was changed yet."""
        tiling = self.base_tiling(connection, edition_id)
        layers, leaf = self._points(connection, tiling)
        return PlanState(self, tiling, self.stars(tiling), Tally(layers, leaf, len(tiling.leaves)))

    def _points(self, connection: Connection, tiling: Tiling) -> tuple[list[PointLayer], list[Any]]:
        """Return the points that are counted and the leaf of each, read once for all plans on an edition."""
        mark = (tiling.edition.id, ground_mark(connection))
        with self._points_lock:
            if mark not in self._counted:
                layers = point_layers(connection)
                self._counted[mark] = (layers, [tiling.index.leaf_of(one.lonlat_deg)[0] for one in layers])
                while len(self._counted) > BASES_KEPT:
                    self._counted.popitem(last=False)
            self._counted.move_to_end(mark)
            return self._counted[mark]


class Held:
    """A plan that this thread alone works on."""

    def __init__(self, store: Plans, plan_id: int) -> None:
        self.lock = threading.RLock()
        self.is_warmed = False
        self._waiting = 0
        self._store = store
        self._plan_id = plan_id
        self._state: PlanState | None = None
        self._mark: Any = None
        self._codes_mark: Any = None

    def take(self) -> bool:
        """Wait until nobody else works on the plan; not for long, and not in a crowd.

        Who waits keeps one of the threads in which everything else is answered as well.
        """
        if self.lock.acquire(blocking=False):
            return True
        if self._waiting >= CROWD:
            return False
        self._waiting += 1
        try:
            return self.lock.acquire(timeout=PATIENCE_S)
        finally:
            self._waiting -= 1

    def is_busy(self) -> bool:
        """Say whether a thread works on it."""
        if not self.lock.acquire(blocking=False):
            return True
        self.lock.release()
        return False

    def state(self, connection: Connection, row: PlanRow) -> PlanState:
        """Return the plan as the database has it in this transaction."""
        mark = (row.base_edition_id, ground_mark(connection))
        state, self._state = self._state, None  # one that could not catch up is built anew the next time
        if state is None or self._mark != mark:
            state, self._mark = self._store.build(connection, row.base_edition_id), mark
            self._codes_mark = None
        codes_mark = plan_ground.codes_mark(connection)
        if codes_mark != self._codes_mark:
            state.taken, self._codes_mark = self._codes(connection), codes_mark
        state.schemes = office.code_schemes(connection).schemes
        state.catch_up(connection, row.id)
        self._state = state
        return state

    def _codes(self, connection: Connection) -> dict[str, set[str]]:
        taken = plan_ground.codes_ever(connection)
        for level, code, owner in plans.reserved_codes(connection):
            if owner != self._plan_id:
                taken.setdefault(level, set()).add(code)
        return taken


def _records(tiling: Tiling) -> Iterable[CellRecord]:
    columns = ["level", "code", "kind", "name", "parent_level", "parent_code", "attributes"]
    for row in zip(*(tiling.cells[name].tolist() for name in columns), strict=True):
        level, code, kind, name, parent_level, parent_code, attributes = row
        parent = (parent_level, parent_code) if isinstance(parent_code, str) else None
        yield CellRecord(level, code, kind, name, parent, attributes or {})
