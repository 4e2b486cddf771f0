"""What a request may weigh, security headers, HEAD, compression, the access log."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from geo_service.api import limits
from geo_service.model import Role
from tests.api.test_problems import is_problem

JSON = {"Content-Type": "application/json"}


def chunks(total: int, read: list[int]) -> Iterator[bytes]:
    """Give a body piece by piece, without a length, and note how much was taken."""
    for _ in range(0, total, 65_536):
        read[0] += 65_536
        yield b" " * 65_536


def test_a_change_of_a_plan_may_weigh_what_an_upload_may() -> None:
    headers = Headers(JSON)
    assert limits.body_limit("/v1/plans/12/changes", headers) == limits.MAX_UPLOAD_BYTES
    for path in ("/v1/plans/12/changes/3", "/v1/plans//changes", "/v1/plans/12/split", "/v1/incidents"):
        assert limits.body_limit(path, headers) == limits.MAX_JSON_BYTES


def test_json_has_its_limit(admin: TestClient):
    too_much = b'{"name": "' + b"x" * limits.MAX_JSON_BYTES + b'"}'
    answer = admin.post("/v1/keys", content=too_much, headers=JSON)
    is_problem(answer, 413, "too-large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("digits", [13, 5_000])
def test_a_length_of_many_digits_is_too_large(client: TestClient, digits: int):
    answer = client.get("/v1/status", headers={"Content-Length": "9" * digits})
    is_problem(answer, 413, "too-large")


def test_a_body_without_a_length_is_cut_off(admin: TestClient):
    is_problem(admin.post("/v1/keys", content=chunks(3_000_000, [0]), headers=JSON), 413, "too-large")


def test_an_upload_may_be_larger_but_not_without_end(client: TestClient):
    own_page = {"Sec-Fetch-Site": "same-origin"}
    medium = {"key": (None, b"x"), "file": ("a.bin", b"x" * 2_000_000)}
    assert client.post("/sign-in", files=medium, headers=own_page).status_code == 401
    large = {"key": (None, b"x"), "file": ("a.bin", b"x" * limits.MAX_UPLOAD_BYTES)}
    is_problem(client.post("/sign-in", files=large, headers=own_page), 413, "too-large")
    # stated as multipart, sent in chunks
    head = {"Content-Type": "multipart/form-data; boundary=b", **own_page}
    start = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'

    def endless() -> Iterator[bytes]:
        yield start
        yield from chunks(30_000_000, [0])

    is_problem(client.post("/sign-in", content=endless(), headers=head), 413, "too-large")


def test_a_stranger_is_refused_before_his_body_is_read(app, admin_key: str):
    """Asked over ASGI directly, because the test client hands in the whole body at once."""
    import anyio

    reads = []
    sent = []

    async def receive():
        reads.append(1)
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/keys",
        "raw_path": b"/v1/keys",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "client": ("10.0.0.9", 1),
        "server": ("127.0.0.1", 8000),
    }
    # in a thread of its own: where a browser was driven before, this one has a running event loop
    with ThreadPoolExecutor(1) as pool:
        pool.submit(anyio.run, app, scope, receive, send).result()
    assert sent[0]["status"] == 401
    assert reads == []


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([("Host", "evil.example")], 400, "bad-request"),
        ([("Host", "127.0.0.1.evil.example:8000")], 400, "bad-request"),
        ([("Host", "localhost:9")], 200, ""),
        ([("Host", "[::1]:8000")], 200, ""),
        ([("Host", "LOCALHOST")], 200, ""),
        ([("Content-Length", "-1")], 400, "bad-request"),
        ([("Content-Length", "1e3")], 400, "bad-request"),
        ([("X-A", "y" * 40_000)], 431, "headers-too-large"),
        ([(f"X-{n}", "y") for n in range(120)], 431, "headers-too-large"),
    ],
)
def test_headers_are_looked_at(client: TestClient, headers: list, status: int, code: str):
    answer = client.get("/health/live", headers=headers)
    if status == 200:
        assert answer.status_code == 200
    else:
        is_problem(answer, status, code)


@pytest.mark.parametrize("path", ["/health/live", "/problems", "/nowhere", "/v1/me", "/docs", "/sign-in"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert "server" not in headers


def test_only_map_pages_may_have_scripts_inside(client: TestClient):
    assert (
        "script-src 'self' 'unsafe-inline'"
        in client.get("/maps/none-such").headers["content-security-policy"]
    )
    assert (
        "unsafe-inline' "
        not in client.get("/mapsx").headers["content-security-policy"].partition("script")[2]
    )


def test_what_is_meant_for_one_caller_is_not_kept_by_others(
    client: TestClient, key_of: Callable[[Role], str]
):
    answer = client.get("/v1/me", headers={"X-API-Key": key_of(Role.LEADER)})
    assert answer.headers["cache-control"] == "private, no-store"


def test_head_is_get_without_a_body(client: TestClient):
    whole, head = client.get("/problems"), client.head("/problems")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert client.head("/nowhere").status_code == 404


def test_large_json_is_compressed_and_small_is_not(client: TestClient):
    assert client.get("/openapi.json").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/health/live").headers
    assert (
        "content-encoding" not in client.get("/openapi.json", headers={"Accept-Encoding": "identity"}).headers
    )


def test_the_access_log_names_files_and_maps_but_not_where_somebody_looked(
    client: TestClient, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG, logger="geo_service.access"):
        client.get("/static/css/shell.css?v=1")
        client.get("/static/119.123456")
        client.get("/maps/tiles/base/14/13640/6710.mvt")
    records = [r for r in caplog.records if r.name == "geo_service.access"]
    assert [r.levelname for r in records] == ["DEBUG", "INFO", "INFO"]
    lines = [r.getMessage() for r in records]
    assert lines[0].startswith("GET /static/css/shell.css 200")
    assert lines[1].startswith("GET - 404")
    assert lines[2].startswith("GET /maps/tiles/base/14/{x}/{y}.mvt 200")


def test_the_access_log_has_neither_keys_nor_places(
    client: TestClient, admin_key: str, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, logger="geo_service.access"):
        client.get("/v1/keys/1", headers={"X-API-Key": admin_key})
        client.get("/problems/119.123456", params={"lat": "30.654321"})
        client.get("/nowhere/119.123456")
    lines = [r.getMessage() for r in caplog.records if r.name == "geo_service.access"]
    assert len(lines) == 3
    assert "GET /v1/keys/{key_id} 200" in lines[0]
    assert "by key 1" in lines[0]
    text = "\n".join(lines)
    for private in (admin_key, "119.12", "30.65"):
        assert private not in text
