"""How shapes lie together: gaps, holes, overlaps, crossings and doubles as findings, and the mended shapes.

Takes polygons that are sound one by one and stand on the lattice; :mod:`geo_service.geometry.inspect` sees to
that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.arrangement import Arrangement, Geoms, Ints, arrange
from geo_service.geometry.fabric import Fabric, unmatched, with_all_vertices
from geo_service.geometry.measure import area_m2
from geo_service.geometry.mend import NOBODY, ROUNDING_M, Mending, Region, bridges, mend
from geo_service.geometry.segments import DirectedEdges, directed_edges
from geo_service.geometry.width import is_wider, widest_m, width_m
from geo_service.model import Finding, Severity

SAME_SHARE = 0.99  # cells that have this share of their land in common are one cell given twice
MENDABLE_M = 20.0  # what is wider is land, not drawing accuracy
MAX_OVERLAPS = 1000  # findings; the rest is counted
_MAX_CLAIMANTS = 50  # of one face that are compared pair by pair
_TANGLED = 40  # pairs of near edges per edge, beyond which shapes lie over each other like a heap
_CHUNK = 20_000
_MARGIN_DEG = 4.0 * lattice.UNIT_DEG  # snap rounding bends lines by less than a step
_NO_TIES: Geoms = np.empty(0, dtype=object)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A connected piece of land that two cells claim, wider than the tolerance."""

    cells: tuple[int, int]
    faces: Ints
    area_m2: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Polygons on the lattice, no two the same.

    Attributes
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
    names : tuple of str
        Code of each, for the findings.
    tolerance_m : float
        Widest gap or overlap to mend; what rounding makes is mended in any case.
    """

    geoms: Geoms
    names: tuple[str, ...]
    tolerance_m: float

    def inspect(self) -> tuple[Geoms, list[Finding]]:
        """Return the mended shapes, in the order given, and the findings."""
        if len(self.geoms) == 0:
            return self.geoms, []
        loose = _loose_edges(self.geoms)
        tangle = _tangle(_lines(loose))
        if tangle is not None:
            return self.geoms, [tangle]
        fabric = self._fabric()
        try:
            return self._inspect(fabric, loose, _near)
        except InvalidInputError:
            # snap rounding reached a cell that seemed far enough away: then all take part
            return self._inspect(fabric, loose, _all)

    def _inspect(
        self, fabric: Fabric | None, loose: DirectedEdges, choose: Callable[[Geoms, Geoms], NDArray[np.bool_]]
    ) -> tuple[Geoms, list[Finding]]:
        """Mend in two passes.

        First what lies between and over cells; what then still has no neighbour is the outer border, and
        slits that open there are closed in the second.
        """
        gaps = _open_faces(self.geoms, _lines(loose)) if fabric is not None else []
        shapes, passes = self.geoms, list[_Pass]()
        if fabric is None or not is_wider(_shapes_of(gaps), self._mend_m).all():
            passes.append(_Pass.over(shapes, choose(shapes, _lines(loose)), _NO_TIES, self._mend_m))
            shapes, gaps = passes[-1].shapes, passes[-1].mending.gaps
            loose = _loose_edges(shapes)
        # of a sound fabric what is open to the outside is its border, unless the user asks to close it
        ties = bridges(loose, self._mend_m if fabric is None else self.tolerance_m)
        if len(ties):
            near = choose(shapes, np.concatenate((_lines(loose), ties)))
            tied = _Pass.over(shapes, near, ties, self._mend_m)
            gaps = tied.mending.gaps
            if tied.mending.mended:
                passes.append(tied)
        if fabric is not None and not passes:
            return self._sound(fabric, gaps)
        return self._mended(passes, gaps)

    @property
    def _mend_m(self) -> float:
        return max(self.tolerance_m, ROUNDING_M)

    def _fabric(self) -> Fabric | None:
        try:
            return Fabric.from_polygons(self.geoms)
        except InvalidInputError:
            return None

    def _sound(self, fabric: Fabric, gaps: list[Region]) -> tuple[Geoms, list[Finding]]:
        """Nothing to mend: keep each shape as it is, but for vertices put in where a neighbour has one."""
        polygons = fabric.polygons()
        inserted = shapely.get_num_coordinates(polygons) - shapely.get_num_coordinates(self.geoms)
        shapes = np.where(inserted > 0, polygons, self.geoms)
        findings = self._gaps(shapes, gaps)
        if inserted.any():
            findings.append(_repaired(0, 0.0, 0.0, int(inserted.sum()), None))
        return shapes, findings

    def _mended(self, passes: list["_Pass"], gaps: list[Region]) -> tuple[Geoms, list[Finding]]:
        last = passes[-1]
        shapes = last.shapes
        findings = self._overlaps(last) + self._gaps(shapes, gaps)
        findings += [self._vanished(index) for index in np.flatnonzero(shapely.is_empty(shapes)).tolist()]
        vertices, matched = 0, False
        if all(finding.severity is not Severity.ERROR for finding in findings):
            Fabric.from_polygons(shapes)  # the proof; a mended tiling that fails it must never get out
            more = shapely.get_num_coordinates(shapes) - shapely.get_num_coordinates(self.geoms)
            vertices, matched = int(more[more > 0].sum()), bool((shapes != self.geoms).any())
        mended = [region for one in passes for region in one.mending.mended]
        if mended or matched:
            slivers = _shapes_of(mended)
            area = sum(float(area_m2(one.drawing.faces[one.mending.given]).sum()) for one in passes)
            # a collection: to dissolve a county's slivers into one shape would take longer than to mend them
            shape = shapely.geometrycollections(slivers)
            findings.append(_repaired(len(mended), area, widest_m(slivers), vertices, shape))
        return shapes, findings

    def _gaps(self, shapes: Geoms, gaps: list[Region]) -> list[Finding]:
        if not gaps:
            return []
        tree = shapely.STRtree(shapes)
        return [self._gap(region, tree, shapes) for region in gaps]

    def _gap(self, region: Region, tree: shapely.STRtree, shapes: Geoms) -> Finding:
        near = np.sort(tree.query(region.shape, predicate="intersects"))
        beside = near[shapely.relate_pattern(shapes[near], region.shape, "****1****")]
        cells = tuple(self.names[index] for index in beside.tolist())
        area = float(area_m2([region.shape])[0])
        width = width_m(region.shape)
        size = f"{area:,.1f} m², {width:,.2f} m wide"
        if len(cells) == 1:
            rule, message = "hole", f"cell {cells[0]} has a hole that no cell fills ({size})"
            remedy = f"give the land to {cells[0]}, or to a cell of its own"
        else:
            rule, message = "gap", f"land between {_listed(cells)} belongs to no cell ({size})"
            remedy = f"give the land to a neighbour{_or_mend(width)}"
        return Finding(
            rule=rule,
            severity=Severity.WARNING,
            message=message,
            cells=cells,
            shape=region.shape,
            numbers={"area_m2": area, "width_m": width},
            remedy=remedy,
        )

    def _overlaps(self, last: "_Pass") -> list[Finding]:
        found = _overlapping_pairs(last.drawing, last.mending)
        cell_area = area_m2(self.geoms)
        findings = [self._overlap(last.drawing, overlap, cell_area) for overlap in found[:MAX_OVERLAPS]]
        rest = found[MAX_OVERLAPS:]
        if rest:
            area = sum(overlap.area_m2 for overlap in rest)
            findings.append(
                Finding(
                    rule="overlap",
                    severity=Severity.ERROR,
                    message=f"and {len(rest):,} smaller overlaps ({area:,.1f} m²)",
                    numbers={"count": float(len(rest)), "area_m2": area},
                    remedy="mend the larger ones first, then inspect again",
                )
            )
        return findings

    def _overlap(self, drawing: Arrangement, overlap: Overlap, cell_area: NDArray[np.float64]) -> Finding:
        shape = drawing.shape(overlap.faces)
        cells = tuple(self.names[index] for index in overlap.cells)
        shares = overlap.area_m2 / np.maximum(cell_area[list(overlap.cells)], 1e-9)
        if shares.min() >= SAME_SHARE:
            return duplicate(cells, shape)
        width = width_m(shape)
        size = f"{overlap.area_m2:,.1f} m², {width:,.2f} m wide"
        rule, remedy = "overlap", f"redraw the border{_or_mend(width)}"
        if shares.max() >= SAME_SHARE:
            inner, outer = cells if shares[0] > shares[1] else cells[::-1]
            message = f"cell {inner} lies inside cell {outer} ({size})"
            remedy = f"cut {inner} out of {outer}, or remove it"
        elif any(_cuts(drawing, overlap.faces, index) for index in overlap.cells):
            rule, message = "crossing", f"cells {cells[0]} and {cells[1]} cross each other ({size})"
        else:
            message = f"cells {cells[0]} and {cells[1]} overlap ({size})"
        return Finding(
            rule=rule,
            severity=Severity.ERROR,
            message=message,
            cells=cells,
            shape=shape,
            numbers={"area_m2": overlap.area_m2, "width_m": width},
            remedy=remedy,
        )

    def _vanished(self, index: int) -> Finding:
        return Finding(
            rule="invalid_shape",
            severity=Severity.ERROR,
            message=f"nothing is left of cell {self.names[index]} on the lattice: it is too narrow",
            cells=(self.names[index],),
            shape=self.geoms[index],
            remedy="remove it, or join it to a neighbour",
        )


@dataclass(frozen=True, slots=True)
class _Pass:
    """One round of laying all borders over each other and mending what is narrow."""

    drawing: Arrangement
    mending: Mending
    shapes: Geoms

    @classmethod
    def over(cls, geoms: Geoms, part: NDArray[np.bool_], ties: Geoms, tolerance_m: float) -> "_Pass":
        drawing = arrange(geoms, part, ties)
        mending = mend(drawing, tolerance_m)
        shapes = geoms.copy()
        shapes[part] = _put_together(geoms, drawing, mending)[part]
        return cls(drawing, mending, shapes)


def _all(geoms: Geoms, lines: Geoms) -> NDArray[np.bool_]:  # noqa: ARG001 - one of two ways to choose
    return np.ones(len(geoms), dtype=bool)


def _near(geoms: Geoms, lines: Geoms) -> NDArray[np.bool_]:
    """Choose the cells whose frame comes near a line: only they can change."""
    west, south, east, north = shapely.bounds(lines).T
    frames = shapely.box(west - _MARGIN_DEG, south - _MARGIN_DEG, east + _MARGIN_DEG, north + _MARGIN_DEG)
    chosen = np.zeros(len(geoms), dtype=bool)
    chosen[shapely.STRtree(geoms).query(frames)[1]] = True
    return chosen


def _put_together(geoms: Geoms, drawing: Arrangement, mending: Mending) -> Geoms:
    """Put cells together from their faces; a cell of which nothing changed keeps its very coordinates."""
    owned = np.flatnonzero(mending.owner != NOBODY)
    open_claim = mending.owner[drawing.claim_face] == NOBODY
    face = np.concatenate((owned, drawing.claim_face[open_claim]))
    cell = np.concatenate((mending.owner[owned], drawing.claim_cell[open_claim]))
    face = face[np.argsort(cell, kind="stable")]
    ends = np.cumsum(np.bincount(cell, minlength=len(geoms)))
    shapes = np.full(len(geoms), shapely.Polygon(), dtype=object)
    for index, faces in enumerate(np.split(face, ends[:-1])):
        if len(faces):
            shapes[index] = drawing.shape(faces)
    same = shapely.equals_exact(shapely.normalize(shapes), shapely.normalize(geoms), 0.0)
    return np.where(same, geoms, shapes)


def _loose_edges(geoms: Geoms) -> DirectedEdges:
    """Take the edges of all polygons that have no twin."""
    edges = with_all_vertices(directed_edges(geoms))
    alone = unmatched(edges)
    return DirectedEdges(edges.a[alone], edges.b[alone], edges.cell[alone], edges.ring[alone])


def _lines(edges: DirectedEdges) -> Geoms:
    lines: Geoms = shapely.linestrings(lattice.to_degrees(np.stack((edges.a, edges.b), axis=1)))
    return lines


def _open_faces(geoms: Geoms, border: Geoms) -> list[Region]:
    """Find the gaps of a sound fabric: faces inside its border that no cell touches from within."""
    faces = shapely.get_parts(shapely.polygonize(border))
    points = shapely.point_on_surface(faces)
    _, covered = shapely.STRtree(points).query(geoms, predicate="intersects")
    gaps = np.setdiff1d(np.arange(len(faces)), covered)
    return [Region(gaps[:0], shape) for shape in faces[gaps]]


def _tangle(lines: Geoms) -> Finding | None:
    """Refuse a heap of shapes: laying n edges over each other can take n² crossings."""
    tree = shapely.STRtree(lines)
    pairs, limit = 0, _TANGLED * len(lines) + 1_000_000
    for start in range(0, len(lines), _CHUNK):
        pairs += tree.query(lines[start : start + _CHUNK]).shape[1]
        if pairs > limit:
            return Finding(
                rule="overlap",
                severity=Severity.ERROR,
                message="the shapes lie over each other almost everywhere: this is no tiling",
                remedy="give the cells of one level only, and check the file",
            )
    return None


def _shapes_of(regions: list[Region]) -> Geoms:
    shapes = np.empty(len(regions), dtype=object)
    shapes[:] = [region.shape for region in regions]
    return shapes


def duplicate(cells: tuple[str, ...], shape: shapely.Geometry) -> Finding:
    """Make the finding for cells that have the same shape, or as good as the same."""
    return Finding(
        rule="duplicate",
        severity=Severity.ERROR,
        message=f"cells {_listed(cells)} have the same shape",
        cells=cells,
        shape=shape,
        numbers={"area_m2": float(area_m2([shape])[0])},
        remedy="keep one of them",
    )


def _overlapping_pairs(drawing: Arrangement, mending: Mending) -> list[Overlap]:
    """Break the wide overlaps down by pair of cells, the largest first."""
    if not mending.overlaps:
        return []
    face_area = area_m2(drawing.faces)
    found: list[Overlap] = []
    for region in mending.overlaps:
        by_pair: dict[tuple[int, int], list[int]] = {}
        for face in region.faces.tolist():
            for pair in combinations(drawing.claimants(face)[:_MAX_CLAIMANTS].tolist(), 2):
                by_pair.setdefault(pair, []).append(face)
        for pair, faces in by_pair.items():
            members = np.array(faces, dtype=np.intp)
            found.append(Overlap(pair, members, float(face_area[members].sum())))
    return sorted(found, key=lambda overlap: (-overlap.area_m2, overlap.cells))


def _cuts(drawing: Arrangement, faces: Ints, cell: int) -> bool:
    """Tell whether a cell falls into more pieces when these faces are taken from it."""
    claimed = np.zeros(len(drawing.faces), dtype=bool)
    claimed[drawing.claim_face[drawing.claim_cell == cell]] = True
    before = len(drawing.regions(claimed))
    claimed[faces] = False
    return len(drawing.regions(claimed)) > before


def _repaired(
    count: int, area: float, width: float, vertices: int, shape: shapely.Geometry | None
) -> Finding:
    parts = (
        [f"{count} slivers ({area:,.2f} m², at most {width:.3f} m wide) given to neighbours"] if count else []
    )
    if vertices > 0:
        parts.append(f"{vertices} vertices put in where a neighbour has one")
    return Finding(
        rule="repaired",
        severity=Severity.NOTE,
        message=" and ".join(parts) or "borders matched",
        shape=shape,
        numbers={"count": float(count), "area_m2": area, "width_m": width, "vertices": float(vertices)},
    )


def _listed(cells: tuple[str, ...], most: int = 6) -> str:
    more = f" and {len(cells) - most} more" if len(cells) > most else ""
    return ", ".join(cells[:most]) + more


def _or_mend(width_m: float) -> str:
    """Return the advice to mend by tolerance, where that is still drawing accuracy and not land."""
    return ", or import with a tolerance above its width" if width_m < MENDABLE_M else ""
