"""Before and after of a plan on the demo town: every figure counted again by other means."""

from typing import Any

import numpy as np
import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from geo_service.staffing.workload import gini
from geo_service.store import ground, staffing
from tests.api.conftest import client_of
from tests.api.test_plans import act, cells, shapes

Plan = dict[str, Any]


@pytest.fixture(scope="module")
def keys(own_app: FastAPI) -> dict[Role, str]:
    database = own_app.state.parts.database
    return {role: identity.issue(database, role.value, role, by="test")[1] for role in Role}


@pytest.fixture(scope="module")
def planner(own_app: FastAPI, keys: dict[Role, str]) -> TestClient:
    return client_of(own_app, keys[Role.PLANNER])


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    made: Plan = planner.post("/v1/plans", json={"name": "比对"}).json()
    return made


def report(client: TestClient, plan: Plan, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/plans/{plan['id']}/preview", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"].startswith(f'W/"{plan["revision"]}-')
    found: dict[str, Any] = answer.json()
    return found


def cut(client: TestClient, plan: Plan, grid: str) -> tuple[str, dict[str, Any]]:
    """Cut a grid in the middle; returns the code of the new one, and the grid as it was."""
    before = cells(client, plan, "grid")
    west, south, east, north = shapely.geometry.shape(before[grid]["geometry"]).bounds
    middle = (west + east) / 2
    line = [[middle, south - 0.001], [middle + 0.0001, north + 0.001]]
    act(client, plan, "cut", cell=["grid", grid], line=line, name="新网格")
    (new,) = set(cells(client, plan, "grid")) - set(before)
    return new, before[grid]


def test_a_plan_without_changes_changes_nothing(planner: TestClient, plan: Plan) -> None:
    found = report(planner, plan)
    assert found["level"] == "grid"
    assert found["before"] == found["after"]
    assert (found["cells"], found["changes"], found["flows"]) == ([], [], [])
    assert all(not any(counts.values()) for counts in found["hands"]["by_level"].values())
    assert found["hands"]["responders"] == []
    assert found["rules"]["after"]["findings"] == []


def test_a_cut_is_counted_on_both_sides(planner: TestClient, own_app: FastAPI, plan: Plan) -> None:
    grid = sorted(cells(planner, plan, "grid"))[3]
    new, old = cut(planner, plan, grid)
    found = report(planner, plan)
    rows = {row["cell"][1]: row for row in found["cells"]}
    assert {code: row["status"] for code, row in rows.items()} == {grid: "reshaped", new: "new"}
    assert rows[new]["before"] is None
    now = cells(planner, plan, "grid")
    for code in (grid, new):
        for name in ("households", "residents", "buildings", "incidents_year"):
            assert rows[code]["after"][name] == now[code]["properties"]["figures"][name], name
    assert rows[grid]["before"]["households"] == old["properties"]["figures"]["households"]

    # compactness by another way: a local azimuthal plane is what shapely's own numbers mean here
    shape = shapely.geometry.shape(now[new]["geometry"])
    middle = np.radians(shape.centroid.y)
    flat = shapely.transform(shape, lambda xy: xy * (np.cos(middle), 1.0))
    plain = 4 * np.pi * flat.area / flat.length**2
    assert rows[new]["after"]["compactness"] == pytest.approx(plain, rel=0.01)

    # the sums do not move, the number of cells does
    for name in ("households", "residents", "buildings", "incidents_year", "coverage_share"):
        assert found["before"][name] == found["after"][name]
    assert found["after"]["cells"] == found["before"]["cells"] + 1
    assert abs(found["after"]["area_m2"] - found["before"]["area_m2"]) <= 1
    (flow,) = [one for one in found["flows"] if one["level"] == "grid"]
    assert (flow["from"], flow["to"]) == (grid, new)
    assert flow["households"] == rows[new]["after"]["households"]
    assert flow["share_land"] == pytest.approx(
        rows[new]["after"]["area_m2"] / rows[grid]["before"]["area_m2"], abs=1e-3
    )
    assert found["hands"]["by_level"]["grid"]["buildings"] == rows[new]["after"]["buildings"]
    assert found["hands"]["by_level"]["community"]["buildings"] == 0
    assert found["relieved"][0]["cell"] == ["grid", grid]


