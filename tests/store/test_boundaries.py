"""Levels in the database."""

import pytest

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
