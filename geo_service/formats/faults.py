"""A list of faults that stays readable: every kind of fault is shown, the rest is counted.

A file of 10,000 rows may have one fault 10,000 times and another one once. Cutting the list at the
hundredth entry would hide the second, so the room is shared among the kinds.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words

SHOWN = 100
_JSON_INTEGER = 2**63


class FaultList:
    """Collects faults while a file is read; raises once, at the end, with all of them.

    Parameters
    ----------
    shown : int
        Greatest number of faults listed one by one; what is beyond is counted in a last line.
    """

    def __init__(self, shown: int = SHOWN) -> None:
        self._shown = shown
        self._of_kind: dict[str, list[tuple[int, Fault]]] = {}
        self._seen = 0

    def __len__(self) -> int:
        """Return how many faults were met, listed or not."""
        return self._seen

    def add(
        self,
        kind: str,
        field: str,
        message: str,
        *,
        row: int | None = None,
        value: Any = None,
        place: tuple[float, float] | None = None,
    ) -> None:
        """Note one fault; ``kind`` groups faults of one sort, so that each gets its share of the list."""
        self._seen += 1
        kept = self._of_kind.setdefault(kind, [])
        if len(kept) < self._shown:
            kept.append((self._seen, Fault(field, message, row, _printable(value), _known(place))))

    def count(self, kind: str, times: int) -> None:
        """Note ``times`` further faults of a kind without listing them."""
        self._seen += times
        self._of_kind.setdefault(kind, [])

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds met so far."""
        return frozenset(self._of_kind)

    def listed(self) -> tuple[Fault, ...]:
        """Return at most ``shown`` faults in the order met, of every kind, then the count of the rest."""
        chosen: list[tuple[int, Fault]] = []
        groups = sorted(self._of_kind.values(), key=len)
        for done, group in enumerate(groups):
            share = (self._shown - len(chosen)) // (len(groups) - done)
            chosen += group[:share]
        faults = [fault for _, fault in sorted(chosen, key=lambda numbered: numbered[0])]
        if self._seen > len(faults):
            left = self._seen - len(faults)
            words = Words(f"and {left} more faults that are not listed", f"另有 {left} 处错误未列出")
            faults.append(Fault("", words))
        return tuple(faults)

    def raise_if_any(self, what: str) -> None:
        """Raise :class:`InvalidInputError` listing the faults, if there are any; ``what`` names the file."""
        if self._seen:
            noun = "fault" if self._seen == 1 else "faults"
            english = f"{what}: {self._seen} {noun}; nothing was loaded"
            raise InvalidInputError(
                Words(english, f"文件有 {self._seen} 处错误，未读入任何内容"), self.listed()
            )


def no_file(path: Path) -> NotFoundError:
    """Return the error for a path at which there is no file."""
    if path.is_dir():
        return NotFoundError(f"{path.name or path} is a folder: name a file in it")
    return NotFoundError(f"There is no file {path.name}")


def preview(names: Sequence[str], most: int = 30) -> str:
    """Return names joined by commas, shortened when there are very many of them."""
    shown = ", ".join(name[:60] for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _printable(value: Any) -> Any:
    """Return a value that can be put into JSON and into any terminal: no surrogate, no control character."""
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < _JSON_INTEGER):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = str(value)[:120].encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _known(place: tuple[float, float] | None) -> tuple[float, float] | None:
    if place is None or not all(map(math.isfinite, place)):
        return None
    return float(place[0]), float(place[1])