def test_gini_and_coverage_are_those_of_the_cells(planner: TestClient, own_app: FastAPI, plan: Plan) -> None:
    merged = sorted(cells(planner, plan, "grid"))
    community = cells(planner, plan, "grid")[merged[0]]["properties"]["parent_code"]
    act(planner, plan, "merge", cells=[["grid", merged[1]]], into=["grid", merged[0]])
    found = report(planner, plan)
    now = cells(planner, plan, "grid")
    weights, loads = found["workload_weights"], []
    base = cells(planner, planner.post("/v1/plans", json={"name": "x"}).json(), "grid")
    names = list(weights)
    mean = {n: np.mean([one["properties"]["figures"].get(n, 0) for one in base.values()]) for n in names}
    land = {code: one["properties"]["figures"].get("area_m2") for code, one in now.items()}
    if None in land.values():  # the area is not among the figures of a cell: take it from the shape
        from geo_service.geometry.measure import area_m2

        for where in (base, now):
            for code, shape in shapes(where).items():
                where[code]["properties"]["figures"]["area_m2"] = float(area_m2([shape])[0])
        mean["area_m2"] = np.mean([one["properties"]["figures"]["area_m2"] for one in base.values()])
    for one in now.values():
        figures = one["properties"]["figures"]
        loads.append(sum(weights[n] * figures[n] / mean[n] for n in names) / sum(weights.values()))
    assert found["after"]["workload_gini"] == pytest.approx(gini(loads), abs=2e-4)
    assert 0 <= found["after"]["coverage_share"] <= 1
    assert 0 <= found["after"]["attainment_share"] <= 1
    changed = {row["status"] for row in found["changes"] if row["cell"] == ["grid", merged[1]]}
    assert changed == {"retired"}
    parents = {tuple(row["parent_after"]) for row in found["changes"] if row["cell"] == ["grid", merged[0]]}
    assert parents == {("community", community)}


def test_those_who_lose_their_cell_are_named_with_the_heir(
    planner: TestClient, own_app: FastAPI, plan: Plan
) -> None:
    database = own_app.state.parts.database
    with database.reading() as connection:
        now = connection.exec_driver_sql("select now()").scalar_one()
        held = staffing.duties(connection, now)
        buildings = ground.demand(connection)
    tiling = own_app.state.parts.tilings.get()
    grids = tiling.cells[(tiling.cells["level"] == "grid") & tiling.cells["id"].isin(held["cell_id"])]
    assert len(grids) > 1, "people of the demo hold grids"
    first = grids.iloc[0]
    others = [c for c, f in sorted(cells(planner, plan, "grid").items()) if c != first["code"]]
    act(planner, plan, "merge", cells=[["grid", first["code"]]], into=["grid", others[0]])
    found = report(planner, plan)
    who = [row for row in found["hands"]["responders"] if row["cell"] == ["grid", first["code"]]]
    expected = held.loc[held["cell_id"] == first["id"], "responder_id"].nunique()
    assert len(who) == expected > 0
    assert all(row["change"] == "retired" and row["heir"] == ["grid", others[0]] for row in who)
    assert found["before"]["buildings"] <= len(buildings)
    assert found["rules"]["after"]["by_severity"] != {} or found["rules"]["before"]["by_severity"] != {}


