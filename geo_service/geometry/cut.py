"""Cutting leaves along a line, exactly: where it meets a border, both cells get the same new corner.

The line is laid over the leaf; where it crosses an edge, the crossing is rounded to the lattice and the edge
parted there (it bends by at most half a step, 0.7 cm), so that no point stands on one side only. What of the
line lies inside the leaf becomes border, ends that lead nowhere are left out, and the pieces that come
out get leaves of their own.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.geometry import lattice
from geo_service.geometry.edit import part_edge, refuse, require_leaf, require_on_globe
from geo_service.geometry.rings import (
    Edge,
    Part,
    Ring,
    Vertex,
    edges_of,
    next_clockwise,
    parts_of,
    rings_along,
    rings_of,
    walks_of,
)
from geo_service.geometry.stars import NOBODY
from geo_service.geometry.workspace import EdgeChange, Workspace

Line = Sequence[Vertex]

#: A line that comes into cells more often than this is a slip of the hand: a thousand pieces keep everybody
#: who works on the plan waiting.
MAX_RUNS = 500


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
        The line crosses itself; it neither parts a leaf nor runs along borders; it comes into leaves more
        often than :data:`MAX_RUNS`; a border would cross another.
    """
    line = _sound(line)
    for leaf in leaves:
        require_leaf(space, leaf)
    pieces: dict[int, tuple[int, ...]] = {}
    along: set[Edge] = set()

    def edit() -> None:
        near = _near(space, leaves, line, snap)
        _refuse_comb(space, near, line)
        for leaf in near:
            found, route = _pieces(space, leaf, line, snap)
            if len(found.new) > 0:
                numbers = [space.new_leaf() for _ in found.new]
                new = zip(([piece] for piece in found.new), numbers, strict=True)
                _write(space, leaf, [(found.stays, leaf), *new])
                pieces[leaf] = (leaf, *numbers)
            along.update((min(step), max(step)) for step in pairwise(route))
        along.intersection_update([step for step in along if space.left_of(*step) is not None])
        if not along:
            raise refuse(
                Words(
                    "the line parts no cell: let it begin and end on or beyond the cell's border",
                    "线没有分开任何网格：请从边界外画到边界外",
                ),
                line[0],
                "line",
            )

    changes = space.run(edit)
    return Cut(pieces, along, changes)


def _near(space: Workspace, leaves: Sequence[int], line: list[Vertex], snap: int) -> list[int]:
    """Return the leaves that a line comes near to: the others it cannot part."""
    if len(leaves) == 1:
        return list(leaves)
    drawn = shapely.LineString(lattice.to_degrees(line))
    shapely.prepare(drawn)
    shapes = np.array([space.polygon(leaf) for leaf in leaves], dtype=object)
    near = shapely.dwithin(drawn, shapes, 2 * (snap + 2) * lattice.UNIT_DEG)
    return [leaf for leaf, is_near in zip(leaves, near.tolist(), strict=True) if is_near]


def _refuse_comb(space: Workspace, leaves: Sequence[int], line: list[Vertex]) -> None:
    """Raise when a line would come into leaves so often that it would cut them to shreds."""
    drawn = shapely.LineString(lattice.to_degrees(line))
    shapes = np.array([space.polygon(leaf) for leaf in leaves], dtype=object)
    runs = int(shapely.get_num_geometries(shapely.line_merge(shapely.intersection(drawn, shapes))).sum())
    if runs > MAX_RUNS:
        message = Words(
            f"the line comes into cells {runs} times, at most {MAX_RUNS} are taken: draw it in several parts",
            f"线进入网格 {runs} 次，最多 {MAX_RUNS} 次：请分几次画",
        )
        raise refuse(message, line[0], "line")


