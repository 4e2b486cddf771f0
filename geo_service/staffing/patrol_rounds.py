"""Rounds: which places are to be visited this week, whose visits join, and in which order they are walked.

Several departments may want the same premises visited, each as often as its grade says. Wishes that fall due
in one week are one visit (可联合综合查); one that falls due soon after comes along; what somebody has covered
already is not visited again (已覆盖无需查), and the exempt are left in peace.

Tours are made by route first, cluster second (J. E. Beasley, *Route first - cluster second methods for
vehicle routing*, Omega 11, 1983): one tour through all places, cut into days as evenly as can be, then
improved by moving and exchanging places while the longest day becomes shorter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError

EVERY_DAYS: Mapping[str, int] = {"A": 7, "B": 30, "C": 90}
"""How often a place of each grade is visited, unless told otherwise."""

MOST_STOPS = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """That a department wants a place visited.

    Attributes
    ----------
    place, department : str
        Where, and who asks.
    grade : str
        How often: a key of the table of days.
    last : date or None
        When this department's matter was last seen to, by whomever; None: never.
    exempt : str
        Why it is not visited, "" for those that are.
    """

    place: str
    department: str
    grade: str
    last: date | None = None
    exempt: str = ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A drive of one department over a span of days: its places are visited once in it, of any grade."""

    name: str
    department: str
    first: date
    last: date
    places: frozenset[str]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of the week: the departments whose matters it sees to, and when the first is due."""

    place: str
    departments: tuple[str, ...]
    due: date
    campaigns: tuple[str, ...] = ()

    @property
    def is_joint(self) -> bool:
        """Whether it stands for the visits of several departments."""
        return len(self.departments) > 1


@dataclass(frozen=True, slots=True)
class WeekList:
    """The visits of a week by due day and place; wishes dropped as covered; wishes that are exempt."""

    visits: list[Visit] = field(default_factory=list)
    covered: list[Wish] = field(default_factory=list)
    exempt: list[Wish] = field(default_factory=list)


def week_list(
    wishes: Sequence[Wish],
    monday: date,
    *,
    campaigns: Sequence[Campaign] = (),
    every_days: Mapping[str, int] = EVERY_DAYS,
    join_ahead_days: int = 7,
) -> WeekList:
    """Say what is to be visited in the week that begins on a day.

    Parameters
    ----------
    wishes : sequence of Wish
        What the departments want.
    monday : date
        First day of the week.
    campaigns : sequence of Campaign
        Drives; one that overlaps the week makes its places due unless they were seen to since it began.
    every_days : mapping
        Days between visits by grade.
    join_ahead_days : int
        A wish due at most so long after the week comes along with a visit that is made anyway.

    Raises
    ------
    InvalidInputError
        When a grade is not in the table.
    """
    unknown = sorted({wish.grade for wish in wishes} - set(every_days))
    if unknown:
        known = ", ".join(every_days)
        raise InvalidInputError(
            "Some places have a grade without a frequency.",
            [Fault("grade", f"use one of: {known}", value=grade) for grade in unknown],
        )
    sunday = monday + timedelta(days=6)
    found = WeekList()
    due: dict[str, dict[str, date]] = {}
    later: dict[str, list[Wish]] = {}
    drives: dict[str, set[str]] = {}
    for wish in wishes:
        when = _due(wish, every_days[wish.grade], monday)
        for campaign in campaigns:
            if _wanted(campaign, wish, monday, sunday):
                drives.setdefault(wish.place, set()).add(campaign.name)
                when = min(when, max(monday, min(campaign.last, sunday)))
        if wish.exempt:
            found.exempt.append(wish)
        elif when <= sunday:
            of_place = due.setdefault(wish.place, {})
            of_place[wish.department] = min(when, of_place.get(wish.department, when))
        elif when <= sunday + timedelta(days=join_ahead_days):
            later.setdefault(wish.place, []).append(wish)
        else:
            found.covered.append(wish)
    for place, wanted in due.items():
        along = {wish.department for wish in later.pop(place, [])}
        departments = tuple(sorted(along | set(wanted)))
        names = tuple(sorted(drives.get(place, set())))
        found.visits.append(Visit(place, departments, min(wanted.values()), names))
    found.covered.extend(wish for others in later.values() for wish in others)
    found.visits.sort(key=lambda visit: (visit.due, visit.place))
    return found


def _due(wish: Wish, every_days: int, monday: date) -> date:
    """Return the day on which a wish falls due; one never seen to, or overdue: the first of the week."""
    return monday if wish.last is None else max(monday, wish.last + timedelta(days=every_days))


def _wanted(campaign: Campaign, wish: Wish, monday: date, sunday: date) -> bool:
    """Whether a campaign makes a wish due in a week."""
    on = campaign.first <= sunday and campaign.last >= monday
    mine = wish.department == campaign.department and wish.place in campaign.places
    return on and mine and (wish.last is None or wish.last < campaign.first)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Tours: for each day the places in order (indices from 0), and its seconds with travel and visits."""

    days: list[list[int]]
    seconds: list[float]

    @property
    def longest_s(self) -> float:
        """Seconds of the longest day."""
        return max(self.seconds, default=0.0)


