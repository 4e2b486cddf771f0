"""Cells and what is above, below, beside and over them, on the demo town, against plain shapely."""

from typing import Any

import pytest
import shapely
from starlette.testclient import TestClient

from tests.api.test_plans import act


def listed(client: TestClient, level: str) -> dict[str, Any]:
    answer = client.get("/v1/cells", params={"level": level, "limit": 1000}).json()
    return {feature["id"]: feature for feature in answer["features"]}


def related(client: TestClient, code: str, verb: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/cells/{code}/{verb}", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["cells"]
    return found


def test_children_and_parents_are_each_others(planner: TestClient) -> None:
    grids = listed(planner, "grid")
    code = min(grids)
    leaves = listed(planner, "micro_grid")
    below = [one["code"] for one in related(planner, code, "children", level="grid")]
    assert below == sorted(c for c, f in leaves.items() if f["properties"]["parent_code"] == code)
    for leaf in below[:3]:
        above = related(planner, leaf, "parents", level="micro_grid")
        assert [one["level"] for one in above] == ["grid", "community", "township", "county"][: len(above)]
        assert above[0]["code"] == code
    assert related(planner, below[0], "children", level="micro_grid") == []


def test_neighbours_share_a_border(planner: TestClient) -> None:
    grids = listed(planner, "grid")
    shapes = {code: shapely.geometry.shape(f["geometry"]) for code, f in grids.items()}
    code = sorted(grids)[4]
    found = {one["code"]: one["border_m"] for one in related(planner, code, "touches", level="grid")}
    plain = {
        other: shape.intersection(shapes[code]).length
        for other, shape in shapes.items()
        if other != code and shape.distance(shapes[code]) < 1e-9
    }
    assert set(found) == set(plain)
    for other, border_m in found.items():
        assert (border_m > 0) == (plain[other] > 1e-7)
        back = {one["code"]: one["border_m"] for one in related(planner, other, "touches", level="grid")}
        assert back[code] == pytest.approx(border_m, abs=0.2)


def test_a_grid_covers_its_own_micro_grids(planner: TestClient) -> None:
    code = min(listed(planner, "grid"))
    below = {one["code"] for one in related(planner, code, "children", level="grid")}
    inside = related(planner, code, "covers", level="grid", other_level="micro_grid")
    assert {one["code"] for one in inside} == below
    assert sum(one["share_of_this"] for one in inside) == pytest.approx(1, abs=1e-4)
    (itself,) = related(planner, code, "overlaps", level="grid")
    assert (itself["code"], itself["share_of_this"], itself["share_of_other"]) == (code, 1, 1)


def test_over_the_cells_of_another_edition(planner: TestClient) -> None:
    first = planner.get("/v1/editions").json()[-1]["id"]
    plan = planner.post("/v1/plans", json={"name": "拆分"}).json()
    grids = listed(planner, "grid")
    code = min(grids)
    west, south, east, north = shapely.geometry.shape(grids[code]["geometry"]).bounds
    middle = (west + east) / 2
    line = [[middle, south - 0.001], [middle + 0.0001, north + 0.001]]
    act(planner, plan, "cut", cell=["grid", code], line=line)
    headers = {"If-Match": f'"{plan["revision"]}"'}
    done = planner.post(f"/v1/plans/{plan['id']}/publish", json={"note": "x"}, headers=headers)
    assert done.status_code == 200, done.text
    (new,) = set(listed(planner, "grid")) - set(grids)
    (giver,) = related(planner, new, "overlaps", level="grid", other_edition=first)
    assert giver["code"] == code
    assert giver["share_of_this"] == pytest.approx(1, abs=1e-5)
    assert 0 < giver["share_of_other"] < 1
    assert related(planner, new, "covers", level="grid", other_edition=first) == []
    lineage = planner.get(f"/v1/cells/{new}/lineage", params={"level": "grid"}).json()["lineage"]
    assert lineage[0]["share_land"] == pytest.approx(giver["share_of_other"], abs=1e-3)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nowhere/children", 404),
        ("nowhere/overlaps?other_edition=1", 404),
        ("{}/overlaps?level=grid&other_edition=999", 404),
        ("{}/covers?level=grid&other_level=galaxy", 404),
        ("{}/touches?level=grid&radius=3", 400),
    ],
)
def test_what_cannot_be_related(planner: TestClient, path: str, status: int) -> None:
    code = min(listed(planner, "grid"))
    assert planner.get(f"/v1/cells/{path.format(code)}").status_code == status
