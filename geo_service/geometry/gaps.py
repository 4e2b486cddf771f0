"""The register of gaps (三不管): land between cells that belongs to none, edition after edition.

A gap is land enclosed by the tiling. A bay that is open to the outside cannot be told from the outer border.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.geometry import lattice
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.measure import area_m2, distance_m, length_m
from geo_service.geometry.segments import Segments, segments_of
from geo_service.geometry.width import width_m

Geoms = NDArray[np.object_]
_SAME_SHARE = 0.999  # a gap that keeps this share of its land, and gains no more than the rest, is unchanged


@dataclass(frozen=True, slots=True)
class GapRecord:
    """One gap.

    Attributes
    ----------
    shape : Polygon
        EPSG:4326, exactly the border of the cells round it.
    area_m2, length_m, width_m : float
        Width is that of the widest place (the largest circle that fits in); length runs along a strip: half
        the way round less the width.
    neighbours : tuple of (cell, metres)
        Index of each cell beside it and the length of the border they share, the longest first.
    """

    shape: BaseGeometry
    area_m2: float
    length_m: float
    width_m: float
    neighbours: tuple[tuple[int, float], ...]

    @property
    def fallback(self) -> int:
        """The neighbour with the longest border: who answers for the gap as long as nobody else does."""
        return self.neighbours[0][0]


@dataclass(frozen=True, slots=True)
class GapChange:
    """What became of a gap from one edition to the next.

    Attributes
    ----------
    before, after : int or None
        Which gap of either edition; ``before`` is None for a new one, ``after`` for one that was closed.
    kind : str
        closed, opened, unchanged, or changed (smaller, larger, split or joined; one record for each pair).
    closed_m2 : float
        Land of the earlier gap that is in no gap any more.
    opened_m2 : float
        Land of the later gap that was in none before.
    taken_by : tuple of (cell, square metres)
        For the land closed: the cells of the later edition that took it, the largest share first.
    """

    before: int | None
    after: int | None
    kind: str
    closed_m2: float
    opened_m2: float
    taken_by: tuple[tuple[int, float], ...] = ()


def gaps(leaf_geoms: Geoms) -> list[GapRecord]:
    """Find all gaps of a tiling, the largest first.

    Parameters
    ----------
    leaf_geoms : (n,) array of shapely Polygon or MultiPolygon
        A tiling on the lattice (:class:`~geo_service.geometry.fabric.Fabric` proves it).

    Raises
    ------
    InvalidInputError
        The shapes are no tiling.
    """
    segments = Fabric.from_polygons(np.asarray(leaf_geoms, dtype=object)).segments()
    return gaps_of(segments)


def gaps_of(segments: Segments) -> list[GapRecord]:
    """Find all gaps of a tiling given as segments, the largest first."""
    alone = np.flatnonzero((segments.left < 0) | (segments.right < 0))
    border = _part(segments, alone)
    lines = shapely.linestrings(lattice.to_degrees(_ends(border)))
    faces = shapely.get_parts(shapely.polygonize(lines))
    found = [record for face in faces if (record := _record(face, border)) is not None]
    return sorted(found, key=lambda one: (-one.area_m2, one.shape.bounds))


def _part(segments: Segments, chosen: NDArray[np.intp]) -> Segments:
    fields = (segments.ax, segments.ay, segments.bx, segments.by, segments.left, segments.right)
    return Segments(*(values[chosen] for values in fields))


def _ends(segments: Segments) -> NDArray[np.int32]:
    low, high = (segments.ax, segments.ay), (segments.bx, segments.by)
    return np.stack((np.column_stack(low), np.column_stack(high)), axis=1)


def _record(face: BaseGeometry, border: Segments) -> GapRecord | None:
    """Measure a face of the border; None if a cell lies along it on the inside."""
    own = segments_of(np.array([face], dtype=object))
    at = np.searchsorted(_keys(border), _keys(own))
    cells = np.maximum(border.left[at], border.right[at])
    if ((border.left[at] >= 0) == (own.left >= 0)).any():
        return None
    ends = lattice.to_degrees(_ends(own))
    metres = np.bincount(cells, distance_m(ends[:, 0], ends[:, 1]))
    beside = np.flatnonzero(metres)
    order = beside[np.lexsort((beside, -metres[beside]))]
    width, around = width_m(face), float(length_m([face])[0])
    return GapRecord(
        shape=face,
        area_m2=float(area_m2([face])[0]),
        length_m=max(width, around / 2.0 - width),
        width_m=width,
        neighbours=tuple((int(cell), float(metres[cell])) for cell in order),
    )


def _keys(segments: Segments) -> NDArray[np.void]:
    """Pack the ends of segments so that they can be compared as one value, in their own order."""
    fields = np.dtype([("ax", "<i4"), ("ay", "<i4"), ("bx", "<i4"), ("by", "<i4")])
    out = np.empty(len(segments), dtype=fields)
    for name in ("ax", "ay", "bx", "by"):
        out[name] = getattr(segments, name)
    return out


def count_points(records: Sequence[GapRecord], lonlat_deg: ArrayLike) -> NDArray[np.int64]:
    """Count the points (incidents, say) in each gap, its border left out: there a cell answers for them.

    Parameters
    ----------
    records : sequence of GapRecord
    lonlat_deg : (n, 2) array_like
        EPSG:4326; rows with NaN are passed over.
    """
    deg = np.asarray(lonlat_deg, dtype=np.float64).reshape(-1, 2)
    deg = deg[np.isfinite(deg).all(axis=1)]
    if len(records) == 0:
        return np.zeros(0, dtype=np.int64)
    tree = shapely.STRtree(_shapes(records))
    _, gap = tree.query(shapely.points(deg), predicate="within")
    return np.bincount(gap, minlength=len(records)).astype(np.int64)


def match_gaps(
    before: Sequence[GapRecord], after: Sequence[GapRecord], leaf_geoms_after: Geoms | None = None
) -> list[GapChange]:
    """Tell what became of each gap between two editions.

    Parameters
    ----------
    before, after : sequences of GapRecord
    leaf_geoms_after : (n,) array of shapely Polygon or MultiPolygon, optional
        Leaves of the later edition, to say who took the land of a gap that was closed.

    Returns
    -------
    list of GapChange
        Those of earlier gaps in their order, then those that were opened.
    """
    old, new = _shapes(before), _shapes(after)
    tree = shapely.STRtree(leaf_geoms_after) if leaf_geoms_after is not None else None
    pairs = shapely.STRtree(new).query(old, predicate="intersects")
    shared = area_m2(shapely.intersection(old[pairs[0]], new[pairs[1]]))
    pairs, shared = pairs[:, shared > 0.0], shared[shared > 0.0]
    kept = np.bincount(pairs[0], shared, minlength=len(before))
    held = np.bincount(pairs[1], shared, minlength=len(after))
    out: list[GapChange] = []
    for k, gap in enumerate(before):
        closed = max(0.0, gap.area_m2 - float(kept[k]))
        partners = pairs[1][pairs[0] == k].tolist()
        left = shapely.difference(old[k], shapely.union_all(new[partners]))
        taken = _taken(left, tree) if closed > 0.0 and tree is not None else ()
        for partner in partners:
            opened = max(0.0, after[partner].area_m2 - float(held[partner]))
            same = closed <= (1.0 - _SAME_SHARE) * gap.area_m2 >= opened and len(partners) == 1
            out.append(GapChange(k, partner, "unchanged" if same else "changed", closed, opened, taken))
        if not partners:
            out.append(GapChange(k, None, "closed", gap.area_m2, 0.0, taken))
    fresh = np.flatnonzero(held == 0.0).tolist()
    return out + [GapChange(None, k, "opened", 0.0, after[k].area_m2) for k in fresh]


def _shapes(records: Sequence[GapRecord]) -> Geoms:
    out = np.empty(len(records), dtype=object)
    out[:] = [record.shape for record in records]
    return out


def _taken(land: BaseGeometry, tree: shapely.STRtree) -> tuple[tuple[int, float], ...]:
    leaves = np.sort(tree.query(land, predicate="intersects"))
    size = area_m2(shapely.intersection(tree.geometries[leaves], land))
    order = np.lexsort((leaves, -size))
    return tuple((int(leaves[k]), float(size[k])) for k in order if size[k] > 0.0)
