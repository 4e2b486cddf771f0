"""The street asks: every field of every answer is public, and walking through the town yields no list."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.api.problems import TooManyAttemptsError
from geo_service.api.street_guard import StreetGuard, network_of
from geo_service.model import Role
from geo_service.services import identity
from geo_service.services import street as service
from geo_service.settings import Settings
from geo_service.store import roster
from tests.api.conftest import BASE, client_of

SECRET = "139-0000-9999"
FIELDS = {
    "": {"several", "choices", "cells", "beside", "people", "people_withheld", "report", "map"}
    | {"office", "office_phone"},
    "cells": {"level_zh", "level_en", "name", "code"},
    "people": {"name", "role_zh", "role_en", "cell", "phone"},
    "report": {"zh", "en", "phone"},
    "map": {"width", "height", "paths", "names", "place"},
    "paths": {"green", "water", "stream", "rail", "buildings", "paths", "minor", "major", "beside", "cell"},
    "names": {"kind", "text", "x", "y", "turn"},
}  # fmt: skip


@pytest.fixture(scope="module")
def app(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home: Path = tmp_path_factory.mktemp("home")
    application = create_app(Settings(home=home, database_url=own_town_url, who=True, who_cells_per_day=3))
    with application.state.parts.database.writing() as connection:
        for (code,) in connection.execute(text("select code from responder")).all():
            roster.set_contact(connection, code, SECRET)
    yield application
    application.state.parts.database.close()


@pytest.fixture
def street(app: FastAPI) -> TestClient:
    """Somebody without a key; what was asked before is forgotten."""
    app.state.parts.street_guard = StreetGuard(3, questions=1000)
    return TestClient(app, base_url=BASE)


@pytest.fixture(scope="module")
def dispatcher(app: FastAPI) -> TestClient:
    return client_of(app, identity.issue(app.state.parts.database, "李四", Role.DISPATCHER, by="test")[1])


@pytest.fixture(scope="module")
def boards(app: FastAPI) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = TestClient(app, base_url=BASE).get("/v1/sign-boards").json()["sign_boards"]
    return found


def ask(client: TestClient, **question: Any) -> dict[str, Any]:
    answer = client.post("/v1/who", json=question)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert SECRET not in answer.text
    told: dict[str, Any] = answer.json()
    require_public(told)
    return told


def require_public(told: dict[str, Any]) -> None:
    """Nothing stands in an answer but what is listed here."""
    assert set(told) == FIELDS[""]
    for name in ("cells", "people", "report"):
        assert all(set(one) == FIELDS[name] for one in told[name])
    if told["map"] is not None:  # levels above the grids have none
        assert set(told["map"]) == FIELDS["map"]
        assert set(told["map"]["paths"]) == FIELDS["paths"]
        assert all(set(one) == FIELDS["names"] for one in told["map"]["names"])


def test_a_place_leads_to_its_grid_its_worker_and_his_public_number(
    street: TestClient, boards: list[dict[str, Any]]
) -> None:
    board = boards[0]
    lon, lat = board["place"]
    told = ask(street, lon=lon, lat=lat, accuracy_m=5)
    assert told["cells"][-1]["code"] == board["cell"][1]
    assert [one["level_zh"] for one in told["cells"]][-1] == "网格"
    assert told["people"][0]["cell"] == board["printed_name"]
    assert told["people"][0]["role_zh"] == "网格员"
    assert told["people"][0]["phone"].startswith("0000-8")
    assert told["map"]["place"] is not None
    assert told["map"]["paths"]["cell"].startswith("M")
    by_code = ask(street, cell=board["cell"][1], level="grid")
    assert by_code["people"] == told["people"]
    assert by_code["map"]["place"] is None
    assert ask(street, text=f" {board['printed_name']} ")["people"] == told["people"]
    assert ask(street, text=board["cell"][1])["people"] == told["people"]


def test_an_address_leads_to_its_grid_and_a_street_through_several_asks_for_the_number(
    street: TestClient, app: FastAPI, dispatcher: TestClient
) -> None:
    found = dispatcher.get("/v1/addresses", params={"q": "大道", "limit": 50}).json()["addresses"]
    house = next(one for one in found if one["building"])
    told = ask(street, text=house["address"])
    located = dispatcher.get("/v1/locate", params={"lon": house["lon"], "lat": house["lat"]}).json()
    assert told["cells"][-1]["code"] in str(located)
    vague = street.post("/v1/who", json={"text": "大道"})
    assert vague.json().keys() == {"several", "choices"}
    # choices are cells and premises alone: a list of houses is not for the street
    with app.state.parts.database.reading() as connection:
        names = set(connection.execute(text("select name from premises")).scalars())
    names |= set(app.state.parts.tilings.get().cells["name"])
    assert set(vague.json()["choices"]) <= names
    for choice in vague.json()["choices"]:
        assert ask(street, text=choice)["cells"]


def test_a_street_through_a_few_grids_offers_all_of_them(street: TestClient, app: FastAPI) -> None:
    parts = app.state.parts
    with parts.database.reading() as connection:
        rows = connection.execute(text("select address, st_x(geom), st_y(geom) from demand_point")).all()
    houses = pd.DataFrame(rows, columns=["address", "lon", "lat"])
    houses["street"] = houses["address"].str.replace(r"\d.*", "", regex=True)
    tiling = parts.tilings.get()
    leaf, _ = tiling.index.leaf_of(houses[["lon", "lat"]].to_numpy())
    grids = tiling.at_level("grid").set_index("code")["name"]
    houses["grid"] = [grids[code[: len(grids.index[0])]] for code in tiling.leaf_codes[leaf]]
    lies_in = houses.groupby("street")["grid"].agg(set)
    called = " ".join(
        tiling.cells["name"][tiling.cells["level"] != tiling.levels[-1]]
    )  # cells of that name come first
    of_a_few = lies_in[
        [2 <= len(one) <= service.MOST_CHOICES and k not in called for k, one in lies_in.items()]
    ]
    assert len(of_a_few)
    for name, expected in of_a_few.iloc[:5].items():
        told = street.post("/v1/who", json={"text": name}).json()
        assert told["several"]
        assert expected <= set(told["choices"]) or len(told["choices"]) == service.MOST_CHOICES
        for choice in expected & set(told["choices"]):
            assert ask(street, text=choice)["cells"][-1]["name"] == choice


def test_part_of_the_name_of_a_cell_offers_the_cell_first(street: TestClient, app: FastAPI) -> None:
    cells = app.state.parts.tilings.get().at_level("community")
    for name, code in zip(cells["name"], cells["code"], strict=True):
        told = street.post("/v1/who", json={"text": name.removesuffix("社区")}).json()
        if told["several"]:
            assert name in told["choices"]
            assert told["choices"][0].startswith(name.removesuffix("社区"))
            told = ask(street, text=name)
        assert code in {one["code"] for one in told["cells"]}


def test_near_a_border_the_other_grid_is_named(street: TestClient, app: FastAPI) -> None:
    tiling = app.state.parts.tilings.get()
    grids = tiling.at_level("grid")
    one, other = next(
        (a, b)
        for i, a in enumerate(grids["geom"])
        for b in grids["geom"].iloc[i + 1 :]
        if a.intersection(b).length > 0
    )
    x, y = one.intersection(other).representative_point().coords[0]
    told = ask(street, lon=x, lat=y, accuracy_m=30)
    names = set(grids["name"])
    assert told["beside"] in names - {told["cells"][-1]["name"]}
    assert ask(street, lon=one.centroid.x, lat=one.centroid.y)["beside"] == ""


@pytest.mark.parametrize(
    ("question", "status", "words"),
    [
        ({"lon": 10.0, "lat": 50.0}, 404, "不在本辖区"),
        ({"text": "没有这个地方"}, 404, "没有找到"),
        ({"cell": "nothing"}, 404, "没有这个编码"),
        ({"text": "x"}, 422, "请输入地址"),
        ({"text": "% _ %"}, 422, "请输入地址"),
    ],
)
def test_what_leads_nowhere_gets_a_clear_sentence(
    street: TestClient, question: dict[str, Any], status: int, words: str
) -> None:
    answer = street.post("/v1/who", json=question)
    assert answer.status_code == status
    assert words in answer.json()["detail_zh"]


@pytest.mark.parametrize(
    "question", [{}, {"lon": 1.0}, {"lon": 1, "lat": 1, "text": "xx"}, {"level": "grid"}]
)
def test_a_question_is_one_of_three(street: TestClient, question: dict[str, Any]) -> None:
    assert street.post("/v1/who", json=question).status_code == 422


def test_who_walks_through_the_town_gets_borders_and_no_more_names(
    street: TestClient, boards: list[dict[str, Any]]
) -> None:
    told = [ask(street, cell=one["cell"][1], level="grid") for one in boards]
    assert [bool(one["people"]) for one in told] == [True] * 3 + [False] * (len(boards) - 3)
    assert [one["people_withheld"] for one in told] == [False] * 3 + [True] * (len(boards) - 3)
    assert all(one["report"] and one["map"]["paths"]["cell"] for one in told)
    # his own grids are told again and again
    assert ask(street, cell=boards[0]["cell"][1])["people"]


def test_of_large_cells_there_is_no_drawing(
    street: TestClient, boards: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = ask(street, cell=boards[0]["cell"][1], level="grid")
    above = {one["code"]: one["level_en"] for one in drawn["cells"][:-1]}
    assert len(above) >= 2
    for code in above:
        told = street.post("/v1/who", json={"cell": code}).json()
        assert told["map"] is None
        assert told["report"]
        assert told["cells"][-1]["code"] == code
    monkeypatch.setattr(service, "MOST_CELLS_DRAWN", 0)
    assert street.post("/v1/who", json={"cell": boards[0]["cell"][1]}).json()["map"] is None


def test_processes_share_the_limits() -> None:
    def told(workers: int) -> tuple[int, int]:
        names = asked = 0
        for guard in [StreetGuard.shared(40, workers) for _ in range(workers)]:
            names += sum(guard.may_name("1.2.3.4", ("grid", str(i))) for i in range(50))
            with contextlib.suppress(TooManyAttemptsError):
                for _ in range(50):
                    guard.admit("1.2.3.4")
                    asked += 1
        return names, asked

    assert told(1) == told(2) == told(4) == (40, 20)
    assert told(3) == (39, 18)
    assert told(8) == (40, 40)  # a question now and then is answered by each


def test_who_asks_too_often_waits(app: FastAPI) -> None:
    app.state.parts.street_guard = StreetGuard(3, questions=2)
    client = TestClient(app, base_url=BASE)
    for _ in range(2):
        assert client.post("/v1/who", json={"cell": "nothing"}).status_code == 404
    answer = client.post("/v1/who", json={"cell": "nothing"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "频繁" in answer.json()["detail_zh"]


def test_who_is_not_public_is_not_named(
    street: TestClient, dispatcher: TestClient, boards: list[dict[str, Any]]
) -> None:
    cell = boards[1]["cell"][1]
    named = ask(street, cell=cell)["people"]
    people = {
        one["name"]: one["code"] for one in dispatcher.get("/v1/responders?limit=500").json()["entries"]
    }
    address = f"/v1/responders/{people[named[0]['name']]}/public-contact"
    assert dispatcher.get(address).json()["phone"] == named[0]["phone"]
    assert dispatcher.delete(address).status_code == 204
    assert dispatcher.get(address).json()["is_public"] is False
    assert named[0]["name"] not in street.post("/v1/who", json={"cell": cell}).text
    assert dispatcher.put(address, json={"phone": ""}).status_code == 200
    assert ask(street, cell=cell)["people"][0] == {**named[0], "phone": ""}
    assert dispatcher.put(address, json={"phone": "call me"}).status_code == 422
    assert street.put(address, json={"phone": ""}).status_code == 401


def test_other_pages_do_not_ask_in_their_visitors_names(street: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    assert street.post("/v1/who", json={"cell": "x"}, headers=headers).status_code == 403


def test_it_is_off_unless_the_operator_switches_it_on(own_town_url: str, tmp_path: Path) -> None:
    closed = create_app(Settings(home=tmp_path, database_url=own_town_url))
    client = TestClient(closed, base_url=BASE)
    assert client.get("/who").status_code == 404
    answer = client.post("/v1/who", json={"cell": "x"})
    assert answer.status_code == 404
    assert "GEO_SERVICE_WHO" in answer.json()["detail"]
    closed.state.parts.database.close()


def test_addresses_are_told_apart_and_forgotten_after_a_day() -> None:
    now = [0.0]
    guard = StreetGuard(1, questions=1, clock=lambda: now[0], most=2)
    assert guard.may_name("1.2.3.4", ("grid", "a"))
    assert not guard.may_name("1.2.3.4", ("grid", "b"))
    assert guard.may_name("1.2.3.5", ("grid", "b"))
    assert guard.may_name("2001:db8::1", ("grid", "a"))
    assert not guard.may_name("2001:db8::ffff:1", ("grid", "b"))  # the same customer
    now[0] = 86_401.0
    assert guard.may_name("1.2.3.5", ("grid", "c"))
    assert network_of("::ffff:1.2.3.4") == network_of("1.2.3.4") == "1.2.3.4"
    assert network_of("testclient") == "testclient"
