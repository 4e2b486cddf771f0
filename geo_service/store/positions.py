"""Positions of those on duty: tracks in partitions by day, and where each was last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select, text

from geo_service.store.dispatch_tables import position_latest

_PARTITION = "position_fix_d"
_PARTITIONS_LOCK = 0x67656F_706F73  # any number that nothing else here locks
_DAILY_LOCK = 0x67656F_646179


@dataclass(frozen=True, slots=True)
class Fixes:
    """Positions column by column; ``accuracy_m`` may be None."""

    responder_id: list[int]
    at: list[datetime]
    lon: list[float]
    lat: list[float]
    accuracy_m: list[float | None]

    def __len__(self) -> int:
        """Count of fixes."""
        return len(self.responder_id)

    def as_parameters(self) -> dict[str, str]:
        """Return the columns as a statement's parameters."""
        return {
            "who": array_text(self.responder_id),
            "at": array_text(self.at),
            "lon": array_text(self.lon),
            "lat": array_text(self.lat),
            "accuracy": array_text(self.accuracy_m),
        }


def array_text(values: Sequence[int] | Sequence[float | None] | Sequence[datetime]) -> str:
    """Return numbers or moments as PostgreSQL reads an array: of a thousand, much faster than a list.

    >>> array_text([1.5, None])
    '{1.5,null}'
    """
    return "{" + orjson.dumps(values).decode()[1:-1] + "}"


_ROWS = """unnest(
    cast(:who as int[]), cast(:at as timestamptz[]), cast(:lon as float8[]), cast(:lat as float8[]),
    cast(:accuracy as real[])
) as fix (responder_id, at, lon, lat, accuracy_m)"""


def days(connection: Connection) -> list[date]:
    """Return the days (UTC) that have a partition, in order."""
    names = connection.execute(
        text("""
            select relname from pg_inherits join pg_class on pg_class.oid = inhrelid
            where inhparent = 'position_fix'::regclass
        """)
    ).scalars()
    found = (name.removeprefix(_PARTITION) for name in names if name.startswith(_PARTITION))
    return sorted(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date() for day in found)


def hold_daily_work(connection: Connection) -> bool:
    """Hold the daily work for this session if nobody has it; it is let go with the session."""
    held: bool = connection.execute(
        text("select pg_try_advisory_lock(:key)"), {"key": _DAILY_LOCK}
    ).scalar_one()
    return held


def make_days(connection: Connection, wanted: Iterable[date]) -> None:
    """Make the partitions that are missing; who writes meanwhile is not held up.

    A table is made beside and then attached, for making it in place would lock out every reader and writer.
    """
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _PARTITIONS_LOCK})
    for day in sorted(set(wanted).difference(days(connection))):
        name = f"{_PARTITION}{day:%Y%m%d}"
        connection.execute(text(f"create table {name} (like position_fix including all)"))
        connection.execute(
            text(
                f"alter table position_fix attach partition {name}"
                f" for values from ('{day} 00:00Z') to ('{day + timedelta(days=1)} 00:00Z')"
            )
        )


def drop_days(connection: Connection, before: date) -> int:
    """Drop the partitions of the days before one; returns how many."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _PARTITIONS_LOCK})
    old = [day for day in days(connection) if day < before]
    for day in old:
        connection.execute(text(f"drop table {_PARTITION}{day:%Y%m%d}"))
    return len(old)


@dataclass(frozen=True, slots=True)
class Added:
    """How many fixes were new, and how many of these moved nobody."""

    new: int
    late: int


_ADD = text(f"""
    with added as (
        insert into position_fix (responder_id, at, lon, lat, accuracy_m)
        -- in one order: two who send the same fixes wait for each other, and not crosswise
        select responder_id, at, lon, lat, accuracy_m from {_ROWS} order by responder_id, at
        on conflict do nothing returning *
    ), newest as (
        select distinct on (responder_id) * from added order by responder_id, at desc
    ), moved as (
        insert into position_latest as latest (responder_id, at, lon, lat, accuracy_m, received_at)
        select responder_id, at, lon, lat, accuracy_m, clock_timestamp() from newest order by responder_id
        on conflict (responder_id) do update
        set (at, lon, lat, accuracy_m, received_at)
            = (excluded.at, excluded.lon, excluded.lat, excluded.accuracy_m, excluded.received_at)
        where excluded.at > latest.at
        returning responder_id
    )
    select count(*), count(*) filter (where responder_id not in (select responder_id from moved)) from added
""")  # noqa: S608 - our own words


def add(connection: Connection, fixes: Fixes) -> Added:
    """Write fixes, each responder and moment once, and move whom they show to be elsewhere now.

    A fix older than what is known enters the track and moves nobody. Rows are locked in order of responder,
    so that two batches cannot wait for each other.
    """
    row = connection.execute(_ADD, fixes.as_parameters()).one()
    return Added(int(row[0]), int(row[1]))


_HORIZON = text("""
    select least(transaction_timestamp(), (
        select min(xact_start) from pg_locks join pg_stat_activity using (pid)
        where relation = 'position_latest'::regclass and mode = 'RowExclusiveLock'
            and pg_locks.database = (select oid from pg_database where datname = current_database())
    ))
""")
_LATEST = select(
    position_latest.c.responder_id,
    position_latest.c.at,
    position_latest.c.lon,
    position_latest.c.lat,
    position_latest.c.accuracy_m,
)
_SINCE = _LATEST.where(position_latest.c.received_at >= bindparam("moment"))


def horizon(connection: Connection) -> datetime:
    """Return a moment before which no position is still to come to light.

    A position carries the moment at which it was written and is seen when its transaction commits: this is
    the beginning of the oldest transaction that is writing positions just now, or else the present. Ask in a
    transaction of its own, *before* the one that reads: :func:`since` with it then misses nothing.
    """
    moment: datetime = connection.execute(_HORIZON).scalar_one()
    return moment


def since(connection: Connection, moment: datetime | None) -> Sequence[Any]:
    """Return where responders are of whom we heard since a moment, or all: id, at, lon, lat, accuracy_m."""
    if moment is None:
        return connection.execute(_LATEST).all()
    return connection.execute(_SINCE, {"moment": moment}).all()


def track(connection: Connection, responder_id: int, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return the fixes of one responder in a span, in order."""
    rows = connection.execute(
        text("""
            select at, lon, lat, accuracy_m from position_fix
            where responder_id = :who and at >= :start and at < :end order by at
        """),
        {"who": responder_id, "start": start, "end": end},
    )
    return [dict(row) for row in rows.mappings()]
