"""A tiling while it is being edited: a copy-on-write layer of edges over a fabric that stays as it is.

Every edge has a face on either side. A face is a leaf (its index in the fabric; new leaves take the next
numbers) or :data:`NOBODY`: all the land that no leaf holds, gaps and the world outside alike. So every edge
has two sides, to give land away or to take a gap in is to put another face beside some edges, and one rule
proves every edit: if each face that was touched is still a sound polygon, nothing overlaps and nothing gapes.

Why: count the faces over a place, nobody's land included. The count changes only across an edge with the
wrong faces beside it, and there is none, so it is the same everywhere: one. This needs every face to be what
its edges say, a polygon whose rings run the right way round and cross nothing; faces that were not
touched still are. Nobody's land is closed by a frame round the globe.

A change is written down as the sides of each edge before and after. That record (:class:`EdgeChange`) undoes
it, does it again, and does it to another workspace in which those edges stand as they stood here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import ConflictError, Fault, InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.rings import Edge, Part, Vertex, parts_of, polygon_of, rings_of
from geo_service.geometry.segments import directed_edges, pack

NOBODY = -1
Sides = tuple[int, int]  # the faces to the left and to the right of an edge, going from its smaller vertex

_FRAME = [
    (-lattice.MAX_I - 1, -lattice.MAX_J - 1),
    (lattice.MAX_I + 1, -lattice.MAX_J - 1),
    (lattice.MAX_I + 1, lattice.MAX_J + 1),
    (-lattice.MAX_I - 1, lattice.MAX_J + 1),
]


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


class FabricStars:
    """Look-up of the edges round each vertex of a fabric; shared by all workspaces over it."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.polygons = _canonical(fabric.polygons())
        self._keys = pack(fabric.vertex_ij)
        self._order = np.argsort(fabric.origin, kind="stable")
        self._start = np.searchsorted(fabric.origin[self._order], np.arange(len(self._keys) + 1))
        self._previous = np.empty(len(fabric.origin), dtype=np.int64)
        self._previous[fabric.following] = np.arange(len(fabric.origin))
        self._by_cell = np.argsort(fabric.cell, kind="stable")
        self._cell_start = np.searchsorted(fabric.cell[self._by_cell], np.arange(len(fabric) + 1))

    def star(self, vertex: Vertex) -> dict[Vertex, int]:
        """Return for each edge that leaves a vertex where it ends and the face to its left."""
        key = (vertex[0] << 32) + vertex[1] + 2**31
        at = int(np.searchsorted(self._keys, key))
        if at == len(self._keys) or int(self._keys[at]) != key:
            return {}
        fabric = self.fabric
        out: dict[Vertex, int] = {}
        for half in self._order[self._start[at] : self._start[at + 1]].tolist():
            i, j = fabric.vertex_ij[fabric.origin[fabric.following[half]]].tolist()
            out[i, j] = int(fabric.cell[half])
            came = int(self._previous[half])
            if fabric.twin[came] < 0:
                i, j = fabric.vertex_ij[fabric.origin[came]].tolist()
                out[i, j] = NOBODY
        return out

    def edges(self, face: int) -> list[Edge]:
        """Return the directed edges with a face to their left."""
        fabric = self.fabric
        if face == NOBODY:
            halves = np.flatnonzero(fabric.twin < 0)
            start, end = fabric.origin[fabric.following[halves]], fabric.origin[halves]
        else:
            halves = self._by_cell[self._cell_start[face] : self._cell_start[face + 1]]
            start, end = fabric.origin[halves], fabric.origin[fabric.following[halves]]
        a = map(tuple, fabric.vertex_ij[start].tolist())
        b = map(tuple, fabric.vertex_ij[end].tolist())
        return list(zip(a, b, strict=True))

    @cached_property
    def n_leaves(self) -> int:
        """Count of leaves."""
        return len(self.fabric)


