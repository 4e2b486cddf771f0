"""What the views of the roster read: people and what they hold, names, needs, where posts are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


def people_of_cells(
    connection: Connection, cell_ids: Sequence[int], start: datetime, end: datetime
) -> Sequence[Any]:
    """Return who holds a role on one of the cells in a span: responder_id, cell_id, role, since, until."""
    return connection.execute(
        text("""
            select responder_id, cell_id, role, lower(held_during) as since, upper(held_during) as until
            from duty where cell_id = any(:cells) and held_during && tstzrange(:start, :end)
            order by cell_id, responder_id
        """),
        {"cells": list(cell_ids), "start": start, "end": end},
    ).all()


def people(
    connection: Connection,
    start: datetime,
    end: datetime,
    *,
    cells: Sequence[int] | None,
    text_like: str = "",
    role: str | None = None,
    after: str = "",
    limit: int,
) -> Sequence[Any]:
    """Return people as they stand in a roster: id, code, name, role, agency, mode, place.

    Those who have a rota, shifts or a post come first, each part in order of code; ``place`` says where.

    Parameters
    ----------
    cells : sequence of int or None
        Only those with a duty on one of these; None: all.
    text_like : str
        Only those with this in name or code.
    role : str, optional
        Only those whose role this is, or who hold it on a cell.
    after : str
        Only those whose place comes after this.
    """
    return connection.execute(
        text("""
            select id, code, name, role, agency, mode, place from (
                select *, (case when exists (select from rota where rota.responder_id = r.id)
                    or exists (select from post_window w where w.responder_id = r.id)
                    or exists (select from shift s where s.responder_id = r.id
                        and on_duty && tstzrange(:start, :end)) then '0' else '1' end) || code as place
                from responder r
            ) as r
            where (retired_at is null or retired_at > :start) and place collate "C" > :after
              and (strpos(lower(name), lower(:text)) > 0 or strpos(lower(code), lower(:text)) > 0)
              and (cast(:role as text) is null or role = :role or exists (
                  select from duty d where d.responder_id = r.id and d.role = :role
                      and held_during && tstzrange(:start, :end)))
              and (not :chosen or exists (
                  select from duty d where d.responder_id = r.id and d.cell_id = any(:cells)
                      and held_during && tstzrange(:start, :end)))
            order by place collate "C" limit :limit
        """),
        {
            "start": start,
            "end": end,
            "after": after,
            "text": text_like,
            "role": role,
            "chosen": cells is not None,
            "cells": list(cells or ()),
            "limit": limit,
        },
    ).all()


def names(connection: Connection) -> dict[int, tuple[str, str]]:
    """Return code and name of every responder by id."""
    rows = connection.execute(text("select id, code, name from responder"))
    return {key: (code, name) for key, code, name in rows}


def modes(connection: Connection) -> dict[int, str]:
    """Return how every responder travels."""
    return {row.id: row.mode for row in connection.execute(text("select id, mode from responder"))}


def posts(connection: Connection) -> dict[int, Any]:
    """Return code, name and kind of every post by id."""
    rows = connection.execute(text("select id, code, name, kind from post"))
    return {row.id: row for row in rows}


def duties_of(
    connection: Connection, responders: Sequence[int], start: datetime, end: datetime
) -> Sequence[Any]:
    """Return what people hold in a span: responder_id, cell_id, role, since, until."""
    return connection.execute(
        text("""
            select responder_id, cell_id, role, lower(held_during) as since, upper(held_during) as until
            from duty where responder_id = any(:responders) and held_during && tstzrange(:start, :end)
            order by responder_id, cell_id
        """),
        {"responders": list(responders), "start": start, "end": end},
    ).all()


def absences_of(
    connection: Connection, responders: Sequence[int], start: datetime, end: datetime
) -> Sequence[Any]:
    """Return when people are away in a span: id, responder_id, start, end, kind, substitute, post, note."""
    return connection.execute(
        text("""
            select id, responder_id, lower(during) as start, upper(during) as "end", kind, substitute_id,
                post_id, note
            from absence where responder_id = any(:responders) and during && tstzrange(:start, :end)
            order by lower(during)
        """),
        {"responders": list(responders), "start": start, "end": end},
    ).all()


def needs(connection: Connection) -> Sequence[Any]:
    """Return the template of required roles, in order of code."""
    return connection.execute(text('select * from staffing_need order by code collate "C"')).all()


def latest_positions(connection: Connection, since: datetime) -> dict[str, tuple[float, float, datetime]]:
    """Return longitude, latitude and moment of the last fix of each responder by code; not older ones."""
    rows = connection.execute(
        text("""
            select r.code, p.lon, p.lat, p.at from position_latest p
            join responder r on r.id = p.responder_id where p.at >= :since
        """),
        {"since": since},
    )
    return {code: (lon, lat, at) for code, lon, lat, at in rows}
