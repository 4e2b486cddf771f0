r"""Which scheme the codes of each level follow, as an office sets it. All data.

As JSON, by level::

    {"schemes": {
        "grid": {"scheme": "gb_12_3"},
        "micro_grid": {"scheme": "gb_12_3"},
        "drainage_grid": {"scheme": "cjt_349", "subject": "010100"},
        "beat": {"scheme": "free", "pattern": "[A-Z]-\\d{2}", "separator": "-", "width": 2}
    }}

A level that is not named has no scheme: its new codes go on as those of the siblings do
(:func:`~.codes.issue_like`), and no code of it is objected to. Whatever the scheme, a code that ever was is
never issued again: the caller gives those as ``taken``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.codes import GB_12_3, CodeScheme, FreeCode, SpecialGridCode

#: What each scheme takes beside its name.
SCHEMES: dict[str, tuple[str, ...]] = {
    "gb_12_3": (),
    "cjt_349": ("subject",),
    "free": ("pattern", "separator", "width"),
}
_MAX_LEVELS = 50
_MAX_PATTERN = 120
_MAX_WIDTH = 9
#: Parts of a pattern that may match more or less: with few of them and no groups, matching cannot take long.
_MAX_ELASTIC = 3
_ATOM = r"(?:\[\^?[^\[\]\\]+\]|\\[dwsDWS.\-\\/]|[^\\\[\](){}?*+|^$])"
_TIMES = r"(?:\{\d{1,2}(?:,\d{0,2})?\}|[?*+])"
_SIMPLE = re.compile(f"(?:{_ATOM}{_TIMES}?)+")
_ELASTIC = re.compile(r"(?<!\\)(?:[?*+]|\{\d{1,2},\d{0,2}\})")


@dataclass(frozen=True)
class CodeSchemes:
    """The schemes in use, by level; one of these checks and issues as a scheme for all levels does."""

    by_level: Mapping[str, CodeScheme] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def check(self, code: str, level: str, parent_code: str | None = None) -> tuple[Fault, ...]:
        """Return what is wrong with a code; nothing on a level without a scheme."""
        scheme = self.by_level.get(level)
        return () if scheme is None else scheme.check(code, level, parent_code)

    def check_beside(self, code: str, level: str, siblings: Collection[str]) -> tuple[Fault, ...]:
        """Return what contradicts a code among those of the other cells of its parent."""
        scheme = self.by_level.get(level)
        return () if scheme is None else scheme.check_beside(code, level, siblings)

    def issue(self, parent_code: str, level: str, taken: Collection[str], count: int) -> list[str] | None:
        """Return so many new codes, none of them taken; None on a level without a scheme."""
        scheme = self.by_level.get(level)
        return None if scheme is None else scheme.issue(parent_code, level, taken, count)

    def as_mapping(self) -> dict[str, Any]:
        """Return the schemes as a JSON object; :meth:`from_mapping` takes it back."""
        return {"schemes": {level: dict(entry) for level, entry in self.given.items()}}

    @classmethod
    def from_mapping(cls, data: Any, levels: Sequence[str] = ()) -> "CodeSchemes":
        """Read schemes from parsed JSON.

        Parameters
        ----------
        data : mapping
            ``schemes``: an object from level to scheme.
        levels : sequence of str
            Codes of the levels there are; empty takes any.

        Raises
        ------
        InvalidInputError
            Each fault names the key it stands at (``schemes.grid.subject``) and what to write.
        """
        faults: list[Fault] = []
        entries = data.get("schemes") if isinstance(data, Mapping) else None
        if not isinstance(entries, Mapping) or len(entries) > _MAX_LEVELS:
            fault = Fault("schemes", f"must be an object from level to scheme, of at most {_MAX_LEVELS}")
            raise InvalidInputError("The code schemes cannot be used.", [fault])
        found = {level: _read(str(level), entry, tuple(levels), faults) for level, entry in entries.items()}
        if faults:
            raise InvalidInputError("The code schemes cannot be used.", faults)
        return cls(
            {level: scheme for level, scheme in found.items() if scheme is not None},
            {level: dict(entry) for level, entry in entries.items()},
        )


def _read(level: str, entry: Any, levels: tuple[str, ...], faults: list[Fault]) -> CodeScheme | None:
    at = f"schemes.{level}"
    if levels and level not in levels:
        faults.append(Fault(at, f"there is no such level; use one of {', '.join(levels)}", value=level))
        return None
    name = entry.get("scheme") if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or name not in SCHEMES:
        faults.append(Fault(f"{at}.scheme", f"must be one of {', '.join(SCHEMES)}", value=name))
        return None
    for key in sorted(map(str, entry.keys() - {"scheme", *SCHEMES[name]})):
        known = ", ".join(("scheme", *SCHEMES[name]))
        faults.append(Fault(f"{at}.{key}", f"is not known for {name}; write one of {known}"))
    if name == "gb_12_3":
        return _national(at, level, faults)
    return _special(at, level, entry, faults) if name == "cjt_349" else _free(at, entry, faults)


def _national(at: str, level: str, faults: list[Fault]) -> CodeScheme | None:
    if level in GB_12_3.widths:
        return GB_12_3
    known = ", ".join(GB_12_3.widths)
    faults.append(Fault(at, f"the national scheme knows the levels {known}; use free", value=level))
    return None


def _special(at: str, level: str, entry: Mapping[str, Any], faults: list[Fault]) -> CodeScheme | None:
    subject = entry.get("subject")
    if isinstance(subject, str) and re.fullmatch("[0-9]{6}", subject):
        return SpecialGridCode(subject, level)
    faults.append(Fault(f"{at}.subject", "must be six digits, as text (CJ/T 348)", value=subject))
    return None


def _free(at: str, entry: Mapping[str, Any], faults: list[Fault]) -> CodeScheme | None:
    plain = FreeCode()
    pattern, separator, width = (
        entry.get(name, getattr(plain, name)) for name in ("pattern", "separator", "width")
    )
    count = len(faults)
    if pattern != plain.pattern and not _is_simple(pattern):
        message = (
            "must be a pattern of characters, [classes] and \\d, \\w, each with {n}, {n,m}, ?, * or + after"
            f" it; no groups, at most {_MAX_ELASTIC} parts of open length: [A-Z]-\\d{{2}}"
        )
        faults.append(Fault(f"{at}.pattern", message, value=pattern))
    if not isinstance(separator, str) or len(separator) > 1:
        faults.append(Fault(f"{at}.separator", "must be one character, or none", value=separator))
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= _MAX_WIDTH:
        faults.append(Fault(f"{at}.width", f"must be a whole number from 1 to {_MAX_WIDTH}", value=width))
    return FreeCode(pattern, separator, width) if len(faults) == count else None


def _is_simple(pattern: Any) -> bool:
    """Tell whether a pattern matches quickly whatever the text: no groups, little that stretches."""
    if not isinstance(pattern, str) or len(pattern) > _MAX_PATTERN or not _SIMPLE.fullmatch(pattern):
        return False
    if len(_ELASTIC.findall(re.sub(r"\[[^\]]*\]", "x", pattern))) > _MAX_ELASTIC:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
