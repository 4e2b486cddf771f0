"""Random tilings made of lattice triangles, and an oracle in plain Python integers."""

from dataclasses import dataclass

import numpy as np
import shapely
from hypothesis import strategies as st

from geo_service.geometry import lattice
from geo_service.geometry.segments import segments_of


@dataclass(frozen=True)
class Tiling:
    """Triangles on the lattice, each given to a cell or (-1) to nobody. Every edge has two ends in common."""

    triangles: list[tuple[tuple[int, int], ...]]
    owner: list[int]

    @property
    def n_cells(self):
        return max(self.owner) + 1

    @property
    def codes(self):
        return [f"c{i:03d}" for i in range(self.n_cells)]

    def polygons(self, *, t_junctions=False):
        """Outline of each cell; ``t_junctions`` drops vertices within straight borders, cell by cell."""
        corners = np.array(self.triangles, np.float64) / lattice.SCALE
        triangles, owner = shapely.polygons(corners), np.array(self.owner)
        cells = [shapely.coverage_union_all(triangles[owner == c]) for c in range(self.n_cells)]
        return np.array([without_straight_vertices(c) if t_junctions else as_polygons(c) for c in cells])

    def segments(self, *, t_junctions=False):
        return segments_of(self.polygons(t_junctions=t_junctions))

    def oracle(self, p):
        """Cell and edge flag of a lattice point, by the closed triangles it lies in."""
        touching = {o for t, o in zip(self.triangles, self.owner, strict=True) if in_triangle(p, t)}
        cells = touching - {-1}
        outside = -1 in touching or self.on_outer_border(p)
        return (min(cells) if cells else -1), bool(cells) and (len(cells) > 1 or outside)

    def on_outer_border(self, p):
        """Whether some edge through p bounds the whole triangulation (nothing lies on its other side)."""
        edges = {}
        for t in self.triangles:
            for e in edges_of(t):
                edges[frozenset(e)] = edges.get(frozenset(e), 0) + 1
        return any(n == 1 and on_segment(p, *e) for e, n in edges.items())

    def vertices(self):
        return sorted({v for t in self.triangles for v in t})


def cross(a, b, p):
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def on_segment(p, a, b):
    return (
        cross(a, b, p) == 0
        and min(a[0], b[0]) <= p[0] <= max(a[0], b[0])
        and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])
    )


def edges_of(t):
    return [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]


def in_triangle(p, t):
    """Whether p lies in the closed counter-clockwise triangle."""
    return all(cross(a, b, p) >= 0 for a, b in edges_of(t))


def insert(triangles, p):
    """Split the triangle (or the two triangles) that the point falls in; nothing for a corner."""
    if any(p in t for t in triangles):
        return triangles
    out = []
    for t in triangles:
        if not in_triangle(p, t):
            out.append(t)
        else:
            out += [(a, b, p) for a, b in edges_of(t) if cross(a, b, p) > 0]
    return out


@st.composite
def tilings(draw, size=12, max_points=14, max_cells=6):
    """Draw a square cut into triangles for few cells: needles, holes, parts, gaps, touching corners."""
    coordinate = st.integers(0, size)
    triangles = [((0, 0), (size, 0), (size, size)), ((0, 0), (size, size), (0, size))]
    for p in draw(st.lists(st.tuples(coordinate, coordinate), max_size=max_points)):
        triangles = insert(triangles, p)
    owner = draw(st.lists(st.integers(-1, max_cells - 1), min_size=len(triangles), max_size=len(triangles)))
    used = sorted(set(owner) - {-1})
    if not used:
        owner, used = [0] * len(triangles), [0]
    renumbered = [used.index(o) if o >= 0 else -1 for o in owner]
    return Tiling(triangles, renumbered)


def stretched(tiling, factor, dx, dy):
    """The same tiling, larger and elsewhere."""
    triangles = [tuple((x * factor + dx, y * factor + dy) for x, y in t) for t in tiling.triangles]
    return Tiling(triangles, tiling.owner)


def as_polygons(geom):
    """Keep the polygons of what a union gave."""
    parts = shapely.get_parts(geom)
    return geom if len(parts) == 1 else shapely.MultiPolygon(list(parts[shapely.get_dimensions(parts) == 2]))


def without_straight_vertices(geom):
    """Drop every vertex that lies on the straight line between its neighbours in the ring."""

    def clean(ring):
        ij = [tuple(int(v) for v in p) for p in np.rint(shapely.get_coordinates(ring) * lattice.SCALE)[:-1]]
        kept = [p for i, p in enumerate(ij) if cross(ij[i - 1], ij[(i + 1) % len(ij)], p) != 0]
        return np.array(kept) / lattice.SCALE

    parts = [
        shapely.Polygon(clean(part.exterior), [clean(hole) for hole in part.interiors])
        for part in shapely.get_parts(geom)
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
