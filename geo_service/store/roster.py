"""The registers of the roster: entries as JSON objects, in which others are named by their codes.

Each register has one statement that reads it and one that writes it. Both take and give the shapes of
:mod:`geo_service.services.roster_entries`; that every code named is known was seen to before.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from geo_service.store.roster_statements import CHANGE, KNOWN, READ, REMOVE, WHERE, WRITE


def read(
    connection: Connection,
    register: str,
    conditions: Mapping[str, Any] | None = None,
    *,
    after: str | None = None,
    limit: int | None = None,
) -> list[tuple[str, dict[str, Any]]]:
    """Return entries of a register with their keys, in order of code or number.

    Parameters
    ----------
    register : str
        Which one.
    conditions : mapping
        What the entries must fulfil; ``key``, ``responder``, ``span``, ... as the register knows it.
    after : str, optional
        Only entries that come after this place.
    limit : int, optional
        So many at the most.
    """
    given = {name: value for name, value in (conditions or {}).items() if value is not None}
    where = "".join(f" and {WHERE[register][name]}" for name in given)
    query = f"select key, entry from ({READ[register].format(where=where)}) as r"  # noqa: S608 - ours
    if after is not None:
        query += ' where place collate "C" > :after'
        given["after"] = place(register, after)
    query += ' order by place collate "C"'
    if limit is not None:
        query += " limit :limit"
        given["limit"] = limit
    return [(row.key, row.entry) for row in connection.execute(text(query), given)]


def place(register: str, key: str) -> str:
    """Return by what an entry is put in order."""
    return key.zfill(20) if register in CHANGE else key


def lock(connection: Connection, register: str, key: str) -> None:
    """Keep others from writing an entry until the end of the transaction."""
    connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:name, 7))"), {"name": f"{register}/{key}"}
    )


def write(connection: Connection, register: str, entry: Mapping[str, Any], key: str | None = None) -> str:
    """Write an entry, new or in the place of the one that has its key; returns the key."""
    values = {"entry": orjson.dumps(entry).decode()}
    if key is not None and register in CHANGE:
        connection.execute(text(CHANGE[register]), {**values, "key": key})
        return key
    for statement in WRITE[register]:
        done = connection.execute(text(statement), values)
        if done.returns_rows:
            key = done.scalar_one()
    return key if key is not None else str(entry["responder"])


def remove(connection: Connection, register: str, key: str) -> None:
    """Take an entry away; a responder or team retires, and is kept for the history."""
    for statement in REMOVE[register]:
        connection.execute(text(statement), {"key": key})


def unknown(connection: Connection, register: str, codes: Iterable[str]) -> set[str]:
    """Return which codes a register does not hold."""
    asked = set(codes)
    if not asked:
        return set()
    return asked - set(connection.execute(text(KNOWN[register]), {"codes": sorted(asked)}).scalars())


def contact(connection: Connection, code: str) -> str | None:
    """Return a responder's telephone number, None without one."""
    number: str | None = connection.execute(
        text(
            "select phone from responder_contact join responder r on r.id = responder_id where r.code = :code"
        ),
        {"code": code},
    ).scalar_one_or_none()
    return number


def set_contact(connection: Connection, code: str, phone: str) -> None:
    """Write a responder's telephone number, or take it away (``""``)."""
    if not phone:
        connection.execute(
            text(
                "delete from responder_contact using responder r where r.id = responder_id and r.code = :code"
            ),
            {"code": code},
        )
        return
    connection.execute(
        text("""
            insert into responder_contact (responder_id, phone)
            select id, :phone from responder where code = :code
            on conflict (responder_id) do update set phone = excluded.phone
        """),
        {"code": code, "phone": phone},
    )


def known_cells(connection: Connection, cells: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which cells, given by level and code, there are."""
    rows = connection.execute(
        text("""
            select level.code, cell.code from cell join level on level.id = cell.level_id
            join unnest(cast(:levels as text[]), cast(:codes as text[])) as given (level, code)
                on given.level = level.code and given.code = cell.code
        """),
        {"levels": [level for level, _ in cells], "codes": [code for _, code in cells]},
    )
    return {(level, code) for level, code in rows}


def users_of_calendar(connection: Connection, code: str) -> int:
    """Return how many lines of rotas and posts follow a calendar."""
    count: int = connection.execute(
        text("""
            select (select count(*) from rota where calendar_id = calendar.id)
                + (select count(*) from post where calendar_id = calendar.id)
            from calendar where code = :code
        """),
        {"code": code},
    ).scalar_one()
    return count
