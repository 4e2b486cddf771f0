"""A tiling being redrawn: shapes and register together, changed by verbs, each change undone or replayed.

:class:`Redraw` is the state; :mod:`geo_service.planning.verbs` holds what a planner can do to it. A change
comes out as a :class:`Patch`: edges and records before and after, named by codes, so that it means the same
in another process and on another edition.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry.stars import NOBODY, FabricStars
from geo_service.geometry.workspace import EdgeChange, Sides, Workspace, net
from geo_service.planning import carrying
from geo_service.planning.register import CellKey, CellRecord, RecordChange, Register

#: Issues codes: level, parent, number wanted, codes taken in this plan → new codes, in order of place.
IssueCodes = Callable[[str, CellKey | None, int, Collection[str]], list[str]]


_UNNAMED: CellKey = ("", "")


@dataclass(frozen=True, slots=True)
class Patch:
    """What one change did, each edge and each record once.

    Faces in ``edges`` are numbers of the redraw that made it or read it.
    """

    edges: tuple[EdgeChange, ...]
    records: tuple[RecordChange, ...]

    def reversed(self) -> "Patch":
        """Return the patch that undoes this one."""
        return Patch(
            tuple(change.reversed() for change in self.edges),
            tuple(change.reversed() for change in self.records),
        )

    def faces(self) -> set[int]:
        """Return the leaves beside the edges that changed."""
        return faces_beside(self.edges)


class Redraw:
    """A tiling with its register while it is being redrawn.

    Parameters
    ----------
    base : FabricStars
        The leaves; shared, never changed.
    leaves : sequence of (level, code)
        Which cell each leaf of the base is.
    register : Register
        All cells of all levels.
    issue : callable
        Gives new cells their codes; see :data:`IssueCodes`.
    """

    def __init__(
        self, base: FabricStars, leaves: Sequence[CellKey], register: Register, issue: IssueCodes
    ) -> None:
        self.space = Workspace(base)
        self.register = register
        self.issue = issue
        #: Counts points as they will be after the edit under way, where there are points.
        self.census: Callable[[list[EdgeChange]], carrying.Census] | None = None
        self._key_of: list[CellKey] = list(leaves)
        self._leaf_of = {key: number for number, key in enumerate(leaves)}

    # -------------------------------------------------------------------------------- leaves and keys

    def key_of(self, leaf: int) -> CellKey:
        """Return level and code of a leaf."""
        return self._key_of[leaf]

    def name_leaf(self, leaf: int, key: CellKey) -> None:
        """Say which cell a new leaf is."""
        missing = leaf + 1 - len(self._key_of)  # the pieces of a cut are named by place, not by number
        self._key_of.extend([("", "")] * missing)
        self._key_of[leaf] = key
        self._leaf_of[key] = leaf

    def leaf_of(self, key: CellKey, argument: str = "cell") -> int:
        """Return the number of a leaf.

        Raises
        ------
        InvalidInputError
            The cell does not exist, or is no leaf.
        """
        self.register.require(key, argument)
        leaf = self._leaf_of.get(key)
        if leaf is None or not self.space.exists(leaf):
            raise _refusal(
                argument,
                Words(
                    f"{key[0]} {key[1]} holds no land of its own: its children do",
                    f"{key[1]} 自己没有土地，土地在它的下级",
                ),
                key,
            )
        return leaf

    def holds_land(self, key: CellKey) -> bool:
        """Say whether a cell is a leaf with land."""
        leaf = self._leaf_of.get(key)
        return leaf is not None and self.space.exists(leaf)

    def leaves_of(self, key: CellKey) -> list[int]:
        """Return the leaves that make up a cell, ascending."""
        if self.holds_land(key):
            return [self._leaf_of[key]]
        return sorted(self._leaf_of[below] for below in self.register.below(key) if self.holds_land(below))

    def outline(self, key: CellKey) -> shapely.Polygon | shapely.MultiPolygon:
        """Return the exact outline of a cell of any level in degrees."""
        shapes = [self.space.polygon(leaf) for leaf in self.leaves_of(key)]
        if len(shapes) == 1:
            return shapes[0]
        joined: shapely.Polygon = shapely.coverage_union_all(shapes) if shapes else shapely.Polygon()
        return joined

    def leaf_keys(self) -> list[CellKey]:
        """Return the cells that hold land, in the order of the leaves."""
        return [self._key_of[leaf] for leaf in self.space.leaves()]

    def shapes(self) -> dict[CellKey, shapely.Polygon | shapely.MultiPolygon]:
        """Return the shape of every leaf by level and code."""
        polygons: NDArray[np.object_] = self.space.polygons()
        return {self._key_of[leaf]: polygons[leaf] for leaf in self.space.leaves()}

    # ------------------------------------------------------------------------------------- changing

    def change(self, edit: Callable[["Step"], None]) -> Patch:
        """Carry out an edit made of several steps: all of it, or nothing.

        Raises
        ------
        GeoServiceError
            What a step refused; or the register would not fit together afterwards.
        """
        mark, named = self.register.mark(), len(self._key_of)
        step = Step(self)
        try:
            edit(step)
            edges = net(step.edges)
            self._carry(step, edges, mark)
            self._refuse_misfits(edges, self.register.touched_since(mark))
        except BaseException:
            self.space.replay([change.reversed() for change in net(step.edges)], proved=True)
            self.register.roll_back(mark)
            self._forget_names(named)
            raise
        return Patch(tuple(edges), tuple(self.register.since(mark)))

    def _carry(self, step: "Step", edges: list[EdgeChange], mark: int) -> None:
        """Let counts and descriptions of cells follow their land."""
        carrying.settle(
            self,
            edges,
            self.register.before(mark),
            census=self.census(edges) if self.census is not None else None,
            by_land=step.passes_counts,
            heirs=step.heirs,
        )

    def replay(self, patch: Patch, *, proved: bool = False) -> None:
        """Make a change that was made elsewhere, or undo one (give it reversed): all of it, or nothing.

        Raises
        ------
        ConflictError
            What it changes is no longer as it was there.
        InvalidInputError
            Together with other changes it would break the tiling or the register.
        """
        mark = self.register.mark()
        self.space.replay(patch.edges, proved=proved)
        try:
            self.register.replay(patch.records)
            self._refuse_misfits(patch.edges, [change.key for change in patch.records])
        except BaseException:
            self.space.replay([change.reversed() for change in patch.edges], proved=True)
            self.register.roll_back(mark)
            raise
        self.register.since(mark)

    def _refuse_misfits(self, edges: Iterable[EdgeChange], keys: Collection[CellKey]) -> None:
        """Raise unless register and land fit together where they were changed.

        Each cell has a parent on the level above, land belongs to a cell of the register, and only the
        lowest cells hold it.
        """
        register = self.register
        register.refuse_strays(keys)
        landed = {self._key_of[face] for face in faces_beside(edges) if self.space.exists(face)}
        landed.update(key for key in keys if self.holds_land(key))
        for key in sorted(landed):
            if register.get(key) is None:
                raise _refusal(
                    "cell",
                    Words(
                        f"{key[0]} {key[1]} is struck off, but would still hold land",
                        f"{key[1]} 被撤销，但仍有土地",
                    ),
                    key,
                )
            if register.children(key):
                raise _refusal(
                    "cell",
                    Words(
                        f"{key[0]} {key[1]} holds land itself: it can have no children",
                        f"{key[1]} 自己有土地，不能有下级",
                    ),
                    key,
                )
        for key in keys:
            record = register.get(key)
            if record is not None and record.parent is not None and self.holds_land(record.parent):
                owner = record.parent
                raise _refusal(
                    "parent",
                    Words(
                        f"{owner[0]} {owner[1]} holds land itself: it takes no children",
                        f"{owner[1]} 自己有土地，不能接收下级",
                    ),
                    key,
                )

    def _forget_names(self, since: int) -> None:
        """Take the names of leaves back that were given since there were so many."""
        forgotten = set(self._key_of[since:])
        del self._key_of[since:]
        for key in forgotten:
            self._leaf_of.pop(key, None)
        if forgotten:  # a code may have been in use before, for a leaf that holds no land any more
            earlier = ((leaf, key) for leaf, key in enumerate(self._key_of) if key in forgotten)
            self._leaf_of.update((key, leaf) for leaf, key in earlier)
        self.space.give_back(since)

    # ---------------------------------------------------------------------------- patches as data

    def patch_to_json(self, patch: Patch) -> dict[str, Any]:
        """Return a patch as JSON: faces become codes, so that it can be read anywhere."""
        faces = sorted(patch.faces())
        number = {NOBODY: None, **{face: at for at, face in enumerate(faces)}}

        def sides(pair: Sides | None) -> list[int | None] | None:
            return None if pair is None else [number[pair[0]], number[pair[1]]]

        return {
            "faces": [list(self._key_of[face]) for face in faces],
            "edges": [[*c.a, *c.b, sides(c.before), sides(c.after)] for c in patch.edges],
            "records": [
                [list(c.key), record_to_json(c.before), record_to_json(c.after)] for c in patch.records
            ],
        }

    def patch_from_json(self, data: Mapping[str, Any]) -> Patch:
        """Read a patch; leaves that are new here get their numbers."""
        faces: list[int] = []
        for level, code in data["faces"]:
            key = (level, code)
            if key not in self._leaf_of:
                self.name_leaf(self.space.new_leaf(), key)
            faces.append(self._leaf_of[key])

        def sides(pair: list[int | None] | None) -> Sides | None:
            if pair is None:
                return None
            left, right = (NOBODY if at is None else faces[at] for at in pair)
            return left, right

        edges = tuple(
            EdgeChange((ai, aj), (bi, bj), sides(before), sides(after))
            for ai, aj, bi, bj, before, after in data["edges"]
        )
        records = tuple(
            RecordChange((key[0], key[1]), record_from_json(before), record_from_json(after))
            for key, before, after in data["records"]
        )
        return Patch(edges, records)


class Step:
    """The steps of one change as they are made: what a verb works with."""

    def __init__(self, redraw: Redraw) -> None:
        self.redraw = redraw
        self.register = redraw.register
        self.space = redraw.space
        self.edges: list[EdgeChange] = []
        #: Whether counts that cannot be made anew go with the land: not when only a border is moved.
        self.passes_counts = True
        #: Which cell was merged into which.
        self.heirs: dict[CellKey, CellKey] = {}

    def shape(self, edit: Callable[[], list[EdgeChange]]) -> None:
        """Make a proved edit of shapes and keep what it changed."""
        self.edges.extend(edit())

    def new_cell(
        self,
        level: str,
        parent: CellKey | None,
        *,
        code: str | None,
        name: str,
        like: CellRecord | None = None,
    ) -> CellRecord:
        """Enter a new cell into the register, with a code of its own or one that is issued to it."""
        register = self.register
        taken = register.taken(level)
        if code is not None and code in taken:
            raise _refusal(
                "code", Words(f"there is a {level} {code} already", f"编码 {code} 已被使用"), (level, code)
            )
        if code is None:
            code = self.redraw.issue(level, parent, 1, taken)[0]
        kind = like.kind if like else "regular"
        attributes = dict(like.attributes) if like else {}
        record = CellRecord(level, code, kind, name, parent, attributes)
        register.put(record)
        return record

    def name_leaf(self, leaf: int, key: CellKey) -> None:
        """Say which cell a new leaf is."""
        self.redraw.name_leaf(leaf, key)


def faces_beside(edges: Iterable[EdgeChange]) -> set[int]:
    """Return the leaves beside edges that changed."""
    sides = (side for change in edges for side in (change.before, change.after) if side)
    return {face for side in sides for face in side if face != NOBODY}


def record_to_json(record: CellRecord | None) -> dict[str, Any] | None:
    """Return a record as JSON."""
    if record is None:
        return None
    return {
        "level": record.level,
        "code": record.code,
        "kind": record.kind,
        "name": record.name,
        "parent": list(record.parent) if record.parent else None,
        "attributes": dict(record.attributes),
    }


def record_from_json(data: Mapping[str, Any] | None) -> CellRecord | None:
    """Read a record."""
    if data is None:
        return None
    parent = (data["parent"][0], data["parent"][1]) if data["parent"] else None
    return CellRecord(data["level"], data["code"], data["kind"], data["name"], parent, data["attributes"])


def _refusal(argument: str, message: str, key: CellKey) -> InvalidInputError:
    return InvalidInputError(message, [Fault(argument, message, value=" ".join(key))])
