"""Shifts of a file take the place of those in its span, and of those only."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from geo_service.store import boundaries, staffing
from geo_service.store.database import Connection, Database

pytestmark = pytest.mark.postgis
MIDNIGHT = datetime(2026, 5, 2, tzinfo=UTC)


def hours(connection: Connection, responder_id: int, spans: list[tuple[int, int]]) -> staffing.ReplacedShifts:
    rows = pd.DataFrame(
        {
            "responder_id": responder_id,
            "start": [MIDNIGHT + timedelta(hours=start) for start, _ in spans],
            "end": [MIDNIGHT + timedelta(hours=end) for _, end in spans],
        }
    )
    return staffing.replace_shifts(connection, rows)


def stored(connection: Connection, responder_id: int) -> list[tuple[int, int]]:
    rows = connection.exec_driver_sql(
        "select lower(on_duty), upper(on_duty) from shift where responder_id = %s order by on_duty",
        (responder_id,),
    )
    return [tuple(round((moment - MIDNIGHT) / timedelta(hours=1)) for moment in row) for row in rows]


@pytest.fixture
def ids(database: Database) -> list[int]:
    people = pd.DataFrame(
        {
            "code": ["a", "b"], "name": "", "role": "grid_worker", "mode": "walk",
            "lon": float("nan"), "lat": float("nan"), "capabilities": [[], []], "phone": "",
            "home_level": None, "home_cell_code": None,
        }
    )  # fmt: skip
    with database.writing() as connection:
        staffing.upsert_responders(connection, people, boundaries.moment(connection))
        return list(staffing.responder_ids(connection).values())


@pytest.mark.parametrize(
    ("before", "file", "after", "report"),
    [
        ([(-2, 6)], [(0, 8)], [(-2, 0), (0, 8)], (1, 0, 1)),
        ([(20, 30)], [(8, 16), (18, 24)], [(8, 16), (18, 24), (24, 30)], (2, 0, 1)),
        ([(-2, 30)], [(0, 8), (16, 24)], [(-2, 0), (0, 8), (16, 24), (24, 30)], (2, 0, 1)),
        ([(1, 3), (4, 5)], [(0, 2), (6, 8)], [(0, 2), (6, 8)], (2, 2, 0)),
        ([(-8, 0), (8, 9)], [(0, 8)], [(-8, 0), (0, 8), (8, 9)], (1, 0, 0)),
    ],
    ids=["begins before", "ends after", "both", "inside", "touches"],
)
def test_what_lies_outside_the_span_stays(  # noqa: PLR0917 - a table of cases
    database, ids, before, file, after, report
) -> None:
    with database.writing() as connection:
        hours(connection, ids[0], before)
        hours(connection, ids[1], before)
        done = hours(connection, ids[0], file)
        assert stored(connection, ids[0]) == after
        assert stored(connection, ids[1]) == before
    assert (done.written, done.removed, done.cut) == report
