"""Cutting leaves along a line, exactly: where it meets a border, both cells get the same new corner.

The line is laid over the leaf; where it crosses an edge, the crossing is rounded to the lattice and the edge
parted there (it bends by at most half a step, 0.7 cm), so that no point stands on one side only. What of the
line lies inside the leaf becomes border, ends that lead nowhere are left out, and the pieces that come
out get leaves of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import shapely

from geo_service.geometry import lattice
from geo_service.geometry.edit import part_edge, refuse, require_leaf, require_on_globe
from geo_service.geometry.rings import Edge, Part, Vertex, parts_of, rings_of
from geo_service.geometry.workspace import EdgeChange, Workspace

Line = Sequence[Vertex]


@dataclass(frozen=True, slots=True)
class Cut:
    """What a cut made.

    Attributes
    ----------
    pieces : dict of int to tuple of int
        For each leaf that was cut, the leaves that stand in its place: itself first.
    along : set of edges
        The borders that run along the line now, new or old, each from its smaller vertex.
    changes : list of EdgeChange
        Edge by edge.
    """

    pieces: dict[int, tuple[int, ...]]
    along: set[Edge]
    changes: list[EdgeChange]


def cut(space: Workspace, leaves: Sequence[int], line: Line, *, snap: int = 2) -> Cut:
    """Cut leaves along a line.

    Parameters
    ----------
    space : Workspace
    leaves : sequence of int
        In which leaves the line counts; a leaf that it does not part stays whole.
    line : sequence of (i, j)
        Lattice integers. A closed line cuts out what it encloses.
    snap : int
        A corner nearer to the line than this many lattice steps is taken as the place of crossing.

    Returns
    -------
    Cut
        Of each leaf that was parted the largest piece keeps the number.

    Raises
    ------
    InvalidInputError
        The line crosses itself; it neither parts a leaf nor runs along borders; a border would cross another.
    """
    line = _sound(line)
    for leaf in leaves:
        require_leaf(space, leaf)
    pieces: dict[int, tuple[int, ...]] = {}
    along: set[Edge] = set()

    def edit() -> None:
        for leaf in leaves:
            found, route = _cut_leaf(space, leaf, line, snap)
            if len(found) > 1:
                pieces[leaf] = found
            along.update((min(step), max(step)) for step in pairwise(route))
        along.intersection_update(step for step in set(along) if space.left_of(*step) is not None)
        if not along:
            raise refuse(
                "the line parts no cell: let it begin and end on or beyond the cell's border", line[0], "line"
            )

    changes = space.run(edit)
    return Cut(pieces, along, changes)


def give_piece(space: Workspace, leaf: int, to: int, line: Line, *, snap: int = 2) -> list[EdgeChange]:
    """Cut a leaf along a line and give the neighbour ``to`` the pieces that touch it.

    If all pieces touch it, the one with the shortest border to it stays.

    Raises
    ------
    InvalidInputError
        The line does not part the leaf, or no piece touches the other one.
    """
    line = _sound(line)
    require_leaf(space, leaf)
    require_leaf(space, to)
    if to == leaf:
        raise refuse("a cell cannot give land to itself", field="to")

    def edit() -> None:
        pieces, _ = _cut_leaf(space, leaf, line, snap)
        if len(pieces) < 2:
            raise refuse(
                "the line does not part the cell: let it begin and end on its border", line[0], "line"
            )
        shared = {piece: _shared_length(space, piece, to) for piece in pieces}
        given = [piece for piece in pieces if shared[piece] > 0]
        if not given:
            raise refuse("no piece touches the cell that should get it", line[0], "to")
        if len(given) == len(pieces):
            given.remove(min(given, key=lambda piece: (shared[piece], piece)))
        if leaf in given:  # the piece that stays keeps the number
            stays = next(piece for piece in pieces if piece not in given)
            _swap(space, leaf, stays)
            given[given.index(leaf)] = stays
        for piece in given:
            for a, b in list(space.edges(piece)):
                space.put_left(a, b, to)

    return space.run(edit)


def _sound(line: Line) -> list[Vertex]:
    out: list[Vertex] = []
    for place in line:
        require_on_globe(place)
        if not out or place != out[-1]:
            out.append(place)
    if len(out) < 2:
        raise refuse("a line needs two different places", out[0] if out else None, "line")
    if not shapely.LineString(out).is_simple:
        raise refuse("the line crosses itself", out[0], "line")
    return out


def _shared_length(space: Workspace, leaf: int, other: int) -> float:
    edges = [(a, b) for a, b in space.edges(leaf) if space.star(b)[a] == other]
    return sum(math.dist(a, b) for a, b in edges)


def _swap(space: Workspace, one: int, other: int) -> None:
    new = dict.fromkeys(space.edges(one), other) | dict.fromkeys(space.edges(other), one)
    for (a, b), left in new.items():
        if a < b or (b, a) not in new:
            space.put(a, b, left, new.get((b, a), space.star(b)[a]))


def _cut_leaf(
    space: Workspace, leaf: int, line: list[Vertex], snap: int
) -> tuple[tuple[int, ...], list[Vertex]]:
    """Part a leaf where the line runs inside it; return the leaves in its place, and the line's corners."""
    route = _node(space, leaf, line, snap)
    inner = _inside(space, leaf, route)
    if not inner:
        return (leaf,), route
    both = [*inner, *((b, a) for a, b in inner)]
    parts, loose = parts_of(rings_of([*space.edges(leaf), *both]))
    if loose:
        raise refuse("the line comes too close to the border here", loose[0][0], "line")
    if len(parts) == 1:
        return (leaf,), route
    parts.sort(key=lambda part: (-part.area2, part.shell[0]))
    numbers = [leaf, *(space.new_leaf() for _ in parts[1:])]
    _write(space, parts, numbers)
    return tuple(numbers), route


