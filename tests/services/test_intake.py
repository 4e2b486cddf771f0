"""Intake: exactly once, placed in the edition of its moment, nothing lost."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.intake import incident_id, named, take_in
from geo_service.services.publishing import publish
from geo_service.services.tiling import Tilings
from geo_service.store import audit, boundaries
from geo_service.store.database import Database
from tests.services.places import grid, middle, square, table

pytestmark = pytest.mark.postgis
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.fixture
def place(database: Database) -> Tilings:
    """Two squares with a gap of one square between them."""
    tilings = Tilings(database)
    cells = {"west": square(0, 0), "east": square(2, 0)}
    publish(database, tilings, draft_import(BoundaryImport(table(cells), "grid"), None, []), who="t", note="")
    return tilings


def reports(points: list[tuple[float, float]], first: int = 0) -> pd.DataFrame:
    lon, lat = np.array(points, dtype=float).T
    keys = [str(first + i) for i in range(len(points))]
    return pd.DataFrame({"source_id": keys, "occurred_at": [NOON] * len(points), "lon": lon, "lat": lat})


def rows(database: Database, query: str) -> list[tuple]:
    with database.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_each_is_placed_kept_or_flagged(database: Database, place: Tilings) -> None:
    near_east = (middle(2, 0)[0] - 0.51 * (middle(1, 0)[0] - middle(0, 0)[0]), middle(2, 0)[1])
    border = (square(0, 0).bounds[2], middle(0, 0)[1])
    points = [middle(0, 0), middle(1, 0), near_east, border, (np.nan, np.nan)]
    done = take_in(database, place, reports(points), source="s", who="t")
    assert done.placed == {"inside": 1, "on_edge": 1, "by_cell": 0, "near_gap": 1, "none": 2}
    found = rows(
        database,
        """select how, cell.code from incident join placement on incident.id = incident_id
        left join cell on cell.id = cell_id order by source_id""",
    )
    assert found == [
        ("inside", "west"),
        ("none", None),
        ("near_gap", None),
        ("on_edge", "west"),
        ("none", None),
    ]


def test_sent_again_it_is_the_same_incident(database: Database, place: Tilings) -> None:
    first = take_in(database, place, reports([middle(0, 0)]), source="s", who="t")
    again = take_in(database, place, reports([middle(2, 0)]), source="s", who="t")
    other = take_in(database, place, reports([middle(2, 0)]), source="another", who="t")
    assert first.ids == again.ids != other.ids
    assert [bool(d.new[0]) for d in (first, again, other)] == [True, False, True]
    assert rows(database, "select count(*) from placement") == [(2,)]


def test_a_batch_with_a_repeat_inside_counts_once(database: Database, place: Tilings) -> None:
    batch = pd.concat([reports([middle(0, 0)]), reports([middle(2, 0)])])
    done = take_in(database, place, batch, source="s", who="t")
    assert done.ids[0] == done.ids[1]
    assert done.new.tolist() == [True, False]
    assert done.as_dict()["new"] == done.as_dict()["repeated"] == 1
    assert rows(database, "select count(*) from incident") == [(1,)]


@pytest.mark.parametrize("count", [3, 200])
def test_small_and_large_batches_do_the_same(database: Database, place: Tilings, count: int) -> None:
    points = [middle(2 * (i % 2), 0) for i in range(count)]
    assert take_in(database, place, reports(points), source="s", who="t").placed["inside"] == count
    half = take_in(database, place, reports([*points, *points], first=count // 2), source="s", who="t")
    assert int(half.new.sum()) == 2 * count - (count - count // 2)
    with database.reading() as connection:
        assert audit.verify(connection) is None


def test_without_any_edition_incidents_are_kept(database: Database) -> None:
    tilings = Tilings(database)
    assert take_in(database, tilings, reports([middle(0, 0)]), source="s", who="t").placed["none"] == 1
    made = draft_import(BoundaryImport(table(grid(1, 1)), "grid"), None, [])
    assert publish(database, tilings, made, who="t", note="").placed == 1


def test_publishing_while_reports_pour_in_leaves_each_with_one_placement(
    database: Database, place: Tilings
) -> None:
    """Each incident has exactly one placement in the edition in force at its time, whoever came first."""
    stop = threading.Event()
    sent = [0, 0]

    def pour(worker: int) -> None:
        while not stop.is_set():
            part = reports([middle(0, 0)] * 5, first=sent[worker])
            part["occurred_at"] = datetime.now(UTC) - timedelta(milliseconds=5)
            take_in(database, place, part, source=f"w{worker}", who="t")
            sent[worker] += 5

    threads = [threading.Thread(target=pour, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for number in range(4):
        tilings = Tilings(database)
        cells = {f"west{number}": square(0, 0), "east": square(2, 0)}

        with database.reading() as connection:
            levels = boundaries.levels(connection)
        made = draft_import(BoundaryImport(table(cells), "grid"), tilings.get(), levels)
        publish(database, tilings, made, who="t", note="")
    stop.set()
    for thread in threads:
        thread.join()
    assert rows(database, "select count(*) from incident") == [(sum(sent),)]
    wrong = rows(
        database,
        """
        select count(*) from incident
        join edition_span on valid_during @> occurred_at and upper_inf(recorded_during)
        left join placement
            on placement.incident_id = incident.id and since_edition <= edition_span.edition_id
            and (until_edition is null or until_edition > edition_span.edition_id)
        where placement.cell_id is null""",
    )
    assert wrong == [(0,)]


@pytest.mark.parametrize("count", [20, 300])
def test_the_same_reports_crosswise_and_at_once_are_taken_in_once(
    database: Database, place: Tilings, count: int
) -> None:
    batch = reports([middle(2 * (i % 2), 0) for i in range(count)])
    taken: list[int] = []
    failed: list[Exception] = []
    together = threading.Barrier(3)

    def send(rows: pd.DataFrame) -> None:
        together.wait()
        try:
            done = take_in(database, place, rows, source="s", who="t", live=True)
            taken.append(int(done.new.sum()))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread is told by the test
            failed.append(error)

    shuffled = [batch, batch[::-1].reset_index(drop=True), batch.sample(frac=1, random_state=1)]
    threads = [threading.Thread(target=send, args=(rows,)) for rows in shuffled]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(taken) == count
    for query in ("incident", "incident_life", "incident_log", "placement"):
        assert rows_of(database, query) == count
    assert rows(database, "select count(*) from outbox where topic = 'incident.reported'") == [(count,)]


def rows_of(database: Database, name: str) -> int:
    return int(rows(database, f"select count(*) from {name}")[0][0])


def test_a_part_of_a_table_is_named_whole() -> None:
    """Rows keep the numbers of the table that they are a part of."""
    rows = pd.DataFrame({"source": "s", "source_id": ["a", "b"]}, index=[7, 8])
    made = named(rows)
    assert made["flags"].tolist() == [(), ()]
    assert made["attributes"].tolist() == [{}, {}]
    assert made["id"].tolist() == [incident_id("s", "a"), incident_id("s", "b")]
