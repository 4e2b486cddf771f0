"""Corrections while editions change: an incident said to lie elsewhere is never placed by its old place."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.errors import GeoServiceError, InvalidInputError, UnavailableError
from geo_service.services import correcting
from geo_service.services.correcting import Asked
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.intake import incident_id, take_in
from geo_service.services.publishing import publish
from geo_service.services.reporting import Place
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, lives
from geo_service.store.database import Database
from tests.services.places import grid, middle, square, table

pytestmark = pytest.mark.postgis
ME = Asked("desk")


@pytest.fixture
def tilings(database: Database) -> Tilings:
    tilings = Tilings(database)
    publish(
        database, tilings, draft_import(BoundaryImport(table(grid(4, 1)), "grid"), None, []), who="t", note=""
    )
    return tilings


def report(database: Database, tilings: Tilings, key: str, column: float | None) -> UUID:
    lon, lat = middle(column, 0) if column is not None else (np.nan, np.nan)
    row = {"source_id": key, "occurred_at": datetime.now(UTC), "lon": lon, "lat": lat}
    take_in(database, tilings, pd.DataFrame([row]), source="s", who="t", live=True)
    return incident_id("s", key)


def at(column: float) -> Place:
    return Place(*middle(column, 0))


def redraw(database: Database, cells: dict[str, Any]) -> None:
    tilings = Tilings(database)
    with database.reading() as connection:
        levels = boundaries.levels(connection)
    draft = draft_import(BoundaryImport(table(cells), "grid"), tilings.get(), levels)
    publish(
        database,
        tilings,
        draft,
        who="t",
        note="",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        supersede=True,
    )


#: Each incident with the cell that it is placed in, by the edition in force when it happened.
PLACED = """
    select incident.id, cell.code, how, st_x(geom), named.code as named
    from incident
    join edition_span on valid_during @> occurred_at and upper_inf(recorded_during)
    left join placement on placement.incident_id = incident.id and since_edition <= edition_span.edition_id
        and (until_edition is null or until_edition > edition_span.edition_id)
    left join cell on cell.id = placement.cell_id
    left join cell as named on named.id = named_cell_id
"""


def placed(database: Database) -> dict[UUID, tuple[str | None, str, float | None, str | None]]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql(PLACED).all()
    assert len(rows) == len({row[0] for row in rows})  # one placement each
    return {row[0]: tuple(row[1:]) for row in rows}


def two_halves(number: int) -> dict[str, Any]:
    """The four squares as two cells, cut elsewhere each time."""
    cut = 1 + number % 3
    return {f"west{number}": square(0, 0, cut), f"east{number}": square(cut, 0, 4 - cut)}


def test_a_named_cell_that_is_gone_places_nothing_and_comes_back(
    database: Database, tilings: Tilings
) -> None:
    key = report(database, tilings, "1", None)
    correcting.locate(database, tilings, key, Place(level="grid", cell_code="c01r00"), ME)
    assert placed(database)[key][:2] == ("c01r00", "by_cell")
    redraw(database, two_halves(0))
    assert placed(database)[key][:2] == (None, "none")
    redraw(database, grid(4, 1))
    assert placed(database)[key][:2] == ("c01r00", "by_cell")


def test_located_in_an_older_edition_it_follows_the_newer_ones(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings, "1", 0)
    redraw(database, two_halves(0))
    assert placed(database)[key][0] == "west0"
    correcting.locate(database, Tilings(database), key, at(3), ME)
    assert placed(database)[key][0] == "east0"
    redraw(database, two_halves(2))
    assert placed(database)[key][0] == "east2"


def test_corrections_while_editions_change_leave_each_where_it_was_last_said(
    database: Database, tilings: Tilings
) -> None:
    """Whoever is first, publisher or desk: the stored placement is that of the stored place."""
    keys = [report(database, tilings, str(i), i % 4) for i in range(12)]
    stop, refused, failures = threading.Event(), [0], []

    def desk(worker: int) -> None:
        rng = np.random.default_rng(worker)
        mine = Tilings(database)
        while not stop.is_set():
            key = keys[int(rng.integers(len(keys)))]
            where = at(float(rng.integers(4))) if rng.random() < 0.8 else Place()
            try:
                correcting.locate(database, mine, key, where, ME)
            except UnavailableError:
                refused[0] += 1
                time.sleep(0.05)
            except GeoServiceError as error:
                failures.append(error)

    threads = [threading.Thread(target=desk, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(4):
            redraw(database, two_halves(number))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    number, west = 3, 1
    for cell, how, lon, _named in placed(database).values():
        if lon is None:
            assert how == "none"
            continue
        column = round((lon - middle(0, 0)[0]) / (middle(1, 0)[0] - middle(0, 0)[0]))
        assert cell == (f"west{number}" if column < west else f"east{number}")


def test_the_same_correction_twice_is_one(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings, "1", None)
    asked = Asked("desk", "rang back", 0, "k1")
    first = correcting.locate(database, tilings, key, at(1), asked)
    again = correcting.locate(database, tilings, key, at(1), asked)
    assert first.kept.revision == again.kept.revision == 1


@settings(max_examples=40)
@given(
    floor=st.one_of(st.none(), st.integers(-20, 200)),
    has_lift=st.one_of(st.none(), st.booleans()),
)
def test_farther_floors_take_longer_and_a_lift_never_does(floor: int | None, has_lift: bool | None) -> None:
    from geo_service.staffing.floors import AccessTime

    times = AccessTime()
    took = times.to_floor_s(floor, has_lift=has_lift)
    assert took >= 0
    if floor is not None:
        assert times.to_floor_s(floor, has_lift=True) <= times.to_floor_s(floor, has_lift=False)
        farther = floor + (1 if floor > 0 else -1)
        assert times.to_floor_s(farther, has_lift=True) >= times.to_floor_s(floor, has_lift=True)


def test_nobody_is_told_before_he_reported(database: Database, tilings: Tilings) -> None:
    key = report(database, tilings, "reply", 0)
    early = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(InvalidInputError) as raised:
        correcting.reply(database, key, ME, words="done", channel="call", at=early)
    assert [fault.field for fault in raised.value.faults] == ["at"]
    late = datetime.now(UTC) + timedelta(days=1)  # a clock that goes wrong: now
    told = correcting.reply(database, key, ME, words="done", channel="call", at=late)
    with database.reading() as connection:
        assert lives.log_of(connection, key)[-1]["at"] <= told.at < late
