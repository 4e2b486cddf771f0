"""Levels in the database, and which edition is in force."""

import time

import pytest
from sqlalchemy import text

from geo_service.model import Level
from geo_service.store import boundaries
from geo_service.store.database import Database

pytestmark = pytest.mark.postgis


def test_a_level_may_come_between_any_number_of_others(database: Database) -> None:
    with database.writing() as connection:
        for depth in range(20):
            boundaries.add_level(connection, Level(f"level_{depth}", depth, "级", "Level"))
        boundaries.add_level(connection, Level("between", 3, "间", "Between"))
        boundaries.add_level(connection, Level("top", 0, "顶", "Top"))
        found = boundaries.levels(connection)
    assert [level.depth for level in found] == list(range(22))
    codes = [f"level_{number}" for number in range(20)]
    assert [level.code for level in found] == ["top", *codes[:3], "between", *codes[3:]]


def test_at_every_moment_one_edition_is_in_force(database: Database) -> None:
    """Spans that follow each other faster than they are read: one moment is asked about, not several."""
    with database.writing() as connection:
        connection.execute(
            text("""
                with one as (
                    insert into edition (note, published_by, digest, tolerance_m)
                    values ('', 'test', '', 0) returning id, clock_timestamp() as now
                ), border as (
                    select id, now + number * interval '1 ms' as at, number
                    from one, generate_series(0, 2999) as number
                )
                insert into edition_span (edition_id, valid_during, recorded_during)
                select id,
                    tstzrange(case when number > 0 then at end, lead(at) over (order by number)),
                    tstzrange(at - number * interval '1 ms', null)
                from border
            """)
        )
    until = time.monotonic() + 2
    while time.monotonic() < until:
        with database.reading() as connection:
            assert boundaries.edition_in_force(connection) is not None
