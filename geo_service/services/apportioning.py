"""Figures known for whole cells of one edition, shared out to the cells of another.

A cell's figure goes to the cells that hold its land now, by the share of its households, of its incidents or
of its land that each of them got. A cell without any households (incidents) is shared out by land. Parts are
whole thousandths that add up to the figure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.geometry.measure import area_m2
from geo_service.planning.carrying import divide_count
from geo_service.services.lineage import Weighted, lay_over, marks
from geo_service.services.tiling import Tiling

#: A figure is shared out in so many parts of one.
PARTS = 1000
_FINE = 1 << 40


class By(StrEnum):
    """What a figure is shared out by."""

    HOUSEHOLDS = "households"
    INCIDENTS = "incidents"
    LAND = "land"


@dataclass(frozen=True)
class Flows:
    """What went from the leaves of one edition to those of another, unchanged leaves and all.

    Attributes
    ----------
    old_leaf, new_leaf : (n,) int64
        In the order of each index; ``new_leaf`` -1: nobody's now.
    land_m2 : (n,) float64
    weight : (n,) float64
        Of the points that decide; 0 throughout where land does.
    """

    old_leaf: NDArray[np.int64]
    new_leaf: NDArray[np.int64]
    land_m2: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def between(cls, old: Tiling, new: Tiling, points: Weighted | None) -> "Flows":
        """Lay two editions over each other."""
        overlay = lay_over(old, new, [])
        had = overlay.old_leaf >= 0
        same_old, same_new = _unchanged(old, new)
        same_m2 = area_m2(old.cells["geom"].to_numpy()[old.leaves[same_old]])
        pieces = pd.DataFrame(
            {
                "old": np.concatenate((overlay.old_leaf[had], same_old)),
                "new": np.concatenate((overlay.new_leaf[had], same_new)),
                "land": np.concatenate((overlay.land_m2[had], same_m2)),
            }
        )
        if points is not None:
            before, _ = old.index.leaf_of(points.lonlat_deg)
            after, _ = new.index.leaf_of(points.lonlat_deg)
            counted = pd.DataFrame({"old": before, "new": after, "weight": points.weight})
            counted = counted[counted["old"] >= 0].astype({"old": np.int64, "new": np.int64})
            counted = counted.groupby(["old", "new"], as_index=False).sum()
            pieces = pieces.merge(counted, on=["old", "new"], how="outer")
        pieces = pieces.reindex(columns=["old", "new", "land", "weight"]).fillna(0.0)
        return cls(
            pieces["old"].to_numpy(dtype=np.int64),
            pieces["new"].to_numpy(dtype=np.int64),
            pieces["land"].to_numpy(dtype=np.float64),
            pieces["weight"].to_numpy(dtype=np.float64),
        )

    def of_cells(self, old: Tiling, old_level: str, new: Tiling, new_level: str) -> pd.DataFrame:
        """Return what went from each cell of a level to each of another: cell, row, land, weight.

        ``cell`` is the position among the old edition's cells, ``row`` the place among the cells of the new
        level, -1 for none.
        """
        cell = old.ancestry[:, old.levels.index(old_level)].astype(np.int64)
        row = np.append(new.group_of_leaf(new_level), -1)
        flows = pd.DataFrame(
            {
                "cell": cell[self.old_leaf],
                "row": row[self.new_leaf],
                "land": self.land_m2,
                "weight": self.weight,
            }
        )
        flows = flows[flows["cell"] >= 0]
        summed: pd.DataFrame = flows.groupby(["cell", "row"], as_index=False).sum()
        return summed[(summed["land"] > 0) | (summed["weight"] > 0)]


def shares(flows: pd.DataFrame, cells: Iterable[int]) -> dict[int, tuple[list[int], list[int]]]:
    """Return for each cell the rows that its figure goes to, and in what proportion."""
    out = {}
    groups = dict(iter(flows[flows["cell"].isin(list(cells))].groupby("cell")))
    for cell, group in groups.items():
        by = group["weight"] if group["weight"].sum() > 0 else group["land"]
        whole = float(by.sum())
        parts = [round(value / whole * _FINE) for value in by] if whole > 0 else [1] * len(by)
        out[int(str(cell))] = (group["row"].astype(int).tolist(), parts)
    return out


def share_out(count: int, rows: list[int], parts: list[int]) -> Mapping[int, int]:
    """Share a count out in thousandths that add up to it; rows that get nothing are left out."""
    divided = divide_count(count * PARTS, parts)
    return {row: part for row, part in zip(rows, divided, strict=True) if part}


def _unchanged(old: Tiling, new: Tiling) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the leaves that are the same in both, by their numbers in each."""
    place = {mark: k for k, mark in enumerate(marks(new))}
    pairs = [(k, place[mark]) for k, mark in enumerate(marks(old)) if mark in place]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
