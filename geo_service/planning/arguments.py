"""Reading the arguments of a verb: each by its name, everything wrong with them told at once."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.rings import Vertex
from geo_service.planning.register import CellKey

MAX_LINE_POINTS = 2_000
MAX_CELLS = 20_000
MAX_TEXT = 200
MAX_CODE = 64
MAX_NAME = 64
#: Beyond this, programs do not agree on a number in JSON (RFC 8259, 6).
MAX_NUMBER = 2**53
# what stands in addresses and in spreadsheets: no slash, no leading sign or dot
_CODE = re.compile(r"\w[\w.:-]*")


class Arguments:
    """The arguments as JSON gave them; call :meth:`done` when all are read.

    The readers return something harmless for what is missing or wrong, and keep the fault; :meth:`done`
    raises them together, so it must come before anything is done with what was read.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._read: set[str] = set()
        self._faults: list[Fault] = []

    def has(self, name: str) -> bool:
        """Say whether an argument was given."""
        return self._given.get(name) is not None

    def done(self) -> None:
        """Raise if an argument was wrong, missing or unknown."""
        for name in sorted(set(self._given) - self._read):
            known = ", ".join(sorted(self._read))
            self._fault(name, f"this edit has no such argument; it takes: {known}")
        if self._faults:
            raise InvalidInputError(
                Words(
                    "the arguments of the edit are not right; nothing was changed", "参数有误，什么都没有改动"
                ),
                self._faults,
            )

    def cell(self, name: str) -> CellKey:
        """Read a cell."""
        return self._cell(name, self._take(name), required=True) or ("", "")

    def cell_or_none(self, name: str) -> CellKey | None:
        """Read a cell that may be missing."""
        return self._cell(name, self._take(name), required=False)

    def cells(self, name: str) -> list[CellKey]:
        """Read a list of cells, each once."""
        value = self._take(name)
        if not isinstance(value, list) or not 0 < len(value) <= MAX_CELLS:
            self._fault(name, "give a list of cells: [[level, code], …]", value)
            return []
        found = [self._cell(f"{name}[{k}]", item, required=True) for k, item in enumerate(value)]
        return list(dict.fromkeys(cell for cell in found if cell))

    def place(self, name: str) -> Vertex:
        """Read a place and take it to the lattice."""
        points = self._points(name, [self._take(name)], field=name)
        return points[0] if points else (0, 0)

    def line(self, name: str) -> list[Vertex]:
        """Read a line of at least two places."""
        value = self._take(name)
        if not isinstance(value, list) or not 2 <= len(value) <= MAX_LINE_POINTS:
            self._fault(
                name,
                Words(
                    f"give 2 to {MAX_LINE_POINTS} places: [[lon, lat], …]",
                    f"线须有 2 到 {MAX_LINE_POINTS} 个点",
                ),
                value,
            )
            return [(0, 0), (1, 1)]
        return self._points(name, value) or [(0, 0), (1, 1)]

    def vector(self, name: str) -> Vertex:
        """Read a shift in degrees."""
        return self.place(name)

    def text(self, name: str) -> str | None:
        """Read a text that may be missing."""
        value = self._take(name)
        limit = MAX_CODE if name == "code" else MAX_TEXT
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or len(value) > limit or not value.isprintable():
            self._fault(
                name,
                Words(f"give a text of 1 to {limit} printable characters", f"请填 1 到 {limit} 个字"),
                value,
            )
            return None
        if name == "code" and not _CODE.fullmatch(value.strip()):
            self._fault(
                name,
                Words(
                    "a code is made of letters and digits, with . : - _ between them",
                    "编码由字母和数字组成，中间可用 . : - _",
                ),
                value,
            )
            return None
        return value.strip()

    def required_text(self, name: str) -> str:
        """Read a text."""
        if not self.has(name):
            self._read.add(name)
            self._fault(name, "this argument is missing")
            return ""
        return self.text(name) or ""

    def number(self, name: str) -> float | None:
        """Read a finite number that may be missing."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._fault(name, "give a number", value)
            return None
        return float(value)

    def renamed(self, **names: str) -> "Arguments":
        """Return the arguments that are not read yet, some under other names, and the faults up to here."""
        rest = {key: value for key, value in self._given.items() if key not in self._read}
        out = Arguments({names.get(key, key): value for key, value in rest.items()})
        out._faults = self._faults
        return out

    def flag(self, name: str) -> bool:
        """Read true or false; false if it is missing."""
        value = self._take(name)
        if value is not None and not isinstance(value, bool):
            self._fault(name, "give true or false", value)
        return value is True

    def mapping(self, name: str) -> dict[str, Any]:
        """Read named numbers and texts; null strikes a name out."""
        value = self._take(name)
        if not isinstance(value, dict) or not 0 < len(value) <= 100:
            self._fault(name, "give an object of 1 to 100 names with numbers, texts, true, false or null")
            return {}
        for key, item in value.items():
            if not 0 < len(key) <= MAX_NAME or not key.isprintable():
                self._fault(name, f"a name has 1 to {MAX_NAME} printable characters", key)
            elif isinstance(item, int | float) and not abs(item) < MAX_NUMBER:
                self._fault(f"{name}.{key}", "a number must be smaller than 2⁵³; write it as text", item)
            elif isinstance(item, str) and len(item) > 10 * MAX_TEXT:
                self._fault(f"{name}.{key}", f"a text has at most {10 * MAX_TEXT} characters", item)
            elif not isinstance(item, str | int | float | bool | None):
                self._fault(f"{name}.{key}", "give a number, a text, true, false or null", item)
        return dict(value)

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Read a list of objects; what is in them is for the caller to look at."""
        value = self._take(name)
        if not isinstance(value, list) or not 0 < len(value) <= MAX_CELLS:
            self._fault(name, "give a list of objects")
            return []
        for k, item in enumerate(value):
            if not isinstance(item, dict):
                self._fault(f"{name}[{k}]", "give an object", item)
                return []
        return list(value)

    def assignment(self, name: str) -> dict[CellKey, int]:
        """Read which group each leaf goes to: [[level, code, group], …]."""
        value = self._take(name)
        shape = "give [[level, code, group], …] with groups counted from 0"
        if not isinstance(value, list) or not 0 < len(value) <= MAX_CELLS:
            self._fault(name, shape)
            return {}
        out: dict[CellKey, int] = {}
        for k, item in enumerate(value):
            if not isinstance(item, list) or len(item) != 3 or not isinstance(item[2], int) or item[2] < 0:
                self._fault(f"{name}[{k}]", shape, item)
                return {}
            cell = self._cell(f"{name}[{k}]", item[:2], required=True)
            if cell in out:
                self._fault(f"{name}[{k}]", "this leaf stands twice", item)
            if cell:
                out[cell] = item[2]
        return out

    def _take(self, name: str) -> Any:
        self._read.add(name)
        return self._given.get(name)

    def _fault(self, name: str, message: str, value: Any = None) -> None:
        self._faults.append(Fault(name, message, value=None if value is None else str(value)[:80]))

    def _cell(self, name: str, value: Any, *, required: bool) -> CellKey | None:
        if value is None and not required:
            return None
        if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
            return value[0], value[1]
        self._fault(name, "give a cell as [level, code]", value)
        return None

    def _points(self, name: str, value: list[Any], field: str | None = None) -> list[Vertex]:
        for k, item in enumerate(value):
            numbers = isinstance(item, list) and len(item) == 2
            numbers = numbers and all(isinstance(x, int | float) and not isinstance(x, bool) for x in item)
            if not numbers or not (abs(item[0]) <= 180 and abs(item[1]) <= 90):
                self._fault(
                    field or f"{name}[{k}]", "give a place as [lon, lat] in degrees (EPSG:4326)", item
                )
                return []
        ij = lattice.to_lattice(np.array(value, dtype=np.float64))
        return [(int(i), int(j)) for i, j in ij.tolist()]
