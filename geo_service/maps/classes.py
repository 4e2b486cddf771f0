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

PALETTES = {"YlGnBu", "YlOrRd", "PuBuGn", "OrRd", "Blues", "BuPu", "RdYlBu"}  # safe for the colour-blind
_SAMPLE = 600  # natural breaks are sought among so many quantiles: their cost grows with the square
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
    (1958), by dynamic programming over sorted values: exact, of order ``count · n²``.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ordered -= (middle := float(ordered.mean()))  # sums of squares of small numbers keep their digits
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    square = np.concatenate([[0.0], np.cumsum(ordered**2)])
    n = len(ordered)
    size = np.arange(n + 1)
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    begins = np.zeros((count, n + 1), dtype=np.int64)
    for k in range(count):
        following = np.full(n + 1, np.inf)
        for end in range(k + 1, n + 1):
            begin = size[k:end]
            within = square[end] - square[begin] - (total[end] - total[begin]) ** 2 / (end - begin)
            cost = best[begin] + within
            chosen = int(np.argmin(cost))
            following[end] = cost[chosen]
            begins[k, end] = begin[chosen]
        best = following
    limits = np.empty(count)
    end = n
    for k in range(count - 1, -1, -1):
        limits[k] = ordered[end - 1] + middle
        end = int(begins[k, end])
    return limits


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
    if method is Method.QUANTILES:
        limits = np.quantile(finite, share)
    elif method is Method.EQUAL:
        limits = distinct[0] + share * (distinct[-1] - distinct[0])
    else:
        many = len(finite) > _SAMPLE
        sample = np.quantile(finite, np.linspace(0, 1, _SAMPLE), method="nearest") if many else finite
        limits = natural_breaks(sample, count)
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
