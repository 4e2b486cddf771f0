"""The rule by which duplicates are merged, and the reports that fall under it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from geo_service.store import versioned
from geo_service.store.duplicate_tables import duplicate_rule

#: The place of an urgency among all, the most urgent first.
_RANK = "array_position(array['critical', 'urgent', 'normal', 'low'], {}.urgency)"


def rule(connection: Connection) -> tuple[int, dict[str, Any], str, datetime | None]:
    """Return the rule; see :func:`geo_service.store.versioned.newest`."""
    return versioned.newest(connection, duplicate_rule)


def set_rule(connection: Connection, given: Mapping[str, Any], *, after: int, who: str) -> int:
    """Set it anew; see :func:`geo_service.store.versioned.follow`."""
    return versioned.follow(connection, duplicate_rule, given, after=after, who=who)


def pairs(
    connection: Connection,
    *,
    since: datetime,
    within_m: float,
    within_s: int,
    channels: Sequence[str],
    categories: Sequence[str] | None,
    limit: int,
) -> Sequence[Any]:
    """Return reports that nobody has touched and the earlier one that each repeats, the oldest first.

    Columns: id, of, distance_m, apart_s. Only reports from ``since`` on and of the last hour are looked at.
    Of several earlier ones the nearest is taken, of those that somebody is still to settle. What is more
    urgent than the earlier one is left to a person, and so is what is known to be on another floor. Whoever
    undid a merge has touched the report.
    """
    return connection.execute(
        text(f"""
            select newer.id, earlier.id as of, distance_m, apart_s
            from incident_life life join incident newer on newer.id = life.incident_id
            cross join lateral (
                select other.id,
                    extensions.st_distance(
                        other.geom::extensions.geography, newer.geom::extensions.geography) as distance_m,
                    abs(extract(epoch from other.occurred_at - newer.occurred_at)) as apart_s
                from incident other join incident_life first on first.incident_id = other.id
                where other.category = newer.category and other.channel = any(:channels)
                    and other.occurred_at between newer.occurred_at - make_interval(secs => :within_s)
                        and newer.occurred_at + make_interval(secs => :within_s)
                    and (first.reported_at, other.id) < (life.reported_at, newer.id)
                    and first.duplicate_of is null
                    and first.status not in ('handled', 'closed', 'returned', 'transferred', 'void')
                    and coalesce({_RANK.format("newer")}, 5) >= coalesce({_RANK.format("other")}, 5)
                    and (newer.floor = other.floor) is not false
                    and extensions.st_dwithin(
                        other.geom::extensions.geography, newer.geom::extensions.geography, :within_m)
                order by distance_m, first.reported_at, other.id limit 1
            ) as earlier
            where life.status = 'reported' and life.revision = 0 and life.duplicate_of is null
                and life.reported_at > greatest(:since, clock_timestamp() - interval '1 hour')
                and newer.geom is not null and newer.category <> '' and newer.channel = any(:channels)
                and (cast(:categories as text[]) is null or newer.category = any(:categories))
            order by life.reported_at, newer.id limit :limit
        """),  # noqa: S608 - our own words
        {
            "since": since,
            "within_m": within_m,
            "within_s": within_s,
            "channels": list(channels),
            "categories": None if categories is None else list(categories),
            "limit": limit,
        },
    ).all()
