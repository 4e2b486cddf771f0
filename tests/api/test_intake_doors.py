"""Many doors, one intake: streams, tables, signed messages, Open311, photos; each report exactly once."""

import base64
import hashlib
import hmac
import json
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from geo_service.model import Role
from geo_service.services.drafting import BoundaryImport, draft_import
from geo_service.services.publishing import publish
from tests.services.places import grid, middle, table

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


@pytest.fixture(scope="module")
def land(app) -> None:
    parts = app.state.parts
    draft = draft_import(BoundaryImport(table(grid(2, 1)), "grid"), None, [])
    publish(parts.database, parts.tilings, draft, who="t", note="")


@pytest.fixture
def desk(land: None, client: TestClient, key_of) -> Iterator[TestClient]:
    client.headers["X-API-Key"] = key_of(Role.DISPATCHER)
    return client


def body(key: str, column: float = 0, **more: object) -> dict[str, Any]:
    lon, lat = middle(column, 0)
    return {"source_id": key, "occurred_at": NOW.isoformat(), "lon": lon, "lat": lat} | more


def count(service_database, where: str = "true") -> int:
    with service_database.reading() as connection:
        query = f"select count(*) from incident join incident_life on incident_id = id where {where}"
        return connection.exec_driver_sql(query).scalar_one()


# ----------------------------------------------------------------------------------------------- stream


