"""Who answers for cells: the duties held on them at a moment; and who for land that is in none."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from geo_service.store.at_once import Question

#: By cell and moment: responder_id, responder (code), name, role of each.
Holders = dict[tuple[int, datetime], list[dict[str, Any]]]


def holders(
    connection: Connection, cell_ids: Collection[int], at: datetime
) -> dict[int, list[dict[str, Any]]]:
    """Return by cell who holds a duty on it at a moment: responder_id, responder (code), name, role."""
    return {key: held for (key, _), held in holders_at(connection, {(key, at) for key in cell_ids}).items()}


def holders_at(connection: Connection, asked: Collection[tuple[int, datetime]]) -> Holders:
    """Return by cell and moment who holds a duty on it then, as :func:`holders`."""
    return holders_question(asked).ask(connection)


def holders_question(asked: Collection[tuple[int, datetime]]) -> Question[Holders]:
    """Return the question of :func:`holders_at`."""
    pairs = list(asked)

    def read(rows: Sequence[tuple[Any, ...]]) -> Holders:
        out: Holders = {}
        for number, key, code, name, role in rows:
            one = {"responder_id": key, "responder": code, "name": name, "role": role}
            out.setdefault(pairs[number - 1], []).append(one)
        return out

    cells, moments = [key for key, _ in pairs], [at for _, at in pairs]
    return Question(_HOLDERS, {"cells": cells, "moments": moments}, read)


_HOLDERS = """
    select number, responder.id, responder.code, responder.name, duty.role
    from unnest(cast(%(cells)s as int[]), cast(%(moments)s as timestamptz[]))
        with ordinality as given (cell_id, at, number)
    join duty on duty.cell_id = given.cell_id and held_during @> given.at
    join responder on responder.id = duty.responder_id
    order by number, duty.role, responder.code collate "C"
"""


def gaps_at(
    connection: Connection, points: Sequence[tuple[float, float]], edition_id: int
) -> list[dict[str, Any] | None]:
    """Return for each point (lon, lat) the gap of an edition that it lies in, None for none.

    Each gap has ``id``, ``area_m2`` and ``fallback``: the cell (level, cell_code) that answers until it is
    closed, as it was set, or else the neighbour with the longest border.
    """
    rows = connection.execute(
        text("""
            select distinct on (number) number, gap.id, area_m2, fallback_level, fallback_code, neighbours
            from unnest(cast(:lon as float8[]), cast(:lat as float8[]))
                with ordinality as given (lon, lat, number)
            join gap on st_intersects(geom, st_setsrid(st_makepoint(lon, lat), 4326))
            where opened_edition_id <= :edition_id
                and (closed_edition_id is null or closed_edition_id > :edition_id)
            order by number, area_m2
        """),
        {
            "lon": [point[0] for point in points],
            "lat": [point[1] for point in points],
            "edition_id": edition_id,
        },
    )
    out: list[dict[str, Any] | None] = [None for _ in points]
    for row in rows:
        level, code = row.fallback_level, row.fallback_code
        if level is None and row.neighbours:
            level, code = row.neighbours[0][:2]
        fallback = None if level is None else {"level": level, "cell_code": code}
        out[row.number - 1] = {"id": row.id, "area_m2": row.area_m2, "fallback": fallback}
    return out
