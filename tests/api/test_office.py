"""What an office sets itself: rules in versions, code schemes, exclaves that are meant."""

import re
from datetime import datetime
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity, plan_findings, planning
from tests.api.conftest import client_of
from tests.api.test_plan_review import live, publish
from tests.api.test_plans import act, cells

Plan = dict[str, Any]


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    made = planner.post("/v1/plans", json={"name": "设定"}).json()
    found: Plan = planner.get(f"/v1/plans/{made['id']}").json()
    return found


def put(client: TestClient, path: str, **body: Any) -> Any:
    """Set something upon what is set now."""
    etag = client.get(path).headers["ETag"]
    return client.put(path, json={"why": "试行", **body}, headers={"If-Match": etag})


def findings(client: TestClient, plan: Plan, rule: str, scope: str = "all") -> list[dict[str, Any]]:
    answer = client.get(f"/v1/plans/{plan['id']}/findings", params={"scope": scope})
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["findings"] if one["rule"] == rule]


# ---------------------------------------------------------------------------------------------- rules


def test_rules_are_told_with_words_bounds_and_what_holds(planner: TestClient) -> None:
    told = planner.get("/v1/rules").json()
    assert [level["code"] for level in told["levels"]] == [
        "county",
        "township",
        "community",
        "grid",
        "micro_grid",
    ]
    by_name = {rule["rule"]: rule for rule in told["rules"]}
    assert all(rule["name_zh"] and rule["name_en"] and rule["about_zh"] for rule in told["rules"])
    low = next(one for one in by_name["households"]["parameters"] if one["name"] == "low")
    assert (low["low"], low["high"], low["unit"]) == (0, 1e6, "households")
    held = [row for row in by_name["households"]["in_force"] if row["severity"] != "off"]
    assert {(row["level"], row["class"], row["kind"]) for row in held} == {("grid", "urban", "regular")}
    assert by_name["parent"]["can_be_waived"] is False


def test_a_rule_that_is_set_judges_open_plans_anew_and_the_history_stays(
    planner: TestClient, plan: Plan
) -> None:
    before = findings(planner, plan, "households")
    preview = planner.get(f"/v1/plans/{plan['id']}/preview").json()
    version = planner.get("/v1/rules").json()["version"]
    ours = [
        {
            "rule": "households",
            "level": "grid",
            "class": "urban",
            "severity": "error",
            "low": 300,
            "high": 310,
        }
    ]
    done = put(planner, "/v1/rules", settings=ours)
    assert done.status_code == 200, done.text
    assert done.json()["version"] == version + 1
    assert (done.json()["who"], done.json()["why"]) == ("张三", "试行")
    after = findings(planner, plan, "households")
    assert len(after) > len(before)
    assert {one["severity"] for one in after} == {"error"}
    assert "310" in after[0]["message"]
    # who looks at the plan is told, and publishes on a revision that he has seen
    assert planner.get(f"/v1/plans/{plan['id']}").json()["revision"] == plan["revision"] + 1
    now = planner.get(f"/v1/plans/{plan['id']}/preview").json()
    assert now["before"]["rule_errors"] > preview["before"]["rule_errors"]

    again = put(planner, "/v1/rules", settings=[])
    assert again.json()["version"] == version + 2
    assert findings(planner, plan, "households") == before
    earlier = planner.get("/v1/rules", params={"version": version + 1}).json()
    assert earlier["given"]["settings"] == ours
    assert earlier["settings"][-1]["high"] == 310
    listed = planner.get("/v1/rules/versions").json()["versions"]
    assert [one["version"] for one in listed][:2] == [version + 2, version + 1]
    assert planner.get("/v1/rules", params={"version": 99}).status_code == 404


def test_of_two_who_set_the_rules_the_second_is_told(planner: TestClient) -> None:
    etag = planner.get("/v1/rules").headers["ETag"]
    body = {"settings": [], "why": "甲"}
    assert planner.put("/v1/rules", json=body, headers={"If-Match": etag}).status_code == 200
    late = planner.put("/v1/rules", json=body, headers={"If-Match": etag})
    assert late.status_code == 412
    assert late.json()["errors"][0]["field"] == "If-Match"
    assert planner.put("/v1/rules", json=body).status_code == 428


def test_faults_of_settings_name_their_place(planner: TestClient) -> None:
    wrong = [{"rule": "households", "level": "street", "severity": "bad", "low": -1}]
    answer = put(planner, "/v1/rules", settings=wrong)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {
        "settings[0].level",
        "settings[0].severity",
        "settings[0].low",
    }
    assert put(planner, "/v1/rules", settings=[], why="").status_code == 422


def test_only_planners_set_rules(own_app: FastAPI) -> None:
    key = identity.issue(own_app.state.parts.database, "领导", Role.LEADER, by="test")[1]
    leader = client_of(own_app, key)
    assert leader.get("/v1/rules").status_code == 200
    assert put(leader, "/v1/rules", settings=[]).status_code == 403


# --------------------------------------------------------------------------------------- code schemes


