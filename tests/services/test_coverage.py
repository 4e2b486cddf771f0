"""Coverage against an independent way to the same numbers: a search over corners of a grid of streets."""

import heapq
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.model import Mode
from geo_service.services.coverage import by_level, coverage_frame, run_coverage
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.publishing import publish
from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, ground, roads, staffing
from geo_service.store.database import Connection, Database
from tests.services.places import ORIGIN, SIDE_DEG, grid, middle, streets, table

pytestmark = pytest.mark.postgis
COLUMNS, ROWS = 6, 4
MONDAY_NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)  # 12:00 in Shanghai


def corner(column: int, row: int) -> tuple[float, float]:
    return ORIGIN[0] + column * SIDE_DEG, ORIGIN[1] + row * SIDE_DEG


def staff(database: Database, bases: dict[str, tuple[float, float]], mode: str = "ebike") -> dict[str, int]:
    lon, lat = np.array(list(bases.values())).T
    people = pd.DataFrame(
        {
            "code": list(bases),
            "name": list(bases),
            "role": "grid_worker",
            "mode": mode,
            "lon": lon,
            "lat": lat,
            "capabilities": [[] for _ in bases],
            "phone": "",
            "home_level": None,
            "home_cell_code": None,
        }
    )
    with database.writing() as connection:
        staffing.upsert_responders(connection, people, boundaries.moment(connection))
        return staffing.responder_ids(connection)


def shifts(database: Database, ids: list[int], start: datetime, hours: int = 8) -> None:
    rows = pd.DataFrame({"responder_id": ids, "start": start, "end": start + timedelta(hours=hours)})
    with database.writing() as connection:
        staffing.replace_shifts(connection, rows)


