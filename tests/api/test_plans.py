"""Plans through the API, on the demo town: edits, refusals, undo, two planners, what survives a restart."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.tiling import IN_FORCE_TTL_S
from geo_service.settings import Settings
from tests.api.conftest import BASE, client_of

Plan = dict[str, Any]
COUNTY = ["county", "339801"]
#: A line that crosses itself a hundred thousand times.
ZIGZAG = np.random.default_rng(1).uniform((118.8, 28.8), (119.2, 29.2), (1500, 2)).tolist()


@pytest.fixture(scope="module")
def keys(own_app: FastAPI) -> dict[str, str]:
    database = own_app.state.parts.database
    return {
        name: identity.issue(database, name, role, by="test")[1]
        for name, role in (("张三", Role.PLANNER), ("李四", Role.PLANNER), ("leader", Role.LEADER))
    }


@pytest.fixture(scope="module")
def planner(own_app: FastAPI, keys: dict[str, str]) -> TestClient:
    return client_of(own_app, keys["张三"])


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    answer = planner.post("/v1/plans", json={"name": "调整方案"})
    assert answer.status_code == 201
    found: Plan = planner.get(f"/v1/plans/{answer.json()['id']}").json()
    return found


def act(client: TestClient, plan: Plan, verb: str, **arguments: Any) -> dict[str, Any]:
    """Make a change on the revision last seen, and see it."""
    body = {"revision": plan["revision"], "verb": verb, "arguments": arguments}
    answer = client.post(f"/v1/plans/{plan['id']}/changes", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    plan["revision"] = found["revision"]
    return found


def cells(client: TestClient, plan: Plan, level: str) -> dict[str, dict[str, Any]]:
    answer = client.get(f"/v1/plans/{plan['id']}/cells", params={"level": level, "limit": 5000})
    assert answer.status_code == 200, answer.text
    return {feature["properties"]["code"]: feature for feature in answer.json()["features"]}


def shapes(found: dict[str, dict[str, Any]]) -> dict[str, shapely.Geometry]:
    return {code: shapely.geometry.shape(feature["geometry"]) for code, feature in found.items()}


def shared_corner(found: dict[str, dict[str, Any]]) -> tuple[list[float], list[str]]:
    """A place where the borders of three cells meet."""
    at: dict[tuple[float, float], set[str]] = {}
    for code, shape in shapes(found).items():
        for x, y in shapely.get_coordinates(shape).tolist():
            at.setdefault((x, y), set()).add(code)
    place, codes = next((p, c) for p, c in sorted(at.items()) if len(c) == 3)
    return list(place), sorted(codes)


def is_tiling(found: dict[str, dict[str, Any]]) -> bool:
    # seven decimals are not the lattice; the exact check is that of the fabric
    exact = [shapely.transform(s, lambda xy: np.round(xy * 2**23) / 2**23) for s in shapes(found).values()]
    return bool(shapely.coverage_is_valid(np.array(exact)) and shapely.is_valid(exact).all())


def test_a_plan_opens_on_the_edition_in_force(planner: TestClient, plan: Plan) -> None:
    assert plan["revision"] == 0
    assert plan["base_in_force"]
    assert not plan["can_undo"]
    assert [level["code"] for level in plan["levels"] if level["is_leaf_level"]] == ["micro_grid"]
    assert len(cells(planner, plan, "micro_grid")) == 340
    assert is_tiling(cells(planner, plan, "micro_grid"))


def test_looking_at_a_plan_takes_one_connection(own_app: FastAPI, planner: TestClient, plan: Plan) -> None:
    """Were it two, as many who look at once as there are connections would wait for each other in vain."""
    pool = own_app.state.parts.database.read
    time.sleep(IN_FORCE_TTL_S)  # what is in force must be asked for again
    with ExitStack() as taken:
        for _ in range(pool.pool.size() - 1):
            taken.enter_context(pool.connect())
        answer = planner.get(f"/v1/plans/{plan['id']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["base_in_force"] is True


def test_a_shared_corner_moves_for_all_its_cells(planner: TestClient, plan: Plan) -> None:
    before = cells(planner, plan, "micro_grid")
    place, codes = shared_corner(before)
    answer = act(planner, plan, "move_vertex", **{"from": place, "to": [place[0] + 1e-5, place[1] + 1e-5]})
    changed = {f["properties"]["code"] for f in answer["cells"]["changed"]["features"] if f["geometry"]}
    assert changed == set(codes)
    after = cells(planner, plan, "micro_grid")
    assert is_tiling(after)
    assert {c for c in before if before[c]["geometry"] != after[c]["geometry"]} == set(codes)
    assert all(after[c]["properties"]["changed"] for c in codes)
    undone = planner.post(f"/v1/plans/{plan['id']}/undo", json={"revision": plan["revision"]})
    assert undone.status_code == 200
    assert cells(planner, plan, "micro_grid") == before


def test_a_refused_edit_says_why_and_where_and_changes_nothing(planner: TestClient, plan: Plan) -> None:
    before = cells(planner, plan, "micro_grid")
    place, _ = shared_corner(before)
    body = {"verb": "move_vertex", "arguments": {"from": place, "to": [place[0] + 0.02, place[1]]}}
    answer = planner.post(f"/v1/plans/{plan['id']}/changes", json={"revision": 0, **body})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert len(error["place"]) == 2
    assert error["message"]
    assert cells(planner, plan, "micro_grid") == before
    assert planner.get(f"/v1/plans/{plan['id']}").json()["revision"] == 0


@pytest.mark.parametrize(
    ("verb", "arguments", "field"),
    [
        ("fly", {}, "verb"),
        ("merge", {}, "cells"),
        ("merge", {"cells": [["grid", "x"]], "into": ["grid", "y"]}, "into"),
        ("rename", {"cell": ["grid", "nope"], "name": "甲"}, "cell"),
        ("rename", {"cell": "grid", "name": ""}, "name"),
        ("cut", {"cell": ["grid", "1"], "line": [[119, 29]]}, "line"),
        ("cut", {"cell": ["grid", "1"], "line": [[119, 29], [1000, 29]]}, "line[1]"),
        ("move_vertex", {"from": [0, 0], "to": [1, 1], "extra": 1}, "extra"),
        ("move_vertex", {"from": [0, 0], "to": [1, 1]}, "from"),
        ("give_away", {"cell": ["micro_grid", "nope"]}, "cell"),
        ("adopt_gap", {"at": [0, 0], "parent": ["county", "339801"]}, "at"),
        ("describe", {"cell": COUNTY, "attributes": {"a": 10**30}}, "attributes.a"),
        ("describe", {"cell": COUNTY, "attributes": {"households": "many"}}, "attributes.households"),
        ("describe", {"cell": COUNTY, "attributes": {"class": "<b>"}}, "attributes.class"),
        ("create", {"level": "township", "parent": COUNTY, "code": "a/b"}, "code"),
        ("create", {"level": "township", "parent": COUNTY, "code": ".."}, "code"),
        ("create", {"level": "township", "parent": COUNTY, "code": "=cmd()"}, "code"),
        ("cut", {"cell": COUNTY, "line": ZIGZAG}, "line"),
    ],
)
def test_bad_edits_name_what_is_wrong(
    planner: TestClient, plan: Plan, verb: str, arguments: dict[str, Any], field: str
) -> None:
    body = {"revision": 0, "verb": verb, "arguments": arguments}
    answer = planner.post(f"/v1/plans/{plan['id']}/changes", json=body)
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}


def test_villages_become_one_and_a_grid_is_cut(planner: TestClient, plan: Plan) -> None:
    communities = sorted(cells(planner, plan, "community"))
    people = sum(f["properties"]["figures"]["households"] for f in cells(planner, plan, "grid").values())
    merged = act(
        planner,
        plan,
        "merge",
        cells=[["community", code] for code in communities[1:3]],
        into=["community", communities[0]],
    )
    assert {tuple(key) for key in merged["cells"]["retired"]} == {("community", c) for c in communities[1:3]}
    grids = cells(planner, plan, "grid")
    code, grid = next(iter(sorted(grids.items())))
    west, south, east, north = shapely.geometry.shape(grid["geometry"]).bounds
    middle = (south + north) / 2
    cut = act(
        planner,
        plan,
        "cut",
        cell=["grid", code],
        line=[[west - 0.001, middle], [east + 0.001, middle + 0.0001]],
        name="新网格",
    )
    after = cells(planner, plan, "grid")
    assert len(after) == len(grids) + 1
    new = next(c for c in after if c not in grids)
    assert after[new]["properties"]["name"] == "新网格"
    assert is_tiling(cells(planner, plan, "micro_grid"))
    parts = [after[c]["properties"]["figures"]["households"] for c in (code, new)]
    assert sum(parts) == grids[code]["properties"]["figures"]["households"]
    assert min(parts) > 0
    assert sum(f["properties"]["figures"]["households"] for f in after.values()) == people
    row = next(f for f in cut["figures"] if f["cell"] == ["grid", code])
    assert row["before"]["households"] == sum(parts)
    assert row["after"]["households"] == parts[0]


def test_a_cell_is_given_away_and_taken_in_again(planner: TestClient, plan: Plan) -> None:
    leaves = cells(planner, plan, "micro_grid")
    outline = shapely.union_all(list(shapes(leaves).values()))
    code = next(c for c, s in sorted(shapes(leaves).items()) if s.distance(outline.boundary) > 1e-4)
    inside = shapes(leaves)[code].representative_point()
    gone = act(planner, plan, "give_away", cell=["micro_grid", code])
    assert ["micro_grid", code] in gone["cells"]["retired"]
    parent = ["grid", leaves[code]["properties"]["parent_code"]]
    act(planner, plan, "adopt_gap", at=[inside.x, inside.y], parent=parent, name="归还")
    after = cells(planner, plan, "micro_grid")
    new = next(c for c in after if c not in leaves)
    assert new != code  # a code is not issued twice
    assert shapes(after)[new].equals(shapes(leaves)[code])
    figures = "households", "residents", "buildings", "incidents_year"
    now, then = after[new]["properties"]["figures"], leaves[code]["properties"]["figures"]
    assert [now[name] for name in figures] == [then[name] for name in figures]


def test_undo_and_redo_move_along_the_history(planner: TestClient, plan: Plan) -> None:
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "rename", cell=["grid", grids[0]], name="甲")
    act(planner, plan, "rename", cell=["grid", grids[0]], name="乙")
    url = f"/v1/plans/{plan['id']}"

    def go(way: str) -> int:
        answer = planner.post(f"{url}/{way}", json={"revision": plan["revision"]})
        if answer.status_code == 200:
            plan["revision"] = answer.json()["revision"]
        return answer.status_code

    def name() -> str:
        found: str = cells(planner, plan, "grid")[grids[0]]["properties"]["name"]
        return found

    assert go("redo") == 409
    assert go("undo") == 200
    assert name() == "甲"
    assert go("redo") == 200
    assert name() == "乙"
    assert go("undo") == 200
    act(planner, plan, "rename", cell=["grid", grids[0]], name="丙")
    assert go("redo") == 409  # another change was made instead
    states = [change["state"] for change in planner.get(f"{url}/changes").json()["changes"]]
    assert states == ["applied", "dropped", "applied"]


def test_two_planners_on_one_plan(own_app: FastAPI, keys: dict[str, str], plan: Plan) -> None:
    one, other = client_of(own_app, keys["张三"]), client_of(own_app, keys["李四"])
    grids = sorted(cells(one, plan, "grid"))
    seen = dict(plan)  # the second planner has not looked since
    act(one, plan, "rename", cell=["grid", grids[0]], name="甲")
    answer = act(other, seen, "rename", cell=["grid", grids[1]], name="乙")
    assert [change["who"] for change in answer["also"]] == ["张三"]  # told what changed; his own is kept
    stale = {"revision": 0, "verb": "rename", "arguments": {"cell": ["grid", grids[0]], "name": "丁"}}
    refused = other.post(f"/v1/plans/{plan['id']}/changes", json=stale)
    assert refused.status_code == 409
    assert "张三" in refused.json()["errors"][0]["message"]
    names = {c: f["properties"]["name"] for c, f in cells(one, plan, "grid").items()}
    assert names[grids[0]] == "甲"
    assert names[grids[1]] == "乙"


def test_a_plan_is_the_same_in_another_process(
    planner: TestClient, plan: Plan, own_town_url: str, keys: dict[str, str], tmp_path: Path
) -> None:
    place, _ = shared_corner(cells(planner, plan, "micro_grid"))
    act(planner, plan, "move_vertex", **{"from": place, "to": [place[0] + 1e-5, place[1] - 1e-5]})
    grid = sorted(cells(planner, plan, "grid"))[2]
    act(planner, plan, "rename", cell=["grid", grid], name="改名")
    another = create_app(Settings(home=tmp_path, database_url=own_town_url))
    try:
        late = client_of(another, keys["李四"])
        for level in ("micro_grid", "grid", "community"):
            assert cells(late, plan, level) == cells(planner, plan, level)
        # and it goes on there: the first process follows
        seen = dict(plan)
        act(late, seen, "rename", cell=["grid", grid], name="再改")
        assert cells(planner, plan, "grid")[grid]["properties"]["name"] == "再改"
        undone = planner.post(f"/v1/plans/{plan['id']}/undo", json={"revision": seen["revision"]})
        assert undone.status_code == 200
        assert cells(late, plan, "grid")[grid]["properties"]["name"] == "改名"
    finally:
        another.state.parts.database.close()


def test_five_planners_at_once_lose_nothing(own_app: FastAPI, keys: dict[str, str], plan: Plan) -> None:
    client = client_of(own_app, keys["张三"])
    grids = sorted(cells(client, plan, "grid"))[:5]

    def work(grid: str) -> int:
        mine, done = client_of(own_app, keys["李四"]), 0
        revision = 0
        for k in range(6):
            body = {
                "revision": revision,
                "verb": "rename",
                "arguments": {"cell": ["grid", grid], "name": f"第{k}"},
            }
            answer = mine.post(f"/v1/plans/{plan['id']}/changes", json=body)
            assert answer.status_code == 200, answer.text
            revision, done = answer.json()["revision"], done + 1
        return done

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(work, grids)) == 30
    history = client.get(f"/v1/plans/{plan['id']}/changes").json()
    assert [change["number"] for change in history["changes"]] == list(range(1, 31))
    assert history["revision"] == 30
    names = {c: f["properties"]["name"] for c, f in cells(client, plan, "grid").items()}
    assert {names[grid] for grid in grids} == {"第5"}


def test_cells_of_a_box(planner: TestClient, plan: Plan) -> None:
    everything = shapes(cells(planner, plan, "micro_grid"))
    west, south, east, north = plan["bounds"]
    box = (west, south, (west + east) / 2, (south + north) / 2)
    answer = planner.get(
        f"/v1/plans/{plan['id']}/cells", params={"level": "micro_grid", "bbox": ",".join(map(str, box))}
    )
    found = {feature["properties"]["code"] for feature in answer.json()["features"]}
    wanted = {code for code, shape in everything.items() if shape.intersects(shapely.box(*box))}
    assert wanted <= found < set(everything)
    for bad in ("1,2,3", "a,b,c,d", "3,3,1,1", "nan,nan,nan,nan", "-999,0,0,1"):
        answer = planner.get(f"/v1/plans/{plan['id']}/cells", params={"level": "grid", "bbox": bad})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "bbox"


def test_cells_are_found_by_name_and_code(planner: TestClient, plan: Plan) -> None:
    url = f"/v1/plans/{plan['id']}/cells/search"
    grids = cells(planner, plan, "grid")
    code = max(grids)
    first = planner.get(url, params={"q": code}).json()["cells"][0]
    assert (first["level"], first["code"]) == ("grid", code)
    assert first["name"] == grids[code]["properties"]["name"]
    assert len(first["above"]) == len(grids[code]["properties"]["path"]) - 1
    assert first["bounds"] == pytest.approx(shapely.geometry.shape(grids[code]["geometry"]).bounds, abs=1e-7)
    # what begins alike comes after what is the same, upper levels first; the plan's own names count
    parts = planner.get(url, params={"q": code[:9], "limit": 100}).json()["cells"]
    assert parts[0]["code"] == code[:9]
    assert [len(one["code"]) for one in parts] == sorted(len(one["code"]) for one in parts)
    leaf = min(cells(planner, plan, "micro_grid"))
    act(planner, plan, "rename", cell=["micro_grid", leaf], name="Harbour East")
    assert [one["code"] for one in planner.get(url, params={"q": "harbour"}).json()["cells"]] == [leaf]
    assert planner.get(url, params={"q": "  "}).json()["cells"] == []
    assert planner.get(url, params={"q": ""}).status_code == 400


def test_who_may_plan(own_app: FastAPI, keys: dict[str, str], plan: Plan) -> None:
    leader = client_of(own_app, keys["leader"])
    assert leader.get(f"/v1/plans/{plan['id']}").status_code == 200
    refused = leader.post("/v1/plans", json={"name": "x"})
    assert refused.status_code == 403
    body = {"revision": 0, "verb": "rename", "arguments": {}}
    assert leader.post(f"/v1/plans/{plan['id']}/changes", json=body).status_code == 403
    stranger = TestClient(own_app, base_url=BASE)
    assert stranger.get("/v1/plans").status_code == 401


def test_a_dropped_plan_is_read_but_not_changed(planner: TestClient, plan: Plan) -> None:
    seen = {"If-Match": planner.get(f"/v1/plans/{plan['id']}").headers["etag"]}
    assert planner.delete(f"/v1/plans/{plan['id']}", headers=seen).json()["status"] == "dropped"
    body = {"revision": 0, "verb": "rename", "arguments": {"cell": ["grid", "x"], "name": "x"}}
    answer = planner.post(f"/v1/plans/{plan['id']}/changes", json=body)
    assert answer.status_code == 409
    assert planner.get(f"/v1/plans/{plan['id']}").status_code == 200
    assert planner.get("/v1/plans/999999").status_code == 404


def test_remarks(planner: TestClient, plan: Plan) -> None:
    url = f"/v1/plans/{plan['id']}/comments"
    assert planner.post(url, json={"body": "这里过河不便", "place": [119.2, 29.0]}).status_code == 201
    assert planner.post(url, json={"body": ""}).status_code == 422
    (found,) = planner.get(url).json()["comments"]
    assert found["who"] == "张三"
    assert found["place"] == [119.2, 29.0]
