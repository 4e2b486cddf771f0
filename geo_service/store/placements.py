"""Placements: in which cell an incident lies, from which edition on, and until which.

A placement holds in every edition from ``since_edition`` on, before ``until_edition`` if that is set. One
without end is not touched by a new edition unless that changes the land around it: see docs/decisions/0006.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    table,
    text,
)

from geo_service.store import bulk
from geo_service.store.tables import edition, incident, placement

#: A changed cell may matter to a point in no cell that is at most this far from the box around the changes.
#: In latitude 1.1 km, far more than the distance to which a gap counts as near, at any latitude lived in.
_AROUND_DEG = 0.01

_UNPLACED = table("unplaced", column("id"), column("lon"), column("lat"), column("cell_id"))


def holds_in(edition_id: Any) -> ColumnElement[bool]:
    """Return the condition that a placement holds in an edition."""
    return and_(
        placement.c.since_edition <= edition_id,
        or_(placement.c.until_edition.is_(None), placement.c.until_edition > edition_id),
    )


def leaves_of(connection: Connection, incident_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the leaf in which each incident lies in the newest edition; those in none are left out."""
    if not incident_ids:
        return {}
    rows = connection.execute(
        select(placement.c.incident_id, placement.c.cell_id).where(
            placement.c.incident_id == func.any(list(incident_ids)),
            placement.c.until_edition.is_(None),
            placement.c.cell_id.is_not(None),
        )
    )
    return {row[0]: row[1] for row in rows}


def add(
    connection: Connection,
    edition_id: int,
    incident_ids: Sequence[UUID],
    *,
    cell_ids: NDArray[np.int64],
    how: NDArray[np.object_],
    border_m: NDArray[np.float64],
    runner_up_ids: NDArray[np.int64],
) -> int:
    """Record where each incident falls from an edition on; returns how many were written.

    Cell ids of -1 and NaN distances mean none. There may be later editions that are not in force yet, or
    no more; then nothing is said about those.
    """
    later = select(func.min(edition.c.id)).where(edition.c.id > edition_id)
    until = connection.execute(later).scalar_one()
    return bulk.copy_columns(
        connection,
        placement,
        {
            "incident_id": incident_ids,
            "since_edition": [edition_id] * len(incident_ids),
            "until_edition": [until] * len(incident_ids),
            "cell_id": _or_none(cell_ids, cell_ids >= 0),
            "how": how,
            "border_m": _or_none(border_m, np.isfinite(border_m)),
            "runner_up_id": _or_none(runner_up_ids, runner_up_ids >= 0),
        },
    )


def take_back(connection: Connection, incident_id: UUID) -> None:
    """Remove every placement of an incident: it lies elsewhere.

    Nobody is waited for: who publishes holds the rows of many incidents, and waits for the likes of us.
    """
    connection.execute(text("set local lock_timeout = '500ms'"))
    rows = select(placement.c.since_edition).where(placement.c.incident_id == incident_id)
    connection.execute(rows.with_for_update(nowait=True)).all()
    connection.execute(delete(placement).where(placement.c.incident_id == incident_id))


def _or_none(values: NDArray[Any], is_known: NDArray[np.bool_]) -> list[Any]:
    return [value if known else None for value, known in zip(values.tolist(), is_known, strict=True)]


# ------------------------------------------------------------------------------------ a new edition


def find_changed_leaves(connection: Connection, edition_id: int) -> int:
    """Note the leaves whose land differs from the edition before; returns how many.

    The one before by number, because placements without end run on along the numbers. They are kept for
    :func:`end_where_land_changed` until the transaction ends.
    """
    connection.execute(
        text("create temporary table changed_leaf (cell_id int primary key, box geometry) on commit drop")
    )
    connection.execute(
        text("""
            insert into changed_leaf
            select cell_id, st_envelope(st_collect(old.geom, new.geom))
            from (
                select cell_id, id, geom from cell_version where geom is not null
                    and editions @> (select max(id) from edition where id < :edition_id)
            ) as old
            full join (
                select cell_id, id, geom from cell_version where geom is not null
                    and editions @> cast(:edition_id as int)
            ) as new using (cell_id)
            where old.id is null or new.id is null
                or (old.id <> new.id and old.geom::bytea <> new.geom::bytea)
        """),
        {"edition_id": edition_id},
    )
    connection.execute(text("analyze changed_leaf"))
    count: int = connection.execute(text("select count(*) from changed_leaf")).scalar_one()
    return count


