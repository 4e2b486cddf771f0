"""Exclaves (插花地): how much of each cell lies apart from it, how neighbours interleave, and how to mend it.

Leaves are the pieces that can change hands. Two of them hang together when they share an edge; a corner is
no way through. The main part of a cell is the one where most of its households are (with none, most of its
land); whatever else it has is an exclave.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from geo_service.errors import InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.derive import outlines
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.measure import area_m2, distance_m
from geo_service.geometry.segments import Segments

Geoms = NDArray[np.object_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Exclave:
    """A part of an upper cell that lies apart from its main part.

    Attributes
    ----------
    cell : int
        The upper cell it belongs to.
    leaves : tuple of int
        Leaves it is made of.
    shape : Polygon or MultiPolygon
        EPSG:4326.
    area_m2 : float
    households : int
    beside : tuple of (upper cell, metres)
        The cells it borders on, and along how many metres, the longest first.
    enclosed : bool
        Whether one other cell lies all round it.
    """

    cell: int
    leaves: tuple[int, ...]
    shape: BaseGeometry
    area_m2: float
    households: int
    beside: tuple[tuple[int, float], ...]
    enclosed: bool


@dataclass(frozen=True, slots=True)
class ExclaveIndex:
    """How far an upper cell is from lying in one piece.

    Attributes
    ----------
    cell, parts : int
    land_apart, households_apart : float
        Share outside the main part, 0 to 1.
    exclaves : tuple of Exclave
        The one with the most households first.
    """

    cell: int
    parts: int
    land_apart: float
    households_apart: float
    exclaves: tuple[Exclave, ...]


@dataclass(frozen=True, slots=True)
class Interleaving:
    """Two upper cells that lie in each other: each has an exclave whose longest border is with the other.

    Attributes
    ----------
    cells : (int, int)
        Ascending.
    parts : (int, int)
        Exclaves of the first in the second, and the other way round.
    area_m2 : float
    households : int
        In all these exclaves.
    """

    cells: tuple[int, int]
    parts: tuple[int, int]
    area_m2: float
    households: int


@dataclass(frozen=True, slots=True)
class Swap:
    """A proposal: exclaves change hands, to the cell round them and, where two interleave, both ways at once.

    Attributes
    ----------
    give : tuple of (leaf, from cell, to cell)
        What is handed over.
    cells : tuple of int
        The upper cells whose figures change, ascending.
    households_before, households_after : tuple of int
        Of these cells.
    area_m2 : float
        Land that changes hands.
    households_moved : int
    parts_before, parts_after : int
        Parts that these cells have together.
    """

    give: tuple[tuple[int, int, int], ...]
    cells: tuple[int, ...]
    households_before: tuple[int, ...]
    households_after: tuple[int, ...]
    area_m2: float
    households_moved: int
    parts_before: int
    parts_after: int


@dataclass(frozen=True, slots=True, eq=False)
class Belonging:
    """Which leaf belongs to which upper cell, and who borders on whom; made with :meth:`of`.

    Attributes
    ----------
    shapes : (n,) array of shapely Polygon or MultiPolygon
    group : (n,) int64
        Upper cell of each leaf, -1 for none.
    n_groups : int
    households : (n,) int64
    area_m2 : (n,) float64
    pair : (m, 2) int64
        Leaves that share a border, the smaller index first.
    shared_m : (m,) float64
        How long it is.
    outer_m : (n,) float64
        Border of each leaf with nobody's land.
    """

    shapes: Geoms
    group: Ints
    n_groups: int
    households: Ints
    area_m2: NDArray[np.float64]
    pair: Ints
    shared_m: NDArray[np.float64]
    outer_m: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        leaf_geoms: Geoms,
        group: ArrayLike,
        n_groups: int,
        households: ArrayLike | None = None,
        *,
        segments: Segments | None = None,
    ) -> "Belonging":
        """Measure who borders on whom; segments of the same leaves, where there are any, save the proof.

        Raises
        ------
        InvalidInputError
            The shapes are no tiling, or the arrays are not equally long.
        """
        shapes = np.asarray(leaf_geoms, dtype=object)
        upper, n = np.asarray(group, dtype=np.int64), len(shapes)
        homes = np.zeros(n, np.int64) if households is None else np.asarray(households, dtype=np.int64)
        if upper.shape != (n,) or homes.shape != (n,):
            raise InvalidInputError(f"{n} leaves need as many upper cells and counts of households.")
        if segments is None:
            segments = Fabric.from_polygons(shapes).segments()
        pair, shared_m, outer_m = shared_borders(segments, n)
        return cls(shapes, upper, n_groups, homes, area_m2(shapes), pair, shared_m, outer_m)

    def parts(self, group: Ints | None = None) -> Ints:
        """Give each leaf the number of the connected part of its upper cell that it is in."""
        group = self.group if group is None else group
        same = group[self.pair[:, 0]] == group[self.pair[:, 1]]
        p, q = self.pair[same].T
        n = len(self.shapes)
        graph = coo_array((np.ones(len(p), dtype=bool), (p, q)), shape=(n, n))
        label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
        return label

    def sums(self, values: ArrayLike) -> NDArray[np.float64]:
        """Add up values of leaves by upper cell."""
        mine = self.group >= 0
        weight = np.asarray(values, dtype=np.float64)[mine]
        return _sums(self.group[mine], weight, self.n_groups)


def shared_borders(segments: Segments, n_cells: int) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
    """Measure how long a border each two cells share, and each has with nobody.

    Returns
    -------
    pair : (m, 2) int64
        The smaller index first, ascending.
    shared_m : (m,) float64
    outer_m : (n_cells,) float64
    """
    a = lattice.to_degrees(np.column_stack((segments.ax, segments.ay)))
    b = lattice.to_degrees(np.column_stack((segments.bx, segments.by)))
    metres = distance_m(a, b)
    low = np.minimum(segments.left, segments.right).astype(np.int64)
    high = np.maximum(segments.left, segments.right).astype(np.int64)
    inner = low >= 0
    keys, index = np.unique(low[inner] * n_cells + high[inner], return_inverse=True)
    shared = _sums(index, metres[inner], len(keys))
    outer = _sums(high[~inner], metres[~inner], n_cells)
    return np.column_stack((keys // n_cells, keys % n_cells)), shared, outer


def _sums(index: NDArray[Any], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.bincount(index, values, minlength=count).astype(np.float64, copy=False)


def exclave_index(land: Belonging) -> list[ExclaveIndex]:
    """Return the index of every upper cell that has leaves, in order."""
    part = land.parts()
    homes = np.bincount(part, land.households)
    area = np.bincount(part, land.area_m2)
    cell_homes, cell_area = land.sums(land.households), land.sums(land.area_m2)
    by_cell: dict[int, list[int]] = defaultdict(list)
    parts, first = np.unique(part, return_index=True)
    for number, leaf in zip(parts.tolist(), first.tolist(), strict=True):
        if land.group[leaf] >= 0:
            by_cell[int(land.group[leaf])].append(number)
    members = _members(part)
    out = []
    for cell, own in sorted(by_cell.items()):
        main = max(own, key=lambda k: (homes[k], area[k], -k))
        rest = sorted((k for k in own if k != main), key=lambda k: (-homes[k], -area[k], k))
        found = tuple(_exclave(land, cell, members[k]) for k in rest)
        out.append(
            ExclaveIndex(
                cell=cell,
                parts=len(own),
                land_apart=float(sum(area[k] for k in rest) / cell_area[cell]),
                households_apart=float(sum(homes[k] for k in rest) / max(1.0, cell_homes[cell])),
                exclaves=found,
            )
        )
    return out


def _members(part: Ints) -> dict[int, Ints]:
    order = np.argsort(part, kind="stable")
    numbers, starts = np.unique(part[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=True))


def _exclave(land: Belonging, cell: int, leaves: Ints) -> Exclave:
    metres: dict[int, float] = defaultdict(float)
    mine = np.isin(land.pair, leaves)
    across = mine[:, 0] != mine[:, 1]
    far = np.where(mine[across, 0], land.pair[across, 1], land.pair[across, 0])
    for other, length in zip(land.group[far].tolist(), land.shared_m[across].tolist(), strict=True):
        metres[other] += length
    open_m = float(land.outer_m[leaves].sum()) + metres.pop(-1, 0.0)
    beside = tuple(sorted(metres.items(), key=lambda one: (-one[1], one[0])))
    return Exclave(
        cell=cell,
        leaves=tuple(leaves.tolist()),
        shape=outlines(land.shapes[leaves], np.zeros(len(leaves), np.int64), 1)[0],
        area_m2=float(land.area_m2[leaves].sum()),
        households=int(land.households[leaves].sum()),
        beside=beside,
        enclosed=len(beside) == 1 and open_m == 0.0,
    )


def interleavings(index: list[ExclaveIndex]) -> list[Interleaving]:
    """Find the pairs of upper cells that lie in each other, those with the most households first."""
    inside: dict[tuple[int, int], list[Exclave]] = defaultdict(list)
    for one in index:
        for exclave in one.exclaves:
            if exclave.beside:
                inside[one.cell, exclave.beside[0][0]].append(exclave)
    out = []
    for (cell, other), there in inside.items():
        back = inside.get((other, cell), [])
        if cell < other and back:
            both = there + back
            size, homes = sum(one.area_m2 for one in both), sum(one.households for one in both)
            out.append(Interleaving((cell, other), (len(there), len(back)), size, homes))
    return sorted(out, key=lambda one: (-one.households, -one.area_m2, one.cells))


def propose_swaps(land: Belonging, index: list[ExclaveIndex] | None = None) -> list[Swap]:
    """Propose hand-overs that leave fewer parts: each exclave to the cell with the longest border round it.

    Where two cells interleave, their exclaves change hands together, so that what one loses the other gives
    back. A proposal stands only if it really mends: the cells concerned have fewer parts afterwards.

    Returns
    -------
    list of Swap
        Those that mend the most parts first, then those that move the fewest households.
    """
    index = exclave_index(land) if index is None else index
    moves: dict[frozenset[int], list[Exclave]] = defaultdict(list)
    pairs = {frozenset(one.cells) for one in interleavings(index)}
    singles: list[list[Exclave]] = []
    for exclave in (exclave for one in index for exclave in one.exclaves if exclave.beside):
        both = frozenset((exclave.cell, exclave.beside[0][0]))
        if both in pairs:
            moves[both].append(exclave)
        else:
            singles.append([exclave])
    found = [swap for give in (*moves.values(), *singles) for swap in _swaps(land, give)]
    return sorted(found, key=lambda one: (one.parts_after - one.parts_before, one.households_moved, one.give))


def _swaps(land: Belonging, exclaves: list[Exclave]) -> Iterator[Swap]:
    """Yield the swap of all these exclaves, or failing that of each alone."""
    swap = _swap(land, exclaves)
    if swap is not None:
        yield swap
    elif len(exclaves) > 1:
        for exclave in exclaves:
            yield from _swaps(land, [exclave])


def _swap(land: Belonging, exclaves: list[Exclave]) -> Swap | None:
    give = sorted((leaf, one.cell, one.beside[0][0]) for one in exclaves for leaf in one.leaves)
    after = land.group.copy()
    for leaf, _, to in give:
        after[leaf] = to
    cells = sorted({cell for _, *both in give for cell in both})
    was, now = _count_parts(land, land.group, cells), _count_parts(land, after, cells)
    if now >= was:
        return None
    moved = [leaf for leaf, _, _ in give]
    return Swap(
        give=tuple(give),
        cells=tuple(cells),
        households_before=tuple(int(land.households[land.group == cell].sum()) for cell in cells),
        households_after=tuple(int(land.households[after == cell].sum()) for cell in cells),
        area_m2=float(land.area_m2[moved].sum()),
        households_moved=int(land.households[moved].sum()),
        parts_before=was,
        parts_after=now,
    )


def _count_parts(land: Belonging, group: Ints, cells: list[int]) -> int:
    """Count the connected parts of a few upper cells together."""
    leaves = np.flatnonzero(np.isin(group, cells))
    inside = np.isin(land.pair, leaves).all(axis=1)
    p, q = np.searchsorted(leaves, land.pair[inside]).T
    same = group[leaves[p]] == group[leaves[q]]
    graph = coo_array((np.ones(int(same.sum()), dtype=bool), (p[same], q[same])), shape=(len(leaves),) * 2)
    return int(connected_components(graph, directed=False)[0])
