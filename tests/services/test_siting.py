"""Siting on a small grid of streets: the scene against plain searches, runs that are kept, refusals."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo_service.errors import ConflictError, InvalidInputError, NotFoundError
from geo_service.roads.reach import demand_time_ms
from geo_service.roads.travel import travel_time
from geo_service.services import siting, siting_moveup
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.publishing import publish
from geo_service.services.siting_ground import set_scene
from geo_service.services.siting_moveup import MoveUpQuestion, advise
from geo_service.services.siting_question import Place, SitingQuestion
from geo_service.services.tiling import Tilings
from geo_service.staffing.siting import Goal
from geo_service.store import ground, roads
from geo_service.store import siting as store
from geo_service.store.database import Database
from tests.services import desk_town
from tests.services.places import ORIGIN, SIDE_DEG, grid, streets, table

pytestmark = pytest.mark.postgis
COLUMNS, ROWS = 5, 3
EVERYWHERE = tuple(
    Place(ORIGIN[0] + c * SIDE_DEG, ORIGIN[1] + r * SIDE_DEG, f"{c}-{r}")
    for c in range(COLUMNS + 1)
    for r in range(ROWS + 1)
)
QUESTION = SitingQuestion(
    Goal.COVER_MOST, 2, limit_s=240, candidates="places", places=EVERYWHERE, existing=(), seconds=20
)


@pytest.fixture
def place(database: Database) -> Tilings:
    """Cells in a grid, a street along every side, ten households on corners of the first row, else two."""
    tilings = Tilings(database)
    cells = table(grid(COLUMNS, ROWS), {code: f"row{code[-2:]}" for code in grid(COLUMNS, ROWS)})
    publish(
        database,
        tilings,
        draft_import(BoundaryImport(cells, "grid", "community"), None, []),
        who="t",
        note="",
    )
    at = [(c, r) for c in range(COLUMNS) for r in range(ROWS)]  # lower left corners: one for each cell
    points = pd.DataFrame(
        {
            "source_id": [f"b{i}" for i in range(len(at))],
            "lon": [ORIGIN[0] + c * SIDE_DEG for c, _ in at],
            "lat": [ORIGIN[1] + r * SIDE_DEG for _, r in at],
            "footprint": None,
            "households": [10 if r == 0 else 2 for _, r in at],
            "residents": 30,
            "kind": "building",
            "address": "",
            "attributes": [{} for _ in at],
        }
    )
    with database.writing() as connection:
        roads.replace(connection, streets(COLUMNS, ROWS), "grid", {})
        ground.replace_demand(connection, points)
    return tilings


def find(database: Database, place: Tilings, question: SitingQuestion) -> dict[str, Any]:
    kept: list[tuple[dict[str, Any], bytes, bool, bool]] = []
    answer = siting.find_sites(
        database, Ground(database), place.get(), question, keep=lambda *told: kept.append(told)
    )
    assert kept[-1][0] == answer
    assert [over for *_, over in kept].index(True) == len(kept) - 1
    return answer


def test_ways_are_those_of_coverage_and_what_stands_is_there_first(
    database: Database, place: Tilings
) -> None:
    held = Ground(database)
    question = replace(QUESTION, goal=Goal.LEAST_MEAN, existing_places=EVERYWHERE[:2])
    scene = set_scene(database, held, place.get(), question, lambda *_: None)
    _, _, graph, snapper = held.roads(question.mode)
    demand = held.demand(place.get())
    lived_in = np.flatnonzero(~demand.by_area[demand.leaf])
    doors = snapper.snap(demand.lonlat_deg[lived_in], MAX_ACCESS_M)
    order = np.argsort(demand.leaf[lived_in], kind="stable")
    for row, given in (
        (0, EVERYWHERE[:2]),
        (scene.first + 5, EVERYWHERE[5:6]),
        (scene.first, EVERYWHERE[:1]),
    ):
        sources = snapper.snap(np.array([(one.lon, one.lat) for one in given]), MAX_ACCESS_M)
        plain, _ = demand_time_ms(graph, doors, *travel_time(graph, sources), sources)
        np.testing.assert_array_equal(scene.ways.time_ms[row], plain[order])
    assert scene.ways.must.tolist() == [True] + [False] * len(EVERYWHERE)
    assert scene.told == {"standing": 2, "candidates": 24, "places": 15, "far_from_roads": 0}


def test_an_answer_tells_what_each_site_adds(database: Database, place: Tilings) -> None:
    answer = find(database, place, QUESTION)
    assert answer["is_optimal"]
    assert answer["gap"] == 0
    assert answer["before"] == {"share": 0, "mean_s": None}
    gained = sum(one["households_added"] for one in answer["sites"])
    assert (
        answer["value"] == gained == pytest.approx(answer["after"]["share"] * answer["households"], abs=0.01)
    )
    assert [one["rank"] for one in answer["sites"]] == [1, 2]
    assert answer["sites"][0]["name"].endswith("-0")  # where most live
    assert sum(cell["households_gained"] for cell in answer["cells"]) == gained
    more = find(database, place, replace(QUESTION, existing_places=EVERYWHERE[:1], count=1))
    assert more["before"]["share"] > 0
    frame = siting.sites_frame(answer)
    assert list(frame["rank"]) == [1, 2]
    assert frame.crs.to_epsg() == 4326


def test_the_same_question_is_proved_once_and_kept(database: Database, place: Tilings) -> None:
    held, tiling = Ground(database), place.get()
    with database.writing() as connection:
        run_id = store.begin(connection, edition_id=tiling.edition.id, question=QUESTION.as_dict(), who="t")
        row = store.get(connection, run_id)
    assert SitingQuestion.of(row.question) == QUESTION
    assert (row.answer, row.ended_at) == (None, None)
    ended: list[dict[str, Any]] = []
    siting.go_on(
        database, held, tiling, run_id, say=lambda *_: None, finish=lambda _, result: ended.append(result)
    )
    assert ended[0]["siting"] == run_id
    again = siting.ask_at_once(database, held, tiling, QUESTION, "somebody else")
    with database.reading() as connection:
        first, second = store.get(connection, run_id), store.get(connection, again)
        assert [row.id for row in store.every(connection)] == [again, run_id]
    assert first.is_proved
    assert first.ended_at is not None
    assert second.answer == first.answer
    assert second.is_proved
    with database.writing() as connection:
        assert store.prune(connection, 1) == 1
        with pytest.raises(NotFoundError, match="no siting"):
            store.get(connection, run_id)
        broken_off, last = (
            store.begin(connection, edition_id=tiling.edition.id, question=QUESTION.as_dict(), who="t")
            for _ in range(2)
        )
        assert store.prune(connection, 1) == 1  # the one that is over; of the others it is not known yet
        connection.exec_driver_sql("update siting_run set asked_at = asked_at - interval '2 days'")
        assert store.prune(connection, 1) == 1
        assert [row.id for row in store.every(connection)] == [last] != [broken_off]


def test_what_is_known_of_the_same_places_is_told_under_the_names_of_today(
    database: Database, place: Tilings
) -> None:
    held, tiling = Ground(database), place.get()
    for mark in "ab":
        named = tuple(replace(one, name=f"{mark} {one.name}") for one in EVERYWHERE)
        run_id = siting.ask_at_once(database, held, tiling, replace(QUESTION, places=named), "t")
        with database.reading() as connection:
            row = store.get(connection, run_id)
        assert row.is_proved
        assert row.answer is not None
        assert {one["name"][0] for one in row.answer["sites"]} == {mark}
    asked = replace(QUESTION, count=1, existing_places=EVERYWHERE[:1])
    ids = desk_town.employ(database, [{"code": "a", "at": (EVERYWHERE[0].lon, EVERYWHERE[0].lat)}])
    desk_town.put_on_duty(database, list(ids.values()))
    for question in (asked, replace(asked, existing_places=(), existing=("on_duty",))):
        told = find(database, place, question)
        assert told["standing"] == 1
        # where people stand is not told, even where a place that may be told is the same
        assert told["standing_places"] == [[one.lon, one.lat] for one in question.existing_places]


def test_who_is_on_duty_when_it_was_asked_is_so_for_good(database: Database, place: Tilings) -> None:
    ids = desk_town.employ(database, [{"code": "a", "at": ORIGIN}])
    desk_town.put_on_duty(database, list(ids.values()))
    question, tiling = replace(QUESTION, existing=("on_duty",)), place.get()
    before = datetime.now(UTC)
    run_id = siting.ask_at_once(database, Ground(database), tiling, question, "t")
    with database.writing() as connection:
        later = store.begin(connection, edition_id=tiling.edition.id, question=question.as_dict(), who="t")
        rows = [store.get(connection, one) for one in (run_id, later)]
    for row in rows:
        [hour] = SitingQuestion.of(row.question).dated(row.asked_at).hours
        assert before <= hour.at <= row.asked_at
    assert rows[0].question["hours"]
    assert question.dated(before).dated(datetime.now(UTC)).hours[0].at == before
    assert QUESTION.dated(before) == QUESTION  # nobody on duty is asked for


def test_streets_and_cells_as_asked(database: Database, place: Tilings) -> None:
    inside = replace(QUESTION, candidates="streets", places=(), spread=6, cell=("grid", "c00r00"), count=1)
    answer = find(database, place, inside)
    leaf = place.get().leaf_codes.tolist().index("c00r00")
    demand = Ground(database).demand(place.get())
    assert answer["households"] == demand.weight[demand.leaf == leaf].sum() < 15 * 10
    assert 1 <= answer["candidates"] <= 6
    everywhere = find(database, place, replace(inside, cell=None, goal=Goal.LEAST_WORST))
    assert everywhere["places"] == COLUMNS * ROWS
    with pytest.raises(NotFoundError):
        find(database, place, replace(inside, cell=("grid", "nowhere")))


def test_who_ends_the_work_is_heard(database: Database, place: Tilings) -> None:
    class EnoughError(Exception):
        pass

    def say(_phase: str, _done: int, _total: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        siting.find_sites(database, Ground(database), place.get(), QUESTION, keep=lambda *_: None, say=say)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"count": None}, "count"),
        ({"count": 25}, "count"),
        ({"limit_s": 0}, "limit_s"),
        ({"candidates": "moon"}, "candidates"),
        ({"existing": ("moon",)}, "existing"),
        ({"places": ()}, "places"),
        ({"goal": Goal.COVER_ALL, "count": 1, "limit_s": 60}, "count"),
    ],
)
def test_what_cannot_be_is_refused(
    database: Database, place: Tilings, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        find(database, place, replace(QUESTION, **change))
    assert refused.value.faults[0].field == field


def test_without_people_it_says_what_to_do(database: Database, place: Tilings) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("delete from demand_point")
    with pytest.raises(ConflictError, match="import demand"):
        find(database, place, QUESTION)


def test_a_map_shows_before_after_and_what_each_site_adds(database: Database, place: Tilings) -> None:
    standing = replace(QUESTION, existing_places=(EVERYWHERE[0],))
    run_id = siting.ask_at_once(database, Ground(database), place.get(), standing, "t")
    with database.reading() as connection:
        answer = dict(store.get(connection, run_id).answer or {})
    told = siting.before_and_after(place.get(), answer)
    parts: dict[str, list[Any]] = {"cell": [], "standing": [], "new": []}
    for feature in told["features"]:
        parts[feature["properties"]["part"]].append(feature)
    assert [one["properties"]["rank"] for one in parts["new"]] == [1, 2]
    assert [one["geometry"]["coordinates"] for one in parts["standing"]] == [pytest.approx(ORIGIN)]
    gained = {1: 0.0, 2: 0.0}
    for cell in parts["cell"]:
        facts = cell["properties"]
        assert cell["geometry"]["type"] in {"Polygon", "MultiPolygon"}
        assert facts["share_after"] > facts["share_before"]
        gained[facts["rank"]] += facts["households_gained"]
    # one household point a cell: what a cell gains it owes to one site
    assert gained == {
        one["properties"]["rank"]: one["properties"]["households_added"] for one in parts["new"]
    }
    assert told["after"]["share"] > told["before"]["share"]


def test_who_is_free_moves_to_where_the_busy_one_is_missed(database: Database, place: Tilings) -> None:
    at = [(ORIGIN[0] + c * SIDE_DEG, ORIGIN[1] + r * SIDE_DEG) for c, r in ((1, 0), (4, 2))]
    people = [{"code": code, "at": there} for code, there in zip(("near", "far"), at, strict=True)]
    ids = desk_town.employ(database, people)
    desk_town.put_on_duty(database, list(ids.values()))
    ask = MoveUpQuestion(datetime.now(UTC), ("near",), moves=1, limit_s=240, longest_s=3600)
    told = advise(database, Ground(database), place.get(), ask)
    assert [(one["responder"], one["to"]) for one in told["moves"]] == [("far", pytest.approx(list(at[0])))]
    assert told["without"] < told["after"] < told["before"]
    assert told["is_optimal"]
    assert told["moves"][0]["seconds"] > 0
    stays = advise(database, Ground(database), place.get(), replace(ask, moves=0))
    assert (stays["moves"], stays["after"]) == ([], stays["without"])
    assert advise(database, Ground(database), place.get(), replace(ask, longest_s=10))["moves"] == []
    for wrong in (replace(ask, busy=("nobody",)), replace(ask, moves=999)):
        with pytest.raises(InvalidInputError):
            advise(database, Ground(database), place.get(), wrong)
    crowd = tuple(f"w{i}" for i in range(siting_moveup.MOST_SITES + 1))
    with pytest.raises(InvalidInputError) as refused:
        advise(database, Ground(database), place.get(), replace(ask, busy=crowd))
    assert [one.value for one in refused.value.faults] == [len(crowd)]
    with pytest.raises(NotFoundError):
        advise(database, Ground(database), place.get(), replace(ask, cell=("grid", "nowhere")))
    with pytest.raises(ConflictError):
        advise(database, Ground(database), place.get(), replace(ask, cell=("grid", "c02r01"), busy=()))


def test_where_many_stand_those_near_the_busy_one_may_move(
    database: Database, place: Tilings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = {"busy": (0, 0), "near": (0, 2), "middle": (3, 1), "far": (5, 3), "farther": (5, 0)}
    people = [
        {"code": code, "at": (ORIGIN[0] + c * SIDE_DEG, ORIGIN[1] + r * SIDE_DEG)}
        for code, (c, r) in at.items()
    ]
    desk_town.put_on_duty(database, list(desk_town.employ(database, people).values()))
    ask = MoveUpQuestion(datetime.now(UTC), ("busy",), moves=1, limit_s=240, longest_s=3600)
    everybody = advise(database, Ground(database), place.get(), ask)
    monkeypatch.setattr(siting_moveup, "MOST_SITES", 2)
    told = advise(database, Ground(database), place.get(), ask)
    assert (everybody["considered"], told["considered"]) == (5, 2)
    # who may not move counts where he stands
    for share in ("before", "without"):
        assert told[share] == everybody[share]
    assert [one["responder"] for one in told["moves"]] == ["near"]
    assert told["without"] < told["after"] <= told["bound"] <= everybody["bound"]
    with pytest.raises(InvalidInputError, match="name who is busy"):
        advise(database, Ground(database), place.get(), replace(ask, busy=()))


def test_one_may_move_up_for_another_that_moves_up(
    database: Database, place: Tilings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = {"busy": (0, 0), "next": (1, 0), "behind": (1, 1), "far": (5, 3), "farther": (5, 2)}
    people = [
        {"code": code, "at": (ORIGIN[0] + c * SIDE_DEG, ORIGIN[1] + r * SIDE_DEG)}
        for code, (c, r) in at.items()
    ]
    desk_town.put_on_duty(database, list(desk_town.employ(database, people).values()))
    monkeypatch.setattr(siting_moveup, "MOST_SITES", 4)
    # nobody goes farther than a street, and each covers his own corner alone
    ask = MoveUpQuestion(datetime.now(UTC), ("busy",), moves=2, limit_s=100, longest_s=200)
    told = advise(database, Ground(database), place.get(), ask)
    assert told["considered"] == 3
    assert sorted(one["responder"] for one in told["moves"]) == ["behind", "next"]
    assert told["after"] > told["without"]


def test_with_capacity_a_site_serves_no_more_than_it_can(database: Database, place: Tilings) -> None:
    free = find(database, place, replace(QUESTION, count=3))
    tight = find(database, place, replace(QUESTION, count=3, capacity=12.0))
    assert tight["is_optimal"] is True  # none of numpy's: the answer is kept as JSON
    assert json.loads(json.dumps(tight)) == tight
    assert tight["value"] == pytest.approx(36.0)
    assert free["value"] > 36.0
    assert {one["households_served"] for one in tight["sites"]} == {12.0}
    wide = find(database, place, replace(QUESTION, count=3, capacity=1e6))
    assert wide["value"] == free["value"] or not (wide["is_optimal"] and free["is_optimal"])
    for wrong in (
        replace(QUESTION, capacity=-1.0),
        replace(QUESTION, capacity=5.0, goal=Goal.LEAST_MEAN),
        replace(QUESTION, capacity=5.0, count=99),
    ):
        with pytest.raises(InvalidInputError):
            find(database, place, wrong)
