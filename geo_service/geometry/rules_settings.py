"""What the rules are set to: which rule holds for which cells, how bad a breach is, and its bounds. All data.

A setting names a rule, the cells it is for (level, urban or rural class, kind; none means any) and its
parameters. Settings stand in a list; for a cell the last one that fits holds, so that a place writes down
only where it differs from :data:`DEFAULTS`. As JSON::

    {"settings": [
        {"rule": "households", "level": "grid", "class": "urban", "severity": "error", "high": 450},
        {"rule": "barrier", "severity": "off", "level": "grid", "class": "rural"}
    ]}
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geo_service.errors import Fault, InvalidInputError
from geo_service.model import Severity

OFF = "off"
CLASSES = ("urban", "rural")
KINDS = ("regular", "dedicated", "street_face")
#: Numbers each rule takes: name, lowest and highest value that makes sense.
PARAMETERS: dict[str, dict[str, tuple[float, float]]] = {
    "households": {
        "low": (0, 1e6),
        "high": (0, 1e6),
        "residents_low": (0, 1e7),
        "residents_high": (0, 1e7),
    },
    "area": {"low_m2": (0, 1e12), "high_m2": (0, 1e12)},
    "compactness": {"polsby_popper_low": (0, 1), "reock_low": (0, 1)},
    "barrier": {"min_share": (0, 0.5), "min_households": (1, 1e6), "reach_m": (0.1, 500)},
    "building_cut": {"tolerance_m": (0, 20)},
    "contiguous": {"slight_m2": (0, 1e9)},
    "parent": {},
    "empty_cell": {},
    "street_face": {"tolerance_m2": (0, 1e6)},
    "dedicated": {"tolerance_m2": (0, 1e6)},
    "owner": {},
    "code": {},
    "code_reused": {},
}
_PAIRS = (("low", "high"), ("residents_low", "residents_high"), ("low_m2", "high_m2"))
_SELECTORS = ("level", "class", "kind")
_MAX_SETTINGS = 1000


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """One rule for some cells.

    Attributes
    ----------
    rule : str
        A key of :data:`PARAMETERS`.
    severity : Severity or None
        None switches the rule off for these cells.
    levels, classes, kinds : tuple of str
        Which cells; empty means any.
    barriers : tuple of str
        For the rule barrier: the kinds of barrier it looks at; empty means any.
    numbers : mapping of str to float
        Bounds by the names in :data:`PARAMETERS`; one that is absent does not bind. Where land lies apart
        and is no more than ``slight_m2``, a breach is a note.
    """

    rule: str
    severity: Severity | None
    levels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    barriers: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    def fits(self, level: str, class_: str, kind: str) -> bool:
        """Tell whether this setting is for such a cell."""
        return (
            (not self.levels or level in self.levels)
            and (not self.classes or class_ in self.classes)
            and (not self.kinds or kind in self.kinds)
        )

    def number(self, name: str, otherwise: float) -> float:
        """Return a parameter, or what holds when it is not set."""
        return self.numbers.get(name, otherwise)

    def as_mapping(self) -> dict[str, Any]:
        """Return the setting as a JSON object; :meth:`RuleSettings.from_mapping` takes it back."""
        out: dict[str, Any] = {"rule": self.rule, "severity": self.severity.value if self.severity else OFF}
        selectors = (("level", self.levels), ("class", self.classes), ("kind", self.kinds))
        out |= {name: list(values) for name, values in (*selectors, ("barriers", self.barriers)) if values}
        return out | dict(self.numbers)


#: For a county with micro-grids: 300 to 500 households to a grid in town, or about 1,000 residents.
DEFAULTS: tuple[RuleSetting, ...] = (
    RuleSetting(
        "households",
        Severity.WARNING,
        levels=("grid",),
        classes=("urban",),
        kinds=("regular",),
        numbers={"low": 300, "high": 500, "residents_low": 750, "residents_high": 1250},
    ),
    RuleSetting("area", Severity.WARNING, numbers={"low_m2": 100}),
    RuleSetting(
        "compactness",
        Severity.NOTE,
        levels=("grid", "micro_grid"),
        numbers={"polsby_popper_low": 0.1, "reock_low": 0.1},
    ),
    RuleSetting(
        "barrier",
        Severity.WARNING,
        levels=("community", "grid", "micro_grid"),
        barriers=("river", "stream", "railway"),
        numbers={"min_households": 1, "reach_m": 15},
    ),
    RuleSetting("building_cut", Severity.WARNING, numbers={"tolerance_m": 0.3}),
    RuleSetting("contiguous", Severity.WARNING, numbers={"slight_m2": 500}),
    RuleSetting("parent", Severity.ERROR),
    RuleSetting("empty_cell", Severity.ERROR),
    RuleSetting("street_face", Severity.WARNING, numbers={"tolerance_m2": 1}),
    RuleSetting("dedicated", Severity.WARNING, numbers={"tolerance_m2": 1}),
    RuleSetting("owner", Severity.WARNING, levels=("grid",)),
    RuleSetting("code", Severity.WARNING),
    RuleSetting("code_reused", Severity.ERROR),
)


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """All settings, general ones first; the last that fits a cell holds."""

    settings: tuple[RuleSetting, ...] = DEFAULTS
    _known: dict[tuple[str, str, str, str], RuleSetting | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, rule: str, level: str, class_: str = "", kind: str = "regular") -> RuleSetting | None:
        """Return what holds of a rule for a cell, None when it is switched off or never set."""
        asked = (rule, level, class_, kind)
        if asked not in self._known:
            fitting = (one for one in reversed(self.settings) if one.rule == rule and one.fits(*asked[1:]))
            found = next(fitting, None)
            self._known[asked] = None if found is None or found.severity is None else found
        return self._known[asked]

    def as_mapping(self) -> dict[str, Any]:
        """Return all settings as a JSON object that stands alone."""
        return {"defaults": False, "settings": [setting.as_mapping() for setting in self.settings]}

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], levels: Sequence[str] = ()) -> "RuleSettings":
        """Read settings from parsed JSON.

        Parameters
        ----------
        data : mapping
            ``settings``: a list; ``defaults`` (true unless said otherwise): put it after :data:`DEFAULTS`.
        levels : sequence of str
            Codes of the levels there are, to catch misspelt ones; empty takes any.

        Raises
        ------
        InvalidInputError
            Each fault names the key it stands at (``settings[2].low``) and what to write.
        """
        reader = _Reader(tuple(levels))
        settings = reader.read(data)
        if reader.faults:
            raise InvalidInputError("The rule settings cannot be used.", reader.faults)
        return cls((DEFAULTS if data.get("defaults", True) else ()) + tuple(settings))


class _Reader:
    """Reads settings and gathers every fault instead of stopping at the first."""

    def __init__(self, levels: tuple[str, ...]) -> None:
        self.allowed = {"level": levels, "class": CLASSES, "kind": KINDS}
        self.faults: list[Fault] = []

    def fault(self, key: str, message: str, value: Any = None) -> None:
        self.faults.append(Fault(key, message, value=value))

    def read(self, data: Any) -> list[RuleSetting]:
        if not isinstance(data, Mapping):
            self.fault("", "must be an object with the list settings")
            return []
        for key in data.keys() - {"settings", "defaults"}:
            self.fault(str(key), "is not known; write settings or defaults")
        if not isinstance(data.get("defaults", True), bool):
            self.fault("defaults", "must be true or false", data["defaults"])
        entries = data.get("settings", [])
        if not isinstance(entries, list) or len(entries) > _MAX_SETTINGS:
            self.fault("settings", f"must be a list of at most {_MAX_SETTINGS} objects")
            return []
        found = [self.entry(f"settings[{number}]", entry) for number, entry in enumerate(entries)]
        return [setting for setting in found if setting is not None]

    def entry(self, at: str, entry: Any) -> RuleSetting | None:
        if not isinstance(entry, Mapping):
            self.fault(at, "must be an object", entry)
            return None
        rule = entry.get("rule")
        if not isinstance(rule, str) or rule not in PARAMETERS:
            self.fault(f"{at}.rule", f"must be one of {', '.join(sorted(PARAMETERS))}", rule)
            return None
        words = {name: self.words(f"{at}.{name}", entry.get(name), self.allowed[name]) for name in _SELECTORS}
        if rule == "barrier":
            words["barriers"] = self.words(f"{at}.barriers", entry.get("barriers"), ())
        known = {"rule", "severity", *words, *PARAMETERS[rule]}
        for key in entry.keys() - known:
            self.fault(f"{at}.{key}", f"is not known for {rule}; write one of {', '.join(sorted(known))}")
        return RuleSetting(
            rule,
            self.severity(f"{at}.severity", entry.get("severity")),
            levels=words["level"],
            classes=words["class"],
            kinds=words["kind"],
            barriers=words.get("barriers", ()),
            numbers=self.numbers(at, rule, entry),
        )

    def severity(self, at: str, value: Any) -> Severity | None:
        names = [severity.value for severity in Severity]
        if isinstance(value, str) and value in names:
            return Severity(value)
        if value != OFF:
            self.fault(at, f"must be one of {', '.join(names)}, {OFF}", value)
        return None

    def words(self, at: str, value: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(one, str) for one in values):
            self.fault(at, "must be a word or a list of words", value)
            return ()
        for one in values:
            if allowed and one not in allowed:
                self.fault(at, f"must be one of {', '.join(allowed)}", one)
        return tuple(values)

    def numbers(self, at: str, rule: str, entry: Mapping[str, Any]) -> dict[str, float]:
        out: dict[str, float] = {}
        for name, (low, high) in PARAMETERS[rule].items():
            value = entry.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                self.fault(f"{at}.{name}", "must be a number", value)
            elif not low <= value <= high:
                self.fault(f"{at}.{name}", f"must lie between {low:g} and {high:g}", value)
            else:
                out[name] = float(value)
        for below, above in _PAIRS:
            if below in out and above in out and out[below] > out[above]:
                self.fault(f"{at}.{below}", f"must not be above {above} ({out[above]:g})", out[below])
        return out
