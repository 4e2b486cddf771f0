"""What a division is worth: every figure taken from the pieces anew, not from what made it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from geo_service.geometry.pieces import NO_GROUP, Floats, Int32, Ints, Pieces, components

Band = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One division, and what it is worth; every figure is taken from the pieces anew.

    Attributes
    ----------
    assignment : (n,) int32
        Group of each piece; groups are numbered from the north-west, row by row, west to east.
    weights : (k,) int64
    area_m2, compactness : (k,) float64
        Land of each group, and its compactness after Polsby and Popper, 4πA/P², 1 for a circle.
    group_in_band : (k,) bool
    band : (low, high)
        The band asked for, or found for a count.
    contiguous : bool
        Every group hangs together over open borders.
    changed_share : float
        Share of the weight whose group is not the one that today's group goes on in; 0 without one today.
    along_line_share : float
        Share of the new borders that runs along streets and water.
    """

    assignment: Int32
    weights: Ints
    area_m2: Floats
    compactness: Floats
    group_in_band: NDArray[np.bool_]
    band: Band
    contiguous: bool
    changed_share: float
    along_line_share: float

    def __len__(self) -> int:
        """Count of groups."""
        return len(self.weights)

    @property
    def in_band(self) -> bool:
        """Every group is in the band."""
        return bool(self.group_in_band.all())

    @property
    def compactness_mean(self) -> float:
        """Mean over the groups."""
        return float(self.compactness.mean())


def sums(pieces: Pieces, group: Int32, count: int) -> tuple[Ints, Floats, Floats]:
    """Return weight, area and perimeter of each group."""
    weights = np.zeros(count, dtype=np.int64)
    np.add.at(weights, group, pieces.weight)
    area = np.bincount(group, pieces.area_m2, minlength=count)
    perimeter = np.bincount(group, pieces.perimeter_m, minlength=count)
    a, b = group[pieces.pairs[:, 0]], group[pieces.pairs[:, 1]]
    inner = a == b
    both = np.bincount(a[inner], pieces.border_m[inner], minlength=count)
    return weights, np.asarray(area, np.float64), np.asarray(perimeter - 2.0 * both, np.float64)


def measure(pieces: Pieces, assignment: ArrayLike, band: Band) -> Alternative:
    """Take all figures of a division, also of one that came from elsewhere.

    Parameters
    ----------
    assignment : (n,) array_like of int
        Groups 0 to k - 1, none empty.
    """
    pieces = pieces.with_empty_banks_joined()
    group = np.asarray(assignment, dtype=np.int32)
    count = int(group.max()) + 1
    weights, area, perimeter = sums(pieces, group, count)
    a, b = group[pieces.pairs[:, 0]], group[pieces.pairs[:, 1]]
    whole = components(len(pieces), pieces.pairs[(a == b) & ~pieces.barrier])
    cut = a != b
    cut_m = float(pieces.border_m[cut].sum())
    along_m = float(pieces.border_m[cut & (pieces.along_line | pieces.barrier)].sum())
    return Alternative(
        assignment=group,
        weights=weights,
        area_m2=area,
        compactness=4.0 * math.pi * area / np.maximum(perimeter**2, 1e-9),
        group_in_band=(weights >= band[0]) & (weights <= band[1]),
        band=band,
        contiguous=int(whole.max()) + 1 == count,
        changed_share=_changed_share(pieces, group, count),
        along_line_share=along_m / cut_m if cut_m > 0.0 else 1.0,
    )


def _changed_share(pieces: Pieces, group: Int32, count: int) -> float:
    """Share of the weight that leaves its group, each of today's going on in at most one, best matched."""
    held = pieces.current != NO_GROUP
    weight = pieces.weight[held].astype(np.float64)
    if not held.any() or weight.sum() == 0:
        return 0.0
    names, old = np.unique(pieces.current[held], return_inverse=True)
    common = np.zeros((len(names), count))
    np.add.at(common, (old, group[held]), weight)
    rows, columns = linear_sum_assignment(common, maximize=True)
    return float(1.0 - common[rows, columns].sum() / weight.sum())
