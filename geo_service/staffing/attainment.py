"""Attainable or not: whether anybody could have been there in time, and if so what it failed by.

For a breach of the arrival clock the roads say how soon each of those on duty could have been there, from
where he was, once when the clock started and once when somebody was sent. The cause follows from these
times and nothing else:

1. nobody could have been there in time when the clock started: ``nobody_on_duty`` where nobody at all could
   leave before it ran out, ``too_far`` otherwise. That is a question of posts and shifts, not of the desk;
2. nobody was sent before it ran out: ``not_sent``;
3. who was sent could have been there in time by the roads: ``slower_than_roads``;
4. another could still have been there in time when he was sent, and sooner than he by more than a margin:
   ``wrong_one_sent``;
5. otherwise ``sent_too_late``: it was attainable when the clock started, and not when somebody was sent.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

#: Another must have been sooner by more than this: fixes and roads are not known better.
MARGIN_S = 15.0


class Cause(StrEnum):
    """Why it was late."""

    NOBODY_ON_DUTY = "nobody_on_duty"
    TOO_FAR = "too_far"
    NOT_SENT = "not_sent"
    SENT_TOO_LATE = "sent_too_late"
    WRONG_ONE_SENT = "wrong_one_sent"
    SLOWER_THAN_ROADS = "slower_than_roads"


CAUSES_ZH = {
    Cause.NOBODY_ON_DUTY: "无人在班",
    Cause.TOO_FAR: "在班人员均不可达",
    Cause.NOT_SENT: "未派单",
    Cause.SENT_TOO_LATE: "派单过晚",
    Cause.WRONG_ONE_SENT: "未派最近人员",
    Cause.SLOWER_THAN_ROADS: "途中慢于路网时间",
}
#: With these nobody at the desk could have kept the clock.
UNATTAINABLE = frozenset({Cause.NOBODY_ON_DUTY, Cause.TOO_FAR})


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Who could go, looked at from one moment.

    Attributes
    ----------
    who : (n,) int64
        Their numbers.
    leaves_s : (n,) float64
        When each can leave: at that moment, or when he is free; seconds on any clock.
    travel_s : (n,) float64
        How long he then needs to the place; infinite without a way.
    """

    who: NDArray[np.int64]
    leaves_s: NDArray[np.float64]
    travel_s: NDArray[np.float64]

    def soonest(self) -> tuple[int, float]:
        """Return who is there first (the smaller number of equals) and when; (-1, infinite) for nobody."""
        if not len(self.who):
            return -1, np.inf
        there = self.leaves_s + self.travel_s
        first = int(np.lexsort((self.who, there))[0])
        return (int(self.who[first]), float(there[first])) if np.isfinite(there[first]) else (-1, np.inf)


@dataclass(frozen=True, slots=True)
class Sent:
    """Who was sent first in the lead, when, and how long the roads say that he needs (NaN: not known)."""

    who: int
    at_s: float
    travel_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why it was late, with the numbers behind it.

    ``best`` and ``best_there_s``: who could have been there first when the clock started, and when;
    ``later`` and ``later_there_s`` the same when somebody was sent; -1 and infinite for nobody.
    ``sent_there_s`` is when he who was sent should have been there by the roads.
    """

    cause: Cause
    best: int
    best_there_s: float
    later: int
    later_there_s: float
    sent_there_s: float

    @property
    def attainable(self) -> bool:
        """Whether anybody could have been there in time."""
        return self.cause not in UNATTAINABLE


def judge(
    due_s: float,
    at_start: Options,
    sent: Sent | None,
    at_sending: Options | None,
    *,
    margin_s: float = MARGIN_S,
) -> Verdict:
    """Return why the arrival clock was not met.

    Parameters
    ----------
    due_s : float
        When the clock ran out, in seconds on the clock of the options.
    at_start : Options
        As things stood when it started.
    sent : Sent or None
        Who was sent; None if nobody ever was.
    at_sending : Options or None
        As things stood when he was sent, he himself among them; None if nobody was.
    margin_s : float
        By how much another must have been sooner.
    """
    best, best_there_s = at_start.soonest()
    later, later_there_s = at_sending.soonest() if at_sending is not None else (-1, np.inf)
    sent_there_s = sent.at_s + sent.travel_s if sent is not None and np.isfinite(sent.travel_s) else np.inf
    numbers = (best, best_there_s, later, later_there_s, sent_there_s)
    if best_there_s > due_s:
        could_leave = (at_start.leaves_s <= due_s).any() if len(at_start.who) else False
        return Verdict(Cause.TOO_FAR if could_leave else Cause.NOBODY_ON_DUTY, *numbers)
    if sent is None or sent.at_s > due_s:
        return Verdict(Cause.NOT_SENT, *numbers)
    if sent_there_s <= due_s:
        return Verdict(Cause.SLOWER_THAN_ROADS, *numbers)
    if later_there_s <= due_s and sent_there_s - later_there_s > margin_s:
        return Verdict(Cause.WRONG_ONE_SENT, *numbers)
    return Verdict(Cause.SENT_TOO_LATE, *numbers)