def made(client: TestClient, plan: Plan, parent: list[str], level: str = "grid") -> str:
    change = act(client, plan, "create", level=level, parent=parent, name="新")["change"]
    (code,) = [code for at, code in change["cells"] if at == level]
    return str(code)


@pytest.mark.parametrize(
    ("entry", "looks"),
    [
        ({"scheme": "gb_12_3"}, r"{parent}\d{{3}}"),
        ({"scheme": "cjt_349", "subject": "010100"}, r"010100{parent}\d{{2}}"),
        ({"scheme": "free", "pattern": "[0-9]{12}-[0-9]{2}"}, r"{parent}-\d{{2}}"),
    ],
)
def test_new_cells_are_numbered_by_the_scheme_and_no_code_comes_again(
    planner: TestClient, plan: Plan, entry: dict[str, Any], looks: str
) -> None:
    assert put(planner, "/v1/code-schemes", schemes={"grid": entry}).status_code == 200
    plan["revision"] = planner.get(f"/v1/plans/{plan['id']}").json()["revision"]
    parent = ["community", min(cells(planner, plan, "community"))]
    first = made(planner, plan, parent)
    assert re.fullmatch(looks.format(parent=parent[1]), first)
    assert not [one for one in findings(planner, plan, "code") if one["cells"] == [["grid", first]]]
    # it gets land, is published, is merged away again: its code stays used
    whole = sorted(cells(planner, plan, "micro_grid").values(), key=lambda one: one["id"])
    leaf = next(one for one in whole if one["properties"]["path"][-3] == parent[1])
    giver = leaf["properties"]["path"][-2]
    act(planner, plan, "hand_over", cells=[["micro_grid", leaf["properties"]["code"]]], to=["grid", first])
    assert publish(planner, plan, note="新设", supersede=True).status_code == 200
    assert first in live(planner, "grid")
    back = planner.post("/v1/plans", json={"name": "撤"}).json()
    act(planner, back, "merge", cells=[["grid", first]], into=["grid", giver])
    assert publish(planner, back, note="撤", supersede=True).status_code == 200
    assert first not in live(planner, "grid")
    third = planner.post("/v1/plans", json={"name": "再设"}).json()
    assert made(planner, third, parent) != first
    taken = {"revision": third["revision"], "verb": "create"}
    arguments = {"level": "grid", "parent": parent, "code": first, "name": "同号"}
    refused = planner.post(f"/v1/plans/{third['id']}/changes", json={**taken, "arguments": arguments})
    assert refused.status_code in {409, 422}, refused.text
    put(planner, "/v1/code-schemes", schemes={})


def test_a_code_by_hand_that_does_not_fit_is_a_finding(planner: TestClient, plan: Plan) -> None:
    parent = ["community", min(cells(planner, plan, "community"))]
    act(planner, plan, "create", level="grid", parent=parent, code="X-1", name="异")
    assert findings(planner, plan, "code") == []
    put(planner, "/v1/code-schemes", schemes={"grid": {"scheme": "gb_12_3"}})
    (one,) = findings(planner, plan, "code")
    assert one["cells"] == [["grid", "X-1"]]
    assert "15位" in one["message_zh"]
    told = planner.get("/v1/code-schemes").json()
    schemes = {level["code"]: level["scheme"] for level in told["levels"]}
    assert (schemes["grid"], schemes["county"]) == ({"scheme": "gb_12_3"}, None)
    put(planner, "/v1/code-schemes", schemes={})


