"""Pieces: the smallest parts that a division moves about, with their weights and their common borders.

A piece is an atom (:mod:`.atoms`: one building and the land round it) or a whole leaf of today's tiling. Two
pieces are neighbours if they share a border of some length; a border may be *barred* (it runs along a river
or a railway without a crossing), and pieces that hang together over open borders alone form a *bank*.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.measure import area_m2, metres_per_degree
from geo_service.geometry.segments import Segments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bools = NDArray[np.bool_]
Geoms = NDArray[np.object_]

NO_GROUP = -1


@dataclass(frozen=True, slots=True)
class Borders:
    """The borders of each piece, both ways: those of piece i stand from ``ptr[i]`` to ``ptr[i + 1]``.

    Attributes
    ----------
    ptr : (n + 1,) int32
    neighbour : (2m,) int32
        The piece beyond the border.
    pair : (2m,) int64
        Row of :attr:`Pieces.pairs` it comes from.
    """

    ptr: Int32
    neighbour: Int32
    pair: Ints


@dataclass(frozen=True, slots=True)
class Pieces:
    """What is to be divided.

    Attributes
    ----------
    weight : (n,) int64
        Households (or residents, incidents, ...) of each piece, not negative.
    area_m2, perimeter_m : (n,) float64
        Land and whole border, the outer one included.
    pairs : (m, 2) int32
        Neighbours, each pair once, the smaller index first.
    border_m : (m,) float64
        Length of their common border.
    barrier : (m,) bool
        No group may hang together over this border.
    along_line : (m,) bool
        A street or a water line runs along this border: the natural place to cut.
    current : (n,) int32
        Group of today, :data:`NO_GROUP` where there is none.
    centroid_deg : (n, 2) float64
        Middle of each piece, lon and lat, EPSG:4326.

    Raises
    ------
    InvalidInputError
        Lengths differ, a number is negative or not finite, or a pair is not of two pieces, or there twice.
    """

    weight: Ints
    area_m2: Floats
    perimeter_m: Floats
    pairs: Int32
    border_m: Floats
    barrier: Bools
    along_line: Bools
    current: Int32
    centroid_deg: Floats

    def __post_init__(self) -> None:
        n, m = len(self.weight), len(self.border_m)
        shapes = {
            "area_m2": (n,),
            "perimeter_m": (n,),
            "current": (n,),
            "centroid_deg": (n, 2),
            "pairs": (m, 2),
            "barrier": (m,),
            "along_line": (m,),
        }
        faults = [
            Fault(name, f"must have the shape {shape}, not {getattr(self, name).shape}")
            for name, shape in shapes.items()
            if getattr(self, name).shape != shape
        ]
        faults = faults or [*self._number_faults(), *self._pair_faults()]
        if faults:
            raise InvalidInputError("These are not pieces that can be divided.", faults)

    def _number_faults(self) -> list[Fault]:
        out = []
        for name in ("weight", "area_m2", "perimeter_m", "border_m"):
            values = getattr(self, name)
            bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[:20]
            out += [Fault(name, "must be a number of at least 0", int(row) + 1, values[row]) for row in bad]
        return out

    def _pair_faults(self) -> list[Fault]:
        first, second = self.pairs.astype(np.int64).T
        bad = (first < 0) | (second <= first) | (second >= len(self.weight))
        key = first * len(self.weight) + second
        bad[np.setdiff1d(np.arange(len(key)), np.unique(key, return_index=True)[1])] = True
        message = "each pair of pieces once, the smaller number first"
        return [Fault("pairs", message, row=int(row) + 1) for row in np.flatnonzero(bad)[:20]]

    def __len__(self) -> int:
        """Count of pieces."""
        return len(self.weight)

    def borders(self) -> Borders:
        """Return the borders by piece, those of one piece in ascending order of the neighbour."""
        one = np.concatenate((self.pairs[:, 0], self.pairs[:, 1]))
        other = np.concatenate((self.pairs[:, 1], self.pairs[:, 0]))
        pair = np.tile(np.arange(len(self.pairs), dtype=np.int64), 2)
        order = np.lexsort((other, one))
        ptr = np.searchsorted(one[order], np.arange(len(self) + 1)).astype(np.int32)
        return Borders(ptr, other[order].astype(np.int32), pair[order])

    def banks(self) -> Int32:
        """Return the bank of each piece, numbered by their smallest pieces."""
        return components(len(self), self.pairs[~self.barrier])

    def with_empty_banks_joined(self) -> "Pieces":
        """Open the barriers of banks without weight, each to one neighbour, so that all land finds a group.

        Where nobody lives, nobody has to cross: such land goes with the bank it shares its longest border
        with, one that is inhabited if there is one. It never links two banks that are inhabited.
        """
        barrier = self.barrier.copy()
        while True:
            bank = components(len(self), self.pairs[~barrier])
            total = np.bincount(bank, self.weight)
            one, other = bank[self.pairs[:, 0]], bank[self.pairs[:, 1]]
            outer = (one != other) & ((total[one] == 0) | (total[other] == 0))
            if not outer.any():
                return self if (barrier == self.barrier).all() else replace(self, barrier=barrier)
            empty = int(min(b for b in (*one[outer].tolist(), *other[outer].tolist()) if total[b] == 0))
            beside = (one != other) & ((one == empty) | (other == empty))
            beyond = np.where(one == empty, other, one)
            length = np.bincount(beyond[beside], self.border_m[beside], minlength=len(total))
            goal = int(np.argmax(np.where(total > 0, length, 0.0)))
            if length[goal] == 0.0 or total[goal] == 0:
                goal = int(np.argmax(length))
            barrier &= ~(beside & (beyond == goal))

    @classmethod
    def from_tiling(
        cls,
        geoms: Geoms,
        weight: ArrayLike,
        *,
        current: ArrayLike | None = None,
        barriers: Sequence[Any] = (),
        lines: Sequence[Any] = (),
        crossings: ArrayLike | None = None,
        within_m: float = 10.0,
        crossing_m: float = 30.0,
    ) -> "Pieces":
        """Take the cells of a tiling as pieces.

        Parameters
        ----------
        geoms : (n,) array of shapely Polygon or MultiPolygon
            On the lattice, a :class:`~geo_service.geometry.fabric.Fabric`.
        weight : (n,) array_like of int
        current : (n,) array_like of int, optional
            Group of today, :data:`NO_GROUP` for none.
        barriers, lines : sequences of shapely geometries
            Lines that must not be crossed; lines along which to cut. EPSG:4326. A border belongs to them if
            half of its length or more lies within ``within_m`` of them. A barrier is also a line.
        crossings : (c, 2) array_like of float, optional
            Places (lon, lat) where barriers are crossed.
        within_m : float
        crossing_m : float
            A border no farther than this from a crossing is open.

        Raises
        ------
        InvalidInputError
            The shapes are not a tiling, or numbers do not fit them.
        """
        geoms = np.asarray(geoms, dtype=object)
        segments = Fabric.from_polygons(geoms).segments()
        centroid = shapely.get_coordinates(shapely.centroid(geoms))
        runs = _Runs.of(segments, len(geoms), centroid)
        barred = runs.beside(barriers, within_m)
        along = barred | runs.beside(lines, within_m)
        if crossings is not None and len(np.asarray(crossings)):
            barred &= ~runs.near(np.asarray(crossings, dtype=np.float64), crossing_m)
        return cls(
            weight=np.asarray(weight, dtype=np.int64),
            area_m2=area_m2(geoms),
            perimeter_m=runs.perimeter_m,
            pairs=runs.pairs,
            border_m=runs.border_m,
            barrier=barred,
            along_line=along,
            current=np.full(len(geoms), NO_GROUP, np.int32)
            if current is None
            else np.asarray(current, dtype=np.int32),
            centroid_deg=centroid,
        )


def components(n: int, pairs: NDArray[Any]) -> Int32:
    """Return the connected component of each of ``n`` things, numbered by their smallest members."""
    one = np.ones(len(pairs), dtype=np.int8)
    graph = csr_array(coo_array((one, (pairs[:, 0], pairs[:, 1])), shape=(n, n)))
    _, label = connected_components(graph, directed=False)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse].astype(np.int32)


@dataclass(frozen=True, slots=True)
class _Runs:
    """The segments of a tiling in metres, and the pair of pieces that each lies between."""

    pairs: Int32
    border_m: Floats
    perimeter_m: Floats
    segment_pair: Ints
    length_m: Floats
    ends_m: Floats  # (s, 2, 2)
    scale: Floats

    @classmethod
    def of(cls, segments: Segments, n: int, centroid_deg: Floats) -> "_Runs":
        scale = np.array(metres_per_degree(float(centroid_deg[:, 1].mean())) if n else (1.0, 1.0))
        a = lattice.to_degrees(np.column_stack((segments.ax, segments.ay))) * scale
        b = lattice.to_degrees(np.column_stack((segments.bx, segments.by))) * scale
        length = np.hypot(*(b - a).T)
        perimeter = np.zeros(n)
        for side in (segments.left, segments.right):
            perimeter += np.bincount(side[side >= 0], length[side >= 0], minlength=n)
        inner = (segments.left >= 0) & (segments.right >= 0)
        both = np.sort(np.column_stack((segments.left[inner], segments.right[inner])), axis=1)
        pairs, pair = np.unique(both, axis=0, return_inverse=True)
        border = np.bincount(pair.ravel(), length[inner], minlength=len(pairs))
        ends = np.stack((a[inner], b[inner]), axis=1)
        return cls(
            pairs.reshape(-1, 2).astype(np.int32),
            border.astype(np.float64),
            perimeter,
            pair.ravel().astype(np.int64),
            length[inner],
            ends,
            scale,
        )

    def beside(self, lines: Sequence[Any], within_m: float) -> Bools:
        """Tell of each pair whether half its border or more lies within a distance of some lines."""
        known = [line for line in lines if line is not None and not shapely.is_empty(line)]
        if not known or len(self.ends_m) == 0:
            return np.zeros(len(self.pairs), dtype=bool)
        scaled = shapely.transform(np.array(known, dtype=object), lambda deg: deg * self.scale)
        tree = shapely.STRtree(_straight(scaled))
        held = np.arange(len(self.ends_m))
        for place in (self.ends_m[:, 0], self.ends_m.mean(axis=1), self.ends_m[:, 1]):
            points = shapely.points(place[held])
            held = held[np.unique(tree.query(points, predicate="dwithin", distance=within_m)[0])]
        length = np.bincount(self.segment_pair[held], self.length_m[held], minlength=len(self.pairs))
        return np.asarray(length >= 0.5 * self.border_m)

    def near(self, places_deg: Floats, within_m: float) -> Bools:
        """Tell of each pair whether some of its border lies within a distance of some places."""
        tree = shapely.STRtree(shapely.linestrings(self.ends_m))
        points = shapely.points(places_deg * self.scale)
        segment = tree.query(points, predicate="dwithin", distance=within_m)[1]
        out = np.zeros(len(self.pairs), dtype=bool)
        out[self.segment_pair[segment]] = True
        return out


def _straight(lines: Geoms) -> Geoms:
    """Return the straight pieces of lines: a tree finds these much faster than long ones."""
    xy, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    follows = np.flatnonzero(line[1:] == line[:-1])
    pieces: Geoms = shapely.linestrings(np.stack((xy[follows], xy[follows + 1]), axis=1))
    return pieces
