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
        "placed where it lies",
        "what is placed in a cell lies in it (to 2 cm), and what is in none lies in no cell",
        "select count(*) from placement join incident on incident.id = incident_id where geom is not null",
        """
        select incident.id || ': cell ' || placement.cell_id from placement
        join incident on incident.id = incident_id
        left join cell_version as version on version.cell_id = placement.cell_id and editions @> since_edition
        where incident.geom is not null and placement.cell_id is not null
            and not coalesce(st_dwithin(version.geom, incident.geom, 2e-7), false)
        union all
        select incident.id || ': lies in cell ' || version.cell_id from placement
        join incident on incident.id = incident_id
        join cell_version as version on editions @> since_edition and st_covers(version.geom, incident.geom)
        where placement.cell_id is null and not st_dwithin(st_boundary(version.geom), incident.geom, 2e-7)
        """,
    ),
    Rule(
        "lives begin",
        "the log of every life begins with its report, once",
        "select count(*) from incident_life",
        """
        select incident_life.incident_id || ': ' || births || ' reports, the first line is ' || first
        from incident_life
        left join lateral (
            select count(*) filter (where move = 'report') as births,
                coalesce((array_agg(move order by id))[1], 'missing') as first
            from incident_log where incident_log.incident_id = incident_life.incident_id
        ) as lines on true
        where births <> 1 or first <> 'report'
        """,
    ),
    Rule(
        "logs whole",
        "a log has a line for each revision of its life, and each begins where the one before ended",
        "select count(*) from incident_log",
        """
        select incident_id || ': ' || count(line.id) || ' lines, revision ' || revision
        from incident_life left join incident_log as line using (incident_id)
        group by incident_id having count(line.id) <> revision + 1
        union all
        select incident_id || ': line ' || id || ' begins at ' || coalesce(from_status, 'nothing') from (
            select *, lag(to_status) over (partition by incident_id order by id) as before from incident_log
        ) as line
        where from_status is distinct from before
        """,
    ),
    Rule(
        "logs forwards",
        "nothing that was done or told is noted for a moment before the report",
        "select count(*) from incident_log",
        """
        select incident_id || ': ' || move || ' at ' || at from incident_log
        join incident_life using (incident_id)
        where at < reported_at
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
        "nobody waits unseen",
        "an incident that is dispatched or arrived has somebody sent, or was moved since the last one left",
        "select count(*) from incident_life where status in ('dispatched', 'arrived')",
        """
        select incident_id || ': ' || status || ', the last one left at ' || max(ended_at)
        from incident_life join dispatch using (incident_id)
        where status in ('dispatched', 'arrived')
        group by incident_id having bool_and(ended_at is not null) and max(ended_at) > last_at
            -- whom a suspension freed did not leave, whenever it is said to have been
            and (array_agg(dispatch.reason order by ended_at desc, id desc))[1] not like 'the incident is %'
        """,
    ),
    Rule(
        "lead arrived",
        "where the lead is at the place, the incident is arrived at",
        "select count(*) from dispatch where ended_at is null and lead",
        """
        select incident_id || ': dispatch ' || id from dispatch join incident_life using (incident_id)
        where ended_at is null and lead and dispatch.arrived_at is not null and status = 'dispatched'
        """,
    ),
    Rule(
        "dispatches in order",
        "who has arrived has accepted, who is done has arrived, and nothing of it before he was sent",
        "select count(*) from dispatch",
        """
        select 'dispatch ' || id from dispatch where (arrived_at is not null and accepted_at is null)
            or (outcome = 'done' and arrived_at is null) or (outcome = 'declined' and arrived_at is not null)
            or least(accepted_at, arrived_at, ended_at) < sent_at
            or ended_at < greatest(accepted_at, arrived_at)
        """,
    ),
    Rule(
        "latest position",
        "where somebody is last is the newest of his track, unless that has been dropped",
        "select count(*) from position_latest",
        """
        select 'responder ' || id from responder
        join lateral (
            select at, lon, lat from position_fix where responder_id = id order by at desc limit 1
        ) as newest on true
        left join position_latest as latest on latest.responder_id = id
        where (latest.at, latest.lon, latest.lat) is distinct from (newest.at, newest.lon, newest.lat)
        """,
    ),
    Rule(
        "shifts apart",
        "nobody is on two shifts at once",
        "select count(*) from shift",
        """
        select 'responder ' || one.responder_id from shift as one join shift as other
            on other.responder_id = one.responder_id and other.id > one.id and other.on_duty && one.on_duty
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
        union all select 'incident ' || (payload ->> 'id') || ' is told twice' from outbox
        where topic = 'incident.reported' group by payload ->> 'id' having count(*) > 1
        """,
    ),
    Rule(
        "deliveries",
        "a delivery that is over has a moment, and was tried unless its webhook is stopped; others have none",
        "select count(*) from delivery",
        """
        select 'webhook ' || webhook_id || ' event ' || position || ': ' || state from delivery
        join webhook on webhook.id = webhook_id
        where (state = 'waiting') <> (done_at is null)
            or (attempts = 0 and (state = 'delivered' or (state = 'dead' and stopped_at is null)))
        union all
        select 'webhook ' || webhook_id || ' event ' || position || ' was never announced'
        from delivery, outbox_position where position > last_value
        """,
    ),
    Rule(
        "everybody told",
        "every event that a webhook wants is queued for it (from ten seconds after it was made)",
        "select count(*) from webhook, outbox where stopped_at is null and position is not null",
        """
        select 'webhook ' || webhook.id || ' event ' || position from webhook join outbox
            on outbox.created_at > webhook.created_at + interval '10 s' and position is not null
        where stopped_at is null
            and (topics = '{}' or exists (
                select from unnest(topics) as wanted where case when right(wanted, 1) = '*'
                    then starts_with(topic, left(wanted, -1)) else topic = wanted end
            ))
            and not exists (
                select from delivery
                where delivery.webhook_id = webhook.id and delivery.position = outbox.position
            )
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
        "each card of a clock is issued once in a round, a red one when it has run out",
        "select count(*) from escalation where kind = 'card'",
        """
        select incident_id || ' ' || phase || ' ' || colour from escalation where kind = 'card'
        group by incident_id, phase, colour, round having count(*) > 1
        union all select incident_id || ' ' || phase || ': red at ' || issued_at || ', due at ' || due_at
        from escalation where colour = 'red' and issued_at < due_at
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
    Rule(
        "guards",
        "the triggers, constraints and unique indexes that keep all this are there and switched on",
        """
        select (select count(*) from pg_trigger) + (select count(*) from pg_constraint)
            + (select count(*) from pg_index)
        """,
        """
        select tgrelid::regclass || ': trigger ' || tgname || ' is off' from pg_trigger
        where tgenabled not in ('O', 'A')
        union all
        select at || ': trigger ' || name || ' is missing' from (values
            ('audit', 'audit_is_append_only'), ('incident_log', 'incident_log_is_append_only'),
            ('escalation_line', 'escalation_line_is_append_only'), ('incident_life', 'nobody_stays_sent')
        ) as wanted (at, name)
        where not exists (select from pg_trigger where tgrelid = at::regclass and tgname = name)
        union all
        select conrelid::regclass || ': ' || conname || ' was never proved' from pg_constraint
        where not convalidated
        union all
        select indexrelid::regclass || ' is no whole index' from pg_index
        where not (indisvalid and indisready)
        union all
        select name || ' is missing' from unnest(array[
            'ux_dispatch_responder_id_open', 'ux_dispatch_incident_id_lead',
            'uq_incident_log_incident_id_request_key', 'ux_placement_incident_id_open',
            'uq_escalation_incident_id_phase_colour_round', 'ex_shift_one_at_a_time', 'uq_outbox_position'
        ]) as name
        where to_regclass(name) is null
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
