"""Draw for me through the API, on the demo town: drafts, and what carrying them out makes."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.demo.county import DemoCounty
from geo_service.geometry import partition
from geo_service.model import Role
from geo_service.services import identity, plan_split, plan_state, planning
from geo_service.services.plan_drafting import DraftStoppedError, Stop
from geo_service.settings import Settings

BASE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def planner(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home: Path = tmp_path_factory.mktemp("home")
    app: FastAPI = create_app(Settings(home=home, database_url=SecretStr(own_town_url)))
    key = identity.issue(app.state.parts.database, "张三", Role.PLANNER, by="test")[1]
    yield TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {key}"})
    app.state.parts.database.close()


@pytest.fixture
def url(planner: TestClient) -> str:
    return f"/v1/plans/{planner.post('/v1/plans', json={'name': '自动划分'}).json()['id']}"


def cells(client: TestClient, url: str, level: str) -> dict[str, dict[str, Any]]:
    answer = client.get(f"{url}/cells", params={"level": level, "limit": 5000}).json()
    return {feature["properties"]["code"]: feature for feature in answer["features"]}


def largest(client: TestClient, url: str) -> tuple[str, int]:
    found = cells(client, url, "community")
    code = max(found, key=lambda c: (found[c]["properties"]["figures"]["households"], c))
    return code, int(found[code]["properties"]["figures"]["households"])


def is_tiling(found: dict[str, dict[str, Any]]) -> bool:
    shapes = [shapely.geometry.shape(f["geometry"]) for f in found.values()]
    exact = [shapely.transform(s, lambda xy: np.round(xy * 2**23) / 2**23) for s in shapes]
    return bool(shapely.coverage_is_valid(np.array(exact)) and shapely.is_valid(exact).all())


def split(client: TestClient, url: str, **body: Any) -> Any:
    return client.post(f"{url}/split", json=body)


def carry_out(client: TestClient, url: str, alternative: dict[str, Any]) -> dict[str, Any]:
    body = {"revision": 0, "verb": alternative["verb"], "arguments": alternative["arguments"]}
    answer = client.post(f"{url}/changes", json=body)
    assert answer.status_code == 200, answer.text[:2000]
    found: dict[str, Any] = answer.json()
    return found


def grids_of(client: TestClient, url: str, community: str) -> list[dict[str, Any]]:
    return [f for f in cells(client, url, "grid").values() if f["properties"]["parent_code"] == community]


def test_leaves_are_grouped_and_the_change_makes_it_so(planner: TestClient, url: str) -> None:
    code, households = largest(planner, url)
    count = len(grids_of(planner, url, code))
    before = cells(planner, url, "micro_grid")
    answer = split(planner, url, cell=["community", code], count=count, unit="leaf", keep_lines=0.5)
    assert answer.status_code == 200, answer.text
    best = answer.json()["alternatives"][0]
    assert len(best["groups"]) == count
    assert best["contiguous"]
    assert sum(group["households"] for group in best["groups"]) == households
    carry_out(planner, url, best)
    grids = grids_of(planner, url, code)
    assert sorted(f["properties"]["figures"]["households"] for f in grids) == sorted(
        group["households"] for group in best["groups"]
    )
    after = cells(planner, url, "micro_grid")
    assert {c: f["geometry"] for c, f in after.items()} == {c: f["geometry"] for c, f in before.items()}


def test_a_community_is_divided_between_its_buildings(
    planner: TestClient, url: str, drawn_town: DemoCounty
) -> None:
    code, households = largest(planner, url)
    before = cells(planner, url, "community")[code]
    answer = split(planner, url, cell=["community", code], band=[300, 500], unit="building", alternatives=2)
    assert answer.status_code == 200, answer.text
    best = answer.json()["alternatives"][0]
    assert best["in_band"]
    assert best["contiguous"]
    assert sum(group["households"] for group in best["groups"]) == households
    carry_out(planner, url, best)
    leaves = cells(planner, url, "micro_grid")
    assert is_tiling(leaves)
    after = cells(planner, url, "community")[code]
    area = shapely.geometry.shape(before["geometry"]).area
    assert shapely.geometry.shape(after["geometry"]).area == pytest.approx(
        area, rel=1e-5
    )  # new corners bend it by half a step
    grids = grids_of(planner, url, code)
    assert sorted(f["properties"]["figures"]["households"] for f in grids) == sorted(
        group["households"] for group in best["groups"]
    )
    shapes = np.array([shapely.geometry.shape(f["geometry"]) for f in grids])
    whole = shapely.union_all(shapes)
    footprints = drawn_town.demand.geometry.to_numpy()
    inside = footprints[shapely.contains(whole.buffer(-1e-5), footprints)]
    share = np.array([shapely.area(shapely.intersection(shapes, one)).max() for one in inside])
    assert (share >= 0.999 * shapely.area(inside)).mean() > 0.995
    river = drawn_town.barriers[drawn_town.barriers["kind"] == "river"].geometry.union_all()
    assert shapely.length(shapely.intersection(shapely.buffer(shapes, -1e-5), river)).max() < 1e-3
    undone = planner.post(f"{url}/undo", json={"revision": 1})
    assert undone.status_code == 200
    assert cells(planner, url, "community")[code]["geometry"] == before["geometry"]


def test_an_impossible_count_is_refused_with_the_possible_ones(planner: TestClient, url: str) -> None:
    code, _ = largest(planner, url)
    began = time.perf_counter()
    answer = split(planner, url, cell=["community", code], count=500, band=[300, 500])
    assert time.perf_counter() - began < 2
    assert answer.status_code == 422
    text = answer.text
    assert "possible" in text


def test_land_across_a_barrier_does_not_stand_in_the_way_of_a_count(planner: TestClient, url: str) -> None:
    """Refused when asked to be strict; else divided as nearly as can be, and the land is named."""
    refusals = 0
    for code in sorted(cells(planner, url, "community")):
        body = {"cell": ["community", code], "count": 9, "unit": "building", "alternatives": 1}
        strict = split(planner, url, **body, strict=True)
        if strict.status_code != 422 or "cuts off" not in strict.text:
            continue
        refusals += 1
        assert "households, fewer than" in strict.text
        answer = split(planner, url, **body)
        assert answer.status_code == 200, answer.text
        (best,) = answer.json()["alternatives"]
        assert len(best["groups"]) == 9
        assert not best["in_band"]
        for warning in best["warnings"]:
            assert warning["unit"] == "households"
            assert len(warning["place"]) == 2
            inside = sum(best["groups"][k]["households"] for k in warning["groups"])
            assert inside == warning["households"]
        assert best["warnings"]
        break
    if not refusals:
        pytest.skip("no community of this town has land across a barrier that is too small")


def test_the_plan_is_free_while_a_draft_is_computed(
    planner: TestClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edits go on; a second draft of the same plan, and a third in all, are refused with words."""
    code, _ = largest(planner, url)
    other, third = (
        f"/v1/plans/{planner.post('/v1/plans', json={'name': name}).json()['id']}" for name in ("二", "三")
    )
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slow(*args: Any, **options: Any) -> Any:
        begun.release()
        assert go_on.wait(30)
        return partition.split(*args, **options)

    monkeypatch.setattr(plan_split, "split", slow)
    wish = {"cell": ["community", code], "count": 2, "alternatives": 1}
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(split, planner, one, **wish) for one in (url, other))
        try:
            assert begun.acquire(timeout=30)
            assert begun.acquire(timeout=30)
            grid = grids_of(planner, url, code)[0]["properties"]["code"]
            rename = {
                "revision": 0,
                "verb": "rename",
                "arguments": {"cell": ["grid", grid], "name": "新名"},
            }
            began = time.perf_counter()
            assert planner.post(f"{url}/changes", json=rename).status_code == 200
            assert time.perf_counter() - began < 5
            again, more = split(planner, url, **wish), split(planner, third, **wish)
        finally:
            go_on.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert (again.status_code, more.status_code) == (409, 503)
    assert "being computed" in again.text
    assert "being computed" in more.text
    assert split(planner, third, **wish).status_code == 200


