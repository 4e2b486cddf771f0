"""What the dispatcher's desk sets itself: the figures by which people are found and positions kept."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from geo_service.errors import Fault, InvalidInputError, Words


@dataclass(frozen=True, slots=True)
class Limits:
    """Between what a figure may lie, both included."""

    least: float
    most: float


#: The figures that may be set. ``local_level`` is a word, checked where the levels are known.
LIMITS: Mapping[str, Limits] = {
    "fresh_fix_s": Limits(10, 24 * 3600),
    "late_fix_s": Limits(0, 7 * 24 * 3600),
    "fast_clock_s": Limits(0, 3600),
    "keep_days": Limits(1, 366),
    "geofence_m": Limits(5, 1000),
    "within_s": Limits(60, 6 * 3600),
    "shift_soon_over_s": Limits(0, 6 * 3600),
    "least_rest_s": Limits(0, 24 * 3600),
}
_TEXTS = frozenset({"local_level", "phone"})
_PHONE = re.compile(r"(?:\+?[0-9][0-9 ()-]{1,29})?", re.ASCII)
#: Settings of former versions: how fast people climb is said once, see :mod:`geo_service.staffing.floors`.
FORMER = frozenset({"stairs_s", "lift_s", "lift_wait_s", "lift_from_floor"})


@dataclass(frozen=True, slots=True)
class Desk:
    """The settings of the desk; the defaults are the program's.

    Attributes
    ----------
    fresh_fix_s : float
        A position older than this is not believed: its owner is taken to be at his post or base.
    late_fix_s : float
        A position is taken in up to this long after it was measured: phones lose the line.
    fast_clock_s : float
        How far the clock of a phone may be ahead of ours.
    keep_days : float
        Tracks are dropped after so many days.
    geofence_m : float
        Who is sent and comes this near to the incident has arrived.
    within_s : float
        Who needs longer is not proposed.
    shift_soon_over_s : float
        Who has less of his shift left than this and the way is shown with a shortfall.
    least_rest_s : float
        Who had less rest than this before his shift is shown with a shortfall.
    local_level : str
        Who belongs to another cell of this level than the incident comes as mutual aid, after all local
        ones; "" for the level below the top (for the top where there are two).
    phone : str
        By which those in the field call the desk; "" for none.
    """

    fresh_fix_s: float = 300.0
    late_fix_s: float = 24 * 3600.0
    fast_clock_s: float = 120.0
    keep_days: float = 30.0
    geofence_m: float = 50.0
    within_s: float = 3600.0
    shift_soon_over_s: float = 1800.0
    least_rest_s: float = 8 * 3600.0
    local_level: str = ""
    phone: str = ""

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Return the defaults with what is given in their places.

        Raises
        ------
        InvalidInputError
            With one fault for each name that is not known and each figure that cannot be.
        """
        known = {one.name for one in fields(cls)}
        faults = [_unknown(name) for name in given if name not in known]
        for name, limits in LIMITS.items():
            if name in given and not _fits(given[name], limits):
                words = Words(
                    f"give a number from {limits.least:g} to {limits.most:g}",
                    f"请给出 {limits.least:g} 到 {limits.most:g} 之间的数",
                )
                faults.append(Fault(name, words, value=given[name]))
        if not isinstance(given.get("local_level", ""), str):
            words = Words("give the code of a level, or an empty text", "请给出层级代码，或留空")
            faults.append(Fault("local_level", words))
        if not (isinstance(given.get("phone", ""), str) and _PHONE.fullmatch(given.get("phone", ""))):
            words = Words("give a number to call, as in +86 570 1234567", "请给出电话号码，如 0570-1234567")
            faults.append(Fault("phone", words, value=given["phone"]))
        if faults:
            raise InvalidInputError(
                Words("the settings of the desk are not in order", "值守设置有误"), faults
            )
        values: dict[str, Any] = {k: v if k in _TEXTS else float(v) for k, v in given.items()}
        return replace(cls(), **values)

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> Self:
        """Return what was set once, without settings that are no more."""
        return cls.from_mapping({name: value for name, value in kept.items() if name not in FORMER})

    def as_mapping(self) -> dict[str, Any]:
        """Return every setting by name."""
        return asdict(self)


def _unknown(name: str) -> Fault:
    known = ", ".join(one.name for one in fields(Desk))
    return Fault(
        str(name)[:80], Words(f"there is no such setting; known: {known}", f"没有这项设置；可设：{known}")
    )


def _fits(value: Any, limits: Limits) -> bool:
    # NaN compares false
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and limits.least <= value <= limits.most
    )
