"""First drafts of a division: METIS, today's groups, and the mending that makes either hang together.

Only :func:`mended` is trusted: whatever a draft looks like, it comes out with the wanted count of groups on
each bank, each hanging together over open borders.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pymetis
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order

from geo_service.geometry.pieces import NO_GROUP, Bools, Floats, Int32, Ints, Pieces, components

#: METIS is asked for several tolerances of balance (thousandths): a loose one cuts better, a tight one fits.
_TOLERANCES = (60, 30, 150, 15)
_MAX_TODAY = 4  # today's groups are a draft if there are at most so many times as many as are wanted
_ROOM = 4  # METIS is asked if there are so many pieces to a group, or more
_FINEST = 1000  # the dearest border in METIS' whole numbers


def metis_drafts(pieces: Pieces, bank: Int32, counts: Ints, cost: Floats, *, seed: int) -> Iterator[Int32]:
    """Yield drafts without end, one for each seed and tolerance.

    Parameters
    ----------
    pieces : Pieces
    bank : (n,) int32
        Bank of each piece.
    counts : (b,) int
        Groups wanted on each bank.
    cost : (m,) float64
        What it costs to cut along each pair's border, not negative.
    seed : int
    """
    banks = [
        _Bank.of(pieces, np.flatnonzero(bank == b), cost, count) for b, count in enumerate(counts.tolist())
    ]
    turn = 0
    while True:
        draft = np.zeros(len(pieces), dtype=np.int32)
        first = 0
        for part in banks:
            draft[part.own] = first + part.divide(seed * 1009 + turn, _TOLERANCES[turn % len(_TOLERANCES)])
            first += part.count
        yield mended(pieces, draft, bank, counts)
        turn += 1


def today(pieces: Pieces, bank: Int32, counts: Ints) -> Int32 | None:
    """Return today's groups as a draft, or None where there are none, or far too many."""
    if (pieces.current == NO_GROUP).all():
        return None
    whole = _whole_groups(pieces, pieces.current, bank)
    if int(whole.max()) + 1 > _MAX_TODAY * int(counts.sum()) + len(counts):
        return None
    return mended(pieces, pieces.current, bank, counts)


def mended(pieces: Pieces, draft: Int32, bank: Int32, counts: Ints) -> Int32:
    """Make every group hang together on one bank, and each bank have as many groups as wanted.

    Fragments and groups too many join the lightest neighbour, lightest first; where groups are missing, the
    heaviest is cut in two where its halves are most equal.

    Returns
    -------
    (n,) int32
        Groups 0 to k - 1, those of a bank consecutive.
    """
    group = _whole_groups(pieces, draft, bank)
    open_pairs = pieces.pairs[~pieces.barrier]
    out = np.zeros(len(pieces), dtype=np.int32)
    first = 0
    for b, count in enumerate(counts.tolist()):
        own = bank == b
        pairs = open_pairs[own[open_pairs[:, 0]]]
        part = _fewer(pieces.weight, np.where(own, group, NO_GROUP), pairs, count)
        part = _more(pieces.weight, part, pairs, count)
        out[own] = first + np.unique(part[own], return_inverse=True)[1]
        first += count
    return out


def _whole_groups(pieces: Pieces, draft: Int32, bank: Int32) -> Int32:
    """Part the groups of a draft into those that hang together."""
    same = (draft[pieces.pairs[:, 0]] == draft[pieces.pairs[:, 1]]) & ~pieces.barrier
    same &= bank[pieces.pairs[:, 0]] == bank[pieces.pairs[:, 1]]
    return components(len(pieces), pieces.pairs[same])


def _fewer(weight: Ints, group: Int32, pairs: Int32, count: int) -> Int32:
    """Merge the lightest group into its lightest neighbour until there are no more than ``count``."""
    group = group.copy()
    names = np.unique(group[group >= 0])
    total = np.bincount(group[group >= 0], weight[group >= 0], minlength=int(names[-1]) + 1)
    left = set(names.tolist())
    while len(left) > count:
        small = min(left, key=lambda name: (total[name], name))
        a, b = group[pairs[:, 0]], group[pairs[:, 1]]
        near = np.concatenate((b[(a == small) & (b != small)], a[(b == small) & (a != small)]))
        goal = min(set(near.tolist()), key=lambda name: (total[name], name))
        group[group == small] = goal
        total[goal] += total[small]
        left.remove(small)
    return group


