"""The monthly report of the demo town: every figure is that of the service it comes from, and reads well."""

import csv
import io
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pandas as pd
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from geo_service.formats.monthly_drawings import count_classes, share_classes
from geo_service.model import Role
from geo_service.services import identity, monthly
from geo_service.services import jobs as job_service
from geo_service.services.jobs import StoppedError
from geo_service.store import breaches, jobs
from tests import pdf
from tests.api.conftest import BASE, client_of

MONTH = "2026-10"
SPAN = {"from": "2026-10-01", "to": "2026-11-01"}
BEFORE = {"from": "2026-09-01", "to": "2026-10-01"}
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def leader(own_app: FastAPI) -> TestClient:
    return client_of(own_app, identity.issue(own_app.state.parts.database, "王", Role.LEADER, by="test")[1])


@pytest.fixture(scope="module")
def report(leader: TestClient) -> dict[str, Any]:
    answer = leader.get("/v1/reports/monthly", params={"month": MONTH, "format": "json"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def get(client: TestClient, address: str, **query: Any) -> Any:
    answer = client.get(address, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("side", "span"), [("now", SPAN), ("then", BEFORE)])
def test_incidents_and_clocks_are_those_of_the_figures(
    leader: TestClient, own_app: FastAPI, report: dict[str, Any], side: str, span: dict[str, str]
) -> None:
    (whole,) = get(leader, "/v1/figures/response", **span)["rows"]
    told = report[side]
    counted = get(leader, "/v1/figures/incidents", **span, level="community", by="category")
    assert told["incidents"] == counted["totals"]["incidents"]  # all, whether handled here or imported
    assert told["incidents"] == sum(told["hours"]) == sum(told["categories"].values())
    by_kind: dict[str, float] = {}
    for row in counted["rows"]:
        by_kind[row["category"]] = by_kind.get(row["category"], 0) + row["total"]
    assert told["categories"] == pytest.approx(by_kind)
    assert told["handled"] == whole["incidents"] <= told["incidents"]
    for phase, figures in told["phases"].items():
        for name, value in figures.items():
            assert value == pytest.approx(whole[f"{phase}_{name}"])
    for clock, figures in told["clocks"].items():
        for name, value in figures.items():
            assert value == pytest.approx(whole[f"{clock}_{name}"], nan_ok=True)
    rows = get(leader, "/v1/figures/incidents", **span, level="community")["rows"]
    assert {row["code"]: row["incidents"] for row in told["cells"]} == {
        row["code"]: row["measured"] for row in rows if row["where"] == "cell"
    }
    with own_app.state.parts.database.reading() as connection:  # counted again by the database
        moments = connection.execute(
            text("select occurred_at from incident where occurred_at >= :a and occurred_at < :b"),
            {f"{'ab'[k]}": pd.Timestamp(day, tz=ZONE).to_pydatetime() for k, day in enumerate(span.values())},
        ).scalars()
        hours = np.bincount([one.astimezone(ZONE).hour for one in moments], minlength=24)
    assert hours.tolist() == told["hours"]


def test_breaches_vacancies_and_coverage_are_those_of_their_services(
    leader: TestClient, report: dict[str, Any]
) -> None:
    rows = get(leader, "/v1/figures/attainment", **SPAN, level="community")["rows"]
    assert report["now"]["breaches"]["breaches"] == sum(row["breaches"] for row in rows)
    assert report["now"]["breaches"]["causes"] == {
        cause: sum(row[cause] for row in rows) for cause in report["causes"]
    }
    start, end = (f"{day}T00:00:00+08:00" for day in SPAN.values())
    lack = get(leader, "/v1/vacancies", **{"from": start, "to": end})
    assert report["now"]["vacancies"]["count"] == lack["count"]
    assert report["now"]["vacancies"]["empty_posts"] == len(lack["posts"])
    assert report["now"]["people"]["at"] == "2026-10-31T12:00+08:00"
    assert report["then"]["people"]["at"] == "2026-09-26T12:00+08:00"  # a Saturday's noon as well
    at = {"at": "2026-10-31T12:00+08:00", "mode": "ebike"}
    week = get(leader, "/v1/coverage/week", **at)
    told = report["now"]["coverage"]
    assert told["now"] == pytest.approx(week["share"][5 * 24 + 12], abs=5e-4)
    assert told["worst"] == pytest.approx(min(week["share"]), abs=5e-4)
    spots = get(leader, "/v1/coverage/blind-spots", **at)["features"]
    assert told["blind_spots"] == len(spots)
    assert told["blind_households"] == round(sum(one["properties"]["households"] for one in spots))
    cells = get(leader, "/v1/figures/cells", level="community", as_of="2026-10-31T12:00:00+08:00")["cells"]
    assert {row["code"]: row["staff"] for row in report["now"]["cells"]} == {
        row["code"]: row["staff"] for row in cells
    }


def test_the_month_that_runs_beside_the_same_span_with_its_causes(
    leader: TestClient, own_app: FastAPI
) -> None:
    with own_app.state.parts.database.reading() as connection:
        last = connection.execute(text("select max(reported_at) from incident_life")).scalar_one()
    month = f"{last.astimezone(ZONE):%Y-%m}"
    found = get(leader, "/v1/reports/monthly", month=month, format="json")
    for side in ("now", "then"):
        span = {name: datetime.fromisoformat(one) for name, one in found["spans"][side].items()}
        counted = get(leader, "/v1/figures/incidents", **found["spans"][side], level="community")
        assert found[side]["incidents"] == counted["totals"]["incidents"]
        with own_app.state.parts.database.reading() as connection:
            late = breaches.late(connection, span["from"], span["to"])
        told = found[side]["breaches"]
        assert told["breaches"] == len(late)
        # worked out when the report was made; of what has no place nobody's way is known
        assert (
            told["worked_out"] == sum(told["causes"].values()) == sum(one["lon"] is not None for one in late)
        )
    assert found["now"]["breaches"]["worked_out"] > 0
    if not found["is_whole"]:
        assert found["spans"]["then"]["from"][8:] == "01T00:00+08:00"
        ends = [found["spans"][side]["to"] for side in ("now", "then")]
        assert ends[0][8:] == ends[1][8:] or ends[1][8:] == "01T00:00+08:00"  # the month before was shorter


def test_a_cell_is_broken_down_by_the_first_level_with_several(
    leader: TestClient, report: dict[str, Any]
) -> None:
    assert report["cell"]["below"] == "community"  # the town has one township
    part = report["now"]["cells"][0]
    found = get(leader, "/v1/reports/monthly", month=MONTH, cell=part["code"], format="json")
    assert found["cell"]["below"] == "grid"
    assert found["now"]["incidents"] == part["incidents"]
    assert found["now"]["clocks"]["arrive"]["within"] == part["arrive_within"]
    assert found["now"]["coverage"]["now"] == part["coverage_share"]
    assert sum(row["incidents"] for row in found["now"]["cells"]) == part["incidents"]


def test_as_pdf(leader: TestClient, report: dict[str, Any]) -> None:
    answer = leader.get("/v1/reports/monthly", params={"month": MONTH})
    assert answer.headers["content-type"] == "application/pdf"
    pages = pdf.pages(answer.content)
    assert len(pages) >= 3
    assert all(np.allclose(page.size, (595.28, 841.89), atol=0.1) for page in pages)
    words = "".join(page.text for page in pages)
    for said in (
        "2026 年 10 月网格工作月报",
        "一、事件：类别",
        "三、“567”达标",
        "四、超时与原因",
        "五、覆盖",
        "缺岗人时",
    ):
        assert said in words
    now = report["now"]
    assert f"{100 * now['clocks']['arrive']['within_share']:.1f}%" in pages[0].text
    assert f"{100 * now['coverage']['now']:.1f}%" in pages[0].text
    for row in now["cells"]:
        assert row["name"] in words
        assert row["code"] in words


def test_as_xlsx_and_csv(leader: TestClient, report: dict[str, Any]) -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(leader.get("/v1/reports/monthly", params={"month": MONTH, "format": "xlsx"}).content)
    )
    assert book.sheetnames == ["指标", "各网格 2026-10", "各网格 2026-09"]
    rows = {(row[0], row[1]): row[2:] for row in book["指标"].iter_rows(values_only=True)}
    assert rows["事件", "合计"] == (report["now"]["incidents"], report["then"]["incidents"])
    assert rows["覆盖", "当时覆盖率"][0] == pytest.approx(report["now"]["coverage"]["now"])
    assert book["各网格 2026-10"].max_row == 1 + len(report["now"]["cells"])
    text = leader.get("/v1/reports/monthly", params={"month": MONTH, "format": "csv"}).content.decode(
        "utf-8-sig"
    )
    table = list(csv.DictReader(io.StringIO(text)))
    hours = [int(row["本月"]) for row in table if row["类"] == "事件时段"]
    assert hours == report["now"]["hours"]
    first = report["now"]["cells"][0]
    assert {row["指标"]: row["本月"] for row in table if row["网格编码"] == first["code"]}["事件"] == str(
        first["incidents"]
    )


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "10-2026", "2199-01", "２０２６-10"])
def test_what_is_no_month_is_refused(leader: TestClient, month: str) -> None:
    answer = leader.get("/v1/reports/monthly", params={"month": month})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "month"