def stream(desk: TestClient, lines: list[object], **query: str) -> list[dict[str, Any]]:
    content = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    headers = {"Content-Type": "application/x-ndjson"}
    answer = desk.post("/v1/incidents/stream", content=content, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_stream_takes_good_lines_and_names_bad_ones(desk: TestClient, service_database) -> None:
    lines = [body("s1"), b"{broken", body("s2", lon=float("inf")), body("s3", lat=95), b"", body("s1", 1)]
    lines += [body("s4", occurred_at="9999-01-01T00:00:00Z"), b'{"source_id": "\\u0000"}', [1], body("s5", 1)]
    told = stream(desk, lines)
    by_line = {one["line"]: one for one in told[:-1]}
    assert by_line[1]["new"] is True
    assert (by_line[6]["id"], by_line[6]["new"]) == (by_line[1]["id"], False)
    assert by_line[10]["new"] is True
    assert all("errors" in by_line[number] for number in (2, 3, 4, 7, 8, 9))
    assert told[-1] == {"received": 10, "new": 2, "repeated": 1, "refused": 6}
    again = stream(desk, lines)
    assert again[-1] == {"received": 10, "new": 0, "repeated": 3, "refused": 6}
    assert count(service_database, "source_id in ('s1', 's5')") == 2


def test_a_long_stream_is_taken_in_chunks(desk: TestClient) -> None:
    lines: list[object] = [body(f"long {i}", i % 2) for i in range(1203)]
    told = stream(desk, lines, source="gateway")
    assert told[-1] == {"received": 1203, "new": 1203, "repeated": 0, "refused": 0}
    assert [one["line"] for one in told[:-1]] == list(range(1, 1204))


def test_of_too_many_lines_the_last_are_not_read(desk: TestClient, monkeypatch) -> None:
    monkeypatch.setattr("geo_service.api.routes.intake_many.MAX_LINES", 1000)
    told = stream(desk, [b""] * 999 + [body("last read")] + [body("not read"), b"", body("nor this")])
    assert told[0]["line"] == 1000
    assert told[-1] == {"received": 1000, "new": 1, "repeated": 0, "refused": 0, "not_read": 3}


def test_a_line_without_end_and_too_large_a_stream_are_refused(desk: TestClient) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    assert desk.post("/v1/incidents/stream", content=b"x" * 50_000, headers=headers).status_code == 400
    assert desk.post("/v1/incidents/stream", content=b"x" * 20_000_001, headers=headers).status_code == 413


def test_the_same_report_at_once_is_one_incident(desk: TestClient, service_database) -> None:
    answers: list[int] = []

    def send() -> None:
        answers.append(desk.post("/v1/incidents", json=body("at once")).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 7 + [201]
    assert count(service_database, "source_id = 'at once'") == 1


# ------------------------------------------------------------------------------------------------ table


def test_a_table_is_taken_whole_or_not_at_all(desk: TestClient, service_database) -> None:
    lon, lat = middle(0, 0)
    head = "id,occurred_at,lon,lat,category,urgency,channel,floor\n"
    rows = [f"t{i},2026-11-20 08:0{i},{lon},{lat},0104,,12345热线,3楼\n" for i in range(3)]
    file = {"file": ("reports.csv", (head + "".join(rows)).encode())}
    done = desk.post("/v1/incidents/table", files=file).json()
    assert (done["new"], done["placed"]["inside"]) == (3, 3)
    assert desk.post("/v1/incidents/table", files=file).json()["new"] == 0
    assert count(service_database, "source_id ~ '^t[0-2]$' and channel = 'hotline'") == 3
    bad = {
        "file": (
            "reports.csv",
            (head + rows[0].replace("t0", "t9") + rows[1].replace("热线", "鸽子")).encode(),
        )
    }
    refused = desk.post("/v1/incidents/table", files=bad)
    assert refused.status_code == 422
    assert [(fault["field"], fault["row"]) for fault in refused.json()["errors"]] == [("channel", 2)]
    assert count(service_database, "source_id = 't9'") == 0
    assert "来电" in refused.json()["errors"][0]["message_zh"]
    assert "1 处错误" in refused.json()["detail_zh"]


def test_a_table_that_cannot_be_read_says_why_in_both_languages(desk: TestClient) -> None:
    def faults_of(text: str) -> dict[str, str]:
        refused = desk.post("/v1/incidents/table", files={"file": ("t.csv", text.encode())})
        assert refused.status_code == 422
        return {fault["field"]: fault["message_zh"] for fault in refused.json()["errors"]}

    assert "缺少“id”列" in faults_of("事件,时间\nx,2026-11-22 09:40\n")["id"]
    said = faults_of("编号,时间,紧急程度,楼层,经度,纬度\nB-1,昨天,很急,天台,东,28.9\n")
    assert "2026-11-22 08:30" in said["时间"]
    assert "特急" in said["紧急程度"]
    assert "地下1层" in said["楼层"]
    assert said["经度"] == "须为数"
    assert faults_of("编号,时间\n")[""] == "表中只有表头，没有数据"
    assert faults_of("")["file"] == "请选择有内容的文件"


def test_rows_of_a_table_that_lie_in_no_cell_or_nowhere_are_named(desk: TestClient) -> None:
    lon, lat = middle(0, 0)
    rows = [
        "编号,时间,经度,纬度",
        f"far-1,2026-11-20 08:00,{lon},{lat}",
        "far-2,2026-11-20 08:01,128.5,38.25",
        "far-3,2026-11-20 08:02,,",
    ]
    done = desk.post("/v1/incidents/table", files={"file": ("t.csv", "\n".join(rows).encode())}).json()
    assert done["new"] == 3
    [far] = done["in_no_cell"]
    assert (far["row"], far["source_id"], far["place"]) == (2, "far-2", [128.5, 38.25])
    assert desk.get(f"/v1/incidents/{far['id']}").status_code == 200
    assert [(one["row"], one["source_id"]) for one in done["unlocated"]] == [(3, "far-3")]


# ----------------------------------------------------------------------------------------------- signed


@pytest.fixture(scope="module")
def source(app, admin_key: str, land: None) -> dict[str, Any]:
    client = TestClient(
        app, base_url="http://127.0.0.1:8000", headers={"Authorization": f"Bearer {admin_key}"}
    )
    made = client.post("/v1/report-sources", json={"name": "smoke-detectors", "channel": "sensor"})
    assert made.status_code == 201
    assert "secret" not in client.get("/v1/report-sources").text
    assert client.post("/v1/report-sources", json={"name": "smoke-detectors"}).status_code == 409
    return made.json()


def signed(
    source: dict[str, Any], content: bytes, key: str = "m1", at: float | None = None
) -> dict[str, str]:
    """The scheme as its own text has it, written down independently of the service."""
    stamp = str(int(time.time() if at is None else at))
    secret = base64.b64decode(source["secret"].removeprefix("whsec_"))
    mac = hmac.new(secret, f"{key}.{stamp}.".encode() + content, hashlib.sha256).digest()
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1,AAAA v1," + base64.b64encode(mac).decode(),
        "content-type": "application/json",
    }


def test_a_signed_report_is_taken_in_once(client: TestClient, source, service_database) -> None:
    given = body("", channel="sensor")
    del given["source_id"]
    content = json.dumps(given).encode()
    headers = signed(source, content)
    first = client.post(source["address"], content=content, headers=headers)
    assert first.status_code == 200, first.text
    assert first.json()["new"] == 1
    replayed = client.post(source["address"], content=content, headers=headers)
    assert (replayed.json()["new"], replayed.json()["ids"]) == (0, first.json()["ids"])
    assert count(service_database, "source = 'webhook smoke-detectors'") == 1
    batch = json.dumps({"type": "x", "data": {"reports": [body("w1"), body("w2", 1)]}}).encode()
    done = client.post(source["address"], content=batch, headers=signed(source, batch, "m2"))
    assert done.json()["new"] == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 40, b"\xff", b"NaN"])
