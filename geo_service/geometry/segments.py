"""Undirected boundary segments with the cell on either side: what a fabric gives and an index takes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Segments:
    """Each boundary segment of a tiling once, in lattice units, with the cells to its left and right.

    ``(ax, ay)`` precedes ``(bx, by)`` lexicographically; left and right are seen going from a to b.

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
