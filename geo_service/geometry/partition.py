"""Draw for me: divide pieces into groups of a given weight that hang together, are compact, cut along lines.

How a division comes about:

1. barred borders part the land into *banks* (uninhabited ones go with a neighbour); the count of groups is
   shared out among them, so that each can be in the band (:func:`possible_counts` tells at once what can be);
2. first drafts: METIS (Karypis and Kumar 1998) on each bank, and today's groups where there are some; each is
   mended until every group hangs together and there are as many as wanted (:mod:`.partition_drafts`);
3. the best drafts are annealed, in short first and the best of them at length (:mod:`.partition_search`,
   :mod:`.partition_flips`), and measured by other means than those that made them.

The work is bounded by a number of steps, not by a clock: the same pieces, wishes and seed give the same
answer.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry.partition_measure import Alternative, Band, measure
from geo_service.geometry.partition_search import Progress, Search, cut_costs, numbered
from geo_service.geometry.pieces import NO_GROUP, Ints, Pieces

__all__ = [
    "Alternative",
    "Band",
    "Bank",
    "Counts",
    "measure",
    "merge_underloaded",
    "possible_counts",
    "split",
    "warm_up",
]

MAX_ALTERNATIVES = 10
#: Bands tried, narrowest first, where only a count is asked for: so much off the mean each way.
_WIDTHS = (0.1, 0.15, 0.2, 0.25, 0.33, 0.5)
_MAX_PLACES = 20


@dataclass(frozen=True, slots=True)
class Bank:
    """Pieces that hang together over open borders, and how many groups in the band they can make.

    Attributes
    ----------
    pieces : (p,) int
        Ascending.
    weight : int
    least, most : int
        Groups possible by weight; ``least > most`` if none are.
    place : (lon, lat)
        Middle of its pieces, EPSG:4326 degrees.
    reason : str
        Why it cannot be in the band, ``""`` if it can.
    """

    pieces: Ints
    weight: int
    least: int
    most: int
    place: tuple[float, float]
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many groups can be made: a range, and the banks it comes from."""

    least: int
    most: int
    banks: tuple[Bank, ...]

    @property
    def possible(self) -> bool:
        """Every bank can be in the band by its weight."""
        return not self.faults

    @property
    def faults(self) -> tuple[Fault, ...]:
        """One for each bank that cannot."""
        bad = [bank for bank in self.banks if bank.reason]
        return tuple(Fault("band", bank.reason, value=bank.weight, place=bank.place) for bank in bad)

    def __contains__(self, count: int) -> bool:
        """Tell whether a count can be."""
        return self.possible and self.least <= count <= self.most

    def __str__(self) -> str:
        """``possible: 9 to 13``."""
        return str(self.words)

    @property
    def words(self) -> Words:
        """The same in both languages."""
        if not self.possible:
            return Words("possible: none", "没有可行的个数")
        if self.least == self.most:
            return Words(f"possible: {self.least}", f"可以分成 {self.least} 个")
        return Words(f"possible: {self.least} to {self.most}", f"可以分成 {self.least} 到 {self.most} 个")


def possible_counts(pieces: Pieces, band: Band) -> Counts:
    """Tell how many groups of a band can be made, bank by bank.

    The range is what weights alone allow: no count outside it can be, and inside it only pieces too heavy to
    fit together stand in the way. It takes milliseconds.

    Raises
    ------
    InvalidInputError
        The band is not one, or there are no pieces.
    """
    low, high = _checked_band(band)
    if len(pieces) == 0:
        raise InvalidInputError("There are no pieces to divide.")
    pieces = pieces.with_empty_banks_joined()
    label = pieces.banks()
    banks = tuple(_bank(pieces, np.flatnonzero(label == b), low, high) for b in range(int(label.max()) + 1))
    return Counts(sum(bank.least for bank in banks), sum(bank.most for bank in banks), banks)


