"""Breaches of the arrival clock: which there are, what was worked out, where everybody was at a moment."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from geo_service.staffing.life import ENDED
from geo_service.store import scopes
from geo_service.store.escalation_tables import breach

_ENDED = ", ".join(f"'{one}'" for one in sorted(ENDED))


def late(
    connection: Connection, since: datetime, until: datetime, *, scope: Collection[int] = ()
) -> list[dict[str, Any]]:
    """Return the incidents reported in a span at which nobody arrived in time, the oldest first.

    Rows: id, lon, lat, named_cell_id, revision, cause (None: not worked out since the incident moved).
    """
    inside = f"and {scopes.words_of_placed_within('incident.id', 'scope')}" if scope else ""
    inside = inside.replace("%(scope)s::int[]", "cast(:scope as int[])")
    rows = connection.execute(
        text(f"""
            select incident.id, extensions.st_x(geom) as lon, extensions.st_y(geom) as lat, named_cell_id,
                life.revision, cause
            from incident_life as life join incident on incident.id = life.incident_id
            cross join lateral (select case life.standard ->> 'arrive_from'
                when 'accepted' then accepted_at when 'dispatched' then dispatched_at
                else reported_at end as at) as start
            cross join lateral (select case when life.standard -> 'pausable' ? 'arrive' then coalesce((
                select sum(extract(epoch from least(upper(one), arrived_at) - greatest(lower(one), start.at)))
                from unnest(pauses) as one where lower(one) < arrived_at and upper(one) > start.at), 0)
                else 0 end as s) as paused
            left join breach on breach.incident_id = life.incident_id and breach.revision = life.revision
            where reported_at >= :since and reported_at < :until and case
                when arrived_at is not null then extract(epoch from arrived_at - start.at) - paused.s
                    > (life.standard ->> 'arrive_s')::int
                else arrive_due_at < clock_timestamp() and status not in ({_ENDED}) end
                {inside}
            order by reported_at, incident.id
        """),  # noqa: S608 - our own words
        {"since": since, "until": until, **({"scope": sorted(scope)} if scope else {})},
    )
    return [dict(row) for row in rows.mappings()]


def known(connection: Connection, key: UUID) -> dict[str, Any] | None:
    """Return what was worked out of an incident: revision, network_id, cause, numbers, found_at."""
    row = (
        connection.execute(text("select * from breach where incident_id = :key"), {"key": key})
        .mappings()
        .one_or_none()
    )
    return dict(row) if row else None


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write causes, in the place of what was worked out before."""
    if not rows:
        return
    made = insert(breach)
    names = ("revision", "network_id", "cause", "numbers", "found_at")
    statement = made.on_conflict_do_update(
        index_elements=["incident_id"], set_={name: made.excluded[name] for name in names}
    )
    connection.execute(statement, [dict(row) for row in rows])


def fixes_at(connection: Connection, at: datetime, oldest: datetime) -> Sequence[Any]:
    """Return where each was last seen up to a moment, not before ``oldest``: responder_id, lon, lat."""
    return connection.execute(
        text("""
            select distinct on (responder_id) responder_id, lon, lat from position_fix
            where at > :oldest and at <= :at order by responder_id, at desc
        """),
        {"oldest": oldest, "at": at},
    ).all()


def busy_at(connection: Connection, at: datetime, but: UUID) -> Sequence[Any]:
    """Return who was sent elsewhere at a moment: responder_id, ended_at (None: still), lon, lat of there."""
    return connection.execute(
        text("""
            select responder_id, ended_at, extensions.st_x(geom), extensions.st_y(geom)
            from dispatch join incident on incident.id = dispatch.incident_id
            where sent_at <= :at and (ended_at is null or ended_at > :at) and incident_id <> :but
            order by responder_id, sent_at
        """),
        {"at": at, "but": but},
    ).all()
