"""The town's own lists: categories, response standards, access times. Who changes one has seen it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from geo_service.errors import (
    Fault,
    InvalidInputError,
    PreconditionFailedError,
    PreconditionRequiredError,
    Words,
)
from geo_service.staffing.clocks import standard_from, standard_object
from geo_service.staffing.floors import AccessTime, access_time_from, access_time_object
from geo_service.store import audit, setting
from geo_service.store import catalogue as store
from geo_service.store.database import Connection, Database

ACCESS_TIME = "access_time"
_CATEGORY = ("code", "parent_code", "kind", "name_zh", "name_en", "urgency", "capabilities")
_MOST_CATEGORIES, _MOST_STANDARDS = 2000, 200


def categories(connection: Connection) -> list[dict[str, Any]]:
    """Return the categories in use, by code."""
    return [{name: row[name] for name in _CATEGORY} for row in store.categories(connection)]


def standards(connection: Connection) -> list[dict[str, Any]]:
    """Return the response standards in order: of equally specific ones the last holds."""
    return [standard_object(standard_from(row)) for row in store.standards(connection)]


def access_time(connection: Connection) -> AccessTime:
    """Return how long people take inside buildings."""
    return access_time_from(setting.latest(connection, ACCESS_TIME)[1])


def mark(value: Any) -> str:
    """Return the ETag of a list or setting."""
    return f'"{hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]}"'


def below(connection: Connection, code: str) -> list[str]:
    """Return a category and all below it, also those no longer in use."""
    children: dict[str | None, list[str]] = {}
    for one, parent in store.parents(connection).items():
        children.setdefault(parent, []).append(one)
    found, todo = [], [code]
    while todo:
        at = todo.pop()
        if at not in found:
            found.append(at)
            todo += children.get(at, [])
    return found


def set_categories(
    database: Database, rows: Sequence[Mapping[str, Any]], *, who: str, if_match: str | None
) -> list[dict[str, Any]]:
    """Put a new list of categories in the place of the old one; what it lacks is retired, never removed.

    Raises
    ------
    PreconditionRequiredError, PreconditionFailedError
        The caller does not say which list he has seen, or it is another one now. ``"*"`` matches any.
    InvalidInputError
        The list is not in order: every fault is named.
    """
    ordered = _in_order(rows)
    with database.writing() as connection:
        setting.lock(connection)
        _require(if_match, categories(connection))
        store.put_categories(connection, [dict(row) | {"retired_at": None} for row in ordered])
        store.retire_categories_except(connection, [row["code"] for row in ordered])
        audit.record(connection, who, "categories.set", "categories", {"count": len(ordered)})
        return categories(connection)


def set_standards(
    database: Database, rows: Sequence[Mapping[str, Any]], *, who: str, if_match: str | None
) -> list[dict[str, Any]]:
    """Put new response standards in the place of the old ones.

    Incidents keep the standard that they were given; a correction chooses anew.

    Raises
    ------
    PreconditionRequiredError, PreconditionFailedError, InvalidInputError
        As :func:`set_categories`.
    """
    made = _standards(rows)
    with database.writing() as connection:
        setting.lock(connection)
        _require(if_match, standards(connection))
        _refuse_unknown(made, {row["code"] for row in store.categories(connection, retired=True)})
        store.replace_standards(connection, made)
        codes = [row["code"] for row in made]
        audit.record(connection, who, "standards.set", "response standards", {"codes": codes})
        return standards(connection)


def set_access_time(
    database: Database, given: Mapping[str, Any], *, who: str, if_match: str | None
) -> dict[str, Any]:
    """Set how long people take inside buildings; as :func:`set_categories`."""
    value = access_time_object(access_time_from(given))
    with database.writing() as connection:
        setting.lock(connection)
        version, _ = setting.latest(connection, ACCESS_TIME)
        _require(if_match, access_time_object(access_time(connection)))
        setting.add(connection, ACCESS_TIME, value, after=version, who=who)
        audit.record(connection, who, "access-time.set", "access time", value)
    return value


def _require(if_match: str | None, now: Any) -> None:
    if if_match is None:
        message = Words(
            "say with If-Match which list you have seen: its ETag stands in the answer to GET",
            "请用 If-Match 说明所依据的版本：GET 的回答中有 ETag",
        )
        raise PreconditionRequiredError(message, [Fault("If-Match", message)])
    shown = [part.strip().removeprefix("W/") for part in if_match.split(",")]
    if "*" not in shown and mark(now) not in shown:
        message = Words(
            "somebody has changed this meanwhile; look at it again, then try once more",
            "其间有人改动过；请重新查看后再试",
        )
        raise PreconditionFailedError(message, [Fault("If-Match", message, value=if_match)])


def _in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return categories with parents before their children, or raise with every fault."""
    by_code = {row["code"]: row for row in rows}
    faults = (
        [Fault("categories", Words(f"at most {_MOST_CATEGORIES}", f"最多 {_MOST_CATEGORIES} 个"))]
        if len(rows) > _MOST_CATEGORIES
        else []
    )
    seen: set[str] = set()
    for i, row in enumerate(rows):
        field = f"categories[{i}]"
        if row["code"] in seen:
            faults.append(Fault(f"{field}.code", Words("is there twice", "重复出现"), value=row["code"]))
        seen.add(row["code"])
        parent = row["parent_code"]
        if parent is None:
            continue
        if parent not in by_code:
            faults.append(
                Fault(f"{field}.parent_code", Words("is not in the list", "不在列表中"), value=parent)
            )
        elif by_code[parent]["kind"] != row["kind"]:
            faults.append(
                Fault(
                    f"{field}.kind",
                    Words("is another than that of the category above it", "与上级类别的不一致"),
                )
            )
        elif _is_circle(row["code"], by_code):
            faults.append(
                Fault(
                    f"{field}.parent_code",
                    Words("leads back to the category itself", "上级又指回该类别本身"),
                    value=parent,
                )
            )
    if faults:
        raise InvalidInputError(Words("the categories are not in order", "类别有误"), faults)
    return sorted(rows, key=lambda row: _depth(row["code"], by_code))


