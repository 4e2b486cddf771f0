"""Coverage in full over HTTP, on the demo town."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.tiling import Tiling
from geo_service.settings import Settings
from geo_service.store.database import Database

pytestmark = pytest.mark.postgis
NIGHT = "2026-11-22T02:00:00+08:00"
NOON = "2026-11-20T11:00:00+08:00"


@pytest.fixture(scope="module")
def planner(own_app: FastAPI) -> Iterator[TestClient]:
    database: Database = own_app.state.parts.database
    with TestClient(own_app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as made:
        made.headers["X-API-Key"] = identity.issue(database, "coverage", Role.PLANNER, by="test")[1]
        yield made


@pytest.fixture(scope="module")
def ask(planner: TestClient) -> Callable[..., dict]:
    def get(path: str, **params: object) -> dict:
        answer = planner.get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


def test_a_reading_and_its_cells_say_the_same(ask: Callable[..., dict], planner: TestClient) -> None:
    told = ask("coverage/reading", at=NOON, measure=["households", "residents", "area", "incidents"])
    cells = ask("coverage/reading/cells", at=NOON, level="grid")["cells"]
    people = told["measures"]["households"]
    assert sum(cell["households_1"] for cell in cells) == people["covered"]
    assert people["depth"] == sorted(people["depth"], reverse=True)
    assert told["inputs"]["people"]["counted"] > 0
    fewer = ask("coverage/reading", at=NIGHT)
    assert fewer["measures"]["households"]["share"] <= people["share"]
    slower = ask("coverage/reading", at=NOON, rain=0.5, pace="typical")
    assert slower["measures"]["households"]["share"] <= people["share"]
    first = planner.get("/v1/coverage/reading", params={"at": NOON})
    again = planner.get(
        "/v1/coverage/reading", params={"at": NOON}, headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    explained = ask(f"coverage/readings/{told['reading_id']}")
    assert explained["changed_since"] == []
    assert planner.get("/v1/coverage/readings/2000000").status_code == 404
    assert planner.get("/v1/coverage/reading", params={"at": NOON, "pace": "none"}).status_code == 404
    assert planner.get("/v1/coverage/reading", params={"at": NOON, "rain": 0}).status_code == 400


def test_a_week_has_168_hours_and_so_have_its_cells(ask: Callable[..., dict]) -> None:
    week = ask("coverage/week", at=NOON, level="grid")
    assert len(week["share"]) == len(week["people"]) == 168
    assert min(week["share"]) == pytest.approx(week["worst"]["share"], abs=1e-6)
    one = ask("coverage/reading", at=NOON)["measures"]["households"]["share"]
    assert week["share"][4 * 24 + 11] == pytest.approx(one, abs=1e-6)
    assert all(len(cell["share"]) == 168 for cell in week["cells"])


def test_what_if_changes_nothing_but_the_answer(planner: TestClient, ask: Callable[..., dict]) -> None:
    sole = ask("coverage/sole", at=NIGHT, limit_s=90)
    code = sole["people"][0]["code"]
    lost = ask("coverage/sole", at=NIGHT, limit_s=90, code=code)
    body = {"remove": [code]}
    told = planner.post(
        "/v1/coverage/what-if", params={"at": NIGHT, "limit_s": 90, "level": "grid"}, json=body
    ).json()
    before, after = (told[side]["measures"]["households"]["covered"] for side in ("before", "after"))
    assert before - after == lost["households"] == sole["people"][0]["households"]
    assert -sum(cell["households_gained"] for cell in told["cells"]) == lost["households"]
    assert ask("coverage/reading", at=NIGHT, limit_s=90)["measures"]["households"]["covered"] == before
    for wrong, status in (({}, 422), ({"remove": ["nobody"]}, 422), ({"x": 1}, 422)):
        answer = planner.post(
            "/v1/coverage/what-if", params={"at": NIGHT, "limit_s": 90, "level": "grid"}, json=wrong
        )
        assert answer.status_code == status, answer.text


def test_blind_spots_are_polygons_with_households(ask: Callable[..., dict], planner: TestClient) -> None:
    told = ask("coverage/reading", at=NIGHT, limit_s=240)["measures"]["households"]
    spots = ask("coverage/blind-spots", at=NIGHT, limit_s=240)["features"]
    assert sum(one["properties"]["households"] for one in spots) == told["total"] - told["covered"]
    shapes = [shapely.geometry.shape(one["geometry"]) for one in spots]
    assert all(shape.is_valid for shape in shapes)
    assert spots[0]["properties"]["nearest_s"] > 240
    none = ask("coverage/blind-spots", at=NOON, limit_s=14_400)
    assert none["features"] == []


def test_isochrones_are_valid_and_nested(
    ask: Callable[..., dict], planner: TestClient, town_tiling: Tiling
) -> None:
    graph = planner.app.state.parts.ground.roads("ebike")[2]  # type: ignore[attr-defined]
    lon, lat = graph.node_lonlat_deg[graph.node_main][0]
    found = ask("isochrones", place=f"{lon},{lat}", minutes="10,5,2")["features"]
    assert [one["properties"]["minutes"] for one in found] == [2, 5, 10]
    shapes = [shapely.geometry.shape(one["geometry"]) for one in found]
    assert all(shape.is_valid for shape in shapes)
    for inner, outer in pairwise(shapes):
        assert inner.difference(outer).area < 1e-12
    assert shapes[0].contains(shapely.Point(lon, lat))
    for params, status in (
        ({"place": "0,0"}, 404),
        ({"place": "x"}, 422),
        ({"place": f"{lon},{lat}", "minutes": "0"}, 422),
        ({"place": f"{lon},{lat}", "minutes": "a"}, 422),
        ({"place": f"{lon},{lat}", "minutes": "90"}, 422),
    ):
        assert planner.get("/v1/isochrones", params=params).status_code == status


def test_truth_and_paces(planner: TestClient) -> None:
    span = {"from": "2026-11-01T00:00:00+08:00", "to": "2026-11-22T00:00:00+08:00"}
    told = planner.get("/v1/coverage/truth", params=span).json()
    assert isinstance(told["modes"], dict)
    body = {"name": "ours", "since": span["from"], "until": span["to"]}
    answer = planner.post("/v1/coverage/paces", json=body)
    assert answer.status_code in {200, 409}, answer.text
    assert planner.post("/v1/coverage/paces", json=body | {"name": "free"}).status_code == 422


def test_who_covers_is_not_for_open_maps(own_town_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=own_town_url)  # open, to this machine
    application = create_app(settings)
    with TestClient(application, base_url="http://127.0.0.1:8000") as anyone:
        assert anyone.get("/v1/coverage/sole", params={"at": NOON}).status_code == 401
        spots = anyone.get("/v1/coverage/blind-spots", params={"at": NIGHT}).json()["features"]
        assert all("nearest_code" not in one["properties"] for one in spots)
    application.state.parts.database.close()
