"""Small counts kept back (小数保护): a published table or map says nothing of a handful of people.

A count from 1 to one below the limit is kept back. Alone among its siblings it could be had again from the
parent less the others, so a sibling is kept back with it, until what is missing from a shown parent is two
cells at least and the limit at least together.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]


def keep_back(counts: Sequence[ArrayLike], parents: Sequence[ArrayLike], *, smallest: int) -> list[Bools]:
    """Return which counts of each level are kept back.

    Parameters
    ----------
    counts : sequence of (n,) float
        One array a level, from the top down; NaN counts as 0. A parent's count is the sum of its children's,
        or more.
    parents : sequence of (n,) int
        For each level the number of each cell's parent on the level before; -1 for none (all of the first).
    smallest : int
        The smallest count that is told; 0 is always told.

    Returns
    -------
    list of (n,) bool
        From the top down.
    """
    out: list[Bools] = []
    above: Bools = np.zeros(0, np.bool_)
    for values, parent in zip(counts, parents, strict=True):
        count = np.nan_to_num(np.asarray(values, np.float64))
        hidden = (count > 0) & (count < smallest)
        _protect(hidden, count, np.asarray(parent, np.int64), above, smallest=smallest)
        out.append(hidden)
        above = hidden
    return out


def _protect(
    hidden: Bools, count: NDArray[np.float64], parent: NDArray[np.int64], above: Bools, *, smallest: int
) -> None:
    """Keep back more, family by family, until nothing kept back can be had from a sum."""
    order = np.argsort(parent, kind="stable")
    ends = np.flatnonzero(np.diff(parent[order])) + 1
    for family in np.split(order, ends):
        if not len(family):
            continue
        of = int(parent[family[0]])
        secret_parent = 0 <= of < len(above) and bool(above[of])
        here = hidden[family]
        if not here.any() and not secret_parent:
            continue
        # the smallest first: as little as possible is lost
        willing = family[~here & (count[family] > 0)]
        willing = willing[np.argsort(count[willing], kind="stable")].tolist()
        while willing and not _is_safe(count[family[hidden[family]]], smallest, secret_parent):
            hidden[willing.pop(0)] = True


def _is_safe(missing: NDArray[np.float64], smallest: int, secret_parent: bool) -> bool:
    """Tell whether a family's missing counts say nothing of any of them."""
    if secret_parent:
        return len(missing) > 0
    return len(missing) >= 2 and float(missing.sum()) >= smallest
