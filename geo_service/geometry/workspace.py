"""A tiling while it is being edited: a copy-on-write layer of edges over a fabric that stays as it is.

Every edge has a face on either side. A face is a leaf (its index in the fabric; new leaves take the next
numbers) or :data:`NOBODY`: all the land that no leaf holds, gaps and the world outside alike. So every edge
has two sides, to give land away or to take a gap in is to put another face beside some edges, and one rule
proves every edit: if each face that was touched is still a sound polygon, nothing overlaps and nothing gapes.

Why: add up, over a place, how often each face goes round it, nobody's land included. An edge has one face to
its left and one to its right, so the sum does not change across any edge: it is the same everywhere. Far out
it is one, as nobody's land alone is there. A face that is made of valid polygons goes round no place less
than zero times. So if every face is, there is just one of them over each place. Faces whose edges an edit did
not change are what they were; only the others need a look. (The parts of one face need not be compared with
each other: were a place in two of them, the sum would be two.)

Nobody's land may have a border of many thousand edges, so it is not walked round. It is what the leaves leave
over, and can go round a place less than zero times only where two leaves lie. If an edit changed its edges,
the leaves that changed are compared with those near by: near those edges, as elsewhere nothing new can be.

No corner lies inside an edge (a T-junction). Where one did, it would be a corner of the very face that the
edge bounds there, as the faces do not overlap. So it is enough to look at the faces that an edit changed: an
edge that is new is one of theirs, and at a corner that is new all edges are. Of nobody's land, again, it is
enough to look at the leaves near by.

A change is written down as the sides of each edge before and after. That record (:class:`EdgeChange`) undoes
it, does it again, and does it to another workspace in which those edges stand as they stood here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Fault, Words
from geo_service.geometry import lattice
from geo_service.geometry.proof import Shape, refusal, refuse_junctions, refuse_overlaps, sound_parts
from geo_service.geometry.rings import Edge, Part, Vertex, area2, parts_of, rings_of, shape_of
from geo_service.geometry.stars import NOBODY, FabricStars

Sides = tuple[int, int]  # the faces to the left and to the right of an edge, going from its smaller vertex
Step = tuple[Edge, Sides | None, Sides | None]  # an edge, its sides before and after
#: When more leaves have changed than this, the tree of leaves is made anew.
_MAX_MOVED = 500


@dataclass(frozen=True, slots=True)
class EdgeChange:
    """What one edge was and what it has become; ``a`` < ``b``, sides seen from a to b, None: no edge."""

    a: Vertex
    b: Vertex
    before: Sides | None
    after: Sides | None

    def reversed(self) -> "EdgeChange":
        """Return the change that undoes this one."""
        return EdgeChange(self.a, self.b, self.after, self.before)


def net(changes: Iterable[EdgeChange]) -> list[EdgeChange]:
    """Put steps together: each edge that has changed at all once, in order of its vertices."""
    return _net(((change.a, change.b), change.before, change.after) for change in changes)


def _net(steps: Iterable[Step]) -> list[EdgeChange]:
    first: dict[Edge, Sides | None] = {}
    last: dict[Edge, Sides | None] = {}
    for edge, before, after in steps:
        first.setdefault(edge, before)
        last[edge] = after
    return [EdgeChange(*edge, first[edge], last[edge]) for edge in sorted(first) if first[edge] != last[edge]]


class Workspace:
    """The faces of a fabric with edits on top.

    Parameters
    ----------
    base : FabricStars
        The tiling that the edits start from; it is never changed, so many workspaces may share it.
    """

    def __init__(self, base: FabricStars) -> None:
        self.base = base
        self.next_leaf = base.n_leaves
        self._star: dict[Vertex, dict[Vertex, int]] = {}
        self._edges: dict[int, set[Edge]] = {}
        self._polygon: dict[int, Shape | None] = {}  # of the faces that changed; None: not yet drawn
        self._journal: list[Step] = []
        self._tree, self._moved = base.tree, set[int]()  # leaves by place, and those that changed since
        self._shapes_before: dict[int, Shape] | None = None  # while an edit runs: of the faces it changes

    # ------------------------------------------------------------------------------------- looking

    def star(self, vertex: Vertex) -> dict[Vertex, int]:
        """Return where each edge from a vertex leads, and the face to its left; empty if there is none."""
        found = self._star.get(vertex)
        return self.base.star(vertex) if found is None else found  # looking leaves nothing behind

    def left_of(self, a: Vertex, b: Vertex) -> int | None:
        """Return the face to the left of the edge from a to b, None if there is no such edge."""
        return self.star(a).get(b)

    def edges(self, face: int) -> set[Edge]:
        """Return the directed edges with a face to their left; do not change the set."""
        found = self._edges.get(face)
        return self.base.edges(face) if found is None else found

    def exists(self, face: int) -> bool:
        """Say whether a leaf holds any land."""
        found = self._edges.get(face)
        return 0 <= face < self.base.n_leaves if found is None else bool(found)

    def leaves(self) -> Iterator[int]:
        """Go through the leaves that hold land."""
        changed = self._edges
        for face in range(self.next_leaf):
            if changed.get(face, face < self.base.n_leaves):
                yield face

    def parts(self, face: int) -> list[Part]:
        """Return the connected pieces of a face; of nobody's land the gaps, without the world outside."""
        return parts_of(rings_of(self.edges(face)))[0]

    def polygon(self, face: int) -> Shape:
        """Return the shape of a leaf in EPSG:4326 degrees, exact; an empty polygon if it holds no land."""
        if face in self._polygon:
            found = self._polygon[face]
            if found is None:
                found = self._polygon[face] = shape_of(self.parts(face))
            return found
        return self.base.polygons[face] if face < self.base.n_leaves else shapely.Polygon()

    def polygons(self) -> NDArray[np.object_]:
        """Return the shape of every leaf, empty where one holds no land any more."""
        shapes = np.full(self.next_leaf, shapely.Polygon(), dtype=object)
        shapes[: self.base.n_leaves] = self.base.polygons
        for face in self._polygon:
            if face >= 0:
                shapes[face] = self.polygon(face)
        return shapes

    def area2(self, face: int) -> int:
        """Return twice the area of a leaf in lattice units."""
        return sum(area2(ring) for ring in rings_of(self.edges(face)))

    def neighbours(self, face: int) -> set[int]:
        """Return the faces across the edges of a face."""
        return {self.star(b)[a] for a, b in self.edges(face)}

    def _leaves_near(self, edges: Iterable[Edge], changing: Collection[int]) -> set[int]:
        """Return the leaves in the box round some edges, without those that are changing."""
        corners = lattice.to_degrees([vertex for edge in edges for vertex in edge])
        (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
        moved = list(self._moved.difference(changing))
        shapes = np.array([self.polygon(face) for face in moved], dtype=object)
        low_x, low_y, high_x, high_y = shapely.bounds(shapes).reshape(-1, 4).T
        met = (low_x <= east) & (low_y <= north) & (high_x >= west) & (high_y >= south)
        still = set(self._tree.query(shapely.box(west, south, east, north)).tolist()) - self._moved
        return still | {moved[k] for k in np.flatnonzero(met)}

    # ------------------------------------------------------------------------------------- changing

    def new_leaf(self) -> int:
        """Take the next number for a leaf."""
        self.next_leaf += 1
        return self.next_leaf - 1

    def give_back(self, next_leaf: int) -> None:
        """Let this be the next number for a leaf again; those from it on hold no land any more."""
        for face in range(next_leaf, self.next_leaf):
            self._polygon.pop(face, None)
        self.next_leaf = next_leaf

    def put(self, a: Vertex, b: Vertex, left: int, right: int) -> None:
        """Let the edge from a to b have these faces beside it; with the same on both sides there is none."""
        after = None if left == right else (left, right)
        self._set(a, b, after)

    def put_left(self, a: Vertex, b: Vertex, face: int) -> None:
        """Let the edge from a to b have this face to its left."""
        if self.star(a).get(b) != face:
            self.put(a, b, face, self.star(b)[a])

    def remove(self, a: Vertex, b: Vertex) -> None:
        """Take an edge away."""
        self._set(a, b, None)

    def _sides(self, a: Vertex, b: Vertex) -> Sides | None:
        left = self.star(a).get(b)
        return None if left is None else (left, self.star(b)[a])

    def _set(self, a: Vertex, b: Vertex, after: Sides | None) -> None:
        if b < a:
            a, b = b, a
            after = after and (after[1], after[0])
        before = self._sides(a, b)
        if before != after:
            self._journal.append(((a, b), before, after))
            self._write(a, b, before, after)

    def _write(self, a: Vertex, b: Vertex, before: Sides | None, after: Sides | None) -> None:
        for start, end, k in ((a, b, 0), (b, a, 1)):
            was, now = before and before[k], after and after[k]
            if was == now:
                continue
            star = self._star.get(start)
            if star is None:
                star = self._star[start] = self.base.star(start)
            if was is not None:
                self._to_change(was).discard((start, end))
                del star[end]
            if now is not None:
                self._to_change(now).add((start, end))
                star[end] = now

    def _to_change(self, face: int) -> set[Edge]:
        """Return the edges of a face that is about to change."""
        if face != NOBODY:
            kept = self._shapes_before
            if kept is not None and face not in kept:
                kept[face] = self.polygon(face)
            self._polygon[face] = None
            self._moved.add(face)
        found = self._edges.get(face)
        if found is None:
            found = self._edges[face] = self.base.edges(face)
        return found

    def run(self, edit: Callable[[], None], *, parts: int | None = None) -> list[EdgeChange]:
        """Make an edit, prove that the tiling is still one, and return what has changed.

        Parameters
        ----------
        edit : callable
            Calls :meth:`put` and :meth:`remove`.
        parts : int, optional
            Pieces a leaf may fall into; by default as many as it had, one if it is new.

        Raises
        ------
        InvalidInputError
            The edit would break the tiling: the fault says why and where. Nothing has changed then.
        """
        next_leaf, self._shapes_before = self.next_leaf, {}
        try:
            edit()
            changes = _net(self._journal)
            self._prove(changes, parts)
        except BaseException:
            for (a, b), before, after in reversed(self._journal):
                self._write(a, b, after, before)
            self._polygon.update(self._shapes_before)
            self.give_back(next_leaf)
            raise
        finally:
            self._journal.clear()
            self._shapes_before = None
        return changes

    def replay(self, changes: Iterable[EdgeChange], *, proved: bool = False) -> None:
        """Make changes that were made elsewhere, or undo them (give them reversed); each edge at most once.

        With ``proved`` the shapes are not looked at again: for changes that were proved on this same tiling,
        with the same changes before them, and so for their undoing. That every edge stands as it stood then
        is seen to all the same.

        Raises
        ------
        ConflictError
            An edge does not stand as it stood there: somebody changed the same place. Nothing has changed.
        InvalidInputError
            The edges are there, but together with other changes the tiling would break.
        """
        changes = list(changes)
        for change in changes:
            if self._sides(change.a, change.b) != change.before:
                lon, lat = lattice.to_degrees(change.a).tolist()
                message = Words("the border here was changed meanwhile", "这里的边界在此期间已被修改")
                raise ConflictError(
                    Words(
                        "the change touches borders that are no longer as they were",
                        "所涉及的边界已不是原来的样子",
                    ),
                    [Fault("changes", message, place=(lon, lat))],
                )

        def again() -> None:
            known = (face for c in changes for face in (*(c.before or ()), *(c.after or ())))
            self.next_leaf = max(self.next_leaf, max(known, default=NOBODY) + 1)
            for change in changes:
                if proved:
                    self._write(change.a, change.b, change.before, change.after)
                else:
                    self._set(change.a, change.b, change.after)

        if proved:
            again()
        else:
            self.run(again, parts=_MANY)

    def _prove(self, changes: list[EdgeChange], parts: int | None) -> None:
        """Prove the faces that have other edges than before; see the head of this file."""
        changed = _changed_faces(changes)
        leaves = sorted(face for face in changed if face != NOBODY and self.edges(face))
        near = self._leaves_near([(c.a, c.b) for c in changes], changed) if NOBODY in changed else set[int]()
        new = [(c.a, c.b) for c in changes if c.before is None]
        refuse_junctions(new, map(self.edges, [*leaves, *sorted(near)]))
        before = self._shapes_before or {}
        parts_of_leaves, shapes = sound_parts(map(self.edges, leaves))
        self._polygon.update(zip(leaves, shapes, strict=True))
        for face, found in zip(leaves, parts_of_leaves, strict=True):
            if len(found) > (max(1, _count(before[face])) if parts is None else parts):
                smallest = min(found, key=lambda part: part.area2)
                raise refusal(
                    Words("a cell would fall apart into separate pieces", "网格会分成互不相连的几块"),
                    smallest.shell[0],
                )
        if NOBODY in changed:
            mine = dict(zip(leaves, shapes, strict=True))
            refuse_overlaps(mine, mine | {face: self.polygon(face) for face in sorted(near)})
            if len(self._moved) > _MAX_MOVED:
                self._tree, self._moved = shapely.STRtree(self.polygons()), set()


_MANY = 1_000_000


def _changed_faces(changes: Iterable[EdgeChange]) -> set[int]:
    """Return the faces that have won or lost an edge."""
    faces: set[int | None] = set()
    for change in changes:
        before, after = change.before or (None, None), change.after or (None, None)
        for was, now in zip(before, after, strict=True):
            if was != now:
                faces |= {was, now}
    return {face for face in faces if face is not None}


def _count(shape: Shape) -> int:
    return len(shape.geoms) if isinstance(shape, shapely.MultiPolygon) else int(not shape.is_empty)
