"""Figures of the tiles where clocks are not at whole hours from Greenwich."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from geo_service.services import lead_summary
from geo_service.services.lead_area import area_of
from geo_service.services.staffed_cells import Cells
from geo_service.store.database import Database
from tests.services import desk_town

pytestmark = pytest.mark.postgis


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kathmandu"])
def test_a_day_begins_at_midnight_on_the_clock(database: Database, zone: str) -> None:
    tilings, town = desk_town.build(database), ZoneInfo(zone)
    midnight = datetime(2026, 3, 2, tzinfo=town)
    for number, minutes in enumerate((-10, 10, 70, -7 * 24 * 60 + 10)):
        at = midnight + timedelta(minutes=minutes)
        desk_town.report(database, tilings, f"i{number}", desk_town.corner(0.5, 0.5), occurred_at=at)
    whole = area_of(Cells(tilings.get()), None, None, frozenset())
    with database.reading() as connection:
        told = lead_summary.incidents_of_day(connection, whole, midnight + timedelta(hours=2), town)
    assert (told["day"], told["today"], told["by_hour"][:2]) == ("2026-03-02", 2, [1, 1])
    assert told["usual_by_hour"][0] == told["usual_day"] == 1 / lead_summary.USUAL_WEEKS
