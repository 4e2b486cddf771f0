"""Stored coverage runs: equal inputs are computed once."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from geo_service.store import bulk
from geo_service.store.tables import coverage_cell, coverage_run, road_network


def find(connection: Connection, fingerprint: bytes) -> dict[str, Any] | None:
    """Return the run with these inputs, None if it was never computed."""
    return _newest(connection, coverage_run.c.fingerprint == fingerprint)


def latest(connection: Connection, edition_id: int, mode: str, limit_s: int) -> dict[str, Any] | None:
    """Return the run of a mode and limit that was computed last on an edition."""
    return _newest(
        connection,
        coverage_run.c.edition_id == edition_id,
        coverage_run.c.mode == mode,
        coverage_run.c.limit_s == limit_s,
    )


def _newest(connection: Connection, *conditions: Any) -> dict[str, Any] | None:
    row = connection.execute(
        select(coverage_run).where(*conditions).order_by(coverage_run.c.id.desc()).limit(1)
    ).mappings().one_or_none()  # fmt: skip
    return dict(row) if row else None


def store(
    connection: Connection,
    *,
    edition_id: int,
    network_id: int,
    mode: str,
    at: datetime,
    limit_s: int,
    fingerprint: bytes,
    summary: dict[str, Any],
    cell_ids: NDArray[np.int64],
    shares: pd.DataFrame,
) -> int:
    """Keep a run; if another process kept the same one first, its id is returned.

    A run on a network that was replaced while it was computed is not kept, its id is 0.

    ``shares`` has a row for each cell id: weight, covered_weight, by_area, median_s, worst_s (NaN: none).
    """
    in_use = (
        select(road_network.c.id)
        .where(road_network.c.id == network_id)
        .with_for_update(key_share=True, read=True)
    )
    if connection.execute(in_use).one_or_none() is None:
        return 0
    run_id = connection.execute(
        insert(coverage_run)
        .values(
            edition_id=edition_id,
            network_id=network_id,
            mode=mode,
            at=at,
            limit_s=limit_s,
            fingerprint=fingerprint,
            summary=summary,
        )
        .on_conflict_do_nothing()
        .returning(coverage_run.c.id)
    ).scalar_one_or_none()
    if run_id is None:
        found = find(connection, fingerprint)
        return int(found["id"]) if found else 0  # pruned in between: the numbers are right all the same
    columns: dict[str, Any] = {"run_id": [run_id] * len(cell_ids), "cell_id": cell_ids}
    for name in ("weight", "covered_weight", "by_area"):
        columns[name] = shares[name].tolist()
    for name in ("median_s", "worst_s"):
        columns[name] = [float(value) if np.isfinite(value) else None for value in shares[name]]
    bulk.copy_columns(connection, coverage_cell, columns)
    return int(run_id)


def prune(connection: Connection, keep: int, mode: str, limit_s: int) -> int:
    """Delete all but the newest runs: who looks at maps could else fill the disk with moments and limits.

    The newest run of each edition by the standard (``mode``, ``limit_s``) stays too.
    """
    newest = select(coverage_run.c.id).order_by(coverage_run.c.id.desc()).limit(keep)
    standard = (
        select(func.max(coverage_run.c.id))
        .where(coverage_run.c.mode == mode, coverage_run.c.limit_s == limit_s)
        .group_by(coverage_run.c.edition_id)
    )
    return connection.execute(
        delete(coverage_run).where(coverage_run.c.id.not_in(newest), coverage_run.c.id.not_in(standard))
    ).rowcount


def cells(connection: Connection, run_id: int) -> pd.DataFrame:
    """Return the rows of a run: cell_id, weight, covered_weight, by_area, median_s, worst_s."""
    names = ["cell_id", "weight", "covered_weight", "by_area", "median_s", "worst_s"]
    rows = connection.execute(
        select(*(coverage_cell.c[name] for name in names)).where(coverage_cell.c.run_id == run_id)
    )
    frame = pd.DataFrame(rows.all(), columns=names)
    return frame.astype({name: float for name in names[1:] if name != "by_area"})