def plan_rounds(travel_s: NDArray[np.float64], visit_s: NDArray[np.float64], n_days: int) -> Rounds:
    """Spread places over days so that the longest day is short, and order each day.

    Parameters
    ----------
    travel_s : (n + 1, n + 1) float64
        Seconds between places; row and column 0 are the office from which each day starts and where it ends.
    visit_s : (n,) float64
        Seconds that each visit takes.
    n_days : int
        Over how many days; a day may stay empty.

    Raises
    ------
    InvalidInputError
        When the tables do not fit together, hold negative or no numbers (a place that cannot be reached), or
        there are more than :data:`MOST_STOPS` places.
    """
    n = len(visit_s)
    faults = []
    if travel_s.shape != (n + 1, n + 1):
        faults.append(Fault("travel_s", f"give a table of {n + 1} by {n + 1}: the office and {n} places"))
    elif not (np.isfinite(travel_s).all() and (travel_s >= 0).all() and (visit_s >= 0).all()):
        faults.append(Fault("travel_s", "leave out places that cannot be reached"))
    if not 1 <= n_days <= 31 or n > MOST_STOPS:
        faults.append(Fault("n_days", f"give 1 to 31 days and at most {MOST_STOPS} places", value=n_days))
    if faults:
        raise InvalidInputError("The rounds cannot be planned.", faults)
    cost = travel_s.copy()
    cost[:, 1:] += visit_s  # a visit's time is paid on the way in
    table: list[list[float]] = cost.tolist()
    whole = _two_opt(_nearest_first(table), table)
    days = [_two_opt(day, table) for day in _cut(whole, table, n_days)]
    days = _improve(days, table)
    return Rounds([[stop - 1 for stop in day] for day in days], [_length(day, table) for day in days])


def _length(day: Sequence[int], cost: list[list[float]]) -> float:
    """Return the seconds of a day from the office through its stops and back."""
    total, at = 0.0, 0
    for stop in day:
        total += cost[at][stop]
        at = stop
    return total + cost[at][0] if day else 0.0


def _nearest_first(cost: list[list[float]]) -> list[int]:
    """Go from the office always to the nearest place not visited yet."""
    left, tour, at = set(range(1, len(cost))), [], 0
    while left:
        at = min(left, key=lambda stop: (cost[at][stop], stop))
        left.remove(at)
        tour.append(at)
    return tour


def _two_opt(day: list[int], cost: list[list[float]]) -> list[int]:
    """Turn parts of a tour round as long as that makes it shorter; ways may differ by direction."""
    best, length = list(day), _length(day, cost)
    better = True
    while better:
        better = False
        for i in range(len(best) - 1):
            for j in range(i + 2, len(best) + 1):
                turned = best[:i] + best[i:j][::-1] + best[j:]
                other = _length(turned, cost)
                if other < length - 1e-6:
                    best, length, better = turned, other, True
    return best


def _cut(whole: list[int], cost: list[list[float]], n_days: int) -> list[list[int]]:
    """Cut one tour into days so that the longest is as short as this order allows (bisection)."""
    low, high = 0.0, _length(whole, cost)
    for _ in range(60):
        middle = (low + high) / 2
        if _fill(whole, cost, middle, n_days) is None:
            low = middle
        else:
            high = middle
    filled = _fill(whole, cost, high * (1 + 1e-9) + 1e-6, n_days) or [list(whole)]
    return filled + [[] for _ in range(n_days - len(filled))]


def _fill(whole: list[int], cost: list[list[float]], most_s: float, n_days: int) -> list[list[int]] | None:
    """Fill one day after the other up to a length; None if the days do not suffice."""
    days: list[list[int]] = []
    for stop in whole:
        if days and _length([*days[-1], stop], cost) <= most_s:
            days[-1].append(stop)
        elif len(days) < n_days and _length([stop], cost) <= most_s:
            days.append([stop])
        else:
            return None
    return days


def _improve(days: list[list[int]], cost: list[list[float]]) -> list[list[int]]:
    """Move a place out of the longest day, or exchange two, as long as the pair of days becomes better."""
    lengths = [_length(day, cost) for day in days]
    better = True
    while better:
        better = False
        worst = max(range(len(days)), key=lengths.__getitem__)
        for other in range(len(days)):
            if other == worst:
                continue
            found = _best_pair(days[worst], days[other], cost, max(lengths[worst], lengths[other]))
            if found is not None:
                days[worst], days[other] = (_two_opt(day, cost) for day in found)
                lengths[worst], lengths[other] = _length(days[worst], cost), _length(days[other], cost)
                better = True
                break
    return days


def _best_pair(
    long: list[int], short: list[int], cost: list[list[float]], bar_s: float
) -> tuple[list[int], list[int]] | None:
    """Return the best move or exchange of a place between two days that makes the longer one shorter."""
    best, pair = bar_s - 1e-6, None
    for i, stop in enumerate(long):
        rest = long[:i] + long[i + 1 :]
        rest_s = _length(rest, cost)
        grown, grown_s = _insert(short, stop, cost)
        if max(rest_s, grown_s) < best:
            best, pair = max(rest_s, grown_s), (rest, grown)
        for j, back in enumerate(short):
            mine, mine_s = _insert(rest, back, cost)
            if mine_s >= best:
                continue
            theirs, theirs_s = _insert(short[:j] + short[j + 1 :], stop, cost)
            if max(mine_s, theirs_s) < best:
                best, pair = max(mine_s, theirs_s), (mine, theirs)
    return pair


def _insert(day: list[int], stop: int, cost: list[list[float]]) -> tuple[list[int], float]:
    """Put a place where it lengthens a day least; return the day and its length."""
    round_trip = [0, *day, 0]
    gains = [cost[a][stop] + cost[stop][b] - (cost[a][b] if day else 0.0) for a, b in pairwise(round_trip)]
    at = min(range(len(gains)), key=gains.__getitem__)
    return [*day[:at], stop, *day[at:]], _length(day, cost) + gains[at]
