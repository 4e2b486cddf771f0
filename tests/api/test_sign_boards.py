"""Sign boards of the demo town: all true, then out of date as cells, owners and places change."""

import io
from typing import Any

import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from tests.api.conftest import BASE, client_of
from tests.api.test_plan_review import publish
from tests.api.test_plans import act, cells

Plan = dict[str, Any]
Boards = dict[str, dict[str, Any]]


def boards(client: TestClient, **query: Any) -> Boards:
    answer = client.get("/v1/sign-boards", params=query)
    assert answer.status_code == 200, answer.text
    return {one["code"]: one for one in answer.json()["sign_boards"]}


def reasons(board: dict[str, Any]) -> set[str]:
    return {one["reason"] for one in board["reasons"]}


def opened(client: TestClient) -> Plan:
    made: Plan = client.post("/v1/plans", json={"name": "牌"}).json()
    return made


def send(client: TestClient, text: str, *, commit: bool = True, name: str = "boards.csv") -> Any:
    files = {"file": (name, io.BytesIO(text.encode()), "text/csv")}
    return client.post("/v1/imports/sign-boards", files=files, params={"commit": str(commit).lower()})


def test_every_grid_of_the_demo_has_a_board_that_tells_the_truth(planner: TestClient) -> None:
    found = boards(planner)
    assert len(found) == 14
    assert {one["cell"][0] for one in found.values()} == {"grid"}
    assert not any(one["stale"] for one in found.values())
    assert all(one["place"] and one["printed_owner"] and one["kind"] for one in found.values())
    plan = opened(planner)
    outlines = {k: shapely.geometry.shape(one["geometry"]) for k, one in cells(planner, plan, "grid").items()}
    assert all(outlines[one["cell"][1]].covers(shapely.Point(one["place"])) for one in found.values())
    assert boards(planner, stale="true") == {}
    assert len(boards(planner, cell=min(outlines))) == 1


def test_names_are_for_those_who_plan_lead_and_dispatch_alone(own_app: FastAPI, planner: TestClient) -> None:
    with_names = planner.get("/v1/sign-boards")
    names = {one["printed_owner"] for one in with_names.json()["sign_boards"]}
    assert names
    assert "private" in with_names.headers["cache-control"]
    database = own_app.state.parts.database
    outsider = client_of(own_app, identity.issue(database, "李四", Role.WORKER, by="test")[1])
    anonymous = TestClient(own_app, base_url=BASE)
    ended = client_of(own_app, "gsk_nobody")
    for client in (anonymous, outsider, ended):
        for form in ("json", "geojson"):
            answer = client.get("/v1/sign-boards", params={"format": form})
            assert answer.status_code == 200
            assert not any(name in answer.text for name in names)
    assert all(one["printed_owner"] is None for one in boards(anonymous).values())


def test_a_plan_tells_which_boards_it_touches_and_publishing_lists_them(planner: TestClient) -> None:
    plan = opened(planner)
    before = planner.get(f"/v1/plans/{plan['id']}/preview").json()["hands"]["sign_boards"]
    assert before == {"print_again": 0, "change_hands": 0, "boards": []}
    hanging = boards(planner)
    one = hanging[min(hanging)]
    giver = one["cell"][1]
    # the leaf in which the board stands goes to a neighbour: both outlines change, the board changes hands
    leaves = cells(planner, plan, "micro_grid")
    leaf = next(
        code
        for code, feature in leaves.items()
        if shapely.geometry.shape(feature["geometry"]).covers(shapely.Point(one["place"]))
    )
    outline = shapely.geometry.shape(leaves[leaf]["geometry"])
    taker = next(
        feature["properties"]["path"][-2]
        for code, feature in sorted(leaves.items())
        if feature["properties"]["path"][-2] != giver
        and feature["properties"]["path"][-3] == leaves[leaf]["properties"]["path"][-3]
        and shapely.geometry.shape(feature["geometry"]).distance(outline) < 0.02
    )
    act(planner, plan, "hand_over", cells=[["micro_grid", leaf]], to=["grid", taker])
    others = [code for code in sorted(cells(planner, plan, "grid")) if code not in {giver, taker}]
    act(planner, plan, "rename", cell=["grid", others[0]], name="改名网格")
    told = planner.get(f"/v1/plans/{plan['id']}/preview").json()["hands"]["sign_boards"]
    by_cell = {board["cell"][1]: board for board in told["boards"]}
    assert by_cell.keys() == {giver, taker, others[0]}
    assert by_cell[giver]["reasons"] == ["outline", "place"]
    assert (by_cell[giver]["from"], by_cell[giver]["to"]) == (["grid", giver], ["grid", taker])
    assert by_cell[taker]["reasons"] == ["outline"]
    assert by_cell[others[0]]["reasons"] == ["name"]
    assert (told["print_again"], told["change_hands"]) == (3, 1)

    done = publish(planner, plan, note="移交", supersede=True)
    assert done.status_code == 200, done.text
    assert done.json()["touched"]["sign_boards"] == told
    stale = boards(planner, stale="true")
    assert {board["cell"][1]: reasons(board) for board in stale.values()} == {
        giver: {"outline", "place"},
        taker: {"outline"},
        others[0]: {"name"},
    }
    # held against what was in force last week they are true
    week = {"at": "2026-11-15T00:00:00+08:00", "stale": "true"}
    assert all("outline" not in reasons(board) for board in boards(planner, **week).values())


