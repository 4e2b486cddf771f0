"""Findings, waivers, publishing from a date, lineage, two publishers, a new base, going back."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.store import barriers
from tests.api.test_plans import act, cells

Plan = dict[str, Any]
NEXT_MONTH = "2031-01-01T00:00:00+08:00"
LAST_WEEK = "2026-11-15T00:00:00+08:00"


@pytest.fixture
def plan(planner: TestClient) -> Plan:
    made = planner.post("/v1/plans", json={"name": "发布"}).json()
    found: Plan = planner.get(f"/v1/plans/{made['id']}").json()
    return found


def publish(client: TestClient, plan: Plan, **body: Any) -> Any:
    headers = {"If-Match": f'"{plan["revision"]}"'}
    return client.post(f"/v1/plans/{plan['id']}/publish", json=body, headers=headers)


def live(client: TestClient, level: str, **query: Any) -> dict[str, dict[str, Any]]:
    answer = client.get("/v1/cells", params={"level": level, "limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    return {feature["id"]: feature["properties"] for feature in answer.json()["features"]}


def test_publishing_from_next_month_leaves_last_week_as_it_was(planner: TestClient, plan: Plan) -> None:
    grids = sorted(cells(planner, plan, "grid"))
    before = cells(planner, plan, "grid")[grids[0]]
    west, south, east, north = shapely.geometry.shape(before["geometry"]).bounds
    middle = (west + east) / 2
    act(
        planner,
        plan,
        "cut",
        cell=["grid", grids[0]],
        line=[[middle, south - 0.001], [middle + 0.0001, north + 0.001]],
        name="新网格",
    )
    (new,) = set(cells(planner, plan, "grid")) - set(grids)
    answer = publish(planner, plan, note="拆分", valid_from=NEXT_MONTH)
    assert answer.status_code == 200, answer.text
    edition = answer.json()["edition_id"]
    assert planner.get(f"/v1/plans/{plan['id']}").json()["status"] == "published"
    assert new not in live(planner, "grid")
    assert new not in live(planner, "grid", as_of=LAST_WEEK)
    assert live(planner, "grid", as_of=NEXT_MONTH)[new]["name"] == "新网格"
    lineage = planner.get(f"/v1/cells/{new}/lineage", params={"level": "grid"}).json()["lineage"]
    (row,) = lineage
    alone = planner.get(f"/v1/cells/{new}/lineage").json()  # one level only has the code
    assert (alone["level"], alone["lineage"]) == ("grid", lineage)
    assert (row["edition_id"], row["from_code"], row["kind"]) == (edition, grids[0], "split")
    assert 0 < row["share_land"] < 1
    figures = cells(planner, plan, "grid")[new]["properties"]["figures"]
    had = before["properties"]["figures"]["households"]
    assert row["share_households"] == pytest.approx(figures["households"] / had)
    assert publish(planner, plan, note="again").status_code == 409


def test_an_empty_cell_stands_in_the_way(planner: TestClient, plan: Plan) -> None:
    communities = sorted(cells(planner, plan, "community"))
    act(planner, plan, "create", level="grid", parent=["community", communities[0]], name="空网格")
    found = planner.get(f"/v1/plans/{plan['id']}/findings").json()["findings"]
    (empty,) = [one for one in found if one["rule"] == "empty_cell"]
    assert empty["severity"] == "error"
    assert empty["message_zh"]
    refused = publish(planner, plan, note="x", supersede=True)
    assert refused.status_code == 409
    assert any("empty_cell" in error["message"] for error in refused.json()["errors"])
    waiver = {"rule": "empty_cell", "cells": empty["cells"], "why": "以后划入", "until": "2030-01-01"}
    assert planner.post(f"/v1/plans/{plan['id']}/waivers", json=waiver).status_code == 422


def test_a_warning_is_waived_with_a_reason(planner: TestClient, plan: Plan) -> None:
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "merge", cells=[["grid", grids[1]]], into=["grid", grids[0]])
    url = f"/v1/plans/{plan['id']}"
    found = planner.get(f"{url}/findings").json()["findings"]
    (large,) = [one for one in found if one["rule"] == "households" and one["cells"] == [["grid", grids[0]]]]
    assert large["waived"] is None
    waiver = {"rule": "households", "cells": large["cells"], "why": "年底再分", "until": "2035-01-01"}
    assert planner.post(f"{url}/waivers", json=waiver).status_code == 201
    found = planner.get(f"{url}/findings").json()["findings"]
    (large,) = [one for one in found if one["rule"] == "households" and one["cells"] == [["grid", grids[0]]]]
    assert (large["waived"]["who"], large["waived"]["why"]) == ("张三", "年底再分")
    late = planner.post(f"{url}/waivers", json={**waiver, "until": "2020-01-01"})
    assert late.status_code == 422
    everything = planner.get(f"{url}/findings", params={"scope": "all"}).json()["findings"]
    assert len(everything) > len(found)


def faces_across(leaf: shapely.Geometry, grid: shapely.Geometry, river: shapely.Geometry) -> bool:
    """Whether leaf and grid are neighbours, and what they share of border runs in the river."""
    border = leaf.intersection(grid)
    apart = not leaf.representative_point().within(grid)
    return bool(apart and border.length > 0 and border.within(river.buffer(2e-5)))


def test_handing_a_micro_grid_over_the_river_is_objected_to(
    planner: TestClient, own_app: FastAPI, plan: Plan
) -> None:
    leaves, grids = cells(planner, plan, "micro_grid"), cells(planner, plan, "grid")
    before = planner.get(f"/v1/plans/{plan['id']}/findings", params={"scope": "all"}).json()["findings"]
    objected = {(one["rule"], str(one["cells"])) for one in before}
    with own_app.state.parts.database.reading() as connection:
        lines, _ = barriers.every(connection)
    river = lines.loc[lines["kind"] == "river", "geometry"].union_all()
    outlines = {code: shapely.geometry.shape(f["geometry"]) for code, f in grids.items()}
    here, there = next(
        (code, grid)
        for code, leaf in sorted(leaves.items())
        for grid, outline in sorted(outlines.items())
        if leaf["properties"]["figures"]["households"] > 5
        and ("barrier", str([["grid", grid]])) not in objected
        and faces_across(shapely.geometry.shape(leaf["geometry"]), outline, river)
    )
    answer = act(planner, plan, "hand_over", cells=[["micro_grid", here]], to=["grid", there])
    said = {(one["rule"], str(one["cells"])) for one in answer["findings"]} - objected
    assert ("barrier", str([["grid", there]])) in said
    assert all(one["message_zh"] and one["remedy"] for one in answer["findings"])


def test_of_two_publishers_one_wins(planner: TestClient, own_app: FastAPI) -> None:
    made = [planner.post("/v1/plans", json={"name": name}).json() for name in ("甲", "乙")]
    grids = sorted(cells(planner, made[0], "grid"))
    for plan, grid in zip(made, grids[4:6], strict=True):
        act(planner, plan, "rename", cell=["grid", grid], name=f"改{plan['id']}")

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda plan: publish(planner, plan, note="x", supersede=True), made))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    loser = made[[answer.status_code for answer in answers].index(409)]
    assert "published" in next(a for a in answers if a.status_code == 409).json()["detail"]

    # the loser moves to the new base and publishes: both changes hold
    moved = planner.post(f"/v1/plans/{loser['id']}/rebase", json={"revision": loser["revision"]})
    assert moved.status_code == 200, moved.text
    loser["revision"] = moved.json()["revision"]
    assert publish(planner, loser, note="y").status_code == 200
    names = live(planner, "grid")
    assert [names[grid]["name"] for grid in grids[4:6]] == [f"改{plan['id']}" for plan in made]


def test_changes_that_do_not_fit_the_new_base_are_named(planner: TestClient, plan: Plan) -> None:
    other = planner.post("/v1/plans", json={"name": "先"}).json()
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "rename", cell=["grid", grids[7]], name="后来")
    act(planner, plan, "rename", cell=["grid", grids[8]], name="留下")
    act(planner, other, "rename", cell=["grid", grids[7]], name="先到")
    assert publish(planner, other, note="先").status_code == 200
    assert publish(planner, plan, note="后").status_code == 409
    url = f"/v1/plans/{plan['id']}/rebase"
    refused = planner.post(url, json={"revision": plan["revision"]})
    assert refused.status_code == 409
    assert [error["value"] for error in refused.json()["errors"]] == [1]
    moved = planner.post(url, json={"revision": plan["revision"], "drop": [1]})
    assert moved.status_code == 200
    now = {code: f["properties"]["name"] for code, f in cells(planner, plan, "grid").items()}
    assert (now[grids[7]], now[grids[8]]) == ("先到", "留下")


def test_an_earlier_edition_comes_back_as_a_new_one(planner: TestClient, plan: Plan) -> None:
    first = planner.get("/v1/editions").json()[0]["id"]
    grids = sorted(live(planner, "grid"))
    act(planner, plan, "merge", cells=[["grid", grids[-1]]], into=["grid", grids[-2]])
    assert publish(planner, plan, note="合并").status_code == 200
    assert grids[-1] not in live(planner, "grid")
    back = planner.post(f"/v1/editions/{first}/restore", json={"note": "恢复"})
    assert back.status_code == 200, back.text
    assert back.json()["edition_id"] > first
    assert grids[-1] in live(planner, "grid")
    lineage = planner.get(f"/v1/cells/{grids[-1]}/lineage", params={"level": "grid"}).json()["lineage"]
    assert [row["kind"] for row in lineage] == ["merge", "split"]
    assert lineage[0]["share_land"] == pytest.approx(1)


def test_every_incident_keeps_one_placement(planner: TestClient, own_app: FastAPI) -> None:
    with own_app.state.parts.database.reading() as connection:
        # the placement in the edition that was in force when it happened, as is known now
        wrong = connection.exec_driver_sql(
            "select count(*) from incident join edition_span on valid_during @> occurred_at"
            " and upper_inf(recorded_during) where geom is not null and 1 <> ("
            "  select count(*) from placement where incident_id = incident.id"
            "  and since_edition <= edition_id and (until_edition is null or until_edition > edition_id))"
        ).scalar_one()
    assert wrong == 0


def test_publishing_needs_the_revision(planner: TestClient, plan: Plan) -> None:
    url = f"/v1/plans/{plan['id']}/publish"
    assert planner.post(url, json={"note": "x"}).status_code == 428
    assert planner.post(url, json={"note": "x"}, headers={"If-Match": "*"}).status_code == 400
    assert planner.post(url, json={"note": "x"}, headers={"If-Match": '"7"'}).status_code == 412


def test_a_kind_holds_from_its_edition_on_and_not_before(planner: TestClient, plan: Plan) -> None:
    grid = sorted(cells(planner, plan, "grid"))[3]
    before = planner.get("/v1/editions").json()[-1]["id"]
    act(planner, plan, "set_kind", cell=["grid", grid], kind="dedicated")
    assert publish(planner, plan, note="专属", supersede=True).status_code == 200
    assert live(planner, "grid")[grid]["kind"] == "dedicated"
    assert live(planner, "grid", as_of=LAST_WEEK)[grid]["kind"] == "regular"
    assert planner.get("/v1/editions").json()[-1]["id"] > before


def test_two_plans_never_give_out_one_code(planner: TestClient) -> None:
    one, other = (planner.post("/v1/plans", json={"name": name}).json() for name in ("甲", "乙"))
    parent = ["community", min(cells(planner, one, "community"))]
    made = [
        act(planner, plan, "create", level="grid", parent=parent, name="新")["change"]["cells"]
        for plan in (one, other)
    ]
    assert made[0] != made[1]
    taken = made[0][0][1]
    body = {"revision": other["revision"], "verb": "create"}
    arguments = {"level": "grid", "parent": parent, "code": taken, "name": "同号"}
    refused = planner.post(f"/v1/plans/{other['id']}/changes", json={**body, "arguments": arguments})
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["value"] == taken


def test_what_was_undone_does_not_come_back_on_another_base(planner: TestClient, plan: Plan) -> None:
    grids = sorted(cells(planner, plan, "grid"))
    url = f"/v1/plans/{plan['id']}"
    act(planner, plan, "rename", cell=["grid", grids[2]], name="留")
    act(planner, plan, "rename", cell=["grid", grids[1]], name="撤")
    plan["revision"] = planner.post(f"{url}/undo", json={"revision": plan["revision"]}).json()["revision"]
    other = planner.post("/v1/plans", json={"name": "先"}).json()
    act(planner, other, "rename", cell=["grid", grids[6]], name="先到")
    assert publish(planner, other, note="先", supersede=True).status_code == 200
    stale = plan["revision"]
    moved = planner.post(f"{url}/rebase", json={"revision": stale})
    assert moved.status_code == 200
    again = planner.post(f"{url}/redo", json={"revision": moved.json()["revision"]})
    assert again.status_code == 409
    late = {"revision": stale, "verb": "rename", "arguments": {"cell": ["grid", grids[5]], "name": "旧"}}
    assert planner.post(f"{url}/changes", json=late).status_code == 409  # made on a base not seen


def test_a_plan_moves_to_an_edition_that_begins_later(planner: TestClient, plan: Plan) -> None:
    other = planner.post("/v1/plans", json={"name": "明年"}).json()
    grids = sorted(cells(planner, plan, "grid"))
    act(planner, plan, "rename", cell=["grid", grids[2]], name="其后")
    act(planner, other, "rename", cell=["grid", grids[4]], name="明年")
    later = "2032-01-01T00:00:00+08:00"
    assert publish(planner, other, note="明年", valid_from=later, supersede=True).status_code == 200
    refused = publish(planner, plan, note="其后", valid_from="2032-02-01T00:00:00+08:00")
    assert refused.status_code == 409
    base = {"revision": plan["revision"], "as_of": "2032-02-01T00:00:00+08:00"}
    moved = planner.post(f"/v1/plans/{plan['id']}/rebase", json=base)
    assert moved.status_code == 200, moved.text
    plan["revision"] = moved.json()["revision"]
    assert publish(planner, plan, note="其后", valid_from="2032-02-01T00:00:00+08:00").status_code == 200
    names = live(planner, "grid", as_of="2032-03-01T00:00:00+08:00")
    assert [names[grids[k]]["name"] for k in (2, 4)] == ["其后", "明年"]


@pytest.mark.parametrize(
    "attributes", [{"手机号": "13800000000"}, {"tenant": "x"}, {"note": "11010519491231002X"}]
)
def test_cells_are_not_described_by_persons(
    planner: TestClient, plan: Plan, attributes: dict[str, str]
) -> None:
    grid = min(cells(planner, plan, "grid"))
    arguments = {"cell": ["grid", grid], "attributes": attributes}
    body = {"revision": 0, "verb": "describe", "arguments": arguments}
    answer = planner.post(f"/v1/plans/{plan['id']}/changes", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