def test_faults_of_schemes_name_their_place(planner: TestClient) -> None:
    answer = put(planner, "/v1/code-schemes", schemes={"street": {"scheme": "gb_12_3"}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "schemes.street"


# ------------------------------------------------------------------------------------ declared exclaves


def apart(client: TestClient, plan: Plan) -> tuple[list[str], dict[str, Any]]:
    """Hand a leaf to a grid that it does not touch, so that the grid lies in pieces; the grid's finding."""
    grids = {
        code: shapely.geometry.shape(one["geometry"]) for code, one in cells(client, plan, "grid").items()
    }
    leaves = cells(client, plan, "micro_grid")
    noted = {
        one["cells"][0][1] for one in findings(client, plan, "contiguous") if one["cells"][0][0] == "grid"
    }
    grid = next(code for code in sorted(grids) if code not in noted)
    leaf = next(
        code
        for code, one in sorted(leaves.items())
        if shapely.geometry.shape(one["geometry"]).distance(grids[grid]) > 0.003
        and one["properties"]["figures"]["area_m2"] > 2000
    )
    act(client, plan, "hand_over", cells=[["micro_grid", leaf]], to=["grid", grid])
    return ["grid", grid], of_cell(client, plan, ["grid", grid])[0]


def of_cell(client: TestClient, plan: Plan, cell: list[str]) -> list[dict[str, Any]]:
    return [one for one in findings(client, plan, "contiguous") if one["cells"] == [cell]]


def test_a_declared_exclave_is_noted_in_its_plan_and_everywhere_once_published(
    planner: TestClient, plan: Plan
) -> None:
    cell, found = apart(planner, plan)
    assert found["severity"] == "warning"
    body = {"cell": cell, "why": "国有林场", "until": "2035-01-01", "plan_id": plan["id"]}
    done = planner.post("/v1/exclaves/declared", json=body)
    assert done.status_code == 201, done.text
    (number,) = done.json()["declared"]
    (noted,) = of_cell(planner, plan, cell)
    assert noted["severity"] == "note"
    assert "国有林场" in noted["message_zh"]
    # another plan, and what is live, know nothing of it
    other = planner.post("/v1/plans", json={"name": "别的"}).json()
    assert planner.get("/v1/exclaves/declared").json()["declared"] == []
    mine = planner.get("/v1/exclaves/declared", params={"plan_id": plan["id"]}).json()["declared"]
    assert [(one["id"], one["who"], one["cell"]) for one in mine] == [(number, "张三", cell)]
    assert planner.get("/v1/exclaves/declared", params={"plan_id": other["id"]}).json()["declared"] == []

    plan["revision"] = planner.get(f"/v1/plans/{plan['id']}").json()["revision"]
    assert publish(planner, plan, note="飞地", supersede=True).status_code == 200
    assert [one["id"] for one in planner.get("/v1/exclaves/declared").json()["declared"]] == [number]
    after = planner.post("/v1/plans", json={"name": "以后"}).json()
    assert [one["severity"] for one in of_cell(planner, after, cell)] == ["note"]

    gone = planner.delete(f"/v1/exclaves/declared/{number}")
    assert gone.json()["withdrawn_by"] == "张三"
    assert planner.delete(f"/v1/exclaves/declared/{number}").status_code == 409
    assert [one["severity"] for one in of_cell(planner, after, cell)] == ["warning"]
    kept = planner.get("/v1/exclaves/declared", params={"all": "true"}).json()["declared"]
    assert [one["id"] for one in kept] == [number]
    assert planner.delete("/v1/exclaves/declared/999").status_code == 404


def test_what_is_live_can_be_declared_as_well(planner: TestClient, plan: Plan) -> None:
    (found, *_) = [one for one in findings(planner, plan, "contiguous") if one["severity"] == "warning"]
    place = shapely.geometry.shape(found["geometry"]).representative_point()
    body = {"cell": found["cells"][0], "place": [place.x, place.y], "why": "历史插花", "until": "2035-01-01"}
    assert planner.post("/v1/exclaves/declared", json=body).status_code == 201
    assert of_cell(planner, plan, found["cells"][0])[-1]["severity"] == "note"


def test_what_cannot_be_declared_says_why(planner: TestClient, plan: Plan) -> None:
    (found, *_) = findings(planner, plan, "contiguous")
    whole = next(
        code
        for code, one in cells(planner, plan, "grid").items()
        if one["geometry"]["type"] == "Polygon" or len(one["geometry"]["coordinates"]) == 1
    )
    good = {"cell": found["cells"][0], "why": "x", "until": "2035-01-01"}
    for change, field in (
        ({"cell": ["grid", "nothing"]}, "cell"),
        ({"cell": ["grid", whole]}, "cell"),
        ({"place": [0, 0]}, "place"),
        ({"until": "2020-01-01"}, "until"),
        ({"why": ""}, "why"),
    ):
        answer = planner.post("/v1/exclaves/declared", json={**good, **change})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field


# ------------------------------------------------------------------------------------------ the owner


def test_owners_are_those_of_the_day_on_which_it_comes_into_force(
    own_app: FastAPI, planner: TestClient, plan: Plan
) -> None:
    """A duty that ends before the effective date leaves the cell without an owner then, not before."""
    state = own_app.state.parts
    grid = max(cells(planner, plan, "grid"))
    act(planner, plan, "rename", cell=["grid", grid], name="改名")
    with state.database.writing() as connection:
        connection.exec_driver_sql(
            "update duty set held_during = tstzrange(lower(held_during), '2031-06-01+08')"
            " where cell_id = (select cell.id from cell join level on level.id = level_id"
            f" where level.code = 'grid' and cell.code = '{grid}')"
        )

    def without_owner(day: str) -> set[tuple[str, ...]]:
        with planning.viewing(state.plans, plan["id"]) as (row, held, connection):
            found = plan_findings.open_findings(connection, row, held, datetime.fromisoformat(day))
        return {one.cells for one in found if one.rule == "owner"}

    key = (f"grid/{grid}",)
    assert key not in without_owner("2031-05-31T00:00:00+08:00")
    assert key in without_owner("2031-06-01T00:00:00+08:00")
    assert key not in without_owner("2031-05-31T00:00:00+08:00")  # the later look did not stick
    assert not findings(planner, plan, "owner", "touched")  # as it stands today
    put(planner, "/v1/rules", settings=[{"rule": "owner", "level": "grid", "severity": "error"}])
    plan["revision"] = planner.get(f"/v1/plans/{plan['id']}").json()["revision"]
    refused = publish(planner, plan, note="x", valid_from="2031-06-02T00:00:00+08:00", supersede=True)
    assert refused.status_code == 409
    assert any("owner" in error["message"] for error in refused.json()["errors"])
    assert publish(planner, plan, note="x", supersede=True).status_code == 200
