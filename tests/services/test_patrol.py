"""Patrols of a day: counted from tracks, kept when the tracks are gone, and nothing of a person in them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import text

from geo_service.errors import InvalidInputError, NotFoundError
from geo_service.services import patrol
from geo_service.services.ground import Ground
from geo_service.services.lead_area import area_of
from geo_service.services.lead_patrols import balance
from geo_service.services.staffed_cells import Cells
from geo_service.services.tiling import Tilings
from geo_service.store import positions
from geo_service.store.database import Database
from geo_service.store.positions import Fixes
from tests.services import desk_town

pytestmark = pytest.mark.postgis
DAY = date(2026, 3, 4)
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)  # in China


@pytest.fixture
def walked(database: Database) -> tuple[Tilings, Ground]:
    """Walk the street along the south of two cells, once there and once back, and stand in the second."""
    tilings = desk_town.build(database)
    ids = desk_town.employ(database, [{"code": "w", "at": desk_town.corner(0, 0), "mode": "walk"}])
    there = np.linspace(0.0, 2.0, 61)
    column = np.concatenate([there, there[::-1][1:]])
    _keep(database, ids["w"], [desk_town.corner(x, 0.01) for x in column.tolist()], every_s=20)
    return tilings, Ground(database)


def _keep(database: Database, who: int, places: list[tuple[float, float]], every_s: float) -> None:
    at = [NOON + timedelta(seconds=i * every_s) for i in range(len(places))]
    lon, lat = (list(column) for column in zip(*places, strict=True))
    with database.writing() as connection:
        positions.make_days(connection, {moment.date() for moment in at})
        positions.add(connection, Fixes([who] * len(at), at, lon, lat, [5.0] * len(at)))


def _figures(database: Database, tilings: Tilings, level: str) -> dict[str, dict[str, object]]:
    with database.reading() as connection:
        frame, days = patrol.cell_figures(connection, tilings.get(), level, DAY, DAY)
    assert [one["day"] for one in days] == [DAY]
    return {row["code"]: row for row in patrol.rows_of(frame)}


def test_a_walk_is_counted_by_cell_and_stays_when_the_track_is_gone(
    database: Database, walked: tuple[Tilings, Ground]
) -> None:
    tilings, ground = walked
    counted = patrol.count_day(database, ground, tilings, DAY, who="t")
    assert (counted.fixes, counted.matched, counted.new) == (121, 121, True)
    assert not patrol.count_day(database, ground, tilings, DAY, who="t").new
    cells = _figures(database, tilings, "grid")
    for code in ("c00r00", "c01r00"):
        assert cells[code]["patrolled_m"] == pytest.approx(800, abs=30)
        assert cells[code]["walked_m"] == pytest.approx(1600, abs=60)
    assert cells["c00r00"]["person_times"] == 2
    assert sum(float(str(row["hours"])) for row in cells.values()) == pytest.approx(120 * 20 / 3600, abs=0.01)
    assert cells["c03r03"]["share"] == 0.0
    row = _figures(database, tilings, "community")["row00"]
    assert row["patrolled_m"] == pytest.approx(
        sum(float(str(c["patrolled_m"])) for c in cells.values()), abs=1
    )
    with database.writing() as connection:
        positions.drop_days(connection, date(2027, 1, 1))
    assert _figures(database, tilings, "grid") == cells
    assert not patrol.count_day(database, ground, tilings, DAY, who="t").new
    with pytest.raises(NotFoundError, match="no tracks"):
        patrol.count_day(database, ground, tilings, DAY + timedelta(days=1), who="t")


def test_days_that_are_over_are_counted_and_incidents_compared(
    database: Database, walked: tuple[Tilings, Ground]
) -> None:
    tilings, ground = walked
    done = patrol.count_due(database, ground, tilings, who="t", now=NOON + timedelta(days=2))
    assert [(one.day, one.new) for one in done] == [(DAY, True)]
    assert patrol.count_due(database, ground, tilings, who="t", now=NOON) == []
    desk_town.report(database, tilings, "i", desk_town.corner(4.5, 2.5), occurred_at=NOON)
    with database.reading() as connection:
        frame, told = patrol.against_incidents(connection, tilings.get(), "grid", DAY, DAY)
    assert (told.n_incidents, told.n_cells) == (1, 24)
    assert told.rho is not None
    assert told.rho < 0
    blind = frame.set_index("code").loc["c04r02"]
    assert blind.lift == np.inf
    assert blind.incidents == 1


def test_leaders_are_told_which_cells_want_more_patrols(
    database: Database, walked: tuple[Tilings, Ground]
) -> None:
    tilings, ground = walked
    zone, after = ZoneInfo("Asia/Shanghai"), NOON + timedelta(days=1)
    cells = Cells(tilings.get())
    whole, row = area_of(cells, None, None, frozenset()), area_of(cells, "row00", None, frozenset())
    with database.reading() as connection:
        assert balance(connection, whole, "grid", after, zone)["match"] is None  # nothing is counted yet
    patrol.count_day(database, ground, tilings, DAY, who="t")
    with database.reading() as connection:
        assert balance(connection, whole, "grid", after, zone)["match"] is None  # nothing has happened
    for number, (x, y) in enumerate([(4.5, 2.5), (0.5, 0.5), (0.4, 0.5)]):
        desk_town.report(database, tilings, f"i{number}", desk_town.corner(x, y), occurred_at=NOON)
    hours = {code: float(str(row["hours"])) for code, row in _figures(database, tilings, "grid").items()}
    first = hours["c00r00"] / sum(hours.values())
    with database.reading() as connection:
        told = balance(connection, whole, "grid", after, zone)
        part = balance(connection, row, "grid", after, zone)
        later = balance(connection, whole, "grid", after + timedelta(days=7), zone)
    assert told["match"] == pytest.approx(min(2 / 3, first))
    assert 4 / 9 < first < 1  # of incidents it has two thirds: the shares lie near one another
    assert [one["code"] for one in told["more"]] == ["c04r02"]
    assert told["more"][0]["incident_share"] == pytest.approx(1 / 3)
    assert told["less"][0]["code"] == "c01r00"
    assert (part["incidents"], part["match"]) == (2, pytest.approx(first))  # all happened in its first cell
    assert (later["from"], later["match"]) == ("2026-03-05", None)


def test_nobody_is_named_in_figures_by_cell(database: Database) -> None:
    columns = text(
        "select table_name, column_name from information_schema.columns where table_name like 'patrol%'"
    )
    with database.reading() as connection:
        rows = connection.execute(columns).all()
    named = {table for table, name in rows if "responder" in name or "person_id" in name}
    assert named == {"patrol_stop", "patrol_route_turn", "patrol_visit", "patrol_person_day"}
    of_persons = {name for table, name in rows if table == "patrol_person_day"}
    assert of_persons == {
        "day", "responder_id", "shift_s", "patrol_s", "silent_s", "away_s", "person_times"
    }  # fmt: skip


def test_spans_that_make_no_sense_are_refused(database: Database) -> None:
    tilings = desk_town.build(database)
    with database.reading() as connection, pytest.raises(InvalidInputError):
        patrol.cell_figures(connection, tilings.get(), "grid", DAY, DAY - timedelta(days=1))
    with database.reading() as connection, pytest.raises(NotFoundError):
        patrol.cell_figures(connection, tilings.get(), "nothing", DAY, DAY)
