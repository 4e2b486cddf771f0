"""Sign boards of the demo town drawn, recorded as printed, and listed again once they are no longer true."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.api.app import create_app
from geo_service.model import Role
from geo_service.services import identity, sign_board_printing
from geo_service.settings import Settings
from tests import pdf
from tests.api.conftest import BASE, client_of
from tests.api.test_plan_review import publish
from tests.api.test_plans import act, cells

TOWN = "https://grid.example.org"
Boards = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def app(own_town_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home: Path = tmp_path_factory.mktemp("home")
    application = create_app(Settings(home=home, database_url=own_town_url, public_url=f"{TOWN}/"))
    yield application
    application.state.parts.database.close()


@pytest.fixture(scope="module")
def planner(app: FastAPI) -> TestClient:
    return client_of(app, identity.issue(app.state.parts.database, "张三", Role.PLANNER, by="test")[1])


@pytest.fixture(scope="module")
def township(planner: TestClient) -> str:
    found: list[dict[str, Any]] = planner.get("/v1/cells", params={"level": "township"}).json()["features"]
    return str(found[0]["properties"]["code"])


def stale(client: TestClient, **query: str) -> dict[str, set[str]]:
    found = client.get("/v1/sign-boards", params={"stale": "true", **query}).json()["sign_boards"]
    return {one["cell"][1]: {reason["reason"] for reason in one["reasons"]} for one in found}


def test_a_township_in_one_file_or_a_file_each(planner: TestClient, township: str) -> None:
    answer = planner.get("/v1/sign-boards/sheets", params={"cell": township, "paper": "A4"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    found = pdf.pages(answer.content)
    register = planner.get("/v1/sign-boards").json()["sign_boards"]
    assert len(found) == len(register) == 14
    assert len(pdf.links(answer.content)) == 14
    for page, board in zip(found, sorted(register, key=lambda one: one["cell"][1]), strict=True):
        assert board["printed_name"] in page.text
        assert board["printed_owner"] in page.text
        assert f"{TOWN}/who?cell={board['cell'][1]}&level=grid" in page.text
        assert "0000-8" in page.text
        assert np.allclose(page.size, (595.28, 841.89), atol=0.1)
    packed = planner.get("/v1/sign-boards/sheets", params={"cell": township, "format": "zip"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.namelist() == sorted(f"{one['cell'][1]}-A3.pdf" for one in register)


def test_one_cell_and_what_is_refused(planner: TestClient, app: FastAPI) -> None:
    one = planner.get("/v1/sign-boards").json()["sign_boards"][0]["cell"][1]
    assert len(pdf.pages(planner.get("/v1/sign-boards/sheets", params={"cell": one}).content)) == 1
    assert planner.get("/v1/sign-boards/sheets", params={"cell": "nothing"}).status_code == 404
    assert planner.get("/v1/sign-boards/sheets", params={"cell": one, "paper": "A5"}).status_code == 400
    nobody = TestClient(app, base_url=BASE)
    assert nobody.get("/v1/sign-boards/sheets", params={"cell": one}).status_code == 401


def test_what_was_printed_is_true_until_something_on_it_changes(
    planner: TestClient, app: FastAPI, township: str
) -> None:
    done = planner.post("/v1/sign-boards/prints", json={"cell": township})
    assert done.status_code == 201, done.text
    assert done.json()["printed"] == 14
    assert stale(planner) == {}
    register = {
        one["cell"][1]: one
        for one in planner.get("/v1/sign-boards", params={"within": township}).json()["sign_boards"]
    }
    assert all(one["printed_on"] and one["place"] for one in register.values())  # it hangs where it hung

    plan = planner.post("/v1/plans", json={"name": "牌"}).json()
    first, second, *_ = sorted(register)
    act(planner, plan, "rename", cell=["grid", first], name="改名网格")
    leaves = cells(planner, plan, "micro_grid")
    leaf = next(code for code, one in sorted(leaves.items()) if one["properties"]["path"][-2] == second)
    parent = cells(planner, plan, "grid")[second]["properties"]["path"][-2]
    taker = next(
        code
        for code, one in sorted(cells(planner, plan, "grid").items())
        if code not in {first, second} and one["properties"]["path"][-2] == parent
    )
    act(planner, plan, "hand_over", cells=[["micro_grid", leaf]], to=["grid", taker])
    assert publish(planner, plan, note="移交", supersede=True).status_code == 200
    found = stale(planner, within=township)
    assert {cell: reasons - {"place"} for cell, reasons in found.items()} == {
        first: {"name"},
        second: {"outline"},
        taker: {"outline"},
    }
    assert planner.post("/v1/sign-boards/prints", json={"cell": first}).json()["printed"] == 1
    assert set(stale(planner)) == {second, taker}


def test_another_number_or_another_duty_makes_boards_untrue(planner: TestClient, app: FastAPI) -> None:
    before = stale(planner)
    board = next(
        one for one in planner.get("/v1/sign-boards").json()["sign_boards"] if one["cell"][1] not in before
    )
    dispatcher = client_of(app, identity.issue(app.state.parts.database, "李", Role.DISPATCHER, by="test")[1])
    people = {
        one["name"]: one["code"] for one in dispatcher.get("/v1/responders?limit=500").json()["entries"]
    }
    address = f"/v1/responders/{people[board['printed_owner']]}/public-contact"
    assert dispatcher.put(address, json={"phone": "0000-1"}).status_code == 200
    assert stale(planner)[board["cell"][1]] == {"words"}
    assert set(stale(planner)) == {*before, board["cell"][1]}

    words = planner.get("/v1/sign-boards/words").json()
    assert words["version"] == 0
    assert [one["phone"] for one in words["report"]] == ["110", "119", "120", "122", "12345"]
    given = {**words, "office": "澜城街道办", "duties": ["巡查"]}
    assert planner.put("/v1/sign-boards/words", json=given).json()["version"] == 1
    assert planner.put("/v1/sign-boards/words", json=given).status_code == 409
    wrong = planner.put(
        "/v1/sign-boards/words", json={"version": 1, "report": [{"zh": "x"}], "colour": "red"}
    )
    assert wrong.status_code == 422
    assert {one["field"] for one in wrong.json()["errors"]} == {"report", "colour"}
    assert len(stale(planner)) == 14
    text = pdf.pages(planner.get("/v1/sign-boards/sheets", params={"cell": board["cell"][1]}).content)[0].text
    assert "澜城街道办" in text
    assert "0000-1" in text


def test_a_cell_without_a_board_gets_one(planner: TestClient, app: FastAPI) -> None:
    community = planner.get("/v1/cells", params={"level": "community"}).json()["features"][0]["properties"]
    done = planner.post("/v1/sign-boards/prints", json={"cell": community["code"], "level": "community"})
    assert done.json()["boards"] == [
        {
            "code": community["code"],
            "cell": ["community", community["code"]],
            "name": community["name"],
            "edition_id": done.json()["boards"][0]["edition_id"],
        }
    ]
    assert planner.get("/v1/sign-boards", params={"cell": community["code"]}).json()["numberMatched"] == 1


def test_a_key_for_a_part_of_the_town_draws_the_boards_of_its_cells(
    app: FastAPI, planner: TestClient, township: str
) -> None:
    communities = planner.get("/v1/cells", params={"level": "community"}).json()["features"]
    tiling = app.state.parts.tilings.get()
    own, other = (one["properties"]["code"] for one in communities[:2])
    key = identity.issue(
        app.state.parts.database, "片区", Role.DISPATCHER, by="test", cells=[f"community:{own}"]
    )[1]
    part = client_of(app, key)
    found = pdf.pages(part.get("/v1/sign-boards/sheets", params={"cell": township}).content)
    below = set(tiling.ids_below(tiling.id_of_cell("community", own)))
    assert len(found) == sum(tiling.cells["id"].isin(below) & (tiling.cells["level"] == "grid"))
    assert part.get("/v1/sign-boards/sheets", params={"cell": other}).status_code == 403
    assert part.post("/v1/sign-boards/prints", json={"cell": other}).status_code == 403


def test_no_connection_is_held_while_boards_are_drawn(
    app: FastAPI, planner: TestClient, township: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = app.state.parts.database
    held: list[Any] = []
    seen: list[int] = []
    reading, draw = database.reading, sign_board_printing.boards_pdf

    @contextmanager
    def counted() -> Iterator[Any]:
        with reading() as connection:
            held.append(connection)
            try:
                yield connection
            finally:
                held.remove(connection)

    def drawn(boards: Iterable[Any], paper: Any) -> bytes:
        def noted() -> Iterator[Any]:
            for board in boards:
                seen.append(len(held))
                yield board

        return draw(noted(), paper)

    monkeypatch.setattr(type(database), "reading", lambda _: counted())
    monkeypatch.setattr(sign_board_printing, "boards_pdf", drawn)
    assert planner.get("/v1/sign-boards/sheets", params={"cell": township, "paper": "A4"}).status_code == 200
    assert set(seen) == {0}