def test_what_is_signed_and_no_report_is_refused(client: TestClient, source, content: bytes) -> None:
    client.app.state.parts.attempts.__init__()
    refused = client.post(source["address"], content=content, headers=signed(source, content, "no report"))
    assert refused.status_code in {400, 422}, refused.text
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("wrong", ["body", "secret", "old", "early", "no headers", "name", "id"])
def test_what_is_not_signed_rightly_is_refused(
    client: TestClient, source, service_database, wrong: str
) -> None:
    client.app.state.parts.attempts.__init__()
    content, before = json.dumps(body(f"wrong {wrong}")).encode(), count(service_database)
    headers, address = signed(source, content), source["address"]
    if wrong == "body":
        content = content.replace(b"wrong", b"other")
    if wrong == "secret":
        other = {**source, "secret": "whsec_" + base64.b64encode(b"x" * 32).decode()}
        headers = signed(other, content)
    if wrong in {"old", "early"}:
        headers = signed(source, content, at=time.time() + (600 if wrong == "early" else -600))
    if wrong == "no headers":
        headers = {}
    if wrong == "name":
        address = "/v1/signed-reports/nobody"
    if wrong == "id":
        headers["webhook-id"] = "another"
    refused = client.post(address, content=content, headers=headers)
    assert refused.status_code == 401, refused.text
    assert count(service_database) == before


def test_who_guesses_signatures_is_slowed_down(client: TestClient, source) -> None:
    client.app.state.parts.attempts.__init__()
    content = b"{}"
    answers = [client.post(source["address"], content=content).status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]
    client.app.state.parts.attempts.__init__()


def test_a_revoked_source_is_not_heard(admin: TestClient, source) -> None:
    made = admin.post("/v1/report-sources", json={"name": "gone", "channel": "web"}).json()
    assert admin.delete(f"/v1/report-sources/{made['id']}").status_code == 204
    assert admin.delete(f"/v1/report-sources/{made['id']}").status_code == 404
    content = json.dumps(body("gone")).encode()
    assert admin.post(made["address"], content=content, headers=signed(made, content)).status_code == 401


def test_reports_get_in_while_questions_hold_every_other_connection(
    desk: TestClient, service_database, key_of
) -> None:
    lon, lat = middle(0, 0)
    sheet = f"id,occurred_at,lon,lat,category\nbusy,2026-11-20 08:00,{lon},{lat},0104\n"
    form = {"api_key": key_of(Role.DEVICE), "service_code": "0104", "lat": str(lat), "long": str(lon)}
    doors = {
        "/v1/incidents/table": {"files": {"file": ("reports.csv", sheet.encode())}},
        "/open311/v2/requests.json": {"data": form, "headers": {"X-API-Key": ""}},
    }
    desk.get("/v1/me")
    with ExitStack() as held:
        for engine in (service_database.read, service_database.write):
            for _ in range(engine.pool.size()):
                held.enter_context(engine.connect())
        for address, given in doors.items():
            answer = desk.post(address, **given)
            assert answer.status_code in {200, 201}, (address, answer.text)


