"""Writing the roster: an entry at a time, each in one transaction with its check, audit line and event."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import lcm
from typing import Any

import orjson

from geo_service.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
    Words,
)
from geo_service.services.roster_entries import KEYS, PARTS, Entry, Rota
from geo_service.services.roster_scopes import RosterPart
from geo_service.services.rostering import FIRST_WEEK
from geo_service.services.scopes import Part
from geo_service.staffing.roster import Shift, expand, overlaps
from geo_service.store import audit, outbox, roster
from geo_service.store.database import Connection, Database

#: What the audit does not repeat: names of people, where they start from, and free text.
_NOT_AUDITED = frozenset({"name", "note", "lon", "lat"})
_CLASHES = {
    "shifts": Words(
        "this responder is on another shift at that time",
        "此人在这段时间已有其他班次",
    ),
    "absences": Words("this responder is away at that time already", "此人在这段时间已登记请假或换班"),
    "duties": Words(
        "this responder holds this role on this cell at that time already", "此人在这段时间已任此职"
    ),
    "rotas": Words("two lines of the rota begin at the same time", "排班规律中有两行在同一时刻开始"),
    "posts": Words("a window stands there twice", "同一时段重复"),
    "teams": Words("a member stands there twice at the same time", "同一成员在同一时间重复"),
}
_MOST_WEEKS = 60
_NAMES = {"responders": ("responder", "人员"), "posts": ("post", "岗位"), "calendars": ("calendar", "日历")}

Finish = Callable[[Connection, "Record"], None]


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as it is stored.

    Attributes
    ----------
    register, key : str
        Where it stands.
    entry : dict
        What it says.
    created : bool
        Whether it was not there before.
    """

    register: str
    key: str
    entry: dict[str, Any]
    created: bool = False

    @property
    def tag(self) -> str:
        """Digest of what it says: two entries that say the same have the same."""
        return hashlib.sha256(orjson.dumps(self.entry, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


def get(connection: Connection, register: str, key: str, part: Part | None = None) -> Record:
    """Return an entry; with ``part`` only one of that part of the town.

    Raises
    ------
    NotFoundError
        There is none with this key.
    """
    found = _find(connection, register, key)
    if found is None:
        raise NotFoundError(Words(f"there is no {key!r} among the {register}", f"{register} 中没有 {key}"))
    if part is not None:
        RosterPart(connection, part).require_sight(register, key, found.entry)
    return found


def put(
    database: Database,
    register: str,
    key: str,
    entry: Entry,
    *,
    who: str,
    if_match: str | None,
    finish: Finish | None = None,
    part: Part | None = None,
) -> Record:
    """Write an entry in the place of the one with its key, or as a new one where keys are codes.

    Parameters
    ----------
    if_match : str or None
        Tag of the entry that the caller looked at. What says the same already may be written without.
    finish : callable, optional
        Called with the record at the end of the transaction.
    part : Part, optional
        The part of the town to which the caller is confined.

    Raises
    ------
    InvalidInputError
        It names what is not known, or the entry's own code is another.
    NotFoundError
        There is none with this number.
    PreconditionRequiredError, PreconditionFailedError
        No tag is given for an entry that would change; it has changed since.
    ConflictError
        It clashes with another entry.
    ForbiddenError
        It, or what it replaces, is of another part of the town.
    """
    if register in KEYS and getattr(entry, KEYS[register]) != key:
        message = Words("the code in the address and in the entry differ", "地址与内容中的编号不一致")
        raise InvalidInputError(
            message, [Fault(KEYS[register], message, value=getattr(entry, KEYS[register]))]
        )
    with _clashes(register, database) as connection:
        roster.lock(connection, register, key)
        before = _find(connection, register, key)
        if before is None and register not in KEYS:
            raise NotFoundError(
                Words(f"there is no {key!r} among the {register}", f"{register} 中没有 {key}")
            )
        _confine(connection, part, register, [entry], before)
        check(connection, register, [(None, entry)])
        _precondition(before, entry, if_match)
        record = _write(connection, register, entry, before, who)
        if finish is not None:
            finish(connection, record)
    return record


def create(
    database: Database,
    register: str,
    entry: Entry,
    *,
    who: str,
    finish: Finish | None = None,
    part: Part | None = None,
) -> Record:
    """Write a new entry where keys are numbers.

    Raises
    ------
    InvalidInputError, ConflictError, ForbiddenError
        As :func:`put`.
    """
    with _clashes(register, database) as connection:
        _confine(connection, part, register, [entry])
        check(connection, register, [(None, entry)])
        record = _write(connection, register, entry, None, who)
        if finish is not None:
            finish(connection, record)
    return record


def create_all(
    database: Database,
    register: str,
    entries: Sequence[Entry],
    *,
    who: str,
    finish: Callable[[Connection, list[Record]], None] | None = None,
    part: Part | None = None,
) -> list[Record]:
    """Write new entries where keys are numbers, all of them or none.

    Raises
    ------
    InvalidInputError, ConflictError, ForbiddenError
        As :func:`put`.
    """
    with _clashes(register, database) as connection:
        _confine(connection, part, register, entries)
        check(connection, register, [(None, entry) for entry in entries])
        records = [_write(connection, register, entry, None, who) for entry in entries]
        if finish is not None:
            finish(connection, records)
    return records


def remove(
    database: Database,
    register: str,
    key: str,
    *,
    who: str,
    if_match: str | None,
    part: Part | None = None,
) -> None:
    """Take an entry away. A responder or a team retires: what they did keeps their name.

    Raises
    ------
    NotFoundError, PreconditionRequiredError, PreconditionFailedError
        There is none; no tag is given; it has changed since.
    ConflictError
        Something hangs on it.
    ForbiddenError
        It is of another part of the town, or of several.
    """
    with database.writing() as connection:
        roster.lock(connection, register, key)
        before = get(connection, register, key)
        _confine(connection, part, register, [], before)
        if part is not None and register == "responders":
            RosterPart(connection, part).require_leaving(key)
        _match(before, if_match)
        if register == "calendars" and (used := roster.users_of_calendar(connection, key)):
            message = Words(
                f"{used} rota lines or posts follow this calendar; take it out of them first",
                f"有 {used} 条排班或岗位使用此日历，请先解除",
            )
            raise ConflictError(message, [Fault("code", message, value=key)])
        roster.remove(connection, register, key)
        _note(connection, who, "remove", before, None)


def put_many(
    connection: Connection,
    register: str,
    entries: Iterable[tuple[int | None, Entry]],
    *,
    who: str,
    commit: bool = True,
) -> dict[str, int]:
    """Write entries of a file in the caller's transaction; counts those new, corrected and unchanged.

    An entry with a number takes the place of the one that says whom and when the same; see :func:`identity`.
    Without ``commit`` nothing is written.

    Raises
    ------
    InvalidInputError
        With every fault and its row.
    ConflictError
        An entry clashes with another.
    """
    entries = list(entries)
    check(connection, register, entries)
    known = {identity(register, entry): (key, entry) for key, entry in roster.read(connection, register)}
    counts = {"new": 0, "corrected": 0, "unchanged": 0}
    for _, entry in entries:
        said = entry.record()
        before = known.get(identity(register, said))
        if before is not None and _same(before[1], said):
            counts["unchanged"] += 1
            continue
        is_new = before is None or (register == "rotas" and not before[1]["lines"])
        counts["new" if is_new else "corrected"] += 1
        if commit:
            roster.write(connection, register, said, before[0] if before else None)
    if commit and (counts["new"] or counts["corrected"]):
        audit.record(connection, who, f"import {register}", register, counts)
        outbox.add(connection, "roster.changed", {"register": register, **counts})
    return counts


def identity(register: str, entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return by what two entries are the same one: the code, or who, where and from when."""
    if register in KEYS:
        return (entry[KEYS[register]],)
    if register == "duties":
        return (entry["responder"], entry["level"], entry["cell"], entry["role"], _utc(entry["since"]))
    if register == "absences":
        return (entry["responder"], entry["post"], _utc(entry["start"]))
    return (entry["responder"], _utc(entry["start"]))


def check(connection: Connection, register: str, entries: Sequence[tuple[int | None, Entry]]) -> None:
    """Refuse entries that name what is not known, or clash within themselves; with their rows."""
    named: dict[str, dict[str, tuple[str, int | None]]] = {}
    cells: dict[tuple[str, str], int | None] = {}
    for row, entry in entries:
        for part in (entry, *getattr(entry, PARTS.get(register, ""), ())):
            for field, where in part.references.items():
                code = getattr(part, field)
                if where == "cells":
                    cells.setdefault((getattr(part, "level"), code), row)  # noqa: B009 - not on every entry
                elif code is not None:
                    named.setdefault(where, {}).setdefault(code, (field, row))
    faults = []
    for where, codes in named.items():
        en, zh = _NAMES[where]
        for code in sorted(roster.unknown(connection, where, codes)):
            field, row = codes[code]
            faults.append(
                Fault(field, Words(f"there is no {en} with this code", f"没有此编号的{zh}"), row, code)
            )
    for level, code in sorted(set(cells) - roster.known_cells(connection, list(cells))):
        message = Words(f"there is no {level} with this code", f"没有此编码的网格（{level}）")
        faults.append(Fault("cell", message, cells[level, code], code))
    faults += [fault for row, entry in entries if isinstance(entry, Rota) for fault in _clash(entry, row)]
    if faults:
        raise InvalidInputError(
            Words("the roster cannot be written like this", "排班内容有误，未保存"), faults[:100]
        )


def _clash(rota: Rota, row: int | None) -> list[Fault]:
    """Find lines of a rota that overlap, in as many weeks as it takes until all comes again."""
    if len(rota.lines) < 2:
        return []
    weeks = min(_MOST_WEEKS, lcm(*(line.every_weeks for line in rota.lines)) + 1)
    first = max(*(line.first or FIRST_WEEK for line in rota.lines), FIRST_WEEK)
    begin = datetime.combine(first, time(), UTC)
    shifts: list[Shift] = []
    for number, line in enumerate(rota.lines):
        shifts += [
            Shift(shift.start, shift.end, 0, origin=("line", number))
            for shift in expand([line.pattern()], begin, begin + timedelta(weeks=weeks))
        ]
    pairs = {
        tuple(sorted({one.origin[1], other.origin[1]}))
        for one, other in overlaps(shifts)
        if one.origin and other.origin
    }
    message = Words("these lines overlap", "这些行的时间重叠")
    return [
        Fault(f"lines {', '.join(str(n + 1) for n in pair)}", message, row, rota.responder)
        for pair in sorted(pairs)
    ]


def _confine(
    connection: Connection,
    part: Part | None,
    register: str,
    entries: Sequence[Entry],
    before: Record | None = None,
) -> None:
    """Refuse what lies outside of a part of the town, as it is and as it would be."""
    if part is not None:
        said = [entry.record() for entry in entries] + ([before.entry] if before else [])
        RosterPart(connection, part).require(register, *said)


def _write(connection: Connection, register: str, entry: Entry, before: Record | None, who: str) -> Record:
    said = entry.record()
    if before is not None and _same(before.entry, said):
        return before
    key = roster.write(connection, register, said, before.key if before else None)
    after = get(connection, register, key)
    _note(connection, who, "put", before, after)
    return Record(register, key, after.entry, created=before is None)


def _note(connection: Connection, who: str, what: str, before: Record | None, after: Record | None) -> None:
    """Write the audit line and the event of a change."""
    one = after or before
    if one is None:
        raise AssertionError("a change has a record before or after it")
    details = {
        name: {field: value for field, value in record.entry.items() if field not in _NOT_AUDITED}
        for name, record in (("before", before), ("after", after))
        if record is not None
    }
    audit.record(connection, who, f"roster.{what}", f"{one.register}/{one.key}", details)
    outbox.add(connection, "roster.changed", {"register": one.register, "key": one.key, "what": what})


@contextmanager
def _clashes(register: str, database: Database) -> Iterator[Connection]:
    """Write in one transaction, and say what it is that an entry clashes with."""
    try:
        with database.writing() as connection:
            yield connection
    except ConflictError as error:
        words = _CLASHES.get(register)
        if words is None or error.faults:
            raise
        raise ConflictError(words, [Fault("", words)]) from error


def _find(connection: Connection, register: str, key: str) -> Record | None:
    if register not in KEYS and not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    found = roster.read(connection, register, {"key": key})
    return Record(register, found[0][0], found[0][1]) if found else None


def _precondition(before: Record | None, entry: Entry, if_match: str | None) -> None:
    if before is None:
        if if_match is not None:
            raise PreconditionFailedError(_changed(), [Fault("If-Match", _changed(), value=if_match)])
    elif if_match is not None or not (_same(before.entry, entry.record()) or _is_empty(before)):
        _match(before, if_match)


def _is_empty(record: Record) -> bool:
    """Whether it is a rota without lines, which everybody has from the beginning."""
    return record.register == "rotas" and not record.entry["lines"]


def _match(before: Record, if_match: str | None) -> None:
    if if_match is None:
        advice = Words(
            "say which version you looked at: send its ETag as If-Match",
            "请写明看到的版本：把 ETag 放进 If-Match",
        )
        raise PreconditionRequiredError(advice, [Fault("If-Match", advice)])
    if if_match.strip().removeprefix("W/").strip('"') not in {before.tag, "*"}:
        raise PreconditionFailedError(_changed(), [Fault("If-Match", _changed(), value=if_match)])


def _changed() -> Words:
    return Words("it has changed since you looked at it", "内容已被他人修改，请重新读取")


def _same(one: Any, other: Any) -> bool:
    """Tell whether two entries say the same, however they write it."""
    return bool(_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    """Return a JSON value in one way of writing: moments in UTC, parts by weekday and in order."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        if not any(isinstance(inner, dict) for inner in value):
            return value
        parts = [{**part, "weekdays": [day]} for part in value for day in part.get("weekdays", [0])]
        return sorted(map(_plain, parts), key=lambda part: orjson.dumps(part, option=orjson.OPT_SORT_KEYS))
    return _utc(value) if isinstance(value, str) else value


def _utc(value: str | None) -> str | None:
    """Return a moment in one way of writing, another text as it is."""
    if value is None or "T" not in value:
        return value
    try:
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    except ValueError:
        return value
