"""Least mean: sites so that the way of everybody together is as short as it can be (p-median)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geo_service.staffing import siting_exact as exact
from geo_service.staffing import siting_kernels_median as kernels
from geo_service.staffing.siting_search import Found

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MedianModel:
    """What each row pays for being served from each site.

    Attributes
    ----------
    pays : (m, n) float64
        Weight times way.
    state : (m,) int8
        1: must be open, 0: may be, -1: must not be.
    n_open : int
        Open sites in the end, with those that must be.
    """

    pays: Floats
    state: NDArray[np.int8]
    n_open: int

    @property
    def entries(self) -> int:
        """How many ways a step of :meth:`bound` looks at."""
        return self.pays.size

    @cached_property
    def is_whole(self) -> bool:
        """Whether every choice costs a whole number."""
        return bool((self.pays == np.floor(self.pays)).all()) and float(self.pays.max(axis=0).sum()) < 2**52

    def cost(self, is_open: NDArray[np.bool_]) -> float:
        """Return what everybody pays together."""
        return float(self.pays[is_open].min(axis=0).sum())

    def first_price(self) -> Floats:
        """Return what each row pays at the second cheapest site."""
        at = min(1, len(self.pays) - 1)
        return np.ascontiguousarray(np.partition(self.pays, at, axis=0)[at])

    def bound(
        self, price: Floats, state: NDArray[np.int8], lean: Floats, *, goal: float, steps: int, agility: float
    ) -> tuple[float, Floats, Floats]:
        """Lift the lower bound by subgradient steps."""
        return kernels.median_dual(self.pays, price, state, self.n_open, goal, steps, agility, lean)

    def program(self, state: NDArray[np.int8]) -> exact.Program | None:
        """Return what is left to choose as a program for HiGHS."""
        return exact.least_sum(self.pays, state, self.n_open)

    def better(self, is_open: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
        """Exchange sites as long as that lowers the cost."""
        choice = is_open.copy()
        kernels.substitute(self.pays, choice, self.state, seed, len(choice))
        return choice

    def first_choice(self) -> Found:
        """Return a choice made greedily and bettered by exchanges."""
        choice = self.state > 0
        kernels.open_cheapest(self.pays, choice, self.state, self.n_open - int(choice.sum()))
        choice = self.better(choice, 0)
        return Found(choice, self.cost(choice))