def _more(weight: Ints, group: Int32, pairs: Int32, count: int) -> Int32:
    """Cut the heaviest group that has two pieces or more in two, until there are ``count``."""
    group = group.copy()
    while len(names := np.unique(group[group >= 0])) < count:
        held = group >= 0
        size = np.bincount(group[held], minlength=int(names[-1]) + 1)
        total = np.bincount(group[held], weight[held], minlength=int(names[-1]) + 1)
        heavy = max(
            (name for name in names.tolist() if size[name] > 1), key=lambda name: (total[name], -name)
        )
        own = np.flatnonzero(group == heavy)
        inside = (group[pairs[:, 0]] == heavy) & (group[pairs[:, 1]] == heavy)
        group[own[_half(weight[own], np.searchsorted(own, pairs[inside]))]] = int(names[-1]) + 1
    return group


def _half(weight: Ints, pairs: NDArray[np.intp]) -> Bools:
    """Choose about half the weight of pieces that hang together, so that both halves do: cut a tree."""
    n = len(weight)
    one = np.ones(len(pairs), dtype=np.int8)
    graph = csr_array(coo_array((one, (pairs[:, 0], pairs[:, 1])), shape=(n, n)))
    end = breadth_first_order(graph, 0, directed=False)[0][-1]  # far out, so that the tree is long
    order, above = breadth_first_order(graph, end, directed=False)
    below = weight.astype(np.int64)
    for node in order[:0:-1].tolist():
        below[above[node]] += below[node]
    off = np.abs(2 * below - below[end])
    off[end] = np.iinfo(np.int64).max
    top = int(np.argmin(off))
    inside = np.zeros(n, dtype=bool)
    inside[top] = True
    for node in order[1:].tolist():
        inside[node] |= inside[above[node]]
    return inside


@dataclass(frozen=True, slots=True)
class _Bank:
    """The pieces of one bank as METIS takes them, with whole numbers above 0 for the costs of cutting."""

    own: NDArray[np.intp]
    start: list[int]
    neighbour: list[int]
    cost: list[int]
    weight: list[int]
    count: int

    @classmethod
    def of(cls, pieces: Pieces, own: NDArray[np.intp], cost: Floats, count: int) -> "_Bank":
        pair = np.flatnonzero(~pieces.barrier & np.isin(pieces.pairs[:, 0], own))
        dear = float(cost[pair].max(initial=0.0)) or 1.0
        whole = np.maximum(1, np.rint(cost[pair] * (_FINEST / dear))).astype(np.int64)
        one, other = np.searchsorted(own, np.concatenate((pieces.pairs[pair], pieces.pairs[pair][:, ::-1]))).T
        graph = csr_array(coo_array((np.tile(whole, 2), (one, other)), shape=(len(own), len(own))))
        weight = pieces.weight[own]
        if weight.sum() == 0:
            weight = np.ones_like(weight)
        weight = weight // (int(weight.sum()) // 2**30 + 1)  # METIS sums in 32 bits
        return cls(
            own, graph.indptr.tolist(), graph.indices.tolist(), graph.data.tolist(), weight.tolist(), count
        )

    def divide(self, seed: int, tolerance: int) -> NDArray[np.int64]:
        """Divide into ``count`` parts; some may be empty or in fragments."""
        if self.count == 1 or len(self.own) < _ROOM * self.count:
            return np.zeros(len(self.own), dtype=np.int64)
        options = pymetis.Options(ufactor=tolerance, seed=seed % 2**31, contig=1)
        found = pymetis.part_graph(
            self.count,
            pymetis.CSRAdjacency(self.start, self.neighbour),
            eweights=self.cost,
            vweights=self.weight,
            recursive=False,
            options=options,
        )
        return np.asarray(found.vertex_part, dtype=np.int64)
