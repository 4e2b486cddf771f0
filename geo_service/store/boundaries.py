"""Levels, cells and editions: what is in force when, and writing a new edition."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, insert, select, text, tuple_, update

from geo_service.model import Edition, Level
from geo_service.store import bulk
from geo_service.store.at_once import Question
from geo_service.store.tables import cell, cell_version, edition, edition_span, level

#: Publishing takes this advisory lock alone, intake shares it: an incident never falls between two editions.
TILING_LOCK = 0x6E0_7111
#: Who publishes takes this one first, for the whole of the work: of two the second waits, intake does not.
PUBLISHER_LOCK = 0x6E0_7112


# ------------------------------------------------------------------------------------------------ levels


def levels(connection: Connection) -> list[Level]:
    """Return the levels from the top down."""
    rows = connection.execute(
        select(level.c.code, level.c.depth, level.c.name_zh, level.c.name_en).order_by("depth")
    )
    return [Level(*row) for row in rows]


def add_level(connection: Connection, new: Level) -> None:
    """Add a level; what lies at its depth or below moves one step down."""
    lower = text("update level set depth = depth + 1 where depth >= :depth")
    connection.execute(lower, {"depth": new.depth})
    connection.execute(
        insert(level).values(code=new.code, depth=new.depth, name_zh=new.name_zh, name_en=new.name_en)
    )


# ---------------------------------------------------------------------------------------------- editions


def lock_out_publishers(connection: Connection) -> None:
    """Wait until nobody else publishes, and keep others from it until this transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(PUBLISHER_LOCK)))


def lock_for_publishing(connection: Connection) -> datetime:
    """Wait until nobody publishes or takes in incidents, keep them out, and return the moment after that."""
    connection.execute(select(func.pg_advisory_xact_lock(TILING_LOCK)))
    return moment(connection)


def intake_lock() -> Question[None]:
    """Return the question that keeps publishers out until its transaction ends; other intake goes on."""
    return Question("select pg_advisory_xact_lock_shared(%(key)s)", {"key": TILING_LOCK}, lambda _: None)


def edition_in_force(
    connection: Connection, as_of: datetime | None = None, known_at: datetime | None = None
) -> Edition | None:
    """Return the edition in force at ``as_of`` as it was known at ``known_at`` (both default to now)."""
    # one moment for all rows: a clock that goes on meanwhile finds none of two spans at their border, or both
    now = func.statement_timestamp()
    rows = _edition_rows().where(
        edition_span.c.valid_during.op("@>")(as_of or now),
        edition_span.c.recorded_during.op("@>")(known_at or now),
    )
    found = connection.execute(rows).one_or_none()
    return Edition(*found) if found else None


def spans_in_force(connection: Connection) -> list[Edition]:
    """Return what is known now: each span of valid time with its edition, oldest first."""
    return spans_question().ask(connection)


def spans_question() -> Question[list[Edition]]:
    """Return the question of :func:`spans_in_force`."""
    return Question(_SPANS, {}, lambda rows: [Edition(*row) for row in rows])


_SPANS = """
    select edition.id, lower(valid_during), upper(valid_during), recorded_at, note, published_by
    from edition join edition_span on edition_span.edition_id = edition.id
    where upper_inf(recorded_during) order by lower(valid_during) nulls first
"""


def _edition_rows() -> Any:
    return select(
        edition.c.id,
        func.lower(edition_span.c.valid_during),
        func.upper(edition_span.c.valid_during),
        edition.c.recorded_at,
        edition.c.note,
        edition.c.published_by,
    ).join(edition_span, edition_span.c.edition_id == edition.c.id)


def write_edition(
    connection: Connection,
    cells: pd.DataFrame,
    *,
    base: int | None,
    changed: np.ndarray,
    digest: bytes,
    tolerance_m: float,
    who: str,
    note: str,
) -> int:
    """Record a whole tiling as a new edition, which is not in force yet; returns its id.

    Parameters
    ----------
    cells
        Every cell of the edition, columns level, code, kind, name, parent_level, parent_code, attributes,
        geom (None for cells that are not leaves).
    base
        The edition whose versions are shared by the cells that did not change.
    changed
        Which rows of ``cells`` differ from the base and need a version of their own.
    """
    new_id: int = connection.execute(
        insert(edition)
        .values(note=note, published_by=who, digest=digest, tolerance_m=tolerance_m)
        .returning(edition.c.id)
    ).scalar_one()
    ids = _ensure_cells(connection, cells)
    if base is not None:
        _share_versions(connection, base, new_id, ids[~changed])
    _add_versions(connection, cells, ids, changed, new_id)
    return new_id