# --------------------------------------------------------------------------------------------- Open311


def test_an_open311_app_reports_and_follows_up(client: TestClient, land: None, key_of) -> None:
    services = client.get("/open311/v2/services.json").json()
    lamp = next(one for one in services if one["service_code"] == "0104")
    assert (lamp["type"], lamp["metadata"], lamp["group"]) == ("realtime", False, "公用设施")
    xml = ET.fromstring(client.get("/open311/v2/services.xml").content)
    assert (xml.tag, xml[0].tag, len(xml)) == ("services", "service", len(services))
    lon, lat = middle(1, 0)
    form = {
        "api_key": key_of(Role.DEVICE), "service_code": "0104", "lat": str(lat), "long": str(lon),
        "description": "dark <b>here</b>", "email": "a@b.c", "first_name": "Li", "phone": "13800000000",
        "jurisdiction_id": "town",
    }  # fmt: skip
    made = client.post("/open311/v2/requests.json", data=form, headers={"Idempotency-Key": "o1"})
    assert made.status_code == 201, made.text
    (told,) = made.json()
    again = client.post("/open311/v2/requests.json", data=form, headers={"Idempotency-Key": "o1"})
    assert again.json()[0]["service_request_id"] == told["service_request_id"]
    key = told["service_request_id"]
    query = {"api_key": key_of(Role.DEVICE)}
    (row,) = client.get(f"/open311/v2/requests/{key}.json", params=query).json()
    assert (row["status"], row["service_code"], row["lat"]) == ("open", "0104", pytest.approx(lat))
    assert row["description"] == "dark <b>here</b>"
    listed = client.get("/open311/v2/requests.xml", params=query | {"status": "open"})
    assert listed.headers["content-type"].startswith("application/xml")
    root = ET.fromstring(listed.content)
    assert root.tag == "service_requests"
    assert root.find("request/description").text == "dark <b>here</b>"
    stored = client.get(f"/v1/incidents/{key}", headers={"X-API-Key": key_of(Role.DISPATCHER)})
    assert not any(word in stored.text for word in ("a@b.c", "13800000000", '"Li"'))
    assert stored.json()["placement"]["cell_code"] == "c01r00"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"api_key": ""}, 403),
        ({"api_key": "gsk_wrong"}, 403),
        ({"service_code": "none"}, 404),
        ({"service_code": ""}, 400),
        ({"lat": "nan"}, 400),
        ({"lat": "", "long": ""}, 400),
        ({"lat": "900"}, 400),
    ],
)
def test_open311_errors_have_the_shape_of_the_standard(
    client: TestClient, land: None, key_of, change: dict, status: int
) -> None:
    client.app.state.parts.attempts.__init__()
    lon, lat = middle(1, 0)
    form = {"api_key": key_of(Role.DEVICE), "service_code": "0104", "lat": str(lat), "long": str(lon)}
    answer = client.post("/open311/v2/requests.json", data=form | change)
    assert answer.status_code == status, answer.text
    assert answer.json()[0]["code"] == status
    xml = ET.fromstring(client.post("/open311/v2/requests.xml", data=form | change).content)
    assert (xml.tag, xml.find("error/code").text) == ("errors", str(status))


def test_a_device_sees_only_what_it_reported(client: TestClient, desk: TestClient, key_of) -> None:
    other = desk.post("/v1/incidents", json=body("of the desk")).json()["id"]
    query = {"api_key": key_of(Role.DEVICE)}
    headers = {"X-API-Key": ""}
    assert client.get(f"/open311/v2/requests/{other}.json", params=query, headers=headers).status_code == 404
    listed = client.get("/open311/v2/requests.json", params=query, headers=headers).json()
    assert other not in [one["service_request_id"] for one in listed]
    assert client.get("/open311/v2/requests.json", headers=headers).status_code == 403


# ----------------------------------------------------------------------------------------------- photos


def png(extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"tEXt", extra)] if extra else [chunk(b"IHDR", head)]
    return (
        b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IDAT", zlib.compress(bytes(4))) + chunk(b"IEND", b"")
    )


