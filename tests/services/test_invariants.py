"""What must be true is found true after honest work, and each damage is found by the rule that names it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from geo_service.services import dispatching, handling, invariants, webhooks
from geo_service.services.duty_book import DutyBooks
from geo_service.services.escalating import Escalation
from geo_service.services.relaying import relay
from geo_service.staffing.life import Move
from geo_service.store import positions
from geo_service.store import webhooks as store
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Sending
from geo_service.store.positions import Fixes
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def worked(postgis: TestServer) -> Iterator[str]:
    """A town after an honest hour: reports, sending, suspending, cards, whistles, webhooks, tracks."""
    with postgis.fresh_url() as url:
        database = Database.connect(url, read_size=2, write_size=2)
        tilings = desk_town.build(database)
        ids = desk_town.employ(database, [{"code": "w", "at": desk_town.corner(0, 0), "cell": "c00r00"}])
        desk_town.put_on_duty(database, list(ids.values()))
        hook, _ = webhooks.subscribe(
            database, name="h", url="http://127.0.0.1:9/", topics=["incident.*"], who="t", loopback=True
        )
        keys = [desk_town.report(database, tilings, f"{i}") for i in range(4)]
        (one,) = dispatching.send(database, keys[0], [Sending(ids["w"], lead=True)], who="desk")
        dispatching.arrive(database, one.id, who="desk")
        dispatching.done(database, one.id, who="desk")
        handling.move(database, keys[0], Move.CLOSE, who="desk")
        handling.move(database, keys[0], Move.REOPEN, who="desk", reason="again")
        dispatching.send(database, keys[1], [Sending(ids["w"], lead=True)], who="desk")
        for move in (Move.ACCEPT, Move.SUSPEND, Move.RESUME, Move.SUSPEND):
            handling.move(database, keys[2], move, who="desk", reason="night")
        escalation = Escalation(database, tilings, DutyBooks(database))
        escalation.whistle(keys[3], who="desk", words="come")
        grow_old(database, keys[3])
        while escalation.look().more:
            pass
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        with database.writing() as connection:
            positions.make_days(connection, [now.date()])
            fixes = Fixes([ids["w"]], [now], [118.0], [29.0], [None])
            positions.add(connection, fixes)
        deliver(database, hook)
        database.close()
        yield url


def grow_old(database: Database, key: UUID) -> None:
    """Have an incident been reported ten minutes earlier: its clock of arrival has run out."""
    with database.writing() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        older = ", ".join(
            f"{name} = {name} - interval '10 min'"
            for name in (
                "reported_at",
                "arrive_due_at",
                "handle_due_at",
                "close_due_at",
                "next_due_at",
                "watch_at",
            )
        )
        change = f"update incident_life set {older} where incident_id = :key"
        connection.execute(text(change), {"key": key})
        change = "update incident_log set at = at - interval '10 min' where incident_id = :key"
        connection.execute(text(change), {"key": key})


def deliver(database: Database, hook: int) -> None:
    """Announce all events; a receiver takes the first, never takes the second, and has not had the others."""

    def all_announced() -> bool:
        with database.reading() as connection:
            waiting = connection.execute(text("select count(*) from outbox where position is null"))
            return bool(waiting.scalar_one() == 0)

    relay(database, stop=all_announced, said=pytest.fail)
    with database.writing() as connection:
        first, second = [one["position"] for one in store.due(connection, hook, 2)]
        store.arrived(connection, hook, first, "204")
        store.failed(connection, hook, second, "500", None)
        connection.execute(text("update webhook set created_at = created_at - interval '1 hour'"))


@pytest.fixture(scope="module")
def database(worked: str) -> Iterator[Database]:
    made = Database.connect(worked, read_size=2, write_size=2)
    yield made
    made.close()


@pytest.fixture
def damaged(database: Database) -> Iterator[Connection]:
    """A transaction in which a test may break what it likes."""
    with database.write.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def found_in(connection: Connection) -> list[invariants.Finding]:
    return [one for look in invariants.LOOKS for one in look(connection)]


def test_honest_work_breaks_nothing(database: Database) -> None:
    found = list(invariants.examine(database))
    assert [one for one in found if not one.ok] == []
    seen = {one.name: one.looked_at for one in found}
    assert len(seen) == len(found)
    assert seen["lives replayed"] == 4
    assert seen["tracks in shifts"] == seen["latest position"] == seen["shifts apart"] == 1
    assert [name for name, count in seen.items() if count == 0] == ["breaches"]


def test_a_webhook_that_is_stopped_breaks_nothing(damaged: Connection) -> None:
    store.stop(damaged, 1)
    assert [one for one in found_in(damaged) if not one.ok] == []


#: The rule that must name it, and how the data are damaged past every constraint.
DAMAGES: list[tuple[str, str]] = [
    (
        "reports once",
        (
            "alter table incident drop constraint uq_incident_source_source_id;"
            "update incident set source_id = 'same'"
        ),
    ),
    ("one placement", "delete from placement where incident_id in (select id from incident limit 1)"),
    (
        "placements apart",
        (
            "drop index ux_placement_incident_id_open;"
            "insert into placement (incident_id, since_edition, how)"
            " select incident_id, 2, 'none' from placement"
        ),
    ),
    ("placed where it lies", "update incident set geom = st_translate(geom, 0.008, 0)"),
    ("placed where it lies", "update placement set cell_id = null, how = 'near_gap'"),
    ("lives begin", "delete from incident_log where move = 'report'"),
    (
        "lives begin",
        (
            "delete from incident_log where move = 'report'"
            " and incident_id in (select incident_id from incident_log where move = 'suspend')"
        ),
    ),
    (
        "lives begin",
        (
            "delete from incident_log where move = 'report';"
            "insert into incident_log (incident_id, at, who, move)"
            " select incident_id, reported_at, '', 'report' from incident_life where status = 'suspended'"
        ),
    ),
    ("logs whole", "update incident_life set revision = revision + 1 where status = 'suspended'"),
    ("logs whole", "delete from incident_log where move = 'reopen'"),
    ("logs whole", "update incident_log set from_status = 'closed' where move = 'suspend'"),
    ("logs forwards", "update incident_log set at = at - interval '1 day' where move = 'arrive'"),
    (
        "logs forwards",
        "update incident_log set at = at - interval '1 day', move = 'reply' where move = 'suspend'",
    ),
    ("lives replayed", "update incident_log set at = at - interval '1 day' where move = 'arrive'"),
    ("sent somewhere", "update incident_life set status = 'accepted' where status = 'dispatched'"),
    ("sent somewhere", "update dispatch set lead = false where ended_at is null"),
    (
        "nobody waits unseen",
        "update dispatch set ended_at = clock_timestamp(), outcome = 'cancelled' where ended_at is null",
    ),
    (
        "lead arrived",
        "update dispatch set accepted_at = sent_at, arrived_at = clock_timestamp() where ended_at is null",
    ),
    (
        "sent once",
        """
        drop index ux_dispatch_responder_id_open; insert into dispatch
        (incident_id, responder_id, lead, sent_at, sent_by)
        select incident_id, responder_id, false, sent_at, '' from dispatch where ended_at is null
        """,
    ),
    (
        "sent once",
        """
        drop index ux_dispatch_incident_id_lead; insert into dispatch
        (incident_id, responder_id, lead, sent_at, sent_by)
        select incident_id, responder_id + 1, true, sent_at, '' from dispatch where ended_at is null
        """,
    ),
    ("dispatches in order", "update dispatch set arrived_at = null where outcome = 'done'"),
    (
        "dispatches in order",
        "update dispatch set sent_at = sent_at + interval '1 hour' where outcome = 'done'",
    ),
    ("dispatches in order", "update dispatch set ended_at = sent_at where outcome = 'done'"),
    ("latest position", "update position_latest set at = at - interval '1 hour'"),
    ("latest position", "update position_latest set at = at + interval '1 hour'"),
    ("latest position", "update position_latest set lon = lon + 1"),
    ("latest position", "delete from position_latest"),
    (
        "shifts apart",
        (
            "alter table shift drop constraint ex_shift_one_at_a_time;"
            "insert into shift (responder_id, on_duty) select responder_id, on_duty from shift"
        ),
    ),
    ("events", "update outbox set position = 1000000 where seq = (select min(seq) from outbox)"),
    ("events", "alter table outbox drop constraint uq_outbox_position; update outbox set position = 1"),
    ("events", "insert into outbox (topic, payload) select topic, payload from outbox"),
    ("deliveries", "update delivery set done_at = null where state = 'dead'"),
    ("deliveries", "update delivery set attempts = 0 where state = 'delivered'"),
    ("deliveries", "update delivery set attempts = 0 where state = 'dead'"),
    ("deliveries", "update delivery set position = position + 1000000"),
    ("everybody told", "delete from delivery where state = 'waiting'"),
    ("everybody told", "update webhook set topics = '{escalation.*}'"),
    ("escalations", "update escalation set stage = 'arrived'"),
    ("escalations", "delete from escalation_line where what = 'issue'"),
    (
        "cards once",
        """
        alter table escalation drop constraint uq_escalation_incident_id_phase_colour_round;
        insert into escalation
        (incident_id, kind, phase, colour, issued_at, issued_by, stage, rungs, request_s, rung)
        select incident_id, kind, phase, colour, issued_at, '', stage, rungs, request_s, rung from escalation
        where kind = 'card'
        """,
    ),
    ("cards once", "update escalation set issued_at = due_at - interval '1 second' where colour = 'red'"),
    (
        "breaches",
        (
            "insert into breach (incident_id, revision, network_id, cause, numbers)"
            " select incident_id, revision + 1, 1, 'x', '{}' from incident_life"
        ),
    ),
    ("guards", "alter table incident_log disable trigger incident_log_is_append_only"),
    ("guards", "drop trigger nobody_stays_sent on incident_life"),
    ("guards", "drop index ux_dispatch_incident_id_lead"),
    (
        "guards",
        "update pg_index set indisvalid = false where indexrelid = 'ix_dispatch_incident_id'::regclass",
    ),
    (
        "guards",
        (
            "alter table dispatch drop constraint ck_dispatch_outcome_is_known;"
            "alter table dispatch add constraint ck_dispatch_outcome_is_known check (outcome <> '') not valid"
        ),
    ),
    ("lives replayed", "update incident_life set accepted_at = accepted_at + interval '1 second'"),
    ("lives replayed", "update incident_log set to_status = 'closed' where move = 'arrive'"),
    ("lives replayed", "update incident_life set pauses = '{}'"),
    ("due moments", "update incident_life set next_due_at = next_due_at + interval '1 microsecond'"),
    ("due moments", "update incident_life set close_due_at = null where status = 'reported'"),
    ("due moments", "update incident_life set watch_at = null where status = 'reported'"),
    ("due moments", "update incident_life set watch_at = next_due_at + interval '1 microsecond'"),
    (
        "watched",
        """
        update incident_life set watch_at = null, close_due_at = now() - interval '1 second'
        where status = 'reported'
        """,
    ),
    (
        "watched",
        """
        update incident_life set status = 'void', watch_at = null
        where incident_id in (select incident_id from escalation where stage = 'called')
        """,
    ),
    ("tracks in shifts", "delete from shift"),
    ("audit chain", "update audit set who = 'nobody' where id = (select min(id) from audit)"),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_each_damage_is_found(damaged: Connection, name: str, damage: str) -> None:
    damaged.execute(text("set local session_replication_role = replica"))  # no trigger helps
    for statement in damage.split(";"):
        damaged.execute(text(statement))
    assert name in {one.name for one in found_in(damaged) if not one.ok}


def test_there_is_a_damage_for_each_rule(damaged: Connection) -> None:
    assert {name for name, _ in DAMAGES} == {one.name for one in found_in(damaged)}
