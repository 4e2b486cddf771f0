"""``geo-service serve`` as a process of its own: start, answer, limits on the wire, end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer.testing

from geo_service.cli import serve
from geo_service.errors import GeoServiceError
from geo_service.settings import Settings
from geo_service.store.cluster import Cluster
from tests.postgis import TestServer

START_S = 200
END_S = 60

Start = Callable[..., "Running"]


class Running:
    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    @property
    def said(self) -> str:
        return self.log.read_text()

    def get(self, path: str, **headers: str) -> tuple[int, dict]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def wait_until_ready(self) -> "Running":
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said
            try:
                if self.get("/health/ready")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.said)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(postgis: TestServer, tmp_path: Path) -> Iterator[Start]:
    running = []
    with postgis.fresh_url() as url:

        def go(*options: str, **variables: str) -> Running:
            port = free_port()
            log = tmp_path / f"{port}.log"
            environment = {
                **os.environ,
                "GEO_SERVICE_DATABASE_URL": url,
                "GEO_SERVICE_HOME": str(tmp_path / "home"),
                **variables,
            }
            argv = [sys.executable, "-m", "geo_service", "serve", "--port", str(port), *options]
            with log.open("wb") as out:
                process = subprocess.Popen(argv, env=environment, stdout=out, stderr=out)
            running.append(Running(process, port, log))
            return running[-1]

        try:
            yield go
        finally:
            for one in running:
                if one.process.poll() is None:
                    one.end()


def test_two_workers_on_a_private_postgis_of_their_own(start: Start, tmp_path: Path):
    service = start("--workers", "2", GEO_SERVICE_DATABASE_URL="").wait_until_ready()
    cluster = Cluster(tmp_path / "home")
    assert cluster.status().running
    key = admin_key_in(service.said)
    for _ in range(8):
        assert service.get("/v1/me", Authorization=f"Bearer {key}")[0] == 200
    kill_the_database(service, cluster)
    for _ in range(8):  # both workers, over connections that they held before
        assert service.get("/v1/me", Authorization=f"Bearer {key}")[0] == 200
    assert service.end() == 0
    assert "Traceback" not in service.said
    assert "the private database has died; starting it again" in service.said
    assert not cluster.status().running
    assert service.said.count(key) == 1


def kill_the_database(service: Running, cluster: Cluster) -> None:
    """End PostgreSQL as a lack of memory would, and wait until the service has brought it up again."""
    killed = cluster.status().pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + START_S
    while not (cluster.status().pid not in {None, killed} and service.get("/health/ready")[0] == 200):
        assert time.monotonic() < deadline, service.said
        time.sleep(0.1)


def admin_key_in(said: str) -> str:
    return re.search(r"admin key, shown this once: +(gsk_\S{43})", said)[1]


def test_a_start_an_answer_the_limits_on_the_wire_and_the_end(start: Start):
    service = start("--host", "0.0.0.0").wait_until_ready()
    key = admin_key_in(service.said)
    assert service.get("/v1/me", **{"X-API-Key": key}) == (200, {"id": 1, "name": "admin", "role": "admin"})
    assert service.get("/v1/me")[0] == 401

    def exchange(request: bytes, piece: bytes = b"", pieces: int = 0) -> bytes:
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as line:
            line.sendall(request)
            try:
                for _ in range(pieces):
                    line.sendall(piece)
            except OSError:
                pass  # it has hung up on us, as it should
            answer = b""
            try:
                while part := line.recv(65_536):
                    answer += part
                    if b"\r\n\r\n" in answer and b"}" in answer:
                        break
            except ConnectionResetError:
                pass
            return answer

    host = b"Host: 127.0.0.1\r\n"
    json_type = b"Content-Type: application/json\r\n"
    stated = b"POST /v1/keys HTTP/1.1\r\n" + host + json_type + b"Content-Length: 5000000\r\n\r\n"
    assert exchange(stated).startswith(b"HTTP/1.1 413")
    form = b"Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n"
    chunked = b"POST /sign-in HTTP/1.1\r\n" + host + form + b"Transfer-Encoding: chunked\r\n\r\n"
    assert exchange(chunked, b"10000\r\n" + b"x" * 65_536 + b"\r\n", 40)[:12] in {b"HTTP/1.1 413", b""}
    assert exchange(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    big = b"GET /health/live HTTP/1.1\r\n" + host + b"X-A: " + b"y" * 40_000 + b"\r\n\r\n"
    assert exchange(big)[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400"}
    assert service.get("/health/live")[0] == 200
    assert service.end() == 0
    assert "Traceback" not in service.said
    assert service.said.count(key) == 1


def refused(*options: str) -> str:
    with pytest.raises(GeoServiceError) as caught:
        typer.testing.CliRunner().invoke(serve.app, list(options), catch_exceptions=False)
    return str(caught.value)


def test_a_taken_port_is_one_clear_line():
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused("--port", str(port))
    assert (
        said == f"port {port} is taken by another program: choose another with --port, or stop that program"
    )


def test_other_machines_are_let_in_only_when_said_so_on_the_command_line(monkeypatch: pytest.MonkeyPatch):
    assert "no address of this machine" in refused("--host", "192.0.2.1")
    monkeypatch.setenv("GEO_SERVICE_HOST", "0.0.0.0")
    assert "say so with --host" in refused()


def test_the_admin_key_is_announced_once(database_url: str, capsys: pytest.CaptureFixture[str]):
    key = serve.prepare(database_url)
    serve.announce(Settings(host="::1", port=8010), key)
    said = capsys.readouterr()
    assert "http://[::1]:8010/" in said.err
    assert key in said.err
    assert said.out == ""
    assert serve.prepare(database_url) is None
