"""The search for the best division: many drafts are annealed in short, the best of them at length.

Where a draft places its groups decides more than how long it is annealed: the ends of short runs lie farther
apart than the ends of a short run and of a long one. So a small task sends out *scouts* first, and goes on,
warm instead of hot, from the best places they found.
"""

import math
from collections.abc import Callable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from geo_service.geometry import partition_flips
from geo_service.geometry.partition_drafts import metis_drafts, today
from geo_service.geometry.partition_measure import Alternative, Band, measure, sums
from geo_service.geometry.pieces import NO_GROUP, Floats, Int32, Ints, Pieces

Progress = Callable[[float], None]
_Met = tuple[int, float, Int32]  # groups out of the band, cost, division

_OFF_LINE = 1.5  # what it costs, at along_lines = 1, to cut only where no line runs, for each group
_OFF_TODAY = 3.0  # what it costs, at keep_lines = 1, to cut none of today's borders, for each group
_BALANCE = 0.3
#: Hotter frays the groups, and cooling takes too long; colder changes nothing more. What scouts found is kept
#: below the warmth.
_HOT, _WARM, _COLD = 0.012, 0.005, 0.001
_STEPS_A_PIECE = 1200
_MIN_STEPS, _MAX_STEPS = 60_000, 6_000_000  # for a run; for all runs together
_SMALL = 5_000  # up to so many pieces scouts are sent, and one more division is made than is asked for
_SCOUTS, _SCOUT_SHARE = 12, 0.125  # how many; steps of each, as a share of a run's
_STRETCHES = 8


