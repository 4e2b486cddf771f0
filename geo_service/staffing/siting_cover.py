"""Cover most: sites so that as much as can be is reached in time, once or twice (maximal covering)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo_service.staffing import siting_exact as exact
from geo_service.staffing import siting_kernels as kernels
from geo_service.staffing.siting_lists import Lists, alike
from geo_service.staffing.siting_search import Found

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CoverModel:
    """What each row is worth when it is covered; its cost is what is covered, negative.

    Attributes
    ----------
    lists : Lists
    first, second : (n,) float64
        Worth of being covered at all, and of being covered by two; the second is at most the first.
    state : (m,) int8
        1: must be open, 0: may be, -1: must not be.
    n_open : int
        Open sites in the end, with those that must be.
    """

    lists: Lists
    first: Floats
    second: Floats
    state: NDArray[np.int8]
    n_open: int

    @classmethod
    def of(
        cls, covers: csr_array, first: Floats, second: Floats, state: NDArray[np.int8], n_open: int
    ) -> "CoverModel":
        """Make the model of a matrix (rows, sites); rows with the same sites become one."""
        group = alike(covers, np.zeros(covers.shape[0], np.int64))
        _, at = np.unique(group, return_index=True)
        merged = covers[at]
        weights = [np.bincount(group, weights=worth, minlength=len(at)) for worth in (first, second)]
        some = np.diff(merged.indptr) > 0
        return cls(Lists.of(merged[some]), weights[0][some], weights[1][some], state, n_open)

    @property
    def entries(self) -> int:
        """How many ways a step of :meth:`bound` looks at."""
        return len(self.lists.site_row)

    @cached_property
    def is_whole(self) -> bool:
        """Whether every choice covers a whole number."""
        return all(bool((w == np.floor(w)).all()) and float(w.sum()) < 2**40 for w in self._worth)

    @property
    def _worth(self) -> tuple[Floats, Floats]:
        return self.first, self.second

    def cost(self, is_open: NDArray[np.bool_]) -> float:
        """Return what is covered, negative."""
        return -float(kernels.covered(self.lists.counts(is_open), self.first, self.second))

    def first_price(self) -> Floats:
        """Return half of what covering each row is worth, shared by those who could."""
        return 0.5 * self.first

    def bound(
        self, price: Floats, state: NDArray[np.int8], lean: Floats, *, goal: float, steps: int, agility: float
    ) -> tuple[float, Floats, Floats]:
        """Lift the lower bound by subgradient steps."""
        at, rows = self.lists.site_ptr, self.lists.site_row
        high, prices, worth = kernels.cover_dual(
            at, rows, self.first, self.second, price, state, self.n_open, -goal, steps, agility, lean
        )
        return -high, prices, worth

    def program(self, state: NDArray[np.int8]) -> exact.Program | None:
        """Return what is left to choose as a program for HiGHS."""
        return exact.most_covered(self.lists.matrix, self.first, self.second, state, self.n_open)

    def better(self, is_open: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:  # noqa: ARG002 - of models
        """Exchange sites as long as that covers more."""
        choice = is_open.copy()
        kernels.swap_covers(*self._arrays, choice, self.state, len(choice))
        return choice

    @property
    def _arrays(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], Floats, Floats]:
        own = self.lists
        return own.site_ptr, own.site_row, own.row_ptr, own.row_site, self.first, self.second

    def first_choice(self) -> Found:
        """Return a choice made greedily and bettered by exchanges."""
        choice = self.state > 0
        kernels.open_greedily(*self._arrays, choice, self.state, self.n_open - int(choice.sum()))
        choice = self.better(choice, 0)
        return Found(choice, self.cost(choice))
