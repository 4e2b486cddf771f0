"""Checks of a workspace by other means than its own, and random edits that know what they want to break."""

import random

import numpy as np
import shapely

from geo_service.errors import GeoServiceError
from geo_service.geometry import cut, edit, lattice
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.stars import NOBODY, FabricStars
from geo_service.geometry.workspace import Workspace
from tests.geometry.tilings import ORIGIN, exact_area2


def workspace(geoms) -> Workspace:
    """A workspace over polygons on the lattice."""
    return Workspace(FabricStars(Fabric.from_polygons(np.array(geoms, dtype=object))))


def at(x, y):
    """A lattice point so many steps from the origin of the test tilings."""
    return int(ORIGIN[0]) + x, int(ORIGIN[1]) + y


def along(*places):
    """A line of such points."""
    return [at(x, y) for x, y in places]


def held(space):
    """The polygons of all leaves that hold land, by leaf."""
    shapes = space.polygons()
    return {leaf: shapes[leaf] for leaf in space.leaves()}


def picture(space):
    """The exact bytes of every leaf."""
    return {leaf: shapely.to_wkb(shape) for leaf, shape in held(space).items()}


def require_tiling(space):
    """Ask independent judges whether the leaves tile their land: the fabric's whole proof, and plain areas.

    Areas are conserved in integers: what the leaves hold and what is nobody's inside their outline make up
    what the outline encloses.
    """
    shapes = np.array(list(held(space).values()), dtype=object)
    if len(shapes) == 0:
        return
    assert shapely.is_valid(shapes).all()
    fabric = Fabric.from_polygons(shapes)  # raises where cells overlap or cross
    assert fabric.twins_cancel()
    assert len(fabric.origin) == int((shapely.get_num_coordinates(shapes) - _n_rings(shapes)).sum())
    union = shapely.coverage_union_all(shapes)
    assert sum(map(exact_area2, shapes)) == exact_area2(union)
    rest = shapely.get_parts(shapely.envelope(union).buffer(0.001, join_style="mitre").difference(union))
    outside = [part.exterior.bounds[0] < union.bounds[0] for part in rest]
    assert sum(outside) == 1
    gaps = [part for part, is_outside in zip(rest, outside, strict=True) if not is_outside]
    assert sum(part.area2 for part in space.parts(NOBODY)) == sum(map(exact_area2, gaps))


def _n_rings(shapes):
    parts, owner = shapely.get_parts(shapes, return_index=True)
    return np.bincount(owner, 1 + shapely.get_num_interior_rings(parts), minlength=len(shapes)).astype(int)


class RandomEdits:
    """Edits by chance: small and wild, lines through corners and along borders, holes made and filled."""

    def __init__(self, space: Workspace, seed: int) -> None:
        self.space = space
        self.chance = random.Random(seed)

    def make(self, kind=None):
        """Try one edit; return its kind and its changes, None if it was refused."""
        kind = kind or self.chance.choice(KINDS)
        leaves = list(self.space.leaves())
        if not leaves:
            return kind, None
        leaf = self.chance.choice(leaves)
        try:
            return kind, getattr(self, f"_{kind}")(leaf)
        except GeoServiceError:
            return kind, None

    def _edge(self, leaf):
        return self.chance.choice(sorted(self.space.edges(leaf)))

    def _off(self, place, wide):
        reach = wide if self.chance.random() < 0.8 else 20 * wide
        return place[0] + self.chance.randint(-reach, reach), place[1] + self.chance.randint(-reach, reach)

    def _corner(self, leaf):
        """A corner of the leaf, of a neighbour, or a place on or near its border."""
        a, b = self._edge(leaf)
        return self.chance.choice(
            [a, ((a[0] + b[0]) // 2, (a[1] + b[1]) // 2), self._off(a, 30), self._edge(self._other(leaf))[0]]
        )

    def _other(self, leaf):
        near = sorted(self.space.neighbours(leaf) - {NOBODY, leaf})
        return self.chance.choice(near) if near else leaf

    def _line(self, leaf):
        a, b = self._edge(leaf)
        size = max(abs(a[0] - b[0]), abs(a[1] - b[1]), 10)
        line = [self._corner(leaf) for _ in range(self.chance.randint(2, 5))]
        if self.chance.random() < 0.5:  # on beyond both ends
            line = [self._off(line[0], size), *line, self._off(line[-1], size)]
        if self.chance.random() < 0.2:
            line.append(line[0])
        return line

    def _move(self, leaf):
        a, b = self._edge(leaf)
        to = self._off(a, max(2, abs(a[0] - b[0]) // 3))
        return edit.move_vertex(self.space, a, self.chance.choice([to, to, self._corner(leaf)]))

    def _edge_along(self, leaf):
        a, b = self._edge(leaf)
        return edit.move_edge(self.space, a, b, self._off((0, 0), 200))

    def _insert(self, leaf):
        a, b = self._edge(leaf)
        return edit.insert_vertex(self.space, a, b, self._off(((a[0] + b[0]) // 2, (a[1] + b[1]) // 2), 50))

    def _delete(self, leaf):
        return edit.delete_vertex(self.space, self._edge(leaf)[0])

    def _cut(self, leaf):
        leaves = sorted({leaf, self._other(leaf)} if self.chance.random() < 0.3 else {leaf})
        return cut.cut(self.space, leaves, self._line(leaf), snap=self.chance.choice([0, 2, 40])).changes

    def _piece(self, leaf):
        return cut.give_piece(self.space, leaf, self._other(leaf), self._line(leaf), snap=20)

    def _merge(self, leaf):
        apart = self.chance.random() < 0.3
        into = self.chance.choice(list(self.space.leaves())) if apart else self._other(leaf)
        return edit.merge(self.space, [leaf], into, apart=apart)

    def _give_away(self, leaf):
        return edit.give_away(self.space, sorted({leaf, self._other(leaf)})[: self.chance.randint(1, 2)])

    def _adopt(self, leaf):
        gaps = self.space.parts(NOBODY)
        if not gaps:
            return None
        point = self.chance.choice(gaps).polygon().representative_point()
        (place,) = lattice.to_lattice([[point.x, point.y]]).tolist()
        into = None if self.chance.random() < 0.5 else self.chance.choice([leaf, self._other(leaf)])
        return edit.adopt_gap(self.space, tuple(place), into)


KINDS = ("move", "edge_along", "insert", "delete", "cut", "piece", "merge", "give_away", "adopt")
