"""Everything about a place over HTTP: owners, premises, gaps, addresses, how long an answer holds."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import shapely
from starlette.testclient import TestClient

from geo_service.geometry.crs import BD09, GCJ02, from_wgs84
from geo_service.model import Role
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from geo_service.store import boundaries, ground, staffing
from tests.services.places import middle, square, table

NOW = datetime.now(UTC)
NEXT = (NOW + timedelta(days=30)).replace(microsecond=0)


@pytest.fixture(scope="module")
def land(app) -> None:
    """Two squares with a gap of one between them, held by two people, with buildings and a pond."""
    parts = app.state.parts
    cells = {"west": square(0, 0), "east": square(2, 0), "bridge": square(0, 1, 3)}
    publish(
        parts.database,
        parts.tilings,
        draft_import(BoundaryImport(table(cells), "grid"), None, []),
        who="t",
        note="",
    )
    with parts.database.reading() as connection:
        levels = boundaries.levels(connection)
    moved = {"west": square(0, 0, 2), "east": square(2, 0), "bridge": square(0, 1, 3)}
    draft = draft_import(BoundaryImport(table(moved), "grid"), parts.tilings.get(), levels)
    publish(parts.database, parts.tilings, draft, who="t", note="", valid_from=NEXT)
    people = pd.DataFrame(
        {
            "code": ["w1", "e1"], "name": ["Wang", "Ye"], "role": "grid_worker", "mode": "walk",
            "lon": [middle(0, 0)[0], middle(2, 0)[0]], "lat": middle(0, 0)[1], "capabilities": [[], []],
            "phone": "", "home_level": "grid", "home_cell_code": ["west", "east"],
        }
    )  # fmt: skip
    house = shapely.Point(middle(0, 0)).buffer(0.0001, cap_style="square")
    pond = shapely.Point(middle(2, 0)).buffer(0.003, cap_style="square")
    points = pd.DataFrame(
        {
            "source_id": ["b1", "b2", "b3"], "lon": [middle(0, 0)[0], middle(0, 0.2)[0], middle(2, 0.4)[0]],
            "lat": [middle(0, 0)[1], middle(0, 0.2)[1], middle(2, 0.4)[1]], "footprint": [house, None, None],
            "households": 1, "residents": 2, "kind": "building",
            "address": ["西门街道 安居路１２号3幢", "安居路1号", "东门路12号"], "attributes": [{}, {}, {}],
        }
    )  # fmt: skip
    with parts.database.writing() as connection:
        staffing.upsert_responders(connection, people, NOW - timedelta(days=1))
        start, end = NOW - timedelta(hours=1), NOW + timedelta(hours=8)
        ids = staffing.responder_ids(connection)
        staffing.replace_shifts(
            connection, pd.DataFrame({"responder_id": [ids["w1"]], "start": [start], "end": [end]})
        )
        ground.replace_demand(connection, points)
        pond_row = pd.DataFrame({"kind": ["water"], "name": ["pond"], "geometry": [pond]})
        ground.replace_features(connection, "test", pond_row)


@pytest.fixture
def desk(land: None, client: TestClient, key_of) -> Iterator[TestClient]:
    client.headers["X-API-Key"] = key_of(Role.DISPATCHER)
    return client


def at(column: float, row: float = 0) -> dict[str, float]:
    return dict(zip(("lon", "lat"), middle(column, row), strict=True))


def test_detail_names_owner_duty_and_how_long_it_holds(desk: TestClient) -> None:
    found = desk.get("/v1/locate", params=at(0, 0.3) | {"detail": True, "accuracy_m": 300}).json()
    assert found["cell_code"] == "west"
    assert found["owner"] == {
        "level": "grid",
        "cell_code": "west",
        "people": [{"responder": "w1", "name": "Wang", "role": "grid_worker", "on_duty": True}],
    }
    assert datetime.fromisoformat(found["valid_until"]) == NEXT
    assert found["valid_within"]["radius_m"] == pytest.approx(found["border_m"], abs=0.05)
    assert found["runner_up_code"] == "bridge"
    assert 0 < found["runner_up_probability"] < 0.5
    east = desk.get("/v1/locate", params=at(2) | {"detail": True}).json()
    assert [one["on_duty"] for one in east["owner"]["people"]] == [False]


def test_in_a_gap_the_fallback_answers(desk: TestClient) -> None:
    found = desk.get("/v1/locate", params=at(1, -0.45) | {"detail": True}).json()
    assert (found["cell_code"], found["gap"]) == (None, None)  # open to the outside: no gap, just beyond
    assert found["valid_within"]["radius_m"] > 300


def test_the_promise_of_the_circle_holds(desk: TestClient) -> None:
    found = desk.get("/v1/locate", params=at(0.3, 0.2) | {"detail": True}).json()
    circle = found["valid_within"]
    ring = [
        (circle["lon"] + dx * circle["radius_m"] / 98_000, circle["lat"] + dy * circle["radius_m"] / 112_000)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    codes = desk.post("/v1/locate/batch", json={"points": ring}).json()["cell_codes"]
    assert set(codes) == {found["cell_code"]}


def test_batch_with_detail_is_the_same_as_one_by_one(desk: TestClient) -> None:
    places = [at(0), at(2), at(1), at(0, 1)]
    points = [[one["lon"], one["lat"]] for one in places]
    batch = desk.post("/v1/locate/batch", json={"points": points, "detail": True}).json()
    for place, told in zip(places, batch["points"], strict=True):
        single = desk.get("/v1/locate", params=place | {"detail": True}).json()
        same = ("cell_code", "how", "path", "owner", "valid_within", "runner_up_code", "valid_until")
        assert {name: told[name] for name in same} == {name: single[name] for name in same}
    assert desk.post("/v1/locate/batch", json={"points": points * 126, "detail": True}).status_code == 422
    assert desk.post("/v1/locate/batch", json={"points": [[28, 118]], "detail": True}).status_code == 422


def test_premises_answer_for_their_ground(desk: TestClient, admin_key: str) -> None:
    ground = shapely.Point(middle(0, 0)).buffer(0.001)
    feature = {
        "type": "Feature",
        "geometry": shapely.geometry.mapping(ground),
        "properties": {"code": "S1", "name": "第一小学", "responsible_unit": "教育局"},
    }
    file = {"file": ("p.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]}))}
    admin = {"Authorization": f"Bearer {admin_key}", "X-API-Key": ""}
    assert desk.post("/v1/imports/premises", files=file, headers=admin).json()["new"] == 1
    assert desk.get("/v1/premises").json()["features"] == []
    done = desk.post("/v1/imports/premises?commit=true", files=file, headers=admin).json()
    assert (done["committed"], done["new"]) == (True, 1)
    again = desk.post("/v1/imports/premises?commit=true", files=file, headers=admin).json()
    assert (again["new"], again["corrected"]) == (0, 1)
    found = desk.get("/v1/locate", params=at(0) | {"detail": True}).json()
    assert found["premises"] == [{"code": "S1", "name": "第一小学", "kind": "", "responsible_unit": "教育局"}]
    body = {"source_id": "school", "occurred_at": NOW.isoformat(), **at(0)}
    assert desk.post("/v1/incidents", json=body).json()["premises"][0]["code"] == "S1"
    assert desk.get("/v1/premises").json()["features"][0]["properties"]["name"] == "第一小学"
    (named,) = desk.get("/v1/addresses", params={"q": "一小学"}).json()["addresses"]
    assert (named["building"], named["premises"], named["address"]) == (None, "S1", "第一小学")
    inside = desk.get(
        "/v1/locate", params={"lon": named["lon"], "lat": named["lat"], "detail": "true"}
    ).json()
    assert inside["premises"][0]["code"] == "S1"
    assert desk.get("/v1/addresses", params={"q": "%%"}).json()["addresses"] == []
    assert desk.delete("/v1/premises/S1", headers=admin).status_code == 204
    assert desk.delete("/v1/premises/S1", headers=admin).status_code == 404
    bow = {
        **feature,
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
    }
    refused = desk.post("/v1/imports/premises", files={"file": ("p.geojson", json.dumps(bow))}, headers=admin)
    assert refused.status_code == 422


def test_premises_hold_for_their_term_and_come_back_from_their_own_list(
    desk: TestClient, admin_key: str
) -> None:
    admin = {"Authorization": f"Bearer {admin_key}", "X-API-Key": ""}
    ground = shapely.geometry.mapping(shapely.Point(middle(2, 0)).buffer(0.001))

    def bring(name: str, **term: str) -> dict[str, Any]:
        said = {"code": "F1", "name": name, **term}
        feature = {"type": "Feature", "geometry": ground, "properties": said}
        content = json.dumps({"type": "FeatureCollection", "features": [feature]})
        files = {"file": ("p.geojson", content)}
        answer = desk.post("/v1/imports/premises?commit=true", files=files, headers=admin)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def names(moment: datetime) -> list[str]:
        query = at(2) | {"detail": True, "as_of": moment.isoformat()}
        return [one["name"] for one in desk.get("/v1/locate", params=query).json()["premises"]]

    change = NOW + timedelta(days=10)
    bring("old mill")
    assert bring("new mill", valid_from=change.isoformat())["new"] == 1
    assert names(NOW) == ["old mill"]
    assert names(change - timedelta(seconds=1)) == ["old mill"]
    assert names(change) == names(change + timedelta(days=900)) == ["new mill"]
    told = desk.get("/v1/locate", params=at(2) | {"detail": True}).json()
    assert datetime.fromisoformat(told["valid_until"]) == change
    assert bring("new mills", valid_from=change.isoformat())["corrected"] == 1
    # what the list gives can be imported again, and changes nothing
    listed = desk.get("/v1/premises", params={"at": (change + timedelta(days=1)).isoformat()})
    one = next(each for each in listed.json()["features"] if each["properties"]["code"] == "F1")
    assert datetime.fromisoformat(one["properties"]["valid_from"]) == change
    again = {"file": ("again.geojson", listed.content)}
    assert desk.post("/v1/imports/premises", files=again, headers=admin).json()["new"] == 0
    # a moment before the beginning of what is there, without an end, is refused
    gone = (change + timedelta(days=5)).isoformat()
    assert desk.delete("/v1/premises/F1", params={"at": gone}, headers=admin).status_code == 204
    assert names(change + timedelta(days=4)) == ["new mills"]
    assert names(change + timedelta(days=6)) == []
    assert desk.delete("/v1/premises/F1", headers=admin).status_code == 204
    assert names(NOW - timedelta(days=1)) == ["old mill"]
    assert names(NOW + timedelta(days=1)) == names(change + timedelta(days=4)) == []


def test_a_table_may_name_buildings_and_cells(desk: TestClient) -> None:
    lon, lat = middle(2, 0.4)
    lines = [
        "id,occurred_at,lon,lat,building,cell_code,cell_level,category",
        f"q1,2026-11-20 08:01,{lon},{lat},,west,,0104",
        "q2,2026-11-20 08:02,,,b1,,,0104",
        "q3,2026-11-20 08:03,,,安居路1号,,,0104",
        "q4,2026-11-20 08:04,,,,east,,0104",
        "q5,2026-11-20 08:05,,,,east,grid,0104",
        "q6,2026-11-20 08:06,,,,,,0104",
    ]

    def send(rows: list[str]) -> Any:
        return desk.post("/v1/incidents/table", files={"file": ("t.csv", "\n".join(rows).encode())})

    done = send(lines)
    assert done.status_code == 200, done.text
    assert done.json()["new"] == 6
    rows = desk.get("/v1/incidents?limit=1000").json()["incidents"]
    found = {one["source_id"]: one for one in rows if one["source_id"].startswith("q")}
    codes = [found[f"q{i}"]["cell_code"] for i in range(1, 7)]
    assert codes == ["east", "west", "west", "east", "east", None]
    assert [found[f"q{i}"]["how"] for i in (2, 4)] == ["inside", "by_cell"]
    wrong = [lines[0], "r1,2026-11-20 08:01,,,no such house,,,", "r2,2026-11-20 08:01,,,,nowhere,,",
             "r3,2026-11-20 08:01,,,,east,town,"]  # fmt: skip
    refused = send(wrong)
    assert refused.status_code == 422
    faults = [(fault["field"], fault["row"]) for fault in refused.json()["errors"]]
    assert faults == [("building", 1), ("cell_code", 2), ("cell_code", 3)]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("安居路12号", ["b1"]),
        ("安居路１２", ["b1"]),
        ("安居路1", ["b2", "b1"]),
        ("12号 东门", ["b3"]),
        ("12号", ["b3", "b1"]),
        ("没有的路", []),
        ("100%_'\\", []),
    ],
)
def test_addresses_are_found_by_their_parts(desk: TestClient, question: str, found: list[str]) -> None:
    answer = desk.get("/v1/addresses", params={"q": question}).json()
    assert [row["building"] for row in answer["addresses"]] == found


def test_addresses_near_go_first_and_bare_questions_are_refused(desk: TestClient) -> None:
    near = desk.get("/v1/addresses", params={"q": "12号", **at(0)}).json()["addresses"]
    assert [row["building"] for row in near] == ["b1", "b3"]
    assert desk.get("/v1/addresses", params={"q": "a b"}).status_code == 400
    beside = desk.get("/v1/addresses", params=at(0)).json()["addresses"]
    assert beside[0]["building"] == "b1"
    assert beside[0]["distance_m"] <= beside[-1]["distance_m"] <= 100
    for params in ({}, {"lon": 118.9}, {"q": "12号", "lat": 28.9}):
        refused = desk.get("/v1/addresses", params=params)
        assert refused.status_code == 400
        assert refused.json()["detail_zh"]


def test_a_report_by_building_or_cell_is_placed(desk: TestClient) -> None:
    body = {"source_id": "b", "occurred_at": NOW.isoformat(), "building": "b1", "floor": 3}
    one = desk.post("/v1/incidents", json=body).json()
    assert one["placement"]["cell_code"] == "west"
    stored = desk.get(f"/v1/incidents/{one['id']}").json()
    assert (stored["building"], stored["address"]) == ("b1", "西门街道 安居路１２号3幢")
    body = {"source_id": "c", "occurred_at": NOW.isoformat(), "level": "grid", "cell_code": "east"}
    one = desk.post("/v1/incidents", json=body).json()
    assert (one["placement"]["how"], one["placement"]["cell_code"]) == ("by_cell", "east")
    assert one["owner"]["people"][0]["name"] == "Ye"
    for wrong in ({"building": "no"}, {"level": "grid", "cell_code": "no"}, {"cell_code": "east"}):
        body = {"source_id": "w", "occurred_at": NOW.isoformat(), **wrong}
        assert desk.post("/v1/incidents", json=body).status_code == 422
    body = {"source_id": "w", "occurred_at": NOW.isoformat(), "building": "b1", **at(0)}
    assert desk.post("/v1/incidents", json=body).status_code == 422


@pytest.mark.parametrize("datum", [GCJ02, BD09])
def test_a_point_of_another_datum_is_flagged_and_not_moved(desk: TestClient, datum) -> None:
    """The house stands where the point would be if it was read from a Chinese map."""
    lon, lat = from_wgs84([middle(0, 0)], datum)[0].tolist()
    key = f"datum {datum}"
    body = {"source_id": key, "occurred_at": NOW.isoformat(), "lon": lon, "lat": lat, "floor": 2}
    one = desk.post("/v1/incidents", json=body).json()
    (flag,) = one["flags"]
    assert (flag["flag"], flag["guess"], flag["certainty"]) == ("datum", str(datum), "high")
    assert (flag["lon"], flag["lat"]) == pytest.approx(middle(0, 0), abs=1e-6)
    stored = desk.get(f"/v1/incidents/{one['id']}").json()
    assert (stored["lon"], stored["lat"]) == pytest.approx((lon, lat), abs=1e-9)
    said = desk.post("/v1/incidents", json=body | {"source_id": f"said {key}", "crs": str(datum)}).json()
    assert said["flags"] == []


def test_a_point_in_the_street_is_not_suspected(desk: TestClient) -> None:
    body = {"source_id": "street", "occurred_at": NOW.isoformat(), **at(0.2, 0.3)}
    assert desk.post("/v1/incidents", json=body).json()["flags"] == []