class Search:
    """Pieces made ready for annealing: borders by piece, costs of cutting, targets."""

    def __init__(self, pieces: Pieces, bank: Int32, shares: Ints, band: Band, cost: Floats) -> None:
        self.pieces, self.bank, self.shares, self.band, self.cost = pieces, bank, shares, band, cost
        self.target = np.repeat(np.bincount(bank, pieces.weight, minlength=len(shares)) / shares, shares)
        self.borders = pieces.borders()
        # of one layout, writeable: for any other the kernel would be compiled once more
        self.weight = np.array(pieces.weight, dtype=np.int64, order="C")
        self.area_m2 = np.array(pieces.area_m2, dtype=np.float64, order="C")
        self.perimeter_m = np.array(pieces.perimeter_m, dtype=np.float64, order="C")

    def run(
        self, seed: int, alternatives: int, effort: float, progress: Progress | None
    ) -> list[Alternative]:
        """Draft, anneal the best drafts, and return the best of what came out, each once."""
        tell = progress or (lambda _share: None)
        tell(0.0)
        free = len(self.target) > len(self.shares)  # else each bank is a group
        small = free and len(self.pieces) <= _SMALL
        runs = alternatives + (len(self.pieces) <= _SMALL) if free else 1
        size = len(self.pieces) * _STEPS_A_PIECE * effort
        steps = min(max(size, _MIN_STEPS * effort), _MAX_STEPS * effort / runs)
        found, hot = self._drafts(seed, max(runs, _SCOUTS) if small else runs), _HOT
        tell(0.1)
        if small:
            scouts = [
                self._improved(group, (seed, k), steps * _SCOUT_SHARE, hot) for k, group in enumerate(found)
            ]
            tell(0.4)
            found, hot = [group for _, _, group in sorted(scouts, key=_order)], _WARM
        begun = 0.4 if small else 0.1
        done: dict[bytes, _Met] = {}
        for k in range(runs):

            def told(share: float, k: int = k) -> None:
                tell(begun + (1.0 - begun) * (k + share) / runs)

            outside, cost, group = self._improved(
                found[k % len(found)], (seed, _SCOUTS + k), steps, hot, told
            )
            numbered_group = numbered(self.pieces, group)
            done.setdefault(numbered_group.tobytes(), (outside, cost, numbered_group))
        ranked = sorted(done.values(), key=_order)
        return [measure(self.pieces, group, self.band) for _, _, group in ranked[:alternatives]]

    def _drafts(self, seed: int, wanted: int) -> list[Int32]:
        """Return the best first drafts, at most so many; today's among them if lines are kept."""
        count = min(max(2, 40_000 // max(1, len(self.pieces))), 2 * wanted) if wanted > 1 else 1
        least = min(0.0, float(self.cost.min(initial=0.0)))
        dear = self.cost - least + _border_shares(self.pieces, len(self.target))  # short borders are compact
        drafts = list(islice(metis_drafts(self.pieces, self.bank, self.shares, dear, seed=seed), count))
        drafts.sort(key=self._worth)
        kept = today(self.pieces, self.bank, self.shares)
        if kept is not None and least < 0.0:  # today's borders are worth keeping
            drafts.insert(0, kept)
        return drafts[:wanted]

    def _improved(
        self, draft: Int32, seed: tuple[int, int], steps: float, hot: float, told: Progress | None = None
    ) -> _Met:
        """Anneal a division from ``hot`` to cold, and return the best one met."""
        group = draft.copy()
        state = np.array([(seed[0] * 1_000_003 + seed[1] + 1) % 2**64], dtype=np.uint64)
        best = (*self._worth(group), draft)
        cooling = (_COLD / hot) ** (1.0 / _STRETCHES)
        for turn in range(_STRETCHES):
            warmth = hot * cooling**turn
            met = self._anneal(group, warmth, warmth * cooling, max(1, round(steps / _STRETCHES)), state)
            if (worth := self._worth(met)) < best[:2]:
                best = (*worth, met)
            if told is not None:
                told((turn + 1) / _STRETCHES)
        return best

    def _anneal(self, group: Int32, hot: float, cold: float, steps: int, state: NDArray[np.uint64]) -> Int32:
        """Go on from a division, in place, for one stretch of the cooling; return the best one met."""
        p, b = self.pieces, self.borders
        best, _, _ = partition_flips.anneal(
            b.ptr,
            b.neighbour,
            p.border_m[b.pair].astype(np.float64, copy=False),
            self.cost[b.pair],
            ~p.barrier[b.pair],
            self.weight,
            self.area_m2,
            self.perimeter_m,
            group,
            self.target,
            self.band[0],
            self.band[1],
            _BALANCE,
            hot,
            cold,
            steps,
            state,
        )
        return best

    def _worth(self, group: Int32) -> tuple[int, float]:
        """Return how many groups are out of the band, and the cost: what annealing lowers."""
        weights, area, perimeter = sums(self.pieces, group, len(self.target))
        shape = 1.0 - 4.0 * math.pi * area / np.maximum(perimeter**2, 1e-9)
        off = (weights - self.target.mean()) / max(1.0, float(self.target.mean()))
        a, b = self.pieces.pairs.T
        cut = float(self.cost[group[a] != group[b]].sum())
        outside = int(((weights < self.band[0]) | (weights > self.band[1])).sum())
        return outside, float(shape.sum() + _BALANCE * (off * off).sum()) + cut


def _order(met: _Met) -> tuple[int, float, bytes]:
    """Best first, the same way every time."""
    return met[0], met[1], met[2].tobytes()


def cut_costs(pieces: Pieces, count: int, keep_lines: float, along_lines: float) -> Floats:
    """Return what it costs to cut along each pair's border.

    Off the lines by length; today's borders are paid back, and others charged, as much as they are to be
    kept.
    """
    share = _border_shares(pieces, count)
    a, b = pieces.current[pieces.pairs[:, 0]], pieces.current[pieces.pairs[:, 1]]
    known = (a != NO_GROUP) & (b != NO_GROUP)
    keep = np.where(known, np.where(a != b, -1.0, 1.0), 0.0)
    off_line = ~(pieces.along_line | pieces.barrier)
    cost = share * (_OFF_LINE * along_lines**2 * off_line + _OFF_TODAY * keep_lines * keep)
    return np.asarray(cost, dtype=np.float64)


def _border_shares(pieces: Pieces, count: int) -> Floats:
    """Return the length of each pair's border as a share of half a hexagon's, ``count`` equal ones."""
    hexagon_m = 1.861 * math.sqrt(float(pieces.area_m2.sum()) / count)
    return np.asarray(pieces.border_m / max(hexagon_m, 1e-9), dtype=np.float64)


def numbered(pieces: Pieces, group: Int32) -> Int32:
    """Renumber groups from the north-west: in rows as high as a group is wide, each from west to east."""
    count = int(group.max()) + 1
    size = np.bincount(group, pieces.area_m2 + 1e-9, minlength=count)
    lon, lat = (
        np.bincount(group, pieces.centroid_deg[:, axis] * (pieces.area_m2 + 1e-9), minlength=count) / size
        for axis in (0, 1)
    )
    height = max(float(np.ptp(pieces.centroid_deg[:, 1])) / max(1.0, math.sqrt(count)), 1e-12)
    row = np.floor((pieces.centroid_deg[:, 1].max() - lat) / height)
    rank = np.empty(count, dtype=np.int32)
    rank[np.lexsort((-lat, lon, row))] = np.arange(count, dtype=np.int32)
    return rank[group]
