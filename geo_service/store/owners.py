"""Who answers for cells: the duties held on them at a moment."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

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
