"""Undirected boundary segments with the cell on either side: what a fabric gives and an index takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice

_MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Segments:
    """Each boundary segment of a tiling once, in lattice units, with the cells to its left and right.

    ``(ax, ay)`` precedes ``(bx, by)`` lexicographically; left and right are seen going from a to b. Segments
    stand in ascending order of ``(ax, ay, bx, by)``.

    Attributes
    ----------
    ax, ay, bx, by : (n,) int32
        End points on the 2⁻²³ degree lattice.
    left, right : (n,) int32
        Index of the cell on that side, -1 where there is none.
    """

    ax: NDArray[np.int32]
    ay: NDArray[np.int32]
    bx: NDArray[np.int32]
    by: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __len__(self) -> int:
        """Count of segments."""
        return len(self.ax)


@dataclass(frozen=True, slots=True)
class DirectedEdges:
    """Ring edges of polygons, the interior always to the left; edges of a ring are consecutive.

    Attributes
    ----------
    a, b : (n, 2) int32
        From and to, lattice integers; never equal.
    cell : (n,) int32
        Index of the polygon it bounds.
    ring : (n,) int32
        Index of the ring among all rings.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    cell: NDArray[np.int32]
    ring: NDArray[np.int32]


def directed_edges(geoms: NDArray[np.object_]) -> DirectedEdges:
    """Take polygons apart into edges that run with the interior on the left.

    Parameters
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
        Valid, every vertex on the lattice. Empty ones contribute nothing.

    Raises
    ------
    InvalidInputError
        A geometry is of another type, or has a vertex off the lattice.
    """
    geoms = np.asarray(geoms, dtype=object)
    _require_polygons(geoms)
    parts, part_cell = shapely.get_parts(geoms, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    deg, vertex_ring = shapely.get_coordinates(rings, return_index=True)
    _require_on_lattice(deg, part_cell[ring_part[vertex_ring]])
    first_of_part = np.append(True, ring_part[1:] != ring_part[:-1])[: len(rings)]
    # a shell that runs clockwise, or a hole that runs counter-clockwise, has the interior on its right
    reverse = shapely.is_ccw(rings) != first_of_part
    ij = lattice.to_lattice(deg)
    start, end = ij[:-1], ij[1:]
    keep = (vertex_ring[:-1] == vertex_ring[1:]) & (start != end).any(axis=1)
    start, end, ring = start[keep], end[keep], vertex_ring[:-1][keep].astype(np.int32)
    flip = reverse[ring][:, None]
    a, b = np.where(flip, end, start), np.where(flip, start, end)
    cell = part_cell[ring_part[ring]].astype(np.int32)
    order = _travel_order(ring, reverse[ring])
    return DirectedEdges(a[order], b[order], cell[order], ring[order])


def _travel_order(ring: NDArray[np.int32], reverse: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Order in which the edges of a ring follow each other, also where the ring was turned round."""
    position = np.arange(len(ring))
    return np.lexsort((np.where(reverse, -position, position), ring))


def segments_of(geoms: NDArray[np.object_]) -> Segments:
    """Merge the edges of all polygons into segments that know the cell on each side.

    Parameters
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
        Valid, every vertex on the lattice; the index in this array is the cell's index.

    Returns
    -------
    Segments
        Where two cells share a border but not its vertices, their segments stay apart, each with -1 on its
        far side; :class:`geo_service.geometry.fabric.Fabric` inserts the missing vertices.

    Raises
    ------
    InvalidInputError
        Two cells lie on the same side of a segment (they overlap), one cell lies on both sides of it, or a
        geometry is not a polygon on the lattice. Each fault names the place.
    """
    edges = directed_edges(geoms)
    a_key, b_key = pack(edges.a), pack(edges.b)
    forward = a_key < b_key
    low, high = np.where(forward, a_key, b_key), np.where(forward, b_key, a_key)
    order = np.lexsort((high, low))
    low, high, forward, cell = low[order], high[order], forward[order], edges.cell[order]
    is_new = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1]))[: len(low)]
    group = np.cumsum(is_new) - 1
    count = int(is_new.sum())
    sides = np.full((2, count), -1, dtype=np.int32)
    side = np.where(forward, 0, 1)
    twice = np.bincount(group * 2 + side, minlength=2 * count) > 1
    if twice.any():
        raise InvalidInputError(
            "Cells overlap.", _same_side_faults(low, cell, group, np.flatnonzero(twice) // 2)
        )
    sides[side, group] = cell
    both = np.flatnonzero(sides[0] == sides[1])
    if both.size:
        raise InvalidInputError("A cell borders on itself.", _same_side_faults(low, cell, group, both))
    a, b = unpack(low[is_new]), unpack(high[is_new])
    return Segments(a[:, 0], a[:, 1], b[:, 0], b[:, 1], sides[0], sides[1])


def pack(ij: NDArray[np.int32]) -> NDArray[np.int64]:
    """Put each lattice point of an (n, 2) array into one int64 that sorts lexicographically by (i, j)."""
    return (ij[:, 0].astype(np.int64) << 32) + (ij[:, 1].astype(np.int64) + 2**31)


def unpack(key: NDArray[np.int64]) -> NDArray[np.int32]:
    """Undo :func:`pack`."""
    i, j = key >> 32, (key & 0xFFFFFFFF) - 2**31
    return np.column_stack((i, j)).astype(np.int32)


def _same_side_faults(
    low: NDArray[np.int64], cell: NDArray[np.int32], group: NDArray[np.intp], bad: NDArray[np.intp]
) -> list[Fault]:
    faults = []
    for segment in np.unique(bad)[:_MAX_FAULTS]:
        members = np.flatnonzero(group == segment)
        lon, lat = lattice.to_degrees(unpack(low[members[:1]]))[0]
        rows = sorted({int(index) + 1 for index in cell[members]})
        message = f"rows {rows} claim the same side of this border segment; check the tiling for overlaps"
        faults.append(Fault("geometry", message, row=rows[0], place=(float(lon), float(lat))))
    return faults


def _require_polygons(geoms: NDArray[Any]) -> None:
    kinds = shapely.get_type_id(geoms)
    bad = np.flatnonzero(
        (kinds != shapely.GeometryType.POLYGON) & (kinds != shapely.GeometryType.MULTIPOLYGON)
    )
    if bad.size:
        message = "must be a Polygon or MultiPolygon"
        faults = [Fault("geometry", message, row=int(row) + 1) for row in bad[:_MAX_FAULTS]]
        raise InvalidInputError("A cell's shape is not a polygon.", faults)


def _require_on_lattice(deg: NDArray[np.float64], cell: NDArray[np.intp]) -> None:
    steps = deg * lattice.SCALE
    off = np.flatnonzero((steps != np.rint(steps)).any(axis=1))
    if off.size:
        rows, first = np.unique(cell[off], return_index=True)
        faults = [
            Fault(
                "geometry",
                "a vertex lies off the lattice; snap the shapes first",
                row=int(row) + 1,
                place=(float(deg[off[at], 0]), float(deg[off[at], 1])),
            )
            for row, at in zip(rows[:_MAX_FAULTS], first[:_MAX_FAULTS], strict=True)
        ]
        raise InvalidInputError("Shapes are not on the lattice.", faults)
