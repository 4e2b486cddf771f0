"""Coverage and the map before and after in the cells of a plan: what it would mean before it is published.

Held against the present, against the edition that the plan becomes, and against points laid over the outlines
that the cells of the plan are given out with.
"""

from datetime import datetime
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import coverage_readings, identity
from geo_service.services.coverage_question import Measure, Question
from tests.api.conftest import BASE
from tests.api.test_map_list import held_in
from tests.api.test_plan_review import publish
from tests.api.test_plans import act, cells, shapes

pytestmark = pytest.mark.postgis

Plan = dict[str, Any]
#: A working morning when whatever is published here is in force.
AT = "2027-01-14T10:00:00+08:00"
LIMIT_S = 120
EVERY = ["households", "residents", "area", "incidents"]


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    made: Plan = planner.post("/v1/plans", json={"name": "读数"}).json()
    return made


def ask(client: TestClient, path: str, plan: Plan | None = None, **query: Any) -> dict[str, Any]:
    params = {"at": AT, "limit_s": LIMIT_S, **query}
    if plan is not None:
        params["plan"] = plan["id"]
    answer = client.get(f"/v1/coverage/{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def figures(client: TestClient, plan: Plan | None = None) -> dict[str, Any]:
    """Everything that readings tell of the town and its grids, without the numbers they are kept under."""
    whole = ask(client, "reading", plan, measure=EVERY)
    grids = ask(client, "reading/cells", plan, measure=EVERY, level="grid")["cells"]
    week = ask(client, "week", plan, level="community")
    spots = ask(client, "blind-spots", plan)
    return {
        "measures": whole["measures"],
        "worst_s": whole["worst_s"],
        "grids": grids,
        "week": [week["share"], week["people"], week["cells"]],
        "spots": sorted(map(spot, spots["features"]), key=lambda one: one[:3]),
    }


def spot(one: dict[str, Any]) -> tuple[float, float, float, dict[str, Any], shapely.Geometry]:
    shape = shapely.geometry.shape(one["geometry"])
    west, south = shape.bounds[:2]
    return round(west, 6), round(south, 6), one["properties"]["households"], one["properties"], shape


def differs(one: Any, other: Any, where: str = "") -> str:
    """Say where two are not alike, "" if they are; areas are sums of square metres in another order."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next(filter(None, (differs(one[key], other[key], f"{where}/{key}") for key in one)), "")
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next(filter(None, (differs(*pair, f"{where}/{i}") for i, pair in pairs)), "")
    if isinstance(one, shapely.Geometry):
        return "" if one.symmetric_difference(other).area < 1e-12 else where
    if isinstance(one, float) and isinstance(other, float):
        return "" if one == pytest.approx(other, rel=1e-9) else f"{where}: {one} and {other}"
    return "" if one == other else f"{where}: {str(one)[:80]} and {str(other)[:80]}"


def cut(client: TestClient, plan: Plan, grid: str, share: float = 0.5) -> str:
    """Cut a grid from south to north; returns the code of the new one."""
    before = cells(client, plan, "grid")
    west, south, east, north = shapely.geometry.shape(before[grid]["geometry"]).bounds
    x = west + (east - west) * share
    act(client, plan, "cut", cell=["grid", grid], line=[[x, south - 0.001], [x, north + 0.001]], name="新")
    (new,) = set(cells(client, plan, "grid")) - set(before)
    return new


def grid_of(client: TestClient, plan: Plan, row: int) -> str:
    return sorted(cells(client, plan, "grid"))[row]


def undo(client: TestClient, plan: Plan) -> None:
    answer = client.post(f"/v1/plans/{plan['id']}/undo", json={"revision": plan["revision"]})
    assert answer.status_code == 200, answer.text
    plan["revision"] = answer.json()["revision"]


def test_a_plan_without_changes_reads_as_the_present(planner: TestClient, plan: Plan) -> None:
    now = figures(planner)
    assert 0 < now["measures"]["households"]["share"] < 1
    assert now["spots"]
    assert not differs(figures(planner, plan), now)


def test_points_laid_over_the_outlines_say_the_same(
    own_app: FastAPI, planner: TestClient, plan: Plan
) -> None:
    """The times of the points are those of the present; in which cell each lies shapely says."""
    parts = own_app.state.parts
    cut(planner, plan, grid_of(planner, plan, 3))
    cut(planner, plan, grid_of(planner, plan, 7), 0.4)
    rows = {row["code"]: row for row in ask(planner, "reading/cells", plan, level="grid")["cells"]}
    outlines = shapes(cells(planner, plan, "grid"))
    assert rows.keys() == outlines.keys()

    question = Question(at=datetime.fromisoformat(AT), limit_s=LIMIT_S)
    setting = coverage_readings.settle_question(
        parts.database, parts.ground, parts.tilings.get(question.at), question
    )
    reach = coverage_readings.travelled(parts.ground, setting)["people"]
    places = setting.places["people"]
    covered = (reach.nearest >> 32) <= LIMIT_S * 1000
    points = shapely.points(places.lonlat_deg)
    tree = shapely.STRtree(points)
    for code, outline in outlines.items():
        inside = tree.query(outline, predicate="covers")
        for measure in (Measure.HOUSEHOLDS, Measure.RESIDENTS):
            weight = places.weights[measure]
            assert rows[code][measure.value] == pytest.approx(weight[inside].sum()), code
            assert rows[code][f"{measure.value}_1"] == pytest.approx(weight[inside][covered[inside]].sum())


def test_readings_follow_the_plan_and_not_another(planner: TestClient, plan: Plan) -> None:
    """After each change another tiling stands under the same number."""
    other = planner.post("/v1/plans", json={"name": "另一个"}).json()
    now = figures(planner)
    new = cut(planner, plan, grid_of(planner, plan, 3))
    cut(planner, other, grid_of(planner, other, 5), 0.3)
    mine, theirs = figures(planner, plan), figures(planner, other)
    assert [new in {row["code"] for row in one["grids"]} for one in (now, mine)] == [False, True]
    assert differs(mine, now)
    assert differs(mine, theirs)
    assert {**mine["measures"]["households"]} == now["measures"]["households"]
    undo(planner, plan)
    assert not differs(figures(planner, plan), now)
    assert not differs(figures(planner, other), theirs)


def test_a_kept_reading_of_a_plan_is_explained_by_the_plan(planner: TestClient, plan: Plan) -> None:
    told = ask(planner, "reading", plan)
    assert told["inputs"]["plan"] == plan["id"]
    assert "edition" not in told["inputs"]
    explained = planner.get(f"/v1/coverage/readings/{told['reading_id']}").json()
    assert explained["changed_since"] == []
    cut(planner, plan, grid_of(planner, plan, 3))
    explained = planner.get(f"/v1/coverage/readings/{told['reading_id']}").json()
    assert explained["changed_since"] == ["cells", "places"]


def test_what_if_in_the_cells_of_a_plan(planner: TestClient, plan: Plan) -> None:
    new = cut(planner, plan, grid_of(planner, plan, 3))
    inside = shapes(cells(planner, plan, "grid"))[new].representative_point()
    params = {"at": AT, "limit_s": LIMIT_S, "level": "grid", "plan": plan["id"]}
    body = {"add": [{"lon": inside.x, "lat": inside.y, "mode": "car"}]}
    told = planner.post("/v1/coverage/what-if", params=params, json=body).json()
    rows = {row["code"]: row for row in ask(planner, "reading/cells", plan, level="grid")["cells"]}
    assert told["before"]["measures"] == ask(planner, "reading", plan)["measures"]
    gained = sum(row["households_gained"] for row in told["cells"])
    sides = [told[side]["measures"]["households"]["covered"] for side in ("after", "before")]
    assert gained == sides[0] - sides[1]
    for row in told["cells"]:
        assert row["share_before"] == rows[row["code"]]["households_share"]


def test_who_may_not_see_plans_reads_none(own_app: FastAPI, planner: TestClient, plan: Plan) -> None:
    parts = own_app.state.parts
    level, code = "community", parts.tilings.get().at_level("community")["code"].iloc[0]
    part = identity.issue(parts.database, "part", Role.LEADER, by="test", cells=[f"{level}:{code}"])[1]
    worker = identity.issue(parts.database, "worker", Role.WORKER, by="test")[1]
    paths = ("reading", "reading/cells", "week", "blind-spots")
    for path in paths:
        params = {"at": AT, "plan": plan["id"]} | ({"level": "grid"} if path == "reading/cells" else {})
        for headers in ({}, {"X-API-Key": part}, {"X-API-Key": worker}):
            anyone = TestClient(own_app, base_url=BASE, headers=headers)
            assert anyone.get(f"/v1/coverage/{path}", params=params).status_code == 403, (path, headers)
        for wrong, status in ((0, 400), (-3, 400), ("x", 400), (2**31, 400), (2**31 - 1, 404)):
            answer = planner.get(f"/v1/coverage/{path}", params={**params, "plan": wrong})
            assert answer.status_code == status, (path, wrong, answer.text)


# ------------------------------------------------------------------------------------ the map of both sides


def sides_of(planner: TestClient, plan: Plan, measure: str, *, file: bool = False) -> list[dict[str, float]]:
    """Values of the grids before and after, as the page or the saved file shows them; equal classes."""
    query = {"at": AT, "plan": plan["id"]}
    address = "/maps/compare/file" if file else "/maps/compare"
    page = planner.get(address, params=query)
    assert page.status_code == 200, page.text
    held = held_in(page.text)
    after = held[f"figures-after-grid-{measure}"]
    if file:
        before = held[f"figures-grid-{measure}"]
    else:
        edition = planner.get("/v1/editions").json()[-1]["id"]
        before = planner.get(
            f"/maps/figures/{edition}/compare/grid.json", params={**query, "measure": measure}
        ).json()
    # a limit between two values of which only the last digits differ may be either
    assert before["breaks"] == pytest.approx(after["breaks"], rel=1e-3)
    return [before["values"], after["values"]]


def test_the_map_before_and_after_follows_the_plan(planner: TestClient, plan: Plan) -> None:
    measures = ("households", "incidents", "workload", "staff", "area")
    for measure in measures:
        before, after = sides_of(planner, plan, measure)
        assert before == pytest.approx(after), measure
    new = cut(planner, plan, grid := grid_of(planner, plan, 3))
    found = cells(planner, plan, "grid")
    before, after = sides_of(planner, plan, "households")
    assert before.keys() == after.keys() - {new}
    for code, value in after.items():
        assert value == found[code]["properties"]["figures"]["households"], code
    assert after[grid] + after[new] == before[grid]
    for measure in ("incidents", "staff", "area"):
        before, after = sides_of(planner, plan, measure)
        assert after[grid] + after[new] == pytest.approx(before[grid]), measure
        assert {code: value for code, value in after.items() if code not in {grid, new}} == pytest.approx(
            {code: value for code, value in before.items() if code != grid}
        )
        for shown, held in zip([before, after], sides_of(planner, plan, measure, file=True), strict=True):
            assert held == pytest.approx(shown)
    undo(planner, plan)
    before, after = sides_of(planner, plan, "households")
    assert before == after


def test_what_the_plan_told_is_so_when_it_is_published(planner: TestClient, plan: Plan) -> None:
    """Last of all here: from then on another edition is in force."""
    cut(planner, plan, grid_of(planner, plan, 3), 0.4)
    before = figures(planner)
    told = figures(planner, plan)
    _, households = sides_of(planner, plan, "households")
    answer = publish(planner, plan, note="")
    assert answer.status_code == 200, answer.text
    now = figures(planner)
    assert differs(now, before)
    assert not differs(now, told)
    assert not differs(figures(planner, plan), told)  # a plan that is done with can still be looked at
    edition = planner.get("/v1/editions").json()[-1]["id"]
    shown = planner.get(
        f"/maps/figures/{edition}/compare/grid.json", params={"at": AT, "measure": "households"}
    ).json()
    assert shown["values"] == households
