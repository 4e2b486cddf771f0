"""The answers for those who lead, on the demo town: each figure is the one of the service that makes it."""

import base64
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services import identity
from geo_service.services.lead_readings import NOTHING
from geo_service.services.tiling import Tiling, Tilings

pytestmark = pytest.mark.postgis
#: A working day of the demo's roster, in the middle of an hour.
AT = "2026-11-20T18:25:00+08:00"
KINDS = ("coverage", "depth", "staffing", "incidents", "overdue", "patrol")
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def tiling(own_app: FastAPI) -> Tiling:
    return Tilings(own_app.state.parts.database).get()


@pytest.fixture(scope="module")
def leader(own_app: FastAPI) -> Iterator[TestClient]:
    with TestClient(own_app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as made:
        made.headers["X-API-Key"] = identity.issue(
            own_app.state.parts.database, "lead", Role.LEADER, by="test"
        )[1]
        yield made


@pytest.fixture(scope="module")
def ask(leader: TestClient) -> Ask:
    def get(path: str, **params: object) -> Any:
        answer = leader.get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


@pytest.fixture(scope="module")
def summary(ask: Ask) -> dict[str, Any]:
    return ask("lead/summary", at=AT)


def test_coverage_is_that_of_the_reading_and_its_week(ask: Ask, summary: dict[str, Any]) -> None:
    told = summary["coverage"]
    run = ask("coverage", at=AT)
    assert told["share"] == pytest.approx(run["share"], abs=1e-12)
    week = ask("coverage/week", at=AT, mode="ebike")
    assert told["hours"] == pytest.approx(week["share"], abs=1e-6)
    assert told["worst"]["hour"] == week["worst"]["hour"]
    assert told["hour"] == 4 * 24 + 18  # Friday, 18 h
    assert told["depth"] == sorted(told["depth"], reverse=True)
    assert told["depth"][0] == told["share"]
    assert 0 < told["share"] < 1
    assert told["unreached"] == pytest.approx(told["households"] * (1 - told["share"]))


def test_the_other_tiles_are_those_of_their_services(ask: Ask, summary: dict[str, Any]) -> None:
    start, end = "2026-11-20T18:00:00+08:00", "2026-11-21T18:00:00+08:00"
    lacking = ask("vacancies", **{"from": start, "to": end})
    assert summary["vacancies"]["person_hours"] == sum(one["person_hours"] for one in lacking["cells"])
    assert summary["vacancies"]["now"] == sum(one["lacking"][0] for one in lacking["cells"])
    span = {"from": "2026-11-13T18:26:00+08:00", "to": "2026-11-20T18:26:00+08:00"}
    (response,) = ask("figures/response", **span)["rows"]
    now = summary["clocks"]["now"]
    for phase in ("arrive", "handle", "close"):
        assert now[phase]["within"] == response[f"{phase}_within"]
        assert now[phase]["decided"] == response[f"{phase}_decided"]
        assert now[phase]["share"] == response[f"{phase}_within_share"]
    day = ask("figures/incidents", **{"from": "2026-11-20", "to": AT, "level": "county"})
    assert summary["incidents"]["today"] == day["totals"]["incidents"] == sum(summary["incidents"]["by_hour"])
    usual = summary["incidents"]["usual_by_hour"]
    assert summary["incidents"]["usual_day"] == pytest.approx(sum(usual), abs=0.2)
    assert sum(usual[:18]) <= summary["incidents"]["usual_by_now"] + 0.2 <= sum(usual[:19]) + 0.4
    assert summary["staff"]["on_duty"] == sum(summary["staff"]["by_role"].values()) > 0
    assert summary["patrol"]["days"] == len(summary["patrol"]["by_day"])


def test_the_parts_of_the_town_add_up_to_it(ask: Ask, summary: dict[str, Any], tiling: Tiling) -> None:
    codes = tiling.at_level("community")["code"].tolist()
    parts = [ask("lead/summary", at=AT, cell=code) for code in codes]
    for one, code in zip(parts, codes, strict=True):
        assert one["cell"]["code"] == code
        assert one["cell"]["path"][-1]["code"] == code
        assert one["levels"] == ["community", "grid", "micro_grid"]
    for name in ("households", "unreached", "sole"):
        assert sum(one["coverage"][name] for one in parts) == pytest.approx(summary["coverage"][name])
    assert sum(one["facts"]["area_km2"] for one in parts) == pytest.approx(
        summary["facts"]["area_km2"], abs=1e-2
    )
    assert sum(one["incidents"]["today"] for one in parts) <= summary["incidents"]["today"]
    assert sum(one["staff"]["on_duty"] for one in parts) <= summary["staff"]["on_duty"]


@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_told_by_every_reading_and_only_those_looked_at(
    ask: Ask, tiling: Tiling, kind: str
) -> None:
    every = ask("lead/cells", at=AT, level="grid", reading=kind)
    assert set(every["values"]) == set(tiling.at_level("grid")["code"])
    assert len(every["breaks"]) == len(every["colors"]) >= 1
    assert every["title"]["zh"]
    assert every["title"]["en"]
    community = tiling.at_level("community")["code"].iloc[0]
    some = ask("lead/cells", at=AT, level="grid", reading=kind, cell=community)
    assert set(some["values"]) < set(every["values"])
    assert all(some["values"][code] == every["values"][code] for code in some["values"])


def test_the_cells_coverage_is_that_of_the_reading(ask: Ask) -> None:
    told = ask("lead/cells", at=AT, level="grid")["values"]
    for cell in ask("coverage/reading/cells", at=AT, level="grid", mode="ebike")["cells"]:
        assert told[cell["code"]] == pytest.approx(cell["households_share"], abs=1e-3)


def test_a_week_is_small_and_says_the_same(ask: Ask, tiling: Tiling) -> None:
    told = ask("lead/week", at=AT, level="grid")
    shares = np.frombuffer(base64.b64decode(told["share"]), "<u2").reshape(len(told["codes"]), -1)
    assert shares.shape[1] == max(told["states"]) + 1
    by_code = dict(zip(told["codes"], shares, strict=True))
    for cell in ask("coverage/week", at=AT, mode="ebike", level="grid")["cells"]:
        found = by_code[cell["code"]][told["states"]] / 10_000
        assert found == pytest.approx(np.array(cell["share"], float), abs=6e-4)
    community = tiling.at_level("community")["code"].iloc[1]
    part = ask("lead/week", at=AT, level="grid", cell=community)
    assert set(part["codes"]) < set(told["codes"])


def test_a_card_tells_of_one_cell(ask: Ask, tiling: Tiling, leader: TestClient) -> None:
    code = tiling.at_level("grid")["code"].iloc[0]
    card = ask("lead/card", at=AT, cell=code)
    assert card["cell"]["code"] == code
    owners = ask(f"cells/{code}/on-duty", at=AT)
    assert card["owner"]["people"]
    working = {one["code"] for group in owners["own"] for one in group["people"]}
    assert {one["responder"] for one in card["owner"]["people"] if one["on_duty"]} <= working | {""}
    assert card["shifts"] == sorted(card["shifts"], key=lambda one: (one["start"], one["end"]))
    assert all(sum(one["by_role"].values()) == one["count"] for one in card["shifts"])
    assert len(card["incidents"]["weeks"]) == 12
    assert card["coverage"]["share"] == ask("lead/summary", at=AT, cell=code)["coverage"]["share"]
    assert isinstance(card["history"], list)
    assert leader.get("/v1/lead/card").status_code == 422


def test_figures_over_days_compare_cells_and_spans(ask: Ask, leader: TestClient, tiling: Tiling) -> None:
    days = {"from": "2026-11-16", "to": "2026-11-22"}
    whole = ask("lead/figures", **days)
    counted = ask("figures/incidents", **{"from": "2026-11-16", "to": "2026-11-23", "level": "county"})
    assert whole["incidents"]["count"] == counted["totals"]["incidents"]
    assert whole["coverage"]["hours"] == 168
    assert whole["coverage"]["worst"] <= whole["coverage"]["mean"]
    part = ask("lead/figures", cell=tiling.at_level("grid")["code"].iloc[0], **days)
    assert part["incidents"]["count"] <= whole["incidents"]["count"]
    day = ask("lead/figures", **{"from": "2026-11-18", "to": "2026-11-18"})
    assert day["coverage"]["hours"] == 24
    backwards = leader.get("/v1/lead/figures", params={"from": "2026-11-22", "to": "2026-11-16"})
    assert backwards.status_code == 422
    assert "起止日期" in backwards.json()["detail_zh"]


def test_a_key_for_a_part_sees_its_part(own_app: FastAPI, ask: Ask, tiling: Tiling) -> None:
    communities = tiling.at_level("community")
    own, other = communities["code"].iloc[0], communities["code"].iloc[1]
    cells = [f"community:{own}"]
    key = identity.issue(own_app.state.parts.database, "a part", Role.LEADER, by="test", cells=cells)[1]
    with TestClient(own_app, base_url="http://127.0.0.1:8000") as client:
        client.headers["X-API-Key"] = key
        told = client.get("/v1/lead/summary", params={"at": AT}).json()
        assert told["cell"]["code"] == own
        assert told["coverage"] == ask("lead/summary", at=AT, cell=own)["coverage"]
        assert client.get("/v1/lead/summary", params={"cell": other}).status_code == 403
        assert client.get("/v1/lead/card", params={"cell": other}).status_code == 403
        values = client.get("/v1/lead/cells", params={"at": AT, "level": "grid"}).json()["values"]
        assert set(values) == set(ask("lead/cells", at=AT, level="grid", cell=own)["values"])
        above = client.get("/v1/lead/week", params={"level": "township"})
        assert above.status_code == 422
        card = client.get("/v1/lead/card", params={"cell": own, "at": AT}).json()
        assert card["above"] == []
        page = client.get("/lead")
        assert page.status_code == 200
        assert own in page.text
        assert 'data-whole="no"' in page.text  # siting is not offered


def test_who_may_look(own_app: FastAPI, leader: TestClient) -> None:
    with TestClient(own_app, base_url="http://127.0.0.1:8000") as client:
        assert client.get("/v1/lead/summary").status_code == 401
        key = identity.issue(own_app.state.parts.database, "dispatcher", Role.DISPATCHER, by="test")[1]
        refused = client.get("/v1/lead/summary", headers={"X-API-Key": key})
        assert refused.status_code == 403
    assert leader.get("/v1/lead/summary", params={"cell": "nowhere"}).status_code == 404
    again = leader.get("/v1/lead/summary", params={"at": AT})
    marked = leader.get(
        "/v1/lead/summary", params={"at": AT}, headers={"If-None-Match": again.headers["etag"]}
    )
    assert marked.status_code == 304


def test_hours_of_the_week_in_which_posts_are_kept(ask: Ask, summary: dict[str, Any], tiling: Tiling) -> None:
    kept = summary["posts"]["hours"]
    assert [one["hour"] for one in kept] == sorted({one["hour"] for one in kept})
    assert {one["hour"] // 24 for one in kept} <= set(range(5))  # gates of schools, on schooldays
    monday = datetime.fromisoformat("2026-11-16T00:00:00+08:00")
    for one in kept[:2]:
        at = monday + timedelta(hours=one["hour"], minutes=one["minute"])
        assert ask("lead/summary", at=at.isoformat())["staff"]["at_posts"] == one["people"] > 0
    lone = monday + timedelta(hours=2)
    assert ask("lead/summary", at=lone.isoformat())["staff"]["at_posts"] == 0
    codes = tiling.at_level("community")["code"]
    parts = [ask("lead/summary", at=AT, cell=code)["posts"]["hours"] for code in codes]
    assert {one["hour"] for part in parts for one in part} == {one["hour"] for one in kept}


def test_nothing_overdue_is_drawn_in_a_colour_that_warns_of_nothing(ask: Ask) -> None:
    told = ask("lead/cells", at=AT, level="grid", reading="overdue")
    assert told["breaks"][0] == 0
    assert told["colors"][0] == NOTHING
    assert NOTHING not in told["colors"][1:]


def test_the_page_offers_siting_to_keys_for_the_whole_town(leader: TestClient) -> None:
    assert 'data-whole="yes"' in leader.get("/lead").text


def test_patrols_against_incidents_are_those_of_the_service(ask: Ask, tiling: Tiling) -> None:
    told = ask("lead/patrols", at=AT, level="grid")
    assert (told["from"], told["to"]) == ("2026-11-13", "2026-11-19")
    whole = ask("patrol/against-incidents", **{"from": told["from"], "to": told["to"], "level": "grid"})
    assert told["incidents"] == whole["incidents"]
    assert told["rank_correlation"] == whole["rank_correlation"]
    assert told["match"] is None or 0 <= told["match"] <= 1


def test_fixed_routes_of_the_week_as_csv_too(ask: Ask, leader: TestClient) -> None:
    assert ask("lead/routes")["routes"] == []
    told = leader.get("/v1/lead/routes", params={"format": "csv"})
    assert told.headers["content-type"].startswith("text/csv")
    assert told.text.startswith("\ufeff路线编号,路线名称")