def put_in_force(connection: Connection, edition_id: int, valid_from: datetime | None, now: datetime) -> None:
    """Let an edition be in force from ``valid_from`` on, as is known from ``now`` on.

    ``now`` was read under :func:`lock_for_publishing`.
    """
    connection.execute(update(edition).where(edition.c.id == edition_id).values(recorded_at=now))
    _write_span(connection, edition_id, valid_from, now)


def _write_span(connection: Connection, new_id: int, valid_from: datetime | None, now: datetime) -> None:
    """Close what was known about the time from ``valid_from`` on, and say it anew.

    A span that began earlier keeps its beginning; one that lies wholly after ``valid_from`` is superseded.
    """
    start = bulk.range_text(valid_from, None)
    parameters = {"start": start, "now": now, "new_id": new_id}
    connection.execute(
        text("""
            with closed as (
                update edition_span
                set recorded_during = tstzrange(lower(recorded_during), :now)
                where upper_inf(recorded_during) and valid_during && cast(:start as tstzrange)
                returning edition_id, valid_during
            )
            insert into edition_span (edition_id, valid_during, recorded_during)
            select edition_id, valid_during - cast(:start as tstzrange), tstzrange(:now, null)
            from closed where not isempty(valid_during - cast(:start as tstzrange))
        """),
        parameters,
    )
    connection.execute(
        text("""
            insert into edition_span (edition_id, valid_during, recorded_during)
            values (:new_id, cast(:start as tstzrange), tstzrange(:now, null))
        """),
        parameters,
    )


def _ensure_cells(connection: Connection, cells: pd.DataFrame) -> np.ndarray:
    """Return the id of each cell, issuing those that are new."""
    connection.execute(
        text("create temporary table wanted (position int, level text, code text) on commit drop")
    )
    bulk.copy_columns(
        connection,
        "wanted",
        {
            "position": range(len(cells)),
            "level": cells["level"].tolist(),
            "code": cells["code"].tolist(),
        },
    )
    connection.execute(
        text("""
            insert into cell (level_id, code)
            select level.id, wanted.code
            from wanted join level on level.code = wanted.level order by wanted.position
            on conflict (level_id, code) do nothing
        """)
    )
    rows = connection.execute(
        text("""
            select cell.id from wanted
            join level on level.code = wanted.level
            join cell on cell.level_id = level.id and cell.code = wanted.code
            order by wanted.position
        """)
    )
    ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(cells))
    connection.execute(text("drop table wanted"))
    return ids


def _share_versions(connection: Connection, base: int, new_id: int, ids: np.ndarray) -> None:
    """Let the versions of unchanged cells reach into the new edition.

    A version's editions are one range. When editions lie between base and the new one, the version is
    copied instead, so that the range never claims an edition it was not part of.
    """
    between = select(func.count()).select_from(edition).where(edition.c.id > base, edition.c.id < new_id)
    if connection.execute(between).scalar_one() == 0:
        statement = """
            update cell_version set editions = int4range(lower(editions), :new_id + 1)
            where cell_id = any(:ids) and editions @> cast(:base as int)
        """
    else:
        statement = """
            insert into cell_version (cell_id, parent_id, editions, kind, name, attributes, geom)
            select cell_id, parent_id, int4range(:new_id, :new_id + 1), kind, name, attributes, geom
            from cell_version where cell_id = any(:ids) and editions @> cast(:base as int)
        """
    connection.execute(text(statement), {"ids": ids.tolist(), "base": base, "new_id": new_id})


