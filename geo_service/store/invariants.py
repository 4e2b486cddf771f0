"""What must be true of the tables of dispatching, as queries that return what breaks it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from geo_service.staffing.life import ENDED
from geo_service.store import lives
from geo_service.store.dispatch_tables import incident_life
from geo_service.store.lives import Kept

_ENDED = ", ".join(f"'{one}'" for one in sorted(ENDED))
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must be true: what is counted, and a query that returns what breaks it, as words."""

    name: str
    meaning: str
    looked_at: str
    broken: str


RULES: tuple[Rule, ...] = (
    Rule(
        "reports once",
        "a report of a source is one incident",
        "select count(*) from incident",
        "select source || ' ' || source_id from incident group by source, source_id having count(*) > 1",
    ),
    Rule(
        "one placement",
        "every incident has one placement in the edition in force when it happened",
        "select count(*) from incident",
        """
        select incident.id || ': ' || count(placement.incident_id) || ' placements in edition ' || edition_id
        from incident
        join edition_span on valid_during @> occurred_at and upper_inf(recorded_during)
        left join placement on placement.incident_id = incident.id and since_edition <= edition_id
            and (until_edition is null or until_edition > edition_id)
        group by incident.id, edition_id having count(placement.incident_id) <> 1
        """,
    ),
    Rule(
        "placements apart",
        "no two placements of an incident hold in the same edition",
        "select count(*) from placement",
        """
        select one.incident_id::text from placement as one join placement as other
            on other.incident_id = one.incident_id and other.since_edition > one.since_edition
            and (one.until_edition is null or other.since_edition < one.until_edition)
        """,
    ),
    Rule(
        "lives begin",
        "the log of every life begins with its report, once",
        "select count(*) from incident_life",
        """
        select incident_id || ': ' || count(line.id) || ' reports'
        from incident_life left join incident_log as line using (incident_id)
        where line.move = 'report' or line.id is null
        group by incident_id having count(line.id) <> 1
        """,
    ),
    Rule(
        "sent once",
        "nobody has two open dispatches, and no incident two open leads",
        "select count(*) from dispatch where ended_at is null",
        """
        select 'responder ' || responder_id from dispatch where ended_at is null
        group by responder_id having count(*) > 1
        union all select 'incident ' || incident_id from dispatch where ended_at is null and lead
        group by incident_id having count(*) > 1
        """,
    ),
    Rule(
        "sent somewhere",
        "who is sent is sent to an incident at which somebody is awaited or at work, with a lead among them",
        "select count(*) from dispatch where ended_at is null",
        """
        select 'dispatch ' || dispatch.id || ': ' || coalesce(status, 'history') from dispatch
        left join incident_life using (incident_id)
        where ended_at is null and coalesce(status, '') not in ('dispatched', 'arrived')
        union all
        select 'incident ' || incident_id || ': nobody leads' from dispatch where ended_at is null
        group by incident_id having not bool_or(lead)
        """,
    ),
    Rule(
        "dispatches in order",
        "who has arrived has accepted, who is done has arrived",
        "select count(*) from dispatch",
        """
        select 'dispatch ' || id from dispatch where (arrived_at is not null and accepted_at is null)
            or (outcome = 'done' and arrived_at is null) or (outcome = 'declined' and arrived_at is not null)
        """,
    ),
    Rule(
        "latest position",
        "where somebody is last is not older than what his track holds",
        "select count(*) from position_latest",
        """
        select 'responder ' || responder_id from position_fix left join position_latest as latest
            using (responder_id)
        group by responder_id, latest.at having latest.at is null or max(position_fix.at) > latest.at
        """,
    ),
    Rule(
        "events",
        "positions of announced events are handed out once, none beyond what was handed out",
        "select count(*) from outbox",
        """
        select 'position ' || position from outbox where position is not null
        group by position having count(*) > 1
        union all select 'position ' || position from outbox, outbox_position where position > last_value
        """,
    ),
    Rule(
        "deliveries",
        "a delivery that is over has been tried and has a moment, one that waits has none",
        "select count(*) from delivery",
        """
        select 'webhook ' || webhook_id || ' event ' || position || ': ' || state from delivery
        where (state = 'waiting') <> (done_at is null) or (state <> 'waiting' and attempts = 0)
        """,
    ),
    Rule(
        "escalations",
        "each is issued once, stands where its last line says, calls nobody once it is over",
        "select count(*) from escalation",
        """
        select 'escalation ' || escalation.id from escalation
        left join lateral (
            select count(*) filter (where what = 'issue') as issued,
                (array_agg(what order by id desc))[1] as last
            from escalation_line where escalation_id = escalation.id
        ) as lines on true
        where issued <> 1 or (climbs_at is not null and stage in ('answered', 'lifted'))
            or stage <> case last when 'acknowledge' then 'acknowledged' when 'arrive' then 'arrived'
                when 'answer' then 'answered' when 'lift' then 'lifted' else 'called' end
        """,
    ),
    Rule(
        "cards once",
        "each card of a clock is issued once in a round",
        "select count(*) from escalation where kind = 'card'",
        """
        select incident_id || ' ' || phase || ' ' || colour from escalation where kind = 'card'
        group by incident_id, phase, colour, round having count(*) > 1
        """,
    ),
    Rule(
        "breaches",
        "no cause was worked out of a revision that is still to come",
        "select count(*) from breach",
        """
        select incident_id::text from breach join incident_life as life using (incident_id)
        where breach.revision > life.revision
        """,
    ),
)


def look(connection: Connection, rule: Rule, most: int = 5) -> tuple[int, int, list[str]]:
    """Return how much was looked at, how much breaks the rule, and some of that."""
    # what is doubted is not believed: unique indexes may be what is broken
    connection.execute(text("set local enable_indexonlyscan = off"))
    looked_at: int = connection.execute(text(rule.looked_at)).scalar_one()
    rows = connection.execute(text(f"select * from ({rule.broken}) as broken (words)"))  # noqa: S608 - our words
    broken = 0
    examples: list[str] = []
    for row in rows:
        broken += 1
        if len(examples) < most:
            examples.append(str(row[0]))
    return looked_at, broken, examples


def lives_in_chunks(connection: Connection) -> Iterator[tuple[list[Kept], dict[UUID, list[Any]], list[Any]]]:
    """Give all lives, some at a time: each with its lines, and the rows with the moments that are due."""
    last: UUID | None = None
    while True:
        query = select(incident_life).order_by(incident_life.c.incident_id).limit(CHUNK)
        rows = connection.execute(
            query if last is None else query.where(incident_life.c.incident_id > last)
        ).all()
        if not rows:
            return
        last = rows[-1].incident_id
        keys = [row.incident_id for row in rows]
        lines: dict[UUID, list[Any]] = {key: [] for key in keys}
        found = connection.execute(
            text("""
                select incident_id, at, move, from_status, to_status, reason from incident_log
                where incident_id = any(:keys) order by id
            """),
            {"keys": keys},
        )
        for line in found:
            lines[line.incident_id].append(line)
        yield list(lives.several(connection, keys).values()), lines, list(rows)


def fixes_of_days(connection: Connection, day: datetime, until: datetime) -> Sequence[Any]:
    """Return the fixes of a span: responder_id, at (Unix seconds)."""
    return connection.execute(
        text("""
            select responder_id, extract(epoch from at)::float8 from position_fix
            where at >= :day and at < :until
        """),
        {"day": day, "until": until},
    ).all()


def moment(connection: Connection) -> datetime:
    """Return the database's time."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now
