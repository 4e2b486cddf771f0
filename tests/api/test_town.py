"""The routes over the demo town: locating, cells, incidents, coverage, maps."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
import shapely
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.geometry.crs import BD09, GCJ02, from_wgs84
from geo_service.maps.shapes import decode_shapes
from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.tiling import Tiling
from geo_service.settings import Settings
from geo_service.store.database import Database

AT = "2026-11-22T02:00:00+08:00"


@pytest.fixture(scope="module")
def app(town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home: Path = tmp_path_factory.mktemp("home")
    application = create_app(Settings(home=home, database_url=town_url))
    yield application
    application.state.parts.database.close()


@pytest.fixture(scope="module")
def key_of(town: Database) -> Callable[[Role], str]:
    made: dict[Role, str] = {}

    def key(role: Role) -> str:
        if role not in made:
            made[role] = identity.issue(town, f"town {role.value}", role, by="test")[1]
        return made[role]

    return key


@pytest.fixture
def dispatcher(app: FastAPI, key_of: Callable[[Role], str]) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as made:
        made.headers["X-API-Key"] = key_of(Role.DISPATCHER)
        yield made


@pytest.fixture
def anyone(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as made:
        yield made


def inside(tiling: Tiling, leaf: int) -> tuple[float, float]:
    point = tiling.cells["geom"].to_numpy()[tiling.leaves[leaf]].representative_point()
    return point.x, point.y


def test_locate_agrees_with_the_shapes(dispatcher: TestClient, town_tiling: Tiling) -> None:
    for leaf in range(0, len(town_tiling.leaves), 17):
        lon, lat = inside(town_tiling, leaf)
        answer = dispatcher.get("/v1/locate", params={"lon": lon, "lat": lat}).json()
        assert answer["cell_code"] == town_tiling.leaf_codes[leaf]
        assert answer["how"] == "inside"
        assert [cell["level"] for cell in answer["path"]] == list(town_tiling.levels)


@pytest.mark.parametrize("where", ["inside", "on an edge", "outside", "no number", "off the globe"])
def test_the_short_cut_of_locate_says_what_the_long_way_says(
    dispatcher: TestClient, town_tiling: Tiling, where: str
) -> None:
    corner = town_tiling.cells["geom"].to_numpy()[town_tiling.leaves[7]].geoms[0].exterior.coords[0]
    lon, lat = {
        "inside": inside(town_tiling, 7),
        "on an edge": corner,
        "outside": (-0.0, 89.5),
        "no number": ("NaN", 3),
        "off the globe": (181, -91),
    }[where]
    dispatcher.get("/v1/locate", params={"lon": 1, "lat": 1})  # the tiling is in memory from here on
    short = dispatcher.get("/v1/locate", params={"lon": lon, "lat": lat})
    long = dispatcher.get("/v1/locate", params={"lon": lon, "lat": lat, "crs": "WGS84"})
    assert short.status_code == long.status_code
    answers = [answer.json() for answer in (short, long)]
    for answer in answers:  # of a refusal: each has its own number
        answer.pop("instance", None)
        answer.pop("request_id", None)
    assert answers[0] == answers[1]
    assert list(answers[0]) == list(answers[1])
    assert short.headers["content-type"] == long.headers["content-type"]


@pytest.mark.parametrize(("name", "datum"), [("GCJ02", GCJ02), ("BD09", BD09)])
def test_locate_takes_chinese_datums(dispatcher: TestClient, town_tiling: Tiling, name: str, datum) -> None:
    lon, lat = inside(town_tiling, 100)
    x, y = from_wgs84(np.array([[lon, lat]]), datum)[0]
    answer = dispatcher.get("/v1/locate", params={"lon": x, "lat": y, "crs": name}).json()
    assert answer["cell_code"] == town_tiling.leaf_codes[100]
    assert answer["datum"] == name


def test_locate_closely_tells_border_runner_up_and_candidates(
    dispatcher: TestClient, town_tiling: Tiling
) -> None:
    shape = town_tiling.cells["geom"].to_numpy()[town_tiling.leaves[100]]
    lon, lat = shapely.get_coordinates(shape)[0]
    answer = dispatcher.get(
        "/v1/locate", params={"lon": lon, "lat": lat, "near": True, "accuracy_m": 30}
    ).json()
    assert answer["how"] == "on_edge"
    assert answer["border_m"] == 0
    assert answer["runner_up_code"] not in (None, answer["cell_code"])
    assert len(answer["candidates"]) >= 2
    assert 0.5 < sum(one["probability"] for one in answer["candidates"]) <= 1.001


def test_locate_outside_names_the_nearest_cell(dispatcher: TestClient) -> None:
    answer = dispatcher.get("/v1/locate", params={"lon": 120.0, "lat": 30.0, "near": True}).json()
    assert answer["cell_code"] is None
    assert answer["nearest_code"].startswith("339801")
    assert answer["nearest_m"] > 100_000


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("lon=28.9&lat=118.9", "lat"),
        ("lon=nan&lat=28.9", "lon"),
        ("lon=118.9", "lat"),
        ("lon=118.9&lat=28.9&crs=%2Bproj", "crs"),
        ("lon=118.9&lat=28.9&as_of=2026-01-01T00:00:00", "as_of"),
        ("lon=118.9&lat=28.9&acuracy_m=5", "acuracy_m"),
    ],
)
def test_locate_refuses_with_the_field(dispatcher: TestClient, query: str, field: str) -> None:
    answer = dispatcher.get(f"/v1/locate?{query}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [fault["field"] for fault in answer.json()["errors"]]


def test_locate_batch(dispatcher: TestClient, town_tiling: Tiling) -> None:
    points = [inside(town_tiling, leaf) for leaf in range(50)] + [(0.0, 0.0)]
    answer = dispatcher.post("/v1/locate/batch", json={"points": points}).json()
    assert answer["cell_codes"] == [*town_tiling.leaf_codes[:50], None]
    assert answer["how"][-1] == "none"


def test_cells_page_through_a_level(anyone: TestClient, town_tiling: Tiling) -> None:
    seen: list[str] = []
    address = "/v1/cells?level=micro_grid&limit=100&geometry=false"
    while address:
        page = anyone.get(address).json()
        seen += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == town_tiling.leaf_codes.tolist()


def test_a_cell_comes_back_to_the_lattice(anyone: TestClient, town_tiling: Tiling) -> None:
    grids = town_tiling.at_level("grid")
    answer = anyone.get(f"/v1/cells/{grids['code'][0]}").json()
    assert shapely.equals(shapely.from_geojson(orjson.dumps(answer["geometry"])), grids["geom"][0])
    assert answer["properties"]["parent_level"] == "community"
    assert anyone.get("/v1/cells/nowhere").status_code == 404


def test_an_answer_that_is_known_is_not_sent_again(anyone: TestClient) -> None:
    first = anyone.get("/v1/cells?level=grid")
    again = anyone.get("/v1/cells?level=grid", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_incidents_list_by_keyset(dispatcher: TestClient) -> None:
    page = dispatcher.get("/v1/incidents?limit=30").json()
    after = dispatcher.get(page["next"]).json()
    keys = [one["id"] for one in page["incidents"] + after["incidents"]]
    assert len(set(keys)) == 60
    moments = [one["occurred_at"] for one in page["incidents"] + after["incidents"]]
    assert moments == sorted(moments, reverse=True)
    assert dispatcher.get("/v1/incidents?after=rubbish").status_code == 400


def test_coverage_sums_up_the_same_on_every_level(anyone: TestClient) -> None:
    total = anyone.get("/v1/coverage", params={"at": AT}).json()
    assert total["responders"]["counted"] > 0
    for level in ("county", "grid", "micro_grid"):
        cells = anyone.get("/v1/coverage/cells", params={"at": AT, "level": level, "geometry": False}).json()
        rows = [one["properties"] for one in cells["features"]]
        lived_in = [row for row in rows if row["weight_unit"] == "households"]
        covered = sum(row["covered_share"] * row["weight"] for row in lived_in)
        assert covered / sum(row["weight"] for row in lived_in) == pytest.approx(total["share"], abs=1e-3)


def test_the_same_question_is_one_run(anyone: TestClient) -> None:
    first = anyone.get("/v1/coverage", params={"at": AT, "mode": "walk"}).json()
    again = anyone.get("/v1/coverage", params={"at": AT, "mode": "walk"}).json()
    assert first == again


@pytest.mark.parametrize("kind", ["staffing", "coverage", "incidents"])
def test_map_pages_ask_for_nothing_outside(anyone: TestClient, kind: str) -> None:
    page = anyone.get(f"/maps/{kind}", params={"at": AT})
    assert page.status_code == 200
    assert "default-src" in page.headers["content-security-policy"]
    assert "//unpkg" not in page.text
    assert "cdn" not in page.text.lower()


@pytest.mark.parametrize("detail", [0, 1, 2])
def test_map_shapes_are_the_cells(anyone: TestClient, town_tiling: Tiling, detail: int) -> None:
    answer = anyone.get(f"/maps/shapes/1/micro_grid.json?detail={detail}")
    shapes = decode_shapes(answer.content)
    assert list(shapes.codes) == town_tiling.at_level("micro_grid")["code"].tolist()
    assert shapely.coverage_is_valid(shapes.geoms)
    if detail == 2:
        known = town_tiling.at_level("micro_grid")["geom"].to_numpy()
        assert shapely.equals(shapes.geoms, known).all()


@pytest.mark.parametrize(
    ("kind", "measure"),
    [
        ("staffing", "per_km2"),
        ("staffing", "per_1000_residents"),
        ("staffing", "per_100_households"),
        ("staffing", "per_incident"),
        ("coverage", "share"),
        ("coverage", "worst_min"),
        ("incidents", "count"),
    ],
)
@pytest.mark.parametrize("level", ["community", "micro_grid"])
def test_map_figures_have_a_value_for_every_cell(
    anyone: TestClient, town_tiling: Tiling, kind: str, measure: str, level: str
) -> None:
    answer = anyone.get(f"/maps/figures/1/{kind}/{level}.json", params={"measure": measure, "at": AT})
    assert answer.status_code == 200, answer.text
    figures = answer.json()
    assert set(figures["values"]) == set(town_tiling.at_level(level)["code"])
    assert any(value is not None for value in figures["values"].values())


def test_base_tiles_hold_streets_and_water(anyone: TestClient) -> None:
    z, lon, lat = 15, 118.8975, 28.8995
    x = int((lon + 180) / 360 * 2**z)
    y = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**z)
    tile = anyone.get(f"/maps/tiles/base/{z}/{x}/{y}.mvt")
    assert tile.status_code == 200
    for layer in (b"roads", b"buildings"):
        assert layer in tile.content
    assert anyone.get("/maps/tiles/base/3/8/0.mvt").status_code == 404


def test_unknown_maps_and_measures_are_named(anyone: TestClient) -> None:
    assert anyone.get("/maps/weather").status_code in (400, 404, 422)
    wrong = anyone.get("/maps/figures/1/staffing/grid.json?measure=per_moon")
    assert wrong.status_code == 404
    assert "per_km2" in wrong.json()["errors"][0]["message"]
    assert anyone.get("/maps/figures/99/staffing/grid.json?measure=per_km2").status_code == 404


def test_status_counts(anyone: TestClient) -> None:
    status = anyone.get("/v1/status").json()
    assert {one["code"]: one["cells"] for one in status["levels"]}["micro_grid"] == 340
    assert status["incidents"]["total"] == 4000
    assert status["coverage"]["share"] > 0.5