class Workspace:
    """The faces of a fabric with edits on top.

    Parameters
    ----------
    base : FabricStars
        The tiling that the edits start from; it is never changed, so many workspaces may share it.
    """

    def __init__(self, base: FabricStars) -> None:
        self.base = base
        self._star: dict[Vertex, dict[Vertex, int]] = {}
        self._edges: dict[int, set[Edge]] = {}
        self._polygon: dict[int, shapely.Polygon | shapely.MultiPolygon | None] = {}
        self._journal: list[EdgeChange] = []
        self.next_leaf = base.n_leaves

    # ------------------------------------------------------------------------------------- looking

    def star(self, vertex: Vertex) -> dict[Vertex, int]:
        """Return where each edge from a vertex leads, and the face to its left; empty if there is none."""
        found = self._star.get(vertex)
        if found is None:
            found = self._star[vertex] = self.base.star(vertex)
        return found

    def faces_at(self, vertex: Vertex) -> set[int]:
        """Return the faces round a vertex."""
        return set(self.star(vertex).values())

    def left_of(self, a: Vertex, b: Vertex) -> int | None:
        """Return the face to the left of the edge from a to b, None if there is no such edge."""
        return self.star(a).get(b)

    def edges(self, face: int) -> set[Edge]:
        """Return the directed edges with a face to their left; do not change the set."""
        found = self._edges.get(face)
        if found is None:
            known = self.base.edges(face) if face < self.base.n_leaves else []
            found = self._edges[face] = set(known)
        return found

    def exists(self, face: int) -> bool:
        """Say whether a leaf holds any land."""
        return bool(self.edges(face))

    def leaves(self) -> Iterator[int]:
        """Go through the leaves that hold land."""
        changed = self._edges
        for face in range(self.next_leaf):
            if changed.get(face, face < self.base.n_leaves):
                yield face

    def parts(self, face: int) -> list[Part]:
        """Return the connected pieces of a face; of nobody's land the gaps, without the world outside."""
        return parts_of(rings_of(self.edges(face)))[0]

    def polygon(self, face: int) -> shapely.Polygon | shapely.MultiPolygon:
        """Return the shape of a leaf in EPSG:4326 degrees, exact; an empty polygon if it holds no land."""
        if face in self._polygon:
            found = self._polygon[face]
            if found is None:
                found = self._polygon[face] = _joined(self.parts(face))
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
        return sum(part.area2 for part in self.parts(face))

    def neighbours(self, face: int) -> set[int]:
        """Return the faces across the edges of a face."""
        return {self.star(b)[a] for a, b in self.edges(face)}

    # ------------------------------------------------------------------------------------- changing

    def new_leaf(self) -> int:
        """Take the next number for a leaf."""
        self.next_leaf += 1
        return self.next_leaf - 1

    def put(self, a: Vertex, b: Vertex, left: int, right: int) -> None:
        """Let the edge from a to b have these faces beside it; with the same on both sides there is none."""
        after = None if left == right else (left, right)
        self._set(a, b, after)

    def put_left(self, a: Vertex, b: Vertex, face: int) -> None:
        """Let the edge from a to b have this face to its left."""
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
            self._journal.append(EdgeChange(a, b, before, after))
            self._write(a, b, before, after)

    def _write(self, a: Vertex, b: Vertex, before: Sides | None, after: Sides | None) -> None:
        for start, end, k in ((a, b, 0), (b, a, 1)):
            star = self.star(start)
            if before is not None:
                self.edges(before[k]).discard((start, end))
                self._polygon[before[k]] = None
                del star[end]
            if after is not None:
                self.edges(after[k]).add((start, end))
                self._polygon[after[k]] = None
                star[end] = after[k]

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
        mark, next_leaf = len(self._journal), self.next_leaf
        try:
            edit()
            changes = _net(self._journal[mark:])
            self._prove(changes, parts)
        except BaseException:
            self._roll_back(mark)
            self.next_leaf = next_leaf
            raise
        del self._journal[mark:]
        return changes

    def replay(self, changes: Iterable[EdgeChange], *, proved: bool = False) -> None:
        """Make changes that were made elsewhere, or undo them (give them reversed).

        With ``proved`` the shapes are not looked at again: for changes that were proved on this same tiling.

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
                message = "the border here was changed meanwhile"
                raise ConflictError(
                    "the change touches borders that are no longer as they were",
                    [Fault("changes", message, place=(lon, lat))],
                )
        faces = [face for c in changes for face in (*(c.before or ()), *(c.after or ()))]
        self.next_leaf = max([self.next_leaf, *(face + 1 for face in faces)])
        if proved:
            for change in changes:
                self._write(change.a, change.b, change.before, change.after)
            return

        def again() -> None:
            for change in changes:
                self._set(change.a, change.b, change.after)

        self.run(again, parts=_MANY)

    def _roll_back(self, mark: int) -> None:
        while len(self._journal) > mark:
            change = self._journal.pop()
            self._write(change.a, change.b, change.after, change.before)

    # -------------------------------------------------------------------------------------- proving

    def _prove(self, changes: list[EdgeChange], parts: int | None) -> None:
        touched = sorted({face for c in changes for face in (*(c.before or ()), *(c.after or ()))})
        self._refuse_touching(changes, touched)
        for face in touched:
            if face == NOBODY:
                self._prove_nobody()
            elif self.edges(face):
                self._prove_leaf(face, parts)

    def _prove_leaf(self, face: int, allowed: int | None) -> None:
        parts, loose = parts_of(rings_of(self.edges(face)))
        if loose or not parts:
            raise _refusal("a cell would be turned inside out", loose[0][0])
        shape = _joined(parts)
        _refuse_unsound(shape)
        if allowed is None:
            allowed = _count(self.base.polygons[face]) if face < self.base.n_leaves else 1
        if len(parts) > allowed:
            small = min(parts, key=lambda part: part.area2)
            raise _refusal("a cell would fall apart into separate pieces", small.shell[0])
        self._polygon[face] = shape

    def _prove_nobody(self) -> None:
        parts, loose = parts_of(rings_of(self.edges(NOBODY)))
        _refuse_unsound(polygon_of(_FRAME, loose))
        for part in parts:
            _refuse_unsound(part.polygon())

    def _refuse_touching(self, changes: list[EdgeChange], touched: list[int]) -> None:
        """Refuse a vertex that comes to lie inside an edge: the two must meet at a vertex of both."""
        new = [(c.a, c.b) for c in changes if c.before is None]
        if not new:
            return
        edges = np.array([edge for face in touched for edge in self.edges(face)], dtype=np.int64)
        near = self._within(edges, new)
        points = np.unique(edges[near, 0], axis=0)
        for a, b in new:
            _refuse_inside(points, np.array([a]), np.array([b]))
        ends = np.array(sorted({vertex for edge in new for vertex in edge}), dtype=np.int64)
        for vertex in ends:
            _refuse_inside(vertex[None], edges[near, 0], edges[near, 1])

    @staticmethod
    def _within(edges: NDArray[np.int64], new: list[Edge]) -> NDArray[np.bool_]:
        """Tell which edges come near the new ones: no other can meet them."""
        corners = np.array(new, dtype=np.int64).reshape(-1, 2)
        low, high = corners.min(axis=0), corners.max(axis=0)
        return np.asarray(((edges.max(axis=1) >= low) & (edges.min(axis=1) <= high)).all(axis=1))


_MANY = 1_000_000


def _refuse_inside(p: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]) -> None:
    if len(p) == 0 or len(a) == 0:
        return
    ab, ap = b - a, p - a
    on = ab[:, 0] * ap[:, 1] == ab[:, 1] * ap[:, 0]
    along = (ap * ab).sum(axis=1)
    hit = np.flatnonzero(on & (along > 0) & (along < (ab * ab).sum(axis=1)))
    if hit.size:
        place = p[hit[0]] if len(p) > 1 else p[0]
        raise _refusal(
            "a corner would lie on another border; put it onto a corner of that border, or apart from it",
            (int(place[0]), int(place[1])),
        )


def _refuse_unsound(shape: shapely.Polygon | shapely.MultiPolygon) -> None:
    for polygon in shapely.get_parts(shape):  # two pieces may touch at corners, as Simple Features allows
        if not polygon.is_valid:
            reason = shapely.is_valid_reason(polygon)
            found = reason[reason.find("[") + 1 : reason.rfind("]")].split()
            i, j = lattice.to_lattice([[float(found[0]), float(found[1])]])[0].tolist()
            raise _refusal("borders would cross", (i, j))


def _refusal(message: str, at: Vertex) -> InvalidInputError:
    lon, lat = lattice.to_degrees(at).tolist()
    return InvalidInputError(
        "the edit would break the tiling; nothing was changed", [Fault("", message, place=(lon, lat))]
    )


def _count(shape: shapely.Polygon | shapely.MultiPolygon) -> int:
    return len(shapely.get_parts(shape))


def _joined(parts: list[Part]) -> shapely.Polygon | shapely.MultiPolygon:
    shapes = [part.polygon() for part in parts]
    if len(shapes) == 1:
        return shapes[0]
    return shapely.multipolygons(shapes) if shapes else shapely.Polygon()


def _canonical(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Write shapes as :func:`rings_of` would: equal faces have equal bytes, edited or not."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    polygon = owner[part]
    several = np.bincount(polygon, minlength=len(shapes)) > 1
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    last = np.append(ring[1:] != ring[:-1], True)
    xy, ring = xy[~last], ring[~last]
    order = np.lexsort((xy[:, 1], xy[:, 0], ring))
    start = np.searchsorted(ring, np.arange(len(rings)))
    smallest = order[start]
    size = np.diff(np.append(start, len(ring)))
    step = np.arange(len(ring)) - start[ring]
    turned = start[ring] + (smallest[ring] - start[ring] + step) % size[ring]
    out = shapes.copy()
    simple = shapely.polygons(shapely.linearrings(xy[turned], indices=ring))
    out[~several] = simple[~several[polygon]]
    for k in np.flatnonzero(several):
        edges = directed_edges(shapes[k : k + 1])
        pairs = zip(map(tuple, edges.a.tolist()), map(tuple, edges.b.tolist()), strict=True)
        out[k] = _joined(parts_of(rings_of(pairs))[0])
    return out


def _net(journal: list[EdgeChange]) -> list[EdgeChange]:
    """Put the steps of one edit together, each edge once, in order of its vertices."""
    first: dict[Edge, Sides | None] = {}
    last: dict[Edge, Sides | None] = {}
    for change in journal:
        first.setdefault((change.a, change.b), change.before)
        last[change.a, change.b] = change.after
    return [EdgeChange(a, b, first[a, b], last[a, b]) for a, b in sorted(first) if first[a, b] != last[a, b]]