def _add_versions(
    connection: Connection, cells: pd.DataFrame, ids: np.ndarray, changed: np.ndarray, new_id: int
) -> None:
    id_of = {(row.level, row.code): int(ids[i]) for i, row in enumerate(cells.itertuples(index=False))}
    rows = cells[changed]
    bulk.copy_columns(
        connection,
        cell_version,
        {
            "cell_id": ids[changed],
            "parent_id": [
                id_of[key] if key[1] is not None else None
                for key in zip(rows["parent_level"], rows["parent_code"], strict=True)
            ],
            "editions": [f"[{new_id},{new_id + 1})"] * len(rows),
            "kind": rows["kind"].tolist(),
            "name": rows["name"].tolist(),
            "attributes": [bulk.json_text(value) for value in rows["attributes"]],
            "geom": bulk.ewkb_hex(rows["geom"]),
        },
    )


def load_cells(connection: Connection, edition_id: int) -> pd.DataFrame:
    """Return every cell of an edition, from the top level down, in order of code.

    Columns: id, level, depth, code, kind, name, parent_id, parent_level, parent_code, attributes,
    geom (shapely MultiPolygon in EPSG:4326, None for cells that are not leaves).
    """
    parent = cell.alias("parent")
    parent_level = level.alias("parent_level")
    rows = connection.execute(
        select(
            cell.c.id,
            level.c.code.label("level"),
            level.c.depth,
            cell.c.code,
            cell_version.c.kind,
            cell_version.c.name,
            cell_version.c.parent_id,
            parent_level.c.code.label("parent_level"),
            parent.c.code.label("parent_code"),
            cell_version.c.attributes,
            func.ST_AsBinary(cell_version.c.geom).label("geom"),
        )
        .join(cell, cell.c.id == cell_version.c.cell_id)
        .join(level, level.c.id == cell.c.level_id)
        .outerjoin(parent, parent.c.id == cell_version.c.parent_id)
        .outerjoin(parent_level, parent_level.c.id == parent.c.level_id)
        .where(cell_version.c.editions.op("@>")(edition_id))
        .order_by(level.c.depth, cell.c.code.collate("C"))
    ).all()
    frame = pd.DataFrame(
        {
            name: pd.Series([row[i] for row in rows], dtype=object)
            for i, name in enumerate(
                [
                    "id",
                    "level",
                    "depth",
                    "code",
                    "kind",
                    "name",
                    "parent_id",
                    "parent_level",
                    "parent_code",
                    "attributes",
                    "geom",
                ]
            )
        }
    )
    frame["id"] = frame["id"].astype(np.int64)
    frame["depth"] = frame["depth"].astype(np.int64)
    frame["geom"] = bulk.from_wkb([bytes(value) if value is not None else None for value in frame["geom"]])
    return frame


def changed_between(connection: Connection, old_id: int, new_id: int) -> list[tuple[str, str]]:
    """Return level and code of the cells that two editions do not have alike, the top first."""
    rows = connection.execute(
        text("""
            with one as (
                select cell_id, parent_id, kind, name, attributes, geom::bytea as land from cell_version
                where editions @> cast(:old_id as int)
            ), other as (
                select cell_id, parent_id, kind, name, attributes, geom::bytea as land from cell_version
                where editions @> cast(:new_id as int)
            ), differing as (
                (table one except table other) union all (table other except table one)
            )
            select distinct level.depth, level.code, cell.code
            from differing join cell on cell.id = cell_id join level on level.id = level_id
            order by level.depth, cell.code
        """),
        {"old_id": old_id, "new_id": new_id},
    )
    return [(row[1], row[2]) for row in rows]


def count_cells(connection: Connection, edition_id: int) -> dict[str, int]:
    """Return how many cells an edition has on each level."""
    rows = connection.execute(
        select(level.c.code, func.count())
        .select_from(cell_version)
        .join(cell, cell.c.id == cell_version.c.cell_id)
        .join(level, level.c.id == cell.c.level_id)
        .where(cell_version.c.editions.op("@>")(edition_id))
        .group_by(level.c.code)
    )
    return {row[0]: row[1] for row in rows}


def cell_ids(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the ids of cells given by level and code; those that never were are left out."""
    if not keys:
        return {}
    rows = connection.execute(
        select(level.c.code, cell.c.code, cell.c.id)
        .join(level, level.c.id == cell.c.level_id)
        .where(tuple_(level.c.code, cell.c.code).in_(list(keys)))
    )
    return {(row[0], row[1]): row[2] for row in rows}


def moment(connection: Connection) -> datetime:
    """Return the database's clock: one clock for everything that is recorded."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now
