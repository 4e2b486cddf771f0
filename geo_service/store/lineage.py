"""The lineage of cells: what each edition changed, and how much of a cell went where."""

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, or_, select

from geo_service.store import bulk
from geo_service.store.plan_tables import lineage
from geo_service.store.tables import cell, level


def add(connection: Connection, edition_id: int, rows: pd.DataFrame) -> int:
    """Write down what an edition changed; columns as ``services.lineage.trace`` gives them."""
    if not len(rows):
        return 0

    def shares(name: str) -> list[float | None]:
        return [None if np.isnan(share) else float(share) for share in rows[name]]

    return bulk.copy_columns(
        connection,
        lineage,
        {
            "edition_id": [edition_id] * len(rows),
            "from_cell_id": rows["from_id"].astype(int).tolist(),
            "to_cell_id": rows["to_id"].astype(int).tolist(),
            "kind": rows["kind"].tolist(),
            "share_land": shares("share_land"),
            "share_households": shares("share_households"),
            "share_incidents": shares("share_incidents"),
        },
    )


def of_cell(connection: Connection, level_code: str, code: str) -> list[dict[str, Any]]:
    """Return what a cell got from others and passed on to others, in order of editions."""
    source, target = cell.alias("source"), cell.alias("target")
    rows = (
        select(
            lineage.c.edition_id,
            source.c.code.label("from_code"),
            target.c.code.label("to_code"),
            lineage.c.kind,
            lineage.c.share_land,
            lineage.c.share_households,
            lineage.c.share_incidents,
        )
        .join(source, source.c.id == lineage.c.from_cell_id)
        .join(target, target.c.id == lineage.c.to_cell_id)
        .join(level, level.c.id == source.c.level_id)
        .where(level.c.code == level_code, or_(source.c.code == code, target.c.code == code))
        .order_by(lineage.c.edition_id, source.c.code.collate("C"), target.c.code.collate("C"))
    )
    return [dict(row._mapping) for row in connection.execute(rows)]  # noqa: SLF001 - SQLAlchemy's public name
