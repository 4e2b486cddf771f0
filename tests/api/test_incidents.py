"""Reporting over HTTP: once each, the stored place is answered, bad reports are named whole."""

from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from tests.services.places import grid, middle, table

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


def body(key: str, column: float = 0, **more: object) -> dict[str, object]:
    lon, lat = middle(column, 0)
    return {"source_id": key, "occurred_at": NOW.isoformat(), "lon": lon, "lat": lat, **more}


def test_a_report_before_any_boundaries_is_kept_and_a_later_one_is_placed(admin: TestClient, app) -> None:
    early = admin.post("/v1/incidents", json=body("early"))
    assert early.status_code == 201
    assert early.json()["placement"]["how"] == "none"
    parts = app.state.parts
    draft = draft_import(BoundaryImport(table(grid(2, 1)), "grid"), None, [])
    publish(parts.database, parts.tilings, draft, who="t", note="")
    placed = admin.get(early.headers["location"]).json()
    assert placed["placement"]["cell_code"] == "c00r00"
    first = admin.post("/v1/incidents", json=body("a", 1))
    assert first.status_code == 201
    assert first.json()["placement"]["path"] == [{"level": "grid", "code": "c01r00", "name": "cell c01r00"}]
    again = admin.post("/v1/incidents", json=body("a", 0))
    assert (again.status_code, again.json()["new"]) == (200, False)
    assert again.json()["placement"]["cell_code"] == "c01r00"  # what is stored, not what is sent now


def test_pages_keep_the_filter(admin: TestClient) -> None:
    reports = [body(f"p{i}", how) for i, how in enumerate([0, 0, 0, 5, 5])]
    assert admin.post("/v1/incidents/batch", json={"reports": reports}).json()["new"] == 5
    page = admin.get("/v1/incidents?limit=1&how=inside").json()
    seen = 0
    while page["incidents"]:
        assert {one["how"] for one in page["incidents"]} == {"inside"}
        seen += 1
        if page["next"] is None:
            break
        page = admin.get(page["next"]).json()
    assert seen >= 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
        ({"occurred_at": (NOW + timedelta(days=3)).isoformat()}, "occurred_at"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"lat": None}, "lat"),
        ({"lon": 28.9, "lat": 118.9}, "lon"),
        ({"crs": "MARS"}, "crs"),
        ({"accuracy_m": 2e-62}, "accuracy_m"),
        ({"urgency": "very"}, "urgency"),
        ({"resident": "x"}, "resident"),
    ],
)
def test_a_bad_report_is_refused_by_field(admin: TestClient, change: dict, field: str) -> None:
    answer = admin.post("/v1/incidents", json=body("bad") | change)
    assert answer.status_code == 422, answer.text
    fields = [fault["field"] for fault in answer.json()["errors"]]
    assert len(fields) == 1
    assert fields[0].endswith(field)


def test_a_device_reports_as_itself(client: TestClient, key_of) -> None:
    from geo_service.model import Role

    client.headers["X-API-Key"] = key_of(Role.DEVICE)
    refused = client.post("/v1/incidents/batch", json={"source": "somebody", "reports": [body("x")]})
    assert refused.status_code == 403
    assert client.post("/v1/incidents/batch", json={"reports": [body("x")]}).status_code == 200