def test_a_photo_is_kept_once_and_given_back_as_a_download(desk: TestClient, service_settings) -> None:
    one = desk.post("/v1/incidents", json=body("photo")).json()["id"]
    file = {"file": ("../../evil.html", png(), "text/html")}
    first = desk.post(f"/v1/incidents/{one}/photos", files=file)
    assert first.status_code == 201, first.text
    assert desk.post(f"/v1/incidents/{one}/photos", files=file).status_code == 200
    got = desk.get(first.headers["location"])
    assert got.content == png()
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"].startswith("attachment; filename=")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    digest = hashlib.sha256(png()).hexdigest()
    assert (service_settings.home / "photos" / digest[:2] / digest).read_bytes() == png()
    log = desk.get(f"/v1/incidents/{one}/log").json()["log"]
    assert [line["move"] for line in log] == ["report", "photo"]
    assert desk.get(f"/v1/incidents/{one}").json()["photos"][0]["sha256"] == digest
    other = desk.post("/v1/incidents", json=body("without photo")).json()["id"]
    assert desk.get(f"/v1/incidents/{other}/photos/{digest}").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>",
        b"GIF89a" + bytes(100),
        png()[:-1],
        png(b"Comment\x00<script>alert(1)</script>"),
        b"\xff\xd8\xff\xe0" + b"<?php system($_GET[0]); ?>" + b"\xff\xd9",
        b"%PDF-1.4",
        b"",
    ],
)
def test_what_is_no_photo_is_refused(desk: TestClient, content: bytes) -> None:
    one = desk.post("/v1/incidents", json=body("no photo")).json()["id"]
    answer = desk.post(f"/v1/incidents/{one}/photos", files={"file": ("a.png", content, "image/png")})
    assert answer.status_code == 422


def test_a_photo_too_large_is_refused(desk: TestClient) -> None:
    one = desk.post("/v1/incidents", json=body("large photo")).json()["id"]
    large = {"file": ("a.jpg", b"\xff\xd8\xff" + bytes(10_000_000) + b"\xff\xd9")}
    assert desk.post(f"/v1/incidents/{one}/photos", files=large).status_code == 413


def test_huge_batches_are_refused_and_nothing_is_stored(desk: TestClient, service_database) -> None:
    before = count(service_database)
    many = {"reports": [body(f"huge {i}") for i in range(1001)]}
    assert desk.post("/v1/incidents/batch", json=many).status_code == 422
    fat = {"reports": [body("fat", address="x" * 150)] * 1000, "pad": "x" * 900_000}
    assert desk.post("/v1/incidents/batch", json=fat).status_code == 413
    one_bad = {
        "reports": [body("good"), body("bad", lat=91), body("late", occurred_at="2199-01-01T00:00:00Z")]
    }
    refused = desk.post("/v1/incidents/batch", json=one_bad)
    assert refused.status_code == 422
    fields = [fault["field"] for fault in refused.json()["errors"]]
    assert fields == ["reports[1].lon", "reports[2].occurred_at"]
    assert count(service_database) == before


@pytest.mark.parametrize("charset", ["undefined", "punycode", "no-such", "utf-16"])
def test_a_form_in_an_encoding_that_is_none_is_refused(desk: TestClient, charset: str) -> None:
    content = b'--x\r\nContent-Disposition: form-data; name="description"\r\n\r\n\xff\xd8\r\n--x--\r\n'
    kind = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    for address in ("/open311/v2/requests.json", "/v1/incidents/table"):
        assert 400 <= desk.post(address, content=content, headers=kind).status_code < 500


def test_open311_says_what_is_wrong_in_both_languages_and_by_its_own_names(desk: TestClient) -> None:
    def said(**form: str) -> str:
        refused = desk.post("/open311/v2/requests.json", data=form)
        assert refused.status_code in {400, 404}
        return " / ".join(one["description"] for one in refused.json())

    assert "缺少类别" in said(lat="28.9")
    assert "请给出 lat 和 long" in said(service_code="0101")
    assert said(service_code="0101", lat="28.9", long="east").startswith("long: 须为数 Input should be")
    assert "不在类别列表中" in said(service_code="none", lat="28.9", long="118.7")
