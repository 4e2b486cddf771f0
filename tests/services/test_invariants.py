"""What must be true is found true after honest work, and each damage is found by the rule that names it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from geo_service.services import dispatching, handling, invariants
from geo_service.services.escalating import Escalation
from geo_service.staffing.life import Move
from geo_service.store import positions
from geo_service.store.database import Database
from geo_service.store.dispatches import Sending
from geo_service.store.positions import Fixes
from tests.postgis import TestServer
from tests.services import desk_town

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def worked(postgis: TestServer) -> Iterator[str]:
    """A town after an honest hour: reports, sending, suspending, whistles, tracks."""
    with postgis.fresh_url() as url:
        database = Database.connect(url, read_size=2, write_size=2)
        tilings = desk_town.build(database)
        ids = desk_town.employ(database, [{"code": "w", "at": desk_town.corner(0, 0), "cell": "c00r00"}])
        desk_town.put_on_duty(database, list(ids.values()))
        keys = [desk_town.report(database, tilings, f"{i}") for i in range(4)]
        (one,) = dispatching.send(database, keys[0], [Sending(ids["w"], lead=True)], who="desk")
        dispatching.arrive(database, one.id, who="desk")
        dispatching.done(database, one.id, who="desk")
        handling.move(database, keys[0], Move.CLOSE, who="desk")
        handling.move(database, keys[0], Move.REOPEN, who="desk", reason="again")
        dispatching.send(database, keys[1], [Sending(ids["w"], lead=True)], who="desk")
        for move in (Move.ACCEPT, Move.SUSPEND, Move.RESUME, Move.SUSPEND):
            handling.move(database, keys[2], move, who="desk", reason="night")
        Escalation(database, tilings).whistle(keys[3], who="desk", words="come")
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        with database.writing() as connection:
            positions.make_days(connection, [now.date()])
            fixes = Fixes([ids["w"]], [now], [118.0], [29.0], [None])
            positions.add(connection, fixes)
        database.close()
        yield url


@pytest.fixture
def damaged(postgis: TestServer, worked: str) -> Iterator[Database]:
    """A copy that a test may break."""
    with postgis.fresh_url(worked.rsplit("/", 1)[1].split("?", maxsplit=1)[0]) as url:
        database = Database.connect(url, read_size=2, write_size=2)
        yield database
        database.close()


def broken(database: Database) -> set[str]:
    return {one.name for one in invariants.examine(database) if not one.ok}


def test_honest_work_breaks_nothing(damaged: Database) -> None:
    found = list(invariants.examine(damaged))
    assert [one for one in found if not one.ok] == []
    assert len({one.name for one in found}) == len(found) == 16
    seen = {one.name: one.looked_at for one in found}
    assert seen["lives replayed"] == 4
    assert seen["tracks in shifts"] == seen["latest position"] == 1


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("one placement", "delete from placement where incident_id in (select id from incident limit 1)"),
        ("lives begin", "delete from incident_log where move = 'report'"),
        ("sent somewhere", "update incident_life set status = 'accepted' where status = 'dispatched'"),
        (
            "sent once",
            """
            drop index ux_dispatch_responder_id_open; insert into dispatch
            (incident_id, responder_id, lead, sent_at, sent_by)
            select incident_id, responder_id, false, sent_at, '' from dispatch where ended_at is null
            """,
        ),
        ("dispatches in order", "update dispatch set arrived_at = null where outcome = 'done'"),
        ("latest position", "update position_latest set at = at - interval '1 hour'"),
        ("events", "update outbox set position = 1000000 where seq = (select min(seq) from outbox)"),
        ("escalations", "update escalation set stage = 'arrived'"),
        ("escalations", "delete from escalation_line where what = 'issue'"),
        ("lives replayed", "update incident_life set accepted_at = accepted_at + interval '1 second'"),
        ("lives replayed", "update incident_log set to_status = 'closed' where move = 'arrive'"),
        ("lives replayed", "update incident_life set pauses = '{}'"),
        ("due moments", "update incident_life set next_due_at = next_due_at + interval '1 microsecond'"),
        ("due moments", "update incident_life set close_due_at = null where status = 'reported'"),
        ("tracks in shifts", "delete from shift"),
    ],
)  # fmt: skip
def test_each_damage_is_found(damaged: Database, name: str, damage: str) -> None:
    with damaged.writing() as connection:
        connection.execute(text("set local session_replication_role = replica"))  # no trigger helps
        for statement in damage.split(";"):
            connection.execute(text(statement))
    assert name in broken(damaged)