def test_a_board_that_was_printed_again_tells_the_truth(planner: TestClient) -> None:
    stale = boards(planner, stale="true")
    grid_of = {board["cell"][1]: code for code, board in stale.items()}
    rows = ["board,cell_code,lon,lat,printed_owner"]
    for cell, code in grid_of.items():
        if "place" not in reasons(stale[code]):
            lon, lat = stale[code]["place"]
            rows.append(f"{code},{cell},{lon},{lat},{stale[code]['printed_owner']}")
    tried = send(planner, "\n".join(rows), commit=False)
    assert (tried.json()["committed"], tried.json()["corrected"]) == (False, 2)
    assert boards(planner, stale="true").keys() == stale.keys()
    done = send(planner, "\n".join(rows))
    assert done.status_code == 200, done.text
    left = boards(planner, stale="true")
    assert [reasons(board) for board in left.values()] == [{"outline", "place"}]


def test_an_owner_who_goes_makes_the_board_untrue(planner: TestClient, own_app: FastAPI) -> None:
    found = boards(planner, stale="false")
    board = found[min(found)]
    with own_app.state.parts.database.writing() as connection:
        connection.exec_driver_sql(
            "update duty set held_during = tstzrange(lower(held_during), clock_timestamp())"
            " where cell_id = (select cell.id from cell join level on level.id = level_id"
            f" where level.code = 'grid' and cell.code = '{board['cell'][1]}')"
        )
    assert reasons(boards(planner)[board["code"]]) == {"owner"}


def test_a_cut_inside_a_neighbour_leaves_the_board_alone(planner: TestClient) -> None:
    """A new corner on the common border is no other land."""
    plan = opened(planner)
    hanging = boards(planner)
    leaves = cells(planner, plan, "micro_grid")
    grids = {
        code: shapely.geometry.shape(one["geometry"]) for code, one in cells(planner, plan, "grid").items()
    }
    leaf = next(
        code
        for code, one in sorted(leaves.items())
        if sum(grids[k].intersection(shapely.geometry.shape(one["geometry"])).length > 0 for k in grids) > 1
    )
    west, south, east, north = shapely.geometry.shape(leaves[leaf]["geometry"]).bounds
    middle = (west + east) / 2
    act(
        planner,
        plan,
        "cut",
        cell=["micro_grid", leaf],
        line=[[middle, south - 0.001], [middle, north + 0.001]],
    )
    told = planner.get(f"/v1/plans/{plan['id']}/preview").json()["hands"]["sign_boards"]
    assert told["boards"] == []
    assert publish(planner, plan, note="内部拆分", supersede=True).json()["touched"]["sign_boards"] == told
    assert {k: reasons(one) for k, one in boards(planner).items()} == {
        k: reasons(one) for k, one in hanging.items()
    }


def test_faults_name_row_and_field(planner: TestClient) -> None:
    wrong = send(planner, "board,cell_code,edition\nX1,nothing,\nX2,339801001001001,77\n", commit=False)
    assert wrong.status_code == 422
    assert [(error["row"], error["field"]) for error in wrong.json()["errors"]] == [
        (1, "cell_code"),
        (2, "edition"),
    ]


def test_as_geojson(planner: TestClient) -> None:
    body = planner.get("/v1/sign-boards", params={"format": "geojson", "limit": 2}).json()
    assert (body["type"], len(body["features"]), body["numberMatched"]) == ("FeatureCollection", 2, 14)
    assert body["features"][0]["geometry"]["type"] == "Point"
