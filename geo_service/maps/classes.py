"""Classes of values for a choropleth: quantiles, natural breaks, equal widths, or limits as given.

Written here because the usual library takes seconds to import; the tests hold it against that library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from branca.utilities import color_brewer
from numpy.typing import NDArray

from geo_service.errors import BadRequestError

PALETTES = {
    "YlGnBu",
    "YlOrRd",
    "PuBuGn",
    "OrRd",
    "Blues",
    "BuPu",
    "RdYlBu",
    "RdBu",
    "PuOr",
}  # safe for the colour-blind
_GROUPS = 600  # natural breaks lie between so many groups of neighbours: the cost grows with the square
_FEWEST, _MOST = 2, 9


class Method(StrEnum):
    """How values are put into classes."""

    QUANTILES = "quantiles"  # as many cells in each class
    FISHER_JENKS = "fisher_jenks"  # natural breaks: as little spread within the classes as can be
    EQUAL = "equal"  # classes of one width
    GIVEN = "given"  # limits stated by the caller


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes of values: ``breaks`` are upper limits, themselves included, and each has its colour."""

    method: Method
    lowest: float
    breaks: tuple[float, ...]
    colors: tuple[str, ...]


def classify(
    values: Sequence[float] | NDArray[np.float64],
    method: Method | str = Method.QUANTILES,
    *,
    count: int = 6,
    breaks: Sequence[float] | None = None,
    palette: str = "YlGnBu",
    reverse: bool = False,
) -> Classes:
    """Choose classes and colours for values.

    Parameters
    ----------
    values : sequence of float
        NaN and infinities are left out.
    method : Method
        :attr:`Method.GIVEN` takes ``breaks``.
    count : int
        Classes wanted, 2 to 9; fewer are made when there are fewer distinct values.
    breaks : sequence of float, optional
        Ascending upper limits for :attr:`Method.GIVEN`.
    palette : str
        ColorBrewer ramp, one of :data:`PALETTES`, from light to dark (``reverse``: from dark to light).

    Raises
    ------
    BadRequestError
        If method, palette or count is not known, or the limits do not ascend.
    """
    method = _known_method(method)
    if palette not in PALETTES:
        raise BadRequestError(f"palette must be one of {', '.join(sorted(PALETTES))}")
    if not _FEWEST <= count <= _MOST:
        raise BadRequestError(f"count of classes must be from {_FEWEST} to {_MOST}")
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    limits = _given(breaks) if method is Method.GIVEN else _limits(finite, method, count)
    colors = _colors(palette, len(limits))
    lowest = float(finite.min()) if len(finite) else 0.0
    return Classes(method, lowest, limits, colors[::-1] if reverse else colors)


def natural_breaks(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Upper limits of the classes with the least sum of squared deviations from their means.

    W. D. Fisher, "On grouping for maximum homogeneity", Journal of the American Statistical Association 53
    (1958), by dynamic programming over the distinct values in order: exact for up to 600 of them; more are
    first put into 600 groups of neighbours. ``count`` is at most the number of distinct values.
    """
    distinct, weight = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    middle = float(np.average(distinct, weights=weight))  # squares of small numbers keep their digits
    sums = np.stack([weight, weight * (distinct - middle), weight * (distinct - middle) ** 2])
    last = _last_of_each_group(weight)
    sums = np.concatenate([np.zeros((3, 1)), np.cumsum(sums, axis=1)[:, last]], axis=1)
    begins = _best_begins(sums, count)
    limits = np.empty(count)
    end = len(last)
    for k in range(count - 1, -1, -1):
        limits[k] = distinct[last[end - 1]]
        end = int(begins[k, end])
    return limits


def _last_of_each_group(weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """Last of each group of neighbours that are kept together: all apart, or so many groups of one weight."""
    if len(weight) <= _GROUPS:
        return np.arange(len(weight))
    number = (np.cumsum(weight) - 1) * _GROUPS // int(weight.sum())
    return np.flatnonzero(np.append(number[1:] != number[:-1], True))


def _best_begins(sums: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Begin of the last of k + 1 classes over the first so many groups; ``sums`` are cumulative moments."""
    groups = sums.shape[1] - 1
    best = np.full(groups + 1, np.inf)
    best[0] = 0.0
    begins = np.zeros((count, groups + 1), dtype=np.int64)
    for k in range(count):
        following = np.full(groups + 1, np.inf)
        for end in range(k + 1, groups + 1):
            held, total, square = sums[:, end, None] - sums[:, k:end]
            cost = best[k:end] + square - total**2 / held
            chosen = int(np.argmin(cost))
            following[end] = cost[chosen]
            begins[k, end] = k + chosen
        best = following
    return begins


def _known_method(method: Method | str) -> Method:
    """Find the method of that name."""
    try:
        return Method(method)
    except ValueError:
        raise BadRequestError(f"method must be one of {', '.join(Method)}") from None


def _given(breaks: Sequence[float] | None) -> tuple[float, ...]:
    """Limits as stated, if they ascend and there are colours for them."""
    limits = tuple(float(b) for b in breaks or ())
    ascend = all(a < b for a, b in pairwise(limits))
    if not _FEWEST <= len(limits) <= _MOST or not ascend or not np.isfinite(limits).all():
        raise BadRequestError(f"breaks must be {_FEWEST} to {_MOST} ascending upper limits")
    return limits


def _limits(finite: NDArray[np.float64], method: Method, count: int) -> tuple[float, ...]:
    """Upper limits of at most so many classes, none of them empty of distinct values."""
    distinct = np.unique(finite)
    if len(distinct) <= count:
        return tuple(float(v) for v in distinct)
    share = np.arange(1, count + 1) / count
    if method is Method.QUANTILES and (finite == distinct[0]).mean() > share[0]:
        # so many share the lowest value (no staff, no incident) that it is a class of its own
        above = finite[finite > distinct[0]]
        limits = np.append(distinct[0], np.quantile(above, np.arange(1, count) / (count - 1)))
    elif method is Method.QUANTILES:
        limits = np.quantile(finite, share)
    elif method is Method.EQUAL:
        limits = distinct[0] + share * (distinct[-1] - distinct[0])
    else:
        limits = natural_breaks(finite, count)
    if (distinct == np.floor(distinct)).all():
        limits = np.floor(limits)  # of whole numbers the same fall below; a legend of "5", not "5.2"
    return tuple(float(v) for v in np.unique(np.append(limits[:-1], distinct[-1])))


def _colors(palette: str, count: int) -> tuple[str, ...]:
    """So many colours of a ramp; of a short one the middle, which is neither paper nor ink."""
    if count == 0:
        return ()
    if count < 3:
        return tuple(color_brewer(palette, 5)[1 : 1 + 2 * count : 2])
    return tuple(color_brewer(palette, count))
