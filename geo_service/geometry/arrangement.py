"""All borders laid over each other: the faces they cut the land into, and which cells claim each face.

The lines are noded by snap rounding onto the lattice, so that every crossing becomes a lattice point
and no two lines cross any more, however nearly parallel they run. Whatever cell a face is then given
to, the cells are unions of faces of one planar drawing: edges match, twins cancel, nothing overlaps. A
gap is a face that nobody claims, an overlap is a face that several claim.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo_service.geometry import lattice
from geo_service.geometry.measure import metres_per_degree
from geo_service.geometry.segments import segments_of

Geoms = NDArray[np.object_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Faces of the drawing of all borders.

    Attributes
    ----------
    faces : (f,) array of shapely Polygon
        On the lattice, edge-matched, not overlapping.
    claim_face, claim_cell : (k,) int
        Pairs: a face, and a cell that claims it; in ascending order of face, then cell.
    claims : (f,) int
        By how many cells each face is claimed.
    claim_start : (f + 1,) int
        Where the pairs of each face start.
    foreign : (f,) bool
        Faces that belong to cells which take no part.
    left, right : (m,) int
        Faces on the two sides of each edge, -1 outside all.
    length_m : (m,) float64
        Length of the edge.
    """

    faces: Geoms
    claim_face: Ints
    claim_cell: Ints
    claims: Ints
    claim_start: Ints
    foreign: NDArray[np.bool_]
    left: Ints
    right: Ints
    length_m: NDArray[np.float64]

    def regions(self, chosen: NDArray[np.bool_]) -> list[Ints]:
        """Group the chosen faces into regions connected across edges; each ascending."""
        members = np.flatnonzero(chosen)
        if members.size == 0:
            return []
        inner = (self.left >= 0) & (self.right >= 0)
        inner &= chosen[self.left] & chosen[self.right]
        # among the members only: a few faces of a county are asked for again and again
        i, j = (np.searchsorted(members, side[inner]) for side in (self.left, self.right))
        n = len(members)
        graph = coo_array((np.ones(len(i), dtype=bool), (i, j)), shape=(n, n))
        _, label = connected_components(graph, directed=False)
        order = np.argsort(label, kind="stable")
        cuts = np.flatnonzero(np.diff(label[order])) + 1
        return [np.asarray(part) for part in np.split(members[order], cuts)]

    def claimants(self, face: int) -> Ints:
        """Cells that claim a face, ascending."""
        return self.claim_cell[self.claim_start[face] : self.claim_start[face + 1]]

    def shape(self, faces: Ints) -> shapely.Geometry:
        """Return the union of some faces; exact, and empty for none."""
        return self.faces[faces[0]] if len(faces) == 1 else shapely.coverage_union_all(self.faces[faces])


def arrange(geoms: Geoms, part: NDArray[np.bool_], ties: Geoms) -> Arrangement:
    """Lay the borders of some polygons and further lines over each other, and ask who claims each face.

    Parameters
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
        On the lattice. They may overlap; one that rounding made touch itself does no harm.
    part : (n,) bool
        Which of them take part: all near a place where something is wrong. The others must lie soundly
        together and with these.
    ties : (b,) array of shapely LineString
        Lines on the lattice that part faces further.
    """
    members = np.flatnonzero(part)
    noded = shapely.union_all(
        np.concatenate((shapely.boundary(geoms[members]), ties)), grid_size=lattice.UNIT_DEG
    )
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    points = shapely.STRtree(shapely.point_on_surface(faces))
    face, cell = _claims(points, geoms, members)
    segments = segments_of(faces)
    claims = np.bincount(face, minlength=len(faces))
    foreign = np.zeros(len(faces), dtype=bool)
    foreign[points.query(geoms[~part], predicate="intersects")[1]] = True
    return Arrangement(
        faces=faces,
        claim_face=face,
        claim_cell=cell,
        claims=claims,
        foreign=foreign & (claims == 0),
        claim_start=np.concatenate(([0], np.cumsum(claims))),
        left=segments.left.astype(np.intp),
        right=segments.right.astype(np.intp),
        length_m=_lengths_m(
            np.column_stack((segments.ax, segments.ay)), np.column_stack((segments.bx, segments.by))
        ),
    )


def _claims(points: shapely.STRtree, geoms: Geoms, members: Ints) -> tuple[Ints, Ints]:
    """Ask of a point inside each face which of the polygons contain it."""
    cell, face = points.query(geoms[members], predicate="contains")
    order = np.lexsort((cell, face))
    return face[order], members[cell[order]]


def _lengths_m(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    if len(a) == 0:
        return np.empty(0)
    per_lon, per_lat = metres_per_degree(float(lattice.to_degrees(a[:, 1]).mean()))
    step = lattice.to_degrees(b.astype(np.int64) - a)
    return np.hypot(step[:, 0] * per_lon, step[:, 1] * per_lat)
