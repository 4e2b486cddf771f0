"""What the rules look at: the cells of one tiling on every level, on their ground.

A scene never changes. :meth:`Scene.with_changes` gives the next one after an edit; it shares whatever the
edit did not touch (the ground and its trees, outlines and sums of other cells), so that judging five cells of
a county does not cost a county.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.derive import outlines
from geo_service.geometry.measure import area_m2
from geo_service.geometry.rules_ground import Geoms, Ground
from geo_service.model import Level

Key = tuple[str, str]  # level, code
#: How many times its land a declared exclave may have and still be the one that was declared.
MOST_GROWN = 2.0
_MAX_STALE = 400  # changed leaves beyond which the tree of leaves is built anew


class CodeChecker(Protocol):
    """The part of a code scheme (:mod:`geo_service.geometry.codes`) that a scene asks."""

    def check(self, code: str, level: str, parent_code: str | None = None) -> tuple[Fault, ...]:
        """Return what is wrong with a code; nothing if it is sound."""

    def check_beside(self, code: str, level: str, siblings: Collection[str]) -> tuple[Fault, ...]:
        """Return what contradicts a code among those of the other cells of its parent."""


def cell_text(key: Key) -> str:
    """Write a cell's level and code the way findings name cells: ``"grid/339801001001001"``."""
    return f"{key[0]}/{key[1]}"


def cell_key(text: str) -> Key:
    """Take level and code out of what :func:`cell_text` wrote; a level's code holds no slash."""
    level, _, code = text.partition("/")
    return level, code


@dataclass(frozen=True, slots=True)
class SceneCell:
    """One cell, of any level.

    Attributes
    ----------
    level, code, name, kind : str
        Kind is regular, dedicated or street_face.
    parent : (level, code) or None
    area_class : str
        urban, rural or "".
    shape : Polygon, MultiPolygon or None
        Of a leaf, EPSG:4326; None for a cell of leaves. Together they are a tiling whose edges match, as
        :class:`~geo_service.geometry.fabric.Fabric` gives it: a vertex on a border stands in both cells.
    households, residents, buildings : int or None
        Of a leaf; None when unknown. Those of other cells are sums.
    overlay : bool
        A unit that lies over the tiling and takes no land from it (a street-face unit kept as a layer).
    """

    level: str
    code: str
    name: str = ""
    kind: str = "regular"
    parent: Key | None = None
    area_class: str = ""
    shape: BaseGeometry | None = None
    households: int | None = None
    residents: int | None = None
    buildings: int | None = None
    overlay: bool = False

    @property
    def key(self) -> Key:
        """Level and code."""
        return self.level, self.code


@dataclass(frozen=True, slots=True)
class DeclaredExclave:
    """Somebody's word that a piece of a cell is meant to lie apart from it.

    The piece is the one round a place deep inside it, so that it stays the same piece when its border is
    redrawn a little; one that has grown to more than :data:`MOST_GROWN` times its land is another one.

    Attributes
    ----------
    cell : (level, code)
    place : shapely Point
        EPSG:4326.
    area_m2 : float
        Of the piece when it was declared.
    who, why : str
    until : date
        The last day on which it holds.
    """

    cell: Key
    place: BaseGeometry
    area_m2: float
    who: str
    why: str
    until: date

    def means(self, piece: BaseGeometry, area_m2: float) -> bool:
        """Tell whether a piece of the cell is the one declared."""
        return area_m2 <= MOST_GROWN * self.area_m2 and bool(piece.intersects(self.place))


@dataclass(frozen=True, slots=True)
class People:
    """How many there are in a cell; None where it is not known of every leaf."""

    households: int | None
    residents: int | None
    buildings: int | None