def test_who_waits_too_long_for_a_plan_is_told(
    planner: TestClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a plan is published, say, others get a 503 with words, not silence."""
    monkeypatch.setattr(plan_state, "PATIENCE_S", 0.5)
    plan_id, held, go_on = int(url.rsplit("/", 1)[1]), threading.Event(), threading.Event()
    parts = planner.app.state.parts  # type: ignore[attr-defined]

    def publish() -> None:
        with parts.plans.hold(plan_id):
            held.set()
            assert go_on.wait(30)

    code, _ = largest(planner, url)
    rename = {"revision": 0, "verb": "rename", "arguments": {"cell": ["community", code], "name": "新名"}}
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(publish)
        try:
            assert held.wait(30)
            began = time.perf_counter()
            answer = planner.post(f"{url}/changes", json=rename)
            took_s = time.perf_counter() - began
        finally:
            go_on.set()
        working.result()
    assert answer.status_code == 503
    assert "being worked on or published" in answer.text
    assert took_s < 10
    assert planner.post(f"{url}/changes", json=rename).status_code == 200


def test_a_draft_stops_when_nobody_waits(planner: TestClient, url: str) -> None:
    code, _ = largest(planner, url)
    parts = planner.app.state.parts  # type: ignore[attr-defined]
    with planning.viewing(parts.plans, int(url.rsplit("/", 1)[1])) as (_row, plan, _connection):
        subject = plan_split.subject_of(plan, ("community", code))
    stop = Stop()
    stop.ask()
    for draft in (plan_split.by_leaves, plan_split.by_buildings):
        with pytest.raises(DraftStoppedError):
            draft(parts.database, subject, plan_split.Wish(count=2), stop)


def test_a_cell_from_elsewhere_does_not_lend_its_code(planner: TestClient, url: str) -> None:
    """After a merge a grid keeps the code of the retired community; its pieces are numbered anew."""
    grids = cells(planner, url, "grid")
    communities = cells(planner, url, "community")
    into, gone = sorted(communities)[:2]
    merge = {"cells": [["community", gone]], "into": ["community", into]}
    made = planner.post(f"{url}/changes", json={"revision": 0, "verb": "merge", "arguments": merge})
    if made.status_code != 200:
        pytest.skip("the first two communities of this town are not neighbours")
    adopted = next(code for code, one in sorted(grids.items()) if one["properties"]["parent_code"] == gone)
    west, south, east, north = shapely.geometry.shape(grids[adopted]["geometry"]).bounds
    middle = (west + east) / 2
    line = [[middle, south - 0.001], [middle + 0.0001, north + 0.001]]
    cut = {"revision": 1, "verb": "cut", "arguments": {"cell": ["grid", adopted], "line": line}}
    assert planner.post(f"{url}/changes", json=cut).status_code == 200
    (new,) = set(cells(planner, url, "grid")) - set(grids)
    assert new.startswith(into)
    assert cells(planner, url, "grid")[new]["properties"]["name"].endswith("-2")


def test_small_cells_are_merged_as_proposed(planner: TestClient, url: str) -> None:
    code, _ = largest(planner, url)
    grids = grids_of(planner, url, code)
    most = max(f["properties"]["figures"]["households"] for f in grids)
    answer = planner.post(
        f"{url}/suggest/merge", json={"cell": ["community", code], "band": [int(most), int(3 * most)]}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["changes"]
    for revision, change in enumerate(found["changes"]):
        made = planner.post(f"{url}/changes", json={"revision": revision, **change})
        assert made.status_code == 200, made.text
    after = grids_of(planner, url, code)
    assert sorted(f["properties"]["figures"]["households"] for f in after) == sorted(found["groups"])


def test_cells_are_given_to_leads(planner: TestClient, url: str) -> None:
    code, _ = largest(planner, url)
    grids = {f["properties"]["code"] for f in grids_of(planner, url, code)}
    mine = [f for f in cells(planner, url, "micro_grid").values() if f["properties"]["parent_code"] in grids]
    places = [shapely.geometry.shape(f["geometry"]).representative_point() for f in mine[:3]]
    leads = [{"name": f"组长{k}", "place": [at.x, at.y]} for k, at in enumerate(places)]
    body = {"cell": ["community", code], "level": "micro_grid", "leads": leads, "cap": len(mine)}
    answer = planner.post(f"{url}/suggest/leads", json=body)
    assert answer.status_code == 200, answer.text
    assigned = answer.json()["assigned"]
    assert len(assigned) == len(mine)
    counts = [sum(row["lead"] == lead["name"] for row in assigned) for lead in leads]
    assert max(counts) - min(counts) <= 1
    refused = planner.post(f"{url}/suggest/leads", json=body | {"cap": 1})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"cell": ["community", "nope"], "count": 2},
        {"cell": ["micro_grid", "nope"], "count": 2},
        {"cell": ["town", "1"], "count": 2, "unit": "house"},
    ],
)
def test_bad_wishes_are_refused(planner: TestClient, url: str, body: dict[str, Any]) -> None:
    assert split(planner, url, **body).status_code == 422
