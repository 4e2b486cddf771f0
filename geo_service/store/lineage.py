"""The lineage of cells: what each edition changed, and how much of a cell went where."""

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, or_, select

from geo_service.store import bulk
from geo_service.store.plan_tables import lineage
from geo_service.store.tables import cell, cell_version, level


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
            "from_cell_id": [None if key < 0 else int(key) for key in rows["from_id"]],
            "to_cell_id": [None if key < 0 else int(key) for key in rows["to_id"]],
            "kind": rows["kind"].tolist(),
            "share_land": shares("share_land"),
            "share_households": shares("share_households"),
            "share_incidents": shares("share_incidents"),
            "land_m2": rows["land_m2"].astype(float).tolist(),
        },
    )


def of_cell(connection: Connection, level_code: str, code: str) -> list[dict[str, Any]]:
    """Return what a cell got from others, kept and passed on, in order of editions.

    Names are those that the giver had before the edition, and that the receiver has in it. Codes and names
    are None where the land belonged to nobody before, or does after.
    """
    source, target = cell.alias("source"), cell.alias("target")
    rows = (
        select(
            lineage.c.edition_id,
            source.c.code.label("from_code"),
            _name_before(source).label("from_name"),
            target.c.code.label("to_code"),
            _name_in(target).label("to_name"),
            lineage.c.kind,
            lineage.c.share_land,
            lineage.c.share_households,
            lineage.c.share_incidents,
            lineage.c.land_m2,
        )
        .outerjoin(source, source.c.id == lineage.c.from_cell_id)
        .outerjoin(target, target.c.id == lineage.c.to_cell_id)
        .join(level, level.c.id == func.coalesce(source.c.level_id, target.c.level_id))
        .where(level.c.code == level_code, or_(source.c.code == code, target.c.code == code))
        .order_by(
            lineage.c.edition_id,
            source.c.code.collate("C").nulls_last(),
            target.c.code.collate("C").nulls_last(),
        )
    )
    return [dict(row._mapping) for row in connection.execute(rows)]  # noqa: SLF001 - SQLAlchemy's public name


def _name_before(given: Any) -> Any:
    """Return the name that a cell had last before the edition of a row."""
    return (
        select(cell_version.c.name)
        .where(
            cell_version.c.cell_id == given.c.id,
            func.lower(cell_version.c.editions) < lineage.c.edition_id,
        )
        .order_by(func.upper(cell_version.c.editions).desc())
        .limit(1)
        .scalar_subquery()
    )


def _name_in(given: Any) -> Any:
    """Return the name that a cell has in the edition of a row."""
    return (
        select(cell_version.c.name)
        .where(
            cell_version.c.cell_id == given.c.id,
            cell_version.c.editions.op("@>", is_comparison=True)(lineage.c.edition_id),
        )
        .scalar_subquery()
    )
