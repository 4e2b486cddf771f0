"""Hot and cold spots: where a figure gathers more than chance would put there, cell by cell.

J. K. Ord and A. Getis, "Local spatial autocorrelation statistics: distributional issues and an application",
Geographical Analysis 27 (1995): G*ᵢ with weight 1 for a cell and each that shares an edge with it, as a
standard score. Fourteen thousand cells are fourteen thousand tests: Y. Benjamini and Y. Hochberg,
"Controlling the false discovery rate", Journal of the Royal Statistical Society B 57 (1995), tells which of
them still hold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.special import ndtr

from geo_service.errors import Fault, InvalidInputError, Words

#: Limits of q by which a spot is told, the surest last.
LIMITS = (0.1, 0.05, 0.01)
FEWEST_CELLS = 8


@dataclass(frozen=True, slots=True, eq=False)
class HotSpots:
    """What was found of each cell.

    Attributes
    ----------
    z : (n,) float64
        Standard score of G*; NaN where it has none (no figure, or all figures are the same).
    p : (n,) float64
        Of a score as far from 0 by chance, two-sided, from the normal distribution.
    q : (n,) float64
        Smallest false discovery rate at which the cell is still found.
    neighbours : (n,) int64
        Cells that share an edge with it and have a figure.
    """

    z: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    neighbours: NDArray[np.int64]

    @property
    def kind(self) -> NDArray[np.float64]:
        """3, 2, 1: hot with q at most 0.01, 0.05, 0.1; -1, -2, -3 cold likewise; 0 neither; NaN unknown."""
        surety = sum((self.q <= limit).astype(np.float64) for limit in LIMITS)
        return np.where(np.isnan(self.z), np.nan, np.sign(self.z) * surety)


def hot_spots(values: ArrayLike, pairs: ArrayLike) -> HotSpots:
    """Find hot and cold spots.

    Parameters
    ----------
    values : (n,) float
        A figure of each cell; NaN leaves the cell out, as if it were not there.
    pairs : (m, 2) int
        Cells that share an edge, each pair once or more, in either order; those with a negative are passed
        over.

    Raises
    ------
    InvalidInputError
        Fewer than eight cells have a figure: the score's distribution would not be known.
    """
    given = np.asarray(values, np.float64)
    there = np.isfinite(given)
    n = int(there.sum())
    if n < FEWEST_CELLS:
        words = Words(
            f"hot spots need {FEWEST_CELLS} cells with a figure; there are {n}",
            f"热点分析至少需要 {FEWEST_CELLS} 个有数据的网格，现有 {n} 个",
        )
        raise InvalidInputError(words, [Fault("level", words, value=n)])
    weights = _weights(there, np.asarray(pairs, np.int64).reshape(-1, 2))
    z = np.full(len(given), np.nan)
    z[there] = _scores(given[there], weights)
    p = np.where(np.isnan(z), np.nan, 2 * ndtr(-np.abs(z)))
    neighbours = np.zeros(len(given), np.int64)
    neighbours[there] = np.asarray(weights.sum(axis=1)).ravel().astype(np.int64) - 1
    return HotSpots(z, p, false_discovery_rate(p), neighbours)


def false_discovery_rate(p: ArrayLike) -> NDArray[np.float64]:
    """Return for each p the smallest rate of Benjamini and Hochberg that rejects it; NaN stays NaN."""
    given = np.asarray(p, np.float64)
    known = np.flatnonzero(~np.isnan(given))
    out = np.full(len(given), np.nan)
    order = known[np.argsort(given[known], kind="stable")]
    rate = given[order] * len(order) / np.arange(1, len(order) + 1)
    out[order] = np.minimum(np.minimum.accumulate(rate[::-1])[::-1], 1.0)
    return out


def _weights(there: NDArray[np.bool_], pairs: NDArray[np.int64]) -> csr_array:
    """Return 1 for each cell with a figure and itself, and for each two of them that share an edge."""
    number = np.cumsum(there) - 1
    usable = (pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])
    pairs = pairs[usable]
    pairs = number[pairs[there[pairs].all(axis=1)]]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    n = int(there.sum())
    touch = coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(n, n)).tocsr()
    touch.data[:] = 1.0  # a pair named twice touches once
    return (touch + eye_array(n, format="csr")).tocsr()


def _scores(values: NDArray[np.float64], weights: csr_array) -> NDArray[np.float64]:
    """Ord and Getis, equation 5, with weights of 0 and 1: their sum is that of their squares."""
    n = len(values)
    from_mean = values - values.mean()  # keeps the digits of figures that are all large
    spread = np.sqrt((from_mean**2).mean())
    if spread <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return np.full(n, np.nan)
    total = np.asarray(weights.sum(axis=1)).ravel()
    by_chance = spread * np.sqrt(np.maximum(total * (n - total), 0.0) / (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        score: NDArray[np.float64] = np.where(by_chance > 0, weights @ from_mean / by_chance, np.nan)
    return score