@dataclass(frozen=True, slots=True, eq=False)
class LeafIndex:
    """Finds leaves by place: a tree of those of an earlier moment, and the few that changed since."""

    keys: tuple[Key, ...]
    tree: shapely.STRtree
    stale: frozenset[Key]
    fresh: tuple[tuple[Key, BaseGeometry], ...]

    @classmethod
    def of(cls, cells: Iterable[SceneCell]) -> "LeafIndex":
        """Build the tree of all cells that have a shape of their own and take land."""
        found = [(cell.key, cell.shape) for cell in cells if cell.shape is not None and not cell.overlay]
        shapes = np.empty(len(found), dtype=object)
        shapes[:] = [shape for _, shape in found]
        return cls(tuple(key for key, _ in found), shapely.STRtree(shapes), frozenset(), ())

    def touching(self, shape: BaseGeometry) -> list[Key]:
        """Return the leaves that meet a shape, its border included."""
        hits = [self.keys[k] for k in self.tree.query(shape, predicate="intersects").tolist()]
        out = [key for key in hits if key not in self.stale]
        return sorted(out + [key for key, other in self.fresh if shape.intersects(other)])


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The cells of one tiling; made with :meth:`of`.

    Attributes
    ----------
    levels : tuple of Level
        From the top.
    cells : mapping from (level, code)
    children : mapping from (level, code) to the keys of its children, in order
    ground : Ground
    owned : frozenset of (level, code) or None
        Cells that somebody answers for on the effective date; None when that is not known.
    base : frozenset of (level, code) or None
        Cells of the edition the plan is drawn on: they may keep their codes. None: whatever is here may.
    codes_used : frozenset of (level, code)
        Every code that ever was.
    declared_exclaves : tuple of DeclaredExclave
        Pieces that are meant to lie apart; those that hold on the day looked at.
    scheme : CodeChecker or None
    """

    levels: tuple[Level, ...]
    cells: Mapping[Key, SceneCell]
    children: Mapping[Key, tuple[Key, ...]]
    ground: Ground
    owned: frozenset[Key] | None = None
    base: frozenset[Key] | None = None
    codes_used: frozenset[Key] = frozenset()
    declared_exclaves: tuple[DeclaredExclave, ...] = ()
    scheme: CodeChecker | None = None
    _outlines: dict[Key, BaseGeometry] = field(default_factory=dict, repr=False)
    _people: dict[Key, People] = field(default_factory=dict, repr=False)
    _areas: dict[Key, float] = field(default_factory=dict, repr=False)
    _index: list[LeafIndex] = field(default_factory=list, repr=False)

    @classmethod
    def of(
        cls,
        levels: Sequence[Level],
        cells: Iterable[SceneCell],
        ground: Ground | None = None,
        *,
        owned: frozenset[Key] | None = None,
        base: frozenset[Key] | None = None,
        codes_used: frozenset[Key] = frozenset(),
        declared_exclaves: tuple[DeclaredExclave, ...] = (),
        scheme: CodeChecker | None = None,
    ) -> "Scene":
        """Put cells together.

        Raises
        ------
        InvalidInputError
            Two cells have the same level and code, or a cell's level is not among the levels.
        """
        known, found, faults = {level.code for level in levels}, dict[Key, SceneCell](), list[Fault]()
        for cell in cells:
            if cell.key in found:
                faults.append(Fault("code", "two cells of a level have the same code", value=cell.code))
            if cell.level not in known:
                faults.append(Fault("level", f"there is no such level (cell {cell.code})", value=cell.level))
            found[cell.key] = cell
        if faults:
            raise InvalidInputError("These cells cannot be put together.", faults[:20])
        children: dict[Key, list[Key]] = {}
        for cell in found.values():
            if cell.parent is not None:
                children.setdefault(cell.parent, []).append(cell.key)
        return cls(
            levels=tuple(sorted(levels, key=lambda level: level.depth)),
            cells=found,
            children={key: tuple(sorted(own)) for key, own in children.items()},
            ground=ground or Ground.build(),
            owned=owned,
            base=base,
            codes_used=codes_used,
            declared_exclaves=declared_exclaves,
            scheme=scheme,
        )

    def with_changes(self, changed: Iterable[SceneCell], removed: Iterable[Key] = ()) -> "Scene":
        """Return the scene after an edit: cells put in or replaced, and cells taken out."""
        changed = list(changed)
        cells = dict(self.cells)
        gone = {key for key in removed if cells.pop(key, None) is not None}
        cells |= {cell.key: cell for cell in changed}
        touched = gone | {cell.key for cell in changed}
        children = self._children_after(touched, cells)
        after = replace(
            self,
            cells=cells,
            children=children,
            _outlines=dict(self._outlines),
            _people=dict(self._people),
            _areas=dict(self._areas),
            _index=[],
        )
        above = {up for key in touched for scene in (self, after) for up in scene.line_up(key)}
        redrawn = {up for up in above if _land_differs(self, after, up, touched)}
        after._forget(above, redrawn)  # noqa: SLF001 - of our own kind
        after._index.extend(_index_after(self._leaf_index(), touched, changed))  # noqa: SLF001 - of our own kind
        return after

    def _forget(self, people_of: set[Key], outlines_of: set[Key]) -> None:
        for kept, stale in (
            (self._people, people_of),
            (self._outlines, outlines_of),
            (self._areas, outlines_of),
        ):
            for key in stale:
                kept.pop(key, None)

    def _children_after(self, touched: set[Key], cells: dict[Key, SceneCell]) -> dict[Key, tuple[Key, ...]]:
        children = dict(self.children)
        for key in sorted(touched):
            before = self.cells[key].parent if key in self.cells else None
            after = cells[key].parent if key in cells else None
            if before == after:
                continue
            if before is not None:
                children[before] = tuple(one for one in children[before] if one != key)
            if after is not None:
                children[after] = tuple(sorted((*children.get(after, ()), key)))
        return children

    # ------------------------------------------------------------------------------------- walking the tree

    def depth(self, level: str) -> int:
        """Return how deep a level is; the top is 0."""
        return next(one.depth for one in self.levels if one.code == level)

    def land_children(self, key: Key) -> tuple[Key, ...]:
        """Return the children that make up a cell's land: all but overlays."""
        own = self.children.get(key, ())
        return tuple(child for child in own if not self.cells[child].overlay)

    def line_up(self, key: Key) -> Iterator[Key]:
        """Yield a cell, its parent, and so on to the top; a circle is walked once."""
        seen: set[Key] = set()
        at: Key | None = key
        while at is not None and at not in seen:
            seen.add(at)
            yield at
            cell = self.cells.get(at)
            at = cell.parent if cell is not None else None

    def leaves(self, key: Key) -> list[Key]:
        """Return the leaves below a cell, or the cell itself if it is one."""
        out, queue, seen = [], [key], {key}
        while queue:
            at = queue.pop()
            own = [child for child in self.land_children(at) if child not in seen]
            seen.update(own)
            queue.extend(own)
            if not own and self.cells[at].shape is not None:
                out.append(at)
        return sorted(out)

    # ------------------------------------------------------------------------------------------- derived

    def outline(self, key: Key) -> BaseGeometry:
        """Return a leaf's shape, or the union of the cells below; an empty polygon where there is no land."""
        cell = self.cells[key]
        own = self.land_children(key)
        if not own or cell.overlay:
            return shapely.Polygon() if cell.shape is None else cell.shape
        if key not in self._outlines:
            self._outlines[key] = shapely.Polygon()  # what a circle of parents comes to
            self._outlines[key] = _joined([self.outline(child) for child in own])
        return self._outlines[key]

    def outlines(self, keys: Sequence[Key]) -> Geoms:
        """Return the outlines of several cells."""
        out = np.empty(len(keys), dtype=object)
        out[:] = [self.outline(key) for key in keys]
        return out

    def areas_m2(self, keys: Sequence[Key]) -> NDArray[np.float64]:
        """Return the land of several cells in square metres."""
        unknown = [key for key in keys if key not in self._areas]
        if unknown:
            self._areas.update(zip(unknown, area_m2(self.outlines(unknown)).tolist(), strict=True))
        return np.array([self._areas[key] for key in keys], dtype=np.float64)

    def people(self, key: Key) -> People:
        """Return a leaf's own figures, or the sums of the cells below."""
        cell = self.cells[key]
        own = self.land_children(key)
        if not own or cell.overlay:
            return People(cell.households, cell.residents, cell.buildings)
        if key not in self._people:
            self._people[key] = People(None, None, None)
            below = [self.people(child) for child in own]
            self._people[key] = People(
                _sum([one.households for one in below]),
                _sum([one.residents for one in below]),
                _sum([one.buildings for one in below]),
            )
        return self._people[key]

    def leaves_touching(self, shape: BaseGeometry) -> list[Key]:
        """Return the leaves that meet a shape, its border included."""
        return self._leaf_index().touching(shape)

    def _leaf_index(self) -> LeafIndex:
        if not self._index:
            self._index.append(LeafIndex.of(self.cells.values()))
        return self._index[0]

    def complete(self) -> "Scene":
        """Work everything out that is derived; from then on threads may share the scene. Returns it."""
        keys = list(self.cells)
        self.areas_m2(keys)
        for key in keys:
            self.people(key)
        self.leaves_touching(shapely.Point(0.0, 0.0))
        return self

    # --------------------------------------------------------------------------------------------- words

    def words(self, key: Key) -> tuple[str, str]:
        """Return what to call a cell: level, code and name in English, name and code in Chinese."""
        level = next((one for one in self.levels if one.code == key[0]), None)
        cell = self.cells.get(key)
        name = cell.name if cell is not None else ""
        english, chinese = (level.name_en, level.name_zh) if level else (key[0], key[0])
        return (
            f"{english.lower()} {key[1]}" + (f" ({name})" if name else ""),
            f"{name}（{key[1]}）" if name else f"{chinese}{key[1]}",
        )


