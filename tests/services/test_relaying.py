"""The relay: every event of a committed change is announced, in the order of commits, none lost."""

import json
import threading
import time

import psycopg
import pytest

from geo_service.services.relaying import relay
from geo_service.store import outbox
from geo_service.store.database import Database

pytestmark = pytest.mark.postgis


def listen(url: str, count: int, ready: threading.Event, heard: list[dict]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"listen {outbox.CHANNEL}")
        ready.set()
        for notice in connection.notifies(timeout=60, stop_after=count):
            heard.append(json.loads(notice.payload))
            if len(heard) >= count:
                return


def announce_one(database: Database) -> None:
    """Announce one event, when the transactions before it, those of other databases too, have ended."""
    for _ in range(600):
        with database.writing() as connection:
            if outbox.announce(connection, outbox.waiting(connection, limit=1)):
                return
        time.sleep(0.1)


def test_slow_transactions_lose_nothing(database: Database, database_url: str) -> None:
    stop, ready, heard = threading.Event(), threading.Event(), []
    ear = threading.Thread(target=listen, args=(database_url, 40, ready, heard))
    ear.start()
    ready.wait(60)
    runner = threading.Thread(target=relay, args=(database,), kwargs={"stop": stop.is_set, "said": print})
    runner.start()
    time.sleep(0.5)

    def write(number: int) -> None:
        with database.writing() as connection:
            outbox.add(connection, "test", {"number": number})
            # numbers are drawn at once, commits come in another order
            time.sleep(0.3 if number % 4 == 0 else 0)

    writers = [threading.Thread(target=lambda n=n: [write(n * 10 + i) for i in range(10)]) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ear.join(90)
    stop.set()
    runner.join(10)
    assert sorted(event["payload"]["number"] for event in heard) == list(range(40))


def test_a_change_that_is_rolled_back_is_not_told_of(database: Database) -> None:
    def change() -> None:
        with database.writing() as connection:
            outbox.add(connection, "test", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    with database.reading() as connection:
        assert outbox.waiting(connection) == []


def test_what_was_written_while_no_relay_ran_is_announced_once_by_one_of_two(
    database: Database, database_url: str
) -> None:
    stop, ready, heard = threading.Event(), threading.Event(), []
    for number in range(30):
        with database.writing() as connection:
            outbox.add(connection, "test", {"number": number})
    ear = threading.Thread(target=listen, args=(database_url, 31, ready, heard))
    ear.start()
    ready.wait(60)
    relays = [
        threading.Thread(target=relay, args=(database,), kwargs={"stop": stop.is_set, "said": print})
        for _ in range(2)
    ]
    for one in relays:
        one.start()
    time.sleep(1)
    with database.writing() as connection:
        outbox.add(connection, "test", {"number": 30})
    ear.join(90)
    stop.set()
    for one in relays:
        one.join(10)
    assert [event["payload"]["number"] for event in heard] == list(range(31))


def test_events_restored_from_another_cluster_are_announced_too(database: Database) -> None:
    with database.writing() as connection:
        outbox.add(connection, "test", {"restored": True})
        connection.exec_driver_sql("update outbox set xid = '4000000000'")
    with database.reading() as connection:
        assert [event["payload"] for event in outbox.waiting(connection)] == [{"restored": True}]


def test_an_event_too_long_for_a_notification_is_announced_without_its_payload(
    database: Database, database_url: str
) -> None:
    ready, heard = threading.Event(), []
    with database.writing() as connection:
        outbox.add(connection, "test", {"text": "格" * 4000})
    ear = threading.Thread(target=listen, args=(database_url, 1, ready, heard))
    ear.start()
    ready.wait(60)
    announce_one(database)
    ear.join(90)
    assert [(event["topic"], event["payload"]) for event in heard] == [("test", None)]


def test_old_events_are_dropped_once_they_are_announced(database: Database) -> None:
    with database.writing() as connection:
        outbox.add(connection, "test", {"old": True})
        connection.exec_driver_sql("update outbox set created_at = created_at - interval '8 days'")
        outbox.add(connection, "test", {"old": False})
    with database.writing() as connection:
        assert outbox.drop_before(connection, 7 * 24 * 3600) == 0
    announce_one(database)
    announce_one(database)
    with database.writing() as connection:
        assert outbox.drop_before(connection, 7 * 24 * 3600) == 1
