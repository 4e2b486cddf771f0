"""When two reports are the same thing, by a rule that a person has set; without one nothing is merged."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from geo_service.errors import Fault, InvalidInputError, Words

CHANNELS = ("call", "hotline", "worker", "sensor", "web")
#: Farther apart, or longer, nobody can say without looking that it is the same thing.
MOST_M, MOST_S = 200.0, 24 * 3600


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """Which reports are merged into an earlier one without a person looking.

    Never into one that is settled, nor a report that is more urgent or known to be on another floor.

    Attributes
    ----------
    enabled : bool
        Off as the program comes.
    within_m : float
        Both have a point, no farther apart than this; accuracies are not added.
    within_s : int
        Both happened no longer apart than this.
    channels : tuple of str
        Both came in by one of these.
    categories : tuple of str
        Both are of one category, which is one of these or below one of these; empty: any but none.
    """

    enabled: bool = False
    within_m: float = 20.0
    within_s: int = 600
    channels: tuple[str, ...] = ("sensor",)
    categories: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Return the program's own rule with what is given in its place.

        Raises
        ------
        InvalidInputError
            With one fault for each name that is not known and each value that cannot be.
        """
        known = [one.name for one in fields(cls)]
        faults = [
            Fault(str(name)[:80], Words(f"use one of: {', '.join(known)}", f"可用：{'、'.join(known)}"))
            for name in given
            if name not in known
        ]
        faults += [Fault(name, words, value=given[name]) for name, words in _wrong(given)]
        if faults:
            raise InvalidInputError(
                Words("the rule for duplicates is not in order", "重复事件规则设置有误"), faults
            )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in given.items()}
        return replace(cls(), **values)

    def as_mapping(self) -> dict[str, Any]:
        """Return every value by name."""
        return asdict(self) | {"channels": list(self.channels), "categories": list(self.categories)}


def _wrong(given: Mapping[str, Any]) -> list[tuple[str, Words]]:
    """Return which values cannot be, each with what can."""
    checks: dict[str, tuple[Callable[[Any], bool], Words]] = {
        "enabled": (lambda v: isinstance(v, bool), Words("give true or false", "请填 true 或 false")),
        "within_m": (
            lambda v: _number(v) and 0 <= v <= MOST_M,
            Words(f"give metres up to {MOST_M:g}", f"请填不超过 {MOST_M:g} 的米数"),
        ),
        "within_s": (
            lambda v: _number(v) and float(v).is_integer() and 0 <= v <= MOST_S,
            Words(f"give whole seconds up to {MOST_S}", f"请填不超过 {MOST_S} 的整秒数"),
        ),
        "channels": (
            lambda v: _words(v) and bool(v) and set(v) <= set(CHANNELS),
            Words(f"give some of: {', '.join(CHANNELS)}", f"请从中选择：{'、'.join(CHANNELS)}"),
        ),
        "categories": (
            lambda v: _words(v) and len(v) <= 200,
            Words("give codes of categories, or none for all", "请填类别编码；留空为全部"),
        ),
    }
    return [
        (name, words) for name, (fits, words) in checks.items() if name in given and not fits(given[name])
    ]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
