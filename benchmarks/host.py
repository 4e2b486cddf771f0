"""The machine under a run: what the host that carries it took away, second by second."""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: A second in which the host takes more than this share of all processors disturbs: that second, the one
#: before it and the three after it are not the service's own.
DISTURBS = 0.02
AFTER_S, BEFORE_S = 3.0, 1.0


@dataclass
class Host:
    """Reads /proc/stat once a second while it is watched."""

    moments: list[float] = field(default_factory=list)
    ticks: list[NDArray[np.int64]] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            self.moments.append(time.monotonic())
            self.ticks.append(_ticks())
            await asyncio.sleep(1)

    def took_away(self) -> float:
        """Share of the processor time that was wanted."""
        spent = self.ticks[-1] - self.ticks[0]
        return float(spent[-1] / max(1, spent.sum() - spent[3]))

    def idle(self) -> float:
        """Share of all processor time."""
        spent = self.ticks[-1] - self.ticks[0]
        return float(spent[3] / spent.sum())

    def undisturbed(self, moments: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for moments (monotonic clock, s) whether the host let the machine alone around them."""
        spent = np.diff(np.array(self.ticks), axis=0)
        disturbed = np.flatnonzero(spent[:, -1] > DISTURBS * spent.sum(axis=1))
        start, end = np.array(self.moments)[:-1][disturbed], np.array(self.moments)[1:][disturbed]
        within = (moments[:, None] >= start - BEFORE_S) & (moments[:, None] < end + AFTER_S)
        return ~within.any(axis=1)


def _ticks() -> NDArray[np.int64]:
    """What the processors did so far: the last of it is time that the host took."""
    with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - not a file
        return np.array(file.readline().split()[1:9], dtype=np.int64)
