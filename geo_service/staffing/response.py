"""Figures of response: how long each phase took and which clocks were met, by group.

Counts and sums are exact; a rate or a quantile is never told without the count it rests on, and not at all
where that is smaller than :data:`FEW`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Below so many a share says nothing: the counts are shown alone.
FEW = 5
#: A moment that did not come.
NEVER = np.iinfo(np.int64).min

#: Phases: from one moment of a life to another.
SPANS: Mapping[str, tuple[str, str]] = {
    "accept": ("reported", "accepted"),
    "dispatch": ("accepted", "dispatched"),
    "arrive": ("dispatched", "arrived"),
    "handle": ("arrived", "handled"),
    "close": ("handled", "closed"),
    "report_to_arrive": ("reported", "arrived"),
    "report_to_handle": ("reported", "handled"),
    "report_to_close": ("reported", "closed"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Of each group how many were measured, and mean, median and 90th percentile; NaN for a group of none."""

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    median: NDArray[np.float64]
    p90: NDArray[np.float64]


def summarise(group: NDArray[np.int64], values: NDArray[np.float64], n_groups: int) -> Summary:
    """Summarise values by group; NaN is not measured.

    Quantiles are interpolated between the two nearest values (type 7 of Hyndman and Fan 1996, as numpy and
    pandas have it).

    Parameters
    ----------
    group : (n,) int64
        0 to ``n_groups - 1``.
    values : (n,) float64
    n_groups : int
    """
    known = np.isfinite(values)
    group, values = group[known], values[known]
    n = np.bincount(group, minlength=n_groups).astype(np.int64)
    start = np.cumsum(n) - n
    total = np.bincount(group, weights=values, minlength=n_groups)
    values = _within_groups(group, values)
    with np.errstate(invalid="ignore"):
        mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return Summary(n, mean, _quantile(values, start, n, 0.5), _quantile(values, start, n, 0.9))


def _within_groups(group: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values in order of group and value.

    Durations are whole microseconds: group and value fit one integer for millions of groups, and integers are
    sorted several times as fast as pairs.
    """
    micros = np.rint(values * 1e6)
    low, high = micros.min(initial=0.0), micros.max(initial=0.0)
    span = int(high - low) + 1
    whole = (micros / 1e6 == values).all()
    if not whole or (int(group.max(initial=0)) + 1) * span >= 2**62:
        return values[np.lexsort((values, group))]
    key = group * span + (micros - low).astype(np.int64)
    key.sort()
    return (key % span + low) / 1e6  # type: ignore[no-any-return]


def _quantile(
    values: NDArray[np.float64], start: NDArray[np.int64], n: NDArray[np.int64], share: float
) -> NDArray[np.float64]:
    if not len(values):
        return np.full(len(n), np.nan)
    place = np.maximum(n - 1, 0) * share
    low = np.floor(place).astype(np.int64)
    last = len(values) - 1
    below = values[np.minimum(start + low, last)]
    above = values[np.minimum(start + np.minimum(low + 1, np.maximum(n - 1, 0)), last)]
    return np.where(n > 0, below + (above - below) * (place - low), np.nan)


def seconds_between(start_us: NDArray[np.int64], end_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return seconds from one moment to another (microseconds), NaN where one never came."""
    known = (start_us != NEVER) & (end_us != NEVER)
    out = np.full(len(start_us), np.nan)
    out[known] = (end_us[known] - start_us[known]) / 1e6
    return out


def met(
    start_us: NDArray[np.int64],
    reached_us: NDArray[np.int64],
    due_us: NDArray[np.int64],
    limit_s: NDArray[np.int64],
    now_us: int,
) -> NDArray[np.int8]:
    """Tell of each clock whether it was met: 1 met, 0 missed or overdue, -1 not decided or off.

    Parameters
    ----------
    start_us, reached_us : (n,) int64
        When it started, and when what it waited for came; :data:`NEVER` if not.
    due_us : (n,) int64
        When a clock that runs will run out; :data:`NEVER` for others.
    limit_s : (n,) int64
    now_us : int
    """
    out = np.full(len(start_us), -1, np.int8)
    done = (start_us != NEVER) & (reached_us != NEVER)
    out[done] = reached_us[done] - start_us[done] <= limit_s[done] * 1_000_000
    out[~done & (due_us != NEVER) & (due_us < now_us)] = 0
    return out