def test_what_the_rules_say_of_the_edition_does_not_move_with_the_plan(
    planner: TestClient, plan: Plan
) -> None:
    """Before is the edition as a whole; after is what the plan's own findings count, rule by rule."""

    def counts(found: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
        return {(one["rule"], one["severity"]): one["count"] for one in found}

    first = report(planner, plan)
    seen = []
    grids = sorted(cells(planner, plan, "grid"))
    for grid in (grids[0], grids[3]):
        cut(planner, plan, grid)
        found = report(planner, plan)
        rules = found["rules"]
        assert rules["before"] == first["rules"]["before"]
        assert found["before"]["rule_warnings"] == first["before"]["rule_warnings"]
        said = planner.get(f"/v1/plans/{plan['id']}/findings", params={"scope": "all"}).json()["findings"]
        whole: dict[tuple[str, str], int] = {}
        for one in said:
            key = (one["rule"], one["severity"])
            whole[key] = whole.get(key, 0) + 1
        assert counts(rules["after"]["by_rule"]) == whole
        kinds = {word: counts(rules[word]["by_rule"]) for word in ("new", "solved", "as_before")}
        for side, other in (("after", "new"), ("before", "solved")):
            for key, count in counts(rules[side]["by_rule"]).items():
                assert count == kinds["as_before"].get(key, 0) + kinds[other].get(key, 0)
        seen.append(sum(kinds["new"].values()))
        assert sum(one["is_new"] for one in rules["after"]["findings"]) == min(seen[-1], 40)
    assert seen == sorted(seen)
    assert seen[-1] > 0


def test_two_plans_side_by_side(planner: TestClient, plan: Plan) -> None:
    other: Plan = planner.post("/v1/plans", json={"name": "另一个"}).json()
    grids = sorted(cells(planner, plan, "grid"))
    cut(planner, plan, grids[0])
    cut(planner, other, grids[3])
    found = report(planner, plan, against=other["id"])
    assert found["against"]["name"] == "另一个"
    statuses = {row["cell"][1]: row["status"] for row in found["cells"]}
    assert statuses[grids[0]] == statuses[grids[3]] == "reshaped"
    mirrored = report(planner, other, against=plan["id"])
    assert mirrored["before"]["workload_gini"] == pytest.approx(found["after"]["workload_gini"], abs=0.01)
    itself = planner.get(f"/v1/plans/{plan['id']}/preview", params={"against": plan["id"]})
    assert itself.status_code == 422


def test_maps_have_the_cells_around_the_change(planner: TestClient, plan: Plan) -> None:
    grid = sorted(cells(planner, plan, "grid"))[3]
    new, _ = cut(planner, plan, grid)
    found = planner.get(f"/v1/plans/{plan['id']}/preview/map").json()
    before, after = ({f["id"]: f for f in found[word]["features"]} for word in ("before", "after"))
    assert new in after
    assert new not in before
    assert after[grid]["properties"]["status"] == "reshaped"
    assert after[grid]["properties"]["workload"] > 0
    west, south, east, north = found["bounds"]
    shape = shapely.geometry.shape(before[grid]["geometry"])
    assert shape.within(shapely.box(west, south, east, north))


def test_undo_brings_the_report_back(planner: TestClient, plan: Plan) -> None:
    first = report(planner, plan)
    cut(planner, plan, min(cells(planner, plan, "grid")))
    assert report(planner, plan)["cells"] != []
    plan["revision"] = planner.post(
        f"/v1/plans/{plan['id']}/undo", json={"revision": plan["revision"]}
    ).json()["revision"]
    again = report(planner, plan)
    assert again["cells"] == []
    assert again["after"] == first["after"]


@pytest.mark.parametrize(
    ("query", "status"),
    [({"level": "nonsense"}, 422), ({"against": 99999}, 404), ({"at": "yesterday"}, 400), ({"x": 1}, 400)],
)
def test_what_cannot_be_asked(planner: TestClient, plan: Plan, query: dict[str, Any], status: int) -> None:
    assert planner.get(f"/v1/plans/{plan['id']}/preview", params=query).status_code == status


def test_planners_and_leaders_alone(own_app: FastAPI, keys: dict[Role, str], plan: Plan) -> None:
    for role, key in keys.items():
        expected = 200 if role in {Role.PLANNER, Role.LEADER, Role.ADMIN} else 403
        assert client_of(own_app, key).get(f"/v1/plans/{plan['id']}/preview").status_code == expected, role


def test_the_page_and_the_paper(planner: TestClient, plan: Plan) -> None:
    page = planner.get(f"/planner/{plan['id']}/preview")
    assert page.status_code == 200
    assert "js/preview/main.js" in page.text
    assert planner.get("/planner/99999/preview").status_code == 404
    cut(planner, plan, sorted(cells(planner, plan, "grid"))[3])
    paper = planner.get(f"/v1/plans/{plan['id']}/preview.pdf")
    assert paper.status_code == 200
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF-")
