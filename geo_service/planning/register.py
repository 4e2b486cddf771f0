"""The register of a plan: which cells there are on each level, and who belongs to whom. No shapes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words

#: Attributes that are counts of what lies in a cell.
COUNTS = ("households", "residents", "population", "dwellings", "buildings", "shops")

CellKey = tuple[str, str]  # level and code: codes are unique on a level


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What is written down of a cell, apart from its land."""

    level: str
    code: str
    kind: str = "regular"
    name: str = ""
    parent: CellKey | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> CellKey:
        """Level and code."""
        return self.level, self.code

    def without_counts(self) -> "CellRecord":
        """Return the record without the counts among its attributes."""
        others = {name: value for name, value in self.attributes.items() if name not in COUNTS}
        return replace(self, attributes=others)


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What the record of one cell was and what it has become; None: no such cell."""

    key: CellKey
    before: CellRecord | None
    after: CellRecord | None

    def reversed(self) -> "RecordChange":
        """Return the change that undoes this one."""
        return RecordChange(self.key, self.after, self.before)

    @property
    def is_of_counts(self) -> bool:
        """Say whether the cell is the same but for its counts: its land changed, or that of a cell below."""
        before, after = self.before, self.after
        return before is not None and after is not None and before.without_counts() == after.without_counts()


class Register:
    """Records of cells by key, with a journal of changes.

    Parameters
    ----------
    levels : sequence of str
        Codes of the levels from the top down.
    records : iterable of CellRecord
    """

    def __init__(self, levels: Iterable[str], records: Iterable[CellRecord]) -> None:
        self.levels = tuple(levels)
        self._records = {record.key: record for record in records}
        self._children: dict[CellKey, set[CellKey]] = {}
        for record in self._records.values():
            if record.parent is not None:
                self._children.setdefault(record.parent, set()).add(record.key)
        self._journal: list[RecordChange] = []

    def __iter__(self) -> Iterator[CellRecord]:
        """Go through all records."""
        return iter(self._records.values())

    def get(self, key: CellKey) -> CellRecord | None:
        """Return the record of a cell, None if there is no such cell."""
        return self._records.get(key)

    def require(self, key: CellKey, argument: str = "cell") -> CellRecord:
        """Return the record of a cell.

        Raises
        ------
        InvalidInputError
            There is none; the fault names the argument.
        """
        found = self._records.get(key)
        if found is None:
            message = Words(
                f"the plan has no {key[0]} {key[1]}; it may have been merged or retired",
                f"方案中已没有 {key[1]}，可能已被合并或撤销",
            )
            raise InvalidInputError(message, [Fault(argument, message, value=" ".join(key))])
        return found

    def children(self, key: CellKey) -> list[CellKey]:
        """Return the cells directly below one, in order."""
        return sorted(self._children.get(key, ()))

    def below(self, key: CellKey) -> Iterator[CellKey]:
        """Go through all cells below one, at any depth."""
        for child in self.children(key):
            yield child
            yield from self.below(child)

    def path(self, key: CellKey) -> list[CellKey]:
        """Return a cell and its ancestors, the top first."""
        out = [key]
        while (record := self._records.get(out[-1])) and record.parent is not None:
            out.append(record.parent)
        return out[::-1]

    def depth(self, level: str) -> int:
        """Return the place of a level, 0 at the top.

        Raises
        ------
        InvalidInputError
            There is no such level.
        """
        if level not in self.levels:
            message = f"there is no level {level!r}; use one of: {', '.join(self.levels)}"
            raise InvalidInputError(message, [Fault("level", message, value=level)])
        return self.levels.index(level)

    def taken(self, level: str) -> set[str]:
        """Return the codes in use on a level."""
        return {code for at, code in self._records if at == level}

    def put(self, record: CellRecord) -> None:
        """Write a record, new or in place of the one with its key."""
        self._set(record.key, record)

    def remove(self, key: CellKey) -> None:
        """Strike a cell off."""
        self._set(key, None)

    def _set(self, key: CellKey, after: CellRecord | None) -> None:
        before = self._records.get(key)
        if before != after:
            self._journal.append(RecordChange(key, before, after))
            self._write(key, before, after)

    def _write(self, key: CellKey, before: CellRecord | None, after: CellRecord | None) -> None:
        if before is not None and before.parent is not None:
            self._children[before.parent].discard(key)
        if after is None:
            self._records.pop(key, None)
            return
        self._records[key] = after
        if after.parent is not None:
            self._children.setdefault(after.parent, set()).add(key)

    def replay(self, changes: Iterable[RecordChange]) -> None:
        """Make changes that were made elsewhere, or undo them (give them reversed).

        Where only the counts of a cell are not as they were there, they change by as much as they did there:
        what came and went adds up whoever was first.

        Raises
        ------
        ConflictError
            A record is not as it was there, or has fewer left of something than are to go.
        """
        for change in changes:
            now = self._records.get(change.key)
            after = change.after if now == change.before else _counted_on(now, change)
            if after is None and now != change.before:
                message = Words(
                    f"{' '.join(change.key)} was changed meanwhile", f"{change.key[1]} 在此期间已被修改"
                )
                raise ConflictError(message, [Fault("changes", message, value=" ".join(change.key))])
            self._set(change.key, after)

    def mark(self) -> int:
        """Return a place in the journal, for :meth:`since` and :meth:`roll_back`."""
        return len(self._journal)

    def touched_since(self, mark: int) -> list[CellKey]:
        """Return the cells written or struck off since a mark."""
        return sorted({change.key for change in self._journal[mark:]})

    def before(self, mark: int) -> dict[CellKey, CellRecord | None]:
        """Return of the cells written or struck off since a mark what they were then."""
        first: dict[CellKey, CellRecord | None] = {}
        for change in self._journal[mark:]:
            first.setdefault(change.key, change.before)
        return first

    def since(self, mark: int) -> list[RecordChange]:
        """Return the net changes since a mark in order of key, and forget them."""
        first: dict[CellKey, CellRecord | None] = {}
        last: dict[CellKey, CellRecord | None] = {}
        for change in self._journal[mark:]:
            first.setdefault(change.key, change.before)
            last[change.key] = change.after
        del self._journal[mark:]
        return [RecordChange(key, first[key], last[key]) for key in sorted(first) if first[key] != last[key]]

    def roll_back(self, mark: int) -> None:
        """Undo everything since a mark."""
        while len(self._journal) > mark:
            change = self._journal.pop()
            self._write(change.key, change.after, change.before)

    def refuse_strays(self, keys: Iterable[CellKey]) -> None:
        """Raise if one of these cells has a parent that does not exist or stands on the wrong level."""
        for key in keys:
            record = self._records.get(key)
            for child in self.children(key) if record is None else [key]:
                self._refuse_stray(self._records[child])

    def _refuse_stray(self, record: CellRecord) -> None:
        parent, depth = record.parent, self.depth(record.level)
        if parent is None:
            if depth == 0:
                return
            message = Words(
                f"{record.level} {record.code} would belong to no {self.levels[depth - 1]}",
                f"{record.code} 将没有上级",
            )
        elif parent not in self._records:
            message = Words(
                f"{record.level} {record.code} would belong to {parent[0]} {parent[1]}, which is no more",
                f"{record.code} 的上级 {parent[1]} 已不存在",
            )
        elif self.depth(parent[0]) != depth - 1:
            message = Words(
                f"a {record.level} belongs to a {self.levels[depth - 1]}, not to a {parent[0]}",
                "上级的层级不对：须是紧邻的上一层",
            )
        else:
            return
        raise InvalidInputError(message, [Fault("parent", message, value=record.code)])


def _counted_on(now: CellRecord | None, change: RecordChange) -> CellRecord | None:
    """Return a record with its counts changed by as much as a change did.

    None if more than they differ, or there are not so many any more.
    """
    before, after = change.before, change.after
    if now is None or before is None or after is None or now.without_counts() != before.without_counts():
        return None
    counts: dict[str, Any] = {}
    for name in COUNTS:
        was, became, there = (record.attributes.get(name) for record in (before, after, now))
        if was == became:
            counts[name] = there
        elif isinstance(was, int) and isinstance(became, int) and isinstance(there, int):
            counts[name] = there + became - was
        else:
            return None
        if isinstance(counts[name], int) and counts[name] < 0:
            return None  # fewer than none: cut off at 0, the change could not be taken back
    counts = {name: value for name, value in counts.items() if value is not None}
    return replace(after, attributes={**after.without_counts().attributes, **counts})