def test_who_may_read(own_app: FastAPI, report: dict[str, Any]) -> None:
    database = own_app.state.parts.database
    assert TestClient(own_app, base_url=BASE).get("/v1/reports/monthly?month=2026-10").status_code == 401
    worker = client_of(own_app, identity.issue(database, "工", Role.WORKER, by="test")[1])
    assert worker.get("/v1/reports/monthly?month=2026-10").status_code == 403
    own, other = (row["code"] for row in report["now"]["cells"][:2])
    key = identity.issue(database, "片", Role.LEADER, by="test", cells=[f"community:{own}"])[1]
    part = client_of(own_app, key)
    found = get(part, "/v1/reports/monthly", month=MONTH, format="json")
    assert found["cell"]["code"] == own  # his own, where he names none
    assert part.get(f"/v1/reports/monthly?month={MONTH}&cell={other}").status_code == 403


def test_classes_of_maps() -> None:
    classes = count_classes([0, 1, 5, 9, 20, None])
    assert len(classes.shades) == len(classes.words) == len(classes.bounds) + 1
    assert classes.shade(0) == classes.shades[0]
    assert classes.shade(20) == classes.shades[-1]
    assert count_classes([3, 3]).words == ("3",)
    assert count_classes([None]).words == ("—",)
    shares = share_classes()
    assert shares.shade(0.95) == shares.shades[-1]
    assert shares.shade(0.4999) == shares.shades[0]


