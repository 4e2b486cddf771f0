"""Plans on places of another build than the demo: without micro-grids, merged to the last cell of a level."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import shapely
import shapely.affinity

from geo_service.errors import ConflictError, PreconditionFailedError
from geo_service.model import Finding, Severity
from geo_service.services import office, plan_findings, planning
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.plan_publishing import publish_plan
from geo_service.services.plan_state import Plans
from geo_service.services.progress import Phase
from geo_service.services.publishing import Published, publish
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, jobs, lineage, plans, premises
from geo_service.store.database import Database
from tests.services.places import SIDE_DEG, grid, square, table

pytestmark = pytest.mark.postgis


@pytest.fixture
def store(database: Database) -> Plans:
    """Eight beats in two districts: no level of micro-grids below."""
    cells = grid(4, 2)
    parents = {code: "A" if code < "c02" else "B" for code in cells}
    with database.reading() as connection:
        levels = boundaries.levels(connection)
    draft = draft_import(BoundaryImport(table(cells, parents), "beat", "district"), None, levels)
    tilings = Tilings(database)
    publish(database, tilings, draft, who="test", note="")
    return Plans(database, tilings)


def opened(store: Plans) -> int:
    return planning.open_plan(store, name="合并", note="", edition_id=None, who="张三").id


def edit(store: Plans, plan_id: int, verb: str, **arguments: Any) -> int:
    with store.database.reading() as connection:
        revision = plans.get(connection, plan_id).revision
    done = planning.change_plan(store, plan_id, revision=revision, verb=verb, arguments=arguments, who="张三")
    return done.row.revision


def beats(codes: list[str]) -> list[list[str]]:
    return [["beat", code] for code in codes]


def published(store: Plans, plan_id: int, revision: int, **options: Any) -> Published:
    return publish_plan(store, plan_id, revision=revision, note="合并", who="张三", **options)


def outlines(store: Plans, level: str) -> dict[str, shapely.Geometry]:
    return dict(store.tilings.get().at_level(level).set_index("code")["geom"])


def test_a_plan_is_published_where_there_are_no_micro_grids(store: Plans) -> None:
    plan_id = opened(store)
    revision = edit(store, plan_id, "merge", cells=beats(["c01r00"]), into=["beat", "c00r00"])
    told: list[tuple[Phase, int, int]] = []
    done = published(store, plan_id, revision, progress=lambda *step: told.append(step))
    assert store.tilings.get().levels == ("district", "beat")
    found = outlines(store, "beat")
    assert len(found) == 7
    assert shapely.equals(found["c00r00"], square(0, 0, 2))
    assert shapely.equals(outlines(store, "district")["A"], square(0, 0, 2, 2))
    with store.database.reading() as connection:
        rows = lineage.of_cell(connection, "beat", "c01r00")
    assert [(row["edition_id"], row["to_code"], row["kind"]) for row in rows] == [
        (done.edition_id, "c00r00", "merge")
    ]
    # every phase is told from nothing to all of it
    assert [phase for phase, count, _ in told if count == 0][:2] == [Phase.PROOF, Phase.CELLS]
    ends = {phase: (count, total) for phase, count, total in told}
    assert ends[Phase.PROOF] == (7, 7)
    assert ends[Phase.CELLS] == (1, 1)  # the cell that grew
    assert all(count == total for count, total in ends.values())


def test_a_neighbour_whose_border_only_gained_a_corner_is_not_changed(store: Plans) -> None:
    plan_id = opened(store)
    x, top = square(0, 0).centroid.x, square(0, 0).bounds[3]
    line = [[x - 1e-4, square(0, 0).bounds[1] - 1e-4], [x + 1.23456789e-4, top + 1e-4]]
    edit(store, plan_id, "cut", cell=["beat", "c00r00"], line=line)
    with planning.viewing(store, plan_id) as (_, state, _connection):
        above = state.redraw.leaf_of(("beat", "c00r01"))
        assert len(state.redraw.space.polygon(above).exterior.coords) == 6  # it has the corner
        changed = {code for level, code in state.changed() if level == "beat"}
    assert "c00r00" in changed
    assert "c00r01" not in changed
    assert len(changed) == 2  # and the new one


def test_each_parent_keeps_one_child(store: Plans) -> None:
    plan_id = opened(store)
    edit(store, plan_id, "merge", cells=beats(["c00r01", "c01r00", "c01r01"]), into=["beat", "c00r00"])
    last = edit(store, plan_id, "merge", cells=beats(["c02r01", "c03r00", "c03r01"]), into=["beat", "c02r00"])
    published(store, plan_id, last)
    assert sorted(outlines(store, "beat")) == ["c00r00", "c02r00"]
    for level in ("beat", "district"):
        west, east = (shape for _, shape in sorted(outlines(store, level).items()))
        assert shapely.equals(west, square(0, 0, 2, 2))
        assert shapely.equals(east, square(2, 0, 2, 2))


def test_a_whole_level_becomes_one_cell(store: Plans) -> None:
    plan_id = opened(store)
    last = edit(store, plan_id, "merge", cells=[["district", "B"]], into=["district", "A"])
    published(store, plan_id, last)
    assert sorted(outlines(store, "district")) == ["A"]
    assert shapely.equals(outlines(store, "district")["A"], square(0, 0, 4, 2))
    assert len(outlines(store, "beat")) == 8
    # and the level below, down to the last cell, on the edition that came of it
    plan_id = opened(store)
    codes = sorted(outlines(store, "beat"))
    last = edit(store, plan_id, "merge", cells=beats(codes[1:]), into=["beat", codes[0]])
    published(store, plan_id, last)
    assert sorted(outlines(store, "beat")) == codes[:1]
    assert shapely.equals(outlines(store, "beat")[codes[0]], square(0, 0, 4, 2))
    tiling = store.tilings.get()
    assert tiling.named_path(0)[0]["code"] == "A"
    with store.database.reading() as connection:
        rows = lineage.of_cell(connection, "beat", codes[-1])
    assert [(row["to_code"], row["share_land"]) for row in rows] == [(codes[0], pytest.approx(1))]


def test_who_comes_second_is_told_what_changed(store: Plans) -> None:
    first, second = opened(store), opened(store)
    one = edit(store, first, "rename", cell=["beat", "c00r00"], name="先")
    other = edit(store, second, "rename", cell=["beat", "c03r01"], name="后")
    published(store, first, one)
    with pytest.raises(ConflictError) as refused:
        published(store, second, other)
    said = [fault for fault in refused.value.faults if fault.value == "c00r00"]
    assert len(said) == 1
    assert "张三" in str(said[0].message)
    assert "合并" in str(said[0].message)


def test_a_plan_that_moved_on_is_not_published(store: Plans) -> None:
    plan_id = opened(store)
    seen = edit(store, plan_id, "rename", cell=["beat", "c00r00"], name="先")
    edit(store, plan_id, "rename", cell=["beat", "c03r01"], name="后")
    with pytest.raises(PreconditionFailedError) as refused:
        published(store, plan_id, seen)
    assert any("张三" in str(fault.message) for fault in refused.value.faults)


def test_what_fails_at_the_very_end_leaves_nothing(store: Plans) -> None:
    plan_id = opened(store)
    revision = edit(store, plan_id, "merge", cells=beats(["c01r00"]), into=["beat", "c00r00"])

    def refuse(_connection: Any, _done: Published) -> None:
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        published(store, plan_id, revision, finish=refuse)
    assert len(outlines(store, "beat")) == 8
    with store.database.reading() as connection:
        assert plans.get(connection, plan_id).status == "open"
    published(store, plan_id, revision)
    assert len(outlines(store, "beat")) == 7


def test_others_read_the_plan_while_it_is_published_and_nobody_changes_it(store: Plans) -> None:
    plan_id = opened(store)
    revision = edit(store, plan_id, "merge", cells=beats(["c01r00"]), into=["beat", "c00r00"])
    seen: list[int] = []

    def look() -> None:
        with planning.viewing(store, plan_id) as (row, _, _connection):
            seen.append(row.revision)

    def meanwhile(phase: Phase, done: int, _total: int) -> None:
        if phase is Phase.CELLS and done == 0:
            reader = threading.Thread(target=look)
            reader.start()
            reader.join(60)

    with store.database.writing() as connection:
        arguments: dict[str, Any] = {"plan_id": plan_id}
        job = jobs.add(
            connection,
            kind="publish plan",
            subject=plans.subject(plan_id),
            arguments=arguments,
            content=None,
            who="张三",
        )
    with pytest.raises(ConflictError, match=f"being published .job {job}."):
        edit(store, plan_id, "rename", cell=["beat", "c00r00"], name="别名")
    published(store, plan_id, revision, progress=meanwhile)
    assert seen == [revision]


def test_a_waiver_holds_until_the_end_of_its_day_in_the_town(store: Plans) -> None:
    """Midnight in the town, the beginning of the next day, is still the day before in UTC."""
    demand = {"settings": [{"rule": "area", "severity": "error", "low_m2": 1e11}], "defaults": False}
    office.set_rules(store.database, demand, after=0, who="张三", why="试")
    plan_id = opened(store)
    edit(store, plan_id, "rename", cell=["beat", "c00r00"], name="新名")
    with planning.viewing(store, plan_id) as (row, state, _), store.database.writing() as connection:
        for cell in (("beat", "c00r00"), ("district", "A")):
            plan_findings.waive(
                connection,
                row,
                state,
                rule="area",
                cells=[cell],
                who="张三",
                why="暂时如此",
                until=date(2030, 12, 31),
            )

    def blocking(moment: datetime) -> list[Finding]:
        with planning.viewing(store, plan_id) as (row, state, connection):
            found = plan_findings.open_findings(connection, row, state, moment)
        return [one for one in found if one.severity is Severity.ERROR]

    midnight = datetime(2030, 12, 31, 16, tzinfo=UTC)
    assert not blocking(midnight - timedelta(seconds=1))
    assert [one.cells for one in blocking(midnight)] == [("beat/c00r00",)]


def test_a_dedicated_grid_is_held_against_the_premises_there_are(store: Plans) -> None:
    plan_id = opened(store)
    edit(store, plan_id, "set_kind", cell=["beat", "c00r00"], kind="dedicated")

    def said() -> list[str]:
        with planning.viewing(store, plan_id) as (row, state, connection):
            found = plan_findings.judge(connection, row, state)
        return [one.finding.message for one in found if one.finding.rule == "dedicated"]

    def put(east: float) -> None:
        yard = shapely.MultiPolygon([shapely.affinity.translate(square(0, 0), east * SIDE_DEG)])
        facts = {"code": "P1", "name": "第一中学", "kind": "school", "responsible_unit": "第一中学"}
        row = pd.DataFrame([{**facts, "attributes": {}, "geometry": yard}])
        with store.database.writing() as connection:
            premises.put(connection, row)

    assert not said()
    put(0.5)  # half of it lies in the beat beside
    (message,) = said()
    assert "第一中学" in message
    put(0.0)
    assert not said()
