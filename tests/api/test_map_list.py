"""Every map of the list over the demo town: served, as one file, and for the public."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.api.routes import maps as routes
from geo_service.model import Role
from geo_service.services import cell_figures, identity
from geo_service.services.atlas.registry import KINDS
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tiling
from geo_service.settings import Settings
from geo_service.store.database import Database

AT = "2026-11-22T10:00:00+08:00"
SMALLEST = 5
EMBEDDED = re.compile(r'<script type="application/json" id="([^"]+)">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def app(town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home: Path = tmp_path_factory.mktemp("home")
    application = create_app(Settings(home=home, database_url=town_url))
    yield application
    application.state.parts.database.close()


@pytest.fixture(scope="module")
def anyone(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as made:
        yield made


def held_in(page: str) -> dict[str, Any]:
    """What a single file holds, by element id."""
    return {name: orjson.loads(text.replace("\\u003c", "<")) for name, text in EMBEDDED.findall(page)}


def test_a_map_opens_with_the_level_of_its_address_and_says_which_there_are(anyone: TestClient) -> None:
    page = anyone.get("/maps/coverage", params={"at": AT, "level": "micro_grid"})
    assert '"level":"micro_grid"' in page.text.replace(" ", "")
    wrong = anyone.get("/maps/coverage", params={"at": AT, "level": "planet"})
    assert wrong.status_code == 404
    assert "micro_grid" in wrong.json()["detail"]


def test_the_list_names_every_map_and_the_route_takes_them_all(anyone: TestClient) -> None:
    listed = anyone.get("/v1/maps").json()["maps"]
    assert [one["code"] for one in listed] == list(KINDS) == list(routes.Kind.__args__)
    for one in listed:
        assert one["name"]["zh"]
        assert one["name"]["en"]
        assert one["about"]["zh"]
        assert one["about"]["en"]
        assert one["measures"]
    page = anyone.get("/maps")
    assert page.status_code == 200
    for code in KINDS:
        assert f'href="/maps/{code}"' in page.text
        assert f'href="/maps/{code}/file"' in page.text


@pytest.mark.parametrize("kind", KINDS)
def test_page_figures_and_overlays(anyone: TestClient, town_tiling: Tiling, kind: str) -> None:
    page = anyone.get(f"/maps/{kind}", params={"at": AT})
    assert page.status_code == 200, page.text
    told = KINDS[kind].describe()
    level = "grid" if kind == "week" else "community"
    codes = set(town_tiling.at_level(level)["code"])
    for measure in told["measures"]:
        address = f"/maps/figures/1/{kind}/{level}.json"
        answer = anyone.get(address, params={"measure": measure["code"], "at": AT})
        assert answer.status_code == 200, answer.text
        figures = answer.json()
        assert set(figures["values"]) == codes
        assert len(figures["colors"]) == len(figures["breaks"])
        assert figures["method_label"]["zh"]
        assert not figures["hidden"]
        if kind not in {"patrol", "hotspots"}:  # no tracks here; too few communities to test
            assert any(value is not None for value in figures["values"].values())
    for overlay in told["overlays"]:
        answer = anyone.get(f"/maps/overlays/1/{kind}/{overlay['code']}.json", params={"at": AT})
        assert answer.status_code == 200, answer.text


def test_hot_spots_tell_p_and_q(anyone: TestClient) -> None:
    figures = anyone.get(
        "/maps/figures/1/hotspots/micro_grid.json", params={"measure": "count", "at": AT}
    ).json()
    titles = [extra["title"]["en"] for extra in figures["extras"]]
    p, q = (figures["extras"][titles.index(name)]["values"] for name in ("p", "q"))
    for code, kind in figures["values"].items():
        if kind is None:
            continue
        assert q[code] >= p[code] - 1e-9
        assert (abs(kind) >= 1) == (q[code] <= 0.1)
    assert any(kind and kind > 0 for kind in figures["values"].values())


def test_the_week_has_168_hours_and_moves(anyone: TestClient) -> None:
    frames = anyone.get("/maps/figures/1/week/grid.json", params={"measure": "share", "at": AT}).json()[
        "frames"
    ]
    assert len(frames["labels"]) == len(frames["state"]) == 168
    assert frames["labels"][0] == {"zh": "周一 00:00", "en": "Mon 00:00"}
    assert frames["labels"][frames["start"]]["en"] == "Sun 10:00"
    assert len(frames["values"]) == max(frames["state"]) + 1 > 1
    assert len({orjson.dumps(row) for row in frames["values"]}) > 1


def test_staffing_by_role_sums_to_all(anyone: TestClient) -> None:
    def staff(role: str) -> dict[str, float]:
        query = {"measure": "per_km2", "at": AT, "role": role}
        extras = anyone.get("/maps/figures/1/staffing/community.json", params=query).json()["extras"]
        return extras[0]["values"]

    every, parts = staff(""), [staff(role) for role in ("grid_worker", "grid_lead", "police", "volunteer")]
    for code, count in every.items():
        assert count == sum(part[code] for part in parts)


def test_unknown_things_are_named_and_a_plan_takes_a_key(anyone: TestClient) -> None:
    wrong = anyone.get("/maps/overlays/1/staffing/moon.json")
    assert wrong.status_code == 404
    assert "units" in wrong.json()["errors"][0]["message"]
    assert anyone.get("/maps/compare", params={"plan": 1}).status_code == 403
    assert anyone.get("/maps/overlays/1/reach/new.json", params={"siting": 7}).status_code == 403
    assert anyone.get("/maps/staffing", params={"days": 0}).status_code in (400, 422)
    assert anyone.get("/maps/moon/file").status_code in (400, 404, 422)


def test_a_key_for_a_part_of_the_town_sees_neither_plans_nor_sitings(
    anyone: TestClient, town: Database, town_tiling: Tiling
) -> None:
    own = town_tiling.at_level("community")["code"].iloc[0]
    key = identity.issue(town, "part of maps", Role.PLANNER, by="test", cells=[f"community:{own}"])[1]
    for address in ("/maps/compare?plan=1", "/maps/overlays/1/reach/new.json?siting=7"):
        assert anyone.get(address, headers={"X-API-Key": key}).status_code == 403
    whole = identity.issue(town, "whole of maps", Role.PLANNER, by="test")[1]
    address = "/maps/overlays/1/reach/new.json?siting=7"
    assert anyone.get(address, headers={"X-API-Key": whole}).status_code == 404  # there is none
    for missing in (
        "reach?siting=99999",
        "reach/file?siting=99999",
        "compare?plan=999",
        "compare?against=99",
    ):
        assert anyone.get(f"/maps/{missing}", headers={"X-API-Key": whole}).status_code == 404, missing


# ---------------------------------------------------------------------------------------- for the public


@pytest.fixture(scope="module")
def counts(town: Database, town_tiling: Tiling) -> dict[str, np.ndarray]:
    leaves = Ground(town).land_and_people(town_tiling)
    at = datetime.fromisoformat(AT)
    with town.reading() as connection:
        yearly = cell_figures.incident_counts(connection, town_tiling, at - timedelta(days=365), at)
    households, residents = (leaves[name].to_numpy(dtype=float) for name in ("households", "residents"))
    return {"households": households, "residents": residents, "incidents": yearly}


#: What a map tells of: small counts of these must be in no public file of it.
TELLS = {
    "staffing": ("households", "residents", "incidents"),
    "coverage": ("households", "residents"),
    "incidents": ("incidents",),
    "hotspots": ("households", "residents", "incidents"),
    "workload": ("households", "residents", "incidents"),
    "assets": ("households",),
    "compare": ("households", "residents", "incidents"),
}


@pytest.mark.parametrize("kind", TELLS)
def test_a_public_file_holds_no_small_count(
    anyone: TestClient, town_tiling: Tiling, counts: dict[str, np.ndarray], kind: str
) -> None:
    answer = anyone.get(f"/maps/{kind}/file", params={"at": AT, "public": "true"})
    assert answer.status_code == 200
    assert re.search(r'filename="\w+-20261122-1000-public.html"', answer.headers["content-disposition"])
    held = held_in(answer.text)
    seen = 0
    for level in town_tiling.levels:
        codes = town_tiling.at_level(level)["code"].tolist()
        sums = [cell_figures.sum_up(town_tiling, level, counts[name]) for name in TELLS[kind]]
        small = {code for i, code in enumerate(codes) if any(0 < values[i] < SMALLEST for values in sums)}
        for name, figures in held.items():
            if not re.match(rf"figures-(after-)?{level}-", name):
                continue
            assert small <= set(figures["hidden"])
            for code in figures["hidden"]:
                assert figures["values"][code] is None
                assert all(extra["values"][code] is None for extra in figures["extras"])
            seen += len(figures["hidden"])
    assert seen > 0, "the town has small counts, or this shows nothing"


def test_a_public_file_has_neither_people_nor_cameras_nor_lone_incidents(anyone: TestClient) -> None:
    def held(kind: str, public: str) -> dict[str, Any]:
        return held_in(anyone.get(f"/maps/{kind}/file", params={"at": AT, "public": public}).text)

    assert any("units" in one for one in held("staffing", "false").values())
    assert not any("units" in one for one in held("staffing", "true").values())
    heat = next(one for one in held("incidents", "true").values() if "weight" in one)
    assert min(heat["weight"], default=SMALLEST) >= SMALLEST
    assert heat["unlocated"] == 0
    roles = {unit["role"]["en"] for one in held("assets", "true").values() for unit in one.get("units", [])}
    assert "Camera" not in roles
    assert anyone.get("/maps/overlays/1/assets/cameras.json?public=true").status_code == 404
    assert anyone.get("/maps/overlays/1/staffing/units.json?public=true").status_code == 404


def test_a_plan_is_compared_for_who_may_see_it(app: FastAPI, town: Database, anyone: TestClient) -> None:
    key = identity.issue(town, "planner of maps", Role.PLANNER, by="test")[1]
    headers = {"X-API-Key": key}
    made = anyone.post("/v1/plans", json={"name": "map"}, headers=headers)
    assert made.status_code == 201, made.text
    query = {"at": AT, "plan": made.json()["id"]}
    page = anyone.get("/maps/compare", params=query, headers=headers)
    assert page.status_code == 200, page.text
    held = held_in(page.text)
    before = anyone.get(
        "/maps/figures/1/compare/grid.json", params={**query, "measure": "households"}, headers=headers
    ).json()
    after = held["figures-after-grid-households"]
    assert before["breaks"] == after["breaks"]
    assert before["values"] == after["values"]  # nothing is drawn yet
