"""The index from points to cells: exact, immutable, safe to share between threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.segments import Segments
from geo_service.locate import accuracy, plain, policy
from geo_service.locate.check import check_closed, check_tiling, crossing_kernel
from geo_service.locate.kernel import kernels
from geo_service.locate.nearest import nearest_kernel
from geo_service.locate.raster import RasterTree
from geo_service.locate.raster_build import build_tree

NO_CELL = -1


@dataclass(frozen=True, slots=True, eq=False)
class CellIndex:
    """Which leaf cell each point falls in.

    The rule, everywhere: a point is first rounded to the lattice of 2⁻²³ degree (steps of 1.3 cm: it moves
    by less than a centimetre). If the lattice point lies strictly inside a cell, that is its cell. If it lies
    on a border or a vertex, it belongs, of the cells that touch it there, to the one with the smallest code,
    and is flagged. Otherwise, or when it is not a place on the globe (NaN, infinite, out of range), it has
    none. The answer is computed in integers without rounding, so it is the same on every machine.

    Build with :meth:`build`. All arrays are read-only afterwards, nothing is cached on use, and the compiled
    look-up releases the interpreter lock, so threads may share an index freely.

    Attributes
    ----------
    codes : tuple of str
        Codes of the cells, ascending; the index of a cell is its position here.
    tree : RasterTree
    borders : CellBorders
    """

    codes: tuple[str, ...]
    tree: RasterTree
    borders: accuracy.CellBorders

    @classmethod
    def build(
        cls,
        segments: Segments,
        codes: Sequence[str],
        *,
        check: bool = True,
    ) -> Self:
        """Build the index of a tiling.

        Parameters
        ----------
        segments : Segments
            The borders of the leaf cells, each once. Cells may have holes and several parts; there may be
            land that no cell has.
        codes : sequence of str
            The code of each cell, strictly ascending.
        check : bool
            Prove that no two cells lie upon each other. May be left out for segments of a checked fabric:
            about a third of the time is saved.

        Raises
        ------
        InvalidInputError
            The codes are not ascending, a number is out of range, or the cells are no tiling; the faults name
            the places.
        """
        codes = tuple(codes)
        _check_input(segments, codes)
        tree = _tree_of(segments, codes, check=check)
        return cls(codes=codes, tree=tree, borders=accuracy.CellBorders.build(tree.segs, len(codes)))

    def __len__(self) -> int:
        """Count of leaf cells."""
        return len(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of the index (without the codes)."""
        return self.tree.nbytes + self.borders.nbytes

    def leaf_of(self, lonlat_deg: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the leaf of each point, and whether the point lies on a border.

        Parameters
        ----------
        lonlat_deg : (n, 2) float64
            EPSG:4326. Anything that is not a place on the globe gets no cell.

        Returns
        -------
        cell : (n,) int32
            Index of the cell, -1 for none.
        on_edge : (n,) bool
        """
        points = _as_points(lonlat_deg)
        compiled = kernels()
        if compiled is None:
            return plain.label_all(points, self.tree)
        cell, on_edge = np.empty(len(points), np.int32), np.empty(len(points), np.bool_)
        compiled.label_all(points, cell, on_edge, self.tree)
        return cell, on_edge

    def leaf_of_one(self, lon: float, lat: float) -> tuple[int, bool]:
        """Return the leaf of one point (-1 for none) and whether it lies on a border: a few microseconds."""
        compiled = kernels()
        if compiled is None:
            cell, on_edge = plain.label_all(np.array([[lon, lat]], np.float64), self.tree)
            return int(cell[0]), bool(on_edge[0])
        return compiled.label_one(float(lon), float(lat), self.tree)

    def locate(
        self,
        lonlat_deg: NDArray[np.float64],
        *,
        border: bool = False,
        near_gap_m: float | None = None,
        nearest: bool = True,
    ) -> policy.Located:
        """Return the leaf of each point, how it came to it, and on demand what is near.

        Parameters
        ----------
        lonlat_deg : (n, 2) float64
            EPSG:4326. Anything that is not a place on the globe gets no cell.
        border : bool
            Also find, for points in a cell, the distance to its border and the cell beyond, and for points in
            none the nearest cell and the distance to it.
        near_gap_m : float, optional
            A point in no cell, but at most so far from one, is ``near_gap`` (and its nearest cell is found).
        nearest : bool
            Find the nearest cell however far it is; False skips points farther than ``near_gap_m`` from all
            cells, which would cost milliseconds each.
        """
        points = _as_points(lonlat_deg)
        cell, on_edge = self.leaf_of(points)
        return policy.locate(
            points, cell, on_edge, self.tree, border=border, near_gap_m=near_gap_m, nearest=nearest
        )

    def candidates(
        self, lon: float, lat: float, accuracy_m: float, *, min_probability: float = 0.001
    ) -> list[tuple[int, float]]:
        """Return the cells a fix of limited accuracy may lie in, the most probable first.

        Parameters
        ----------
        lon, lat : float
            The fix, EPSG:4326 degrees.
        accuracy_m : float
            Radius within which the true place lies with a probability of 68 %, normally distributed.
        min_probability : float
            Leave out what is less probable.

        Returns
        -------
        list of (int, float)
            Cell and probability. They add up to at most 1; what is missing lies outside all cells, or in
            cells left out.

        Raises
        ------
        InvalidInputError
            The accuracy is negative or not a number.
        """
        own, _ = self.leaf_of_one(lon, lat)
        return accuracy.candidates((lon, lat), own, accuracy_m, self.borders, min_probability=min_probability)


def warm_up() -> bool:
    """Compile the kernels now, or load them from disk, so that no request waits; False without numba."""
    crossing_kernel()
    nearest_kernel()
    return kernels() is not None


def _tree_of(segments: Segments, codes: tuple[str, ...], *, check: bool) -> RasterTree:
    tree = build_tree(segments)
    if check:
        check_closed(tree.segs)
        check_tiling(tree, codes)
    return tree


def _as_points(lonlat_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    points = np.ascontiguousarray(lonlat_deg, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InvalidInputError("Points must be an (n, 2) array of lon, lat.")
    return points


def _check_input(segments: Segments, codes: tuple[str, ...]) -> None:
    unsorted = [i for i in range(1, len(codes)) if not codes[i - 1] < codes[i]]
    if unsorted:
        raise InvalidInputError(
            "The codes of the cells must be ascending and different.",
            [
                Fault("codes", "sort the cells by code; no code twice", row=i + 1, value=codes[i])
                for i in unsorted[:20]
            ],
        )
    if not len(segments):
        raise InvalidInputError(
            "There are no cells to index.", [Fault("segments", "give at least one polygon")]
        )
    low = min(int(segments.left.min()), int(segments.right.min()))
    high = max(int(segments.left.max()), int(segments.right.max()))
    if low < NO_CELL or high >= len(codes):
        raise InvalidInputError(
            "The segments name cells that have no code.",
            [Fault("segments", f"cell numbers must lie in -1 … {len(codes) - 1}", value=f"{low} … {high}")],
        )
