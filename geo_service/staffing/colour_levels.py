"""Colour levels of patrol units (橙蓝青): a few carry most of the incidents, and are patrolled accordingly.

Of a period the units are put in order of their incidents. The first that together hold half of all are
orange (橙, strongest patrol), the next up to four fifths blue (蓝), all others cyan (青). It is the ABC
analysis of stores, after V. Pareto; a unit is a cell, never a person.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError, Words

CYAN, BLUE, ORANGE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class ColourRule:
    """When a unit has which colour.

    Attributes
    ----------
    orange, blue : float
        Share of all incidents that orange ones hold, and orange and blue ones together.
    fewest : int
        With fewer incidents in the period a unit is cyan, whatever its rank.

    Raises
    ------
    InvalidInputError
        The shares do not ascend between 0 and 1.
    """

    orange: float = 0.5
    blue: float = 0.8
    fewest: int = 2

    def __post_init__(self) -> None:
        """Refuse a rule that cannot be."""
        if not 0 < self.orange < self.blue < 1 or self.fewest < 0:
            words = Words("shares must ascend between 0 and 1", "比例须在 0 与 1 之间递增")
            raise InvalidInputError(words, [Fault("rule", words)])


STANDARD_RULE = ColourRule()


def colour_levels(counts: ArrayLike, rule: ColourRule = STANDARD_RULE) -> NDArray[np.int8]:
    """Return the colour of each unit: 3 orange, 2 blue, 1 cyan.

    Parameters
    ----------
    counts : (n,) float
        Incidents of the period.
    rule : ColourRule

    Notes
    -----
    Units with as many incidents have the same colour: the one that holds the first of them.
    """
    given = np.nan_to_num(np.asarray(counts, np.float64))
    distinct, inverse = np.unique(-given, return_inverse=True)
    held = np.bincount(inverse.ravel(), weights=given, minlength=len(distinct))
    total = held.sum()
    if total <= 0:
        return np.full(len(given), CYAN, np.int8)
    before = (np.cumsum(held) - held) / total
    level = np.where(before < rule.orange, ORANGE, np.where(before < rule.blue, BLUE, CYAN))
    level[(-distinct < rule.fewest) | (distinct == 0)] = CYAN
    out: NDArray[np.int8] = level.astype(np.int8)[inverse.ravel()]
    return out


def history(counts: ArrayLike, rule: ColourRule = STANDARD_RULE) -> NDArray[np.int8]:
    """Return the colours of several periods, (periods, n), each by its own incidents."""
    given = np.asarray(counts, np.float64)
    return np.stack([colour_levels(one, rule) for one in given]) if len(given) else given.astype(np.int8)


def steps_changed(levels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return how often each unit changed its colour from one period to the next."""
    changed: NDArray[np.int64] = (np.diff(levels, axis=0) != 0).sum(axis=0).astype(np.int64)
    return changed
