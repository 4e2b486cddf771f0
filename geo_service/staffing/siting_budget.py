"""How long a search may take, and whether it is still wanted: the caller's clock, as this room has none."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Time and leave to go on.

    Attributes
    ----------
    clock : callable
        Seconds that pass steadily, from wherever they are counted.
    until : float
        When to end, by that clock.
    stopped : callable
        Whether nobody waits for the answer any more.
    """

    clock: Callable[[], float]
    until: float
    stopped: Callable[[], bool] = lambda: False

    @classmethod
    def of(
        cls, seconds: float, clock: Callable[[], float], stopped: Callable[[], bool] = lambda: False
    ) -> "Budget":
        """Return a budget of so many seconds from now."""
        return cls(clock, clock() + seconds, stopped)

    @property
    def left_s(self) -> float:
        """Seconds left, 0 when there are none or nobody waits."""
        return 0.0 if self.stopped() else max(0.0, self.until - self.clock())

    def is_spent(self) -> bool:
        """Tell whether to end now."""
        return self.left_s <= 0

    def part(self, seconds: float) -> "Budget":
        """Return a budget that ends after so many seconds, or with this one."""
        return Budget(self.clock, min(self.until, self.clock() + seconds), self.stopped)
