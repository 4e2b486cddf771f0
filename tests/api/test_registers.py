"""Gaps and exclaves through the API, on the demo town: opened, left open and closed by editions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.demo.county import DemoCounty
from geo_service.geometry.measure import area_m2
from geo_service.model import Role
from geo_service.services import identity
from geo_service.settings import Settings

BASE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def planner(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home: Path = tmp_path_factory.mktemp("home")
    app: FastAPI = create_app(Settings(home=home, database_url=SecretStr(own_town_url)))
    key = identity.issue(app.state.parts.database, "张三", Role.PLANNER, by="test")[1]
    yield TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {key}"})
    app.state.parts.database.close()


def gaps(client: TestClient, which: str = "open") -> list[dict[str, Any]]:
    answer = client.get("/v1/gaps", params={"state": which})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["gaps"]
    return found


def published(client: TestClient, verb: str, **arguments: Any) -> int:
    url = f"/v1/plans/{client.post('/v1/plans', json={'name': '空白'}).json()['id']}"
    made = client.post(f"{url}/changes", json={"revision": 0, "verb": verb, "arguments": arguments})
    assert made.status_code == 200, made.text
    found = client.get(f"{url}/findings").json()["findings"]
    revision = made.json()["revision"]
    for finding in (one for one in found if one["severity"] == "error" and one["can_be_waived"]):
        body = {"rule": finding["rule"], "cells": finding["cells"], "why": "试", "until": "2099-01-01"}
        assert client.post(f"{url}/waivers", json=body).status_code == 201
    answer = client.post(f"{url}/publish", json={"note": "空白"}, headers={"If-Match": f'"{revision}"'})
    assert answer.status_code == 200, answer.text
    edition: int = answer.json()["edition_id"]
    return edition


def inner_leaf(client: TestClient) -> tuple[str, shapely.Geometry]:
    url = f"/v1/plans/{client.post('/v1/plans', json={'name': '看'}).json()['id']}/cells"
    found = client.get(url, params={"level": "micro_grid", "limit": 5000}).json()["features"]
    shapes = {f["properties"]["code"]: shapely.geometry.shape(f["geometry"]) for f in found}
    outside = shapely.union_all(list(shapes.values())).boundary
    return next((code, shape) for code, shape in sorted(shapes.items()) if shape.distance(outside) > 1e-4)


def test_the_gap_that_was_drawn_is_known_from_the_first_edition(
    planner: TestClient, drawn_town: DemoCounty
) -> None:
    found = gaps(planner)
    drawn = [part for part in shapely.get_parts(drawn_town.gap) if not part.is_empty]
    assert sum(one["area_m2"] for one in found) == pytest.approx(area_m2(drawn).sum(), rel=1e-3)
    for one in found:
        assert one["closed_edition_id"] is None
        assert one["fallback"] == one["neighbours"][0]["cell"]
        assert one["incidents_year"] >= 0


def test_an_edition_opens_a_gap_another_leaves_it_and_a_third_closes_it(planner: TestClient) -> None:
    before = gaps(planner)
    code, shape = inner_leaf(planner)
    opened_by = published(planner, "give_away", cell=["micro_grid", code])
    (new,) = [one for one in gaps(planner) if one["id"] not in {old["id"] for old in before}]
    assert new["opened_edition_id"] == opened_by
    assert new["area_m2"] == pytest.approx(area_m2([shape])[0], rel=1e-3)
    _, level_code = new["neighbours"][0]["cell"]
    set_to = {"fallback_level": "micro_grid", "fallback_code": level_code}
    assert planner.put(f"/v1/gaps/{new['id']}", json=set_to).status_code == 200
    seen_by = published(planner, "rename", cell=["micro_grid", level_code], name="改名")
    (still,) = [one for one in gaps(planner) if one["id"] == new["id"]]
    assert still["seen_edition_id"] == seen_by
    assert still["fallback_is_set"]
    at = shape.representative_point()
    closed_by = published(planner, "adopt_gap", at=[at.x, at.y], into=["micro_grid", level_code])
    assert gaps(planner) == [old | {"seen_edition_id": closed_by} for old in before]
    (closed,) = gaps(planner, "closed")
    assert closed["id"] == new["id"]
    assert closed["closed_edition_id"] == closed_by
    assert closed["taken_by"][0]["cell"] == ["micro_grid", level_code]
    assert len(gaps(planner, "all")) == len(before) + 1
    drawn = planner.get("/v1/gaps", params={"state": "all", "format": "geojson"}).json()
    assert {feature["geometry"]["type"] for feature in drawn["features"]} == {"Polygon"}


@pytest.mark.parametrize(
    ("gap_id", "body", "status"),
    [
        (999_999, {"fallback_level": None, "fallback_code": None}, 404),
        (1, {}, 422),
        (1, {"fallback_level": "micro_grid"}, 422),
        (1, {"fallback_level": "micro_grid", "fallback_code": "nope"}, 422),
    ],
)
def test_a_fallback_that_cannot_be_is_refused(
    planner: TestClient, gap_id: int, body: dict[str, Any], status: int
) -> None:
    assert planner.put(f"/v1/gaps/{gap_id}", json=body).status_code == status


def test_exclaves_come_with_swaps_that_mend_them(planner: TestClient) -> None:
    url = f"/v1/plans/{planner.post('/v1/plans', json={'name': '飞地'}).json()['id']}/cells"
    leaves = planner.get(url, params={"level": "micro_grid", "limit": 5000}).json()["features"]
    parents = {f["properties"]["code"]: f["properties"]["parent_code"] for f in leaves}
    code, shape = inner_leaf(planner)
    others = {p for p in parents.values() if p != parents[code]}
    near = {
        f["properties"]["parent_code"]
        for f in leaves
        if shapely.geometry.shape(f["geometry"]).distance(shape) < 1e-3
    }
    far = min(others - near)
    before = planner.get("/v1/exclaves", params={"level": "grid"}).json()
    published(planner, "hand_over", cells=[["micro_grid", code]], to=["grid", far])
    after = planner.get("/v1/exclaves", params={"level": "grid"}).json()
    (found,) = [one for one in after["cells"] if one["cell"] == ["grid", far]]
    assert found["parts"] >= 2
    assert ["micro_grid", code] in [leaf for part in found["exclaves"] for leaf in part["leaves"]]
    assert any(["micro_grid", code] == given["leaf"] for swap in after["swaps"] for given in swap["give"])
    assert sum(c["parts"] for c in after["cells"]) > sum(c["parts"] for c in before["cells"])
    assert planner.get("/v1/exclaves", params={"level": "nope"}).status_code == 422
