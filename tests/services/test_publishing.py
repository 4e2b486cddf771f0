"""Editions: what is in force when, as known when; and what an import would change."""

import threading
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import shapely

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.model import Severity
from geo_service.services.drafting import BoundaryImport, Draft, draft_import
from geo_service.services.intake import take_in
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
            "select cell.code from placement join cell on cell.id = cell_id order by edition_id"
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