def _bank(pieces: Pieces, own: NDArray[np.intp], low: int, high: int) -> Bank:
    weights = pieces.weight[own]
    total, heaviest = int(weights.sum()), int(weights.max())
    least = max(1, math.ceil(total / high))
    most = min(total // low, int((weights > 0).sum())) if low > 0 else len(own)
    reason = ""
    where, where_zh = "the land", "这片土地"
    if len(own) < len(pieces):
        where, where_zh = f"land of {len(own):,} pieces that a barrier cuts off", "被屏障隔开的一片土地"
    if total < low:
        reason = Words(
            f"{where} holds {total:,} households, fewer than {low:,}: hand it over to the cell on its side, "
            "enter the crossing that leads there, or divide without a strict band (a group by itself)",
            f"{where_zh}只有 {total:,} 户，少于 {low:,} 户：可划给同侧的邻近网格，"
            "或登记通往那里的过境点，或不要求必须达标（它将单独成为一个户数不足的网格）",
        )
    elif heaviest > high:
        reason = Words(
            f"one piece alone holds {heaviest:,} households, more than {high:,}: "
            "widen the band, or part the piece",
            f"单独一块就有 {heaviest:,} 户，多于 {high:,} 户：请放宽户数区间，或先把这一块分开",
        )
    elif least > most:
        reason = Words(
            f"{where} holds {total:,} households, which no count of groups of {low:,} to {high:,} makes up",
            f"{where_zh}有 {total:,} 户，怎样都分不成每个 {low:,} 到 {high:,} 户的网格",
        )
    lon, lat = pieces.centroid_deg[own].mean(axis=0).tolist()
    return Bank(own.astype(np.int64), total, least, most, (lon, lat), reason)


def split(
    pieces: Pieces,
    *,
    count: int | None = None,
    band: Band | None = None,
    seed: int = 0,
    alternatives: int = 3,
    keep_lines: float = 0.0,
    along_lines: float = 0.15,
    strict: bool = True,
    effort: float = 1.0,
    progress: Progress | None = None,
) -> list[Alternative]:
    """Divide pieces into groups.

    Parameters
    ----------
    pieces : Pieces
    count : int, optional
        Groups wanted. Without it the count whose mean weight is nearest to the middle of the band.
    band : (low, high), optional
        Least and greatest weight of a group. Without it the narrowest about the mean in which the count can
        be.
    seed : int
        The same seed gives the same answer.
    alternatives : int
        At most so many different divisions, best first; fewer where there are no more.
    keep_lines : float
        0 draws afresh; 1 keeps today's borders wherever the band allows.
    along_lines : float
        0 looks at shapes alone; 1 follows streets and water where it can, at the cost of compactness.
    strict : bool
        Refuse what cannot be in the band by its weight. Otherwise such a bank is divided as nearly as can be,
        and ``group_in_band`` tells which groups are not.
    effort : float
        Steps of annealing, as a multiple of what the size of the task is given as a rule.
    progress : callable, optional
        Called with the share done, from time to time; it may raise to stop the work.

    Returns
    -------
    list of Alternative
        At least one: in the band if one in the band was found.

    Raises
    ------
    InvalidInputError
        What is asked for cannot be: says which counts can, or which land stands in the way.
    """
    _check_wishes(alternatives, keep_lines, along_lines, effort)
    if count is not None and count < 1:
        raise InvalidInputError(
            Words("The count is out of range.", "个数超出范围。"),
            [Fault("count", Words("must be 1 or more", "至少为 1"), value=count)],
        )
    if band is None:
        if count is None:
            raise InvalidInputError("Give a count, a band or both.")
        band = _band_for(pieces, count)
    pieces = pieces.with_empty_banks_joined()
    counts = possible_counts(pieces, band)
    shares = _shares(counts, count, _checked_band(band), strict=strict)
    bank = np.empty(len(pieces), dtype=np.int32)
    for number, one in enumerate(counts.banks):
        bank[one.pieces] = number
    cost = cut_costs(pieces, int(shares.sum()), keep_lines, along_lines)
    return Search(pieces, bank, shares, band, cost).run(seed, alternatives, effort, progress)


def _checked_band(band: Band) -> Band:
    low, high = band
    if not 0 <= low <= high or high == 0:
        raise InvalidInputError(
            Words("The band is not one.", "户数区间不对。"),
            [
                Fault(
                    "band",
                    Words("two numbers, 0 ≤ low ≤ high, high above 0", "下限不能大于上限，上限须大于 0"),
                    value=band,
                )
            ],
        )
    return int(low), int(high)


def _check_wishes(alternatives: int, keep_lines: float, along_lines: float, effort: float) -> None:
    faults = []
    if not 1 <= alternatives <= MAX_ALTERNATIVES:
        faults.append(
            Fault(
                "alternatives",
                Words(f"must be from 1 to {MAX_ALTERNATIVES}", f"须为 1 到 {MAX_ALTERNATIVES}"),
                value=alternatives,
            )
        )
    for name, value in (("keep_lines", keep_lines), ("along_lines", along_lines)):
        if not 0.0 <= value <= 1.0:
            faults.append(Fault(name, "must be from 0 to 1", value=value))
    if not 0.0 < effort <= 100.0:
        faults.append(Fault("effort", "must be above 0 and at most 100", value=effort))
    if faults:
        raise InvalidInputError(Words("What is wished for is out of range.", "所填数值超出范围。"), faults)


def _band_for(pieces: Pieces, count: int) -> Band:
    """Return the narrowest band about the mean in which a count can be, else the widest tried."""
    mean = float(pieces.weight.sum()) / count
    band = (0, 1)
    for width in _WIDTHS:
        band = math.floor(mean * (1.0 - width)), max(1, math.ceil(mean * (1.0 + width)))
        if len(pieces) and count in possible_counts(pieces, band):
            break
    return band


def _shares(counts: Counts, count: int | None, band: Band, *, strict: bool) -> Ints:
    """Share a count of groups out among the banks, in proportion to weight as nearly as the band allows."""
    if strict and not counts.possible:
        raise InvalidInputError(
            Words(
                f"Groups of {band[0]:,} to {band[1]:,} households are not possible.",
                f"分不出每个 {band[0]:,} 到 {band[1]:,} 户的网格。",
            ),
            counts.faults[:_MAX_PLACES],
        )
    size = np.array([len(bank.pieces) for bank in counts.banks])
    weight = np.array([bank.weight for bank in counts.banks], dtype=np.float64)
    low = np.array([bank.least for bank in counts.banks])
    high = np.array([max(bank.least, bank.most) if not bank.reason else bank.least for bank in counts.banks])
    low, high = np.minimum(low, size), np.minimum(high, size)
    middle = max(1.0, (band[0] + band[1]) / 2.0)
    mean = middle if count is None else max(weight.sum() / count, 1e-9)
    share = np.clip(np.rint(weight / mean).astype(np.int64), low, high)
    if count is None:
        return share
    if not strict:
        low, high = np.ones_like(low), size
    if not low.sum() <= count <= high.sum():
        message = Counts(int(low.sum()), int(high.sum()), ()).words
        raise InvalidInputError(
            Words(
                f"{count} groups of {band[0]:,} to {band[1]:,} households are not possible; {message}.",
                f"分不成 {count} 个每个 {band[0]:,} 到 {band[1]:,} 户的网格；{message.zh}。",
            ),
            [Fault("count", message, value=count)],
        )
    while (step := int(np.sign(count - share.sum()))) != 0:
        free = np.flatnonzero(share < high if step > 0 else share > low)
        load = weight[free] / (share[free] + max(step, 0))  # mean weight of the groups where one more came
        share[free[np.argmax(load) if step > 0 else np.argmin(weight[free] / share[free])]] += step
    return share


def merge_underloaded(pieces: Pieces, band: Band, *, within: ArrayLike | None = None) -> Alternative:
    """Merge neighbours until as few groups as can be are below the band: here the pieces are whole cells.

    The lightest cell below the band joins the neighbour with which the two are in the band, else lightest;
    of equals the one with the longest common border. Nothing grows beyond the band, and nothing crosses a
    barrier. What no neighbour can take stays as it is: ``group_in_band`` tells which.

    Parameters
    ----------
    within : (n,) array_like of int, optional
        Parent of each cell: only children of one parent merge.
    """
    low, high = _checked_band(band)
    if len(pieces) == 0:
        raise InvalidInputError("There are no cells to merge.")
    pieces = pieces.with_empty_banks_joined()
    parent = np.zeros(len(pieces), np.int64) if within is None else np.asarray(within, dtype=np.int64)
    a, b = pieces.pairs.T
    free = ~pieces.barrier & (parent[a] == parent[b])
    beside: list[dict[int, float]] = [{} for _ in range(len(pieces))]
    for one, other, length in zip(
        a[free].tolist(), b[free].tolist(), pieces.border_m[free].tolist(), strict=True
    ):
        beside[one][other] = beside[other][one] = length
    total = dict(enumerate(pieces.weight.tolist()))
    group = np.arange(len(pieces), dtype=np.int32)
    waiting = {cell for cell, weight in total.items() if weight < low}
    while waiting:
        small = min(waiting, key=lambda cell: (total[cell], cell))
        fits = [cell for cell in beside[small] if total[cell] + total[small] <= high]
        if not fits:
            waiting.remove(small)
            continue
        goal = min(
            fits, key=lambda cell: (total[cell] + total[small] < low, total[cell], -beside[small][cell], cell)
        )
        for other, length in beside[small].items():
            del beside[other][small]
            if other != goal:
                beside[goal][other] = beside[other][goal] = beside[goal].get(other, 0.0) + length
        beside[small] = {}
        total[goal] += total.pop(small)
        group[group == small] = goal
        waiting.discard(small)
        if total[goal] >= low:
            waiting.discard(goal)
        else:
            waiting.add(goal)
    return measure(pieces, numbered(pieces, np.unique(group, return_inverse=True)[1].astype(np.int32)), band)


def warm_up() -> None:
    """Have the kernels compiled: divide a row of six pieces in two."""
    count = 6
    along = np.arange(count - 1, dtype=np.int32)
    row = Pieces(
        weight=np.ones(count, np.int64),
        area_m2=np.ones(count),
        perimeter_m=np.full(count, 4.0),
        pairs=np.stack([along, along + 1], axis=1),
        border_m=np.ones(count - 1),
        barrier=np.zeros(count - 1, np.bool_),
        along_line=np.zeros(count - 1, np.bool_),
        current=np.full(count, NO_GROUP, np.int32),
        centroid_deg=np.stack([0.001 * np.arange(count), np.zeros(count)], axis=1),
    )
    split(row, count=2, alternatives=1)
