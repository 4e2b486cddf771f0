"""Compiled kernel of outlines: how far each point of a raster is from discs about some of them."""
# Arrays are handed over one by one: that is what the compiler makes fast code of.
# ruff: noqa: PLR0917

import numpy as np
from numpy.typing import NDArray

from geo_service.roads.compiled import Whole, compiled


@compiled
def lower_by_discs(
    column: NDArray[np.int64],
    row: NDArray[np.int64],
    radius_m: NDArray[np.float64],
    step: NDArray[np.int64],
    away_m: NDArray[np.float64],
    field: NDArray[np.float64],
) -> Whole:
    """Lower a field (rows, columns) to the signed distance from discs; return how many there are.

    ``step`` (k, 2) are the moves in x and y by which a disc reaches raster points, ``away_m`` (k,) how long
    they are. The discs keep off the border of the raster.
    """
    for i in range(column.size):
        x, y, radius = column[i], row[i], radius_m[i]
        for j in range(away_m.size):
            v, u = y + step[j, 1], x + step[j, 0]
            field[v, u] = min(field[v, u], away_m[j] - radius)
    return column.size
