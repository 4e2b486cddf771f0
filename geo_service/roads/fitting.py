"""Truth: what the graph says against when people arrived, and speeds fitted to that.

An arrival is walks and *work* on classes of street (seconds at full speed). At a band of hours each class
has a slowness: how many real seconds a second of work takes. The fit finds slownesses, and a time to set
out, that explain the arrivals; where there are few of them it stays near the mean of all, and arrivals that
nothing explains (somebody stopped on the way) count little (Huber weights).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

LEAST, MOST = 0.25, 10.0
#: So many seconds of work must speak before a class leaves the common slowness by half.
TRUST_S = 1800.0
ROUNDS = 6
HUBER = 1.345


@dataclass(frozen=True, slots=True)
class Error:
    """How arrivals differ from what was told: seconds, late is positive.

    Attributes
    ----------
    n : int
        Arrivals.
    bias_s, spread_s : float
        Median, and the width of the middle half; NaN without any.
    ratio : float
        Median of real over told.
    within_fifth : float
        Share of those told right to a fifth.
    """

    n: int
    bias_s: float
    spread_s: float
    ratio: float
    within_fifth: float


def error_of(told_s: NDArray[np.float64], real_s: NDArray[np.float64]) -> Error:
    """Tell bias and spread of what was told."""
    if not len(told_s):
        return Error(0, np.nan, np.nan, np.nan, np.nan)
    late = real_s - told_s
    low, middle, high = np.percentile(late, [25, 50, 75])
    ratio = real_s / np.maximum(told_s, 1.0)
    near = np.abs(late) <= 0.2 * np.maximum(told_s, 1.0)
    return Error(len(told_s), float(middle), float(high - low), float(np.median(ratio)), float(near.mean()))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What explains the arrivals.

    Attributes
    ----------
    slowness : (classes, bands) float64
        Real seconds for a second of work.
    setout_s : float
        Before anybody moves.
    told_s : (n,) float64
        What the fit says of each arrival.
    """

    slowness: NDArray[np.float64]
    setout_s: float
    told_s: NDArray[np.float64]


def fit_slowness(
    work_s: NDArray[np.float64],
    band: NDArray[np.int64],
    walk_s: NDArray[np.float64],
    real_s: NDArray[np.float64],
    n_bands: int,
) -> Fit:
    """Fit slowness by class and band.

    Parameters
    ----------
    work_s : (n, classes) float64
        Work of each arrival on each class of street.
    band : (n,) int64
        Band of hours in which it fell.
    walk_s : (n,) float64
        On foot to the street and off it: not fitted.
    real_s : (n,) float64
        From setting out to arriving.
    n_bands : int

    Raises
    ------
    ValueError
        When there is no arrival.
    """
    n, classes = work_s.shape
    if n == 0:
        raise ValueError("no arrivals to fit to")
    columns = classes * n_bands
    wide = np.zeros((n, columns + 1))
    for c in range(classes):
        wide[np.arange(n), c * n_bands + band] = work_s[:, c]
    wide[:, columns] = 1.0
    target = real_s - walk_s
    common = _common(work_s.sum(axis=1), target)
    weight = 1.0 / np.maximum(walk_s + common * work_s.sum(axis=1), 30.0)
    # each unknown is held near the common slowness as if by TRUST_S seconds of work at the typical weight
    held = np.sqrt(TRUST_S * float(np.median(work_s.sum(axis=1)) + 1.0)) * float(np.median(weight))
    stay = np.eye(columns, columns + 1) * held
    robust = np.ones(n)
    low = np.r_[np.full(columns, LEAST), 0.0]
    high = np.r_[np.full(columns, MOST), 600.0]
    found = np.full(columns + 1, common)
    for _ in range(ROUNDS):
        scale = weight * np.sqrt(robust)
        rows = np.vstack([wide * scale[:, None], stay])
        values = np.r_[target * scale, np.full(columns, common * held)]
        found = lsq_linear(rows, values, bounds=(low, high)).x
        residual = np.abs(target - wide @ found) * weight
        typical = max(float(np.median(residual)) * 1.4826, 1e-6)
        robust = np.minimum(1.0, HUBER * typical / np.maximum(residual, 1e-12))
    slowness = found[:columns].reshape(classes, n_bands)
    return Fit(slowness, float(found[columns]), walk_s + wide @ found)


def _common(work_s: NDArray[np.float64], target_s: NDArray[np.float64]) -> float:
    """Return the slowness that explains the middle arrival."""
    moved = work_s > 1.0
    if not moved.any():
        return 1.0
    return float(np.clip(np.median(target_s[moved] / work_s[moved]), LEAST, MOST))