def _depth(code: str, by_code: Mapping[str, Mapping[str, Any]]) -> int:
    depth, at = 0, by_code[code]["parent_code"]
    while at is not None and depth <= len(by_code):
        depth, at = depth + 1, by_code[at]["parent_code"] if at in by_code else None
    return depth


def _is_circle(code: str, by_code: Mapping[str, Mapping[str, Any]]) -> bool:
    return _depth(code, by_code) > len(by_code)


def _standards(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    faults = (
        [Fault("standards", Words(f"at most {_MOST_STANDARDS}", f"最多 {_MOST_STANDARDS} 个"))]
        if len(rows) > _MOST_STANDARDS
        else []
    )
    made, seen = [], set()
    for i, row in enumerate(rows):
        try:
            made.append(standard_object(standard_from(row)))
        except InvalidInputError as error:
            faults += [Fault(f"standards[{i}].{f.field}", f.message, value=f.value) for f in error.faults]
        if row["code"] in seen:
            faults.append(
                Fault(f"standards[{i}].code", Words("is there twice", "重复出现"), value=row["code"])
            )
        seen.add(row["code"])
    if faults:
        raise InvalidInputError(Words("the response standards are not in order", "时限标准有误"), faults)
    return made


def _refuse_unknown(made: Sequence[Mapping[str, Any]], known: set[str]) -> None:
    faults = [
        Fault(f"standards[{i}].categories", Words("there is no such category", "没有这个类别"), value=code)
        for i, row in enumerate(made)
        for code in row["categories"]
        if code not in known
    ]
    if faults:
        raise InvalidInputError(
            Words("the response standards name categories that are not there", "时限标准引用了不存在的类别"),
            faults,
        )
