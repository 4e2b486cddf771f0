"""Who answers for cells: the duties held on them at a moment; and who for land that is in none."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from geo_service.store.tables import duty, responder


def holders(
    connection: Connection, cell_ids: Collection[int], at: datetime
) -> dict[int, list[dict[str, Any]]]:
    """Return by cell who holds a duty on it at a moment: responder_id, responder (code), name, role."""
    rows = connection.execute(
        select(duty.c.cell_id, responder.c.id, responder.c.code, responder.c.name, duty.c.role)
        .join(responder, responder.c.id == duty.c.responder_id)
        .where(duty.c.cell_id == func.any(list(cell_ids)), duty.c.held_during.op("@>")(at))
        .order_by(duty.c.cell_id, duty.c.role, responder.c.code.collate("C"))
    )
    out: dict[int, list[dict[str, Any]]] = {}
    for cell_id, key, code, name, role in rows:
        out.setdefault(cell_id, []).append(
            {"responder_id": key, "responder": code, "name": name, "role": role}
        )
    return out


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
