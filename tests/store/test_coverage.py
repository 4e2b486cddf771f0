"""Stored runs: a bounded number of them, and never the newest standard one away."""

from datetime import UTC, datetime

import pytest

from geo_service.store import coverage
from geo_service.store.database import Connection, Database

pytestmark = pytest.mark.postgis
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def add(connection: Connection, number: int, mode: str) -> None:
    connection.exec_driver_sql(
        "insert into coverage_run (edition_id, network_id, mode, at, limit_s, fingerprint, summary) "
        "select (select min(id) from edition), (select min(id) from road_network), %s, %s, 300, %s, '{}'",
        (mode, NOON, number.to_bytes(32, "big")),
    )


def test_runs_are_kept_up_to_a_number_and_the_newest_standard_one_besides(town: Database) -> None:
    with town.write.connect() as connection:  # never committed: the town is only read
        connection.exec_driver_sql("delete from coverage_run")
        for number in range(3):
            add(connection, number, "ebike")
        for number in range(3, 130):
            add(connection, number, "walk")
        assert coverage.prune(connection, 100, "ebike", 300) == 29
        left = connection.exec_driver_sql("select fingerprint from coverage_run order by id").scalars().all()
        numbers = [int.from_bytes(bytes(one), "big") for one in left]
        assert numbers == [2, *range(30, 130)]
        assert coverage.prune(connection, 100, "ebike", 300) == 0
        connection.rollback()
