"""What may be asked of siting, checked before any work is done."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.staffing.siting import Goal, Wish

MOST_CANDIDATES, MOST_HOURS, MOST_COUNT = 2_000, 24, 500
#: Households that a site may be said to serve: more than there are.
MOST_CAPACITY = 1e9
LONGEST_LIMIT_S, LONGEST_SECONDS = 4 * 3600, 3600
WEEK_H = 168.0
#: What may stand already: registers, or those on duty at the hours asked about.
STANDING = ("stations", "posts", "bases", "on_duty")
CANDIDATES = ("streets", "stations", "posts", "bases")


@dataclass(frozen=True)
class Place:
    """A point that the caller gives; EPSG:4326."""

    lon: float
    lat: float
    name: str = ""


@dataclass(frozen=True)
class HourOfWeek:
    """A moment that stands for some hours of the week."""

    at: datetime
    hours: float


@dataclass(frozen=True)
class SitingQuestion:
    """A question of siting, whole.

    Attributes
    ----------
    goal, count, depth, second_worth
        As in :class:`geo_service.staffing.siting.Wish`.
    limit_s : int
        Within which somebody must be there; also what shares are told of, whatever the goal.
    mode : Mode
        How they travel.
    candidates : str
        ``streets`` (spread evenly, ``spread`` of them), a register, or ``places`` for those of ``places``.
    existing : sequence of str
        What stands already and stays: any of :data:`STANDING`, and ``existing_places`` beside.
    hours : sequence of HourOfWeek
        With ``on_duty``: at which moments, and what each counts. Without: one moment, now.
    cell : (level, code), optional
        Only demand and streets in this cell.
    seconds : float
        How long to look for something better and for the proof.
    capacity : float, optional
        Households that one new site can serve; of ``cover_most``, by one. What stands serves all it reaches.
    """

    goal: Goal
    count: int | None = None
    limit_s: int = 300
    mode: Mode = Mode.EBIKE
    depth: int = 1
    second_worth: float = 0.5
    candidates: str = "streets"
    spread: int = 300
    places: Sequence[Place] = ()
    existing: Sequence[str] = ("stations",)
    existing_places: Sequence[Place] = ()
    hours: Sequence[HourOfWeek] = field(default_factory=tuple)
    cell: tuple[str, str] | None = None
    seconds: float = 60.0
    capacity: float | None = None

    @property
    def wish(self) -> Wish:
        """The pure question."""
        return Wish(self.goal, self.count, self.limit_s * 1000, self.depth, self.second_worth)

    def dated(self, now: datetime) -> "SitingQuestion":
        """Return it with the moment written down: who is on duty now is another one tomorrow."""
        is_open = "on_duty" in self.existing and not self.hours
        return replace(self, hours=(HourOfWeek(now, 1.0),)) if is_open else self

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON; :meth:`of` reads it again."""
        return asdict(self) | {
            "goal": self.goal.value,
            "mode": self.mode.value,
            "hours": [{"at": one.at.isoformat(), "hours": one.hours} for one in self.hours],
        }

    @classmethod
    def of(cls, wish: Mapping[str, Any]) -> "SitingQuestion":
        """Read what :meth:`as_dict` wrote."""
        hours = [HourOfWeek(datetime.fromisoformat(one["at"]), one["hours"]) for one in wish["hours"]]
        lists = {
            "places": tuple(Place(**one) for one in wish["places"]),
            "existing_places": tuple(Place(**one) for one in wish["existing_places"]),
            "existing": tuple(wish["existing"]),
            "hours": tuple(hours),
            "cell": tuple(wish["cell"]) if wish["cell"] else None,
        }
        return cls(**{**wish, **lists, "goal": Goal(wish["goal"]), "mode": Mode(wish["mode"])})

    def check(self) -> None:
        """Refuse what is out of range.

        Raises
        ------
        InvalidInputError
            With a fault for each field.
        """
        checks = (
            ("limit_s", self.limit_s, 1, LONGEST_LIMIT_S),
            ("spread", self.spread, 1, MOST_CANDIDATES),
            ("seconds", self.seconds, 0, LONGEST_SECONDS),
        )
        faults = [
            _out_of_range(name, value, low, high)
            for name, value, low, high in checks
            if not low <= value <= high
        ]
        if self.count is not None and not 0 <= self.count <= MOST_COUNT:
            faults.append(_out_of_range("count", self.count, 0, MOST_COUNT))
        if self.candidates not in (*CANDIDATES, "places"):
            faults.append(_one_of("candidates", self.candidates, (*CANDIDATES, "places")))
        if self.candidates == "places" and not 1 <= len(self.places) <= MOST_CANDIDATES:
            faults.append(_out_of_range("places", len(self.places), 1, MOST_CANDIDATES))
        faults += [_one_of("existing", name, STANDING) for name in self.existing if name not in STANDING]
        faults += [*self._hours_out_of_range(), *self._capacity_out_of_range()]
        given = [(one.lon, one.lat) for one in (*self.places, *self.existing_places)]
        if given and not np.isfinite(given).all():
            faults.append(Fault("places", Words("give longitude and latitude", "请给出经纬度")))
        if faults:
            raise InvalidInputError(Words("this cannot be asked", "这个问题无法计算"), faults)

    def _capacity_out_of_range(self) -> list[Fault]:
        if self.capacity is None:
            return []
        if not 0 < self.capacity < np.inf:
            return [Fault("capacity", Words("give households above 0", "请给出户数，须大于 0"))]
        if self.capacity > MOST_CAPACITY:
            return [_out_of_range("capacity", self.capacity, 0, round(MOST_CAPACITY))]
        if self.goal is not Goal.COVER_MOST or self.depth != 1 or len(self.hours) > 1:
            message = Words(
                "capacity goes with cover_most, by one, at one moment", "容量只用于覆盖最多、单重、单一时段"
            )
            return [Fault("capacity", message, value=self.capacity)]
        return []

    def _hours_out_of_range(self) -> list[Fault]:
        faults = []
        if len(self.hours) > MOST_HOURS:
            faults.append(_out_of_range("hours", len(self.hours), 0, MOST_HOURS))
        if self.hours and "on_duty" not in self.existing:
            message = Words(
                "hours say who is on duty when: name on_duty in existing",
                "时段用于确定在岗力量，请在 existing 中写 on_duty",
            )
            faults.append(Fault("hours", message))
        faults += [
            _out_of_range(f"hours[{i}].hours", one.hours, 0, WEEK_H)
            for i, one in enumerate(self.hours)
            if not 0 < one.hours <= WEEK_H
        ]
        return faults


def _out_of_range(name: str, value: float, low: float, high: float) -> Fault:
    message = Words(f"give a number from {low} to {high}", f"应在 {low} 至 {high} 之间")
    return Fault(name, message, value=value)


def _one_of(name: str, value: str, known: Sequence[str]) -> Fault:
    listed = ", ".join(known)
    return Fault(name, Words(f"use one of: {listed}", f"可用：{listed}"), value=value)
