"""Editions: what is in force when, as known when; and what an import would change."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.model import Severity
from geo_service.services.drafting import BoundaryImport, Draft, draft_import
from geo_service.services.intake import take_in
from geo_service.services.placing import NEAR_GAP_M
from geo_service.services.progress import Phase
from geo_service.services.publishing import Published, publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries
from geo_service.store.database import Database
from tests.services.places import grid, middle, square, table

pytestmark = pytest.mark.postgis


def draft(database: Database, request: BoundaryImport) -> Draft:
    with database.reading() as connection:
        levels = boundaries.levels(connection)
        in_force = boundaries.edition_in_force(connection)
    current = Tilings(database).load(in_force) if in_force else None
    return draft_import(request, current, levels)


def put(database: Database, cells, level: str = "beat", *, valid_from=None, **options) -> Published:
    made = draft(database, BoundaryImport(cells, level, **options))
    return publish(database, Tilings(database), made, who="test", note="", valid_from=valid_from)


def leaf_at(database: Database, column: float, row: float, as_of=None, known_at=None) -> str | None:
    tiling = Tilings(database).get(as_of, known_at)
    leaf, _ = tiling.index.leaf_of_one(*middle(column, row))
    return str(tiling.leaf_codes[leaf]) if leaf >= 0 else None


def test_first_edition_is_in_force_for_all_time(database: Database) -> None:
    put(database, table(grid(2, 2)))
    assert leaf_at(database, 1, 0) == "c01r00"
    assert leaf_at(database, 1, 0, as_of=datetime(1999, 1, 1, tzinfo=UTC)) == "c01r00"


def test_old_boundaries_answer_for_last_week(database: Database) -> None:
    put(database, table(grid(2, 1)))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    put(database, table({"west": square(0, 0), "east": square(1, 0)}), valid_from=yesterday)
    assert leaf_at(database, 0, 0) == "west"
    assert leaf_at(database, 0, 0, as_of=yesterday - timedelta(days=6)) == "c00r00"
    assert leaf_at(database, 0, 0, as_of=yesterday) == "west"


def test_known_at_tells_what_was_believed_then(database: Database) -> None:
    put(database, table(grid(2, 1)))
    with database.reading() as connection:
        before = boundaries.moment(connection)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    put(database, table({"west": square(0, 0), "east": square(1, 0)}), valid_from=past)
    moment = datetime(2021, 1, 1, tzinfo=UTC)
    assert leaf_at(database, 0, 0, as_of=moment) == "west"
    assert leaf_at(database, 0, 0, as_of=moment, known_at=before) == "c00r00"


def test_an_edition_may_begin_later(database: Database) -> None:
    put(database, table(grid(2, 1)))
    next_month = datetime.now(UTC) + timedelta(days=30)
    put(database, table({"west": square(0, 0), "east": square(1, 0)}), valid_from=next_month)
    assert leaf_at(database, 0, 0) == "c00r00"
    assert leaf_at(database, 0, 0, as_of=next_month + timedelta(seconds=1)) == "west"
    spans = Tilings(database).spans()
    assert [span.valid_to for span in spans] == [next_month, None]


def test_unchanged_cells_keep_their_version(database: Database) -> None:
    cells = grid(3, 1)
    put(database, table(cells))
    cells["c00r00"] = square(0, 0, 2)
    del cells["c01r00"]
    published = put(database, table(cells))
    with database.reading() as connection:
        now = boundaries.load_cells(connection, published.edition_id)
        count = connection.exec_driver_sql("select count(*) from cell_version").scalar_one()
    assert now["code"].tolist() == ["c00r00", "c02r00"]
    assert count == 4  # three of the first edition, one new shape


def test_parents_are_made_and_their_outline_is_the_union(database: Database) -> None:
    cells = grid(4, 1)
    parents = {code: "A" if code < "c02" else "B" for code in cells}
    put(database, table(cells, parents), parent_level="district")
    tiling = Tilings(database).get()
    assert tiling.levels == ("district", "beat")
    outlines = tiling.at_level("district").set_index("code")["geom"]
    assert shapely.equals(outlines["A"], square(0, 0, 2))
    assert tiling.named_path(3)[0]["code"] == "B"


def test_a_finer_level_takes_the_land_from_its_parents(database: Database) -> None:
    put(database, table({"A": square(0, 0, 2), "B": square(2, 0, 2)}), level="district")
    made = draft(database, BoundaryImport(table(grid(4, 1)), "beat", parent_level="district"))
    assert not made.errors
    assert made.cells.set_index("code").loc[["A", "B"], "geom"].isna().all()
    assert made.cells.set_index("code").loc["c01r00", "parent_code"] == "A"  # by where it lies
    assert made.difference.as_dict()["added"]["count"] == 4


def test_dividing_further_is_in_force_as_long_as_what_it_divides(database: Database) -> None:
    put(database, table({"A": square(0, 0, 2), "B": square(2, 0, 2)}), level="district")
    published = put(database, table(grid(4, 1)), parent_level="district")
    assert published.valid_from is None
    assert leaf_at(database, 0, 0, as_of=datetime(1999, 1, 1, tzinfo=UTC)) == "c00r00"
    moved = put(database, table({**grid(3, 1), "c03r00": square(3, 0, 2)}))
    assert moved.valid_from is not None


def test_codes_that_lost_their_zeros_are_known_again(database: Database) -> None:
    put(database, table({"1": square(0, 0, 2), "2": square(2, 0, 2)}), level="district")
    parents = {"c00r00": "01", "c01r00": "01", "c02r00": "02", "c03r00": "02"}
    made = draft(database, BoundaryImport(table(grid(4, 1), parents), "beat", parent_level="district"))
    assert [finding.rule for finding in made.findings] == ["code_matched"]
    assert set(made.cells["parent_code"].dropna()) == {"1", "2"}


def test_unknown_parents_are_named_not_made(database: Database) -> None:
    put(database, table({"A": square(0, 0, 2), "B": square(2, 0, 2)}), level="district")
    parents = {"c00r00": "A", "c01r00": "A", "c02r00": "B", "c03r00": "C"}
    made = draft(database, BoundaryImport(table(grid(4, 1), parents), "beat", parent_level="district"))
    assert "unknown_parent" in [finding.rule for finding in made.errors]


def test_an_upper_level_given_again_is_compared_not_drawn(database: Database) -> None:
    cells = grid(4, 1)
    put(
        database,
        table(cells, {code: "A" if code < "c02" else "B" for code in cells}),
        parent_level="district",
    )
    given = table({"A": square(0, 0, 2), "B": square(2, 0, 3)})
    made = draft(database, BoundaryImport(given, "district"))
    assert [(f.rule, f.cells) for f in made.findings] == [("outline_differs", ("B",))]
    assert made.findings[0].numbers["agreement"] == pytest.approx(2 / 3, abs=0.01)
    assert {key for key, _ in made.difference.described} == {"district"}


def test_a_child_mostly_outside_its_parent_is_refused(database: Database) -> None:
    put(database, table({"A": square(0, 0, 2), "B": square(2, 0, 2)}), level="district")
    wrong = table(grid(4, 1), {"c00r00": "A", "c01r00": "A", "c02r00": "A", "c03r00": "B"})
    made = draft(database, BoundaryImport(wrong, "beat", parent_level="district"))
    assert [(f.rule, f.severity, f.cells) for f in made.findings] == [
        ("child_outside_parent", Severity.ERROR, ("c02r00", "A"))
    ]
    with pytest.raises(InvalidInputError, match="child_outside_parent"):
        publish(database, Tilings(database), made, who="test", note="")
    accepted = BoundaryImport(wrong, "beat", "district", accept=frozenset({"child_outside_parent"}))
    assert not draft(database, accepted).errors


def test_an_overlap_is_refused_and_changes_nothing(database: Database) -> None:
    put(database, table(grid(2, 1)))
    with pytest.raises(InvalidInputError, match="overlap"):
        put(database, table({"c00r00": square(0, 0, 2), "c01r00": square(1, 0)}))
    assert len(Tilings(database).spans()) == 1
    assert leaf_at(database, 1, 0) == "c01r00"


def test_the_same_file_again_changes_nothing_and_says_so(database: Database) -> None:
    put(database, table(grid(2, 1)))
    assert not draft(database, BoundaryImport(table(grid(2, 1)), "beat")).difference
    with pytest.raises(InvalidInputError, match="changes nothing"):
        put(database, table(grid(2, 1)))


def test_of_two_publishing_on_the_same_base_one_is_told(database: Database) -> None:
    put(database, table(grid(2, 1)))
    drafts = [
        draft(database, BoundaryImport(table({code: square(0, 0), "rest": square(1, 0)}), "beat"))
        for code in ("one", "two")
    ]
    outcomes: list[object] = []

    def go(made: Draft) -> None:
        try:
            outcomes.append(publish(database, Tilings(database), made, who="test", note=""))
        except ConflictError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=go, args=(made,)) for made in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "Published"]
    assert len(Tilings(database).spans()) == 2


def test_incidents_follow_an_edition_that_reaches_back(database: Database) -> None:
    put(database, table(grid(2, 1)))
    lon, lat = middle(0, 0)
    when = datetime(2021, 5, 2, tzinfo=UTC)
    rows = pd.DataFrame({"source_id": ["1"], "occurred_at": [when], "lon": [lon], "lat": [lat]})
    take_in(database, Tilings(database), rows, source="test", who="test")
    published = put(
        database,
        table({"west": square(0, 0), "east": square(1, 0)}),
        valid_from=datetime(2021, 1, 1, tzinfo=UTC),
    )
    assert published.placed == 1
    with database.reading() as connection:
        codes = connection.exec_driver_sql(
            "select cell.code from placement join cell on cell.id = cell_id order by since_edition"
        )
        assert codes.scalars().all() == ["c00r00", "west"]


def test_children_that_leave_land_to_nobody_are_refused(database: Database) -> None:
    put(database, table({"A": square(0, 0, 2), "B": square(2, 0, 2)}), level="district")
    some = table({"a1": square(0, 0), "b1": square(2, 0, 2)}, {"a1": "A", "b1": "B"})
    made = draft(database, BoundaryImport(some, "beat", parent_level="district"))
    assert [(f.rule, f.cells) for f in made.errors] == [("parent_not_covered", ("A",))]
    assert made.errors[0].numbers["share"] == pytest.approx(0.5, abs=0.001)
    assert not made.refines


def test_a_name_or_new_land_is_not_a_division(database: Database) -> None:
    put(database, table(grid(2, 1)))
    renamed = table(grid(2, 1)).assign(name="new")
    assert not draft(database, BoundaryImport(renamed, "beat")).refines
    assert not draft(database, BoundaryImport(table(grid(3, 1)), "beat")).refines


def test_an_edition_that_begins_later_is_replaced_only_on_request(database: Database) -> None:
    put(database, table(grid(2, 1)))
    soon = datetime.now(UTC) + timedelta(days=30)
    put(database, table({"west": square(0, 0), "east": square(1, 0)}), valid_from=soon)
    made = draft(database, BoundaryImport(table(grid(2, 1)).assign(name="new"), "beat"))
    with pytest.raises(ConflictError, match="begin later"):
        publish(database, Tilings(database), made, who="test", note="")
    publish(database, Tilings(database), made, who="test", note="", supersede=True)
    assert leaf_at(database, 0, 0, as_of=soon + timedelta(days=1)) == "c00r00"


def test_only_incidents_around_changed_land_are_placed_anew(database: Database) -> None:
    """And what holds on is what locating every one of them would give, borders and gaps included."""
    cells = grid(6, 4)
    del cells["c02r02"]  # a gap
    put(database, table(cells))
    rng = np.random.default_rng(7)
    columns, rows = rng.uniform(-1, 6.5, 3000), rng.uniform(-1, 4.5, 3000)
    columns[::7] = np.round(columns[::7]) + 0.5  # on borders, some on corners
    rows[::14] = np.round(rows[::14]) + 0.5
    lonlat_deg = np.array([middle(c, r) for c, r in zip(columns, rows, strict=True)])
    when = datetime(2021, 5, 2, tzinfo=UTC)
    reports = pd.DataFrame(
        {"source_id": np.arange(3000).astype(str), "occurred_at": when, "lon": lonlat_deg[:, 0]}
    ).assign(lat=lonlat_deg[:, 1])
    take_in(database, Tilings(database), reports, source="test", who="test")
    early = datetime(2020, 1, 1, tzinfo=UTC)
    cells["c02r02"] = square(2, 2)  # the gap is closed,
    cells["a"] = cells.pop("c05r03")  # a code is replaced by a smaller one,
    del cells["c00r00"]  # land is given away
    published = put(database, table(cells), valid_from=early)
    assert 0 < published.placed < 2500  # the rest was not touched
    found = pd.DataFrame(
        _placements(database, published.edition_id),
        columns=["source_id", "cell", "how", "border_m", "runner_up"],
        dtype=object,
    )
    assert len(found) == 3000
    tiling = Tilings(database).get(as_of=when)
    expected = tiling.index.locate(lonlat_deg, border=True, near_gap_m=NEAR_GAP_M, nearest=False)
    codes = np.append(tiling.leaf_codes, None)
    order = found["source_id"].astype(int).to_numpy()
    assert found["cell"].tolist() == codes[expected.cell][order].tolist()
    assert found["how"].tolist() == expected.how[order].tolist()
    assert found["runner_up"].tolist() == codes[expected.runner_up][order].tolist()
    assert found["border_m"].astype(float).to_numpy() == pytest.approx(
        expected.border_m[order], rel=1e-5, nan_ok=True
    )


def _placements(database: Database, edition_id: int) -> list[tuple]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            """select source_id, cell.code, how, border_m, other.code from incident
            join placement on incident_id = incident.id
            left join cell on cell.id = cell_id left join cell as other on other.id = runner_up_id
            where since_edition <= %(e)s and (until_edition is null or until_edition > %(e)s)""",
            {"e": edition_id},
        )
        return [tuple(row) for row in rows]


def test_a_report_for_an_edition_that_is_not_the_newest_says_nothing_of_the_newest(
    database: Database,
) -> None:
    put(database, table(grid(2, 1)))
    soon = datetime.now(UTC) + timedelta(days=30)
    later = {"west": square(0, 0), "east": square(1, 0)}
    put(database, table(later), valid_from=soon)
    lon, lat = middle(0, 0)
    rows = pd.DataFrame({"source_id": ["1"], "occurred_at": [datetime.now(UTC)], "lon": [lon], "lat": [lat]})
    take_in(database, Tilings(database), rows, source="test", who="test")
    assert [row[1] for row in _placements(database, 1)] == ["c00r00"]
    assert _placements(database, 2) == []
    renamed = draft(database, BoundaryImport(table(grid(2, 1)).assign(name="new"), "beat"))
    published = publish(
        database, Tilings(database), renamed, who="t", note="", supersede=True,
        valid_from=datetime.now(UTC) - timedelta(days=1),
    )  # fmt: skip
    assert [row[1] for row in _placements(database, published.edition_id)] == ["c00r00"]


def test_reports_go_on_while_incidents_are_placed_anew(database: Database) -> None:
    put(database, table(grid(2, 1)))
    when, (lon, lat) = datetime(2021, 5, 2, tzinfo=UTC), middle(0, 0)

    def report(name: str) -> None:
        rows = pd.DataFrame({"source_id": [name], "occurred_at": [when], "lon": [lon], "lat": [lat]})
        take_in(database, Tilings(database), rows, source="test", who="test")

    report("before")
    told = []

    def progress(phase: Phase, done: int, total: int) -> None:
        told.append((phase.value, done, total))
        if phase is Phase.INCIDENTS and done:
            report("meanwhile")  # would wait for ever if publishing kept it out

    made = draft(database, BoundaryImport(table({"west": square(0, 0), "east": square(1, 0)}), "beat"))
    past = datetime(2020, 1, 1, tzinfo=UTC)
    published = publish(
        database, Tilings(database), made, who="t", note="", valid_from=past, progress=progress
    )
    assert told == [
        ("cells", 0, 2),
        ("cells", 2, 2),
        ("incidents", 0, 1),
        ("incidents", 1, 1),
        ("lineage", 0, 0),
        ("lineage", 2, 2),
    ]
    assert published.placed == 2
    found = sorted(row[:2] for row in _placements(database, published.edition_id))
    assert found == [("before", "west"), ("meanwhile", "west")]