@pytest.fixture
def place(database: Database) -> Tilings:
    """A grid of cells, a street along every side, ten households on each corner."""
    tilings = Tilings(database)
    cells = table(grid(COLUMNS, ROWS), {code: f"row{code[-2:]}" for code in grid(COLUMNS, ROWS)})
    publish(
        database,
        tilings,
        draft_import(BoundaryImport(cells, "grid", "community"), None, []),
        who="t",
        note="",
    )
    at = [corner(c, r) for c in range(COLUMNS) for r in range(ROWS)]  # lower left corners: one for each cell
    points = pd.DataFrame(
        {
            "source_id": [f"b{i}" for i in range(len(at))],
            "lon": [p[0] for p in at],
            "lat": [p[1] for p in at],
            "footprint": None,
            "households": 10,
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


def fewest_streets(sources: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Count of streets to the nearest source, corner by corner."""
    done: dict[tuple[int, int], int] = {}
    queue = [(0, source) for source in sources]
    while queue:
        count, (c, r) = heapq.heappop(queue)
        if (c, r) in done or not (0 <= c <= COLUMNS and 0 <= r <= ROWS):
            continue
        done[c, r] = count
        for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            heapq.heappush(queue, (count + 1, (c + step[0], r + step[1])))
    return done


@pytest.mark.parametrize("mode", [Mode.WALK, Mode.EBIKE, Mode.CAR])
def test_shares_are_those_of_an_independent_search(database: Database, place: Tilings, mode: Mode) -> None:
    sources = [(0, 0), (5, 2)]
    ids = staff(database, {f"w{i}": corner(*at) for i, at in enumerate(sources)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    service = Ground(database)
    _, _, graph, _ = service.roads(mode)
    street_ms = int(graph.out_arc[0, 1])  # all streets are alike
    limit_s = round(street_ms * 2.5 / 1000)
    run = run_coverage(database, service, place.get(), at=MONDAY_NOON, mode=mode, limit_s=limit_s)
    near = fewest_streets(sources)
    cells = coverage_frame(place.get(), run, "grid").set_index("code")
    for column in range(COLUMNS):
        for row in range(ROWS):
            found = cells.loc[f"c{column:02}r{row:02}"]
            # a corner is a border point: it belongs to the smallest code of the cells around it
            at = [
                (c, r)
                for c in range(COLUMNS)
                for r in range(ROWS)
                if (max(c - 1, 0), max(r - 1, 0)) == (column, row)
            ]
            if not at:
                assert found["weight_unit"] == "m2"
                continue
            assert found["weight"] == 10 * len(at)
            covered = sum(near[p] * street_ms <= limit_s * 1000 for p in at)
            assert found["covered_share"] == pytest.approx(covered / len(at), abs=1e-4)
            assert found["worst_s"] == pytest.approx(max(near[p] for p in at) * street_ms / 1000, abs=0.11)
    assert run.summary["responders"]["counted"] == 2


def test_levels_add_up_and_a_second_asking_is_remembered(database: Database, place: Tilings) -> None:
    ids = staff(database, {"w": corner(2, 2)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    arguments = {"at": MONDAY_NOON, "mode": Mode.EBIKE, "limit_s": 300}
    run = run_coverage(database, Ground(database), place.get(), **arguments)
    community = by_level(place.get(), run, "community")
    assert community["by_area"].tolist() == [False, False, False, True]  # nobody lives in the top row
    lived_in = community.loc[~community["by_area"], "weight"].sum()
    assert lived_in == run.summary["weight"] == 10 * COLUMNS * ROWS
    again = run_coverage(database, Ground(database), place.get(), **arguments)
    assert again.id == run.id
    pd.testing.assert_frame_equal(again.leaves, run.leaves, check_dtype=False)


def test_nobody_on_duty_covers_nothing(database: Database, place: Tilings) -> None:
    ids = staff(database, {"w": corner(2, 2)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    late = MONDAY_NOON + timedelta(hours=8)  # the end is not part of the shift
    run = run_coverage(database, Ground(database), place.get(), at=late, mode=Mode.EBIKE, limit_s=300)
    assert run.summary["share"] == 0
    assert run.leaves["worst_s"].isna().all()
    assert run.summary["notes"] == [f"nobody is on duty at {late.isoformat(timespec='minutes')}"]
    with database.writing() as connection:
        near = streets(2, 2)
        shapes = shapely.transform(near.edge_shape, lambda lonlat_deg: lonlat_deg + 3)
        far = replace(near, node_lonlat_deg=near.node_lonlat_deg + 3, edge_shape=shapes)
        roads.replace(connection, far, "elsewhere", {})
    run = run_coverage(database, Ground(database), place.get(), at=MONDAY_NOON, mode=Mode.EBIKE, limit_s=300)
    assert run.summary["notes"][0].startswith("none of the 1 who can be sent is within 500 m of a street")
    assert run.summary["notes"][1].startswith("no streets near any of the ")


def test_a_new_network_gives_a_new_run(database: Database, place: Tilings) -> None:
    ids = staff(database, {"w": corner(2, 2)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    service = Ground(database)
    arguments = {"at": MONDAY_NOON, "mode": Mode.EBIKE, "limit_s": 300}
    first = run_coverage(database, service, place.get(), **arguments)
    with database.writing() as connection:
        roads.replace(connection, streets(COLUMNS, ROWS, length_m=5000), "grid", {})
    second = run_coverage(database, service, place.get(), **arguments)
    assert second.id != first.id
    assert second.summary["share"] < first.summary["share"]


def everything_anew(database: Database) -> None:
    """Replace roads, all of them slower, and demand, all of it elsewhere, in one transaction."""
    lon, lat = corner(COLUMNS, ROWS)
    points = pd.DataFrame({"source_id": ["new"], "lon": [lon], "lat": [lat], "footprint": None})
    points = points.assign(households=7, residents=7, kind="", address="", attributes=[{}])
    with database.writing() as connection:
        roads.replace(connection, streets(COLUMNS, ROWS, length_m=5000), "slow", {})
        ground.replace_demand(connection, points)


@pytest.mark.parametrize("moment", ["demand_version", "demand"])
def test_roads_and_demand_are_of_one_moment(
    database: Database, place: Tilings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What is imported while they are read is in the next answer, whole, and in this one not at all."""
    service, tiling = Ground(database), place.get()
    before = Ground(database).travel(tiling, Mode.EBIKE)
    read = getattr(ground, moment)

    def late(connection: Connection) -> object:
        monkeypatch.setattr(ground, moment, read)
        everything_anew(database)  # the roads are read, the demand is not
        return read(connection)

    monkeypatch.setattr(ground, moment, late)
    during, after = (service.travel(tiling, Mode.EBIKE) for _ in range(2))
    assert (during.network_mark, during.demand.fingerprint) == (
        before.network_mark,
        before.demand.fingerprint,
    )
    assert after.network_mark != before.network_mark
    assert after.demand.fingerprint != before.demand.fingerprint
    for one in (during, after):
        expected = one.snapper.snap(one.demand.lonlat_deg, MAX_ACCESS_M)
        assert one.demand_snaps.edge.tolist() == expected.edge.tolist()
        assert one.demand_snaps.access_ms.tolist() == expected.access_ms.tolist()


def test_a_run_does_not_mix_what_changes_under_it(
    database: Database, place: Tilings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = staff(database, {"w": corner(2, 2)})
    shifts(database, list(ids.values()), MONDAY_NOON)
    service = Ground(database)
    arguments = {"at": MONDAY_NOON, "mode": Mode.EBIKE, "limit_s": 300}

    def late(connection: Connection, at: datetime) -> pd.DataFrame:
        everything_anew(database)
        return on_duty(connection, at)

    with monkeypatch.context() as patch:
        patch.setattr("geo_service.services.coverage.on_duty", late)
        during = run_coverage(database, service, place.get(), **arguments)
    assert during.summary["weight"] == 10 * COLUMNS * ROWS
    assert during.id == 0  # its network is gone: nothing to keep it by
    after = run_coverage(database, service, place.get(), **arguments)
    assert after.id > 0
    assert after.summary["weight"] == 7


def test_without_roads_it_says_what_to_do(database: Database) -> None:
    tilings = Tilings(database)
    draft = draft_import(BoundaryImport(table(grid(2, 1)), "grid"), None, [])
    publish(database, tilings, draft, who="t", note="")
    arguments = {"at": MONDAY_NOON, "mode": Mode.EBIKE}
    with pytest.raises(ConflictError, match="import roads"):
        run_coverage(database, Ground(database), tilings.get(), limit_s=300, **arguments)
    with pytest.raises(InvalidInputError, match="limit"):
        run_coverage(database, Ground(database), tilings.get(), limit_s=0, **arguments)


def test_a_school_post_pins_its_holder_from_ten_minutes_before(database: Database) -> None:
    ids = staff(database, {"w": middle(0, 0), "v": middle(1, 0)})
    week = pd.DataFrame(
        {
            "responder_id": list(ids.values()),
            "weekday": 1,
            "start_local": time(6),
            "end_local": time(18),
            "timezone": "Asia/Shanghai",
        }
    )
    post = pd.DataFrame({"code": ["s"], "name": ["school"], "kind": ["school"], "lon": 118.5, "lat": 29.5})
    window = week.iloc[:1].assign(post_code="s", start_local=time(7, 20), end_local=time(8))
    with database.writing() as connection:
        staffing.replace_rota(connection, week)
        staffing.replace_posts(connection, post, window)
    monday = datetime(2026, 11, 22, 23, tzinfo=UTC)  # 07:00 of Monday in Shanghai
    pinned = {}
    for minute in (0, 9, 10, 30, 59, 60):
        with database.reading() as connection:
            duty = on_duty(connection, monday + timedelta(minutes=minute)).set_index("code")
        pinned[minute] = bool(duty.loc["w", "pinned"])
        assert not duty.loc["v", "pinned"]
        assert (duty.loc["w", "lon"] == 118.5) == pinned[minute]
    assert pinned == {0: False, 9: False, 10: True, 30: True, 59: True, 60: False}
    with database.reading() as connection:
        assert len(on_duty(connection, monday - timedelta(hours=2))) == 0
        assert len(on_duty(connection, monday + timedelta(days=1))) == 0