@pytest.fixture
def dispatcher(own_app: FastAPI) -> TestClient:
    name = f"调度 {uuid4()}"
    return client_of(
        own_app, identity.issue(own_app.state.parts.database, name, Role.DISPATCHER, by="test")[1]
    )


def begin(client: TestClient, **query: str) -> str:
    """Ask for a report as a job; where it is."""
    wish = {"month": MONTH, **query}
    answer = client.get("/v1/reports/monthly", params=wish, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    address: str = answer.headers["location"]
    return address


def test_as_a_job_it_is_the_same_file(own_app: FastAPI, dispatcher: TestClient, leader: TestClient) -> None:
    for form in ("json", "csv", "pdf"):
        address = begin(dispatcher, format=form)
        assert dispatcher.get(f"{address}/file").status_code == 404
        own_app.state.parts.jobs.run_waiting()
        job = get(dispatcher, address)
        assert (job["state"], job["progress"]["share"]) == ("done", 1)
        assert (job["result"]["name"], job["result"]["file"]) == (f"report-{MONTH}.{form}", f"{address}/file")
        made = dispatcher.get(job["result"]["file"])
        at_once = leader.get("/v1/reports/monthly", params={"month": MONTH, "format": form})
        assert made.headers["content-type"] == at_once.headers["content-type"]
        assert job["result"]["name"] in made.headers["content-disposition"]
        assert len(made.content) == job["result"]["bytes"]
        if form == "csv":
            assert made.content == at_once.content
        elif form == "json":
            assert made.json() | {"made_at": ""} == at_once.json() | {"made_at": ""}
        else:
            assert len(pdf.pages(made.content)) == len(pdf.pages(at_once.content))
    with own_app.state.parts.database.writing() as connection:
        assert jobs.drop_files_before(connection, 3600) == 0
        assert jobs.drop_files_before(connection, 0) == 3
    assert dispatcher.get(f"{address}/file").status_code == 404


def test_a_job_says_how_far_it_is_and_goes_on_after_it_was_broken_off(
    own_app: FastAPI, dispatcher: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, count, seen = begin(dispatcher, format="csv"), monthly._vacancies, []
    monkeypatch.setattr(job_service, "STEP_EVERY_S", 0.0)

    def look(*given: Any) -> Any:
        seen.append(get(dispatcher, address)["progress"])
        if len(seen) == 2:
            raise StoppedError
        return count(*given)

    monkeypatch.setattr(monthly, "_vacancies", look)
    own_app.state.parts.jobs.run_waiting()
    assert get(dispatcher, address)["state"] == "interrupted"
    own_app.state.parts.jobs.run_waiting()
    assert (get(dispatcher, address)["state"], get(dispatcher, address)["attempts"]) == ("done", 2)
    assert [(one["phase"], one["done"], one["total"]) for one in seen] == [
        ("counting", done, 15) for done in (3, 10, 3, 10)
    ]


def test_a_job_is_cancelled_by_who_asked_for_it(
    own_app: FastAPI, dispatcher: TestClient, leader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = begin(dispatcher)
    assert leader.post(f"{waiting}/cancel").status_code == 403
    assert dispatcher.post(f"{waiting}/cancel").json()["state"] == "cancelled"
    running, cover = begin(dispatcher, format="csv"), monthly.read_week

    def cancelled_meanwhile(*given: Any) -> Any:
        assert dispatcher.post(f"{running}/cancel").json()["cancelling"] is True
        return cover(*given)

    monkeypatch.setattr(monthly, "read_week", cancelled_meanwhile)
    own_app.state.parts.jobs.run_waiting()
    assert get(dispatcher, running)["state"] == "cancelled"
    assert dispatcher.get(f"{running}/file").status_code == 404


def test_what_cannot_be_is_said_at_once_not_by_the_job(own_app: FastAPI, leader: TestClient) -> None:
    for wish, status in (({"month": "2026-13"}, 422), ({"month": "2199-01"}, 422), ({"cell": "none"}, 404)):
        query = {"month": MONTH, **wish}
        answer = leader.get("/v1/reports/monthly", params=query, headers={"Prefer": "respond-async"})
        assert answer.status_code == status
    assert own_app.state.parts.jobs.run_waiting() == 0


def test_a_key_for_a_part_sees_its_own_jobs_alone(
    own_app: FastAPI, dispatcher: TestClient, report: dict[str, Any]
) -> None:
    own = report["now"]["cells"][0]["code"]
    database, name = own_app.state.parts.database, f"片 {uuid4()}"
    part = client_of(
        own_app, identity.issue(database, name, Role.LEADER, by="test", cells=[f"community:{own}"])[1]
    )
    address, other = begin(part, format="json"), begin(dispatcher, format="csv")
    own_app.state.parts.jobs.run_waiting()
    assert part.get(get(part, address)["result"]["file"]).json()["cell"]["code"] == own
    for hidden in (part.get(other), part.get(f"{other}/file"), part.post(f"{other}/cancel")):
        assert hidden.status_code == 404
