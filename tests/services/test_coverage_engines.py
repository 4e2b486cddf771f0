"""The seam of the engine: our own against single passes; servers by exchanges in their formats."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar, cast

import numpy as np
import orjson
import pytest

from geo_service.errors import InvalidInputError, UnavailableError
from geo_service.model import Mode
from geo_service.roads.graph import UNREACHED
from geo_service.roads.snap import Snapper
from geo_service.services.coverage_engines import Embedded, Osrm, Valhalla, make_engine
from geo_service.services.ground import Ground
from tests.roads.networks import graph_of, grid_town

SOURCES = np.array([[118.1, 29.0], [118.2, 29.1]])
TARGETS = np.array([[118.15, 29.05], [118.3, 29.2], [118.4, 29.3]])
SECONDS = [[61.5, 300.0, None], [58.2, 240.4, None]]
VALHALLA = {
    "sources": [{"lon": 118.1, "lat": 29.0}, {"lon": 118.2, "lat": 29.1}],
    "targets": [{"lon": 118.15, "lat": 29.05}, {"lon": 118.3, "lat": 29.2}, {"lon": 118.4, "lat": 29.3}],
    "sources_to_targets": [
        [{"distance": 1.0, "time": seconds, "from_index": i, "to_index": j} for j, seconds in enumerate(row)]
        for i, row in enumerate(SECONDS)
    ],
    "units": "kilometers",
    "algorithm": "costmatrix",
}
OSRM = {"code": "Ok", "durations": SECONDS, "sources": [], "destinations": []}


class Answers(BaseHTTPRequestHandler):
    told: Any = b""
    status = 200
    asked: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.asked.append((self.command, self.path, self.rfile.read(length)))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.told if isinstance(self.told, bytes) else orjson.dumps(self.told))

    do_POST = do_GET  # noqa: N815 - the base class's name

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Answers)
    Answers.asked, Answers.status = [], 200
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/"
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("told", [VALHALLA, {"sources_to_targets": {"durations": SECONDS, "distances": []}}])
def test_valhalla(server: str, told: dict) -> None:
    Answers.told = told
    table = make_engine("valhalla", cast("Ground", None), server).matrix(Mode.EBIKE, SOURCES, TARGETS)
    assert table.tolist() == [[61_500, 300_000, UNREACHED], [58_200, 240_400, UNREACHED]]
    ((method, path, body),) = Answers.asked
    assert (method, path) == ("POST", "/sources_to_targets")
    asked = orjson.loads(body)
    assert asked["costing"] == "bicycle"
    assert asked["sources"] == VALHALLA["sources"]
    assert asked["targets"] == VALHALLA["targets"]


def test_osrm(server: str) -> None:
    Answers.told = OSRM
    ms, owner = make_engine("osrm", cast("Ground", None), server).nearest(Mode.CAR, SOURCES, TARGETS)
    assert ms.tolist() == [58_200, 240_400, UNREACHED]
    assert owner.tolist() == [1, 1, -1]
    ((method, path, _),) = Answers.asked
    assert method == "GET"
    places = ";".join(f"{lon:.6f},{lat:.6f}" for lon, lat in [*SOURCES, *TARGETS])
    assert path == f"/table/v1/driving/{places}?sources=0;1&destinations=2;3;4&annotations=duration"


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        (b"<html>", 200, "not that of"),
        ({"code": "TooBig", "message": "too many"}, 400, "too many"),
        ({"error": "no", "error_code": 154}, 400, "refused"),
        ({"code": "NoTable"}, 200, "not that of"),
        ({"code": "Ok", "durations": [[1.0]], "sources_to_targets": [[{"time": 1}]]}, 200, "not that of"),
        ([], 200, "not that of"),
    ],
)
def test_what_is_no_answer_is_said(server: str, told: Any, status: int, words: str) -> None:
    Answers.told, Answers.status = told, status
    for engine in (Valhalla(server), Osrm(server)):
        with pytest.raises(UnavailableError, match=words if status != 400 else "refused"):
            engine.matrix(Mode.WALK, SOURCES, TARGETS)


def test_a_server_that_is_down_is_said_to_be() -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        Osrm("http://127.0.0.1:9").matrix(Mode.CAR, SOURCES, TARGETS)
    for address in ("", "ftp://x", "localhost:5000"):
        with pytest.raises(InvalidInputError):
            Valhalla(address)
    with pytest.raises(InvalidInputError):
        make_engine("google", cast("Ground", None))


def test_a_large_matrix_goes_in_parts_that_servers_take(server: str) -> None:
    class Parts(Osrm):
        def _ask(self, mode: Mode, sources: np.ndarray, targets: np.ndarray) -> Any:
            assert len(sources) + len(targets) <= 100
            return (sources[:, None, 0] * 1000 + targets[None, :, 0]).tolist()

    sources = np.stack([np.arange(70), np.zeros(70)], axis=1)
    targets = np.stack([np.arange(130), np.zeros(130)], axis=1)
    table = Parts(server).matrix(Mode.CAR, sources, targets)
    assert np.array_equal(table, (sources[:, None, 0] * 1000 + targets[None, :, 0]) * 1000)


def test_our_own_matrix_holds_our_own_nearest() -> None:
    graph = graph_of(grid_town(6))
    snapper = Snapper(graph)

    class Held:
        def roads(self, mode: Mode) -> tuple[int, bytes, Any, Snapper]:
            return 1, b"", graph, snapper

    engine = Embedded(cast("Ground", Held()))
    rng = np.random.default_rng(2)
    places = graph.node_lonlat_deg[rng.integers(0, graph.n_nodes, 9)] + rng.normal(0, 1e-4, (9, 2))
    table = engine.matrix(Mode.CAR, places[:4], places[4:])
    ms, owner = engine.nearest(Mode.CAR, places[:4], places[4:])
    assert np.array_equal(ms, table.min(axis=0))
    assert np.array_equal(owner, table.argmin(axis=0))
