"""From the directed edges of a face to its rings, and from rings to polygons: exact, in Python's integers.

A face lies to the left of its edges. Walking them, one leaves each vertex by the first edge that stands
clockwise of the one by which one came: so the walk keeps the face at its left hand and goes round one
connected piece of it. Where the walk comes to a vertex a second time (a hole that touches its shell), it is
parted there, so that every ring is simple, as the standard of simple features wants it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import pairwise

import numpy as np
import shapely

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
        return polygon_of(self.shell, self.holes)


def polygon_of(shell: Ring, holes: Iterable[Ring] = ()) -> shapely.Polygon:
    """Return rings of lattice points as a polygon in degrees."""
    rings = [shapely.linearrings(lattice.to_degrees(ring)) for ring in (shell, *holes)]
    return shapely.polygons(rings[0], holes=rings[1:] or None)


def edges_of(ring: Ring) -> Iterator[Edge]:
    """Go round a ring, the closing edge last."""
    yield from pairwise(ring)
    yield ring[-1], ring[0]


def area2(ring: Ring) -> int:
    """Return twice the signed area of a ring: positive when it runs counter-clockwise."""
    x = np.array(ring, dtype=np.int64)
    x -= x[0]
    y = np.roll(x, -1, axis=0)
    return int((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum())


def rings_of(edges: Iterable[Edge]) -> list[Ring]:
    """Return the simple rings of a face, in the order of their smallest vertex.

    Parameters
    ----------
    edges : iterable of (vertex, vertex)
        All directed edges with the face to their left; as many come to each vertex as leave it.
    """
    leaving: dict[Vertex, list[Vertex]] = {}
    for a, b in edges:
        leaving.setdefault(a, []).append(b)
    rings: list[Ring] = []
    for start in sorted(leaving):
        while leaving[start]:
            rings.extend(_simple(_walk(leaving, start)))
    return sorted(rings)


def _walk(leaving: dict[Vertex, list[Vertex]], start: Vertex) -> Ring:
    """Go once round the piece of the face at ``start``, taking its edges away."""
    first = max(leaving[start])  # any would do; always the same one, so that equal faces give equal rings
    leaving[start].remove(first)
    came, at = start, first
    walk = [start]
    while True:
        ways = leaving[at]
        if at == start and (not ways or _next(at, came, [*ways, first]) == first):
            return walk
        walk.append(at)
        onward = ways[0] if len(ways) == 1 else _next(at, came, ways)
        ways.remove(onward)
        came, at = at, onward


def _next(at: Vertex, came: Vertex, ways: list[Vertex]) -> Vertex:
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
    """Give each hole to the shell round it.

    Returns
    -------
    parts : list of Part
        In the order of the shells.
    loose : list of rings
        Holes that lie in no shell: those of an unbounded face.
    """
    shells: list[Ring] = []
    holes: list[Ring] = []
    for ring in rings:
        (shells if area2(ring) > 0 else holes).append(ring)
    parts = [Part(shell, []) for shell in shells]
    if len(parts) == 1 and len(holes) == 0:
        return parts, []
    order = sorted(range(len(parts)), key=lambda k: area2(shells[k]))
    areas = [polygon_of(shells[k]) for k in order]
    for area in areas:
        shapely.prepare(area)
    loose = []
    for hole in holes:
        inside = polygon_of(hole)
        for k, area in zip(order, areas, strict=True):
            # two simple rings of one face never cross; at most they touch
            if area.covers(inside):
                parts[k].holes.append(hole)
                break
        else:
            loose.append(hole)
    return parts, loose
