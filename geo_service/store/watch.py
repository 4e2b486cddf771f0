"""What the watcher finds due: cards to issue and to lift, rungs to call.

Each life says when it has to be looked at next (``watch_at``), so a look costs what is due, not what waits.
Whoever changes a life, or a card, has it looked at once more (:data:`geo_service.store.lives.AT_ONCE`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from geo_service.staffing.clocks import WARN_SHARE
from geo_service.staffing.life import ENDED
from geo_service.store.lives import AT_ONCE

_LOCK = 0x67656F_776174  # any number that nothing else here locks
_ENDED = ", ".join(f"'{one}'" for one in sorted(ENDED))

_CLOCKS = """(values
    ('arrive', life.arrive_due_at), ('handle', life.handle_due_at), ('close', life.close_due_at)
) as clock (phase, due_at)"""

_LIMIT_S = "(life.standard ->> (phase || '_s'))::float8"

#: Most of the time that a clock allows is gone.
_SOON = f"({_LIMIT_S} - extract(epoch from clock.due_at - :now)::float8 >= {_LIMIT_S} * :warn)"

#: How often its clocks began anew: reopened, or another standard after a correction.
_ROUND = """(
    select count(*) from incident_log as line
    where line.incident_id = life.incident_id and (move = 'reopen' or details ? 'standard')
)"""


#: What the lives call for, by their clocks and the cards they have: ``{lives}`` says which lives.
_CALLED_FOR = f"""
    with calling as materialized (
        select life.incident_id, phase, due_at, {_ROUND} as round,
            case when due_at < :now then 'red' else 'yellow' end as colour
        from incident_life as life cross join lateral {_CLOCKS}
        where {{lives}} and life.status not in ({_ENDED})
            and due_at is not null and (due_at < :now or {_SOON})
    )
    select * from calling
    where phase || ' ' || colour = any(:colours) and not exists (
        select from escalation where escalation.incident_id = calling.incident_id
            and escalation.phase = calling.phase and escalation.colour = calling.colour
            and (escalation.round = calling.round or stage not in ('answered', 'lifted'))
    )
    order by due_at, incident_id
"""  # noqa: S608 - our own words

#: Open escalations of the lives whose reason is gone.
_BASELESS = f"""
    select id, incident_id, phase, why
    from escalation join incident_life as life using (incident_id)
    cross join lateral (select case phase when 'arrive' then arrive_due_at
        when 'handle' then handle_due_at when 'close' then close_due_at end as due_at) as clock
    cross join lateral (select case
        when status in ({_ENDED}) then 'ended'
        when kind = 'card' and status <> 'suspended' and clock.due_at is null then 'stopped'
        when clock.due_at > :now and escalation.round < {_ROUND}
            and (colour = 'red' or not {_SOON}) then 'moved'
        when colour = 'yellow' and exists (
            select from escalation as red where red.incident_id = escalation.incident_id
                and red.phase = escalation.phase and red.round >= escalation.round
                and red.colour = 'red'
        ) then 'red'
    end as why) as reason
    where {{lives}} and stage not in ('answered', 'lifted') and why is not null
    order by id
"""  # noqa: S608 - our own words

_GIVEN = "life.incident_id = any(:keys)"
_NOT_DUE = "(life.watch_at is null or life.watch_at > :now)"


def lock(connection: Connection) -> bool:
    """Take the watch until the transaction ends; False when another process has it."""
    taken: bool = connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one()
    return taken


def any_due(connection: Connection, now: datetime) -> bool:
    """Tell whether there is a life to look at or a rung to call."""
    found = connection.execute(
        text(f"""
            select exists (select from incident_life where watch_at <= :now)
                or exists (select {_FROM_CLIMBING})
        """),  # noqa: S608 - our own words
        {"now": now},
    )
    return bool(found.scalar_one())


def lives_due(connection: Connection, now: datetime, limit: int) -> dict[UUID, str]:
    """Return the lives that are to be looked at, each with the version of its row."""
    found = connection.execute(
        text("""
            select incident_id, xmin::text from incident_life where watch_at <= :now
            order by watch_at limit :limit
        """),
        {"now": now, "limit": limit},
    )
    return {row[0]: row[1] for row in found}


def cards_due(
    connection: Connection, keys: Sequence[UUID], now: datetime, colours: Collection[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return the cards that these incidents call for, the longest overdue first; each once in a round.

    A card of a former round that is still open goes on: nobody is called twice for one clock.
    ``colours`` are the (phase, colour) that the rules issue. Rows: incident_id, phase, colour, round, due_at.
    """
    rows = connection.execute(
        text(_CALLED_FOR.format(lives=_GIVEN)),
        {
            "keys": list(keys),
            "now": now,
            "warn": WARN_SHARE,
            "colours": _words_of(colours),
        },
    )
    return [dict(row) for row in rows.mappings()]