def end_where_land_changed(
    connection: Connection, edition_id: int, *, recorded_since: datetime | None = None
) -> int:
    """End, before an edition, the open placements that its changed leaves may alter; returns how many.

    Those are the incidents in a changed leaf or with one beyond the nearest border, near the changes those in
    no cell, on a border, or with nobody's land beyond it, and those that named a cell which goes or comes.

    Parameters
    ----------
    recorded_since
        Only incidents that were recorded or said anew where they lie at this moment or later. What the
        edition says of the latter it says of the place where they lay before: that is taken back.
    """
    open_ones = "select * from placement where until_edition is null and since_edition < :edition_id"
    if recorded_since is not None:
        connection.execute(
            text("""
                delete from placement using incident
                where incident.id = incident_id and relocated_at >= :since and since_edition = :edition_id
            """),
            {"edition_id": edition_id, "since": recorded_since},
        )
        open_ones = """
            select placement.* from incident join placement on placement.incident_id = incident.id
            where (recorded_at >= :since or relocated_at >= :since)
                and until_edition is null and since_edition < :edition_id
        """
    result = connection.execute(
        text(f"""
            with around as (
                select st_setsrid(st_extent(box)::geometry, 4326) as box from changed_leaf
            ), open_one as {"materialized" if recorded_since else "not materialized"} ({open_ones}
            ), altered as (
                select incident_id from open_one join changed_leaf using (cell_id)
                union
                select incident_id from open_one join changed_leaf on changed_leaf.cell_id = runner_up_id
                union
                select incident_id from around, open_one join incident on incident.id = incident_id
                where (how <> 'inside' or runner_up_id is null)
                    and geom && st_expand(box, :around_deg + coalesce(border_m, 0)
                        / (110000 * greatest(cos(radians(st_y(geom))), 0.01)))
                union
                select incident_id from open_one join incident on incident.id = incident_id
                where named_cell_id is not null and (how = 'by_cell') <> exists (
                    select from cell_version where cell_version.cell_id = named_cell_id
                        and editions @> cast(:edition_id as int)
                )
            )
            update placement set until_edition = :edition_id from altered
            where placement.incident_id = altered.incident_id and until_edition is null
                and since_edition < :edition_id
        """),  # noqa: S608 - our own words
        {"edition_id": edition_id, "since": recorded_since, "around_deg": _AROUND_DEG},
    )
    return result.rowcount


def find_unplaced(
    connection: Connection,
    edition_id: int,
    valid_from: datetime | None,
    *,
    recorded_since: datetime | None = None,
) -> int:
    """Note the incidents from ``valid_from`` on that have no placement in an edition; returns how many."""
    place = (func.ST_X(incident.c.geom), func.ST_Y(incident.c.geom), incident.c.named_cell_id)
    missing = select(incident.c.id, *place).where(
        ~select(placement.c.incident_id)
        .where(placement.c.incident_id == incident.c.id, holds_in(edition_id))
        .exists()
    )
    if valid_from is not None:
        missing = missing.where(incident.c.occurred_at >= valid_from)
    if recorded_since is not None:
        late = or_(incident.c.recorded_at >= recorded_since, incident.c.relocated_at >= recorded_since)
        missing = missing.where(late)
    connection.execute(text("drop table if exists unplaced"))
    connection.execute(
        text("""
            create temporary table unplaced (
                number int generated always as identity primary key,
                id uuid, lon float8, lat float8, cell_id int
            ) on commit drop
        """)
    )
    connection.execute(insert(_UNPLACED).from_select(["id", "lon", "lat", "cell_id"], missing))
    count: int = connection.execute(text("select count(*) from unplaced")).scalar_one()
    return count


def unplaced(
    connection: Connection, size: int
) -> Iterator[tuple[list[UUID], NDArray[np.float64], NDArray[np.int64]]]:
    """Give what :func:`find_unplaced` noted in chunks: ids, (n, 2) lon, lat (NaN: none), named cells (-1)."""
    first = 1
    while rows := connection.execute(
        text("select id, lon, lat, cell_id from unplaced where number >= :first and number < :first + :size"),
        {"first": first, "size": size},
    ).all():
        lonlat_deg = np.array([(row[1], row[2]) for row in rows], dtype=float).reshape(-1, 2)
        named = np.array([-1 if row[3] is None else row[3] for row in rows], dtype=np.int64)
        yield [row[0] for row in rows], lonlat_deg, named
        first += size


# ------------------------------------------------------------------------------------ counting


def counts(connection: Connection, edition_id: int, since: datetime, until: datetime) -> dict[int, int]:
    """Return for each cell of an edition how many incidents of a span are placed in it."""
    rows = connection.execute(
        select(placement.c.cell_id, func.count())
        .join(incident, incident.c.id == placement.c.incident_id)
        .where(
            placement.c.cell_id.is_not(None),
            holds_in(edition_id),
            incident.c.occurred_at >= since,
            incident.c.occurred_at < until,
        )
        .group_by(placement.c.cell_id)
    )
    return {row[0]: row[1] for row in rows}


def unplaced_points(
    connection: Connection, edition_id: int, since: datetime, until: datetime
) -> NDArray[np.float64]:
    """Return lon, lat (n, 2) of the located incidents of a span of which an edition says nothing.

    They happened while another edition was in force.
    """
    rows = connection.execute(
        select(func.ST_X(incident.c.geom), func.ST_Y(incident.c.geom)).where(
            incident.c.geom.is_not(None),
            incident.c.occurred_at >= since,
            incident.c.occurred_at < until,
            ~select(placement.c.incident_id)
            .where(placement.c.incident_id == incident.c.id, holds_in(edition_id))
            .exists(),
        )
    ).all()
    return np.array([tuple(row) for row in rows], dtype=float).reshape(-1, 2)
