"""Mending what is narrow: slivers between and over cells, near-miss vertices, slits that open to the outside.

Faces of an :class:`~geo_service.geometry.arrangement.Arrangement` that nobody claims, or that several
claim, are joined into regions. A region no wider than the tolerance is given away face by face, each to
the cell with which it shares the longest border (an overlap only to one that claims it). A wider one is
left alone and reported.

A slit between two cells that is open at its end is not a face. *Bridges* close it: short lines from a
vertex on an unmatched edge to the nearest point of another cell's border, if that is no farther than
the tolerance.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry import lattice
from geo_service.geometry.arrangement import Arrangement, Geoms, Ints
from geo_service.geometry.measure import metres_per_degree
from geo_service.geometry.segments import DirectedEdges, pack
from geo_service.geometry.width import is_wider

ROUNDING_M = 3.0 * lattice.UNIT_M  # slivers up to this width come from rounding onto the lattice
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Region:
    """A connected piece of land that nobody claims, or that several cells claim."""

    faces: Ints
    shape: shapely.Geometry


@dataclass(frozen=True, slots=True)
class Mending:
    """What became of each face.

    Attributes
    ----------
    owner : (f,) int
        Cell that each face with one owner belongs to, :data:`NOBODY` for gaps and for overlaps left alone.
    given : (f,) bool
        Faces that were given away in mending.
    mended, gaps, overlaps : list of Region
        Regions that were narrow enough, and those that were not.
    """

    owner: Ints
    given: NDArray[np.bool_]
    mended: list[Region]
    gaps: list[Region]
    overlaps: list[Region]


def mend(drawing: Arrangement, tolerance_m: float) -> Mending:
    """Give the faces of narrow gaps and overlaps to neighbouring cells.

    Parameters
    ----------
    drawing : Arrangement
    tolerance_m : float
        Widest region to mend: the diameter of the largest circle that fits into it.
    """
    owner = np.full(len(drawing.faces), NOBODY, dtype=np.intp)
    single = drawing.claims == 1
    owner[single] = drawing.claim_cell[single[drawing.claim_face]]
    gaps, thin_gaps = _by_width(drawing, (drawing.claims == 0) & ~drawing.foreign, tolerance_m)
    overlaps, thin_overlaps = _by_width(drawing, drawing.claims > 1, tolerance_m)
    kept = _would_vanish(drawing, owner, thin_overlaps)
    overlaps += [region for region, keep in zip(thin_overlaps, kept, strict=True) if keep]
    mended = thin_gaps + [region for region, keep in zip(thin_overlaps, kept, strict=True) if not keep]
    given = np.zeros(len(owner), dtype=bool)
    for region in mended:
        given[region.faces] = True
    _give_away(drawing, owner, given)
    given &= owner != NOBODY
    mended = [region for region in mended if given[region.faces].any()]
    return Mending(owner, given, mended, gaps, overlaps)


def _by_width(
    drawing: Arrangement, chosen: NDArray[np.bool_], tolerance_m: float
) -> tuple[list[Region], list[Region]]:
    """Split the regions of the chosen faces into wide and narrow ones."""
    regions = [Region(faces, drawing.shape(faces)) for faces in drawing.regions(chosen)]
    shapes = np.empty(len(regions), dtype=object)
    shapes[:] = [region.shape for region in regions]
    wider = is_wider(shapes, tolerance_m).tolist()
    wide = [region for region, is_wide in zip(regions, wider, strict=True) if is_wide]
    narrow = [region for region, is_wide in zip(regions, wider, strict=True) if not is_wide]
    return wide, narrow


def _would_vanish(drawing: Arrangement, owner: Ints, regions: list[Region]) -> list[bool]:
    """Tell of each overlap whether a cell without land of its own claims it: mending might be its end."""
    has_land = np.zeros(int(drawing.claim_cell.max(initial=-1)) + 1, dtype=bool)
    has_land[owner[owner != NOBODY]] = True
    at_risk = np.zeros(len(drawing.faces), dtype=bool)
    at_risk[drawing.claim_face[~has_land[drawing.claim_cell]]] = True
    return [bool(at_risk[region.faces].any()) for region in regions]


def _give_away(drawing: Arrangement, owner: Ints, given: NDArray[np.bool_]) -> None:
    """Assign the given faces in rounds, each to the settled neighbour with the longest common border."""
    inner = (drawing.left >= 0) & (drawing.right >= 0)
    touching = inner & (given[drawing.left] | given[drawing.right])
    one = np.concatenate((drawing.left[touching], drawing.right[touching]))
    other = np.concatenate((drawing.right[touching], drawing.left[touching]))
    length = np.tile(drawing.length_m[touching], 2)
    waiting = given & (owner == NOBODY)
    while True:
        use = waiting[one] & (owner[other] != NOBODY)
        face, cell = one[use], owner[other[use]]
        total = _sum_by_pair(face, cell, length[use])
        progress = False
        for number, choices in total.items():
            allowed = set(drawing.claimants(number).tolist())
            best = [(-metres, c) for c, metres in choices.items() if not allowed or c in allowed]
            if best:
                owner[number] = min(best)[1]
                waiting[number] = False
                progress = True
        if not progress:
            break
    for number in np.flatnonzero(waiting & (drawing.claims > 1)).tolist():
        owner[number] = drawing.claimants(number)[0]


def _sum_by_pair(face: Ints, cell: Ints, length: NDArray[np.float64]) -> dict[int, dict[int, float]]:
    total: dict[int, dict[int, float]] = {}
    for f, c, metres in zip(face.tolist(), cell.tolist(), length.tolist(), strict=True):
        choices = total.setdefault(f, {})
        choices[c] = choices.get(c, 0.0) + metres
    return total


def bridges(edges: DirectedEdges, tolerance_m: float) -> Geoms:
    """Draw lines from vertices to the nearest point of another cell's border within the tolerance.

    Parameters
    ----------
    edges : DirectedEdges
        Edges without a twin.
    tolerance_m : float

    Returns
    -------
    (b,) array of shapely LineString
        On the lattice; at most one for each vertex and other cell.
    """
    if len(edges.a) == 0 or tolerance_m == 0.0:
        return np.empty(0, dtype=object)
    start, end = lattice.to_degrees(edges.a), lattice.to_degrees(edges.b)
    scale = np.array(metres_per_degree(float(start[:, 1].mean())))
    lines = shapely.linestrings(np.stack((start, end), axis=1) * scale)
    tree = shapely.STRtree(lines)
    point, edge = tree.query(shapely.points(start * scale), predicate="dwithin", distance=tolerance_m)
    use = _of_strangers(edges, point, edge)
    point, edge = point[use], edge[use]
    foot, distance = _feet(start[point] * scale, start[edge] * scale, end[edge] * scale)
    order = np.lexsort((distance, edges.cell[edge], point))
    point, edge, foot = point[order], edge[order], foot[order]
    first = np.append(True, (np.diff(point) != 0) | (np.diff(edges.cell[edge]) != 0))[: len(point)]
    tip = lattice.to_lattice(foot[first] / scale)
    ends = np.stack((edges.a[point[first]], tip), axis=1)
    ends = ends[(ends[:, 0] != ends[:, 1]).any(axis=1)]
    drawn: Geoms = shapely.linestrings(lattice.to_degrees(ends))
    return drawn


def _of_strangers(edges: DirectedEdges, point: Ints, edge: Ints) -> NDArray[np.bool_]:
    """Keep pairs in which the edge's cell has no unmatched edge at the vertex."""
    vertex = np.unique(np.concatenate((pack(edges.a), pack(edges.b))), return_inverse=True)[1]
    count = int(edges.cell.max()) + 1
    start, end = vertex[: len(edges.a)], vertex[len(edges.a) :]
    at_vertex = np.unique(np.concatenate((start * count + edges.cell, end * count + edges.cell)))
    return ~np.isin(start[point] * count + edges.cell[edge], at_vertex)


def _feet(
    p: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nearest point of each segment a-b to p, and its distance."""
    along = b - a
    share = ((p - a) * along).sum(axis=1) / np.maximum((along * along).sum(axis=1), 1e-300)
    foot = a + np.clip(share, 0.0, 1.0)[:, None] * along
    return foot, np.hypot(*(p - foot).T)