def give_piece(space: Workspace, leaf: int, to: int, line: Line, *, snap: int = 2) -> list[EdgeChange]:
    """Cut a leaf along a line and give the neighbour ``to`` the pieces that touch it.

    If all of them do, the one stays for which that border is the smallest share of its outline.

    Raises
    ------
    InvalidInputError
        The line does not part the leaf or parts it too often, or no piece touches the other one.
    """
    line = _sound(line)
    require_leaf(space, leaf)
    require_leaf(space, to)
    if to == leaf:
        raise refuse(Words("a cell cannot give land to itself", "不能把土地划给自己"), field="to")
    _refuse_comb(space, [leaf], line)

    def edit() -> None:
        found, _ = _pieces(space, leaf, line, snap)
        if not found.new:
            raise refuse(
                Words(
                    "the line does not part the cell: let it begin and end on its border",
                    "线没有把网格分开：请从边界画到边界",
                ),
                line[0],
                "line",
            )
        pieces = sorted([*found.parted, *found.new], key=_by_size)
        shared = [_shared(space, piece, to) for piece in pieces]
        given = {k for k, share in enumerate(shared) if share > 0}
        if not given:
            raise refuse(
                Words("no piece touches the cell that should get it", "切下的部分与接收的网格不相邻"),
                line[0],
                "to",
            )
        if len(given) == len(pieces):
            given.remove(min(given, key=lambda k: (shared[k], k)))
        owners = [([piece], to if k in given else leaf) for k, piece in enumerate(pieces)]
        _write(space, leaf, [*owners, (found.untouched, leaf)])

    return space.run(edit)


def _sound(line: Line) -> list[Vertex]:
    out: list[Vertex] = []
    for place in line:
        require_on_globe(place)
        if not out or place != out[-1]:
            out.append(place)
    if len(out) < 2:
        raise refuse(
            Words("a line needs two different places", "线至少要有两个不同的点"),
            out[0] if out else None,
            "line",
        )
    if not shapely.LineString(out).is_simple:
        raise refuse(Words("the line crosses itself", "线与自身相交"), _first_crossing(out), "line")
    return out


def _first_crossing(line: list[Vertex]) -> Vertex:
    """Return where a line first comes back to itself."""
    steps = shapely.linestrings(np.stack((line[:-1], line[1:]), axis=1))
    for k, step in enumerate(steps):
        earlier = steps[: max(k - 1, 0)]  # with the step before it, it shares a corner
        hit = np.flatnonzero(shapely.intersects(step, earlier))
        if hit.size:
            place = step.intersection(earlier[hit[0]]).centroid
            return round(place.x), round(place.y)
    return line[0]  # it runs back along its own last step


def _by_size(part: Part) -> tuple[int, Vertex]:
    return -part.area2, part.shell[0]


def _shared(space: Workspace, part: Part, other: int) -> float:
    """Return which share of the outline of a part borders on a leaf."""
    border = [(math.dist(a, b), space.star(b).get(a) == other) for a, b in part.edges()]
    return sum(length for length, is_shared in border if is_shared) / sum(length for length, _ in border)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What a line makes of a leaf: of each part that it parts, the largest piece stays with the leaf."""

    parted: list[Part]
    new: list[Part]
    untouched: list[Part]

    @property
    def stays(self) -> list[Part]:
        return [*self.parted, *self.untouched]


def _pieces(space: Workspace, leaf: int, line: list[Vertex], snap: int) -> tuple[_Pieces, list[Vertex]]:
    """Lay a line over a leaf; return what it makes of the leaf, and the line's corners."""
    route = _node(space, leaf, line, snap)
    rings, both = _parted(space.edges(leaf), _inside(space, leaf, route))
    parts, loose = parts_of(rings)
    if loose:
        raise refuse(
            Words("the line comes too close to the border here", "线在这里离边界太近"), loose[0][0], "line"
        )
    found = _Pieces([], [], [])
    for group in _groups(parts, both):
        group.sort(key=_by_size)
        (found.parted if len(group) > 1 else found.untouched).append(group[0])
        found.new.extend(group[1:])
    found.new.sort(key=_by_size)
    return found, route


