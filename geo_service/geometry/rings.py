"""From the directed edges of a face to its rings, and from rings to polygons: exact, in Python's integers.

A face lies to the left of its edges. Walking them, one leaves each vertex by the first edge that stands
clockwise of the one by which one came: so the walk keeps the face at its left hand and goes round one
connected piece of it. Where the walk comes to a vertex a second time (a hole that touches its shell), it is
parted there, so that every ring is simple, as the standard of simple features wants it.

Whether what comes out is a sound polygon is not asked here; rings that cross give some answer, no error.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import pairwise

import numpy as np
import shapely

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice

Vertex = tuple[int, int]  # lattice integers
Edge = tuple[Vertex, Vertex]
Ring = list[Vertex]  # without the repeated first vertex


@dataclass(frozen=True, slots=True)
class Part:
    """A connected piece of a face: its shell counter-clockwise, its holes clockwise."""

    shell: Ring
    holes: list[Ring]

    def edges(self) -> Iterator[Edge]:
        """Go through its directed edges, the face to their left."""
        for ring in (self.shell, *self.holes):
            yield from edges_of(ring)

    @property
    def area2(self) -> int:
        """Twice its area in lattice units."""
        return area2(self.shell) + sum(area2(hole) for hole in self.holes)

    def polygon(self) -> shapely.Polygon:
        """Return it as a polygon in EPSG:4326 degrees: exact, as every lattice point is."""
        return polygons_of([self])[0]


def polygons_of(parts: Sequence[Part]) -> list[shapely.Polygon]:
    """Return parts as polygons in EPSG:4326 degrees, all at once: that is faster than one by one."""
    if not parts:
        return []
    rings = [ring for part in parts for ring in (part.shell, *part.holes)]
    corners = lattice.to_degrees([vertex for ring in rings for vertex in ring])
    drawn = shapely.linearrings(
        corners, indices=np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    )
    owner = np.repeat(np.arange(len(parts)), [1 + len(part.holes) for part in parts])
    made: list[shapely.Polygon] = shapely.polygons(drawn, indices=owner).tolist()
    return made


def shape_of(parts: list[Part]) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the parts of a face as one shape in degrees; an empty polygon if there are none."""
    return one_shape(polygons_of(parts))


def one_shape(polygons: list[shapely.Polygon]) -> shapely.Polygon | shapely.MultiPolygon:
    """Return polygons as one shape; an empty polygon if there are none."""
    if len(polygons) == 1:
        return polygons[0]
    return shapely.multipolygons(polygons) if polygons else shapely.Polygon()


def edges_of(ring: Ring) -> Iterator[Edge]:
    """Go round a ring, the closing edge last."""
    yield from pairwise(ring)
    yield ring[-1], ring[0]


def area2(ring: Ring) -> int:
    """Return twice the signed area of a ring: positive when it runs counter-clockwise."""
    total, (ax, ay) = 0, ring[-1]
    for bx, by in ring:
        total += ax * by - ay * bx
        ax, ay = bx, by
    return total


def rings_of(edges: Collection[Edge]) -> list[Ring]:
    """Return the simple rings of a face, in the order of their smallest vertex.

    Parameters
    ----------
    edges : collection of (vertex, vertex)
        All directed edges with the face to their left.

    Raises
    ------
    InvalidInputError
        Somewhere more edges come to a vertex than leave it: this is no border of a face.
    """
    following = dict(edges)
    if len(following) < len(edges):
        return rings_along(walks_of(edges))
    rings: list[Ring] = []  # every vertex is passed once: nothing to choose, nothing to part
    while following:
        start, at = following.popitem()
        ring = [start]
        while at != start:
            ring.append(at)
            if at not in following:
                raise _open_border(at)
            at = following.pop(at)
        rings.append(_from_smallest(ring))
    rings.sort()
    return rings


def rings_along(walks: Iterable[Ring]) -> list[Ring]:
    """Return the simple rings that walks (:func:`walks_of`) go along, in order of their smallest vertex."""
    return sorted(ring for walk in walks for ring in _simple(walk))


def walks_of(edges: Iterable[Edge]) -> Iterator[Ring]:
    """Go round a face, once along each connected piece of its border, with the face at the left hand.

    A walk passes a vertex as often as the face touches itself there, and both ways along an edge that has the
    face on either side.

    Raises
    ------
    InvalidInputError
        Somewhere more edges come to a vertex than leave it.
    """
    leaving: dict[Vertex, list[Vertex]] = {}
    for a, b in edges:
        leaving.setdefault(a, []).append(b)
    for start in sorted(leaving):
        while leaving[start]:
            yield _walk(leaving, start)