def _write(space: Workspace, parts: list[Part], numbers: list[int]) -> None:
    left = {edge: number for part, number in zip(parts, numbers, strict=True) for edge in part.edges()}
    for (a, b), number in left.items():
        if (b, a) in left:
            if a < b:
                space.put(a, b, number, left[b, a])
        else:
            space.put_left(a, b, number)


def _node(space: Workspace, leaf: int, line: list[Vertex], snap: int) -> list[Vertex]:
    """Give line and border common corners wherever they meet; return the line with those corners."""
    border = _Border(space, leaf, line, snap)
    route = [border.corner_near(place) or place for place in line]
    for place in route:
        border.take_in(place)
    out = [route[0]]
    for p, q in pairwise(route):
        if p != q:
            out.extend(border.met_by(p, q))
            out.append(q)
    return [place for k, place in enumerate(out) if k == 0 or place != out[k - 1]]


class _Border:
    """The edges of a leaf near a line, and the corners on them, as the line is worked into them."""

    def __init__(self, space: Workspace, leaf: int, line: list[Vertex], snap: int) -> None:
        low = (min(p[0] for p in line) - snap, min(p[1] for p in line) - snap)
        high = (max(p[0] for p in line) + snap, max(p[1] for p in line) + snap)
        self._space = space
        self._snap = snap
        self._edges = sorted(
            (a, b)
            for a, b in space.edges(leaf)
            if max(a[0], b[0]) >= low[0]
            and min(a[0], b[0]) <= high[0]
            and max(a[1], b[1]) >= low[1]
            and min(a[1], b[1]) <= high[1]
        )
        self._corners = sorted({vertex for edge in self._edges for vertex in edge})

    def corner_near(self, place: Vertex) -> Vertex | None:
        """Return the corner that a place is taken for, if one is near enough."""
        best = min(self._corners, key=lambda c: (_square(c, place), c), default=None)
        return best if best is not None and _square(best, place) <= self._snap**2 else None

    def take_in(self, place: Vertex) -> None:
        """Make a place that lies on an edge, or all but, a corner of it."""
        if self._space.star(place):
            return
        for k, (a, b) in enumerate(self._edges):
            if _distance(place, a, b) <= self._snap:
                self._part(k, place)
                return

    def met_by(self, p: Vertex, q: Vertex) -> list[Vertex]:
        """Return the corners at which a step of the line meets the border, in order; make those missing."""
        at = {c for c in self._corners if c not in (p, q) and _distance(c, p, q) <= self._snap}
        k = 0
        while k < len(self._edges):
            a, b = self._edges[k]
            if not {a, b} & {*at, p, q} and _cross(p, q, a) * _cross(p, q, b) < 0:
                from_p, from_q = _cross(a, b, p), _cross(a, b, q)
                if from_p * from_q < 0:
                    place = _between(p, q, from_p, from_p - from_q)
                    if place not in (a, b) and not self._space.star(place):
                        self._part(k, place)
                    at.add(place)
            k += 1
        dx, dy = q[0] - p[0], q[1] - p[1]
        return sorted(at - {p, q}, key=lambda c: ((c[0] - p[0]) * dx + (c[1] - p[1]) * dy, c))

    def _part(self, k: int, place: Vertex) -> None:
        a, b = self._edges[k]
        part_edge(self._space, a, b, place)
        self._edges[k : k + 1] = [(a, place), (place, b)]
        self._corners.append(place)


def _square(p: Vertex, q: Vertex) -> int:
    return (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2


def _cross(o: Vertex, p: Vertex, q: Vertex) -> int:
    return (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0])


def _distance(place: Vertex, a: Vertex, b: Vertex) -> float:
    length = _square(a, b)
    t = ((place[0] - a[0]) * (b[0] - a[0]) + (place[1] - a[1]) * (b[1] - a[1])) / length
    t = min(1.0, max(0.0, t))
    return math.dist(place, (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))


def _between(p: Vertex, q: Vertex, numerator: int, denominator: int) -> Vertex:
    """Return p + (q - p) · numerator / denominator, rounded to the lattice."""

    def along(start: int, end: int) -> int:
        top, bottom = 2 * (end - start) * numerator + denominator, 2 * denominator
        return start + (top // bottom if bottom > 0 else -top // -bottom)

    return along(p[0], q[0]), along(p[1], q[1])


def _inside(space: Workspace, leaf: int, route: list[Vertex]) -> list[Edge]:
    """Return the steps of the line that run inside the leaf and lead from border to border."""
    shape = shapely.multipolygons([part.polygon() for part in space.parts(leaf)])
    shapely.prepare(shape)
    steps: list[Edge] = []
    seen: set[frozenset[Vertex]] = set()
    for p, q in pairwise(route):
        if space.left_of(p, q) is not None or frozenset((p, q)) in seen:
            continue
        middle = shapely.Point(lattice.to_degrees(((p[0] + q[0]) / 2, (p[1] + q[1]) / 2)))
        if shape.contains_properly(middle):
            steps.append((p, q))
            seen.add(frozenset((p, q)))
    on_border = {vertex for edge in space.edges(leaf) for vertex in edge}
    while True:
        uses: dict[Vertex, int] = {}
        for edge in steps:
            for vertex in edge:
                uses[vertex] = uses.get(vertex, 0) + 1
        kept = [edge for edge in steps if all(vertex in on_border or uses[vertex] > 1 for vertex in edge)]
        if len(kept) == len(steps):
            return steps
        steps = kept
