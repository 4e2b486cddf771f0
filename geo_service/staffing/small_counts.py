"""Small counts kept back (小数保护): a published table or map says nothing of a handful of people.

A count from 1 to one below the limit is kept back. Alone among its siblings it could be had again from the
parent less the others, so a sibling is kept back with it, until what is missing from a shown parent is two
cells at least, the limit at least together, and more than one each (or each would be one). What is missing
below parents that are kept back themselves is held to the same: their sum is had from the first shown cell
above them, less all that is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def keep_back(
    counts: Sequence[ArrayLike],
    parents: Sequence[ArrayLike],
    *,
    smallest: int,
    besides: Sequence[Bools] | None = None,
) -> list[Bools]:
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
    besides : sequence of (n,) bool, optional
        What is kept back whatever its count.

    Returns
    -------
    list of (n,) bool
        From the top down.
    """
    out: list[Bools] = []
    above: Bools = np.zeros(0, np.bool_)
    shown_above: Ints = np.zeros(0, np.int64)  # of each cell of the level above: the first shown cell
    first = 0  # number of the level's first cell among those of all levels
    for at, (values, given) in enumerate(zip(counts, parents, strict=True)):
        count = np.nan_to_num(np.asarray(values, np.float64))
        parent = np.asarray(given, np.int64)
        hidden = (count > 0) & (count < smallest)
        if besides is not None:
            hidden |= besides[at]
        held = (parent >= 0) & (parent < len(above))
        secret = np.zeros(len(count), np.bool_)
        root = np.full(len(count), -1, np.int64)
        secret[held] = above[parent[held]]
        root[held] = shown_above[parent[held]]
        for family in _groups(parent):
            if secret[family[0]]:
                _hide_until(hidden, count, family, _has_two)
        for block in _groups(root):
            if hidden[block].any():
                _hide_until(hidden, count, block, lambda missing: _is_safe(missing, smallest))
        out.append(hidden)
        own = first + np.arange(len(count))
        shown_above = np.where(hidden, root, own)
        first += len(count)
        above = hidden
    return out


def _groups(key: Ints) -> list[Ints]:
    order = np.argsort(key, kind="stable")
    groups: list[Ints] = np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
    return [group for group in groups if len(group)]


def _hide_until(
    hidden: Bools, count: NDArray[np.float64], group: Ints, enough: Callable[[NDArray[np.float64]], bool]
) -> None:
    """Keep back more of a group until it is enough, the smallest first: as little as possible is lost."""
    willing = group[~hidden[group] & (count[group] > 0)]
    willing = willing[np.argsort(count[willing], kind="stable")]
    missing = count[group[hidden[group]]]
    for one in willing.tolist():
        if enough(missing):
            return
        hidden[one] = True
        missing = np.append(missing, count[one])


def _has_two(missing: NDArray[np.float64]) -> bool:
    return len(missing) >= 2


def _is_safe(missing: NDArray[np.float64], smallest: int) -> bool:
    """Tell whether the missing counts, of which the sum is known, say nothing of any of them."""
    total = float(missing.sum())
    return len(missing) >= 2 and total >= smallest and total > len(missing)


@dataclass(frozen=True)
class Side:
    """One of two towns shown side by side: as for :func:`keep_back`, and names of the cells of each level."""

    counts: Sequence[NDArray[np.float64]]
    parents: Sequence[Ints]
    names: Sequence[Sequence[str]]


def keep_back_beside(one: Side, other: Side, *, smallest: int) -> list[Bools]:
    """Return which counts of one are kept back when another is shown beside it.

    A cell of both sides whose counts differ by less than ``smallest`` tells of the few who were moved: it is
    kept back on both. What is kept back on one side is so on the other, which would tell it.
    """
    sides = (one, other)
    ends = [np.cumsum([len(values) for values in side.counts])[:-1] for side in sides]
    counts = [np.nan_to_num(np.concatenate(side.counts)) for side in sides]
    place = {name: i for i, name in enumerate(name for names in other.names for name in names)}
    flat = [name for names in one.names for name in names]
    mine = np.array([i for i, name in enumerate(flat) if name in place], np.int64)
    theirs = np.array([place[name] for name in flat if name in place], np.int64)
    apart = np.abs(counts[0][mine] - counts[1][theirs])
    secret = [np.zeros(len(values), np.bool_) for values in counts]
    both = (apart > 0) & (apart < smallest)
    while True:
        secret[0][mine] |= both
        secret[1][theirs] |= both
        found = [
            np.concatenate(
                keep_back(side.counts, side.parents, smallest=smallest, besides=np.split(known, at))
            )
            for side, known, at in zip(sides, secret, ends, strict=True)
        ]
        both = found[0][mine] | found[1][theirs]
        if np.array_equal(found[0][mine], both) and np.array_equal(found[1][theirs], both):
            return list(np.split(found[0], ends[0]))
        secret = found