def baseless(connection: Connection, keys: Sequence[UUID], now: datetime) -> list[dict[str, Any]]:
    """Return open escalations of these incidents whose reason is gone.

    Rows: id, incident_id, phase, why: the incident has "ended"; the clock of a card has "stopped", or there
    is more time than the card says, since another standard holds ("moved"); a yellow card has been followed
    by a "red" one. A suspended incident keeps its cards: its clock stands still and goes on.
    """
    rows = connection.execute(
        text(_BASELESS.format(lives=_GIVEN)),
        {"keys": list(keys), "now": now, "warn": WARN_SHARE},
    )
    return [dict(row) for row in rows.mappings()]


def overlooked(
    connection: Connection, now: datetime, colours: Collection[tuple[str, str]]
) -> list[tuple[UUID, str]]:
    """Return what is due of lives that nobody looks at now: incident and what; there must be nothing.

    Looks at all lives: for who doubts that each was told in time to look.
    """
    given = {"now": now, "warn": WARN_SHARE}
    called_for = connection.execute(
        text(_CALLED_FOR.format(lives=_NOT_DUE)), {**given, "colours": _words_of(colours)}
    ).mappings()
    found = [(row["incident_id"], f"a {row['colour']} card ({row['phase']})") for row in called_for]
    baseless_ones = connection.execute(text(_BASELESS.format(lives=_NOT_DUE)), given).mappings()
    return found + [(row["incident_id"], f"to lift {row['id']} ({row['why']})") for row in baseless_ones]


def count_not_due(connection: Connection, now: datetime) -> int:
    """Return how many lives nobody looks at now."""
    found = text(f"select count(*) from incident_life as life where {_NOT_DUE}")  # noqa: S608 - our own words
    count: int = connection.execute(found, {"now": now}).scalar_one()
    return count


def _words_of(colours: Collection[tuple[str, str]]) -> list[str]:
    return [f"{phase} {colour}" for phase, colour in colours]


def looked_at(connection: Connection, versions: Mapping[UUID, str], now: datetime) -> int:
    """Say when these lives have to be looked at next: when the next of their clocks is soon, or overdue.

    One that has changed since, or that somebody is just changing, is looked at once more. Returns of how many
    it was said.
    """
    done = connection.execute(
        text(f"""
            update incident_life as life set watch_at = (
                select min(case
                    -- not at this moment again, whatever the last digit of a sum
                    when not {_SOON} then greatest(
                        due_at - make_interval(secs => {_LIMIT_S} * (1 - :warn)),
                        :now + interval '1 millisecond'
                    )
                    when due_at >= :now then due_at
                end)
                from {_CLOCKS} where due_at is not null
            )
            where incident_id in (
                select seen.incident_id from incident_life as seen
                join unnest(cast(:keys as uuid[]), cast(:versions as text[])) as given (key, version)
                    on key = incident_id and version = xmin::text
                for no key update of seen skip locked
            )
        """),  # noqa: S608 - our own words
        {
            "keys": list(versions),
            "versions": list(versions.values()),
            "now": now,
            "warn": WARN_SHARE,
        },
    )
    return done.rowcount


def again(connection: Connection, escalation_id: int) -> None:
    """Have the life to which an escalation belongs looked at once more."""
    change = text("""
        update incident_life set watch_at = :at_once
        where incident_id = (select incident_id from escalation where id = :key)
    """)
    connection.execute(change, {"key": escalation_id, "at_once": AT_ONCE})


def all_again(connection: Connection) -> None:
    """Have all lives that go on looked at once more: other cards are issued from now on.

    Waits for who is just looking by what held until now, or a life that is stored meanwhile would be seen by
    neither. Lives are locked in order of their ids, as by all who lock several.
    """
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    change = text(f"""
        with going as materialized (
            select incident_id from incident_life where status not in ({_ENDED})
            order by incident_id for no key update
        )
        update incident_life as life set watch_at = :at_once from going
        where life.incident_id = going.incident_id
    """)  # noqa: S608 - our own words
    connection.execute(change, {"at_once": AT_ONCE})


# nobody is called for what has ended, also while its cards wait to be lifted
_FROM_CLIMBING = f"""
    from escalation join incident_life as life using (incident_id)
    where climbs_at <= :now and status not in ({_ENDED}) and (kind = 'whistle' or status <> 'suspended')
"""


def climbing(connection: Connection, now: datetime, limit: int) -> list[dict[str, Any]]:
    """Return, locked, the escalations whose next rung is to be called; cards of suspended incidents wait."""
    rows = connection.execute(
        text(f"""
            select escalation.* {_FROM_CLIMBING}
            order by climbs_at, escalation.id limit :limit for update of escalation skip locked
        """),
        {"now": now, "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]
