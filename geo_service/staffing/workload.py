"""How much work a cell is, as one figure, and how evenly the work is shared out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError

Figures = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class WorkloadWeights:
    """What each figure of a cell counts for in its workload.

    Attributes
    ----------
    share : mapping of str to float
        By the name of a figure, none negative, at least one above 0. Only their proportions matter.
    """

    share: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse weights that weigh nothing."""
        bad = [name for name, value in self.share.items() if not (np.isfinite(value) and value >= 0)]
        if bad or sum(self.share.values()) <= 0:
            fault = Fault("weights", "give numbers of 0 or more, at least one above 0", value=", ".join(bad))
            raise InvalidInputError("these weights do not make a workload", [fault])


#: Half for the people to call on, four tenths for what happens there, the rest for the land to walk.
STANDARD_WEIGHTS = WorkloadWeights(
    MappingProxyType({"households": 0.3, "residents": 0.2, "incidents_year": 0.4, "area_m2": 0.1})
)


def workload_index(
    figures: Figures, mean: Mapping[str, float], weights: WorkloadWeights = STANDARD_WEIGHTS
) -> NDArray[np.float64]:
    """Return the workload of each cell; 1 is the work of a mean cell.

    The weighted mean of each figure's ratio to its mean. A figure of which there is none at all (its mean is
    0) is left out, and its weight with it.

    Parameters
    ----------
    figures : mapping of str to (n,) float64
        One value for each cell.
    mean : mapping of str to float
        What counts as one: give the same means to two tilings that are to be compared.
    weights : WorkloadWeights

    Returns
    -------
    (n,) float64
        0 for a cell without any of the figures.
    """
    counted = {name: share for name, share in weights.share.items() if share > 0 and mean.get(name, 0.0) > 0}
    length = len(next(iter(figures.values()))) if figures else 0
    total = np.zeros(length)
    if not counted:
        return total
    for name, share in counted.items():
        total += share * figures[name] / mean[name]
    return total / sum(counted.values())


def means(figures: Figures) -> dict[str, float]:
    """Return the mean of each figure over the cells; 0 where there are no cells."""
    return {name: float(values.mean()) if len(values) else 0.0 for name, values in figures.items()}


def gini(values: ArrayLike) -> float:
    """Return how unequal shares are: 0 all alike, near 1 one has everything.

    G = Σ (2i - n - 1) x_i / (n Σ x) over the values in ascending order, i from 1: half the mean absolute
    difference of all pairs over the mean (C. Gini 1912; in this form P. M. Dixon et al., Bootstrapping the
    Gini coefficient of inequality, Ecology 68 (1987) 1548).

    Returns
    -------
    float
        In [0, 1 - 1/n]; 0 when there is nothing to share.

    Raises
    ------
    InvalidInputError
        A value is negative or not a number.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    if len(x) and not (np.isfinite(x).all() and x[0] >= 0):
        raise InvalidInputError("shares are 0 or more", [Fault("values", "give numbers of 0 or more")])
    total = float(x.sum())
    if total <= 0:
        return 0.0
    n = len(x)
    rank = 2.0 * np.arange(1, n + 1) - n - 1
    return max(float(rank @ x) / (n * total), 0.0)
