"""Which incidents a caller sees: the one condition that every reading of incidents is narrowed by.

A key for a part of the town sees the incidents placed in its cells, in the edition in force when they
happened or in any since: who answered for the place then, and who answers for it now. Incidents in no cell
are seen by keys for the whole town only.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Connection, bindparam, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Integer, Uuid

#: The incidents inside the cells of a scope: from these downwards, each cell with the editions of which
#: that is true.
_INSIDE = """
    with recursive below (cell_id, editions) as (
        select unnest({cells}), int4range(null, null)
        union
        select cell_version.cell_id, cell_version.editions * below.editions
        from below join cell_version on cell_version.parent_id = below.cell_id
            and cell_version.editions && below.editions
    )
    select placement.incident_id from below join placement on placement.cell_id = below.cell_id
        and int4range(placement.since_edition, placement.until_edition) && below.editions
"""


def placed_within(incident_id: ColumnElement[Any], scope: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that an incident lies in one of these cells or below; empty: that is anywhere.

    Parameters
    ----------
    incident_id : ColumnElement
        The column that names the incident.
    scope : collection of int
        Ids of cells, as :attr:`geo_service.model.Principal.scope`.
    """
    if not scope:
        return literal_column("true", Boolean)
    inside = (
        text(_INSIDE.format(cells=":scope_cells"))
        .bindparams(bindparam("scope_cells", sorted(scope), type_=ARRAY(Integer)))
        .columns(incident_id=Uuid())
    )
    return incident_id.in_(select(inside.subquery("in_scope").c.incident_id))


def words_of_placed_within(incident_id: str, parameter: str) -> str:
    """Return the same condition in SQL, for streams that numpy reads: a list of cells is the parameter."""
    return f"{incident_id} in ({_INSIDE.format(cells=f'%({parameter})s::int[]')})"


def seen(connection: Connection, scope: Collection[int], incident_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these incidents a scope sees: upwards from each, for a few in little time."""
    if not scope:
        return set(incident_ids)
    rows = connection.execute(
        text("""
            with recursive above (incident_id, cell_id, editions) as (
                select incident_id, cell_id, int4range(since_edition, until_edition) from placement
                where incident_id = any(:keys) and cell_id is not null
                union
                select incident_id, parent_id, cell_version.editions * above.editions
                from above join cell_version on cell_version.cell_id = above.cell_id
                    and cell_version.editions && above.editions
                where parent_id is not null
            )
            select distinct incident_id from above where cell_id = any(:scope_cells)
        """),
        {"keys": list(incident_ids), "scope_cells": sorted(scope)},
    )
    return set(rows.scalars())


def incident_of_dispatch(connection: Connection, dispatch_id: int) -> UUID | None:
    """Return to which incident somebody was sent; None if there is no such dispatch."""
    found: UUID | None = connection.execute(
        text("select incident_id from dispatch where id = :key"), {"key": dispatch_id}
    ).scalar_one_or_none()
    return found


def was_sent(connection: Connection, principal_id: int, key: UUID) -> bool:
    """Tell whether the responder for whom a key acts was ever sent to an incident."""
    found = connection.execute(
        text("""
            select from dispatch join principal_responder using (responder_id)
            where principal_id = :principal and incident_id = :key
        """),
        {"principal": principal_id, "key": key},
    )
    return found.first() is not None


def people_of(connection: Connection, cells: Collection[int]) -> dict[str, int]:
    """Return the ids by code of those who hold a role on one of some cells, now or later."""
    rows = connection.execute(
        text("""
            select distinct r.code, r.id from duty d join responder r on r.id = d.responder_id
            where d.cell_id = any(:cells) and r.retired_at is null
                and (upper(d.held_during) is null or upper(d.held_during) > clock_timestamp())
        """),
        {"cells": list(cells)},
    )
    return {row.code: row.id for row in rows}


def holds_elsewhere(connection: Connection, code: str, cells: Collection[int]) -> bool:
    """Tell whether somebody holds a role on a cell that is none of some, now or later."""
    found = connection.execute(
        text("""
            select from duty d join responder r on r.id = d.responder_id
            where r.code = :code and d.cell_id <> all(:cells)
                and (upper(d.held_during) is null or upper(d.held_during) > clock_timestamp())
            limit 1
        """),
        {"code": code, "cells": list(cells)},
    )
    return found.first() is not None
