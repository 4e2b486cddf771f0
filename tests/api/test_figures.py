"""Figures through the API and on the command line, on the demo town."""

import csv
import io

import geopandas as gpd
import pytest
import shapely
from starlette.testclient import TestClient

from tests.api.conftest import client_of
from tests.api.test_plan_review import publish
from tests.api.test_plans import act, cells

SPAN = {"from": "2025-06", "to": "2026-12"}


@pytest.fixture(scope="module")
def split(planner: TestClient) -> tuple[str, str, int]:
    """Cut a grid in two from this spring on; return its code, the new one's, and the edition."""
    plan = planner.post("/v1/plans", json={"name": "拆分"}).json()
    grids = cells(planner, plan, "grid")
    code = min(grids)
    west, south, east, north = shapely.geometry.shape(grids[code]["geometry"]).bounds
    x = (west + east) / 2
    line = [[x, south - 0.001], [x + 0.0001, north + 0.001]]
    act(planner, plan, "cut", cell=["grid", code], line=line)
    (new,) = set(cells(planner, plan, "grid")) - set(grids)
    answer = publish(planner, plan, note="拆分", valid_from="2026-05-01T00:00:00+08:00")
    assert answer.status_code in {200, 202}, answer.text
    edition = planner.get("/v1/editions").json()[-1]["id"]
    return code, new, edition


def counted(client: TestClient, **query):
    answer = client.get("/v1/figures/incidents", params={**SPAN, "level": "grid", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_incidents_of_last_year_in_cells_of_this_one(planner, own_app, split) -> None:
    code, new, edition = split
    now, before = counted(planner), counted(planner, cells_of="2026-01")
    assert now["edition"] == edition
    assert before["edition"] != edition
    assert now["totals"]["incidents"] == before["totals"]["incidents"] == sum(r["total"] for r in now["rows"])
    of = {row["code"]: row["total"] for row in now["rows"]}
    old = {row["code"]: row["total"] for row in before["rows"]}
    assert of[code] + of[new] == old[code]
    with own_app.state.parts.database.reading() as connection:
        points = gpd.GeoSeries.from_xy(
            *zip(
                *connection.exec_driver_sql(
                    "select st_x(geom), st_y(geom) from incident where geom is not null"
                ).all(),
                strict=True,
            ),
            crs=4326,
        )
    outlines = own_app.state.parts.tilings.get().at_level("grid")
    frame = gpd.GeoDataFrame(outlines[["code"]], geometry=outlines["geom"], crs=4326)
    joined = gpd.sjoin(gpd.GeoDataFrame(geometry=points), frame, predicate="within")
    independent = joined["code"].value_counts().to_dict()
    assert {key: n for key, n in of.items() if n and key} == independent


def test_rows_by_month_and_category_add_up_and_come_as_csv(planner, split) -> None:
    whole = counted(planner)["totals"]["incidents"]
    fine = counted(planner, by="month,category")
    assert sum(row["total"] for row in fine["rows"]) == whole
    query = {**SPAN, "level": "grid", "by": "month"}
    answer = planner.get("/v1/figures/incidents", params=query, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert sum(float(row["total"]) for row in rows) == whole
    assert planner.get("/v1/figures/incidents", params={**query, "format": "csv"}).text == answer.text


@pytest.mark.parametrize(
    ("query", "field", "status"),
    [
        ({"from": "2026-13"}, "from", 422),
        ({"from": "2027"}, "to", 422),
        ({"by": "colour"}, "by", 422),
        ({"by": "week,month"}, "by", 422),
        ({"level": "village"}, "level", 404),
        ({"timezone": "Moon/Sea"}, "timezone", 422),
        ({"cells_of": "99999"}, None, 404),
    ],
)
def test_what_cannot_be_counted_is_told(planner, query, field, status) -> None:
    answer = planner.get("/v1/figures/incidents", params={**SPAN, "level": "grid", **query})
    assert answer.status_code == status, answer.text
    if field:
        assert answer.json()["errors"][0]["field"] == field


def test_a_series_without_a_span_needs_a_time_zone_that_there_is(planner, split) -> None:
    answer = planner.get(f"/v1/cells/{split[0]}/series", params={"level": "grid", "timezone": "Moon/Sea"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "timezone"


def test_a_series_of_two_centuries_by_week_is_refused_at_once(planner, split) -> None:
    query = {"level": "grid", "from": "1970", "to": "2200", "by": "week"}
    answer = planner.get(f"/v1/cells/{split[0]}/series", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "from"
    assert planner.get(f"/v1/cells/{split[0]}/series", params={**query, "by": "year"}).status_code == 200


def test_counts_are_not_for_everybody(own_app, planner) -> None:
    assert (
        client_of(own_app, "").get("/v1/figures/incidents", params={**SPAN, "level": "grid"}).status_code
        == 401
    )


def test_the_series_of_a_place_across_its_split(planner, split) -> None:
    code, new, edition = split
    series = {}
    for one in (code, new):
        answer = planner.get(f"/v1/cells/{one}/series", params={**SPAN, "level": "grid"})
        assert answer.status_code == 200, answer.text
        series[one] = answer.json()
    of = {row["code"]: row["total"] for row in counted(planner)["rows"]}
    assert {one: sum(p["total"] for p in found["periods"]) for one, found in series.items()} == {
        one: of[one] for one in (code, new)
    }
    (broken,) = series[new]["breaks"]
    assert (broken["edition"], broken["kind"]) == (edition, "split")
    assert [cell["code"] for cell in broken["before"]] == [code]
    may = next(period for period in series[new]["periods"] if period["period"] == "2026-05")
    assert may["breaks"] == [edition]
    earlier, later = series[new]["editions"]
    assert earlier["households"]["label"] == "apportioned"
    assert later["households"]["label"] == "recorded"
    assert earlier["households"]["value"] == pytest.approx(later["households"]["value"])
    assert earlier["area_m2"] == pytest.approx(later["area_m2"], abs=1)
    text = planner.get(f"/v1/cells/{new}/series", params={**SPAN, "format": "csv"}).text
    assert text.splitlines()[0].lstrip("\ufeff").startswith("period,measured,apportioned,total,label")


def test_a_published_cut_records_counts_of_its_own(planner, split) -> None:
    code, new, _ = split
    features = planner.get("/v1/cells", params={"level": "grid", "limit": 1000}).json()["features"]
    told = {one["id"]: one["properties"]["attributes"] for one in features}
    table = planner.get("/v1/figures/cells", params={"level": "grid"}).json()["cells"]
    figures = {row["code"]: row for row in table}
    for one in (code, new):
        assert told[one]["households"] == figures[one]["households"]
        assert told[one]["residents"] == figures[one]["residents"]


def test_workload_is_told_with_its_unit(planner) -> None:
    answer = planner.get("/v1/figures/cells", params={"level": "community"}).json()
    index = [row["workload_index"] for row in answer["cells"]]
    assert sum(index) / len(index) == pytest.approx(1, abs=1e-3)
    assert answer["units"]["workload_index"] == "mean cell of the level = 1"


def test_lineage_tells_names_and_what_was_kept(planner, split) -> None:
    code, new, _ = split
    rows = planner.get(f"/v1/cells/{code}/lineage", params={"level": "grid"}).json()["lineage"]
    assert [(row["to_code"], row["kind"]) for row in rows] == [(code, "kept"), (new, "split")]
    assert sum(row["share_land"] for row in rows) == pytest.approx(1)
    assert all(row["from_name"] and row["to_name"] for row in rows)
