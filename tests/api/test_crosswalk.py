"""An agency's grids against ours through the API, on the demo town."""

import json
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
from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.tiling import Tiling
from geo_service.settings import Settings

BASE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def leader(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home: Path = tmp_path_factory.mktemp("home")
    app: FastAPI = create_app(Settings(home=home, database_url=SecretStr(own_town_url)))
    key = identity.issue(app.state.parts.database, "leader", Role.LEADER, by="test")[1]
    yield TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {key}"})
    app.state.parts.database.close()


def layer(shapes: Any, codes: Any) -> bytes:
    features = [
        {"type": "Feature", "properties": {"BEAT": code}, "geometry": shapely.geometry.mapping(shape)}
        for shape, code in zip(shapes, codes, strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def ask(client: TestClient, content: bytes, **form: Any) -> Any:
    files = {"file": ("police.geojson", content, "application/geo+json")}
    return client.post("/v1/crosswalk", files=files, data={"level": "grid", "code_field": "BEAT"} | form)


def test_our_own_grids_agree_wholly(leader: TestClient, town_tiling: Tiling) -> None:
    grids = town_tiling.at_level("grid")
    answer = ask(leader, layer(grids["geom"], "P" + grids["code"]))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["agreement_land"] == found["agreement_households"] == 1
    assert found["conflicts"] == 0
    assert all(row["mutual"] and row["agency"] == "P" + row["cell"] for row in found["best"]["cells"])
    parents = {
        code: town_tiling.named_path(k)[-2]["code"] for k, code in enumerate(town_tiling.leaf_codes.tolist())
    }
    assert {row["leaf"][1]: row["agency"] for row in found["common"]["leaves"]} == {
        code: "P" + parent for code, parent in parents.items()
    }


def test_squares_of_another_agency(leader: TestClient, town_tiling: Tiling) -> None:
    grids = town_tiling.at_level("grid")
    west, south, east, north = shapely.total_bounds(grids["geom"].to_numpy())
    x, y = np.linspace(west, east, 5), np.linspace(south, north, 5)
    squares = [shapely.box(x[i], y[j], x[i + 1], y[j + 1]) for i in range(4) for j in range(4)]
    found = ask(leader, layer(squares, [f"S{k:02}" for k in range(16)])).json()
    land: dict[str, float] = {}
    for row in found["matrix"]:
        land[row["cell"]] = land.get(row["cell"], 0.0) + row["land_of_cell"]
    assert all(total == pytest.approx(1, abs=1e-4) for total in land.values())
    assert len(land) == len(grids)
    assert 0 < found["agreement_land"] < 0.9
    assert found["conflicts"] > 0
    assert found["conflict_shapes"][0]["geometry"]["type"] == "Polygon"
    assert sum(f["properties"]["leaves"] for f in found["common"]["grid"]["features"]) == found["leaves"]


@pytest.mark.parametrize(
    ("shapes", "form", "status"),
    [
        ([shapely.box(10, 50, 10.1, 50.1)], {}, 422),
        ([shapely.box(118.9, 28.9, 119, 29)], {"level": "nope"}, 404),
        ([shapely.box(118.9, 28.9, 119, 29)], {"code_field": "NOPE"}, 422),
        ([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], {}, 422),
    ],
)
def test_what_cannot_be_compared_is_refused(
    leader: TestClient, shapes: Any, form: dict[str, str], status: int
) -> None:
    assert ask(leader, layer(shapes, range(len(shapes))), **form).status_code == status
