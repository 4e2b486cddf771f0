"""Whose cell it is: how people stand to a place by the cells they hold, in one edition."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geo_service.geometry.segments import segments_of
from geo_service.services.duty_book import Book
from geo_service.services.tiling import Tiling

NOWHERE = -1
_NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Kin:
    """How everybody stands to one place, flags by row of the book.

    ``own``: holds a cell in which it lies; ``beside``: holds a cell next to one of these; ``local``: belongs
    to the same area, or to none at all.
    """

    own: NDArray[np.bool_]
    beside: NDArray[np.bool_]
    local: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Borders:
    """Which cells of an edition touch along a line, on every level. Made once for an edition."""

    tiling: Tiling

    @cached_property
    def beside(self) -> dict[int, NDArray[np.int64]]:
        """For each cell, by position in the tiling, those that have a border in common with it."""
        tiling = self.tiling
        segments = segments_of(tiling.cells["geom"].to_numpy()[tiling.leaves])
        shared = (segments.left >= 0) & (segments.right >= 0) & (segments.left != segments.right)
        pairs = np.unique(np.stack([segments.left[shared], segments.right[shared]], axis=1), axis=0)
        out: dict[int, list[int]] = {}
        for level in range(len(tiling.levels)):
            above = tiling.ancestry[pairs, level]
            apart = (above >= 0).all(axis=1) & (above[:, 0] != above[:, 1])
            for a, b in np.unique(np.sort(above[apart], axis=1), axis=0).tolist():
                out.setdefault(a, []).append(b)
                out.setdefault(b, []).append(a)
        return {cell: np.array(sorted(set(others)), np.int64) for cell, others in out.items()}


@dataclass(frozen=True, eq=False)
class Homes:
    """The cells that the people of a book hold, in one edition.

    Attributes
    ----------
    book : Book
    borders : Borders
        Of the edition.
    local_level : str
        Who belongs to another cell of this level comes as mutual aid; "" for the level below the top (for
        the top where there are two).
    """

    book: Book
    borders: Borders
    local_level: str

    @property
    def tiling(self) -> Tiling:
        """The edition."""
        return self.borders.tiling

    @cached_property
    def _level(self) -> int:
        levels = self.tiling.levels
        if self.local_level in levels:
            return levels.index(self.local_level)
        return max(0, min(1, len(levels) - 2))

    @cached_property
    def held(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row of the book and position of the cell, for every cell held that is in the edition."""
        position = {int(key): i for i, key in enumerate(self.tiling.cells["id"])}
        at = np.array([position.get(int(cell), NOWHERE) for cell in self.book.held_cell], np.int64)
        return self.book.held_row[at >= 0], at[at >= 0]

    @cached_property
    def _area(self) -> NDArray[np.int64]:
        """For every cell held its ancestor on the local level, :data:`NOWHERE` for cells above it."""
        ancestry, out = self.tiling.ancestry, np.full(len(self.tiling.cells), NOWHERE, np.int64)
        for level in range(self._level, len(self.tiling.levels)):
            known = ancestry[:, level] >= 0
            out[ancestry[known, level]] = ancestry[known, self._level]
        return out[self.held[1]]

    def code(self, position: int) -> str:
        """Return the code of a cell."""
        return self._codes[position]

    def name(self, position: int) -> str:
        """Return the name of a cell, empty if it has none."""
        return self._names[position]

    @cached_property
    def _names(self) -> list[str]:
        return [str(name or "") for name in self.tiling.cells["name"]]

    @cached_property
    def _codes(self) -> list[str]:
        return [str(code) for code in self.tiling.cells["code"]]

    def leaf(self, lon: float, lat: float) -> int:
        """Return the leaf in which a place lies, -1 for none."""
        return int(self.tiling.index.leaf_of_one(lon, lat)[0])

    def kin(self, leaf: int) -> Kin:
        """Tell how everybody stands to a place; in no cell, everybody is local."""
        n = len(self.book)
        own, beside, local = (np.zeros(n, np.bool_) for _ in range(3))
        if leaf < 0:
            return Kin(own, beside, np.ones(n, np.bool_))
        for cell in self.path(leaf).tolist():
            own[self._holders.get(cell, _NOBODY)] = True
        for cell in self.beside(leaf).tolist():
            beside[self._holders.get(cell, _NOBODY)] = True
        area = int(self.tiling.ancestry[leaf, self._level])
        local[self._unattached] = True
        local[self._of_area.get(area, _NOBODY)] = True
        return Kin(own, beside & ~own, local | own)

    @cached_property
    def _holders(self) -> dict[int, NDArray[np.int64]]:
        """Who holds each cell."""
        row, cell = self.held
        return _grouped(cell, row)

    @cached_property
    def _of_area(self) -> dict[int, NDArray[np.int64]]:
        """Who belongs to each cell of the local level."""
        return _grouped(self._area, self.held[0])

    @cached_property
    def _unattached(self) -> NDArray[np.int64]:
        return np.setdiff1d(np.arange(len(self.book)), self.held[0])

    def beside(self, leaf: int) -> NDArray[np.int64]:
        """Return the positions of the cells that lie next to a leaf, or next to one above it."""
        near = [self.borders.beside.get(one) for one in self.path(leaf).tolist()]
        return np.concatenate([np.empty(0, np.int64), *(one for one in near if one is not None)])

    def path(self, leaf: int) -> NDArray[np.int64]:
        """Return the positions of a leaf and of the cells above it."""
        line = self.tiling.ancestry[leaf].astype(np.int64)
        known: NDArray[np.int64] = line[line >= 0]
        return known

    def cells_of(self, row: int) -> list[int]:
        """Return the positions of the cells that somebody holds."""
        return self._cells_by_row.get(row, [])

    @cached_property
    def _cells_by_row(self) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for row, cell in zip(*(part.tolist() for part in self.held), strict=True):
            out.setdefault(row, []).append(cell)
        return out

    def covered_by(self, free: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count, for each cell of the edition, the free people who hold it."""
        row, cell = self.held
        return np.bincount(cell[free[row]], minlength=len(self.tiling.cells))


def _grouped(key: NDArray[np.int64], value: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Return the values of each key from 0 up."""
    if not len(key):
        return {}
    order = np.argsort(key, kind="stable")
    keys, first = np.unique(key[order], return_index=True)
    parts = np.split(value[order], first[1:])
    return {int(one): part for one, part in zip(keys, parts, strict=True) if one >= 0}
