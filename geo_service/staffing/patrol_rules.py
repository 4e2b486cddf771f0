"""What a town sets for its patrols: how often places are visited, what proves a visit, what is owed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.staffing.patrol import Quota
from geo_service.staffing.patrol_rounds import EVERY_DAYS

#: Between what each figure may lie, both included.
LIMITS: Mapping[str, tuple[float, float]] = {
    "join_ahead_days": (0, 60),
    "visit_s": (0, 8 * 3600),
    "radius_m": (10, 1000),
    "fresh_fix_s": (10, 3600),
    "late_visit_s": (0, 14 * 24 * 3600),
    "same_visit_s": (0, 24 * 3600),
    "silent_s": (60, 8 * 3600),
    "grace_s": (0, 8 * 3600),
    "post_radius_m": (10, 1000),
    "long_day_s": (600, 16 * 3600),
    "keep_days": (31, 3660),
    "route_share": (0.1, 1.0),
    "route_near_m": (10, 100),
}
_WRONG = Words("the rules of patrols are not in order", "巡查规则有误")
_MOST_GRADES, _LONGEST_GRADE = 20, 16


@dataclass(frozen=True, slots=True)
class PatrolRules:
    """The rules of patrols; the defaults are the program's.

    Attributes
    ----------
    every_days : mapping of str to int
        Days between two visits of a place of each grade.
    join_ahead_days : float
        What falls due at most so long after the week comes along with a visit that is made anyway.
    visit_s : float
        What a visit takes where nothing is said.
    radius_m : float
        Whose fix lies this near to a place, less what the fix may be wrong by, was there.
    fresh_fix_s : float
        A fix says where somebody was up to so long before and after.
    late_visit_s : float
        A visit is taken in up to this long after it was made: phones lose the line.
    same_visit_s : float
        Who scans a sign again within this time is on the same visit.
    silent_s : float
        Longer without a fix on duty is absence.
    grace_s : float
        So long one may be outside one's own cells without its being told.
    post_radius_m : float
        Who is this near to a post stands at it.
    long_day_s : float
        A day's tour that takes longer is pointed out.
    keep_days : float
        What is kept of persons (hours a day, visits) is dropped after so many days.
    route_share : float
        A fixed route of which so much was walked was done.
    route_near_m : float
        A stretch of it was walked when a street that somebody went along is this near.
    quotas : mapping of str to Quota
        By role, days and hours of patrol owed in a month; roles left out owe nothing.
    """

    every_days: Mapping[str, int] = field(default_factory=lambda: dict(EVERY_DAYS))
    join_ahead_days: float = 7
    visit_s: float = 900
    radius_m: float = 100
    fresh_fix_s: float = 180
    late_visit_s: float = 3 * 24 * 3600
    same_visit_s: float = 1800
    silent_s: float = 900
    grace_s: float = 600
    post_radius_m: float = 100
    long_day_s: float = 6 * 3600
    keep_days: float = 400
    route_share: float = 0.8
    route_near_m: float = 20
    quotas: Mapping[str, Quota] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Return the defaults with what is given in their places.

        Raises
        ------
        InvalidInputError
            With one fault for each name that is not known and each value that cannot be.
        """
        known = {one.name for one in fields(cls)}
        faults = [
            Fault(str(name)[:80], Words("there is no such rule", "没有这项规则"))
            for name in given
            if name not in known
        ]
        for name, (least, most) in LIMITS.items():
            if name in given and not _is_number(given[name], least, most):
                words = Words(
                    f"give a number from {least:g} to {most:g}", f"请给出 {least:g} 到 {most:g} 之间的数"
                )
                faults.append(Fault(name, words, value=given[name]))
        every_days, quotas = given.get("every_days", EVERY_DAYS), given.get("quotas", {})
        faults += [*_grade_faults(every_days), *_quota_faults(quotas)]
        if faults:
            raise InvalidInputError(_WRONG, faults)
        values: dict[str, Any] = {name: float(given[name]) for name in LIMITS if name in given}
        values["every_days"] = {str(grade): int(days) for grade, days in every_days.items()}
        values["quotas"] = {
            str(role): Quota(int(one["days"]), float(one["hours"])) for role, one in quotas.items()
        }
        return replace(cls(), **values)

    def as_mapping(self) -> dict[str, Any]:
        """Return every rule by name."""
        return asdict(self)


def _grade_faults(given: Any) -> list[Fault]:
    """Return what is wrong with the days by grade."""
    if not isinstance(given, Mapping) or not 1 <= len(given) <= _MOST_GRADES:
        return [Fault("every_days", Words("give the days of each grade", "请给出各等级的天数"))]
    return [
        Fault(
            f"every_days.{str(grade)[:40]}",
            Words("give a short grade and whole days from 1 to 366", "等级须简短，天数为 1 到 366 的整数"),
            value=days,
        )
        for grade, days in given.items()
        if not (1 <= len(str(grade)) <= _LONGEST_GRADE and _is_number(days, 1, 366) and days == int(days))
    ]


def _quota_faults(given: Any) -> list[Fault]:
    """Return what is wrong with the quotas."""
    words = Words(
        "give days (0 to 31) and hours (0 to 744) of each role", "请给出每个角色的天数(0-31)和小时数(0-744)"
    )
    if not isinstance(given, Mapping):
        return [Fault("quotas", words)]
    return [
        Fault(f"quotas.{str(role)[:40]}", words)
        for role, one in given.items()
        if not (
            isinstance(one, Mapping)
            and set(one) == {"days", "hours"}
            and _is_number(one["days"], 0, 31)
            and _is_number(one["hours"], 0, 744)
        )
    ]


def _is_number(value: Any, least: float, most: float) -> bool:
    # NaN compares false
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
