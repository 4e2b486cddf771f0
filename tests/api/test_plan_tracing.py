"""Cutting along streets, water and railways through the API, on the demo town."""

from collections.abc import Iterator
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
from geo_service.geometry import lattice
from geo_service.model import Role
from geo_service.services import identity
from geo_service.settings import Settings

BASE = "http://127.0.0.1:8000"
STEP_DEG = 1.5 * lattice.UNIT_DEG


@pytest.fixture(scope="module")
def planner(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home: Path = tmp_path_factory.mktemp("home")
    app: FastAPI = create_app(Settings(home=home, database_url=SecretStr(own_town_url)))
    key = identity.issue(app.state.parts.database, "张三", Role.PLANNER, by="test")[1]
    yield TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {key}"})
    app.state.parts.database.close()


def opened(client: TestClient) -> str:
    return f"/v1/plans/{client.post('/v1/plans', json={'name': '沿线'}).json()['id']}"


def grids(client: TestClient, url: str) -> dict[str, shapely.Geometry]:
    answer = client.get(f"{url}/cells", params={"level": "grid", "limit": 5000}).json()
    return {f["properties"]["code"]: shapely.geometry.shape(f["geometry"]) for f in answer["features"]}


def crossing_pairs(town: DemoCounty, cells: dict[str, shapely.Geometry]) -> Iterator[tuple[str, Any]]:
    """Cells, and streets that lead through each from border to border, most of it well inside."""
    whole = shapely.line_merge(shapely.union_all(town.network.edge_shape))
    ways = shapely.get_parts(whole)
    for code, cell in sorted(cells.items()):
        for way in ways[shapely.intersects(ways, cell)]:
            inside = way.intersection(cell)
            if inside.geom_type == "LineString" and len(inside.coords) > 2:
                ends = shapely.points(shapely.get_coordinates(inside)[[0, -1]])
                middle = inside.interpolate(0.5, normalized=True)
                through = shapely.distance(ends, cell.boundary).max() < 1e-9
                if through and middle.distance(cell.boundary) > 2e-4:
                    yield code, inside


def cut_along(client: TestClient, url: str, revision: int, **arguments: Any) -> Any:
    body = {"revision": revision, "verb": "cut_along", "arguments": arguments}
    return client.post(f"{url}/changes", json=body)


def test_a_grid_is_cut_along_a_street(planner: TestClient, drawn_town: DemoCounty) -> None:
    url = opened(planner)
    before = grids(planner, url)
    code, street = next(iter(crossing_pairs(drawn_town, before)))
    on_street = shapely.get_coordinates(street)
    drawn = shapely.transform(street.simplify(5e-5), lambda xy: xy + np.array([2e-5, 3e-5]))
    answer = cut_along(
        planner,
        url,
        0,
        cell=["grid", code],
        line=shapely.get_coordinates(drawn).tolist(),
        features="street",
        within_m=15,
    )
    assert answer.status_code == 200, answer.text
    change = answer.json()["change"]
    assert change["verb"] == "cut_along"
    assert change["arguments"]["line"] == shapely.get_coordinates(drawn).tolist()
    traced = np.array(change["arguments"]["traced"])
    streets = shapely.union_all(drawn_town.network.edge_shape)
    assert shapely.distance(shapely.points(traced[1:-1]), streets).max() <= STEP_DEG
    after = grids(planner, url)
    (new,) = set(after) - set(before)
    border = after[code].intersection(after[new])
    corners = shapely.get_coordinates(border)
    shared = shapely.distance(shapely.points(corners), streets)
    assert (shared <= STEP_DEG).mean() > 0.8  # but for the straight pieces at the ends
    inner = on_street[1:-1][shapely.distance(shapely.points(on_street[1:-1]), before[code].boundary) > 2e-4]
    assert shapely.distance(shapely.points(inner), border).max() <= STEP_DEG
    assert after[code].union(after[new]).symmetric_difference(before[code]).area < 1e-11
    undone = planner.post(f"{url}/undo", json={"revision": 1})
    assert undone.status_code == 200
    assert grids(planner, url) == before


def test_a_community_is_cut_along_the_river(planner: TestClient, drawn_town: DemoCounty) -> None:
    url = opened(planner)
    answer = planner.get(f"{url}/cells", params={"level": "community", "limit": 5000}).json()
    cells = {f["properties"]["code"]: shapely.geometry.shape(f["geometry"]) for f in answer["features"]}
    water = drawn_town.barriers[drawn_town.barriers["kind"].isin(["stream", "river"])].geometry
    for code, cell in sorted(cells.items()):
        for line in water:
            inside = shapely.intersection(line, cell.buffer(5e-4))
            if inside.geom_type == "LineString" and inside.length > 3e-3:
                drawn = inside.simplify(1e-4)
                body = {"cell": ["community", code], "features": "water", "within_m": 40}
                made = cut_along(planner, url, 0, line=shapely.get_coordinates(drawn).tolist(), **body)
                traced = made.json().get("change", {}).get("arguments", {}).get("traced")
                if traced:
                    near = shapely.distance(shapely.points(np.array(traced)), line)
                    assert near.max() < 40 / 97_000
                    assert np.median(near) <= STEP_DEG
                    return
    pytest.fail("no stream leads through a community")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"features": "street", "line": [[118.0, 29.0], [118.01, 29.0]]}, "line"),
        ({"features": "air"}, "features"),
        ({}, "features"),
        ({"features": "street", "traced": [[119, 29], [119.1, 29]]}, "traced"),
        ({"features": "street", "within_m": 5000}, "within_m"),
        ({"features": "street", "within_m": "far"}, "within_m"),
        ({"features": "street", "cell": ["grid", "nope"]}, "cell"),
        ({"features": "street", "line": [[118.0, 29.0], [119.9, 29.0]]}, "line"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    planner: TestClient, arguments: dict[str, Any], field: str
) -> None:
    url = opened(planner)
    code, cell = next(iter(sorted(grids(planner, url).items())))
    west, south, east, north = cell.bounds
    given = {"cell": ["grid", code], "line": [[west, south], [east, north]]} | arguments
    answer = cut_along(planner, url, 0, **given)
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}