def _groups(parts: list[Part], both: set[Edge]) -> list[list[Part]]:
    """Put together what was one part before the line parted it."""
    at = {edge: k for k, part in enumerate(parts) for edge in part.edges() if edge in both}
    beyond: list[set[int]] = [set() for _ in parts]
    for (a, b), k in at.items():
        beyond[k].add(at[b, a])
    groups, left = list[list[Part]](), set(range(len(parts)))
    while left:
        group, stack = list[Part](), [left.pop()]
        while stack:
            k = stack.pop()
            group.append(parts[k])
            stack.extend(beyond[k] & left)
            left -= beyond[k]
        groups.append(group)
    return groups


def _parted(border: Collection[Edge], steps: list[Edge]) -> tuple[list[Ring], set[Edge]]:
    """Return the rings that a line makes of a leaf, and those of its steps, in both directions, that part it.

    Beside an end that leads nowhere, or a step from the shell to a hole, lies the same piece on both sides:
    going round it, one passes the step both ways. Such steps are left out.
    """
    both = {*steps, *((b, a) for a, b in steps)}
    walks = list(walks_of([*border, *both]))
    idle = set[Edge]()
    for walk in walks:
        passed = both.intersection(edges_of(walk))
        idle |= {(a, b) for a, b in passed if (b, a) in passed}
    if not idle:
        return rings_along(walks), both
    return rings_of([*border, *(both - idle)]), both - idle


def _write(space: Workspace, leaf: int, owners: list[tuple[list[Part], int]]) -> None:
    """Put faces beside the edges of the parts of a leaf."""
    border = set(space.edges(leaf))
    left = {edge: face for parts, face in owners for part in parts for edge in part.edges()}
    for (a, b), face in left.items():
        if (a, b) in border:
            if face != leaf:
                space.put_left(a, b, face)
        elif a < b:
            space.put(a, b, face, left[b, a])


def _node(space: Workspace, leaf: int, line: list[Vertex], snap: int) -> list[Vertex]:
    """Give line and border common corners wherever they meet; return the line with those corners."""
    border = _Border(space, leaf, line, snap)
    route = [border.corner_near(k) or place for k, place in enumerate(line)]
    for k, place in enumerate(route):
        border.take_in(k, place)
    out = [route[0]]
    for k, (p, q) in enumerate(pairwise(route)):
        if p != q:
            out.extend(border.met_by(k, p, q))
            out.append(q)
    return [place for k, place in enumerate(out) if k == 0 or place != out[k - 1]]


class _Border:
    """The edges of a leaf near a line, parted as the line is worked into them.

    ``k`` counts the steps of the line; the place from which step k starts has its number, and so has the last
    place, with no step of its own.
    """

    def __init__(self, space: Workspace, leaf: int, line: list[Vertex], snap: int) -> None:
        self._space = space
        self._line = line
        self._snap = snap
        edges = sorted(space.edges(leaf))
        self._chains = [[edge] for edge in edges]  # each edge, and what it is parted into
        steps = [*pairwise(line), (line[-1], line[-1])]
        # line and border may each bend by a snap, and what is a snap away still counts
        step, edge = shapely.STRtree(_boxes(edges, 0)).query(_boxes(steps, 3 * snap + 2))
        self._near: list[list[int]] = [[] for _ in steps]
        for k, e in sorted(zip(step.tolist(), edge.tolist(), strict=True)):
            self._near[k].append(e)

    def corner_near(self, k: int) -> Vertex | None:
        """Return the corner that a place of the line is taken for, if one is near enough."""
        place = self._line[k]
        best = min(self._corners(k), key=lambda c: (_square(c, place), c), default=None)
        return best if best is not None and _square(best, place) <= self._snap**2 else None

    def take_in(self, k: int, place: Vertex) -> None:
        """Make a place that lies on an edge, or all but, a corner of it."""
        if self._space.star(place):
            return
        for e in self._near[k]:
            for at, (a, b) in enumerate(self._chains[e]):
                if _is_near(place, a, b, self._snap):
                    self._part(e, at, place)
                    return

    def met_by(self, k: int, p: Vertex, q: Vertex) -> list[Vertex]:
        """Return the corners at which a step of the line meets the border, in order; make those missing."""
        met = {c for c in self._corners(k) if c not in (p, q) and _is_near(c, p, q, self._snap)}
        for e in self._near[k]:
            for a, b in list(self._chains[e]):
                if a in met or b in met or a in (p, q) or b in (p, q):
                    continue
                if place := _crossing(p, q, a, b):
                    if not self._space.star(place):
                        self._part(e, self._chains[e].index((a, b)), place)
                    met.add(place)
        dx, dy = q[0] - p[0], q[1] - p[1]
        return sorted(met - {p, q}, key=lambda c: ((c[0] - p[0]) * dx + (c[1] - p[1]) * dy, c))

    def _corners(self, k: int) -> set[Vertex]:
        return {vertex for e in self._near[k] for edge in self._chains[e] for vertex in edge}

    def _part(self, e: int, at: int, place: Vertex) -> None:
        a, b = self._chains[e][at]
        part_edge(self._space, a, b, place)
        self._chains[e][at : at + 1] = [(a, place), (place, b)]