def _land_differs(one: Scene, other: Scene, up: Key, touched: set[Key]) -> bool:
    """Tell whether an edit changed the outline of a cell, or only what is inside it."""
    before, now = (_touched_land(scene, up, touched) for scene in (one, other))
    if before.keys() == now.keys() and all(before[key] is now[key] for key in before):
        return False
    shapes = np.array([_joined(list(land.values())) for land in (before, now)], dtype=object)
    return not shapely.equals_exact(*shapely.normalize(shapes), tolerance=0.0)


def _touched_land(scene: Scene, up: Key, touched: set[Key]) -> dict[Key, BaseGeometry]:
    """Return the touched leaves, and those of touched cells, that lie in a cell."""
    inside = [key for key in touched if key in scene.cells and up in scene.line_up(key)]
    leaves = {leaf for key in inside for leaf in scene.leaves(key) if not scene.cells[leaf].overlay}
    return {leaf: scene.outline(leaf) for leaf in leaves}


def _joined(shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    below = np.empty(len(shapes), dtype=object)
    below[:] = shapes
    below = below[~shapely.is_empty(below)]
    joined: BaseGeometry = outlines(below, np.zeros(len(below), np.int64), 1)[0]
    return joined


def _index_after(index: LeafIndex, touched: set[Key], changed: Sequence[SceneCell]) -> list[LeafIndex]:
    stale = index.stale | touched
    if len(stale) > _MAX_STALE:
        return []
    fresh = [(key, shape) for key, shape in index.fresh if key not in touched]
    fresh += [(cell.key, cell.shape) for cell in changed if cell.shape is not None and not cell.overlay]
    return [replace(index, stale=stale, fresh=tuple(fresh))]


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