def _walk(leaving: dict[Vertex, list[Vertex]], start: Vertex) -> Ring:
    """Go once round the piece of the face at ``start``, taking its edges away."""
    first = max(leaving[start])  # any would do; always the same one, so that equal faces give equal rings
    leaving[start].remove(first)
    came, at = start, first
    walk = [start]
    while True:
        ways = leaving.get(at, [])
        if at == start and (not ways or next_clockwise(at, came, [*ways, first]) == first):
            return walk
        if not ways:
            raise _open_border(at)
        walk.append(at)
        onward = ways[0] if len(ways) == 1 else next_clockwise(at, came, ways)
        ways.remove(onward)
        came, at = at, onward


def _open_border(at: Vertex) -> InvalidInputError:
    lon, lat = lattice.to_degrees(at).tolist()
    message = "the border of a cell ends here instead of going round it"
    return InvalidInputError("these edges go round no cell", [Fault("", message, place=(lon, lat))])


def next_clockwise(at: Vertex, came: Vertex, ways: Iterable[Vertex]) -> Vertex:
    """Return the way that is first met when turning clockwise from the one by which we came."""

    def clockwise_angle_order(one: Vertex, other: Vertex) -> int:
        return _turn(at, came, one, other)

    return min(ways, key=cmp_to_key(clockwise_angle_order))


def _turn(at: Vertex, came: Vertex, one: Vertex, other: Vertex) -> int:
    """Compare two ways by the clockwise angle from ``came``; -1 if ``one`` comes first."""
    base = (came[0] - at[0], came[1] - at[1])
    p, q = (one[0] - at[0], one[1] - at[1]), (other[0] - at[0], other[1] - at[1])
    half_p, half_q = _half(base, p), _half(base, q)
    if half_p != half_q:
        return -1 if half_p < half_q else 1
    cross = p[0] * q[1] - p[1] * q[0]
    return -1 if cross < 0 else int(cross > 0)


def _half(base: Vertex, way: Vertex) -> int:
    """Say in which half-turn, clockwise from ``base``, a way lies; straight back comes last."""
    cross = base[0] * way[1] - base[1] * way[0]
    if cross:
        return 0 if cross < 0 else 2
    return 1 if base[0] * way[0] + base[1] * way[1] < 0 else 3


def _simple(walk: Ring) -> Iterator[Ring]:
    """Part a walk at every vertex that it visits again; each ring begins at its smallest vertex."""
    if len(set(walk)) == len(walk):
        yield walk  # it began at the smallest
        return
    stack: Ring = []
    place: dict[Vertex, int] = {}
    for vertex in walk:
        if vertex in place:
            since = place[vertex]
            loop = stack[since:]
            yield _from_smallest(loop)
            for passed in loop[1:]:
                del place[passed]
            del stack[since + 1 :]
        else:
            place[vertex] = len(stack)
            stack.append(vertex)
    yield _from_smallest(stack)


def _from_smallest(ring: Ring) -> Ring:
    k = ring.index(min(ring))
    return ring[k:] + ring[:k]


def parts_of(rings: Iterable[Ring]) -> tuple[list[Part], list[Ring]]:
    """Give each hole to the smallest shell round it.

    Returns
    -------
    parts : list of Part
        In the order of the shells.
    loose : list of rings
        Holes that lie in no shell: those of an unbounded face.
    """
    parts: list[Part] = []
    holes: list[Ring] = []
    for ring in rings:
        if area2(ring) > 0:
            parts.append(Part(ring, []))
        else:
            holes.append(ring)
    if not holes or not parts:
        return parts, holes
    loose: list[Ring] = []
    by_size = sorted((_Shell(part) for part in parts), key=lambda shell: shell.area2)
    for hole in holes:
        # rings of a face never cross and share no edge, so the middle of any edge tells
        (ax, ay), (bx, by) = hole[0], hole[1]
        middle = (ax + bx, ay + by)
        home = next((shell.part.holes for shell in by_size if shell.surrounds(middle)), loose)
        home.append(hole)
    return parts, loose


class _Shell:
    """The shell of a part, ready to be asked what lies within."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.area2 = area2(part.shell)
        columns, rows = zip(*part.shell, strict=True)
        self._low = (2 * min(columns), 2 * min(rows))
        self._high = (2 * max(columns), 2 * max(rows))

    def surrounds(self, place2: Vertex) -> bool:
        """Say whether a place, in half lattice steps, lies within: a ray eastward counts the crossings."""
        x, y = place2
        if not (self._low[0] <= x <= self._high[0] and self._low[1] <= y <= self._high[1]):
            return False
        inside = False
        for (ax, ay), (bx, by) in edges_of(self.part.shell):
            if (2 * ay > y) != (2 * by > y):
                left_of_edge = (bx - ax) * (y - 2 * ay) - (by - ay) * (x - 2 * ax) > 0
                inside ^= left_of_edge == (by > ay)
        return inside
