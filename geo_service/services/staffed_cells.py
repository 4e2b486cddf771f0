"""Cells as a roster sees them: which lie in which, which hold what, which lie beside each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, ForbiddenError, Words
from geo_service.services import relations
from geo_service.services.tiling import Tiling
from geo_service.staffing.vacancies import StaffedCell


@dataclass(frozen=True)
class Cells:
    """The cells of an edition by their ids.

    Attributes
    ----------
    tiling : Tiling
        The edition.
    """

    tiling: Tiling

    @cached_property
    def rows(self) -> dict[int, dict[str, Any]]:
        """Level, code, name, kind and the id of the cell above (None: none) of each cell."""
        frame = self.tiling.cells
        columns = zip(
            frame["id"].tolist(),
            frame["level"].tolist(),
            frame["code"].tolist(),
            frame["name"].tolist(),
            frame["kind"].tolist(),
            frame["parent_id"].tolist(),
            strict=True,
        )
        return {
            int(key): {
                "level": level,
                "code": code,
                "name": name,
                "kind": kind,
                "parent": None if pd.isna(parent) else int(parent),
            }
            for key, level, code, name, kind, parent in columns
        }

    def named(self, cell_id: int) -> dict[str, Any]:
        """Return level, code and name of a cell."""
        row = self.rows[cell_id]
        return {name: row[name] for name in ("level", "code", "name")}

    def find(self, code: str, level: str | None = None) -> int:
        """Return the id of a cell.

        Raises
        ------
        NotFoundError
            There is none, or several levels have one.
        """
        return int(self.tiling.cells["id"].iloc[relations.find_cell(self.tiling, code, level)])

    def above(self, cell_id: int) -> list[int]:
        """Return the cells above a cell, the nearest first."""
        found: list[int] = []
        parent = self.rows[cell_id]["parent"]
        while parent is not None:
            found.append(parent)
            parent = self.rows[parent]["parent"]
        return found

    def within(self, roots: frozenset[int] | None) -> list[int]:
        """Return some cells and all below them, in the order of the edition; all cells for None."""
        if roots is None:
            return list(self.rows)
        inside = set(roots)
        by_depth = self.tiling.cells.sort_values("depth", kind="stable")
        for key, parent in zip(by_depth["id"].tolist(), by_depth["parent_id"].tolist(), strict=True):
            if parent in inside:
                inside.add(int(key))
        return [key for key in self.rows if key in inside]

    def seen(self, cell_id: int | None, scope: frozenset[int]) -> frozenset[int] | None:
        """Return what somebody looks at who sees a scope only (empty: everything); None: all cells.

        Raises
        ------
        ForbiddenError
            The cell lies outside.
        """
        if cell_id is None:
            return scope or None
        if scope and scope.isdisjoint({cell_id, *self.above(cell_id)}):
            raise ForbiddenError(
                Words("this key is for other cells", "此密钥不含这个网格"),
                [Fault("cell", Words("outside the cells of your key", "不在密钥范围内"))],
            )
        return frozenset({cell_id})

    def beside(self, cell_id: int) -> list[int]:
        """Return the neighbours of a cell on its level, the longest border first."""
        row = self.rows[cell_id]
        position = relations.find_cell(self.tiling, row["code"], row["level"])
        touching = relations.touches(self.tiling, position)
        return [self.find(one["code"], row["level"]) for one in touching]

    def staffed(self, cell_ids: Iterable[int]) -> list[StaffedCell]:
        """Return cells as needs see them."""
        return [
            StaffedCell(key, self.rows[key]["level"], self.rows[key]["kind"], tuple(self.above(key)))
            for key in cell_ids
        ]

    def holding(self, lonlat_deg: NDArray[np.float64]) -> list[list[int]]:
        """Return for each place the cells it lies in, the leaf first; none outside all cells."""
        leaf, _ = self.tiling.index.leaf_of(lonlat_deg)
        ids = self.tiling.leaf_ids
        return [
            [int(ids[at]), *self.above(int(ids[at]))] if at >= 0 else [] for at in np.asarray(leaf).tolist()
        ]
