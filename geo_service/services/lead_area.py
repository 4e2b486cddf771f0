"""What somebody who leads looks at: the whole town, a cell, or the cells that his key is for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.services.staffed_cells import Cells
from geo_service.services.tiling import Tiling


@dataclass(frozen=True, eq=False)
class Area:
    """Cells of an edition that are looked at together.

    Attributes
    ----------
    cells : Cells
        All cells of the edition.
    roots : frozenset of int
        Ids of the cells at which it begins; empty: the whole town.
    inside : (leaves,) bool
        Which leaves lie in it, in the order of the index.
    """

    cells: Cells
    roots: frozenset[int]
    inside: NDArray[np.bool_]

    @property
    def tiling(self) -> Tiling:
        """The edition."""
        return self.cells.tiling

    @property
    def roots_or_all(self) -> frozenset[int] | None:
        """The roots as the roster's services take them: None for the whole town."""
        return self.roots or None

    def total(self, leaf_values: NDArray[np.float64]) -> float:
        """Return the sum of some values of leaves over the area."""
        return float(leaf_values[self.inside].sum())

    def levels(self) -> list[str]:
        """Return the levels that have cells in it, the top first."""
        known = list(self.tiling.levels)
        top = max((known.index(self.cells.rows[key]["level"]) for key in self.roots), default=0)
        return known[top:]

    def rows_at(self, level: str) -> NDArray[np.int64]:
        """Return which rows of ``at_level`` lie in it, in their order."""
        group = self.tiling.group_of_leaf(level)[self.inside]
        return np.unique(group[group >= 0]).astype(np.int64)

    def told(self) -> dict[str, Any]:
        """Return level, code and name with the cells above, the top first; of the whole town its own."""
        if len(self.roots) != 1:
            tops = self.tiling.cells[self.tiling.cells["level"] == self.tiling.levels[0]]
            name = str(tops["name"].iloc[0]) if len(tops) == 1 and not self.roots else ""
            return {"level": None, "code": None, "name": name, "path": [], "cells": len(self.roots)}
        (key,) = self.roots
        return {
            **self.cells.named(key),
            "path": [self.cells.named(one) for one in [*self.cells.above(key)[::-1], key]],
            "cells": 1,
        }


def area_of(cells: Cells, code: str | None, level: str | None, scope: frozenset[int]) -> Area:
    """Return the area of a cell, or without a code all that a scope sees (empty: everything).

    Raises
    ------
    NotFoundError
        There is no such cell, or several levels have one of this code.
    ForbiddenError
        The cell lies outside the scope.
    """
    seen = cells.seen(None if code is None else cells.find(code, level), scope) or frozenset()
    tiling = cells.tiling
    known = frozenset(key for key in seen if key in cells.rows)
    if seen and not known:  # the cells of the key are no more
        return Area(cells, seen, np.zeros(len(tiling.leaves), np.bool_))
    below = [key for root in known for key in tiling.ids_below(root)]
    inside = np.isin(tiling.leaf_ids, below) if known else np.ones(len(tiling.leaves), np.bool_)
    return Area(cells, known, inside)