def _boxes(edges: Sequence[Edge], margin: int) -> NDArray[np.object_]:
    ends = np.array(edges, dtype=np.float64)
    low, high = ends.min(axis=1) - margin, ends.max(axis=1) + margin
    boxes: NDArray[np.object_] = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    return boxes


def _square(p: Vertex, q: Vertex) -> int:
    return (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2


def _cross(o: Vertex, p: Vertex, q: Vertex) -> int:
    return (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0])


def _is_near(place: Vertex, a: Vertex, b: Vertex, snap: int) -> bool:
    """Say whether a place is at most so many steps away from an edge."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    px, py = place[0] - a[0], place[1] - a[1]
    length2 = dx * dx + dy * dy
    if (dx * py - dy * px) ** 2 > snap * snap * length2:
        return False
    along = dx * px + dy * py
    if along < 0:
        return px * px + py * py <= snap * snap
    return along <= length2 or _square(place, b) <= snap * snap


def _crossing(p: Vertex, q: Vertex, a: Vertex, b: Vertex) -> Vertex | None:
    """Return where two edges cross in a point inside both, rounded to the lattice."""
    from_p, from_q = _cross(a, b, p), _cross(a, b, q)
    if from_p * from_q >= 0 or _cross(p, q, a) * _cross(p, q, b) >= 0:
        return None
    return _between(p, q, from_p, from_p - from_q)


def _between(p: Vertex, q: Vertex, numerator: int, denominator: int) -> Vertex:
    """Return p + (q - p) · numerator / denominator, rounded to the lattice."""

    def along(start: int, end: int) -> int:
        top, bottom = 2 * (end - start) * numerator + denominator, 2 * denominator
        return start + (top // bottom if bottom > 0 else -top // -bottom)

    return along(p[0], q[0]), along(p[1], q[1])


def _inside(space: Workspace, leaf: int, route: list[Vertex]) -> list[Edge]:
    """Return the steps of the line that run inside the leaf, each once."""
    steps: dict[frozenset[Vertex], Edge] = {}
    face = _face_at_start(space, leaf, route)
    for p, q in pairwise(route):
        face = _face_towards(space, p, q, face)
        if face == leaf and space.left_of(p, q) is None:
            steps.setdefault(frozenset((p, q)), (p, q))
    return list(steps.values())


def _face_towards(space: Workspace, at: Vertex, to: Vertex, face: int) -> int:
    """Return the face into which one steps from a place; the one where one is, unless borders meet there."""
    star = space.star(at)
    return star[next_clockwise(at, to, star)] if star else face


def _face_at_start(space: Workspace, leaf: int, route: list[Vertex]) -> int:
    """Return the leaf if the line begins in it: the first corner that it comes to tells, seen backwards."""
    for before, at in pairwise(route):
        if space.star(at):
            return _face_towards(space, at, before, leaf)
    x, y = lattice.to_degrees(route[0]).tolist()
    return leaf if shapely.contains_xy(space.polygon(leaf), x, y) else NOBODY
